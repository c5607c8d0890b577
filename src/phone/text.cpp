// Takes UTF-8 apart, strictly, and looks no further than a text may be long.
// Blank texts are told from the rest here too: the library calls both "not a number".
#include "text.hpp"

#include <array>
#include <cstddef>

namespace customer_identity::phone {
namespace {

/// Unicode's White_Space property.
bool is_white_space(char32_t code_point) {
  return (code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x20 || code_point == 0x85 ||
         code_point == 0xA0 || code_point == 0x1680 ||
         (code_point >= 0x2000 && code_point <= 0x200A) || code_point == 0x2028 ||
         code_point == 0x2029 || code_point == 0x202F || code_point == 0x205F ||
         code_point == 0x3000;
}

}  // namespace

char32_t take_code_point(std::string_view &text) {
  const auto byte = [&text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return kInvalid;

  char32_t code_point = lead & (0x7FU >> length);
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xC0U) != 0x80) return kInvalid;
    code_point = code_point << 6U | (byte(at) & 0x3FU);
  }
  text.remove_prefix(length);

  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  return code_point < kSmallest[length] || surrogate || code_point > 0x10FFFF ? kInvalid
                                                                              : code_point;
}

Reason refusal(std::string_view text) {
  bool blank = true;
  for (std::size_t characters = 0; !text.empty(); ++characters) {
    if (characters == kMaximumCharacters) return Reason::kTooLong;
    const char32_t code_point = take_code_point(text);
    if (code_point == kInvalid) return Reason::kNotANumber;
    blank = blank && is_white_space(code_point);
  }
  return blank ? Reason::kEmpty : Reason::kOk;
}

}  // namespace customer_identity::phone
