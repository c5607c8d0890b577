// A phone that somebody typed is a claim, and a claim must not name a stranger's customer. So a
// name is followed only from the login that the customer was made for, or from one that has proved
// the phone, and only where nobody else has edited it: the history tells.
#include "identity/follow_names.hpp"

#include "identity/customers.hpp"
#include "history/history.hpp"
#include "book/book.hpp"
#include "pg/plans.hpp"
#include "pg/query_notes.hpp"

namespace customer_identity {

struct NamedUsers : QueryNote {
  List *users;  // NamedUser
};

namespace {

QueryNote *notes = nullptr;

// Companions may be missing, and come and go: InvalidOid.
struct Book {
  Oid customers;
  Oid events;
  Oid proofs;

  CacheKey key() const { return {customers, events, proofs}; }
};

// The customers with a live proof of their phone, by anybody or by $2.
const char *provers(const Book &book, const char *condition) {
  if (!OidIsValid(book.proofs)) return "CAST('{}' AS pg_catalog.uuid[])";
  return psprintf(R"(ARRAY(
    SELECT p.customer_id FROM %s AS p
    WHERE p.phone OPERATOR(pg_catalog.=) c.phone AND p.ended_at IS NULL%s))",
                  proofs_name(book.customers), condition);
}

// Whether the customer was made for login $2, which has been linked to it ever since: the history
// names it, or it is the only one that was linked in the transaction that made the customer, as by
// a backfill. An id that was given again, or came back, is linked twice.
constexpr const char *kIsMadeForUser = R"(EXISTS (
    SELECT FROM %1$s AS e, %1$s AS l
    WHERE e.customer_id OPERATOR(pg_catalog.=) c.id
        AND e.event OPERATOR(pg_catalog.=) 'created'
        AND l.customer_id OPERATOR(pg_catalog.=) c.id
        AND l.event OPERATOR(pg_catalog.=) 'user_linked'
        AND l.details OPERATOR(pg_catalog.->>) 'user_id' OPERATOR(pg_catalog.=) $2
        AND (e.details OPERATOR(pg_catalog.->>) 'from' OPERATOR(pg_catalog.=) 'user'
                AND e.details OPERATOR(pg_catalog.->>) 'user_id' OPERATOR(pg_catalog.=) $2
            OR l.created_at OPERATOR(pg_catalog.=) e.created_at AND NOT EXISTS (
                SELECT FROM %1$s AS o
                WHERE o.customer_id OPERATOR(pg_catalog.=) c.id
                    AND o.event OPERATOR(pg_catalog.=) 'user_linked'
                    AND o.created_at OPERATOR(pg_catalog.=) e.created_at
                    AND o.details OPERATOR(pg_catalog.->>) 'user_id'
                        OPERATOR(pg_catalog.<>) $2)))
    AND (
        SELECT pg_catalog.count(*) FROM %1$s AS l
        WHERE l.customer_id OPERATOR(pg_catalog.=) c.id
            AND l.event OPERATOR(pg_catalog.=) 'user_linked'
            AND l.details OPERATOR(pg_catalog.->>) 'user_id' OPERATOR(pg_catalog.=) $2
    ) OPERATOR(pg_catalog.=) 1)";

constexpr const char *kIsEditedByOthers = R"(EXISTS (
    SELECT FROM %1$s AS e
    WHERE e.customer_id OPERATOR(pg_catalog.=) c.id
        AND e.event OPERATOR(pg_catalog.=) 'edited'
        AND e.details OPERATOR(pg_catalog.?) 'preferred_name'
        AND (e.actor OPERATOR(pg_catalog.=) $2) IS NOT TRUE))";

const char *may_name(const Book &book) {
  const char *proved = psprintf("c.id OPERATOR(pg_catalog.=) ANY (%s)",
                                provers(book, " AND p.user_id OPERATOR(pg_catalog.=) $2"));
  if (!OidIsValid(book.events)) return proved;
  const char *events = relation_name(book.events);
  return psprintf("NOT %s AND (%s OR %s AND c.id OPERATOR(pg_catalog.<>) ALL (%s))",
                  psprintf(kIsEditedByOthers, events), proved, psprintf(kIsMadeForUser, events),
                  provers(book, ""));
}

// Runs one of the statements below, which return a name, NULL for none. False: no row.
bool run_for_name(SPIPlanPtr plan, const Datum *values, const char *nulls, const char **name) {
  if (run_on_latest(plan, values, nulls) == 0) return false;
  bool is_null;
  const Datum value = first_value(&is_null);
  *name = is_null ? nullptr : TextDatumGetCString(value);
  return true;
}

// What a column that may not be NULL holds of customers without a name.
const char *name_of_nameless(Oid customers) {
  const char *name = is_required(customers, "preferred_name")
                         ? constant_default(customers, "preferred_name")
                         : nullptr;
  return name == nullptr ? "" : name;
}

// Locks the customer whose name is still the login's old one, or none, where the login may give it
// the new one. False: there is none. `name` is what it has; NULL: none.
bool lock_follower(const Book &book, const Datum *values, const char *nulls, const char **name) {
  SPIPlanPtr plan = saved_plan(book.key(), {UUIDOID, TEXTOID, TEXTOID, TEXTOID}, [&] {
    const char *type = column_type(book.customers, "preferred_name");
    return psprintf(R"(
            SELECT CAST(c.preferred_name AS pg_catalog.text) FROM %1$s AS c
            WHERE c.id OPERATOR(pg_catalog.=) $1
                AND (COALESCE(c.preferred_name, '') OPERATOR(pg_catalog.=) ANY (ARRAY['', %4$s]) AND $4 IS NOT NULL
                    OR c.preferred_name OPERATOR(pg_catalog.=) CAST($3 AS %2$s)
                        AND ($4 IS NULL
                            OR c.preferred_name OPERATOR(pg_catalog.<>) CAST($4 AS %2$s)))
                AND %3$s
            FOR NO KEY UPDATE OF c)",
                    customers_name(book.customers), type, may_name(book),
                    quote_literal_cstr(name_of_nameless(book.customers)));
  });
  return run_for_name(plan, values, nulls, name);
}

const char *write_statement(const Book &book, const char *name) {
  return psprintf(R"(
            UPDATE %1$s AS c
            SET preferred_name = %2$s,
                updated_at = GREATEST(pg_catalog.clock_timestamp(),
                    c.updated_at OPERATOR(pg_catalog.+) interval '1 microsecond')
            WHERE c.id OPERATOR(pg_catalog.=) $1
            RETURNING CAST(c.preferred_name AS pg_catalog.text))",
                  customers_name(book.customers), name);
}

constexpr std::initializer_list<Oid> kWritten = {UUIDOID, TEXTOID, TEXTOID, TEXTOID};

SPIPlanPtr plan_to_name(const Book &book) {
  return saved_plan(book.key(), kWritten, [&] {
    const char *type = column_type(book.customers, "preferred_name");
    return write_statement(book, psprintf("CAST($4 AS %s)", type));
  });
}

SPIPlanPtr plan_to_unname(const Book &book) {
  return saved_plan(book.key(), kWritten, [&] {
    const bool required = is_required(book.customers, "preferred_name");
    return write_statement(book, required ? "DEFAULT" : "NULL");
  });
}

// `name` is what the row holds afterwards: triggers may write something else. False: nothing was
// written.
bool write_name(const Book &book, const Datum *values, const char *nulls, const char **name) {
  constexpr int kNewName = 3;
  SPIPlanPtr plan = nulls[kNewName] == 'n' ? plan_to_unname(book) : plan_to_name(book);
  return run_for_name(plan, values, nulls, name);
}

bool is_same(const char *one, const char *other) {
  return one == nullptr || other == nullptr ? one == other : strcmp(one, other) == 0;
}

void follow(const Book &book, const NamedUser &user) {
  const Datum values[] = {UUIDPGetDatum(&user.customer), text_value(user.user_id),
                          text_value(user.old_name), text_value(user.new_name)};
  const Nulls nulls(values);
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
  auto *named = find_or_add_note<NamedUsers>(&notes, query, {users});
  MemoryContext caller = MemoryContextSwitchTo(query);
  auto *note = static_cast<NamedUser *>(palloc(sizeof(NamedUser)));
  *note = {user.customer, copy_of(user.user_id), copy_of(user.old_name), copy_of(user.new_name)};
  named->users = lappend(named->users, note);
  MemoryContextSwitchTo(caller);
}

NamedUsers *noted_new_names(Oid users) {
  auto *named = find_note<NamedUsers>(notes, running_query(), {users});
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
