// Decides whether one more of something may happen now: a message to a phone, a wrong answer. What
// happened is a row of verification_events; the rows of transactions that are still running count
// too, so that no number of sessions gets past a limit, and nobody waits for another's transaction.
#include "pg/direct_lookup.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {
namespace {

constexpr TimestampTz kWindow = USECS_PER_HOUR;

// After 2^6 times the first pause it is the limits of an hour that count.
constexpr int kMostDoublings = 6;

// Held from counting to writing, never to the end of the transaction. The fourth field keeps it
// apart from the advisory locks of applications, which use 1 and 2.
LOCKTAG admission_lock() {
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, 3);
  return tag;
}

struct Events {
  int count;
  TimestampTz oldest;
  TimestampTz newest;
};

// Tables of the extension's schema, of which this function is one.
struct EventTable {
  Relation table;
  Relation index;
};

EventTable open_events(FunctionCallInfo fcinfo) {
  const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
  const Oid index = get_relname_relid("verification_events_bucket_at_idx", schema);
  return {table_open(get_relname_relid("verification_events", schema), RowExclusiveLock),
          index_open(index, AccessShareLock)};
}

void close_events(const EventTable &events) {
  index_close(events.index, NoLock);
  table_close(events.table, NoLock);
}

// What was counted before the clock was set back lies ahead of now, and counts.
Events recent_events(const EventTable &events, Datum bucket, TimestampTz now) {
  SnapshotData snapshot;
  InitDirtySnapshot(snapshot);
  ScanKeyData conditions[2];
  ScanKeyEntryInitialize(&conditions[0], 0, 1, BTEqualStrategyNumber, TEXTOID, C_COLLATION_OID,
                         F_TEXTEQ, bucket);
  ScanKeyEntryInitialize(&conditions[1], 0, 2, BTGreaterStrategyNumber, TIMESTAMPTZOID, InvalidOid,
                         F_TIMESTAMPTZ_GT, TimestampTzGetDatum(now - kWindow));
  TupleTableSlot *row = table_slot_create(events.table, nullptr);
  IndexScanDesc scan = begin_scan(events.table, events.index, &snapshot, 2);
  index_rescan(scan, conditions, 2, nullptr, 0);
  Events found = {};
  while (index_getnext_slot(scan, ForwardScanDirection, row)) {
    bool is_null;
    found.newest = DatumGetTimestampTz(slot_getattr(row, 2, &is_null));
    if (found.count++ == 0) found.oldest = found.newest;
  }
  index_endscan(scan);
  ExecDropSingleTupleTableSlot(row);
  return found;
}

// Microseconds until `moment`; no more than `most`, wherever the clock was.
std::int64_t time_until(TimestampTz moment, TimestampTz now, std::int64_t most) {
  return Max(0, Min(moment - now, most));
}

std::int64_t wait_for_limit(const Events &events, int limit, TimestampTz now) {
  if (limit <= 0 || events.count < limit) return 0;
  return Max(1, time_until(events.oldest + kWindow, now, kWindow));
}

std::int64_t pause_after(int events, int first_pause) {
  return events == 0 ? 0 : first_pause * USECS_PER_SEC << Min(events - 1, kMostDoublings);
}

void write_event(const EventTable &events, Datum bucket, TimestampTz now) {
  Datum values[] = {bucket, TimestampTzGetDatum(now)};
  bool nulls[] = {false, false};
  HeapTuple row = heap_form_tuple(RelationGetDescr(events.table), values, nulls);
  CatalogTupleInsert(events.table, row);
  heap_freetuple(row);
}

Interval *interval_of(std::int64_t microseconds) {
  auto *interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
  interval->time = microseconds;
  return interval;
}

// How long each bucket has to wait; `first` is what was counted in the first one.
std::int64_t longest_wait(const EventTable &events, const Datum *buckets, const Datum *limits,
                          int count, int first_pause, TimestampTz now, Events *first) {
  std::int64_t wait = 0;
  for (int i = 0; i < count; ++i) {
    const Events found = recent_events(events, buckets[i], now);
    wait = Max(wait, wait_for_limit(found, DatumGetInt32(limits[i]), now));
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

}  // namespace

// admit(buckets, limits, first_pause, counted): NULL and an event in the first `counted` buckets,
// or how long to wait.
CUSTOMER_IDENTITY_FUNCTION(admit) {
  int count;
  int limit_count;
  const Datum *buckets = elements_of(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, &count);
  const Datum *limits =
      elements_of(PG_GETARG_ARRAYTYPE_P(1), INT4OID, sizeof(int32), true, &limit_count);
  const LOCKTAG lock = admission_lock();
  const EventTable events = open_events(fcinfo);
  const int counted = PG_GETARG_INT32(3);
  if (counted < 1 || counted > count || limit_count != count)
    elog(ERROR, "each bucket has a limit");

  LockAcquire(&lock, ExclusiveLock, false, false);
  const TimestampTz now = GetCurrentTimestamp();
  Events first = {};
  const std::int64_t wait =
      longest_wait(events, buckets, limits, count, PG_GETARG_INT32(2), now, &first);
  for (int i = 0; wait == 0 && i < counted; ++i) write_event(events, buckets[i], now);
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
