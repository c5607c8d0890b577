// Puts the parts together: the text's digits, the rules of dialling, and what the number's plan
// says of the result.
#include <algorithm>
#include <cstring>

#include "phone/input.hpp"
#include "phone/number_rules.hpp"
#include "phone/numbering_plan.hpp"
#include "phone/phone.hpp"
#include "phone/text.hpp"

namespace customer_identity::phone {
namespace {

/// Blank and over-long texts have reasons of their own.
Details not_a_number(std::string_view text) {
  const Reason refused = refusal(text);
  return unread(refused == Reason::kOk ? Reason::kNotANumber : refused);
}

Reason reason_of(Outcome outcome, bool has_home, bool plus) {
  if (outcome == Outcome::kTooShort) return Reason::kTooShort;
  if (outcome == Outcome::kTooLong) return Reason::kTooLong;
  return has_home || plus ? Reason::kUnknownCountryCode : Reason::kNoRegion;
}

/// Why a number of this length is not acceptable.
Reason reason_of(Length length) {
  switch (length) {
    case Length::kPossible:
      return Reason::kNotInUse;
    case Length::kLocalOnly:
    case Length::kTooShort:
      return Reason::kTooShort;
    case Length::kTooLong:
      return Reason::kTooLong;
    case Length::kInvalid:
      break;
  }
  return Reason::kInvalidLength;
}

/// GetRegionCodeForNumber() and GetNumberType(): of several regions that share a calling code, the
/// first whose leading digits fit, or, where it has none, the first in which the number has a type.
/// False when a plan is not understood.
bool describe_region(const Number &number, Details &details) {
  for (NumberingPlan *plan : number.code->plans) {
    if (!plan->ready()) return false;
    const bool only = number.code->plans.size() == 1;
    if (!only && plan->has_leading_digits() && !plan->leads(number.national)) continue;
    details.type = plan->type_of(number.national);
    if (!only && !plan->has_leading_digits() && details.type == Type::kUnknown) continue;
    std::memcpy(details.region, plan->region().data(), sizeof(details.region));
    return true;
  }
  return true;
}

void append(std::string_view text, char *end) { end[text.copy(end, text.size())] = '\0'; }

void copy_number(const Number &number, const Input &input, Details &details) {
  details.e164[0] = '+';
  std::memcpy(details.e164 + 1, number.code->digits.data(), number.code->digits.size());
  append(number.national, details.e164 + 1 + number.code->size);
  append(number.national, details.national_number);
  append(input.extension, details.extension);
  details.country_code = number.code->number;
}

bool describe(const Number &number, const Input &input, Acceptance acceptance, Details &details) {
  details.type = Type::kUnknown;
  details.region[0] = '\0';
  copy_number(number, input, details);
  if (!describe_region(number, details)) return false;
  const Length length = number.code->main->length_of(number.national.size());
  details.is_valid = details.type != Type::kUnknown;
  details.is_possible = length == Length::kPossible || length == Length::kLocalOnly;

  const bool acceptable = acceptance == Acceptance::kValid ? details.is_valid : details.is_possible;
  const bool fits = 1 + number.code->size + number.national.size() <= kMaxE164;
  details.reason = !fits ? Reason::kTooLong : acceptable ? Reason::kOk : reason_of(length);
  return true;
}

}  // namespace

bool parse_fast(std::string_view text, std::string_view region, Acceptance acceptance,
                Details &details) {
  Input input;
  const Reading reading = read_input(text, input);
  if (reading == Reading::kNotUnderstood) return false;
  if (reading == Reading::kNotANumber) {
    details = not_a_number(text);
    return true;
  }

  const NumberingPlans &plans = NumberingPlans::get();
  NumberingPlan *const home = plans.of_region(region);
  Number number;
  const Outcome outcome = apply_rules(plans, input, home, number);
  if (outcome == Outcome::kNotUnderstood) return false;
  if (outcome == Outcome::kNumber) return describe(number, input, acceptance, details);
  details = unread(reason_of(outcome, home != nullptr, input.plus));
  return true;
}

bool is_region(std::string_view region) {
  return NumberingPlans::get().of_region(region) != nullptr;
}

void prepare() { NumberingPlans::get().compile_all(); }

}  // namespace customer_identity::phone
