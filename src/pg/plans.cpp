// Prepares statements and runs them.
#include "pg/plans.hpp"

#include "pg/shards.hpp"

namespace customer_identity {

namespace {

SPIPlanPtr prepare(const char *text, std::initializer_list<Oid> types, int options) {
  SPIPlanPtr plan = SPI_prepare_cursor(text, static_cast<int>(types.size()),
                                       const_cast<Oid *>(types.begin()), options);
  if (plan == nullptr)
    elog(ERROR, "cannot prepare \"%s\": %s", text, SPI_result_code_string(SPI_result));
  return plan;
}

}  // namespace

SPIPlanPtr custom_plan(const char *text, std::initializer_list<Oid> types) {
  return prepare(text, types, CURSOR_OPT_CUSTOM_PLAN);
}

SPIPlanPtr keep_plan(const CacheKey &key, const Reading &reading, const char *text,
                     std::initializer_list<Oid> types) {
  // Citus plans for the values, which say in which shard the rows are.
  const bool is_generic = !is_distributed(key.relation);
  SPIPlanPtr plan =
      prepare(text, types, is_generic ? CURSOR_OPT_GENERIC_PLAN : CURSOR_OPT_CUSTOM_PLAN);
  keep(key, reading, plan);
  return plan;
}

std::uint64_t run(SPIPlanPtr plan, const Datum *values, const char *nulls) {
  const int result = SPI_execute_plan(plan, const_cast<Datum *>(values), nulls, false, 0);
  if (result < 0) elog(ERROR, "cannot run a saved plan: %s", SPI_result_code_string(result));
  return SPI_processed;
}

std::uint64_t run_on_latest(SPIPlanPtr plan, const Datum *values, const char *nulls) {
  if (!IsolationUsesXactSnapshot()) return run(plan, values, nulls);
  CommandCounterIncrement();
  const int result =
      SPI_execute_snapshot(plan, const_cast<Datum *>(values), nulls, GetLatestSnapshot(),
                           GetTransactionSnapshot(), false, true, 0);
  if (result < 0) elog(ERROR, "cannot run a saved plan: %s", SPI_result_code_string(result));
  return SPI_processed;
}

std::uint64_t look_up(SPIPlanPtr plan, const Datum *values, const char *nulls) {
  const int result = SPI_execute_plan(plan, const_cast<Datum *>(values), nulls, true, 0);
  if (result < 0) elog(ERROR, "cannot run a saved plan: %s", SPI_result_code_string(result));
  return SPI_processed;
}

Datum first_value(bool *is_null) {
  return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, is_null);
}

bool first_uuid(pg_uuid_t *value) {
  if (SPI_gettypeid(SPI_tuptable->tupdesc, 1) != UUIDOID)
    ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
            errmsg("a customer's id is not of type uuid"),
            errhint("SELECT * FROM customer_identity.check_setup() shows which column is wrong."));
  bool is_null;
  const Datum first = first_value(&is_null);
  if (!is_null) *value = *DatumGetUUIDP(first);
  return !is_null;
}

}  // namespace customer_identity
