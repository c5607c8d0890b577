// Writes the history as the owner of the book: who was allowed to make a change needs no right to
// have it recorded, and nobody else can write there.
#include "history/history.hpp"

#include "history/direct_event.hpp"
#include "book/book.hpp"
#include "pg/majors.hpp"
#include "pg/owner.hpp"
#include "pg/plans.hpp"
#include "pg/query_notes.hpp"
#include "pg/row_id.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

constexpr const char *kEvents = "customer_events";

struct History {
  Oid events;
};

struct WrittenColumn {
  const char *name;
  Oid type;
};

constexpr WrittenColumn kWritten[] = {
    {"customer_id", UUIDOID}, {"event", TEXTOID}, {"details", JSONBOID}, {"actor", TEXTOID}};

bool is_written(const FormData_pg_attribute *column) {
  for (const WrittenColumn &written : kWritten)
    if (strcmp(NameStr(column->attname), written.name) == 0)
      return column->attgenerated == '\0' && getBaseType(column->atttypid) == written.type;
  return false;
}

bool is_uuid_id(const FormData_pg_attribute *column) {
  return strcmp(NameStr(column->attname), "id") == 0 && getBaseType(column->atttypid) == UUIDOID;
}

bool needs_value(const FormData_pg_attribute *column) {
  return column->attnotnull && !column->atthasdef && column->attidentity == '\0' &&
         !is_uuid_id(column);
}

// Every column that we write is there, and no other one asks for a value. A rule might do anything.
bool fits(Relation events) {
  if (events->rd_rel->relhasrules) return false;
  const TupleDesc columns = RelationGetDescr(events);
  std::size_t written = 0;
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute *column = TupleDescAttr(columns, i);
    if (column->attisdropped) continue;
    if (is_written(column))
      ++written;
    else if (needs_value(column))
      return false;
  }
  return written == lengthof(kWritten);
}

// InvalidOid: the book keeps no history. A table that is made later changes nothing that is known
// here, so none is looked for each time.
Oid events_of(Oid customers) {
  if (const auto *known = find_kept<History>({customers})) return known->events;
  if (!OidIsValid(find_companion(customers, kEvents))) return InvalidOid;
  const auto *history = read_and_keep<History>({customers}, [&](History &found, Reading &reading) {
    found.events = find_companion(customers, kEvents);
    depend_on(reading, found.events);
  });
  return history->events;
}

bool can_write(Oid events) {
  Relation table = OidIsValid(events) ? try_table_open(events, AccessShareLock) : nullptr;
  if (table == nullptr) return false;
  const bool usable =
      fits(table) && pg_class_aclcheck(events, table->rd_rel->relowner, ACL_INSERT) == ACLCHECK_OK;
  table_close(table, NoLock);
  return usable;
}

JsonbValue string_value(const char *text) {
  JsonbValue value = {};
  value.type = jbvString;
  value.val.string.len = static_cast<int>(strlen(text));
  value.val.string.val = const_cast<char *>(text);
  return value;
}

JsonbValue value_of(const Detail &detail) {
  if (detail.kind == Detail::Kind::kText) return string_value(detail.text);
  JsonbValue value = {};
  value.type = jbvNumeric;
  value.val.numeric = int64_to_numeric(detail.number);
  return value;
}

void push_change(majors::JsonbObject &object, const Detail &detail) {
  majors::push(object, WJB_BEGIN_OBJECT, nullptr);
  for (const char *name : {"old", "new"}) {
    const char *text = name[0] == 'o' ? detail.old_text : detail.text;
    JsonbValue key = string_value(name);
    JsonbValue value = {};
    if (text == nullptr)
      value.type = jbvNull;
    else
      value = string_value(text);
    majors::push(object, WJB_KEY, &key);
    majors::push(object, WJB_VALUE, &value);
  }
  majors::push(object, WJB_END_OBJECT, nullptr);
}

Datum object_of(std::initializer_list<Detail> details) {
  majors::JsonbObject object;
  majors::push(object, WJB_BEGIN_OBJECT, nullptr);
  for (const Detail &detail : details) {
    if (detail.kind == Detail::Kind::kText && detail.text == nullptr) continue;
    JsonbValue key = string_value(detail.key);
    majors::push(object, WJB_KEY, &key);
    if (detail.kind == Detail::Kind::kChange) {
      push_change(object, detail);
      continue;
    }
    JsonbValue value = value_of(detail);
    majors::push(object, WJB_VALUE, &value);
  }
  majors::push(object, WJB_END_OBJECT, nullptr);
  return majors::datum_of(object);
}

// Where Citus plans the statements, which cannot do both in one.
bool is_gone(Oid customers, const pg_uuid_t &customer) {
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf("SELECT FROM %s WHERE id OPERATOR(pg_catalog.=) $1", customers_name(customers));
  });
  const Datum id = UUIDPGetDatum(&customer);
  return run_on_latest(plan, &id) == 0;
}

// The customer may be gone: its users are unlinked while it is deleted.
void write_by_plan(Oid customers, Oid events, const Event &event) {
  SPI_connect();
  if (is_distributed(events) && is_gone(customers, event.customer)) {
    SPI_finish();
    return;
  }
  const RowId id = new_row_id(events);
  const CacheKey key = {customers, InvalidOid, id.type};
  SPIPlanPtr plan = saved_plan(key, {UUIDOID, TEXTOID, JSONBOID, TEXTOID, id.type}, [&] {
    if (is_distributed(events))
      return psprintf(
          "INSERT INTO %s (customer_id, event, details, actor%s) VALUES ($1, $2, $3, $4%s)",
          relation_name(events), id_column(id), id_value(id, 5));
    return psprintf(
        "INSERT INTO %s (customer_id, event, details, actor%s) OVERRIDING SYSTEM VALUE"
        " SELECT id, $2, $3, $4%s FROM %s WHERE id OPERATOR(pg_catalog.=) $1",
        relation_name(events), id_column(id), id_value(id, 5), customers_name(customers));
  });
  const Datum values[] = {UUIDPGetDatum(&event.customer), event.name, event.details, event.actor,
                          id.value};
  const char nulls[] = {' ', ' ', ' ', event.is_signed ? ' ' : 'n', ' ', '\0'};
  run_on_latest(plan, values, nulls);
  SPI_finish();
}

void write_events(Oid customers, Oid events, const Event *rows, int count) {
  const Visit owner = visit(owner_of(customers));
  if (!write_events_directly(customers, events, rows, count) && can_write(events))
    for (int i = 0; i < count; ++i) {
      CHECK_FOR_INTERRUPTS();
      write_by_plan(customers, events, rows[i]);
    }
  leave(owner);
}

Event made(const pg_uuid_t &customer, const char *event, std::initializer_list<Detail> details,
           const char *actor) {
  return {customer, CStringGetTextDatum(event), object_of(details), text_value(actor),
          actor != nullptr};
}

// The events that a running statement has noted of the customers of one book.
struct NotedEvents : QueryNote {
  MemoryContext memory;  // of the events
  Event *rows;
  int count;
};

constexpr int kMaximumNoted = 10000;

QueryNote *noted_events = nullptr;

NotedEvents *notes_of(MemoryContext query, Oid customers) {
  auto *note = find_or_add_note<NotedEvents>(&noted_events, query, {customers});
  if (note->memory == nullptr)
    note->memory = AllocSetContextCreate(query, "customer_identity events", ALLOCSET_DEFAULT_SIZES);
  if (note->rows == nullptr)
    note->rows =
        static_cast<Event *>(MemoryContextAlloc(note->memory, sizeof(Event) * kMaximumNoted));
  return note;
}

int compare_customers(const void *one, const void *other) {
  return memcmp(&static_cast<const Event *>(one)->customer,
                &static_cast<const Event *>(other)->customer, sizeof(pg_uuid_t));
}

// The note is empty before anything is written. Those of one customer may change places.
void write_noted(NotedEvents *note) {
  Event *rows = note->rows;
  const int count = note->count;
  note->rows = nullptr;
  note->count = 0;
  qsort(rows, count, sizeof(Event), compare_customers);
  const Oid events = events_of(note->subject.table);
  if (OidIsValid(events)) write_events(note->subject.table, events, rows, count);
  MemoryContextReset(note->memory);
}

}  // namespace

void write_event(Oid customers, const pg_uuid_t &customer, const char *event,
                 std::initializer_list<Detail> details, const char *actor) {
  const Oid events = events_of(customers);
  if (!OidIsValid(events)) return;
  const Event row = made(customer, event, details, actor);
  write_events(customers, events, &row, 1);
}

void note_event(MemoryContext query, Oid customers, const pg_uuid_t &customer, const char *event,
                std::initializer_list<Detail> details, const char *actor) {
  if (!OidIsValid(events_of(customers))) return;
  NotedEvents *note = notes_of(query, customers);
  const Event row = made(customer, event, details, actor);
  MemoryContext caller = MemoryContextSwitchTo(note->memory);
  Event &kept = note->rows[note->count++];
  kept = row;
  kept.name = datumCopy(row.name, false, -1);
  kept.details = datumCopy(row.details, false, -1);
  if (row.is_signed) kept.actor = datumCopy(row.actor, false, -1);
  MemoryContextSwitchTo(caller);
  if (note->count == kMaximumNoted) write_noted(note);
}

void write_noted_events(MemoryContext query, Oid customers) {
  auto *note = find_note<NotedEvents>(noted_events, query, {customers});
  if (note != nullptr && note->count > 0) write_noted(note);
}

Oid history_of(Oid customers) {
  const Oid events = events_of(customers);
  return can_write(events) ? events : InvalidOid;
}

void rename_users_in_history(Oid customers, const pg_uuid_t &customer, Datum new_ids) {
  const Oid events = events_of(customers);
  if (!can_write(events)) return;
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID, JSONBOID}, [&] {
    return psprintf(
        "UPDATE %s SET actor = COALESCE($2 OPERATOR(pg_catalog.->>) actor, actor),"
        " details = CASE WHEN $2 OPERATOR(pg_catalog.?) (details OPERATOR(pg_catalog.->>) "
        "'user_id')"
        " THEN pg_catalog.jsonb_set(details, '{user_id}',"
        " $2 OPERATOR(pg_catalog.->) (details OPERATOR(pg_catalog.->>) 'user_id'))"
        " ELSE details END"
        " WHERE customer_id OPERATOR(pg_catalog.=) $1"
        " AND ($2 OPERATOR(pg_catalog.?) actor"
        " OR $2 OPERATOR(pg_catalog.?) (details OPERATOR(pg_catalog.->>) 'user_id'))",
        relation_name(events));
  });
  const Datum values[] = {UUIDPGetDatum(&customer), new_ids};
  run(plan, values);
}

// write_event(customers, customer_id, event, details, actor) with the rights of the caller: only
// who acts as the owner of the book has them.
CUSTOMER_IDENTITY_FUNCTION(write_event) {
  for (int i = 0; i < 4; ++i)
    if (PG_ARGISNULL(i)) PG_RETURN_VOID();
  const Oid customers = PG_GETARG_OID(0);
  const Oid events = events_of(customers);
  if (!can_write(events)) PG_RETURN_VOID();
  const bool is_signed = !PG_ARGISNULL(4);
  const Event row = {*PG_GETARG_UUID_P(1), PG_GETARG_DATUM(2), PG_GETARG_DATUM(3),
                     is_signed ? PG_GETARG_DATUM(4) : Datum(0), is_signed};
  write_by_plan(customers, events, row);
  PG_RETURN_VOID();
}

// Whether events of the book's customers can be written: what check_setup() asks.
CUSTOMER_IDENTITY_FUNCTION(keeps_history) {
  PG_RETURN_BOOL(can_write(events_of(PG_GETARG_OID(0))));
}

}  // namespace customer_identity
