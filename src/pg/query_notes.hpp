// What the triggers that one running query fires note for each other. It lives in the memory of the
// query and ends with it, however that comes about; queries within, run by other triggers, have
// notes of their own.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// What a note is about: a table and, where several may note something of it, a trigger function.
struct NoteSubject {
  Oid table;
  Oid function = InvalidOid;
};

/// What every note holds; the actual ones derive from it.
struct QueryNote {
  MemoryContext query;  // the note and all it points to are allocated here
  NoteSubject subject;
  QueryNote *next;
  QueryNote **list;
  MemoryContextCallback end;
};

/// The query that fires the present trigger. Ask before anything else has switched the memory
/// context: trigger functions are called in a child of the query's.
inline MemoryContext running_query() { return MemoryContextGetParent(CurrentMemoryContext); }

/// The query's note on `subject` in a list, or NULL. A list has notes of one kind.
QueryNote *find_note(QueryNote *list, MemoryContext query, const NoteSubject &subject);
/// A zeroed note of that size.
QueryNote *add_note(QueryNote **list, MemoryContext query, const NoteSubject &subject,
                    std::size_t size);

template <typename Note>
Note *find_note(QueryNote *list, MemoryContext query, const NoteSubject &subject) {
  return static_cast<Note *>(find_note(list, query, subject));
}
template <typename Note>
Note *find_or_add_note(QueryNote **list, MemoryContext query, const NoteSubject &subject) {
  if (Note *note = find_note<Note>(*list, query, subject)) return note;
  return static_cast<Note *>(add_note(list, query, subject, sizeof(Note)));
}

}  // namespace customer_identity
