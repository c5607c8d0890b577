// count_refusal: what was refused is counted, not listed. Whoever asks for codes without end makes
// no more rows than there are transactions that ask at the same time.
#include "pg/postgres.hpp"
#include "verification/event_table.hpp"

namespace customer_identity {
namespace {

// Hours begin at a quarter of UTC's hour wherever one is: verification_health stays exact.
constexpr TimestampTz kWindow = 15 * USECS_PER_MINUTE;

// Rows that others hold or that are dead; the newest ones come first. Then another row is cheaper.
constexpr int kMaximumLooked = 64;

TimestampTz window_of(TimestampTz now) { return now - now % kWindow; }

// Locks the row until the end of the transaction. False: another transaction has it, or changed it.
bool lock_row(const EventTable &events, TupleTableSlot *row) {
  TupleTableSlot *locked = table_slot_create(events.table, nullptr);
  TM_FailureData failure;
  const TM_Result result =
      table_tuple_lock(events.table, &row->tts_tid, SnapshotSelf, locked, GetCurrentCommandId(true),
                       LockTupleNoKeyExclusive, LockWaitSkip, 0, &failure);
  ExecDropSingleTupleTableSlot(locked);
  return result == TM_Ok;
}

// Sees what is committed by now, whatever the isolation level, and takes no predicate locks: what
// is counted is nobody's to read.
bool find_free_row(const EventTable &events, Datum bucket, TimestampTz window, ItemPointer place) {
  TupleTableSlot *row = table_slot_create(events.table, nullptr);
  IndexScanDesc scan = begin_event_scan(events, SnapshotSelf, bucket, window, window + kWindow);
  bool found = false;
  for (int looked = 0; looked < kMaximumLooked && !found; ++looked) {
    CHECK_FOR_INTERRUPTS();
    if (index_getnext_tid(scan, BackwardScanDirection) == nullptr) break;
    found = index_fetch_heap(scan, row) && lock_row(events, row);
  }
  if (found) *place = row->tts_tid;
  index_endscan(scan);
  ExecDropSingleTupleTableSlot(row);
  return found;
}

void execute(const char *statement, int count, Oid *types, Datum *values) {
  SPI_connect();
  SPIPlanPtr plan = SPI_prepare(statement, count, types);
  if (plan == nullptr || SPI_execute_snapshot(plan, values, nullptr, GetLatestSnapshot(),
                                              InvalidSnapshot, false, true, 0) < 0)
    elog(ERROR, "cannot run \"%s\": %s", statement, SPI_result_code_string(SPI_result));
  SPI_finish();
}

void add_to_row(const EventTable &events, ItemPointer place) {
  Oid types[] = {TIDOID};
  Datum values[] = {PointerGetDatum(place)};
  execute(psprintf("UPDATE %s SET events = events OPERATOR(pg_catalog.+) 1"
                   " WHERE ctid OPERATOR(pg_catalog.=) $1",
                   events_name(events)),
          lengthof(types), types, values);
}

void add_row(const EventTable &events, Datum bucket, TimestampTz now) {
  Oid types[] = {TEXTOID, TIMESTAMPTZOID};
  Datum values[] = {bucket, TimestampTzGetDatum(now)};
  execute(psprintf("INSERT INTO %s (bucket, at) VALUES ($1, $2)", events_name(events)),
          lengthof(types), types, values);
}

}  // namespace

// count_refusal(bucket)
CUSTOMER_IDENTITY_FUNCTION(count_refusal) {
  const Datum bucket = PG_GETARG_DATUM(0);
  const TimestampTz now = GetCurrentTimestamp();
  const EventTable events = open_events();
  ItemPointerData place;
  if (find_free_row(events, bucket, window_of(now), &place))
    add_to_row(events, &place);
  else
    add_row(events, bucket, now);
  close_events(events);
  PG_RETURN_VOID();
}

}  // namespace customer_identity
