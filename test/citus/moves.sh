#!/usr/bin/env bash
# A shop that moves between the workers while four sessions write to it, and a worker that is killed: totals are exact
# afterwards. Prints TAP.
# shellcheck disable=SC2154 # of writers.sh
set -euo pipefail

shop=shop_e
. test/citus/writers.sh

write_statements() {
  for i in 1 2 3 4 5; do
    echo "INSERT INTO orders (phone, total) VALUES ('+44 7400 1238' || lpad(($RANDOM % 50)::text, 2, '0'), 1);"
    echo "UPDATE orders SET total = total + 1 WHERE id = (SELECT max(id) - $i FROM orders);"
    echo "SELECT customer_identity.adjust_points(customer_identity.get_or_create_customer('+44 7400 1238$((10 + $1))'), 1, 'test');"
  done
}

# An entry is as old as its balance, which the session was told.
report_kept() {
  local told
  told=$(cat "$nodes/$shop"[1-4] | grep -cE '^[0-9]+$' || true)
  report "$1" "$2" "$(ask "SELECT count(*) FROM loyalty_entries WHERE reason = 'test'")" -ge "$told" -a "$told" -gt 20
}

node_of_shop() { ask "SELECT nodeport FROM citus_shards WHERE table_name = 'shop_e.customers'::regclass"; }

other_worker() { for port in $WORKERS; do [ "$port" = "$1" ] || echo "$port"; done; }

# What the last move has left behind is cleared away once no session looks at it.
move_to() {
  for _ in 1 2 3 4 5 6; do
    if ask "SELECT citus_schema_move('shop_e', '$nodes', $1, 'force_logical')" 2>>"$nodes/moves"; then return; fi
    sleep 1
    psql -qX -c 'CALL citus_cleanup_orphaned_resources()' &>>"$nodes/moves" || true
  done
  cat "$nodes/moves"
  return 1
}

echo 1..5
before=$(ask 'SELECT count(*) FROM orders')
start_writers
from=$(node_of_shop)
move_to "$(other_worker "$from")"
move_to "$from"
wait $writers
report_totals 1 'totals are exact after a shop has moved there and back under four writers'
report 2 'who wrote on' "$(($(ask 'SELECT count(*) FROM orders') - before))" -gt 100
report_kept 3 'and nothing that was done by a function is lost'

start_writers
sleep 2
restart_at_once "$(node_of_shop)"
wait $writers
sleep 2
report_totals 4 'totals are exact after the node of the shop was killed under four writers'
report_kept 5 'and nothing that was done is lost'
