#include "plain.hpp"

#include <cstring>

#include "phone/spelling.hpp"
#include "phone/text.hpp"

namespace customer_identity::phone {
namespace {

/// Takes a plus off, and what may stand before the first group.
bool take_plus(std::string_view &symbols) {
  const bool plus = symbols.starts_with('+');
  if (plus) symbols.remove_prefix(1);
  while (symbols.starts_with('(') || symbols.starts_with(' ')) symbols.remove_prefix(1);
  return plus;
}

/// Calls `each` with every symbol and its classes.
template <typename Each>
Look pass_over(std::string_view symbols, const Each &each) {
  std::uint32_t classes = 0;
  std::uint32_t before = 0;
  std::uint32_t zeros = 0;
  for (const char symbol : symbols) {
    const std::uint32_t found = class_of(symbol);
    each(symbol, found);
    classes |= found;
    zeros |= found & (before << 1U);  // kZeroSymbol is twice kSeparatorSymbol
    before = found;
  }
  Look look;
  look.classes = classes & ~std::uint32_t{kZeroSymbol};
  look.zero_begins_group = (zeros & kZeroSymbol) != 0;
  look.is_number = (classes & (kPlusSymbol | kLetterSymbol | kOtherSymbol)) == 0 &&
                   (classes & kDigitSymbol) != 0;
  return look;
}

/// From 8 to 16 digits, which are copied in two parts that may share some.
Look read_bare(std::string_view digits, Input &input) {
  std::memcpy(input.buffer.data(), digits.data(), 8);
  std::memcpy(input.buffer.data() + digits.size() - 8, digits.data() + digits.size() - 8, 8);
  input.digits = {input.buffer.data(), digits.size()};
  return {kDigitSymbol, false, true, true};
}

}  // namespace

Look look_at(std::string_view symbols) {
  take_plus(symbols);
  return pass_over(symbols, [](char, std::uint32_t) {});
}

/// Without a branch for each character: where the separators are is not predictable.
Look read_plain(std::string_view text, Input &input) {
  if (text.size() > kMaximumInput) return look_at(text);
  input.plus = take_plus(text);
  if (is_bare(text)) return read_bare(text, input);
  std::size_t count = 0;
  Look look = pass_over(text, [&](char symbol, std::uint32_t found) {
    input.buffer[count] = symbol;
    count += found & kDigitSymbol;
  });
  input.digits = {input.buffer.data(), count};
  look.is_plain = look.is_number && (look.classes & kTildeSymbol) == 0 && count >= 3;
  return look;
}

}  // namespace customer_identity::phone
