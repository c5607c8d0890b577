// What a session has read of relations and keeps until they change: plans, set-ups, shapes of
// tables. One table has it all and one callback hears of every change: a session has room for ten
// callbacks, for all its extensions together.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// What something is kept for.
struct CacheKey {
  Oid relation;                   // forgotten when it changes
  Oid other = InvalidOid;         // a trigger whose arguments matter, or another relation
  std::uint32_t variant = 0;      // whatever else the result depends on
  std::uint32_t context = 0;      // filled in below, as is the rest
  const void *purpose = nullptr;  // the type of the value, or of the lambda that makes a statement
};

/// Has an address of its own for every type.
template <typename Type>
inline char purpose_of;

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
template <typename Value>
Value *find_kept(CacheKey key) {
  key.purpose = &purpose_of<Value>;
  return static_cast<Value *>(find_kept(key));
}

/// Keeps a plan that was saved by SPI, for as long as SPI thinks it valid.
void keep(const CacheKey &key, const Reading &reading, SPIPlanPtr plan);
/// Keeps a value and the memory it is in.
void keep(const CacheKey &key, const Reading &reading, void *value, MemoryContext memory);

/// Memory that ends with the caller's, should reading fail.
MemoryContext memory_to_keep();

/// Keeps what `read(value, reading)` makes of a zeroed value; it may allocate.
template <typename Value, typename Read>
Value *read_and_keep(CacheKey key, Read &&read) {
  key.purpose = &purpose_of<Value>;
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
  auto *known = find_kept<Value>(key);
  return known != nullptr ? known : read_and_keep<Value>(key, read);
}

/// How many changes the session was told of. A role's change counts as one of pg_authid.
std::uint64_t change_count();
/// The relation of the `number`th change, InvalidOid for all; false: it is no longer known.
bool find_change(std::uint64_t number, Oid *relation);

/// Called once, when the library loads.
void watch_relations();

}  // namespace customer_identity
