// A text in the symbols that numbers are written with, one byte a character: what looks the same is
// the same, in whatever script, and what cannot be seen is gone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "phone/phone.hpp"

namespace customer_identity::phone {

/// Digits and '+' in ASCII; " -.()[]/*~" for what separates digits; 'a' to 'z'; ASCII's other
/// punctuation as it is; and these.
inline constexpr char kLineBreak = '\n';
inline constexpr char kUnreadable = '\x01';  // a control character
inline constexpr char kCyrillic = '\x80';    // the first of 32 letters
inline constexpr char kLetter = '\xFF';      // any other letter, and pictures

constexpr bool is_digit(char symbol) { return symbol >= '0' && symbol <= '9'; }
constexpr bool is_letter(char symbol) {
  return (symbol >= 'a' && symbol <= 'z') || (static_cast<unsigned char>(symbol) & 0x80U) != 0;
}
constexpr bool is_separator(char symbol) {
  return std::string_view(" -.()[]/*~").find(symbol) != std::string_view::npos;
}

inline std::size_t count_digits(std::string_view symbols) {
  return static_cast<std::size_t>(std::count_if(symbols.begin(), symbols.end(), is_digit));
}

/// Symbols without what stands behind the last digit.
inline std::string_view up_to_last_digit(std::string_view symbols) {
  return symbols.substr(0, symbols.find_last_of("0123456789") + 1);
}

class Spelling {
 public:
  /// `text` is one that refusal() lets pass.
  explicit Spelling(std::string_view text);

  /// Takes the x for any carrier out of "0xx11 91234-5678", as Brazilians write it.
  void drop_carrier_marks();

  std::string_view view() const { return {symbols_.data(), size_}; }

 private:
  std::size_t size_ = 0;
  std::array<char, kMaximumCharacters> symbols_;  // NOLINT(*-member-init): filled up to `size_`
};

}  // namespace customer_identity::phone
