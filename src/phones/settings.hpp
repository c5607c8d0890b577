// Settings of reading phones: customer_identity.default_region, fast_path, numbering_plans,
// phone_validation and read_letters.
#pragma once

#include "phone/reading.hpp"

namespace customer_identity::settings {

void define_phones();

/// Upper-case ISO 3166-1 alpha-2, or empty: only international spellings are readable.
const char *default_region();
/// "newest", "library", or the absolute path of a file.
const char *numbering_plans();

/// As PostgreSQL keeps them.
struct PhoneReading {
  int acceptance = static_cast<int>(phone::Acceptance::kValid);
  int fast_path = static_cast<int>(phone::FastPath::kOn);
  bool read_letters = false;
};
extern PhoneReading stored_phone_reading;

inline phone::Options phone_reading() {
  const PhoneReading &stored = stored_phone_reading;
  return {static_cast<phone::Acceptance>(stored.acceptance),
          static_cast<phone::FastPath>(stored.fast_path), stored.read_letters};
}

}  // namespace customer_identity::settings
