// Customers by their ids, row security or not, also by ids that this transaction has changed: an
// ON UPDATE CASCADE moves a customer's orders to the new id, and the totals are there already.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

/// A customers table and its unique index of the id; without one, scans read the table itself.
struct CustomerIds {
  Relation customers;
  AttrNumber column;
  Oid index;
};

CustomerIds open_ids(Oid customers);
void close_ids(const CustomerIds &ids);

/// Whether the snapshot has a customer with this id.
bool is_there(const CustomerIds &ids, const pg_uuid_t &id, Snapshot snapshot);

/// The id by which the customer that was `id` before this transaction changed it is known now. The
/// id may be another customer's by now: the customer who became `wanted` (NULL: nobody) goes before
/// the one who is `id` now, and that one before all who were.
pg_uuid_t present_id(const CustomerIds &ids, const pg_uuid_t &id, const pg_uuid_t *wanted);

inline bool is_same_id(const pg_uuid_t &one, const pg_uuid_t &other) {
  return memcmp(&one, &other, sizeof(pg_uuid_t)) == 0;
}

}  // namespace customer_identity
