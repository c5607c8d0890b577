#!/usr/bin/env bash
# Starts a coordinator and two workers beside the server of test/cluster.sh, with which they end, and runs a command
# against the coordinator:  test/cluster.sh test/citus/start_nodes.sh psql
# They listen on sockets in the cluster's folder only. The command gets PGPORT (the coordinator) and WORKERS (the ports of
# the workers); database postgres has citus and customer_identity.
set -euo pipefail

nodes=$(dirname "$PGDATA")
host=$nodes
COORDINATOR=5433
WORKERS="5434 5435"
export COORDINATOR WORKERS

as_cluster_user() {
  if [ "$CLUSTER_USER" = "$(id -un)" ]; then "$@"; else (cd / && runuser -u "$CLUSTER_USER" -- "$@"); fi
}

start_node() {
  local data=$nodes/node$1
  as_cluster_user "$PG_BINDIR/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$nodes/start"
  as_cluster_user tee -a "$data/postgresql.conf" >/dev/null <<CONF
port = $1
listen_addresses = ''
unix_socket_directories = '$host'
fsync = off
wal_level = logical
max_prepared_transactions = 100
shared_preload_libraries = 'citus'
citus.node_conninfo = 'sslmode=prefer'
citus.local_hostname = '$host'
citus.enable_unsafe_triggers = on
citus.defer_shard_delete_interval = 500
citus.recover_2pc_interval = '1s'
citus.show_shards_for_app_name_prefixes = '*'
timezone = 'UTC'
${NODE_CONF:-}
CONF
  as_cluster_user "$PG_BINDIR/pg_ctl" start -D "$data" -l "$nodes/log$1" -s -w -t 60 </dev/null >/dev/null
  psql -qX -p "$1" -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION citus'
}

for port in $COORDINATOR $WORKERS; do start_node "$port"; done
export PGPORT=$COORDINATOR PGOPTIONS='-c client_min_messages=warning'
psql -qX -v ON_ERROR_STOP=1 -c "SELECT citus_set_coordinator_host('$host', $COORDINATOR)" >/dev/null
for port in $WORKERS; do
  psql -qX -v ON_ERROR_STOP=1 -c "SELECT citus_add_node('$host', $port)" >/dev/null
done
psql -qX -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION customer_identity'
"$@"
