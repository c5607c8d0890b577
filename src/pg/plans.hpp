// Saved plans: each statement of ours is prepared once a session and kept for the relation and the
// trigger it was made for.
#pragma once

#include <initializer_list>

#include "pg/postgres.hpp"
#include "pg/relation_cache.hpp"

namespace customer_identity {

/// Prepares and keeps `text`. SPI must be connected.
SPIPlanPtr keep_plan(const CacheKey &key, const Reading &reading, const char *text,
                     std::initializer_list<Oid> types);

/// The plan of the statement that the lambda `text` makes: its text depends on the key alone and on
/// what the key's relation has in the catalogs. Every lambda has a plan of its own, and one for
/// those whom FORCE ROW LEVEL SECURITY does not bind. It may call PostgreSQL.
template <typename Text>
SPIPlanPtr saved_plan(CacheKey key, std::initializer_list<Oid> types, const Text &text) {
  key.purpose = &purpose_of<Text>;
  key.context = InNoForceRLSOperation() ? 1 : 0;
  if (void *plan = find_kept(key)) return static_cast<SPIPlanPtr>(plan);
  const Reading reading = start_reading(key.relation);
  return keep_plan(key, reading, text(), types);
}

/// A plan that is made for the values it is first run with, and ends with SPI_finish().
SPIPlanPtr custom_plan(const char *text, std::initializer_list<Oid> types);

/// A value of type text; 0 for NULL.
inline Datum text_value(const char *text) {
  return text == nullptr ? Datum(0) : CStringGetTextDatum(text);
}

/// Which values are NULL, where all are of types that are passed by reference: those that are 0.
template <std::size_t Count>
struct Nulls {
  explicit Nulls(const Datum (&values)[Count]) {
    for (std::size_t i = 0; i < Count; ++i) flags[i] = values[i] == 0 ? 'n' : ' ';
  }
  operator const char *() const { return flags; }  // NOLINT(google-explicit-constructor)
  char flags[Count];
};

/// Runs a plan on a fresh snapshot that sees this transaction's earlier statements.
/// Returns the number of rows processed. A NULL `nulls` means no parameter is NULL.
std::uint64_t run(SPIPlanPtr plan, const Datum *values, const char *nulls = nullptr);

/// As run(), on the caller's snapshot: for functions marked STABLE.
std::uint64_t look_up(SPIPlanPtr plan, const Datum *values, const char *nulls = nullptr);

/// As run(), but at REPEATABLE READ and SERIALIZABLE too it sees what others have committed since
/// the transaction began; changing such a row raises a serialization failure (40001), as foreign
/// keys do.
std::uint64_t run_on_latest(SPIPlanPtr plan, const Datum *values, const char *nulls = nullptr);

/// First column of the first row of the last statement.
Datum first_value(bool *is_null);
/// The same of a uuid column; false: NULL. Raises when the column is of another type.
bool first_uuid(pg_uuid_t *value);

}  // namespace customer_identity
