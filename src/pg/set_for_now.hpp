// Settings for a part of a statement.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// Until the innermost nest level of settings ends. Nothing is done where the setting has that
/// value, or is not known.
inline void set_for_now(const char *setting, const char *value) {
  const char *present = GetConfigOption(setting, true, false);
  if (present == nullptr || strcmp(present, value) == 0) return;
  set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

}  // namespace customer_identity
