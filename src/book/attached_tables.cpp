// Finds our triggers by what depends on their functions, once a session; later it looks at the
// tables that have changed and at no other. Books are known by the names that arguments give them,
// so that it need not track what becomes of a book.
#include "book/attached_tables.hpp"

#include "book/book.hpp"
#include "pg/relation_cache.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

struct BookName {
  NameData schema;
  NameData name;
};

struct Book {
  BookName name;
  std::uint64_t version;  // a new one when any of its tables may have changed
  List *tables;           // OIDs
};

// A relation with a trigger of ours; be it a view, whoever made it.
struct Table {
  Oid relation;
  List *books;
};

constexpr const char *kFunctions[] = {"link_user", "attach_order", "maintain_totals"};

MemoryContext memory = nullptr;
MemoryContext scratch = nullptr;
HTAB *books = nullptr;  // entries stay where they are
HTAB *tables = nullptr;
std::uint64_t seen = 0;  // changes that are taken into account
bool is_complete = false;

void create_tables() {
  memory = AllocSetContextCreate(TopMemoryContext, "customer_identity attached tables",
                                 ALLOCSET_DEFAULT_SIZES);
  scratch = AllocSetContextCreate(memory, "customer_identity trigger", ALLOCSET_SMALL_SIZES);
  HASHCTL shape = {};
  shape.hcxt = memory;
  shape.keysize = sizeof(BookName);
  shape.entrysize = sizeof(Book);
  books = hash_create("customer_identity books", 16, &shape, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
  shape.keysize = sizeof(Oid);
  shape.entrysize = sizeof(Table);
  tables =
      hash_create("customer_identity tables", 64, &shape, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

Book &book_named(const char *schema, const char *name) {
  BookName key = {};
  namestrcpy(&key.schema, schema);
  namestrcpy(&key.name, name);
  bool found;
  auto *book = static_cast<Book *>(hash_search(books, &key, HASH_ENTER, &found));
  if (!found) {
    book->version = 0;
    book->tables = NIL;
  }
  return *book;
}

Table &table_of(Oid relation) {
  bool found;
  auto *table = static_cast<Table *>(hash_search(tables, &relation, HASH_ENTER, &found));
  if (!found) table->books = NIL;
  return *table;
}

Form_pg_trigger trigger_in(HeapTuple row) {
  return reinterpret_cast<Form_pg_trigger>(GETSTRUCT(row));
}

void add(HeapTuple trigger, Relation catalog) {
  const Oid relation = trigger_in(trigger)->tgrelid;
  Table &table = table_of(relation);
  MemoryContext caller = MemoryContextSwitchTo(scratch);
  const RangeVar *name = qualified_name(value_of(stored_arguments(trigger, catalog), "customers"));
  Book *book = name == nullptr ? nullptr : &book_named(name->schemaname, name->relname);
  MemoryContextSwitchTo(memory);
  if (book != nullptr && !list_member_ptr(table.books, book)) {
    table.books = lappend(table.books, book);
    book->tables = lappend_oid(book->tables, relation);
    ++book->version;
  }
  MemoryContextSwitchTo(caller);
  MemoryContextReset(scratch);
}

void forget(Table &table) {
  ListCell *cell;
  foreach (cell, table.books) {
    auto *book = static_cast<Book *>(lfirst(cell));
    book->tables = list_delete_oid(book->tables, table.relation);
    ++book->version;
  }
  list_free(table.books);
  hash_search(tables, &table.relation, HASH_REMOVE, nullptr);
}

ScanKeyData key_of(AttrNumber column, Oid value) {
  ScanKeyData key;
  ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
  return key;
}

// Calls `visit(row, catalog)` for the rows that an index finds.
template <std::size_t Count, typename Visit>
void for_each_row(Oid catalog, Oid index, ScanKeyData (&keys)[Count], Visit &&visit) {
  Relation relation = table_open(catalog, AccessShareLock);
  SysScanDesc scan = systable_beginscan(relation, index, true, nullptr, Count, keys);
  while (HeapTuple row = systable_getnext(scan)) {
    CHECK_FOR_INTERRUPTS();
    visit(row, relation);
  }
  systable_endscan(scan);
  table_close(relation, AccessShareLock);
}

// Calls `visit(row, catalog)` for the triggers of ours that were put on the table itself.
template <typename Visit>
void for_each_trigger(Oid relation, Visit &&visit) {
  Oid functions[lengthof(kFunctions)];
  for (std::size_t i = 0; i < lengthof(kFunctions); ++i)
    functions[i] = trigger_function(kFunctions[i]);
  ScanKeyData keys[] = {key_of(Anum_pg_trigger_tgrelid, relation)};
  for_each_row(TriggerRelationId, TriggerRelidNameIndexId, keys,
               [&](HeapTuple row, Relation catalog) {
                 if (OidIsValid(trigger_in(row)->tgparentid)) return;
                 for (const Oid function : functions)
                   if (trigger_in(row)->tgfoid == function) visit(row, catalog);
               });
}

// A relation, as far as it matters here.
struct Class {
  bool is_table;
  bool may_have_triggers;
  Oid owner;
};

Class class_of(Oid relation) {
  HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
  if (!HeapTupleIsValid(row)) return {};
  const auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
  const bool is_table =
      form->relkind == RELKIND_RELATION || form->relkind == RELKIND_PARTITIONED_TABLE;
  const Class result = {is_table, form->relhastriggers, form->relowner};
  ReleaseSysCache(row);
  return result;
}

void look_at(Oid relation) {
  auto *known = static_cast<Table *>(hash_search(tables, &relation, HASH_FIND, nullptr));
  if (known != nullptr) forget(*known);
  if (!class_of(relation).may_have_triggers) return;
  for_each_trigger(relation, add);
}

void forget_all() {
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, books);
  while (auto *book = static_cast<Book *>(hash_seq_search(&scan))) {
    list_free(book->tables);
    book->tables = NIL;
    ++book->version;
  }
  hash_seq_init(&scan, tables);
  while (auto *table = static_cast<Table *>(hash_seq_search(&scan))) {
    list_free(table->books);
    hash_search(tables, &table->relation, HASH_REMOVE, nullptr);
  }
}

void add_trigger(Oid trigger) {
  ScanKeyData keys[] = {key_of(Anum_pg_trigger_oid, trigger)};
  for_each_row(TriggerRelationId, TriggerOidIndexId, keys, [](HeapTuple row, Relation catalog) {
    if (!OidIsValid(trigger_in(row)->tgparentid)) add(row, catalog);
  });
}

void look_at_all() {
  is_complete = false;
  seen = change_count();
  forget_all();
  for (const char *name : kFunctions) {
    ScanKeyData keys[] = {key_of(Anum_pg_depend_refclassid, ProcedureRelationId),
                          key_of(Anum_pg_depend_refobjid, trigger_function(name))};
    for_each_row(DependRelationId, DependReferenceIndexId, keys, [](HeapTuple row, Relation) {
      const auto *dependency = reinterpret_cast<Form_pg_depend>(GETSTRUCT(row));
      if (dependency->classid == TriggerRelationId) add_trigger(dependency->objid);
    });
  }
  is_complete = true;
}

// Looking may bring news of further changes.
void bring_up_to_date() {
  if (memory == nullptr) create_tables();
  if (!is_complete) look_at_all();
  while (seen < change_count()) {
    Oid relation;
    if (!find_change(seen + 1, &relation) || !OidIsValid(relation)) {
      look_at_all();
    } else {
      look_at(relation);
      ++seen;
    }
  }
}

// NULL: the table is gone.
const Book *book_of(Oid shard) {
  const Oid customers = logical_table(shard);
  const char *name = get_rel_name(customers);
  const char *schema = get_namespace_name(get_rel_namespace(customers));
  return name == nullptr || schema == nullptr ? nullptr : &book_named(schema, name);
}

struct Answer {
  const Book *book;
  std::uint64_t version;
  List *tables;
};

// The right comes first: what a stranger wrote into his trigger is not even read.
void append_attached(List **attached, Oid relation, Oid function, Oid customers) {
  const Class table = class_of(relation);
  if (!table.is_table || !may_feed(table.owner, customers)) return;
  for_each_trigger(relation, [&](HeapTuple row, Relation catalog) {
    constexpr int kMade = TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE;
    const FormData_pg_trigger &trigger = *trigger_in(row);
    if (trigger.tgfoid != function || (trigger.tgtype & kMade) != kMade) return;
    const Arguments arguments = stored_arguments(row, catalog);
    if (find_table(value_of(arguments, "customers"), relation) != customers) return;
    auto *found = static_cast<Attached *>(palloc(sizeof(Attached)));
    *found = {relation, trigger.oid, table.owner, arguments};
    *attached = lappend(*attached, found);
  });
}

void read_answer(Answer &answer, TableKind kind, Oid customers) {
  const Oid function = trigger_function(kind == TableKind::kUsers ? "link_user" : "attach_order");
  answer.book = book_of(customers);
  if (answer.book == nullptr) return;
  answer.version = answer.book->version;
  ListCell *cell;
  foreach (cell, answer.book->tables)
    append_attached(&answer.tables, lfirst_oid(cell), function, customers);
}

List *all_relations() {
  List *relations = NIL;
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, tables);
  while (auto *table = static_cast<Table *>(hash_seq_search(&scan)))
    relations = lappend_oid(relations, table->relation);
  return relations;
}

List *relations_of(Oid customers) {
  const Book *book = book_of(customers);
  return book == nullptr ? NIL : list_copy(book->tables);
}

}  // namespace

bool is_attached(Oid relation) {
  bring_up_to_date();
  return hash_search(tables, &relation, HASH_FIND, nullptr) != nullptr;
}

bool feeds(Oid relation, Oid customers) {
  bring_up_to_date();
  return list_member_oid(relations_of(customers), relation) &&
         may_feed(class_of(relation).owner, customers);
}

bool may_feed(Oid owner, Oid customers) {
  return pg_class_aclcheck(customers, owner, ACL_UPDATE) == ACLCHECK_OK;
}

const List *attached_tables(TableKind kind, Oid customers) {
  bring_up_to_date();
  const CacheKey key = {customers, InvalidOid, static_cast<std::uint32_t>(kind)};
  const auto *known = find_kept<Answer>(key);
  if (known != nullptr && known->book != nullptr && known->version == known->book->version)
    return known->tables;
  const auto *answer = read_and_keep<Answer>(key, [&](Answer &value, Reading &reading) {
    depend_on(reading, AuthIdRelationId);
    read_answer(value, kind, customers);
  });
  return answer->tables;
}

// attached_to(customers): the tables with a trigger of ours that names the book; NULL: any book.
// Shards are those of a shard alone.
CUSTOMER_IDENTITY_FUNCTION(attached_to) {
  InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  bring_up_to_date();
  List *relations = PG_ARGISNULL(0) ? all_relations() : relations_of(PG_GETARG_OID(0));
  const bool wants_shards = !PG_ARGISNULL(0) && is_shard(PG_GETARG_OID(0));
  list_sort(relations, list_oid_cmp);
  ListCell *cell;
  foreach (cell, relations) {
    if (!class_of(lfirst_oid(cell)).is_table || is_shard(lfirst_oid(cell)) != wants_shards)
      continue;
    Datum value = ObjectIdGetDatum(lfirst_oid(cell));
    bool is_null = false;
    tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
  }
  PG_RETURN_NULL();
}

}  // namespace customer_identity
