// Which process sends the messages of a database: the one that holds a lock for it.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity::sms {

/// False: another process has it. It is given back at the end of the process, or by leave_duty().
bool take_duty();
void leave_duty();
/// The process that sends for the database, or 0.
int on_duty(Oid database);

/// Held by a session that starts a worker, until the worker is on duty.
void begin_start();
void end_start();

}  // namespace customer_identity::sms
