// What is kept by ids is set aside before any of it gets its new id: where ids are swapped or
// handed on, nothing of two logins ever meets under one id.
#include "identity/user_changes.hpp"

#include "history/history.hpp"
#include "identity/proofs.hpp"
#include "identity/users.hpp"
#include "book/book.hpp"
#include "pg/majors.hpp"
#include "pg/plans.hpp"
#include "pg/query_notes.hpp"
#include "pg/relations.hpp"

namespace customer_identity {

struct RenamedUsers : QueryNote {
  List *users;  // RenamedUser
};

namespace {

#define E "OPERATOR(pg_catalog.=)"

constexpr const char *kReason = "user id changed";

QueryNote *notes = nullptr;
UserWatcher watcher = {};

// A history that has to speak of a login by its new id.
struct Mention {
  pg_uuid_t customer;
  const RenamedUser *user;
};

// What is to be done, sorted out; lists of what is allocated elsewhere.
struct Changes {
  Oid customers;
  bool has_proofs;
  List *moving;    // RenamedUser: what belongs to it goes along
  List *ended;     // ids that nobody has any more, or somebody anew
  List *mentions;  // Mention
};

char *aside(const char *id) {
  return psprintf("\001renamed %s", id);  // no login's id begins so
}

int compare_ids(const void *one, const void *other) {
  return strcmp(*static_cast<const char *const *>(one), *static_cast<const char *const *>(other));
}

const char **sorted_old_ids(const List *users) {
  const int count = list_length(users);
  auto **ids = static_cast<const char **>(palloc_extended(sizeof(char *) * count, MCXT_ALLOC_HUGE));
  for (int i = 0; i < count; ++i) ids[i] = static_cast<RenamedUser *>(list_nth(users, i))->old_id;
  qsort(ids, count, sizeof(char *), compare_ids);
  return ids;
}

// Another users table may have an id as well: what is kept by it stays as it is.
Changes sorted_out(Oid customers, Oid table, const List *users) {
  Changes changes = {};
  changes.customers = customers;
  changes.has_proofs = OidIsValid(find_companion(customers, "phone_proofs"));
  const char **old_ids = sorted_old_ids(users);
  const auto is_free = [&](const char *id) { return !is_user_elsewhere(customers, table, id); };
  ListCell *cell;
  foreach (cell, users) {
    CHECK_FOR_INTERRUPTS();
    auto &user = *static_cast<RenamedUser *>(lfirst(cell));
    const bool leaves = is_free(user.old_id);
    if (leaves && user.new_id != nullptr) changes.moving = lappend(changes.moving, &user);
    if (leaves && user.new_id == nullptr)
      changes.ended = lappend(changes.ended, const_cast<char *>(user.old_id));
    if (user.new_id == nullptr ||
        bsearch(&user.new_id, old_ids, list_length(users), sizeof(char *), compare_ids) != nullptr)
      continue;
    if (is_free(user.new_id))
      changes.ended = lappend(changes.ended, const_cast<char *>(user.new_id));
  }
  return changes;
}

void add_mention(Changes &changes, const pg_uuid_t &customer, const RenamedUser &user) {
  auto *mention = static_cast<Mention *>(palloc(sizeof(Mention)));
  *mention = {customer, &user};
  changes.mentions = lappend(changes.mentions, mention);
}

// One that another session has just made is not left behind: at REPEATABLE READ that fails (40001).
std::uint64_t move_proofs(Oid customers, const char *from, const char *to) {
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID, TEXTOID}, [&] {
    return psprintf("UPDATE %s SET user_id = $2 WHERE user_id " E
                    " $1 AND ended_at IS NULL RETURNING customer_id",
                    proofs_name(customers));
  });
  const Datum values[] = {CStringGetTextDatum(from), CStringGetTextDatum(to)};
  return run_on_latest(plan, values);
}

// Whether there is any.
bool set_proofs_aside(Changes &changes, const RenamedUser &user) {
  MemoryContext caller = CurrentMemoryContext;
  SPI_connect();
  const std::uint64_t moved = move_proofs(changes.customers, user.old_id, aside(user.old_id));
  for (std::uint64_t i = 0; i < moved; ++i) {
    bool is_null;
    const Datum customer = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
    MemoryContext inner = MemoryContextSwitchTo(caller);
    add_mention(changes, *DatumGetUUIDP(customer), user);
    MemoryContextSwitchTo(inner);
  }
  SPI_finish();
  return moved > 0;
}

// The new id may have a live proof of the phone already, of another users table or of another login
// where ids are not unique. One is enough.
void end_doubles(Oid customers, const char *from, const char *to) {
  SPIPlanPtr plan = saved_plan({customers}, {TEXTOID, TEXTOID, TEXTOID}, [&] {
    const char *proofs = proofs_name(customers);
    return psprintf(
        "UPDATE %s AS p SET user_id = $2, ended_at = pg_catalog.now(), ended_reason = $3"
        " WHERE p.user_id " E
        " $1 AND p.ended_at IS NULL AND EXISTS (SELECT FROM %s AS o"
        " WHERE o.phone " E " p.phone AND o.user_id " E " $2 AND o.ended_at IS NULL)",
        proofs, proofs);
  });
  const Datum values[] = {CStringGetTextDatum(from), CStringGetTextDatum(to),
                          CStringGetTextDatum(kReason)};
  run(plan, values);
}

void give_new_id(Oid customers, const RenamedUser &user) {
  SPI_connect();
  end_doubles(customers, aside(user.old_id), user.new_id);
  move_proofs(customers, aside(user.old_id), user.new_id);
  SPI_finish();
}

void rename_in_ended_proofs(Oid customers, const pg_uuid_t &customer, Datum new_ids) {
  SPIPlanPtr plan = saved_plan({customers}, {UUIDOID, JSONBOID}, [&] {
    return psprintf(
        "UPDATE %s SET user_id = $2 OPERATOR(pg_catalog.->>) user_id"
        " WHERE customer_id " E
        " $1 AND ended_at IS NOT NULL AND $2 OPERATOR(pg_catalog.?) user_id",
        proofs_name(customers));
  });
  const Datum values[] = {UUIDPGetDatum(&customer), new_ids};
  run(plan, values);
}

void push_text(majors::JsonbObject &object, JsonbIteratorToken token, const char *text) {
  JsonbValue value = {};
  value.type = jbvString;
  value.val.string.len = static_cast<int>(strlen(text));
  value.val.string.val = const_cast<char *>(text);
  majors::push(object, token, &value);
}

int compare_mentions(const ListCell *one, const ListCell *other) {
  return memcmp(&static_cast<const Mention *>(lfirst(one))->customer,
                &static_cast<const Mention *>(lfirst(other))->customer, sizeof(pg_uuid_t));
}

// Follows the mentions of one customer, from index `first` on, in one statement: it may have
// several logins. Returns the index after the last one.
int rename_at_customer(const Changes &changes, int first) {
  SPI_connect();
  const pg_uuid_t customer = static_cast<Mention *>(list_nth(changes.mentions, first))->customer;
  majors::JsonbObject object;
  majors::push(object, WJB_BEGIN_OBJECT, nullptr);
  int i = first;
  for (; i < list_length(changes.mentions); ++i) {
    const auto *mention = static_cast<Mention *>(list_nth(changes.mentions, i));
    if (memcmp(&mention->customer, &customer, sizeof(pg_uuid_t)) != 0) break;
    push_text(object, WJB_KEY, mention->user->old_id);
    push_text(object, WJB_VALUE, mention->user->new_id);
  }
  majors::push(object, WJB_END_OBJECT, nullptr);
  const Datum new_ids = majors::datum_of(object);
  rename_users_in_history(changes.customers, customer, new_ids);
  if (changes.has_proofs) rename_in_ended_proofs(changes.customers, customer, new_ids);
  SPI_finish();
  return i;
}

void rename_in_histories(Changes &changes) {
  ListCell *cell;
  foreach (cell, changes.moving) {
    const auto *user = static_cast<RenamedUser *>(lfirst(cell));
    for (int i = 0; i < user->customer_count; ++i) add_mention(changes, user->customers[i], *user);
  }
  list_sort(changes.mentions, compare_mentions);
  for (int i = 0; i < list_length(changes.mentions);) i = rename_at_customer(changes, i);
}

void tell_watcher(const Changes &changes) {
  if (watcher.renamed == nullptr) return;
  ListCell *cell;
  foreach (cell, changes.ended) watcher.gone(changes.customers, static_cast<char *>(lfirst(cell)));
  foreach (cell, changes.moving) {
    const auto *user = static_cast<RenamedUser *>(lfirst(cell));
    watcher.renamed(changes.customers, user->old_id, aside(user->old_id));
  }
  foreach (cell, changes.moving) {
    const auto *user = static_cast<RenamedUser *>(lfirst(cell));
    watcher.renamed(changes.customers, aside(user->old_id), user->new_id);
  }
}

void end_proofs(Oid customers, const char *user_id, const char *reason) {
  SPI_connect();
  end_proofs_of_user(customers, user_id, nullptr, reason);
  SPI_finish();
}

// Merges tell logins by the ids of one table, whoever has them in another.
struct MergedLogins {
  majors::JsonbObject ids;
  ArrayBuildState *customers;  // NULL: none of them had any
};

void add_login(MergedLogins &logins, const RenamedUser &user) {
  push_text(logins.ids, WJB_KEY, user.old_id);
  if (user.new_id != nullptr) {
    push_text(logins.ids, WJB_VALUE, user.new_id);
  } else {
    JsonbValue gone = {};
    gone.type = jbvNull;
    majors::push(logins.ids, WJB_VALUE, &gone);
  }
  for (int i = 0; i < user.customer_count; ++i)
    logins.customers = accumArrayResult(logins.customers, UUIDPGetDatum(&user.customers[i]), false,
                                        UUIDOID, CurrentMemoryContext);
}

// Most customers were merged with nobody.
void follow_in_merges(Oid customers, const Logins &logins, const List *users) {
  if (!OidIsValid(find_companion(customers, "customer_merges"))) return;
  SPI_connect();
  MergedLogins merged = {};
  majors::push(merged.ids, WJB_BEGIN_OBJECT, nullptr);
  ListCell *cell;
  foreach (cell, users) add_login(merged, *static_cast<RenamedUser *>(lfirst(cell)));
  majors::push(merged.ids, WJB_END_OBJECT, nullptr);
  if (merged.customers != nullptr) {
    SPIPlanPtr plan =
        saved_plan({customers}, {REGCLASSOID, TEXTOID, JSONBOID, UUIDARRAYOID, REGCLASSOID}, [&] {
          return psprintf(
              "SELECT customer_identity_internal.follow_logins($1, $2, $3, $4, $5)"
              " WHERE EXISTS (SELECT FROM %s AS m WHERE m.winner_id " E " ANY ($4))",
              relation_name(find_companion(customers, "customer_merges")));
        });
    const Datum values[] = {ObjectIdGetDatum(logins.table), CStringGetTextDatum(logins.key),
                            majors::datum_of(merged.ids),
                            makeArrayResult(merged.customers, CurrentMemoryContext),
                            ObjectIdGetDatum(customers)};
    run(plan, values);
  }
  SPI_finish();
}

char *copy_of(const char *text) { return text == nullptr ? nullptr : pstrdup(text); }

}  // namespace

void note_new_id(Oid users, const RenamedUser &user) {
  MemoryContext query = running_query();
  auto *renamed = find_or_add_note<RenamedUsers>(&notes, query, {users});
  MemoryContext caller = MemoryContextSwitchTo(query);
  auto *note = static_cast<RenamedUser *>(palloc(sizeof(RenamedUser)));
  *note = user;
  note->old_id = copy_of(user.old_id);
  note->new_id = copy_of(user.new_id);
  renamed->users = lappend(renamed->users, note);
  MemoryContextSwitchTo(caller);
}

RenamedUsers *noted_new_ids(Oid users) {
  auto *renamed = find_note<RenamedUsers>(notes, running_query(), {users});
  return renamed == nullptr || renamed->users == NIL ? nullptr : renamed;
}

void follow_new_ids(Oid customers, const Logins &logins, RenamedUsers *renamed) {
  const List *users = renamed->users;
  Changes changes = sorted_out(customers, renamed->subject.table, users);
  renamed->users = NIL;
  follow_in_merges(customers, logins, users);
  tell_watcher(changes);
  List *proved = NIL;
  ListCell *cell;
  if (changes.has_proofs) {
    foreach (cell, changes.ended) end_proofs(customers, static_cast<char *>(lfirst(cell)), kReason);
    foreach (cell, changes.moving)
      if (set_proofs_aside(changes, *static_cast<RenamedUser *>(lfirst(cell))))
        proved = lappend(proved, lfirst(cell));
  }
  rename_in_histories(changes);
  foreach (cell, proved) give_new_id(customers, *static_cast<RenamedUser *>(lfirst(cell)));
}

void end_user(Oid customers, const char *user_id, const char *reason) {
  if (watcher.gone != nullptr) watcher.gone(customers, user_id);
  if (OidIsValid(find_companion(customers, "phone_proofs"))) end_proofs(customers, user_id, reason);
}

void forget_login(Oid customers, const Logins &logins, const char *user_id,
                  const pg_uuid_t &customer) {
  RenamedUser user = {user_id, nullptr, {customer}, 1};
  follow_in_merges(customers, logins, list_make1(&user));
}

void watch_users(const UserWatcher &room) { watcher = room; }

}  // namespace customer_identity
