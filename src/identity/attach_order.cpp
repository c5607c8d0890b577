// attach_order: gives every order, of a user or of a guest, its customer, and lets cash on delivery
// pass only for a proved phone where the shop switched that on.
#include "book/attached_tables.hpp"
#include "book/computed_ids.hpp"
#include "book/move_cause.hpp"
#include "identity/customers.hpp"
#include "identity/merges.hpp"
#include "identity/order.hpp"
#include "identity/proofs.hpp"
#include "identity/user_of_order.hpp"
#include "pg/conflicting_row.hpp"
#include "pg/errors.hpp"
#include "pg/owner.hpp"
#include "pg/partition_moves.hpp"
#include "phones/phone_reader.hpp"
#include "pg/postgres.hpp"
#include "pg/trigger_call.hpp"

namespace customer_identity {
namespace {

constexpr std::initializer_list<TriggerEvent> kMadeFor = {kBeforeRow | TRIGGER_EVENT_INSERT,
                                                          kBeforeRow | TRIGGER_EVENT_UPDATE};

Attachment attachment_in(const Order &order, HeapTuple row) {
  Attachment attachment = {};
  attachment.found = uuid_in(order.setup.customer, row, order.table, &attachment.customer);
  return attachment;
}

bool names_user(const Order &order) {
  if (order.setup.user.number == 0) return false;
  bool is_null;
  value_in(order.setup.user, order.row, order.table, &is_null);
  return !is_null;
}

bool is_changed(const Order &order, const Column &column) {
  return differs(column, order.old_row, order.row, order.table);
}

// A login that was deleted says nothing new.
bool is_user_changed(const Order &order) {
  return is_changed(order, order.setup.user) && names_user(order);
}

// Readable: its reason is kOk.
phone::Details phone_in(const Order &order, HeapTuple row) {
  const char *raw = text_in(order.setup.phone, row, order.table);
  if (raw == nullptr) return phone::unread(phone::Reason::kEmpty);
  const char *region = text_in(order.setup.region, row, order.table);
  return read_phone(raw, region_of(region, order.setup.default_region));
}

const phone::Details &phone_of(Order &order) {
  if (!order.is_phone_read) order.phone = phone_in(order, order.row);
  order.is_phone_read = true;
  return order.phone;
}

PhoneChange phone_change_of(Order &order) {
  const bool is_rewritten = is_changed(order, order.setup.phone);
  if (!is_rewritten && !is_changed(order, order.setup.region)) return PhoneChange::kNone;
  if (phone_of(order).reason != phone::Reason::kOk) return PhoneChange::kNone;
  if (!attachment_in(order, order.old_row).found) return PhoneChange::kFilledIn;
  if (!is_rewritten) return PhoneChange::kNone;
  const phone::Details before = phone_in(order, order.old_row);
  if (before.reason != phone::Reason::kOk) return PhoneChange::kFilledIn;
  return strcmp(before.e164, order.phone.e164) == 0 ? PhoneChange::kNone : PhoneChange::kAnother;
}

Attachment attachment_of_phone(Order &order) {
  const phone::Details &phone = phone_of(order);
  if (phone.reason != phone::Reason::kOk) return {};
  const Origin origin = {"order", order.table, id_of_user(order)};
  Attachment attachment = {};
  attachment.found = get_or_create_customer_of(order.setup.customers, phone.e164, nullptr,
                                               Hold::kRow, origin, &attachment.customer);
  return attachment;
}

// Whether an update only fills in the phone of an order that has a customer. Where that is a
// user's, the phone never told whose order it is.
bool only_fills_in_phone(const Order &order) {
  return order.phone_change == PhoneChange::kFilledIn && !is_user_changed(order) &&
         attachment_in(order, order.old_row).found;
}

// Without its users table, which may have been waited for, nobody knows whose customer the user of
// an order is.
bool is_user_unknown(const Order &order) {
  return names_user(order) && order_setup(order.call).missing_users != nullptr;
}

// A user that is not known says nothing against the customer that an order has.
Attachment attachment_that_stays(const Order &order) {
  return order.old_row == nullptr ? Attachment{} : attachment_in(order, order.row);
}

Attachment derived_attachment(Order &order) {
  if (OidIsValid(order.setup.users) && names_user(order)) {
    const Attachment attachment = attachment_of_user(order);
    if (attachment.found)
      return only_fills_in_phone(order) ? attachment_in(order, order.row) : attachment;
  }
  return is_user_unknown(order) ? attachment_that_stays(order) : attachment_of_phone(order);
}

bool is_cash_on_delivery(const Order &order, HeapTuple row) {
  const char *payment = text_in(order.setup.payment, row, order.table);
  if (payment == nullptr) return false;
  ListCell *cell;
  foreach (cell, order.setup.cod_values)
    if (strcmp(payment, static_cast<char *>(lfirst(cell))) == 0) return true;
  return false;
}

// Only an order that is placed in cash on delivery, or turns into it, is asked for. One that exists
// may get another customer, and its status may change after the proof has ended.
bool needs_proof(const Order &order) {
  return !is_erasure() && is_cash_on_delivery(order, order.row) &&
         (order.old_row == nullptr || !is_cash_on_delivery(order, order.old_row));
}

bool is_proved(const Order &order, const Attachment &attachment) {
  if (!attachment.found) return false;
  SPI_connect();
  const bool proved = has_live_proof(order.setup.customers, attachment.customer);
  SPI_finish();
  return proved;
}

// An upsert of an order that exists reaches BEFORE INSERT as well, and BEFORE UPDATE after that.
bool seems_to_exist(const Order &order) {
  return order.old_row == nullptr && meets_row(order.table, order.row);
}

// A trigger that comes later can still make it another order.
bool exists_already(const Order &order) {
  return seems_to_exist(order) && later_trigger(order.call) == nullptr;
}

const char *reason_of_no_proof(Order &order, const Attachment &attachment) {
  if (attachment.found) return "Nobody has proved the phone of the order's customer.";
  if (is_user_unknown(order)) return "The users table of the order is gone.";
  return phone_of(order).reason == phone::Reason::kOk ? "The phone of the order names nobody."
                                                      : "The order has no readable phone.";
}

[[noreturn]] void refuse_unproved(Order &order, const Attachment &attachment) {
  const Trigger *later = seems_to_exist(order) ? later_trigger(order.call) : nullptr;
  const char *reason = reason_of_no_proof(order, attachment);
  ereport(ERROR, errcode(kProofRequired), errmsg("cash on delivery needs a verified phone"),
          errdetail_internal("%s", reason),
          later == nullptr
              ? errhint("Verify the phone with customer_identity.start_verification(), or call "
                        "record_proof() if another service has verified it, or choose another "
                        "payment.")
              : errhint("An upsert of an order that exists needs no proof if trigger %s, which can "
                        "make it another order, is renamed to come before %s.",
                        quote_identifier(later->tgname),
                        quote_identifier(order.call->tg_trigger->tgname)));
  pg_unreachable();
}

void require_proof(Order &order, const Attachment &attachment) {
  if (!is_proved(order, attachment) && !exists_already(order)) refuse_unproved(order, attachment);
}

// What the row says already: on INSERT a customer that the application gave, on UPDATE one that the
// statement set or that nothing gives a reason to change.
bool stays(const Order &order) {
  if (order.old_row == nullptr) return attachment_in(order, order.row).found;
  return is_changed(order, order.setup.customer) ||
         (!is_user_changed(order) && order.phone_change == PhoneChange::kNone);
}

// A user whose id was changed is the same user: ON UPDATE CASCADE brings the new id to the orders,
// and nothing else.
bool only_renames_user(const Order &order) {
  if (order.old_row == nullptr || !OidIsValid(order.setup.users) ||
      order.phone_change != PhoneChange::kNone || !is_changed(order, order.setup.user))
    return false;
  const char *old_id = text_in(order.setup.user, order.old_row, order.table);
  return old_id != nullptr && is_user_gone(order, old_id);
}

// Nothing that matters here changed: the case of nearly every update.
bool is_untouched(const Order &order) {
  const OrderSetup &setup = order.setup;
  for (const Column &column :
       {setup.user, setup.phone, setup.region, setup.payment, setup.customer})
    if (is_changed(order, column)) return false;
  return true;
}

// A customer that the application gives may have been merged into another one.
void follow_merges_of(Order &order) {
  if (order.old_row != nullptr && !is_changed(order, order.setup.customer)) return;
  Attachment given = attachment_in(order, order.row);
  if (!given.found || !may_feed(order.table->rd_rel->relowner, order.setup.customers)) return;
  if (follow_merges(order.setup.customers, &given.customer))
    order.row = with_uuid(order.setup.customer, order.row, order.table, &given.customer);
}

[[noreturn]] void refuse_other_phone(const Order &order) {
  const pg_uuid_t id = computed_id(order.phone.e164, 0);
  ereport(
      ERROR, errcode(kConflict), errmsg("the customer id of the order is not that of its phone"),
      errdetail("Phone %s has the id %s.", order.phone.e164,
                DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&id)))),
      errhint("Write customer_identity.customer_id_of(phone, region), or "
              "customer_id_for_order() where numbers are added or released, into the order: its "
              "id decides where it is kept, before a trigger can put it right."));
  pg_unreachable();
}

[[noreturn]] void refuse_former_holder(const Order &order) {
  const bool is_of_nobody = names_nobody(order.setup.customers, order.phone.e164);
  ereport(ERROR, errcode(kConflict), errmsg("the number of the order has a new holder"),
          errdetail("Phone %s is no longer that of the customer whose id the order has.",
                    order.phone.e164),
          is_of_nobody
              ? errhint("The phone names nobody: write nobody's id, "
                        "00000000-0000-0000-0000-000000000000, into the order.")
              : errhint("customer_identity.customer_id_for_order(phone, region) returns the id of "
                        "the present holder."));
  pg_unreachable();
}

[[noreturn]] void refuse_unknown_customer() {
  ereport(ERROR, errcode(kConflict), errmsg("there is no customer with the order's customer id"),
          errdetail("The order has no readable phone that a customer could be made of."),
          errhint("Write customer_identity.customer_id_of(phone, region), which is nobody's id "
                  "where the phone cannot be read, or the id of a customer."));
  pg_unreachable();
}

// The customer of the id that a row with a readable phone brings along; none for who names nobody.
Attachment fitting_attachment(Order &order, const pg_uuid_t &given) {
  if (is_nobody(given) && names_nobody(order.setup.customers, order.phone.e164)) return {};
  const Origin origin = {"order", order.table, nullptr};
  switch (fit_customer(order.setup.customers, given, order.phone.e164, origin)) {
    case Fit::kCustomer:
      return {true, given};
    case Fit::kNobody:
      return {};
    case Fit::kLeft:
      if (exists_already(order)) return {true, given};
      refuse_former_holder(order);
    case Fit::kAnother:
      if (exists_already(order)) return {true, given};
      refuse_other_phone(order);
  }
  pg_unreachable();
}

// What a row without an id gets, which only a single machine lets in: by its phone, else its user.
Attachment attachment_without_id(Order &order) {
  const Attachment attachment = attachment_of_phone(order);
  const bool asks_user = !attachment.found && OidIsValid(order.setup.users) && names_user(order);
  return asks_user ? attachment_of_user(order) : attachment;
}

// Of a row that is placed by its customer's id: the id is checked, and never changed.
Attachment attachment_by_id(Order &order) {
  const Attachment given = attachment_in(order, order.row);
  const bool is_readable = phone_of(order).reason == phone::Reason::kOk;
  if (!given.found) return attachment_without_id(order);
  if (is_readable) return fitting_attachment(order, given.customer);
  if (is_nobody(given.customer)) return {};
  if (!hold_person(order.setup.customers, given.customer)) refuse_unknown_customer();
  return given;
}

// Whether the customer, or the phone that it follows from, is written.
bool is_placed(const Order &order) {
  return order.old_row == nullptr || is_changed(order, order.setup.customer) ||
         order.phone_change != PhoneChange::kNone;
}

// In a book whose ids are computed. An order without a customer has nobody's id there.
HeapTuple attached_by_id(Order &order) {
  const bool asks = needs_proof(order);
  if (!is_placed(order) && !asks) return order.row;
  const Actor before = act_as(order.table->rd_rel->relowner);
  const Attachment attachment =
      is_placed(order) ? attachment_by_id(order) : attachment_in(order, order.row);
  if (asks) require_proof(order, attachment);
  act_again_as(before);
  if (attachment_in(order, order.row).found) return order.row;
  return with_uuid(order.setup.customer, order.row, order.table,
                   attachment.found ? &attachment.customer : &kNobody);
}

HeapTuple attached(const OrderSetup &setup, const TriggerData *call) {
  const bool is_new = TRIGGER_FIRED_BY_INSERT(call->tg_event);
  Order order = {setup, call->tg_relation, is_new ? call->tg_trigtuple : call->tg_newtuple,
                 is_new ? nullptr : call->tg_trigtuple, call};
  if (!is_new && is_untouched(order)) return order.row;
  if (!is_new) order.phone_change = phone_change_of(order);
  if (setup.has_computed_ids) return attached_by_id(order);
  follow_merges_of(order);

  bool keep = stays(order);
  const bool asks = needs_proof(order);
  if (keep && !asks) return order.row;

  const Actor before = act_as(order.table->rd_rel->relowner);
  keep = keep || only_renames_user(order);
  const Attachment attachment = keep ? attachment_in(order, order.row) : derived_attachment(order);
  if (asks) require_proof(order, attachment);
  act_again_as(before);
  if (keep) return order.row;
  return with_uuid(setup.customer, order.row, order.table,
                   attachment.found ? &attachment.customer : nullptr);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(attach_order) {
  const TriggerData *call = trigger_call(fcinfo, kMadeFor);
  const OrderSetup &setup = order_setup(call);
  const PartitionCall partition = {call, setup.root};
  if (const TriggerData *update = arriving_update(partition))
    PG_RETURN_POINTER(attached(setup, update));
  HeapTuple order = attached(setup, call);
  note_update(partition, order);
  PG_RETURN_POINTER(order);
}

}  // namespace customer_identity
