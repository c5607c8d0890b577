#!/usr/bin/env bash
# Once, when the container makes its database: the extension, and the region of phones without a country code.
set -euo pipefail

psql -v ON_ERROR_STOP=1 -v region="$CUSTOMER_IDENTITY_REGION" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE EXTENSION customer_identity;
SELECT format('ALTER DATABASE %I SET customer_identity.default_region = %L', current_database(), :'region')
WHERE :'region' <> '' \gexec
SQL
