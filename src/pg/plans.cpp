// Keeps plans in a hash table that the relation cache's invalidations empty. A plan that became
// stale may still be running further up the stack, so it is freed in a later transaction only.
#include "pg/plans.hpp"

#include "pg/retirement.hpp"

namespace customer_identity {
namespace {

struct Entry {
  PlanKey key;
  SPIPlanPtr plan;
  bool stale;
};

HTAB *plans = nullptr;
bool any_stale = false;

void create_table() {
  HASHCTL shape = {};
  shape.keysize = sizeof(PlanKey);
  shape.entrysize = sizeof(Entry);
  plans = hash_create("customer_identity plans", 64, &shape, HASH_ELEM | HASH_BLOBS);
}

// Also what nobody will ask for again, such as a dropped table's plans.
void retire_stale() {
  if (!any_stale) return;
  any_stale = false;
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, plans);
  while (auto *entry = static_cast<Entry *>(hash_seq_search(&scan))) {
    if (!entry->stale) continue;
    retire(entry->plan);
    hash_search(plans, &entry->key, HASH_REMOVE, nullptr);
  }
}

template <typename Condition>
void forget(Condition &&concerns) {
  if (plans == nullptr) return;
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, plans);
  while (auto *entry = static_cast<Entry *>(hash_seq_search(&scan))) {
    if (!concerns(entry->key)) continue;
    entry->stale = true;
    any_stale = true;
  }
}

// InvalidOid: every relation.
void relation_changed(Datum, Oid relation) {
  forget(
      [relation](const PlanKey &key) { return !OidIsValid(relation) || key.relation == relation; });
}

// A renamed schema sends nothing for the relations in it, but our statements name it.
void schema_changed(Datum, int, uint32) {
  forget([](const PlanKey &) { return true; });
}

}  // namespace

SPIPlanPtr find_plan(const PlanKey &key) {
  if (plans == nullptr) create_table();
  auto *entry = static_cast<Entry *>(hash_search(plans, &key, HASH_FIND, nullptr));
  return entry == nullptr || entry->stale ? nullptr : entry->plan;
}

SPIPlanPtr keep_plan(const PlanKey &key, const char *text, std::initializer_list<Oid> types) {
  free_retired();
  SPIPlanPtr plan = SPI_prepare_cursor(text, static_cast<int>(types.size()),
                                       const_cast<Oid *>(types.begin()), CURSOR_OPT_GENERIC_PLAN);
  if (plan == nullptr)
    elog(ERROR, "cannot prepare \"%s\": %s", text, SPI_result_code_string(SPI_result));
  SPI_keepplan(plan);
  retire_stale();

  auto *entry = static_cast<Entry *>(hash_search(plans, &key, HASH_ENTER, nullptr));
  entry->plan = plan;
  entry->stale = false;
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
            errhint("SELECT * FROM customer_identity.check_setup() tells which column is wrong."));
  bool is_null;
  const Datum first = first_value(&is_null);
  if (!is_null) *value = *DatumGetUUIDP(first);
  return !is_null;
}

void forget_plans_of(Oid trigger) {
  forget([trigger](const PlanKey &key) { return key.trigger == trigger; });
}

void watch_plans() {
  CacheRegisterRelcacheCallback(relation_changed, Datum(0));
  CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, Datum(0));
}

}  // namespace customer_identity
