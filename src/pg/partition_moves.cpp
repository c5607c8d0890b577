// The server deletes the old version and marks it as moved before it inserts the new one. Which
// version that will be is known since BEFORE UPDATE locked it.
#include "pg/partition_moves.hpp"

#include "pg/query_notes.hpp"

namespace customer_identity {
namespace {

struct Row {
  Oid partition;
  HeapTuple tuple;
};

struct Move : QueryNote {
  Row updated;                  // as the last BEFORE UPDATE trigger left it
  ItemPointerData old_version;  // its place in that partition
  Bitmapset *updated_columns;   // of that partition
  List *leaving;                // rows whose AFTER INSERT has not come yet
};

QueryNote *moves = nullptr;

NoteSubject subject_of(const PartitionCall &partition) {
  return {partition.root, partition.call->tg_trigger->tgfoid};
}

Move *find_move(const PartitionCall &partition) {
  return find_note<Move>(moves, running_query(), subject_of(partition));
}

Move *move_of(const PartitionCall &partition) {
  return find_or_add_note<Move>(&moves, running_query(), subject_of(partition));
}

bool is_marked_as_moved(HeapTuple version, Relation table) {
  return table->rd_tableam == GetHeapamTableAmRoutine() &&
         HeapTupleHeaderIndicatesMovedPartitions(version->t_data);
}

// Nobody but this query can have moved a version that it has locked.
bool has_moved(Oid partition, ItemPointer version) {
  Relation table = table_open(partition, NoLock);
  TupleTableSlot *slot = table_slot_create(table, nullptr);
  const bool moved = table_tuple_fetch_row_version(table, version, SnapshotAny, slot) &&
                     is_marked_as_moved(ExecFetchSlotHeapTuple(slot, false, nullptr), table);
  ExecDropSingleTupleTableSlot(slot);
  table_close(table, NoLock);
  return moved;
}

// Frees the row. Partitions may have their columns in another order.
HeapTuple converted(const Row &row, Relation table) {
  Relation source = table_open(row.partition, NoLock);
  TupleConversionMap *map =
      convert_tuples_by_name(RelationGetDescr(source), RelationGetDescr(table));
  HeapTuple tuple =
      map == nullptr ? heap_copytuple(row.tuple) : execute_attr_map_tuple(row.tuple, map);
  table_close(source, NoLock);
  heap_freetuple(row.tuple);
  return tuple;
}

Bitmapset *converted_columns(const Move &move, Relation table) {
  Bitmapset *columns = nullptr;
  int column = -1;
  while ((column = bms_next_member(move.updated_columns, column)) >= 0) {
    const int number = column + FirstLowInvalidHeapAttributeNumber;
    if (number <= 0) continue;
    const char *name = get_attname(move.updated.partition, static_cast<AttrNumber>(number), false);
    columns = bms_add_member(
        columns, get_attnum(RelationGetRelid(table), name) - FirstLowInvalidHeapAttributeNumber);
  }
  return columns;
}

Row last_leaving(Move *move) {
  if (move->leaving == NIL) return {};
  auto *last = static_cast<Row *>(llast(move->leaving));
  const Row row = *last;
  pfree(last);
  move->leaving = list_delete_last(move->leaving);
  return row;
}

Row arriving_before(Move *move) {
  const Row row = move->updated;
  if (row.tuple == nullptr || !has_moved(row.partition, &move->old_version)) return {};
  move->updated.tuple = nullptr;
  return row;
}

TriggerData *copy_of(const TriggerData *call, TriggerEvent event) {
  auto *copy = static_cast<TriggerData *>(palloc(sizeof(TriggerData)));
  *copy = *call;
  copy->tg_event = (call->tg_event & ~TRIGGER_EVENT_OPMASK) | event;
  return copy;
}

}  // namespace

void note_update(const PartitionCall &partition, HeapTuple row) {
  const TriggerData *call = partition.call;
  if (!TRIGGER_FIRED_BY_UPDATE(call->tg_event) || !call->tg_relation->rd_rel->relispartition)
    return;
  Move *move = move_of(partition);
  MemoryContext caller = MemoryContextSwitchTo(move->query);
  if (move->updated.tuple != nullptr) heap_freetuple(move->updated.tuple);
  move->updated.tuple = heap_copytuple(row);
  move->old_version = call->tg_trigtuple->t_self;
  if (move->updated.partition != RelationGetRelid(call->tg_relation)) {
    move->updated.partition = RelationGetRelid(call->tg_relation);
    bms_free(move->updated_columns);
    move->updated_columns = bms_copy(call->tg_updatedcols);
  }
  MemoryContextSwitchTo(caller);
}

bool moves_away(const PartitionCall &partition) {
  const TriggerData *call = partition.call;
  if (!is_marked_as_moved(call->tg_trigtuple, call->tg_relation)) return false;
  Move *move = move_of(partition);
  MemoryContext caller = MemoryContextSwitchTo(move->query);
  auto *row = static_cast<Row *>(palloc(sizeof(Row)));
  *row = {RelationGetRelid(call->tg_relation), heap_copytuple(call->tg_trigtuple)};
  move->leaving = lappend(move->leaving, row);
  MemoryContextSwitchTo(caller);
  return true;
}

const TriggerData *arriving_update(const PartitionCall &partition) {
  const TriggerData *call = partition.call;
  Move *move = TRIGGER_FIRED_BY_INSERT(call->tg_event) ? find_move(partition) : nullptr;
  if (move == nullptr) return nullptr;
  const bool is_before = TRIGGER_FIRED_BEFORE(call->tg_event);
  const Row row = is_before ? arriving_before(move) : last_leaving(move);
  if (row.tuple == nullptr) return nullptr;

  TriggerData *update = copy_of(call, TRIGGER_EVENT_UPDATE);
  update->tg_newtuple = call->tg_trigtuple;
  update->tg_trigtuple = converted(row, call->tg_relation);
  update->tg_updatedcols = is_before ? nullptr : converted_columns(*move, call->tg_relation);
  return update;
}

const TriggerData *lost_row(const PartitionCall &partition) {
  Move *move = find_move(partition);
  if (move == nullptr) return nullptr;
  const Row row = last_leaving(move);
  if (row.tuple == nullptr) return nullptr;
  TriggerData *loss = copy_of(partition.call, TRIGGER_EVENT_DELETE);
  loss->tg_trigtuple = converted(row, partition.call->tg_relation);
  return loss;
}

}  // namespace customer_identity
