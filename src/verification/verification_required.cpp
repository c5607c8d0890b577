// verification_required: whether an order of this phone and user, paid in cash on delivery, would
// be refused for want of a proof. It finds the customer as attach_order does.
#include "identity/customers.hpp"
#include "identity/proofs.hpp"
#include "identity/users.hpp"
#include "book/book.hpp"
#include "book/computed_ids.hpp"
#include "pg/given_text.hpp"
#include "pg/owner.hpp"
#include "phones/phone_reader.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {
namespace {

// NULL: it cannot be read.
const char *given_e164(FunctionCallInfo fcinfo) {
  const Region region = region_of(text_in_place(fcinfo, 2, kRegion));
  const phone::Details details = read_phone(phone_argument(fcinfo, 0), region);
  return details.reason == phone::Reason::kOk ? pstrdup(details.e164) : nullptr;
}

// Where ids are computed, an order goes by its phone, and by its login only where that names
// nobody.
bool customer_of_order(Oid customers, const char *user_id, const char *e164, pg_uuid_t *customer) {
  const bool asks_user = user_id != nullptr && (!has_computed_ids(customers) || e164 == nullptr ||
                                                names_nobody(customers, e164));
  return (asks_user && customer_of_user(customers, user_id, customer)) ||
         (e164 != nullptr && find_customer_of(customers, e164, Hold::kNothing, customer));
}

}  // namespace

CUSTOMER_IDENTITY_FUNCTION(verification_required) {
  const char *user_id = text_argument(fcinfo, 1, kUserId);
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 3, &elsewhere);
  if (!OidIsValid(customers)) return elsewhere;
  require_schema(customers);

  SPI_connect();
  const Visit books_owner = visit(owner_of(customers));
  pg_uuid_t customer;
  const bool found = customer_of_order(customers, user_id, given_e164(fcinfo), &customer);
  const bool proved = found && has_live_proof(customers, customer);
  leave(books_owner);
  SPI_finish();
  PG_RETURN_BOOL(!proved);
}

}  // namespace customer_identity
