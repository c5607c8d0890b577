// Per-customer sums of what a statement changes, and the write that applies them.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// What a statement adds to one customer.
struct Delta {
  pg_uuid_t customer;  // first: the hash key
  std::int64_t orders;
  Numeric spent;  // NULL: nothing yet
  std::int64_t points;
};

/// The deltas of one statement, in a memory context of their own.
struct Deltas {
  MemoryContext memory;
  HTAB *by_customer;
};

Deltas new_deltas();

/// Adds an order (`sign` 1) or takes it away (-1). `amount` may be NULL.
void add_order(Deltas &deltas, const pg_uuid_t &customer, Numeric amount, std::int64_t points,
               int sign);

/// Adds the deltas to the customers' totals, rows locked in the order of their ids, and frees them.
/// SPI must be connected, and the owner of the orders table acting. Raises 42501 when a row is
/// there but hidden from that role: a total never silently misses an order.
void apply(const Deltas &deltas, Oid customers);

}  // namespace customer_identity
