// Makes ids: UUIDs by the clock, integers by the table's sequence.
#include "pg/row_id.hpp"

#include "pg/direct_lookup.hpp"
#include "pg/relation_cache.hpp"
#include "pg/uuid_v7.hpp"

namespace customer_identity {
namespace {

// Where the ids of a table come from; neither: from the column's default.
struct Source {
  bool is_uuid;
  Oid sequence;
  IndexKey taken;  // of the ids that are there
};

constexpr std::int64_t kFrom1970 =
    (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * static_cast<std::int64_t>(SECS_PER_DAY);

UuidClock id_clock;

Oid sequence_of(Oid table, AttrNumber column) {
  ListCell *cell;
  foreach (cell, getOwnedSequences(table)) {
    const Oid sequence = lfirst_oid(cell);
    Oid owner;
    int32 owned_by = 0;
    if (!sequenceIsOwned(sequence, DEPENDENCY_INTERNAL, &owner, &owned_by))
      sequenceIsOwned(sequence, DEPENDENCY_AUTO, &owner, &owned_by);
    if (owned_by == column) return sequence;
  }
  return InvalidOid;
}

void resolve(Source &source, Relation table) {
  const AttrNumber number = get_attnum(RelationGetRelid(table), "id");
  if (number <= 0) return;
  const FormData_pg_attribute *column = TupleDescAttr(RelationGetDescr(table), number - 1);
  if (column->attgenerated != '\0') return;
  source.is_uuid = getBaseType(column->atttypid) == UUIDOID;
  if (!source.is_uuid && (column->attidentity != '\0' || column->atthasdef))
    source.sequence = sequence_of(RelationGetRelid(table), number);
  if (OidIsValid(source.sequence) && table->rd_rel->relkind == RELKIND_RELATION)
    source.taken = unique_index_of(table, number, INT8OID);
}

// Drawn in bulk: a draw costs as much as the row that needs it, whatever its size.
std::uint64_t next_random() {
  static std::uint64_t drawn[64];
  static std::size_t left = 0;
  if (left == 0) {
    if (!pg_strong_random(drawn, sizeof(drawn)))
      ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"));
    left = lengthof(drawn);
  }
  return drawn[--left];
}

pg_uuid_t *new_uuid() {
  const std::int64_t now = GetCurrentTimestamp() + kFrom1970 * USECS_PER_SEC;
  const UuidV7 made = uuid_v7(next_time(id_clock, now), next_random());
  auto *uuid = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
  memcpy(uuid->data, made.bytes, UUID_LEN);
  return uuid;
}

// A value is drawn once, so a sequence that is behind catches up whatever becomes of the
// transaction. An id is taken whoever may see its row, so the index is asked, not the table.
std::int64_t next_free(const Source &source, Relation table) {
  if (!OidIsValid(source.taken.index)) return nextval_internal(source.sequence, false);
  PushActiveSnapshot(GetLatestSnapshot());
  Relation index = index_open(source.taken.index, AccessShareLock);
  TupleTableSlot *row = table_slot_create(table, nullptr);
  IndexScanDesc scan = begin_scan(table, index, GetActiveSnapshot());
  std::int64_t id;
  do {
    CHECK_FOR_INTERRUPTS();
    id = nextval_internal(source.sequence, false);
  } while (scan_for(scan, source.taken, {Int64GetDatum(id), INT8OID}, row));
  index_endscan(scan);
  ExecDropSingleTupleTableSlot(row);
  index_close(index, NoLock);
  PopActiveSnapshot();
  return id;
}

}  // namespace

RowId new_row_id_in(Relation table) {
  const Source source = *kept<Source>({RelationGetRelid(table)},
                                      [&](Source &value, Reading &) { resolve(value, table); });
  if (source.is_uuid) return {UUIDOID, UUIDPGetDatum(new_uuid())};
  if (!OidIsValid(source.sequence)) return {};
  return {INT8OID, Int64GetDatum(next_free(source, table))};
}

RowId new_row_id(Oid table) {
  Relation relation = try_table_open(table, RowExclusiveLock);
  if (relation == nullptr) return {};
  const RowId id = new_row_id_in(relation);
  table_close(relation, NoLock);
  return id;
}

}  // namespace customer_identity
