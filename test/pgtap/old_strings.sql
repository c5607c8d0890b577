-- Where backslashes escape in every string, the extension is installed and works as elsewhere.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
SELECT * FROM no_plan();
CREATE VIEW made AS
SELECT p.oid::regprocedure::text AS routine, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END AS definition, obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc AS p WHERE p.pronamespace::regnamespace::text LIKE 'customer%';

CREATE EXTENSION customer_identity;
CREATE TEMP TABLE elsewhere AS TABLE made;
SELECT cmp_ok(count(*), '>', 200::bigint, 'there are functions') FROM elsewhere;
DROP EXTENSION customer_identity;
DROP SCHEMA IF EXISTS customer_identity;

-- From PostgreSQL 19 on they never do.
SELECT :SERVER_VERSION_NUM < 190000 AS has_old_strings \gset
\if :has_old_strings
SET standard_conforming_strings = off;
CREATE EXTENSION customer_identity;
SET customer_identity.fraud_cancelled_statuses = 'cancelled , returned';
SELECT is(customer_identity_internal.cancelled_statuses(), '{cancelled,returned}', 'a list is split');
SELECT is(customer_identity_internal.like_literal(E'a\\b%c_d'), E'a\\\\b\\%c\\_d', 'a search is literal');
SET standard_conforming_strings = on;
SELECT bag_eq('TABLE made', 'TABLE elsewhere', 'every function is the same');
\endif
SELECT * FROM finish();
ROLLBACK;
