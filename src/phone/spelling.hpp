// A text in the symbols that numbers are written with, one byte a character: what looks the same is
// the same, in whatever script, and what cannot be seen is gone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "phone/phone.hpp"

namespace customer_identity::phone {

/// Digits and '+' in ASCII; " -.()[]/*~" for what separates digits; 'a' to 'z'; ASCII's other
/// punctuation as it is; and these.
inline constexpr char kLineBreak = '\n';
inline constexpr char kUnreadable = '\x01';  // a control character
inline constexpr char kCyrillic = '\x80';    // the first of 32 letters
inline constexpr char kLikeDigit = '\xFD';   // a letter that is a digit as well, as in East Asia
inline constexpr char kNumeral = '\xFE';     // a superscript, a circled number
inline constexpr char kLetter = '\xFF';      // any other letter, and pictures

/// What a symbol may be good for; those of a text are or-ed together.
enum SymbolClass : std::uint16_t {
  kDigitSymbol = 1,
  kSeparatorSymbol = 2,
  kZeroSymbol = 4,   // added to kDigitSymbol
  kPointSymbol = 8,  // these, and the tilde, are added to kSeparatorSymbol
  kSlashSymbol = 16,
  kPlusSymbol = 32,
  kLetterSymbol = 64,
  kOtherSymbol = 128,
  kTildeSymbol = 256
};

constexpr std::uint16_t class_of_symbol(unsigned char symbol) {
  if (symbol == '0') return kDigitSymbol | kZeroSymbol;
  if (symbol > '0' && symbol <= '9') return kDigitSymbol;
  if (symbol == '.') return kSeparatorSymbol | kPointSymbol;
  if (symbol == '/') return kSeparatorSymbol | kSlashSymbol;
  if (symbol == '~') return kSeparatorSymbol | kTildeSymbol;
  if (symbol == '+') return kPlusSymbol;
  if ((symbol >= 'a' && symbol <= 'z') || symbol >= 0x80) return kLetterSymbol;
  return std::string_view(" -()[]*").find(static_cast<char>(symbol)) == std::string_view::npos
             ? kOtherSymbol
             : kSeparatorSymbol;
}

constexpr std::array<std::uint16_t, 256> classes_of_symbols() {
  std::array<std::uint16_t, 256> classes{};
  for (std::size_t symbol = 0; symbol < classes.size(); ++symbol)
    classes[symbol] = class_of_symbol(static_cast<unsigned char>(symbol));
  return classes;
}
inline constexpr std::array<std::uint16_t, 256> kSymbolClasses = classes_of_symbols();

constexpr std::uint16_t class_of(char symbol) {
  return kSymbolClasses[static_cast<unsigned char>(symbol)];
}
constexpr bool is_digit(char symbol) { return symbol >= '0' && symbol <= '9'; }
constexpr bool is_letter(char symbol) { return (class_of(symbol) & kLetterSymbol) != 0; }

/// The place of the first symbol of one of the classes, from `at` on; the size when there is none.
inline std::size_t find_class(std::string_view symbols, std::uint32_t classes, std::size_t at = 0) {
  while (at < symbols.size() && (class_of(symbols[at]) & classes) == 0) ++at;
  return at;
}

inline std::size_t count_digits(std::string_view symbols) {
  return static_cast<std::size_t>(std::count_if(symbols.begin(), symbols.end(), is_digit));
}

/// Symbols without what stands behind the last digit.
inline std::string_view up_to_last_digit(std::string_view symbols) {
  while (!symbols.empty() && !is_digit(symbols.back())) symbols.remove_suffix(1);
  return symbols;
}

class Spelling {
 public:
  /// Ends where `text` is too long or not UTF-8, with kUnreadable.
  explicit Spelling(std::string_view text);

  /// Takes the x for any carrier out of "0xx11 91234-5678", as Brazilians write it.
  void drop_carrier_marks();

  /// False when it ended early.
  bool is_readable() const { return size_ == 0 || symbols_[size_ - 1] != kUnreadable; }
  std::string_view view() const { return {symbols_.data(), size_}; }

 private:
  std::size_t size_ = 0;
  std::array<char, kMaximumCharacters + 1> symbols_;  // NOLINT(*-member-init): filled up to `size_`
};

}  // namespace customer_identity::phone
