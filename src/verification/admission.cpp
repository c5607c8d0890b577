// Decides whether one more of something may happen now: a message to a phone, a wrong answer. What
// happened is a row of verification_events; the rows of transactions that are still running count
// too, so that no number of sessions gets past a limit, and nobody waits for another's transaction.
#include "pg/direct_lookup.hpp"
#include "pg/postgres.hpp"
#include "pg/schemas.hpp"

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

// Tables of the extension's schema.
struct EventTable {
  Relation table;
  Relation index;
};

bool has_type(Relation relation, int column, Oid type) {
  return RelationGetDescr(relation)->natts > column &&
         TupleDescAttr(RelationGetDescr(relation), column)->atttypid == type;
}

bool is_event_table(Relation table) {
  return table->rd_rel->relkind == RELKIND_RELATION &&
         table->rd_tableam == GetHeapamTableAmRoutine() && has_type(table, 0, TEXTOID) &&
         has_type(table, 1, TIMESTAMPTZOID);
}

bool is_event_index(Relation index, Relation table) {
  const FormData_pg_index *form = index->rd_index;
  return index->rd_rel->relkind == RELKIND_INDEX && index->rd_rel->relam == BTREE_AM_OID &&
         form->indrelid == RelationGetRelid(table) && form->indisvalid && form->indnkeyatts == 2 &&
         form->indkey.values[0] == 1 && form->indkey.values[1] == 2 &&
         index->rd_indoption[0] == 0 && index->rd_indoption[1] == 0 &&
         index->rd_opcintype[0] == TEXTOID && index->rd_opcintype[1] == TIMESTAMPTZOID &&
         index->rd_opfamily[0] < FirstNormalObjectId &&
         index->rd_opfamily[1] < FirstNormalObjectId &&
         index->rd_indcollation[0] == C_COLLATION_OID && RelationGetIndexPredicate(index) == NIL;
}

// Where the owner is no superuser he may have changed them: what is read as a text has to be one.
EventTable open_events(Oid schema) {
  const Oid table = get_relname_relid("verification_events", schema);
  const Oid index = get_relname_relid("verification_events_bucket_at_idx", schema);
  if (get_rel_relkind(table) == RELKIND_RELATION && get_rel_relkind(index) == RELKIND_INDEX) {
    const EventTable events = {table_open(table, RowExclusiveLock),
                               index_open(index, AccessShareLock)};
    if (is_event_table(events.table) && is_event_index(events.index, events.table)) return events;
  }
  ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
          errmsg("table verification_events or its index was changed"),
          errhint("DROP EXTENSION customer_identity and CREATE EXTENSION customer_identity make it "
                  "anew."));
  pg_unreachable();
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
    CHECK_FOR_INTERRUPTS();
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

void write_events(Oid schema, Datum *buckets, int count, TimestampTz now) {
  const char *statement = psprintf(
      "INSERT INTO %s (bucket, at) SELECT b.bucket, $2 FROM pg_catalog.unnest($1) AS b (bucket)",
      quote_qualified_identifier(get_namespace_name(schema), "verification_events"));
  Oid types[] = {TEXTARRAYOID, TIMESTAMPTZOID};
  Datum values[] = {
      PointerGetDatum(construct_array(buckets, count, TEXTOID, -1, false, TYPALIGN_INT)),
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
  Datum *buckets = elements_of(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, &count);
  const Datum *limits =
      elements_of(PG_GETARG_ARRAYTYPE_P(1), INT4OID, sizeof(int32), true, &limit_count);
  const LOCKTAG lock = admission_lock();
  const Oid schema = get_namespace_oid(kSchema, false);
  const EventTable events = open_events(schema);
  const int counted = PG_GETARG_INT32(3);
  if (counted < 1 || counted > count || limit_count != count)
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("each bucket has a limit"));

  LockAcquire(&lock, ExclusiveLock, false, false);
  const TimestampTz now = GetCurrentTimestamp();
  Events first = {};
  const std::int64_t wait =
      longest_wait(events, buckets, limits, count, PG_GETARG_INT32(2), now, &first);
  if (wait == 0) write_events(schema, buckets, counted, now);
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
