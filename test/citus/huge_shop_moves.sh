#!/usr/bin/env bash
# Shards of a huge shop that move between the workers while four sessions write, and a worker that is killed: totals are
# exact afterwards. Prints TAP; test/citus/huge_shop.sql has made the shop.
# shellcheck disable=SC2154 # of writers.sh
set -euo pipefail

shop=huge
. test/citus/writers.sh

write_statements() {
  local id
  for i in 1 2 3 4 5; do
    id="customer_identity.customer_id_of('+4474001278$((RANDOM % 90 + 10))')"
    echo "INSERT INTO orders (customer_id, phone, total) SELECT customer_identity.customer_id_of(p), p, $i FROM (VALUES ('+4474001278$((RANDOM % 90 + 10))')) AS v (p);"
    echo "UPDATE orders SET total = total + 1 WHERE customer_id = $id;"
    echo "DELETE FROM orders WHERE customer_id = $id AND id % 5 = $((RANDOM % 5));"
    echo "SELECT customer_identity.adjust_points(customer_identity.get_or_create_customer('+4474001279$(($1 + 10))'), 1, 'test');"
  done
}

move_shards() {
  ask "SELECT shardid, nodeport FROM citus_shards WHERE table_name = 'huge.customers'::regclass ORDER BY shardid LIMIT $1" | while IFS='|' read -r shard from; do
    for to in $WORKERS; do
      [ "$to" = "$from" ] || ask "SELECT citus_move_shard_placement($shard, '$nodes', $from, '$nodes', $to, 'force_logical')" >/dev/null
    done
  done
}

echo 1..4
before=$(ask 'SELECT max(id) FROM orders')
start_writers
move_shards 6
wait $writers
report_totals 1 'totals are exact after shards have moved under four writers'
report 2 'who wrote on' "$(($(ask 'SELECT max(id) FROM orders') - before))" -gt 100

ask "SELECT customer_identity.attach_orders('orders', default_region => 'GB', timing => 'statement')" >/dev/null
start_writers
sleep 2
restart_at_once "${WORKERS%% *}"
wait $writers
sleep 3
report_totals 3 'totals are exact after a worker was killed under four writers'
report 4 'every phone has one customer' "$(ask 'SELECT count(*) FROM (SELECT phone FROM customers WHERE phone IS NOT NULL GROUP BY 1 HAVING count(*) > 1) AS t')" = 0
grep -h ERROR "$nodes/$shop"[1-4] | sed -E 's/[0-9]+/N/g; s/^[^:]*:[^:]*: *//' | sort | uniq -c | sort -rn | head -15 | sed 's/^/# /'
