// Finds a row by a unique column with one index scan, where that gives what a plan would: on a
// plain table without row security. A plan costs ten times as much for a single row.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// A unique column, and the uuid column that is wanted from its row.
struct Wanted {
  Oid table;
  const char *key;
  const char *column;
  void (*check)(Oid table);    // raises for a table that is not fit; NULL: any is
  const char *text = nullptr;  // a column of text that is wanted as well
};

/// A value to look for, of a type that is not a domain.
struct Sought {
  Datum value;
  Oid type;
};

enum class Lookup {
  kImpossible,  // take a plan: the table or the role's rights are not simple enough
  kNoRow,
  kNull,
  kFound,
};

/// Whether the row that is found is locked until the transaction ends, FOR KEY SHARE: as a foreign
/// key locks the row it refers to, so that nobody deletes it or changes its key.
enum class Hold : std::uint8_t { kNothing, kRow };

/// The rights on the table that a look-up asks for.
inline AclMode rights_to_find(Hold hold) {
  return hold == Hold::kRow ? ACL_SELECT | ACL_UPDATE : ACL_SELECT;
}

/// Looks the row up with the rights of the current user. `text` is NULL where the row's is.
Lookup look_up_uuid(const Wanted &wanted, const Sought &sought, Snapshot snapshot, pg_uuid_t *found,
                    const char **text = nullptr);

/// As look_up_uuid(), on a fresh snapshot that sees this transaction's earlier statements. A row to
/// be held that changed meanwhile is left to the plan: kImpossible.
Lookup look_up_uuid_now(const Wanted &wanted, const Sought &sought, Hold hold, pg_uuid_t *found,
                        const char **text = nullptr);

/// Whether look_up_uuid_now() had to wait for others before it held the row, or the row has
/// changed: what led to it may lead elsewhere now.
bool last_hold_waited();

/// An ordinary heap table whose rows nothing hides and that no other table inherits from. The
/// caller holds a lock on it.
bool is_plain(Relation table);

/// How an index finds the row with a value in its only column.
struct IndexKey {
  Oid index;  // InvalidOid: there is no such index
  Oid equals;
  Oid collation;
};

/// The unique index of `column` that has every row, or may have some of them only, and can be asked
/// for a value of `type`.
enum class Coverage : std::uint8_t { kEveryRow, kSomeRows };
IndexKey unique_index_of(Relation table, AttrNumber column, Oid type,
                         Coverage coverage = Coverage::kEveryRow);

/// A scan of an index with that many conditions, which index_rescan() takes.
IndexScanDesc begin_scan(Relation table, Relation index, Snapshot snapshot, int conditions = 1);

/// The only row with `sought` in the index's column. False: no visible one.
bool scan_for(IndexScanDesc scan, const IndexKey &key, const Sought &sought, TupleTableSlot *row);

/// Looks for the row with that id where it was held last, if it was the last one, and then for the
/// version that it has become, without an index. False: no visible one is there.
bool find_last_held(Relation table, AttrNumber column, const pg_uuid_t &id, Snapshot snapshot,
                    TupleTableSlot *row);

/// That row was held last, by whoever says so.
void note_last_held(Relation table, const pg_uuid_t &id, const ItemPointerData &place);

/// As find_last_held(), among the rows that are remembered: what is found is held.
bool find_held(Relation table, AttrNumber column, const pg_uuid_t &id, Snapshot snapshot,
               TupleTableSlot *row);

/// Whether a row is remembered and still there: it is sought by the column that is wanted. False:
/// it may be held nevertheless.
bool is_held(const Wanted &wanted, const pg_uuid_t &id);

}  // namespace customer_identity
