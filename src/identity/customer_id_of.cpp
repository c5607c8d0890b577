// customer_id_of and customer_id_for_order: the ids that customers have in a book whose ids are
// computed from phones.
#include "book/book.hpp"
#include "book/computed_ids.hpp"
#include "identity/customers.hpp"
#include "pg/given_text.hpp"
#include "pg/postgres.hpp"
#include "phones/phone_reader.hpp"

namespace customer_identity {
namespace {

const Const *text_constant(const Node *argument) {
  if (!IsA(argument, Const)) return nullptr;
  const auto *constant = reinterpret_cast<const Const *>(argument);
  return constant->consttype == TEXTOID ? constant : nullptr;
}

std::string_view text_in(const Const *constant) {
  const auto *value = reinterpret_cast<const text *>(DatumGetPointer(constant->constvalue));
  return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

bool is_short_enough(const Const *region) {
  return region->constisnull ||
         toast_raw_datum_size(region->constvalue) - VARHDRSZ <= kRegion.bytes;
}

// As the triggers read: no phone is an error.
phone::Details phone_given(FunctionCallInfo fcinfo) {
  const Region region = region_of(text_in_place(fcinfo, 1, kRegion));
  return PG_ARGISNULL(0) ? phone::unread(phone::Reason::kEmpty)
                         : read_phone(phone_argument(fcinfo, 0), region);
}

}  // namespace

// One that cannot be read has nobody's id.
CUSTOMER_IDENTITY_FUNCTION(customer_id_of) {
  const phone::Details details = phone_given(fcinfo);
  auto *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
  *id = details.reason == phone::Reason::kOk ? computed_id(details.e164, 0) : kNobody;
  PG_RETURN_UUID_P(id);
}

CUSTOMER_IDENTITY_FUNCTION(customer_id_for_order) {
  const phone::Details details = phone_given(fcinfo);
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 2, &elsewhere);
  if (!OidIsValid(customers)) return elsewhere;
  auto *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
  if (details.reason == phone::Reason::kOk && id_for_order(customers, details.e164, id))
    PG_RETURN_UUID_P(id);
  if (!has_computed_ids(customers)) PG_RETURN_NULL();
  *id = kNobody;
  PG_RETURN_UUID_P(id);
}

// What a phone reads as depends on settings and plans; the id of a valid number that is E.164
// already does not, so a plan may keep it. For such a constant the planner has the id, and Citus
// the shard.
CUSTOMER_IDENTITY_FUNCTION(plan_customer_id) {
  auto *request = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
  if (!IsA(request, SupportRequestSimplify)) return Datum(0);
  const List *arguments = reinterpret_cast<SupportRequestSimplify *>(request)->fcall->args;
  const Const *phone = text_constant(static_cast<Node *>(linitial(arguments)));
  const Const *region = text_constant(static_cast<Node *>(lsecond(arguments)));
  if (phone == nullptr || phone->constisnull || region == nullptr || !is_short_enough(region) ||
      VARATT_IS_EXTENDED(DatumGetPointer(phone->constvalue)))
    return Datum(0);
  const phone::Details details = read_phone(text_in(phone), {"", true});
  if (details.reason != phone::Reason::kOk || !details.is_valid || text_in(phone) != details.e164)
    return Datum(0);
  auto *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
  *id = computed_id(details.e164, 0);
  PG_RETURN_POINTER(makeConst(UUIDOID, -1, InvalidOid, UUID_LEN, UUIDPGetDatum(id), false, false));
}

}  // namespace customer_identity
