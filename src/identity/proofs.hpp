// Proofs: who showed that they hold a phone. Only a proof opens another record's history.
#pragma once

#include "identity/customers.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {

/// From now on `user_id` (NULL: a guest) has a live proof of the phone and its customer, made if
/// need be, is verified. One that is there already stays as it is; those of a customer who had the
/// phone before end. False: the phone names nobody, by rule. SPI must be connected.
bool keep_proof(Oid customers, const char *e164, const char *user_id, const char *method,
                const Origin &origin, pg_uuid_t *customer);

/// As above, for functions: raises CI001 for a phone that names nobody.
pg_uuid_t require_proof(Oid customers, const char *e164, const char *user_id, const char *method);

/// Ends the user's live proofs of every phone but `kept` (NULL: of every phone). Customers that no
/// live proof is left for are no longer verified.
void end_proofs_of_user(Oid customers, const char *user_id, const char *kept, const char *reason);

/// Whether there is a live proof of the customer for that phone (NULL: there is none). As the owner
/// of the book, who acts; SPI must be connected.
bool is_proved(Oid customers, const pg_uuid_t &customer, const char *e164);

/// The customer has this phone now (NULL: none), and the flag: ends its proofs of other phones, and
/// sets a flag right that a trigger of the application has changed. As above.
void follow_new_phone(Oid customers, const pg_uuid_t &customer, const char *e164, bool is_marked);

/// Whether anybody has a live proof of the customer's phone.
bool has_live_proof(Oid customers, const pg_uuid_t &customer);

}  // namespace customer_identity
