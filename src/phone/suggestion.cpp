// Each guess undoes what a rule of read() stumbled over.
#include "suggestion.hpp"

#include <array>

#include "phone/short_text.hpp"
#include "phone/spelling.hpp"
#include "phone/text.hpp"
#include "phone/words.hpp"

namespace customer_identity::phone {
namespace {

using Guess = ShortText (*)(std::string_view symbols);

/// "4.915123456789E+12", where no digit is lost.
ShortText in_full(std::string_view symbols) {
  const std::string_view body = body_of(symbols);
  if (!is_scientific(body)) return {};
  const std::size_t exponent = body.find('e');
  const std::size_t point = body.find_first_of(".,");
  const std::size_t decimals = point == std::string_view::npos ? 0 : exponent - point - 1;
  std::size_t zeros = 0;
  for (const char symbol : body.substr(exponent))
    if (is_digit(symbol)) zeros = 10 * zeros + static_cast<std::size_t>(symbol - '0');
  if (zeros != decimals || decimals == 0) return {};
  return ShortText().add(body.substr(0, point)).add(body.substr(point + 1, decimals));
}

/// "O151 2345678l"
ShortText with_digits_for_letters(std::string_view symbols) {
  ShortText text;
  for (std::size_t at = 0; at < symbols.size(); ++at) {
    const bool touches = (at > 0 && is_digit(symbols[at - 1])) ||
                         (at + 1 < symbols.size() && is_digit(symbols[at + 1]));
    const char symbol = symbols[at];
    if (touches && symbol == 'o')
      text.add("0");
    else if (touches && (symbol == 'l' || symbol == 'i'))
      text.add("1");
    else
      text.add({&symbol, 1});
  }
  return text;
}

std::string_view before_letters(std::string_view symbols) {
  const std::string_view body = body_of(symbols);
  return up_to_last_digit(body.substr(0, body.find_first_not_of("+0123456789 -.()[]/*~")));
}

/// "030 123456 2. OG" without the 2.
ShortText without_last_group(std::string_view symbols) {
  const std::string_view number = before_letters(symbols);
  const std::size_t last = number.find_last_not_of("0123456789");
  const bool is_short = last != std::string_view::npos && number.size() - last <= kMinimumGroup;
  if (!is_short || number.size() == body_of(symbols).size()) return {};
  return ShortText().add(up_to_last_digit(number.substr(0, last)));
}

ShortText without_label(std::string_view symbols) {
  return ShortText().add(before_letters(symbols));
}

/// "447911123456", "0044 7911 123456" without a region.
ShortText with_plus(std::string_view symbols) {
  std::string_view body = body_of(symbols);
  if (body.starts_with("00")) body.remove_prefix(2);
  return body.starts_with('+') ? ShortText() : ShortText().add("+").add(body);
}

/// "06641234567/8"
ShortText before_slash(std::string_view symbols) {
  const std::string_view body = body_of(symbols);
  const std::size_t slash = body.rfind('/');
  return slash == std::string_view::npos ? ShortText() : ShortText().add(body.substr(0, slash));
}

ShortText without_decimals(std::string_view symbols) {
  return ShortText().add(without_fraction(body_of(symbols)));
}

constexpr std::array<Guess, 7> kGuesses = {
    in_full,      with_digits_for_letters, without_last_group, without_label,
    before_slash, without_decimals,        with_plus};

}  // namespace

Details suggest(std::string_view text, std::string_view region, const Options &options) {
  Details details = unread(refusal(text));
  if (details.reason != Reason::kOk) return details;
  const Spelling spelling(text);
  for (const Guess guess : kGuesses) {
    details = read(guess(spelling.view()).view(), region, options);
    if (details.reason == Reason::kOk) return details;
  }
  std::string_view rest = body_of(spelling.view());
  for (std::string_view part = take_part(rest); !part.empty(); part = take_part(rest)) {
    details = read(ShortText().add(part).view(), region, options);
    if (details.reason == Reason::kOk) return details;
  }
  Options letters = options;
  letters.read_letters = true;
  return read(text, region, letters);
}

const char *remark(std::string_view text) {
  if (refusal(text) != Reason::kOk) return nullptr;
  const Spelling spelling(text);
  return is_scientific(body_of(spelling.view())) ? "scientific notation" : nullptr;
}

}  // namespace customer_identity::phone
