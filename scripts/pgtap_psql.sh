#!/usr/bin/env bash
# psql for pg_prove: every test file runs in a database of its own, which is dropped afterwards.
set -euo pipefail

database=pgtap_$$
psql -Xq -d postgres -c "CREATE DATABASE $database"
trap 'psql -Xq -d postgres -c "DROP DATABASE $database WITH (FORCE)"' EXIT
PGDATABASE=$database psql "$@"
