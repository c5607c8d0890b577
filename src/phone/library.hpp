// The installed libphonenumber: exact by definition, and slow.
// It is initialised by the first call, never when a file is loaded.
#pragma once

#include <string_view>

#include "phone/phone.hpp"

namespace i18n::phonenumbers {
class PhoneNumberUtil;
}

namespace customer_identity::phone {

/// It prints nothing.
const i18n::phonenumbers::PhoneNumberUtil &library();

/// parse(), by the library alone.
Details parse_by_library(std::string_view text, std::string_view region, Acceptance acceptance);

}  // namespace customer_identity::phone
