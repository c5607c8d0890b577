// What a login claims: the set-up of a users table's trigger, and the phone that a row gives.
#pragma once

#include "book/trigger_setup.hpp"
#include "phone/phone.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {

struct UserSetup : Setup {
  Column key;
  Column *phones;  // in order of trust
  int phone_count;
  Column verified;  // belongs to the first phone
  Column name;
  Column region;
  const char *default_region;
  Column customer;
  Oid root;
  const char *users_name;  // of the root
};

/// Fills in the set-up from the trigger's arguments.
void read_user_setup(UserSetup *setup, const TriggerData *call);

/// A phone that a row claims; `column` counts in order of trust. Empty e164: none is readable.
struct Claim {
  char e164[sizeof(phone::Details::e164)];
  int column;
};

inline bool is_readable(const Claim &claim) { return claim.e164[0] != '\0'; }

/// Reads the phones of a row, until one is readable.
Claim claim_of(const UserSetup &setup, HeapTuple user, Relation users);

/// The next readable phone of the row after the one of `claim`, which names nobody.
Claim claim_after(const UserSetup &setup, HeapTuple user, Relation users, const Claim &claim);

/// Whether two versions of a row may claim different phones.
bool claim_differs(const UserSetup &setup, HeapTuple before, HeapTuple after, Relation users);

}  // namespace customer_identity
