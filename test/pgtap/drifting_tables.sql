-- What people do to tables: totals stay exact, or check_setup() names what makes them wrong.
\ir shop.psql
SELECT * FROM no_plan();

CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE sql AS
  $$SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', what)$$;
CREATE FUNCTION findings() RETURNS SETOF text LANGUAGE sql AS
  $$SELECT concat_ws(' ', severity, object, finding) FROM customer_identity.check_setup() WHERE severity <> 'info'$$;
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401');
INSERT INTO orders (user_id, total) SELECT 'ada', n FROM generate_series(1, 5) AS n;
SELECT is_empty('SELECT findings()', 'all is well');

-- A phone column that holds no phone.
CREATE TYPE reach AS (phone text);
CREATE TABLE parcels (id int PRIMARY KEY, shipping jsonb, phones text[], at timestamptz, ref uuid, who reach, raw bytea,
  digits bigint, short char(20), total numeric);
SELECT throws_ok(format($$SELECT customer_identity.attach_orders('parcels', phone_column => %L)$$, c), '42804', NULL, 'orders by ' || c)
FROM unnest('{shipping,phones,at,ref,who,raw}'::text[]) AS c;
SELECT throws_ok(format($$SELECT customer_identity.attach_users('parcels', ARRAY['digits', %L])$$, c), '42804', NULL, 'users by ' || c)
FROM unnest('{shipping,phones,at,ref,who,raw}'::text[]) AS c;
SELECT matches((failure($$SELECT customer_identity.attach_orders('parcels', phone_column => 'shipping')$$)).hint, 'phone_column', 'with a hint');
SELECT lives_ok(format($$SELECT customer_identity.attach_orders('parcels', phone_column => %L)$$, c), 'orders by ' || c)
FROM unnest('{digits,short}'::text[]) AS c;
SELECT customer_identity.detach('parcels');

-- Tables that inherit: they are reported, and count when they are attached themselves.
CREATE TABLE more_orders () INHERITS (orders);
CREATE TABLE most_orders () INHERITS (more_orders);
ALTER TABLE more_orders ADD id_too serial;
SELECT results_eq('SELECT findings() ORDER BY 1', $$VALUES
  ('error public.more_orders it inherits from public.orders and is not attached: its rows are not counted, and changing them through that table corrupts the totals'),
  ('error public.most_orders it inherits from public.orders and is not attached: its rows are not counted, and changing them through that table corrupts the totals')$$,
  'children and grandchildren');
INSERT INTO more_orders (id, customer_id, total, status) SELECT 101, id, 1, 'paid' FROM customers;
INSERT INTO most_orders (id, customer_id, total, status) SELECT 102, id, 1, 'paid' FROM customers;
SELECT exact('what a child holds is neither stored nor actual');
SELECT is(customer_identity.rebuild_totals(), 0::bigint, 'nor rebuilt');
CREATE FUNCTION attach(relation regclass) RETURNS void LANGUAGE sql AS $$
  SELECT customer_identity.attach_orders(relation, users => '"user"', region_column => 'country',
    status_column => 'status', counted_statuses => '{paid,shipped}')
$$;
SELECT is((failure($$SELECT attach('more_orders')$$)).code, '42809', 'what others inherit from is attached after those');
SELECT lives_ok($$SELECT attach('most_orders'), attach('more_orders'), attach('orders')$$, 'then it is');
SELECT is((failure(format('SELECT customer_identity.attach_orders(%L, users => %L, region_column => %L, status_column => %L, counted_statuses => %L, points_per_unit => 2)',
  t, '"user"', 'country', 'status', '{paid,shipped}'))).code, '42809', 'and each counts as the others do: ' || t) FROM unnest('{most_orders,more_orders,orders}'::text[]) AS t;
BEGIN;
SELECT customer_identity.detach('most_orders');
ALTER TABLE most_orders NO INHERIT more_orders;
SELECT customer_identity.attach_orders('most_orders', points_per_unit => 2);
ALTER TABLE most_orders INHERIT more_orders;
SELECT matches(findings(), 'error public.most_orders its orders are counted in another way than those of public.(more_)?orders', 'a child that counts in another way') LIMIT 1;
ROLLBACK;
SELECT is_empty('SELECT findings()', 'and all is well');
SELECT is(totals('+447400123401'), '7 / 17 / 17', 'with their orders');
INSERT INTO most_orders (id, phone, total) VALUES (103, '07400 123401', 10);
UPDATE orders SET total = total + 1;
SELECT is(totals('+447400123401'), '8 / 35 / 35', 'rows of children count once, through whichever table');
UPDATE ONLY orders SET total = total + 1;
UPDATE more_orders SET status = CASE id WHEN 103 THEN 'void' ELSE status END, total = total * 2;
DELETE FROM orders WHERE id IN (1, 101);
ALTER TABLE orders ALTER total TYPE int USING total * 3;
SELECT exact('changed through parents');
SELECT is_empty($$
  SELECT c.phone FROM customers c LEFT JOIN (SELECT customer_id, count(*) n, sum(total) s FROM orders WHERE status = 'paid' GROUP BY 1) o
  ON o.customer_id = c.id WHERE (total_orders, total_spent) IS DISTINCT FROM (coalesce(n, 0), coalesce(s, 0))$$, 'by an independent count');
TRUNCATE orders;
SELECT is(totals('+447400123401'), '0 / 0 / 0', 'TRUNCATE empties all of them');
ALTER TABLE most_orders NO INHERIT more_orders;
ALTER TABLE more_orders NO INHERIT orders;
DROP TABLE most_orders, more_orders;
CREATE TABLE strays (LIKE orders);
ALTER TABLE strays INHERIT orders;
SELECT matches(findings(), 'error public.strays it inherits from public.orders', 'a table that comes to inherit later');
DROP TABLE strays;
CREATE TABLE members () INHERITS ("user");
SELECT matches(findings(), 'error public.members it inherits from public."user" and is not attached: its rows are not linked', 'a child of users');
DROP TABLE members;

-- A copy that takes the table's place, and one that does not.
CREATE TABLE copied (LIKE orders INCLUDING ALL);
ALTER TABLE copied ADD note_too text, ALTER total TYPE float8;
ALTER TABLE orders RENAME TO orders_old;
ALTER TABLE copied RENAME TO orders;
SELECT results_eq('SELECT findings()', $$VALUES ('warning public.orders it has every column of public.orders_old, including the customer, but no trigger: its rows are not counted')$$,
  'a table that was swapped for its copy');
SELECT matches(what_to_do, 'attach_orders.*DROP COLUMN customer_id') FROM customer_identity.check_setup() WHERE object = 'public.orders';
SELECT attach('orders');
SELECT is_empty('SELECT findings()', 'until it is attached');
SELECT customer_identity.detach('orders_old');
ALTER TABLE orders_old DROP customer_id;
CREATE TABLE orders_archive (LIKE orders);
ALTER TABLE orders_archive DROP customer_id;
CREATE TABLE notes (id int, customer_id uuid REFERENCES customers, phone text, total numeric, note text);
SELECT is_empty('SELECT findings()', 'other tables are not meant');
CREATE TABLE people (LIKE "user");
SELECT matches(findings(), 'warning public.people it has every column of public."user".* not linked', 'a copy of users');
ALTER TABLE people ADD street text;
SELECT is_empty('SELECT findings()', 'but not whatever has a phone and a customer');
DROP TABLE people, notes, orders_old, orders_archive;

-- Tables that a crash empties.
ALTER TABLE orders SET UNLOGGED;
SELECT matches(findings(), 'warning public.orders it is UNLOGGED', 'orders that a crash deletes');
ALTER TABLE orders SET LOGGED;

-- Triggers that are not what they were.
BEGIN;
CREATE OR REPLACE TRIGGER customer_identity_totals_delete AFTER DELETE ON orders REFERENCING OLD TABLE AS o
  FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION customer_identity.maintain_totals('customers=public.customers', 'status=status', 'counted=paid', 'counted=shipped');
SELECT matches(findings(), 'error public.orders trigger customer_identity_totals_delete was changed', 'a condition');
ROLLBACK;
BEGIN;
CREATE OR REPLACE TRIGGER customer_identity_totals_delete AFTER DELETE ON orders REFERENCING OLD TABLE AS o
  FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals('customers=public.customers', 'status=status', 'counted=paid');
SELECT matches(findings(), 'error public.orders trigger customer_identity_totals_delete was changed', 'other arguments');
ROLLBACK;
CREATE TABLE sales (id int, phone text, total numeric, state text) PARTITION BY RANGE (id);
CREATE TABLE sales_low PARTITION OF sales FOR VALUES FROM (0) TO (100);
CREATE TABLE sales_high PARTITION OF sales FOR VALUES FROM (100) TO (200);
SELECT customer_identity.attach_orders('sales', status_column => 'state', counted_statuses => '{paid}');
INSERT INTO sales VALUES (1, '07400 123402', 1, 'paid'), (2, '07400 123402', 1, 'sent'), (101, '07400 123402', 1, 'sent');
ALTER TABLE sales DETACH PARTITION sales_low;
SELECT customer_identity.attach_orders('sales', status_column => 'state', counted_statuses => '{paid,sent}');
ALTER TABLE sales ATTACH PARTITION sales_low FOR VALUES FROM (0) TO (100);
SELECT is((SELECT count(*) FROM findings() AS f WHERE f ~ 'error public.sales_low trigger .* was changed, or differs from that of public.sales'), 4::bigint,
  'a partition that was away while its root was attached in another way');
SELECT customer_identity.attach_orders('sales', status_column => 'state', counted_statuses => '{paid,sent}');
SELECT is_empty('SELECT findings()', 'until it is attached again');
SELECT exact('which counts it anew');

-- What needs no word: moved, emptied with others, partitions that come and go.
CREATE SCHEMA elsewhere;
ALTER TABLE orders SET SCHEMA elsewhere;
INSERT INTO elsewhere.orders (user_id, total, status) VALUES ('ada', 5, 'paid');
SELECT exact('a table in another schema');
ALTER TABLE elsewhere.orders SET SCHEMA public;
ALTER TABLE sales DETACH PARTITION sales_high;
SELECT exact('a partition that left');
SELECT isnt_empty('SELECT findings()', 'is reported');
ALTER TABLE sales ATTACH PARTITION sales_high FOR VALUES FROM (100) TO (200);
SELECT exact('and came back');
SELECT is_empty('SELECT findings()', 'with nothing to report');
CREATE TABLE sales_new (LIKE sales);
INSERT INTO sales_new SELECT 201, '07400 123402', 1, 'paid', id FROM customers LIMIT 1;
ALTER TABLE sales ATTACH PARTITION sales_new FOR VALUES FROM (200) TO (300);
SELECT isnt_empty('SELECT findings()', 'a partition that comes with rows is reported');
SELECT customer_identity.attach_orders('sales', status_column => 'state', counted_statuses => '{paid,sent}');
SELECT exact('and counts when it is attached');
TRUNCATE "user" CASCADE;
SELECT exact('users and their orders at once');
INSERT INTO orders (phone, total, status) VALUES ('07400 123401', 5, 'paid');
TRUNCATE customers CASCADE;
SELECT is((SELECT count(*) FROM orders), 0::bigint, 'customers and all that is theirs');
INSERT INTO orders (phone, total, status) VALUES ('07400 123401', 5, 'paid');
SELECT exact('and the next order');
CREATE RULE kept AS ON DELETE TO orders DO INSTEAD UPDATE orders SET status = 'void' WHERE id = OLD.id;
DELETE FROM orders;
SELECT is(totals('+447400123401'), '0 / 0 / 0', 'a rule');
SELECT exact('and what it does instead');
DROP RULE kept ON orders;
ALTER TABLE orders DISABLE TRIGGER customer_identity_totals_insert;
SELECT matches(findings(), 'disabled', 'a disabled trigger is reported');
ALTER TABLE orders ENABLE TRIGGER ALL;
SELECT is_empty('SELECT findings()', 'at the end');

SELECT * FROM finish();
