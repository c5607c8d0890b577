// Where the server has Citus, a table may be in shards: tables of their own, on one node or on
// several, and what bears the table's name is an empty shell. Triggers run on the shards. Nothing
// here is Citus' own: its catalogs are asked, where they are there.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Whether a relation is a shell: its rows are in shards.
bool is_distributed(Oid relation);

/// Whether a relation is a shard of another one on this node.
bool is_shard(Oid relation);

/// The table that a shard belongs to; of any other relation, itself.
Oid logical_table(Oid relation);

/// The shard of `table` that has what belongs to the rows of the shard `relation`: of the same
/// co-location and with the same bounds, or the copy of a table that every node has. `table` itself
/// where there is none, or where `relation` is no shard.
Oid table_beside(Oid relation, Oid table);

/// The shard of a table that has only one, if this node holds it; else `table` itself. Who is going
/// to write waits for one that is being moved, and keeps it from being moved before he commits.
Oid shard_to_read(Oid table);
Oid shard_to_write(Oid table);

/// The copy that this node has of a table that every node has; of any other table, itself. To read.
Oid copy_here(Oid table);

/// Whether a table has only one shard, on another node.
bool is_elsewhere(Oid table);

/// Whether Citus runs the statement on this node for another one.
bool is_in_citus_statement();

/// Among the settings of the caller's nest level: Citus shows shards, and lets them be written to,
/// which it does of itself within its own statements alone.
void open_shards();

}  // namespace customer_identity
