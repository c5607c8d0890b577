// Chooses how totals are written and finds out why one was not.
#include "totals/write_totals.hpp"

#include "book/book.hpp"
#include "pg/owner.hpp"
#include "totals/customer_ids.hpp"
#include "totals/direct_write.hpp"
#include "totals/planned_write.hpp"

namespace customer_identity {
namespace {

// How many of the changed customers a snapshot has, row security or not.
std::uint64_t count_there(const Deltas &changes, const CustomerIds &ids, Snapshot snapshot) {
  std::uint64_t there = 0;
  for (std::uint32_t i = 0; i < changes.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    if (is_there(ids, changes.deltas[i].customer, snapshot)) ++there;
  }
  return there;
}

// Fewer rows were written than asked for. A customer that was deleted has no totals to keep; one
// that row security or a trigger of the application hides would silently miss orders, and so would
// one that was made after the snapshot of a REPEATABLE READ transaction.
void explain_missing(const Deltas &changes, std::uint64_t written, const CustomerIds &ids) {
  Snapshot latest = RegisterSnapshot(GetLatestSnapshot());
  const bool missed = count_there(changes, ids, latest) > written;
  UnregisterSnapshot(latest);
  if (!missed) return;
  const bool too_new =
      IsolationUsesXactSnapshot() && count_there(changes, ids, GetTransactionSnapshot()) <= written;
  if (too_new)
    ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
            errmsg("could not serialize access due to concurrent update"));
  ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
          errmsg("the totals of a customer cannot be written"),
          errdetail("Row security or a trigger on %s hides rows from role %s, the owner of the "
                    "orders table.",
                    relation_name(RelationGetRelid(ids.customers)),
                    GetUserNameFromId(GetUserId(), false)),
          errhint("Let that role update every row of customers, or give both tables one owner."));
}

// What belongs to customers whose id this transaction has changed, under their present ids.
Deltas taken_along(const Deltas &changes, const CustomerIds &ids) {
  Deltas along = new_deltas();
  for (std::uint32_t i = 0; i < changes.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    Delta delta = changes.deltas[i];
    delta.customer = present_id(ids, delta.customer, nullptr);
    if (!is_same_id(delta.customer, changes.deltas[i].customer)) add_delta(along, delta);
  }
  return along;
}

Deltas follow_missing(const Deltas &changes, std::uint64_t written, Oid customers) {
  if (get_rel_relkind(customers) != RELKIND_RELATION) return new_deltas();
  const CustomerIds ids = open_ids(customers);
  explain_missing(changes, written, ids);
  const Deltas along = taken_along(changes, ids);
  close_ids(ids);
  return along;
}

}  // namespace

std::uint64_t write_totals(Deltas &deltas, Oid customers) {
  keep_changes(deltas);
  if (deltas.count == 0) return 0;
  const Visit book = stand_in(customers, ACL_SELECT | ACL_UPDATE);
  std::uint64_t written;
  if (!write_directly(deltas, customers, &written)) written = write_by_plan(deltas, customers);
  Deltas along = new_deltas();
  if (written < deltas.count) along = follow_missing(deltas, written, customers);
  leave(book);
  return along.count == 0 ? written : written + write_totals(along, customers);
}

}  // namespace customer_identity
