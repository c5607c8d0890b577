// Which texts may be read at all. Those that could hurt the library (too long: its time is
// quadratic; not UTF-8: undefined) are refused before it sees them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "phone/phone.hpp"

namespace customer_identity::phone {

inline constexpr char32_t kInvalid = 0xFFFFFFFF;

/// True when the eight bytes at `text` are ASCII digits.
inline bool are_digits(const char *text) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text, sizeof(bytes));
  bytes ^= 0x3030303030303030;  // digits become 0 to 9
  return ((bytes | (bytes + 0x0606060606060606)) & 0xF0F0F0F0F0F0F0F0) == 0;
}

/// True when the text is 8 to 16 digits.
inline bool is_bare(std::string_view text) {
  return text.size() >= 8 && text.size() <= 16 && are_digits(text.data()) &&
         are_digits(text.data() + text.size() - 8);
}

/// Takes one code point off the front of `text`, which is not empty; kInvalid when its bytes are
/// not UTF-8 (over-long forms and surrogates are not).
char32_t take_code_point(std::string_view &text);

/// Why the library must not see `text`; kOk when it may.
Reason refusal(std::string_view text);

}  // namespace customer_identity::phone
