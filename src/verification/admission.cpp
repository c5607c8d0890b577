// Decides whether one more of something may happen now: a message to a phone, a wrong answer. What
// happened is a row of verification_events; the rows of transactions that are still running count
// too, so that no number of sessions gets past a limit, and nobody waits for another's transaction.
#include "pg/postgres.hpp"
#include "verification/event_table.hpp"

namespace customer_identity {
namespace {

constexpr TimestampTz kWindow = USECS_PER_HOUR;

// After 2^6 times the first pause it is the limits of an hour that count.
constexpr int kMaximumDoublings = 6;

// Held from counting to writing, never to the end of the transaction. The fourth field keeps it
// apart from the advisory locks of applications, which use 1 and 2.
LOCKTAG admission_lock() {
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, 3);
  return tag;
}

// A bucket, and what its events are asked for: a limit by the hour (0: none), and whether the next
// one has to pause, longer each time.
struct Bucket {
  Datum name;
  int limit;
  bool pauses;

  bool matters() const { return limit > 0 || pauses; }

  /// How many of the newest events decide.
  int deciding() const { return pauses ? Max(limit, kMaximumDoublings + 1) : limit; }
};

struct Events {
  int count;            // of those that decide
  TimestampTz newest;   // if there is one
  TimestampTz leaving;  // of the one that has to leave the window so that another one may come
};

// The newest come first, and no more than decide: what else the table holds does not matter. What
// was counted before the clock was set back lies ahead of now, and counts.
Events recent_events(const EventTable &events, const Bucket &bucket, TimestampTz now) {
  SnapshotData snapshot;
  InitDirtySnapshot(snapshot);
  TupleTableSlot *row = table_slot_create(events.table, nullptr);
  IndexScanDesc scan =
      begin_event_scan(events, &snapshot, bucket.name, now - kWindow + 1, DT_NOEND);
  Events found = {};
  while (found.count < bucket.deciding() && index_getnext_slot(scan, BackwardScanDirection, row)) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    const TimestampTz at = DatumGetTimestampTz(slot_getattr(row, 2, &is_null));
    if (++found.count == 1) found.newest = at;
    if (found.count == bucket.limit) found.leaving = at;
  }
  index_endscan(scan);
  ExecDropSingleTupleTableSlot(row);
  return found;
}

// Microseconds until `moment`; no more than `maximum`, wherever the clock was.
std::int64_t time_until(TimestampTz moment, TimestampTz now, std::int64_t maximum) {
  return Max(0, Min(moment - now, maximum));
}

std::int64_t wait_for_limit(const Events &events, int limit, TimestampTz now) {
  if (limit <= 0 || events.count < limit) return 0;
  return Max(1, time_until(events.leaving + kWindow, now, kWindow));
}

std::int64_t pause_after(int events, int first_pause) {
  return events == 0 ? 0 : first_pause * USECS_PER_SEC << Min(events - 1, kMaximumDoublings);
}

// Buckets without a limit are not written: nobody would ask for their events.
void write_events(const EventTable &events, const Bucket *buckets, int count, TimestampTz now) {
  auto *names = static_cast<Datum *>(palloc(sizeof(Datum) * count));
  int written = 0;
  for (int i = 0; i < count; ++i)
    if (buckets[i].matters()) names[written++] = buckets[i].name;
  if (written == 0) return;
  const char *statement = psprintf(
      "INSERT INTO %s (bucket, at) SELECT b.bucket, $2 FROM pg_catalog.unnest($1) AS b (bucket)",
      events_name(events));
  Oid types[] = {TEXTARRAYOID, TIMESTAMPTZOID};
  Datum values[] = {
      PointerGetDatum(construct_array(names, written, TEXTOID, -1, false, TYPALIGN_INT)),
      TimestampTzGetDatum(now)};
  SPI_connect();
  SPI_execute_with_args(statement, lengthof(types), types, values, nullptr, false, 0);
  SPI_finish();
}

Interval *interval_of(std::int64_t microseconds) {
  auto *interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
  interval->time = microseconds;
  return interval;
}

// How long each bucket has to wait; `first` is what was counted in the first one.
std::int64_t maximum_wait(const EventTable &events, const Bucket *buckets, int count,
                          int first_pause, TimestampTz now, Events *first) {
  std::int64_t wait = 0;
  for (int i = 0; i < count; ++i) {
    if (!buckets[i].matters()) continue;
    const Events found = recent_events(events, buckets[i], now);
    wait = Max(wait, wait_for_limit(found, buckets[i].limit, now));
    if (i == 0) *first = found;
  }
  const std::int64_t pause = pause_after(first->count, first_pause);
  return Max(wait, time_until(first->newest + pause, now, pause));
}

Datum *elements_of(ArrayType *array, Oid type, int length, bool by_value, int *count) {
  Datum *elements;
  deconstruct_array(array, type, length, by_value, TYPALIGN_INT, &elements, nullptr, count);
  return elements;
}

Bucket *buckets_of(FunctionCallInfo fcinfo, int *count) {
  int limit_count;
  const Datum *names = elements_of(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, count);
  const Datum *limits =
      elements_of(PG_GETARG_ARRAYTYPE_P(1), INT4OID, sizeof(int32), true, &limit_count);
  const int counted = PG_GETARG_INT32(3);
  if (counted < 1 || counted > *count || limit_count != *count)
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("each bucket has a limit"));
  auto *buckets = static_cast<Bucket *>(palloc(sizeof(Bucket) * *count));
  for (int i = 0; i < *count; ++i)
    buckets[i] = {names[i], DatumGetInt32(limits[i]), i == 0 && PG_GETARG_INT32(2) > 0};
  return buckets;
}

}  // namespace

// admit(buckets, limits, first_pause, counted): NULL and an event in the first `counted` buckets,
// or how long to wait.
CUSTOMER_IDENTITY_FUNCTION(admit) {
  int count;
  const Bucket *buckets = buckets_of(fcinfo, &count);
  const LOCKTAG lock = admission_lock();
  const EventTable events = open_events();

  LockAcquire(&lock, ExclusiveLock, false, false);
  const TimestampTz now = GetCurrentTimestamp();
  Events first = {};
  const std::int64_t wait = maximum_wait(events, buckets, count, PG_GETARG_INT32(2), now, &first);
  if (wait == 0) write_events(events, buckets, PG_GETARG_INT32(3), now);
  LockRelease(&lock, ExclusiveLock, false);
  close_events(events);

  Datum values[] = {Datum(0), Int32GetDatum(first.count)};
  bool nulls[] = {wait == 0, false};
  if (wait > 0) values[0] = IntervalPGetDatum(interval_of(wait));
  TupleDesc columns;
  get_call_result_type(fcinfo, nullptr, &columns);
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}

}  // namespace customer_identity
