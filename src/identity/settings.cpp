// Defines the setting of who sees a customer.
#include "identity/settings.hpp"

#include "pg/postgres.hpp"
#include "pg/setting_checks.hpp"

namespace customer_identity::settings {
namespace {

bool trust_claims_setting = false;
char *new_holder_after_setting = nullptr;

// As interval_in(), which would raise. False: it is none.
bool read_interval(char *text, Interval *interval) {
  int fields;
  char buffer[256];
  char *field[MAXDATEFIELDS];
  int types[MAXDATEFIELDS];
  int kind;
  struct pg_itm_in parsed = {};
  int problem = ParseDateTime(text, buffer, sizeof(buffer), field, types, MAXDATEFIELDS, &fields);
  if (problem == 0)
    problem = DecodeInterval(field, types, fields, INTERVAL_FULL_RANGE, &kind, &parsed);
  if (problem == DTERR_BAD_FORMAT) problem = DecodeISO8601Interval(text, &kind, &parsed);
  return problem == 0 && kind == DTK_DELTA && itmin2interval(&parsed, interval) == 0;
}

bool is_negative(const Interval &interval) {
  const Interval none = {};
  return DatumGetBool(
      DirectFunctionCall2(interval_lt, IntervalPGetDatum(&interval), IntervalPGetDatum(&none)));
}

// What reads it is SQL, which would fail with the next proof.
bool check_interval(char **value, void **, GucSource) {
  if (!fits(*value, kMaximumList)) return false;
  Interval interval;
  const bool is_valid = read_interval(*value, &interval) && !is_negative(interval);
  if (!is_valid)
    GUC_check_errdetail(
        "It is an interval that is not negative, such as 1 year or 18 months; 0 is never.");
  return is_valid;
}

}  // namespace

void define_identity() {
  DefineCustomBoolVariable(
      "customer_identity.trust_claims", "Lets a user see a customer without a proof of the phone.",
      "Only superusers can change it, because row-security policies rely on it.",
      &trust_claims_setting, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  DefineCustomStringVariable(
      "customer_identity.new_holder_after",
      "Silence of a customer after which who proves its phone may be a new holder.",
      "An interval without a proof and without an order. 0: never.", &new_holder_after_setting,
      "1 year", PGC_SUSET, 0, check_interval, nullptr, nullptr);
}

bool trust_claims() { return trust_claims_setting; }

}  // namespace customer_identity::settings
