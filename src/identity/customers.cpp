// get_or_create_customer and find_customer. Looks first, then INSERT ... ON CONFLICT DO NOTHING,
// then looks again: DO UPDATE would deadlock with orders and write each time, MERGE raises
// duplicate keys. What is about to refer to the customer holds it, else its foreign key might fail.
#include "identity/customers.hpp"

#include "history/history.hpp"
#include "book/book.hpp"
#include "identity/phone_holders.hpp"
#include "pg/direct_lookup.hpp"
#include "pg/errors.hpp"
#include "pg/given_text.hpp"
#include "phones/phone_reader.hpp"
#include "pg/plans.hpp"
#include "pg/shards.hpp"
#include "book/trigger_setup.hpp"

namespace customer_identity {
namespace {

SPIPlanPtr find_plan_of(Oid customers, Hold hold) {
  const CacheKey key = {customers, InvalidOid, static_cast<std::uint32_t>(hold)};
  return saved_plan(key, {TEXTOID}, [&] {
    return psprintf("SELECT id FROM %s WHERE phone OPERATOR(pg_catalog.=) $1%s",
                    customers_name(customers), hold == Hold::kRow ? " FOR KEY SHARE" : "");
  });
}

SPIPlanPtr plan_by_id(Oid customers, Hold hold) {
  const CacheKey key = {customers, InvalidOid, static_cast<std::uint32_t>(hold)};
  return saved_plan(key, {UUIDOID}, [&] {
    return psprintf("SELECT id FROM %s WHERE id OPERATOR(pg_catalog.=) $1%s",
                    customers_name(customers), hold == Hold::kRow ? " FOR KEY SHARE" : "");
  });
}

// Where the column has no length of its own.
constexpr int kMaximumName = 1000;

// A name that is too long for its column is cut, not refused.
SPIPlanPtr create_plan_of(Oid customers) {
  return saved_plan({customers}, {TEXTOID, TEXTOID}, [&] {
    return psprintf(
        "INSERT INTO %s (phone, preferred_name) VALUES ($1, CAST($2 AS %s))"
        " ON CONFLICT (phone) DO NOTHING RETURNING id",
        customers_name(customers), column_type(customers, "preferred_name"));
  });
}

// The phone that this session is adding a customer for right now; NULL: none.
const char *phone_being_added = nullptr;

// False: there is one already, or the row was suppressed.
bool insert_customer(Oid customers, const char *e164, const char *name, pg_uuid_t *customer) {
  const Datum values[] = {CStringGetTextDatum(e164),
                          name == nullptr ? Datum(0) : CStringGetTextDatum(name)};
  const char *outer = phone_being_added;
  volatile std::uint64_t made = 0;
  phone_being_added = e164;
  // An error of the application's trigger on customers must not leave the mark behind.
  PG_TRY();
  { made = run(create_plan_of(customers), values, name == nullptr ? " n" : "  "); }
  PG_FINALLY();
  { phone_being_added = outer; }
  PG_END_TRY();
  return made > 0 && first_uuid(customer);
}

void delete_customer(Oid customers, const pg_uuid_t &customer) {
  const Visit book = visit_to_write(owner_of(customers));
  SPI_connect();
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf("DELETE FROM %s WHERE id OPERATOR(pg_catalog.=) $1", customers_name(customers));
  });
  const Datum id = UUIDPGetDatum(&customer);
  run(plan, &id);
  SPI_finish();
  leave(book);
}

bool create_customer(Oid customers, const char *e164, const char *preferred_name,
                     pg_uuid_t *customer) {
  const char *name = as_preferred_name(preferred_name);
  const Visit book = stand_in(customers, ACL_SELECT | ACL_INSERT);
  SPI_connect();
  const bool made = insert_customer(customers, e164, name, customer);
  SPI_finish();
  leave(book);
  return made;
}

void record_creation(Oid customers, const pg_uuid_t &customer, const Origin &origin) {
  const char *table =
      origin.table == nullptr ? nullptr : relation_name(logical_table(root_of(origin.table)));
  write_event(customers, customer, "created",
              {{"from", origin.from}, {"table", table}, {"user_id", origin.user_id}},
              origin.user_id);
}

// `execute` is run() or look_up().
bool find_by_plan(Oid customers, const char *e164, Hold hold, decltype(run) execute,
                  pg_uuid_t *customer) {
  SPI_connect();
  const Datum values[] = {CStringGetTextDatum(e164)};
  const bool found =
      execute(find_plan_of(customers, hold), values, nullptr) > 0 && first_uuid(customer);
  SPI_finish();
  return found;
}

bool is_there_by_plan(Oid customers, Datum id, Hold hold, decltype(run) execute) {
  SPI_connect();
  const bool found = execute(plan_by_id(customers, hold), &id, nullptr) > 0;
  SPI_finish();
  return found;
}

void check_book(Oid customers) { customers_name(customers); }

Wanted customer_by_phone(Oid customers) { return {customers, "phone", "id", check_book}; }

Wanted customer_by_id(Oid customers) { return {customers, "id", "id", check_book}; }

Sought as_sought(const char *e164) { return {CStringGetTextDatum(e164), TEXTOID}; }

bool find_by_primary_phone(Oid customers, const char *e164, Hold hold, pg_uuid_t *customer) {
  const Visit book = stand_in(customers, rights_to_find(hold));
  const Lookup lookup =
      look_up_uuid_now(customer_by_phone(customers), as_sought(e164), hold, customer);
  const bool found = lookup == Lookup::kImpossible
                         ? find_by_plan(customers, e164, hold, run, customer)
                         : lookup == Lookup::kFound;
  leave(book);
  return found;
}

// Whether the current user, or the owner of the book for who may read it, sees a customer, who is
// held if need be.
bool is_there(Oid customers, const pg_uuid_t &customer, Hold hold) {
  const Visit book = stand_in(customers, rights_to_find(hold));
  pg_uuid_t found;
  const Datum id = UUIDPGetDatum(&customer);
  const Lookup lookup = look_up_uuid_now(customer_by_id(customers), {id, UUIDOID}, hold, &found);
  const bool is_found = lookup == Lookup::kImpossible ? is_there_by_plan(customers, id, hold, run)
                                                      : lookup == Lookup::kFound;
  leave(book);
  return is_found;
}

// As above, by the caller's snapshot and rights.
bool is_seen(Oid customers, const pg_uuid_t &customer) {
  pg_uuid_t found;
  const Datum id = UUIDPGetDatum(&customer);
  const Lookup lookup =
      look_up_uuid(customer_by_id(customers), {id, UUIDOID}, GetActiveSnapshot(), &found);
  return lookup == Lookup::kImpossible ? is_there_by_plan(customers, id, Hold::kNothing, look_up)
                                       : lookup == Lookup::kFound;
}

Held hold_customer_now(Oid customers, const pg_uuid_t &customer, Hold hold) {
  if (!is_there(customers, customer, hold)) return Held::kGone;
  return last_hold_waited() ? Held::kLater : Held::kAtOnce;
}

enum class Resolved : std::uint8_t { kNone, kNobody, kGone, kCustomer };

// Whom a phone leads to. kGone: it is a further one of a customer who is being merged away, or was
// when a merge was undone, whereupon it leads to another one, or whom the current user does not
// see.
Resolved resolve_phone(Oid customers, const char *e164, Hold hold, pg_uuid_t *customer) {
  if (find_by_primary_phone(customers, e164, hold, customer)) return Resolved::kCustomer;
  const Holder holder = holder_of(customers, e164);
  if (holder.kind == Holder::Kind::kNone) return Resolved::kNone;
  if (holder.kind == Holder::Kind::kNobody) return Resolved::kNobody;
  *customer = holder.customer;
  return hold_customer_now(customers, holder.customer, hold) == Held::kAtOnce ? Resolved::kCustomer
                                                                              : Resolved::kGone;
}

// A conflicting row can be gone again before it is looked at, so twice may not be enough.
constexpr int kAttempts = 10;

}  // namespace

const char *as_preferred_name(const char *given) {
  if (given == nullptr || given[strspn(given, " ")] == '\0') return nullptr;
  return pnstrdup(given, pg_mbcharcliplen(given, static_cast<int>(strlen(given)), kMaximumName));
}

bool find_customer_of(Oid customers, const char *e164, Hold hold, pg_uuid_t *customer) {
  Resolved resolved = Resolved::kGone;
  for (int attempt = 0; attempt < kAttempts && resolved == Resolved::kGone; ++attempt)
    resolved = resolve_phone(customers, e164, hold, customer);
  return resolved == Resolved::kCustomer;
}

Held hold_customer(Oid customers, const pg_uuid_t &customer) {
  return hold_customer_now(customers, customer, Hold::kRow);
}

bool get_or_create_customer_of(Oid customers, const char *e164, const char *preferred_name,
                               Hold hold, const Origin &origin, pg_uuid_t *customer) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Resolved resolved = resolve_phone(customers, e164, hold, customer);
    if (resolved == Resolved::kCustomer) return true;
    if (resolved == Resolved::kNobody) return false;
    if (resolved == Resolved::kGone) continue;
    if (!create_customer(customers, e164, preferred_name, customer)) continue;
    if (rival_of(customers, e164).kind != Holder::Kind::kNone) {
      delete_customer(customers, *customer);
      continue;
    }
    record_creation(customers, *customer, origin);
    return true;
  }
  ereport(ERROR, errcode(kConflict),
          errmsg("the customer of a phone can be neither found nor created"),
          errdetail("Row security or a trigger on %s hides or suppresses its row.",
                    relation_name(customers)),
          errhint("Let role %s see every row of it.", GetUserNameFromId(GetUserId(), false)));
  pg_unreachable();
}

void refuse_phone_of_nobody() {
  ereport(ERROR, errcode(kUnreadablePhone), errmsg("the phone names nobody"),
          errdetail("Reason: names_nobody."),
          errhint("customer_identity.set_phone_rule() with a NULL rule takes the rule away."));
  pg_unreachable();
}

bool is_adding_customer_of(const char *e164) {
  return phone_being_added != nullptr && e164 != nullptr && strcmp(phone_being_added, e164) == 0;
}

CUSTOMER_IDENTITY_FUNCTION(get_or_create_customer) {
  const phone::Details details =
      required_phone(phone_argument(fcinfo, 0), text_in_place(fcinfo, 2, kRegion));
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 3, &elsewhere);
  if (!OidIsValid(customers)) return elsewhere;
  const char *preferred_name = cut_argument(fcinfo, 1, kMaximumName);
  auto *result = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
  if (!get_or_create_customer_of(customers, details.e164, preferred_name, Hold::kNothing,
                                 {"function", nullptr, nullptr}, result))
    refuse_phone_of_nobody();
  PG_RETURN_UUID_P(result);
}

// claim_customer(phone, preferred_name, customers), for backfills.
CUSTOMER_IDENTITY_FUNCTION(claim_customer) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const char *e164 = text_argument(fcinfo, 0);
  const Oid customers = book_argument(fcinfo, 2);
  auto *result = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
  if (!get_or_create_customer_of(customers, e164, text_argument(fcinfo, 1), Hold::kRow,
                                 {"function", nullptr, nullptr}, result))
    PG_RETURN_NULL();
  PG_RETURN_UUID_P(result);
}

CUSTOMER_IDENTITY_FUNCTION(find_customer) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const phone::Details details =
      given_phone(phone_argument(fcinfo, 0), text_in_place(fcinfo, 1, kRegion));
  if (details.reason != phone::Reason::kOk) PG_RETURN_NULL();
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 2, &elsewhere);
  if (!OidIsValid(customers)) return elsewhere;
  auto *result = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));

  const Lookup lookup = look_up_uuid(customer_by_phone(customers), as_sought(details.e164),
                                     GetActiveSnapshot(), result);
  const bool found = lookup == Lookup::kImpossible
                         ? find_by_plan(customers, details.e164, Hold::kNothing, look_up, result)
                         : lookup == Lookup::kFound;
  if (found) PG_RETURN_UUID_P(result);
  const Holder holder = holder_seen(customers, details.e164);
  if (holder.kind != Holder::Kind::kCustomer || !is_seen(customers, holder.customer))
    PG_RETURN_NULL();
  *result = holder.customer;
  PG_RETURN_UUID_P(result);
}

}  // namespace customer_identity
