// The table verification_events: what limits count is a row each, what was refused a row for each
// window with a count. It is the extension's, and is found by the schema that the functions are in.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

struct EventTable {
  Relation table;
  Relation index;  // on (bucket, at)
};

/// Raises 55000 where its owner, who need be no superuser, has changed it: what is read as a text
/// has to be one.
EventTable open_events();
void close_events(const EventTable &events);

/// Quoted and qualified, for statements.
const char *events_name(const EventTable &events);

/// The rows of a bucket from `from` on and before `until`, which may be DT_NOEND.
IndexScanDesc begin_event_scan(const EventTable &events, Snapshot snapshot, Datum bucket,
                               TimestampTz from, TimestampTz until);

}  // namespace customer_identity
