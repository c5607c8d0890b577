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

bool find_customer(Relation customers, const Target &target, const pg_uuid_t &customer,
                   TupleTableSlot *row) {
  Relation index = index_open(target.customer_index.index, AccessShareLock);
  IndexScanDesc scan = begin_scan(customers, index, GetActiveSnapshot());
  const bool found =
      scan_for(scan, target.customer_index, {UUIDPGetDatum(&customer), UUIDOID}, row);
  index_endscan(scan);
  index_close(index, NoLock);
  return found;
}

// A sign-up has just held its customer. False: it is gone.
bool lock_customer(Relation customers, const Target &target, const pg_uuid_t &customer) {
  TupleTableSlot *row = table_slot_create(customers, nullptr);
  bool there = find_last_held(customers, target.customers_id, customer, GetActiveSnapshot(), row) ||
               find_customer(customers, target, customer, row);
  if (there) {
    TM_FailureData failure;
    ItemPointerData place = row->tts_tid;
    there = table_tuple_lock(
                customers, &place, GetActiveSnapshot(), row, GetCurrentCommandId(false),
                LockTupleKeyShare, LockWaitBlock,
                TUPLE_LOCK_FLAG_FIND_LAST_VERSION | TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS,
                &failure) == TM_Ok;
  }
  ExecDropSingleTupleTableSlot(row);
  return there;
}

void insert_index_entry(Relation events, Relation index, TupleTableSlot *row) {
  IndexInfo *info = BuildIndexInfo(index);
  if (!info->ii_ReadyForInserts) return;
  Datum values[INDEX_MAX_KEYS];
  bool is_null[INDEX_MAX_KEYS];
  FormIndexDatum(info, row, nullptr, values, is_null);
  index_insert(index, values, is_null, &row->tts_tid, events,
               info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
}

void insert_index_entries(Relation events, TupleTableSlot *row) {
  List *indexes = RelationGetIndexList(events);
  ListCell *cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), RowExclusiveLock);
    insert_index_entry(events, index, row);
    index_close(index, RowExclusiveLock);
  }
  list_free(indexes);
}

void insert(Relation events, const Target &target, Datum id, const Event &event) {
  TupleTableSlot *row = MakeSingleTupleTableSlot(RelationGetDescr(events), &TTSOpsVirtual);
  ExecStoreAllNullTuple(row);
  const Datum values[kColumns] = {
      id,          UUIDPGetDatum(&event.customer),
      event.name,  event.details,
      event.actor, TimestampTzGetDatum(GetCurrentTransactionStartTimestamp())};
  for (int i = 0; i < kColumns; ++i) {
    row->tts_values[target.columns[i] - 1] = values[i];
    row->tts_isnull[target.columns[i] - 1] = i == kActor && !event.is_signed;
  }
  simple_table_tuple_insert(events, row);
  insert_index_entries(events, row);
  ExecDropSingleTupleTableSlot(row);
}

bool write(Relation events, Relation customers, const Target &target, const Event &event) {
  CommandCounterIncrement();
  PushActiveSnapshot(GetLatestSnapshot());
  bool written = true;
  if (lock_customer(customers, target, event.customer)) {
    const RowId id = new_row_id_in(events);
    written = id.type == target.id_type;
    if (written) insert(events, target, id.value, event);
  }
  PopActiveSnapshot();
  CommandCounterIncrement();
  return written;
}

}  // namespace

bool write_event_directly(Oid customers, Oid events, const Event &event) {
  Relation table = try_table_open(events, RowExclusiveLock);
  if (table == nullptr) return false;
  Relation people = try_table_open(customers, RowShareLock);
  bool written = false;
  if (people != nullptr) {
    const Target &target = target_of(table, people);
    written = target.is_allowed && write(table, people, target, event);
    table_close(people, NoLock);
  }
  table_close(table, NoLock);
  return written;
}

}  // namespace customer_identity
