-- What a session has cached follows what happens to the tables between two of its statements.
\ir shop.psql
SELECT * FROM no_plan();

INSERT INTO "user" (id, phone, "phoneNumber", "phoneNumberVerified") VALUES ('ada', '07400 123401', '07400 123401', true);
INSERT INTO orders (user_id, total) VALUES ('ada', 1);
UPDATE orders SET total = 2;

-- Columns come and go.
ALTER TABLE orders ADD first_column text DEFAULT 'x', DROP country;
SELECT customer_identity.attach_orders('orders', users => '"user"', status_column => 'status', counted_statuses => '{paid,shipped}');
INSERT INTO orders (user_id, total) VALUES ('ada', 10);
SELECT is(totals('+447400123401'), '2 / 12 / 12', 'after ADD and DROP COLUMN on orders');
ALTER TABLE "user" DROP name CASCADE, ADD name text;
INSERT INTO "user" (id, phone, name) VALUES ('bob', '07400 123402', 'Bob');
SELECT is((SELECT preferred_name::text FROM customers WHERE phone = '+447400123402'), 'Bob',
  'after a column of users was made anew');
ALTER TABLE customers ADD gone text, ADD vip boolean;
ALTER TABLE customers DROP gone;
INSERT INTO orders (user_id, total) VALUES ('bob', 10);
SELECT is(totals('+447400123402'), '1 / 10 / 10', 'after ADD and DROP COLUMN on customers');
ALTER TABLE orders ALTER total TYPE double precision;
INSERT INTO orders (user_id, total) VALUES ('bob', 2.5);
SELECT is(totals('+447400123402'), '2 / 12.5 / 12', 'after the type of the amount changed');
ALTER TABLE orders ALTER total TYPE numeric(12,2), ALTER status TYPE varchar(20);
INSERT INTO orders (user_id, total) VALUES ('bob', 2.5);
SELECT is(totals('+447400123402'), '3 / 15 / 14', 'and again');
CREATE TYPE order_status AS ENUM ('paid', 'shipped', 'open');
ALTER TABLE orders ALTER status DROP DEFAULT, ALTER status TYPE order_status USING status::order_status;
INSERT INTO orders (user_id, total, status) VALUES ('bob', 1, 'paid'), ('bob', 1, 'open');
SELECT is(totals('+447400123402'), '4 / 16 / 15', 'after the status became an enum');
ALTER TABLE orders ALTER phone TYPE varchar(40);
INSERT INTO orders (phone, total, status) VALUES ('07400 123403', 1, 'paid');
SELECT is(totals('+447400123403'), '1 / 1 / 1', 'after the type of the phone changed');

-- Other arguments.
CREATE TABLE sales (id int PRIMARY KEY, phone text, net numeric, gross numeric);
SELECT customer_identity.attach_orders('sales', user_column => NULL, amount_column => 'net');
INSERT INTO sales VALUES (1, '07400 123404', 10, 12);
SELECT is(totals('+447400123404'), '1 / 10 / 10', 'counted by net');
CREATE OR REPLACE TRIGGER customer_identity_totals_insert AFTER INSERT ON sales REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
  EXECUTE FUNCTION customer_identity.maintain_totals('customers=public.customers', 'customer=customer_id', 'amount=gross',
  'points_per_unit=2');
INSERT INTO sales VALUES (2, '07400 123404', 10, 12);
SELECT is(totals('+447400123404'), '2 / 22 / 34', 'a replaced trigger follows its new arguments at once');
SELECT customer_identity.attach_orders('sales', user_column => NULL, amount_column => 'gross');
INSERT INTO sales VALUES (3, '07400 123404', 10, 12);
SELECT is(totals('+447400123404'), '3 / 36 / 36', 'so does a table that is attached again');
ALTER TABLE sales RENAME net TO net_amount;
INSERT INTO sales VALUES (4, '07400 123404', 10, 12);
SELECT is(totals('+447400123404'), '4 / 48 / 48', 'a rename of a column of no interest is of no interest');

-- Two triggers of one table, two tables of one function: no plan is shared by mistake.
CREATE TABLE mirror (LIKE sales INCLUDING ALL);
SELECT customer_identity.attach_orders('mirror', user_column => NULL, amount_column => 'net_amount');
INSERT INTO mirror (id, phone, net_amount, gross) VALUES (1, '07400 123404', 1, 1000);
INSERT INTO sales (id, phone, net_amount, gross) VALUES (5, '07400 123404', 1000, 1);
SELECT is(totals('+447400123404'), '6 / 50 / 50', 'each table counts its own column');

-- The book moves, and is followed.
ALTER TABLE customers RENAME TO people;
INSERT INTO sales (id, phone, gross) VALUES (6, '07400 123404', 1);
SELECT is((SELECT total_spent FROM people WHERE phone = '+447400123404'), 51::numeric, 'a renamed book is followed');
ALTER TABLE people RENAME TO customers;
CREATE SCHEMA shop;
ALTER TABLE customers SET SCHEMA shop;
ALTER TABLE phone_proofs SET SCHEMA shop;
ALTER TABLE loyalty_entries SET SCHEMA shop;
INSERT INTO sales (id, phone, gross) VALUES (7, '07400 123404', 1);
SELECT is((SELECT total_spent FROM shop.customers WHERE phone = '+447400123404'), 52::numeric, 'in another schema as well');
ALTER SCHEMA shop RENAME TO store;
INSERT INTO sales (id, phone, gross) VALUES (8, '07400 123404', 1);
SELECT is((SELECT total_spent FROM store.customers WHERE phone = '+447400123404'), 53::numeric, 'and when the schema is renamed');
INSERT INTO "user" (id, phone) VALUES ('cy', '07400 123405');
SELECT is((SELECT count(*) FROM store.customers WHERE phone = '+447400123405'), 1::bigint, 'by sign-ups too');

-- Where nobody follows it is an error, never a silence.
SELECT evtname AS follow FROM pg_event_trigger WHERE evtname LIKE '%follow_renames' \gset
ALTER EVENT TRIGGER :"follow" DISABLE;
ALTER TABLE store.customers RENAME TO people;
SELECT is((failure($$INSERT INTO sales (id, phone, gross) VALUES (9, '07400 123404', 1)$$)).code, 'CI003',
  'a renamed book is CI003');
SELECT is((failure($$INSERT INTO "user" (id, phone) VALUES ('di', '07400 123406')$$)).code, 'CI003', 'for sign-ups as well');
ALTER TABLE store.people RENAME TO customers;
SELECT lives_ok($$INSERT INTO sales (id, phone, gross) VALUES (9, '07400 123404', 1)$$, 'and fine again when it is back');
ALTER SCHEMA store RENAME TO shop;
SELECT is((failure($$INSERT INTO sales (id, phone, gross) VALUES (10, '07400 123404', 1)$$)).code, 'CI003',
  'a book in a renamed schema is CI003');
SELECT lives_ok($$SELECT customer_identity.attach_orders('sales', user_column => NULL, amount_column => 'gross',
  customers => 'shop.customers')$$,
  'until it is attached there');
INSERT INTO sales (id, phone, gross) VALUES (10, '07400 123404', 1);
SELECT is((SELECT total_spent FROM shop.customers WHERE phone = '+447400123404'), 54::numeric, 'then it counts there');
ALTER EVENT TRIGGER :"follow" ENABLE;
DROP TABLE sales, mirror;
SELECT lives_ok($$CREATE TABLE sales (id int PRIMARY KEY, phone text, gross numeric)$$,
  'a table of the same name may be made anew');
SELECT customer_identity.attach_orders('sales', user_column => NULL, amount_column => 'gross', customers => 'shop.customers');
INSERT INTO sales VALUES (1, '07400 123406', 3);
SELECT is((SELECT total_spent FROM shop.customers WHERE phone = '+447400123406'), 3::numeric, 'and counts');

SELECT * FROM finish();
