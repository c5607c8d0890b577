// What an error tells about where it happened, without the whole text of our own long statements.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Each entry of an error's context on one line, cut where it is long. NULL stays NULL.
char *short_context(const char *context);

}  // namespace customer_identity
