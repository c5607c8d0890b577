// A row that an UPDATE moves to another partition fires row triggers as BEFORE UPDATE and AFTER
// DELETE there, as BEFORE INSERT and AFTER INSERT here. These functions bring the halves together.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// A partition's trigger of a partitioned table, as it is called. Ask before anything has switched
/// the memory context.
struct PartitionCall {
  const TriggerData *call;
  Oid root;  // what root_of() says of its table
};

/// At the end of BEFORE UPDATE: `row`, which the trigger returns, may be about to move.
void note_update(const PartitionCall &partition, HeapTuple row);

/// AFTER DELETE: whether the row moves to another partition. It is kept for its AFTER INSERT.
bool moves_away(const PartitionCall &partition);

/// BEFORE INSERT and AFTER INSERT: the UPDATE whose row arrives, as a trigger of this partition
/// would see it; NULL for a row that is new.
const TriggerData *arriving_update(const PartitionCall &partition);

/// After the statement: the DELETE of a row that was to move and never arrived, since a trigger
/// held its INSERT back; NULL when there is none left.
const TriggerData *lost_row(const PartitionCall &partition);

}  // namespace customer_identity
