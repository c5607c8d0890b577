#!/usr/bin/env bash
# Once, for the example shop: its roles, and a database of its owner, who makes the extension there.
set -euo pipefail

psql -v ON_ERROR_STOP=1 -v password="$SHOP_PASSWORD" -v region="$CUSTOMER_IDENTITY_REGION" -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
  -f "${SHOP_ROLES:-/shop/roles.sql}" -f - <<'SQL'
ALTER ROLE shop_owner PASSWORD :'password';
ALTER ROLE shop_app PASSWORD :'password';
ALTER ROLE shop_admin PASSWORD :'password';
CREATE DATABASE shop OWNER shop_owner;
ALTER DATABASE shop SET customer_identity.default_region = :'region';
SQL
