// Settings of reading phones: customer_identity.default_region, fast_path and phone_validation.
#pragma once

#include "phone/phone.hpp"

namespace customer_identity::settings {

void define_phones();

/// Upper-case ISO 3166-1 alpha-2, or empty: only international spellings are readable.
const char *default_region();
phone::FastPath fast_path();
phone::Acceptance phone_validation();

}  // namespace customer_identity::settings
