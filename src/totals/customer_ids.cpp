// Finds every version of a customer that has an id, and follows those that this transaction has
// replaced.
#include "totals/customer_ids.hpp"

#include "book/book.hpp"

namespace customer_identity {
namespace {

bool indexes_alone(Oid index, AttrNumber column) {
  HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
  const auto *form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
  const bool alone = form->indnatts == 1 && form->indkey.values[0] == column && form->indisunique &&
                     form->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, nullptr);
  ReleaseSysCache(tuple);
  return alone;
}

Oid index_of(Relation customers, AttrNumber column) {
  List *indexes = RelationGetIndexList(customers);
  Oid found = InvalidOid;
  ListCell *cell;
  foreach (cell, indexes)
    if (!OidIsValid(found) && indexes_alone(lfirst_oid(cell), column)) found = lfirst_oid(cell);
  list_free(indexes);
  return found;
}

SysScanDesc scan_for(const CustomerIds &ids, const pg_uuid_t &id, Snapshot snapshot) {
  ScanKeyData key;
  ScanKeyInit(&key, ids.column, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&id));
  return systable_beginscan(ids.customers, ids.index, OidIsValid(ids.index), snapshot, 1, &key);
}

// The header of a row in a buffer changes under whoever has not locked it.
bool is_replaced_by_us(TupleTableSlot *row, ItemPointer next) {
  const auto *stored = reinterpret_cast<BufferHeapTupleTableSlot *>(row);
  const HeapTupleHeader header = stored->base.tuple->t_data;
  LockBuffer(stored->buffer, BUFFER_LOCK_SHARE);
  *next = header->t_ctid;
  const bool is_changed = (header->t_infomask & HEAP_XMAX_INVALID) == 0 &&
                          !HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask) &&
                          !ItemPointerEquals(next, &row->tts_tid) &&
                          !ItemPointerIndicatesMovedPartitions(next);
  const bool is_ours =
      is_changed && TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header));
  LockBuffer(stored->buffer, BUFFER_LOCK_UNLOCK);
  return is_ours;
}

// From a version of a row to the next one that this transaction wrote; false: there is none.
bool follow(const CustomerIds &ids, TupleTableSlot *row) {
  CHECK_FOR_INTERRUPTS();
  ItemPointerData next;
  return is_replaced_by_us(row, &next) &&
         table_tuple_fetch_row_version(ids.customers, &next, SnapshotAny, row);
}

pg_uuid_t id_of(const CustomerIds &ids, TupleTableSlot *row) {
  bool is_null;
  const Datum id = slot_getattr(row, ids.column, &is_null);
  return is_null ? pg_uuid_t{} : *DatumGetUUIDP(id);
}

// The present id of a version that has `id`; false: it is not the last one that had it.
bool became_another(const CustomerIds &ids, const pg_uuid_t &id, TupleTableSlot *row,
                    pg_uuid_t *present) {
  if (!follow(ids, row) || is_same_id(id_of(ids, row), id)) return false;
  while (follow(ids, row)) continue;
  *present = id_of(ids, row);
  return true;
}

bool is_there_now(const CustomerIds &ids, const pg_uuid_t &id) {
  CommandCounterIncrement();
  Snapshot latest = RegisterSnapshot(GetLatestSnapshot());
  const bool there = is_there(ids, id, latest);
  UnregisterSnapshot(latest);
  return there;
}

}  // namespace

CustomerIds open_ids(Oid customers) {
  Relation table = table_open(customers, AccessShareLock);
  customers_name(customers);  // anybody's trigger may name a table whose ids are no uuids
  const AttrNumber column = get_attnum(customers, "id");
  return {table, column, index_of(table, column)};
}

void close_ids(const CustomerIds &ids) { table_close(ids.customers, AccessShareLock); }

bool is_there(const CustomerIds &ids, const pg_uuid_t &id, Snapshot snapshot) {
  SysScanDesc scan = scan_for(ids, id, snapshot);
  const bool there = HeapTupleIsValid(systable_getnext(scan));
  systable_endscan(scan);
  return there;
}

pg_uuid_t present_id(const CustomerIds &ids, const pg_uuid_t &id, const pg_uuid_t *wanted) {
  if (ids.customers->rd_tableam != GetHeapamTableAmRoutine()) return id;
  pg_uuid_t present = id;
  pg_uuid_t other;
  SysScanDesc scan = scan_for(ids, id, SnapshotAny);
  TupleTableSlot *row = table_slot_create(ids.customers, nullptr);
  bool is_wanted = false;
  while (!is_wanted && HeapTupleIsValid(systable_getnext(scan))) {
    ExecCopySlot(row, scan->slot);
    if (!became_another(ids, id, row, &other)) continue;
    present = other;
    is_wanted = wanted != nullptr && is_same_id(present, *wanted);
  }
  ExecDropSingleTupleTableSlot(row);
  systable_endscan(scan);
  const bool changed = is_wanted || (!is_same_id(present, id) && !is_there_now(ids, id));
  return changed ? present : id;
}

}  // namespace customer_identity
