// Reads customer_merges as the owner of the book, whoever acts: it tells no more than the foreign
// key to customers does.
#include "identity/merges.hpp"

#include "book/book.hpp"
#include "book/computed_ids.hpp"
#include "identity/customers.hpp"
#include "pg/owner.hpp"
#include "pg/plans.hpp"

namespace customer_identity {
namespace {

// The customers on the way: the last one that is there is the one.
bool find_survivor(Oid customers, Oid merges, pg_uuid_t *customer) {
  SPI_connect();
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf(
        "WITH RECURSIVE way (id) AS (SELECT $1 UNION SELECT m.winner_id FROM way AS w, %s AS m"
        " WHERE m.loser_id OPERATOR(pg_catalog.=) w.id)"
        " SELECT c.id FROM way AS w, %s AS c WHERE c.id OPERATOR(pg_catalog.=) w.id",
        relation_name(merges), customers_name(customers));
  });
  const Datum id = UUIDPGetDatum(customer);
  pg_uuid_t survivor;
  const bool found = run_on_latest(plan, &id) > 0 && first_uuid(&survivor);
  SPI_finish();
  if (found) *customer = survivor;
  return found;
}

}  // namespace

bool follow_merges(Oid customers, pg_uuid_t *customer) {
  if (is_customer_held(customers, *customer)) return false;
  const Oid merges = find_companion(customers, "customer_merges");
  if (!OidIsValid(merges) || has_computed_ids(customers)) return false;
  const Visit owner = visit(owner_of(customers));
  bool followed = false;
  // The survivor may be merged in its turn.
  for (int attempt = 0; attempt < 10 && hold_customer(customers, *customer) == Held::kGone;
       ++attempt) {
    if (!find_survivor(customers, merges, customer)) break;
    followed = true;
  }
  leave(owner);
  return followed;
}

}  // namespace customer_identity
