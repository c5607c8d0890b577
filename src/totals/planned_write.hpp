// Writes totals by saved plans: for every customers table, with all that it has the executor do.
#pragma once

#include "pg/postgres.hpp"
#include "totals/deltas.hpp"

namespace customer_identity {

/// Adds sorted changes to the customers' totals with the rights of the current user, rows locked in
/// the order of their ids. Returns how many customers were there to be written.
std::uint64_t write_by_plan(const Deltas &changes, Oid customers);

}  // namespace customer_identity
