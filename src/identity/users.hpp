// The logins of a book: rows of its attached users tables, each of which is read as its own owner.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// The customer of a login, on the caller's snapshot. False: there is no such login, or it has
/// none. SPI must be connected.
bool customer_of_user(Oid customers, const char *user_id, pg_uuid_t *customer);

/// The column that tells the logins of an attached table apart, by which proofs and history know
/// them. NULL: the table does not feed the book.
const char *key_of_users(Oid customers, Oid users);

/// Whether an attached users table other than `users` has the login, as this transaction sees it
/// now.
bool is_user_elsewhere(Oid customers, Oid users, const char *user_id);

/// Whether a login is linked to that customer; where several users tables share an id, any of them.
bool is_user_of(Oid customers, const char *user_id, const pg_uuid_t &customer);

}  // namespace customer_identity
