// Finds a book and tells which part of it is missing, if one is.
#include "book/book.hpp"

#include "book/call_elsewhere.hpp"
#include "book/customers_columns.hpp"
#include "pg/errors.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

[[noreturn]] void no_book(const char *detail) {
  ereport(ERROR, errcode(kNoBook), errmsg("no usable customers table"),
          errdetail_internal("%s", detail),
          errhint("SELECT customer_identity.create_tables() makes the tables and tells what an "
                  "existing customers table lacks. For a book in a schema of its own: "
                  "create_tables('shop_identity'), and customers => 'shop_identity.customers'."));
  pg_unreachable();
}

// Where Citus runs a part of a statement, the path is not that of who wrote it.
[[noreturn]] void no_book_on_path() {
  if (!is_in_citus_statement()) no_book("There is no table customers on the search path.");
  ereport(
      ERROR, errcode(kNoBook), errmsg("no usable customers table"),
      errdetail("The search path of the application does not reach the node that runs this part "
                "of the statement."),
      errhint("Name the book in the call: customers => 'shop_identity.customers'."));
  pg_unreachable();
}

bool is_table(Oid relation) { return get_rel_relkind(relation) == RELKIND_RELATION; }

// The table of that name beside customers, or InvalidOid; a shard's is a shard.
Oid companion_of(Oid customers, const char *companion) {
  return table_beside(customers, get_relname_relid(companion, get_rel_namespace(customers)));
}

const char *companion_name(Oid customers, const char *companion) {
  const Oid schema = get_rel_namespace(customers);
  const Oid relation = companion_of(customers, companion);
  const char *schema_name = get_namespace_name(schema);
  if (!OidIsValid(relation) || !is_table(relation))
    no_book(psprintf("Table %s is missing.", quote_qualified_identifier(schema_name, companion)));
  if (owner_of(relation) != owner_of(customers))
    no_book(psprintf("Tables customers and %s in schema %s have different owners.", companion,
                     quote_identifier(schema_name)));
  return relation_name(relation);
}

}  // namespace

Oid book_argument(FunctionCallInfo fcinfo, int index) {
  const Oid customers = PG_ARGISNULL(index) ? RelnameGetRelid("customers") : PG_GETARG_OID(index);
  if (!OidIsValid(customers)) no_book_on_path();
  if (!is_table(customers)) no_book("customers is not a table.");
  return customers;
}

Oid book_of_call(FunctionCallInfo fcinfo, int index, Datum *value) {
  const Oid customers = book_argument(fcinfo, index);
  if (is_elsewhere(customers)) {
    *value = call_elsewhere(fcinfo, index, customers);
    return InvalidOid;
  }
  const bool writes = func_volatile(fcinfo->flinfo->fn_oid) == PROVOLATILE_VOLATILE;
  return writes ? shard_to_write(customers) : shard_to_read(customers);
}

const char *customers_name(Oid customers) {
  const char *name = relation_name(customers);
  for (const CustomersColumn &column : kCustomersColumns)
    if (column.is_for_triggers && get_attnum(customers, column.name) == InvalidAttrNumber)
      no_book(psprintf("Table %s has no column %s.", name, column.name));
  if (getBaseType(get_atttype(customers, get_attnum(customers, "id"))) != UUIDOID)
    no_book(psprintf("Column id of %s is not of type uuid.", name));
  return name;
}

const char *proofs_name(Oid customers) { return companion_name(customers, "phone_proofs"); }

const char *entries_name(Oid customers) { return companion_name(customers, "loyalty_entries"); }

Oid find_companion(Oid customers, const char *companion) {
  const Oid relation = companion_of(customers, companion);
  const bool is_ours =
      OidIsValid(relation) && is_table(relation) && owner_of(relation) == owner_of(customers);
  return is_ours ? relation : InvalidOid;
}

void refuse_lost_row(Oid customers, const char *companion) {
  ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
          errmsg("a row of %s cannot be written", companion),
          errdetail("A trigger on %s suppresses it.",
                    relation_name(find_companion(customers, companion))),
          errhint("Let the trigger return NEW for the rows that customer_identity writes."));
  pg_unreachable();
}

CUSTOMER_IDENTITY_FUNCTION(qualified_name) {
  const Oid relation = PG_GETARG_OID(0);
  if (get_rel_name(relation) == nullptr) PG_RETURN_NULL();
  PG_RETURN_TEXT_P(cstring_to_text(relation_name(relation)));
}

// The quoted name of a table beside customers; CI003 when it is not one of the book's owner.
CUSTOMER_IDENTITY_FUNCTION(companion_of) {
  const char *companion = text_to_cstring(PG_GETARG_TEXT_PP(1));
  PG_RETURN_TEXT_P(cstring_to_text(companion_name(PG_GETARG_OID(0), companion)));
}

// Sessions make what they have kept of the book anew: statements name the companions there are.
CUSTOMER_IDENTITY_FUNCTION(tell_of_companions) {
  HeapTuple customers = SearchSysCache1(RELOID, PG_GETARG_DATUM(0));
  if (!HeapTupleIsValid(customers)) PG_RETURN_VOID();
  CacheInvalidateRelcacheByTuple(customers);
  ReleaseSysCache(customers);
  PG_RETURN_VOID();
}

CUSTOMER_IDENTITY_FUNCTION(book) {
  const Oid customers = book_argument(fcinfo, 0);
  customers_name(customers);
  PG_RETURN_OID(customers);
}

}  // namespace customer_identity
