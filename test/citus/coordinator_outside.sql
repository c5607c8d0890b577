-- A coordinator that is no node of its own cluster has no copies of the tables that every node has.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SELECT no_plan();
SELECT nodename AS host, nodeport AS port FROM pg_dist_node WHERE groupid = 0 \gset
SELECT citus_remove_node(:'host', :port) \g /dev/null
CREATE SCHEMA shop_h;
SET search_path = shop_h, public;
SELECT customer_identity.create_tables('shop_h', distributed => true) \g /dev/null
CREATE TABLE users (id text PRIMARY KEY, phone text);
SELECT customer_identity.attach_users('users');
SELECT customer_identity.set_phone_rule('+44 7400 123470', 'nobody');
SELECT lives_ok($$INSERT INTO users VALUES ('a', '+44 7400 123470'), ('b', '+44 7400 123471')$$, 'a sign-up with a phone that names nobody');
SELECT results_eq('SELECT id, customer_id IS NULL FROM users ORDER BY 1', $$VALUES ('a', true), ('b', false)$$, 'has no customer');
SELECT throws_ok('SELECT customer_identity.get_or_create_customer(''+44 7400 123470'')', 'CI001', 'the phone names nobody', 'nor does anybody make one');
SELECT customer_identity.set_phone_rule('+44 7400 123470', NULL);
SELECT lives_ok('SELECT customer_identity.get_or_create_customer(''+44 7400 123470'')', 'before the rule is gone');
SELECT * FROM finish();
DROP SCHEMA shop_h CASCADE;
SELECT citus_set_coordinator_host(:'host', :port) \g /dev/null
