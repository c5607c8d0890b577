// The settings customer_identity.*, as SHOW and SET know them. What decides who is sent a message,
// and which, is the superuser's: a session that could set it would write to strangers.
#pragma once

#include "phone/phone.hpp"

namespace customer_identity::settings {

void define();

/// Upper-case ISO 3166-1 alpha-2, or empty: only international spellings are readable.
const char *default_region();
phone::FastPath fast_path();
phone::Acceptance phone_validation();
/// A link alone lets a user see the customer; for shops whose phones are proved elsewhere.
bool trust_claims();

}  // namespace customer_identity::settings
