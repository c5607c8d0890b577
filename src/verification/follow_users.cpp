// A code that waits for its answer belongs to a login by its id: it follows a new id, and is
// cancelled where the login goes, else its answer would be a proof for whoever gets the id.
#include "verification/follow_users.hpp"

#include "identity/user_changes.hpp"
#include "book/book.hpp"
#include "pg/owner.hpp"
#include "pg/plans.hpp"
#include "pg/schemas.hpp"

namespace customer_identity {
namespace {

Oid verifications() {
  const Oid schema = get_namespace_oid(kSchema, true);
  return OidIsValid(schema) ? get_relname_relid("verifications", schema) : InvalidOid;
}

// Runs a statement about a user's pending codes: $1 is the book, $2 the user, $3 another text.
template <typename Statement>
void run_as_owner(Oid customers, const char *user_id, const char *other,
                  const Statement &statement) {
  const Oid table = verifications();
  if (!OidIsValid(table)) return;
  const Visit owner = visit(owner_of(table), SECURITY_RESTRICTED_OPERATION);
  SPI_connect();
  const Datum values[] = {ObjectIdGetDatum(customers), CStringGetTextDatum(user_id),
                          CStringGetTextDatum(other)};
  run_on_latest(saved_plan({table}, {REGCLASSOID, TEXTOID, TEXTOID}, statement), values);
  SPI_finish();
  leave(owner);
}

// It names tables alone: a session may keep the plan while the catalogs are updated.
void cancel_codes(Oid customers, const char *user_id) {
  run_as_owner(customers, user_id, "cancelled", [] {
    return "WITH ended AS ("
           "UPDATE customer_identity.verifications AS v SET status = $3, code_hash = NULL"
           " WHERE v.user_id OPERATOR(pg_catalog.=) $2"
           " AND v.customers OPERATOR(pg_catalog.=) $1"
           " AND v.status OPERATOR(pg_catalog.=) 'pending' RETURNING v.id) "
           "UPDATE customer_identity.sms_messages AS m"
           " SET status = $3, body = NULL, ended_at = pg_catalog.clock_timestamp()"
           " FROM ended WHERE m.verification_id OPERATOR(pg_catalog.=) ended.id"
           " AND m.status OPERATOR(pg_catalog.=) 'pending'";
  });
}

void move_codes(Oid customers, const char *from, const char *to) {
  run_as_owner(customers, from, to, [] {
    return "UPDATE customer_identity.verifications AS v SET user_id = $3"
           " WHERE v.user_id OPERATOR(pg_catalog.=) $2"
           " AND v.customers OPERATOR(pg_catalog.=) $1"
           " AND v.status OPERATOR(pg_catalog.=) 'pending'";
  });
}

}  // namespace

void follow_users() { watch_users({cancel_codes, move_codes}); }

}  // namespace customer_identity
