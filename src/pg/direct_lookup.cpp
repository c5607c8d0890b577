// Keeps which index serves a look-up.
#include "pg/direct_lookup.hpp"

#include "pg/held_rows.hpp"
#include "pg/majors.hpp"
#include "pg/relation_cache.hpp"
#include "pg/relations.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

// A hint: the row may have moved since, and the table may have been rewritten.
struct Place {
  Oid table;
  pg_uuid_t id;
  ItemPointerData row;
};

Place last_held = {};

struct Known {
  NameData key_column;
  NameData wanted_column;
  AttrNumber wanted;
  AttrNumber text;  // 0: there is none
  bool is_key;      // the wanted column is the key
  IndexKey index_key;
};

// Where what is found goes; `text` NULL: it is not asked for.
struct Result {
  pg_uuid_t *id;
  const char **text;
};

bool is_usable(Relation index, AttrNumber column, Coverage coverage) {
  const FormData_pg_index *form = index->rd_index;
  return index->rd_rel->relam == BTREE_AM_OID && form->indisunique && form->indimmediate &&
         form->indisvalid && !form->indcheckxmin && form->indnkeyatts == 1 &&
         form->indkey.values[0] == column &&
         (coverage == Coverage::kSomeRows || RelationGetIndexPredicate(index) == NIL);
}

// Only built-in operators: they are the ones that our statements name.
Oid equals_in(Relation index, Oid type) {
  const Oid family = index->rd_opfamily[0];
  if (family >= FirstNormalObjectId) return InvalidOid;
  const Oid equals =
      get_opfamily_member(family, index->rd_opcintype[0], type, BTEqualStrategyNumber);
  return OidIsValid(equals) ? get_opcode(equals) : InvalidOid;
}

bool is_uuid(Relation table, AttrNumber column) {
  return column > 0 && TupleDescAttr(RelationGetDescr(table), column - 1)->atttypid == UUIDOID;
}

bool is_text(Relation table, AttrNumber column) {
  if (column <= 0) return false;
  const Oid type = TupleDescAttr(RelationGetDescr(table), column - 1)->atttypid;
  return type == TEXTOID || type == VARCHAROID;
}

void resolve(Known &known, Relation table, const Wanted &wanted, Oid type) {
  if (wanted.check != nullptr) wanted.check(wanted.table);
  namestrcpy(&known.key_column, wanted.key);
  namestrcpy(&known.wanted_column, wanted.column);
  known.wanted = get_attnum(wanted.table, wanted.column);
  const AttrNumber column = get_attnum(wanted.table, wanted.key);
  if (!is_plain(table) || !is_uuid(table, known.wanted) || column <= 0) return;
  known.is_key = column == known.wanted;
  if (wanted.text != nullptr) {
    known.text = get_attnum(wanted.table, wanted.text);
    if (!is_text(table, known.text)) return;
  }
  known.index_key = unique_index_of(table, column, type);
}

const Known &known_lookup(Relation table, const Wanted &wanted, Oid type) {
  const CacheKey key = {wanted.table, InvalidOid, type + (wanted.text == nullptr ? 0 : 1U << 31)};
  const auto *known = find_kept<Known>(key);
  if (known != nullptr && strcmp(NameStr(known->key_column), wanted.key) == 0 &&
      strcmp(NameStr(known->wanted_column), wanted.column) == 0)
    return *known;
  return *read_and_keep<Known>(
      key, [&](Known &value, Reading &) { resolve(value, table, wanted, type); });
}

// Whether the row with that id is at a place, fetched into the slot.
bool is_at(Relation table, AttrNumber column, const pg_uuid_t &id, ItemPointerData place,
           Snapshot snapshot, TupleTableSlot *row) {
  if (ItemPointerGetBlockNumber(&place) >= RelationGetNumberOfBlocks(table) ||
      !table_tuple_fetch_row_version(table, &place, snapshot, row))
    return false;
  bool is_null;
  const Datum found = slot_getattr(row, column, &is_null);
  return !is_null && memcmp(DatumGetUUIDP(found), &id, sizeof(id)) == 0;
}

// As is_at(); where the row has been changed since, fetches the version that the snapshot sees,
// which may be many behind the one that an index leads to first.
bool is_at_or_after(Relation table, AttrNumber column, const pg_uuid_t &id, ItemPointerData place,
                    Snapshot snapshot, TupleTableSlot *row) {
  if (is_at(table, column, id, place, snapshot, row)) return true;
  if (ItemPointerGetBlockNumber(&place) >= RelationGetNumberOfBlocks(table) ||
      IsolationUsesXactSnapshot())
    return false;
  TableScanDesc scan = table_beginscan_tid(table, snapshot);
  table_tuple_get_latest_tid(scan, &place);
  table_endscan(scan);
  return is_at(table, column, id, place, snapshot, row);
}

bool has_waited = false;

TM_Result lock_now(Relation table, TupleTableSlot *row, Snapshot snapshot, LockWaitPolicy wait) {
  TM_FailureData failure;
  ItemPointerData place = row->tts_tid;
  return table_tuple_lock(table, &place, snapshot, row, GetCurrentCommandId(false),
                          LockTupleKeyShare, wait, TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS,
                          &failure);
}

// As the executor locks. False: another transaction has changed or deleted the row.
bool lock_row(Relation table, TupleTableSlot *row, Snapshot snapshot) {
  TM_Result result = lock_now(table, row, snapshot, LockWaitSkip);
  has_waited = result != TM_Ok;
  if (result == TM_WouldBlock) result = lock_now(table, row, snapshot, LockWaitBlock);
  return result == TM_Ok;
}

// What a row has in the wanted columns, held if need be.
Lookup taken(Relation table, const Known &known, TupleTableSlot *row, Snapshot snapshot, Hold hold,
             const Result &found) {
  bool is_null;
  const Datum id = slot_getattr(row, known.wanted, &is_null);
  const bool has_id = !is_null;
  if (has_id) *found.id = *DatumGetUUIDP(id);
  if (found.text != nullptr) {
    const Datum stored = slot_getattr(row, known.text, &is_null);
    *found.text = is_null ? nullptr : TextDatumGetCString(stored);
  }
  if (hold == Hold::kRow && has_id) last_held = {RelationGetRelid(table), *found.id, row->tts_tid};
  if (hold == Hold::kRow && !lock_row(table, row, snapshot)) return Lookup::kImpossible;
  if (hold == Hold::kRow && has_id) note_held(RelationGetRelid(table), *found.id, last_held.row);
  return has_id ? Lookup::kFound : Lookup::kNull;
}

// Many orders of one customer in turn find it where the last one did.
bool was_held_last(Relation table, const Known &known, const Sought &sought, Snapshot snapshot,
                   TupleTableSlot *row) {
  return known.is_key && sought.type == UUIDOID &&
         find_last_held(table, known.wanted, *DatumGetUUIDP(sought.value), snapshot, row);
}

bool find_by_index(Relation table, const Known &known, const Sought &sought, Snapshot snapshot,
                   TupleTableSlot *row) {
  Relation index = index_open(known.index_key.index, AccessShareLock);
  IndexScanDesc scan = begin_scan(table, index, snapshot);
  const bool found = scan_for(scan, known.index_key, sought, row);
  index_endscan(scan);
  index_close(index, NoLock);
  return found;
}

Lookup scanned(Relation table, const Known &known, const Sought &sought, Snapshot snapshot,
               Hold hold, const Result &found) {
  TupleTableSlot *row = table_slot_create(table, nullptr);
  Lookup result = Lookup::kNoRow;
  if (was_held_last(table, known, sought, snapshot, row) ||
      find_by_index(table, known, sought, snapshot, row))
    result = taken(table, known, row, snapshot, hold, found);
  ExecDropSingleTupleTableSlot(row);
  return result;
}

bool is_allowed(Oid table, Hold hold) {
  const AclMode rights = rights_to_find(hold);
  return pg_class_aclmask(table, GetUserId(), rights, ACLMASK_ALL) == rights;
}

// `snapshot` NULL: one that is taken when the table is locked, so that it sees what was waited for.
Lookup scanned_as_of(Snapshot snapshot, Relation table, const Known &known, const Sought &sought,
                     Hold hold, const Result &found) {
  if (snapshot != nullptr) return scanned(table, known, sought, snapshot, hold, found);
  CommandCounterIncrement();
  PushActiveSnapshot(GetTransactionSnapshot());
  const Lookup result = scanned(table, known, sought, GetActiveSnapshot(), hold, found);
  if (result == Lookup::kNoRow) require_seen(RelationGetRelid(table));
  PopActiveSnapshot();
  return result;
}

Lookup look_up(const Wanted &wanted, const Sought &sought, Snapshot snapshot, Hold hold,
               const Result &found) {
  Relation table =
      try_table_open(wanted.table, hold == Hold::kRow ? RowShareLock : AccessShareLock);
  if (table == nullptr) return Lookup::kImpossible;
  const Known &known = known_lookup(table, wanted, sought.type);
  Lookup result = Lookup::kImpossible;
  if (OidIsValid(known.index_key.index) && is_allowed(wanted.table, hold))
    result = scanned_as_of(snapshot, table, known, sought, hold, found);
  table_close(table, NoLock);
  return result;
}

}  // namespace

Lookup look_up_uuid(const Wanted &wanted, const Sought &sought, Snapshot snapshot, pg_uuid_t *found,
                    const char **text) {
  return look_up(wanted, sought, snapshot, Hold::kNothing, {found, text});
}

Lookup look_up_uuid_now(const Wanted &wanted, const Sought &sought, Hold hold, pg_uuid_t *found,
                        const char **text) {
  has_waited = false;
  return look_up(wanted, sought, nullptr, hold, {found, text});
}

bool last_hold_waited() { return has_waited; }

bool is_plain(Relation table) {
  return table->rd_rel->relkind == RELKIND_RELATION &&
         table->rd_tableam == GetHeapamTableAmRoutine() && !table->rd_rel->relhassubclass &&
         !table->rd_rel->relrowsecurity && !is_distributed(RelationGetRelid(table));
}

IndexKey unique_index_of(Relation table, AttrNumber column, Oid type, Coverage coverage) {
  IndexKey key = {};
  List *indexes = RelationGetIndexList(table);
  ListCell *cell;
  foreach (cell, indexes) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    const Oid equals = is_usable(index, column, coverage) ? equals_in(index, type) : InvalidOid;
    const Oid collation = TupleDescAttr(RelationGetDescr(table), column - 1)->attcollation;
    if (OidIsValid(equals) && index->rd_indcollation[0] == collation)
      key = {RelationGetRelid(index), equals, collation};
    index_close(index, AccessShareLock);
    if (OidIsValid(key.index)) break;
  }
  list_free(indexes);
  return key;
}

IndexScanDesc begin_scan(Relation table, Relation index, Snapshot snapshot, int conditions) {
  return majors::begin_index_scan(table, index, snapshot, conditions);
}

bool scan_for(IndexScanDesc scan, const IndexKey &key, const Sought &sought, TupleTableSlot *row) {
  ScanKeyData condition;
  ScanKeyEntryInitialize(&condition, 0, 1, BTEqualStrategyNumber, sought.type, key.collation,
                         key.equals, sought.value);
  index_rescan(scan, &condition, 1, nullptr, 0);
  return index_getnext_slot(scan, ForwardScanDirection, row);
}

bool find_held(Relation table, AttrNumber column, const pg_uuid_t &id, Snapshot snapshot,
               TupleTableSlot *row) {
  const HeldRow *held = held_row(RelationGetRelid(table), id);
  return held != nullptr && is_at_or_after(table, column, id, held->place, snapshot, row);
}

bool find_last_held(Relation table, AttrNumber column, const pg_uuid_t &id, Snapshot snapshot,
                    TupleTableSlot *row) {
  return last_held.table == RelationGetRelid(table) &&
         memcmp(&last_held.id, &id, sizeof(id)) == 0 &&
         is_at_or_after(table, column, id, last_held.row, snapshot, row);
}

void note_last_held(Relation table, const pg_uuid_t &id, const ItemPointerData &place) {
  last_held = {RelationGetRelid(table), id, place};
}

bool is_held(const Wanted &wanted, const pg_uuid_t &id) {
  HeldRow *held = held_row(wanted.table, id);
  if (held == nullptr) return false;
  const CommandId now = GetCurrentCommandId(false);
  if (held->seen == now) return true;
  Relation table = try_table_open(wanted.table, AccessShareLock);
  if (table == nullptr) return false;
  TupleTableSlot *row = table_slot_create(table, nullptr);
  const Known &known = known_lookup(table, wanted, UUIDOID);
  const bool found = find_held(table, known.wanted, id, SnapshotSelf, row);
  ExecDropSingleTupleTableSlot(row);
  if (found) held->seen = now;
  table_close(table, NoLock);
  return found;
}

}  // namespace customer_identity
