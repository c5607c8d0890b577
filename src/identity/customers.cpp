// get_or_create_customer and find_customer. Looks first, then INSERT ... ON CONFLICT DO NOTHING,
// then looks again: DO UPDATE would deadlock with orders and write each time, MERGE raises
// duplicate keys. What is about to refer to the customer holds it, else its foreign key might fail.
#include "identity/customers.hpp"

#include "history/history.hpp"
#include "book/attached_tables.hpp"
#include "book/book.hpp"
#include "book/computed_ids.hpp"
#include "identity/phone_holders.hpp"
#include "pg/direct_lookup.hpp"
#include "pg/errors.hpp"
#include "pg/given_text.hpp"
#include "pg/held_rows.hpp"
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

SPIPlanPtr phone_plan_of(Oid customers, Hold hold) {
  const CacheKey key = {customers, InvalidOid, static_cast<std::uint32_t>(hold)};
  return saved_plan(key, {UUIDOID}, [&] {
    return psprintf(
        "SELECT CAST(phone AS pg_catalog.text) FROM %s WHERE id OPERATOR(pg_catalog.=) $1%s",
        customers_name(customers), hold == Hold::kRow ? " FOR KEY SHARE" : "");
  });
}

// Where the column has no length of its own.
constexpr int kMaximumName = 1000;

// A name that is too long for its column is cut, not refused. Without one a column that may not be
// NULL has its default.
const char *name_to_create(Oid customers, bool has_name) {
  if (has_name) return psprintf("CAST($2 AS %s)", column_type(customers, "preferred_name"));
  return is_required(customers, "preferred_name") ? "DEFAULT" : "NULL";
}

SPIPlanPtr create_plan_of(Oid customers, bool has_name) {
  return saved_plan({customers, InvalidOid, has_name}, {TEXTOID, TEXTOID}, [&] {
    return psprintf(
        "INSERT INTO %s (phone, preferred_name) VALUES ($1, %s)"
        " ON CONFLICT (phone) DO NOTHING RETURNING id",
        customers_name(customers), name_to_create(customers, has_name));
  });
}

SPIPlanPtr create_plan_by_id(Oid customers, bool has_name) {
  const CacheKey key = {customers, InvalidOid, has_name};
  return saved_plan(key, {TEXTOID, TEXTOID, UUIDOID, INT4OID}, [&] {
    return psprintf(
        "INSERT INTO %s (phone, preferred_name, id, phone_generation)"
        " VALUES ($1, %s, $3, $4) ON CONFLICT (id) DO NOTHING RETURNING id",
        customers_name(customers), name_to_create(customers, has_name));
  });
}

// A number for whom a customer can be made: its holder's `generation` matters where ids are
// computed.
struct Vacancy {
  const char *e164;
  int generation;
};

// The phone that this session is adding a customer for right now; NULL: none.
const char *phone_being_added = nullptr;

// False: there is one already, or the row was suppressed.
bool insert_customer(Oid customers, const Vacancy &vacancy, const char *name, pg_uuid_t *customer) {
  const char *e164 = vacancy.e164;
  const bool is_computed = has_computed_ids(customers);
  const pg_uuid_t id = is_computed ? computed_id(e164, vacancy.generation) : kNobody;
  const Datum values[] = {CStringGetTextDatum(e164),
                          name == nullptr ? Datum(0) : CStringGetTextDatum(name),
                          UUIDPGetDatum(&id), Int32GetDatum(vacancy.generation)};
  const char *outer = phone_being_added;
  volatile std::uint64_t made = 0;
  phone_being_added = e164;
  // An error of the application's trigger on customers must not leave the mark behind.
  PG_TRY();
  {
    const bool has_name = name != nullptr;
    made = run(
        is_computed ? create_plan_by_id(customers, has_name) : create_plan_of(customers, has_name),
        values, has_name ? "    " : " n  ");
  }
  PG_FINALLY();
  { phone_being_added = outer; }
  PG_END_TRY();
  return made > 0 && first_uuid(customer);
}

void delete_customer(Oid customers, const pg_uuid_t &customer) {
  const Visit book = visit(owner_of(customers));
  SPI_connect();
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf("DELETE FROM %s WHERE id OPERATOR(pg_catalog.=) $1", customers_name(customers));
  });
  const Datum id = UUIDPGetDatum(&customer);
  run(plan, &id);
  SPI_finish();
  leave(book);
}

bool create_customer(Oid customers, const Vacancy &vacancy, const char *preferred_name,
                     pg_uuid_t *customer) {
  const char *name = as_preferred_name(preferred_name);
  const Visit book = stand_in(customers, ACL_SELECT | ACL_INSERT);
  SPI_connect();
  const bool made = insert_customer(customers, vacancy, name, customer);
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

// Whether a computed id is a customer's, who may have lost the number.
enum class Seat : std::uint8_t { kFree, kLeft, kTaken };

Seat seat_by_plan(Oid customers, Datum id, Hold hold, decltype(run) execute) {
  SPI_connect();
  Seat seat = Seat::kFree;
  if (execute(phone_plan_of(customers, hold), &id, nullptr) > 0) {
    bool is_left;
    first_value(&is_left);
    seat = is_left ? Seat::kLeft : Seat::kTaken;
  }
  SPI_finish();
  return seat;
}

Wanted phone_by_id(Oid customers) { return {customers, "id", "id", check_book, "phone"}; }

// A CHECK sees to it that the phone of a row with a computed id is the one.
Seat seat_found(Lookup lookup, const char *phone) {
  if (lookup != Lookup::kFound) return Seat::kFree;
  return phone == nullptr ? Seat::kLeft : Seat::kTaken;
}

Seat seat_now(Oid customers, const pg_uuid_t &id, Hold hold) {
  const Visit book = stand_in(customers, rights_to_find(hold));
  pg_uuid_t found;
  const char *phone = nullptr;
  const Datum value = UUIDPGetDatum(&id);
  const Lookup lookup =
      look_up_uuid_now(phone_by_id(customers), {value, UUIDOID}, hold, &found, &phone);
  const Seat seat = lookup == Lookup::kImpossible ? seat_by_plan(customers, value, hold, run)
                                                  : seat_found(lookup, phone);
  leave(book);
  return seat;
}

// As above, by the caller's snapshot and rights.
Seat seat_seen(Oid customers, const pg_uuid_t &id) {
  pg_uuid_t found;
  const char *phone = nullptr;
  const Datum value = UUIDPGetDatum(&id);
  const Lookup lookup =
      look_up_uuid(phone_by_id(customers), {value, UUIDOID}, GetActiveSnapshot(), &found, &phone);
  return lookup == Lookup::kImpossible ? seat_by_plan(customers, value, Hold::kNothing, look_up)
                                       : seat_found(lookup, phone);
}

// Whether a row without a phone is a former holder's.
bool is_persons(Oid customers, const pg_uuid_t &id) {
  const Visit book = stand_in(customers, ACL_SELECT);
  SPI_connect();
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf(
        "SELECT FROM %s WHERE id OPERATOR(pg_catalog.=) $1"
        " AND phone_generation OPERATOR(pg_catalog.>=) 0",
        customers_name(customers));
  });
  const Datum value = UUIDPGetDatum(&id);
  const bool found = run_on_latest(plan, &value) > 0;
  SPI_finish();
  leave(book);
  return found;
}

// The present holder of a number, or the first generation that nobody has been, which is
// kMaximumGenerations where all have left. `seat_of(id)`.
template <typename SeatOf>
Seat find_seat(const char *e164, int *generation, pg_uuid_t *customer, SeatOf &&seat_of) {
  for (*generation = 0; *generation < kMaximumGenerations; ++*generation) {
    *customer = computed_id(e164, *generation);
    const Seat seat = seat_of(*customer);
    if (seat != Seat::kLeft) return seat;
  }
  return Seat::kLeft;
}

// Whether a number has had all the holders that it can have, and is nobody's further phone.
template <typename SeatOf>
bool is_spent(Oid customers, const char *e164, decltype(run) execute, SeatOf &&seat_of) {
  int generation;
  pg_uuid_t customer;
  return find_seat(e164, &generation, &customer, seat_of) == Seat::kLeft &&
         !further_holder(customers, e164, execute, &customer);
}

enum class Resolved : std::uint8_t { kNone, kNobody, kGone, kCustomer };

bool has_rule_nobody(Oid customers, const char *e164) {
  return holder_of(customers, e164).kind == Holder::Kind::kNobody;
}

// Of a number that is nobody's first one.
Resolved resolve_vacancy(Oid customers, const char *e164, Hold hold, pg_uuid_t *customer,
                         int generation) {
  if (generation > 0 && further_holder(customers, e164, run_on_latest, customer))
    return hold_customer_now(customers, *customer, hold) == Held::kAtOnce ? Resolved::kCustomer
                                                                          : Resolved::kGone;
  return generation == kMaximumGenerations || has_rule_nobody(customers, e164) ? Resolved::kNobody
                                                                               : Resolved::kNone;
}

// Whom a phone leads to. kGone: it is a further one of a customer who is being merged away, or was
// when a merge was undone, whereupon it leads to another one, or whom the current user does not
// see.
Resolved resolve_phone(Oid customers, const char *e164, Hold hold, pg_uuid_t *customer,
                       int *generation) {
  *generation = 0;
  if (has_computed_ids(customers)) {
    const Seat seat = find_seat(e164, generation, customer,
                                [&](const pg_uuid_t &id) { return seat_now(customers, id, hold); });
    return seat == Seat::kTaken ? Resolved::kCustomer
                                : resolve_vacancy(customers, e164, hold, customer, *generation);
  }
  if (find_by_primary_phone(customers, e164, hold, customer)) return Resolved::kCustomer;
  const Holder holder = holder_of(customers, e164);
  if (holder.kind == Holder::Kind::kNone) return Resolved::kNone;
  if (holder.kind == Holder::Kind::kNobody) return Resolved::kNobody;
  *customer = holder.customer;
  return hold_customer_now(customers, holder.customer, hold) == Held::kAtOnce ? Resolved::kCustomer
                                                                              : Resolved::kGone;
}

bool create_without_rival(Oid customers, const Vacancy &vacancy, const char *preferred_name,
                          const Origin &origin, pg_uuid_t *customer) {
  if (!create_customer(customers, vacancy, preferred_name, customer)) return false;
  if (rival_of(customers, vacancy.e164).kind != Holder::Kind::kNone) {
    delete_customer(customers, *customer);
    return false;
  }
  record_creation(customers, *customer, origin);
  return true;
}

[[noreturn]] void refuse_hidden_customer(Oid customers) {
  ereport(ERROR, errcode(kConflict),
          errmsg("the customer of a phone can be neither found nor created"),
          errdetail("Row security or a trigger on %s hides or suppresses its row.",
                    relation_name(customers)),
          errhint("Let role %s see every row of it.", GetUserNameFromId(GetUserId(), false)));
  pg_unreachable();
}

bool may_ask_whom_phones_name(Oid customers) {
  return may_feed(GetUserId(), customers) ||
         pg_class_aclcheck(customers, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
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
  int generation;
  for (int attempt = 0; attempt < kAttempts && resolved == Resolved::kGone; ++attempt)
    resolved = resolve_phone(customers, e164, hold, customer, &generation);
  return resolved == Resolved::kCustomer;
}

Held hold_customer(Oid customers, const pg_uuid_t &customer) {
  return hold_customer_now(customers, customer, Hold::kRow);
}

bool is_customer_held(Oid customers, const pg_uuid_t &customer) {
  return is_held(customer_by_id(customers), customer);
}

bool get_or_create_customer_of(Oid customers, const char *e164, const char *preferred_name,
                               Hold hold, const Origin &origin, pg_uuid_t *customer) {
  bool has_turn = false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Vacancy vacancy = {e164, 0};
    const Resolved resolved = resolve_phone(customers, e164, hold, customer, &vacancy.generation);
    if (resolved == Resolved::kCustomer) return true;
    if (resolved == Resolved::kNobody) return false;
    if (resolved != Resolved::kNone) continue;
    if (vacancy.generation > 0 && !has_turn) {
      take_turn_at_number(customers, e164, vacancy.generation);
      has_turn = true;
      continue;
    }
    if (create_without_rival(customers, vacancy, preferred_name, origin, customer)) return true;
  }
  refuse_hidden_customer(customers);
}

bool id_for_order(Oid customers, const char *e164, pg_uuid_t *customer) {
  const Origin origin = {"function", nullptr, nullptr};
  if (has_computed_ids(customers)) {
    int generation;
    const Seat seat = find_seat(e164, &generation, customer,
                                [&](const pg_uuid_t &id) { return seat_seen(customers, id); });
    if (seat == Seat::kTaken) return true;
    // The first holder is made beside the order.
    if (generation == 0) return !has_rule_nobody(customers, e164);
  }
  return get_or_create_customer_of(customers, e164, nullptr, Hold::kNothing, origin, customer);
}

bool names_nobody(Oid customers, const char *e164) {
  // Whose the number is comes first: it needs the right to know.
  const bool spent =
      has_computed_ids(customers) && is_spent(customers, e164, run, [&](const pg_uuid_t &id) {
        return seat_now(customers, id, Hold::kNothing);
      });
  return spent || has_rule_nobody(customers, e164);
}

void take_turn_at_number(Oid customers, const char *e164, int generation) {
  const Visit book = visit(owner_of(customers));
  SPI_connect();
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID}, [&] {
    return psprintf("SELECT FROM %s WHERE id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE",
                    customers_name(customers));
  });
  // Else the first row stands for the number. An older snapshot does not show who has taken it back
  // since, but may not hold that row.
  const int rows = IsolationUsesXactSnapshot() ? generation : 1;
  for (int i = 0; i < rows; ++i) {
    const pg_uuid_t id = computed_id(e164, i);
    const Datum value = UUIDPGetDatum(&id);
    run(plan, &value);
  }
  SPI_finish();
  leave(book);
}

bool hold_person(Oid customers, const pg_uuid_t &id) {
  const Seat seat = seat_now(customers, id, Hold::kRow);
  return seat == Seat::kTaken || (seat == Seat::kLeft && is_persons(customers, id));
}

Fit fit_customer(Oid customers, const pg_uuid_t &id, const char *e164, const Origin &origin) {
  const int generation = generation_of(id, e164);
  if (generation < 0) {
    // Whose the phone is needs the right to hold the customer.
    const bool fits = hold_customer_now(customers, id, Hold::kRow) != Held::kGone &&
                      is_further_phone(customers, id, e164);
    return fits ? Fit::kCustomer : Fit::kAnother;
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Seat seat = seat_now(customers, id, Hold::kRow);
    if (seat == Seat::kTaken) return Fit::kCustomer;
    // Who has left the number may have it again, as a further one.
    if (seat == Seat::kLeft)
      return is_further_phone(customers, id, e164) ? Fit::kCustomer : Fit::kLeft;
    // Whether those before have left the number cannot be seen from where the row is.
    if (generation > 0) return Fit::kAnother;
    if (has_rule_nobody(customers, e164)) {
      // Without the rule the order would be its customer's.
      if (hold_rule_nobody(customers, e164)) return Fit::kNobody;
      continue;
    }
    pg_uuid_t made;
    if (create_without_rival(customers, {e164, 0}, nullptr, origin, &made)) return Fit::kCustomer;
  }
  refuse_hidden_customer(customers);
}

void refuse_phone_of_nobody(Oid customers, const char *e164) {
  const bool has_rule = has_rule_nobody(customers, e164);
  ereport(ERROR, errcode(kUnreadablePhone), errmsg("the phone names nobody"),
          has_rule ? errdetail("Reason: names_nobody.")
                   : errdetail("Reason: names_nobody. It has had %d holders, one after the other, "
                               "who are all the ids that a number has.",
                               kMaximumGenerations),
          has_rule
              ? errhint("customer_identity.set_phone_rule() with a NULL rule takes the rule away.")
              : errhint("Orders and logins with it stay without a customer. One of the former "
                        "holders can be given the number back: UPDATE customers SET phone."));
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
    refuse_phone_of_nobody(customers, details.e164);
  PG_RETURN_UUID_P(result);
}

// claim_customer(phone, preferred_name, customers), for backfills.
CUSTOMER_IDENTITY_FUNCTION(claim_customer) {
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  const char *e164 = text_argument(fcinfo, 0);
  const Oid customers = book_argument(fcinfo, 2);
  remember_held_rows();
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
  if (has_computed_ids(customers)) {
    int generation;
    const Seat seat = find_seat(details.e164, &generation, result,
                                [&](const pg_uuid_t &id) { return seat_seen(customers, id); });
    if (seat == Seat::kTaken) PG_RETURN_UUID_P(result);
    if (generation == 0 || !further_holder(customers, details.e164, look_up, result) ||
        !is_seen(customers, *result))
      PG_RETURN_NULL();
    PG_RETURN_UUID_P(result);
  }

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

// refuse_nobody(phone, customers): CI001 for a phone that names nobody by rule. No customer is
// read.
CUSTOMER_IDENTITY_FUNCTION(refuse_nobody) {
  Datum elsewhere;
  const Oid customers = book_of_call(fcinfo, 1, &elsewhere);
  if (!OidIsValid(customers)) return elsewhere;
  const char *e164 = text_argument(fcinfo, 0);
  if (e164 != nullptr && has_rule_nobody(customers, e164)) refuse_phone_of_nobody(customers, e164);
  PG_RETURN_VOID();
}

// names_nobody(phone, customers): reads the rules of a book for who may read its customers, or
// feeds it. Others are told nothing.
CUSTOMER_IDENTITY_FUNCTION(names_nobody) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) PG_RETURN_BOOL(false);
  const char *e164 = text_argument(fcinfo, 0);
  const Oid customers = PG_GETARG_OID(1);
  if (!may_ask_whom_phones_name(customers)) PG_RETURN_BOOL(false);
  if (holder_seen(customers, e164).kind == Holder::Kind::kNobody) PG_RETURN_BOOL(true);
  if (!has_computed_ids(customers)) PG_RETURN_BOOL(false);
  const Visit book = visit(owner_of(customers));
  const bool spent = is_spent(customers, e164, look_up,
                              [&](const pg_uuid_t &id) { return seat_seen(customers, id); });
  leave(book);
  PG_RETURN_BOOL(spent);
}

}  // namespace customer_identity
