// Describes the background processes to the server. None runs on a standby: it could record
// nothing.
#include "sms/process.hpp"

namespace customer_identity::sms {
namespace {

static_assert(sizeof(Assignment) <= BGW_EXTRALEN);

BackgroundWorker process(const char *type, const char *function) {
  BackgroundWorker worker = {};
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = kRestartPause;
  strlcpy(worker.bgw_library_name, "customer_identity", sizeof(worker.bgw_library_name));
  strlcpy(worker.bgw_function_name, function, sizeof(worker.bgw_function_name));
  strlcpy(worker.bgw_type, type, sizeof(worker.bgw_type));
  strlcpy(worker.bgw_name, type, sizeof(worker.bgw_name));
  return worker;
}

}  // namespace

BackgroundWorker launcher_process() {
  return process("customer_identity sms launcher", "customer_identity_sms_launcher");
}

BackgroundWorker worker_process(const Assignment &assignment, const char *database_name) {
  BackgroundWorker worker = process("customer_identity sms worker", "customer_identity_sms_worker");
  snprintf(worker.bgw_name, sizeof(worker.bgw_name), "customer_identity sms worker for %s",
           database_name);
  memcpy(worker.bgw_extra, &assignment, sizeof(assignment));
  // One that is listed is started again by the launcher, which knows whether it still should be.
  if (assignment.listed) worker.bgw_restart_time = BGW_NEVER_RESTART;
  return worker;
}

Assignment assignment_of(const BackgroundWorker &worker) {
  Assignment assignment;
  memcpy(&assignment, worker.bgw_extra, sizeof(assignment));
  return assignment;
}

void handle_signals() {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
  BackgroundWorkerUnblockSignals();
}

void sleep_for(int milliseconds) {
  WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
            PG_WAIT_EXTENSION);
  ResetLatch(MyLatch);
  // A cancellation that comes between two statements has nothing to cancel.
  QueryCancelPending = false;
  CHECK_FOR_INTERRUPTS();
}

}  // namespace customer_identity::sms
