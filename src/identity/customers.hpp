// Finds the customer of a phone, or makes one.
#pragma once

#include "pg/direct_lookup.hpp"
#include "pg/owner.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {

/// A name that is given, as it is kept: blank ones are none (NULL), long ones are cut.
const char *as_preferred_name(const char *given);

/// The customer of an E.164 phone. False: there is none. One that is held is there to stay: the
/// outcome of a transaction that is deleting it, or changing its phone, is waited for.
bool find_customer_of(Oid customers, const char *e164, Hold hold, pg_uuid_t *customer);

/// Holds a customer that is known by its id. False: it is gone.
bool hold_customer(Oid customers, const pg_uuid_t &customer);

/// What a customer that has to be made comes of, for its history: "user" or "order" with the table,
/// or "function".
struct Origin {
  const char *from;
  Relation table;
  const char *user_id;  // NULL: a guest, or unknown
};

/// The customer of an E.164 phone, made if need be. Any number of sessions may ask for the same new
/// phone at once: one row comes of it. An existing customer that is not held costs no write, and
/// its name stays. `preferred_name` may be NULL.
pg_uuid_t get_or_create_customer(Oid customers, const char *e164, const char *preferred_name,
                                 Hold hold, const Origin &origin);

}  // namespace customer_identity
