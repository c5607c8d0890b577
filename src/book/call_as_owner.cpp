// The doors to functions that work on tables no caller may read, or must not read as himself:
// f(...) runs f_as_owner(...) as the owner of the extension's working tables, of the book that is
// meant, or of an attached table.
#include "book/attached_tables.hpp"
#include "book/book.hpp"
#include "pg/given_text.hpp"
#include "pg/owner.hpp"
#include "pg/postgres.hpp"
#include "pg/schemas.hpp"
#include "pg/short_context.hpp"
#include "book/trigger_setup.hpp"

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
  require_limits(fcinfo);
  Call call = {};
  get_func_signature(fcinfo->flinfo->fn_oid, &call.types, &call.count);
  for (int i = 0; i < call.count; ++i) {
    call.values[i] = PG_GETARG_DATUM(i);
    call.nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
  }
  const int last = call.count - 1;
  if (call.count > 0 && call.types[last] == REGCLASSOID) {
    const Oid customers = book_argument(fcinfo, last);
    call.values[last] = ObjectIdGetDatum(customers);
    call.nulls[last] = ' ';
  }
  return call;
}

// As above, for who may look into the schema of the book.
Call call_on_book(FunctionCallInfo fcinfo) {
  const Call call = call_of(fcinfo);
  const int last = call.count - 1;
  if (call.count > 0 && call.types[last] == REGCLASSOID)
    require_schema(DatumGetObjectId(call.values[last]));
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
  for (std::uint64_t i = 0; i < SPI_processed; ++i) {
    CHECK_FOR_INTERRUPTS();
    tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
  }
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

// Called without asking whether the acting role may: the caller may execute the outer function. A
// set goes where the caller wants it.
Datum invoked(FunctionCallInfo fcinfo, Oid function, const Call &call, bool *is_null) {
  FmgrInfo callee;
  fmgr_info(function, &callee);
  LOCAL_FCINFO(inner, FUNC_MAX_ARGS);
  InitFunctionCallInfoData(*inner, &callee, static_cast<short>(call.count), PG_GET_COLLATION(),
                           nullptr, fcinfo->resultinfo);
  for (int i = 0; i < call.count; ++i) {
    inner->args[i].value = call.values[i];
    inner->args[i].isnull = call.nulls[i] == 'n';
  }
  const Datum value = FunctionCallInvoke(inner);
  *is_null = inner->isnull;
  return value;
}

Datum called(FunctionCallInfo fcinfo, Oid function, const Call &call, bool *is_null) {
  MemoryContext caller = CurrentMemoryContext;
  Datum value = 0;
  // SPI puts the whole text of a statement, forty lines of ours, into an error's context, and
  // nothing else can take it out again.
  PG_TRY();
  { value = invoked(fcinfo, function, call, is_null); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(caller);
    ErrorData *error = CopyErrorData();
    FlushErrorState();
    error->context = short_context(error->context);
    ReThrowError(error);
  }
  PG_END_TRY();
  return value;
}

// The owner's triggers find tables by the path of who calls. Who could not act as the owner anyway
// must not choose what they find.
void pin_path() {
  set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                    GUC_ACTION_SAVE, true, 0, false);
}

Datum called_as(FunctionCallInfo fcinfo, const Call &call, Oid owner) {
  const Oid function = fcinfo->flinfo->fn_oid;
  const Oid inner = inner_function(function, call);
  const bool writes = func_volatile(function) == PROVOLATILE_VOLATILE;
  const Visit visited =
      writes ? visit_to_write(owner) : visit(owner, SECURITY_RESTRICTED_OPERATION);
  if (writes && !has_privs_of_role(visited.before.user, owner)) pin_path();
  bool is_null = false;
  const Datum value = called(fcinfo, inner, call, &is_null);
  leave(visited);
  if (is_null) PG_RETURN_NULL();
  PG_RETURN_DATUM(value);
}

// Whether a trigger of ours on the table names the book.
bool feeds(Relation table, Oid customers) {
  const TriggerDesc *triggers = table->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i)
    if (is_trigger_function(triggers->triggers[i].tgfoid) &&
        find_table(value_of(arguments_of(&triggers->triggers[i]), "customers")) == customers)
      return true;
  return false;
}

// The owner of an ordinary or partitioned table that is attached to the book.
Oid owner_of_attached(Oid attached, Oid customers) {
  Relation table = try_relation_open(attached, AccessShareLock);
  const char kind = table == nullptr ? '\0' : table->rd_rel->relkind;
  const bool is_attached =
      (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) && feeds(table, customers);
  const Oid owner = is_attached ? table->rd_rel->relowner : InvalidOid;
  if (table != nullptr) relation_close(table, NoLock);
  if (is_attached) return owner;
  ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
          errmsg("the table is not attached to these customers"),
          errhint("SELECT * FROM customer_identity.attachments shows what is."));
  pg_unreachable();
}

bool has_key_to(Oid referencing, Oid customers) {
  Relation table = try_relation_open(referencing, AccessShareLock);
  if (table == nullptr) return false;
  bool found = false;
  ListCell *cell;
  foreach (cell, RelationGetFKeyList(table))
    found = found || static_cast<ForeignKeyCacheInfo *>(lfirst(cell))->confrelid == customers;
  relation_close(table, NoLock);
  return found;
}

Oid owner_of_referencing(Oid referencing, Oid customers) {
  return has_key_to(referencing, customers) ? owner_of(referencing)
                                            : owner_of_attached(referencing, customers);
}

AclMode right_of(FunctionCallInfo fcinfo) {
  const bool writes = func_volatile(fcinfo->flinfo->fn_oid) == PROVOLATILE_VOLATILE;
  return writes ? ACL_SELECT | ACL_UPDATE : ACL_SELECT;
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

  Call inner = call_on_book(fcinfo);
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

// For functions whose last argument is the book: they act as its owner, who need not be the owner
// of the extension.
CUSTOMER_IDENTITY_FUNCTION(call_as_book_owner) {
  const Call call = call_on_book(fcinfo);
  const Oid customers = DatumGetObjectId(call.values[call.count - 1]);
  customers_name(customers);
  return called_as(fcinfo, call, owner_of(customers));
}

// The same for who may read customers himself, or update it if the function writes.
CUSTOMER_IDENTITY_FUNCTION(call_with_right_on_book) {
  const Call call = call_on_book(fcinfo);
  const Oid customers = DatumGetObjectId(call.values[call.count - 1]);
  require_right(customers, right_of(fcinfo));
  return called_as(fcinfo, call, owner_of(customers));
}

// For functions whose first argument is an attached table and whose last one is the book: they act
// as the table's owner, for who may read the table himself, or update it if the function writes.
CUSTOMER_IDENTITY_FUNCTION(call_as_table_owner) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const Call call = call_of(fcinfo);
  const Oid attached = DatumGetObjectId(call.values[0]);
  const Oid owner = owner_of_attached(attached, DatumGetObjectId(call.values[call.count - 1]));
  require_right(attached, right_of(fcinfo));
  return called_as(fcinfo, call, owner);
}

// For functions whose first argument is a table that refers to the customers of the book, which is the last one: the
// book's owner moves its rows from customer to customer, as an ON UPDATE CASCADE would.
CUSTOMER_IDENTITY_FUNCTION(call_as_referencing_owner) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const Call call = call_of(fcinfo);
  const Oid referencing = DatumGetObjectId(call.values[0]);
  const Oid customers = DatumGetObjectId(call.values[call.count - 1]);
  if (owner_of(customers) != GetUserId()) require_right(referencing, right_of(fcinfo));
  return called_as(fcinfo, call, owner_of_referencing(referencing, customers));
}

// The same for what a book has to know of any table that feeds it: its owner asks.
CUSTOMER_IDENTITY_FUNCTION(call_as_feeding_owner) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const Call call = call_of(fcinfo);
  const Oid attached = DatumGetObjectId(call.values[0]);
  const Oid customers = DatumGetObjectId(call.values[call.count - 1]);
  const Oid owner = owner_of_attached(attached, customers);
  if (owner_of(customers) != GetUserId() || !may_feed(owner, customers))
    require_right(attached, right_of(fcinfo));
  return called_as(fcinfo, call, owner);
}

}  // namespace customer_identity
