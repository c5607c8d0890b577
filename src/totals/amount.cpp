// Reads numeric as it is stored: a header with sign, display scale and weight, then digits of base
// 10000. The layout is part of every data directory and has not changed since PostgreSQL 9.1.
#include "totals/amount.hpp"

namespace customer_identity {
namespace {

constexpr std::int64_t kUnit = 10000;  // the base of the digits as well
constexpr std::int64_t kMaximum = INT64CONST(1000000000000);
constexpr int kMaximumWeight = 2;  // below 10000^3

constexpr std::uint16_t kFormMask = 0xC000;
constexpr std::uint16_t kShortForm = 0x8000;
constexpr std::uint16_t kNegative = 0x2000;
constexpr std::uint16_t kScaleMask = 0x1F80;
constexpr int kScaleShift = 7;
constexpr std::uint16_t kWeightSign = 0x0040;
constexpr std::uint16_t kWeightMask = 0x003F;

int weight_in(std::uint16_t header) {
  const int weight = header & kWeightMask;
  return (header & kWeightSign) != 0 ? weight - (kWeightMask + 1) : weight;
}

std::uint16_t word_at(const char *data, int index) {
  std::uint16_t word;
  memcpy(&word, data + index * sizeof(word), sizeof(word));
  return word;
}

bool read_numeric(Datum value, Amount *amount) {
  const auto *stored = reinterpret_cast<const varlena *>(DatumGetPointer(value));
  if (VARATT_IS_EXTERNAL(stored) || VARATT_IS_COMPRESSED(stored)) return false;
  const char *data = VARDATA_ANY(stored);
  const int digits = static_cast<int>(VARSIZE_ANY_EXHDR(stored) / sizeof(std::uint16_t)) - 1;
  const std::uint16_t header = word_at(data, 0);
  if ((header & kFormMask) != kShortForm) return false;
  amount->scale = (header & kScaleMask) >> kScaleShift;
  const int weight = weight_in(header);
  // The digit of weight -1 is the ten-thousandths.
  if (amount->scale > kUnitScale || weight > kMaximumWeight || digits > weight + 2) return false;

  std::int64_t units = 0;
  for (int i = 0; i <= weight + 1; ++i)
    units = units * kUnit + (i < digits ? word_at(data, i + 1) : 0);
  amount->units = (header & kNegative) != 0 ? -units : units;
  return true;
}

bool read_integer(std::int64_t value, Amount *amount) {
  if (value <= -kMaximum || value >= kMaximum) return false;
  *amount = {value * kUnit, 0};
  return true;
}

}  // namespace

bool read_amount(Datum value, Oid type, Amount *amount) {
  switch (type) {
    case NUMERICOID:
      return read_numeric(value, amount);
    case INT2OID:
      return read_integer(DatumGetInt16(value), amount);
    case INT4OID:
      return read_integer(DatumGetInt32(value), amount);
    case INT8OID:
      return read_integer(DatumGetInt64(value), amount);
    default:
      return false;
  }
}

bool multiply(const Amount &amount, const Amount &rate, std::int64_t *product) {
  std::int64_t exact;
  if (pg_mul_s64_overflow(amount.units, rate.units, &exact)) return false;
  constexpr std::int64_t kUnitSquared = kUnit * kUnit;
  *product = exact / kUnitSquared - (exact % kUnitSquared < 0 ? 1 : 0);
  return true;
}

Numeric numeric_of_units(std::int64_t units, int scale) {
  for (int place = scale; place < kUnitScale; ++place) units /= 10;
  return int64_div_fast_to_numeric(units, scale);
}

}  // namespace customer_identity
