// Decides as whom a table is read and written.
#include "pg/owner.hpp"

#include "pg/majors.hpp"
#include "pg/relations.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

bool has_rights(Oid table, AclMode needed) {
  return pg_class_aclmask(table, GetUserId(), needed, ACLMASK_ALL) == needed &&
         check_enable_rls(table, InvalidOid, true) != RLS_ENABLED;
}

// Whoever acts already could have left the same behind without us.
int restrictions_of(Oid owner) {
  const bool is_needed =
      owner != GetUserId() && superuser_arg(GetSessionUserId()) && !superuser_arg(owner);
  return is_needed ? SECURITY_RESTRICTED_OPERATION : 0;
}

// Outside of act_as() it is the caller of an SQL function who acts. Where rows are on other nodes,
// one user alone may write them in a transaction, and it is the owner who writes the history.
Visit visit_for(Oid table, bool allowed) {
  const Oid owner = owner_of(table);
  const bool is_caller = !InNoForceRLSOperation() && !is_distributed(table);
  return visit(is_caller || !allowed ? GetUserId() : owner);
}

}  // namespace

Visit visit(Oid owner, int restrictions) {
  restrictions |= restrictions_of(owner);
  const Visit visit = {act_as(owner), NewGUCNestLevel()};
  open_shards();
  Actor now;
  GetUserIdAndSecContext(&now.user, &now.security_context);
  SetUserIdAndSecContext(owner, now.security_context | restrictions);
  return visit;
}

void require_right(Oid table, AclMode needed) {
  if (has_rights(table, needed)) return;
  aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(table));
}

void require_schema(Oid table) {
  const Oid schema = get_rel_namespace(table);
  const AclResult allowed = majors::check_schema_usage(schema);
  if (allowed != ACLCHECK_OK) aclcheck_error(allowed, OBJECT_SCHEMA, get_namespace_name(schema));
}

Visit stand_in(Oid table, AclMode needed) { return visit_for(table, has_rights(table, needed)); }

Visit stand_in(Oid table, AclMode needed, Oid companion, AclMode needed_there) {
  return visit_for(table, has_rights(table, needed) && OidIsValid(companion) &&
                              has_rights(companion, needed_there));
}

Visit stand_in_across_nodes(Oid table, AclMode needed, Oid companion, AclMode needed_there) {
  return is_distributed(table) ? stand_in(table, needed, companion, needed_there) : Visit{};
}

}  // namespace customer_identity
