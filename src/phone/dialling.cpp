// What is said here of a country's numbers has its source in docs/phones.md.
#include "dialling.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "phone/renumbering.hpp"
#include "phone/short_text.hpp"
#include "phone/spelling.hpp"

namespace customer_identity::phone {
namespace {

/// A national number is rarely longer; digits behind it that begin with the country's own calling
/// code are hardly one.
constexpr std::size_t kUsualNational = 11;

bool is_mobile(const Details &details) {
  return details.type == Type::kMobile || details.type == Type::kFixedLineOrMobile;
}

/// The digits of the text, without those of an extension.
ShortText digits_of(std::string_view text) {
  ShortText digits;
  for (std::size_t at = 0; at < text.size() && !is_letter(text[at]); ++at)
    if (is_digit(text[at])) digits.add(text.substr(at, 1));
  return digits;
}

/// "192.168.1.10": four numbers, one of a single digit, which no group of a phone has.
bool is_internet_address(std::string_view text) {
  if (text.find_first_not_of("0123456789.") != std::string_view::npos ||
      std::count(text.begin(), text.end(), '.') != 3)
    return false;
  for (std::size_t at = 0; at < text.size(); ++at)
    if (text[at] != '.' && (at == 0 || text[at - 1] == '.') &&
        (at + 1 == text.size() || text[at + 1] == '.'))
      return true;
  return false;
}

/// Whether `national` was read of a text that begins with the country's own calling code.
bool begins_with_own_code(std::string_view text, const Details &national) {
  const int size = national.country_code < 10 ? 1 : national.country_code < 100 ? 2 : 3;
  const char *const e164 = national.e164 + 1;
  int same = 0;
  std::size_t at = 0;
  for (; at < text.size() && !is_letter(text[at]); ++at) {
    if ((class_of(text[at]) & kSeparatorSymbol) != 0) continue;
    if (text[at] != e164[same]) break;
    ++same;
  }
  const bool is_whole = at == text.size() || is_letter(text[at]);
  return same >= size && !(is_whole && e164[same] == '\0');
}

/// Of two readings the one that is meant: the one that is in use, or else the mobile one. Null when
/// nothing tells.
const Details *meant(const Details &national, const Details &international, std::size_t digits) {
  const bool first = national.reason == Reason::kOk;
  const bool second = international.reason == Reason::kOk;
  if (std::strcmp(national.e164, international.e164) == 0 || (!first && !second)) return &national;
  if (first && second && national.is_valid == international.is_valid) {
    if (is_mobile(national) == is_mobile(international)) return nullptr;
    return is_mobile(national) ? &national : &international;
  }
  if (second && (!first || international.is_valid)) return &international;
  return digits > kUsualNational && international.is_possible && !second ? nullptr : &national;
}

/// The mobile number of an Argentine subscriber without the 9: area code and number, ten digits.
/// Both are one line, as each such number is assigned once.
ShortText with_argentine_nine(std::string_view national) {
  ShortText text;
  return national.size() == 10 ? text.add("+549").add(national) : text;
}

/// A Mexican number without what was dialled before mobiles (044, 045) and far ones (01) up to
/// 2019.
ShortText without_mexican_prefix(std::string_view national) {
  ShortText text;
  for (const std::string_view prefix : {"01", "044", "045"})
    if (national.size() == prefix.size() + 10 && national.starts_with(prefix))
      return text.add("+52").add(national.substr(prefix.size()));
  return text;
}

ShortText other_number(const Details &details) {
  switch (details.country_code) {
    case 52:
      return without_mexican_prefix(details.national_number);
    case 54:
      return with_argentine_nine(details.national_number);
    default:
      return {};
  }
}

}  // namespace

bool Dialling::dial(std::string_view text, Details &details) {
  ask(text, details);
  return settle(text, details);
}

bool Dialling::dial(std::string_view text, const Input &input, Details &details) {
  if (options_.fast_path != FastPath::kOn ||
      !parse_fast(input, region_, options_.acceptance, details))
    ask(text, details);
  return settle(text, details);
}

/// What the text's digits alone do not tell.
bool Dialling::settle(std::string_view text, Details &details) {
  if (details.e164[0] != '\0') {
    if (!text.starts_with('+') && begins_with_own_code(text, details))
      consider_own_code(text, details);
    if (details.country_code == 52 || details.country_code == 54) unify(details);
    if (may_be_old(details)) renew(text, details);
  }
  return details.reason == Reason::kOk;
}

void Dialling::ask(std::string_view text, Details &details) {
  if (!fast_only_)
    details = parse(text, region_, options_.acceptance, options_.fast_path);
  else if (!parse_fast(text, region_, options_.acceptance, details)) {
    details = unread(Reason::kNotANumber);
    understood_ = false;
  }
}

/// Digits that begin with the country's own calling code may be a national number or an
/// international one without its plus.
void Dialling::consider_own_code(std::string_view text, Details &details) {
  const ShortText digits = digits_of(text);
  Details international;
  ask(ShortText().add("+").add(digits.view()).view(), international);
  const Details *const chosen = meant(details, international, digits.view().size());
  if (chosen == nullptr)
    details = unread(Reason::kAmbiguous);
  else if (chosen != &details) {
    std::memcpy(international.extension, details.extension, sizeof(details.extension));
    details = international;
  }
}

/// One subscriber, one number: that of today's plan.
void Dialling::unify(Details &details) {
  const ShortText other = other_number(details);
  if (other.view().empty()) return;
  Details today;
  ask(other.view(), today);
  if (today.reason != Reason::kOk || !is_mobile(today)) return;
  std::memcpy(today.extension, details.extension, sizeof(details.extension));
  details = today;
}

/// A number of a plan that has changed is today's number of the same subscriber.
void Dialling::renew(std::string_view text, Details &details) {
  if (renumber(details.country_code, details.national_number).rule == nullptr) return;
  if (is_internet_address(text))
    details = unread(Reason::kAmbiguous);
  else if (fast_only_)
    understood_ = false;
  else
    details = renumbered(details, options_.acceptance, options_.fast_path);
}

}  // namespace customer_identity::phone
