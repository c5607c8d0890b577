// What belongs to a login by its id, proofs above all: it follows where an UPDATE changes the id,
// and ends where the login goes. Who gets an id that was somebody's inherits nothing.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// A login whose id a statement changes, as its row was and is.
struct RenamedUser {
  const char *old_id;
  const char *new_id;  // NULL: it has none any more
  pg_uuid_t customers[2];
  int customer_count;
};

/// AFTER UPDATE of a row of the table `users`: keeps the change for the end of the statement, when
/// all of them are known: ids may be swapped. Ask before anything has switched the memory context.
void note_new_id(Oid users, const RenamedUser &user);

struct RenamedUsers;

/// What the running query has noted; NULL: nothing. Ask like note_new_id().
RenamedUsers *noted_new_ids(Oid users);

/// A table of logins, and the column that has their ids.
struct Logins {
  Oid table;
  const char *key;
};

/// Gives proofs, history and merges the new ids, and forgets the notes. As the owner of the book,
/// who acts.
void follow_new_ids(Oid customers, const Logins &logins, RenamedUsers *renamed);

/// Ends what belongs to a login that is gone. As the owner of the book, who acts.
void end_user(Oid customers, const char *user_id, const char *reason);

/// Tells the merges into a customer that a login of it is gone: another one may get its id. As
/// above.
void forget_login(Oid customers, const Logins &logins, const char *user_id,
                  const pg_uuid_t &customer);

/// A room above that keeps something by user ids. It is told before proofs are locked.
struct UserWatcher {
  void (*gone)(Oid customers, const char *user_id);
  void (*renamed)(Oid customers, const char *from, const char *to);
};

/// Called once, when the library loads.
void watch_users(const UserWatcher &room);

}  // namespace customer_identity
