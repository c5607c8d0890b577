// Reads pg_class and pg_attribute.
#include "pg/relations.hpp"

#include "pg/errors.hpp"

namespace customer_identity {
namespace {

[[noreturn]] void relation_gone() {
  ereport(ERROR, errcode(kNoBook), errmsg("the table was dropped"),
          errhint("Retry the call: the table will be looked up again."));
  pg_unreachable();
}

List *tables_of_type(Oid type) {
  List *tables = NIL;
  Relation catalog = table_open(RelationRelationId, AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_class_reloftype, BTEqualStrategyNumber, F_OIDEQ,
              ObjectIdGetDatum(type));
  SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 1, &key);
  while (HeapTuple row = systable_getnext(scan))
    tables = lappend_oid(tables, reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->oid);
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return tables;
}

// The file with the rows, as the snapshot sees it; NULL: as it is now. InvalidOid: there is none.
Oid file_of(Oid relation, Snapshot snapshot) {
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
  Relation catalog = table_open(RelationRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(catalog, ClassOidIndexId, true, snapshot, 1, &key);
  HeapTuple row = systable_getnext(scan);
  const Oid file = HeapTupleIsValid(row)
                       ? reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relfilenode
                       : InvalidOid;
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return file;
}

void require_same_file(Oid relation) {
  const Oid seen = file_of(relation, GetActiveSnapshot());
  if (!OidIsValid(seen) || seen == file_of(relation, nullptr)) return;
  ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
          errmsg("table %s was emptied or written anew after the snapshot of this transaction was "
                 "taken",
                 relation_name(relation)),
          errhint("Repeat the transaction."));
}

}  // namespace

const char *relation_name(Oid relation) {
  const char *name = get_rel_name(relation);
  if (name == nullptr) relation_gone();
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

Oid owner_of(Oid relation) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
  if (!HeapTupleIsValid(tuple)) relation_gone();
  const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
  ReleaseSysCache(tuple);
  return owner;
}

const char *column_type(Oid relation, const char *column) {
  Oid type;
  int32 modifier;
  Oid collation;
  get_atttypetypmodcoll(relation, get_attnum(relation, column), &type, &modifier, &collation);
  return format_type_extended(type, modifier,
                              FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

bool is_required(Oid relation, const char *column) {
  HeapTuple row = SearchSysCacheAttName(relation, column);
  if (!HeapTupleIsValid(row)) return false;
  const bool required = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(row))->attnotnull;
  ReleaseSysCache(row);
  return required;
}

const char *constant_default(Oid relation, const char *column) {
  Relation table = relation_open(relation, AccessShareLock);
  Node *value = build_column_default(table, get_attnum(relation, column));
  relation_close(table, NoLock);
  if (value != nullptr) value = strip_implicit_coercions(value);
  if (value == nullptr || !IsA(value, Const)) return nullptr;
  const auto *constant = reinterpret_cast<Const *>(value);
  if (constant->constisnull) return nullptr;
  Oid output;
  bool is_varlena;
  getTypeOutputInfo(constant->consttype, &output, &is_varlena);
  return OidOutputFunctionCall(output, constant->constvalue);
}

List *relations_of_columns(Oid relation, LOCKMODE lock) {
  List *relations = find_all_inheritors(relation, lock, nullptr);
  if (get_rel_relkind(relation) != RELKIND_COMPOSITE_TYPE) return relations;
  ListCell *cell;
  foreach (cell, tables_of_type(get_rel_type_id(relation)))
    relations =
        list_concat_unique_oid(relations, find_all_inheritors(lfirst_oid(cell), lock, nullptr));
  return relations;
}

void require_whole(Oid relation) {
  if (get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE) {
    require_same_file(relation);
    return;
  }
  ListCell *cell;
  foreach (cell, find_all_inheritors(relation, AccessShareLock, nullptr)) {
    CHECK_FOR_INTERRUPTS();
    require_same_file(lfirst_oid(cell));
  }
}

}  // namespace customer_identity
