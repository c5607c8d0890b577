-- Statements whose rows do not fit into work_mem: their transition tables lie in files.
\ir shop.psql
SELECT plan(4);
SET work_mem = '64kB';

INSERT INTO "user" (id, phone)
SELECT n::text, '+4474001' || (10000 + n) FROM generate_series(1, 50) AS n;
INSERT INTO orders (user_id, total, note)
SELECT (1 + n % 50)::text, n * 0.01, repeat('x', 100) FROM generate_series(1, 5000) AS n;
SELECT is_empty('SELECT * FROM wrong_totals()', 'after an INSERT');
UPDATE orders SET status = 'cancelled', total = total + 1 WHERE id % 3 = 0;
SELECT is_empty('SELECT * FROM wrong_totals()', 'after an UPDATE');
DELETE FROM orders WHERE id % 5 > 0;
SELECT is_empty('SELECT * FROM wrong_totals()', 'after a DELETE');
SELECT is((SELECT sum(total_orders)::int FROM customers), 667, 'and the rest is counted');

SELECT * FROM finish();
