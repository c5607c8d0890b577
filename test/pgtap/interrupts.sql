-- A cancel or statement_timeout that arrives while totals are summed or written ends that statement, not the next
-- one. Here it is always in time: it comes from the condition of a trigger, or from the last step of one, after
-- which the executor has nothing left to do and only work of ours follows.
\ir shop.psql
\set ON_ERROR_ROLLBACK off
SELECT plan(17);

-- What checks a foreign key would serve the interrupt for us.
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;
\set ON_ERROR_STOP off
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
INSERT INTO orders (phone, total) SELECT '+4474001' || 10000 + n, n FROM generate_series(1, 100) AS n;
UPDATE orders SET total = total + 1;
DELETE FROM orders WHERE total > 50;
CREATE TABLE before AS SELECT id, total_orders, total_spent, loyalty_points FROM customers;

CREATE TRIGGER cancelled AFTER INSERT OR UPDATE OR DELETE ON orders
  FOR EACH STATEMENT WHEN (pg_cancel_backend(pg_backend_pid()) IS NULL) EXECUTE FUNCTION nothing();
INSERT INTO orders (phone, total) VALUES ('+447400110001', 1);
\set on_insert :SQLSTATE
SELECT 1 AS next \gset
\set next_code :SQLSTATE
UPDATE orders SET total = total + 1;
\set on_update :SQLSTATE
DELETE FROM orders;
\set on_delete :SQLSTATE
DROP TRIGGER cancelled ON orders;
CREATE TRIGGER cancelled BEFORE TRUNCATE ON orders
  FOR EACH STATEMENT WHEN (pg_cancel_backend(pg_backend_pid()) IS NULL) EXECUTE FUNCTION nothing();
TRUNCATE orders;
\set on_truncate :SQLSTATE
DROP TRIGGER cancelled ON orders;
SELECT is(:'on_insert'::text, '57014', 'an INSERT is cancelled while its totals are summed');
SELECT is(:'next_code'::text, '00000', 'and the next statement is not');
SELECT is(:'on_update'::text, '57014', 'an UPDATE');
SELECT is(:'on_delete'::text, '57014', 'a DELETE');
SELECT is(:'on_truncate'::text, '57014', 'TRUNCATE');
SELECT is_empty('SELECT id, total_orders, total_spent, loyalty_points FROM customers EXCEPT TABLE before',
  'and nothing of them is left');

-- What is written at commit.
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}', timing => 'commit');
CREATE FUNCTION cancel() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN RETURN CASE WHEN pg_cancel_backend(pg_backend_pid()) THEN NULL::orders END; END';
CREATE CONSTRAINT TRIGGER cancelled AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION cancel();
BEGIN;
UPDATE orders SET total = total + 1 WHERE total = 3;
COMMIT;
\set on_commit :SQLSTATE
SELECT 1 AS next \gset
\set next_code :SQLSTATE
UPDATE orders SET total = total + 1 WHERE total = 3;
\set alone :SQLSTATE
DROP TRIGGER cancelled ON orders;
SELECT is(:'on_commit'::text, '57014', 'COMMIT is cancelled while totals are written');
SELECT is(:'next_code'::text, '00000', 'and the next statement is not');
SELECT is(:'alone'::text, '57014', 'a statement that commits itself as well');
SELECT is_empty('SELECT * FROM wrong_totals()', 'and nothing of them is left');

-- A transaction that catches the cancel goes on, also where its totals lie in a file.
INSERT INTO customers (phone) SELECT '+447400' || 200000 + n FROM generate_series(1, 50000) AS n;
ALTER TABLE orders DISABLE TRIGGER customer_identity_attach;
SET work_mem = '64kB';
BEGIN;
INSERT INTO orders (customer_id, total) SELECT id, 1 FROM customers LIMIT 5000;
DO $$
BEGIN
  PERFORM pg_cancel_backend(pg_backend_pid()), customer_identity.flush_totals();
  RAISE EXCEPTION 'not cancelled';
EXCEPTION WHEN query_canceled THEN NULL;
END $$;
\set on_flush :SQLSTATE
INSERT INTO orders (customer_id, total) SELECT id, 2 FROM customers LIMIT 10;
COMMIT;
\set on_commit :SQLSTATE
RESET work_mem;
SELECT is(:'on_flush'::text, '00000', 'flush_totals is cancelled');
SELECT is(:'on_commit'::text, '00000', 'and the transaction commits all the same');
SELECT is_empty('SELECT * FROM wrong_totals()', 'with exact totals');

-- Far more customers than can be written within the time.
DELETE FROM orders WHERE phone IS NULL;
BEGIN;
INSERT INTO orders (customer_id, total) SELECT id, 1 FROM customers;
SET statement_timeout = '10ms';
COMMIT;
\set on_commit :SQLSTATE
RESET statement_timeout;
\set next_code :SQLSTATE
BEGIN;
INSERT INTO orders (customer_id, total) SELECT id, 1 FROM customers LIMIT 1;
SET statement_timeout = '1h';
COMMIT;
SET statement_timeout = 0;
SELECT is(:'on_commit'::text, '57014', 'statement_timeout bounds the writing at commit');
SELECT is(:'next_code'::text, '00000', 'and not the next statement');
SELECT is_empty('SELECT * FROM wrong_totals()', 'and totals are exact');
SELECT is((SELECT count(*)::int FROM orders WHERE phone IS NULL), 1, 'with the one that was in time');

SELECT * FROM finish();
