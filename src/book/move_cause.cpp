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
constexpr Mover kBackfill = {"backfill_pages", "application"};

const Mover *current = nullptr;

}  // namespace

const char *move_cause() { return current == nullptr ? nullptr : current->cause; }

bool is_backfill() { return current == &kBackfill; }

const Mover *begin_moves(Oid function) {
  const Mover *before = current;
  HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(row)) return before;
  const char *name = NameStr(reinterpret_cast<Form_pg_proc>(GETSTRUCT(row))->proname);
  for (const Mover &mover : kMovers)
    if (strcmp(mover.function, name) == 0) current = &mover;
  if (strcmp(kBackfill.function, name) == 0) current = &kBackfill;
  ReleaseSysCache(row);
  return before;
}

void end_moves(const Mover *before) { current = before; }

}  // namespace customer_identity
