// Adds a row to customer_events where nothing but the row itself is to be written: a plan costs
// more than all the rest of a sign-up.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// A row of customer_events.
struct Event {
  pg_uuid_t customer;
  Datum name;
  Datum details;
  Datum actor;
  bool is_signed;  // false: the actor is NULL
};

/// As the owner of the book, who acts. Nothing is written for a customer that is gone. False: take
/// a plan; the table is not as create_tables() makes it.
bool write_event_directly(Oid customers, Oid events, const Event &event);

}  // namespace customer_identity
