// guard_phone: trigger of customer_phones and phone_rules. A phone leads to one customer at most:
// what is written there must not be another customer's primary phone.
#include "identity/phone_holders.hpp"
#include "pg/owner.hpp"
#include "pg/postgres.hpp"
#include "pg/relations.hpp"
#include "pg/shards.hpp"
#include "pg/trigger_call.hpp"

namespace customer_identity {
namespace {

bool is_given(HeapTuple row, Relation table, const char *column, Oid type, Datum *value) {
  const AttrNumber number = get_attnum(RelationGetRelid(table), column);
  if (number <= 0 || getBaseType(get_atttype(RelationGetRelid(table), number)) != type)
    return false;
  bool is_null;
  *value = heap_getattr(row, number, RelationGetDescr(table), &is_null);
  return !is_null;
}

bool has_phone(HeapTuple row, Relation table, Datum *phone) {
  return is_given(row, table, "phone", VARCHAROID, phone) ||
         is_given(row, table, "phone", TEXTOID, phone);
}

void guard(HeapTuple row, Relation table) {
  Datum phone;
  Datum value;
  if (!has_phone(row, table, &phone) || is_given(row, table, "until", TIMESTAMPTZOID, &value))
    return;
  if (is_given(row, table, "rule", TEXTOID, &value) &&
      strcmp(TextDatumGetCString(value), "nobody") != 0)
    return;
  const Oid customers = table_beside(RelationGetRelid(table),
                                     get_relname_relid("customers", RelationGetNamespace(table)));
  // A table of somebody else is none of the book's, and must not tell whose a phone is.
  if (!OidIsValid(customers) || owner_of(customers) != table->rd_rel->relowner) return;
  // Every node writes its copy of the rules, and has a part of the customers.
  if (is_shard(RelationGetRelid(table)) && is_distributed(customers)) return;
  const bool has_customer = is_given(row, table, "customer_id", UUIDOID, &value);
  const Actor before = act_as(table->rd_rel->relowner);
  refuse_rival(customers, TextDatumGetCString(phone),
               has_customer ? DatumGetUUIDP(value) : nullptr);
  act_again_as(before);
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(guard_phone) {
  const TriggerData *call =
      trigger_call(fcinfo, {kAfterRow | TRIGGER_EVENT_INSERT, kAfterRow | TRIGGER_EVENT_UPDATE});
  guard(TRIGGER_FIRED_BY_UPDATE(call->tg_event) ? call->tg_newtuple : call->tg_trigtuple,
        call->tg_relation);
  return Datum(0);
}

}  // namespace customer_identity
