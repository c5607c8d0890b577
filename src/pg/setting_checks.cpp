// Checks of values that settings of several rooms share.
#include "pg/setting_checks.hpp"

namespace customer_identity::settings {

bool fits(const char *value, std::size_t maximum) {
  if (strlen(value) <= maximum) return true;
  GUC_check_errmsg("the value is too long");
  GUC_check_errdetail("The maximum is %zu bytes.", maximum);
  return false;
}

}  // namespace customer_identity::settings
