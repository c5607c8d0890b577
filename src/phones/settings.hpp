// Settings of reading phones: customer_identity.default_region, fast_path,
// numbering_plans and phone_validation.
#pragma once

#include "phone/phone.hpp"

namespace customer_identity::settings {

void define_phones();

/// Upper-case ISO 3166-1 alpha-2, or empty: only international spellings are readable.
const char *default_region();
phone::FastPath fast_path();
/// "newest", "library", or the absolute path of a file.
const char *numbering_plans();
phone::Acceptance phone_validation();

}  // namespace customer_identity::settings
