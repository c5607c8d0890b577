-- Columns and tables that are renamed, dropped or moved under a session that goes on writing.
\ir shop.psql
SELECT * FROM no_plan();

SELECT evtname AS follow FROM pg_event_trigger WHERE evtname LIKE '%follow_renames' \gset
CREATE FUNCTION arguments(relation regclass) RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(encode(tgargs, 'escape'),
  ' ') FROM pg_trigger WHERE tgrelid = relation AND tgname LIKE 'customer_identity%'$$;
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401');
INSERT INTO orders (user_id, phone, total, note) VALUES ('ada', '07400 123401', 1, 'first'), (NULL, '07400 123402', 1, 'guest');

-- Renamed columns are followed in the same transaction.
BEGIN;
ALTER TABLE orders RENAME COLUMN total TO "Grand total";
ALTER TABLE orders RENAME phone TO delivery_phone;
SELECT lives_ok($$INSERT INTO orders (delivery_phone, "Grand total", note) VALUES ('07400 123402', 10, 'renamed')$$,
  'the next statement knows the new names');
SELECT is(totals('+447400123402'), '2 / 11 / 11', 'and counts by them');
SELECT matches(arguments('orders'), 'Grand total', 'the triggers say so');
ROLLBACK;
SELECT unalike(arguments('orders'), '%Grand total%', 'a rename that is rolled back is forgotten');
INSERT INTO orders (phone, total) VALUES ('07400 123402', 5);
SELECT is(totals('+447400123402'), '2 / 6 / 6', 'and the old names count again');

-- A column of users is renamed through what they inherit it from.
BEGIN;
CREATE TABLE base (id int);
CREATE TABLE heirs (phone text, PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE orders_of_heirs (n int PRIMARY KEY, user_id int REFERENCES heirs ON DELETE SET NULL, phone text, total numeric);
SELECT customer_identity.attach_users('heirs');
SELECT customer_identity.attach_orders('orders_of_heirs', users => 'heirs');
ALTER TABLE base RENAME id TO uid;
SELECT lives_ok($$INSERT INTO heirs VALUES (1, '07400 123460'); INSERT INTO orders_of_heirs VALUES (1, 1, NULL, 5), (2, NULL, '07400 123461', 5)$$,
  'orders know the new name of the column that their users inherit');
SELECT is(totals('+447400123460'), '1 / 5 / 5', 'and find their users by it');
ROLLBACK;

ALTER TABLE orders RENAME user_id TO buyer;
ALTER TABLE orders RENAME customer_id TO person;
ALTER TABLE orders RENAME status TO state;
ALTER TABLE "user" RENAME id TO key;
ALTER TABLE "user" RENAME "phoneNumber" TO phone_number;
ALTER TABLE "user" RENAME "phoneNumberVerified" TO phone_number_verified;
ALTER TABLE "user" RENAME customer_id TO person;
ALTER TABLE orders RENAME note TO remark;
SELECT lives_ok($$INSERT INTO "user" (key, phone_number, phone_number_verified) VALUES ('bob', '07400 123403', true)$$,
  'a renamed users table links');
SELECT lives_ok($$INSERT INTO orders (buyer, total, state, remark) VALUES ('bob', 20, 'shipped', 'x')$$,
  'renamed orders find their users');
SELECT is(totals('+447400123403'), '1 / 20 / 20', 'and count');
SELECT lives_ok($$DELETE FROM "user" WHERE key = 'ada'$$, 'users can be deleted');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact after every rename');
SELECT is_empty('SELECT * FROM customer_identity.check_setup()', 'and the set-up is whole');
ALTER TABLE orders RENAME buyer TO user_id;
ALTER TABLE orders RENAME person TO customer_id;
ALTER TABLE "user" RENAME person TO customer_id;
ALTER TABLE "user" RENAME key TO id;

-- Swapped names: a column that takes the name of another.
ALTER TABLE orders ADD net numeric DEFAULT 0;
BEGIN;
ALTER TABLE orders RENAME total TO gross;
ALTER TABLE orders RENAME net TO total;
INSERT INTO orders (phone, gross, total) VALUES ('07400 123404', 30, 3);
SELECT is(totals('+447400123404'), '1 / 30 / 30', 'the column is followed, not its name');
ROLLBACK;

-- Renamed partitioned tables.
CREATE TABLE sales (id int, placed date, user_id text, phone text, total numeric) PARTITION BY RANGE (placed);
CREATE TABLE sales_2024 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
SELECT customer_identity.attach_orders('sales');
ALTER TABLE sales RENAME total TO amount;
SELECT lives_ok($$INSERT INTO sales VALUES (1, '2024-05-01', NULL, '07400 123405', 1)$$,
  'a renamed column of a partitioned table is followed');
SELECT lives_ok($$INSERT INTO sales_2024 VALUES (2, '2024-05-01', NULL, '07400 123405', 1)$$, 'in its partitions as well');
SELECT is(totals('+447400123405'), '2 / 2 / 2', 'and counted by');

-- Renamed tables and schemas: orders know their users by name.
ALTER TABLE "user" RENAME TO users;
SELECT is((failure($$INSERT INTO orders (user_id, total) VALUES ('bob', 1)$$)).code, NULL, 'a renamed users table is followed');
ALTER TABLE users RENAME TO "user";
ALTER TABLE orders RENAME TO purchases;
INSERT INTO purchases (phone, total) VALUES ('07400 123406', 1);
SELECT is(totals('+447400123406'), '1 / 1 / 1', 'a renamed orders table goes on counting');
ALTER TABLE purchases RENAME TO orders;

-- Where nobody follows: an error that says what to call.
ALTER EVENT TRIGGER :"follow" DISABLE;
ALTER TABLE orders RENAME total TO amount;
SELECT is((failure($$INSERT INTO orders (phone, amount) VALUES ('07400 123402', 5)$$)).code, 'CI007',
  'a renamed column that nobody followed is CI007');
SELECT matches((failure($$INSERT INTO orders (phone, amount) VALUES ('07400 123402', 5)$$)).hint, 'attach_orders',
  'whose hint names the call');
ALTER TABLE "user" RENAME phone TO tel;
SELECT is((failure($$INSERT INTO "user" (id, tel) VALUES ('cy', '07400 123407')$$)).code, 'CI007', 'of a users table as well');
SELECT matches((failure($$INSERT INTO "user" (id, tel) VALUES ('cy', '07400 123407')$$)).hint, 'attach_users',
  'whose hint names the other call');
SELECT lives_ok($$SELECT customer_identity.attach_users('"user"', '{phone_number,tel}')$$, 'the call repairs users');
SELECT lives_ok($$SELECT customer_identity.attach_orders('orders', '"user"', amount_column => 'amount',
  status_column => 'state', counted_statuses => '{paid,shipped}')$$,
  'and orders');
SELECT lives_ok($$INSERT INTO "user" (id, tel) VALUES ('cy', '07400 123407')$$, 'sign-ups go on');
SELECT lives_ok($$INSERT INTO orders (user_id, amount) VALUES ('cy', 9)$$, 'orders go on');
SELECT is(totals('+447400123407'), '1 / 9 / 9', 'and count');

-- Only what the arguments name is followed: not a table of that name in another schema.
CREATE SCHEMA other;
SELECT customer_identity.create_tables('other');
ALTER TABLE customers RENAME TO lost;
ALTER EVENT TRIGGER :"follow" ENABLE;
ALTER TABLE other.customers RENAME TO people;
SELECT unalike(arguments('orders'), '%other.people%', 'a namesake that is renamed does not become the book');
SELECT is((failure($$INSERT INTO orders (user_id, amount) VALUES ('cy', 1)$$)).code, 'CI003', 'the error stays');
ALTER TABLE lost RENAME TO customers;
SELECT lives_ok($$INSERT INTO orders (user_id, amount) VALUES ('cy', 1)$$, 'until the book is back');

-- Whoever renames: the owner of the users table need not own the orders, nor know of us.
BEGIN;
CREATE ROLE identity;
ALTER TABLE "user" OWNER TO identity;
SET ROLE identity;
SELECT lives_ok($$ALTER TABLE "user" RENAME id TO uid$$, 'a role without rights of ours renames a column of its own');
RESET ROLE;
SELECT lives_ok($$INSERT INTO orders (user_id, amount) VALUES ('cy', 1)$$, 'and the orders of another owner follow');
ROLLBACK;

ALTER TABLE orders DROP amount CASCADE;
SELECT is((failure($$INSERT INTO orders (user_id) VALUES ('cy')$$)).code, 'CI007', 'a dropped column is CI007');

SELECT * FROM finish();
