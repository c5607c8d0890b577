-- distribute_schema(): a schema that was loaded and attached on one machine.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SELECT no_plan();
CREATE SCHEMA shop_c;
SET search_path = shop_c, public;
SELECT customer_identity.create_tables('shop_c');
CREATE TABLE users (id text PRIMARY KEY, phone text);
CREATE TABLE orders (id bigserial PRIMARY KEY, user_id text REFERENCES users (id), phone text, total numeric);
SELECT customer_identity.attach_users('users');
SELECT customer_identity.attach_orders('orders', users => 'users');
INSERT INTO users SELECT 'u' || g, '+44 7400 1236' || lpad(g::text, 2, '0') FROM generate_series(1, 40) AS g;
INSERT INTO orders (user_id, total) SELECT 'u' || (1 + g % 40), g FROM generate_series(1, 400) AS g;
CREATE TABLE before AS SELECT id, phone, total_orders, total_spent, loyalty_points FROM customers;
CREATE TABLE events_before AS SELECT count(*) AS n FROM customer_events;
SET citus.enable_unsafe_triggers = off;
SELECT throws_ok('SELECT customer_identity.distribute_schema(''shop_c'')', '55000', NULL, 'Citus has to let shards have triggers');
SET citus.enable_unsafe_triggers = on;
ALTER TABLE users DISABLE TRIGGER customer_identity_renamed, ENABLE ALWAYS TRIGGER customer_identity_linked;
CREATE TEMPORARY TABLE states AS SELECT tgrelid::regclass AS relation, tgname, tgenabled::text AS state FROM pg_trigger WHERE tgname LIKE 'customer\_identity%' AND tgrelid IN ('users'::regclass, 'orders'::regclass);
SELECT customer_identity.distribute_schema('shop_c');
SELECT bag_eq($$SELECT tgname, tgenabled::text FROM pg_trigger WHERE tgname LIKE 'customer\_identity%' AND tgrelid IN ('shop_c.users'::regclass, 'shop_c.orders'::regclass)$$,
  'SELECT tgname, state FROM states', 'triggers are enabled as they were');
SELECT is((SELECT result FROM run_command_on_shards('shop_c.users', $$SELECT string_agg(tgname || ' ' || tgenabled::text, ',' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = '%s'::regclass AND tgenabled <> 'O'$$)),
  (SELECT string_agg(format('%s_%s %s', tgname, shardid, state), ',' ORDER BY tgname) FROM states, pg_dist_shard WHERE logicalrelid = 'shop_c.users'::regclass AND state <> 'O'), 'on the shard as well');
ALTER TABLE users ENABLE TRIGGER customer_identity_renamed;
SELECT results_eq('SELECT id, phone, total_orders, total_spent, loyalty_points FROM customers ORDER BY 1', 'SELECT * FROM before ORDER BY 1', 'nothing is counted twice');
SELECT is(asked($q$SELECT count(*) FROM customer_events$q$), asked($q$SELECT n FROM events_before$q$), 'nor recorded');
SELECT is(asked($q$SELECT count(*) FROM customer_identity.attachments WHERE customers = 'shop_c.customers'::regclass$q$), '2', 'both tables are attached');
INSERT INTO orders (user_id, total) VALUES ('u1', 5);
INSERT INTO orders (phone, total) VALUES ('+44 7400 123601', 6);
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and counted on');
SELECT is(asked($q$SELECT total_orders FROM customers WHERE phone = '+447400123601'$q$), '12', 'exactly');
SELECT is_empty('SELECT * FROM customer_identity.check_setup() WHERE severity = ''error''', 'check_setup finds no error');
SET citus.enable_unsafe_triggers = off;
SELECT results_eq('SELECT object FROM customer_identity.check_setup() WHERE severity = ''error''', $$VALUES ('setting citus.enable_unsafe_triggers')$$, 'but the setting that Citus needs');
SET citus.enable_unsafe_triggers = on;
SELECT ok((SELECT count(*) > 0 FROM customer_identity.check_setup() WHERE what_to_do LIKE 'SELECT truncate_local_data%'), 'and the rows that shells have kept');
TRUNCATE orders;
SELECT is(asked($q$SELECT sum(total_orders) FROM customers$q$), '0', 'rows that a shell has kept are not taken away once more');
SELECT lives_ok('SELECT customer_identity.distribute_schema(''shop_c'')', 'a second call changes nothing');
CREATE TABLE public.rest (id text PRIMARY KEY, phone text, customer_id uuid);
CREATE TRIGGER customer_identity_link BEFORE INSERT OR UPDATE ON public.rest FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user('customers=shop_c.customers', 'phone=phone', 'key=id');
SELECT ok((SELECT count(*) > 0 FROM customer_identity.check_setup() WHERE severity = 'error' AND finding LIKE 'it is not distributed%'), 'a table that is not distributed is found');
CREATE SCHEMA shop_d;
SELECT customer_identity.create_tables('shop_d');
CREATE TABLE public.outside (id text PRIMARY KEY, phone text);
SELECT customer_identity.attach_users('public.outside', customers => 'shop_d.customers');
SELECT throws_ok('SELECT customer_identity.distribute_schema(''shop_d'')', 'CI008', NULL, 'what is attached has to be in the schema');
SELECT * FROM finish();
DROP TABLE public.outside, public.rest;
DROP SCHEMA shop_c, shop_d CASCADE;
