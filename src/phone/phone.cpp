// Chooses who reads a text, compares the two where that is asked for, and names the results.
// libphonenumber itself is asked in library.cpp.
#include "phone.hpp"

#include <cstring>
#include <stdexcept>
#include <string>

#include "phone/library.hpp"

namespace customer_identity::phone {
namespace {

/// The first field in which two answers differ, or null.
const char *difference(const Details &one, const Details &other) {
  if (one.reason != other.reason) return "reason";
  if (std::strcmp(one.e164, other.e164) != 0) return "e164";
  if (std::strcmp(one.national_number, other.national_number) != 0) return "national_number";
  if (std::strcmp(one.extension, other.extension) != 0) return "extension";
  if (std::strcmp(one.region, other.region) != 0) return "region";
  if (one.country_code != other.country_code) return "country_code";
  if (one.type != other.type) return "type";
  if (one.is_possible != other.is_possible) return "is_possible";
  if (one.is_valid != other.is_valid) return "is_valid";
  return nullptr;
}

/// The number itself is not named: errors end up in logs.
Details verified(const Details &fast, const Details &library) {
  if (fast.country_code != 0 && !library_knows(fast.country_code)) return fast;
  if (const char *field = difference(fast, library))
    throw std::logic_error(std::string("the fast path and libphonenumber differ in ") + field);
  return fast;
}

}  // namespace

Details parse(std::string_view text, std::string_view region, Acceptance acceptance,
              FastPath fast_path) {
  Details fast;
  if (fast_path == FastPath::kOff || !parse_fast(text, region, acceptance, fast))
    return parse_by_library(text, region, acceptance);
  if (fast_path == FastPath::kOn) return fast;
  return verified(fast, parse_by_library(text, region, acceptance));
}

Details unread(Reason reason) {
  Details details{};
  details.type = Type::kUnknown;
  details.reason = reason;
  return details;
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
    case Reason::kHasLetters:
      return "has_letters";
    case Reason::kSeveralNumbers:
      return "several_numbers";
    case Reason::kAmbiguous:
      return "ambiguous";
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
