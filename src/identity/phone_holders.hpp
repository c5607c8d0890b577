// What a phone leads to that is no customer's primary one: a customer who has it as a further phone
// (customer_phones), or nobody, by rule (phone_rules).
#pragma once

#include "pg/plans.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {

/// Whom a phone leads to.
struct Holder {
  enum class Kind : std::uint8_t { kNone, kCustomer, kNobody } kind;
  pg_uuid_t customer;
};

/// Where ids are computed, further phones are left to further_holder(), and this tells the rule
/// alone. On a fresh snapshot that sees this transaction's earlier statements. Costs next to
/// nothing where both tables are empty or missing. Reads them whoever acts.
Holder holder_of(Oid customers, const char *e164);

/// As above, on the caller's snapshot: for functions marked STABLE.
Holder holder_seen(Oid customers, const char *e164);

/// Of a phone that has the rule nobody: holds the rule, so that who takes it away waits. False: it
/// has just been taken away.
bool hold_rule_nobody(Oid customers, const char *e164);

/// As holder_of(), on what other transactions are about to commit as well: waits for who is making,
/// or ending, a further phone or a rule of this phone. For who has just written it to `customers`:
/// whoever writes second sees the other.
Holder rival_of(Oid customers, const char *e164);

/// The customer whose further phone it is, by `execute`: run(), look_up() or run_on_latest().
/// False: none. Where ids are computed, such a number has a row of its own id, without a phone: it
/// need not be asked where that is free.
bool further_holder(Oid customers, const char *e164, decltype(run) execute, pg_uuid_t *customer);

/// Whether it is a further phone of that customer: where ids are computed, from where its rows are.
bool is_further_phone(Oid customers, const pg_uuid_t &customer, const char *e164);

/// Where ids are computed, and no index keeps a number to one customer: for who has just given it
/// to `customer`. Waits for others who do, and raises CI006 if it leads to somebody else by now.
void refuse_other_holder(Oid customers, const char *e164, const pg_uuid_t &customer);

/// For who has just made `e164` a further phone of `customer`, or a rule nobody (NULL): it leads to
/// another customer, or names nobody, or a transaction is about to make it so. Raises CI006, or
/// 55P03 without waiting.
void refuse_rival(Oid customers, const char *e164, const pg_uuid_t *customer);

}  // namespace customer_identity
