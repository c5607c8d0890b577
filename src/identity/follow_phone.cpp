// follow_phone: trigger of customers. A phone leads to one customer only, whoever writes it. A
// proof is about a number: it ends when the customer gets another one, or none, whoever writes it.
// Before the row is written the flag is set, after it the proofs end. Most updates of customers
// change no phone, and it returns at once.
#include "identity/customers.hpp"
#include "identity/phone_holders.hpp"
#include "identity/proofs.hpp"
#include "book/book.hpp"
#include "book/computed_ids.hpp"
#include "pg/errors.hpp"
#include "pg/owner.hpp"
#include "pg/plans.hpp"
#include "pg/postgres.hpp"
#include "pg/relation_cache.hpp"
#include "pg/trigger_call.hpp"

namespace customer_identity {
namespace {

// Where the columns are.
struct Columns {
  bool is_book;
  int id;
  int phone;
  int flag;
};

// 0: there is none of these types.
int column_of(Relation table, const char *name, Oid type, Oid other_type) {
  const AttrNumber number = get_attnum(RelationGetRelid(table), name);
  if (number <= 0) return 0;
  const Oid found = TupleDescAttr(RelationGetDescr(table), number - 1)->atttypid;
  return found == type || found == other_type ? number : 0;
}

const Columns &columns_of(Relation table) {
  return *kept<Columns>({RelationGetRelid(table)}, [&](Columns &columns, Reading &) {
    columns.id = column_of(table, "id", UUIDOID, UUIDOID);
    columns.phone = column_of(table, "phone", TEXTOID, VARCHAROID);
    columns.flag = column_of(table, "is_phone_verified", BOOLOID, BOOLOID);
    columns.is_book = columns.id > 0 && columns.phone > 0 && columns.flag > 0;
  });
}

struct Value {
  Datum datum;
  bool is_null;
};

Value value_of(HeapTuple row, Relation table, int column) {
  Value value;
  value.datum = heap_getattr(row, column, RelationGetDescr(table), &value.is_null);
  return value;
}

bool is_same_text(const Value &one, const Value &other) {
  if (one.is_null || other.is_null) return one.is_null == other.is_null;
  return datum_image_eq(one.datum, other.datum, false, -1);
}

const char *text_of(const Value &value) {
  return value.is_null ? nullptr : TextDatumGetCString(value.datum);
}

bool is_marked(const Value &flag) { return !flag.is_null && DatumGetBool(flag.datum); }

// The row as it is to be written.
HeapTuple with_flag(const TriggerData *call, const Columns &columns, bool is_proved) {
  Relation table = call->tg_relation;
  const Value flag = value_of(call->tg_newtuple, table, columns.flag);
  if (!flag.is_null && DatumGetBool(flag.datum) == is_proved) return call->tg_newtuple;
  int column = columns.flag;
  Datum value = BoolGetDatum(is_proved);
  bool is_null = false;
  return heap_modify_tuple_by_cols(call->tg_newtuple, RelationGetDescr(table), 1, &column, &value,
                                   &is_null);
}

// A customer's further phone that becomes the primary one is no further one any more.
void end_further_phone(Oid customers, const char *e164) {
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID}, [&] {
    return psprintf(
        "UPDATE %s SET until = pg_catalog.now() WHERE phone OPERATOR(pg_catalog.=) $1"
        " AND until IS NULL",
        relation_name(find_companion(customers, "customer_phones")));
  });
  const Datum value = CStringGetTextDatum(e164);
  run_on_latest(plan, &value);
}

// A row was written with this phone (NULL: none): it must lead to nobody else.
void take_phone(Oid customers, const pg_uuid_t &customer, const char *e164) {
  if (e164 == nullptr) return;
  if (has_computed_ids(customers)) refuse_other_holder(customers, e164, customer);
  const Holder holder = rival_of(customers, e164);
  if (holder.kind == Holder::Kind::kNone) return;
  if (holder.kind == Holder::Kind::kNobody)
    ereport(ERROR, errcode(kConflict), errmsg("the phone names nobody"),
            errdetail("Phone %s has the rule nobody.", e164),
            errhint("customer_identity.set_phone_rule() with a NULL rule takes it away."));
  if (memcmp(&holder.customer, &customer, sizeof(customer)) == 0)
    end_further_phone(customers, e164);
  else
    ereport(
        ERROR, errcode(kConflict), errmsg("the phone is another customer's"),
        errdetail("Phone %s is a further one of customer %s.", e164,
                  DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&holder.customer)))),
        errhint("customer_identity.merge_customers() makes two customers one."));
}

HeapTuple follow(const TriggerData *call, const Columns &columns, const Value &phone) {
  Relation table = call->tg_relation;
  const bool is_before = TRIGGER_FIRED_BEFORE(call->tg_event);
  // The id may change as well: until the row is written the proofs have the old one.
  const Value id = value_of(is_before ? call->tg_trigtuple : call->tg_newtuple, table, columns.id);
  if (id.is_null) return call->tg_newtuple;
  const pg_uuid_t customer = *DatumGetUUIDP(id.datum);
  const Oid customers = RelationGetRelid(table);
  if (is_before) return with_flag(call, columns, is_proved(customers, customer, text_of(phone)));
  take_phone(customers, customer, text_of(phone));
  follow_new_phone(customers, customer, text_of(phone),
                   is_marked(value_of(call->tg_newtuple, table, columns.flag)));
  return call->tg_newtuple;
}

// A new row that was not made by ourselves, who look for rivals anyway.
void check_inserted(const TriggerData *call, const Columns &columns) {
  const Value id = value_of(call->tg_trigtuple, call->tg_relation, columns.id);
  const char *phone = text_of(value_of(call->tg_trigtuple, call->tg_relation, columns.phone));
  if (!id.is_null && !is_adding_customer_of(phone))
    take_phone(RelationGetRelid(call->tg_relation), *DatumGetUUIDP(id.datum), phone);
}

bool changes_phone(const TriggerData *call, const Columns &columns, Value *phone) {
  Relation table = call->tg_relation;
  *phone = value_of(call->tg_newtuple, table, columns.phone);
  return !is_same_text(value_of(call->tg_trigtuple, table, columns.phone), *phone) &&
         OidIsValid(find_companion(RelationGetRelid(table), "phone_proofs"));
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(follow_phone) {
  const TriggerData *call =
      trigger_call(fcinfo, {kBeforeRow | TRIGGER_EVENT_UPDATE, kAfterRow | TRIGGER_EVENT_UPDATE,
                            kAfterRow | TRIGGER_EVENT_INSERT});
  const Columns columns = columns_of(call->tg_relation);
  const bool is_insert = TRIGGER_FIRED_BY_INSERT(call->tg_event);
  HeapTuple row = is_insert ? call->tg_trigtuple : call->tg_newtuple;
  Value phone;
  if (!columns.is_book || (!is_insert && !changes_phone(call, columns, &phone)))
    return PointerGetDatum(row);

  const Visit owner = visit(owner_of(RelationGetRelid(call->tg_relation)));
  SPI_connect();
  if (is_insert) {
    check_inserted(call, columns);
  } else {
    HeapTuple followed = follow(call, columns, phone);
    row = followed == row ? row : SPI_copytuple(followed);
  }
  SPI_finish();
  leave(owner);
  return PointerGetDatum(row);
}

}  // namespace customer_identity
