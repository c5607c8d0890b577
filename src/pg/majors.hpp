// All that differs between the majors of PostgreSQL: a function each, or a type where that differs.
// A comment says which majors have what; docs/architecture.md lists them.
#pragma once

#include "pg/postgres.hpp"

// 15 to 17: the magic block has no name and no version; pg_get_loaded_modules() of 18 shows both.
#if PG_VERSION_NUM >= 180000
#define CUSTOMER_IDENTITY_MAGIC(module, number) \
  PG_MODULE_MAGIC_EXT(.name = module, .version = number)
#else
#define CUSTOMER_IDENTITY_MAGIC(module, number) PG_MODULE_MAGIC
#endif

namespace customer_identity::majors {

// 15: one function for each kind of object; 16: object_aclcheck().
inline AclResult check_schema_usage(Oid schema) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(NamespaceRelationId, schema, GetUserId(), ACL_USAGE);
#else
  return pg_namespace_aclcheck(schema, GetUserId(), ACL_USAGE);
#endif
}

// 15: the list and its length are asked for apart; 16: get_guc_variables() copies the list.
inline config_generic **all_settings(int *count) {
#if PG_VERSION_NUM >= 160000
  return get_guc_variables(count);
#else
  *count = GetNumConfigOptions();
  return get_guc_variables();
#endif
}

// 16: values of settings have a memory context of their own, and before they are malloc()'s.
inline char *copy_setting(const char *value) {
#if PG_VERSION_NUM >= 160000
  return guc_strdup(LOG, value);
#else
  return strdup(value);
#endif
}

// 17: the local transaction id is part of MyProc->vxid.
inline LocalTransactionId local_transaction() {
#if PG_VERSION_NUM >= 170000
  return MyProc->vxid.lxid;
#else
  return MyProc->lxid;
#endif
}

// 16: the field has another name.
inline SubTransactionId rewritten_in(Relation relation) {
#if PG_VERSION_NUM >= 160000
  return relation->rd_firstRelfilelocatorSubid;
#else
  return relation->rd_firstRelfilenodeSubid;
#endif
}

// 17: ALTER COLUMN ... SET EXPRESSION.
inline bool sets_expression([[maybe_unused]] AlterTableType type) {
#if PG_VERSION_NUM >= 170000
  return type == AT_SetExpression;
#else
  return false;
#endif
}

// 18: virtual generated columns.
inline bool has_virtual_column([[maybe_unused]] const TupleConstr *constraints) {
#if PG_VERSION_NUM >= 180000
  return constraints->has_generated_virtual;
#else
  return false;
#endif
}

// 16: whether the sort's own memory may be returned; never, here.
inline bool next_datum(Tuplesortstate *sort, Datum *value, bool *is_null) {
#if PG_VERSION_NUM >= 160000
  return tuplesort_getdatum(sort, true, true, value, is_null, nullptr);
#else
  return tuplesort_getdatum(sort, true, value, is_null, nullptr);
#endif
}

// 19: errors are asked for by a node in place of a flag; neither is given here, so that they are
// raised.
inline Numeric add(Numeric one, Numeric other) {
#if PG_VERSION_NUM >= 190000
  return numeric_add_safe(one, other, nullptr);
#else
  return numeric_add_opt_error(one, other, nullptr);
#endif
}

inline Numeric subtract(Numeric one, Numeric other) {
#if PG_VERSION_NUM >= 190000
  return numeric_sub_safe(one, other, nullptr);
#else
  return numeric_sub_opt_error(one, other, nullptr);
#endif
}

// 19: a code point is a char32_t, of the size that pg_wchar has.
inline pg_wchar *decomposed(pg_wchar *letters) {
#if PG_VERSION_NUM >= 190000
  static_assert(sizeof(char32_t) == sizeof(pg_wchar));
  return reinterpret_cast<pg_wchar *>(
      unicode_normalize(UNICODE_NFD, reinterpret_cast<char32_t *>(letters)));
#else
  return unicode_normalize(UNICODE_NFD, letters);
#endif
}

// 19: callbacks of the catalog caches get the cache by a type of its own.
#if PG_VERSION_NUM >= 190000
using CacheId = SysCacheIdentifier;
#else
using CacheId = int;
#endif

// 18: index_beginscan() takes an instrumentation; 19: also flags.
inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot,
                                      int conditions) {
#if PG_VERSION_NUM >= 190000
  return index_beginscan(table, index, snapshot, nullptr, conditions, 0, SO_NONE);
#elif PG_VERSION_NUM >= 180000
  return index_beginscan(table, index, snapshot, nullptr, conditions, 0);
#else
  return index_beginscan(table, index, snapshot, conditions, 0);
#endif
}

// 19: table_beginscan() takes flags.
inline TableScanDesc begin_table_scan(Relation table, Snapshot snapshot) {
#if PG_VERSION_NUM >= 190000
  return table_beginscan(table, snapshot, 0, nullptr, SO_NONE);
#else
  return table_beginscan(table, snapshot, 0, nullptr);
#endif
}

// 18: the row's own place is given, so that it is no conflict of its own; a new row has none.
inline bool is_free(ResultRelInfo *table, TupleTableSlot *row, EState *state, List *indexes,
                    ItemPointer conflict) {
#if PG_VERSION_NUM >= 180000
  ItemPointerData none;
  ItemPointerSetInvalid(&none);
  return ExecCheckIndexConstraints(table, row, state, conflict, &none, indexes);
#else
  return ExecCheckIndexConstraints(table, row, state, conflict, indexes);
#endif
}

// 16: table_tuple_update() tells when only summarizing indexes need an entry.
#if PG_VERSION_NUM >= 160000
using IndexUpdate = TU_UpdateIndexes;
inline bool needs_entries(IndexUpdate update) { return update != TU_None; }
#else
using IndexUpdate = bool;
inline bool needs_entries(IndexUpdate update) { return update; }
#endif

// 19: table_tuple_update() takes options.
inline TM_Result update_row(Relation table, ItemPointer place, TupleTableSlot *row,
                            CommandId command, Snapshot snapshot, TM_FailureData *failure,
                            LockTupleMode *mode, IndexUpdate *update) {
#if PG_VERSION_NUM >= 190000
  return table_tuple_update(table, place, row, command, 0, snapshot, InvalidSnapshot, true, failure,
                            mode, update);
#else
  return table_tuple_update(table, place, row, command, snapshot, InvalidSnapshot, true, failure,
                            mode, update);
#endif
}

// 16: ExecInsertIndexTuples() may serve summarizing indexes only; 19: by flags, the row behind
// them.
inline void insert_index_entries(ResultRelInfo *table, TupleTableSlot *row, EState *state,
                                 [[maybe_unused]] IndexUpdate update) {
#if PG_VERSION_NUM >= 190000
  const uint32 only = update == TU_Summarizing ? EIIT_ONLY_SUMMARIZING : 0;
  ExecInsertIndexTuples(table, state, EIIT_IS_UPDATE | only, row, NIL, nullptr);
#elif PG_VERSION_NUM >= 160000
  ExecInsertIndexTuples(table, row, state, true, false, nullptr, NIL, update == TU_Summarizing);
#else
  ExecInsertIndexTuples(table, row, state, true, false, nullptr, NIL);
#endif
}

// 19: a JsonbInState keeps the object that is being made, and the last push returns nothing.
struct JsonbObject {
#if PG_VERSION_NUM >= 190000
  JsonbInState state = {};
#else
  JsonbParseState *state = nullptr;
  JsonbValue *result = nullptr;
#endif
};

inline void push(JsonbObject &object, JsonbIteratorToken token, JsonbValue *value) {
#if PG_VERSION_NUM >= 190000
  pushJsonbValue(&object.state, token, value);
#else
  object.result = pushJsonbValue(&object.state, token, value);
#endif
}

inline Datum datum_of(const JsonbObject &object) {
#if PG_VERSION_NUM >= 190000
  return JsonbPGetDatum(JsonbValueToJsonb(object.state.result));
#else
  return JsonbPGetDatum(JsonbValueToJsonb(object.result));
#endif
}

}  // namespace customer_identity::majors
