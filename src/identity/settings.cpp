// Defines the setting of who sees a customer.
#include "identity/settings.hpp"

#include "pg/postgres.hpp"

namespace customer_identity::settings {
namespace {

bool trust_claims_setting = false;

}  // namespace

void define_identity() {
  DefineCustomBoolVariable(
      "customer_identity.trust_claims", "Lets a user see a customer without a proof of the phone.",
      "Only superusers can change it, because row-security policies rely on it.",
      &trust_claims_setting, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
}

bool trust_claims() { return trust_claims_setting; }

}  // namespace customer_identity::settings
