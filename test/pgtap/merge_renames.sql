-- Tables, columns and schemas that get other names between a merge and its undoing.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE customers ADD vip text;
CREATE SCHEMA crm;
CREATE TABLE crm.wishes (customer_id uuid REFERENCES customers, what text);
CREATE TABLE crm.carts (customer_id uuid REFERENCES customers, number int, PRIMARY KEY (customer_id, number));
INSERT INTO "user" (id, name, phone) VALUES ('ann', 'Ann', '07400 123401'), ('bea', 'Bea', '07400 123402');
INSERT INTO orders (user_id, total) VALUES ('ann', 10), ('bea', 5);
SELECT customer_id AS ann FROM "user" WHERE id = 'ann' \gset
SELECT customer_id AS bea FROM "user" WHERE id = 'bea' \gset
UPDATE customers SET vip = 'yes' WHERE id = :'bea';
SELECT customer_identity.adjust_points(:'bea', 100, 'gift') \g /dev/null
INSERT INTO orders (customer_id, phone, total) VALUES (:'ann', '07400 123402', 100);
INSERT INTO crm.wishes VALUES (:'bea', 'tea'), (:'ann', 'tea');
INSERT INTO crm.carts VALUES (:'bea', 1), (:'ann', 2);
CREATE VIEW everything AS
SELECT t::text FROM customers AS t UNION ALL SELECT t::text FROM "user" AS t UNION ALL SELECT t::text FROM orders AS t UNION ALL SELECT t::text FROM crm.wishes AS t
UNION ALL SELECT t::text FROM crm.carts AS t UNION ALL SELECT t::text FROM loyalty_entries AS t UNION ALL SELECT t::text FROM customer_phones AS t UNION ALL SELECT t::text FROM customer_merges AS t;
CREATE TABLE before AS SELECT * FROM everything;
CREATE FUNCTION owners() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(format('%s %s', total, CASE customer_id WHEN c.ann THEN 'ann' WHEN c.bea THEN 'bea' END), ', ' ORDER BY total)
  FROM orders, (SELECT (SELECT customer_id FROM "user" WHERE id = 'ann') AS ann, (SELECT customer_id FROM "user" WHERE id = 'bea') AS bea) AS c
$$;

-- Other names.
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
SAVEPOINT renamed;
ALTER TABLE orders RENAME TO sales;
ALTER TABLE sales RENAME id TO order_id;
ALTER TABLE sales RENAME customer_id TO buyer;
ALTER TABLE "user" RENAME TO logins;
ALTER TABLE logins RENAME id TO login_id;
ALTER TABLE crm.wishes RENAME customer_id TO who;
ALTER TABLE crm.wishes RENAME what TO wish;
ALTER TABLE crm.carts RENAME number TO cart;
ALTER SCHEMA crm RENAME TO relations;
ALTER TABLE customers RENAME vip TO is_vip;
SELECT is((SELECT jsonb_array_length(customer_identity.why_linked('sales', order_id::text) -> 'merges') FROM sales WHERE total = 5), 1, 'why_linked knows the merge by other names');
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before', 'renamed tables, columns and schemas are followed');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');
ROLLBACK TO renamed;

-- The book's own schema.
CREATE SCHEMA shop;
ALTER TABLE customers SET SCHEMA shop;
ALTER TABLE customer_events SET SCHEMA shop;
ALTER TABLE customer_phones SET SCHEMA shop;
ALTER TABLE customer_merges SET SCHEMA shop;
ALTER TABLE phone_proofs SET SCHEMA shop;
ALTER TABLE phone_rules SET SCHEMA shop;
ALTER TABLE loyalty_entries SET SCHEMA shop;
ALTER TABLE duplicate_dismissals SET SCHEMA shop;
ALTER SCHEMA shop RENAME TO store;
SELECT customer_identity.unmerge_customers(:merge_id, customers => 'store.customers') \g /dev/null
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before', 'the schema of the book is followed, points included');
ROLLBACK TO renamed;

-- A table with the old name is another one.
ALTER TABLE orders RENAME TO archive;
CREATE TABLE orders (LIKE archive INCLUDING ALL, FOREIGN KEY (user_id) REFERENCES "user");
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country', status_column => 'status', counted_statuses => '{paid,shipped}') \g /dev/null
INSERT INTO orders (id, customer_id, phone, total) OVERRIDING SYSTEM VALUE SELECT id, :'ann', '07400 123401', 1000 FROM archive WHERE total = 5;
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT is((SELECT customer_id FROM archive WHERE total = 5), :'bea', 'the renamed table is followed');
SELECT is((SELECT customer_id FROM orders), :'ann', 'the new one with its name is not');
ROLLBACK TO renamed;

-- A copy that took its place.
CREATE TABLE orders_new (LIKE orders INCLUDING ALL);
INSERT INTO orders_new OVERRIDING SYSTEM VALUE SELECT * FROM orders;
DROP VIEW everything;
ALTER TABLE orders RENAME TO orders_old;
ALTER TABLE orders_new RENAME TO orders;
SELECT replace(pg_get_triggerdef(oid), ' ON public.orders_old ', ' ON public.orders ') FROM pg_trigger
WHERE tgrelid = 'public.orders_old'::regclass AND tgname LIKE 'customer\_identity\_%' \gexec
SELECT customer_identity.detach('orders_old');
DROP TABLE orders_old;
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT is(owners(), '5 bea, 10 ann, 100 ann', 'a copy that was swapped in is the table');
ROLLBACK TO renamed;

-- Restored elsewhere, tables have other numbers, and renames are not known: nothing is taken from the winner.
UPDATE customer_merges SET record = jsonb_set(record, '{names,0,oid}', '1');
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before', 'a restored book goes by names');
ROLLBACK TO renamed;
UPDATE customer_merges SET record = record - 'names';
ALTER TABLE orders RENAME TO sales;
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
ALTER TABLE sales RENAME TO orders;
SELECT is(owners(), '5 ann, 10 ann, 100 ann', 'rows of a table that is not found stay');
ROLLBACK TO renamed;
UPDATE customer_merges SET record = record - 'names';
ALTER TABLE orders RENAME id TO order_id;
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT is(owners(), '5 ann, 10 ann, 100 ann', 'so do those whose key is not found');
ROLLBACK TO renamed;
ALTER TABLE orders DROP CONSTRAINT orders_pkey;
ALTER TABLE orders ADD uid uuid DEFAULT gen_random_uuid() PRIMARY KEY;
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT is(owners(), '5 ann, 10 ann, 100 ann', 'and those that have another key');
ROLLBACK TO renamed;

-- A table that is gone keeps no others from going back.
UPDATE "user" SET customer_id = customer_id;
DROP TABLE orders CASCADE;
INSERT INTO "user" (id, phone) VALUES ('cyd', '07400 123402');
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT is((SELECT customer_id FROM "user" WHERE id = 'cyd'), :'bea', 'a login since the merge goes to the loser');
SELECT * FROM finish();
ROLLBACK;
