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

}  // namespace customer_identity
