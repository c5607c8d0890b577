#!/usr/bin/env bash
# Runs a command against a PostgreSQL server that lives only as long as the command:
#   test/cluster.sh psql -c 'SELECT version()'
#
# The command gets PGHOST, PGPORT, PGUSER, PGDATABASE, PGDATA, PG_BINDIR and CLUSTER_USER, the user
# who runs the server (never root). More servers that it starts beside PGDATA end with it. It may set:
#   PG_CONFIG      selects the server (pg_config of the PATH)
#   CLUSTER_CONF   more lines for postgresql.conf
#   CLUSTER_FSYNC  on: writes reach the disk (off)
#   CLUSTER_KEEP   not empty: the server and its folder stay when the command has ended
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: test/cluster.sh COMMAND [ARGUMENT...]" >&2; exit 2; }

PG_BINDIR=$("${PG_CONFIG:-pg_config}" --bindir)
CLUSTER_USER=$(id -un)
if [ "$(id -u)" -eq 0 ]; then CLUSTER_USER=postgres; fi

as_cluster_user() {
  if [ "$CLUSTER_USER" = "$(id -un)" ]; then
    "$@"
  else
    (cd / && runuser -u "$CLUSTER_USER" -- "$@")
  fi
}

folder=$(as_cluster_user mktemp -d /tmp/customer_identity.XXXXXX)
group=
failed_start=

clean_up() {
  trap - EXIT INT TERM HUP
  if [ -n "$group" ]; then kill -TERM -- "-$group" 2>/dev/null || true; fi
  if [ -n "${CLUSTER_KEEP:-}" ] && [ -z "$failed_start" ]; then return; fi
  local server
  for server in "$folder"/*/postmaster.pid; do
    [ -f "$server" ] || continue
    as_cluster_user "$PG_BINDIR/pg_ctl" stop -D "${server%/*}" -m immediate -s >&2 || true
  done
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

start_server() {
  as_cluster_user "$PG_BINDIR/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 \
    --locale=C.UTF-8 --no-sync &>"$folder/start" || return 1
  as_cluster_user tee -a "$folder/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$folder'
fsync = ${CLUSTER_FSYNC:-off}
max_prepared_transactions = 20
timezone = 'UTC'
log_timezone = 'UTC'
${CLUSTER_CONF:-}
CONF
  as_cluster_user "$PG_BINDIR/pg_ctl" start -D "$folder/data" -l "$folder/log" -s -w -t 60 \
    &>"$folder/start" </dev/null
}

if ! start_server; then
  failed_start=yes
  echo "test/cluster.sh: the server did not start:" >&2
  tail -q -n 30 "$folder/start" "$folder/log" >&2 2>/dev/null || true
  exit 1
fi

unset PGHOSTADDR PGSERVICE PGSERVICEFILE PGPASSFILE PGPASSWORD PGOPTIONS PGSSLMODE
export PGHOST=$folder PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PGDATA=$folder/data
export PG_BINDIR CLUSTER_USER PATH="$PG_BINDIR:$PATH"

# At a terminal the command keeps it (psql, a shell). Else it gets a process group of its own, so that
# a signal sent to this script ends all of it at once.
if [ -t 0 ]; then
  "$@"
else
  set -m
  "$@" <&0 &
  group=$!
  set +m
  status=0
  wait "$group" || status=$?
  group=
  exit "$status"
fi
