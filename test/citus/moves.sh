#!/usr/bin/env bash
# A shop that moves between the workers while four sessions write to it, and a worker that is killed: totals are exact
# afterwards. Prints TAP.
set -euo pipefail

nodes=$(dirname "$PGDATA")
ask() { psql -qXAt -v ON_ERROR_STOP=1 -c "SET search_path = shop_e, public; $1"; }

# Statements may fail while the shop moves or its node is down; what they report as done has to be there.
write_for_a_while() {
  local port=$1 number=$2
  local end=$((SECONDS + 8))
  while [ $SECONDS -lt $end ]; do
    for i in 1 2 3 4 5; do
      echo "INSERT INTO orders (phone, total) VALUES ('+44 7400 1238' || lpad(($RANDOM % 50)::text, 2, '0'), 1);"
      echo "UPDATE orders SET total = total + 1 WHERE id = (SELECT max(id) - $i FROM orders);"
      echo "SELECT customer_identity.adjust_points(customer_identity.get_or_create_customer('+44 7400 1238$((10 + number))'), 1, 'test');"
    done | psql -qXAt -p "$port" -c 'SET search_path = shop_e, public' -f - &>>"$nodes/writer$number" || true
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

# An entry is as old as its balance, which the session was told.
check_kept() {
  local told kept
  told=$(cat "$nodes"/writer* | grep -cE '^[0-9]+$' || true)
  kept=$(ask "SELECT count(*) FROM loyalty_entries WHERE reason = 'test'")
  if [ "$kept" -ge "$told" ] && [ "$told" -gt 20 ]; then echo "ok $1 - $2"; else echo "not ok $1 - $2 ($told told, $kept kept)"; fi
}

check() {
  local wrong
  wrong=$(ask 'SELECT count(*) FROM customer_identity.verify_totals()')
  if [ "$wrong" = 0 ]; then echo "ok $1 - $2"; else echo "not ok $1 - $2 ($wrong differences)"; fi
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
check 1 'totals are exact after a shop has moved there and back under four writers'
after=$(ask 'SELECT count(*) FROM orders')
if [ "$((after - before))" -gt 100 ]; then echo 'ok 2 - who wrote on'; else echo "not ok 2 - only $((after - before)) orders were written"; fi

check_kept 3 'and nothing that was done by a function is lost'

start_writers
sleep 2
as_cluster_user() { if [ "$CLUSTER_USER" = "$(id -un)" ]; then "$@"; else (cd / && runuser -u "$CLUSTER_USER" -- "$@"); fi; }
shop_node=$(node_of_shop)
as_cluster_user "$PG_BINDIR/pg_ctl" restart -D "$nodes/node$shop_node" -l "$nodes/log$shop_node" -m immediate -s -w </dev/null >/dev/null
wait $writers
sleep 2
check 4 'totals are exact after the node of the shop was killed under four writers'
check_kept 5 'and nothing that was done is lost'
