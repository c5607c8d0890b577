// Defines the settings of fraud_signals() and duplicate_customers().
#include "administration/settings.hpp"

#include "pg/postgres.hpp"
#include "pg/setting_checks.hpp"

namespace customer_identity::settings {
namespace {

char *fraud_cancelled_statuses_setting = nullptr;
char *match_columns_setting = nullptr;
int fraud_settings[8];

bool check_statuses(char **value, void **, GucSource) { return fits(*value, kMaximumList); }

// Whether the tables have the columns is asked when they are compared.
bool check_columns(char **value, void **, GucSource) {
  if (!fits(*value, kMaximumList)) return false;
  bool is_empty = true;
  for (const char *c = *value; **value != '\0'; ++c) {
    if (*c == ',' || *c == '\0') {
      if (is_empty) {
        GUC_check_errdetail("It is a list of columns with commas between them, or empty.");
        return false;
      }
      is_empty = true;
    } else if (*c != ' ') {
      is_empty = false;
    }
    if (*c == '\0') break;
  }
  return true;
}

struct Signal {
  const char *name;
  const char *description;
  int boot;
};

// A weight is a share of a hundred: a customer with every signal scores that much.
const Signal kFraudSettings[] = {
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

}  // namespace

void define_administration() {
  DefineCustomStringVariable(
      "customer_identity.fraud_cancelled_statuses", "Statuses of orders that were cancelled.",
      "With commas between them; capitals and small letters are the same.",
      &fraud_cancelled_statuses_setting, "cancelled,canceled,returned,refused", PGC_USERSET, 0,
      check_statuses, nullptr, nullptr);
  DefineCustomStringVariable(
      "customer_identity.match_columns",
      "Columns by which duplicate_customers() compares, besides phones, names and e-mails.",
      "Columns of customers and of attached tables, with commas between them.",
      &match_columns_setting, "", PGC_USERSET, 0, check_columns, nullptr, nullptr);
  int *value = fraud_settings;
  for (const Signal &setting : kFraudSettings)
    DefineCustomIntVariable(setting.name, setting.description, "0: the signal does not count.",
                            value++, setting.boot, 0, INT_MAX, PGC_USERSET, 0, nullptr, nullptr,
                            nullptr);
}

}  // namespace customer_identity::settings
