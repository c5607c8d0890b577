// The rows that the running transaction holds, with the place where each one was: a hint, as it may
// have moved since.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

struct RowKey {
  Oid table;
  pg_uuid_t id;
};

struct HeldRow {
  RowKey key;
  ItemPointerData place;
  CommandId seen;  // the transaction itself may delete the row in a later one
  char status;     // the hash table's
};

/// The row, if it is remembered; NULL: it may be held nevertheless. It moves when another one is
/// remembered.
HeldRow *held_row(Oid table, const pg_uuid_t &id);

/// A row that was held just now. It is remembered until the transaction ends if that holds several,
/// or remember_held_rows() was called; up to a hundred thousand.
void note_held(Oid table, const pg_uuid_t &id, const ItemPointerData &place);

/// From now on the transaction remembers the rows that it holds: for statements that come back to
/// them.
void remember_held_rows();

}  // namespace customer_identity
