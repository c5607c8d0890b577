// What a trigger's key=value arguments say, resolved against its table and kept until a table it
// names changes.
#pragma once

#include "pg/postgres.hpp"
#include "pg/relation_cache.hpp"

namespace customer_identity {

/// A trigger's arguments, as written.
struct Arguments {
  char **values;
  int count;
};

inline Arguments arguments_of(const Trigger *trigger) {
  return {trigger->tgargs, trigger->tgnargs};
}
/// Those of the trigger that is being called, as they are now: what they name may have got another
/// name since the statement began, and it has the arguments of then. A copy.
Arguments present_arguments(const TriggerData *call);
/// The arguments of a row of pg_trigger.
Arguments stored_arguments(HeapTuple row, Relation catalog);
/// The bytea that pg_trigger keeps: every argument followed by NUL.
Datum stored(const Arguments &arguments);
/// The OID of one of our trigger functions.
Oid trigger_function(const char *name);
/// The OID of a function without arguments among the workings.
Oid workings_function(const char *name);
/// Whether it is one.
bool is_trigger_function(Oid function);

/// First value of `key`, or NULL.
const char *value_of(const Arguments &arguments, const char *key);
/// Values of a repeated key, in order, as a list of C strings.
List *values_of(const Arguments &arguments, const char *key);

/// A column of the table a trigger is on. `number` 0: the arguments name none.
struct Column {
  AttrNumber number;
  Oid type;    // domains looked through
  Oid output;  // the type's output function
};

/// What every set-up holds; the triggers' own ones derive from it.
struct Setup {
  Oid trigger;
  Oid relation;
  Oid customers;
  Oid users;  // InvalidOid: none
};

/// Resolves a column by name; `name` NULL gives the empty Column. Raises CI007 when it is gone.
Column column_named(Relation relation, const char *name);
/// As above; raises CI007 as well when phones, or regions, cannot be read from the column's type.
Column phone_column(Relation relation, const char *name);
Column region_column(Relation relation, const char *name);
/// Resolves the uuid column that holds the customer.
Column customer_column(Relation relation, const Arguments &arguments);
/// The parts of a quoted, qualified table name; NULL when it is malformed, or NULL itself.
const RangeVar *qualified_name(const char *name);
/// Resolves a quoted, qualified table name, whoever asks: an OID opens nothing. InvalidOid when it
/// is gone, or `name` NULL.
Oid find_table(const char *name);
/// As a trigger on `relation` means the name: where that is a shard, the shard that lies beside it.
Oid find_table(const char *name, Oid relation);
/// As above; raises CI003 when the table is gone.
Oid table_named(const char *name, Oid relation);
/// The table itself, or the partitioned table it is a partition of. One that is being detached
/// concurrently belongs to no other table any more.
Oid root_of(Relation table);

/// The set-up of the trigger that is being called as it is now: `read` fills it from the arguments,
/// which stay as long as it does.
template <typename Kind>
Kind *read_setup_again(const TriggerData *call, void (*read)(Kind *, const TriggerData *)) {
  const Oid relation = RelationGetRelid(call->tg_relation);
  return read_and_keep<Kind>(
      {relation, call->tg_trigger->tgoid}, [&](Kind &setup, Reading &reading) {
        const Arguments arguments = present_arguments(call);
        Trigger trigger = *call->tg_trigger;
        trigger.tgargs = arguments.values;
        trigger.tgnargs = static_cast<std::int16_t>(arguments.count);
        TriggerData present = *call;
        present.tg_trigger = &trigger;
        setup.trigger = trigger.tgoid;
        setup.relation = relation;
        setup.customers = table_named(value_of(arguments, "customers"), relation);
        read(&setup, &present);
        depend_on(reading, setup.customers);
        depend_on(reading, setup.users);
      });
}

/// As above; what is kept of it serves, until the catalogs change.
template <typename Kind>
Kind *setup_of(const TriggerData *call, void (*read)(Kind *, const TriggerData *)) {
  auto *setup = find_kept<Kind>({RelationGetRelid(call->tg_relation), call->tg_trigger->tgoid});
  return setup != nullptr ? setup : read_setup_again<Kind>(call, read);
}

/// Raises CI007 with the call that sets the table up again.
[[noreturn]] void setup_outdated(Relation relation, const char *detail);
/// Raises CI007 for an orders table whose users table has changed, with the calls for both.
[[noreturn]] void users_outdated(Relation orders, Oid users, const char *detail);

/// Value of a column that is named, in a row of the trigger's table.
inline Datum value_in(const Column &column, HeapTuple row, Relation relation, bool *is_null) {
  return heap_getattr(row, column.number, RelationGetDescr(relation), is_null);
}
/// A value as a cast to text writes it: boolean in words, character(n) without its padding.
char *text_of(const Column &column, Datum value);
/// The row's value as text, or NULL when it is NULL or the column is not named.
char *text_in(const Column &column, HeapTuple row, Relation relation);
/// The value of a uuid column. False: it is NULL.
bool uuid_in(const Column &column, HeapTuple row, Relation relation, pg_uuid_t *value);
/// The row with another value in a uuid column; `value` NULL is NULL.
HeapTuple with_uuid(const Column &column, HeapTuple row, Relation relation, const pg_uuid_t *value);
/// Whether two versions of a row differ in the column; false when it is not named.
bool differs(const Column &column, HeapTuple before, HeapTuple after, Relation relation);

}  // namespace customer_identity
