-- Statements whose rows do not fit into work_mem: their transition tables lie in files.
\ir shop.psql
SELECT plan(8);
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

-- A statement that gives customers many orders holds each customer once.
CREATE FUNCTION looked_up(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE before constant bigint := pg_stat_get_xact_numscans('customers_pkey'::regclass);
BEGIN EXECUTE statement; RETURN pg_stat_get_xact_numscans('customers_pkey'::regclass) - before; END $$;
CREATE TEMP TABLE looked_up_for (triggers text, times bigint);
\set insert_many 'INSERT INTO orders (customer_id, total) SELECT c.id, 1 FROM (SELECT id FROM customers ORDER BY id LIMIT 20) AS c, generate_series(1, 50)'
ALTER TABLE orders DISABLE TRIGGER customer_identity_attach;
INSERT INTO looked_up_for SELECT 'without', looked_up(:'insert_many');
ALTER TABLE orders ENABLE TRIGGER customer_identity_attach;
INSERT INTO looked_up_for SELECT 'with', looked_up(:'insert_many');
SELECT cmp_ok((SELECT times FROM looked_up_for WHERE triggers = 'with') - (SELECT times FROM looked_up_for WHERE triggers = 'without'), '<', 100::bigint,
  'a thousand orders of twenty customers look for twenty');
-- Until the transaction itself lets one go.
SELECT id AS winner FROM customers ORDER BY id LIMIT 1 \gset
SELECT id AS loser FROM customers ORDER BY id LIMIT 1 OFFSET 1 \gset
BEGIN;
:insert_many;
SELECT lives_ok(format('SELECT customer_identity.merge_customers(%L, %L)', :'winner', :'loser'), 'a merge after it');
INSERT INTO orders (customer_id, total, note) VALUES (:'loser', 7, 'after the merge');
SELECT is((SELECT customer_id FROM orders WHERE note = 'after the merge'), :'winner', 'is followed');
COMMIT;
SELECT is_empty('SELECT * FROM wrong_totals()', 'and counted');

SELECT * FROM finish();
