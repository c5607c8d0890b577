// maintain_totals: reads a statement's transition tables, sums them per customer and writes each
// customer once, now or at commit. TRUNCATE has no transition table: there the table itself is
// read.
#include "book/call_elsewhere.hpp"
#include "pg/owner.hpp"
#include "pg/shards.hpp"
#include "pg/majors.hpp"
#include "pg/trigger_call.hpp"
#include "book/trigger_setup.hpp"
#include "totals/amount.hpp"
#include "totals/customer_ids.hpp"
#include "totals/deltas.hpp"
#include "totals/order_value.hpp"
#include "totals/pending_totals.hpp"
#include "totals/write_totals.hpp"

namespace customer_identity {
namespace {

constexpr std::initializer_list<TriggerEvent> kMadeFor = {
    kAfterStatement | TRIGGER_EVENT_INSERT, kAfterStatement | TRIGGER_EVENT_UPDATE,
    kAfterStatement | TRIGGER_EVENT_DELETE, kBeforeStatement | TRIGGER_EVENT_TRUNCATE};

struct MaintainTotals : Setup {
  Column customer;
  Column amount;
  Column status;
  List *counted;  // statuses whose orders count
  Numeric points_per_unit;
  bool rate_fits;
  Amount rate;     // points_per_unit, if it fits
  bool at_commit;  // totals are written when the transaction commits
};

// attach_orders() writes no longer one; a forged one would be shown whole by the server's error.
constexpr std::size_t kMaximumRate = 64;

Numeric points_per_unit_of(Relation orders, const Arguments &arguments) {
  const char *value = value_of(arguments, "points_per_unit");
  if (value != nullptr && strlen(value) > kMaximumRate)
    setup_outdated(orders, "The points per unit have too many digits.");
  const Datum number =
      DirectFunctionCall3(numeric_in, CStringGetDatum(value == nullptr ? "1" : value),
                          ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
  return DatumGetNumeric(number);
}

bool is_at_commit(Relation orders, const char *timing) {
  if (timing == nullptr || strcmp(timing, "statement") == 0) return false;
  if (strcmp(timing, "commit") == 0) return true;
  setup_outdated(orders, "The timing is neither statement nor commit.");
}

void read_setup(MaintainTotals *setup, const TriggerData *call) {
  const Relation orders = call->tg_relation;
  const Arguments arguments = arguments_of(call->tg_trigger);
  const char *amount = value_of(arguments, "amount");
  setup->customer = customer_column(orders, arguments);
  setup->amount = column_named(orders, amount == nullptr ? "total" : amount);
  setup->status = column_named(orders, value_of(arguments, "status"));
  setup->counted = values_of(arguments, "counted");
  setup->points_per_unit = points_per_unit_of(orders, arguments);
  setup->rate_fits = read_amount(NumericGetDatum(setup->points_per_unit), NUMERICOID, &setup->rate);
  setup->at_commit = is_at_commit(orders, value_of(arguments, "timing"));
  if (!is_amount_type(setup->amount.type))
    setup_outdated(orders, "The column that holds the amount is not a number.");
}

// An order that a statement gave to another customer, or (no `has_to`) took from one.
struct Move {
  pg_uuid_t from;
  pg_uuid_t to;
  bool has_to;
};

// The rows of a statement and what they come to so far.
struct Summing {
  const MaintainTotals &setup;
  Deltas deltas;
  MemoryContext row_memory;  // for what only some rows need
  Move move;                 // the last one
  pg_uuid_t loser;           // whose totals it takes from
  bool follows_renumbered;   // whether any was taken from a customer whose id has changed
};

bool is_text(Oid type) { return type == TEXTOID || type == VARCHAROID; }

bool equals(const varlena *text, const char *other) {
  const std::size_t length = strlen(other);
  return VARSIZE_ANY_EXHDR(text) == length && memcmp(VARDATA_ANY(text), other, length) == 0;
}

bool is_counted_status(const MaintainTotals &setup, Datum value) {
  const bool compares_bytes = is_text(setup.status.type);
  const varlena *text = compares_bytes ? PG_DETOAST_DATUM_PACKED(value) : nullptr;
  const char *status = compares_bytes ? nullptr : text_of(setup.status, value);
  ListCell *cell;
  foreach (cell, setup.counted) {
    const auto *counted = static_cast<char *>(lfirst(cell));
    if (compares_bytes ? equals(text, counted) : strcmp(status, counted) == 0) return true;
  }
  return false;
}

bool is_counted(const Summing &summing, TupleTableSlot *order) {
  const MaintainTotals &setup = summing.setup;
  if (setup.status.number == 0) return true;
  bool is_null;
  const Datum value = slot_getattr(order, setup.status.number, &is_null);
  if (is_null) return false;
  MemoryContext caller = MemoryContextSwitchTo(summing.row_memory);
  const bool counted = is_counted_status(setup, value);
  MemoryContextSwitchTo(caller);
  return counted;
}

void add_exactly(Summing &summing, Delta &delta, Datum stored, int sign) {
  const MaintainTotals &setup = summing.setup;
  MemoryContext caller = MemoryContextSwitchTo(summing.row_memory);
  Numeric amount = to_numeric(stored, setup.amount.type);
  if (is_countable(amount)) {
    add_points(delta, sign * points_of(amount, setup.points_per_unit));
    add_numeric(summing.deltas, delta, amount, sign);
  }
  MemoryContextSwitchTo(caller);
}

bool customer_in(const Summing &summing, TupleTableSlot *order, pg_uuid_t *customer) {
  bool is_null;
  const Datum value = slot_getattr(order, summing.setup.customer.number, &is_null);
  if (!is_null) *customer = *DatumGetUUIDP(value);
  return !is_null;
}

void add_value(Summing &summing, const pg_uuid_t &customer, TupleTableSlot *order, int sign) {
  const MaintainTotals &setup = summing.setup;
  Delta &delta = delta_of(summing.deltas, customer);
  delta.orders += sign;

  bool is_null;
  const Datum stored = slot_getattr(order, setup.amount.number, &is_null);
  if (is_null) return;
  Amount amount;
  std::int64_t points;
  if (setup.rate_fits && read_amount(stored, setup.amount.type, &amount) &&
      multiply(amount, setup.rate, &points)) {
    add_points(delta, sign * points);
    add_units(summing.deltas, delta, amount, sign);
  } else {
    add_exactly(summing, delta, stored, sign);
  }
}

void add_row(Summing &summing, TupleTableSlot *order, int sign) {
  pg_uuid_t customer;
  if (customer_in(summing, order, &customer) && is_counted(summing, order))
    add_value(summing, customer, order, sign);
}

// A foreign key ON UPDATE moves the orders of a customer whose id changes, and one statement may
// move many.
pg_uuid_t loser_of(Summing &summing, const Move &move) {
  if (memcmp(&move, &summing.move, sizeof(Move)) == 0) return summing.loser;
  MemoryContext caller = MemoryContextSwitchTo(summing.row_memory);
  const CustomerIds ids = open_ids(summing.setup.customers);
  summing.loser = present_id(ids, move.from, move.has_to ? &move.to : nullptr);
  close_ids(ids);
  MemoryContextSwitchTo(caller);
  summing.move = move;
  if (!is_same_id(summing.loser, move.from)) summing.follows_renumbered = true;
  return summing.loser;
}

// `changed`: what the order has become.
void take_changed(Summing &summing, TupleTableSlot *order, TupleTableSlot *changed) {
  Move move = {};
  if (!customer_in(summing, order, &move.from) || !is_counted(summing, order)) return;
  move.has_to = customer_in(summing, changed, &move.to);
  const bool stays = move.has_to && is_same_id(move.from, move.to);
  add_value(summing, stays ? move.from : loser_of(summing, move), order, -1);
}

// The rows of a transition table, in the order in which the statement wrote them.
struct Rows {
  Tuplestorestate *store;  // NULL: none
  TupleTableSlot *order;
};

Rows rows_of(Tuplestorestate *store, Relation orders) {
  if (store == nullptr) return {};
  tuplestore_rescan(store);
  return {store, MakeSingleTupleTableSlot(RelationGetDescr(orders), &TTSOpsMinimalTuple)};
}

bool next(Rows &rows) {
  return rows.store != nullptr && tuplestore_gettupleslot(rows.store, true, false, rows.order);
}

void close(Rows &rows) {
  if (rows.store != nullptr) ExecDropSingleTupleTableSlot(rows.order);
}

bool is_same(const Column &column, TupleTableSlot *one, TupleTableSlot *other) {
  if (column.number == 0) return true;
  bool is_null;
  bool is_other_null;
  const Datum value = slot_getattr(one, column.number, &is_null);
  const Datum other_value = slot_getattr(other, column.number, &is_other_null);
  if (is_null || is_other_null) return is_null == is_other_null;
  const FormData_pg_attribute *attribute =
      TupleDescAttr(one->tts_tupleDescriptor, column.number - 1);
  return datum_image_eq(value, other_value, attribute->attbyval, attribute->attlen);
}

// Whether taking the one away and adding the other changes nothing, be they one order or two.
bool cancel_out(const Summing &summing, TupleTableSlot *taken, TupleTableSlot *added) {
  const MaintainTotals &setup = summing.setup;
  MemoryContext caller = MemoryContextSwitchTo(summing.row_memory);
  const bool same = is_same(setup.customer, taken, added) && is_same(setup.amount, taken, added) &&
                    is_same(setup.status, taken, added);
  MemoryContextSwitchTo(caller);
  return same;
}

void add_tables(Summing &summing, const TriggerData *call) {
  Rows old_rows = rows_of(call->tg_oldtable, call->tg_relation);
  Rows new_rows = rows_of(call->tg_newtable, call->tg_relation);
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    const bool has_old = next(old_rows);
    const bool has_new = next(new_rows);
    if (!has_old && !has_new) break;
    const bool matters =
        !has_old || !has_new || !cancel_out(summing, old_rows.order, new_rows.order);
    if (matters && has_old && has_new) take_changed(summing, old_rows.order, new_rows.order);
    if (matters && has_old && !has_new) add_row(summing, old_rows.order, -1);
    if (matters && has_new) add_row(summing, new_rows.order, 1);
    MemoryContextReset(summing.row_memory);
  }
  close(old_rows);
  close(new_rows);
}

// The rows that TRUNCATE is about to remove, seen or not by the transaction's own snapshot. A
// partitioned table has none itself: its partitions' triggers fire as well.
void take_away_all(Summing &summing, Relation orders) {
  if (orders->rd_rel->relkind != RELKIND_RELATION) return;
  Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
  TupleTableSlot *order = table_slot_create(orders, nullptr);
  TableScanDesc scan = majors::begin_table_scan(orders, snapshot);
  while (table_scan_getnextslot(scan, ForwardScanDirection, order)) {
    CHECK_FOR_INTERRUPTS();
    add_row(summing, order, -1);
    MemoryContextReset(summing.row_memory);
  }
  table_endscan(scan);
  ExecDropSingleTupleTableSlot(order);
  UnregisterSnapshot(snapshot);
}

Summing start_summing(const MaintainTotals &setup) {
  return {
      setup,
      new_deltas(),
      AllocSetContextCreate(CurrentMemoryContext, "customer_identity order", ALLOCSET_SMALL_SIZES),
      {},
      {},
      false};
}

void maintain(const TriggerData *call) {
  const MaintainTotals &setup = *setup_of<MaintainTotals>(call, read_setup);
  const Actor before = act_as(call->tg_relation->rd_rel->relowner);
  Summing summing = start_summing(setup);
  if (TRIGGER_FIRED_BY_TRUNCATE(call->tg_event))
    take_away_all(summing, call->tg_relation);
  else
    add_tables(summing, call);
  // What is pending under the old id must not wait until that is somebody else's.
  if (summing.follows_renumbered) write_pending(setup.customers);
  if (!setup.at_commit || !postpone(summing.deltas, setup.customers))
    write_totals(summing.deltas, setup.customers);
  MemoryContextDelete(summing.row_memory);
  act_again_as(before);
}

bool empties_shards(const TriggerData *call) {
  return TRIGGER_FIRED_BY_TRUNCATE(call->tg_event) &&
         call->tg_relation->rd_rel->relkind == RELKIND_RELATION &&
         is_distributed(RelationGetRelid(call->tg_relation));
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(maintain_totals) {
  const TriggerData *call = trigger_call(fcinfo, kMadeFor);
  if (empties_shards(call))
    call_before_truncate("take_away_orders", call->tg_relation,
                         setup_of<MaintainTotals>(call, read_setup)->customers);
  else
    maintain(call);
  return Datum(0);
}

CUSTOMER_IDENTITY_FUNCTION(take_away_orders) {
  Truncated truncated;
  if (!is_truncated_here(fcinfo, &truncated)) PG_RETURN_VOID();
  Relation orders = table_open(truncated.table, AccessShareLock);
  const TriggerData call = truncate_call(orders, "maintain_totals");
  if (call.tg_trigger != nullptr) maintain(&call);
  table_close(orders, NoLock);
  PG_RETURN_VOID();
}

}  // namespace customer_identity
