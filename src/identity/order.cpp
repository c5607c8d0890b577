// Resolves the arguments of attach_order.
#include "identity/order.hpp"

#include "book/computed_ids.hpp"
#include "identity/users.hpp"
#include "pg/relations.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

AttrNumber required_attribute(const TriggerData *call, Oid users, const char *column) {
  const AttrNumber number = column == nullptr ? InvalidAttrNumber : get_attnum(users, column);
  if (number <= 0)
    users_outdated(call->tg_relation, users,
                   psprintf("Table %s no longer has a column %s.", relation_name(users),
                            column == nullptr ? "for the key" : quote_identifier(column)));
  return number;
}

bool has_column(Oid table, const char *column) {
  return column != nullptr && get_attnum(table, column) > 0;
}

// One of that name that was made anew is nothing yet: users are known once they are attached. Where
// they are, and a column is gone, the owner is told.
bool is_users_table(const OrderSetup &setup, const char *name) {
  const Oid users = find_table(name, setup.relation);
  return OidIsValid(users) &&
         ((has_column(users, setup.users_key) && has_column(users, setup.users_customer)) ||
          key_of_users(setup.customers, users) != nullptr);
}

void read_users(OrderSetup *setup, const TriggerData *call) {
  const Arguments arguments = arguments_of(call->tg_trigger);
  const char *users = value_of(arguments, "users");
  if (users == nullptr || setup->user.number == 0) return;
  // Its login never says whose an order is that has to come with its customer's id.
  if (setup->has_computed_ids && is_shard(setup->relation)) return;
  setup->users_key = value_of(arguments, "users_key");
  setup->users_customer = value_of(arguments, "users_customer");
  if (!is_users_table(*setup, users)) {
    setup->missing_users = users;
    return;
  }
  setup->users = table_named(users, setup->relation);
  const AttrNumber key = required_attribute(call, setup->users, setup->users_key);
  required_attribute(call, setup->users, setup->users_customer);
  setup->users_key_type = getBaseType(get_atttype(setup->users, key));
}

void read_order_setup(OrderSetup *setup, const TriggerData *call) {
  const Relation orders = call->tg_relation;
  const Arguments arguments = arguments_of(call->tg_trigger);
  setup->user = column_named(orders, value_of(arguments, "user"));
  setup->phone = phone_column(orders, value_of(arguments, "phone"));
  setup->region = region_column(orders, value_of(arguments, "region"));
  setup->default_region = value_of(arguments, "default_region");
  setup->payment = column_named(orders, value_of(arguments, "payment"));
  setup->customer = customer_column(orders, arguments);
  setup->cod_values = values_of(arguments, "cod");
  setup->root = root_of(orders);
  setup->has_computed_ids = has_computed_ids(setup->customers);
  read_users(setup, call);
}

}  // namespace

// Nobody is told of a table that is made.
const OrderSetup &order_setup(const TriggerData *call) {
  const auto *setup = setup_of<OrderSetup>(call, read_order_setup);
  const bool is_back =
      setup->missing_users != nullptr && is_users_table(*setup, setup->missing_users);
  return is_back ? *read_setup_again<OrderSetup>(call, read_order_setup) : *setup;
}

}  // namespace customer_identity
