// Defines the settings of fraud_signals() and duplicate_customers().
#include "administration/settings.hpp"

#include "pg/postgres.hpp"
#include "pg/setting_checks.hpp"

namespace customer_identity::settings {
namespace {

char *fraud_cancelled_statuses_setting = nullptr;
char *match_columns_setting = nullptr;
int fraud_settings[10];

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

// A customer with every signal scores the sum of the weights.
const Signal kFraudSettings[] = {
    {"customer_identity.fraud_many_logins",
     "Number of logins of one customer that is a fraud signal.", 6},
    {"customer_identity.fraud_many_logins_weight", "Score for many logins.", 20},
    {"customer_identity.fraud_unproved_claims",
     "Number of logins without a proof of a phone that others have proved that is a fraud signal.",
     3},
    {"customer_identity.fraud_unproved_claims_weight", "Score for unproved claims.", 30},
    {"customer_identity.fraud_sign_up_burst",
     "Number of logins linked to one customer within an hour that is a fraud signal.", 4},
    {"customer_identity.fraud_sign_up_burst_weight", "Score for a burst of sign-ups.", 25},
    {"customer_identity.fraud_cod_cancellations",
     "Number of cancelled cash-on-delivery orders of one customer that is a fraud signal.", 3},
    {"customer_identity.fraud_cod_cancellations_weight",
     "Score for cancelled cash-on-delivery orders.", 25},
    {"customer_identity.fraud_possible_new_holder",
     "Number of possible new holders of a customer's phone that is a fraud signal.", 1},
    {"customer_identity.fraud_possible_new_holder_weight",
     "Score for a possible new holder of the phone.", 15},
};

}  // namespace

void define_administration() {
  DefineCustomStringVariable(
      "customer_identity.fraud_cancelled_statuses", "Statuses of cancelled orders.",
      "Comma-separated; case does not matter.", &fraud_cancelled_statuses_setting,
      "cancelled,canceled,returned,refused", PGC_USERSET, 0, check_statuses, nullptr, nullptr);
  DefineCustomStringVariable(
      "customer_identity.match_columns",
      "Columns by which duplicate_customers() compares, besides phones, names and e-mails.",
      "Columns of customers and of attached tables, comma-separated.", &match_columns_setting, "",
      PGC_USERSET, 0, check_columns, nullptr, nullptr);
  int *value = fraud_settings;
  for (const Signal &setting : kFraudSettings)
    DefineCustomIntVariable(setting.name, setting.description, "0: the signal does not count.",
                            value++, setting.boot, 0, INT_MAX, PGC_USERSET, 0, nullptr, nullptr,
                            nullptr);
}

}  // namespace customer_identity::settings
