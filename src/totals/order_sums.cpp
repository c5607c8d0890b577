// The aggregates that add up the orders of a customer, for verify_totals and rebuild_totals: in
// integers where the amounts fit, as the trigger does.
#include "pg/majors.hpp"
#include "totals/amount.hpp"
#include "totals/order_value.hpp"

namespace customer_identity {
namespace {

struct OrderSums {
  MemoryContext memory;
  std::int64_t units;  // ten-thousandths
  std::int64_t points;
  Numeric amounts;      // what is no units; NULL: none
  Numeric more_points;  // what bigint cannot hold; NULL: none
  int scale;            // decimal places of the units' amounts
};

// Only an aggregate has what an argument of type internal takes.
OrderSums *sums_in(FunctionCallInfo fcinfo) {
  if (!PG_ARGISNULL(0)) return reinterpret_cast<OrderSums *>(PG_GETARG_POINTER(0));
  MemoryContext memory;
  if (AggCheckCallContext(fcinfo, &memory) == 0) elog(ERROR, "orders are added by aggregates only");
  auto *sums = static_cast<OrderSums *>(MemoryContextAllocZero(memory, sizeof(OrderSums)));
  sums->memory = memory;
  return sums;
}

void add_number(const OrderSums &sums, Numeric *sum, Numeric number) {
  MemoryContext caller = MemoryContextSwitchTo(sums.memory);
  Numeric before = *sum == nullptr ? int64_to_numeric(0) : *sum;
  *sum = majors::add(before, number);
  pfree(before);
  MemoryContextSwitchTo(caller);
}

void add_units(OrderSums &sums, const Amount &amount) {
  std::int64_t sum;
  if (pg_add_s64_overflow(sums.units, amount.units, &sum)) {
    add_number(sums, &sums.amounts, numeric_of_units(sums.units, sums.scale));
    sum = amount.units;
  }
  sums.units = sum;
  sums.scale = Max(sums.scale, amount.scale);
}

void add_points(OrderSums &sums, std::int64_t points) {
  std::int64_t sum;
  if (pg_add_s64_overflow(sums.points, points, &sum)) {
    add_number(sums, &sums.more_points, int64_to_numeric(sums.points));
    sum = points;
  }
  sums.points = sum;
}

void add_amount(OrderSums &sums, Datum stored, Datum points_per_unit) {
  Amount amount;
  Amount rate;
  std::int64_t points;
  if (read_amount(stored, NUMERICOID, &amount) && read_amount(points_per_unit, NUMERICOID, &rate) &&
      multiply(amount, rate, &points)) {
    add_units(sums, amount);
    add_points(sums, points);
    return;
  }
  Numeric number = DatumGetNumeric(stored);
  if (!is_countable(number)) return;
  add_number(sums, &sums.amounts, number);
  add_points(sums, points_of(number, DatumGetNumeric(points_per_unit)));
}

Numeric total_of(Numeric total, Numeric rest) {
  return rest == nullptr ? total : majors::add(total, rest);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(add_order) {
  OrderSums *sums = sums_in(fcinfo);
  if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
    add_amount(*sums, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2));
  PG_RETURN_POINTER(sums);
}

CUSTOMER_IDENTITY_FUNCTION(amounts_added) {
  const OrderSums &sums = *sums_in(fcinfo);
  PG_RETURN_NUMERIC(total_of(numeric_of_units(sums.units, sums.scale), sums.amounts));
}

CUSTOMER_IDENTITY_FUNCTION(points_added) {
  const OrderSums &sums = *sums_in(fcinfo);
  PG_RETURN_NUMERIC(total_of(int64_to_numeric(sums.points), sums.more_points));
}

}  // namespace customer_identity
