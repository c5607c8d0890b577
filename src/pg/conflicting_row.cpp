// Asks the executor, as INSERT ... ON CONFLICT does.
#include "pg/conflicting_row.hpp"

#include "pg/majors.hpp"

namespace customer_identity {
namespace {

// Deferrable ones let the INSERT pass for now.
List *immediate_unique_indexes(const ResultRelInfo *table) {
  List *indexes = NIL;
  for (int i = 0; i < table->ri_NumIndices; ++i) {
    const FormData_pg_index *index = table->ri_IndexRelationDescs[i]->rd_index;
    if (index->indisunique && index->indimmediate)
      indexes = lappend_oid(indexes, index->indexrelid);
  }
  return indexes;
}

// False: another transaction has changed or deleted the row. One of this very statement is ours.
bool lock_against_deletion(Relation table, ItemPointer place) {
  TupleTableSlot *row = table_slot_create(table, nullptr);
  TM_FailureData failure;
  const TM_Result result = table_tuple_lock(
      table, place, GetActiveSnapshot(), row, GetCurrentCommandId(false), LockTupleKeyShare,
      LockWaitBlock, TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS, &failure);
  ExecDropSingleTupleTableSlot(row);
  return result != TM_Updated && result != TM_Deleted;
}

bool conflicts(ResultRelInfo *table, TupleTableSlot *row, EState *state) {
  List *indexes = immediate_unique_indexes(table);
  ItemPointerData conflict;
  while (indexes != NIL && !majors::is_free(table, row, state, indexes, &conflict)) {
    CHECK_FOR_INTERRUPTS();
    if (lock_against_deletion(table->ri_RelationDesc, &conflict)) return true;
  }
  return false;
}

}  // namespace

bool meets_row(Relation table, HeapTuple inserted) {
  EState *state = CreateExecutorState();
  auto *target = makeNode(ResultRelInfo);
  InitResultRelInfo(target, table, 0, nullptr, 0);
  TupleTableSlot *row = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsHeapTuple);
  ExecStoreHeapTuple(inserted, row, false);
  ExecOpenIndices(target, true);
  const bool meets = conflicts(target, row, state);
  ExecCloseIndices(target);
  ExecDropSingleTupleTableSlot(row);
  FreeExecutorState(state);
  return meets;
}

}  // namespace customer_identity
