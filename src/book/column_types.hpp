// What the types of columns can hold: phones and regions.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Whether phones can be read from a type: a text, bigint, numeric without a scale, or a type of
/// another extension. A phone inside of something else is not read.
bool holds_phone(Oid type, std::int32_t typmod);

/// Whether regions can be read from a type: a text or an enum.
bool holds_region(Oid type);

}  // namespace customer_identity
