-- maintain_totals: totals after every kind of statement, on one table. Partitions are in partitions.sql.
\ir shop.psql
SELECT * FROM no_plan();

-- Both oracles after a statement: ours and the one written independently of it.
CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT is_empty('SELECT * FROM wrong_totals()', what || ': exact')
  UNION ALL
  SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', what || ': verify_totals agrees')
$$;
INSERT INTO customers (phone) SELECT '+4474001234' || lpad(n::text, 2, '0') FROM generate_series(1, 20) n;
CREATE FUNCTION customer(n int) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM customers WHERE phone = ''+4474001234'' || lpad(n::text, 2, ''0'')';

-- INSERT, COPY, UPDATE, DELETE.
INSERT INTO orders (phone, total, note) VALUES ('07400 123401', 19.99, 'one');
SELECT is(totals('+447400123401'), '1 / 19.99 / 19', 'an order counts: its amount in full, its points rounded down');
INSERT INTO orders (phone, total, note) VALUES ('07400 123401', 0.99, 'two'), ('07400 123402', 5, 'two'), ('07400 123401',
  0.99, 'two'), ('call me', 9,
  'nobody');
SELECT is(totals('+447400123401'), '3 / 21.97 / 19', 'points are rounded down order by order');
SELECT is(totals('+447400123402'), '1 / 5 / 5', 'rows of one statement go to their own customers');
COPY orders (phone, total, note) FROM stdin;
07400 123401	100	copied
07400 123403	7	copied
07400 123401	\N	copied
\.
SELECT is(totals('+447400123401'), '5 / 121.97 / 119', 'COPY counts; an amount of NULL is an order of 0');
UPDATE orders SET total = 50 WHERE note = 'copied';
SELECT is(totals('+447400123401'), '5 / 121.97 / 119', 'an amount that moves between a customer''s orders changes nothing');
UPDATE orders SET total = NULL WHERE note = 'copied';
SELECT is(totals('+447400123401'), '5 / 21.97 / 19', 'an amount that becomes NULL');
UPDATE orders SET customer_id = customer(2) WHERE note = 'one';
SELECT is(totals('+447400123401') || ', ' || totals('+447400123402'), '4 / 1.98 / 0, 2 / 24.99 / 24',
  'an order that changes its customer');
UPDATE orders SET phone = '07400 123404' WHERE note = 'two';
SELECT is(totals('+447400123404'), '3 / 6.98 / 5', 'orders whose phone changes');
UPDATE orders SET note = note;
SELECT exact('a column of no interest');
UPDATE orders SET total = -12.5 WHERE note = 'one';
SELECT is(totals('+447400123402'), '1 / -12.5 / -13', 'nothing is clamped');
DELETE FROM orders WHERE note = 'one';
SELECT is(totals('+447400123402'), '0 / 0 / 0', 'a deleted order');
SELECT exact('simple statements');

-- Statuses.
INSERT INTO orders (phone, total, status, note) VALUES ('07400 123405', 10, 'pending', 's'), ('07400 123405', 10, 'shipped', 's'),
  ('07400 123405', 10, NULL, 's'), ('07400 123405', 10, 'Paid', 's');
SELECT is(totals('+447400123405'), '1 / 10 / 10', 'only counted statuses count, by their exact spelling');
UPDATE orders SET status = 'paid' WHERE note = 's';
SELECT is(totals('+447400123405'), '4 / 40 / 40', 'orders that become counted');
UPDATE orders SET status = CASE WHEN id % 2 = 0 THEN 'refunded' ELSE 'shipped' END, total = 20 WHERE note = 's';
SELECT is(totals('+447400123405'), '2 / 40 / 40', 'status and amount in one statement');
UPDATE orders SET status = 'cancelled' WHERE note = 's';
SELECT is(totals('+447400123405'), '0 / 0 / 0', 'orders that count no more');
SELECT exact('statuses');

-- Upsert, MERGE, writable CTEs, cascades.
CREATE UNIQUE INDEX ON orders (note) WHERE note LIKE 'key%';
INSERT INTO orders (phone, total, note) VALUES ('07400 123406', 10, 'key1'), ('07400 123406', 10, 'key2');
INSERT INTO orders (phone, total, note) VALUES ('07400 123406', 1, 'key1'), ('07400 123406', 3, 'key3')
ON CONFLICT (note) WHERE note LIKE 'key%' DO UPDATE SET total = orders.total + excluded.total;
SELECT is(totals('+447400123406'), '3 / 24 / 24', 'an upsert inserts and updates');
INSERT INTO orders (phone, total, note) VALUES ('07400 123406', 1, 'key1'), ('07400 123406', 4, 'key4') ON CONFLICT DO NOTHING;
SELECT is(totals('+447400123406'), '4 / 28 / 28', 'what a conflict skips does not count');
MERGE INTO orders o USING (VALUES ('key1', 100), ('key2', NULL), ('key3', -1), ('key9', 9)) AS v (note, total) ON o.note = v.note
WHEN MATCHED AND v.total IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET total = v.total, customer_id = customer(7)
WHEN NOT MATCHED THEN INSERT (phone, total, note) VALUES ('07400 123406', v.total, v.note);
SELECT is(totals('+447400123406') || ', ' || totals('+447400123407'), '2 / 13 / 13, 2 / 99 / 99',
  'MERGE inserts, updates and deletes');
WITH gone AS (DELETE FROM orders WHERE note = 'key9' RETURNING *), more AS (UPDATE orders SET total = 1 WHERE note = 'key1')
INSERT INTO orders (phone, total, note) SELECT '07400 123408', total, 'moved' FROM gone;
SELECT is(totals('+447400123408'), '1 / 9 / 9', 'one statement with three writes');
SELECT exact('upsert, MERGE, CTEs');
ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES "user" ON DELETE CASCADE;
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123409');
INSERT INTO orders (user_id, total) SELECT 'ada', n FROM generate_series(1, 10) n;
SELECT is(totals('+447400123409'), '10 / 55 / 55', 'a user''s orders');
DELETE FROM "user" WHERE id = 'ada';
SELECT is(totals('+447400123409'), '0 / 0 / 0', 'orders deleted by a cascade');

-- Savepoints and roll back.
BEGIN;
INSERT INTO orders (phone, total) VALUES ('07400 123410', 1);
SAVEPOINT s;
INSERT INTO orders (phone, total) VALUES ('07400 123410', 10);
ROLLBACK TO s;
INSERT INTO orders (phone, total) VALUES ('07400 123410', 100);
COMMIT;
SELECT is(totals('+447400123410'), '2 / 101 / 101', 'what was rolled back does not count');
SELECT throws_ok($$INSERT INTO orders (phone, total) VALUES ('07400 123410', 1), ('07400 123410', 1 / 0)$$, '22012', NULL,
  'a failing statement fails as before');
SELECT exact('roll back');

-- Amounts of every size and kind.
INSERT INTO orders (phone, total, note) VALUES ('07400 123411', 'NaN', 'odd'), ('07400 123411', 'Infinity', 'odd'),
  ('07400 123411', '-Infinity',
  'odd');
SELECT is(totals('+447400123411'), '3 / 0 / 0', 'an amount that is no number counts as 0');
INSERT INTO orders (phone, total, note) VALUES ('07400 123411', 1e30, 'big'), ('07400 123411', 0.000001, 'small');
SELECT is(totals('+447400123411'), '5 / 1000000000000000000000000000000.000001 / 0',
  'amounts are exact, and points beyond reason are none');
DELETE FROM orders WHERE note IN ('odd', 'big', 'small');
SELECT is(totals('+447400123411'), '0 / 0 / 0', 'and it all goes away again');

-- Many customers, no needless write, TRUNCATE.
INSERT INTO orders (phone, total) SELECT '+4474001234' || lpad((n % 20 + 1)::text, 2, '0'), n / 7.0 FROM generate_series(1, 5000) n;
SELECT exact('a bulk insert');
SELECT updated_at AS before FROM customers WHERE phone = '+447400123401' \gset
SELECT xmin AS written FROM customers WHERE phone = '+447400123401' \gset
UPDATE orders SET status = CASE status WHEN 'paid' THEN 'shipped' ELSE 'paid' END WHERE status IN ('paid', 'shipped');
SELECT is(xmin::text, :'written',
  'a statement that changes no total writes to no customer') FROM customers WHERE phone = '+447400123401';
INSERT INTO orders (phone, total) VALUES ('07400 123401', 1);
SELECT is(updated_at, :'before', 'totals leave updated_at to the application') FROM customers WHERE phone = '+447400123401';
TRUNCATE orders;
SELECT is((SELECT count(*) FROM customers WHERE (total_orders, total_spent, loyalty_points) <> (0, 0, 0)), 0::bigint,
  'TRUNCATE empties every total');
BEGIN;
INSERT INTO orders (phone, total) VALUES ('07400 123401', 3);
TRUNCATE orders RESTART IDENTITY CASCADE;
INSERT INTO orders (phone, total) VALUES ('07400 123401', 4);
COMMIT;
SELECT is(totals('+447400123401'), '1 / 4 / 4', 'and rows before and after it in one transaction count right');
DELETE FROM customers WHERE phone = '+447400123401';
DELETE FROM orders;
SELECT exact('orders whose customer is gone');

-- Amounts of other types.
CREATE TABLE cents (id int PRIMARY KEY, phone text, total bigint);
CREATE TABLE floats (id int PRIMARY KEY, phone text, total double precision);
SELECT customer_identity.attach_orders('cents', user_column => NULL, points_per_unit => 0.01);
SELECT customer_identity.attach_orders('floats', user_column => NULL, points_per_unit => 1.5);
INSERT INTO cents VALUES (1, '07400 123412', 1999);
SELECT is(totals('+447400123412'), '1 / 1999 / 19', 'whole numbers, and a hundredth of a point a unit');
INSERT INTO floats VALUES (1, '07400 123413', 2.25), (2, '07400 123413', 'NaN'), (3, '07400 123413', '-Infinity');
SELECT is(totals('+447400123413'), '3 / 2.25 / 3', 'floating point');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'several tables feed one book exactly');

SELECT * FROM finish();
