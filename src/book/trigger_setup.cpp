// Resolves trigger arguments.
#include "book/trigger_setup.hpp"

#include "book/attach_call.hpp"
#include "book/book.hpp"
#include "book/call_elsewhere.hpp"
#include "book/column_types.hpp"
#include "pg/errors.hpp"
#include "pg/given_text.hpp"
#include "pg/schemas.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

const char *value_after(const char *argument, const char *key) {
  const std::size_t length = strlen(key);
  const bool matches = strncmp(argument, key, length) == 0 && argument[length] == '=';
  return matches ? argument + length + 1 : nullptr;
}

Oid function_in(const char *schema, const char *name) {
  List *names = list_make2(makeString(pstrdup(schema)), makeString(pstrdup(name)));
  return LookupFuncName(names, 0, nullptr, true);
}

[[noreturn]] void wrong_type(Relation relation, const char *name, const char *what) {
  setup_outdated(relation, psprintf("Column %s cannot hold a %s any more.",
                                    quote_identifier(shown(name)), what));
}

}  // namespace

Arguments present_arguments(const TriggerData *call) {
  const Trigger *trigger = call->tg_trigger;
  const TriggerDesc *present = call->tg_relation->trigdesc;
  for (int i = 0; present != nullptr && i < present->numtriggers; ++i)
    if (present->triggers[i].tgoid == trigger->tgoid) trigger = &present->triggers[i];
  const int count = trigger->tgnargs;
  Arguments result = {static_cast<char **>(palloc(sizeof(char *) * (count + 1))), count};
  for (int i = 0; i < count; ++i) result.values[i] = pstrdup(trigger->tgargs[i]);
  return result;
}

Arguments stored_arguments(HeapTuple row, Relation catalog) {
  bool is_null;
  const Datum bytes =
      heap_getattr(row, Anum_pg_trigger_tgargs, RelationGetDescr(catalog), &is_null);
  const int count = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row))->tgnargs;
  Arguments result = {static_cast<char **>(palloc(sizeof(char *) * (count + 1))), count};
  char *next = is_null ? nullptr : VARDATA(DatumGetByteaPCopy(bytes));
  for (int i = 0; i < count; ++i, next += strlen(next) + 1) result.values[i] = next;
  return result;
}

Datum stored(const Arguments &arguments) {
  StringInfoData bytes;
  initStringInfo(&bytes);
  for (int i = 0; i < arguments.count; ++i)
    appendBinaryStringInfo(&bytes, arguments.values[i],
                           static_cast<int>(strlen(arguments.values[i])) + 1);
  return PointerGetDatum(cstring_to_text_with_len(bytes.data, bytes.len));
}

Oid trigger_function(const char *name) { return function_in(kSchema, name); }

Oid workings_function(const char *name) { return function_in(kWorkings, name); }

bool is_trigger_function(Oid function) {
  return function == trigger_function("link_user") ||
         function == trigger_function("attach_order") ||
         function == trigger_function("maintain_totals");
}

const char *value_of(const Arguments &arguments, const char *key) {
  for (int i = 0; i < arguments.count; ++i)
    if (const char *value = value_after(arguments.values[i], key)) return value;
  return nullptr;
}

List *values_of(const Arguments &arguments, const char *key) {
  List *values = NIL;
  for (int i = 0; i < arguments.count; ++i)
    if (const char *value = value_after(arguments.values[i], key))
      values = lappend(values, pstrdup(value));
  return values;
}

Column column_named(Relation relation, const char *name) {
  if (name == nullptr) return {};
  const AttrNumber number = get_attnum(RelationGetRelid(relation), name);
  if (number <= 0)
    setup_outdated(relation, psprintf("Column %s is named by a trigger but does not exist.",
                                      quote_identifier(shown(name))));
  Column column = {number, getBaseType(get_atttype(RelationGetRelid(relation), number)),
                   InvalidOid};
  bool is_varlena;
  getTypeOutputInfo(column.type, &column.output, &is_varlena);
  return column;
}

Column phone_column(Relation relation, const char *name) {
  const Column column = column_named(relation, name);
  if (column.number == 0) return column;
  const FormData_pg_attribute *attribute =
      TupleDescAttr(RelationGetDescr(relation), column.number - 1);
  if (!holds_phone(attribute->atttypid, attribute->atttypmod)) wrong_type(relation, name, "phone");
  return column;
}

Column region_column(Relation relation, const char *name) {
  const Column column = column_named(relation, name);
  if (column.number != 0 && !holds_region(column.type)) wrong_type(relation, name, "region");
  return column;
}

Column customer_column(Relation relation, const Arguments &arguments) {
  const char *name = value_of(arguments, "customer");
  const Column column = column_named(relation, name == nullptr ? "customer_id" : name);
  if (column.type != UUIDOID)
    setup_outdated(relation, "The column that holds the customer is not of type uuid.");
  return column;
}

const RangeVar *qualified_name(const char *name) {
  List *parts;
  if (name == nullptr || !SplitIdentifierString(pstrdup(name), '.', &parts)) return nullptr;
  if (list_length(parts) != 2) return nullptr;
  auto *schema = static_cast<char *>(linitial(parts));
  return makeRangeVar(schema, static_cast<char *>(lsecond(parts)), -1);
}

Oid find_table(const char *name) {
  const RangeVar *table = qualified_name(name);
  if (table == nullptr) return InvalidOid;
  const Oid schema = get_namespace_oid(table->schemaname, true);
  return OidIsValid(schema) ? get_relname_relid(table->relname, schema) : InvalidOid;
}

Oid find_table(const char *name, Oid relation) { return table_beside(relation, find_table(name)); }

Oid table_named(const char *name, Oid relation) {
  const Oid table = find_table(name, relation);
  if (OidIsValid(table) && is_shard(relation) && is_elsewhere(table)) refuse_elsewhere(table);
  if (OidIsValid(table)) return table;
  ereport(
      ERROR, errcode(kNoBook),
      errmsg("a table named by a trigger of customer_identity does not exist"),
      errdetail("Table %s was dropped or renamed.", name == nullptr ? "customers" : shown(name)),
      errhint("Attach the table again, or remove its triggers with "
              "customer_identity.detach()."));
  pg_unreachable();
}

Oid root_of(Relation table) {
  const Oid relation = RelationGetRelid(table);
  const List *ancestors = table->rd_rel->relispartition ? get_partition_ancestors(relation) : NIL;
  return ancestors == NIL ? relation : llast_oid(ancestors);
}

void users_outdated(Relation orders, Oid users, const char *detail) {
  Relation relation = relation_open(users, AccessShareLock);
  const char *users_call = shown_attach_call(relation);
  relation_close(relation, AccessShareLock);
  ereport(ERROR, errcode(kSetupOutdated),
          errmsg("the triggers of customer_identity on table \"%s\" no longer fit its users table",
                 RelationGetRelationName(orders)),
          errdetail_internal("%s", detail),
          errhint("Use the current column name in the first call: SELECT %s; SELECT %s;",
                  users_call, shown_attach_call(orders)));
  pg_unreachable();
}

void setup_outdated(Relation relation, const char *detail) {
  ereport(
      ERROR, errcode(kSetupOutdated),
      errmsg("the triggers of customer_identity on table \"%s\" no longer fit it",
             RelationGetRelationName(relation)),
      errdetail_internal("%s", detail),
      errhint("Use the current column name in this call: SELECT %s;", shown_attach_call(relation)));
  pg_unreachable();
}

char *text_of(const Column &column, Datum value) {
  if (column.type == TEXTOID || column.type == VARCHAROID) return TextDatumGetCString(value);
  if (column.type == BOOLOID) return pstrdup(DatumGetBool(value) ? "true" : "false");
  char *text = OidOutputFunctionCall(column.output, value);
  if (column.type == BPCHAROID) text[bpchartruelen(text, static_cast<int>(strlen(text)))] = '\0';
  return text;
}

char *text_in(const Column &column, HeapTuple row, Relation relation) {
  if (column.number == 0) return nullptr;
  bool is_null;
  const Datum value = value_in(column, row, relation, &is_null);
  return is_null ? nullptr : text_of(column, value);
}

bool uuid_in(const Column &column, HeapTuple row, Relation relation, pg_uuid_t *value) {
  bool is_null;
  const Datum stored = value_in(column, row, relation, &is_null);
  if (!is_null) *value = *DatumGetUUIDP(stored);
  return !is_null;
}

HeapTuple with_uuid(const Column &column, HeapTuple row, Relation relation,
                    const pg_uuid_t *value) {
  int number = column.number;
  Datum datum = UUIDPGetDatum(value);
  bool is_null = value == nullptr;
  return heap_modify_tuple_by_cols(row, RelationGetDescr(relation), 1, &number, &datum, &is_null);
}

bool differs(const Column &column, HeapTuple before, HeapTuple after, Relation relation) {
  if (column.number == 0) return false;
  bool was_null;
  bool is_null;
  const Datum was = value_in(column, before, relation, &was_null);
  const Datum is = value_in(column, after, relation, &is_null);
  if (was_null || is_null) return was_null != is_null;
  const FormData_pg_attribute *attribute =
      TupleDescAttr(RelationGetDescr(relation), column.number - 1);
  return !datum_image_eq(was, is, attribute->attbyval, attribute->attlen);
}

CUSTOMER_IDENTITY_FUNCTION(trigger_arguments) {
  const char *next = VARDATA_ANY(PG_GETARG_BYTEA_PP(0));
  const char *end = next + VARSIZE_ANY_EXHDR(PG_GETARG_BYTEA_PP(0));
  ArrayBuildState *values = initArrayResult(TEXTOID, CurrentMemoryContext, false);
  while (next < end) {
    CHECK_FOR_INTERRUPTS();
    const int length = static_cast<int>(strnlen(next, end - next));
    pg_verifymbstr(next, length, false);
    accumArrayResult(values, PointerGetDatum(cstring_to_text_with_len(next, length)), false,
                     TEXTOID, CurrentMemoryContext);
    next += length + 1;
  }
  PG_RETURN_DATUM(makeArrayResult(values, CurrentMemoryContext));
}

// The values of a key among key=value arguments; NULL when there are none.
CUSTOMER_IDENTITY_FUNCTION(argument_values) {
  const char *key = text_to_cstring(PG_GETARG_TEXT_PP(1));
  const std::size_t length = strlen(key);
  Datum *arguments;
  bool *nulls;
  int count;
  deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &arguments, &nulls,
                    &count);
  ArrayBuildState *values = nullptr;
  for (int i = 0; i < count; ++i) {
    CHECK_FOR_INTERRUPTS();
    if (nulls[i]) continue;
    const char *argument = TextDatumGetCString(arguments[i]);
    if (strncmp(argument, key, length) != 0 || argument[length] != '=') continue;
    values = accumArrayResult(values, CStringGetTextDatum(argument + length + 1), false, TEXTOID,
                              CurrentMemoryContext);
  }
  if (values == nullptr) PG_RETURN_NULL();
  PG_RETURN_DATUM(makeArrayResult(values, CurrentMemoryContext));
}

// A value as the triggers read it, whatever casts its type has.
CUSTOMER_IDENTITY_FUNCTION(as_text) {
  Column column = {1, getBaseType(get_fn_expr_argtype(fcinfo->flinfo, 0)), InvalidOid};
  bool is_varlena;
  getTypeOutputInfo(column.type, &column.output, &is_varlena);
  PG_RETURN_TEXT_P(cstring_to_text(text_of(column, PG_GETARG_DATUM(0))));
}

// As SQL writes it, the type "char" would be character(1).
CUSTOMER_IDENTITY_FUNCTION(type_name) {
  HeapTuple tuple = SearchSysCache1(TYPEOID, PG_GETARG_DATUM(0));
  if (!HeapTupleIsValid(tuple)) PG_RETURN_NULL();
  const auto *type = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple));
  const char *name =
      quote_qualified_identifier(get_namespace_name(type->typnamespace), NameStr(type->typname));
  ReleaseSysCache(tuple);
  PG_RETURN_TEXT_P(cstring_to_text(name));
}

// table_of_argument(name, relation); catalogs of 0.1.0, which the library meets until they are
// updated, declare it without the relation.
CUSTOMER_IDENTITY_FUNCTION(table_of_argument) {
  const bool has_relation = PG_NARGS() > 1;
  if (PG_ARGISNULL(0) || (has_relation && PG_ARGISNULL(1))) PG_RETURN_NULL();
  const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
  const Oid table = has_relation ? find_table(name, PG_GETARG_OID(1)) : find_table(name);
  if (!OidIsValid(table)) PG_RETURN_NULL();
  PG_RETURN_OID(table);
}

}  // namespace customer_identity
