// Notes the customers that users gain, and joins their orders to them by one UPDATE.
#include "identity/earlier_orders.hpp"

#include "book/attached_tables.hpp"
#include "book/computed_ids.hpp"
#include "book/user_id.hpp"
#include "pg/owner.hpp"
#include "pg/plans.hpp"
#include "pg/query_notes.hpp"
#include "pg/relations.hpp"

namespace customer_identity {
namespace {

// The users that a running statement gives a customer, as the orders of one table refer to them.
struct GainedCustomers : QueryNote {
  Oid type;  // of what they are referred to by
  ArrayBuildState *users;
  ArrayBuildState *customers;
};

constexpr int kMaximumGained = 10000;

QueryNote *gained_customers = nullptr;

// A column that was just added has no statistics: num_nulls() is a condition that none are kept of
// and that no index serves, which leaves the planner the index of the users.
const char *attach_statement(const Attached &orders, AttrNumber user, Oid type) {
  const char *customer_column = quote_identifier(value_of(orders.arguments, "customer"));
  const Oid user_type = getBaseType(get_atttype(orders.relation, user));
  return psprintf(
      "UPDATE %s SET %s = gained_customer FROM"
      " ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS g (gained_user, "
      "gained_customer)"
      " WHERE %s AND pg_catalog.num_nulls(%s) OPERATOR(pg_catalog.=) 1",
      relation_name(orders.relation), customer_column,
      equals_user_id(value_of(orders.arguments, "user"), user_type, type, "gained_user"),
      customer_column);
}

// Who commits trusts the owner of the users that it has written to, and of the book. Another
// owner's triggers leave nothing behind that would run as who commits.
Visit visit_orders(const Attached &orders, Oid customers) {
  const bool is_trusted = orders.owner == GetUserId() || orders.owner == owner_of(customers);
  return visit(orders.owner, is_trusted ? 0 : SECURITY_RESTRICTED_OPERATION);
}

// A column may have got another name while the statement waited for the table. NULL: it has left.
const Attached *held(Oid orders, Oid customers) {
  LockRelationOid(orders, RowExclusiveLock);
  ListCell *cell;
  foreach (cell, attached_tables(TableKind::kOrders, customers)) {
    const auto *attached = static_cast<Attached *>(lfirst(cell));
    if (attached->relation == orders) return attached;
  }
  return nullptr;
}

// Several users are worth a plan of their own, which knows how many they are.
void attach_orders_of(const Attached &orders, Oid customers, const GainedCustomers &gained) {
  const char *user_column = value_of(orders.arguments, "user");
  const char *customer_column = value_of(orders.arguments, "customer");
  if (user_column == nullptr || customer_column == nullptr) return;
  const AttrNumber user = get_attnum(orders.relation, user_column);
  if (user <= 0 || get_attnum(orders.relation, customer_column) <= 0) return;

  const Visit owner = visit_orders(orders, customers);
  SPI_connect();
  const auto statement = [&] { return attach_statement(orders, user, gained.type); };
  const CacheKey key = {orders.relation, orders.trigger, gained.type};
  SPIPlanPtr plan = gained.users->nelems == 1
                        ? saved_plan(key, {TEXTARRAYOID, UUIDARRAYOID}, statement)
                        : custom_plan(statement(), {TEXTARRAYOID, UUIDARRAYOID});
  const Datum values[] = {makeArrayResult(gained.users, CurrentMemoryContext),
                          makeArrayResult(gained.customers, CurrentMemoryContext)};
  run_on_latest(plan, values);
  SPI_finish();
  leave(owner);
}

// The note is empty before anything runs that might add to it.
void attach_noted_orders(Oid orders, Oid customers, GainedCustomers *note) {
  const GainedCustomers gained = *note;
  note->users = note->customers = nullptr;
  const Attached *attached = gained.users == nullptr ? nullptr : held(orders, customers);
  if (attached != nullptr) attach_orders_of(*attached, customers, gained);
}

// What orders have that refer to the user, and the type that it has in the users table.
struct Reference {
  const char *value;
  Oid type;
};

// By the column that the orders are joined by. A sign-up does not fail because it is gone.
Reference reference_of(const Attached &orders, HeapTuple user, Relation users) {
  const char *name = value_of(orders.arguments, "users_key");
  if (name == nullptr || get_attnum(RelationGetRelid(users), name) <= 0) return {};
  const Column column = column_named(users, name);
  return {text_in(column, user, users), column.type};
}

GainedCustomers *note_gained(const Attached &orders, MemoryContext query, const Reference &user,
                             const pg_uuid_t &customer) {
  auto *note = find_or_add_note<GainedCustomers>(&gained_customers, query, {orders.relation});
  note->type = user.type;
  note->users =
      accumArrayResult(note->users, CStringGetTextDatum(user.value), false, TEXTOID, query);
  note->customers =
      accumArrayResult(note->customers, UUIDPGetDatum(&customer), false, UUIDOID, query);
  return note;
}

// Whether attach_earlier_orders() is called for statements that name the table: a new partition has
// not got the trigger yet.
bool has_statement_trigger(const TriggerData *call) {
  constexpr int kLevel = TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_UPDATE;
  const TriggerDesc *triggers = call->tg_relation->trigdesc;
  for (int i = 0; i < triggers->numtriggers; ++i) {
    const Trigger &trigger = triggers->triggers[i];
    if (trigger.tgfoid == call->tg_trigger->tgfoid && trigger.tgenabled != TRIGGER_DISABLED &&
        (trigger.tgtype & kLevel) == TRIGGER_TYPE_UPDATE)
      return true;
  }
  return false;
}

// Calls `visit(orders)` for the tables with orders of these users.
template <typename Visit>
void for_each_orders_of(Oid customers, Oid users, Visit &&visit) {
  ListCell *cell;
  foreach (cell, attached_tables(TableKind::kOrders, customers)) {
    const auto *orders = static_cast<Attached *>(lfirst(cell));
    if (find_table(value_of(orders->arguments, "users"), orders->relation) == users) visit(*orders);
  }
}

}  // namespace

void note_gained_customer(Oid customers, Oid users, const TriggerData *call,
                          const pg_uuid_t &customer) {
  if (has_computed_ids(customers)) return;  // orders are where their ids place them
  const MemoryContext query = running_query();
  const int limit = has_statement_trigger(call) ? kMaximumGained : 1;
  for_each_orders_of(customers, users, [&](const Attached &orders) {
    const Reference user = reference_of(orders, call->tg_newtuple, call->tg_relation);
    if (user.value == nullptr) return;
    GainedCustomers *note = note_gained(orders, query, user, customer);
    if (note->users->nelems >= limit) attach_noted_orders(orders.relation, customers, note);
  });
}

void attach_earlier_orders(Oid customers, Oid users) {
  const MemoryContext query = running_query();
  if (gained_customers == nullptr) return;
  for_each_orders_of(customers, users, [&](const Attached &orders) {
    auto *note = find_note<GainedCustomers>(gained_customers, query, {orders.relation});
    if (note != nullptr) attach_noted_orders(orders.relation, customers, note);
  });
}

}  // namespace customer_identity
