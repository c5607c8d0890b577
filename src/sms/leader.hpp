// Which process sends the messages of a database: the one that holds a lock for it.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity::sms {

/// False: another process has it. It is given back at the end of the process, or by
/// release_leader_lock().
bool take_leader_lock();
void release_leader_lock();
/// The process that has it for the database, or 0.
int leader_of(Oid database);

/// Held by a session that starts a worker, until the worker has the leader lock.
void lock_start();
void unlock_start();

}  // namespace customer_identity::sms
