// The history of customers: what happened to each, in the companion table customer_events.
#pragma once

#include <initializer_list>

#include "pg/postgres.hpp"

namespace customer_identity {

/// One key of an event's details. A text that is NULL is left out.
struct Detail {
  Detail(const char *name, const char *value) : key(name), text(value) {}
  Detail(const char *name, std::int64_t value) : key(name), number(value), is_number(true) {}

  const char *key;
  const char *text = nullptr;
  std::int64_t number = 0;
  bool is_number = false;
};

/// Adds an event to a customer's history, whoever acts: for callers that have just written to the
/// book, or may. Never an error: nothing is added for a customer that is gone, nor to a book
/// without a table customer_events that fits. `actor` NULL: nobody knows.
void write_event(Oid customers, const pg_uuid_t &customer, const char *event,
                 std::initializer_list<Detail> details, const char *actor);

/// The history of a customer speaks of users by their new ids: a jsonb object with the old ones as
/// keys. As the owner of the book, who acts; SPI must be connected.
void rename_users_in_history(Oid customers, const pg_uuid_t &customer, Datum new_ids);

}  // namespace customer_identity
