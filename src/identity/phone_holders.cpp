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

// A table with a phone column: where a row leads, and what ends it.
struct Shape {
  const char *wanted;  // a column
  Oid type;            // of the wanted column
  const char *ended;   // a column that is NULL while the row counts; NULL: it always does
};

constexpr Shape kCustomers = {"id", UUIDOID, nullptr};
constexpr Shape kFurtherPhones = {"customer_id", UUIDOID, "until"};
constexpr Shape kRules = {"rule", TEXTOID, nullptr};

struct Target {
  bool is_usable;
  AttrNumber phone;
  AttrNumber wanted;
  AttrNumber ended;  // 0: rows always count
  IndexKey index;    // none: the table is scanned
};

void resolve(Target &target, Relation table, const Shape &shape) {
  const Oid relation = RelationGetRelid(table);
  target.phone = get_attnum(relation, "phone");
  target.wanted = get_attnum(relation, shape.wanted);
  target.ended = shape.ended == nullptr ? AttrNumber(0) : get_attnum(relation, shape.ended);
  target.is_usable = target.phone > 0 && target.wanted > 0 &&
                     get_atttype(relation, target.wanted) == shape.type &&
                     table->rd_rel->relkind == RELKIND_RELATION &&
                     table->rd_tableam == GetHeapamTableAmRoutine() &&
                     (shape.ended == nullptr || target.ended > 0);
  if (target.is_usable)
    target.index = unique_index_of(table, target.phone, TEXTOID, Coverage::kSomeRows);
}

const Target &target_of(Relation table, const Shape &shape) {
  const CacheKey key = {RelationGetRelid(table), InvalidOid, shape.type};
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
  Datum phone;
  Snapshot snapshot;
};

bool counts(const Search &search, TupleTableSlot *row) {
  bool is_null;
  if (search.target.ended != 0) {
    slot_getattr(row, search.target.ended, &is_null);
    if (!is_null) return false;
  }
  const Datum phone = slot_getattr(row, search.target.phone, &is_null);
  return !is_null &&
         DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID, phone, search.phone));
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
  ScanKeyEntryInitialize(&condition, 0, 1, BTEqualStrategyNumber, TEXTOID, key.collation,
                         key.equals, search.phone);
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
      const Search wanted = {table, target, CStringGetTextDatum(e164), snapshot};
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
  const Found further = look(find_companion(customers, "customer_phones"), kFurtherPhones);
  if (further.found) return {Holder::Kind::kCustomer, *DatumGetUUIDP(further.value)};
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
          errhint("customer_identity.merge_customers() makes two customers one."));
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

// As above, for primary phones of computed ids, which no index of the phones keeps unique.
void refuse_computed(Oid customers, const char *e164, const pg_uuid_t *customer) {
  pg_uuid_t rival;
  if (find_customer_of(customers, e164, Hold::kNothing, &rival) && !is_same(rival, customer))
    refuse_holder(e164, rival);
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

void refuse_rival(Oid customers, const char *e164, const pg_uuid_t *customer) {
  CommandCounterIncrement();
  if (has_computed_ids(customers))
    refuse_computed(customers, e164, customer);
  else
    refuse_other_customer(customers, kCustomers, e164, customer);
  if (customer == nullptr)
    refuse_other_customer(find_companion(customers, "customer_phones"), kFurtherPhones, e164,
                          nullptr);
  else
    refuse_rule(customers, e164);
}

CUSTOMER_IDENTITY_FUNCTION(names_nobody) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_BOOL(false);
  const Holder holder = holder_seen(PG_GETARG_OID(1), text_to_cstring(PG_GETARG_TEXT_PP(0)));
  PG_RETURN_BOOL(holder.kind == Holder::Kind::kNobody);
}

}  // namespace customer_identity
