// Defines the settings of reading phones.
#include "phones/settings.hpp"

#include "pg/postgres.hpp"
#include "pg/setting_checks.hpp"
#include "phones/numbering_plans.hpp"
#include "phone/regions.hpp"
#include "phones/phone_reader.hpp"

namespace customer_identity::settings {

PhoneReading stored_phone_reading;

namespace {

char *default_region_setting = nullptr;
char *numbering_plans_setting = nullptr;

const config_enum_entry kFastPaths[] = {
    {"on", static_cast<int>(phone::FastPath::kOn), false},
    {"off", static_cast<int>(phone::FastPath::kOff), false},
    {"verify", static_cast<int>(phone::FastPath::kVerify), false},
    {nullptr, 0, false},
};

const config_enum_entry kValidations[] = {
    {"valid", static_cast<int>(phone::Acceptance::kValid), false},
    {"possible", static_cast<int>(phone::Acceptance::kPossible), false},
    {nullptr, 0, false},
};

// Upper-cases the region. Whether the library knows it is asked when it is used: loading a setting
// must not load the phone metadata.
bool check_default_region(char **value, void **, GucSource) {
  if (!fits(*value, kMaximumList)) return false;
  const std::string_view name = trimmed(*value);
  if (name.empty()) **value = '\0';
  for (char *c = *value; *c != '\0'; ++c) *c = upper(*c);
  if (name.empty() || phone::region_named(name)[0] != '\0') return true;
  GUC_check_errdetail(
      "The region must be an ISO 3166 code, such as GB or GBR, a calling code, such "
      "as +44, or empty.");
  return false;
}

// Whether the file can be used is seen when it is read: a server has to start without it.
bool check_numbering_plans(char **value, void **, GucSource) {
  if (!fits(*value, MAXPGPATH - 1)) return false;
  if (strcmp(*value, "newest") == 0 || strcmp(*value, "library") == 0 || is_absolute_path(*value))
    return true;
  GUC_check_errdetail("It must be \"newest\", \"library\" or the absolute path of a file.");
  return false;
}

void assign_numbering_plans(const char *, void *) { plans_are_taken = false; }

}  // namespace

void define_phones() {
  DefineCustomStringVariable(
      "customer_identity.default_region",
      "Region in which phone numbers without a country code are read.",
      "An ISO 3166 code, or a calling code. Empty: only international spellings can be read.",
      &default_region_setting, "", PGC_SUSET, 0, check_default_region, nullptr, nullptr);
  DefineCustomEnumVariable("customer_identity.fast_path",
                           "Reads phones with tables instead of regular expressions.",
                           "The result is the same. \"off\": libphonenumber only. \"verify\": "
                           "both; a difference is an error.",
                           &stored_phone_reading.fast_path, static_cast<int>(phone::FastPath::kOn),
                           kFastPaths, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomStringVariable(
      "customer_identity.numbering_plans", "Numbering plans by which phone numbers are read.",
      "\"newest\": those that are installed with the extension, or libphonenumber's where it is "
      "newer. \"library\": libphonenumber's. Else the absolute path of a file.",
      &numbering_plans_setting, "newest", PGC_SUSET, 0, check_numbering_plans,
      assign_numbering_plans, nullptr);
  DefineCustomEnumVariable(
      "customer_identity.phone_validation", "Which phone numbers are acceptable.",
      "\"valid\": in a range that is in use. \"possible\": of a valid length.",
      &stored_phone_reading.acceptance, static_cast<int>(phone::Acceptance::kValid), kValidations,
      PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable("customer_identity.read_letters",
                           "Reads letters in phone numbers as the digits on their keys.",
                           "1-800-FLOWERS. Off: such numbers are not read.",
                           &stored_phone_reading.read_letters, false, PGC_USERSET, 0, nullptr,
                           nullptr, nullptr);
}

const char *default_region() {
  return default_region_setting == nullptr ? "" : default_region_setting;
}

const char *numbering_plans() {
  return numbering_plans_setting == nullptr ? "newest" : numbering_plans_setting;
}

}  // namespace customer_identity::settings
