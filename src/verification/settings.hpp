// Settings of verification: customer_identity.sms_countries, sms_text and the limits. What decides
// who is sent a message, and which, is the superuser's: a session that could set it would write to
// strangers. SQL reads them.
#pragma once

namespace customer_identity::settings {

void define_verification();

}  // namespace customer_identity::settings
