// Customers that were merged live on in others, under whose ids they are found.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// For an id that a row or a caller brings. Where that customer was merged, `customer` becomes the
/// one that it lives on in; true: it did. One that is there is held until the transaction ends, as
/// the foreign key will hold it; a merge that is under way is waited for.
bool follow_merges(Oid customers, pg_uuid_t *customer);

}  // namespace customer_identity
