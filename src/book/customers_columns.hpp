// What a customers table has to have: the one list that C++ and SQL read.
#pragma once

#include "pg/postgres.hpp"

namespace customer_identity {

struct CustomersColumn {
  const char *name;
  Oid types[2];  // those that fit; a column of another type is given the first
  const char *definition;
  bool is_for_triggers;  // without it no row is linked or counted
};

inline constexpr CustomersColumn kCustomersColumns[] = {
    {"id", {UUIDOID}, "uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid()", true},
    {"phone",
     {VARCHAROID, TEXTOID},
     "varchar(20) UNIQUE CHECK (phone ~ '^[+][1-9][0-9]{1,18}$')",
     true},
    {"preferred_name", {VARCHAROID, TEXTOID}, "varchar(100)", true},
    {"is_phone_verified", {BOOLOID}, "boolean NOT NULL DEFAULT false", true},
    {"total_orders", {INT8OID, INT4OID}, "integer NOT NULL DEFAULT 0", true},
    {"total_spent", {NUMERICOID}, "numeric NOT NULL DEFAULT 0", true},
    {"loyalty_points", {INT8OID, INT4OID}, "bigint NOT NULL DEFAULT 0", true},
    {"notes", {VARCHAROID, TEXTOID}, "text", false},
    {"created_at",
     {TIMESTAMPTZOID, TIMESTAMPOID},
     "timestamptz NOT NULL DEFAULT pg_catalog.now()",
     false},
    {"updated_at",
     {TIMESTAMPTZOID, TIMESTAMPOID},
     "timestamptz NOT NULL DEFAULT pg_catalog.now()",
     true},
};

}  // namespace customer_identity
