// Whether a login may see a person's history.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// The user is linked to the customer and has a live proof of its phone (or the setting
/// customer_identity.trust_claims makes the link enough). SPI must be connected.
bool can_see(Oid customers, const char *user_id, const pg_uuid_t &customer);

}  // namespace customer_identity
