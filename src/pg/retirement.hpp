// What went stale but may still be in use further up the stack: freed in a later transaction.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

void retire(SPIPlanPtr plan);
void retire(MemoryContext memory);

/// Frees what earlier transactions retired. Cheap when there is nothing.
void free_retired();

}  // namespace customer_identity
