// The book: a `customers` table and its companions in the same schema, found and checked.
#pragma once

#include "pg/postgres.hpp"
#include "pg/relations.hpp"

namespace customer_identity {

/// The book that argument `index` (regclass) names; NULL means `customers` on the search path.
/// Raises CI003 when there is none.
Oid book_argument(FunctionCallInfo fcinfo, int index);

/// The book as it is here: of one that Citus distributes, this node's shard. InvalidOid: another
/// node has it, the function was called there, and `value` is what it returned.
Oid book_of_call(FunctionCallInfo fcinfo, int index, Datum *value);

/// Quoted and qualified names for our statements. Each raises CI003 when the table lacks a column
/// that we need, or is not there.
const char *customers_name(Oid customers);
const char *proofs_name(Oid customers);
const char *entries_name(Oid customers);

/// A table of that name beside customers and of the same owner, or InvalidOid.
Oid find_companion(Oid customers, const char *companion);

/// For a row of a book's companion that was written and is not there: what was asked for would be
/// lost without a word. Raises 42501.
[[noreturn]] void refuse_lost_row(Oid customers, const char *companion);

}  // namespace customer_identity
