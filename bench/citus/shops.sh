#!/usr/bin/env bash
# How cost grows with the number of shops that each have a distributed schema, where the server of PG_CONFIG has Citus:
#   test/cluster.sh test/citus/start_nodes.sh bench/citus/shops.sh
# All by the coordinator. Prints a table in Markdown, a row for each of SHOPS (10 100), measured in the last shop.
set -euo pipefail

SHOPS=${SHOPS:-10 100}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Users and orders are made by the application, and attached.
shop_statements() {
  cat <<SQL
SET client_min_messages = warning;
SET citus.enable_schema_based_sharding = on;
CREATE SCHEMA shop_$1;
SET search_path = shop_$1;
SELECT customer_identity.create_tables('shop_$1');
CREATE TABLE users (id text PRIMARY KEY, phone text, name text);
CREATE TABLE orders (id bigserial PRIMARY KEY, user_id text, phone text, total numeric);
SELECT customer_identity.attach_users('users', name_column => 'name');
SELECT customer_identity.attach_orders('orders', users => 'users');
SQL
}

seconds_of() {
  local start
  start=$(date +%s.%N)
  "$@" >/dev/null
  echo "$(date +%s.%N) $start" | awk '{ printf "%.3f", $1 - $2 }'
}

make_shop() { shop_statements "$1" | psql -qXAt -v ON_ERROR_STOP=1 -f - >/dev/null; }

ask() { psql -qXAt -v ON_ERROR_STOP=1 -c "SET search_path = shop_$1" -c "$2"; }

# Milliseconds of a statement in a session that has asked it before.
repeated() {
  echo "$2" >"$folder/statement"
  PGOPTIONS="-c search_path=shop_$1 -c client_min_messages=warning" "$PG_BINDIR/pgbench" -n -t "$3" -f "$folder/statement" 2>/dev/null |
    awk '/latency average/ { printf "%.2f", $4 }'
}

ORDER="INSERT INTO orders (phone, total) VALUES ('+44 7400 123456', 10)"
echo '| shops | making one more | the first order of a session | an order | `check_setup` | `attachments` | `pg_dump` of one shop | tables of a node |'
echo '|---|---|---|---|---|---|---|---|'
made=0
for count in $SHOPS; do
  while [ "$made" -lt "$count" ]; do
    made=$((made + 1))
    taken=$(seconds_of make_shop "$made")
  done
  ask "$made" "$ORDER"
  echo "| $count | $taken s | $(seconds_of ask "$made" "$ORDER") s | $(repeated "$made" "$ORDER" 500) ms" \
    "| $(seconds_of ask "$made" 'SELECT * FROM customer_identity.check_setup()') s | $(repeated "$made" 'SELECT count(*) FROM customer_identity.attachments' 5) ms" \
    "| $(seconds_of pg_dump -n "shop_$made") s | $(ask "$made" "SELECT count(*) FROM pg_class WHERE relkind = 'r'") |"
done
