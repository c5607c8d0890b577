// What a background process does in the database: short transactions, each of which may fail alone.
#pragma once

#include <type_traits>

#include "pg/postgres.hpp"

namespace customer_identity::sms {

/// No setting of the database, of a role or of the configuration file that applications are given
/// may affect the statements of the process.
void pin_session();

bool run_transaction(const char *activity, void (*work)(void *), void *argument);

/// Runs `work` in a transaction of its own. False: an error has ended it, and the log tells of it.
/// `activity` is what pg_stat_activity shows.
template <typename Work>
bool attempt(const char *activity, Work work) {
  static_assert(std::is_trivially_destructible_v<Work>, "an error of PostgreSQL jumps over it");
  return run_transaction(
      activity, [](void *argument) { (*static_cast<Work *>(argument))(); }, &work);
}

}  // namespace customer_identity::sms
