// Resolves the arguments of attach_order.
#include "identity/order.hpp"

#include "book/computed_ids.hpp"
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

void read_users(OrderSetup *setup, const TriggerData *call) {
  const Arguments arguments = arguments_of(call->tg_trigger);
  const char *users = value_of(arguments, "users");
  if (users == nullptr || setup->user.number == 0) return;
  // Its login never says whose an order is that has to come with its customer's id.
  if (setup->has_computed_ids && is_shard(setup->relation)) return;
  if (!OidIsValid(find_table(users, setup->relation))) {
    setup->missing_users = users;
    return;
  }
  setup->users = table_named(users, setup->relation);
  setup->users_key = value_of(arguments, "users_key");
  setup->users_customer = value_of(arguments, "users_customer");
  const AttrNumber key = required_attribute(call, setup->users, setup->users_key);
  required_attribute(call, setup->users, setup->users_customer);
  setup->users_key_type = getBaseType(get_atttype(setup->users, key));
}

}  // namespace

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

}  // namespace customer_identity
