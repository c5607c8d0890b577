// Defines the settings customer_identity.* when the library loads.
#include "pg/settings.hpp"

#include "pg/client_settings.hpp"
#include "pg/postgres.hpp"
#include "sms/settings.hpp"

namespace customer_identity::settings {
namespace {

char *default_region_setting = nullptr;
int fast_path_setting = static_cast<int>(phone::FastPath::kOn);
int phone_validation_setting = static_cast<int>(phone::Acceptance::kValid);
bool trust_claims_setting = false;
char *sms_countries_setting = nullptr;
char *sms_text_setting = nullptr;
int sms_limit_settings[5];
int verification_failures_setting;
char *fraud_cancelled_statuses_setting = nullptr;
int fraud_settings[8];

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

// Providers take no longer ones. In bytes: what a character is, the postmaster does not know.
constexpr std::size_t kMaxSmsText = 1600;
constexpr std::size_t kMaxList = 2000;

char upper(char c) { return static_cast<char>(pg_ascii_toupper(static_cast<unsigned char>(c))); }

bool is_letter(char c) { return upper(c) >= 'A' && upper(c) <= 'Z'; }

// Without this the server's message would show all of it.
bool fits(const char *value, std::size_t most) {
  if (strlen(value) <= most) return true;
  GUC_check_errmsg("the value is too long");
  GUC_check_errdetail("It may have no more than %zu bytes.", most);
  return false;
}

// Upper-cases the region. Whether the library knows it is asked when it is used: loading a setting
// must not load the phone metadata.
bool check_default_region(char **value, void **, GucSource) {
  const std::size_t length = strlen(*value);
  if (length == 0) return true;
  if (!fits(*value, kMaxList)) return false;
  bool letters = length == 2;
  for (char *c = *value; letters && *c != '\0'; ++c) {
    letters = is_letter(*c);
    *c = upper(*c);
  }
  if (letters) return true;
  GUC_check_errdetail("The region is an ISO 3166 code of two letters, such as GB, or empty.");
  return false;
}

// Codes of two letters, upper-cased, or a star, with commas between them.
bool check_countries(char **value, void **, GucSource) {
  if (**value == '\0') return true;
  if (!fits(*value, kMaxList)) return false;
  char *c = *value;
  for (;;) {
    c += strspn(c, " ");
    const char *start = c;
    if (*c == '*') {
      ++c;
    } else {
      for (; is_letter(*c); ++c) *c = upper(*c);
    }
    const bool is_country = *start == '*' || c - start == 2;
    c += strspn(c, " ");
    if (!is_country || (*c != ',' && *c != '\0')) break;
    if (*c++ == '\0') return true;
  }
  GUC_check_errdetail(
      "The countries are ISO 3166 codes of two letters with commas between them, or * for all.");
  return false;
}

bool check_sms_text(char **value, void **, GucSource) {
  if (!fits(*value, kMaxSmsText)) return false;
  if (strstr(*value, "{code}") != nullptr) return true;
  GUC_check_errdetail("The text says {code} where the code goes.");
  return false;
}

bool check_statuses(char **value, void **, GucSource) { return fits(*value, kMaxList); }

struct Limit {
  const char *name;
  const char *description;
  int boot;
};

// OWASP, "Authentication Cheat Sheet" and "Forgot Password Cheat Sheet": limits by account, by
// address and overall. By prefix: SMS pumping writes to numbers that lie side by side.
const Limit kSmsLimits[] = {
    {"customer_identity.sms_limit_per_phone", "Most codes sent to a phone within an hour.", 5},
    {"customer_identity.sms_limit_per_prefix",
     "Most codes sent within an hour to phones that differ in their last four digits.", 30},
    {"customer_identity.sms_limit_per_address",
     "Most codes sent within an hour for a client address (IPv6: for its /64).", 10},
    {"customer_identity.sms_limit_per_user", "Most codes sent for a user within an hour.", 10},
    {"customer_identity.sms_limit_total", "Most codes sent within an hour.", 1000},
};

void define_sms() {
  DefineCustomStringVariable(
      "customer_identity.sms_countries", "Countries whose phones are sent codes.",
      "ISO 3166 codes with commas between them, * for all. Empty: the country of "
      "customer_identity.default_region.",
      &sms_countries_setting, "", PGC_SUSET, 0, check_countries, nullptr, nullptr);
  DefineCustomStringVariable("customer_identity.sms_text", "Text of the message with a code.",
                             "{code} stands for the code, {minutes} for how long it is valid.",
                             &sms_text_setting,
                             "Your code is {code}. It is valid for {minutes} minutes.", PGC_SUSET,
                             0, check_sms_text, nullptr, nullptr);
  int *value = sms_limit_settings;
  for (const Limit &limit : kSmsLimits)
    DefineCustomIntVariable(limit.name, limit.description, "0: no limit.", value++, limit.boot, 0,
                            INT_MAX, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "customer_identity.verification_failures_per_phone",
      "Most wrong codes answered for a phone within an hour, whatever the number of codes sent.",
      "0: no limit but that of each code, which is five.", &verification_failures_setting, 5, 0,
      INT_MAX, PGC_SUSET, 0, nullptr, nullptr, nullptr);
}

// A weight is a share of a hundred: a customer with every signal scores that much.
const Limit kFraudSettings[] = {
    {"customer_identity.fraud_many_logins", "Logins of one customer that make a signal of fraud.",
     6},
    {"customer_identity.fraud_many_logins_weight", "What many logins add to the score.", 20},
    {"customer_identity.fraud_unproved_claims",
     "Logins without a proof of a phone that others have proved that make a signal of fraud.", 3},
    {"customer_identity.fraud_unproved_claims_weight", "What unproved claims add to the score.",
     30},
    {"customer_identity.fraud_sign_up_burst",
     "Logins linked to one customer within an hour that make a signal of fraud.", 4},
    {"customer_identity.fraud_sign_up_burst_weight", "What a burst of sign-ups adds to the score.",
     25},
    {"customer_identity.fraud_cod_cancellations",
     "Cancelled orders of one customer, in cash on delivery, that make a signal of fraud.", 3},
    {"customer_identity.fraud_cod_cancellations_weight",
     "What cancelled cash-on-delivery orders add to the score.", 25},
};

void define_fraud() {
  DefineCustomStringVariable(
      "customer_identity.fraud_cancelled_statuses", "Statuses of orders that were cancelled.",
      "With commas between them; capitals and small letters are the same.",
      &fraud_cancelled_statuses_setting, "cancelled,canceled,returned,refused", PGC_USERSET, 0,
      check_statuses, nullptr, nullptr);
  int *value = fraud_settings;
  for (const Limit &setting : kFraudSettings)
    DefineCustomIntVariable(setting.name, setting.description, "0: the signal does not count.",
                            value++, setting.boot, 0, INT_MAX, PGC_USERSET, 0, nullptr, nullptr,
                            nullptr);
}

}  // namespace

void define() {
  List *named = named_by_client();
  DefineCustomStringVariable(
      "customer_identity.default_region",
      "Region in which phone numbers without a country code are read.",
      "An ISO 3166 code of two letters. Empty: only international spellings are readable.",
      &default_region_setting, "", PGC_SUSET, 0, check_default_region, nullptr, nullptr);
  DefineCustomEnumVariable("customer_identity.fast_path",
                           "Reads phones with tables instead of regular expressions.",
                           "The answer is the same. \"off\": libphonenumber alone. \"verify\": "
                           "both, with an error where "
                           "they differ.",
                           &fast_path_setting, static_cast<int>(phone::FastPath::kOn), kFastPaths,
                           PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomEnumVariable(
      "customer_identity.phone_validation", "What makes a phone number acceptable.",
      "\"valid\": the numbering plan has it in use. \"possible\": its length is right.",
      &phone_validation_setting, static_cast<int>(phone::Acceptance::kValid), kValidations,
      PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable("customer_identity.trust_claims",
                           "Lets a user see a customer without a proof of the phone.",
                           "Only superusers may change it: row-security policies rely on it.",
                           &trust_claims_setting, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  define_sms();
  sms::define_settings();
  define_fraud();
  MarkGUCPrefixReserved("customer_identity");
  refuse_what_clients_may_not_set(named);
}

const char *default_region() {
  return default_region_setting == nullptr ? "" : default_region_setting;
}

phone::FastPath fast_path() { return static_cast<phone::FastPath>(fast_path_setting); }

phone::Acceptance phone_validation() {
  return static_cast<phone::Acceptance>(phone_validation_setting);
}

bool trust_claims() { return trust_claims_setting; }

}  // namespace customer_identity::settings
