// Why rows of the application get another customer: what the history says of their logins.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

struct Mover;

/// What the function of ours that is running moves rows for ("merge" and so on); nullptr: none is.
const char *move_cause();

/// Whether rows are moved by a backfill, whose statements name the very table that they write to.
bool is_backfill();

/// Whether orders of somebody who is erased move to nobody's place.
bool is_erasure();

/// From now on rows are moved for `function`, if it is one that moves rows. Returns what they were
/// moved for before, for end_moves(): the caller calls it when the function has ended, by an error
/// or not.
const Mover *begin_moves(Oid function);
void end_moves(const Mover *before);

}  // namespace customer_identity
