// record_proof, revoke_proof, and what the triggers do to proofs. Whoever makes or ends a proof
// locks the customer's row first, so that is_phone_verified always tells whether a live proof
// exists.
#include "identity/proofs.hpp"

#include "identity/phone_holders.hpp"
#include "history/history.hpp"
#include "book/book.hpp"
#include "book/computed_ids.hpp"
#include "pg/given_text.hpp"
#include "pg/owner.hpp"
#include "phones/phone_reader.hpp"
#include "pg/plans.hpp"
#include "pg/row_id.hpp"

namespace customer_identity {
namespace {

// The statements below say E for OPERATOR(pg_catalog.=) to stay readable. IS DISTINCT FROM, IN and
// NULLIF would look their operator up on the search path.
#define E "OPERATOR(pg_catalog.=)"

constexpr const char *kPhoneChanged = "phone changed";

// The current user, or the owner of the book for who may write both tables.
Visit visit_proofs(Oid customers, decltype(stand_in_across_nodes) visit = stand_in) {
  return visit(customers, ACL_SELECT | ACL_UPDATE, find_companion(customers, "phone_proofs"),
               ACL_SELECT | ACL_INSERT | ACL_UPDATE);
}

// Whose live proofs of a phone there are, as an array: a condition on the customer within would be
// served by the wrong index.
char *provers(Oid customers, const char *phone, const char *condition) {
  return psprintf("ARRAY(SELECT p.customer_id FROM %s AS p WHERE p.phone " E
                  " %s AND p.ended_at IS NULL%s)",
                  proofs_name(customers), phone, condition);
}

// For provers(): where ids are computed, the proofs are beside the customer, by whom they are
// found.
const char *of_customer(Oid customers, const char *id) {
  return has_computed_ids(customers) ? psprintf(" AND p.customer_id " E " %s", id) : "";
}

enum class OwnProof { kNone, kUnmarked, kMarked };

// Whether the user has a live proof, and the customer the flag, which is about the primary phone
// alone. A proof counts for the customer it was made for, as long as that one has the phone.
OwnProof own_proof(Oid customers, const char *e164, const pg_uuid_t &customer,
                   const char *user_id) {
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID, UUIDOID, TEXTOID, BOOLOID}, [&] {
    return psprintf(
        "SELECT CAST(c.is_phone_verified AS pg_catalog.bool)"
        " OR COALESCE(c.phone OPERATOR(pg_catalog.<>) $1, true)"
        " FROM %s AS c WHERE c.id " E " $2 AND (c.phone " E " $1 OR $4) AND c.id " E " ANY (%s)",
        customers_name(customers),
        provers(customers, "$1",
                " AND (p.user_id " E " $3 OR (p.user_id IS NULL AND $3 IS NULL))"));
  });
  const Datum values[] = {CStringGetTextDatum(e164), UUIDPGetDatum(&customer), text_value(user_id),
                          BoolGetDatum(is_further_phone(customers, customer, e164))};
  if (run(plan, values, Nulls(values)) == 0) return OwnProof::kNone;
  bool is_null;
  const bool marked = DatumGetBool(first_value(&is_null)) && !is_null;
  return marked ? OwnProof::kMarked : OwnProof::kUnmarked;
}

// The ids in a uuid array, as a list.
List *ids_in(Datum array) {
  Datum *ids;
  bool *nulls;
  int count;
  deconstruct_array(DatumGetArrayTypeP(array), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &ids,
                    &nulls, &count);
  List *list = NIL;
  for (int i = 0; i < count; ++i)
    if (!nulls[i]) list = lappend(list, DatumGetUUIDP(ids[i]));
  return list;
}

// Locks customers, in the order of their ids, and writes them as they are: a transaction with an
// older snapshot, to which the proofs are others, fails (40001). In one statement, which would
// come to the locked row by way of its older version, two sessions would wait for each other. One
// by one: for many ids a plan that was made while the table was small reads all of it.
void lock_customers(Oid customers, const List *ids) {
  SPIPlanPtr lock = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf("SELECT id FROM %s WHERE id " E " $1 FOR NO KEY UPDATE",
                    customers_name(customers));
  });
  SPIPlanPtr write = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf("UPDATE %s SET updated_at = updated_at WHERE id " E " $1",
                    customers_name(customers));
  });
  ListCell *cell;
  foreach (cell, ids) {
    const Datum id = PointerGetDatum(lfirst(cell));
    run(lock, &id);
    run(write, &id);
  }
}

// The customers that have the phone, or have live proofs of it.
List *customers_of_phone(Oid customers, const char *e164) {
  pg_uuid_t further;
  const bool has_further = further_holder(customers, e164, run, &further);
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID, UUIDOID}, [&] {
    return psprintf("SELECT ARRAY(SELECT id FROM %s WHERE phone " E
                    " $1 UNION SELECT customer_id FROM %s WHERE phone " E
                    " $1 AND ended_at IS NULL UNION SELECT $2 WHERE $2 IS NOT NULL ORDER BY 1)",
                    customers_name(customers), proofs_name(customers));
  });
  const Datum values[] = {CStringGetTextDatum(e164),
                          has_further ? UUIDPGetDatum(&further) : Datum(0)};
  run(plan, values, Nulls(values));
  bool is_null;
  return ids_in(first_value(&is_null));
}

// Any conflict is an error: what is in the way is no proof of this user and customer.
void insert_proof(Oid customers, const char *e164, const pg_uuid_t &customer, const char *user_id,
                  const char *method) {
  const RowId id = new_row_id(find_companion(customers, "phone_proofs"));
  const CacheKey key = {customers, InvalidOid, id.type};
  SPIPlanPtr plan = saved_plan(key, {TEXTOID, UUIDOID, TEXTOID, TEXTOID, id.type}, [&] {
    return psprintf(
        "INSERT INTO %s (phone, customer_id, user_id, method%s) OVERRIDING SYSTEM VALUE"
        " VALUES ($1, $2, $3, $4%s)",
        proofs_name(customers), id_column(id), id_value(id, 5));
  });
  const Datum values[] = {CStringGetTextDatum(e164), UUIDPGetDatum(&customer), text_value(user_id),
                          CStringGetTextDatum(method), id.value};
  const char nulls[] = {' ', ' ', user_id == nullptr ? 'n' : ' ', ' ', ' '};
  if (run(plan, values, nulls) == 0) refuse_lost_row(customers, "phone_proofs");
}

void mark_verified(Oid customers, const pg_uuid_t &customer, const char *e164) {
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID, TEXTOID}, [&] {
    return psprintf(
        "UPDATE %s SET is_phone_verified = true, updated_at = pg_catalog.now()"
        " WHERE id " E " $1 AND phone " E " $2 AND is_phone_verified IS NOT TRUE",
        customers_name(customers));
  });
  const Datum values[] = {UUIDPGetDatum(&customer), CStringGetTextDatum(e164)};
  run(plan, values);
}

// Takes customers whose proofs have just ended.
void unmark_unproved(Oid customers, const List *ids) {
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf(
        "UPDATE %s AS c SET is_phone_verified = false, updated_at = pg_catalog.now()"
        " WHERE c.id " E
        " $1 AND c.is_phone_verified IS NOT FALSE"
        " AND c.id OPERATOR(pg_catalog.<>) ALL (%s)",
        customers_name(customers), provers(customers, "c.phone", of_customer(customers, "c.id")));
  });
  ListCell *cell;
  foreach (cell, ids) {
    const Datum id = PointerGetDatum(lfirst(cell));
    run(plan, &id);
  }
}

// What the last statement returned: the customers, and the users (NULL: a guest), of proofs that
// have ended. `actor` NULL: unknown.
void record_ends(Oid customers, const char *reason, const char *actor) {
  SPITupleTable *ended = SPI_tuptable;
  const std::uint64_t count = SPI_processed;
  for (std::uint64_t i = 0; i < count; ++i) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    const Datum customer = SPI_getbinval(ended->vals[i], ended->tupdesc, 1, &is_null);
    if (is_null) continue;
    const char *user_id = SPI_getvalue(ended->vals[i], ended->tupdesc, 2);
    write_event(customers, *DatumGetUUIDP(customer), "proof_ended",
                {{"reason", reason}, {"user_id", user_id}}, actor);
  }
}

// Ends the live proofs that fulfil a condition. `values` begin with the reason, $1.
template <std::size_t Count, typename Condition>
std::uint64_t end_proofs_where(Oid customers, std::initializer_list<Oid> types,
                               const Datum (&values)[Count], const char *actor,
                               const Condition &condition) {
  SPIPlanPtr plan = saved_plan({customers}, types, [&] {
    return psprintf(
        "UPDATE %s AS p SET ended_at = pg_catalog.now(), ended_reason = $1"
        " WHERE %s AND ended_at IS NULL RETURNING customer_id, user_id",
        proofs_name(customers), condition());
  });
  const std::uint64_t ended = run(plan, values, Nulls(values));
  record_ends(customers, values[0] == 0 ? nullptr : TextDatumGetCString(values[0]), actor);
  return ended;
}

// A NULL user_id ends everybody's proofs of the phone.
std::uint64_t end_proofs_of_phone(Oid customers, const char *e164, const char *user_id,
                                  const char *reason) {
  const Datum values[] = {text_value(reason), CStringGetTextDatum(e164), text_value(user_id)};
  return end_proofs_where(customers, {TEXTOID, TEXTOID, TEXTOID}, values, nullptr,
                          [] { return "phone " E " $2 AND ($3 IS NULL OR user_id " E " $3)"; });
}

// The phone has another customer now: with the old proofs the unique indexes would keep out new
// ones.
void end_proofs_of_others(Oid customers, const char *e164, const pg_uuid_t &customer) {
  const Datum values[] = {CStringGetTextDatum(kPhoneChanged), CStringGetTextDatum(e164),
                          UUIDPGetDatum(&customer)};
  end_proofs_where(customers, {TEXTOID, TEXTOID, UUIDOID}, values, nullptr,
                   [] { return "phone " E " $2 AND customer_id OPERATOR(pg_catalog.<>) $3"; });
}

// A proof p of a phone that still leads to the customer stays.
const char *but_further_phones(Oid customers) {
  const Oid further = find_companion(customers, "customer_phones");
  if (!OidIsValid(further)) return "";
  return psprintf(" AND NOT EXISTS (SELECT FROM %s AS a WHERE a.customer_id " E
                  " p.customer_id AND a.phone " E " p.phone AND a.until IS NULL)",
                  relation_name(further));
}

// The customer has another phone now, or none.
void end_proofs_of_customer(Oid customers, const pg_uuid_t &customer, const char *e164) {
  const Datum values[] = {CStringGetTextDatum(kPhoneChanged), UUIDPGetDatum(&customer),
                          text_value(e164)};
  end_proofs_where(customers, {TEXTOID, UUIDOID, TEXTOID}, values, nullptr, [&] {
    return psprintf("customer_id " E " $2 AND ($3 IS NULL OR phone OPERATOR(pg_catalog.<>) $3)%s",
                    but_further_phones(customers));
  });
}

// The customers that the user has live proofs of, but those of the phone `kept`.
List *proved_customers(Oid customers, const char *user_id, const char *kept) {
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID, TEXTOID}, [&] {
    return psprintf("SELECT ARRAY(SELECT DISTINCT customer_id FROM %s WHERE user_id " E
                    " $1 AND ended_at IS NULL"
                    " AND ($2 IS NULL OR phone OPERATOR(pg_catalog.<>) $2) ORDER BY 1)",
                    proofs_name(customers));
  });
  const Datum values[] = {CStringGetTextDatum(user_id), text_value(kept)};
  run_on_latest(plan, values, Nulls(values));
  bool is_null;
  return ids_in(first_value(&is_null));
}

void end_proofs_at(Oid customers, const pg_uuid_t &customer, const char *user_id, const char *kept,
                   const char *reason) {
  const Datum values[] = {CStringGetTextDatum(reason), CStringGetTextDatum(user_id),
                          text_value(kept), UUIDPGetDatum(&customer)};
  end_proofs_where(customers, {TEXTOID, TEXTOID, TEXTOID, UUIDOID}, values, user_id, [] {
    return "user_id " E " $2 AND customer_id " E
           " $4 AND ($3 IS NULL OR phone OPERATOR(pg_catalog.<>) $3)";
  });
}

// Whether the login may be a new holder of the number, whose old one has long been silent. Who
// records proofs need not be able to read orders and the history.
bool may_be_new_holder(Oid customers, const pg_uuid_t &customer, const char *user_id) {
  const Oid proofs = find_companion(customers, "phone_proofs");
  if (user_id == nullptr || get_attnum(proofs, "unconfirmed") <= 0) return false;
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID, TEXTOID, REGCLASSOID}, [&] {
    return "SELECT customer_identity_internal.may_be_new_holder($1, $2, $3)";
  });
  const Datum values[] = {UUIDPGetDatum(&customer), CStringGetTextDatum(user_id),
                          ObjectIdGetDatum(customers)};
  const Visit owner = visit(owner_of(customers));
  run(plan, values);
  bool is_null;
  const bool may_be = DatumGetBool(first_value(&is_null)) && !is_null;
  leave(owner);
  return may_be;
}

// The proof counts, but the login sees its own orders only until somebody has decided.
void hold_back_proof(Oid customers, const char *e164, const pg_uuid_t &customer,
                     const char *user_id) {
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID, UUIDOID, TEXTOID}, [&] {
    return psprintf("UPDATE %s SET unconfirmed = true WHERE phone " E " $1 AND customer_id " E
                    " $2 AND user_id " E " $3 AND ended_at IS NULL",
                    proofs_name(customers));
  });
  const Datum values[] = {CStringGetTextDatum(e164), UUIDPGetDatum(&customer),
                          CStringGetTextDatum(user_id)};
  const Visit owner = visit(owner_of(customers));
  run(plan, values);
  leave(owner);
  write_event(customers, customer, "possible_new_holder", {{"user_id", user_id}}, user_id);
}

bool leads_to(Oid customers, const char *e164, const pg_uuid_t &customer) {
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID, UUIDOID}, [&] {
    return psprintf("SELECT true FROM %s WHERE id " E " $2 AND phone " E " $1",
                    customers_name(customers));
  });
  const Datum values[] = {CStringGetTextDatum(e164), UUIDPGetDatum(&customer)};
  return run_on_latest(plan, values) > 0 || is_further_phone(customers, customer, e164);
}

// Each waits for who has just changed whom the phone leads to.
constexpr int kAttempts = 100;

// False: the phone leads to another customer by now.
bool make_proof(Oid customers, const char *e164, const pg_uuid_t &customer, const char *user_id,
                const char *method) {
  if (own_proof(customers, e164, customer, user_id) == OwnProof::kMarked) return true;
  const List *concerned = customers_of_phone(customers, e164);
  const bool had_others = list_length(concerned) > 1;
  lock_customers(customers, concerned);
  // A further phone can be taken away from a customer that is held, but not from one that is
  // locked.
  if (!leads_to(customers, e164, customer)) return false;
  if (had_others) end_proofs_of_others(customers, e164, customer);
  // Another session may have made it until the lock was there.
  if (own_proof(customers, e164, customer, user_id) == OwnProof::kNone) {
    const bool is_held_back = may_be_new_holder(customers, customer, user_id);
    insert_proof(customers, e164, customer, user_id, method);
    write_event(customers, customer, "proof_made", {{"method", method}, {"user_id", user_id}},
                user_id);
    if (is_held_back) hold_back_proof(customers, e164, customer, user_id);
  }
  mark_verified(customers, customer, e164);
  if (had_others) unmark_unproved(customers, concerned);
  return true;
}

// Those of every phone but `kept`.
void end_proofs(Oid customers, const char *user_id, const char *kept, const char *reason) {
  const List *concerned = proved_customers(customers, user_id, kept);
  if (concerned == NIL) return;
  lock_customers(customers, concerned);
  ListCell *cell;
  foreach (cell, concerned)
    end_proofs_at(customers, *static_cast<pg_uuid_t *>(lfirst(cell)), user_id, kept, reason);
  unmark_unproved(customers, concerned);
}

}  // namespace

bool keep_proof(Oid customers, const char *e164, const char *user_id, const char *method,
                const Origin &origin, pg_uuid_t *customer) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    CHECK_FOR_INTERRUPTS();
    if (!get_or_create_customer_of(customers, e164, nullptr, Hold::kRow, origin, customer))
      return false;
    const Visit visited = visit_proofs(customers);
    const bool is_made = make_proof(customers, e164, *customer, user_id, method);
    leave(visited);
    if (is_made) return true;
  }
  ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE),
          errmsg("other transactions keep changing whom the phone leads to"),
          errhint("Try again when they have ended."));
  pg_unreachable();
}

pg_uuid_t require_proof(Oid customers, const char *e164, const char *user_id, const char *method) {
  pg_uuid_t customer;
  if (!keep_proof(customers, e164, user_id, method, {"function", nullptr, user_id}, &customer))
    refuse_phone_of_nobody(customers, e164);
  return customer;
}

void end_proofs_of_user(Oid customers, const char *user_id, const char *kept, const char *reason) {
  const Visit visited = visit_proofs(customers);
  end_proofs(customers, user_id, kept, reason);
  leave(visited);
}

bool is_proved(Oid customers, const pg_uuid_t &customer, const char *e164) {
  if (e164 == nullptr) return false;
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID, TEXTOID}, [&] {
    return psprintf("SELECT true WHERE $1 " E " ANY (%s)",
                    provers(customers, "$2", of_customer(customers, "$1")));
  });
  const Datum values[] = {UUIDPGetDatum(&customer), CStringGetTextDatum(e164)};
  return run(plan, values) > 0;
}

void follow_new_phone(Oid customers, const pg_uuid_t &customer, const char *e164, bool is_marked) {
  end_proofs_of_customer(customers, customer, e164);
  const bool proved = is_proved(customers, customer, e164);
  if (proved == is_marked) return;
  if (proved)
    mark_verified(customers, customer, e164);
  else
    unmark_unproved(customers, list_make1(const_cast<pg_uuid_t *>(&customer)));
}

namespace {

// For who may ask about the primary phone.
bool has_proved_further_phone(Oid customers, const pg_uuid_t &customer) {
  const Oid further = find_companion(customers, "customer_phones");
  if (!OidIsValid(further)) return false;
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf("SELECT true FROM %s AS a, %s AS p WHERE a.customer_id " E
                    " $1 AND a.until IS NULL AND p.customer_id " E " $1 AND p.phone " E
                    " a.phone AND p.ended_at IS NULL",
                    relation_name(further), proofs_name(customers));
  });
  const Datum values[] = {UUIDPGetDatum(&customer)};
  const Visit owner = visit(owner_of(customers));
  const bool proved = run(plan, values) > 0;
  leave(owner);
  return proved;
}

}  // namespace

bool has_live_proof(Oid customers, const pg_uuid_t &customer) {
  const Visit visited = visit_proofs(customers);
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf("SELECT true FROM %s AS c WHERE c.id " E " $1 AND c.id " E " ANY (%s)",
                    customers_name(customers),
                    provers(customers, "c.phone", of_customer(customers, "c.id")));
  });
  const Datum values[] = {UUIDPGetDatum(&customer)};
  const bool proved = run(plan, values) > 0;
  leave(visited);
  return proved || has_proved_further_phone(customers, customer);
}

CUSTOMER_IDENTITY_FUNCTION(record_proof) {
  const phone::Details details =
      required_phone(phone_argument(fcinfo, 0), text_in_place(fcinfo, 3, kRegion));
  const char *user_id = text_argument(fcinfo, 1, kUserId);
  const char *method = PG_ARGISNULL(2) ? "external" : text_argument(fcinfo, 2, kMethod);
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 4, &elsewhere);
  if (!OidIsValid(customers)) return elsewhere;
  auto *customer = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));

  SPI_connect();
  *customer = require_proof(customers, details.e164, user_id, method);
  SPI_finish();
  PG_RETURN_UUID_P(customer);
}

CUSTOMER_IDENTITY_FUNCTION(revoke_proof) {
  const phone::Details details =
      required_phone(phone_argument(fcinfo, 0), text_in_place(fcinfo, 3, kRegion));
  const char *user_id = text_argument(fcinfo, 1, kUserId);
  const char *reason = text_argument(fcinfo, 2, kReason);
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 4, &elsewhere);
  if (!OidIsValid(customers)) return elsewhere;

  SPI_connect();
  const Visit visited = visit_proofs(customers, stand_in_across_nodes);
  const List *concerned = customers_of_phone(customers, details.e164);
  lock_customers(customers, concerned);
  const std::uint64_t ended = end_proofs_of_phone(customers, details.e164, user_id, reason);
  unmark_unproved(customers, concerned);
  leave(visited);
  SPI_finish();
  PG_RETURN_INT32(static_cast<std::int32_t>(ended));
}

}  // namespace customer_identity
