// Puts the parts together: the text's digits, the rules of dialling, and what the number's plan
// says of the result.
#include <array>
#include <cstring>

#include "phone/input.hpp"
#include "phone/number_rules.hpp"
#include "phone/numbering_plan.hpp"
#include "phone/phone.hpp"
#include "phone/text.hpp"

namespace customer_identity::phone {
namespace {

/// Why a number of a length is not acceptable, in the order of Length.
constexpr std::array<Reason, 5> kLengthReasons = {Reason::kNotInUse, Reason::kTooShort,
                                                  Reason::kTooShort, Reason::kTooLong,
                                                  Reason::kInvalidLength};

/// Copies more than there is, as buffers have room behind their digits: faster than the right
/// number.
void write(std::string_view national, char *to) {
  std::memcpy(to, national.data(), kLongestNational + 3);
  to[national.size()] = '\0';
}

void describe(const Number &number, const Input &input, Acceptance acceptance, Details &details) {
  const CallingCode &code = *number.code;
  details.e164[0] = '+';
  std::memcpy(details.e164 + 1, code.digits.data(), code.digits.size());
  write(number.national, details.e164 + 1 + code.size);
  write(number.national, details.national_number);
  details.extension[input.extension.copy(details.extension, sizeof(details.extension) - 1)] = '\0';
  details.country_code = code.number;

  const Verdict verdict = code.verdict(number.national);
  details.region[0] = '\0';
  if (verdict.plan != nullptr)
    std::memcpy(details.region, verdict.plan->region.data(), sizeof(details.region));
  details.type = verdict.type;
  details.is_valid = verdict.type != Type::kUnknown;
  const Length length = code.main->length_of(number.national.size());
  details.is_possible = length == Length::kPossible || length == Length::kLocalOnly;

  const bool acceptable = acceptance == Acceptance::kValid ? details.is_valid : details.is_possible;
  const bool fits = 1 + code.size + number.national.size() <= kMaxE164;
  details.reason = !fits        ? Reason::kTooLong
                   : acceptable ? Reason::kOk
                                : kLengthReasons[static_cast<std::size_t>(length)];
}

/// Blank and over-long texts have reasons of their own.
Reason why_unread(Reason reason, std::string_view text) {
  const Reason refused = reason == Reason::kNotANumber ? refusal(text) : Reason::kOk;
  return refused == Reason::kOk ? reason : refused;
}

}  // namespace

bool parse_fast(std::string_view text, std::string_view region, Acceptance acceptance,
                Details &details) {
  const NumberingPlans &plans = NumberingPlans::get();
  Input input;
  Number number;
  Outcome outcome = read_input(text, input);
  if (outcome == Reason::kOk) outcome = apply_rules(plans, input, plans.of_region(region), number);
  if (!outcome) return false;
  if (*outcome == Reason::kOk)
    describe(number, input, acceptance, details);
  else
    details = unread(why_unread(*outcome, text));
  return true;
}

bool is_region(std::string_view region) {
  return NumberingPlans::get().of_region(region) != nullptr;
}

void prepare() { NumberingPlans::get().compile_all(); }

}  // namespace customer_identity::phone
