// Each function is one step of PhoneNumberUtil and is named in its comment. The library is asked
// wherever a step meets something that tables cannot answer.
#include "number_rules.hpp"

#include <algorithm>

namespace customer_identity::phone {
namespace {

constexpr std::size_t kMinimumNational = 2;

/// `digits` with its prefix, matched by `match`, replaced as the plan's transform rule says. False
/// when that does not fit.
bool transform(std::string_view rule, const PrefixMatcher::Match &match, std::string_view digits,
               Digits &buffer, std::string_view &transformed) {
  std::size_t size = 0;
  const auto append = [&](std::string_view piece) {
    const bool fits = piece.size() <= kMaximumDigits - size;
    if (fits) size += piece.copy(buffer.data() + size, piece.size());
    return fits;
  };
  for (std::size_t at = 0; at < rule.size(); ++at) {
    const bool group = rule[at] == '$';
    if (!append(group ? match.group(digits, rule[++at] - '0') : rule.substr(at, 1))) return false;
  }
  if (!append(digits.substr(static_cast<std::size_t>(match.length)))) return false;
  transformed = std::string_view(buffer.data(), size);
  return true;
}

bool may_have_prefix(const NumberingPlan &plan, std::string_view digits) {
  return !digits.empty() && plan.national_prefix.may_begin_with(digits[0]);
}

/// MaybeStripNationalPrefixAndCarrierCode(): the rule applies when the prefix's last group (the
/// second, after a carrier code) has matched something. A number that was right is not made wrong.
/// False when the library has to do it.
bool strip_national_prefix(const NumberingPlan &plan, std::string_view &digits, Digits &buffer) {
  const PrefixMatcher &prefix = plan.national_prefix;
  const PrefixMatcher::Match match = prefix.match(digits);
  if (match.length < 0) return true;

  std::string_view stripped = digits.substr(static_cast<std::size_t>(match.length));
  const bool captured = prefix.groups() > 0 && !match.group(digits, prefix.groups()).empty();
  if (captured && !plan.transform_rule.empty() &&
      !transform(plan.transform_rule, match, digits, buffer, stripped))
    return false;
  if (!plan.matches_general(digits) || plan.matches_general(stripped)) digits = stripped;
  return true;
}

/// ExtractCountryCode(). False when no calling code begins the number.
bool take_calling_code(const NumberingPlans &plans, Number &number) {
  number.code = plans.leading(number.national);
  if (number.code == nullptr) return false;
  number.national.remove_prefix(number.code->size);
  return true;
}

/// ParsePrefixAsIdd(): takes the prefix for calls abroad off; none if a zero follows it.
bool take_international_prefix(const NumberingPlan &home, std::string_view &digits) {
  const PrefixMatcher &prefix = home.international_prefix;
  if (!prefix.may_begin_with(digits[0])) return false;
  const int length = prefix.match(digits).length;
  if (length < 0) return false;
  const std::string_view rest = digits.substr(static_cast<std::size_t>(length));
  if (rest.starts_with('0')) return false;
  digits = rest;
  return true;
}

/// MaybeExtractCountryCode() for digits without a plus: a calling code is there after the prefix
/// for calls abroad, or is the region's own and the number makes more sense without it. Leaves
/// `number.code` null when there is none.
Outcome extract_dialled_at(const NumberingPlans &plans, const NumberingPlan &home, Number &number) {
  if (!home.code->ready()) return std::nullopt;
  if (take_international_prefix(home, number.national)) {
    if (number.national.size() <= kMinimumNational) return Reason::kTooShort;
    return take_calling_code(plans, number) ? Reason::kOk : Reason::kUnknownCountryCode;
  }
  const std::string_view code = home.code->view();
  if (number.national[0] != code[0] || !number.national.starts_with(code)) return Reason::kOk;

  std::string_view rest = number.national.substr(code.size());
  if (may_have_prefix(home, rest) && !strip_national_prefix(home, rest, number.stripped_home))
    return std::nullopt;
  const bool better = !home.matches_general(number.national) && home.matches_general(rest);
  if (better || home.length_of(number.national.size()) == Length::kTooLong) {
    number.national = rest;
    number.code = home.code;
  }
  return Reason::kOk;
}

/// The calling code of the number, or null when it was dialled nationally. A plus that no calling
/// code follows is tried again as if it was not there.
Outcome extract_calling_code(const NumberingPlans &plans, bool plus, const NumberingPlan *home,
                             Number &number) {
  if (plus && number.national.size() <= kMinimumNational) return Reason::kTooShort;
  if (plus && take_calling_code(plans, number)) return Reason::kOk;
  if (home == nullptr) return plus ? Reason::kUnknownCountryCode : Reason::kNoRegion;
  const Outcome outcome = extract_dialled_at(plans, *home, number);
  return plus && outcome && number.code == nullptr ? Reason::kUnknownCountryCode : outcome;
}

/// What is left may be a short number: a prefix is stripped only when the rest is long enough.
bool strip_if_long_enough(const NumberingPlan &plan, Number &number) {
  std::string_view stripped = number.national;
  if (!may_have_prefix(plan, stripped)) return true;
  if (!strip_national_prefix(plan, stripped, number.stripped)) return false;
  const Length length = plan.length_of(stripped.size());
  if (length == Length::kPossible || length == Length::kTooLong) number.national = stripped;
  return true;
}

}  // namespace

Outcome apply_rules(const NumberingPlans &plans, const Input &input, const NumberingPlan *home,
                    Number &number) {
  if (input.digits.size() > kMaximumDigits) return std::nullopt;
  number.code = nullptr;
  number.national = input.digits;
  const Outcome extracted = extract_calling_code(plans, input.plus, home, number);
  if (extracted != Reason::kOk) return extracted;

  const NumberingPlan &plan = number.code == nullptr ? *home : *number.code->main;
  if (number.code == nullptr) number.code = home->code;
  if (!number.code->ready()) return std::nullopt;
  if (number.national.size() < kMinimumNational) return Reason::kTooShort;
  const char *const dialled = number.national.data();
  if (!strip_if_long_enough(plan, number)) return std::nullopt;
  if (number.national.size() < kMinimumNational) return Reason::kTooShort;
  const NumberingPlan &main = *number.code->main;
  number.settled = !may_have_prefix(main, number.national) ||
                   (&plan == &main && number.national.data() == dialled);
  return number.national.size() > kMaximumNational ? Reason::kTooLong : Reason::kOk;
}

}  // namespace customer_identity::phone
