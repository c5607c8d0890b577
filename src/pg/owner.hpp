// Acting as the owner of a table, the way foreign-key triggers do.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Who acted before. PostgreSQL restores it itself when an error ends the transaction.
struct Actor {
  Oid user;
  int security_context;
};

/// FORCE ROW LEVEL SECURITY binds the owner's own statements, not those of our triggers.
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
/// later, as somebody else: deferred triggers, for one.
inline Visit visit(Oid owner, int restrictions = 0) {
  const Visit visit = {act_as(owner), NewGUCNestLevel()};
  Actor now;
  GetUserIdAndSecContext(&now.user, &now.security_context);
  SetUserIdAndSecContext(owner, now.security_context | restrictions);
  return visit;
}

inline void leave(const Visit &visit) {
  AtEOXact_GUC(false, visit.settings);
  act_again_as(visit.before);
}

}  // namespace customer_identity
