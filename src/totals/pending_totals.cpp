// Keeps a log a book and writes it when the transaction commits, or when somebody wants to read
// totals.
#include "totals/pending_totals.hpp"

#include "book/call_elsewhere.hpp"
#include "pg/owner.hpp"
#include "pg/shards.hpp"
#include "totals/pending_log.hpp"
#include "totals/write_totals.hpp"

namespace customer_identity {
namespace {

constexpr std::uint32_t kMaximumAtOnce = 1000;

PendingLog *logs = nullptr;  // in the order of their books' OIDs, in which they are written
bool is_committing = false;

PendingLog &log_of(Oid customers) {
  PendingLog **link = &logs;
  while (*link != nullptr && (*link)->customers < customers) link = &(*link)->next;
  if (*link != nullptr && (*link)->customers == customers) return **link;
  PendingLog *log = new_log(customers);
  log->next = *link;
  *link = log;
  return *log;
}

void forget(PendingLog *log) {
  PendingLog **link = &logs;
  while (*link != log) link = &(*link)->next;
  *link = log->next;
  free_log(log);
}

PendingLog *first_unwritten(Oid after) {
  PendingLog *log = logs;
  while (log != nullptr && (log->customers <= after || !has_unwritten(*log))) log = log->next;
  return log;
}

std::uint64_t write_as(Oid owner, Deltas &deltas, Oid customers) {
  const Actor before = act_as(owner);
  const std::uint64_t written = write_totals(deltas, customers);
  act_again_as(before);
  return written;
}

bool belongs_to(const Deltas &batch, Oid owner, const Record &record) {
  if (record.owner != owner) return false;
  const pg_uuid_t &last = batch.deltas[batch.last].customer;
  return batch.count < kMaximumAtOnce || memcmp(&last, &record.delta.customer, UUID_LEN) == 0;
}

// Customers in their order even where they belong to different owners' orders, so that two
// transactions never wait for each other. Reads the sort in batches of one owner.
std::uint64_t write_sorted(Tuplesortstate *records, Oid customers) {
  MemoryContext batch_memory = AllocSetContextCreate(
      CurrentMemoryContext, "customer_identity batch", ALLOCSET_DEFAULT_SIZES);
  MemoryContext record_memory =
      AllocSetContextCreate(CurrentMemoryContext, "customer_identity record", ALLOCSET_SMALL_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(batch_memory);
  Deltas batch = new_deltas();
  Oid owner = InvalidOid;
  std::uint64_t written = 0;
  Record record;
  while (next_record(records, record_memory, &record)) {
    CHECK_FOR_INTERRUPTS();
    if (batch.count > 0 && !belongs_to(batch, owner, record)) {
      written += write_as(owner, batch, customers);
      MemoryContextReset(batch_memory);
      batch = new_deltas();
    }
    owner = record.owner;
    add_delta(batch, record.delta);
  }
  if (batch.count > 0) written += write_as(owner, batch, customers);
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(record_memory);
  MemoryContextDelete(batch_memory);
  return written;
}

// From here on a later statement, a trigger's as well, adds to what is pending next.
void take_from(PendingLog *log) {
  if (GetCurrentTransactionNestLevel() == 1)
    forget(log);
  else
    mark_written(*log);
}

std::uint64_t write_log(PendingLog *log) {
  const Oid customers = log->customers;
  if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(customers))) {
    take_from(log);  // dropped since, and its totals with it
    return 0;
  }
  Deltas sums;
  Oid owner;
  if (sum_in_memory(*log, &sums, &owner)) {
    take_from(log);
    return write_as(owner, sums, customers);
  }
  Tuplesortstate *records = sort_unwritten(*log);
  take_from(log);
  const std::uint64_t written = write_sorted(records, customers);
  tuplesort_end(records);
  return written;
}

// The server stops the clock of statement_timeout before it commits.
bool start_clock() {
  if (StatementTimeout <= 0 || MyBackendType != B_BACKEND || get_timeout_active(STATEMENT_TIMEOUT))
    return false;
  enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
  return true;
}

// What has run out by now is this commit's, not the next statement's.
void stop_clock() {
  disable_timeout(STATEMENT_TIMEOUT, true);
  CHECK_FOR_INTERRUPTS();
}

// What the application's triggers on customers have deferred or left open is done as if it had come
// with the last statement; totals that it changes are written at once.
void before_commit(bool prepares) {
  is_committing = true;
  if (logs == nullptr) return;
  const bool is_timed = start_clock();
  write_pending(InvalidOid);
  do AfterTriggerFireDeferred();
  while (PreCommit_Portals(prepares));
  while (logs != nullptr) forget(logs);
  if (is_timed) stop_clock();
}

void transaction_changes(XactEvent event, void *) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
      before_commit(event == XACT_EVENT_PRE_PREPARE);
      break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_PREPARE:
    case XACT_EVENT_ABORT:
      logs = nullptr;
      is_committing = false;
      break;
    default:
      break;  // a parallel worker writes no orders
  }
}

void subtransaction_changes(SubXactEvent event, SubTransactionId id, SubTransactionId parent,
                            void *) {
  if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB) return;
  for (PendingLog *log = logs; log != nullptr; log = log->next)
    end_subtransaction(*log, id, parent, event == SUBXACT_EVENT_COMMIT_SUB);
}

}  // namespace

bool postpone(const Deltas &deltas, Oid customers) {
  // A sandbox must not leave anything behind that runs outside of it.
  if (is_committing || InSecurityRestrictedOperation()) return false;
  if (deltas.count == 0) return true;
  LockRelationOid(customers, RowExclusiveLock);
  append(log_of(customers), deltas, GetUserId());
  return true;
}

std::uint64_t write_pending(Oid customers) {
  if (logs == nullptr) return 0;
  CommandCounterIncrement();
  PushActiveSnapshot(GetTransactionSnapshot());
  MemoryContext memory = AllocSetContextCreate(CurTransactionContext, "customer_identity flush",
                                               ALLOCSET_DEFAULT_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(memory);
  const bool is_read_only = XactReadOnly;
  XactReadOnly = false;  // the orders were written before it became so
  std::uint64_t written = 0;
  Oid last = InvalidOid;
  while (PendingLog *log = first_unwritten(last)) {
    last = log->customers;
    if (!OidIsValid(customers) || last == customers) written += write_log(log);
  }
  XactReadOnly = is_read_only;
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(memory);
  PopActiveSnapshot();
  return written;
}

void watch_transactions() {
  RegisterXactCallback(transaction_changes, nullptr);
  RegisterSubXactCallback(subtransaction_changes, nullptr);
}

CUSTOMER_IDENTITY_FUNCTION(flush_totals) {
  if (PG_ARGISNULL(0)) PG_RETURN_INT64(static_cast<std::int64_t>(write_pending(InvalidOid)));
  const Oid given = PG_GETARG_OID(0);
  if (is_elsewhere(given)) return call_elsewhere(fcinfo, 0, given);
  const Oid customers = shard_to_read(given);
  PG_RETURN_INT64(static_cast<std::int64_t>(write_pending(customers)));
}

}  // namespace customer_identity
