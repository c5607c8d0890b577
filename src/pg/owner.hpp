// Acting as the owner of a table, the way foreign-key triggers do.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Who acted before. PostgreSQL restores it itself when an error ends the transaction.
struct Actor {
  Oid user;
  int security_context;
};

/// For the owner of the table whose trigger is called, whose code runs as who writes to it anyway;
/// any other is visited. FORCE ROW LEVEL SECURITY binds the owner's own statements, not those of
/// our triggers.
inline Actor act_as(Oid owner) {
  Actor before;
  GetUserIdAndSecContext(&before.user, &before.security_context);
  SetUserIdAndSecContext(
      owner, before.security_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
  return before;
}

inline void act_again_as(const Actor &before) {
  SetUserIdAndSecContext(before.user, before.security_context);
}

/// Acting as an owner whose triggers and functions may mean harm: the settings they change,
/// search_path above all, are as before when the caller goes on.
struct Visit {
  Actor before;
  int settings;
};

/// `restrictions`: SECURITY_RESTRICTED_OPERATION keeps them from leaving code behind that runs
/// later, as somebody else. A superuser's session always has it: what a trigger defers (before
/// PostgreSQL 18), and what a cursor WITH HOLD has not read, is run by who commits.
Visit visit(Oid owner, int restrictions = 0);

/// Raises 42501 unless the current user has the rights on the whole table, all its rows included.
void require_right(Oid table, AclMode needed);

/// Raises 42501 unless the current user may look into the schema of a table.
void require_schema(Oid table);

/// Within act_as() or visit(), acting as the owner of `table` for the current user, who needs those
/// rights on it himself: code of the table's owner (triggers, policies, domains, indexes) then runs
/// as nobody else. Without the rights, or where row security binds him, he goes on as himself, and
/// is refused or bound. So does the caller of an SQL function that has not switched to anybody.
Visit stand_in(Oid table, AclMode needed);
/// As above, for who has the rights on a book's table and on its companion.
Visit stand_in(Oid table, AclMode needed, Oid companion, AclMode needed_there);

/// For functions that write as their caller: as above where the rows are on other nodes, else
/// nothing.
Visit stand_in_across_nodes(Oid table, AclMode needed, Oid companion, AclMode needed_there);

inline void leave(const Visit &visit) {
  if (visit.settings == 0) return;  // was none
  AtEOXact_GUC(false, visit.settings);
  act_again_as(visit.before);
}

}  // namespace customer_identity
