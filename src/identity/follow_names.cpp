// A phone that somebody typed is a claim, and a claim must not name a stranger's customer. So a
// name is followed only from the login that the customer was made for, or from one that has proved
// the phone, and only where nobody else has edited it: the history tells.
#include "identity/follow_names.hpp"

#include "identity/customers.hpp"
#include "identity/history.hpp"
#include "pg/book.hpp"
#include "pg/plans.hpp"
#include "pg/query_notes.hpp"

namespace customer_identity {

struct NamedUsers : QueryNote {
  List *users;  // NamedUser
};

namespace {

#define E "OPERATOR(pg_catalog.=)"
#define NOT_E "OPERATOR(pg_catalog.<>)"

QueryNote *notes = nullptr;

// Companions may be missing, and come and go: InvalidOid.
struct Book {
  Oid customers;
  Oid events;
  Oid proofs;

  PlanKey key(Purpose purpose) const { return {customers, events, purpose, proofs}; }
};

// The customers with a live proof of their phone, by anybody or by $2.
const char *provers(const Book &book, const char *condition) {
  if (!OidIsValid(book.proofs)) return "CAST('{}' AS pg_catalog.uuid[])";
  return psprintf("ARRAY(SELECT p.customer_id FROM %s AS p WHERE p.phone " E
                  " c.phone AND p.ended_at IS NULL%s)",
                  proofs_name(book.customers), condition);
}

// Whether $2 is the login that the customer was made for, and has been linked to it ever since. An
// id that was given again, or came back, is linked twice.
const char *is_made_for_user(const char *events) {
  return psprintf("EXISTS (SELECT FROM %s AS e WHERE e.customer_id " E " c.id AND e.event " E
                  " 'created' AND e.details OPERATOR(pg_catalog.->>) 'from' " E
                  " 'user' AND e.details OPERATOR(pg_catalog.->>) 'user_id' " E
                  " $2) AND (SELECT pg_catalog.count(*) FROM %s AS e WHERE e.customer_id " E
                  " c.id AND e.event " E
                  " 'user_linked' AND e.details OPERATOR(pg_catalog.->>) 'user_id' " E " $2) " E
                  " 1",
                  events, events);
}

const char *is_edited_by_others(const char *events) {
  return psprintf("EXISTS (SELECT FROM %s AS e WHERE e.customer_id " E " c.id AND e.event " E
                  " 'edited' AND e.details OPERATOR(pg_catalog.?) 'preferred_name'"
                  " AND (e.actor " E " $2) IS NOT TRUE)",
                  events);
}

const char *may_name(const Book &book) {
  const char *proved = psprintf("c.id " E " ANY (%s)", provers(book, " AND p.user_id " E " $2"));
  if (!OidIsValid(book.events)) return proved;
  const char *events = relation_name(book.events);
  return psprintf("NOT %s AND (%s OR (%s AND c.id " NOT_E " ALL (%s)))",
                  is_edited_by_others(events), proved, is_made_for_user(events), provers(book, ""));
}

// Locks the customer whose name is still the login's old one, or none, where the login may give it
// the new one. False: there is none. `name` is what it has; NULL: none.
bool lock_follower(const Book &book, const Datum *values, const char *nulls, const char **name) {
  SPIPlanPtr plan =
      saved_plan(book.key(Purpose::kNameToFollow), {UUIDOID, TEXTOID, TEXTOID, TEXTOID}, [&] {
        const char *type = column_type(book.customers, "preferred_name");
        return psprintf(
            "SELECT CAST(c.preferred_name AS pg_catalog.text) FROM %s AS c WHERE c.id " E
            " $1"
            " AND (c.preferred_name IS NULL AND $4 IS NOT NULL OR c.preferred_name " E
            " CAST($3 AS %s) AND ($4 IS NULL OR c.preferred_name " NOT_E
            " CAST($4 AS %s)))"
            " AND %s FOR NO KEY UPDATE OF c",
            customers_name(book.customers), type, type, may_name(book));
      });
  if (run_on_latest(plan, values, nulls) == 0) return false;
  bool is_null;
  const Datum value = first_value(&is_null);
  *name = is_null ? nullptr : TextDatumGetCString(value);
  return true;
}

// `name` is what the row holds afterwards: triggers may write something else. False: nothing was
// written.
bool write_name(const Book &book, const Datum *values, const char *nulls, const char **name) {
  SPIPlanPtr plan =
      saved_plan(book.key(Purpose::kFollowName), {UUIDOID, TEXTOID, TEXTOID, TEXTOID}, [&] {
        return psprintf(
            "UPDATE %s AS c SET preferred_name = CAST($4 AS %s), updated_at = "
            "GREATEST(pg_catalog.clock_timestamp(), c.updated_at OPERATOR(pg_catalog.+) interval "
            "'1 microsecond') WHERE c.id " E
            " $1 RETURNING CAST(c.preferred_name AS pg_catalog.text)",
            customers_name(book.customers), column_type(book.customers, "preferred_name"));
      });
  if (run_on_latest(plan, values, nulls) == 0) return false;
  bool is_null;
  const Datum value = first_value(&is_null);
  *name = is_null ? nullptr : TextDatumGetCString(value);
  return true;
}

bool is_same(const char *one, const char *other) {
  return one == nullptr || other == nullptr ? one == other : strcmp(one, other) == 0;
}

void follow(const Book &book, const NamedUser &user) {
  const char nulls[] = {' ', ' ', user.old_name == nullptr ? 'n' : ' ',
                        user.new_name == nullptr ? 'n' : ' ', '\0'};
  const auto text = [](const char *given) {
    return given == nullptr ? Datum(0) : CStringGetTextDatum(given);
  };
  const Datum values[] = {UUIDPGetDatum(&user.customer), text(user.user_id), text(user.old_name),
                          text(user.new_name)};
  const char *before;
  const char *after;
  if (!lock_follower(book, values, nulls, &before)) return;
  if (!write_name(book, values, nulls, &after) || is_same(before, after)) return;
  write_event(book.customers, user.customer, "edited", {{"preferred_name", before, after}},
              user.user_id);
}

int compare_customers(const ListCell *one, const ListCell *other) {
  return memcmp(&static_cast<const NamedUser *>(lfirst(one))->customer,
                &static_cast<const NamedUser *>(lfirst(other))->customer, sizeof(pg_uuid_t));
}

char *copy_of(const char *text) { return text == nullptr ? nullptr : pstrdup(text); }

}  // namespace

void note_new_name(Oid users, const NamedUser &user) {
  MemoryContext query = running_query();
  auto *named = static_cast<NamedUsers *>(find_note(notes, query, {users, InvalidOid}));
  if (named == nullptr)
    named =
        static_cast<NamedUsers *>(add_note(&notes, query, {users, InvalidOid}, sizeof(NamedUsers)));
  MemoryContext caller = MemoryContextSwitchTo(query);
  auto *note = static_cast<NamedUser *>(palloc(sizeof(NamedUser)));
  *note = {user.customer, copy_of(user.user_id), copy_of(user.old_name), copy_of(user.new_name)};
  named->users = lappend(named->users, note);
  MemoryContextSwitchTo(caller);
}

NamedUsers *noted_new_names(Oid users) {
  auto *named = static_cast<NamedUsers *>(find_note(notes, running_query(), {users, InvalidOid}));
  return named == nullptr || named->users == NIL ? nullptr : named;
}

void follow_new_names(Oid customers, NamedUsers *named) {
  List *users = named->users;
  named->users = NIL;
  list_sort(users, compare_customers);
  const Book book = {customers, history_of(customers), find_companion(customers, "phone_proofs")};
  ListCell *cell;
  foreach (cell, users) {
    CHECK_FOR_INTERRUPTS();
    SPI_connect();
    follow(book, *static_cast<NamedUser *>(lfirst(cell)));
    SPI_finish();
  }
}

}  // namespace customer_identity
