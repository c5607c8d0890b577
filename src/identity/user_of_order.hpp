// The user that an order names, in the users table that its orders table is attached with. Each
// function acts for the owner of the orders table, who acts.
#pragma once

#include "identity/order.hpp"

namespace customer_identity {

/// The user's customer, who is held. Nothing for a user that has none.
Attachment attachment_of_user(const Order &order);

/// The user's id as history knows it; NULL: none, or unknown.
const char *id_of_user(const Order &order);

/// Whether no user is referred to by this value any more.
bool is_user_gone(const Order &order, const char *user);

}  // namespace customer_identity
