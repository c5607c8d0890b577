// The settings of the sender: whose account, which databases.
#pragma once

#include "pg/postgres.hpp"
#include "sms/twilio.hpp"

namespace customer_identity::sms {

/// Called when the library loads.
void define_settings();

/// The account as it is set now: valid until the next reload.
Account account();
/// The first of the account's settings that is empty, or NULL.
const char *missing_setting();
/// Seconds from the beginning of a request to the end of its answer.
int request_timeout();
/// Names (char *), in the current memory context.
List *listed_databases();
bool is_listed(const char *database);
/// Whether the library was loaded with the server. If not, a session that has not loaded it yet
/// takes the settings for unknown ones, which everybody may read.
bool is_preloaded();

}  // namespace customer_identity::sms
