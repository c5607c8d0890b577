// What INSERT does, without the executor and without the foreign key's trigger: the customer's row
// is locked here the way the key would lock it.
#include "history/direct_event.hpp"

#include "pg/direct_lookup.hpp"
#include "pg/majors.hpp"
#include "pg/relation_cache.hpp"
#include "pg/row_id.hpp"

namespace customer_identity {
namespace {

enum Column { kId, kCustomer, kName, kDetails, kActor, kCreatedAt, kColumns };

struct Shape {
  const char *name;
  Oid type;
};

constexpr Shape kShapes[kColumns] = {{"id", InvalidOid}, {"customer_id", UUIDOID},
                                     {"event", TEXTOID}, {"details", JSONBOID},
                                     {"actor", TEXTOID}, {"created_at", TIMESTAMPTZOID}};

// A table customer_events and its customers, as far as they matter here.
struct Target {
  Oid customers;
  bool is_allowed;
  AttrNumber columns[kColumns];
  Oid id_type;
  AttrNumber customers_id;
  IndexKey customer_index;
};

bool is_plain_column(const FormData_pg_attribute *column) {
  return !column->attnotnull && !column->atthasdef && column->attidentity == '\0';
}

bool has_shape(const FormData_pg_attribute *column, int which) {
  if (which == kId) return column->atttypid == UUIDOID || column->atttypid == INT8OID;
  return which < kColumns && column->atttypid == kShapes[which].type;
}

// A column of the application's own stays NULL.
bool find_columns(Target &target, Relation events) {
  int found = 0;
  const TupleDesc columns = RelationGetDescr(events);
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute *column = TupleDescAttr(columns, i);
    if (column->attisdropped) continue;
    int which = 0;
    while (which < kColumns && strcmp(NameStr(column->attname), kShapes[which].name) != 0) ++which;
    if (has_shape(column, which)) {
      target.columns[which] = column->attnum;
      ++found;
    } else if (!is_plain_column(column)) {
      return false;
    }
  }
  return found == kColumns;
}

bool defaults_to_now(Relation events, AttrNumber column) {
  const TupleConstr *constraints = RelationGetDescr(events)->constr;
  for (int i = 0; constraints != nullptr && i < constraints->num_defval; ++i) {
    if (constraints->defval[i].adnum != column) continue;
    const auto *value = static_cast<Node *>(stringToNode(constraints->defval[i].adbin));
    return IsA(value, FuncExpr) && reinterpret_cast<const FuncExpr *>(value)->funcid == F_NOW;
  }
  return false;
}

bool has_constraints(Relation events) {
  const TupleConstr *constraints = RelationGetDescr(events)->constr;
  if (constraints == nullptr) return false;
  return constraints->num_check > 0 || constraints->has_generated_stored ||
         majors::has_virtual_column(constraints);
}

// A trigger that is not that of a foreign key to the customers.
bool has_triggers(const Target &target, Relation events) {
  const TriggerDesc *triggers = events->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i) {
    const Trigger &trigger = triggers->triggers[i];
    if (!trigger.tgisinternal || RI_FKey_trigger_type(trigger.tgfoid) != RI_TRIGGER_FK) return true;
  }
  ListCell *cell;
  foreach (cell, RelationGetFKeyList(events)) {
    const auto *key = static_cast<ForeignKeyCacheInfo *>(lfirst(cell));
    if (key->confrelid != target.customers || key->nkeys != 1 ||
        key->conkey[0] != target.columns[kCustomer] ||
        key->confkey[0] != get_attnum(target.customers, "id"))
      return true;
  }
  return false;
}

// Anything but a B-tree of columns that every row is in.
bool is_exotic(Relation index) {
  return index->rd_rel->relam != BTREE_AM_OID || index->rd_index->indisexclusion ||
         !index->rd_index->indimmediate || RelationGetIndexExpressions(index) != NIL ||
         RelationGetIndexPredicate(index) != NIL;
}

bool has_exotic_index(Relation events) {
  bool found = false;
  List *indexes = RelationGetIndexList(events);
  ListCell *cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    found = found || is_exotic(index);
    index_close(index, AccessShareLock);
  }
  list_free(indexes);
  return found;
}

void resolve(Target &target, Relation events, Relation customers) {
  target.customers = RelationGetRelid(customers);
  if (!is_plain(events) || events->rd_rel->relispartition || events->rd_rel->relhasrules ||
      !is_plain(customers) || !find_columns(target, events) || has_constraints(events) ||
      has_triggers(target, events) || has_exotic_index(events) ||
      !defaults_to_now(events, target.columns[kCreatedAt]))
    return;
  target.id_type = TupleDescAttr(RelationGetDescr(events), target.columns[kId] - 1)->atttypid;
  target.customers_id = get_attnum(target.customers, "id");
  target.customer_index = unique_index_of(customers, target.customers_id, UUIDOID);
  target.is_allowed = OidIsValid(target.customer_index.index);
}

const Target &target_of(Relation events, Relation customers) {
  const CacheKey key = {RelationGetRelid(events), RelationGetRelid(customers)};
  return *kept<Target>(key, [&](Target &target, Reading &reading) {
    depend_on(reading, RelationGetRelid(customers));
    resolve(target, events, customers);
  });
}

// What stays open from one event to the next.
struct Writer {
  Relation events;
  Relation customers;
  const Target &target;
  TupleTableSlot *customer;
  TupleTableSlot *event;
  Relation by_id;  // NULL until it is needed
  IndexScanDesc scan;
  List *indexes;
  List *index_infos;
};

bool find_customer(Writer &writer, const pg_uuid_t &customer) {
  if (writer.by_id == nullptr) {
    writer.by_id = index_open(writer.target.customer_index.index, AccessShareLock);
    writer.scan = begin_scan(writer.customers, writer.by_id, GetActiveSnapshot());
  }
  return scan_for(writer.scan, writer.target.customer_index, {UUIDPGetDatum(&customer), UUIDOID},
                  writer.customer);
}

// Who links users has just held their customers. False: it is gone.
bool lock_customer(Writer &writer, const pg_uuid_t &customer) {
  const AttrNumber id = writer.target.customers_id;
  const Snapshot snapshot = GetActiveSnapshot();
  if (find_held(writer.customers, id, customer, snapshot, writer.customer)) return true;
  if (!find_last_held(writer.customers, id, customer, snapshot, writer.customer) &&
      !find_customer(writer, customer))
    return false;
  TM_FailureData failure;
  ItemPointerData place = writer.customer->tts_tid;
  const TM_Result result = table_tuple_lock(
      writer.customers, &place, snapshot, writer.customer, GetCurrentCommandId(false),
      LockTupleKeyShare, LockWaitBlock,
      TUPLE_LOCK_FLAG_FIND_LAST_VERSION | TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS, &failure);
  note_last_held(writer.customers, customer, place);
  return result == TM_Ok;
}

void open_indexes(Writer &writer) {
  List *indexes = RelationGetIndexList(writer.events);
  ListCell *cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), RowExclusiveLock);
    writer.indexes = lappend(writer.indexes, index);
    writer.index_infos = lappend(writer.index_infos, BuildIndexInfo(index));
  }
  list_free(indexes);
}

void insert_index_entries(const Writer &writer) {
  ListCell *index_cell;
  ListCell *info_cell;
  forboth(index_cell, writer.indexes, info_cell, writer.index_infos) {
    auto *index = static_cast<Relation>(lfirst(index_cell));
    auto *info = static_cast<IndexInfo *>(lfirst(info_cell));
    if (!info->ii_ReadyForInserts) continue;
    Datum values[INDEX_MAX_KEYS];
    bool is_null[INDEX_MAX_KEYS];
    FormIndexDatum(info, writer.event, nullptr, values, is_null);
    index_insert(index, values, is_null, &writer.event->tts_tid, writer.events,
                 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
  }
}

void insert(const Writer &writer, Datum id, const Event &event) {
  TupleTableSlot *row = writer.event;
  ExecStoreAllNullTuple(row);
  const Datum values[kColumns] = {
      id,          UUIDPGetDatum(&event.customer),
      event.name,  event.details,
      event.actor, TimestampTzGetDatum(GetCurrentTransactionStartTimestamp())};
  for (int i = 0; i < kColumns; ++i) {
    row->tts_values[writer.target.columns[i] - 1] = values[i];
    row->tts_isnull[writer.target.columns[i] - 1] = i == kActor && !event.is_signed;
  }
  simple_table_tuple_insert(writer.events, row);
  insert_index_entries(writer);
}

bool is_of_another(const Event &one, const Event &other) {
  return memcmp(&one.customer, &other.customer, sizeof(pg_uuid_t)) != 0;
}

// False: ids are made in a way that only a plan knows.
bool insert_all(Writer &writer, const Event *rows, int count) {
  bool is_there = false;
  for (int i = 0; i < count; ++i) {
    CHECK_FOR_INTERRUPTS();
    if (i == 0 || is_of_another(rows[i], rows[i - 1]))
      is_there = lock_customer(writer, rows[i].customer);
    if (!is_there) continue;
    const RowId id = new_row_id_in(writer.events);
    if (id.type != writer.target.id_type) return false;
    insert(writer, id.value, rows[i]);
  }
  return true;
}

void close(const Writer &writer) {
  ListCell *cell;
  foreach (cell, writer.indexes) index_close(static_cast<Relation>(lfirst(cell)), RowExclusiveLock);
  if (writer.by_id != nullptr) {
    index_endscan(writer.scan);
    index_close(writer.by_id, NoLock);
  }
  ExecDropSingleTupleTableSlot(writer.event);
  ExecDropSingleTupleTableSlot(writer.customer);
}

bool write(Relation events, Relation customers, const Target &target, const Event *rows,
           int count) {
  CommandCounterIncrement();
  PushActiveSnapshot(GetLatestSnapshot());
  Writer writer = {events,
                   customers,
                   target,
                   table_slot_create(customers, nullptr),
                   MakeSingleTupleTableSlot(RelationGetDescr(events), &TTSOpsVirtual),
                   nullptr,
                   nullptr,
                   NIL,
                   NIL};
  open_indexes(writer);
  const bool written = insert_all(writer, rows, count);
  close(writer);
  PopActiveSnapshot();
  CommandCounterIncrement();
  return written;
}

}  // namespace

bool write_events_directly(Oid customers, Oid events, const Event *rows, int count) {
  Relation table = try_table_open(events, RowExclusiveLock);
  if (table == nullptr) return false;
  Relation people = try_table_open(customers, RowShareLock);
  bool written = false;
  if (people != nullptr) {
    const Target &target = target_of(table, people);
    written = target.is_allowed && write(table, people, target, rows, count);
    table_close(people, NoLock);
  }
  table_close(table, NoLock);
  return written;
}

}  // namespace customer_identity
