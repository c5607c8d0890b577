// Defines the settings of verification: what is sent to whom, and how often.
#include "verification/settings.hpp"

#include "pg/postgres.hpp"
#include "pg/setting_checks.hpp"

namespace customer_identity::settings {
namespace {

char *sms_countries_setting = nullptr;
char *sms_text_setting = nullptr;
int sms_limit_settings[5];
int verification_failures_setting;

// Providers take no longer ones.
constexpr std::size_t kMaximumSmsText = 1600;

// Codes of two letters, upper-cased, or a star, with commas between them.
bool check_countries(char **value, void **, GucSource) {
  if (**value == '\0') return true;
  if (!fits(*value, kMaximumList)) return false;
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
      "The countries must be comma-separated two-letter ISO 3166 codes, or * for all.");
  return false;
}

bool check_sms_text(char **value, void **, GucSource) {
  if (!fits(*value, kMaximumSmsText)) return false;
  if (strstr(*value, "{code}") != nullptr) return true;
  GUC_check_errdetail("The text must contain {code}.");
  return false;
}

struct Limit {
  const char *name;
  const char *description;
  int boot;
};

// OWASP, "Authentication Cheat Sheet" and "Forgot Password Cheat Sheet": limits by account, by
// address and overall. By prefix: SMS pumping writes to numbers that lie side by side.
const Limit kSmsLimits[] = {
    {"customer_identity.sms_limit_per_phone",
     "Maximum number of codes sent to a phone within an hour.", 5},
    {"customer_identity.sms_limit_per_prefix",
     "Maximum number of codes sent within an hour to phones that differ in their last four digits.",
     30},
    {"customer_identity.sms_limit_per_address",
     "Maximum number of codes sent within an hour for a client address (IPv6: for its /64).", 10},
    {"customer_identity.sms_limit_per_user",
     "Maximum number of codes sent for a user within an hour.", 10},
    {"customer_identity.sms_limit_total", "Maximum number of codes sent within an hour.", 1000},
};

}  // namespace

void define_verification() {
  DefineCustomStringVariable(
      "customer_identity.sms_countries", "Countries to whose phones codes are sent.",
      "Comma-separated ISO 3166 codes, * for all. Empty: the country of "
      "customer_identity.default_region.",
      &sms_countries_setting, "", PGC_SUSET, 0, check_countries, nullptr, nullptr);
  DefineCustomStringVariable(
      "customer_identity.sms_text", "Text of the message with a code.",
      "{code} is replaced with the code, {minutes} with how long it is valid.", &sms_text_setting,
      "Your code is {code}. It is valid for {minutes} minutes.", PGC_SUSET, 0, check_sms_text,
      nullptr, nullptr);
  int *value = sms_limit_settings;
  for (const Limit &limit : kSmsLimits)
    DefineCustomIntVariable(limit.name, limit.description, "0: no limit.", value++, limit.boot, 0,
                            INT_MAX, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("customer_identity.verification_failures_per_phone",
                          "Maximum number of wrong codes answered for a phone within an hour, "
                          "whatever the number of codes sent.",
                          "0: only the limit of each code, which is five.",
                          &verification_failures_setting, 5, 0, INT_MAX, PGC_SUSET, 0, nullptr,
                          nullptr, nullptr);
}

}  // namespace customer_identity::settings
