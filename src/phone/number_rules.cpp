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

/// ParsePrefixAsIdd(): takes the prefix for calls abroad off; none if a zero follows it.
bool take_international_prefix(const NumberingPlan &home, std::string_view &digits) {
  const PrefixMatcher &prefix = home.international_prefix;
  if (!prefix.may_begin(digits)) return false;
  const int length = prefix.match(digits).length;
  if (length < 0) return false;
  const std::string_view rest = digits.substr(static_cast<std::size_t>(length));
  if (rest.starts_with('0')) return false;
  digits = rest;
  return true;
}

/// ExtractCountryCode().
inline Outcome take_calling_code(const NumberingPlans &plans, std::string_view &digits,
                                 CallingCode *&code) {
  if (digits.size() <= kMinimumNational) return Reason::kTooShort;
  code = plans.leading(digits);
  if (code == nullptr) return Reason::kUnknownCountryCode;
  digits.remove_prefix(code->size);
  return Reason::kOk;
}

/// MaybeExtractCountryCode() for digits without a plus: a calling code is there after the prefix
/// for calls abroad, or is the region's own and the number makes more sense without it. Leaves
/// `code` null when there is none.
Outcome extract_dialled_at(const NumberingPlans &plans, const NumberingPlan &home,
                           std::string_view &digits, Digits &buffer, CallingCode *&code) {
  if (!home.code->ready()) return std::nullopt;
  if (take_international_prefix(home, digits)) return take_calling_code(plans, digits, code);
  const std::string_view own = home.code->view();
  if (digits[0] != own[0] || !digits.starts_with(own)) return Reason::kOk;

  std::string_view rest = digits.substr(own.size());
  if (may_have_prefix(home, rest) && !strip_national_prefix(home, rest, buffer))
    return std::nullopt;
  const bool better = !home.matches_general(digits) && home.matches_general(rest);
  if (better || home.length_of(digits.size()) == Length::kTooLong) {
    digits = rest;
    code = home.code;
  }
  return Reason::kOk;
}

/// Takes the calling code off, if there is one. A plus that no calling code follows is tried again
/// as if it was not there.
Outcome extract_calling_code(const NumberingPlans &plans, const NumberingPlan *home, bool plus,
                             std::string_view &digits, Number &number) {
  if (plus) {
    const Outcome taken = take_calling_code(plans, digits, number.code);
    if (taken != Reason::kUnknownCountryCode || home == nullptr) return taken;
  }
  if (home == nullptr) return Reason::kNoRegion;
  const Outcome outcome =
      extract_dialled_at(plans, *home, digits, number.stripped_home, number.code);
  return plus && outcome && number.code == nullptr ? Reason::kUnknownCountryCode : outcome;
}

/// What is left may be a short number: a prefix is stripped only when the rest is long enough.
bool strip_if_long_enough(const NumberingPlan &plan, std::string_view &digits, Digits &buffer) {
  if (!may_have_prefix(plan, digits)) return true;
  std::string_view stripped = digits;
  if (!strip_national_prefix(plan, stripped, buffer)) return false;
  const Length length = plan.length_of(stripped.size());
  if (length == Length::kPossible || length == Length::kTooLong) digits = stripped;
  return true;
}

}  // namespace

/// The digits are handed on by value: what was just written in two parts is slow to read as one.
Outcome apply_rules(const NumberingPlans &plans, const Input &input, const NumberingPlan *home,
                    Number &number) {
  std::string_view digits = input.digits;
  if (digits.size() > kMaximumDigits) return std::nullopt;
  number.code = nullptr;
  const Outcome extracted = extract_calling_code(plans, home, input.plus, digits, number);
  if (extracted != Reason::kOk) return extracted;

  const NumberingPlan &plan = number.code == nullptr ? *home : *number.code->main;
  if (number.code == nullptr) number.code = home->code;
  if (!number.code->ready()) return std::nullopt;
  if (digits.size() < kMinimumNational) return Reason::kTooShort;
  const char *const dialled = digits.data();
  if (!strip_if_long_enough(plan, digits, number.stripped)) return std::nullopt;
  if (digits.size() < kMinimumNational) return Reason::kTooShort;
  const NumberingPlan &main = *number.code->main;
  number.settled = !may_have_prefix(main, digits) || (&plan == &main && digits.data() == dialled);
  number.national = digits;
  return digits.size() > kMaximumNational ? Reason::kTooLong : Reason::kOk;
}

}  // namespace customer_identity::phone
