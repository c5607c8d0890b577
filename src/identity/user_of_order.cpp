// Reads the users table of an orders table, as its owner.
#include "identity/user_of_order.hpp"

#include "identity/customers.hpp"
#include "identity/users.hpp"
#include "book/user_id.hpp"
#include "pg/direct_lookup.hpp"
#include "pg/owner.hpp"
#include "pg/plans.hpp"
#include "pg/relations.hpp"

namespace customer_identity {
namespace {

Attachment first_attachment() {
  Attachment attachment = {};
  attachment.found = first_uuid(&attachment.customer);
  return attachment;
}

// A statement about the user that an order names by $1.
const char *user_statement(const OrderSetup &setup, const char *expression, const char *lock) {
  return psprintf("SELECT %s FROM %s WHERE %s%s", expression, relation_name(setup.users),
                  equals_user_id(setup.users_key, setup.users_key_type, setup.user.type, "$1"),
                  lock);
}

SPIPlanPtr customer_plan(const OrderSetup &setup, Hold hold) {
  const CacheKey key = {setup.relation, setup.trigger, static_cast<std::uint32_t>(hold)};
  return saved_plan(key, {TEXTOID}, [&] {
    return user_statement(setup, quote_identifier(setup.users_customer),
                          hold == Hold::kRow ? " FOR SHARE" : "");
  });
}

// A user that has no customer yet may be getting one in another transaction, which would not see
// this order: waiting for the user's row lets one of the two see the other. SPI must be connected.
Attachment planned_attachment_of_user(const OrderSetup &setup, const char *user_id) {
  const Datum values[] = {CStringGetTextDatum(user_id)};
  if (run(customer_plan(setup, Hold::kNothing), values) == 0) {
    require_seen(setup.users);
    return {};
  }
  const Attachment attachment = first_attachment();
  if (attachment.found) return attachment;
  if (pg_class_aclcheck(setup.users, GetUserId(), ACL_UPDATE) != ACLCHECK_OK) return {};
  if (run(customer_plan(setup, Hold::kRow), values) == 0) return {};
  return first_attachment();
}

// As the owner of the users table.
Attachment found_attachment_of_user(const Order &order, const OrderSetup &setup) {
  bool is_null;
  const Sought user = {value_in(setup.user, order.row, order.table, &is_null),
                       comparable_type(setup.user.type)};
  const Wanted customer = {setup.users, setup.users_key, setup.users_customer, nullptr};
  Attachment attachment = {};
  const Lookup lookup = OidIsValid(user.type)
                            ? look_up_uuid_now(customer, user, Hold::kNothing, &attachment.customer)
                            : Lookup::kImpossible;
  attachment.found = lookup == Lookup::kFound;
  if (attachment.found || lookup == Lookup::kNoRow) return attachment;

  const char *user_id = text_in(setup.user, order.row, order.table);
  SPI_connect();
  attachment = planned_attachment_of_user(setup, user_id);
  SPI_finish();
  return attachment;
}

// A column of users may have got another name while the statement waited for that table.
const OrderSetup &setup_with_users(const Order &order) {
  LockRelationOid(order.setup.users, AccessShareLock);
  return order_setup(order.call);
}

Attachment seen_attachment_of_user(const Order &order) {
  const OrderSetup &setup = setup_with_users(order);
  if (!OidIsValid(setup.users)) return {};
  const Visit users_owner = stand_in(setup.users, ACL_SELECT);
  const Attachment attachment = found_attachment_of_user(order, setup);
  leave(users_owner);
  return attachment;
}

// The user's id as text, of whom the orders may have another column's value, or the same in another
// spelling.
const char *found_id_of_user(const OrderSetup &setup, const char *user, const char *key) {
  MemoryContext caller = CurrentMemoryContext;
  const Visit users_owner = stand_in(setup.users, ACL_SELECT);
  SPI_connect();
  const auto column = static_cast<std::uint32_t>(get_attnum(setup.users, key));
  SPIPlanPtr plan = saved_plan({setup.relation, setup.trigger, column}, {TEXTOID}, [&] {
    const char *id = psprintf("CAST(%s AS pg_catalog.text)", quote_identifier(key));
    return user_statement(setup, id, "");
  });
  const Datum values[] = {CStringGetTextDatum(user)};
  bool is_null = run(plan, values) == 0;
  const Datum value = is_null ? Datum(0) : first_value(&is_null);
  const char *found = is_null ? nullptr : MemoryContextStrdup(caller, TextDatumGetCString(value));
  SPI_finish();
  leave(users_owner);
  return found;
}

}  // namespace

// Where the customer is being merged, split or deleted, the user has none by the time that the
// customer can be held, or has got another one.
Attachment attachment_of_user(const Order &order) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    const Attachment attachment = seen_attachment_of_user(order);
    if (!attachment.found) break;
    if (hold_customer(order.setup.customers, attachment.customer) == Held::kAtOnce)
      return attachment;
  }
  return {};
}

const char *id_of_user(const Order &order) {
  const char *user = text_in(order.setup.user, order.row, order.table);
  if (user == nullptr || !OidIsValid(order.setup.users)) return user;
  const OrderSetup &setup = setup_with_users(order);
  if (!OidIsValid(setup.users)) return user;
  const char *key = key_of_users(setup.customers, setup.users);
  if (key == nullptr || get_attnum(setup.users, key) <= 0) return nullptr;
  const bool is_id = strcmp(key, setup.users_key) == 0 &&
                     OidIsValid(comparable_type(setup.user.type)) &&
                     OidIsValid(comparable_type(setup.users_key_type));
  return is_id ? user : found_id_of_user(setup, user, key);
}

bool is_user_gone(const Order &order, const char *user) {
  const OrderSetup &setup = setup_with_users(order);
  if (!OidIsValid(setup.users)) return false;
  const Visit users_owner = stand_in(setup.users, ACL_SELECT);
  SPI_connect();
  const Datum values[] = {CStringGetTextDatum(user)};
  const bool is_gone = run(customer_plan(setup, Hold::kNothing), values) == 0;
  SPI_finish();
  leave(users_owner);
  return is_gone;
}

}  // namespace customer_identity
