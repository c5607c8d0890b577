// Totals of orders tables with timing=commit: what a transaction's statements come to is kept, and
// written once, sorted by customer, just before the transaction commits or is prepared.
#pragma once

#include "pg/postgres.hpp"
#include "totals/deltas.hpp"

namespace customer_identity {

/// Keeps a statement's deltas, to be written as the role that is acting. A subtransaction that is
/// rolled back takes its deltas along. False: they have to be written at once, because the
/// transaction is being committed, or must leave nothing behind for its commit.
bool postpone(const Deltas &deltas, Oid customers);

/// Writes what is pending for one book (InvalidOid: for all) and returns how many customers it
/// wrote. Cheap when there is nothing.
std::uint64_t write_pending(Oid customers);

/// Called once, when the library loads.
void watch_transactions();

}  // namespace customer_identity
