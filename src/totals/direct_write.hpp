// Writes totals by one index scan and one heap update a customer, on a table where the executor
// would do nothing else. A plan costs several times as much for a single row.
#pragma once

#include "pg/postgres.hpp"
#include "totals/deltas.hpp"

namespace customer_identity {

/// Adds sorted changes to the customers' totals with the rights of the current user, in the order
/// of their ids. False: nothing was written, take a plan, because a trigger, rule, policy, check,
/// generated column, exotic index or missing right matters. `written`: how many customers
/// were there to be written.
bool write_directly(const Deltas &changes, Oid customers, std::uint64_t *written);

}  // namespace customer_identity
