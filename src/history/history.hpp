// The history of customers: what happened to each, in the companion table customer_events.
#pragma once

#include <initializer_list>

#include "pg/postgres.hpp"

namespace customer_identity {

/// One key of an event's details. A text that is NULL is left out.
struct Detail {
  Detail(const char *name, const char *value) : key(name), text(value) {}
  Detail(const char *name, std::int64_t value) : key(name), kind(Kind::kNumber), number(value) {}
  /// What a column held before and holds after an edit; NULL is kept.
  Detail(const char *name, const char *before, const char *after)
      : key(name), kind(Kind::kChange), text(after), old_text(before) {}

  enum class Kind : std::uint8_t { kText, kNumber, kChange };

  const char *key;
  Kind kind = Kind::kText;
  const char *text = nullptr;
  const char *old_text = nullptr;
  std::int64_t number = 0;
};

/// Adds an event to a customer's history, whoever acts: for callers that have just written to the
/// book, or may. Never an error: nothing is added for a customer that is gone, nor to a book
/// without a table customer_events that fits. `actor` NULL: nobody knows.
void write_event(Oid customers, const pg_uuid_t &customer, const char *event,
                 std::initializer_list<Detail> details, const char *actor);

/// As write_event(), when the statement ends: write_noted_events() writes all of them, by customer.
/// For statements during which nobody else can look at the history. `query`: running_query().
void note_event(MemoryContext query, Oid customers, const pg_uuid_t &customer, const char *event,
                std::initializer_list<Detail> details, const char *actor);
void write_noted_events(MemoryContext query, Oid customers);

/// The book's table customer_events; InvalidOid: it keeps none that fits.
Oid history_of(Oid customers);

/// The history of a customer speaks of users by their new ids: a jsonb object with the old ones as
/// keys. As the owner of the book, who acts; SPI must be connected.
void rename_users_in_history(Oid customers, const pg_uuid_t &customer, Datum new_ids);

}  // namespace customer_identity
