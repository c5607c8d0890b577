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
phone::Options phone_reading();

}  // namespace customer_identity::settings
