-- Roles as on one machine: the owner of a shop, and an application that may only write users and orders.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SELECT no_plan();
CREATE ROLE shop_owner LOGIN;
CREATE ROLE shop_app LOGIN;
SET citus.enable_schema_based_sharding = on;
CREATE SCHEMA shop_f AUTHORIZATION shop_owner;
GRANT USAGE ON SCHEMA shop_f TO shop_app;
-- Rights on what belongs to an extension are given on every node.
SELECT count(*) FROM run_command_on_all_nodes('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO shop_owner; GRANT EXECUTE ON FUNCTION customer_identity.get_or_create_customer, customer_identity.find_customer, customer_identity.can_see_customer, customer_identity.record_proof TO shop_app') \g /dev/null
SET search_path = shop_f, public;
SET ROLE shop_owner;
SELECT customer_identity.create_tables('shop_f') \g /dev/null
CREATE TABLE users (id text PRIMARY KEY, phone text, name text);
CREATE TABLE orders (id bigserial PRIMARY KEY, user_id text REFERENCES users (id) ON DELETE SET NULL, phone text, total numeric);
SELECT customer_identity.attach_users('users', name_column => 'name');
SELECT customer_identity.attach_orders('orders', users => 'users');
GRANT SELECT, INSERT, UPDATE, DELETE ON users, orders TO shop_app;
GRANT USAGE ON SEQUENCE orders_id_seq TO shop_app;
SET ROLE shop_app;
INSERT INTO users VALUES ('a', '+44 7400 123501', 'Ann');
INSERT INTO orders (user_id, total) VALUES ('a', 10);
INSERT INTO orders (phone, total) VALUES ('+44 7400 123502', 20);
UPDATE orders SET total = total + 1;
SELECT throws_ok('SELECT * FROM customers', '42501', NULL, 'the application needs no right on customers');
SELECT throws_ok('SELECT customer_identity.rebuild_totals()', '42501', NULL, 'nor may it call what is not its own');
SELECT throws_ok('SELECT customer_identity.get_or_create_customer(''+44 7400 123501'')', '42501', NULL, 'as whom it calls them on any node');
SET ROLE shop_owner;
SELECT customer_identity.get_or_create_customer('+44 7400 123501') AS ann \gset
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'its orders are counted');
SELECT is(customer_identity.find_customer('+44 7400 123501'), :'ann'::uuid, 'the functions that it may call run where the book is');
SELECT is(asked('SELECT sum(total_spent) FROM customers'), '32', 'exactly');
SELECT lives_ok(format('SELECT customer_identity.merge_customers(%L, customer_identity.find_customer(''+44 7400 123502''))', :'ann'), 'the owner merges');
SELECT is(customer_identity.rebuild_totals(), 0::bigint, 'and rebuilds');
RESET ROLE;

-- A book by customer in a schema that is closed to the application.
RESET citus.enable_schema_based_sharding;
CREATE SCHEMA shop_g AUTHORIZATION shop_owner;
CREATE SCHEMA shop_g_book AUTHORIZATION shop_owner;
SET ROLE shop_owner;
GRANT USAGE ON SCHEMA shop_g TO shop_app;
SELECT customer_identity.create_tables('shop_g_book', distributed => true) \g /dev/null
CREATE TABLE shop_g.orders (customer_id uuid, id uuid DEFAULT gen_random_uuid(), phone text, total numeric, PRIMARY KEY (customer_id, id));
SELECT create_distributed_table('shop_g.orders', 'customer_id', colocate_with => 'shop_g_book.customers') \g /dev/null
SELECT customer_identity.attach_orders('shop_g.orders', customers => 'shop_g_book.customers');
GRANT SELECT, INSERT ON shop_g.orders TO shop_app;
SET ROLE shop_app;
SELECT lives_ok($$INSERT INTO shop_g.orders (customer_id, phone, total) SELECT customer_identity.customer_id_of(p), p, 5 FROM unnest('{+447400123501,+447400123502,+447400123503}'::text[]) AS p$$,
  'an application that may not look into the schema of the book writes orders');
RESET ROLE;
SELECT is(asked('SELECT sum(total_spent) FROM shop_g_book.customers'), '15', 'which are counted there');
SELECT lives_ok($$SELECT customer_identity.get_or_create_customer('+44 7400 123509', customers => 'shop_g_book.customers')$$, 'somebody else than the owner, who may, makes a customer');
SELECT is(asked('SELECT count(*) FROM shop_g_book.customer_events WHERE event = ''created'''), '4', 'with its history');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup('shop_g_book.customers') WHERE severity = 'error'$$, 'check_setup finds no error');
ALTER ROLE shop_owner NOLOGIN;
SELECT results_eq($$SELECT object FROM customer_identity.check_setup('shop_g_book.customers') WHERE severity = 'error'$$, $$VALUES ('role shop_owner')$$, 'but an owner as whom Citus cannot connect');
ALTER ROLE shop_owner LOGIN;

-- A call that is taken to another node runs nobody's code but that of those who may write the book.
SET citus.enable_schema_based_sharding = on;
CREATE SCHEMA shop_h;
RESET citus.enable_schema_based_sharding;
CREATE ROLE shop_guest LOGIN;
GRANT CREATE, USAGE ON SCHEMA shop_h TO shop_guest;
SET ROLE shop_guest;
CREATE FUNCTION shop_h.trap(integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
  $$BEGIN IF current_user <> 'shop_guest' THEN RAISE EXCEPTION 'called as %', current_user; END IF; RETURN true; END$$;
CREATE TABLE shop_h.bait (i integer);
CREATE INDEX ON shop_h.bait (i) WHERE shop_h.trap(1);
GRANT SELECT ON shop_h.bait TO PUBLIC;
RESET ROLE;
SELECT customer_identity.create_tables('shop_h') \g /dev/null
SELECT lives_ok('SELECT customer_identity.find_customer(''+44 7400 123501'', customers => ''shop_h.customers'')', 'a table of somebody else in the schema is not looked at');
SELECT * FROM finish();
DROP SCHEMA shop_f, shop_g, shop_g_book, shop_h CASCADE;
