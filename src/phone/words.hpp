// What stands around a number: words before it, labels and extensions behind it, a spreadsheet's
// decimals, the parameters of a tel: address. All texts are in the symbols of spelling.hpp.
#pragma once

#include <cstddef>
#include <string_view>

#include "phone/short_text.hpp"

namespace customer_identity::phone {

/// A label is dropped behind a group of so many digits: "12 OG" may be a floor.
inline constexpr std::size_t kMinimumGroup = 3;

/// From the first digit, or the plus before it, to the last letter, digit or '#'.
std::string_view body_of(std::string_view symbols);

/// Whether the body's first digits are the end of a name ("A1", "O2"), or a letter before them is a
/// digit ("O151").
bool is_name(std::string_view symbols, std::string_view body);

/// A number without the decimals that a spreadsheet or a data frame gave it: "6641234567.0". All of
/// it when it has none.
std::string_view without_fraction(std::string_view number);

/// "6.64E+09": digits are lost.
bool is_scientific(std::string_view body);

struct Extension {
  std::string_view number;
  std::string_view digits;  // empty: there is none
};

/// The extension that ends the body: one that is marked as such ("ext. 12", "Durchwahl 12", "#12"),
/// or behind a pause in dialling (a comma or semicolon).
Extension extension_of(std::string_view body, bool marked);

/// The number before a label that holds no digit; empty when it is not clear where it ends.
std::string_view before_label(std::string_view body);

/// Takes from the front of `rest` what may be a number: digits and separators up to anything else.
/// Empty at the end.
std::string_view take_part(std::string_view &rest);

/// The number of RFC 3966's local and global addresses.
class Uri {
 public:
  /// False when the parameters are unknown, or name no country: that number is not told.
  bool read(std::string_view number, std::string_view parameters);
  std::string_view view() const { return text_.view(); }

 private:
  ShortText text_;
};

}  // namespace customer_identity::phone
