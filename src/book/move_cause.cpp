// Known by the name of the running function. Only superusers make functions in our languages, so
// nobody else can pretend a cause.
#include "book/move_cause.hpp"

namespace customer_identity {

struct Mover {
  const char *function;
  const char *cause;
};

namespace {

constexpr Mover kMovers[] = {{"merge_customers", "merge"},       {"migrate_phones", "merge"},
                             {"unmerge_customers", "unmerge"},   {"split_customer", "split"},
                             {"release_phone", "release_phone"}, {"set_phone_rule", "phone_rule"}};
// Those that are told apart from the others.
constexpr Mover kOthers[] = {{"backfill_pages", "application"}, {"put_orders", nullptr}};
constexpr const Mover *kBackfill = &kOthers[0];
constexpr const Mover *kErasure = &kOthers[1];

const Mover *current = nullptr;

}  // namespace

const char *move_cause() { return current == nullptr ? nullptr : current->cause; }

bool is_backfill() { return current == kBackfill; }

bool is_erasure() { return current == kErasure; }

const Mover *begin_moves(Oid function) {
  const Mover *before = current;
  HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(row)) return before;
  const char *name = NameStr(reinterpret_cast<Form_pg_proc>(GETSTRUCT(row))->proname);
  for (const Mover &mover : kMovers)
    if (strcmp(mover.function, name) == 0) current = &mover;
  for (const Mover &mover : kOthers)
    if (strcmp(mover.function, name) == 0) current = &mover;
  ReleaseSysCache(row);
  return before;
}

void end_moves(const Mover *before) { current = before; }

}  // namespace customer_identity
