// Per-customer sums of what a statement changes.
#pragma once

#include "pg/postgres.hpp"
#include "totals/amount.hpp"

namespace customer_identity {

/// What a statement adds to one customer.
struct Delta {
  pg_uuid_t customer;
  std::int64_t orders;
  std::int64_t points;
  std::int64_t units;  // ten-thousandths of what is spent
  int scale;           // decimal places of the units' amounts
  Numeric rest;        // the amounts that are no units; NULL: none
};

/// The deltas of one statement. Most statements concern one customer, whose delta was the last to
/// be asked for; many are found by an open hash table.
struct Deltas {
  MemoryContext memory;
  Delta *deltas;
  std::uint32_t count;
  std::uint32_t room;
  std::uint32_t last;
  std::uint32_t *places;  // index of a delta + 1, 0: free; NULL while there are few
  std::uint32_t mask;     // number of places - 1
};

/// In the current memory context.
Deltas new_deltas();

/// The delta of a customer, zero when it is new. It moves when another one is asked for.
Delta &delta_of(Deltas &deltas, const pg_uuid_t &customer);

/// Raises 22003 when the sum leaves bigint.
void add_points(Delta &delta, std::int64_t points);

/// Adds an amount, or takes it away (`sign` -1).
void add_units(Deltas &deltas, Delta &delta, const Amount &amount, int sign);
void add_numeric(Deltas &deltas, Delta &delta, Numeric amount, int sign);

/// Adds a delta to its customer's sum.
void add_delta(Deltas &sums, const Delta &delta);

/// What the delta adds to total_spent.
Numeric spent_of(const Delta &delta);

/// Removes the deltas that change nothing and sorts the others by customer.
void keep_changes(Deltas &deltas);

}  // namespace customer_identity
