// Opens the table and its index, and checks that they are what CREATE EXTENSION has made.
#include "verification/event_table.hpp"

#include "pg/direct_lookup.hpp"
#include "pg/schemas.hpp"

namespace customer_identity {
namespace {

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

}  // namespace

EventTable open_events() {
  const Oid schema = get_namespace_oid(kSchema, false);
  const Oid table = get_relname_relid("verification_events", schema);
  const Oid index = get_relname_relid("verification_events_bucket_at_idx", schema);
  if (get_rel_relkind(table) == RELKIND_RELATION && get_rel_relkind(index) == RELKIND_INDEX) {
    const EventTable events = {table_open(table, RowExclusiveLock),
                               index_open(index, AccessShareLock)};
    if (is_event_table(events.table) && is_event_index(events.index, events.table)) return events;
  }
  ereport(
      ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
      errmsg("table verification_events or its index was changed"),
      errhint(
          "DROP EXTENSION customer_identity and CREATE EXTENSION customer_identity recreate it."));
  pg_unreachable();
}

void close_events(const EventTable &events) {
  index_close(events.index, NoLock);
  table_close(events.table, NoLock);
}

const char *events_name(const EventTable &events) {
  return quote_qualified_identifier(kSchema, RelationGetRelationName(events.table));
}

IndexScanDesc begin_event_scan(const EventTable &events, Snapshot snapshot, Datum bucket,
                               TimestampTz from, TimestampTz until) {
  ScanKeyData conditions[3];
  ScanKeyEntryInitialize(&conditions[0], 0, 1, BTEqualStrategyNumber, TEXTOID, C_COLLATION_OID,
                         F_TEXTEQ, bucket);
  ScanKeyEntryInitialize(&conditions[1], 0, 2, BTGreaterEqualStrategyNumber, TIMESTAMPTZOID,
                         InvalidOid, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(from));
  ScanKeyEntryInitialize(&conditions[2], 0, 2, BTLessStrategyNumber, TIMESTAMPTZOID, InvalidOid,
                         F_TIMESTAMPTZ_LT, TimestampTzGetDatum(until));
  IndexScanDesc scan = begin_scan(events.table, events.index, snapshot, lengthof(conditions));
  index_rescan(scan, conditions, lengthof(conditions), nullptr, 0);
  return scan;
}

}  // namespace customer_identity
