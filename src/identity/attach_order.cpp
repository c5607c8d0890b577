// attach_order: gives every order, of a user or of a guest, its customer, and lets cash on delivery
// pass only for a proved phone where the shop switched that on.
#include "identity/customers.hpp"
#include "identity/proofs.hpp"
#include "identity/users.hpp"
#include "book/book.hpp"
#include "pg/conflicting_row.hpp"
#include "pg/direct_lookup.hpp"
#include "pg/errors.hpp"
#include "pg/owner.hpp"
#include "pg/partition_moves.hpp"
#include "phones/phone_reader.hpp"
#include "pg/plans.hpp"
#include "pg/postgres.hpp"
#include "pg/trigger_call.hpp"
#include "book/trigger_setup.hpp"
#include "book/user_id.hpp"

namespace customer_identity {
namespace {

constexpr std::initializer_list<TriggerEvent> kMadeFor = {kBeforeRow | TRIGGER_EVENT_INSERT,
                                                          kBeforeRow | TRIGGER_EVENT_UPDATE};

struct AttachOrder : Setup {
  Column user;
  Column phone;
  Column region;
  char *default_region;
  Column payment;
  Column customer;
  List *cod_values;  // payment values that mean cash on delivery
  char *users_key;
  char *users_customer;
  Oid users_key_type;
  Oid root;
};

char *copy_of(const char *text) { return text == nullptr ? nullptr : pstrdup(text); }

AttrNumber required_attribute(const TriggerData *call, Oid users, const char *column) {
  const AttrNumber number = column == nullptr ? InvalidAttrNumber : get_attnum(users, column);
  if (number <= 0)
    users_outdated(call->tg_relation, users,
                   psprintf("Table %s has no column %s any more.", relation_name(users),
                            column == nullptr ? "for the key" : quote_identifier(column)));
  return number;
}

void read_users(AttachOrder *setup, const TriggerData *call) {
  const Arguments arguments = arguments_of(call->tg_trigger);
  const char *users = value_of(arguments, "users");
  if (users == nullptr || setup->user.number == 0) return;
  setup->users = table_named(users);
  setup->users_key = copy_of(value_of(arguments, "users_key"));
  setup->users_customer = copy_of(value_of(arguments, "users_customer"));
  const AttrNumber key = required_attribute(call, setup->users, setup->users_key);
  required_attribute(call, setup->users, setup->users_customer);
  setup->users_key_type = getBaseType(get_atttype(setup->users, key));
}

void read_setup(AttachOrder *setup, const TriggerData *call) {
  const Relation orders = call->tg_relation;
  const Arguments arguments = arguments_of(call->tg_trigger);
  setup->user = column_named(orders, value_of(arguments, "user"));
  setup->phone = phone_column(orders, value_of(arguments, "phone"));
  setup->region = region_column(orders, value_of(arguments, "region"));
  setup->default_region = copy_of(value_of(arguments, "default_region"));
  setup->payment = column_named(orders, value_of(arguments, "payment"));
  setup->customer = customer_column(orders, arguments);
  setup->cod_values = values_of(arguments, "cod");
  setup->root = root_of(orders);
  read_users(setup, call);
}

// The customer of an order; `found` false: none.
struct Attachment {
  bool found;
  pg_uuid_t customer;
};

Attachment attachment_in(const AttachOrder &setup, HeapTuple order, Relation orders) {
  Attachment attachment = {};
  bool is_null;
  const Datum value = value_in(setup.customer, order, orders, &is_null);
  attachment.found = !is_null;
  if (!is_null) attachment.customer = *DatumGetUUIDP(value);
  return attachment;
}

Attachment first_attachment() {
  Attachment attachment = {};
  attachment.found = first_uuid(&attachment.customer);
  return attachment;
}

// A statement about the user that an order names by $1.
const char *user_statement(const AttachOrder &setup, const char *expression, const char *lock) {
  return psprintf("SELECT %s FROM %s WHERE %s%s", expression, relation_name(setup.users),
                  equals_user_id(setup.users_key, setup.users_key_type, setup.user.type, "$1"),
                  lock);
}

SPIPlanPtr customer_plan(const AttachOrder &setup, Hold hold) {
  const CacheKey key = {setup.relation, setup.trigger, static_cast<std::uint32_t>(hold)};
  return saved_plan(key, {TEXTOID}, [&] {
    return user_statement(setup, quote_identifier(setup.users_customer),
                          hold == Hold::kRow ? " FOR SHARE" : "");
  });
}

// A user that has no customer yet may be getting one in another transaction, which would not see
// this order: waiting for the user's row lets one of the two see the other. SPI must be connected.
Attachment planned_attachment_of_user(const AttachOrder &setup, const char *user_id) {
  const Datum values[] = {CStringGetTextDatum(user_id)};
  if (run(customer_plan(setup, Hold::kNothing), values) == 0) return {};
  const Attachment attachment = first_attachment();
  if (attachment.found) return attachment;
  if (pg_class_aclcheck(setup.users, GetUserId(), ACL_UPDATE) != ACLCHECK_OK) return {};
  if (run(customer_plan(setup, Hold::kRow), values) == 0) return {};
  return first_attachment();
}

// As the owner of the users table.
Attachment found_attachment_of_user(const AttachOrder &setup, HeapTuple order, Relation orders) {
  bool is_null;
  const Sought user = {value_in(setup.user, order, orders, &is_null),
                       comparable_type(setup.user.type)};
  const Wanted customer = {setup.users, setup.users_key, setup.users_customer, nullptr};
  Attachment attachment = {};
  const Lookup lookup = OidIsValid(user.type)
                            ? look_up_uuid_now(customer, user, Hold::kNothing, &attachment.customer)
                            : Lookup::kImpossible;
  attachment.found = lookup == Lookup::kFound;
  if (attachment.found || lookup == Lookup::kNoRow) return attachment;

  const char *user_id = text_in(setup.user, order, orders);
  SPI_connect();
  attachment = planned_attachment_of_user(setup, user_id);
  SPI_finish();
  return attachment;
}

Attachment seen_attachment_of_user(const AttachOrder &setup, HeapTuple order, Relation orders) {
  const Visit users_owner = stand_in(setup.users, ACL_SELECT);
  const Attachment attachment = found_attachment_of_user(setup, order, orders);
  leave(users_owner);
  return attachment;
}

// Where the customer is being deleted, the user has none by the time that it is gone, or has got
// another one.
Attachment attachment_of_user(const AttachOrder &setup, HeapTuple order, Relation orders) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Attachment attachment = seen_attachment_of_user(setup, order, orders);
    if (!attachment.found) break;
    if (hold_customer(setup.customers, Acting::kOwner, attachment.customer)) return attachment;
  }
  return {};
}

// The user's id as text, of whom the orders may have another column's value, or the same in another
// spelling.
const char *found_id_of_user(const AttachOrder &setup, const char *user, const char *key) {
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

// As history knows the user that an order names.
const char *id_of_user(const AttachOrder &setup, HeapTuple order, Relation orders) {
  const char *user = text_in(setup.user, order, orders);
  if (user == nullptr || !OidIsValid(setup.users)) return user;
  const char *key = key_of_users(setup.customers, setup.users);
  if (key == nullptr || get_attnum(setup.users, key) <= 0) return nullptr;
  const bool is_id = strcmp(key, setup.users_key) == 0 &&
                     OidIsValid(comparable_type(setup.user.type)) &&
                     OidIsValid(comparable_type(setup.users_key_type));
  return is_id ? user : found_id_of_user(setup, user, key);
}

// Readable: its reason is kOk.
phone::Details phone_in(const AttachOrder &setup, HeapTuple order, Relation orders) {
  const char *raw = text_in(setup.phone, order, orders);
  if (raw == nullptr) return phone::unread(phone::Reason::kEmpty);
  return read_phone(raw, region_of(text_in(setup.region, order, orders), setup.default_region));
}

Attachment attachment_of_phone(const AttachOrder &setup, HeapTuple order, Relation orders) {
  const phone::Details details = phone_in(setup, order, orders);
  if (details.reason != phone::Reason::kOk) return {};
  const Origin origin = {"order", orders, id_of_user(setup, order, orders)};
  return {true,
          customer_of(setup.customers, Acting::kOwner, details.e164, nullptr, Hold::kRow, origin)};
}

bool has_user(const AttachOrder &setup, HeapTuple order, Relation orders) {
  if (!OidIsValid(setup.users)) return false;
  bool is_null;
  value_in(setup.user, order, orders, &is_null);
  return !is_null;
}

// A login that was deleted says nothing new.
bool user_changed(const AttachOrder &setup, const TriggerData *call) {
  if (!differs(setup.user, call->tg_trigtuple, call->tg_newtuple, call->tg_relation)) return false;
  bool is_null;
  value_in(setup.user, call->tg_newtuple, call->tg_relation, &is_null);
  return !is_null;
}

// What an update says about the phone of an order.
enum class PhoneNews {
  kNone,      // spelled differently, read for another region, masked or erased
  kFilledIn,  // readable, and there was no phone to compare it with, or no customer to leave
  kAnother,
};

PhoneNews news_of_phone(const AttachOrder &setup, const TriggerData *call) {
  const Relation orders = call->tg_relation;
  const bool rewritten = differs(setup.phone, call->tg_trigtuple, call->tg_newtuple, orders);
  if (!rewritten && !differs(setup.region, call->tg_trigtuple, call->tg_newtuple, orders))
    return PhoneNews::kNone;
  const phone::Details after = phone_in(setup, call->tg_newtuple, orders);
  if (after.reason != phone::Reason::kOk) return PhoneNews::kNone;
  if (!attachment_in(setup, call->tg_trigtuple, orders).found) return PhoneNews::kFilledIn;
  if (!rewritten) return PhoneNews::kNone;
  const phone::Details before = phone_in(setup, call->tg_trigtuple, orders);
  if (before.reason != phone::Reason::kOk) return PhoneNews::kFilledIn;
  return strcmp(before.e164, after.e164) == 0 ? PhoneNews::kNone : PhoneNews::kAnother;
}

// Whether an update only fills in the phone of an order that has a customer. Where that is a
// user's, the phone never told whose order it is.
bool only_fills_in_phone(const AttachOrder &setup, const TriggerData *call) {
  return TRIGGER_FIRED_BY_UPDATE(call->tg_event) && !user_changed(setup, call) &&
         news_of_phone(setup, call) == PhoneNews::kFilledIn &&
         attachment_in(setup, call->tg_trigtuple, call->tg_relation).found;
}

Attachment derived_attachment(const AttachOrder &setup, const TriggerData *call, HeapTuple order) {
  const Relation orders = call->tg_relation;
  if (has_user(setup, order, orders)) {
    const Attachment attachment = attachment_of_user(setup, order, orders);
    if (attachment.found)
      return only_fills_in_phone(setup, call) ? attachment_in(setup, order, orders) : attachment;
  }
  return attachment_of_phone(setup, order, orders);
}

bool is_cash_on_delivery(const AttachOrder &setup, HeapTuple order, Relation orders) {
  const char *payment = text_in(setup.payment, order, orders);
  if (payment == nullptr) return false;
  ListCell *cell;
  foreach (cell, setup.cod_values)
    if (strcmp(payment, static_cast<char *>(lfirst(cell))) == 0) return true;
  return false;
}

// Only an order that is placed in cash on delivery, or turns into it, is asked for. One that exists
// may get another customer, and its status may change after the proof has ended.
bool needs_proof(const AttachOrder &setup, const TriggerData *call, HeapTuple order) {
  const Relation orders = call->tg_relation;
  return is_cash_on_delivery(setup, order, orders) &&
         (TRIGGER_FIRED_BY_INSERT(call->tg_event) ||
          !is_cash_on_delivery(setup, call->tg_trigtuple, orders));
}

bool is_proved(const AttachOrder &setup, const Attachment &attachment) {
  if (!attachment.found) return false;
  SPI_connect();
  const bool proved = has_live_proof(setup.customers, Acting::kOwner, attachment.customer);
  SPI_finish();
  return proved;
}

// An upsert of an order that exists reaches BEFORE INSERT as well, and BEFORE UPDATE after that.
void require_proof(const AttachOrder &setup, const TriggerData *call, HeapTuple order,
                   const Attachment &attachment) {
  if (is_proved(setup, attachment)) return;
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event) && meets_row(call->tg_relation, order)) return;
  ereport(ERROR, errcode(kProofRequired), errmsg("cash on delivery needs a verified phone"),
          attachment.found ? errdetail("Nobody has proved the phone of the order's customer.")
                           : errdetail("The order has no readable phone."),
          errhint("Verify the phone with customer_identity.start_verification(), or call "
                  "record_proof() when somebody else has verified it, or choose another payment."));
}

HeapTuple with_customer(const AttachOrder &setup, HeapTuple order, Relation orders,
                        const Attachment &attachment) {
  int number = setup.customer.number;
  Datum value = UUIDPGetDatum(&attachment.customer);
  bool is_null = !attachment.found;
  return heap_modify_tuple_by_cols(order, RelationGetDescr(orders), 1, &number, &value, &is_null);
}

// What the row says already: on INSERT a customer that the application gave, on UPDATE one that the
// statement set or that nothing gives a reason to change.
bool stays(const AttachOrder &setup, const TriggerData *call, HeapTuple order) {
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event))
    return attachment_in(setup, order, call->tg_relation).found;
  return differs(setup.customer, call->tg_trigtuple, order, call->tg_relation) ||
         (!user_changed(setup, call) && news_of_phone(setup, call) == PhoneNews::kNone);
}

// A user whose id was changed is the same user: ON UPDATE CASCADE brings the new id to the orders,
// and nothing else.
bool only_renames_user(const AttachOrder &setup, const TriggerData *call) {
  const Relation orders = call->tg_relation;
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event) || !OidIsValid(setup.users)) return false;
  if (news_of_phone(setup, call) != PhoneNews::kNone) return false;
  const char *old_id = text_in(setup.user, call->tg_trigtuple, orders);
  if (old_id == nullptr || !differs(setup.user, call->tg_trigtuple, call->tg_newtuple, orders))
    return false;
  const Visit users_owner = stand_in(setup.users, ACL_SELECT);
  SPI_connect();
  const Datum values[] = {CStringGetTextDatum(old_id)};
  const bool is_gone = run(customer_plan(setup, Hold::kNothing), values) == 0;
  SPI_finish();
  leave(users_owner);
  return is_gone;
}

// Nothing that matters here changed: most updates of an order.
bool is_untouched(const AttachOrder &setup, const TriggerData *call) {
  if (TRIGGER_FIRED_BY_INSERT(call->tg_event)) return false;
  const Column watched[] = {setup.user, setup.phone, setup.region, setup.payment, setup.customer};
  for (const Column &column : watched)
    if (differs(column, call->tg_trigtuple, call->tg_newtuple, call->tg_relation)) return false;
  return true;
}

HeapTuple attached(const AttachOrder &setup, const TriggerData *call) {
  const bool is_insert = TRIGGER_FIRED_BY_INSERT(call->tg_event);
  HeapTuple order = is_insert ? call->tg_trigtuple : call->tg_newtuple;
  if (is_untouched(setup, call)) return order;

  bool keep = stays(setup, call, order);
  const bool asks = needs_proof(setup, call, order);
  if (keep && !asks) return order;

  const Actor before = act_as(call->tg_relation->rd_rel->relowner);
  keep = keep || only_renames_user(setup, call);
  const Attachment attachment = keep ? attachment_in(setup, order, call->tg_relation)
                                     : derived_attachment(setup, call, order);
  if (asks) require_proof(setup, call, order, attachment);
  act_again_as(before);
  return keep ? order : with_customer(setup, order, call->tg_relation, attachment);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(attach_order) {
  const TriggerData *call = trigger_call(fcinfo, kMadeFor);
  const AttachOrder &setup = *setup_of<AttachOrder>(call, read_setup);
  const PartitionCall partition = {call, setup.root};
  if (const TriggerData *update = arriving_update(partition))
    PG_RETURN_POINTER(attached(setup, update));
  HeapTuple order = attached(setup, call);
  note_update(partition, order);
  PG_RETURN_POINTER(order);
}

}  // namespace customer_identity
