// adjust_points and redeem_points: every change of a balance that is not an order's is an entry.
#include "identity/can_see_customer.hpp"
#include "history/history.hpp"
#include "identity/merges.hpp"
#include "book/book.hpp"
#include "book/computed_ids.hpp"
#include "pg/errors.hpp"
#include "pg/given_text.hpp"
#include "pg/owner.hpp"
#include "phones/phone_reader.hpp"
#include "pg/plans.hpp"
#include "pg/postgres.hpp"
#include "pg/row_id.hpp"
#include "totals/pending_totals.hpp"

namespace customer_identity {
namespace {

struct Entry {
  Oid customers;
  pg_uuid_t customer;
  std::int64_t points;  // negative: redeemed or corrected
  const char *reason;
  const char *idempotency_key;  // NULL: every call counts
  const char *actor;            // NULL: unknown
};

char *uuid_text(const pg_uuid_t &id) {
  return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&id)));
}

std::int64_t lock_balance(Entry &entry) {
  SPIPlanPtr plan = saved_plan({entry.customers}, {UUIDOID}, [&] {
    return psprintf(
        "SELECT CAST(COALESCE(loyalty_points, 0) AS pg_catalog.int8) FROM %s"
        " WHERE id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE",
        customers_name(entry.customers));
  });
  const Datum values[] = {UUIDPGetDatum(&entry.customer)};
  if (run(plan, values) == 0) {
    if (follow_merges(entry.customers, &entry.customer)) return lock_balance(entry);
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no such customer"),
            errdetail("No customer has the id %s.", uuid_text(entry.customer)),
            errhint("customer_identity.find_customer() finds a customer by phone."));
  }
  bool is_null;
  return DatumGetInt64(first_value(&is_null));
}

// Where a row is placed by its customer, a key is unique for each.
const char *key_of_entries(const Entry &entry) {
  return has_computed_ids(entry.customers) ? "customer_id, idempotency_key" : "idempotency_key";
}

// Whether the key was used before; for something else it is an error.
bool was_entered(const Entry &entry) {
  if (entry.idempotency_key == nullptr) return false;
  SPIPlanPtr plan = saved_plan({entry.customers}, {TEXTOID, UUIDOID, INT8OID}, [&] {
    return psprintf(
        "SELECT customer_id OPERATOR(pg_catalog.=) $2"
        " AND points OPERATOR(pg_catalog.=) $3 FROM %s"
        " WHERE idempotency_key OPERATOR(pg_catalog.=) $1%s",
        entries_name(entry.customers),
        has_computed_ids(entry.customers) ? " AND customer_id OPERATOR(pg_catalog.=) $2" : "");
  });
  const Datum values[] = {CStringGetTextDatum(entry.idempotency_key),
                          UUIDPGetDatum(&entry.customer), Int64GetDatum(entry.points)};
  if (run(plan, values) == 0) return false;
  bool is_null;
  if (DatumGetBool(first_value(&is_null)) && !is_null) return true;
  ereport(ERROR, errcode(kConflict), errmsg("the idempotency key was used for something else"),
          errdetail("Key \"%s\" belongs to an entry of another customer or number of points.",
                    shown(entry.idempotency_key)),
          errhint("Use a separate key for each change of points."));
  pg_unreachable();
}

SPIPlanPtr insert_plan_of(const Entry &entry, const RowId &id) {
  return saved_plan({entry.customers, InvalidOid, id.type},
                    {UUIDOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, id.type}, [&] {
                      return psprintf(
                          "INSERT INTO %s (customer_id, points, reason, idempotency_key, actor%s)"
                          " OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5%s)"
                          " ON CONFLICT (%s) DO NOTHING",
                          entries_name(entry.customers), id_column(id), id_value(id, 6),
                          key_of_entries(entry));
                    });
}

// False: another session has used the key meanwhile, for the same.
bool insert_entry(const Entry &entry) {
  const RowId id = new_row_id(find_companion(entry.customers, "loyalty_entries"));
  const bool keyed = entry.idempotency_key != nullptr;
  const bool signed_off = entry.actor != nullptr;
  const Datum values[] = {UUIDPGetDatum(&entry.customer),
                          Int64GetDatum(entry.points),
                          CStringGetTextDatum(entry.reason),
                          keyed ? CStringGetTextDatum(entry.idempotency_key) : Datum(0),
                          signed_off ? CStringGetTextDatum(entry.actor) : Datum(0),
                          id.value};
  const char nulls[] = {' ', ' ', ' ', keyed ? ' ' : 'n', signed_off ? ' ' : 'n', ' ', '\0'};
  if (run(insert_plan_of(entry, id), values, nulls) > 0) return true;
  if (!was_entered(entry)) refuse_lost_row(entry.customers, "loyalty_entries");
  return false;
}

std::int64_t change_balance(const Entry &entry) {
  SPIPlanPtr plan = saved_plan({entry.customers}, {UUIDOID, INT8OID}, [&] {
    return psprintf(
        "UPDATE %s SET loyalty_points ="
        " COALESCE(loyalty_points, 0) OPERATOR(pg_catalog.+) $2"
        " WHERE id OPERATOR(pg_catalog.=) $1"
        " RETURNING CAST(loyalty_points AS pg_catalog.int8)",
        customers_name(entry.customers));
  });
  const Datum values[] = {UUIDPGetDatum(&entry.customer), Int64GetDatum(entry.points)};
  if (run(plan, values) == 0)
    ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
            errmsg("the points of a customer cannot be written"),
            errdetail("Row security or a trigger on %s prevents role %s from updating the row.",
                      relation_name(entry.customers), GetUserNameFromId(GetUserId(), false)));
  bool is_null;
  return DatumGetInt64(first_value(&is_null));
}

void record_change(const Entry &entry, const char *event, std::int64_t points,
                   std::int64_t balance) {
  write_event(entry.customers, entry.customer, event,
              {{"points", points}, {"reason", entry.reason}, {"balance", balance}}, entry.actor);
}

[[noreturn]] void not_enough(std::int64_t balance, std::int64_t wanted) {
  ereport(ERROR, errcode(kNotEnoughPoints), errmsg("not enough points"),
          errdetail("The balance is " INT64_FORMAT ", the points to redeem are " INT64_FORMAT ".",
                    balance, wanted),
          errhint("Redeem no more than the balance."));
  pg_unreachable();
}

Visit visit_entries(Oid customers) {
  return stand_in_across_nodes(customers, ACL_SELECT | ACL_UPDATE,
                               find_companion(customers, "loyalty_entries"),
                               ACL_SELECT | ACL_INSERT);
}

void require_argument(FunctionCallInfo fcinfo, int index, const char *name) {
  if (!PG_ARGISNULL(index)) return;
  ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name),
          errhint("A change of points needs a customer, a number of points and a reason."));
}

// Its customers are InvalidOid where another node has the book; `value` is what that returned.
Entry entry_of(FunctionCallInfo fcinfo, const TextLimit &actor, Datum *value) {
  require_argument(fcinfo, 0, "customer_id");
  require_argument(fcinfo, 1, "points");
  require_argument(fcinfo, 2, "reason");
  return {book_of_call(fcinfo, 5, value),
          *PG_GETARG_UUID_P(0),
          PG_GETARG_INT64(1),
          text_argument(fcinfo, 2, kReason),
          text_argument(fcinfo, 3, kIdempotencyKey),
          text_argument(fcinfo, 4, actor)};
}

void require_sight(const Entry &entry) {
  if (entry.actor == nullptr || can_see(entry.customers, entry.actor, entry.customer)) return;
  ereport(
      ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
      errmsg("the user may not redeem the customer's points"),
      errdetail("The user is not linked to the customer or has not proved its phone."),
      errhint("Verify the phone and call customer_identity.record_proof() with the user's id."));
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(adjust_points) {
  Datum elsewhere;
  Entry entry = entry_of(fcinfo, kActor, &elsewhere);
  if (!OidIsValid(entry.customers)) return elsewhere;
  write_pending(entry.customers);
  SPI_connect();
  const Visit book = visit_entries(entry.customers);
  std::int64_t balance = lock_balance(entry);
  if (!was_entered(entry) && insert_entry(entry)) {
    balance = change_balance(entry);
    record_change(entry, "points_adjusted", entry.points, balance);
  }
  leave(book);
  SPI_finish();
  PG_RETURN_INT64(balance);
}

CUSTOMER_IDENTITY_FUNCTION(redeem_points) {
  Datum elsewhere;
  Entry entry = entry_of(fcinfo, kUserId, &elsewhere);
  if (!OidIsValid(entry.customers)) return elsewhere;
  const std::int64_t wanted = entry.points;
  if (wanted <= 0)
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("points to redeem must be greater than zero"),
            errhint("customer_identity.adjust_points() corrects a balance."));
  entry.points = -wanted;
  write_pending(entry.customers);

  SPI_connect();
  const Visit book = visit_entries(entry.customers);
  follow_merges(entry.customers, &entry.customer);
  require_sight(entry);
  std::int64_t balance = lock_balance(entry);
  if (!was_entered(entry)) {
    if (balance < wanted) not_enough(balance, wanted);
    if (insert_entry(entry)) {
      balance = change_balance(entry);
      record_change(entry, "points_redeemed", wanted, balance);
    }
  }
  leave(book);
  SPI_finish();
  PG_RETURN_INT64(balance);
}

}  // namespace customer_identity
