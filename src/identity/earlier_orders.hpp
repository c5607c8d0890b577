// The orders that a user placed before the user had a customer get it too.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// AFTER UPDATE of a row of a users table, whose root is `users`: it has got its customer. Keeps
/// that for the end of the statement, where many are attached at once. Ask before anything has
/// switched the memory context.
void note_gained_customer(Oid customers, Oid users, const TriggerData *call,
                          const pg_uuid_t &customer);

/// After the statement: attaches the orders. Ask likewise.
void attach_earlier_orders(Oid customers, Oid users);

}  // namespace customer_identity
