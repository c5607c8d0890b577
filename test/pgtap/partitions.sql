-- Partitioned orders: each row counts once, whichever table it is written through.
\ir shop.psql
SELECT * FROM no_plan();

CREATE TABLE sales (id int, placed date, user_id text, phone text, total numeric, customer_id uuid, PRIMARY KEY (id,
  placed)) PARTITION BY RANGE (placed);
CREATE TABLE sales_2024 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
-- This one has its columns in another order, and a dropped one: names are resolved, not numbers.
CREATE TABLE sales_2025 (junk int, total numeric, customer_id uuid, phone text, user_id text, placed date NOT NULL, id int NOT NULL);
ALTER TABLE sales_2025 DROP junk;
ALTER TABLE sales ATTACH PARTITION sales_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- And this one is partitioned again.
CREATE TABLE sales_2026 PARTITION OF sales FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (id);
CREATE TABLE sales_2026_low PARTITION OF sales_2026 FOR VALUES FROM (0) TO (100);
CREATE TABLE sales_2026_high PARTITION OF sales_2026 FOR VALUES FROM (100) TO (1000);
SELECT lives_ok($$SELECT customer_identity.attach_orders('sales', users => '"user"')$$, 'a partitioned table is attached');

CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT is_empty($q$
    SELECT c.phone FROM customers c LEFT JOIN (
      SELECT customer_id, count(*) n, sum(coalesce(total, 0)) spent, sum(floor(coalesce(total, 0))) points FROM sales GROUP BY 1) s
    ON s.customer_id = c.id
    WHERE (total_orders, total_spent, loyalty_points) IS DISTINCT FROM (coalesce(n, 0), coalesce(spent, 0), coalesce(points, 0))
  $q$, what || ': exact')
  UNION ALL
  SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', what || ': verify_totals agrees')
$$;

-- Through the parent.
INSERT INTO sales VALUES (1, '2024-05-01', NULL, '07400 123401', 10.5), (2, '2025-05-01', NULL, '07400 123401', 20.5), (3,
  '2026-05-01', NULL, '07400 123402', 30.5);
SELECT is(totals('+447400123401'), '2 / 31 / 30', 'rows routed through the parent count once');
COPY sales (id, placed, phone, total) FROM stdin;
4	2025-06-01	07400 123401	1
104	2026-06-01	07400 123402	1
\.
SELECT exact('COPY through the parent');
UPDATE sales SET total = total + 1;
SELECT exact('UPDATE through the parent');
UPDATE sales SET placed = '2026-07-01' WHERE id = 1;
SELECT is(totals('+447400123401'), '3 / 35 / 34', 'a row that moves to another partition counts once');
UPDATE sales SET placed = '2025-07-01', total = 100, phone = '07400 123403' WHERE id = 3;
SELECT is(totals('+447400123403'), '1 / 100 / 100', 'also when it changes on the way');
SELECT exact('rows that move');

-- Straight into a partition.
INSERT INTO sales_2024 VALUES (5, '2024-06-01', NULL, '07400 123404', 5);
SELECT is(totals('+447400123404'), '1 / 5 / 5', 'a row written into a partition counts once');
INSERT INTO sales_2025 (id, placed, phone, total) VALUES (6, '2025-06-01', '07400 123404', 6);
SELECT is(totals('+447400123404'), '2 / 11 / 11', 'also where the columns are in another order');
INSERT INTO sales_2026 (id, placed, phone, total) VALUES (7, '2026-06-01', '07400 123404', 7), (107, '2026-06-01', '07400 123404', 7);
SELECT is(totals('+447400123404'), '4 / 25 / 25', 'also through the parent in the middle');
INSERT INTO sales_2026_high (id, placed, phone, total) VALUES (108, '2026-06-01', '07400 123404', 1);
UPDATE sales_2025 SET total = total * 2;
UPDATE sales_2026 SET id = 207 WHERE id = 7;
DELETE FROM sales_2026_high WHERE id = 104;
SELECT exact('partitions written directly');
MERGE INTO sales_2025 s USING (VALUES (6), (60)) v (id) ON s.id = v.id
WHEN MATCHED THEN UPDATE SET total = 0.5
WHEN NOT MATCHED THEN INSERT (id, placed, phone, total) VALUES (60, '2025-02-02', '07400 123405', 60);
SELECT exact('MERGE into a partition');
DELETE FROM sales WHERE total = 0.5;
SELECT exact('DELETE through the parent');

-- TRUNCATE.
INSERT INTO sales SELECT n, date '2024-01-01' + n, NULL, '+44740012340' || n % 7, n / 3.0 FROM generate_series(200, 800) n;
SELECT exact('a bulk insert');
TRUNCATE sales_2025;
SELECT exact('TRUNCATE of a partition');
TRUNCATE sales_2026;
SELECT exact('TRUNCATE of a parent in the middle');
TRUNCATE sales;
SELECT exact('TRUNCATE of the parent');
SELECT is((SELECT sum(total_orders) FROM customers), 0::bigint, 'nothing is left');

-- Users are followed too.
INSERT INTO "user" (id) VALUES ('ada');
INSERT INTO sales VALUES (1, '2024-05-01', 'ada', NULL, 10), (2, '2025-05-01', 'ada', NULL, 20);
UPDATE "user" SET phone = '07400 123406' WHERE id = 'ada';
SELECT is(totals('+447400123406'), '2 / 30 / 30', 'earlier orders are found in every partition');

-- A partition that came later.
CREATE TABLE sales_2027 PARTITION OF sales FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
INSERT INTO sales VALUES (9, '2027-05-01', NULL, '07400 123401', 9);
SELECT exact('a new partition, through the parent');
SELECT ok(EXISTS (SELECT FROM customer_identity.check_setup() f WHERE f::text ~ 'sales_2027'),
  'check_setup names a partition without triggers');
SELECT customer_identity.attach_orders('sales', users => '"user"');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() f WHERE f::text ~ 'sales_2027'$$,
  'attaching again gives it its triggers');
INSERT INTO sales_2027 VALUES (10, '2027-06-01', NULL, '07400 123401', 10);
SELECT exact('the new partition, written directly');

-- A partition that leaves is a table of its own.
ALTER TABLE sales DETACH PARTITION sales_2027;
SELECT ok(EXISTS (SELECT FROM customer_identity.check_setup() f WHERE f.object ~ 'sales_2027$'),
  'check_setup names a partition that left');
INSERT INTO sales_2027 (id, placed, customer_id, total)
  SELECT 13, '2027-07-02', id, 13 FROM customers WHERE phone = '+447400123401';
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'what it holds goes on counting');
SELECT customer_identity.attach_orders('sales_2027', users => '"user"');
INSERT INTO sales_2027 VALUES (12, '2027-07-01', NULL, '07400 123401', 12);
INSERT INTO sales VALUES (11, '2024-06-01', NULL, '07400 123401', 11);
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'attached by itself it goes on counting');
SELECT customer_identity.detach('sales_2027');
SELECT customer_identity.rebuild_totals();
SELECT exact('a partition that left and was detached');
SELECT customer_identity.detach('sales');
SELECT is_empty($$
  SELECT tgrelid::regclass, tgname FROM pg_trigger
  WHERE tgrelid::regclass::text IN (SELECT relid::text FROM pg_partition_tree('sales')) AND tgname LIKE 'customer_identity%'
$$, 'detach takes the triggers of every partition');

SELECT * FROM finish();
