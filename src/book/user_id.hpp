// User ids are text, uuid or integers, and an orders table may keep them in another type than the
// users table does. They travel as text and are compared so that an index can serve.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// A condition "column = parameter" for a text parameter that holds a value printed by `source`: of
/// one type as a foreign key compares them. Types that do not fit each other are compared as text:
/// slower, but it never raises.
const char *equals_user_id(const char *column, Oid column_type, Oid source, const char *parameter);

/// The type that `text` can be read as to be compared with a column of `column_type`: that type, or
/// text. InvalidOid: the server writes no value of the column so, as with a uuid in capital
/// letters.
Oid type_of_user_id(const char *text, Oid column_type);

/// The type as which an index compares ids of `type` with its column, the way equals_user_id()
/// does; InvalidOid for one that is compared as text.
Oid comparable_type(Oid type);

}  // namespace customer_identity
