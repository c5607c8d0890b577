#!/usr/bin/env bash
# One huge shop, spread by customer over two workers, beside an ordinary book on the coordinator alone, in one run:
#   test/cluster.sh test/citus/start_nodes.sh bench/citus/huge_shop.sh
# Prints a table in Markdown; SECONDS_EACH (5) for each statement, ROWS (200000) for COPY and UPDATE.
set -euo pipefail

SECONDS_EACH=${SECONDS_EACH:-5}
ROWS=${ROWS:-200000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# shop, whether it is distributed, whether it has us
make_shop() {
  psql -qXAt -v ON_ERROR_STOP=1 >/dev/null <<SQL
SET client_min_messages = warning;
CREATE SCHEMA $1;
SET search_path = $1;
SELECT customer_identity.create_tables('$1', distributed => $2);
CREATE TABLE users (id bigserial PRIMARY KEY, phone text, name text);
CREATE TABLE orders (customer_id uuid, id uuid DEFAULT gen_random_uuid(), phone text, total numeric, $([ "$2" = true ] && echo 'PRIMARY KEY (customer_id, id)' || echo 'PRIMARY KEY (id)'));
$([ "$2" = true ] && echo "SELECT create_distributed_table('orders', 'customer_id', colocate_with => 'customers');")
$([ "$3" = true ] && echo "SELECT customer_identity.attach_users('users', name_column => 'name'); SELECT customer_identity.attach_orders('orders');")
SQL
}

# The ids are written by the application, which has computed them.
rows() {
  psql -qXAt -c "COPY (SELECT customer_identity.customer_id_of(p), p, 10.5 FROM generate_series(1, $ROWS) AS n, LATERAL (SELECT '+4474001' || lpad((n * 7919 % 20000)::text, 5, '0')) AS v (p)) TO STDOUT"
}
id="customer_identity.customer_id_of('+4474001' || :phone)"
cat >"$folder/order" <<SQL
\set phone random(10000, 19999)
INSERT INTO orders (customer_id, phone, total) VALUES ($id, '+4474001' || :phone, 10.5);
SQL
sed 's/4474001/4474002/g; s/random(10000, 19999)/random(10000, 99999)/' "$folder/order" >"$folder/order of a new guest"
cat >"$folder/sign-up" <<'SQL'
\set phone random(10000, 99999)
INSERT INTO users (phone, name) VALUES ('+4474003' || :phone, 'Nora');
SQL
echo 'SELECT customer_identity.list_customers();' >"$folder/list_customers"

# About one customer each time, who is still there.
for call in export_customer erase_customer; do
  printf "SELECT id FROM customers WHERE phone LIKE '+4474001%%' OFFSET 7 LIMIT 1 \\gset\nSELECT customer_identity.$call(':id'::uuid);\n" >"$folder/$call"
done

# An ordinary book finds the customer itself.
latency() {
  sed "$([ "$1" = plain ] && echo 's/customer_identity.customer_id_of([^)]*)/NULL/')" "$folder/$2" >"$folder/statement"
  PGOPTIONS="-c search_path=$1" "$PG_BINDIR/pgbench" -n -T "$SECONDS_EACH" -f "$folder/statement" 2>/dev/null | awk '/latency average/ { print $4 }'
}

seconds() {
  local start
  start=$(date +%s.%N)
  PGOPTIONS="-c search_path=$1" psql -qX -v ON_ERROR_STOP=1 -c "$2" >/dev/null
  echo "$(date +%s.%N) $start" | awk '{ printf "%.1f", $1 - $2 }'
}

make_shop plain false true
make_shop huge true true
make_shop bare true false
rows >"$folder/rows"
sed 's/^[^\t]*/\\N/' "$folder/rows" >"$folder/rows of plain"

row() { echo "| $1 | $2 $5 | $3 $5 | $4 $5 |"; }
echo '| | one machine | two workers | of that without us |'
echo '|---|---|---|---|'
copy="\\copy orders (customer_id, phone, total) FROM '$folder/rows'"
row "COPY of $ROWS orders of 20,000 new customers" "$(seconds plain "${copy%\'} of plain'")" "$(seconds huge "$copy")" "$(seconds bare "$copy")" s
update='UPDATE orders SET total = total + 1'
row 'UPDATE of all of them' "$(seconds plain "$update")" "$(seconds huge "$update")" "$(seconds bare "$update")" s
for statement in order 'order of a new guest' sign-up; do
  row "$statement" "$(latency plain "$statement")" "$(latency huge "$statement")" "$(latency bare "$statement")" ms
done
row list_customers "$(latency plain list_customers)" "$(latency huge list_customers)" - ms
for call in fraud_signals duplicate_customers; do
  row "$call" "$(seconds plain "SELECT count(customer_identity.$call())")" "$(seconds huge "SELECT count(customer_identity.$call())")" - s
done
for call in export_customer erase_customer; do row "a customer and $call" "$(latency plain $call)" "$(latency huge $call)" - ms; done
for shop in plain huge; do
  echo
  echo "$shop: $(PGOPTIONS="-c search_path=$shop" psql -qXAt -c 'SELECT count(*) FROM customer_identity.verify_totals()') differences"
done
