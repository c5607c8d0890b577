// hold_table and require_in_snapshot: what a function is about to read of a book. TRUNCATE, and
// ALTER TABLE that writes a table anew, leave nothing in it for snapshots older than they are: who
// holds a table before taking a snapshot never meets that.
#include "book/attached_tables.hpp"
#include "pg/relations.hpp"

namespace customer_identity {
namespace {

bool refers_to_own(Relation table) {
  ListCell *cell;
  foreach (cell, RelationGetFKeyList(table)) {
    const auto *key = static_cast<ForeignKeyCacheInfo *>(lfirst(cell));
    if (owner_of(key->confrelid) == GetUserId()) return true;
  }
  return false;
}

// A lock keeps its owner from altering the table. He let it be attached, or refer to customers.
void require_right_to_hold(Relation table) {
  constexpr AclMode kAny = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE;
  const Oid relation = RelationGetRelid(table);
  if (is_attached(relation) || refers_to_own(table)) return;
  if (pg_class_aclcheck(relation, GetUserId(), kAny) != ACLCHECK_OK)
    aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(table));
}

// The file with the rows, as the snapshot sees it; NULL: as it is now. InvalidOid: there is none.
Oid file_of(Oid relation, Snapshot snapshot) {
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
  Relation classes = table_open(RelationRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(classes, ClassOidIndexId, true, snapshot, 1, &key);
  HeapTuple row = systable_getnext(scan);
  const Oid file = HeapTupleIsValid(row)
                       ? reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relfilenode
                       : InvalidOid;
  systable_endscan(scan);
  table_close(classes, AccessShareLock);
  return file;
}

void require_seen(Oid relation) {
  const Oid seen = file_of(relation, GetActiveSnapshot());
  if (!OidIsValid(seen) || seen == file_of(relation, nullptr)) return;
  ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
          errmsg("table %s was emptied or written anew after the snapshot of this transaction was "
                 "taken",
                 relation_name(relation)),
          errhint("Repeat the transaction."));
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(hold_table) {
  Relation table = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
  if (table == nullptr) PG_RETURN_BOOL(false);
  require_right_to_hold(table);
  const bool has_partitions = table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
  relation_close(table, NoLock);
  if (has_partitions) find_all_inheritors(PG_GETARG_OID(0), AccessShareLock, nullptr);
  PG_RETURN_BOOL(true);
}

CUSTOMER_IDENTITY_FUNCTION(require_in_snapshot) {
  const Oid relation = PG_GETARG_OID(0);
  if (get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE) {
    require_seen(relation);
    PG_RETURN_VOID();
  }
  ListCell *cell;
  foreach (cell, find_all_inheritors(relation, AccessShareLock, nullptr)) {
    CHECK_FOR_INTERRUPTS();
    require_seen(lfirst_oid(cell));
  }
  PG_RETURN_VOID();
}

}  // namespace customer_identity
