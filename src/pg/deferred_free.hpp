// What went stale but may still be in use further up the stack: freed in a later transaction.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

void free_later(SPIPlanPtr plan);
void free_later(MemoryContext memory);

/// Frees what earlier transactions deferred. Cheap when there is nothing.
void free_deferred();

}  // namespace customer_identity
