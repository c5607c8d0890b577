// Adds rows to customer_events where nothing but the rows themselves is to be written: a plan costs
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
/// a plan, nothing was written; the table is not as create_tables() makes it. Best with the events
/// of a customer next to each other.
bool write_events_directly(Oid customers, Oid events, const Event *rows, int count);

}  // namespace customer_identity
