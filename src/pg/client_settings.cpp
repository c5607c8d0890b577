// Looks into the server's list of settings, where a placeholder says who gave it its value.
#include "pg/client_settings.hpp"

#include "pg/majors.hpp"

namespace customer_identity::settings {
namespace {

struct Variables {
  config_generic **list;
  int count;
};

Variables all_variables() {
  Variables variables = {};
  variables.list = majors::all_settings(&variables.count);
  return variables;
}

bool is_for_anybody(const char *name) {
  const Variables variables = all_variables();
  for (int i = 0; i < variables.count; ++i)
    if (pg_strcasecmp(variables.list[i]->name, name) == 0)
      return variables.list[i]->context == PGC_USERSET;
  return true;
}

}  // namespace

List *named_by_client() {
  constexpr char kPrefix[] = "customer_identity.";
  List *names = NIL;
  const Variables variables = all_variables();
  for (int i = 0; i < variables.count; ++i) {
    const config_generic *variable = variables.list[i];
    if ((variable->flags & GUC_CUSTOM_PLACEHOLDER) != 0 && variable->reset_source == PGC_S_CLIENT &&
        pg_strncasecmp(variable->name, kPrefix, sizeof(kPrefix) - 1) == 0)
      names = lappend(names, pstrdup(variable->name));
  }
  return names;
}

void refuse_what_clients_may_not_set(List *names) {
  ListCell *cell;
  foreach (cell, names) {
    const auto *name = static_cast<const char *>(lfirst(cell));
    if (is_for_anybody(name) ||
        pg_parameter_aclcheck(name, GetSessionUserId(), ACL_SET) == ACLCHECK_OK)
      continue;
    ereport(FATAL, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("permission denied to set parameter \"%s\"", name),
            errhint("Connect without it. A superuser sets it for the database, or grants SET ON "
                    "PARAMETER."));
  }
}

}  // namespace customer_identity::settings
