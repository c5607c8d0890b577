// What scripts of released versions name, and ours do not any more. A database whose catalogs have
// not been updated calls it; triggers, and whatever has kept its symbol, work there as before.
#include "pg/postgres.hpp"

namespace customer_identity {
namespace {

[[noreturn]] void refuse_outdated() {
  ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
          errmsg("extension customer_identity of this database is older than its library"),
          errhint("ALTER EXTENSION customer_identity UPDATE;"));
  pg_unreachable();
}

}  // namespace

// 0.1.0
CUSTOMER_IDENTITY_FUNCTION(call_as_owner) { refuse_outdated(); }
CUSTOMER_IDENTITY_FUNCTION(call_as_owner_with_book) { refuse_outdated(); }
CUSTOMER_IDENTITY_FUNCTION(call_as_book_owner) { refuse_outdated(); }

}  // namespace customer_identity
