// Puts the parts together: the text's digits, the rules of dialling, and what the number's plan
// says of the result.
#include <array>
#include <cstring>

#include "phone/input.hpp"
#include "phone/library.hpp"
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
  std::memcpy(to, national.data(), kMaximumNational + 3);
  to[national.size()] = '\0';
}

void describe(const Number &number, std::string_view extension, Acceptance acceptance,
              Details &details) {
  const CallingCode &code = *number.code;
  const std::string_view national = number.national;
  details.e164[0] = '+';
  std::memcpy(details.e164 + 1, code.digits.data(), code.digits.size());
  write(national, details.e164 + 1 + code.size);
  write(national, details.national_number);
  details.extension[extension.empty()
                        ? 0
                        : extension.copy(details.extension, sizeof(details.extension) - 1)] = '\0';
  details.country_code = code.number;

  const NumberClass found = code.classify(national);
  details.region[0] = '\0';
  if (found.plan != nullptr)
    std::memcpy(details.region, found.plan->region.data(), sizeof(details.region));
  details.type = found.type;
  details.is_valid = found.type != Type::kUnknown;
  const Length length = code.main->length_of(national.size());
  details.is_possible = length == Length::kPossible || length == Length::kLocalOnly;

  const bool acceptable = acceptance == Acceptance::kValid ? details.is_valid : details.is_possible;
  const bool fits = 1 + code.size + national.size() <= kMaximumE164;
  details.reason = !fits        ? Reason::kTooLong
                   : acceptable ? Reason::kOk
                                : kLengthReasons[static_cast<std::size_t>(length)];
}

/// Blank and over-long texts have reasons of their own.
Reason why_unread(Reason reason, std::string_view text) {
  const Reason refused = reason == Reason::kNotANumber ? refusal(text) : Reason::kOk;
  return refused == Reason::kOk ? reason : refused;
}

/// Reads the E.164 form of an acceptable number until it reads as itself. False when the library
/// has to do it.
[[gnu::noinline]] bool settle(std::string_view extension, Acceptance acceptance, Details &details) {
  for (int reading = 0; reading < kMaximumReadings; ++reading) {
    Input input;
    Number number;
    Outcome outcome = read_input(details.e164, input);
    if (outcome == Reason::kOk)
      outcome = apply_rules(NumberingPlans::get(), input, nullptr, number);
    if (!outcome) return false;
    if (*outcome == Reason::kOk && number.national == details.national_number) return true;
    if (*outcome == Reason::kOk)
      describe(number, extension, acceptance, details);
    else
      details = unread(*outcome);
    if (details.reason != Reason::kOk) return true;
  }
  details.reason = Reason::kNotInUse;
  return true;
}

}  // namespace

bool parse_fast(const Input &input, std::string_view region, Acceptance acceptance,
                Details &details) {
  const NumberingPlans &plans = NumberingPlans::get();
  Number number;
  const Outcome outcome = apply_rules(plans, input, plans.of_region(region), number);
  if (outcome != Reason::kOk) {
    if (outcome) details = unread(*outcome);
    return outcome.has_value();
  }
  describe(number, input.extension, acceptance, details);
  return details.reason != Reason::kOk || number.settled ||
         settle(input.extension, acceptance, details);
}

bool parse_fast(std::string_view text, std::string_view region, Acceptance acceptance,
                Details &details) {
  Input input;
  const Outcome outcome = read_input(text, input);
  if (outcome == Reason::kOk) return parse_fast(input, region, acceptance, details);
  if (outcome) details = unread(why_unread(*outcome, text));
  return outcome.has_value();
}

bool is_region(std::string_view region) {
  return NumberingPlans::get().of_region(region) != nullptr;
}

void prepare() {
  static_cast<void>(NumberingPlans::get().compile_all());
  static_cast<void>(library());
}

}  // namespace customer_identity::phone
