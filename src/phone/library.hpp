// libphonenumber: exact by definition, and slow.
// It is initialised by the first call, never when a file is loaded.
#pragma once

#include <string_view>

#include "phone/phone.hpp"

namespace i18n::phonenumbers {
class PhoneNumberUtil;
}

namespace customer_identity::phone {

/// With the metadata that is inside it. It prints nothing.
const i18n::phonenumbers::PhoneNumberUtil &installed_library();

/// One that answers by the numbering plans in force.
const i18n::phonenumbers::PhoneNumberUtil &library();

/// The plans in force may have a calling code that the library has not.
bool library_knows(std::int32_t country_code);

/// parse(), by the library alone.
Details parse_by_library(std::string_view text, std::string_view region, Acceptance acceptance);

}  // namespace customer_identity::phone
