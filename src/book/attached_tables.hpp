// Which tables carry our triggers and feed a book, as pg_trigger says.
#pragma once

#include "pg/postgres.hpp"
#include "book/trigger_setup.hpp"

namespace customer_identity {

/// A table with one of our triggers.
struct Attached {
  Oid relation;
  Oid trigger;
  Oid owner;
  Arguments arguments;
};

enum class TableKind : std::uint32_t { kUsers, kOrders };

/// The tables of a kind that feed `customers`, as a list of Attached that lasts until the
/// transaction ends. A partition's copy of its parent's trigger does not count, nor a table whose
/// owner may not write to the book: anybody can put our trigger on a table of his own.
const List *attached_tables(TableKind kind, Oid customers);

/// Whether any relation carries one of our triggers itself.
bool is_attached(Oid relation);

/// Whether a table carries one of our triggers that names the book, and may feed it.
bool feeds(Oid relation, Oid customers);

/// Whether a table of this owner may feed the book.
bool may_feed(Oid owner, Oid customers);

}  // namespace customer_identity
