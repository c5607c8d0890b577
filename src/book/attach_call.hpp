// Writes down the attach_users or attach_orders call that a table's triggers stand for.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// The call, without SELECT; "customer_identity.attach_..." with nothing known if the table has no
/// trigger of ours.
const char *attach_call(Relation relation);

/// The same for errors: of a long one only the table.
const char *shown_attach_call(Relation relation);

}  // namespace customer_identity
