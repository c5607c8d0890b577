// A log that can be cut back to where a subtransaction began: segments in memory, older ones in a
// file as plain bytes.
#include "totals/pending_log.hpp"

#include "pg/majors.hpp"

namespace customer_identity {
namespace {

// A delta in the file and in a sort: a bytea that sorts by customer and owner. The bytes of the
// delta's rest follow.
struct StoredRecord {
  std::int32_t header;
  pg_uuid_t customer;
  Oid owner;
  std::int32_t scale;
  std::int32_t unused;
  std::int64_t orders;
  std::int64_t points;
  std::int64_t units;
};

// What fails in the file leaves it in doubt; an interrupt between two operations does not.
template <typename Operation>
void on_file(PendingLog &log, Operation &&operation) {
  CHECK_FOR_INTERRUPTS();
  log.is_damaged = true;
  operation();
  log.is_damaged = false;
}

void require_undamaged(const PendingLog &log) {
  if (!log.is_damaged) return;
  ereport(ERROR, errcode(ERRCODE_IO_ERROR),
          errmsg("the totals of this transaction can no longer be written"),
          errdetail("A temporary file that kept them until commit failed."),
          errhint("Roll the whole transaction back and run it again."));
}

Place end_of(const PendingLog &log) {
  Place end = log.spilled;
  end.segments = log.count;
  return end;
}

bool is_in_memory(const PendingLog &log, const Place &place) {
  return place.records == log.spilled.records;
}

std::uint32_t first_segment_after(const PendingLog &log, const Place &place) {
  return is_in_memory(log, place) ? place.segments : 0;
}

// Raises nothing: it runs while a subtransaction is being aborted, perhaps because a segment could
// not grow. What a lost segment held is freed with the others.
void cut(PendingLog &log, const Place &end) {
  log.count = first_segment_after(log, end);
  log.spilled = end;
  log.spilled.segments = 0;
  if (log.count == 0) MemoryContextReset(log.segment_memory);
}

template <typename Item>
void make_room(Item *&items, std::uint32_t count, std::uint32_t &room) {
  if (count < room) return;
  items = static_cast<Item *>(repalloc_huge(items, sizeof(Item) * room * 2));
  room *= 2;
}

Level &current_level(PendingLog &log) {
  const SubTransactionId id = GetCurrentSubTransactionId();
  if (log.depth > 0 && log.levels[log.depth - 1].id == id) return log.levels[log.depth - 1];
  make_room(log.levels, log.depth, log.level_room);
  Level &level = log.levels[log.depth++];
  level = {id, end_of(log), log.written};
  return level;
}

Segment &current_segment(PendingLog &log, const Level &level, Oid owner) {
  const std::uint32_t first =
      Max(first_segment_after(log, level.start), first_segment_after(log, log.written));
  if (log.count > first && log.segments[log.count - 1].owner == owner)
    return log.segments[log.count - 1];
  make_room(log.segments, log.count, log.room);
  MemoryContext caller = MemoryContextSwitchTo(log.segment_memory);
  log.segments[log.count] = {owner, new_deltas()};
  MemoryContextSwitchTo(caller);
  return log.segments[log.count++];
}

void add_all(Deltas &sums, const Deltas &deltas) {
  for (std::uint32_t i = 0; i < deltas.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    add_delta(sums, deltas.deltas[i]);
  }
}

// In the current memory context.
StoredRecord *stored(const Delta &delta, Oid owner) {
  const std::size_t rest = delta.rest == nullptr ? 0 : VARSIZE_ANY(delta.rest);
  auto *record = static_cast<StoredRecord *>(palloc(sizeof(StoredRecord) + rest));
  *record = {0, delta.customer, owner, delta.scale, 0, delta.orders, delta.points, delta.units};
  SET_VARSIZE(record, sizeof(StoredRecord) + rest);
  if (rest > 0) memcpy(record + 1, delta.rest, rest);
  return record;
}

// The file outlives the subtransaction that happens to need it first.
BufFile *new_file(MemoryContext memory) {
  MemoryContext caller = MemoryContextSwitchTo(memory);
  ResourceOwner owner = CurrentResourceOwner;
  CurrentResourceOwner = TopTransactionResourceOwner;
  BufFile *file = BufFileCreateTemp(false);
  CurrentResourceOwner = owner;
  MemoryContextSwitchTo(caller);
  return file;
}

void seek(PendingLog &log, const Place &place) {
  on_file(log, [&] {
    if (BufFileSeek(log.file, place.file_number, place.offset, SEEK_SET) == 0) return;
    ereport(ERROR, errcode_for_file_access(),
            errmsg("could not seek in the temporary file of pending totals: %m"));
  });
}

void read_bytes(PendingLog &log, void *bytes, std::size_t size) {
  on_file(log, [&] {
    if (BufFileRead(log.file, bytes, size) == size) return;
    ereport(ERROR, errcode(ERRCODE_IO_ERROR),
            errmsg("the temporary file of pending totals ends too early"));
  });
}

void write_segment(PendingLog &log, const Segment &segment) {
  for (std::uint32_t i = 0; i < segment.deltas.count; ++i) {
    StoredRecord *record = stored(segment.deltas.deltas[i], segment.owner);
    on_file(log, [&] { BufFileWrite(log.file, record, VARSIZE(record)); });
    pfree(record);
  }
}

StoredRecord *read_stored(PendingLog &log) {
  auto *record = static_cast<StoredRecord *>(palloc(sizeof(StoredRecord)));
  read_bytes(log, record, sizeof(StoredRecord));
  const std::size_t size = VARSIZE(record);
  if (size == sizeof(StoredRecord)) return record;
  record = static_cast<StoredRecord *>(repalloc(record, size));
  read_bytes(log, record + 1, size - sizeof(StoredRecord));
  return record;
}

// Moves the segments to the file, and with them the places that lie among them.
void spill(PendingLog &log) {
  if (log.file == nullptr) log.file = new_file(log.memory);
  seek(log, log.spilled);
  auto *ends =
      static_cast<Place *>(palloc_extended(sizeof(Place) * (log.count + 1), MCXT_ALLOC_HUGE));
  ends[0] = log.spilled;
  for (std::uint32_t i = 0; i < log.count; ++i) {
    write_segment(log, log.segments[i]);
    ends[i + 1] = {ends[i].records + log.segments[i].deltas.count, 0, 0, 0};
    BufFileTell(log.file, &ends[i + 1].file_number, &ends[i + 1].offset);
  }

  const auto move = [&](Place &place) {
    if (is_in_memory(log, place)) place = ends[place.segments];
  };
  move(log.written);
  for (std::uint32_t i = 0; i < log.depth; ++i) {
    move(log.levels[i].start);
    move(log.levels[i].written);
  }
  const Place end = ends[log.count];
  cut(log, ends[0]);
  log.spilled = end;
  pfree(ends);
}

}  // namespace

PendingLog *new_log(Oid customers) {
  constexpr std::uint32_t kRoom = 4;
  MemoryContext memory = AllocSetContextCreate(
      TopTransactionContext, "customer_identity pending totals", ALLOCSET_SMALL_SIZES);
  auto *log = static_cast<PendingLog *>(MemoryContextAllocZero(memory, sizeof(PendingLog)));
  log->customers = customers;
  log->memory = memory;
  log->segment_memory =
      AllocSetContextCreate(memory, "customer_identity segments", ALLOCSET_DEFAULT_SIZES);
  log->room = log->level_room = kRoom;
  log->segments = static_cast<Segment *>(MemoryContextAlloc(memory, sizeof(Segment) * kRoom));
  log->levels = static_cast<Level *>(MemoryContextAlloc(memory, sizeof(Level) * kRoom));
  return log;
}

void free_log(PendingLog *log) {
  if (log->file != nullptr) BufFileClose(log->file);
  MemoryContextDelete(log->memory);
}

bool has_unwritten(const PendingLog &log) {
  return !is_in_memory(log, log.written) || log.written.segments < log.count;
}

void append(PendingLog &log, const Deltas &deltas, Oid owner) {
  require_undamaged(log);
  add_all(current_segment(log, current_level(log), owner).deltas, deltas);
  if (MemoryContextMemAllocated(log.segment_memory, false) > work_mem * std::size_t{1024})
    spill(log);
}

bool sum_in_memory(const PendingLog &log, Deltas *sums, Oid *owner) {
  require_undamaged(log);
  if (!is_in_memory(log, log.written)) return false;
  *sums = new_deltas();
  *owner = log.segments[log.written.segments].owner;
  for (std::uint32_t i = log.written.segments; i < log.count; ++i) {
    if (log.segments[i].owner != *owner) return false;
    add_all(*sums, log.segments[i].deltas);
  }
  return true;
}

Tuplesortstate *sort_unwritten(PendingLog &log) {
  require_undamaged(log);
  const Oid less = lookup_type_cache(BYTEAOID, TYPECACHE_LT_OPR)->lt_opr;
  Tuplesortstate *records =
      tuplesort_begin_datum(BYTEAOID, less, InvalidOid, false, work_mem, nullptr, TUPLESORT_NONE);
  const auto put = [&](StoredRecord *record) {
    tuplesort_putdatum(records, PointerGetDatum(record), false);
    pfree(record);
  };

  if (!is_in_memory(log, log.written)) seek(log, log.written);
  for (std::int64_t i = log.written.records; i < log.spilled.records; ++i) put(read_stored(log));
  for (std::uint32_t i = first_segment_after(log, log.written); i < log.count; ++i)
    for (std::uint32_t j = 0; j < log.segments[i].deltas.count; ++j)
      put(stored(log.segments[i].deltas.deltas[j], log.segments[i].owner));
  tuplesort_performsort(records);
  return records;
}

bool next_record(Tuplesortstate *records, MemoryContext memory, Record *record) {
  MemoryContextReset(memory);
  MemoryContext caller = MemoryContextSwitchTo(memory);
  Datum value;
  bool is_null;
  const bool found = majors::next_datum(records, &value, &is_null);
  MemoryContextSwitchTo(caller);
  if (!found) return false;
  auto *stored = reinterpret_cast<StoredRecord *>(DatumGetPointer(value));
  const bool has_rest = VARSIZE(stored) > sizeof(StoredRecord);
  *record = {stored->owner,
             {stored->customer, stored->orders, stored->points, stored->units, stored->scale,
              has_rest ? reinterpret_cast<Numeric>(stored + 1) : nullptr}};
  return true;
}

void mark_written(PendingLog &log) {
  cut(log, current_level(log).start);
  log.written = end_of(log);
}

void end_subtransaction(PendingLog &log, SubTransactionId id, SubTransactionId parent,
                        bool is_committed) {
  if (log.depth == 0 || log.levels[log.depth - 1].id != id) return;
  Level &level = log.levels[log.depth - 1];
  if (!is_committed) {
    cut(log, level.start);
    log.written = level.written;
    --log.depth;
  } else if (log.depth > 1 && log.levels[log.depth - 2].id == parent) {
    --log.depth;
  } else {
    level.id = parent;
  }
}

}  // namespace customer_identity
