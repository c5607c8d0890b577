// An order as attach_order sees it: the set-up of its table's trigger and the row that is written.
#pragma once

#include "book/trigger_setup.hpp"
#include "phone/phone.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {

struct OrderSetup : Setup {
  Column user;
  Column phone;
  Column region;
  const char *default_region;
  Column payment;
  Column customer;
  List *cod_values;  // payment values that mean cash on delivery
  const char *users_key;
  const char *users_customer;
  Oid users_key_type;
  const char *missing_users;  // the users table that is named and not there; NULL: none
  Oid root;
  bool has_computed_ids;
};

/// The set-up of attach_order. Its users table may be gone: then `users` is InvalidOid.
const OrderSetup &order_setup(const TriggerData *call);

/// What an update says about the phone of an order.
enum class PhoneChange : std::uint8_t {
  kNone,      // spelled differently, read for another region, masked or erased
  kFilledIn,  // readable, and there was no phone to compare it with, or no customer to leave
  kAnother,
};

struct Order {
  const OrderSetup &setup;
  Relation table;
  HeapTuple row;      // as it is to be written
  HeapTuple old_row;  // NULL: it is new
  const TriggerData *call;
  PhoneChange phone_change = PhoneChange::kNone;
  bool is_phone_read = false;  // it is read once, and only if need be
  phone::Details phone = {};
};

/// The customer of an order; `found` false: none.
struct Attachment {
  bool found;
  pg_uuid_t customer;
};

}  // namespace customer_identity
