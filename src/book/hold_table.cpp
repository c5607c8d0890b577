// hold_table, hold_partitions and require_in_snapshot: what a function is about to read of a book.
// TRUNCATE, and ALTER TABLE that writes a table anew, leave nothing in it for snapshots older than
// they are: who holds a table before taking a snapshot never meets that.
#include "book/attached_tables.hpp"
#include "pg/relations.hpp"

namespace customer_identity {
namespace {

template <typename Condition>
bool refers_to(Relation table, Condition &&is_meant) {
  ListCell *cell;
  foreach (cell, RelationGetFKeyList(table))
    if (is_meant(static_cast<ForeignKeyCacheInfo *>(lfirst(cell))->confrelid)) return true;
  return false;
}

[[noreturn]] void refuse_to_hold(Relation table) {
  aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(table));
  pg_unreachable();
}

// A lock keeps its owner from altering the table. He let it be attached, or refer to customers.
void require_right_to_hold(Relation table) {
  constexpr AclMode kAny = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE | ACL_TRUNCATE;
  const Oid relation = RelationGetRelid(table);
  const auto is_own = [](Oid referenced) { return owner_of(referenced) == GetUserId(); };
  if (is_attached(relation) || refers_to(table, is_own)) return;
  if (pg_class_aclcheck(relation, GetUserId(), kAny) != ACLCHECK_OK) refuse_to_hold(table);
}

// Only for who has the book that its rows are of.
void require_right_to_partitions(Relation table, Oid customers) {
  const auto is_book = [&](Oid referenced) { return referenced == customers; };
  const bool is_of_book = feeds(RelationGetRelid(table), customers) || refers_to(table, is_book);
  if (!is_of_book || !has_privs_of_role(GetUserId(), owner_of(customers))) refuse_to_hold(table);
}

[[noreturn]] void refuse_leaving(Oid parent) {
  ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
          errmsg("a partition of %s is being detached", relation_name(parent)),
          errdetail("What it has of a person is seen by nobody until it has left."),
          errhint("Try again later. Where DETACH PARTITION ... CONCURRENTLY was cancelled, ALTER "
                  "TABLE ... DETACH PARTITION ... FINALIZE ends it; check_setup() names the "
                  "partition."));
  pg_unreachable();
}

void require_all_children(Oid parent) {
  bool is_one_leaving = false;
  find_inheritance_children_extended(parent, true, NoLock, &is_one_leaving, nullptr);
  if (is_one_leaving) refuse_leaving(parent);
}

// As DETACH and ATTACH PARTITION lock it.
void hold_children(Oid parent) {
  LockRelationOid(parent, ShareUpdateExclusiveLock);
  require_all_children(parent);
}

// Calls `visit(parent)` for a partitioned table and those of its partitions that are.
template <typename Visit>
void for_each_parent(Oid relation, Visit &&visit) {
  if (get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE) return;
  ListCell *cell;
  foreach (cell, find_all_inheritors(relation, AccessShareLock, nullptr))
    if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_PARTITIONED_TABLE) visit(lfirst_oid(cell));
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(hold_table) {
  Relation table = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
  if (table == nullptr) PG_RETURN_BOOL(false);
  require_right_to_hold(table);
  const bool has_partitions =
      PG_GETARG_BOOL(1) && table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
  relation_close(table, NoLock);
  if (has_partitions) find_all_inheritors(PG_GETARG_OID(0), AccessShareLock, nullptr);
  PG_RETURN_BOOL(true);
}

// hold_partitions(relation, customers)
CUSTOMER_IDENTITY_FUNCTION(hold_partitions) {
  const Oid relation = PG_GETARG_OID(0);
  if (get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE) PG_RETURN_VOID();
  Relation table = relation_open(relation, AccessShareLock);
  require_right_to_partitions(table, PG_GETARG_OID(1));
  relation_close(table, NoLock);
  for_each_parent(relation, hold_children);
  PG_RETURN_VOID();
}

CUSTOMER_IDENTITY_FUNCTION(require_all_partitions) {
  Relation table = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
  if (table == nullptr) PG_RETURN_VOID();
  require_right_to_hold(table);
  relation_close(table, NoLock);
  for_each_parent(PG_GETARG_OID(0), require_all_children);
  PG_RETURN_VOID();
}

CUSTOMER_IDENTITY_FUNCTION(require_in_snapshot) {
  require_whole(PG_GETARG_OID(0));
  PG_RETURN_VOID();
}

}  // namespace customer_identity
