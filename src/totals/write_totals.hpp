// Applies a statement's deltas to the customers' totals.
#pragma once

#include "pg/postgres.hpp"
#include "totals/deltas.hpp"

namespace customer_identity {

/// Adds the deltas to the customers' totals, rows locked in the order of their ids, and returns how
/// many customers were written. The owner of the orders table has to be acting. Raises 42501 when a
/// row is there but hidden from that role: a total never silently misses an order.
std::uint64_t write_totals(Deltas &deltas, Oid customers);

}  // namespace customer_identity
