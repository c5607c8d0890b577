#!/usr/bin/env bash
# For tests that move or kill a node while four sessions write, two of them through the workers. Who sources it names the
# schema of the shop and says what a session does: write_statements NUMBER.
# shellcheck disable=SC2154
nodes=$(dirname "$PGDATA")
ask() { psql -qXAt -v ON_ERROR_STOP=1 -c "SET search_path = $shop, public; $1"; }

# Statements may fail meanwhile; what they report as done has to be there.
write_for_a_while() {
  local port=$1 number=$2
  local end=$((SECONDS + 8))
  while [ $SECONDS -lt $end ]; do
    write_statements "$number" | psql -qXAt -p "$port" -c "SET search_path = $shop, public" -f - &>>"$nodes/$shop$number" || true
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

restart_at_once() {
  local command=("$PG_BINDIR/pg_ctl" restart -D "$nodes/node$1" -l "$nodes/log$1" -m immediate -s -w)
  if [ "$CLUSTER_USER" = "$(id -un)" ]; then "${command[@]}"; else (cd / && runuser -u "$CLUSTER_USER" -- "${command[@]}"); fi </dev/null >/dev/null
}

# report NUMBER WHAT CONDITION...: the condition is one of test.
report() {
  if test "${@:3}"; then echo "ok $1 - $2"; else echo "not ok $1 - $2: not ${*:3}"; fi
}

report_totals() {
  report "$1" "$2" "$(ask 'SELECT count(*) FROM customer_identity.verify_totals()')" = 0
}
