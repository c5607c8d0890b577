// Scans pg_trigger, which no index serves, and keeps the answer until any relation or role changes.
#include "pg/attached_tables.hpp"

#include "pg/book.hpp"
#include "pg/retirement.hpp"

namespace customer_identity {
namespace {

struct Key {
  TableKind kind;
  Oid customers;
};

struct Answer {
  Key key;
  MemoryContext memory;  // NULL: not known
  List *tables;
};

HTAB *answers = nullptr;
bool stale = false;

void create_table() {
  HASHCTL shape = {};
  shape.keysize = sizeof(Key);
  shape.entrysize = sizeof(Answer);
  answers = hash_create("customer_identity attached tables", 16, &shape, HASH_ELEM | HASH_BLOBS);
}

void forget_all() {
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, answers);
  while (auto *answer = static_cast<Answer *>(hash_seq_search(&scan))) {
    if (answer->memory != nullptr) retire(answer->memory);
    hash_search(answers, &answer->key, HASH_REMOVE, nullptr);
  }
  stale = false;
}

void relation_changed(Datum, Oid) { stale = true; }

void catalog_changed(Datum, int, uint32) { stale = true; }

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
  if (answers == nullptr) create_table();
  if (stale) forget_all();
  const Key key = {kind, customers};
  bool found;
  auto *answer = static_cast<Answer *>(hash_search(answers, &key, HASH_ENTER, &found));
  if (found && answer->memory != nullptr) return answer->tables;
  answer->memory = nullptr;
  free_retired();

  MemoryContext memory = AllocSetContextCreate(
      CurrentMemoryContext, "customer_identity attached tables", ALLOCSET_SMALL_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(memory);
  List *tables = scanned_tables(kind, customers);
  MemoryContextSwitchTo(caller);
  MemoryContextSetParent(memory, CacheMemoryContext);
  answer->memory = memory;
  answer->tables = tables;
  return tables;
}

void watch_attached_tables() {
  CacheRegisterRelcacheCallback(relation_changed, Datum(0));
  CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_changed, Datum(0));
  CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, catalog_changed, Datum(0));
  CacheRegisterSyscacheCallback(AUTHOID, catalog_changed, Datum(0));
}

}  // namespace customer_identity
