// maintain_totals: reads a statement's transition tables, sums them per customer and writes each
// customer once. TRUNCATE has no transition table, so there the table itself is read.
#include "pg/book.hpp"
#include "pg/owner.hpp"
#include "pg/postgres.hpp"
#include "pg/trigger_setup.hpp"
#include "totals/deltas.hpp"
#include "totals/order_value.hpp"

namespace customer_identity {
namespace {

struct MaintainTotals : Setup {
  Column customer;
  Column amount;
  Column status;
  List *counted;  // statuses whose orders count
  Numeric points_per_unit;
};

Numeric points_per_unit_of(const Arguments &arguments) {
  const char *value = value_of(arguments, "points_per_unit");
  const Datum number =
      DirectFunctionCall3(numeric_in, CStringGetDatum(value == nullptr ? "1" : value),
                          ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
  return DatumGetNumeric(number);
}

void read_setup(MaintainTotals *setup, const TriggerData *call) {
  const Relation orders = call->tg_relation;
  const Arguments arguments = arguments_of(call->tg_trigger);
  const char *amount = value_of(arguments, "amount");
  setup->customer = customer_column(orders, arguments);
  setup->amount = column_named(orders, amount == nullptr ? "total" : amount);
  setup->status = column_named(orders, value_of(arguments, "status"));
  setup->counted = values_of(arguments, "counted");
  setup->points_per_unit = points_per_unit_of(arguments);
  if (!is_amount_type(setup->amount.type))
    setup_outdated(orders, "The column that holds the amount is not a number.");
}

// The rows of a statement and what they come to so far.
struct Summing {
  const MaintainTotals &setup;
  Deltas deltas;
  MemoryContext row_memory;
};

bool is_counted(const MaintainTotals &setup, TupleTableSlot *order) {
  if (setup.status.number == 0) return true;
  bool is_null;
  const Datum value = slot_getattr(order, setup.status.number, &is_null);
  if (is_null) return false;
  const char *status = text_of(setup.status, value);
  ListCell *cell;
  foreach (cell, setup.counted)
    if (strcmp(status, static_cast<char *>(lfirst(cell))) == 0) return true;
  return false;
}

void add_row(Summing &summing, TupleTableSlot *order, int sign) {
  const MaintainTotals &setup = summing.setup;
  bool is_null;
  const Datum customer = slot_getattr(order, setup.customer.number, &is_null);
  if (is_null || !is_counted(setup, order)) return;

  const Datum stored = slot_getattr(order, setup.amount.number, &is_null);
  Numeric amount = is_null ? nullptr : to_numeric(stored, setup.amount.type);
  if (amount != nullptr && !is_countable(amount)) amount = nullptr;
  const std::int64_t points = amount == nullptr ? 0 : points_of(amount, setup.points_per_unit);
  add_order(summing.deltas, *DatumGetUUIDP(customer), amount, points, sign);
}

void add_table(Summing &summing, Tuplestorestate *rows, Relation orders, int sign) {
  TupleTableSlot *order = MakeSingleTupleTableSlot(RelationGetDescr(orders), &TTSOpsMinimalTuple);
  MemoryContext caller = MemoryContextSwitchTo(summing.row_memory);
  tuplestore_rescan(rows);
  while (tuplestore_gettupleslot(rows, true, false, order)) {
    add_row(summing, order, sign);
    ExecClearTuple(order);  // a row that was spilled lies in row_memory
    MemoryContextReset(summing.row_memory);
  }
  MemoryContextSwitchTo(caller);
  ExecDropSingleTupleTableSlot(order);
}

// The rows that TRUNCATE is about to remove, seen or not by the transaction's own snapshot. A
// partitioned table has none itself: its partitions' triggers fire as well.
void take_away_all(Summing &summing, Relation orders) {
  if (orders->rd_rel->relkind != RELKIND_RELATION) return;
  Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
  TupleTableSlot *order = table_slot_create(orders, nullptr);
  TableScanDesc scan = table_beginscan(orders, snapshot, 0, nullptr);
  MemoryContext caller = MemoryContextSwitchTo(summing.row_memory);
  while (table_scan_getnextslot(scan, ForwardScanDirection, order)) {
    add_row(summing, order, -1);
    MemoryContextReset(summing.row_memory);
  }
  MemoryContextSwitchTo(caller);
  table_endscan(scan);
  ExecDropSingleTupleTableSlot(order);
  UnregisterSnapshot(snapshot);
}

// The transition tables that this kind of statement has to have.
void require_transition_tables(const TriggerData *call) {
  const bool needs_old = !TRIGGER_FIRED_BY_INSERT(call->tg_event);
  const bool needs_new = !TRIGGER_FIRED_BY_DELETE(call->tg_event);
  if ((!needs_old || call->tg_oldtable != nullptr) && (!needs_new || call->tg_newtable != nullptr))
    return;
  ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
          errmsg("trigger \"%s\" lacks a transition table", call->tg_trigger->tgname),
          errhint("customer_identity.attach_orders() makes the triggers."));
}

void sum_statement(Summing &summing, const TriggerData *call) {
  if (TRIGGER_FIRED_BY_TRUNCATE(call->tg_event)) {
    take_away_all(summing, call->tg_relation);
    return;
  }
  require_transition_tables(call);
  if (call->tg_oldtable != nullptr) add_table(summing, call->tg_oldtable, call->tg_relation, -1);
  if (call->tg_newtable != nullptr) add_table(summing, call->tg_newtable, call->tg_relation, 1);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(maintain_totals) {
  const TriggerData *call = trigger_call(fcinfo, false);
  const MaintainTotals &setup = *setup_of<MaintainTotals>(call, read_setup);

  const Actor before = act_as(call->tg_relation->rd_rel->relowner);
  SPI_connect();
  Summing summing = {
      setup, new_deltas(),
      AllocSetContextCreate(CurrentMemoryContext, "customer_identity order", ALLOCSET_SMALL_SIZES)};
  sum_statement(summing, call);
  apply(summing.deltas, setup.customers);
  SPI_finish();
  act_again_as(before);
  PG_RETURN_POINTER(nullptr);
}

}  // namespace customer_identity
