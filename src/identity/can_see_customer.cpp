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

bool has_column(Oid customers, const char *companion, const char *column) {
  const Oid relation = find_companion(customers, companion);
  return OidIsValid(relation) && get_attnum(relation, column) > 0;
}

// The phones that lead to customer c, who is $1: so each table says where its rows are.
const char *phones_query(Oid customers) {
  const Oid further = find_companion(customers, "customer_phones");
  if (!OidIsValid(further)) return "(SELECT c.phone)";
  return psprintf(
      "(SELECT c.phone UNION ALL SELECT a.phone FROM %s AS a"
      " WHERE a.customer_id OPERATOR(pg_catalog.=) $1 AND a.until IS NULL)",
      relation_name(further));
}

// The live proofs of customer c, who is $1, by user $2.
const char *proofs_query(Oid customers, const char *condition) {
  return psprintf(
      "SELECT FROM %s AS p, %s AS n (phone) WHERE p.phone OPERATOR(pg_catalog.=) n.phone"
      " AND p.customer_id OPERATOR(pg_catalog.=) $1"
      " AND p.user_id OPERATOR(pg_catalog.=) $2 AND p.ended_at IS NULL%s",
      proofs_name(customers), phones_query(customers), condition);
}

// The logins of a household see their own orders only.
const char *but_shared_phones(Oid customers) {
  const Oid rules = find_companion(customers, "phone_rules");
  if (!OidIsValid(rules)) return "";
  return psprintf(
      " AND NOT EXISTS (SELECT FROM %s AS r, %s AS n (phone)"
      " WHERE r.phone OPERATOR(pg_catalog.=) n.phone"
      " AND r.rule OPERATOR(pg_catalog.=) 'shared')",
      relation_name(rules), phones_query(customers));
}

bool tells_new_holders(Oid customers) {
  return has_column(customers, "phone_proofs", "unconfirmed");
}

// By who is not suspected to be a new holder of the number.
SPIPlanPtr proved_plan_of(Oid customers) {
  return saved_plan({customers}, {UUIDOID, TEXTOID}, [&] {
    const char *confirmed = tells_new_holders(customers) ? " AND NOT p.unconfirmed" : "";
    return psprintf(
        "SELECT true FROM %s AS c WHERE c.id OPERATOR(pg_catalog.=) $1 AND EXISTS (%s)%s",
        customers_name(customers), proofs_query(customers, confirmed),
        but_shared_phones(customers));
  });
}

SPIPlanPtr trusted_plan_of(Oid customers) {
  return saved_plan({customers}, {UUIDOID, TEXTOID}, [&] {
    const char *but_new_holders =
        tells_new_holders(customers)
            ? psprintf(" AND NOT EXISTS (%s)", proofs_query(customers, " AND p.unconfirmed"))
            : "";
    return psprintf(
        "SELECT true WHERE NOT EXISTS (SELECT FROM %s AS c WHERE c.id OPERATOR(pg_catalog.=) $1"
        " AND NOT (true%s%s))",
        customers_name(customers), but_new_holders, but_shared_phones(customers));
  });
}

bool is_visible(Oid customers, const char *user_id, const pg_uuid_t &customer) {
  const Visit owner = visit(owner_of(customers));
  SPIPlanPtr plan =
      settings::trust_claims() ? trusted_plan_of(customers) : proved_plan_of(customers);
  const Datum values[] = {UUIDPGetDatum(&customer), CStringGetTextDatum(user_id)};
  const bool visible = look_up(plan, values) > 0;
  leave(owner);
  return visible;
}

}  // namespace

bool can_see(Oid customers, const char *user_id, const pg_uuid_t &customer) {
  return is_visible(customers, user_id, customer) && is_user_of(customers, user_id, customer);
}

CUSTOMER_IDENTITY_FUNCTION(can_see_customer) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_BOOL(false);
  const char *user_id = text_argument(fcinfo, 0, kUserId);
  const pg_uuid_t customer = *PG_GETARG_UUID_P(1);
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 2, &elsewhere);
  if (!OidIsValid(customers)) return elsewhere;

  SPI_connect();
  const bool sees = can_see(customers, user_id, customer);
  SPI_finish();
  PG_RETURN_BOOL(sees);
}

}  // namespace customer_identity
