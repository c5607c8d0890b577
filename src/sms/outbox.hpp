// The messages of a database, through the extension's own functions and as the owner of its tables.
// All of it is called within a transaction.
#pragma once

#include "pg/postgres.hpp"
#include "sms/requests.hpp"

namespace customer_identity::sms {

/// The owner of the messages; InvalidOid while the extension is not in the database.
Oid outbox_owner();

struct ClaimedMessage {
  std::int64_t id;
  const char *phone;
  const char *text;  // UTF-8
};

/// Returns how many, no more than `maximum`. Their texts are allocated in `memory`.
int claim_messages(Oid owner, int maximum, int lease_seconds, ClaimedMessage *claimed,
                   MemoryContext memory);
/// Milliseconds until the next message is due, no more than `maximum`.
int time_to_next_message(Oid owner, int maximum);
void record_result(Oid owner, const Result &result);
void purge(Oid owner);

}  // namespace customer_identity::sms
