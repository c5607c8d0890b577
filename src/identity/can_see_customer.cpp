// can_see_customer: whether a login may see a person's history. Every table is read as its own
// owner, so that a policy can ask for roles that may read none of them.
#include "identity/can_see_customer.hpp"

#include "identity/users.hpp"
#include "book/book.hpp"
#include "pg/given_text.hpp"
#include "pg/owner.hpp"
#include "phones/phone_reader.hpp"
#include "pg/plans.hpp"
#include "pg/postgres.hpp"
#include "identity/settings.hpp"

namespace customer_identity {
namespace {

bool has_proved(Oid customers, const char *user_id, const pg_uuid_t &customer) {
  const Actor before = act_as(owner_of(customers));
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID, TEXTOID}, [&] {
    return psprintf(
        "SELECT true FROM %s AS c WHERE c.id OPERATOR(pg_catalog.=) $1"
        " AND c.id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT p.customer_id FROM %s AS p"
        " WHERE p.phone OPERATOR(pg_catalog.=) c.phone"
        " AND p.user_id OPERATOR(pg_catalog.=) $2 AND p.ended_at IS NULL))",
        customers_name(customers), proofs_name(customers));
  });
  const Datum values[] = {UUIDPGetDatum(&customer), CStringGetTextDatum(user_id)};
  const bool proved = look_up(plan, values) > 0;
  act_again_as(before);
  return proved;
}

}  // namespace

bool can_see(Oid customers, const char *user_id, const pg_uuid_t &customer) {
  if (!settings::trust_claims() && !has_proved(customers, user_id, customer)) return false;
  return is_user_of(customers, user_id, customer);
}

CUSTOMER_IDENTITY_FUNCTION(can_see_customer) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_BOOL(false);
  const char *user_id = text_argument(fcinfo, 0, kUserId);
  const pg_uuid_t customer = *PG_GETARG_UUID_P(1);
  const Oid customers = book_argument(fcinfo, 2);

  SPI_connect();
  const bool sees = can_see(customers, user_id, customer);
  SPI_finish();
  PG_RETURN_BOOL(sees);
}

}  // namespace customer_identity
