// Asks libphonenumber about a text and copies its answers into plain values. Texts that could hurt
// it (too long: its time is quadratic; not UTF-8: undefined) are refused before it sees them.
#include "phone.hpp"

#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace customer_identity::phone {
namespace {

using i18n::phonenumbers::NullLogger;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

/// The column that holds an E.164 text is varchar(20), the '+' included.
constexpr std::size_t kMaxE164 = 20;

constexpr char32_t kInvalid = 0xFFFFFFFF;

/// Initialised by the first call, never when the file is loaded. It prints nothing.
const PhoneNumberUtil &library() {
  static const PhoneNumberUtil *const instance = [] {
    PhoneNumberUtil *util = PhoneNumberUtil::GetInstance();
    util->SetLogger(new NullLogger);  // NOLINT: the library owns it
    return util;
  }();
  return *instance;
}

/// Takes one code point off the front of `text`, which is not empty; kInvalid when its bytes are
/// not UTF-8 (over-long forms and surrogates are not).
char32_t take_code_point(std::string_view &text) {
  const auto byte = [&text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return kInvalid;

  char32_t code_point = lead & (0x7FU >> length);
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xC0U) != 0x80) return kInvalid;
    code_point = code_point << 6U | (byte(at) & 0x3FU);
  }
  text.remove_prefix(length);

  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  return code_point < kSmallest[length] || surrogate || code_point > 0x10FFFF ? kInvalid
                                                                              : code_point;
}

/// Unicode's White_Space property.
bool is_white_space(char32_t code_point) {
  return (code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x20 || code_point == 0x85 ||
         code_point == 0xA0 || code_point == 0x1680 ||
         (code_point >= 0x2000 && code_point <= 0x200A) || code_point == 0x2028 ||
         code_point == 0x2029 || code_point == 0x202F || code_point == 0x205F ||
         code_point == 0x3000;
}

/// Why the library must not see `text`; kOk when it may.
Reason refusal(std::string_view text) {
  bool blank = true;
  for (std::size_t characters = 0; !text.empty(); ++characters) {
    if (characters == kMaxCharacters) return Reason::kTooLong;
    const char32_t code_point = take_code_point(text);
    if (code_point == kInvalid) return Reason::kNotANumber;
    blank = blank && is_white_space(code_point);
  }
  return blank ? Reason::kEmpty : Reason::kOk;
}

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

Details unread(Reason reason) {
  Details details{};
  details.type = Type::kUnknown;
  details.reason = reason;
  return details;
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
  if (e164.size() > kMaxE164)
    details.reason = Reason::kTooLong;
  else if (!acceptable)
    details.reason = reason_of(util.IsPossibleNumberWithReason(number));
  return details;
}

/// parse(), leaving the library's own form in `number` when the text could be parsed.
Details read(std::string_view text, std::string_view region, Acceptance acceptance,
             PhoneNumber &number) {
  const Reason refused = refusal(text);
  if (refused != Reason::kOk) return unread(refused);

  const std::string input(text);
  const std::string from = known_region(region);
  const PhoneNumberUtil::ErrorType error = library().Parse(input, from, &number);
  if (error != PhoneNumberUtil::NO_PARSING_ERROR) return unread(reason_of(error, input, from));

  // The library keeps an extension as it was typed, in any script's digits.
  if (number.has_extension()) library().NormalizeDigitsOnly(number.mutable_extension());
  return describe(number, acceptance);
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

}  // namespace

static_assert(static_cast<int>(Type::kFixedLine) == PhoneNumberUtil::FIXED_LINE &&
              static_cast<int>(Type::kTollFree) == PhoneNumberUtil::TOLL_FREE &&
              static_cast<int>(Type::kVoip) == PhoneNumberUtil::VOIP &&
              static_cast<int>(Type::kUan) == PhoneNumberUtil::UAN &&
              static_cast<int>(Type::kUnknown) == PhoneNumberUtil::UNKNOWN);

bool is_region(std::string_view region) {
  return region.size() == 2 && library().GetCountryCodeForRegion(std::string(region)) != 0;
}

Details parse(std::string_view text, std::string_view region, Acceptance acceptance) {
  PhoneNumber number;
  return read(text, region, acceptance, number);
}

bool format(std::string_view text, std::string_view region, Acceptance acceptance, Style style,
            Formatted &formatted) {
  formatted.text[0] = '\0';
  PhoneNumber number;
  if (read(text, region, acceptance, number).reason != Reason::kOk) return false;

  std::string written;
  library().Format(number, library_style(style), &written);
  return copy(written, formatted.text);
}

const char *name(Reason reason) {
  switch (reason) {
    case Reason::kOk:
      return "ok";
    case Reason::kEmpty:
      return "empty";
    case Reason::kNotANumber:
      return "not_a_number";
    case Reason::kUnknownCountryCode:
      return "unknown_country_code";
    case Reason::kTooShort:
      return "too_short";
    case Reason::kTooLong:
      return "too_long";
    case Reason::kInvalidLength:
      return "invalid_length";
    case Reason::kNoRegion:
      return "no_region";
    case Reason::kNotInUse:
      return "not_in_use";
  }
  return "not_a_number";
}

const char *name(Type type) {
  switch (type) {
    case Type::kFixedLine:
      return "fixed_line";
    case Type::kMobile:
      return "mobile";
    case Type::kFixedLineOrMobile:
      return "fixed_line_or_mobile";
    case Type::kTollFree:
      return "toll_free";
    case Type::kPremiumRate:
      return "premium_rate";
    case Type::kSharedCost:
      return "shared_cost";
    case Type::kVoip:
      return "voip";
    case Type::kPersonalNumber:
      return "personal_number";
    case Type::kPager:
      return "pager";
    case Type::kUan:
      return "uan";
    case Type::kVoicemail:
      return "voicemail";
    case Type::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::optional<Style> style_named(std::string_view name) {
  if (name == "e164") return Style::kE164;
  if (name == "international") return Style::kInternational;
  if (name == "national") return Style::kNational;
  if (name == "rfc3966") return Style::kRfc3966;
  return std::nullopt;
}

}  // namespace customer_identity::phone
