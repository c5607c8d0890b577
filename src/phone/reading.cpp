// Nearly every phone is plain, and goes from one look at its characters to its plan. Anything else
// is taken apart in the symbols of spelling.hpp.
#include "reading.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "phone/dialling.hpp"
#include "phone/plain.hpp"
#include "phone/short_text.hpp"
#include "phone/spelling.hpp"
#include "phone/text.hpp"
#include "phone/words.hpp"

namespace customer_identity::phone {
namespace {

/// A part of a text with fewer digits is no second number, and more digits are none at all.
constexpr std::size_t kMinimumPart = 4;
constexpr std::size_t kMinimumDialled = 6;
constexpr std::size_t kMaximumPlain = 40;

/// Longer texts have their gaps shortened. A number is shorter then, whatever separates its digits.
constexpr std::size_t kMaximumNumbers = 80;
constexpr std::size_t kMaximumGap = 3;
constexpr std::uint32_t kNoSeparator = kDigitSymbol | kPlusSymbol | kLetterSymbol | kOtherSymbol;

/// A number that may be followed by "/8", the end of a range, has that many digits.
constexpr std::size_t kMinimumRange = 6;

/// Whether a part of a text is too short for a number; with a zero in front it is dialled.
bool is_too_short(std::string_view part) {
  return count_digits(part) < (part.starts_with('0') ? kMinimumDialled : kMinimumPart);
}

/// A plus or a zero is in front of it.
bool is_dialled(std::string_view text) { return text.starts_with('+') || text.starts_with('0'); }

/// Both name a person, the same one.
bool are_same(const Details &one, const Details &other) {
  return std::strcmp(one.e164, other.e164) == 0;
}

/// The symbols with no more than kMaximumGap separators in a row: the first, one that
/// sets numbers apart or else the second, the last.
ShortText with_short_gaps(std::string_view symbols) {
  ShortText text;
  while (!symbols.empty()) {
    const std::size_t start = find_class(symbols, kSeparatorSymbol);
    text.add(symbols.substr(0, start));
    symbols.remove_prefix(start);
    const std::string_view gap = symbols.substr(0, find_class(symbols, kNoSeparator));
    symbols.remove_prefix(gap.size());
    const std::size_t apart = gap.find_first_of("/~", 1);
    if (gap.size() <= kMaximumGap)
      text.add(gap);
    else
      text.add(gap.substr(0, 1))
          .add(gap.substr(apart == std::string_view::npos ? 1 : apart, 1))
          .add(gap.substr(gap.size() - 1));
  }
  return text;
}

class Reading {
 public:
  Reading(std::string_view text, std::string_view region, const Options &options, bool fast_only)
      : text_(text), read_letters_(options.read_letters), dialling_(region, options, fast_only) {}

  void read(Details &details);
  bool understood() const { return dialling_.understood(); }

 private:
  bool is_number(std::string_view part, Details &details);
  void read_number(std::string_view number, Details &details);
  void read_number(std::string_view number, const Look &look, const Input &input, Details &details);
  void look_for_others(std::string_view number, const Look &look, Details &details);
  bool read_float(std::string_view number, Details &details);
  bool split(std::string_view number, Details &details);
  bool split_at(std::size_t at, std::string_view number, bool whole, Details &details);
  bool refuse_aside(std::string_view aside, std::string_view number, Details &details);
  void refuse_range(std::string_view number, Details &details);

  void read_any(Details &details);
  void read_body(std::string_view body, Details &details);
  void read_worded(std::string_view body, const Look &look, Details &details);
  bool read_parameters(std::string_view body, Details &details);
  bool read_extension(std::string_view body, bool marked, Details &details);
  bool read_parts(std::string_view body, Details &details);
  bool read_labelled(std::string_view body, Details &details);

  std::string_view text_;
  bool read_letters_;
  Dialling dialling_;
};

/// Digits and separators, perhaps behind a plus, need nothing but one look at them.
void Reading::read(Details &details) {
  if (text_.size() > kMaximumPlain) return read_any(details);
  Input input;
  const Look look = read_plain(text_, input);
  if (look.is_number)
    read_number(text_, look, input, details);
  else
    read_any(details);
}

void Reading::read_number(std::string_view number, Details &details) {
  Input input;
  read_number(number, read_plain(number, input), input, details);
}

/// Digits and separators, perhaps behind a plus, which read_plain() has seen.
void Reading::read_number(std::string_view number, const Look &look, const Input &input,
                          Details &details) {
  if ((look.classes & kPointSymbol) != 0 && read_float(up_to_last_digit(number), details)) return;
  if (look.is_plain)
    dialling_.dial(number, input, details);
  else
    dialling_.dial(number, details);
  look_for_others(number, look, details);
}

/// Looks for a second number in one that was dialled.
void Reading::look_for_others(std::string_view number, const Look &look, Details &details) {
  if (look.classes == kDigitSymbol) return;
  const bool ok = details.reason == Reason::kOk;
  const bool slash = (look.classes & (kSlashSymbol | kTildeSymbol)) != 0;
  const bool is_short = details.reason == Reason::kTooShort || details.reason == Reason::kNoRegion;
  if (!slash && (ok ? !look.zero_begins_group : is_short)) return;
  if (number.size() > kMaximumNumbers) {
    if (ok) details = unread(Reason::kAmbiguous);
  } else if (!split(number, details) && slash)
    refuse_range(number, details);
}

/// Whether a part of a text is a number by itself: one in use, or nearly any digits would be.
bool Reading::is_number(std::string_view part, Details &details) {
  Input input;
  const bool is_plain = read_plain(part, input).is_plain;
  const bool ok = is_plain ? dialling_.dial(part, input, details) : dialling_.dial(part, details);
  return ok && details.is_valid;
}

/// A number that was kept as a float: "6641234567.0". More zeros, "01 23.00", may be digits unless
/// all before them is one group.
bool Reading::read_float(std::string_view number, Details &details) {
  const std::string_view whole = without_fraction(number);
  if (whole.size() == number.size()) return false;
  const bool is_float = number.size() - whole.size() == 2 ||
                        whole.find_first_not_of("+0123456789") == std::string_view::npos;
  Details digits;
  const bool ok = dialling_.dial(whole, details);
  if (is_float || !dialling_.dial(number, digits)) return true;
  details = ok ? unread(Reason::kAmbiguous) : digits;
  return true;
}

/// True when the text holds two numbers, and then one is read if they are the same.
bool Reading::split(std::string_view number, Details &details) {
  const bool whole = details.reason == Reason::kOk;
  const bool only_zeros = whole && number.find_first_of("/~") == std::string_view::npos;
  for (std::size_t at = 1; at + kMinimumPart <= number.size(); ++at) {
    if (only_zeros && number[at] != '0') continue;
    if (!is_digit(number[at]) || is_digit(number[at - 1])) continue;
    if (split_at(at, number, whole, details)) return true;
  }
  return false;
}

/// A group may begin another number if it begins with a zero or follows a slash, or if the whole
/// text is none.
bool Reading::split_at(std::size_t at, std::string_view number, bool whole, Details &details) {
  const std::string_view first = up_to_last_digit(number.substr(0, at));
  const std::string_view between = number.substr(first.size(), at - first.size());
  if (whole && number[at] != '0' && between.find_first_of("/~") == std::string_view::npos)
    return false;
  const std::string_view second = number.substr(at);
  if (whole && count_digits(first) < kMinimumGroup && refuse_aside(first, second, details))
    return true;
  Details one;
  Details other;
  if (is_too_short(first) || is_too_short(second) || !is_number(first, one)) return false;
  if (!is_number(second, other) && !split(second, other)) return false;
  details = are_same(one, other) ? one : unread(Reason::kSeveralNumbers);
  return true;
}

/// "Apt. 5 0171 2345678", "0 0171 23456789": few digits before a number that begins with a zero are
/// not dialled. More than a zero by itself ("08-021-28-19-90"), or two of them ("0 0 49"), are.
/// Nobody writes 00 1 712 as "0 0171", whether or not what follows is a number without the zero.
bool Reading::refuse_aside(std::string_view aside, std::string_view number, Details &details) {
  const bool is_zero = aside == "0" && is_digit(number[1]);
  if (number[0] != '0' || (is_dialled(aside) && !is_zero)) return false;
  Details alone;
  const bool is_alone = is_number(number, alone);
  if (is_alone ? are_same(alone, details) : !is_zero) return false;
  details = unread(Reason::kAmbiguous);
  return true;
}

/// "06641234567/8" is two numbers to some and one to others. Several slashes are between groups.
void Reading::refuse_range(std::string_view number, Details &details) {
  const std::size_t slash = number.rfind('/');
  if (slash == std::string_view::npos) return;
  const std::string_view first = up_to_last_digit(number.substr(0, slash));
  if (first.find('/') != std::string_view::npos && count_digits(number.substr(slash)) > 2) return;
  const std::size_t before = first.find_last_not_of("0123456789");
  const std::size_t group = first.size() - (before == std::string_view::npos ? 0 : before + 1);
  Details one;
  if (group < kMinimumGroup || !is_number(first, one)) return;
  if (std::strlen(one.national_number) < kMinimumRange) return;
  details = unread(details.reason == Reason::kOk ? Reason::kAmbiguous : Reason::kSeveralNumbers);
}

void Reading::read_any(Details &details) {
  Spelling spelling(text_);
  if (dialling_.region() == "BR") spelling.drop_carrier_marks();
  const std::string_view body = body_of(spelling.view());
  if (body.empty() || !spelling.is_readable()) {
    const Reason refused = refusal(text_);
    details = unread(refused == Reason::kOk ? Reason::kNotANumber : refused);
    return;
  }
  if (is_name(spelling.view(), body)) {
    details = unread(Reason::kHasLetters);
    return;
  }
  if (body.size() > kMaximumNumbers)
    read_body(with_short_gaps(body).view(), details);
  else
    read_body(body, details);
  const auto before = static_cast<std::size_t>(body.data() - spelling.view().data());
  if (before > 0 && spelling.view()[before - 1] == kNumeral && details.is_valid)
    details = unread(Reason::kHasLetters);
}

void Reading::read_body(std::string_view body, Details &details) {
  Input input;
  const Look look = read_plain(body, input);
  if (look.is_number)
    read_number(body, look, input, details);
  else
    read_worded(body, look, details);
}

/// Digits with letters or other signs among or behind them.
void Reading::read_worded(std::string_view body, const Look &look, Details &details) {
  const std::string_view whole = without_fraction(body);  // "6641234567,0"
  if (whole.size() < body.size() && look_at(whole).is_number) return read_number(whole, details);
  if (is_scientific(body)) {
    details = unread(Reason::kNotANumber);
    return;
  }
  if (read_parameters(body, details) || read_extension(body, true, details) ||
      read_parts(body, details) || read_extension(body, false, details) ||
      read_labelled(body, details))
    return;
  const bool letters = (look.classes & kLetterSymbol) != 0;
  if (letters && read_letters_)
    dialling_.dial(text_, details);
  else
    details = unread(letters ? Reason::kHasLetters : Reason::kNotANumber);
}

/// RFC 3966: "tel:7946-0123;phone-context=+4420;ext=12". True when there are parameters.
bool Reading::read_parameters(std::string_view body, Details &details) {
  const std::size_t end = body.find(';');
  if (end == std::string_view::npos || body.find('=', end) == std::string_view::npos) return false;
  Uri uri;
  if (uri.read(body.substr(0, end), body.substr(end)))
    dialling_.dial(uri.view(), details);
  else
    details = unread(Reason::kNotANumber);
  return true;
}

/// A number and an extension that is marked as one. A comma or a semicolon is a pause in dialling,
/// and rather stands between two numbers.
bool Reading::read_extension(std::string_view body, bool marked, Details &details) {
  const Extension found = extension_of(body, marked);
  if (found.digits.empty()) return false;
  Details other;
  if (marked && found.digits.size() >= kMinimumPart && found.digits.starts_with('0') &&
      is_number(found.digits, other))
    return false;
  const ShortText whole = ShortText().add(found.number).add(" ext. ").add(found.digits);
  Input input;
  const bool is_plain = read_plain(found.number, input).is_plain;
  input.extension = found.digits;
  if (is_plain)
    dialling_.dial(whole.view(), input, details);
  else
    dialling_.dial(whole.view(), details);
  return true;
}

/// True when two parts of the text are numbers, and then one is read if they are the same.
bool Reading::read_parts(std::string_view body, Details &details) {
  int found = 0;
  bool letters_touch = false;
  for (std::string_view part = take_part(body); !part.empty(); part = take_part(body)) {
    if (count_digits(part) < kMinimumPart) continue;
    Details one;
    read_number(part, one);
    const bool several = one.reason == Reason::kSeveralNumbers;
    if (!several && (one.reason != Reason::kOk || !one.is_valid)) continue;
    if (several || (found > 0 && !are_same(details, one))) {
      details = unread(Reason::kSeveralNumbers);
      return true;
    }
    details = one;
    ++found;
    const bool ends_here = body.data() == part.data() + part.size();
    letters_touch = letters_touch || (ends_here && !body.empty() && is_letter(body.front()));
  }
  return found > 1 && !letters_touch;
}

/// A number and a label behind it: "030 123456 (mobil)".
bool Reading::read_labelled(std::string_view body, Details &details) {
  const std::string_view number = before_label(body);
  if (number.empty()) return false;
  read_number(number, details);
  return details.reason == Reason::kOk;
}

}  // namespace

Details read(std::string_view text, std::string_view region, const Options &options) {
  Details details = unread(Reason::kNotANumber);
  Reading(text, region, options, false).read(details);
  return details;
}

bool read_fast(std::string_view text, std::string_view region, const Options &options,
               Details &details) {
  Reading reading(text, region, options, true);
  reading.read(details);
  return reading.understood();
}

}  // namespace customer_identity::phone
