// Books that may grow beyond one machine: a row is placed by its customer's id before a trigger
// runs, so the id is computed from the phone.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// The id of the customer who is the `generation`th to hold an E.164 number, from 0: a name-based
/// UUID of version 8. What customer_identity_internal.id_of_phone() writes into the tables' CHECK.
pg_uuid_t computed_id(const char *e164, int generation);

/// How many people can hold a number, one after the other; as last_generation() in SQL.
constexpr int kMaximumGenerations = 32;

/// Which holder of the number has that id; -1: none.
int generation_of(const pg_uuid_t &id, const char *e164);

/// Whether the ids of a book are computed: its customers have a column phone_generation.
bool has_computed_ids(Oid customers);

/// The id that orders without a readable phone have there: no customer's.
constexpr pg_uuid_t kNobody = {};

inline bool is_nobody(const pg_uuid_t &id) { return memcmp(&id, &kNobody, sizeof(id)) == 0; }

}  // namespace customer_identity
