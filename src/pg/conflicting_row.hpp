// Tells a BEFORE INSERT trigger whether its row is new. PostgreSQL calls it for an INSERT ... ON
// CONFLICT before it looks for a conflict.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Whether the table has a row with the same value of a unique index: the INSERT then fails, does
/// nothing or becomes an UPDATE, since that row is locked against its deletion. Values that are
/// generated, or set by a later trigger, are not known yet.
bool meets_row(Relation table, HeapTuple inserted);

}  // namespace customer_identity
