// can_see_customer: whether a login may see a person's history. Every table is read as its own
// owner, so that a policy can ask for roles that may read none of them.
#include "identity/can_see_customer.hpp"

#include "pg/attached_tables.hpp"
#include "pg/book.hpp"
#include "pg/owner.hpp"
#include "pg/phone_reader.hpp"
#include "pg/plans.hpp"
#include "pg/postgres.hpp"
#include "pg/settings.hpp"
#include "pg/trigger_setup.hpp"
#include "pg/user_id.hpp"

namespace customer_identity {
namespace {

bool is_linked_in(const Attached &users, const char *user_id, const pg_uuid_t &customer) {
  const char *key_column = value_of(users.arguments, "key");
  const char *customer_column = value_of(users.arguments, "customer");
  if (key_column == nullptr || customer_column == nullptr) return false;
  const AttrNumber number = get_attnum(users.relation, key_column);
  if (number <= 0 || get_attnum(users.relation, customer_column) <= 0) return false;
  const Oid key_type = getBaseType(get_atttype(users.relation, number));
  const Oid id_type = type_of_user_id(user_id, key_type);

  const Actor before = act_as(users.owner);
  const PlanKey key = {users.relation, users.trigger, Purpose::kUserIsLinked, id_type};
  SPIPlanPtr plan = saved_plan(key, {TEXTOID, UUIDOID}, [&] {
    return psprintf("SELECT true FROM %s WHERE %s AND %s OPERATOR(pg_catalog.=) $2",
                    relation_name(users.relation),
                    equals_user_id(key_column, key_type, id_type, "$1"),
                    quote_identifier(customer_column));
  });
  const Datum values[] = {CStringGetTextDatum(user_id), UUIDPGetDatum(&customer)};
  const bool linked = look_up(plan, values) > 0;
  act_again_as(before);
  return linked;
}

bool is_linked(Oid customers, const char *user_id, const pg_uuid_t &customer) {
  ListCell *cell;
  foreach (cell, attached_tables(TableKind::kUsers, customers))
    if (is_linked_in(*static_cast<Attached *>(lfirst(cell)), user_id, customer)) return true;
  return false;
}

bool has_proved(Oid customers, const char *user_id, const pg_uuid_t &customer) {
  const Actor before = act_as(owner_of(customers));
  const PlanKey key = {customers, InvalidOid, Purpose::kVisibleProof, 1};
  SPIPlanPtr plan = saved_plan(key, {UUIDOID, TEXTOID}, [&] {
    return psprintf(
        "SELECT true FROM %s AS c JOIN %s AS p"
        " ON p.phone OPERATOR(pg_catalog.=) c.phone"
        " WHERE c.id OPERATOR(pg_catalog.=) $1"
        " AND p.user_id OPERATOR(pg_catalog.=) $2 AND p.ended_at IS NULL",
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
  return is_linked(customers, user_id, customer);
}

CUSTOMER_IDENTITY_FUNCTION(can_see_customer) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_BOOL(false);
  const char *user_id = text_argument(fcinfo, 0);
  const pg_uuid_t customer = *PG_GETARG_UUID_P(1);
  const Oid customers = book_argument(fcinfo, 2);

  SPI_connect();
  const bool sees = can_see(customers, user_id, customer);
  SPI_finish();
  PG_RETURN_BOOL(sees);
}

}  // namespace customer_identity
