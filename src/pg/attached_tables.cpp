// Scans pg_trigger, which no index serves, and keeps the answer until anything changes.
#include "pg/attached_tables.hpp"

#include "pg/book.hpp"
#include "pg/relation_cache.hpp"

namespace customer_identity {
namespace {

struct Answer {
  std::uint64_t changes;  // that were known of when it was read
  List *tables;
};

// The right comes first: what a stranger wrote into his trigger is not even read.
bool feeds(const Arguments &arguments, Oid owner, Oid customers) {
  return may_feed(owner, customers) && find_table(value_of(arguments, "customers")) == customers;
}

List *scanned_tables(TableKind kind, Oid customers) {
  const Oid function = trigger_function(kind == TableKind::kUsers ? "link_user" : "attach_order");
  List *tables = NIL;
  Relation catalog = table_open(TriggerRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, nullptr, 0, nullptr);
  while (HeapTuple row = systable_getnext(scan)) {
    const auto *trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row));
    if (trigger->tgfoid != function || OidIsValid(trigger->tgparentid) ||
        (trigger->tgtype & TRIGGER_TYPE_BEFORE) == 0)
      continue;
    if (get_rel_relkind(trigger->tgrelid) == '\0') continue;  // being dropped
    const Arguments arguments = stored_arguments(row, catalog);
    const Oid owner = owner_of(trigger->tgrelid);
    if (!feeds(arguments, owner, customers)) continue;
    auto *attached = static_cast<Attached *>(palloc(sizeof(Attached)));
    *attached = {trigger->tgrelid, trigger->oid, owner, arguments};
    tables = lappend(tables, attached);
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return tables;
}

}  // namespace

bool may_feed(Oid owner, Oid customers) {
  return pg_class_aclcheck(customers, owner, ACL_UPDATE) == ACLCHECK_OK;
}

const List *attached_tables(TableKind kind, Oid customers) {
  const CacheKey key = {customers, InvalidOid, Purpose::kAttachedTables,
                        static_cast<std::uint32_t>(kind)};
  const auto *known = static_cast<Answer *>(find_kept(key));
  if (known != nullptr && known->changes == change_count()) return known->tables;
  return read_and_keep<Answer>(key,
                               [&](Answer &answer, const Reading &reading) {
                                 answer.changes = reading.start;
                                 answer.tables = scanned_tables(kind, customers);
                               })
      .tables;
}

}  // namespace customer_identity
