\echo Use "CREATE EXTENSION customer_identity" to load this file. \quit

GRANT USAGE ON SCHEMA customer_identity TO PUBLIC;
