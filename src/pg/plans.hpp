// Saved plans: each statement of ours is prepared once a session and kept for the relation, the
// trigger and the kind of caller it was made for.
#pragma once

#include <initializer_list>

#include "pg/postgres.hpp"

namespace customer_identity {

/// Which statement. Its text depends on nothing but the rest of the key.
enum class Purpose : std::uint32_t {
  kFindCustomer,
  kCreateCustomer,
  kInsertEvent,
  kLiveProof,
  kAnyLiveProof,
  kVisibleProof,
  kOtherProvers,
  kInsertProof,
  kMarkVerified,
  kPhonesOfUser,
  kLockPhones,
  kWriteLocked,
  kEndProofsOfUser,
  kEndProofsOfPhone,
  kUnmarkVerified,
  kUserCustomer,
  kLockUserCustomer,
  kCustomerOfUser,
  kAttachEarlierOrders,
  kAddToOne,
  kLockMany,
  kAddToMany,
  kInsertEntry,
  kFindEntry,
  kLockBalance,
  kChangePoints,
};

struct PlanKey {
  Oid relation;  // dropped when this relation changes
  Oid trigger;   // for statements that depend on one trigger's arguments, else InvalidOid
  Purpose purpose;
  // Whether a table's owner acts (1), for whom FORCE ROW LEVEL SECURITY is void, or the caller (0);
  // or a type that the text depends on.
  std::uint32_t variant;
};

/// The kept plan for `key`, or NULL.
SPIPlanPtr find_plan(const PlanKey &key);
/// Prepares and keeps `text`. SPI must be connected.
SPIPlanPtr keep_plan(const PlanKey &key, const char *text, std::initializer_list<Oid> types);

/// `text()` makes the statement when the plan is not there yet; it may call PostgreSQL.
template <typename Text>
SPIPlanPtr saved_plan(const PlanKey &key, std::initializer_list<Oid> types, Text &&text) {
  SPIPlanPtr plan = find_plan(key);
  return plan != nullptr ? plan : keep_plan(key, text(), types);
}

/// Runs a saved plan on a fresh snapshot that sees this transaction's earlier statements.
/// Returns the number of rows processed. A NULL `nulls` means no parameter is NULL.
std::uint64_t run(SPIPlanPtr plan, const Datum *values, const char *nulls = nullptr);

/// As run(), on the caller's snapshot: for functions marked STABLE.
std::uint64_t look_up(SPIPlanPtr plan, const Datum *values, const char *nulls = nullptr);

/// As run(), but at REPEATABLE READ and SERIALIZABLE too it sees what others have committed since
/// the transaction began; changing such a row raises a serialization failure (40001), as foreign
/// keys do.
std::uint64_t run_on_latest(SPIPlanPtr plan, const Datum *values, const char *nulls = nullptr);

/// First column of the first row of the last statement.
Datum first_value(bool *is_null);
/// The same of a uuid column; false: NULL. Raises when the column is of another type.
bool first_uuid(pg_uuid_t *value);

/// What was prepared for a trigger is stale: its arguments or its table have changed.
void forget_plans_of(Oid trigger);

/// Called once, when the library loads.
void watch_plans();

}  // namespace customer_identity
