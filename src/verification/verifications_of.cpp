// verifications_of(phones, user_ids, erase, customers): what the tables of verifications hold on a
// person, for the owner of the book. The working function reads them as their owner.
#include "book/book.hpp"
#include "pg/owner.hpp"
#include "pg/postgres.hpp"
#include "pg/schemas.hpp"

namespace customer_identity {
namespace {

constexpr int kArguments = 5;

Oid working_function() {
  constexpr Oid kTypes[kArguments] = {TEXTARRAYOID, TEXTARRAYOID, BOOLOID, BOOLOID, REGCLASSOID};
  List *name =
      list_make2(makeString(pstrdup(kWorkings)), makeString(pstrdup("verifications_in_tables")));
  return LookupFuncName(name, kArguments, kTypes, false);
}

// What limits count is of no book: who could forget it for any phone would have no limit.
bool may_forget_limits() {
  const Oid tables = get_relname_relid("verifications", get_namespace_oid(kSchema, false));
  return has_privs_of_role(GetUserId(), owner_of(tables));
}

void require_owner(Oid customers) {
  if (owner_of(customers) == GetUserId()) return;
  ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
          errmsg("only the owner of the customers may do that"),
          errhint("Call export_customer() or erase_customer()."));
}

}  // namespace

// Not STRICT: the working function knows what NULL means.
CUSTOMER_IDENTITY_FUNCTION(verifications_of) {
  const Oid customers = book_argument(fcinfo, 3);
  require_owner(customers);
  FmgrInfo working;
  fmgr_info(working_function(), &working);
  LOCAL_FCINFO(call, kArguments);
  InitFunctionCallInfoData(*call, &working, kArguments, InvalidOid, nullptr, nullptr);
  for (int i = 0; i < 3; ++i) call->args[i] = fcinfo->args[i];
  call->args[3] = {BoolGetDatum(may_forget_limits()), false};
  call->args[4] = {ObjectIdGetDatum(customers), false};
  const Datum found = FunctionCallInvoke(call);
  fcinfo->isnull = call->isnull;
  return found;
}

}  // namespace customer_identity
