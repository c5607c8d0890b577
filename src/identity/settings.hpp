// The settings customer_identity.trust_claims and new_holder_after, which SQL reads.
#pragma once

namespace customer_identity::settings {

void define_identity();

/// A link alone lets a user see the customer; for shops whose phones are proved elsewhere.
bool trust_claims();

}  // namespace customer_identity::settings
