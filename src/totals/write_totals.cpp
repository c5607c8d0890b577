// Chooses how totals are written and finds out why one was not.
#include "totals/write_totals.hpp"

#include "pg/book.hpp"
#include "pg/owner.hpp"
#include "totals/direct_write.hpp"
#include "totals/planned_write.hpp"

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

// The unique index of the id; InvalidOid makes a scan read the table itself.
Oid index_of_id(Relation customers, AttrNumber id) {
  ListCell *cell;
  foreach (cell, RelationGetIndexList(customers))
    if (indexes_alone(lfirst_oid(cell), id)) return lfirst_oid(cell);
  return InvalidOid;
}

// How many of the changed customers a snapshot has, row security or not.
std::uint64_t count_there(const Deltas &changes, Relation customers, Snapshot snapshot) {
  const AttrNumber id = get_attnum(RelationGetRelid(customers), "id");
  const Oid index = index_of_id(customers, id);
  std::uint64_t there = 0;
  for (std::uint32_t i = 0; i < changes.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    ScanKeyData key;
    ScanKeyInit(&key, id, BTEqualStrategyNumber, F_UUID_EQ,
                UUIDPGetDatum(&changes.deltas[i].customer));
    SysScanDesc scan = systable_beginscan(customers, index, OidIsValid(index), snapshot, 1, &key);
    if (HeapTupleIsValid(systable_getnext(scan))) ++there;
    systable_endscan(scan);
  }
  return there;
}

// Fewer rows were written than asked for. A customer that was deleted has no totals to keep; one
// that row security or a trigger of the application hides would silently miss orders, and so would
// one that was made after the snapshot of a REPEATABLE READ transaction.
void explain_missing(const Deltas &changes, std::uint64_t written, Oid customers) {
  if (get_rel_relkind(customers) != RELKIND_RELATION) return;
  Relation relation = table_open(customers, AccessShareLock);
  Snapshot latest = RegisterSnapshot(GetLatestSnapshot());
  const bool missed = count_there(changes, relation, latest) > written;
  UnregisterSnapshot(latest);
  const bool too_new = missed && IsolationUsesXactSnapshot() &&
                       count_there(changes, relation, GetTransactionSnapshot()) <= written;
  table_close(relation, AccessShareLock);
  if (!missed) return;
  if (too_new)
    ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
            errmsg("could not serialize access due to concurrent update"));
  ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
          errmsg("the totals of a customer cannot be written"),
          errdetail("Row security or a trigger on %s hides rows from role %s, the owner of the "
                    "orders table.",
                    relation_name(customers), GetUserNameFromId(GetUserId(), false)),
          errhint("Let that role update every row of customers, or give both tables one owner."));
}

}  // namespace

std::uint64_t write_totals(Deltas &deltas, Oid customers) {
  keep_changes(deltas);
  if (deltas.count == 0) return 0;
  const Visit book = stand_in(customers, ACL_SELECT | ACL_UPDATE);
  std::uint64_t written;
  if (!write_directly(deltas, customers, &written)) written = write_by_plan(deltas, customers);
  if (written < deltas.count) explain_missing(deltas, written, customers);
  leave(book);
  return written;
}

}  // namespace customer_identity
