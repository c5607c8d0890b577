// The ids of rows that we add to an application's tables within its statements.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// The id of a row that is about to be added.
struct RowId {
  Oid type;  // InvalidOid: the column's default makes it
  Datum value;
};

/// By the type of the table's column `id`, which is looked up once a session: a UUID in the order
/// of time (uuid_v7.hpp), which leaves lastval() to the application; from a sequence, in a book
/// that has one, its next value that no row has, since it is behind where rows were loaded or
/// replicated.
RowId new_row_id(Oid table);
/// The same for a table that is open, to be written to.
RowId new_row_id_in(Relation table);

/// What an INSERT with OVERRIDING SYSTEM VALUE says of it: ", id" and ", $n", or nothing.
inline const char *id_column(const RowId &id) { return OidIsValid(id.type) ? ", id" : ""; }
inline const char *id_value(const RowId &id, int parameter) {
  return OidIsValid(id.type) ? psprintf(", $%d", parameter) : "";
}

}  // namespace customer_identity
