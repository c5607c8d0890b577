// What UPDATE does at each isolation level, without the executor: the row that the snapshot shows,
// its latest version when somebody else has changed it meanwhile, an error when the isolation level
// does not allow that. Every lock, WAL record and predicate lock comes from the table and index
// access methods.
#include "totals/direct_write.hpp"

#include "pg/direct_lookup.hpp"
#include "pg/majors.hpp"
#include "pg/relation_cache.hpp"
#include "book/trigger_setup.hpp"

namespace customer_identity {
namespace {

enum Total { kOrders, kSpent, kPoints, kTotals };

constexpr const char *kNames[kTotals] = {"total_orders", "total_spent", "loyalty_points"};

// A customers table, as far as it matters here.
struct Target {
  Oid customers;
  bool is_allowed;
  AttrNumber id;
  int columns[kTotals];
  IndexKey index;
};

bool is_integer(Oid type) { return type == INT4OID || type == INT8OID; }

bool find_columns(Target &target, Relation table) {
  target.id = get_attnum(target.customers, "id");
  for (int total = 0; total < kTotals; ++total) {
    target.columns[total] = get_attnum(target.customers, kNames[total]);
    if (target.columns[total] <= 0) return false;
    const Oid type = TupleDescAttr(RelationGetDescr(table), target.columns[total] - 1)->atttypid;
    if (total == kSpent ? type != NUMERICOID : !is_integer(type)) return false;
  }
  return target.id > 0;
}

bool is_total(const Target &target, AttrNumber column) {
  for (const int total : target.columns)
    if (total == column) return true;
  return false;
}

// The triggers of a foreign key that refers to this table have nothing to do, as no key changes,
// nor have ours: no phone does.
bool has_triggers(Relation table) {
  const Oid follow_phone = workings_function("follow_phone");
  const TriggerDesc *triggers = table->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i) {
    const Trigger &trigger = triggers->triggers[i];
    const bool of_referenced =
        trigger.tgisinternal && RI_FKey_trigger_type(trigger.tgfoid) == RI_TRIGGER_PK;
    if (TRIGGER_FOR_UPDATE(trigger.tgtype) && !of_referenced && trigger.tgfoid != follow_phone)
      return true;
  }
  return false;
}

bool reads_totals(const Target &target, void *expression) {
  Bitmapset *columns = nullptr;
  pull_varattnos(static_cast<Node *>(expression), 1, &columns);
  bool reads = bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns);  // the whole row
  for (const int total : target.columns)
    reads = reads || bms_is_member(total - FirstLowInvalidHeapAttributeNumber, columns);
  return reads;
}

// A check that holds for the row goes on to hold when it reads none of the totals.
bool has_constraints(const Target &target, Relation table) {
  const TupleConstr *constraints = RelationGetDescr(table)->constr;
  if (constraints == nullptr) return false;
  if (constraints->has_generated_stored || majors::has_virtual_column(constraints)) return true;
  for (int i = 0; i < constraints->num_check; ++i)
    if (!constraints->check[i].ccvalid ||
        reads_totals(target, stringToNode(constraints->check[i].ccbin)))
      return true;
  return false;
}

// An index that reads none of the totals has its entries already, or gets those of a row that has
// left its page; one that is checked at the end of the transaction takes the executor.
bool is_exotic(const Target &target, Relation index) {
  const FormData_pg_index *form = index->rd_index;
  for (int i = 0; i < form->indnatts; ++i)
    if (is_total(target, form->indkey.values[i])) return true;
  return !form->indimmediate || reads_totals(target, RelationGetIndexExpressions(index)) ||
         reads_totals(target, RelationGetIndexPredicate(index));
}

bool has_exotic_index(const Target &target, Relation table) {
  bool found = false;
  List *indexes = RelationGetIndexList(table);
  ListCell *cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    found = found || is_exotic(target, index);
    index_close(index, AccessShareLock);
  }
  list_free(indexes);
  return found;
}

void resolve(Target &target, Relation table) {
  target.customers = RelationGetRelid(table);
  if (!is_plain(table) || table->rd_rel->relispartition || table->rd_rel->relhasrules ||
      has_triggers(table) || !find_columns(target, table) || has_constraints(target, table) ||
      has_exotic_index(target, table))
    return;
  target.index = unique_index_of(table, target.id, UUIDOID);
  target.is_allowed = OidIsValid(target.index.index);
}

const Target &target_of(Relation table) {
  return *kept<Target>({RelationGetRelid(table)},
                       [&](Target &target, Reading &) { resolve(target, table); });
}

bool may_update(Oid customers) {
  constexpr AclMode kNeeded = ACL_SELECT | ACL_UPDATE;
  return pg_class_aclmask(customers, GetUserId(), kNeeded, ACLMASK_ALL) == kNeeded;
}

// One statement's writing.
struct Writer {
  Relation table;
  const Target &target;
  Snapshot snapshot;
  CommandId command;
  TupleTableSlot *old_row;
  TupleTableSlot *new_row;
  MemoryContext row_memory;
  Relation index;  // NULL until a customer is not where it was held
  IndexScanDesc scan;
  EState *executor;  // NULL until a row needs entries in the indexes
  ResultRelInfo *relation;
};

[[noreturn]] void cannot_serialize(const char *message) {
  ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("%s", message));
  pg_unreachable();
}

[[noreturn]] void out_of_range(const char *type) {
  ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("%s out of range", type));
  pg_unreachable();
}

Datum old_value(const Writer &writer, Total total, bool *is_null) {
  return slot_getattr(writer.old_row, writer.target.columns[total], is_null);
}

const FormData_pg_attribute *attribute_of(const Writer &writer, Total total) {
  return TupleDescAttr(RelationGetDescr(writer.table), writer.target.columns[total] - 1);
}

Datum integer_sum(const Writer &writer, Total total, std::int64_t addend) {
  const bool is_small = attribute_of(writer, total)->atttypid == INT4OID;
  bool is_null;
  const Datum old = old_value(writer, total, &is_null);
  const std::int64_t before = is_null ? 0 : is_small ? DatumGetInt32(old) : DatumGetInt64(old);
  std::int64_t sum;
  if (pg_add_s64_overflow(before, addend, &sum)) out_of_range("bigint");
  if (!is_small) return Int64GetDatum(sum);
  if (sum < PG_INT32_MIN || sum > PG_INT32_MAX) out_of_range("integer");
  return Int32GetDatum(static_cast<std::int32_t>(sum));
}

// Rounded to the column's places, or refused by it, as an assignment does.
Datum spent_sum(const Writer &writer, const Delta &delta) {
  bool is_null;
  const Datum old = old_value(writer, kSpent, &is_null);
  Numeric before = is_null ? int64_to_numeric(0) : DatumGetNumeric(old);
  Numeric sum = majors::add(before, spent_of(delta));
  const std::int32_t modifier = attribute_of(writer, kSpent)->atttypmod;
  if (modifier < 0) return NumericGetDatum(sum);
  return DirectFunctionCall2(numeric, NumericGetDatum(sum), Int32GetDatum(modifier));
}

void make_new_row(Writer &writer, const Delta &delta) {
  Datum values[kTotals];
  bool nulls[kTotals] = {};
  values[kOrders] = integer_sum(writer, kOrders, delta.orders);
  values[kSpent] = spent_sum(writer, delta);
  values[kPoints] = integer_sum(writer, kPoints, delta.points);

  bool should_free;
  HeapTuple old = ExecFetchSlotHeapTuple(writer.old_row, false, &should_free);
  HeapTuple changed =
      heap_modify_tuple_by_cols(old, RelationGetDescr(writer.table), kTotals,
                                const_cast<int *>(writer.target.columns), values, nulls);
  ExecStoreHeapTuple(changed, writer.new_row, false);
}

// Waits for whoever has the row and takes its latest version; false: it is gone.
bool take_latest_version(Writer &writer, const Delta &delta) {
  TM_FailureData failure;
  ItemPointerData place = writer.old_row->tts_tid;
  const TM_Result result = table_tuple_lock(writer.table, &place, writer.snapshot, writer.old_row,
                                            writer.command, LockTupleNoKeyExclusive, LockWaitBlock,
                                            TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
  if (result == TM_Deleted) return false;
  if (result != TM_Ok) elog(ERROR, "cannot lock a customer: %d", result);
  bool is_null;
  const Datum id = slot_getattr(writer.old_row, writer.target.id, &is_null);
  return !is_null && memcmp(DatumGetUUIDP(id), &delta.customer, sizeof(pg_uuid_t)) == 0;
}

void open_indexes(Writer &writer) {
  writer.executor = CreateExecutorState();
  writer.relation = makeNode(ResultRelInfo);
  InitResultRelInfo(writer.relation, writer.table, 0, nullptr, 0);
  ExecOpenIndices(writer.relation, false);
}

// Replaces the version in old_row; TM_Updated: another one has replaced it meanwhile.
TM_Result replace(Writer &writer, majors::IndexUpdate *update) {
  TM_FailureData failure;
  LockTupleMode mode;
  return majors::update_row(writer.table, &writer.old_row->tts_tid, writer.new_row, writer.command,
                            writer.snapshot, &failure, &mode, update);
}

bool update(Writer &writer, const Delta &delta, majors::IndexUpdate *indexes) {
  for (;;) {
    make_new_row(writer, delta);
    const TM_Result result = replace(writer, indexes);
    if (result == TM_Ok) {
      note_last_held(writer.table, delta.customer, writer.new_row->tts_tid);
      return true;
    }
    if (result != TM_Updated && result != TM_Deleted)
      elog(ERROR, "cannot update a customer: %d", result);
    if (IsolationUsesXactSnapshot())
      cannot_serialize(result == TM_Deleted
                           ? "could not serialize access due to concurrent delete"
                           : "could not serialize access due to concurrent update");
    if (result == TM_Deleted || !take_latest_version(writer, delta)) return false;
  }
}

bool find_by_index(Writer &writer, const pg_uuid_t &id) {
  if (writer.index == nullptr) {
    writer.index = index_open(writer.target.index.index, RowExclusiveLock);
    writer.scan = begin_scan(writer.table, writer.index, writer.snapshot);
  }
  return scan_for(writer.scan, writer.target.index, {UUIDPGetDatum(&id), UUIDOID}, writer.old_row);
}

// attach_order has held most customers where they still are.
bool find(Writer &writer, const pg_uuid_t &id) {
  const AttrNumber column = writer.target.id;
  return find_held(writer.table, column, id, writer.snapshot, writer.old_row) ||
         find_last_held(writer.table, column, id, writer.snapshot, writer.old_row) ||
         find_by_index(writer, id);
}

bool add(Writer &writer, const Delta &delta) {
  if (!find(writer, delta.customer)) return false;

  majors::IndexUpdate indexes;
  MemoryContext caller = MemoryContextSwitchTo(writer.row_memory);
  const bool written = update(writer, delta, &indexes);
  MemoryContextSwitchTo(caller);
  if (written && majors::needs_entries(indexes)) {
    if (writer.executor == nullptr) open_indexes(writer);
    majors::insert_index_entries(writer.relation, writer.new_row, writer.executor, indexes);
    ResetPerTupleExprContext(writer.executor);
  }
  ExecClearTuple(writer.new_row);
  MemoryContextReset(writer.row_memory);
  return written;
}

void close_indexes(Writer &writer) {
  if (writer.index != nullptr) {
    index_endscan(writer.scan);
    index_close(writer.index, NoLock);
  }
  if (writer.executor == nullptr) return;
  ExecCloseIndices(writer.relation);
  FreeExecutorState(writer.executor);
}

std::uint64_t write_all(const Deltas &changes, Relation table, const Target &target) {
  Writer writer = {
      table,
      target,
      GetActiveSnapshot(),
      GetCurrentCommandId(true),
      table_slot_create(table, nullptr),
      MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple),
      AllocSetContextCreate(CurrentMemoryContext, "customer_identity row", ALLOCSET_DEFAULT_SIZES),
      nullptr,
      nullptr,
      nullptr,
      nullptr};
  std::uint64_t written = 0;
  for (std::uint32_t i = 0; i < changes.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    if (add(writer, changes.deltas[i])) ++written;
  }

  close_indexes(writer);
  ExecDropSingleTupleTableSlot(writer.old_row);
  ExecDropSingleTupleTableSlot(writer.new_row);
  MemoryContextDelete(writer.row_memory);
  return written;
}

}  // namespace

bool write_directly(const Deltas &changes, Oid customers, std::uint64_t *written) {
  Relation table = try_table_open(customers, RowExclusiveLock);
  if (table == nullptr) return false;
  const Target &target = target_of(table);
  const bool is_allowed = target.is_allowed && may_update(customers);
  if (is_allowed) {
    CheckCmdReplicaIdentity(table, CMD_UPDATE);
    CommandCounterIncrement();
    PushActiveSnapshot(GetTransactionSnapshot());
    *written = write_all(changes, table, target);
    PopActiveSnapshot();
    CommandCounterIncrement();
  }
  table_close(table, NoLock);
  return is_allowed;
}

}  // namespace customer_identity
