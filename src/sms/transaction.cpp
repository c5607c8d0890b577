// Begins, commits and aborts the transactions of background processes.
#include "sms/transaction.hpp"

namespace customer_identity::sms {
namespace {

constexpr int kMaximumStatement = 30 * 1000;  // milliseconds

struct PinnedSetting {
  const char *name;
  const char *value;
};

// lock_timeout: while a statement waits, no answer is read and the server cannot shut down; it is
// tried again. For the same reason no standby is waited for.
const PinnedSetting kPinnedSettings[] = {
    {"search_path", "pg_catalog, pg_temp"},
    {"default_transaction_isolation", "read committed"},
    {"default_transaction_read_only", "off"},
    {"default_transaction_deferrable", "off"},
    {"lock_timeout", "1s"},
    {"synchronous_commit", "local"},
};

// Neither DETAIL, which may hold a row with its code, nor the caller's statement.
void report(const char *activity, const ErrorData *error) {
  ereport(WARNING, errcode(error->sqlerrcode),
          errmsg("customer_identity failed at %s: %s", activity, error->message),
          error->hint == nullptr ? 0 : errhint("%s", error->hint),
          error->context == nullptr ? 0 : errcontext("%s", error->context));
}

void abort_transaction(const char *activity) {
  disable_all_timeouts(false);
  QueryCancelPending = false;
  MemoryContextSwitchTo(TopMemoryContext);
  ErrorData *error = CopyErrorData();
  FlushErrorState();
  AbortCurrentTransaction();
  report(activity, error);
  FreeErrorData(error);
}

}  // namespace

void pin_session() {
  for (const PinnedSetting &setting : kPinnedSettings)
    SetConfigOption(setting.name, setting.value, PGC_SUSET, PGC_S_OVERRIDE);
}

bool run_transaction(const char *activity, void (*work)(void *), void *argument) {
  volatile bool committed = false;
  pgstat_report_activity(STATE_RUNNING, activity);
  SetCurrentStatementStartTimestamp();
  // An error that ended the process would take along the answers that are not recorded yet: their
  // messages would be sent twice.
  PG_TRY();
  {
    StartTransactionCommand();
    enable_timeout_after(STATEMENT_TIMEOUT, kMaximumStatement);
    PushActiveSnapshot(GetTransactionSnapshot());
    work(argument);
    PopActiveSnapshot();
    disable_timeout(STATEMENT_TIMEOUT, false);
    CommitTransactionCommand();
    committed = true;
  }
  PG_CATCH();
  { abort_transaction(activity); }
  PG_END_TRY();
  pgstat_report_stat(true);
  pgstat_report_activity(STATE_IDLE, nullptr);
  return committed;
}

}  // namespace customer_identity::sms
