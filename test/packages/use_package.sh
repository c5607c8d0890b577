#!/usr/bin/env bash
# In a fresh system with the packages in /packages: installs, uses, removes and purges each.
set -euo pipefail

ask() { runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 "$@"; }
expect() { [ "$2" = "$3" ] || { echo "not ok: $1: $2, not $3" >&2; exit 1; }; }
ours() { find / -xdev \( -path /packages -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache -o -path '/var/lib/apt' \) -prune -o -iname '*customer*identity*' -print; }

for package in /packages/postgresql-*-customer-identity_*.deb; do
  name=$(dpkg-deb -f "$package" Package)
  major=${name#postgresql-} major=${major%%-*}
  apt-get install -y -q "$package"
  pg_ctlcluster "$major" main start
  cd /
  ask -c 'CREATE EXTENSION customer_identity' -c 'SELECT customer_identity.create_tables()' -c 'CREATE TABLE users (id text PRIMARY KEY, phone text)' \
    -c "SELECT customer_identity.attach_users('users', default_region => 'DE')" -c "INSERT INTO users VALUES ('mara', '0151 23456789')" >/dev/null
  expect "$name links" "$(ask -c 'SELECT c.phone FROM customers AS c JOIN users AS u ON u.customer_id = c.id')" +4915123456789
  expect "$name is whole" "$(ask -c 'SELECT count(*) FROM customer_identity.check_setup()')" 0
  ask -c "ALTER SYSTEM SET shared_preload_libraries = 'customer_identity'"
  pg_ctlcluster "$major" main restart
  expect "$name is preloaded" "$(ask -c "SELECT count(*) FROM pg_settings WHERE name = 'customer_identity.default_region'")" 1
  ask -c 'DROP EXTENSION customer_identity CASCADE' -c 'ALTER SYSTEM RESET ALL' 2>/dev/null
  expect "$name leaves the book" "$(ask -c 'SELECT count(*) FROM customers')" 1
  pg_ctlcluster "$major" main stop

  apt-get remove -y -q "$name"
  expect "$name is removed" "$(ours)" ''
  apt-get install -y -q "$package"
  apt-get purge -y -q "$name"
  expect "$name is purged" "$(ours)" ''
  expect "$name is gone" "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || echo gone)" gone
done
echo "used, removed and purged: $(echo /packages/postgresql-*-customer-identity_*.deb | wc -w) packages"
