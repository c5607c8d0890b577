// recount_altered: an event trigger that counts a book anew when ALTER TABLE, or ALTER TYPE of what
// tables are of, has rewritten what its totals are made of, in the transaction that does so.
#include "book/attached_tables.hpp"
#include "book/book.hpp"
#include "pg/owner.hpp"
#include "pg/majors.hpp"
#include "pg/relations.hpp"
#include "pg/schemas.hpp"
#include "pg/shards.hpp"
#include "pg/trigger_call.hpp"
#include "book/trigger_setup.hpp"
#include "totals/pending_totals.hpp"

namespace customer_identity {
namespace {

// A column that totals are made of, as a trigger's arguments name it.
struct Counted {
  const char *key;
  const char *fallback;
};
constexpr Counted kCounted[] = {
    {"customer", "customer_id"}, {"amount", "total"}, {"status", nullptr}};

bool is_rewritten(Oid table) {
  Relation relation = relation_open(table, AccessShareLock);
  const SubTransactionId since = majors::rewritten_in(relation);
  relation_close(relation, NoLock);
  return since != InvalidSubTransactionId;
}

bool is_any_rewritten(const List *tables) {
  ListCell *cell;
  foreach (cell, tables)
    if (is_rewritten(lfirst_oid(cell))) return true;
  return false;
}

// The column whose values a command may have changed, or NULL. One that is added takes the place of
// one that was dropped.
const char *changed_column(const AlterTableCmd &command, bool is_rewritten) {
  if (command.subtype == AT_AddColumn)
    return reinterpret_cast<const ColumnDef *>(command.def)->colname;
  const bool changes =
      command.subtype == AT_AlterColumnType || majors::sets_expression(command.subtype);
  return changes && is_rewritten ? command.name : nullptr;
}

bool names(const Arguments &arguments, const char *column) {
  for (const Counted &counted : kCounted) {
    const char *given = value_of(arguments, counted.key);
    const char *name = given == nullptr ? counted.fallback : given;
    if (name != nullptr && strcmp(name, column) == 0) return true;
  }
  return false;
}

bool names_any(const Arguments &arguments, const AlterTableStmt &statement, bool is_rewritten) {
  ListCell *cell;
  foreach (cell, statement.cmds) {
    const char *column = changed_column(*lfirst_node(AlterTableCmd, cell), is_rewritten);
    if (column != nullptr && names(arguments, column)) return true;
  }
  return false;
}

// Adds the books that the table's orders are counted in, if they are made of what has changed.
List *with_books_of(List *books, Oid table, const AlterTableStmt &statement, bool is_rewritten) {
  const Oid function = trigger_function("maintain_totals");
  Relation relation = relation_open(table, AccessShareLock);
  const TriggerDesc *triggers = relation->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i) {
    if (triggers->triggers[i].tgfoid != function) continue;
    const Arguments arguments = arguments_of(&triggers->triggers[i]);
    const Oid book = find_table(value_of(arguments, "customers"), table);
    if (OidIsValid(book) && !is_distributed(book) && may_feed(relation->rd_rel->relowner, book) &&
        names_any(arguments, statement, is_rewritten))
      books = list_append_unique_oid(books, book);
  }
  relation_close(relation, NoLock);
  return books;
}

List *books_of(const AlterTableStmt &statement) {
  const Oid table = RangeVarGetRelid(statement.relation, NoLock, true);
  if (!OidIsValid(table)) return NIL;
  const List *tables = relations_of_columns(table, AccessShareLock);
  const bool is_rewritten = is_any_rewritten(tables);
  List *books = NIL;
  ListCell *cell;
  foreach (cell, tables) books = with_books_of(books, lfirst_oid(cell), statement, is_rewritten);
  list_sort(books, list_oid_cmp);
  return books;
}

Datum call_about(const char *function, Oid book) {
  List *name = list_make2(makeString(pstrdup(kWorkings)), makeString(pstrdup(function)));
  const Oid types[] = {REGCLASSOID};
  return OidFunctionCall1(LookupFuncName(name, 1, types, false), ObjectIdGetDatum(book));
}

// On a snapshot that sees what the command has done.
bool is_countable(Oid book) {
  PushActiveSnapshot(GetTransactionSnapshot());
  const bool is_countable = DatumGetBool(call_about("is_countable", book));
  PopActiveSnapshot();
  return is_countable;
}

// Where one cannot count, the next statement fails, and check_setup() says why. What is pending is
// in the tables already, and must not be added once more.
void recount(Oid book) {
  write_pending(book);
  const Visit owner = visit(owner_of(book));
  if (is_countable(book))
    call_about("rebuild_book", book);
  else
    ereport(WARNING, errmsg("the totals of %s are not recounted", relation_name(book)),
            errdetail("The amount, customer or status of an attached table cannot be read."),
            errhint("SELECT * FROM customer_identity.check_setup() names it."));
  leave(owner);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(recount_altered) {
  const Node *command = event_trigger_call(fcinfo, "ddl_command_end")->parsetree;
  if (!IsA(command, AlterTableStmt)) PG_RETURN_NULL();
  const List *books = books_of(*reinterpret_cast<const AlterTableStmt *>(command));
  ListCell *cell;
  foreach (cell, books) recount(lfirst_oid(cell));
  PG_RETURN_NULL();
}

}  // namespace customer_identity
