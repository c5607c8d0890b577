// What one order is worth: the amount that counts and the points it earns. One definition for the
// trigger, for verify_totals and for rebuild_totals.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// The points of a single order stay below this, so that no sum of them leaves bigint: an amount
/// beyond it is a mistyped one and earns none.
inline constexpr std::int64_t kMostPointsPerOrder = INT64CONST(1000000000000000);

/// NULL, NaN and infinity count as nothing: they could never be taken back.
bool is_countable(Numeric amount);

/// floor(amount * points_per_unit); negative for refunds.
std::int64_t points_of(Numeric amount, Numeric points_per_unit);

/// The amount as numeric, whatever number type the column has.
Numeric to_numeric(Datum amount, Oid type);
/// Whether to_numeric() knows the type.
bool is_amount_type(Oid type);

}  // namespace customer_identity
