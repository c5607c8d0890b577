// Keeps notes in lists that the end of a query's memory takes them off.
#include "pg/query_notes.hpp"

namespace customer_identity {
namespace {

void take_off(void *argument) {
  auto *note = static_cast<QueryNote *>(argument);
  QueryNote **link = note->list;
  while (*link != note) link = &(*link)->next;
  *link = note->next;
}

}  // namespace

QueryNote *find_note(QueryNote *list, MemoryContext query, const NoteSubject &subject) {
  for (QueryNote *note = list; note != nullptr; note = note->next)
    if (note->query == query && note->subject.table == subject.table &&
        note->subject.function == subject.function)
      return note;
  return nullptr;
}

QueryNote *add_note(QueryNote **list, MemoryContext query, const NoteSubject &subject,
                    std::size_t size) {
  auto *note = static_cast<QueryNote *>(MemoryContextAllocZero(query, size));
  note->query = query;
  note->subject = subject;
  note->next = *list;
  note->list = list;
  note->end.func = take_off;
  note->end.arg = note;
  MemoryContextRegisterResetCallback(query, &note->end);
  *list = note;
  return note;
}

}  // namespace customer_identity
