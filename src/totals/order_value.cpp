// Amounts and points of one order, on the server's own numeric arithmetic.
#include "totals/order_value.hpp"

namespace customer_identity {
namespace {

constexpr int kMaximumDigits = 100;

Numeric numeric_of(Datum value) { return DatumGetNumeric(value); }

bool is_beyond(Numeric points, std::int64_t maximum) {
  const Datum size = DirectFunctionCall1(numeric_abs, NumericGetDatum(points));
  return DatumGetBool(
      DirectFunctionCall2(numeric_gt, size, NumericGetDatum(int64_to_numeric(maximum))));
}

}  // namespace

bool is_countable(Numeric amount) {
  if (numeric_is_nan(amount) || numeric_is_inf(amount)) return false;
  // Nearly every amount is below ten to the eighteenth, which one comparison tells.
  if (!is_beyond(amount, INT64CONST(1000000000000000000))) return true;
  const Datum maximum = DirectFunctionCall2(numeric_power, NumericGetDatum(int64_to_numeric(10)),
                                            NumericGetDatum(int64_to_numeric(kMaximumDigits)));
  const Datum size = DirectFunctionCall1(numeric_abs, NumericGetDatum(amount));
  return DatumGetBool(DirectFunctionCall2(numeric_lt, size, maximum));
}

std::int64_t points_of(Numeric amount, Numeric points_per_unit) {
  if (!is_countable(amount)) return 0;
  const Datum product =
      DirectFunctionCall2(numeric_mul, NumericGetDatum(amount), NumericGetDatum(points_per_unit));
  const Datum points = DirectFunctionCall1(numeric_floor, product);
  if (is_beyond(numeric_of(points), kMaximumPointsPerOrder)) return 0;
  return DatumGetInt64(DirectFunctionCall1(numeric_int8, points));
}

Numeric to_numeric(Datum amount, Oid type) {
  switch (type) {
    case INT2OID:
      return int64_to_numeric(DatumGetInt16(amount));
    case INT4OID:
      return int64_to_numeric(DatumGetInt32(amount));
    case INT8OID:
      return int64_to_numeric(DatumGetInt64(amount));
    case FLOAT4OID:
      return numeric_of(DirectFunctionCall1(float4_numeric, amount));
    case FLOAT8OID:
      return numeric_of(DirectFunctionCall1(float8_numeric, amount));
    default:
      return numeric_of(amount);
  }
}

bool is_amount_type(Oid type) {
  return type == NUMERICOID || type == INT2OID || type == INT4OID || type == INT8OID ||
         type == FLOAT4OID || type == FLOAT8OID;
}

// The catalogs of 0.1.0 add up by these two.
CUSTOMER_IDENTITY_FUNCTION(order_amount) {
  if (PG_ARGISNULL(0) || !is_countable(PG_GETARG_NUMERIC(0)))
    PG_RETURN_NUMERIC(int64_to_numeric(0));
  PG_RETURN_NUMERIC(PG_GETARG_NUMERIC(0));
}

CUSTOMER_IDENTITY_FUNCTION(order_points) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_INT64(0);
  PG_RETURN_INT64(points_of(PG_GETARG_NUMERIC(0), PG_GETARG_NUMERIC(1)));
}

}  // namespace customer_identity
