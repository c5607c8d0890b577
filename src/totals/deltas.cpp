// Sums deltas in the server's hash table and writes them: one customer by one UPDATE, many by a
// lock in id order and one UPDATE, so that one statement never deadlocks with another.
#include "totals/deltas.hpp"

#include "pg/book.hpp"
#include "pg/plans.hpp"

namespace customer_identity {
namespace {

// The deltas that change something, sorted by customer.
struct Changes {
  Delta *deltas;
  int count;
};

bool is_zero(Numeric number) {
  const Datum zero = NumericGetDatum(int64_to_numeric(0));
  return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(number), zero));
}

bool changes_nothing(const Delta &delta) {
  return delta.orders == 0 && delta.points == 0 && (delta.spent == nullptr || is_zero(delta.spent));
}

int by_customer(const void *left, const void *right) {
  return memcmp(left, right, sizeof(pg_uuid_t));
}

Changes changes_of(const Deltas &deltas) {
  const long most = hash_get_num_entries(deltas.by_customer);
  Changes changes = {
      static_cast<Delta *>(palloc_extended(sizeof(Delta) * (most + 1), MCXT_ALLOC_HUGE)), 0};
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, deltas.by_customer);
  while (auto *delta = static_cast<Delta *>(hash_seq_search(&scan)))
    if (!changes_nothing(*delta)) changes.deltas[changes.count++] = *delta;
  qsort(changes.deltas, changes.count, sizeof(Delta), by_customer);
  return changes;
}

Datum spent_of(const Delta &delta) {
  return NumericGetDatum(delta.spent == nullptr ? int64_to_numeric(0) : delta.spent);
}

constexpr const char *kAddition =
    "total_orders = COALESCE(total_orders, 0) OPERATOR(pg_catalog.+) %s,"
    " total_spent = COALESCE(total_spent, 0) OPERATOR(pg_catalog.+) %s,"
    " loyalty_points = COALESCE(loyalty_points, 0) OPERATOR(pg_catalog.+) %s";

std::uint64_t add_to_one(const Delta &delta, Oid customers) {
  const PlanKey key = {customers, InvalidOid, Purpose::kAddToOne, 1};
  SPIPlanPtr plan = saved_plan(key, {UUIDOID, INT8OID, NUMERICOID, INT8OID}, [&] {
    return psprintf("UPDATE %s SET %s WHERE id OPERATOR(pg_catalog.=) $1",
                    customers_name(customers), psprintf(kAddition, "$2", "$3", "$4"));
  });
  const Datum values[] = {UUIDPGetDatum(&delta.customer), Int64GetDatum(delta.orders),
                          spent_of(delta), Int64GetDatum(delta.points)};
  return run(plan, values);
}

void lock_many(Datum ids, Oid customers) {
  const PlanKey key = {customers, InvalidOid, Purpose::kLockMany, 1};
  SPIPlanPtr plan = saved_plan(key, {UUIDARRAYOID}, [&] {
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

Columns columns_of(const Changes &changes) {
  const std::size_t size = sizeof(Datum) * changes.count;
  Columns columns = {static_cast<Datum *>(palloc(size)), static_cast<Datum *>(palloc(size)),
                     static_cast<Datum *>(palloc(size)), static_cast<Datum *>(palloc(size))};
  for (int i = 0; i < changes.count; ++i) {
    const Delta &delta = changes.deltas[i];
    columns.ids[i] = UUIDPGetDatum(&delta.customer);
    columns.orders[i] = Int64GetDatum(delta.orders);
    columns.spent[i] = spent_of(delta);
    columns.points[i] = Int64GetDatum(delta.points);
  }
  return columns;
}

std::uint64_t add_to_many(const Changes &changes, Oid customers) {
  const Columns columns = columns_of(changes);
  const int count = changes.count;
  const Datum values[] = {
      array_of(columns.ids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR),
      array_of(columns.orders, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE),
      array_of(columns.spent, count, NUMERICOID, -1, false, TYPALIGN_INT),
      array_of(columns.points, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)};
  lock_many(values[0], customers);

  const PlanKey key = {customers, InvalidOid, Purpose::kAddToMany, 1};
  SPIPlanPtr plan =
      saved_plan(key, {UUIDARRAYOID, INT8ARRAYOID, NUMERICARRAYOID, INT8ARRAYOID}, [&] {
        return psprintf(
            "UPDATE %s AS c SET %s FROM ROWS FROM (pg_catalog.unnest($1),"
            " pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))"
            " AS d (id, orders, spent, points)"
            " WHERE c.id OPERATOR(pg_catalog.=) d.id",
            customers_name(customers), psprintf(kAddition, "d.orders", "d.spent", "d.points"));
      });
  return run(plan, values);
}

bool indexes_alone(Oid index, AttrNumber column) {
  HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
  const auto *form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
  const bool alone = form->indnatts == 1 && form->indkey.values[0] == column && form->indisunique &&
                     form->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, nullptr);
  ReleaseSysCache(tuple);
  return alone;
}

// The unique index of the id; InvalidOid makes a scan read the table itself.
Oid index_of_id(Relation customers, AttrNumber id) {
  ListCell *cell;
  foreach (cell, RelationGetIndexList(customers))
    if (indexes_alone(lfirst_oid(cell), id)) return lfirst_oid(cell);
  return InvalidOid;
}

// How many of the changed customers a snapshot has, row security or not.
std::uint64_t count_there(const Changes &changes, Relation customers, Snapshot snapshot) {
  const AttrNumber id = get_attnum(RelationGetRelid(customers), "id");
  const Oid index = index_of_id(customers, id);
  std::uint64_t there = 0;
  for (int i = 0; i < changes.count; ++i) {
    ScanKeyData key;
    ScanKeyInit(&key, id, BTEqualStrategyNumber, F_UUID_EQ,
                UUIDPGetDatum(&changes.deltas[i].customer));
    SysScanDesc scan = systable_beginscan(customers, index, OidIsValid(index), snapshot, 1, &key);
    if (HeapTupleIsValid(systable_getnext(scan))) ++there;
    systable_endscan(scan);
  }
  return there;
}

// Fewer rows were written than asked for. A customer that was deleted has no totals to keep; one
// that row security or a trigger of the application hides would silently miss orders, and so would
// one that was made after the snapshot of a REPEATABLE READ transaction.
void explain_missing(const Changes &changes, std::uint64_t written, Oid customers) {
  if (get_rel_relkind(customers) != RELKIND_RELATION) return;
  Relation relation = table_open(customers, AccessShareLock);
  Snapshot latest = RegisterSnapshot(GetLatestSnapshot());
  const bool missed = count_there(changes, relation, latest) > written;
  UnregisterSnapshot(latest);
  const bool too_new = missed && IsolationUsesXactSnapshot() &&
                       count_there(changes, relation, GetTransactionSnapshot()) <= written;
  table_close(relation, AccessShareLock);
  if (!missed) return;
  if (too_new)
    ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
            errmsg("could not serialize access due to concurrent update"));
  ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
          errmsg("the totals of a customer cannot be written"),
          errdetail("Row security or a trigger on %s hides rows from role %s, the owner of the "
                    "orders table.",
                    relation_name(customers), GetUserNameFromId(GetUserId(), false)),
          errhint("Let that role update every row of customers, or give both tables one owner."));
}

}  // namespace

Deltas new_deltas() {
  Deltas deltas;
  deltas.memory = AllocSetContextCreate(CurrentMemoryContext, "customer_identity deltas",
                                        ALLOCSET_DEFAULT_SIZES);
  HASHCTL shape = {};
  shape.keysize = sizeof(pg_uuid_t);
  shape.entrysize = sizeof(Delta);
  shape.hcxt = deltas.memory;
  deltas.by_customer =
      hash_create("customer_identity deltas", 64, &shape, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
  return deltas;
}

void add_order(Deltas &deltas, const pg_uuid_t &customer, Numeric amount, std::int64_t points,
               int sign) {
  bool known;
  auto *delta =
      static_cast<Delta *>(hash_search(deltas.by_customer, &customer, HASH_ENTER, &known));
  if (!known) {
    delta->orders = 0;
    delta->spent = nullptr;
    delta->points = 0;
  }
  delta->orders += sign;
  if (pg_add_s64_overflow(delta->points, sign * points, &delta->points))
    ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("bigint out of range"),
            errdetail("The points of one statement's orders do not fit."));
  if (amount == nullptr) return;

  MemoryContext caller = MemoryContextSwitchTo(deltas.memory);
  Numeric before = delta->spent == nullptr ? int64_to_numeric(0) : delta->spent;
  delta->spent = sign > 0 ? numeric_add_opt_error(before, amount, nullptr)
                          : numeric_sub_opt_error(before, amount, nullptr);
  pfree(before);
  MemoryContextSwitchTo(caller);
}

void apply(const Deltas &deltas, Oid customers) {
  const Changes changes = changes_of(deltas);
  if (changes.count > 0) {
    const std::uint64_t written = changes.count == 1 ? add_to_one(changes.deltas[0], customers)
                                                     : add_to_many(changes, customers);
    if (written < static_cast<std::uint64_t>(changes.count))
      explain_missing(changes, written, customers);
  }
  MemoryContextDelete(deltas.memory);
}

}  // namespace customer_identity
