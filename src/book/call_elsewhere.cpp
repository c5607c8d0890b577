// A query about a table of the book takes the call along: Citus runs it where the table is.
#include "book/call_elsewhere.hpp"

#include "book/book.hpp"
#include "book/trigger_setup.hpp"
#include "pg/errors.hpp"
#include "pg/owner.hpp"
#include "pg/plans.hpp"
#include "pg/relations.hpp"
#include "pg/schemas.hpp"
#include "pg/set_for_now.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

struct Values {
  Oid *types;
  Datum *values;
  char *nulls;
  int count;
};

// Whether a call is under way: one that comes back here would go on for ever.
bool is_calling = false;

// A table that lies beside customers, that the current user may read, and whose owner is trusted
// with the book: planning a query of a table runs its owner's code. SPI must be connected.
const char *companion_to_read(Oid customers) {
  const Datum values[] = {ObjectIdGetDatum(customers)};
  SPIPlanPtr plan = custom_plan(
      "SELECT b.logicalrelid FROM pg_catalog.pg_dist_partition AS p"
      " JOIN pg_catalog.pg_dist_partition AS b"
      " ON b.colocationid OPERATOR(pg_catalog.=) p.colocationid"
      " AND b.partmethod OPERATOR(pg_catalog.=) p.partmethod"
      " JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) b.logicalrelid"
      " WHERE p.logicalrelid OPERATOR(pg_catalog.=) $1"
      " AND pg_catalog.has_table_privilege(c.relowner, $1, 'UPDATE')"
      " AND pg_catalog.has_table_privilege(b.logicalrelid, 'SELECT')"
      " ORDER BY b.logicalrelid LIMIT 1",
      {OIDOID});
  if (look_up(plan, values) == 0)
    ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("the book is on another node, which cannot be asked"),
            errdetail("Role %s may read no table beside %s.", GetUserNameFromId(GetUserId(), false),
                      relation_name(customers)),
            errhint("GRANT SELECT on one of them, or connect to the node that has the book."));
  bool is_null;
  return relation_name(DatumGetObjectId(first_value(&is_null)));
}

Values values_of_call(FunctionCallInfo fcinfo, int place, Oid customers) {
  Values arguments = {};
  get_func_signature(fcinfo->flinfo->fn_oid, &arguments.types, &arguments.count);
  arguments.values = static_cast<Datum *>(palloc(sizeof(Datum) * (arguments.count + 1)));
  arguments.nulls = static_cast<char *>(palloc(arguments.count + 1));
  for (int i = 0; i < arguments.count; ++i) {
    arguments.values[i] = i == place ? ObjectIdGetDatum(customers) : fcinfo->args[i].value;
    arguments.nulls[i] = i != place && fcinfo->args[i].isnull ? 'n' : ' ';
  }
  return arguments;
}

const char *statement_of(FunctionCallInfo fcinfo, const Values &arguments, const char *table) {
  StringInfoData call;
  initStringInfo(&call);
  const Oid function = fcinfo->flinfo->fn_oid;
  appendStringInfo(&call, "%s(",
                   quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
                                              get_func_name(function)));
  for (int i = 0; i < arguments.count; ++i)
    appendStringInfo(&call, "%s$%d", i == 0 ? "" : ", ", i + 1);
  appendStringInfoChar(&call, ')');
  return psprintf(
      "SELECT r.* FROM (SELECT pg_catalog.count(*) FROM (SELECT 1 FROM %s LIMIT 0) AS n) AS place"
      " CROSS JOIN LATERAL %s AS r",
      table, call.data);
}

// Parameters name tables: with their schemas.
void run_there(FunctionCallInfo fcinfo, int place, Oid customers) {
  const Values arguments = values_of_call(fcinfo, place, customers);
  const int settings = NewGUCNestLevel();
  set_for_now("search_path", "pg_catalog, pg_temp");
  const char *text = statement_of(fcinfo, arguments, companion_to_read(customers));
  const int result = SPI_execute_with_args(text, arguments.count, arguments.types, arguments.values,
                                           arguments.nulls, false, 0);
  if (result < 0) elog(ERROR, "cannot call a function: %s", SPI_result_code_string(result));
  AtEOXact_GUC(false, settings);
}

void put_rows(FunctionCallInfo fcinfo, MemoryContext caller) {
  MemoryContext spi = MemoryContextSwitchTo(caller);
  InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
  MemoryContextSwitchTo(spi);
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  for (std::uint64_t i = 0; i < SPI_processed; ++i)
    tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
}

Datum row_of(FunctionCallInfo fcinfo, MemoryContext caller) {
  MemoryContext spi = MemoryContextSwitchTo(caller);
  TupleDesc shape;
  get_call_result_type(fcinfo, nullptr, &shape);
  const Datum row = heap_copy_tuple_as_datum(SPI_tuptable->vals[0], BlessTupleDesc(shape));
  MemoryContextSwitchTo(spi);
  return row;
}

Datum value_of(FunctionCallInfo fcinfo) {
  const Datum value = first_value(&fcinfo->isnull);
  std::int16_t length;
  bool by_value;
  get_typlenbyval(SPI_gettypeid(SPI_tuptable->tupdesc, 1), &length, &by_value);
  return fcinfo->isnull ? Datum(0) : SPI_datumTransfer(value, by_value, length);
}

Datum result_of(FunctionCallInfo fcinfo, MemoryContext caller) {
  fcinfo->isnull = SPI_processed == 0 || fcinfo->flinfo->fn_retset;
  if (fcinfo->flinfo->fn_retset) put_rows(fcinfo, caller);
  if (fcinfo->isnull) return Datum(0);
  const TypeFuncClass kind = get_call_result_type(fcinfo, nullptr, nullptr);
  return kind == TYPEFUNC_SCALAR ? value_of(fcinfo) : row_of(fcinfo, caller);
}

}  // namespace

Datum call_elsewhere(FunctionCallInfo fcinfo, int place, Oid customers) {
  if (is_in_citus_statement() || is_calling) refuse_elsewhere(customers);
  MemoryContext caller = CurrentMemoryContext;
  SPI_connect();
  is_calling = true;
  // The call that fails must not be taken for one that goes on.
  PG_TRY();
  { run_there(fcinfo, place, customers); }
  PG_FINALLY();
  { is_calling = false; }
  PG_END_TRY();
  const Datum result = result_of(fcinfo, caller);
  SPI_finish();
  return result;
}

void call_before_truncate(const char *function, Relation table, Oid customers) {
  List *name = list_make2(makeString(pstrdup(kWorkings)), makeString(pstrdup(function)));
  const Oid types[] = {REGCLASSOID, REGCLASSOID};
  const Actor before = act_as(table->rd_rel->relowner);
  OidFunctionCall2(LookupFuncName(name, 2, types, false), ObjectIdGetDatum(RelationGetRelid(table)),
                   ObjectIdGetDatum(customers));
  act_again_as(before);
}

bool is_truncated_here(FunctionCallInfo fcinfo, Truncated *truncated) {
  const Oid table = PG_GETARG_OID(0);
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 1, &elsewhere);
  if (!OidIsValid(customers)) return false;
  *truncated = {table_beside(customers, table), customers};
  if (is_distributed(truncated->table))
    ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
            errmsg("a table in several shards cannot be truncated while it is attached"),
            errhint("DELETE its rows, or detach it and call customer_identity.rebuild_totals()."));
  if (!is_shard(truncated->table)) return false;  // has a trigger of its own
  if (!has_privs_of_role(GetUserId(), owner_of(table)))
    aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(table));
  return true;
}

TriggerData truncate_call(Relation shard, const char *trigger_function_name) {
  TriggerData call = {};
  call.type = T_TriggerData;
  call.tg_event = TRIGGER_EVENT_TRUNCATE | TRIGGER_EVENT_BEFORE;
  call.tg_relation = shard;
  const Oid function = trigger_function(trigger_function_name);
  const TriggerDesc *triggers = shard->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i)
    if (triggers->triggers[i].tgfoid == function) call.tg_trigger = &triggers->triggers[i];
  return call;
}

void refuse_elsewhere(Oid table) {
  ereport(ERROR, errcode(kElsewhere), errmsg("the book is on another node"),
          errdetail("A part of a distributed statement cannot reach %s.", relation_name(table)),
          errhint("Keep what belongs together in one distributed schema, and call functions about "
                  "another one in a statement of their own."));
  pg_unreachable();
}

CUSTOMER_IDENTITY_FUNCTION(is_distributed) { PG_RETURN_BOOL(is_distributed(PG_GETARG_OID(0))); }

CUSTOMER_IDENTITY_FUNCTION(told_name) {
  const Oid table = logical_table(PG_GETARG_OID(0));
  if (get_rel_name(table) == nullptr) PG_RETURN_NULL();
  PG_RETURN_TEXT_P(cstring_to_text(relation_name(table)));
}

CUSTOMER_IDENTITY_FUNCTION(is_shard) { PG_RETURN_BOOL(is_shard(PG_GETARG_OID(0))); }

}  // namespace customer_identity
