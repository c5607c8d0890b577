// What a session has read of relations and keeps until they change: plans, set-ups, shapes of
// tables. One table has it all and one callback hears of every change: a session has room for ten
// callbacks, for all its extensions together.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// What is kept: something that was read, or the plan of a statement.
enum class Purpose : std::uint32_t {
  kSetup,
  kLookup,
  kAttachedTables,
  kTotalsTarget,
  kEventsTarget,
  kRowIds,
  kPhoneColumns,
  kPhoneHolders,

  kFindCustomer,
  kHoldCustomerOfPhone,
  kHoldCustomer,
  kCreateCustomer,
  kNameToFollow,
  kFollowName,
  kInsertEvent,
  kRenameInEvents,
  kLiveProof,
  kAnyLiveProof,
  kVisibleProof,
  kOtherProvers,
  kInsertProof,
  kMarkVerified,
  kCustomersOfPhone,
  kProvedCustomers,
  kLockProved,
  kWriteLocked,
  kEndProofsOfUser,
  kEndProofsOfPhone,
  kEndProofsOfOthers,
  kEndProofsOfCustomer,
  kProofOfPhone,
  kUnmarkVerified,
  kMoveProofs,
  kEndDoubles,
  kRenameInProofs,
  kCancelCodes,
  kMoveCodes,
  kUserCustomer,
  kLockUserCustomer,
  kCustomerOfUser,
  kIdOfUser,
  kAttachEarlierOrders,
  kAddToOne,
  kLockMany,
  kAddToMany,
  kInsertEntry,
  kFindEntry,
  kLockBalance,
  kChangePoints,
};

struct CacheKey {
  Oid relation;  // forgotten when it changes
  Oid other;     // a trigger whose arguments matter, or another relation; InvalidOid: none
  Purpose purpose;
  std::uint32_t variant;
};

struct Watched;

/// A reading of the catalogs: what changes from its start on makes its result stale.
struct Reading {
  std::uint64_t start;
  const Watched *relations[3];
};

/// To be called before anything is read.
Reading start_reading(Oid relation);
/// The result depends on this relation as well. May be called as late as when the result is kept.
void depend_on(Reading &reading, Oid relation);

/// What is kept for `key`; NULL when it is stale or was never read. It stays where it is until the
/// transaction ends, even if it becomes stale.
void *find_kept(const CacheKey &key);

/// Keeps a plan that was saved by SPI, for as long as SPI thinks it valid.
void keep(const CacheKey &key, const Reading &reading, SPIPlanPtr plan);
/// Keeps a value and the memory it is in.
void keep(const CacheKey &key, const Reading &reading, void *value, MemoryContext memory);

/// Memory that ends with the caller's, should reading fail.
MemoryContext memory_to_keep();

/// Keeps what `read(value, reading)` makes of a zeroed value; it may allocate.
template <typename Value, typename Read>
Value *read_and_keep(const CacheKey &key, Read &&read) {
  Reading reading = start_reading(key.relation);
  MemoryContext memory = memory_to_keep();
  MemoryContext caller = MemoryContextSwitchTo(memory);
  auto *value = static_cast<Value *>(palloc0(sizeof(Value)));
  read(*value, reading);
  MemoryContextSwitchTo(caller);
  keep(key, reading, value, memory);
  return value;
}

/// What is kept for `key`, read if need be.
template <typename Value, typename Read>
Value *kept(const CacheKey &key, Read &&read) {
  void *known = find_kept(key);
  return known != nullptr ? static_cast<Value *>(known) : read_and_keep<Value>(key, read);
}

/// How many changes the session was told of. A role's change counts as one of pg_authid.
std::uint64_t change_count();
/// The relation of the `number`th change, InvalidOid for all; false: it is no longer known.
bool find_change(std::uint64_t number, Oid *relation);

/// Called once, when the library loads.
void watch_relations();

}  // namespace customer_identity
