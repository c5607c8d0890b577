// Turns trigger arguments back into the call that wrote them, for hints and for check_setup().
#include "book/attach_call.hpp"

#include "book/book.hpp"
#include "book/trigger_setup.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

// How an argument of a trigger is called in attach_users or attach_orders.
struct Parameter {
  const char *function;  // the trigger function that carries the argument
  const char *key;
  const char *name;
  bool is_array;
  bool has_default;  // leaving it out would name a column: NULL has to be said
};

constexpr Parameter kUsersParameters[] = {
    {"link_user", "phone", "phone_columns", true, true},
    {"link_user", "verified", "verified_column", false, false},
    {"link_user", "name", "name_column", false, false},
    {"link_user", "region", "region_column", false, false},
    {"link_user", "customer", "customer_column", false, false},
    {"link_user", "default_region", "default_region", false, false},
    {"link_user", "personal", "personal_columns", true, false},
    {"link_user", "customers", "customers", false, false},
};

constexpr Parameter kOrdersParameters[] = {
    {"attach_order", "users", "users", false, false},
    {"attach_order", "user", "user_column", false, true},
    {"attach_order", "phone", "phone_column", false, true},
    {"maintain_totals", "amount", "amount_column", false, false},
    {"maintain_totals", "status", "status_column", false, false},
    {"maintain_totals", "counted", "counted_statuses", true, false},
    {"maintain_totals", "points_per_unit", "points_per_unit", false, false},
    {"attach_order", "payment", "payment_column", false, false},
    {"attach_order", "cod", "cod_values", true, false},
    {"attach_order", "region", "region_column", false, false},
    {"maintain_totals", "timing", "timing", false, false},
    {"attach_order", "customer", "customer_column", false, false},
    {"attach_order", "default_region", "default_region", false, false},
    {"attach_order", "personal", "personal_columns", true, false},
    {"attach_order", "customers", "customers", false, false},
};

bool is_ours(const Trigger &trigger, const char *function) {
  const char *name = get_func_name(trigger.tgfoid);
  const char *schema = get_namespace_name(get_func_namespace(trigger.tgfoid));
  return name != nullptr && schema != nullptr && strcmp(schema, "customer_identity") == 0 &&
         strcmp(name, function) == 0;
}

const Trigger *trigger_on(Relation relation, const char *function) {
  const TriggerDesc *triggers = relation->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i)
    if (is_ours(triggers->triggers[i], function)) return &triggers->triggers[i];
  return nullptr;
}

// A table that lost its attach_order trigger still has its book in the others.
const Trigger *orders_trigger(Relation relation, const Parameter &parameter) {
  const Trigger *trigger = trigger_on(relation, parameter.function);
  return trigger == nullptr && !parameter.has_default ? trigger_on(relation, "maintain_totals")
                                                      : trigger;
}

void append_array(StringInfo call, const List *values) {
  appendStringInfoString(call, "ARRAY[");
  ListCell *cell;
  foreach (cell, values)
    appendStringInfo(call, "%s%s", cell == list_head(values) ? "" : ", ",
                     quote_literal_cstr(static_cast<char *>(lfirst(cell))));
  appendStringInfoChar(call, ']');
}

void append_parameter(StringInfo call, const Parameter &parameter, const Trigger *trigger) {
  if (trigger == nullptr) return;
  const List *values = values_of(arguments_of(trigger), parameter.key);
  if (values == NIL && !parameter.has_default) return;
  appendStringInfo(call, ", %s => ", parameter.name);
  if (values == NIL)
    appendStringInfoString(call, "NULL");
  else if (parameter.is_array)
    append_array(call, values);
  else
    appendStringInfoString(call, quote_literal_cstr(static_cast<char *>(linitial(values))));
}

bool is_users(Relation relation) { return trigger_on(relation, "link_user") != nullptr; }

StringInfoData beginning_of_call(Relation relation) {
  StringInfoData call;
  initStringInfo(&call);
  appendStringInfo(&call, "customer_identity.%s(%s",
                   is_users(relation) ? "attach_users" : "attach_orders",
                   quote_literal_cstr(relation_name(logical_table(RelationGetRelid(relation)))));
  return call;
}

}  // namespace

const char *attach_call(Relation relation) {
  StringInfoData call = beginning_of_call(relation);
  if (is_users(relation))
    for (const Parameter &parameter : kUsersParameters)
      append_parameter(&call, parameter, trigger_on(relation, parameter.function));
  else
    for (const Parameter &parameter : kOrdersParameters)
      append_parameter(&call, parameter, orders_trigger(relation, parameter));
  appendStringInfoChar(&call, ')');
  return call.data;
}

const char *shown_attach_call(Relation relation) {
  constexpr std::size_t kMaximumShown = 1000;
  const char *call = attach_call(relation);
  if (strlen(call) <= kMaximumShown) return call;
  return psprintf("%s, ...)", beginning_of_call(relation).data);
}

// The call as an SQL function, for check_setup() and for people; NULL for a table that was dropped.
CUSTOMER_IDENTITY_FUNCTION(attach_call) {
  Relation relation = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
  if (relation == nullptr) PG_RETURN_NULL();
  const char *call = attach_call(relation);
  relation_close(relation, AccessShareLock);
  PG_RETURN_TEXT_P(cstring_to_text(call));
}

}  // namespace customer_identity
