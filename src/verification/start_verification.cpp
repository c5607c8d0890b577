// start_verification(phone, ...): the function of that name among the workings, which does the
// work. An argument and a column of the result are both called phone, and PL/pgSQL allows no such
// pair.
#include "pg/postgres.hpp"
#include "pg/schemas.hpp"

namespace customer_identity {
namespace {

Oid working_function(Oid function) {
  Oid *types;
  int count;
  get_func_signature(function, &types, &count);
  List *name = list_make2(makeString(pstrdup(kWorkings)), makeString(get_func_name(function)));
  return LookupFuncName(name, count, types, false);
}

}  // namespace

// Who may execute this one need not have the right on the other.
CUSTOMER_IDENTITY_FUNCTION(start_verification) {
  FmgrInfo working;
  fmgr_info(working_function(fcinfo->flinfo->fn_oid), &working);
  LOCAL_FCINFO(call, FUNC_MAX_ARGS);
  memcpy(call, fcinfo, SizeForFunctionCallInfo(fcinfo->nargs));
  call->flinfo = &working;
  const Datum rows = FunctionCallInvoke(call);
  fcinfo->isnull = call->isnull;
  return rows;
}

}  // namespace customer_identity
