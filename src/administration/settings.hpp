// Settings of administration: customer_identity.fraud_*. SQL reads them.
#pragma once

namespace customer_identity::settings {

void define_administration();

}  // namespace customer_identity::settings
