// verification_required: whether an order of this phone and user, paid in cash on delivery, would
// be refused for want of a proof. It finds the customer as attach_order does.
#include "identity/customers.hpp"
#include "identity/proofs.hpp"
#include "identity/users.hpp"
#include "book/book.hpp"
#include "pg/given_text.hpp"
#include "pg/owner.hpp"
#include "phones/phone_reader.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {
namespace {

bool customer_of_phone(Oid customers, FunctionCallInfo fcinfo, pg_uuid_t *customer) {
  const Region region = region_of(text_in_place(fcinfo, 2, kRegion));
  const phone::Details details = read_phone(phone_argument(fcinfo, 0), region);
  return details.reason == phone::Reason::kOk &&
         find_customer_of(customers, details.e164, Hold::kNothing, customer);
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
  const bool found = (user_id != nullptr && customer_of_user(customers, user_id, &customer)) ||
                     customer_of_phone(customers, fcinfo, &customer);
  const bool proved = found && has_live_proof(customers, customer);
  leave(books_owner);
  SPI_finish();
  PG_RETURN_BOOL(!proved);
}

}  // namespace customer_identity
