// Defines customer_identity.sms_databases, .sms_timeout and .twilio_*. Those of the account are for
// superusers: GUC_SUPERUSER_ONLY alone would let members of pg_monitor read them.
#include "sms/settings.hpp"

#include "pg/majors.hpp"

namespace customer_identity::sms {
namespace {

constexpr char kHidden[] = "********";
constexpr int kForSuperusers = GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE;

char *base_url_setting = nullptr;
char *sid_setting = nullptr;
char *token_setting = nullptr;  // kHidden
char *sender_setting = nullptr;
char *databases_setting = nullptr;
int timeout_setting = 10;
const char *token = "";
bool preloaded = false;

bool check_base_url(char **value, void **, GucSource) {
  if (is_safe_base_url(*value)) return true;
  GUC_check_errdetail(
      "It must start with https://, because each request carries the token, or with http:// and a "
      "loopback address.");
  return false;
}

bool check_sid(char **value, void **, GucSource) {
  if (**value == '\0' || is_sid(*value)) return true;
  GUC_check_errdetail("An account SID consists of letters and digits.");
  return false;
}

// The postmaster writes what a reload has changed into the log. So that it sees no change, the
// value of the setting always is the same, and the token goes beside it.
bool check_token(char **value, void **extra, GucSource) {
  char *shown = majors::copy_setting(kHidden);
  if (shown == nullptr) return false;
  *extra = *value;
  *value = shown;
  return true;
}

void assign_token(const char *, void *extra) { token = static_cast<const char *>(extra); }

const char *show_token() { return superuser() ? token : kHidden; }

template <char **setting>
const char *show() {
  return superuser() ? *setting : kHidden;
}

bool check_databases(char **value, void **, GucSource) {
  List *names;
  if (SplitGUCList(pstrdup(*value), ',', &names)) return true;
  GUC_check_errdetail("It must be a comma-separated list of database names.");
  return false;
}

void define_account() {
  DefineCustomStringVariable("customer_identity.twilio_base_url", "Base URL of Twilio's API.",
                             nullptr, &base_url_setting, "https://api.twilio.com", PGC_SIGHUP,
                             kForSuperusers, check_base_url, nullptr, show<&base_url_setting>);
  DefineCustomStringVariable("customer_identity.twilio_account_sid",
                             "SID of the Twilio account that sends.", nullptr, &sid_setting, "",
                             PGC_SIGHUP, kForSuperusers, check_sid, nullptr, show<&sid_setting>);
  DefineCustomStringVariable("customer_identity.twilio_auth_token",
                             "Token of the Twilio account that sends.", nullptr, &token_setting, "",
                             PGC_SIGHUP, kForSuperusers, check_token, assign_token, show_token);
  DefineCustomStringVariable(
      "customer_identity.twilio_sender", "Sender of the messages.",
      "A phone or name of the account, or the SID of a messaging service, which starts with MG.",
      &sender_setting, "", PGC_SIGHUP, kForSuperusers, nullptr, nullptr, show<&sender_setting>);
}

}  // namespace

void define_settings() {
  preloaded = process_shared_preload_libraries_in_progress;
  define_account();
  DefineCustomStringVariable(
      "customer_identity.sms_databases", "Databases whose messages are sent.",
      "Comma-separated names. Needs customer_identity in shared_preload_libraries; a list that was "
      "empty when the server started takes effect at the next start.",
      &databases_setting, "", PGC_SIGHUP, GUC_LIST_INPUT, check_databases, nullptr, nullptr);
  DefineCustomIntVariable(
      "customer_identity.sms_timeout", "Maximum time to wait for the provider's answer.", nullptr,
      &timeout_setting, 10, 1, 60, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
}

Account account() { return {base_url_setting, sid_setting, token, sender_setting}; }

const char *missing_setting() {
  if (*sid_setting == '\0') return "customer_identity.twilio_account_sid";
  if (*token == '\0') return "customer_identity.twilio_auth_token";
  if (*sender_setting == '\0') return "customer_identity.twilio_sender";
  return nullptr;
}

int request_timeout() { return timeout_setting; }

List *listed_databases() {
  List *names;
  SplitGUCList(pstrdup(databases_setting), ',', &names);
  return names;
}

bool is_listed(const char *database) {
  ListCell *cell;
  foreach (cell, listed_databases())
    if (strcmp(static_cast<const char *>(lfirst(cell)), database) == 0) return true;
  return false;
}

bool is_preloaded() { return preloaded; }

}  // namespace customer_identity::sms
