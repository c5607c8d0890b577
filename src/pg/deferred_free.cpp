// Two lists of what is to be freed and the transaction that last added to them.
#include "pg/deferred_free.hpp"

#include "pg/majors.hpp"

namespace customer_identity {
namespace {

List *plans = NIL;
List *memories = NIL;
LocalTransactionId deferred_in = InvalidLocalTransactionId;

void append(List **list, void *stale) {
  MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
  *list = lappend(*list, stale);
  MemoryContextSwitchTo(caller);
  deferred_in = majors::local_transaction();
}

}  // namespace

void free_later(SPIPlanPtr plan) { append(&plans, plan); }

void free_later(MemoryContext memory) { append(&memories, memory); }

void free_deferred() {
  if ((plans == NIL && memories == NIL) || deferred_in == majors::local_transaction()) return;
  ListCell *cell;
  foreach (cell, plans) SPI_freeplan(static_cast<SPIPlanPtr>(lfirst(cell)));
  foreach (cell, memories) MemoryContextDelete(static_cast<MemoryContext>(lfirst(cell)));
  list_free(plans);
  list_free(memories);
  plans = NIL;
  memories = NIL;
}

}  // namespace customer_identity
