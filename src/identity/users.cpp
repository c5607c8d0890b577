// Looks logins up in the users tables of a book.
#include "identity/users.hpp"

#include "book/attached_tables.hpp"
#include "book/book.hpp"
#include "pg/owner.hpp"
#include "pg/plans.hpp"
#include "book/trigger_setup.hpp"
#include "book/user_id.hpp"

namespace customer_identity {
namespace {

using Run = std::uint64_t(SPIPlanPtr plan, const Datum *values, const char *nulls);

// Whether the table has the login; the statement returned its customer.
bool find_in(const Attached &users, const char *user_id, Run *run_plan) {
  const char *key_column = value_of(users.arguments, "key");
  const char *customer_column = value_of(users.arguments, "customer");
  if (key_column == nullptr || customer_column == nullptr) return false;
  const AttrNumber number = get_attnum(users.relation, key_column);
  if (number <= 0 || get_attnum(users.relation, customer_column) <= 0) return false;
  const Oid key_type = getBaseType(get_atttype(users.relation, number));
  const Oid id_type = type_of_user_id(user_id, key_type);
  if (!OidIsValid(id_type)) return false;

  const Visit owner = visit(users.owner);
  const CacheKey key = {users.relation, users.trigger, id_type};
  SPIPlanPtr plan = saved_plan(key, {TEXTOID}, [&] {
    return psprintf("SELECT %s FROM %s WHERE %s", quote_identifier(customer_column),
                    relation_name(users.relation),
                    equals_user_id(key_column, key_type, id_type, "$1"));
  });
  const Datum values[] = {CStringGetTextDatum(user_id)};
  const bool found = run_plan(plan, values, nullptr) > 0;
  leave(owner);
  return found;
}

// Whether a users table of the book, other than `skipped`, has the login and `is_sought()`, which
// is asked about the statement's result.
template <typename IsSought>
bool find_login(Oid customers, Oid skipped, const char *user_id, Run *run_plan,
                IsSought &&is_sought) {
  ListCell *cell;
  foreach (cell, attached_tables(TableKind::kUsers, customers)) {
    const auto &users = *static_cast<Attached *>(lfirst(cell));
    if (users.relation != skipped && find_in(users, user_id, run_plan) && is_sought()) return true;
  }
  return false;
}

}  // namespace

const char *key_of_users(Oid customers, Oid users) {
  ListCell *cell;
  foreach (cell, attached_tables(TableKind::kUsers, customers)) {
    const auto *attached = static_cast<Attached *>(lfirst(cell));
    if (attached->relation == users) return value_of(attached->arguments, "key");
  }
  return nullptr;
}

bool customer_of_user(Oid customers, const char *user_id, pg_uuid_t *customer) {
  return find_login(customers, InvalidOid, user_id, look_up, [&] { return first_uuid(customer); });
}

bool is_user_of(Oid customers, const char *user_id, const pg_uuid_t &customer) {
  return find_login(customers, InvalidOid, user_id, look_up, [&] {
    pg_uuid_t found;
    return first_uuid(&found) && memcmp(&found, &customer, sizeof(pg_uuid_t)) == 0;
  });
}

bool is_user_elsewhere(Oid customers, Oid users, const char *user_id) {
  SPI_connect();
  const bool found = find_login(customers, users, user_id, run, [] { return true; });
  SPI_finish();
  return found;
}

}  // namespace customer_identity
