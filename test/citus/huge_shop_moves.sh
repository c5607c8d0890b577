#!/usr/bin/env bash
# Shards of a huge shop that move between the workers while four sessions write, and a worker that is killed: totals are
# exact afterwards. Prints TAP; test/citus/huge_shop.sql has made the shop.
set -euo pipefail

nodes=$(dirname "$PGDATA")
ask() { psql -qXAt -v ON_ERROR_STOP=1 -c "SET search_path = huge, public; $1"; }

# Statements may fail while a shard moves or a node is down; what was done has to be counted.
write_for_a_while() {
  local port=$1 number=$2
  local end=$((SECONDS + 8)) id
  while [ $SECONDS -lt $end ]; do
    for i in 1 2 3 4 5; do
      id="customer_identity.customer_id_of('+4474001278$((RANDOM % 90 + 10))')"
      echo "INSERT INTO orders (customer_id, phone, total) SELECT customer_identity.customer_id_of(p), p, $i FROM (VALUES ('+4474001278$((RANDOM % 90 + 10))')) AS v (p);"
      echo "UPDATE orders SET total = total + 1 WHERE customer_id = $id;"
      echo "DELETE FROM orders WHERE customer_id = $id AND id % 5 = $((RANDOM % 5));"
      echo "SELECT customer_identity.adjust_points(customer_identity.get_or_create_customer('+4474001279$((number + 10))'), 1, 'test');"
    done | psql -qXAt -p "$port" -c 'SET search_path = huge, public' -f - &>>"$nodes/huge$number" || true
  done
}

start_writers() {
  writers=
  local number=0
  for port in $COORDINATOR $COORDINATOR $WORKERS; do
    number=$((number + 1))
    write_for_a_while "$port" $number &
    writers="$writers $!"
  done
}

check() {
  local wrong
  wrong=$(ask 'SELECT count(*) FROM customer_identity.verify_totals()')
  if [ "$wrong" = 0 ]; then echo "ok $1 - $2"; else echo "not ok $1 - $2 ($wrong differences)"; fi
}

move_shards_of() {
  ask "SELECT shardid, nodeport FROM citus_shards WHERE table_name = 'huge.customers'::regclass ORDER BY shardid LIMIT $1" | while IFS='|' read -r shard from; do
    for to in $WORKERS; do
      [ "$to" = "$from" ] || ask "SELECT citus_move_shard_placement($shard, '$nodes', $from, '$nodes', $to, 'force_logical')" >/dev/null
    done
  done
}

as_cluster_user() { if [ "$CLUSTER_USER" = "$(id -un)" ]; then "$@"; else (cd / && runuser -u "$CLUSTER_USER" -- "$@"); fi; }

echo 1..4
before=$(ask 'SELECT max(id) FROM orders')
start_writers
move_shards_of 6
wait $writers
check 1 'totals are exact after shards have moved under four writers'
after=$(ask 'SELECT max(id) FROM orders')
if [ "$((after - before))" -gt 100 ]; then echo 'ok 2 - who wrote on'; else echo "not ok 2 - only $((after - before)) orders were written"; fi

ask "SELECT customer_identity.attach_orders('orders', default_region => 'GB', timing => 'statement')" >/dev/null
start_writers
sleep 2
killed=${WORKERS%% *}
as_cluster_user "$PG_BINDIR/pg_ctl" restart -D "$nodes/node$killed" -l "$nodes/log$killed" -m immediate -s -w </dev/null >/dev/null
wait $writers
sleep 3
check 3 'totals are exact after a worker was killed under four writers'
twins=$(ask 'SELECT count(*) FROM (SELECT phone FROM customers WHERE phone IS NOT NULL GROUP BY 1 HAVING count(*) > 1) AS t')
if [ "$twins" = 0 ]; then echo 'ok 4 - every phone has one customer'; else echo "not ok 4 - $twins phones have two customers"; fi
grep -h ERROR "$nodes"/huge[1-4] | sed -E 's/[0-9]+/N/g; s/^[^:]*:[^:]*: *//' | sort | uniq -c | sort -rn | head -15 | sed 's/^/# /'
