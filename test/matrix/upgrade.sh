#!/usr/bin/env bash
# Moves a living shop to a newer major by pg_upgrade, and by logical replication while orders go on:
#   test/matrix/upgrade.sh OLD_PG_CONFIG NEW_PG_CONFIG
# The extension is installed for both. Links, totals and proofs are the same afterwards and go on; by pg_upgrade a code
# that is under way is still answered.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
restore=$here/../restore
old=$("$1" --bindir)
new=$("$2" --bindir)
user=$(id -un)
if [ "$(id -u)" -eq 0 ]; then user=postgres; fi
passed=0
failed=0

as_user() {
  if [ "$user" = "$(id -un)" ]; then "$@"; else (cd "$work" && runuser -u "$user" -- "$@"); fi
}
work=$(mktemp -d /tmp/customer_identity.XXXXXX)
if [ "$(id -u)" -eq 0 ]; then chown "$user" "$work"; fi

clean_up() {
  for data in "$work"/*/postmaster.pid; do
    if [ -f "$data" ]; then as_user kill -QUIT "$(head -n 1 "$data")" || true; fi
  done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' INT TERM HUP

# equal WHAT EXPECTED FOUND
equal() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "not ok: $1" >&2
    diff <(echo "$2") <(echo "$3") | head -n 20 >&2 || true
  fi
}

# cluster NAME BINDIR: an empty one in $work/NAME, whose socket is there as well.
cluster() {
  # pg_upgrade wants both with checksums or without; 18 has them unless told otherwise.
  local without=
  if [[ $("$2/initdb" --help) = *no-data-checksums* ]]; then without=--no-data-checksums; fi
  as_user "$2/initdb" -D "$work/$1" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync $without >"$work/log"
  as_user tee -a "$work/$1/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$work/$1'
fsync = off
timezone = 'UTC'
wal_level = logical
shared_preload_libraries = 'customer_identity'
CONF
}
start() { as_user "$2/pg_ctl" start -D "$work/$1" -l "$work/$1.log" -s -w >"$work/log" 2>&1 || { cat "$work/$1.log" >&2; exit 1; }; }
stop() { as_user "$2/pg_ctl" stop -D "$work/$1" -m fast -s -w >"$work/log" 2>&1; }

# sql CLUSTER [ARGUMENT...]: in its database shop.
sql() { "$new/psql" -h "$work/$1" -U postgres -qXAt -v ON_ERROR_STOP=1 -d shop "${@:2}"; }
# NOT NULL is a constraint with a name from 18 on.
fingerprint() { sql "$1" -f "$restore/fingerprint.sql" | grep -v '^key|.*|NOT NULL'; }

make_shop() {
  "$old/createdb" -h "$work/$1" -U postgres shop
  sql "$1" -f "$restore/shop.sql" >"$work/log"
}

# goes_on CLUSTER HOW: what the shop does next is linked and counted.
goes_on() {
  sql "$1" >"$work/log" <<'SQL'
SET search_path = shop;
SET customer_identity.default_region = 'GB';
INSERT INTO orders VALUES (9001, 'u1', NULL, 10, 'paid'), (9002, NULL, '07400 123777', 20, 'paid');
INSERT INTO "user" (id, name, phone) VALUES ('late', 'Late', '07400 123777');
DELETE FROM orders WHERE id < 50;
SELECT customer_identity.unmerge_customers(id, customers => 'shop.customers') FROM shop.customer_merges ORDER BY id DESC;
SQL
  equal "$2: a new login finds the customer of a new guest" 1 "$(sql "$1" -c "SELECT count(*) FROM shop.\"user\" AS u
    JOIN shop.orders AS o USING (customer_id) WHERE u.id = 'late' AND o.id = 9002")"
  equal "$2: totals are exact" '' "$(sql "$1" -c "SELECT * FROM customer_identity.verify_totals('shop.customers')")"
  equal "$2: no errors of the set-up" '' "$(sql "$1" -c "SELECT * FROM customer_identity.check_setup('shop.customers') WHERE severity = 'error'")"
}

by_pg_upgrade() {
  cluster old "$old"
  start old "$old"
  make_shop old
  sql old -c "ALTER DATABASE shop SET customer_identity.sms_countries = 'GB'" -c 'ALTER DATABASE shop SET search_path = shop, public'
  local verification code before
  verification=$(sql old -c "SELECT verification_id FROM customer_identity.start_verification('+447400123999')")
  code=$(sql old -c "SELECT substring(body FROM '\d{6}') FROM customer_identity.sms_messages")
  before=$(fingerprint old)
  stop old "$old"

  cluster new "$new"
  if ! as_user "$new/pg_upgrade" -b "$old" -B "$new" -d "$work/old" -D "$work/new" -U postgres -s "$work" >"$work/upgrade" 2>&1; then
    cat "$work/upgrade" >&2
    find "$work/new" -name '*.log' -path '*pg_upgrade*' -exec tail -n 20 {} + >&2
    exit 1
  fi
  start new "$new"
  equal 'pg_upgrade: nothing is lost' "$before" "$(fingerprint new)"
  equal 'pg_upgrade: a code that is under way is answered' approved \
    "$(sql new -c "SELECT status FROM customer_identity.check_verification('$verification', '$code')")"
  goes_on new pg_upgrade
  stop new "$new"
  rm -rf "${work:?}"/old "$work"/new
}

# wait_for CLUSTER QUERY: until it says t.
wait_for() {
  for ((tries = 0; tries < 600; tries++)); do
    if [ "$(sql "$1" -c "$2")" = t ]; then return; fi
    sleep 0.1
  done
  echo "still not so after a minute: $2" >&2
  exit 1
}

# As docs/operations.md says: the definitions first, then the rows, and the book is published with the shop's tables.
by_replication() {
  cluster old "$old"
  cluster new "$new"
  start old "$old"
  start new "$new"
  make_shop old
  "$new/createdb" -h "$work/new" -U postgres shop
  "$new/pg_dump" -h "$work/old" -U postgres -s shop >"$work/definitions"
  sql new -f "$work/definitions" >"$work/log"
  sql old -c 'CREATE PUBLICATION everything FOR TABLES IN SCHEMA shop'
  sql new -c "CREATE SUBSCRIPTION everything CONNECTION 'host=$work/old user=postgres dbname=shop' PUBLICATION everything" 2>"$work/log"
  wait_for new "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel"

  sql old >"$work/log" <<'SQL'
SET search_path = shop;
INSERT INTO orders SELECT n, 'u' || n % 40 + 1, NULL, n, 'paid' FROM generate_series(5001, 5200) n;
UPDATE orders SET status = 'paid' WHERE status = 'cancelled';
DELETE FROM sales WHERE id < 20;
INSERT INTO "user" (id, name, phone) VALUES ('meanwhile', 'Mean While', '+447400123778');
SQL
  local sent
  sent=$(sql old -c 'SELECT pg_current_wal_lsn()')
  wait_for old "SELECT bool_and(replay_lsn >= '$sent') FROM pg_stat_replication"
  equal 'replication: nothing is lost' "$(fingerprint old)" "$(fingerprint new)"
  sql new -c 'DROP SUBSCRIPTION everything' 2>"$work/log"
  goes_on new replication
}

by_pg_upgrade
by_replication
[ "$failed" -eq 0 ] || exit 1
echo "upgrade: $passed checks passed"
