-- A database owner who is no superuser installs the extension, and owns his book.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
SELECT * FROM no_plan();
CREATE ROLE shop_owner;
SELECT format('GRANT CREATE ON DATABASE %I TO shop_owner', current_database()) \gexec
GRANT CREATE ON SCHEMA public TO shop_owner;
GRANT SET ON PARAMETER customer_identity.default_region TO shop_owner;
SET ROLE shop_owner;
SELECT lives_ok('CREATE EXTENSION customer_identity', 'an owner of the database installs it');
SET LOCAL customer_identity.default_region = 'GB';
SELECT is((SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE '%follow_renames'), 1::bigint,
  'with the event trigger that follows renames');
SELECT lives_ok('SELECT customer_identity.create_tables()', 'makes a book');
CREATE TABLE users (id text PRIMARY KEY, phone text, "phoneNumberVerified" boolean);
CREATE TABLE orders (id int PRIMARY KEY, user_id text REFERENCES users ON DELETE SET NULL, phone text, total numeric);
SELECT table_owner_is('customers', 'shop_owner');
SELECT lives_ok($$SELECT customer_identity.attach_users('users', verified_column => 'phoneNumberVerified')$$, 'attaches users');
SELECT lives_ok($$SELECT customer_identity.attach_orders('orders', 'users')$$, 'and orders');
SELECT lives_ok($$INSERT INTO users VALUES ('ada', '07400 123401', true)$$, 'signs a user up');
SELECT lives_ok($$INSERT INTO orders VALUES (1, 'ada', NULL, 10), (2, NULL, '07400 123402', 20)$$, 'takes orders');
SELECT lives_ok('ALTER TABLE orders RENAME total TO amount', 'renames a column');
SELECT lives_ok('UPDATE orders SET amount = amount + 1', 'which is followed');
SELECT results_eq('SELECT phone::text, total_spent FROM customers ORDER BY 1', $$VALUES ('+447400123401', 11::numeric),
  ('+447400123402', 21)$$,
  'totals are exact');
SELECT lives_ok($$SELECT customer_identity.adjust_points(id, 5, 'gift') FROM customers$$, 'gives points');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'verifies');
SELECT lives_ok($$SELECT customer_identity.record_proof('07400 123402')$$, 'records proofs');
SELECT lives_ok($$SELECT customer_identity.list_customers('ada'), customer_identity.update_customer(id, '{"notes": "x"}'), customer_identity.customer_orders(id)
  FROM customers$$, 'lists and edits customers');
SELECT lives_ok('CREATE EXTENSION pg_trgm', 'installs what searches need');
SELECT lives_ok('SELECT customer_identity.create_search_indexes()', 'and indexes for them');
SELECT is_empty('SELECT * FROM customer_identity.check_setup()', 'checks the set-up');
SELECT throws_ok('DROP EXTENSION customer_identity', '2BP01', NULL, 'and cannot drop it by accident');
SELECT lives_ok('DROP EXTENSION customer_identity CASCADE', 'only on purpose');
SELECT results_eq('SELECT phone::text, total_spent FROM customers ORDER BY 1', $$VALUES ('+447400123401', 11::numeric),
  ('+447400123402', 21)$$,
  'which keeps every row');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
