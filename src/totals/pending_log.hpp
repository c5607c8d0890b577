// The deltas of one book that a transaction has not written yet, in the order in which its
// subtransactions added them. In memory up to work_mem, then in a temporary file.
#pragma once

#include "pg/postgres.hpp"
#include "totals/deltas.hpp"

namespace customer_identity {

/// Deltas of one subtransaction, to be written as one role.
struct Segment {
  Oid owner;
  Deltas deltas;
};

/// A place in the log: behind so many records of the file, or at its end, so many segments.
struct Place {
  std::int64_t records;
  int file_number;
  off_t offset;
  std::uint32_t segments;
};

/// A subtransaction that has added something or written something.
struct Level {
  SubTransactionId id;
  Place start;    // the log's end when it began
  Place written;  // and what had been written by then
};

struct PendingLog {
  Oid customers;
  PendingLog *next;
  MemoryContext memory;  // the log and all it points to
  MemoryContext segment_memory;
  Segment *segments;
  std::uint32_t count;
  std::uint32_t room;
  Level *levels;
  std::uint32_t depth;
  std::uint32_t level_room;
  BufFile *file;    // NULL: none yet
  Place spilled;    // the end of what is in the file
  Place written;    // what lies before is in the totals, and wanted when a subtransaction fails
  bool is_damaged;  // the file could not be written or read: the transaction cannot commit
};

/// Lives until free_log() or the end of a failed transaction.
PendingLog *new_log(Oid customers);
void free_log(PendingLog *log);

bool has_unwritten(const PendingLog &log);

/// Adds deltas of the current subtransaction, to be written as `owner`.
void append(PendingLog &log, const Deltas &deltas, Oid owner);

/// The sum of all that is unwritten, where it is in memory and has one owner; else false.
bool sum_in_memory(const PendingLog &log, Deltas *sums, Oid *owner);

/// A delta that a sort returns.
struct Record {
  Oid owner;
  Delta delta;
};

/// All that is unwritten, ready to be read in the order of customers.
Tuplesortstate *sort_unwritten(PendingLog &log);
/// The next one, in `memory`, which held the last one; false: there is none.
bool next_record(Tuplesortstate *records, MemoryContext memory, Record *record);

/// All is in the totals, as far as the current subtransaction knows.
void mark_written(PendingLog &log);

void end_subtransaction(PendingLog &log, SubTransactionId id, SubTransactionId parent,
                        bool is_committed);

}  // namespace customer_identity
