// What start_verification and check_verification do to phones and proofs. Who verifies needs no
// right on the book: it is written as its owner, as the triggers write it.
#include "identity/proofs.hpp"
#include "book/book.hpp"
#include "pg/given_text.hpp"
#include "pg/owner.hpp"
#include "phones/phone_reader.hpp"
#include "pg/plans.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {
namespace {

// The ids of the other users with a live proof of the phone, as a text array or NULL.
Datum other_users(Oid customers, const char *e164, const char *user_id, bool *none) {
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID, TEXTOID}, [&] {
    return psprintf(
        "SELECT pg_catalog.array_agg(user_id ORDER BY user_id USING OPERATOR(pg_catalog.<)) FROM %s"
        " WHERE phone OPERATOR(pg_catalog.=) $1 AND ended_at IS NULL"
        " AND user_id OPERATOR(pg_catalog.<>) $2",
        proofs_name(customers));
  });
  const Datum values[] = {CStringGetTextDatum(e164), CStringGetTextDatum(user_id)};
  run(plan, values);
  const Datum users = first_value(none);
  return *none ? Datum(0) : SPI_datumTransfer(users, false, -1);
}

}  // namespace

// The phone in E.164; raises CI001 when it cannot be read.
CUSTOMER_IDENTITY_FUNCTION(readable_phone) {
  const phone::Details details =
      required_phone(phone_argument(fcinfo, 0), text_in_place(fcinfo, 1, kRegion));
  PG_RETURN_TEXT_P(cstring_to_text(details.e164));
}

// prove_phone(customers, phone, user_id): the customer of an E.164 phone, who has a live proof by
// SMS from now on, and the other users who have proved the phone.
CUSTOMER_IDENTITY_FUNCTION(prove_phone) {
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 0, &elsewhere);
  if (!OidIsValid(customers)) return elsewhere;
  const char *e164 = text_argument(fcinfo, 1);
  const char *user_id = text_argument(fcinfo, 2);
  if (e164 == nullptr)
    ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("phone must not be NULL"));
  const Visit books_owner = visit(owner_of(customers));

  SPI_connect();
  bool none = true;
  const Datum others = user_id == nullptr ? Datum(0) : other_users(customers, e164, user_id, &none);
  const pg_uuid_t customer = require_proof(customers, e164, user_id, "sms");
  SPI_finish();
  leave(books_owner);

  const Datum values[] = {UUIDPGetDatum(&customer), others};
  const bool nulls[] = {false, none};
  TupleDesc columns;
  get_call_result_type(fcinfo, nullptr, &columns);
  HeapTuple row = heap_form_tuple(BlessTupleDesc(columns), const_cast<Datum *>(values),
                                  const_cast<bool *>(nulls));
  PG_RETURN_DATUM(HeapTupleGetDatum(row));
}

}  // namespace customer_identity
