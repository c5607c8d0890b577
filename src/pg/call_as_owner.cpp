// The doors to functions that work on tables no caller may read: f(...) runs f_as_owner(...) as the
// owner of the extension's working tables, or of the book that is meant.
#include "pg/book.hpp"
#include "pg/owner.hpp"
#include "pg/postgres.hpp"
#include "pg/schemas.hpp"

namespace customer_identity {
namespace {

struct Call {
  Oid *types;
  Datum values[FUNC_MAX_ARGS];
  char nulls[FUNC_MAX_ARGS];
  int count;
};

// A last argument of type regclass is the book.
Call call_of(FunctionCallInfo fcinfo) {
  Call call = {};
  get_func_signature(fcinfo->flinfo->fn_oid, &call.types, &call.count);
  for (int i = 0; i < call.count; ++i) {
    call.values[i] = PG_GETARG_DATUM(i);
    call.nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
  }
  const int last = call.count - 1;
  if (call.count > 0 && call.types[last] == REGCLASSOID) {
    const Oid customers = book_argument(fcinfo, last);
    require_schema(customers);
    call.values[last] = ObjectIdGetDatum(customers);
    call.nulls[last] = ' ';
  }
  return call;
}

char *inner_name(Oid function) { return psprintf("%s_as_owner", get_func_name(function)); }

const char *statement_of(Oid function, int arguments) {
  StringInfoData text;
  initStringInfo(&text);
  appendStringInfo(&text, "SELECT * FROM %s(",
                   quote_qualified_identifier(kWorkings, inner_name(function)));
  for (int i = 1; i <= arguments; ++i) appendStringInfo(&text, "%s$%d", i == 1 ? "" : ", ", i);
  appendStringInfoChar(&text, ')');
  return text.data;
}

Oid owner_of_tables() {
  return owner_of(get_relname_relid("verifications", get_namespace_oid(kSchema, false)));
}

void keep_rows(FunctionCallInfo fcinfo) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  for (std::uint64_t i = 0; i < SPI_processed; ++i)
    tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
}

// The only row: a record, or the value of a function that returns no record.
Datum only_row(Oid type, bool *is_null) {
  const TupleDesc columns = SPI_tuptable->tupdesc;
  HeapTuple row = SPI_tuptable->vals[0];
  if (type == RECORDOID) {
    *is_null = false;
    return PointerGetDatum(SPI_returntuple(row, columns));
  }
  const Datum value = SPI_getbinval(row, columns, 1, is_null);
  const FormData_pg_attribute *shape = TupleDescAttr(columns, 0);
  return *is_null ? Datum(0) : SPI_datumTransfer(value, shape->attbyval, shape->attlen);
}

Oid inner_function(Oid function, const Call &call) {
  List *name = list_make2(makeString(pstrdup(kWorkings)), makeString(inner_name(function)));
  return LookupFuncName(name, call.count, call.types, false);
}

// Called without asking whether the acting role may: the caller may execute the outer function.
Datum called(Oid function, Oid collation, const Call &call, bool *is_null) {
  FmgrInfo callee;
  fmgr_info(function, &callee);
  LOCAL_FCINFO(inner, FUNC_MAX_ARGS);
  InitFunctionCallInfoData(*inner, &callee, static_cast<short>(call.count), collation, nullptr,
                           nullptr);
  for (int i = 0; i < call.count; ++i) {
    inner->args[i].value = call.values[i];
    inner->args[i].isnull = call.nulls[i] == 'n';
  }
  const Datum value = FunctionCallInvoke(inner);
  *is_null = inner->isnull;
  return value;
}

// A plan that is printed shows its parameters to the client: the code for one.
void print_no_plans() {
  set_config_option("debug_print_plan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                    false);
}

Datum call(FunctionCallInfo fcinfo, int restrictions) {
  const Oid function = fcinfo->flinfo->fn_oid;
  const bool returns_set = get_func_retset(function);
  const bool reads_only = func_volatile(function) != PROVOLATILE_VOLATILE;
  const Oid type = get_func_rettype(function);
  if (returns_set) InitMaterializedSRF(fcinfo, 0);

  Call inner = call_of(fcinfo);
  const char *statement = statement_of(function, inner.count);
  const Visit owner = visit(owner_of_tables(), restrictions);
  print_no_plans();
  SPI_connect();
  SPI_execute_with_args(statement, inner.count, inner.types, inner.values, inner.nulls, reads_only,
                        0);
  bool is_null = false;
  const Datum value = returns_set ? Datum(0) : only_row(type, &is_null);
  if (returns_set) keep_rows(fcinfo);
  SPI_finish();
  leave(owner);
  if (returns_set || is_null) PG_RETURN_NULL();
  PG_RETURN_DATUM(value);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(call_as_owner) { return call(fcinfo, SECURITY_RESTRICTED_OPERATION); }

// For functions that write to a book, whose own triggers may be deferred.
CUSTOMER_IDENTITY_FUNCTION(call_as_owner_with_book) { return call(fcinfo, 0); }

// For functions that return one value and whose last argument is the book: they act as its owner,
// who need not be the owner of the extension.
CUSTOMER_IDENTITY_FUNCTION(call_as_book_owner) {
  const Oid function = fcinfo->flinfo->fn_oid;
  const Call call = call_of(fcinfo);
  const Oid customers = DatumGetObjectId(call.values[call.count - 1]);
  customers_name(customers);
  const Oid inner = inner_function(function, call);
  const bool writes = func_volatile(function) == PROVOLATILE_VOLATILE;
  const Visit owner = visit(owner_of(customers), writes ? 0 : SECURITY_RESTRICTED_OPERATION);
  bool is_null = false;
  const Datum value = called(inner, PG_GET_COLLATION(), call, &is_null);
  leave(owner);
  if (is_null) PG_RETURN_NULL();
  PG_RETURN_DATUM(value);
}

}  // namespace customer_identity
