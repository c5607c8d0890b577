// start_sms_worker(): a worker for the session's database, without a restart of the server.
#include "pg/postgres.hpp"
#include "sms/leader.hpp"
#include "sms/process.hpp"
#include "sms/settings.hpp"

namespace customer_identity {
namespace {

using namespace sms;

constexpr int kMaximumStart = 10 * 1000;  // milliseconds
constexpr int kLook = 20;

void require_primary() {
  if (!RecoveryInProgress()) return;
  ereport(ERROR, errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
          errmsg("messages cannot be sent from a standby"),
          errhint("Call it on the primary server."));
}

// The owner of a database writes its messages: whether they go out at the expense of the server's
// account is not for the owner to decide.
void require_right_to_send(const char *database) {
  if (superuser() || is_listed(database)) return;
  ereport(
      ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
      errmsg("only a superuser may start the process that sends the messages of database \"%s\"",
             database),
      errhint("A superuser can name the database in customer_identity.sms_databases."));
}

void warn_of_readable_token() {
  if (is_preloaded() || *account().token.data() == '\0') return;
  ereport(WARNING, errmsg("every role can read customer_identity.twilio_auth_token"),
          errdetail("In a session that has not loaded the library it is an unknown setting without "
                    "protection."),
          errhint("Add customer_identity to shared_preload_libraries."));
}

BackgroundWorkerHandle *start(const char *database) {
  BackgroundWorker worker = worker_process({MyDatabaseId, MyDatabaseTableSpace, false}, database);
  worker.bgw_notify_pid = MyProcPid;
  BackgroundWorkerHandle *handle;
  if (!RegisterDynamicBackgroundWorker(&worker, &handle))
    ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
            errmsg("could not start a process to send messages"),
            errhint("Set max_worker_processes higher."));
  return handle;
}

int wait_for_leader(BackgroundWorkerHandle *handle) {
  for (int waited = 0; waited < kMaximumStart; waited += kLook) {
    if (const int pid = leader_of(MyDatabaseId); pid != 0) return pid;
    pid_t pid;
    if (GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED) break;
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kLook, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  }
  TerminateBackgroundWorker(handle);
  ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_RESOURCES),
          errmsg("the process that sends messages did not start"),
          errhint("The server's log says why."));
  pg_unreachable();
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(start_sms_worker) {
  const char *database = get_database_name(MyDatabaseId);
  require_primary();
  require_right_to_send(database);
  warn_of_readable_token();
  lock_start();
  int pid = leader_of(MyDatabaseId);
  if (pid == 0) pid = wait_for_leader(start(database));
  unlock_start();
  PG_RETURN_INT32(pid);
}

}  // namespace customer_identity
