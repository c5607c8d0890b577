// link_user: keeps every login linked to its customer. BEFORE the row is written it sets the
// customer; AFTER it, when the row is sure to exist, it keeps proofs. A login that was deleted
// takes its proofs along; after the statement they follow new ids, the customers' names follow new
// names, and earlier orders are attached.
#include "identity/claim.hpp"
#include "identity/customers.hpp"
#include "identity/earlier_orders.hpp"
#include "identity/follow_names.hpp"
#include "history/history.hpp"
#include "identity/merges.hpp"
#include "identity/proofs.hpp"
#include "identity/user_changes.hpp"
#include "identity/users.hpp"
#include "book/attached_tables.hpp"
#include "book/book.hpp"
#include "book/call_elsewhere.hpp"
#include "book/move_cause.hpp"
#include "pg/owner.hpp"
#include "pg/partition_moves.hpp"
#include "pg/shards.hpp"
#include "pg/majors.hpp"
#include "pg/query_notes.hpp"
#include "pg/trigger_call.hpp"
#include "book/trigger_setup.hpp"

namespace customer_identity {
namespace {

constexpr std::initializer_list<TriggerEvent> kMadeFor = {
    kBeforeRow | TRIGGER_EVENT_INSERT,         kBeforeRow | TRIGGER_EVENT_UPDATE,
    kAfterRow | TRIGGER_EVENT_INSERT,          kAfterRow | TRIGGER_EVENT_UPDATE,
    kAfterRow | TRIGGER_EVENT_DELETE,          kAfterStatementAlone | TRIGGER_EVENT_UPDATE,
    kBeforeStatement | TRIGGER_EVENT_TRUNCATE,
};

bool customer_in(const UserSetup &setup, HeapTuple user, Relation users, pg_uuid_t *customer) {
  return uuid_in(setup.customer, user, users, customer);
}

// The id of the login before the statement, by which proofs and history know it until the statement
// ends; of one that is new, or had none, the present one.
const char *id_of_login(const UserSetup &setup, const TriggerData *call) {
  const char *id = text_in(setup.key, call->tg_trigtuple, call->tg_relation);
  if (id != nullptr || !TRIGGER_FIRED_BY_UPDATE(call->tg_event)) return id;
  return text_in(setup.key, call->tg_newtuple, call->tg_relation);
}

Origin origin_of(const UserSetup &setup, const TriggerData *call) {
  return {"user", call->tg_relation, id_of_login(setup, call)};
}

// Linked to the customer of the first phone that names somebody. NULL: all of them name nobody.
HeapTuple linked_to_claim(const UserSetup &setup, const TriggerData *call, HeapTuple user,
                          Claim claim) {
  const Relation users = call->tg_relation;
  const char *name = text_in(setup.name, user, users);
  const Actor before = act_as(users->rd_rel->relowner);
  pg_uuid_t customer;
  bool found = false;
  for (; !found && is_readable(claim); claim = claim_after(setup, user, users, claim))
    found = get_or_create_customer_of(setup.customers, claim.e164, name, Hold::kRow,
                                      origin_of(setup, call), &customer);
  act_again_as(before);
  return found ? with_uuid(setup.customer, user, users, &customer) : nullptr;
}

// As the application has linked it; the customer may have been merged into another one.
HeapTuple linked_as_given(const UserSetup &setup, const TriggerData *call, HeapTuple user) {
  const Relation users = call->tg_relation;
  pg_uuid_t customer;
  if (!customer_in(setup, user, users, &customer) ||
      !may_feed(users->rd_rel->relowner, setup.customers) ||
      !follow_merges(setup.customers, &customer))
    return user;
  return with_uuid(setup.customer, user, users, &customer);
}

// A link that the application gives to a user without a readable phone is kept.
HeapTuple before_insert(const UserSetup &setup, const TriggerData *call) {
  const Claim claim = claim_of(setup, call->tg_trigtuple, call->tg_relation);
  HeapTuple linked = linked_to_claim(setup, call, call->tg_trigtuple, claim);
  return linked == nullptr ? linked_as_given(setup, call, call->tg_trigtuple) : linked;
}

HeapTuple before_update(const UserSetup &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  HeapTuple user = call->tg_newtuple;
  if (!claim_differs(setup, call->tg_trigtuple, user, users)) {
    const bool is_given = differs(setup.customer, call->tg_trigtuple, user, users);
    return is_given ? linked_as_given(setup, call, user) : user;
  }

  const Claim claim = claim_of(setup, user, users);
  pg_uuid_t customer;
  if (is_readable(claim) && customer_in(setup, user, users, &customer) &&
      strcmp(claim.e164, claim_of(setup, call->tg_trigtuple, users).e164) == 0)
    return user;
  HeapTuple linked = linked_to_claim(setup, call, user, claim);
  return linked == nullptr ? with_uuid(setup.customer, user, users, nullptr) : linked;
}

bool is_set(const Column &column, const TriggerData *call) {
  return bms_is_member(column.number - FirstLowInvalidHeapAttributeNumber, call->tg_updatedcols);
}

// Of a MERGE it is not known which of its actions has written a row, and tg_updatedcols has what
// any of them sets.
bool is_merge() { return ActivePortal != nullptr && ActivePortal->commandTag == CMDTAG_MERGE; }

// Verified and phone arriving in one statement. A flag that flips alone proves nothing: whoever
// typed a stranger's number would be blessed by the stranger's code.
bool arrives_verified(const UserSetup &setup, const TriggerData *call, HeapTuple user) {
  if (setup.verified.number == 0 || setup.key.number == 0) return false;
  const char *verified = text_in(setup.verified, user, call->tg_relation);
  if (verified == nullptr || strcmp(verified, "true") != 0) return false;
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event)) return true;
  if (!is_set(setup.phones[0], call) || !is_set(setup.verified, call)) return false;
  return !is_merge() || differs(setup.phones[0], call->tg_trigtuple, user, call->tg_relation);
}

void keep_proof_of(const UserSetup &setup, const TriggerData *call, const Claim &claim) {
  const char *user_id = id_of_login(setup, call);
  if (user_id == nullptr || !is_readable(claim) || claim.column != 0) return;
  pg_uuid_t customer;
  keep_proof(setup.customers, claim.e164, user_id, "auth", origin_of(setup, call), &customer);
}

// What linked or unlinked a user. Only functions that move rows, the application and a backfill set
// a customer alone.
const char *cause_of_link(const UserSetup &setup, const TriggerData *call) {
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event)) return "sign_up";
  if (TRIGGER_FIRED_BY_DELETE(call->tg_event)) return "deleted";
  const bool claimed =
      claim_differs(setup, call->tg_trigtuple, call->tg_newtuple, call->tg_relation);
  if (claimed) return "phone_changed";
  return move_cause() == nullptr ? "application" : move_cause();
}

// Fires whenever the present one does.
bool is_like_present(const Trigger &trigger, const TriggerData *call) {
  return trigger.tgfoid == call->tg_trigger->tgfoid && trigger.tgqual == nullptr &&
         trigger.tgnattr == 0 && trigger.tgenabled == call->tg_trigger->tgenabled;
}

// Whether nobody can look at the history until after_statement() is called for the row: the
// statement is a backfill's, and the application has no triggers that run when it has written.
bool is_alone(const TriggerData *call) {
  if (!is_backfill() || !TRIGGER_FIRED_BY_UPDATE(call->tg_event) || trigger_depth() > 1)
    return false;
  const TriggerDesc *triggers = call->tg_relation->trigdesc;
  bool is_followed = false;
  for (int i = 0; i < triggers->numtriggers; ++i) {
    const Trigger &trigger = triggers->triggers[i];
    if (trigger.tgisinternal || !TRIGGER_FOR_AFTER(trigger.tgtype) ||
        !TRIGGER_FOR_UPDATE(trigger.tgtype))
      continue;
    if (trigger.tgfoid != call->tg_trigger->tgfoid) return false;
    is_followed |= !TRIGGER_FOR_ROW(trigger.tgtype) && is_like_present(trigger, call);
  }
  return is_followed;
}

void record_link(const UserSetup &setup, const TriggerData *call, const char *event,
                 const pg_uuid_t &customer) {
  const MemoryContext query = running_query();
  const char *user_id = id_of_login(setup, call);
  const std::initializer_list<Detail> details = {
      {"cause", cause_of_link(setup, call)}, {"table", setup.users_name}, {"user_id", user_id}};
  if (is_alone(call))
    note_event(query, setup.customers, customer, event, details, user_id);
  else
    write_event(setup.customers, customer, event, details, user_id);
}

// Only of a table that feeds the book: anybody can put our trigger on one of his own. Either row
// may be NULL.
void record_links(const UserSetup &setup, const TriggerData *call, HeapTuple old_user,
                  HeapTuple user) {
  const Relation users = call->tg_relation;
  if (!may_feed(users->rd_rel->relowner, setup.customers)) return;
  pg_uuid_t customer;
  if (old_user != nullptr && customer_in(setup, old_user, users, &customer))
    record_link(setup, call, "user_unlinked", customer);
  if (user != nullptr && customer_in(setup, user, users, &customer))
    record_link(setup, call, "user_linked", customer);
}

void after_insert(const UserSetup &setup, const TriggerData *call) {
  record_links(setup, call, nullptr, call->tg_trigtuple);
  if (!arrives_verified(setup, call, call->tg_trigtuple)) return;
  SPI_connect();
  keep_proof_of(setup, call, claim_of(setup, call->tg_trigtuple, call->tg_relation));
  SPI_finish();
}

// The claim is another one, and not only spelled differently.
void end_old_proofs(const UserSetup &setup, const TriggerData *call, const Claim &claim) {
  const char *user_id = id_of_login(setup, call);
  if (user_id == nullptr) return;
  const Claim old_claim = claim_of(setup, call->tg_trigtuple, call->tg_relation);
  if (strcmp(claim.e164, old_claim.e164) == 0) return;
  end_proofs_of_user(setup.customers, user_id, is_readable(claim) ? claim.e164 : nullptr,
                     "phone changed");
}

Logins logins_of(const UserSetup &setup) {
  return {logical_table(setup.root), get_attname(setup.relation, setup.key.number, false)};
}

// What a merge moved, and has left the customer since by itself, does not go back.
void forget_in_merges(const UserSetup &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  const char *user_id = text_in(setup.key, call->tg_trigtuple, users);
  pg_uuid_t customer;
  if (user_id == nullptr || !may_feed(users->rd_rel->relowner, setup.customers) ||
      !customer_in(setup, call->tg_trigtuple, users, &customer))
    return;
  const Visit owner = visit(owner_of(setup.customers));
  forget_login(setup.customers, logins_of(setup), user_id, customer);
  leave(owner);
}

void after_update(const UserSetup &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  HeapTuple user = call->tg_newtuple;
  if (differs(setup.customer, call->tg_trigtuple, user, users)) {
    record_links(setup, call, call->tg_trigtuple, user);
    if (move_cause() == nullptr) forget_in_merges(setup, call);
  }
  const bool is_verified = arrives_verified(setup, call, user);
  const bool is_claim = claim_differs(setup, call->tg_trigtuple, user, users);
  if (!is_verified && !is_claim) return;
  const Claim claim = claim_of(setup, user, users);
  SPI_connect();
  if (is_claim) end_old_proofs(setup, call, claim);
  if (is_verified) keep_proof_of(setup, call, claim);
  SPI_finish();
}

// Whoever gets the id of a deleted user has proved nothing. Another users table may have the user
// as well.
void after_delete(const UserSetup &setup, const TriggerData *call) {
  const char *user_id = text_in(setup.key, call->tg_trigtuple, call->tg_relation);
  const Oid users_owner = call->tg_relation->rd_rel->relowner;
  if (user_id == nullptr || !may_feed(users_owner, setup.customers)) return;
  forget_in_merges(setup, call);
  if (is_user_elsewhere(setup.customers, setup.root, user_id)) return;
  record_links(setup, call, call->tg_trigtuple, nullptr);
  const Visit books_owner = visit(owner_of(setup.customers));
  end_user(setup.customers, user_id, "user deleted");
  leave(books_owner);
}

// Nobody needs a book to leave.
bool has_lost_book(const TriggerData *call) {
  const char *customers = value_of(present_arguments(call), "customers");
  return customers == nullptr || !OidIsValid(find_table(customers));
}

bool needs_after(const UserSetup &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  pg_uuid_t customer;
  if (TRIGGER_FIRED_BY_DELETE(call->tg_event)) return true;
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
    return setup.verified.number != 0 || customer_in(setup, call->tg_trigtuple, users, &customer);
  return claim_differs(setup, call->tg_trigtuple, call->tg_newtuple, users) ||
         differs(setup.customer, call->tg_trigtuple, call->tg_newtuple, users) ||
         (setup.verified.number != 0 && is_set(setup.verified, call));
}

void act_after(const UserSetup &setup, const TriggerData *call) {
  if (!needs_after(setup, call)) return;
  const Actor before = act_as(call->tg_relation->rd_rel->relowner);
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
    after_insert(setup, call);
  else if (TRIGGER_FIRED_BY_UPDATE(call->tg_event))
    after_update(setup, call);
  else
    after_delete(setup, call);
  act_again_as(before);
}

void note_rename(const UserSetup &setup, const TriggerData *call) {
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

void note_name(const UserSetup &setup, const TriggerData *call) {
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

void note_customer(const UserSetup &setup, const TriggerData *call) {
  const Relation users = call->tg_relation;
  pg_uuid_t customer;
  if (customer_in(setup, call->tg_trigtuple, users, &customer)) return;
  if (!customer_in(setup, call->tg_newtuple, users, &customer)) return;
  note_gained_customer(setup.customers, setup.root, call, customer);
}

void after_row(const UserSetup &setup, const TriggerData *call) {
  const PartitionCall partition = {call, setup.root};
  if (TRIGGER_FIRED_BY_DELETE(call->tg_event) && moves_away(partition)) return;
  if (const TriggerData *update = arriving_update(partition)) call = update;
  if (TRIGGER_FIRED_BY_UPDATE(call->tg_event)) {
    note_rename(setup, call);
    note_name(setup, call);
  }
  act_after(setup, call);
  if (TRIGGER_FIRED_BY_UPDATE(call->tg_event)) note_customer(setup, call);
}

HeapTuple before_row(const UserSetup &setup, const TriggerData *call) {
  const PartitionCall partition = {call, setup.root};
  if (const TriggerData *update = arriving_update(partition)) return before_update(setup, update);
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event)) return before_insert(setup, call);
  HeapTuple user = before_update(setup, call);
  note_update(partition, user);
  return user;
}

void write_noted_links(const UserSetup &setup, const TriggerData *call) {
  const MemoryContext query = running_query();
  const Actor before = act_as(call->tg_relation->rd_rel->relowner);
  write_noted_events(query, setup.customers);
  act_again_as(before);
}

// Every row of the statement has been seen.
void after_statement(const UserSetup &setup, const TriggerData *call) {
  RenamedUsers *renamed = noted_new_ids(setup.root);
  NamedUsers *named = noted_new_names(setup.root);
  attach_earlier_orders(setup.customers, setup.root);
  while (const TriggerData *loss = lost_row({call, setup.root})) act_after(setup, loss);
  write_noted_links(setup, call);
  if (renamed == nullptr && named == nullptr) return;
  if (!may_feed(call->tg_relation->rd_rel->relowner, setup.customers)) return;
  const Visit books_owner = visit(owner_of(setup.customers));
  SPI_connect();
  if (renamed != nullptr) follow_new_ids(setup.customers, logins_of(setup), renamed);
  if (named != nullptr) follow_new_names(setup.customers, named);
  SPI_finish();
  leave(books_owner);
}

void end_truncated(const UserSetup &setup, MemoryContext query, TupleTableSlot *user, Datum id) {
  SPI_connect();
  const char *user_id = text_of(setup.key, id);
  bool has_none;
  const Datum customer = slot_getattr(user, setup.customer.number, &has_none);
  if (!has_none) {
    forget_login(setup.customers, logins_of(setup), user_id, *DatumGetUUIDP(customer));
    note_event(query, setup.customers, *DatumGetUUIDP(customer), "user_unlinked",
               {{"cause", "deleted"}, {"table", setup.users_name}, {"user_id", user_id}}, user_id);
  }
  end_user(setup.customers, user_id, "user deleted");
  SPI_finish();
}

// The logins that TRUNCATE is about to remove, seen or not by the transaction's own snapshot. A
// partitioned table has none itself: its partitions' triggers fire as well.
void before_truncate(const UserSetup &setup, const TriggerData *call) {
  const MemoryContext query = running_query();
  const Relation users = call->tg_relation;
  if (users->rd_rel->relkind != RELKIND_RELATION || setup.key.number == 0 ||
      !may_feed(users->rd_rel->relowner, setup.customers))
    return;
  const Visit books_owner = visit(owner_of(setup.customers));
  Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
  TupleTableSlot *user = table_slot_create(users, nullptr);
  TableScanDesc scan = majors::begin_table_scan(users, snapshot);
  while (table_scan_getnextslot(scan, ForwardScanDirection, user)) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    const Datum id = slot_getattr(user, setup.key.number, &is_null);
    if (!is_null) end_truncated(setup, query, user, id);
  }
  table_endscan(scan);
  ExecDropSingleTupleTableSlot(user);
  UnregisterSnapshot(snapshot);
  write_noted_events(query, setup.customers);
  leave(books_owner);
}

bool takes_users_away(const TriggerData *call) {
  return TRIGGER_FIRED_BY_DELETE(call->tg_event) || TRIGGER_FIRED_BY_TRUNCATE(call->tg_event);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(link_user) {
  const TriggerData *call = trigger_call(fcinfo, kMadeFor);
  if (takes_users_away(call) && has_lost_book(call)) return Datum(0);
  const UserSetup &setup = *setup_of<UserSetup>(call, read_user_setup);
  if (TRIGGER_FIRED_BY_TRUNCATE(call->tg_event) && is_distributed(setup.relation)) {
    if (call->tg_relation->rd_rel->relkind == RELKIND_RELATION)
      call_before_truncate("take_away_users", call->tg_relation, setup.customers);
    return Datum(0);
  }
  if (TRIGGER_FIRED_FOR_ROW(call->tg_event) && TRIGGER_FIRED_BEFORE(call->tg_event))
    PG_RETURN_POINTER(before_row(setup, call));
  if (TRIGGER_FIRED_FOR_ROW(call->tg_event))
    after_row(setup, call);
  else if (TRIGGER_FIRED_BY_TRUNCATE(call->tg_event))
    before_truncate(setup, call);
  else
    after_statement(setup, call);
  return Datum(0);
}

CUSTOMER_IDENTITY_FUNCTION(take_away_users) {
  Truncated truncated;
  if (!is_truncated_here(fcinfo, &truncated)) PG_RETURN_VOID();
  Relation users = table_open(truncated.table, AccessShareLock);
  const TriggerData call = truncate_call(users, "link_user");
  if (call.tg_trigger != nullptr)
    before_truncate(*setup_of<UserSetup>(&call, read_user_setup), &call);
  table_close(users, NoLock);
  PG_RETURN_VOID();
}

}  // namespace customer_identity
