// Calls a function of ours on the node that has its book.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Calls the function that is being called on the node that has the only shard of a distributed
/// book, as the current user and within the transaction. `place`: of the book among the arguments.
Datum call_elsewhere(FunctionCallInfo fcinfo, int place, Oid customers);

/// For TRUNCATE of a distributed table, whose shards have no such trigger: calls one of our
/// workings about the table and its book, as the table's owner.
void call_before_truncate(const char *function, Relation table, Oid customers);

/// The tables of such a call (table, customers) as shards of this node. False: it was made on
/// another node, or the table is in no shard and is told of a TRUNCATE by its own trigger.
struct Truncated {
  Oid table;
  Oid customers;
};
bool is_truncated_here(FunctionCallInfo fcinfo, Truncated *truncated);

/// The call that the trigger on a shard would get; the trigger before TRUNCATE has the arguments of
/// the table's others.
TriggerData truncate_call(Relation shard, const char *trigger_function_name);

/// Raises CI008 about a table whose rows the running statement cannot reach.
[[noreturn]] void refuse_elsewhere(Oid table);

}  // namespace customer_identity
