// The handlers of our procedural languages: PL/pgSQL whose body runs as the owner of tables that no
// caller may read, or must not read as himself. A function's language says which owner, and who may
// call it.
#include "book/attached_tables.hpp"
#include "book/book.hpp"
#include "book/call_elsewhere.hpp"
#include "book/move_cause.hpp"
#include "pg/given_text.hpp"
#include "pg/owner.hpp"
#include "pg/postgres.hpp"
#include "pg/schemas.hpp"
#include "pg/set_for_now.hpp"
#include "pg/shards.hpp"
#include "pg/short_context.hpp"
#include "book/trigger_setup.hpp"

namespace customer_identity {
namespace {

struct Call {
  FunctionCallInfo body;
  Oid book;  // InvalidOid: no argument names it
};

// Where a function has its book: last, or first where what comes last says how it works.
int place_of_book(const Oid *types, int count) {
  if (count == 0 || types[count - 1] == REGCLASSOID) return count - 1;
  return types[0] == REGCLASSOID && types[count - 1] == BOOLOID ? 0 : -1;
}

// The body's arguments are a copy, with the book found: the caller's may be constants, which serve
// for the next call as well.
Call call_of(FunctionCallInfo fcinfo) {
  require_limits(fcinfo);
  Oid *types;
  int count;
  get_func_signature(fcinfo->flinfo->fn_oid, &types, &count);
  const Size size = SizeForFunctionCallInfo(count);
  auto *body = static_cast<FunctionCallInfo>(memcpy(palloc(size), fcinfo, size));
  const int place = place_of_book(types, count);
  if (place < 0) return {body, InvalidOid};
  const Oid book = book_argument(fcinfo, place);
  body->args[place] = {ObjectIdGetDatum(book), false};
  return {body, book};
}

bool writes(FunctionCallInfo fcinfo) {
  return func_volatile(fcinfo->flinfo->fn_oid) == PROVOLATILE_VOLATILE;
}

// As call_of(), on the shards that this node has of a distributed book and of what feeds it.
Call call_on_shards(FunctionCallInfo fcinfo) {
  Call call = call_of(fcinfo);
  if (!OidIsValid(call.book)) return call;
  call.book = writes(fcinfo) ? shard_to_write(call.book) : shard_to_read(call.book);
  Oid *types;
  int count;
  get_func_signature(fcinfo->flinfo->fn_oid, &types, &count);
  for (int i = 0; i < count; ++i) {
    NullableDatum &argument = call.body->args[i];
    if (types[i] == REGCLASSOID && !argument.isnull)
      argument.value = ObjectIdGetDatum(table_beside(call.book, DatumGetObjectId(argument.value)));
  }
  const int place = place_of_book(types, count);
  call.body->args[place].value = ObjectIdGetDatum(call.book);
  return call;
}

// Whether the book is on another node, where the function was called instead.
bool is_called_elsewhere(FunctionCallInfo fcinfo, Datum *value) {
  Oid *types;
  int count;
  get_func_signature(fcinfo->flinfo->fn_oid, &types, &count);
  const int place = place_of_book(types, count);
  if (place < 0) return false;
  const Oid book = book_argument(fcinfo, place);
  if (!is_elsewhere(book)) return false;
  *value = call_elsewhere(fcinfo, place, book);
  return true;
}

// As above, for who may look into the schema of the book.
Call call_on_book(FunctionCallInfo fcinfo) {
  const Call call = call_on_shards(fcinfo);
  if (OidIsValid(call.book)) require_schema(call.book);
  return call;
}

Oid owner_of_tables() {
  return owner_of(get_relname_relid("verifications", get_namespace_oid(kSchema, false)));
}

PGFunction function_of_plpgsql(const char *name) {
  return reinterpret_cast<PGFunction>(
      load_external_function("$libdir/plpgsql", name, true, nullptr));
}

// What runs the functions of PL/pgSQL, and ours.
PGFunction plpgsql() {
  static PGFunction handler = nullptr;
  if (handler == nullptr) handler = function_of_plpgsql("plpgsql_call_handler");
  return handler;
}

Datum run_body(FunctionCallInfo fcinfo, const Call &call) {
  MemoryContext caller = CurrentMemoryContext;
  const PGFunction handler = plpgsql();
  const Mover *mover = begin_moves(fcinfo->flinfo->fn_oid);
  Datum value = 0;
  // SPI puts the whole text of a statement, forty lines of ours, into an error's context, and
  // nothing else can take it out again.
  PG_TRY();
  { value = handler(call.body); }
  PG_CATCH();
  {
    end_moves(mover);
    MemoryContextSwitchTo(caller);
    ErrorData *error = CopyErrorData();
    FlushErrorState();
    error->context = short_context(error->context);
    ReThrowError(error);
  }
  PG_END_TRY();
  end_moves(mover);
  fcinfo->isnull = call.body->isnull;
  return value;
}

// The body names what is in pg_catalog without its schema, and the owner's triggers find tables by
// the path of who calls.
void pin_path() { set_for_now("search_path", "pg_catalog, pg_temp"); }

Datum run_as(FunctionCallInfo fcinfo, const Call &call, const Visit &owner) {
  pin_path();
  const Datum value = run_body(fcinfo, call);
  leave(owner);
  return value;
}

AclMode right_of(FunctionCallInfo fcinfo) {
  return writes(fcinfo) ? ACL_SELECT | ACL_UPDATE : ACL_SELECT;
}

Visit visit_for(FunctionCallInfo fcinfo, Oid owner) {
  return writes(fcinfo) ? visit(owner) : visit(owner, SECURITY_RESTRICTED_OPERATION);
}

// Whether the function is about no other table than the book, its last argument.
bool is_about_book(FunctionCallInfo fcinfo) {
  Oid *types;
  int count;
  get_func_signature(fcinfo->flinfo->fn_oid, &types, &count);
  return count < 2 || types[0] != REGCLASSOID;
}

Oid first_table(const Call &call) { return DatumGetObjectId(call.body->args[0].value); }

bool lacks_table(FunctionCallInfo fcinfo) { return fcinfo->nargs == 0 || PG_ARGISNULL(0); }

// The trigger of ours on the table that names the book, or NULL.
const Trigger *feeding_trigger(Relation table, Oid customers) {
  const TriggerDesc *triggers = table->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i)
    if (is_trigger_function(triggers->triggers[i].tgfoid) &&
        find_table(value_of(arguments_of(&triggers->triggers[i]), "customers"),
                   RelationGetRelid(table)) == customers)
      return &triggers->triggers[i];
  return nullptr;
}

// Whether an ordinary or partitioned table is attached to the book, by that column (0: by any).
bool is_attached_by(Oid attached, AttrNumber column, Oid customers) {
  Relation table = try_relation_open(attached, AccessShareLock);
  if (table == nullptr) return false;
  const char kind = table->rd_rel->relkind;
  const Trigger *trigger = kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE
                               ? feeding_trigger(table, customers)
                               : nullptr;
  const bool found =
      trigger != nullptr &&
      (column == 0 || customer_column(table, arguments_of(trigger)).number == column);
  relation_close(table, NoLock);
  return found;
}

bool is_attached(Oid attached, Oid customers) { return is_attached_by(attached, 0, customers); }

Oid owner_of_attached(Oid attached, Oid customers) {
  if (is_attached(attached, customers)) return owner_of(attached);
  ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
          errmsg("the table is not attached to these customers"),
          errhint("SELECT * FROM customer_identity.attachments lists the attached tables."));
  pg_unreachable();
}

// A column that may hold ids of customers.
struct Place {
  Oid table;
  AttrNumber column;
};

bool is_noted(const List *places, const Place &place) {
  ListCell *cell;
  foreach (cell, places) {
    const auto *noted = static_cast<Place *>(lfirst(cell));
    if (noted->table == place.table && noted->column == place.column) return true;
  }
  return false;
}

// Adds what a table's foreign keys take the values of one of its columns from, or of any (0). True
// when one of them is customers.
bool note_sources(Oid referencing, AttrNumber column, Oid customers, List **places) {
  Relation table = try_relation_open(referencing, AccessShareLock);
  if (table == nullptr) return false;
  bool found = false;
  ListCell *cell;
  foreach (cell, RelationGetFKeyList(table)) {
    const auto *key = static_cast<ForeignKeyCacheInfo *>(lfirst(cell));
    for (int i = 0; i < key->nkeys; ++i) {
      if (column != 0 && key->conkey[i] != column) continue;
      found = found || key->confrelid == customers;
      const Place source = {key->confrelid, key->confkey[i]};
      if (is_noted(*places, source)) continue;
      *places = lappend(*places, memcpy(palloc(sizeof(Place)), &source, sizeof(source)));
    }
  }
  relation_close(table, NoLock);
  return found;
}

// By a key of its own, or by one that takes an id of a customer from a table of the same owner: who
// acts as him may write to both.
bool refers_to_customers(Oid referencing, Oid customers) {
  const Oid owner = owner_of(referencing);
  List *places = NIL;
  if (note_sources(referencing, 0, customers, &places)) return true;
  for (int i = 0; i < list_length(places); ++i) {
    CHECK_FOR_INTERRUPTS();
    const Place place = *static_cast<Place *>(list_nth(places, i));
    if (owner_of(place.table) != owner) continue;
    if (is_attached_by(place.table, place.column, customers)) return true;
    if (note_sources(place.table, place.column, customers, &places)) return true;
  }
  return false;
}

Oid owner_of_referencing(Oid referencing, Oid customers) {
  return refers_to_customers(referencing, customers) ? owner_of(referencing)
                                                     : owner_of_attached(referencing, customers);
}

// Rights on the table would not do: row security may hide some of its rows from who has them.
void require_owner(Oid customers) {
  if (has_privs_of_role(GetUserId(), owner_of(customers))) return;
  ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
          errmsg("must be owner of table %s", relation_name(customers)),
          errhint("Call the public function that does it."));
}

// A plan that is printed shows its parameters to the client: the code for one.
void print_no_plans() { set_for_now("debug_print_plan", "off"); }

// Each node has working tables of its own, wherever the book is.
Datum run_as_owner_of_tables(FunctionCallInfo fcinfo, int restrictions) {
  const Call call = call_of(fcinfo);
  if (OidIsValid(call.book)) require_schema(call.book);
  const Visit owner = visit(owner_of_tables(), restrictions);
  print_no_plans();
  return run_as(fcinfo, call, owner);
}

// Who could act as the table's owner anyway may choose what its triggers find when its rows are
// written: they are the application's.
Datum run_as_owner_of_attached(FunctionCallInfo fcinfo, const Call &call, Oid owner) {
  const bool keeps_path = writes(fcinfo) && has_privs_of_role(GetUserId(), owner);
  const Visit visited = visit_for(fcinfo, owner);
  if (!keeps_path) return run_as(fcinfo, call, visited);
  const Datum value = run_body(fcinfo, call);
  leave(visited);
  return value;
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(validate_plpgsql) {
  return function_of_plpgsql("plpgsql_validator")(fcinfo);
}

// The owner of the extension's working tables, for everybody.
CUSTOMER_IDENTITY_FUNCTION(as_owner) {
  return run_as_owner_of_tables(fcinfo, SECURITY_RESTRICTED_OPERATION);
}

// The same for what writes to a book on the way, whose own triggers may be deferred.
CUSTOMER_IDENTITY_FUNCTION(as_owner_with_book) { return run_as_owner_of_tables(fcinfo, 0); }

// The owner of the book, the last argument, who need not be the owner of the extension.
CUSTOMER_IDENTITY_FUNCTION(as_book_owner) {
  Datum elsewhere;
  if (is_called_elsewhere(fcinfo, &elsewhere)) return elsewhere;
  const Call call = call_on_book(fcinfo);
  customers_name(call.book);
  return run_as(fcinfo, call, visit_for(fcinfo, owner_of(call.book)));
}

// The owner of the table that comes first and is attached to the book, or of the book itself where
// no table comes first, for who may read it himself, or update it if the function writes.
CUSTOMER_IDENTITY_FUNCTION(as_table_owner) {
  Datum elsewhere;
  if (is_called_elsewhere(fcinfo, &elsewhere)) return elsewhere;
  if (is_about_book(fcinfo)) {
    const Call call = call_on_book(fcinfo);
    require_right(call.book, right_of(fcinfo));
    return run_as(fcinfo, call, visit_for(fcinfo, owner_of(call.book)));
  }
  if (lacks_table(fcinfo)) PG_RETURN_NULL();
  const Call call = call_on_shards(fcinfo);
  const Oid owner = owner_of_attached(first_table(call), call.book);
  require_right(first_table(call), right_of(fcinfo));
  return run_as_owner_of_attached(fcinfo, call, owner);
}

// The owner of a table that refers to the customers of the book, for the book's owner: the rows of
// customers that are merged or split go along, as an ON UPDATE CASCADE would have them.
CUSTOMER_IDENTITY_FUNCTION(as_referencing_owner) {
  Datum elsewhere;
  if (is_called_elsewhere(fcinfo, &elsewhere)) return elsewhere;
  if (lacks_table(fcinfo)) PG_RETURN_NULL();
  const Call call = call_on_shards(fcinfo);
  const Oid owner = owner_of_referencing(first_table(call), call.book);
  require_owner(call.book);
  return run_as(fcinfo, call, visit_for(fcinfo, owner));
}

// The same for what a book has to know of any table that feeds it: its owner asks.
CUSTOMER_IDENTITY_FUNCTION(as_feeding_owner) {
  Datum elsewhere;
  if (is_called_elsewhere(fcinfo, &elsewhere)) return elsewhere;
  if (lacks_table(fcinfo)) PG_RETURN_NULL();
  const Call call = call_on_shards(fcinfo);
  const Oid owner = owner_of_attached(first_table(call), call.book);
  if (owner_of(call.book) != GetUserId() || !may_feed(owner, call.book))
    require_right(first_table(call), right_of(fcinfo));
  return run_as_owner_of_attached(fcinfo, call, owner);
}

}  // namespace customer_identity
