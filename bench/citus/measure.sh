#!/usr/bin/env bash
# A shop in a distributed schema beside the same shop on one machine, in one run, where the server of PG_CONFIG has Citus:
#   test/cluster.sh test/citus/start_nodes.sh bench/citus/measure.sh
# All of them ask the coordinator. Prints a table in Markdown; SECONDS_EACH (5) for each statement, ROWS (200000) for COPY,
# BOOKS (0 10 100) for how much it costs to have that many shops.
set -euo pipefail

SECONDS_EACH=${SECONDS_EACH:-5}
ROWS=${ROWS:-200000}
BOOKS=${BOOKS:-0 10 100}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# plain: on the coordinator alone.
make_shop() {
  psql -qXAt -v ON_ERROR_STOP=1 >/dev/null <<SQL
SET client_min_messages = warning;
SET citus.enable_schema_based_sharding = $2;
CREATE SCHEMA $1;
SET search_path = $1;
SELECT customer_identity.create_tables('$1');
CREATE TABLE users (id bigserial PRIMARY KEY, phone text, name text);
CREATE TABLE orders (id bigserial PRIMARY KEY, user_id bigint, phone text, total numeric);
$3
SQL
}
ATTACH="SELECT customer_identity.attach_users('users', name_column => 'name'); SELECT customer_identity.attach_orders('orders', users => 'users');"

load() {
  psql -qXAt -v ON_ERROR_STOP=1 -c "SET search_path = $1" \
    -c "INSERT INTO users (phone, name) SELECT '+44 7400 1' || lpad(g::text, 5, '0'), 'Name ' || g FROM generate_series(1, 30000) AS g"
}

cat >"$folder/order" <<'E2'
\set user random(1, 30000)
INSERT INTO orders (user_id, total) VALUES (:user, 10.5);
E2
cat >"$folder/guest_order" <<'E2'
\set phone random(10000, 99999)
INSERT INTO orders (phone, total) VALUES ('+44 7400 1:phone', 10.5);
E2
cat >"$folder/sign_up" <<'E2'
\set phone random(10000, 99999)
INSERT INTO users (phone, name) VALUES ('+44 7400 2:phone', 'Nora');
E2
cat >"$folder/list_customers" <<'E2'
SELECT customer_identity.list_customers();
E2
sed -i "s/'+44 7400 \([12]\):phone'/'+44 7400 \1' || :phone/" "$folder"/*

# Milliseconds of a statement, on average.
latency() {
  PGOPTIONS="-c search_path=$1" "$PG_BINDIR/pgbench" -n -M prepared -T "$SECONDS_EACH" -f "$folder/$2" 2>/dev/null |
    awk '/latency average/ { print $4 }'
}

copy_seconds() {
  local start
  seq 1 "$ROWS" | awk '{ printf "%d\t%d.5\n", 1 + ($1 * 7919) % 30000, $1 % 100 }' >"$folder/rows"
  start=$(date +%s.%N)
  PGOPTIONS="-c search_path=$1" psql -qX -v ON_ERROR_STOP=1 -c "\\copy orders (user_id, total) FROM '$folder/rows'"
  echo "$(date +%s.%N) $start" | awk '{ printf "%.1f", $1 - $2 }'
}

make_shop plain off "$ATTACH"
make_shop shards on "$ATTACH"
make_shop bare off ''
make_shop bare_shards on ''
for shop in plain shards bare bare_shards; do load "$shop"; done

echo "| | one machine | of that without us | distributed | of that without us | ratio |"
echo "|---|---|---|---|---|---|"
row() { echo "$*" | awk '{ split($0, v, "|"); printf "| %s | %s %s | %s | %s %s | %s | %.1f |\n", v[1], v[2], v[6], v[3], v[4], v[6], v[5], v[4] / v[2] }'; }
for statement in order guest_order sign_up; do
  row "$statement|$(latency plain $statement)|$(latency bare $statement)|$(latency shards $statement)|$(latency bare_shards $statement)|ms"
done
row "COPY of $ROWS orders|$(copy_seconds plain)|$(copy_seconds bare)|$(copy_seconds shards)|$(copy_seconds bare_shards)|s"
row "list_customers|$(latency plain list_customers)|-|$(latency shards list_customers)|-|ms"

made=0
for books in $BOOKS; do
  start=$(date +%s.%N)
  while [ "$made" -lt "$books" ]; do
    made=$((made + 1))
    make_shop "shop_$made" on "$ATTACH"
  done
  each=$(echo "$(date +%s.%N) $start $made" | awk '{ printf "%.2f", $1 - $2 }')
  echo
  echo "$books further books (the last ones in $each s): an order $(latency shards order) ms," \
    "a new session's first order $(for _ in 1 2 3; do psql -qXAt -c "SET search_path = shards" -c '\timing on' -c 'INSERT INTO orders (user_id, total) VALUES (1, 1)' |
      awk '/Time/ { print $2 }'; done | sort -n | sed -n 2p) ms"
done
