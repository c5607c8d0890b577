// Two lists of retired things and the transaction that last added to them.
#include "pg/retirement.hpp"

namespace customer_identity {
namespace {

List *plans = NIL;
List *memories = NIL;
LocalTransactionId retired_in = InvalidLocalTransactionId;

LocalTransactionId current_transaction() {
#if PG_VERSION_NUM >= 170000
  return MyProc->vxid.lxid;
#else
  return MyProc->lxid;
#endif
}

void append(List **list, void *retired) {
  MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
  *list = lappend(*list, retired);
  MemoryContextSwitchTo(caller);
  retired_in = current_transaction();
}

}  // namespace

void retire(SPIPlanPtr plan) { append(&plans, plan); }

void retire(MemoryContext memory) { append(&memories, memory); }

void free_retired() {
  if ((plans == NIL && memories == NIL) || retired_in == current_transaction()) return;
  ListCell *cell;
  foreach (cell, plans) SPI_freeplan(static_cast<SPIPlanPtr>(lfirst(cell)));
  foreach (cell, memories) MemoryContextDelete(static_cast<MemoryContext>(lfirst(cell)));
  list_free(plans);
  list_free(memories);
  plans = NIL;
  memories = NIL;
}

}  // namespace customer_identity
