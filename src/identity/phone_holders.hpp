// What a phone leads to that is no customer's primary one: a customer who has it as a further phone
// (customer_phones), or nobody, by rule (phone_rules).
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Whom a phone leads to.
struct Holder {
  enum class Kind : std::uint8_t { kNone, kCustomer, kNobody } kind;
  pg_uuid_t customer;
};

/// On a fresh snapshot that sees this transaction's earlier statements. Costs next to nothing where
/// both tables are empty or missing. Reads them whoever acts.
Holder holder_of(Oid customers, const char *e164);

/// As above, on the caller's snapshot: for functions marked STABLE.
Holder holder_seen(Oid customers, const char *e164);

/// As holder_of(), on what other transactions are about to commit as well: waits for who is making,
/// or ending, a further phone or a rule of this phone. For who has just written it to `customers`:
/// whoever writes second sees the other.
Holder rival_of(Oid customers, const char *e164);

/// For who has just made `e164` a further phone of `customer`, or a rule nobody (NULL): it leads to
/// another customer, or names nobody, or a transaction is about to make it so. Raises CI006, or
/// 55P03 without waiting.
void refuse_rival(Oid customers, const char *e164, const pg_uuid_t *customer);

}  // namespace customer_identity
