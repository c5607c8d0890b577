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

# Milliseconds of a statement, on average. $3: the port of another node.
latency() {
  PGOPTIONS="-c search_path=$1" "$PG_BINDIR/pgbench" -n -M prepared -p "${3:-$PGPORT}" -T "$SECONDS_EACH" -f "$folder/$2" 2>/dev/null |
    awk '/latency average/ { printf "%.2f", $4 }'
}

copy_seconds() {
  local start
  start=$(date +%s.%N)
  PGOPTIONS="-c search_path=$1" psql -qX -p "${3:-$PGPORT}" -v ON_ERROR_STOP=1 -c "\\copy orders (user_id, total) FROM '$folder/$2'"
  echo "$(date +%s.%N) $start" | awk '{ printf "%.1f", $1 - $2 }'
}

make_shop plain off "$ATTACH"
make_shop shards on "$ATTACH"
make_shop bare off ''
make_shop bare_shards on ''
for shop in plain shards bare bare_shards; do load "$shop"; done
seq 1 "$ROWS" | awk '{ printf "%d\t%d.5\n", 1 + ($1 * 7919) % 30000, $1 % 100 }' >"$folder/rows"
psql -qXAt -c 'CHECKPOINT' -c 'VACUUM ANALYZE'
node=$(psql -qXAt -c "SELECT nodeport FROM citus_shards WHERE table_name = 'shards.orders'::regclass")

# In parentheses: the same without us.
row() {
  local name=$1 measure=$2 what=$3 unit=$4
  echo "| $name | $($measure plain "$what") ($($measure bare "$what")) $unit | $($measure shards "$what") ($($measure bare_shards "$what")) $unit" \
    "| $($measure shards "$what" "$node") $unit |"
}
echo '| | one machine | distributed, by the coordinator | distributed, by the node of the shop |'
echo '|---|---|---|---|'
row "COPY of $ROWS orders" copy_seconds rows s
row 'an order' latency order ms
row "a guest's order" latency guest_order ms
row 'a sign-up' latency sign_up ms
row '`list_customers`' latency list_customers ms | sed 's/ ([^)]*)//g'

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
