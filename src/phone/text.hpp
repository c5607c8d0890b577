// Which texts may be read at all. Those that could hurt the library (too long: its time is
// quadratic; not UTF-8: undefined) are refused before it sees them.
#pragma once

#include <string_view>

#include "phone/phone.hpp"

namespace customer_identity::phone {

inline constexpr char32_t kInvalid = 0xFFFFFFFF;

/// Takes one code point off the front of `text`, which is not empty; kInvalid when its bytes are
/// not UTF-8 (over-long forms and surrogates are not).
char32_t take_code_point(std::string_view &text);

/// Why the library must not see `text`; kOk when it may.
Reason refusal(std::string_view text);

}  // namespace customer_identity::phone
