-- ALTER TABLE that rewrites amounts, statuses or customers: the same transaction counts them anew.
\ir shop.psql
SELECT * FROM no_plan();

CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE sql AS
  $$SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', what)$$;
CREATE FUNCTION spent() RETURNS numeric LANGUAGE sql AS $$SELECT trim_scale(sum(total_spent)) FROM customers$$;
INSERT INTO orders (phone, total, status) SELECT '+44740012340' || n % 5, n + 0.55, CASE n % 3 WHEN 0 THEN 'void' ELSE 'paid' END
FROM generate_series(1, 30) AS n;
SELECT is(spent(), 311::numeric, 'before');

-- Amounts, by every kind of change.
BEGIN;
ALTER TABLE orders ALTER total TYPE int;
SELECT is(spent(), 320::numeric, 'rounded amounts are counted anew');
SELECT exact('exactly');
ROLLBACK;
SELECT is(spent(), 311::numeric, 'and as before when that is rolled back');
SELECT exact('exactly');
ALTER TABLE orders ALTER total TYPE numeric USING total * 2;
SELECT is(spent(), 622::numeric, 'an expression');
ALTER TABLE orders ALTER COLUMN total SET DATA TYPE float8, ALTER note TYPE varchar(100), ADD extra int;
SELECT exact('a float, among other changes');
CREATE DOMAIN money_amount AS numeric(10, 1);
ALTER TABLE orders ALTER total TYPE money_amount;
SELECT exact('a domain');
ALTER TABLE orders DROP total, ADD total numeric DEFAULT 2.5;
SELECT is(spent(), 50::numeric, 'another column of that name');
SELECT exact('exactly');
ALTER TABLE orders DROP total;
ALTER TABLE orders ADD total numeric DEFAULT 3;
SELECT is(spent(), 60::numeric, 'also one that comes later');
UPDATE orders SET total = total + 1;
SELECT exact('and the next statement counts on');

-- Statuses.
ALTER TABLE orders ALTER status DROP DEFAULT;
CREATE TYPE state AS ENUM ('void', 'paid', 'shipped');
ALTER TABLE orders ALTER status TYPE state USING CASE WHEN status = 'void' THEN 'paid' ELSE 'void' END::state;
SELECT is(spent(), 40::numeric, 'statuses that change');
SELECT exact('exactly');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE severity = 'error'$$, 'with nothing to report');
CREATE TYPE short_state AS ENUM ('void', 'paid');
ALTER TABLE orders ALTER status TYPE short_state USING status::text::short_state;
SELECT exact('an enum that lacks a counted one');
SELECT matches(finding, 'status cannot hold ''shipped''', 'which is reported') FROM customer_identity.check_setup() WHERE severity = 'error';
ALTER TABLE orders ALTER status TYPE text;

-- Customers.
BEGIN;
ALTER TABLE orders ALTER customer_id TYPE uuid USING CASE WHEN id % 2 = 0 THEN customer_id END;
SELECT exact('orders that lose their customer');
ROLLBACK;
SELECT exact('and get it back');

-- No row is read where no value changes.
ALTER TABLE orders ALTER total TYPE numeric(20, 2);
BEGIN;
UPDATE customers SET total_spent = total_spent + 1 WHERE phone = '+447400123401';
ALTER TABLE orders ALTER total TYPE numeric(30, 2), ALTER total SET DEFAULT 1, ALTER phone TYPE varchar, ADD extra_too int DEFAULT 1;
SELECT isnt_empty('SELECT * FROM customer_identity.verify_totals()', 'other changes read no order');
ROLLBACK;

-- Totals that are written at commit.
SELECT customer_identity.attach_orders('orders', users => '"user"', status_column => 'status', counted_statuses => '{paid}', timing => 'commit');
BEGIN;
INSERT INTO orders (phone, total, status) VALUES ('07400 123401', 1.5, 'paid');
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE orders ALTER total TYPE numeric(10, 0);
INSERT INTO orders (phone, total, status) VALUES ('07400 123401', 1.5, 'paid');
COMMIT;
SELECT exact('what is pending counts once');

-- Partitions, tables of the same book, generated columns.
CREATE TABLE sales (id int, net numeric, phone text, total numeric GENERATED ALWAYS AS (net * 2) STORED, plain numeric)
  PARTITION BY RANGE (id);
CREATE TABLE sales_low PARTITION OF sales FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
CREATE TABLE sales_lower PARTITION OF sales_low FOR VALUES FROM (0) TO (50);
CREATE TABLE sales_high (plain numeric, id int, net numeric, phone text, total numeric GENERATED ALWAYS AS (net * 2) STORED);
ALTER TABLE sales ATTACH PARTITION sales_high FOR VALUES FROM (100) TO (200);
SELECT customer_identity.attach_orders('sales');
INSERT INTO sales VALUES (1, 0.3, '07400 123402'), (101, 0.7, '07400 123403');
CREATE TABLE sales_late PARTITION OF sales FOR VALUES FROM (200) TO (300);
INSERT INTO sales VALUES (201, 0.7, '07400 123403');
ALTER TABLE sales ALTER total TYPE int;
SELECT exact('a generated amount in partitions');
SELECT customer_identity.attach_orders('sales', amount_column => 'plain');
UPDATE sales SET plain = 0.6;
ALTER TABLE sales ALTER plain TYPE int;
SELECT exact('a plain one');
SELECT CASE WHEN current_setting('server_version_num')::int >= 170000 THEN
  'ALTER TABLE sales ALTER total SET EXPRESSION AS (net * 10)' ELSE 'SELECT' END AS statement \gset
SELECT customer_identity.attach_orders('sales');
:statement;
SELECT exact('another expression');
SELECT customer_identity.detach('sales');
SELECT customer_identity.rebuild_totals();

-- A type that cannot be counted: the change is made, the next statement fails, and check_setup() says why.
CREATE TABLE parcels (id int PRIMARY KEY, phone text, total numeric);
SELECT customer_identity.attach_orders('parcels');
INSERT INTO parcels VALUES (1, '07400 123404', 1.5);
BEGIN;
SET client_min_messages = error;
SELECT lives_ok('ALTER TABLE parcels ALTER total TYPE text', 'an amount that becomes a text');
SELECT is((failure($$INSERT INTO parcels VALUES (2, '07400 123404', 'x')$$)).code, 'CI007', 'is CI007 at the next statement');
SELECT results_eq($$SELECT finding FROM customer_identity.check_setup() WHERE severity = 'error'$$,
  $$VALUES ('column total is text, not a number: writing fails with CI007')$$, 'and reported');
SELECT lives_ok('ALTER TABLE orders ALTER total TYPE numeric USING total + 0.5', 'another table of the book can be altered');
ALTER TABLE parcels ALTER total TYPE numeric USING total::numeric * 3;
SELECT exact('and both count when it is a number again');
ROLLBACK;
BEGIN;
SET client_min_messages = error;
ALTER TABLE parcels DROP CONSTRAINT parcels_customer_id_fkey;
SELECT lives_ok('ALTER TABLE parcels ALTER customer_id TYPE text', 'a customer that becomes a text');
SELECT isnt_empty($$SELECT * FROM customer_identity.check_setup() WHERE finding LIKE 'column customer_id is text, not uuid%'$$, 'is reported');
SELECT lives_ok('ALTER TABLE parcels DROP total', 'an amount that is dropped');
SELECT lives_ok('ALTER TABLE orders ALTER total TYPE numeric USING total + 0.5', 'lets another table be altered');
ROLLBACK;

-- Whoever owns the table: no right on the book or on functions of ours is needed.
BEGIN;
CREATE ROLE clerk;
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs TO clerk;
GRANT CREATE ON SCHEMA public TO clerk;
ALTER TABLE parcels OWNER TO clerk;
SET ROLE clerk;
SELECT lives_ok('ALTER TABLE parcels ALTER total TYPE int', 'an owner without rights of ours alters the table');
RESET ROLE;
SELECT exact('and the totals follow');
ROLLBACK;
-- A stranger's table that names the book counts for nothing.
BEGIN;
CREATE ROLE stranger;
GRANT CREATE ON SCHEMA public TO stranger;
GRANT EXECUTE ON FUNCTION customer_identity.maintain_totals TO stranger;
SET ROLE stranger;
CREATE TABLE trap (customer_id uuid, total numeric);
CREATE TRIGGER t AFTER INSERT ON trap REFERENCING NEW TABLE AS n FOR EACH STATEMENT
  EXECUTE FUNCTION customer_identity.maintain_totals('customers=public.customers');
RESET ROLE;
UPDATE customers SET total_spent = total_spent + 1 WHERE phone = '+447400123401';
SET ROLE stranger;
ALTER TABLE trap ALTER total TYPE int;
RESET ROLE;
SELECT isnt_empty('SELECT * FROM customer_identity.verify_totals()', 'a stranger counts nobody''s book');
ROLLBACK;

-- Nobody watches.
BEGIN;
ALTER EVENT TRIGGER customer_identity_recount_altered DISABLE;
SELECT isnt_empty($$SELECT * FROM customer_identity.check_setup() WHERE object ~ 'recount_altered'$$, 'a disabled event trigger is reported');
ROLLBACK;
SELECT exact('at the end');

-- A table of a type changes with the type, and so does what inherits from it.
CREATE TYPE typed AS (id int, phone text, total numeric, customer_id uuid);
CREATE TABLE typed_orders OF typed;
SELECT customer_identity.attach_orders('typed_orders', default_region => 'GB');
INSERT INTO typed_orders VALUES (1, '07400 123450', 5.60), (2, '07400 123450', 0.70);
SELECT is(totals('+447400123450'), '2 / 6.3 / 5', 'orders of a typed table');
ALTER TYPE typed ALTER ATTRIBUTE total TYPE numeric(10, 0) CASCADE;
SELECT is(totals('+447400123450'), '2 / 7 / 7', 'are counted anew with the type');
ALTER TYPE typed RENAME ATTRIBUTE total TO amount CASCADE;
SELECT lives_ok($$INSERT INTO typed_orders VALUES (3, '07400 123450', 5)$$, 'and its new names are followed');
SELECT is(totals('+447400123450'), '3 / 12 / 12', 'exactly');
SELECT exact('of a type');

-- A column that is gone.
CREATE TABLE shortened (id int PRIMARY KEY, phone text, total numeric, status text);
SELECT customer_identity.attach_orders('shortened', status_column => 'status', counted_statuses => '{paid}');
SELECT results_eq(format('SELECT code, detail, hint LIKE ''%%attach_orders%%'' FROM failure(%L)', format('ALTER TABLE shortened DROP %I; SELECT * FROM customer_identity.%s', c, call)),
  format('VALUES (''CI007'', ''Column %I was renamed or dropped.'', true)', c), format('%s without %s', call, c))
FROM unnest('{total,status,customer_id}'::text[]) AS c CROSS JOIN unnest('{verify_totals(),rebuild_totals()}'::text[]) AS call;
SELECT customer_identity.detach('shortened');

SELECT * FROM finish();
