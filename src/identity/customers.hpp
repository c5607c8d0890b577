// Finds the customer of a phone, or makes one.
#pragma once

#include "pg/direct_lookup.hpp"
#include "pg/owner.hpp"
#include "pg/postgres.hpp"

namespace customer_identity {

/// A name that is given, as it is kept: blank ones are none (NULL), long ones are cut.
const char *as_preferred_name(const char *given);

/// The customer that an E.164 phone leads to: whose primary one it is, or a further one. False:
/// there is none. One that is held is there to stay: the outcome of a transaction that is deleting
/// it, or changing its phone, is waited for.
bool find_customer_of(Oid customers, const char *e164, Hold hold, pg_uuid_t *customer);

/// kLater: others had to be waited for, and what led to the customer may lead elsewhere now.
enum class Held : std::uint8_t { kGone, kAtOnce, kLater };

/// Holds a customer that is known by its id.
Held hold_customer(Oid customers, const pg_uuid_t &customer);
/// Whether the transaction holds the customer already. False: nobody knows.
bool is_customer_held(Oid customers, const pg_uuid_t &customer);

/// What a customer that has to be made comes of, for its history: "user" or "order" with the table,
/// or "function".
struct Origin {
  const char *from;
  Relation table;
  const char *user_id;  // NULL: a guest, or unknown
};

/// The customer that an E.164 phone leads to, made if need be. False: the phone names nobody. Any
/// number of sessions may ask for the same new phone at once: one row comes of it. An
/// existing customer that is not held costs no write, and its name stays. `preferred_name` may be
/// NULL.
bool get_or_create_customer_of(Oid customers, const char *e164, const char *preferred_name,
                               Hold hold, const Origin &origin, pg_uuid_t *customer);

/// Whether a customer id that a row brings along, in a book whose ids are computed, is that of its
/// phone, or of who has it as a further one. kAnother: it is another number's. kLeft: its customer
/// has the number no more. kNobody: the phone names nobody, by rule, and no customer has the id.
enum class Fit : std::uint8_t { kCustomer, kNobody, kLeft, kAnother };

/// Holds a customer of computed ids. False: there is none, or only a row that keeps an id free.
bool hold_person(Oid customers, const pg_uuid_t &id);

/// As get_or_create_customer_of(), for a row that is placed by its customer's id already: looks at
/// that id alone. The customer is held.
Fit fit_customer(Oid customers, const pg_uuid_t &id, const char *e164, const Origin &origin);

/// The id that an order with that phone has to have, by the caller's rights: the present holder's,
/// who is made where another one was before. False: nobody's.
bool id_for_order(Oid customers, const char *e164, pg_uuid_t *customer);

/// Whether a phone names nobody: by rule, or as it has had as many holders as there are ids, which
/// a shard, that has some of them, cannot tell.
bool names_nobody(Oid customers, const char *e164);

/// Where ids are computed: who makes the `generation`th holder of a number, or takes the number
/// back by hand, waits for others who do, and looks again afterwards.
void take_turn_at_number(Oid customers, const char *e164, int generation);

/// For functions: raises CI001 for a phone that names nobody.
[[noreturn]] void refuse_phone_of_nobody(Oid customers, const char *e164);

/// Whether this session is adding a customer of that phone itself right now, and looks for rivals
/// afterwards.
bool is_adding_customer_of(const char *e164);

}  // namespace customer_identity
