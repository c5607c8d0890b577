-- check_setup: one finding for each thing that can be wrong, and none for a healthy shop.
\ir shop.psql
SELECT * FROM no_plan();

-- Findings about an object, as texts that a pattern can be looked for in.
CREATE FUNCTION found(about text, pattern text) RETURNS boolean LANGUAGE sql AS $$
  SELECT EXISTS (SELECT FROM customer_identity.check_setup() AS f(severity, object, finding, remedy)
                 WHERE object ~ about AND finding ~* pattern AND remedy <> '')
$$;
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401'), ('none', NULL);
INSERT INTO orders (user_id, total) VALUES ('ada', 1);
SELECT is_empty('SELECT * FROM customer_identity.check_setup()', 'a healthy shop has no findings');

-- Triggers.
ALTER TABLE orders DISABLE TRIGGER customer_identity_totals_update;
SELECT ok(found('orders', 'disabled'), 'a disabled trigger');
ALTER TABLE orders ENABLE REPLICA TRIGGER customer_identity_totals_update;
SELECT ok(found('orders', 'disabled'), 'a trigger that fires in replicas only');
ALTER TABLE orders ENABLE TRIGGER customer_identity_totals_update;
BEGIN;
DROP TRIGGER customer_identity_totals_delete ON orders;
SELECT ok(found('orders', 'trigger'), 'a missing trigger of an orders table');
ROLLBACK;
BEGIN;
DROP TRIGGER customer_identity_totals_truncate ON orders;
SELECT ok(found('orders', 'trigger'), 'the one for TRUNCATE as well');
ROLLBACK;
BEGIN;
DROP TRIGGER customer_identity_linked ON "user";
SELECT ok(found('user', 'trigger'), 'a missing trigger of a users table');
ROLLBACK;
BEGIN;
DROP TRIGGER customer_identity_renamed ON "user";
SELECT ok(found('user', 'customer_identity_renamed'), 'the one for ids as well');
ROLLBACK;
BEGIN;
DROP TRIGGER customer_identity_truncated ON "user";
SELECT ok(found('user', 'customer_identity_truncated'), 'and the one for TRUNCATE');
ROLLBACK;
BEGIN;
DROP TRIGGER customer_identity_attach ON orders;
SELECT ok(found('orders', 'trigger'), 'orders that are counted, but not attached');
ROLLBACK;
-- What DISABLE TRIGGER leaves on, or off, in a parent and its partitions.
BEGIN;
CREATE TABLE sales (id int, placed date, phone text, total numeric) PARTITION BY RANGE (placed);
CREATE TABLE sales_2025 PARTITION OF sales FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE sales_2026 PARTITION OF sales FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (placed);
CREATE TABLE sales_january PARTITION OF sales_2026 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
SELECT customer_identity.attach_orders('sales');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object ~ 'sales'$$, 'a partitioned table has no findings');
ALTER TABLE sales DISABLE TRIGGER USER;
SELECT is((SELECT count(*) FROM customer_identity.check_setup() WHERE object = 'public.sales' AND finding ~ 'but not on the partitions'),
  4::bigint, 'triggers of a parent that are disabled there alone');
SELECT ok(NOT found('^public.sales_', 'totals'), 'those of its partitions do fire');
SELECT format('ALTER TABLE %s DISABLE TRIGGER USER', relid) FROM pg_partition_tree('sales') \gexec
SELECT ok(NOT found('sales', 'partitions'), 'disabled in all of them');
SELECT is((SELECT count(DISTINCT object) FROM customer_identity.check_setup() WHERE finding ~ 'totals_insert is disabled'), 4::bigint,
  'each is named');
ALTER TABLE sales ENABLE TRIGGER USER;
SELECT ok(found('^public.sales_january$', 'disabled'), 'enabled in the parent alone');
SELECT format('ALTER TABLE %s ENABLE TRIGGER USER', relid) FROM pg_partition_tree('sales') \gexec
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object ~ 'sales'$$, 'and enabled in all');
ROLLBACK;
-- Foreign keys that are not enforced.
BEGIN;
ALTER TABLE customers DISABLE TRIGGER ALL;
SELECT ok(found('customers', 'foreign key orders_customer_id_fkey'), 'a foreign key of orders that the triggers of customers do not fire for');
ROLLBACK;
BEGIN;
ALTER TABLE orders DISABLE TRIGGER ALL;
SELECT ok(found('orders', 'foreign key orders_customer_id_fkey'), 'nor orders');
SELECT replace(what_to_do, 'As a superuser: ', '') FROM customer_identity.check_setup() WHERE finding ~ 'foreign key' \gexec
SELECT ok(NOT found('orders', 'foreign key'), 'what it says enables them');
ROLLBACK;

-- Columns.
BEGIN;
ALTER TABLE orders DROP COLUMN phone;
SELECT ok(found('orders', 'phone'), 'a dropped column');
ROLLBACK;
SELECT evtname AS follow FROM pg_event_trigger WHERE evtname LIKE '%follow_renames' \gset
BEGIN;
ALTER EVENT TRIGGER :"follow" DISABLE;
ALTER TABLE orders RENAME COLUMN status TO state;
SELECT ok(found('orders', 'status'), 'a renamed column that nobody followed');
ALTER TABLE "user" RENAME COLUMN "phoneNumber" TO "phone_number";
SELECT ok(found('user', 'phoneNumber'), 'of a users table as well');
ROLLBACK;
BEGIN;
DELETE FROM "user" WHERE id = 'none';
ALTER TABLE "user" ALTER customer_id SET NOT NULL;
SELECT ok(found('user', 'not null'), 'users that must have a customer: a sign-up without a phone would fail');
ROLLBACK;

-- Keys and indexes.
BEGIN;
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;
SELECT ok(found('orders', 'foreign key'), 'a missing foreign key of orders');
ROLLBACK;
BEGIN;
ALTER TABLE "user" DROP CONSTRAINT user_customer_id_fkey;
SELECT ok(found('user', 'foreign key'), 'a missing foreign key of users');
ROLLBACK;
SELECT indexrelid::regclass AS orders_index FROM pg_index i JOIN pg_attribute a ON a.attrelid = indexrelid
  AND attname = 'customer_id' WHERE indrelid = 'orders'::regclass \gset
SELECT indexrelid::regclass AS users_index FROM pg_index i JOIN pg_attribute a ON a.attrelid = indexrelid
  AND attname = 'customer_id' WHERE indrelid = '"user"'::regclass \gset
BEGIN;
DROP INDEX :orders_index;
SELECT ok(found('orders', 'index'), 'a missing index of orders');
ROLLBACK;
BEGIN;
DROP INDEX :users_index;
SELECT ok(found('user', 'index'), 'a missing index of users');
CREATE INDEX ON "user" (customer_id) WHERE customer_id IS NULL;
SELECT ok(found('user', 'index'), 'a partial index is none');
ROLLBACK;
BEGIN;
ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES "user";
SELECT ok(found('orders', 'delet'), 'orders that keep a user from being deleted');
ROLLBACK;

-- A setting that no row can be read under.
BEGIN;
SET LOCAL customer_identity.default_region = 'XX';
SELECT ok(found('default_region', 'not a region'), 'a default region that is none');
ROLLBACK;

-- Orders whose users are not attached any more.
BEGIN;
SELECT customer_identity.detach('"user"');
SELECT ok(found('orders', 'its users table, .*user.*, is not attached'), 'users that were detached');
ROLLBACK;

-- Rows.
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO "user" (id, phone) VALUES ('missed', '07400 123402');
INSERT INTO orders (phone, total) VALUES ('07400 123402', 1);
SELECT ok(found('', 'replica'), 'a session in replica role');
SET LOCAL session_replication_role = origin;
SELECT ok(found('user', 'customer that could have one'), 'users that were left unlinked');
SELECT ok(found('orders', 'customer that could have one'), 'orders that were left unlinked');
ROLLBACK;

-- Phones are read where no valid CHECK of the table has done it.
BEGIN;
ALTER TABLE customers DROP CONSTRAINT customers_phone_check;
INSERT INTO customers (phone) VALUES ('0123');
SELECT ok(found('customers', 'not E.164: 1'), 'a phone that is not E.164 is found in a table without a check');
ALTER TABLE customers ADD CONSTRAINT looser CHECK (phone ~ '^[+]?[0-9]{1,18}$');
SELECT ok(found('customers', 'not E.164: 1'), 'with another one');
ALTER TABLE customers ADD CONSTRAINT later CHECK (phone ~ '^[+][1-9][0-9]{1,18}$') NOT VALID;
SELECT ok(found('customers', 'not E.164: 1'), 'and with one that is not valid yet');
UPDATE customers SET phone = '+4915112345678' WHERE phone = '0123';
ALTER TABLE customers VALIDATE CONSTRAINT later;
SELECT ok(NOT found('customers', 'not E.164'), 'not when there is none');
ROLLBACK;

-- A book that is not there, and one that nothing is attached to.
SELECT is_empty('SELECT * FROM customer_identity.check_setup()', 'everything is as it was');
CREATE SCHEMA empty;
SELECT customer_identity.create_tables('empty');
SELECT lives_ok($$SELECT * FROM customer_identity.check_setup('empty.customers')$$, 'a book without tables is no error');
SELECT throws_ok($$SELECT * FROM customer_identity.check_setup('orders')$$, 'CI003', NULL, 'a table that is no customers is');

BEGIN;
SET LOCAL search_path = '';
SELECT count(*) AS findings, min(finding) AS finding, min(what_to_do) AS remedy FROM customer_identity.check_setup() \gset
SELECT count(*) AS findings_there FROM customer_identity.check_setup('public.customers') \gset
ROLLBACK;
SELECT is(:'finding'::text, 'there is no table customers on the search_path', 'no book on the path is a finding');
SELECT is(:'remedy'::text, 'SELECT * FROM customer_identity.check_setup(''public.customers'');', '... which names the book that there is');
SELECT is(:findings + :findings_there, 1, '... and is the only one; a book that is named has none');

BEGIN;
SELECT customer_identity.detach(attached) FROM (SELECT DISTINCT attached FROM customer_identity.attachments) AS a;
SET LOCAL search_path = '';
SELECT severity, what_to_do AS remedy FROM customer_identity.check_setup() \gset
ROLLBACK;
SELECT is(:'severity'::text || ': ' || :'remedy', 'error: SELECT customer_identity.create_tables();', 'a database without a book says how to make one');

SELECT * FROM finish();
