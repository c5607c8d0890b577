// One customer by one UPDATE, many by a lock in id order and one UPDATE, so that one statement
// never deadlocks with another.
#include "totals/planned_write.hpp"

#include "book/book.hpp"
#include "pg/plans.hpp"

namespace customer_identity {
namespace {

constexpr const char *kAddition =
    "total_orders = COALESCE(total_orders, 0) OPERATOR(pg_catalog.+) %s,"
    " total_spent = COALESCE(total_spent, 0) OPERATOR(pg_catalog.+) %s,"
    " loyalty_points = COALESCE(loyalty_points, 0) OPERATOR(pg_catalog.+) %s";

std::uint64_t add_to_one(const Delta &delta, Oid customers) {
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID, INT8OID, NUMERICOID, INT8OID}, [&] {
    return psprintf("UPDATE %s SET %s WHERE id OPERATOR(pg_catalog.=) $1",
                    customers_name(customers), psprintf(kAddition, "$2", "$3", "$4"));
  });
  const Datum values[] = {UUIDPGetDatum(&delta.customer), Int64GetDatum(delta.orders),
                          NumericGetDatum(spent_of(delta)), Int64GetDatum(delta.points)};
  return run(plan, values);
}

void lock_many(Datum ids, Oid customers) {
  SPIPlanPtr plan = saved_plan({customers}, {UUIDARRAYOID}, [&] {
    return psprintf(
        "SELECT FROM %s WHERE id OPERATOR(pg_catalog.=) ANY ($1)"
        " ORDER BY id FOR NO KEY UPDATE",
        customers_name(customers));
  });
  run(plan, &ids);
}

// Each column of the changes as an array, for unnest.
struct Columns {
  Datum *ids;
  Datum *orders;
  Datum *spent;
  Datum *points;
};

Datum array_of(Datum *values, int count, Oid type, int length, bool by_value, char alignment) {
  return PointerGetDatum(construct_array(values, count, type, length, by_value, alignment));
}

Columns columns_of(const Deltas &changes) {
  const std::size_t size = sizeof(Datum) * changes.count;
  Columns columns = {static_cast<Datum *>(palloc(size)), static_cast<Datum *>(palloc(size)),
                     static_cast<Datum *>(palloc(size)), static_cast<Datum *>(palloc(size))};
  for (std::uint32_t i = 0; i < changes.count; ++i) {
    CHECK_FOR_INTERRUPTS();
    const Delta &delta = changes.deltas[i];
    columns.ids[i] = UUIDPGetDatum(&delta.customer);
    columns.orders[i] = Int64GetDatum(delta.orders);
    columns.spent[i] = NumericGetDatum(spent_of(delta));
    columns.points[i] = Int64GetDatum(delta.points);
  }
  return columns;
}

std::uint64_t add_to_many(const Deltas &changes, Oid customers) {
  const Columns columns = columns_of(changes);
  const int count = changes.count;
  const Datum values[] = {
      array_of(columns.ids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR),
      array_of(columns.orders, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE),
      array_of(columns.spent, count, NUMERICOID, -1, false, TYPALIGN_INT),
      array_of(columns.points, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)};
  lock_many(values[0], customers);

  SPIPlanPtr plan =
      saved_plan({customers}, {UUIDARRAYOID, INT8ARRAYOID, NUMERICARRAYOID, INT8ARRAYOID}, [&] {
        return psprintf(
            "UPDATE %s AS c SET %s FROM ROWS FROM (pg_catalog.unnest($1),"
            " pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))"
            " AS d (id, orders, spent, points)"
            " WHERE c.id OPERATOR(pg_catalog.=) d.id",
            customers_name(customers), psprintf(kAddition, "d.orders", "d.spent", "d.points"));
      });
  return run(plan, values);
}

}  // namespace

std::uint64_t write_by_plan(const Deltas &changes, Oid customers) {
  SPI_connect();
  const std::uint64_t written = changes.count == 1 ? add_to_one(changes.deltas[0], customers)
                                                   : add_to_many(changes, customers);
  SPI_finish();
  return written;
}

}  // namespace customer_identity
