// What one order is worth: the amount that counts and the points it earns. One definition for the
// trigger, for verify_totals and for rebuild_totals.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// An order earns at most so many points: one that would earn more has a mistyped amount and earns
/// none. Thousands of the largest still fit into bigint.
inline constexpr std::int64_t kMaximumPointsPerOrder = INT64CONST(1000000000000000);

/// NaN, infinity and amounts of more than a hundred digits count as nothing: the former could never
/// be taken back, sums of the latter would not fit.
bool is_countable(Numeric amount);

/// floor(amount * points_per_unit); negative for refunds.
std::int64_t points_of(Numeric amount, Numeric points_per_unit);

/// The amount as numeric, whatever number type the column has.
Numeric to_numeric(Datum amount, Oid type);
/// Whether to_numeric() knows the type.
bool is_amount_type(Oid type);

}  // namespace customer_identity
