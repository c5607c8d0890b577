// follow_renames: an event trigger that rewrites the arguments of our triggers when a column,
// table, schema or enum value they name is renamed, in the transaction that renames it.
#include "pg/postgres.hpp"
#include "pg/relations.hpp"
#include "pg/trigger_call.hpp"
#include "book/trigger_setup.hpp"

namespace customer_identity {
namespace {

constexpr const char *kFunctions[] = {"link_user", "attach_order", "maintain_totals"};
constexpr const char *kColumnKeys[] = {"key",    "phone",  "verified", "name",
                                       "region", "user",   "payment",  "customer",
                                       "amount", "status", "personal"};
constexpr const char *kUsersColumnKeys[] = {"users_key", "users_customer"};
constexpr const char *kTableKeys[] = {"customers", "users"};

template <std::size_t Count>
bool is_one_of(const char *key, std::size_t length, const char *const (&keys)[Count]) {
  for (const char *candidate : keys)
    if (strlen(candidate) == length && strncmp(candidate, key, length) == 0) return true;
  return false;
}

// Keys of values, and of the column that holds them.
struct Values {
  const char *key;
  const char *column;
};
constexpr Values kValues[] = {{"counted", "status"}, {"cod", "payment"}};

// What was renamed. `from` and `to` are bare names.
struct Rename {
  enum class Kind { kNothing, kColumn, kTable, kSchema, kValue } kind;
  const char *from_schema;  // of a table; NULL: one on the search path
  const char *from;
  const char *to;
  Oid object;       // the relation of the column, the table itself or the enum of the value
  List *relations;  // those that have the column
};

// The object the command that has just ended worked on.
Oid commanded_object() {
  Oid object = InvalidOid;
  SPI_connect();
  SPI_execute("SELECT objid FROM pg_catalog.pg_event_trigger_ddl_commands() LIMIT 1", true, 1);
  bool is_null;
  if (SPI_processed > 0)
    object =
        DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
  SPI_finish();
  return object;
}

Rename move_of(const AlterObjectSchemaStmt &move) {
  if (move.objectType != OBJECT_TABLE) return {};
  const char *name = move.relation->relname;
  return {Rename::Kind::kTable, move.relation->schemaname, name, name, commanded_object(), NIL};
}

Rename rename_of(const AlterEnumStmt &change) {
  if (change.oldVal == nullptr) return {};
  return {Rename::Kind::kValue, nullptr, change.oldVal, change.newVal, commanded_object(), NIL};
}

Rename rename_of(const Node *command) {
  if (IsA(command, AlterEnumStmt))
    return rename_of(*reinterpret_cast<const AlterEnumStmt *>(command));
  if (IsA(command, AlterObjectSchemaStmt))
    return move_of(*reinterpret_cast<const AlterObjectSchemaStmt *>(command));
  if (!IsA(command, RenameStmt)) return {};
  const auto *rename = reinterpret_cast<const RenameStmt *>(command);
  if (rename->renameType == OBJECT_SCHEMA)
    return {Rename::Kind::kSchema, nullptr, rename->subname, rename->newname, InvalidOid, NIL};
  const bool is_column =
      rename->renameType == OBJECT_COLUMN || rename->renameType == OBJECT_ATTRIBUTE;
  if (!is_column && rename->renameType != OBJECT_TABLE) return {};

  const Oid relation = commanded_object();
  if (is_column)
    return {Rename::Kind::kColumn, nullptr, rename->subname, rename->newname, relation, NIL};
  const char *schema = get_namespace_name(get_rel_namespace(relation));
  return {Rename::Kind::kTable, schema, rename->relation->relname, rename->newname, relation, NIL};
}

bool is_on_search_path(const char *schema) {
  const Oid wanted = get_namespace_oid(schema, true);
  List *path = fetch_search_path(true);
  const bool found = list_member_oid(path, wanted);
  list_free(path);
  return found;
}

// The new qualified name of a table that an argument names, or NULL when it is not concerned: a
// table that is still there under its name is not the one that was renamed.
const char *followed_table(const Rename &rename, const char *name) {
  const bool concerns_tables =
      rename.kind == Rename::Kind::kTable || rename.kind == Rename::Kind::kSchema;
  if (!concerns_tables || OidIsValid(find_table(name))) return nullptr;
  const RangeVar *range = qualified_name(name);
  if (range == nullptr) return nullptr;
  if (rename.kind == Rename::Kind::kSchema) {
    const bool concerned = strcmp(range->schemaname, rename.from) == 0;
    return concerned ? quote_qualified_identifier(rename.to, range->relname) : nullptr;
  }
  if (strcmp(range->relname, rename.from) != 0) return nullptr;
  const bool same_schema = rename.from_schema == nullptr
                               ? is_on_search_path(range->schemaname)
                               : strcmp(range->schemaname, rename.from_schema) == 0;
  if (!same_schema) return nullptr;
  const char *schema = get_namespace_name(get_rel_namespace(rename.object));
  const char *now = get_rel_name(rename.object);
  return schema == nullptr || now == nullptr ? nullptr : quote_qualified_identifier(schema, now);
}

// Whether the key names values of the enum, domains over it looked through.
bool names_values(const Rename &rename, const Arguments &arguments, const char *key,
                  std::size_t length, Oid table) {
  for (const Values &values : kValues) {
    if (strlen(values.key) != length || strncmp(values.key, key, length) != 0) continue;
    const char *column = value_of(arguments, values.column);
    const AttrNumber number = column == nullptr ? InvalidAttrNumber : get_attnum(table, column);
    return number > 0 && getBaseType(get_atttype(table, number)) == rename.object;
  }
  return false;
}

const char *followed_value(const Rename &rename, const Arguments &arguments, const char *key,
                           std::size_t length, const char *value, Oid table, Oid users) {
  if (is_one_of(key, length, kTableKeys)) return followed_table(rename, value);
  if (strcmp(value, rename.from) != 0) return nullptr;
  if (rename.kind == Rename::Kind::kValue)
    return names_values(rename, arguments, key, length, table) ? rename.to : nullptr;
  if (rename.kind != Rename::Kind::kColumn) return nullptr;
  if (is_one_of(key, length, kColumnKeys))
    return list_member_oid(rename.relations, table) ? rename.to : nullptr;
  if (is_one_of(key, length, kUsersColumnKeys))
    return list_member_oid(rename.relations, users) ? rename.to : nullptr;
  return nullptr;
}

// What the set-up was made with stays beside the names that values have now, for check_setup().
void keep_given(Arguments *arguments, const char *key, const List *given) {
  const char *kept = psprintf("%s_given", key);
  if (given == NIL || value_of(*arguments, kept) != nullptr) return;
  const std::size_t room = sizeof(char *) * (arguments->count + list_length(given));
  arguments->values = static_cast<char **>(repalloc(arguments->values, room));
  ListCell *cell;
  foreach (cell, given)
    arguments->values[arguments->count++] =
        psprintf("%s=%s", kept, static_cast<char *>(lfirst(cell)));
}

// Rewrites the arguments in place; false: none is concerned.
bool follow(const Rename &rename, Arguments *arguments, Oid table) {
  const Oid users = find_table(value_of(*arguments, "users"));
  const List *given[lengthof(kValues)];
  for (std::size_t i = 0; i < lengthof(kValues); ++i)
    given[i] = values_of(*arguments, kValues[i].key);
  bool changed = false;
  for (int i = 0; i < arguments->count; ++i) {
    const char *argument = arguments->values[i];
    const char *equals = strchr(argument, '=');
    if (equals == nullptr) continue;
    const std::size_t length = equals - argument;
    const char *value =
        followed_value(rename, *arguments, argument, length, equals + 1, table, users);
    if (value == nullptr) continue;
    arguments->values[i] = psprintf("%.*s=%s", static_cast<int>(length), argument, value);
    changed = true;
  }
  for (std::size_t i = 0; changed && i < lengthof(kValues); ++i)
    if (rename.kind == Rename::Kind::kValue) keep_given(arguments, kValues[i].key, given[i]);
  return changed;
}

void rewrite(Relation catalog, HeapTuple row, const Arguments &arguments) {
  Datum values[Natts_pg_trigger] = {};
  bool nulls[Natts_pg_trigger] = {};
  bool replaces[Natts_pg_trigger] = {};
  values[Anum_pg_trigger_tgargs - 1] = stored(arguments);
  replaces[Anum_pg_trigger_tgargs - 1] = true;
  values[Anum_pg_trigger_tgnargs - 1] = Int16GetDatum(static_cast<std::int16_t>(arguments.count));
  replaces[Anum_pg_trigger_tgnargs - 1] = true;
  HeapTuple changed = heap_modify_tuple(row, RelationGetDescr(catalog), values, nulls, replaces);
  CatalogTupleUpdate(catalog, &changed->t_self, changed);
  CacheInvalidateRelcacheByRelid(reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row))->tgrelid);
}

// Calls `use` for each of our triggers whose arguments are concerned, with those that follow.
template <typename Use>
void for_each_concerned(const Rename &rename, Use &&use) {
  Oid functions[lengthof(kFunctions)];
  for (std::size_t i = 0; i < lengthof(kFunctions); ++i)
    functions[i] = trigger_function(kFunctions[i]);

  Relation catalog = table_open(TriggerRelationId, RowExclusiveLock);
  SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
  while (HeapTuple row = systable_getnext(scan)) {
    CHECK_FOR_INTERRUPTS();
    const auto *trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row));
    bool ours = false;
    for (const Oid function : functions) ours = ours || trigger->tgfoid == function;
    if (!ours) continue;
    Arguments arguments = stored_arguments(row, catalog);
    if (follow(rename, &arguments, trigger->tgrelid)) use(catalog, row, arguments);
  }
  systable_endscan(scan);
  table_close(catalog, RowExclusiveLock);
}

// ALTER TYPE locks no table. As for CREATE TRIGGER nobody writes to one while its triggers change:
// whoever waited knows the new name.
void lock_concerned(const Rename &rename) {
  List *tables = NIL;
  for_each_concerned(rename, [&](Relation, HeapTuple row, const Arguments &) {
    tables =
        list_append_unique_oid(tables, reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row))->tgrelid);
  });
  list_sort(tables, list_oid_cmp);
  ListCell *cell;
  foreach (cell, tables) LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(follow_renames) {
  const EventTriggerData *call = event_trigger_call(fcinfo, "ddl_command_end");
  Rename rename = rename_of(call->parsetree);
  if (rename.kind == Rename::Kind::kNothing) PG_RETURN_NULL();
  if (rename.kind == Rename::Kind::kColumn) {
    if (!OidIsValid(rename.object)) PG_RETURN_NULL();
    rename.relations = relations_of_columns(rename.object, NoLock);
  }
  if (rename.kind == Rename::Kind::kValue) lock_concerned(rename);
  for_each_concerned(rename, rewrite);
  CommandCounterIncrement();
  PG_RETURN_NULL();
}

}  // namespace customer_identity
