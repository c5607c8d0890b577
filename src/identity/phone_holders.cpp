// Primary phones are in one table and further ones in another: no index keeps them unique together.
// Who writes either inserts first and then looks at the other table with a dirty snapshot, as an
// exclusion constraint does. Who gives a customer its primary phone waits for a rival; who adds a
// further phone never does, so no two wait for each other.
#include "identity/phone_holders.hpp"

#include "book/book.hpp"
#include "book/computed_ids.hpp"
#include "identity/customers.hpp"
#include "pg/direct_lookup.hpp"
#include "pg/errors.hpp"
#include "pg/majors.hpp"
#include "pg/owner.hpp"
#include "pg/plans.hpp"
#include "pg/relation_cache.hpp"
#include "pg/relations.hpp"
#include "pg/shards.hpp"

namespace customer_identity {
namespace {

// A table whose rows a phone leads to: by which column, where, and what ends it.
struct Shape {
  const char *key;     // a column
  Oid key_type;        // text, or the uuid that is computed from the phone
  const char *wanted;  // a column
  Oid type;            // of the wanted column
  const char *ended;   // a column that is NULL while the row counts; NULL: it always does
};

constexpr Shape kCustomers = {"phone", TEXTOID, "id", UUIDOID, nullptr};
constexpr Shape kFirstIds = {"id", UUIDOID, "id", UUIDOID, nullptr};
constexpr Shape kFurtherPhones = {"phone", TEXTOID, "customer_id", UUIDOID, "until"};
constexpr Shape kRules = {"phone", TEXTOID, "rule", TEXTOID, nullptr};

struct Target {
  bool is_usable;
  AttrNumber key;
  Oid key_type;
  AttrNumber wanted;
  AttrNumber ended;  // 0: rows always count
  IndexKey index;    // none: the table is scanned
};

void resolve(Target &target, Relation table, const Shape &shape) {
  const Oid relation = RelationGetRelid(table);
  target.key = get_attnum(relation, shape.key);
  target.key_type = shape.key_type;
  target.wanted = get_attnum(relation, shape.wanted);
  target.ended = shape.ended == nullptr ? AttrNumber(0) : get_attnum(relation, shape.ended);
  target.is_usable = target.key > 0 && target.wanted > 0 &&
                     get_atttype(relation, target.wanted) == shape.type &&
                     table->rd_rel->relkind == RELKIND_RELATION &&
                     table->rd_tableam == GetHeapamTableAmRoutine() &&
                     (shape.ended == nullptr || target.ended > 0);
  if (target.is_usable)
    target.index = unique_index_of(table, target.key, shape.key_type, Coverage::kSomeRows);
}

const Target &target_of(Relation table, const Shape &shape) {
  const CacheKey key = {RelationGetRelid(table), InvalidOid, shape.key_type};
  return *kept<Target>(key, [&](Target &target, Reading &) { resolve(target, table, shape); });
}

// A row that counts for a phone, as a scan comes by it.
struct Found {
  bool found;
  Datum value;  // of the wanted column, copied
};

struct Search {
  Relation table;
  const Target &target;
  Datum key;
  Snapshot snapshot;
};

bool counts(const Search &search, TupleTableSlot *row) {
  bool is_null;
  if (search.target.ended != 0) {
    slot_getattr(row, search.target.ended, &is_null);
    if (!is_null) return false;
  }
  const Datum key = slot_getattr(row, search.target.key, &is_null);
  if (is_null) return false;
  return DatumGetBool(search.target.key_type == UUIDOID
                          ? DirectFunctionCall2(uuid_eq, key, search.key)
                          : DirectFunctionCall2Coll(texteq, C_COLLATION_OID, key, search.key));
}

Found found_in(const Search &search, TupleTableSlot *row) {
  bool is_null;
  const Datum value = slot_getattr(row, search.target.wanted, &is_null);
  const FormData_pg_attribute *column =
      TupleDescAttr(RelationGetDescr(search.table), search.target.wanted - 1);
  return {!is_null, is_null ? value : datumCopy(value, column->attbyval, column->attlen)};
}

template <typename Next>
Found first_that_counts(const Search &search, TupleTableSlot *row, Next &&next) {
  Found found = {};
  while (!found.found && next()) {
    CHECK_FOR_INTERRUPTS();
    if (counts(search, row)) found = found_in(search, row);
  }
  return found;
}

Found by_index(const Search &search, TupleTableSlot *row) {
  Relation index = index_open(search.target.index.index, AccessShareLock);
  IndexScanDesc scan = begin_scan(search.table, index, search.snapshot);
  const IndexKey &key = search.target.index;
  ScanKeyData condition;
  ScanKeyEntryInitialize(&condition, 0, 1, BTEqualStrategyNumber, search.target.key_type,
                         key.collation, key.equals, search.key);
  index_rescan(scan, &condition, 1, nullptr, 0);
  const Found found = first_that_counts(
      search, row, [&] { return index_getnext_slot(scan, ForwardScanDirection, row); });
  index_endscan(scan);
  index_close(index, NoLock);
  return found;
}

Found by_scan(const Search &search, TupleTableSlot *row) {
  TableScanDesc scan = majors::begin_table_scan(search.table, search.snapshot);
  const Found found = first_that_counts(
      search, row, [&] { return table_scan_getnextslot(scan, ForwardScanDirection, row); });
  table_endscan(scan);
  return found;
}

Found search(Oid relation, const Shape &shape, const char *e164, Snapshot snapshot) {
  Relation table = OidIsValid(relation) ? try_table_open(relation, AccessShareLock) : nullptr;
  if (table == nullptr) return {};
  Found found = {};
  if (RelationGetNumberOfBlocks(table) > 0) {
    const Target &target = target_of(table, shape);
    if (target.is_usable) {
      TupleTableSlot *row = table_slot_create(table, nullptr);
      const pg_uuid_t id = shape.key_type == UUIDOID ? computed_id(e164, 0) : kNobody;
      const Datum key = shape.key_type == UUIDOID ? UUIDPGetDatum(&id) : CStringGetTextDatum(e164);
      const Search wanted = {table, target, key, snapshot};
      found = OidIsValid(target.index.index) ? by_index(wanted, row) : by_scan(wanted, row);
      ExecDropSingleTupleTableSlot(row);
    }
  }
  table_close(table, NoLock);
  return found;
}

// What a transaction that is not over is about to make or to end; none: InvalidTransactionId.
TransactionId unfinished(const SnapshotData &dirty) {
  return TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
}

// As search(), once nobody is changing what it finds.
Found search_settled(Oid relation, const Shape &shape, const char *e164) {
  for (;;) {
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    const Found found = search(relation, shape, e164, &dirty);
    if (!found.found || !TransactionIdIsValid(unfinished(dirty))) return found;
    XactLockTableWait(unfinished(dirty), nullptr, nullptr, XLTW_None);
  }
}

bool is_nobody(const Found &rule) { return strcmp(TextDatumGetCString(rule.value), "nobody") == 0; }

// Of rules that other nodes have copies of, and this one has not.
bool is_nobody_elsewhere(Oid rules, const char *e164) {
  const Visit owner = visit(owner_of(rules));
  SPI_connect();
  SPIPlanPtr plan = saved_plan({rules}, {TEXTOID}, [&] {
    return psprintf(
        "SELECT FROM %s WHERE phone OPERATOR(pg_catalog.=) $1"
        " AND rule OPERATOR(pg_catalog.=) 'nobody'",
        relation_name(rules));
  });
  const Datum phone = CStringGetTextDatum(e164);
  const bool found = run_on_latest(plan, &phone) > 0;
  SPI_finish();
  leave(owner);
  return found;
}

template <typename Look>
bool names_nobody_by(Oid rules, const char *e164, Look &&look) {
  if (OidIsValid(rules) && is_distributed(rules)) return is_nobody_elsewhere(rules, e164);
  const Found rule = look(rules, kRules);
  return rule.found && is_nobody(rule);
}

template <typename Look>
Holder holder_by(Oid customers, const char *e164, Look &&look) {
  Holder holder = {};
  if (!has_computed_ids(customers)) {
    const Found further = look(find_companion(customers, "customer_phones"), kFurtherPhones);
    if (further.found) return {Holder::Kind::kCustomer, *DatumGetUUIDP(further.value)};
  }
  if (names_nobody_by(copy_here(find_companion(customers, "phone_rules")), e164, look))
    holder.kind = Holder::Kind::kNobody;
  return holder;
}

void refuse_unfinished(const SnapshotData &dirty) {
  if (TransactionIdIsValid(unfinished(dirty)))
    ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE),
            errmsg("another transaction is changing whom the phone leads to"),
            errhint("Try again when it has ended."));
}

[[noreturn]] void refuse_holder(const char *e164, const pg_uuid_t &customer) {
  ereport(ERROR, errcode(kConflict), errmsg("the phone is another customer's"),
          errdetail("Phone %s leads to customer %s.", e164,
                    DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&customer)))),
          errhint("customer_identity.merge_customers() makes two customers one; release_phone() "
                  "frees the number."));
  pg_unreachable();
}

bool is_same(const pg_uuid_t &one, const pg_uuid_t *other) {
  return other != nullptr && memcmp(&one, other, sizeof(one)) == 0;
}

// Raises when the phone leads to another customer, in the table of that shape.
void refuse_other_customer(Oid relation, const Shape &shape, const char *e164,
                           const pg_uuid_t *customer) {
  SnapshotData dirty;
  InitDirtySnapshot(dirty);
  const Found rival = search(relation, shape, e164, &dirty);
  if (!rival.found || is_same(*DatumGetUUIDP(rival.value), customer)) return;
  refuse_unfinished(dirty);
  refuse_holder(e164, *DatumGetUUIDP(rival.value));
}

// Where ids are computed: others who give the number to somebody for the first time. Later ones are
// waited for at the row of its first id, which these are about to make.
void refuse_first_row_under_way(Oid customers, const char *e164) {
  SnapshotData dirty;
  InitDirtySnapshot(dirty);
  if (search(customers, kFirstIds, e164, &dirty).found) refuse_unfinished(dirty);
}

// Of a number of computed ids, by what has been committed.
bool other_holder(Oid customers, const char *e164, const pg_uuid_t &customer, pg_uuid_t *holder) {
  const Oid further = find_companion(customers, "customer_phones");
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID, UUIDOID}, [&] {
    const char *of_further =
        OidIsValid(further)
            ? psprintf(
                  " UNION ALL SELECT customer_id FROM %s WHERE phone OPERATOR(pg_catalog.=) $1"
                  " AND customer_id OPERATOR(pg_catalog.<>) $2 AND until IS NULL",
                  relation_name(further))
            : "";
    return psprintf(
        "SELECT id FROM %s WHERE phone OPERATOR(pg_catalog.=) $1"
        " AND id OPERATOR(pg_catalog.<>) $2%s LIMIT 1",
        customers_name(customers), of_further);
  });
  const Datum values[] = {CStringGetTextDatum(e164), UUIDPGetDatum(&customer)};
  return run_on_latest(plan, values) > 0 && first_uuid(holder);
}

// A further phone of computed ids whose own id is free would get a second customer by an order.
void require_reserved(Oid customers, const char *e164) {
  const pg_uuid_t id = computed_id(e164, 0);
  SPI_connect();
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf("SELECT FROM %s WHERE id OPERATOR(pg_catalog.=) $1", customers_name(customers));
  });
  const Datum value = UUIDPGetDatum(&id);
  const bool is_reserved = run_on_latest(plan, &value) > 0;
  SPI_finish();
  if (is_reserved) return;
  ereport(ERROR, errcode(kConflict), errmsg("the id of the phone is not kept free"),
          errdetail("An order with the id of phone %s would make a customer of it.", e164),
          errhint("customer_identity.add_phone() makes it a further phone."));
}

void refuse_rule(Oid customers, const char *e164) {
  SnapshotData dirty;
  InitDirtySnapshot(dirty);
  const Found rule = search(find_companion(customers, "phone_rules"), kRules, e164, &dirty);
  if (!rule.found || !is_nobody(rule)) return;
  refuse_unfinished(dirty);
  ereport(ERROR, errcode(kConflict), errmsg("the phone names nobody"),
          errdetail("Phone %s has the rule nobody.", e164),
          errhint("customer_identity.set_phone_rule() with a NULL rule takes it away."));
}

}  // namespace

Holder holder_of(Oid customers, const char *e164) {
  CommandCounterIncrement();
  PushActiveSnapshot(GetLatestSnapshot());
  const Holder holder = holder_by(customers, e164, [&](Oid relation, const Shape &shape) {
    return search(relation, shape, e164, GetActiveSnapshot());
  });
  PopActiveSnapshot();
  return holder;
}

bool hold_rule_nobody(Oid customers, const char *e164) {
  const Oid rules = copy_here(find_companion(customers, "phone_rules"));
  const Visit owner = visit(owner_of(rules));
  SPI_connect();
  SPIPlanPtr plan = saved_plan({rules}, {TEXTOID}, [&] {
    return psprintf(
        "SELECT FROM %s WHERE phone OPERATOR(pg_catalog.=) $1"
        " AND rule OPERATOR(pg_catalog.=) 'nobody' FOR KEY SHARE",
        relation_name(rules));
  });
  const Datum phone = CStringGetTextDatum(e164);
  const bool held = run_on_latest(plan, &phone) > 0;
  SPI_finish();
  leave(owner);
  return held;
}

Holder holder_seen(Oid customers, const char *e164) {
  return holder_by(customers, e164, [&](Oid relation, const Shape &shape) {
    return search(relation, shape, e164, GetActiveSnapshot());
  });
}

Holder rival_of(Oid customers, const char *e164) {
  CommandCounterIncrement();
  return holder_by(customers, e164, [&](Oid relation, const Shape &shape) {
    return search_settled(relation, shape, e164);
  });
}

bool further_holder(Oid customers, const char *e164, decltype(run) execute, pg_uuid_t *customer) {
  if (!has_computed_ids(customers)) {
    const Holder holder =
        execute == look_up ? holder_seen(customers, e164) : holder_of(customers, e164);
    *customer = holder.customer;
    return holder.kind == Holder::Kind::kCustomer;
  }
  const Oid further = find_companion(customers, "customer_phones");
  if (!OidIsValid(further)) return false;
  const Visit owner = visit(owner_of(further));
  SPI_connect();
  SPIPlanPtr plan = saved_plan({further}, {TEXTOID}, [&] {
    return psprintf(
        "SELECT customer_id FROM %s WHERE phone OPERATOR(pg_catalog.=) $1 AND until IS NULL",
        relation_name(further));
  });
  const Datum phone = CStringGetTextDatum(e164);
  const bool found = execute(plan, &phone, nullptr) > 0 && first_uuid(customer);
  SPI_finish();
  leave(owner);
  return found;
}

bool is_further_phone(Oid customers, const pg_uuid_t &customer, const char *e164) {
  if (!has_computed_ids(customers)) {
    const Holder holder = holder_of(customers, e164);
    return holder.kind == Holder::Kind::kCustomer && is_same(holder.customer, &customer);
  }
  const Oid further = find_companion(customers, "customer_phones");
  if (!OidIsValid(further)) return false;
  const Visit owner = visit(owner_of(further));
  SPI_connect();
  SPIPlanPtr plan = saved_plan({further}, {UUIDOID, TEXTOID}, [&] {
    return psprintf(
        "SELECT FROM %s WHERE customer_id OPERATOR(pg_catalog.=) $1"
        " AND phone OPERATOR(pg_catalog.=) $2 AND until IS NULL",
        relation_name(further));
  });
  const Datum values[] = {UUIDPGetDatum(&customer), CStringGetTextDatum(e164)};
  const bool found = run_on_latest(plan, values) > 0;
  SPI_finish();
  leave(owner);
  return found;
}

void refuse_other_holder(Oid customers, const char *e164, const pg_uuid_t &customer) {
  take_turn_at_number(customers, e164, 1);
  const Visit owner = visit(owner_of(customers));
  SPI_connect();
  pg_uuid_t holder;
  if (other_holder(customers, e164, customer, &holder)) refuse_holder(e164, holder);
  SPI_finish();
  leave(owner);
}

void refuse_rival(Oid customers, const char *e164, const pg_uuid_t *customer) {
  CommandCounterIncrement();
  if (has_computed_ids(customers)) {
    refuse_first_row_under_way(customers, e164);
    refuse_other_holder(customers, e164, customer == nullptr ? kNobody : *customer);
    if (customer == nullptr) return;
    refuse_rule(customers, e164);
    // Whether its own id is kept free cannot be seen from where the customer's rows are.
    if (!is_shard(customers)) require_reserved(customers, e164);
    return;
  }
  refuse_other_customer(customers, kCustomers, e164, customer);
  if (customer == nullptr)
    refuse_other_customer(find_companion(customers, "customer_phones"), kFurtherPhones, e164,
                          nullptr);
  else
    refuse_rule(customers, e164);
}

}  // namespace customer_identity
