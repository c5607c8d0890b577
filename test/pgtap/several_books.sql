-- A book a shop: several in one database, and several tables in one book.
\ir shop.psql
SELECT * FROM no_plan();

CREATE SCHEMA berlin;
CREATE SCHEMA paris;
CREATE TABLE berlin.users (id int PRIMARY KEY, phone text);
CREATE TABLE paris.users (id int PRIMARY KEY, phone text);
CREATE TABLE berlin.orders (id int PRIMARY KEY, user_id int, phone text, total numeric);
CREATE TABLE paris.orders (id int PRIMARY KEY, user_id int, phone text, total numeric);
SELECT customer_identity.create_tables('berlin');
SELECT customer_identity.create_tables('paris');
SELECT customer_identity.attach_users('berlin.users', customers => 'berlin.customers');
SELECT customer_identity.attach_users('paris.users', customers => 'paris.customers');
SELECT customer_identity.attach_orders('berlin.orders', 'berlin.users', customers => 'berlin.customers');
SELECT customer_identity.attach_orders('paris.orders', 'paris.users', customers => 'paris.customers');

-- The same ids and phones, in turn, in one session.
INSERT INTO berlin.users VALUES (1, '07400 123401');
INSERT INTO paris.users VALUES (1, '07400 123401'), (2, '07400 123402');
INSERT INTO berlin.orders VALUES (1, 1, NULL, 10);
INSERT INTO paris.orders VALUES (1, 1, NULL, 100), (2, NULL, '07400 123401', 1);
INSERT INTO orders (phone, total) VALUES ('07400 123401', 1000);
SELECT results_eq($$SELECT phone::text, total_spent FROM berlin.customers$$, $$VALUES ('+447400123401', 10::numeric)$$,
  'one shop');
SELECT results_eq($$SELECT phone::text, total_spent FROM paris.customers ORDER BY 1$$, $$VALUES ('+447400123401',
  101::numeric), ('+447400123402', 0)$$,
  'knows nothing of the other');
SELECT is(totals('+447400123401'), '1 / 1000 / 1000', 'nor of the third');
SELECT isnt((SELECT id FROM berlin.customers), (SELECT id FROM paris.customers WHERE phone = '+447400123401'),
  'the same person is two customers');
SELECT customer_identity.record_proof('07400 123401', '1', customers => 'berlin.customers');
SELECT is((SELECT is_phone_verified FROM paris.customers WHERE phone = '+447400123401'), false, 'a proof stays in its shop');
SELECT is(customer_identity.can_see_customer('1', (SELECT id FROM berlin.customers), 'berlin.customers'), true,
  'where it opens the history');
SELECT is(customer_identity.can_see_customer('1', (SELECT id FROM paris.customers WHERE phone = '+447400123401'), 'paris.customers'), false,
  'and not elsewhere');
UPDATE berlin.customers SET total_spent = 0;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'a difference');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals('paris.customers')$$, 'shows');
SELECT isnt_empty($$SELECT * FROM customer_identity.verify_totals('berlin.customers')$$, 'in its book only');
SET search_path = berlin, public;
SELECT isnt_empty('SELECT * FROM customer_identity.verify_totals()', 'the search path names the book');
SELECT is(customer_identity.rebuild_totals()::int, 1, 'for every function');
SELECT is(customer_identity.find_customer('07400 123401'), (SELECT id FROM berlin.customers), 'that is not told otherwise');
SET search_path = paris, public;
SELECT is(customer_identity.find_customer('07400 123401'), (SELECT id FROM paris.customers WHERE phone = '+447400123401'),
  'and may change in a session');
RESET search_path;
DROP SCHEMA paris CASCADE;
SELECT lives_ok($$INSERT INTO berlin.orders VALUES (3, 1, NULL, 10)$$, 'a shop that is gone leaves the others alone');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals('berlin.customers')$$, 'and exact');

-- Two orders tables and two users tables in one book.
CREATE TABLE app_users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), phone text);
CREATE TABLE app_orders (id int PRIMARY KEY, user_id uuid, phone text, total numeric, done boolean);
SELECT customer_identity.attach_users('app_users');
SELECT customer_identity.attach_orders('app_orders', 'app_users', status_column => 'done', counted_statuses => '{true}',
  points_per_unit => 3);
INSERT INTO app_users (phone) VALUES ('07400 123401');
INSERT INTO app_orders SELECT n, id, NULL, 10, n = 1 FROM app_users, generate_series(1, 2) n;
SELECT is(totals('+447400123401'), '2 / 1010 / 1030', 'tables of one book add up, each by its own rules');
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401');
SELECT is(user_phone('ada'), '+447400123401', 'users of both tables share a customer');
UPDATE app_orders SET done = true;
INSERT INTO orders (phone, total) VALUES ('07400 123401', 1);
DELETE FROM app_orders WHERE id = 1;
SELECT is(totals('+447400123401'), '3 / 1011 / 1031', 'and go on to');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');
TRUNCATE app_orders;
SELECT is(totals('+447400123401'), '2 / 1001 / 1001', 'TRUNCATE takes off its own rows only');

-- A table that goes to another book takes none of the old one's customers along.
CREATE SCHEMA madrid;
CREATE SCHEMA rome;
SELECT customer_identity.create_tables('madrid'), customer_identity.create_tables('rome');
CREATE TABLE madrid.visits (id int PRIMARY KEY, phone text, total numeric);
SELECT customer_identity.attach_orders('madrid.visits', customers => 'madrid.customers');
SELECT results_eq($$SELECT code, hint FROM failure('SELECT customer_identity.attach_orders(''madrid.visits'', customers => ''rome.customers'')')$$,
  $$VALUES ('42830', 'ALTER TABLE madrid.visits DROP CONSTRAINT visits_customer_id_fkey; and empty the column of other ids, or name another column with customer_column => ''...''.')$$, 'its foreign key is in the way');
SELECT lives_ok($$SELECT customer_identity.attach_orders('madrid.visits', customers => 'rome.customers', customer_column => 'roman')$$, 'another column is not');
ALTER TABLE madrid.visits ADD FOREIGN KEY (roman) REFERENCES madrid.customers;
SELECT results_eq($$SELECT severity, finding FROM customer_identity.check_setup('rome.customers') WHERE finding LIKE '%refers to%'$$,
  $$VALUES ('error', 'column roman refers to madrid.customers: a row that has a customer is refused')$$, 'check_setup() says so as well');


-- Keys that say more than who the customer is.
CREATE TABLE madrid.profiles (customer_id uuid PRIMARY KEY REFERENCES madrid.customers ON DELETE CASCADE);
CREATE FUNCTION madrid.add_profile() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO madrid.profiles VALUES (NEW.id); RETURN NULL; END';
CREATE TRIGGER profile AFTER INSERT ON madrid.customers FOR EACH ROW EXECUTE FUNCTION madrid.add_profile();
CREATE TABLE madrid.addresses (customer_id uuid REFERENCES madrid.customers, n int, PRIMARY KEY (customer_id, n));
CREATE TABLE madrid.parcels (id int PRIMARY KEY, phone text, total numeric, customer_id uuid REFERENCES madrid.profiles, address int,
  FOREIGN KEY (customer_id, address) REFERENCES madrid.addresses);
SELECT lives_ok($$SELECT customer_identity.attach_orders('madrid.parcels', customers => 'madrid.customers')$$, 'a table may refer to what is the customer''s');
SELECT lives_ok($$INSERT INTO madrid.parcels VALUES (1, '+447400123407', 5)$$, 'and its orders find it');
SELECT is_empty($$SELECT finding FROM customer_identity.check_setup('madrid.customers') WHERE finding LIKE '%refers to%'$$, 'all is well with it');

SELECT * FROM finish();
