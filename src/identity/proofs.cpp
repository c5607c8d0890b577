// record_proof, revoke_proof, and what the triggers do to proofs. Whoever makes or ends a proof
// locks the customer's row first, so that is_phone_verified always tells whether a live proof
// exists.
#include "identity/proofs.hpp"

#include "identity/history.hpp"
#include "pg/book.hpp"
#include "pg/given_text.hpp"
#include "pg/owner.hpp"
#include "pg/phone_reader.hpp"
#include "pg/plans.hpp"

namespace customer_identity {
namespace {

// The statements below say E for OPERATOR(pg_catalog.=) to stay readable. IS DISTINCT FROM, IN and
// NULLIF would look their operator up on the search path.
#define E "OPERATOR(pg_catalog.=)"

struct Proofs {
  Oid customers;
  Acting acting;

  /// The current user, or the owner of the book for who may write both tables.
  Visit enter() const {
    if (acting == Acting::kCaller) return visit(GetUserId());
    return stand_in(customers, ACL_SELECT | ACL_UPDATE, find_companion(customers, "phone_proofs"),
                    ACL_SELECT | ACL_INSERT | ACL_UPDATE);
  }

  PlanKey key(Purpose purpose) const {
    return {customers, InvalidOid, purpose, static_cast<std::uint32_t>(acting)};
  }
};

Datum text_or_null(const char *text) {
  return text == nullptr ? Datum(0) : CStringGetTextDatum(text);
}

bool is_proved(const Proofs &book, const char *e164, const char *user_id) {
  SPIPlanPtr plan = saved_plan(book.key(Purpose::kLiveProof), {TEXTOID, TEXTOID}, [&] {
    return psprintf(
        "SELECT CAST(c.is_phone_verified AS pg_catalog.bool) FROM %s AS p JOIN %s AS c ON "
        "c.phone " E
        " p.phone"
        " WHERE p.phone " E
        " $1 AND p.ended_at IS NULL"
        " AND (p.user_id " E " $2 OR (p.user_id IS NULL AND $2 IS NULL))",
        proofs_name(book.customers), customers_name(book.customers));
  });
  const Datum values[] = {CStringGetTextDatum(e164), text_or_null(user_id)};
  if (run(plan, values, user_id == nullptr ? " n" : "  ") == 0) return false;
  bool is_null;
  return DatumGetBool(first_value(&is_null)) && !is_null;
}

// Locks the customers, then writes them as they are: a transaction with an older snapshot, which
// cannot judge the proofs by it, fails (40001). In one statement, which would come to the locked
// row by way of its older version, two sessions would wait for each other.
void lock_customers(const Proofs &book, Datum phones) {
  SPIPlanPtr lock = saved_plan(book.key(Purpose::kLockPhones), {TEXTARRAYOID}, [&] {
    return psprintf("SELECT id FROM %s WHERE phone " E " ANY ($1) ORDER BY id FOR NO KEY UPDATE",
                    customers_name(book.customers));
  });
  run(lock, &phones);
  SPIPlanPtr write = saved_plan(book.key(Purpose::kWriteLocked), {TEXTARRAYOID}, [&] {
    return psprintf("UPDATE %s SET updated_at = updated_at WHERE phone " E " ANY ($1)",
                    customers_name(book.customers));
  });
  run(write, &phones);
}

Datum array_of(const char *text) {
  Datum element = CStringGetTextDatum(text);
  return PointerGetDatum(construct_array(&element, 1, TEXTOID, -1, false, TYPALIGN_INT));
}

// False: another session has meanwhile.
bool insert_proof(const Proofs &book, const char *e164, const pg_uuid_t &customer,
                  const char *user_id, const char *method) {
  SPIPlanPtr plan =
      saved_plan(book.key(Purpose::kInsertProof), {TEXTOID, UUIDOID, TEXTOID, TEXTOID}, [&] {
        return psprintf(
            "INSERT INTO %s (phone, customer_id, user_id, method)"
            " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            proofs_name(book.customers));
      });
  const Datum values[] = {CStringGetTextDatum(e164), UUIDPGetDatum(&customer),
                          text_or_null(user_id), CStringGetTextDatum(method)};
  return run(plan, values, user_id == nullptr ? "  n " : "    ") > 0;
}

void mark_verified(const Proofs &book, const pg_uuid_t &customer) {
  SPIPlanPtr plan = saved_plan(book.key(Purpose::kMarkVerified), {UUIDOID}, [&] {
    return psprintf(
        "UPDATE %s SET is_phone_verified = true, updated_at = pg_catalog.now()"
        " WHERE id " E " $1 AND is_phone_verified IS NOT TRUE",
        customers_name(book.customers));
  });
  const Datum values[] = {UUIDPGetDatum(&customer)};
  run(plan, values);
}

// Takes the phones whose proofs have just ended as a text array.
void unmark_unproved(const Proofs &book, Datum phones) {
  SPIPlanPtr plan = saved_plan(book.key(Purpose::kUnmarkVerified), {TEXTARRAYOID}, [&] {
    return psprintf(
        "UPDATE %s AS c SET is_phone_verified = false, updated_at = pg_catalog.now()"
        " WHERE c.phone " E
        " ANY ($1) AND c.is_phone_verified IS NOT FALSE"
        " AND NOT EXISTS (SELECT FROM %s AS p WHERE p.phone " E
        " c.phone"
        " AND p.ended_at IS NULL)",
        customers_name(book.customers), proofs_name(book.customers));
  });
  run(plan, &phones);
}

// The phones the user has live proofs of, but `kept`; NULL when there are none.
Datum phones_to_end(const Proofs &book, const char *user_id, const char *kept, bool *none) {
  SPIPlanPtr plan = saved_plan(book.key(Purpose::kPhonesOfUser), {TEXTOID, TEXTOID}, [&] {
    return psprintf(
        "SELECT pg_catalog.array_agg(CAST(phone AS pg_catalog.text)) FROM %s"
        " WHERE user_id " E
        " $1 AND ended_at IS NULL"
        " AND ($2 IS NULL OR phone OPERATOR(pg_catalog.<>) $2)",
        proofs_name(book.customers));
  });
  const Datum values[] = {CStringGetTextDatum(user_id), text_or_null(kept)};
  run(plan, values, kept == nullptr ? " n" : "  ");
  return first_value(none);
}

// What the last statement returned: the customers, and the users (NULL: a guest), of proofs that
// have ended. `actor` NULL: unknown.
void record_ends(const Proofs &book, const char *reason, const char *actor) {
  SPITupleTable *ended = SPI_tuptable;
  const std::uint64_t count = SPI_processed;
  for (std::uint64_t i = 0; i < count; ++i) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    const Datum customer = SPI_getbinval(ended->vals[i], ended->tupdesc, 1, &is_null);
    if (is_null) continue;
    const char *user_id = SPI_getvalue(ended->vals[i], ended->tupdesc, 2);
    write_event(book.customers, *DatumGetUUIDP(customer), "proof_ended",
                {{"reason", reason}, {"user_id", user_id}}, actor);
  }
}

// A NULL user_id ends everybody's proofs of the phone.
std::uint64_t end_proofs_of_phone(const Proofs &book, const char *e164, const char *user_id,
                                  const char *reason) {
  SPIPlanPtr plan =
      saved_plan(book.key(Purpose::kEndProofsOfPhone), {TEXTOID, TEXTOID, TEXTOID}, [&] {
        return psprintf(
            "UPDATE %s SET ended_at = pg_catalog.now(), ended_reason = $3"
            " WHERE phone " E
            " $1 AND ended_at IS NULL"
            " AND ($2 IS NULL OR user_id " E " $2) RETURNING customer_id, user_id",
            proofs_name(book.customers));
      });
  const Datum values[] = {CStringGetTextDatum(e164), text_or_null(user_id), text_or_null(reason)};
  const char nulls[] = {' ', user_id == nullptr ? 'n' : ' ', reason == nullptr ? 'n' : ' ', '\0'};
  const std::uint64_t ended = run(plan, values, nulls);
  record_ends(book, reason, nullptr);
  return ended;
}

void make_proof(const Proofs &book, const char *e164, const pg_uuid_t &customer,
                const char *user_id, const char *method) {
  if (is_proved(book, e164, user_id)) return;
  lock_customers(book, array_of(e164));
  if (insert_proof(book, e164, customer, user_id, method))
    write_event(book.customers, customer, "proof_made", {{"method", method}, {"user_id", user_id}},
                user_id);
  mark_verified(book, customer);
}

// Those of every phone but `kept`.
void end_proofs(const Proofs &book, const char *user_id, const char *kept, const char *reason) {
  bool none;
  const Datum phones = phones_to_end(book, user_id, kept, &none);
  if (none) return;
  lock_customers(book, phones);

  SPIPlanPtr plan =
      saved_plan(book.key(Purpose::kEndProofsOfUser), {TEXTOID, TEXTARRAYOID, TEXTOID}, [&] {
        return psprintf(
            "UPDATE %s SET ended_at = pg_catalog.now(), ended_reason = $3"
            " WHERE user_id " E " $1 AND phone " E
            " ANY ($2) AND ended_at IS NULL"
            " RETURNING customer_id, user_id",
            proofs_name(book.customers));
      });
  const Datum values[] = {CStringGetTextDatum(user_id), phones, CStringGetTextDatum(reason)};
  run(plan, values);
  record_ends(book, reason, user_id);
  unmark_unproved(book, phones);
}

}  // namespace

void keep_proof(Oid customers, Acting acting, const char *e164, const pg_uuid_t &customer,
                const char *user_id, const char *method) {
  const Proofs book = {customers, acting};
  const Visit visited = book.enter();
  make_proof(book, e164, customer, user_id, method);
  leave(visited);
}

void end_proofs_of_user(Oid customers, Acting acting, const char *user_id, const char *kept,
                        const char *reason) {
  const Proofs book = {customers, acting};
  const Visit visited = book.enter();
  end_proofs(book, user_id, kept, reason);
  leave(visited);
}

bool has_live_proof(Oid customers, Acting acting, const pg_uuid_t &customer) {
  const Proofs book = {customers, acting};
  const Visit visited = book.enter();
  SPIPlanPtr plan = saved_plan(book.key(Purpose::kAnyLiveProof), {UUIDOID}, [&] {
    return psprintf("SELECT true FROM %s AS c JOIN %s AS p ON p.phone " E
                    " c.phone"
                    " WHERE c.id " E " $1 AND p.ended_at IS NULL LIMIT 1",
                    customers_name(customers), proofs_name(customers));
  });
  const Datum values[] = {UUIDPGetDatum(&customer)};
  const bool proved = run(plan, values) > 0;
  leave(visited);
  return proved;
}

CUSTOMER_IDENTITY_FUNCTION(record_proof) {
  const Region region = required_region(text_in_place(fcinfo, 3, kRegion));
  const phone::Details details = required_phone(phone_argument(fcinfo, 0), region);
  const char *user_id = text_argument(fcinfo, 1, kUserId);
  const char *method = PG_ARGISNULL(2) ? "external" : text_argument(fcinfo, 2, kMethod);
  const Oid customers = book_argument(fcinfo, 4);
  auto *customer = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));

  SPI_connect();
  *customer = customer_of(customers, Acting::kCaller, details.e164, nullptr, Hold::kRow,
                          {"function", nullptr, user_id});
  keep_proof(customers, Acting::kCaller, details.e164, *customer, user_id, method);
  SPI_finish();
  PG_RETURN_UUID_P(customer);
}

CUSTOMER_IDENTITY_FUNCTION(revoke_proof) {
  const Region region = required_region(text_in_place(fcinfo, 3, kRegion));
  const phone::Details details = required_phone(phone_argument(fcinfo, 0), region);
  const char *user_id = text_argument(fcinfo, 1, kUserId);
  const char *reason = text_argument(fcinfo, 2, kReason);
  const Oid customers = book_argument(fcinfo, 4);

  SPI_connect();
  const Proofs book = {customers, Acting::kCaller};
  lock_customers(book, array_of(details.e164));
  const std::uint64_t ended = end_proofs_of_phone(book, details.e164, user_id, reason);
  unmark_unproved(book, array_of(details.e164));
  SPI_finish();
  PG_RETURN_INT32(static_cast<std::int32_t>(ended));
}

}  // namespace customer_identity
