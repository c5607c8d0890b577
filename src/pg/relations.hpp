// What the catalogs say of a relation that was found.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Quoted and qualified name of any relation; raises CI003 for one that is gone.
const char *relation_name(Oid relation);

/// Raises CI003 for one that is gone.
Oid owner_of(Oid relation);

/// Type of `column` of `relation` as SQL writes it, with its modifier.
const char *column_type(Oid relation, const char *column);
/// Whether a column is NOT NULL.
bool is_required(Oid relation, const char *column);
/// The default of a column, as text, where it is a constant; else NULL.
const char *constant_default(Oid relation, const char *column);

/// The relation and all whose columns change with its own: what inherits from it and, where it is a
/// composite type, the tables of that type. Each is locked.
List *relations_of_columns(Oid relation, LOCKMODE lock);

/// Raises 40001 where the active snapshot is older than what emptied a table, or a partition of it,
/// or wrote it anew: TRUNCATE, and ALTER TABLE that rewrites, leave nothing in it for such a
/// snapshot. The caller holds a lock on the table.
void require_whole(Oid relation);

/// As above, for who found no row of the transaction: READ COMMITTED has a snapshot that was taken
/// after the lock.
inline void require_seen(Oid relation) {
  if (IsolationUsesXactSnapshot()) require_whole(relation);
}

}  // namespace customer_identity
