// Amounts as integers of ten-thousandths where they fit, which is where nearly all money is; exact
// numeric for the rest.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Decimal places of the integers.
inline constexpr int kUnitScale = 4;

/// An amount below a million million with at most four decimal places.
struct Amount {
  std::int64_t units;
  int scale;  // decimal places it is displayed with
};

/// Reads an amount of a number type; false: it does not fit.
bool read_amount(Datum value, Oid type, Amount *amount);

/// floor(amount * rate) as an integer; false: the product does not fit.
bool multiply(const Amount &amount, const Amount &rate, std::int64_t *product);

/// `units` ten-thousandths, of which all places after `scale` are zero, displayed with `scale`
/// places.
Numeric numeric_of_units(std::int64_t units, int scale);

}  // namespace customer_identity
