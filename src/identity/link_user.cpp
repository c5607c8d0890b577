// link_user: keeps every login linked to its customer. BEFORE the row is written it sets the
// customer; AFTER it, when the row is sure to exist, it keeps proofs. A login that was deleted
// takes its proofs along; after the statement they follow new ids, the customers' names follow new
// names, and earlier orders are attached.
#include "identity/customers.hpp"
#include "identity/follow_names.hpp"
#include "history/history.hpp"
#include "identity/proofs.hpp"
#include "identity/user_changes.hpp"
#include "identity/users.hpp"
#include "book/attached_tables.hpp"
#include "book/book.hpp"
#include "pg/owner.hpp"
#include "pg/partition_moves.hpp"
#include "phones/phone_reader.hpp"
#include "pg/plans.hpp"
#include "pg/postgres.hpp"
#include "pg/query_notes.hpp"
#include "pg/trigger_call.hpp"
#include "book/trigger_setup.hpp"
#include "book/user_id.hpp"

namespace customer_identity {
namespace {

constexpr std::initializer_list<TriggerEvent> kMadeFor = {
    kBeforeRow | TRIGGER_EVENT_INSERT,         kBeforeRow | TRIGGER_EVENT_UPDATE,
    kAfterRow | TRIGGER_EVENT_INSERT,          kAfterRow | TRIGGER_EVENT_UPDATE,
    kAfterRow | TRIGGER_EVENT_DELETE,          kAfterStatementAlone | TRIGGER_EVENT_UPDATE,
    kBeforeStatement | TRIGGER_EVENT_TRUNCATE,
};

struct LinkUser : Setup {
  Column key;
  Column *phones;  // in order of trust
  int phone_count;
  Column verified;  // belongs to the first phone
  Column name;
  Column region;
  char *default_region;
  Column customer;
  Oid root;
};

void read_setup(LinkUser *setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  const Arguments arguments = arguments_of(call->tg_trigger);
  const List *phones = values_of(arguments, "phone");
  setup->phone_count = list_length(phones);
  setup->phones = static_cast<Column *>(palloc(sizeof(Column) * (setup->phone_count + 1)));
  for (int i = 0; i < setup->phone_count; ++i)
    setup->phones[i] = phone_column(users, static_cast<char *>(list_nth(phones, i)));
  setup->key = column_named(users, value_of(arguments, "key"));
  setup->verified = column_named(users, value_of(arguments, "verified"));
  setup->name = column_named(users, value_of(arguments, "name"));
  setup->region = region_column(users, value_of(arguments, "region"));
  const char *default_region = value_of(arguments, "default_region");
  setup->default_region = default_region == nullptr ? nullptr : pstrdup(default_region);
  setup->customer = customer_column(users, arguments);
  setup->root = root_of(users);
}

// A phone that a row claims; `column` counts in order of trust. Empty e164: none is readable.
struct Claim {
  char e164[sizeof(phone::Details::e164)];
  int column;
};

Claim claim_of(const LinkUser &setup, HeapTuple user, Relation users) {
  Claim claim = {};
  const Region region = region_of(text_in(setup.region, user, users), setup.default_region);
  for (; claim.column < setup.phone_count; ++claim.column) {
    const char *raw = text_in(setup.phones[claim.column], user, users);
    if (raw == nullptr) continue;
    const phone::Details &details = read_phone(raw, region);
    if (details.reason != phone::Reason::kOk) continue;
    strlcpy(claim.e164, details.e164, sizeof(claim.e164));
    break;
  }
  return claim;
}

bool is_readable(const Claim &claim) { return claim.e164[0] != '\0'; }

bool claim_differs(const LinkUser &setup, HeapTuple before, HeapTuple after, Relation users) {
  for (int i = 0; i < setup.phone_count; ++i)
    if (differs(setup.phones[i], before, after, users)) return true;
  return differs(setup.region, before, after, users);
}

bool customer_in(const LinkUser &setup, HeapTuple user, Relation users, pg_uuid_t *customer) {
  bool is_null;
  const Datum value = value_in(setup.customer, user, users, &is_null);
  if (!is_null) *customer = *DatumGetUUIDP(value);
  return !is_null;
}

HeapTuple with_customer(const LinkUser &setup, HeapTuple user, Relation users, Datum customer,
                        bool is_null) {
  int number = setup.customer.number;
  return heap_modify_tuple_by_cols(user, RelationGetDescr(users), 1, &number, &customer, &is_null);
}

// The id of the login before the statement, by which proofs and history know it until the statement
// ends; of one that is new, or had none, the present one.
const char *id_of_login(const LinkUser &setup, const TriggerData *call) {
  const char *id = text_in(setup.key, call->tg_trigtuple, call->tg_relation);
  if (id != nullptr || !TRIGGER_FIRED_BY_UPDATE(call->tg_event)) return id;
  return text_in(setup.key, call->tg_newtuple, call->tg_relation);
}

Origin origin_of(const LinkUser &setup, const TriggerData *call) {
  return {"user", call->tg_relation, id_of_login(setup, call)};
}

HeapTuple linked_to_claim(const LinkUser &setup, const TriggerData *call, HeapTuple user,
                          const Claim &claim) {
  const Relation users = call->tg_relation;
  const char *name = text_in(setup.name, user, users);
  const Actor before = act_as(users->rd_rel->relowner);
  const pg_uuid_t customer = customer_of(setup.customers, Acting::kOwner, claim.e164, name,
                                         Hold::kRow, origin_of(setup, call));
  act_again_as(before);
  return with_customer(setup, user, users, UUIDPGetDatum(&customer), false);
}

// A link that the application gives to a user without a readable phone is kept.
HeapTuple before_insert(const LinkUser &setup, const TriggerData *call) {
  const Claim claim = claim_of(setup, call->tg_trigtuple, call->tg_relation);
  if (!is_readable(claim)) return call->tg_trigtuple;
  return linked_to_claim(setup, call, call->tg_trigtuple, claim);
}

HeapTuple before_update(const LinkUser &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  HeapTuple user = call->tg_newtuple;
  if (!claim_differs(setup, call->tg_trigtuple, user, users)) return user;

  const Claim claim = claim_of(setup, user, users);
  if (!is_readable(claim)) return with_customer(setup, user, users, Datum(0), true);
  pg_uuid_t customer;
  const Claim old_claim = claim_of(setup, call->tg_trigtuple, users);
  const bool respelled = strcmp(claim.e164, old_claim.e164) == 0;
  if (respelled && customer_in(setup, user, users, &customer)) return user;
  return linked_to_claim(setup, call, user, claim);
}

bool is_set(const Column &column, const TriggerData *call) {
  return bms_is_member(column.number - FirstLowInvalidHeapAttributeNumber, call->tg_updatedcols);
}

// Verified and phone arriving in one statement. A flag that flips alone proves nothing: whoever
// typed a stranger's number would be blessed by the stranger's code.
bool brings_proof(const LinkUser &setup, const TriggerData *call, HeapTuple user,
                  const Claim &claim) {
  if (setup.verified.number == 0 || setup.key.number == 0) return false;
  if (!is_readable(claim) || claim.column != 0) return false;
  const char *verified = text_in(setup.verified, user, call->tg_relation);
  if (verified == nullptr || strcmp(verified, "true") != 0) return false;
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event)) return true;
  return is_set(setup.phones[0], call) && is_set(setup.verified, call);
}

void keep_proof_of(const LinkUser &setup, const TriggerData *call, const Claim &claim) {
  const char *user_id = id_of_login(setup, call);
  if (user_id == nullptr) return;
  const pg_uuid_t customer = customer_of(setup.customers, Acting::kOwner, claim.e164, nullptr,
                                         Hold::kRow, origin_of(setup, call));
  keep_proof(setup.customers, Acting::kOwner, claim.e164, customer, user_id, "auth");
}

// The users that a running statement gives a customer, as the orders of one table refer to them.
struct GainedCustomers : QueryNote {
  Oid type;  // of what they are referred to by
  ArrayBuildState *users;
  ArrayBuildState *customers;
};

constexpr int kMaxGained = 10000;

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

// Several users are worth a plan of their own, which knows how many they are.
void attach_orders_of(const Attached &orders, const GainedCustomers &gained) {
  const char *user_column = value_of(orders.arguments, "user");
  const char *customer_column = value_of(orders.arguments, "customer");
  if (user_column == nullptr || customer_column == nullptr) return;
  const AttrNumber user = get_attnum(orders.relation, user_column);
  if (user <= 0 || get_attnum(orders.relation, customer_column) <= 0) return;

  const Actor before = act_as(orders.owner);
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
  act_again_as(before);
}

// The note is empty before anything runs that might add to it.
void attach_noted_orders(const Attached &orders, GainedCustomers *note) {
  const GainedCustomers gained = *note;
  note->users = note->customers = nullptr;
  if (gained.users != nullptr) attach_orders_of(orders, gained);
}

GainedCustomers *gained_for(const Attached &orders, MemoryContext query) {
  return static_cast<GainedCustomers *>(
      find_note(gained_customers, query, {orders.relation, InvalidOid}));
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

void note_gained(const Attached &orders, MemoryContext query, const Reference &user,
                 const pg_uuid_t &customer) {
  GainedCustomers *note = gained_for(orders, query);
  if (note == nullptr)
    note = static_cast<GainedCustomers *>(
        add_note(&gained_customers, query, {orders.relation, InvalidOid}, sizeof(GainedCustomers)));
  note->type = user.type;
  note->users =
      accumArrayResult(note->users, CStringGetTextDatum(user.value), false, TEXTOID, query);
  note->customers =
      accumArrayResult(note->customers, UUIDPGetDatum(&customer), false, UUIDOID, query);
}

// Whether after_statement() is called for statements that name the table: a new partition has not
// got the trigger yet.
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
void for_each_orders_of(const LinkUser &setup, Visit &&visit) {
  ListCell *cell;
  foreach (cell, attached_tables(TableKind::kOrders, setup.customers)) {
    const auto *orders = static_cast<Attached *>(lfirst(cell));
    if (find_table(value_of(orders->arguments, "users")) == setup.root) visit(*orders);
  }
}

// The user's orders that were placed before the user had a customer.
void note_earlier_orders(const LinkUser &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  const MemoryContext query = running_query();
  pg_uuid_t customer;
  if (customer_in(setup, call->tg_trigtuple, users, &customer)) return;
  if (!customer_in(setup, call->tg_newtuple, users, &customer)) return;
  const int limit = has_statement_trigger(call) ? kMaxGained : 1;
  for_each_orders_of(setup, [&](const Attached &orders) {
    const Reference user = reference_of(orders, call->tg_newtuple, users);
    if (user.value == nullptr) return;
    note_gained(orders, query, user, customer);
    GainedCustomers *note = gained_for(orders, query);
    if (note->users->nelems >= limit) attach_noted_orders(orders, note);
  });
}

void attach_earlier_orders(const LinkUser &setup) {
  const MemoryContext query = running_query();
  if (gained_customers == nullptr) return;
  for_each_orders_of(setup, [&](const Attached &orders) {
    GainedCustomers *note = gained_for(orders, query);
    if (note != nullptr) attach_noted_orders(orders, note);
  });
}

// What linked or unlinked a user. Only the application, or a backfill, sets a customer alone.
const char *cause_of_link(const LinkUser &setup, const TriggerData *call) {
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event)) return "sign_up";
  if (TRIGGER_FIRED_BY_DELETE(call->tg_event)) return "deleted";
  const bool claimed =
      claim_differs(setup, call->tg_trigtuple, call->tg_newtuple, call->tg_relation);
  return claimed ? "phone_changed" : "application";
}

void record_link(const LinkUser &setup, const TriggerData *call, const char *event,
                 const pg_uuid_t &customer) {
  const char *user_id = id_of_login(setup, call);
  write_event(setup.customers, customer, event,
              {{"cause", cause_of_link(setup, call)},
               {"table", relation_name(setup.root)},
               {"user_id", user_id}},
              user_id);
}

// Only of a table that feeds the book: anybody can put our trigger on one of his own. Either row
// may be NULL.
void record_links(const LinkUser &setup, const TriggerData *call, HeapTuple old_user,
                  HeapTuple user) {
  const Relation users = call->tg_relation;
  if (!may_feed(users->rd_rel->relowner, setup.customers)) return;
  pg_uuid_t customer;
  if (old_user != nullptr && customer_in(setup, old_user, users, &customer))
    record_link(setup, call, "user_unlinked", customer);
  if (user != nullptr && customer_in(setup, user, users, &customer))
    record_link(setup, call, "user_linked", customer);
}

void after_insert(const LinkUser &setup, const TriggerData *call) {
  record_links(setup, call, nullptr, call->tg_trigtuple);
  if (setup.verified.number == 0) return;
  const Claim claim = claim_of(setup, call->tg_trigtuple, call->tg_relation);
  if (brings_proof(setup, call, call->tg_trigtuple, claim)) keep_proof_of(setup, call, claim);
}

void after_update(const LinkUser &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  HeapTuple user = call->tg_newtuple;
  if (differs(setup.customer, call->tg_trigtuple, user, users))
    record_links(setup, call, call->tg_trigtuple, user);
  const Claim claim = claim_of(setup, user, users);
  const char *user_id = id_of_login(setup, call);
  if (user_id != nullptr && claim_differs(setup, call->tg_trigtuple, user, users)) {
    const Claim old_claim = claim_of(setup, call->tg_trigtuple, users);
    if (strcmp(claim.e164, old_claim.e164) != 0)
      end_proofs_of_user(setup.customers, Acting::kOwner, user_id,
                         is_readable(claim) ? claim.e164 : nullptr, "phone changed");
  }
  if (brings_proof(setup, call, user, claim)) keep_proof_of(setup, call, claim);
}

// Whoever gets the id of a deleted user has proved nothing. Another users table may have the user
// as well.
void after_delete(const LinkUser &setup, const TriggerData *call) {
  const char *user_id = text_in(setup.key, call->tg_trigtuple, call->tg_relation);
  const Oid users_owner = call->tg_relation->rd_rel->relowner;
  if (user_id == nullptr || !may_feed(users_owner, setup.customers)) return;
  if (is_user_elsewhere(setup.customers, setup.root, user_id)) return;
  record_links(setup, call, call->tg_trigtuple, nullptr);
  const Visit books_owner = visit_to_write(owner_of(setup.customers));
  end_user(setup.customers, user_id, "user deleted");
  leave(books_owner);
}

// Nobody needs a book to leave.
bool has_lost_book(const TriggerData *call) {
  const char *customers = value_of(arguments_of(call->tg_trigger), "customers");
  return customers == nullptr || !OidIsValid(find_table(customers));
}

bool needs_after(const LinkUser &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  pg_uuid_t customer;
  if (TRIGGER_FIRED_BY_DELETE(call->tg_event)) return true;
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
    return setup.verified.number != 0 || customer_in(setup, call->tg_trigtuple, users, &customer);
  return claim_differs(setup, call->tg_trigtuple, call->tg_newtuple, users) ||
         differs(setup.customer, call->tg_trigtuple, call->tg_newtuple, users) ||
         (setup.verified.number != 0 && is_set(setup.verified, call));
}

void act_after(const LinkUser &setup, const TriggerData *call) {
  if (!needs_after(setup, call)) return;
  const Actor before = act_as(call->tg_relation->rd_rel->relowner);
  SPI_connect();
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
    after_insert(setup, call);
  else if (TRIGGER_FIRED_BY_DELETE(call->tg_event))
    after_delete(setup, call);
  else
    after_update(setup, call);
  SPI_finish();
  act_again_as(before);
}

void note_rename(const LinkUser &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  if (!differs(setup.key, call->tg_trigtuple, call->tg_newtuple, users)) return;
  RenamedUser user = {};
  user.old_id = text_in(setup.key, call->tg_trigtuple, users);
  user.new_id = text_in(setup.key, call->tg_newtuple, users);
  if (user.old_id == nullptr) return;
  if (user.new_id != nullptr && strcmp(user.old_id, user.new_id) == 0) return;
  for (HeapTuple row : {call->tg_trigtuple, call->tg_newtuple})
    if (customer_in(setup, row, users, &user.customers[user.customer_count])) ++user.customer_count;
  note_new_id(setup.root, user);
}

void note_name(const LinkUser &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  if (!differs(setup.name, call->tg_trigtuple, call->tg_newtuple, users)) return;
  NamedUser user = {};
  pg_uuid_t customer;
  if (!customer_in(setup, call->tg_trigtuple, users, &customer)) return;
  if (!customer_in(setup, call->tg_newtuple, users, &user.customer)) return;
  if (memcmp(&customer, &user.customer, sizeof(customer)) != 0) return;
  user.user_id = text_in(setup.key, call->tg_newtuple, users);
  if (user.user_id == nullptr) return;
  user.old_name = as_preferred_name(text_in(setup.name, call->tg_trigtuple, users));
  user.new_name = as_preferred_name(text_in(setup.name, call->tg_newtuple, users));
  note_new_name(setup.root, user);
}

void after_row(const LinkUser &setup, const TriggerData *call) {
  const PartitionCall partition = {call, setup.root};
  if (TRIGGER_FIRED_BY_DELETE(call->tg_event) && moves_away(partition)) return;
  if (const TriggerData *update = arriving_update(partition)) call = update;
  if (TRIGGER_FIRED_BY_UPDATE(call->tg_event)) {
    note_rename(setup, call);
    note_name(setup, call);
  }
  act_after(setup, call);
  if (TRIGGER_FIRED_BY_UPDATE(call->tg_event)) note_earlier_orders(setup, call);
}

HeapTuple before_row(const LinkUser &setup, const TriggerData *call) {
  const PartitionCall partition = {call, setup.root};
  if (const TriggerData *update = arriving_update(partition)) return before_update(setup, update);
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event)) return before_insert(setup, call);
  HeapTuple user = before_update(setup, call);
  note_update(partition, user);
  return user;
}

// Every row of the statement has been seen.
void after_statement(const LinkUser &setup, const TriggerData *call) {
  RenamedUsers *renamed = noted_new_ids(setup.root);
  NamedUsers *named = noted_new_names(setup.root);
  attach_earlier_orders(setup);
  while (const TriggerData *loss = lost_row({call, setup.root})) act_after(setup, loss);
  if (renamed == nullptr && named == nullptr) return;
  if (!may_feed(call->tg_relation->rd_rel->relowner, setup.customers)) return;
  const Visit books_owner = visit_to_write(owner_of(setup.customers));
  SPI_connect();
  if (renamed != nullptr) follow_new_ids(setup.customers, renamed);
  if (named != nullptr) follow_new_names(setup.customers, named);
  SPI_finish();
  leave(books_owner);
}

// The logins that TRUNCATE is about to remove, seen or not by the transaction's own snapshot. A
// partitioned table has none itself: its partitions' triggers fire as well.
void before_truncate(const LinkUser &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  if (users->rd_rel->relkind != RELKIND_RELATION || setup.key.number == 0 ||
      !may_feed(users->rd_rel->relowner, setup.customers))
    return;
  const Visit books_owner = visit_to_write(owner_of(setup.customers));
  Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
  TupleTableSlot *user = table_slot_create(users, nullptr);
  TableScanDesc scan = table_beginscan(users, snapshot, 0, nullptr);
  while (table_scan_getnextslot(scan, ForwardScanDirection, user)) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    const Datum id = slot_getattr(user, setup.key.number, &is_null);
    SPI_connect();
    if (!is_null) end_user(setup.customers, text_of(setup.key, id), "user deleted");
    SPI_finish();
  }
  table_endscan(scan);
  ExecDropSingleTupleTableSlot(user);
  UnregisterSnapshot(snapshot);
  leave(books_owner);
}

bool takes_users_away(const TriggerData *call) {
  return TRIGGER_FIRED_BY_DELETE(call->tg_event) || TRIGGER_FIRED_BY_TRUNCATE(call->tg_event);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(link_user) {
  const TriggerData *call = trigger_call(fcinfo, kMadeFor);
  if (takes_users_away(call) && has_lost_book(call)) PG_RETURN_POINTER(nullptr);
  const LinkUser &setup = *setup_of<LinkUser>(call, read_setup);
  if (TRIGGER_FIRED_FOR_ROW(call->tg_event) && TRIGGER_FIRED_BEFORE(call->tg_event))
    PG_RETURN_POINTER(before_row(setup, call));
  if (TRIGGER_FIRED_FOR_ROW(call->tg_event))
    after_row(setup, call);
  else if (TRIGGER_FIRED_BY_TRUNCATE(call->tg_event))
    before_truncate(setup, call);
  else
    after_statement(setup, call);
  PG_RETURN_POINTER(nullptr);
}

}  // namespace customer_identity
