// preferred_name follows the name of the login that it came from, while nobody else has set it.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// A login that stays with its customer while a statement changes its name, as its row was and is.
struct NamedUser {
  pg_uuid_t customer;
  const char *user_id;
  const char *old_name;  // NULL: none
  const char *new_name;
};

/// AFTER UPDATE of a row of the table `users`: keeps the change for the end of the statement, which
/// takes the customers in the order of their ids. Ask before anything has switched the memory
/// context.
void note_new_name(Oid users, const NamedUser &user);

struct NamedUsers;

/// What the running query has noted; NULL: nothing. Ask like note_new_name().
NamedUsers *noted_new_names(Oid users);

/// Lets the customers follow, and forgets the notes. As the owner of the book, who acts.
void follow_new_names(Oid customers, NamedUsers *named);

}  // namespace customer_identity
