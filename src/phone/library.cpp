// Asks libphonenumber about a text and copies its answers into plain values.
// Texts that could hurt it are refused before it sees them.
#include "library.hpp"

#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "phone/text.hpp"

namespace customer_identity::phone {
namespace {

using i18n::phonenumbers::NullLogger;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

/// True when `text` names its country itself: by a plus before the first digit, or by RFC 3966's
/// phone-context.
bool names_country(const std::string &text) {
  if (text.find(";phone-context=+") != std::string::npos) return true;
  const std::size_t plus = std::min(text.find('+'), text.find("\uFF0B"));
  if (plus == std::string::npos) return false;
  std::string before = text.substr(0, plus);
  library().NormalizeDigitsOnly(&before);
  return before.empty();
}

/// `region` as the library wants it; its own name for "none" when it is not one that it knows.
std::string known_region(std::string_view region) {
  return is_region(region) ? std::string(region) : "ZZ";
}

Reason reason_of(PhoneNumberUtil::ErrorType error, const std::string &text,
                 const std::string &region) {
  switch (error) {
    case PhoneNumberUtil::INVALID_COUNTRY_CODE_ERROR:
      return region == "ZZ" && !names_country(text) ? Reason::kNoRegion
                                                    : Reason::kUnknownCountryCode;
    case PhoneNumberUtil::TOO_SHORT_AFTER_IDD:
    case PhoneNumberUtil::TOO_SHORT_NSN:
      return Reason::kTooShort;
    case PhoneNumberUtil::TOO_LONG_NSN:
      return Reason::kTooLong;
    default:
      return Reason::kNotANumber;
  }
}

/// Why a number that is not acceptable is not.
Reason reason_of(PhoneNumberUtil::ValidationResult result) {
  switch (result) {
    case PhoneNumberUtil::IS_POSSIBLE:
      return Reason::kNotInUse;
    case PhoneNumberUtil::IS_POSSIBLE_LOCAL_ONLY:
    case PhoneNumberUtil::TOO_SHORT:
      return Reason::kTooShort;
    case PhoneNumberUtil::INVALID_COUNTRY_CODE:
      return Reason::kUnknownCountryCode;
    case PhoneNumberUtil::TOO_LONG:
      return Reason::kTooLong;
    case PhoneNumberUtil::INVALID_LENGTH:
      return Reason::kInvalidLength;
  }
  return Reason::kInvalidLength;
}

/// False, and `to` is empty, when `from` does not fit: a cut number would be another number.
template <std::size_t Size>
bool copy(const std::string &from, char (&to)[Size]) {
  to[0] = '\0';
  if (from.size() >= Size) return false;
  std::memcpy(to, from.c_str(), from.size() + 1);
  return true;
}

Details describe(const PhoneNumber &number, Acceptance acceptance) {
  const PhoneNumberUtil &util = library();
  Details details{};
  std::string e164;
  std::string national_number;  // must be empty: the library appends to it
  std::string region;

  util.Format(number, PhoneNumberUtil::E164, &e164);
  util.GetNationalSignificantNumber(number, &national_number);
  util.GetRegionCodeForNumber(number, &region);
  if (region == "ZZ") region.clear();
  copy(e164, details.e164);
  copy(national_number, details.national_number);
  copy(number.extension(), details.extension);
  copy(region, details.region);
  details.country_code = number.country_code();
  details.type = static_cast<Type>(util.GetNumberType(number));
  details.is_possible = util.IsPossibleNumber(number);
  details.is_valid = util.IsValidNumber(number);

  const bool acceptable = acceptance == Acceptance::kValid ? details.is_valid : details.is_possible;
  if (e164.size() > kMaximumE164)
    details.reason = Reason::kTooLong;
  else if (!acceptable)
    details.reason = reason_of(util.IsPossibleNumberWithReason(number));
  return details;
}

/// kOk, or why `text` cannot be parsed.
Reason parse_once(const std::string &text, const std::string &region, PhoneNumber &number) {
  const PhoneNumberUtil::ErrorType error = library().Parse(text, region, &number);
  return error == PhoneNumberUtil::NO_PARSING_ERROR ? Reason::kOk : reason_of(error, text, region);
}

/// Reads the E.164 form of an acceptable number until it reads as itself.
void settle(Acceptance acceptance, PhoneNumber &number, Details &details) {
  for (int reading = 0; reading < kMaximumReadings; ++reading) {
    PhoneNumber again;
    std::string e164;
    const Reason parsed = parse_once(details.e164, "ZZ", again);
    if (parsed == Reason::kOk) library().Format(again, PhoneNumberUtil::E164, &e164);
    if (e164 == details.e164) return;
    if (number.has_extension()) again.set_extension(number.extension());
    number = again;
    details = parsed == Reason::kOk ? describe(number, acceptance) : unread(parsed);
    if (details.reason != Reason::kOk) return;
  }
  details.reason = Reason::kNotInUse;
}

/// parse(), leaving the library's own form in `number` when the text could be parsed.
Details read(std::string_view text, std::string_view region, Acceptance acceptance,
             PhoneNumber &number) {
  const Reason refused = refusal(text);
  if (refused != Reason::kOk) return unread(refused);
  const Reason parsed = parse_once(std::string(text), known_region(region), number);
  if (parsed != Reason::kOk) return unread(parsed);

  // The library keeps an extension as it was typed, in any script's digits.
  if (number.has_extension()) library().NormalizeDigitsOnly(number.mutable_extension());
  Details details = describe(number, acceptance);
  if (details.reason == Reason::kOk && text != details.e164) settle(acceptance, number, details);
  return details;
}

PhoneNumberUtil::PhoneNumberFormat library_style(Style style) {
  switch (style) {
    case Style::kE164:
      return PhoneNumberUtil::E164;
    case Style::kInternational:
      return PhoneNumberUtil::INTERNATIONAL;
    case Style::kNational:
      return PhoneNumberUtil::NATIONAL;
    case Style::kRfc3966:
      return PhoneNumberUtil::RFC3966;
  }
  return PhoneNumberUtil::INTERNATIONAL;
}

std::string written_by_library(const PhoneNumber &number, Style style) {
  std::string written;
  library().Format(number, library_style(style), &written);
  return written;
}

/// Without the groups of digits, which only the library could make.
std::string written_plainly(const Details &details, Style style) {
  const std::string code = "+" + std::to_string(details.country_code);
  const std::string national = details.national_number;
  const std::string extension = details.extension;
  switch (style) {
    case Style::kE164:
      return details.e164;
    case Style::kRfc3966:
      return "tel:" + code + "-" + national + (extension.empty() ? "" : ";ext=" + extension);
    case Style::kInternational:
    case Style::kNational:
      break;
  }
  return (style == Style::kNational ? "" : code + " ") + national +
         (extension.empty() ? "" : " ext. " + extension);
}

}  // namespace

static_assert(static_cast<int>(Type::kFixedLine) == PhoneNumberUtil::FIXED_LINE &&
              static_cast<int>(Type::kTollFree) == PhoneNumberUtil::TOLL_FREE &&
              static_cast<int>(Type::kVoip) == PhoneNumberUtil::VOIP &&
              static_cast<int>(Type::kUan) == PhoneNumberUtil::UAN &&
              static_cast<int>(Type::kUnknown) == PhoneNumberUtil::UNKNOWN);

const PhoneNumberUtil &installed_library() {
  static const PhoneNumberUtil *const instance = [] {
    PhoneNumberUtil *util = PhoneNumberUtil::GetInstance();
    util->SetLogger(new NullLogger);  // NOLINT: the library owns it
    return util;
  }();
  return *instance;
}

bool library_knows(std::int32_t country_code) {
  std::string region;
  library().GetRegionCodeForCountryCode(country_code, &region);
  return region != "ZZ";
}

Details parse_by_library(std::string_view text, std::string_view region, Acceptance acceptance) {
  PhoneNumber number;
  return read(text, region, acceptance, number);
}

bool format(const Details &details, Style style, Formatted &formatted) {
  PhoneNumber number;
  if (parse_once(details.e164, "ZZ", number) != Reason::kOk)
    return copy(written_plainly(details, style), formatted.text);
  if (details.extension[0] != '\0') number.set_extension(details.extension);
  return copy(written_by_library(number, style), formatted.text);
}

}  // namespace customer_identity::phone
