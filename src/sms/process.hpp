// Background processes: how they are registered, and what they wait for.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity::sms {

/// Seconds until a process that has failed is started again.
inline constexpr int kRestartPause = 5;

/// Whose messages a worker sends.
struct Assignment {
  Oid database;
  Oid tablespace;
  bool listed;  // it is there because customer_identity.sms_databases names its database
};

BackgroundWorker launcher_process();
BackgroundWorker worker_process(const Assignment &assignment, const char *database_name);
/// In the worker.
Assignment assignment_of(const BackgroundWorker &worker);

/// The first thing a process does.
void handle_signals();
/// Waits for a signal, a notification or so many milliseconds.
void sleep_for(int milliseconds);

}  // namespace customer_identity::sms
