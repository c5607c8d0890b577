// In the server's open hash table: a statement of many orders asks twice for each of them, and in
// its table of linked entries a COPY takes a twentieth longer.
#include "pg/held_rows.hpp"

#include "pg/uuid_hash.hpp"

namespace customer_identity {
namespace {

bool is_same_row(const RowKey &left, const RowKey &right) {
  return left.table == right.table && memcmp(&left.id, &right.id, sizeof(pg_uuid_t)) == 0;
}

#define SH_PREFIX held
#define SH_ELEMENT_TYPE HeldRow
#define SH_KEY_TYPE RowKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_of((key).id)
#define SH_EQUAL(table, left, right) is_same_row(left, right)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include <lib/simplehash.h>

held_hash *held_rows = nullptr;  // until the transaction ends; NULL: they are not remembered

// Of the running transaction, which has a number since it holds a row.
struct Holds {
  TransactionId transaction;
  int count;
};

Holds holds = {};

constexpr int kManyHolds = 8;
constexpr std::uint32_t kMaximumHeldRows = 100000;  // some 5 MB

// A statement that comes back to rows is one of many.
bool holds_many() {
  const TransactionId transaction = GetTopTransactionIdIfAny();
  if (holds.transaction != transaction) holds = {transaction, 0};
  return ++holds.count > kManyHolds;
}

}  // namespace

HeldRow *held_row(Oid table, const pg_uuid_t &id) {
  return held_rows == nullptr ? nullptr : held_lookup(held_rows, {table, id});
}

void note_held(Oid table, const pg_uuid_t &id, const ItemPointerData &place) {
  // A savepoint that is rolled back lets go of what was locked after it.
  if (GetCurrentTransactionNestLevel() > 1) return;
  if (held_rows == nullptr) {
    if (!holds_many()) return;
    remember_held_rows();
  }
  HeldRow *held;
  if (held_rows->members < kMaximumHeldRows) {
    bool is_known;
    held = held_insert(held_rows, {table, id}, &is_known);
  } else {
    held = held_row(table, id);
  }
  if (held == nullptr) return;
  held->place = place;
  held->seen = GetCurrentCommandId(false);
}

void remember_held_rows() {
  if (held_rows != nullptr) return;
  held_rows = held_create(TopTransactionContext, 1024, nullptr);
  auto *end = static_cast<MemoryContextCallback *>(
      MemoryContextAllocZero(TopTransactionContext, sizeof(MemoryContextCallback)));
  end->func = [](void *) { held_rows = nullptr; };
  MemoryContextRegisterResetCallback(TopTransactionContext, end);
}

}  // namespace customer_identity
