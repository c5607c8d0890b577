-- timing => 'commit': totals are written when the transaction commits, whichever way it ends and whatever it did before.
-- psql sends the transactions as they stand here; a SELECT of a test follows once they have ended.
\ir shop.psql
\set ON_ERROR_ROLLBACK off
\set ON_ERROR_STOP on
SELECT * FROM no_plan();
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}', timing => 'commit');

CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT is_empty('SELECT * FROM wrong_totals()', what || ': exact')
  UNION ALL
  SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', what || ': verify_totals agrees')
$$;
CREATE FUNCTION buy(n int, amount numeric) RETURNS void LANGUAGE sql AS
  'INSERT INTO orders (phone, total) VALUES (''+4474001234'' || lpad(n::text, 2, ''0''), amount)';

CREATE FUNCTION buy_many(n int) RETURNS void LANGUAGE sql AS
  'INSERT INTO orders (phone, total) VALUES (''+44740022'' || lpad(n::text, 4, ''0''), 1)';

-- The set-up.
SELECT is((SELECT timing FROM customer_identity.attachments WHERE attached = 'orders'::regclass), 'commit', 'attachments shows it');
SELECT matches(customer_identity_internal.attach_call('orders'), 'timing => ''commit''', 'attach_call as well');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE severity <> 'info'$$, 'check_setup has nothing against it');
SELECT is((failure($$SELECT customer_identity.attach_orders('orders', timing => NULL)$$)).code, '0A000', 'no timing is no timing');

-- A transaction.
SELECT buy(1, 10);
SELECT is(totals('+447400123401'), '1 / 10 / 10', 'a statement of its own');
BEGIN;
SELECT buy(1, 5), buy(2, 7.5);
UPDATE orders SET total = 11 WHERE total = 10;
SELECT totals('+447400123401') AS inside \gset
DELETE FROM orders WHERE total = 7.5;
SELECT buy(3, 1);
COMMIT;
SELECT is(:'inside'::text, '1 / 10 / 10', 'inside, totals are as they were before');
SELECT is(totals('+447400123401') || ', ' || totals('+447400123402') || ', ' || totals('+447400123403'),
  '2 / 16 / 16, 0 / 0 / 0, 1 / 1 / 1', 'afterwards they are written');
BEGIN;
SELECT buy(1, 100);
ROLLBACK;
SELECT is(totals('+447400123401'), '2 / 16 / 16', 'ROLLBACK');
BEGIN;
SELECT buy(4, 1);
COMMIT AND CHAIN;
SELECT totals('+447400123404') AS chained \gset
SELECT buy(4, 2);
COMMIT AND CHAIN;
SELECT buy(4, 4);
ROLLBACK AND CHAIN;
SELECT buy(4, 8);
COMMIT;
SELECT is(:'chained' || ', ' || totals('+447400123404'), '1 / 1 / 1, 3 / 11 / 11', 'COMMIT AND CHAIN');
SELECT ctid AS before FROM customers WHERE phone = '+447400123404' \gset
BEGIN;
SELECT buy(4, 5);
DELETE FROM orders WHERE total = 5 AND customer_id = (SELECT id FROM customers WHERE phone = '+447400123404');
COMMIT;
SELECT is((SELECT ctid FROM customers WHERE phone = '+447400123404'), :'before'::tid, 'what comes to nothing is not written');
SELECT exact('plain transactions');

-- Savepoints.
BEGIN;
SELECT buy(5, 1);
SAVEPOINT a;
SELECT buy(5, 2);
SAVEPOINT b;
SELECT buy(5, 4);
ROLLBACK TO b;
SELECT buy(5, 8);
RELEASE b;
SELECT buy(5, 16);
RELEASE a;
SAVEPOINT c;
SELECT buy(5, 32);
SAVEPOINT d;
SELECT buy(5, 64);
RELEASE d;
ROLLBACK TO c;
SELECT buy(5, 128);
COMMIT;
SELECT is(totals('+447400123405'), '5 / 155 / 155', 'savepoints, nested, released and rolled back');
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
SELECT buy(5, 1000);
RELEASE b;
ROLLBACK TO a;
COMMIT;
SELECT is(totals('+447400123405'), '5 / 155 / 155', 'a released savepoint within one that is rolled back');
DO $$
BEGIN
  FOR i IN 1..200 LOOP
    BEGIN
      PERFORM buy(5, i);
      IF i % 3 = 0 THEN RAISE EXCEPTION 'undo'; END IF;
    EXCEPTION WHEN raise_exception THEN
    END;
  END LOOP;
END $$;
SELECT exact('savepoints');

-- Reading on the way.
BEGIN;
SELECT buy(6, 10), buy(7, 20);
SELECT customer_identity.flush_totals() AS flushed, customer_identity.flush_totals('customers') AS again \gset
SELECT totals('+447400123406') AS inside \gset
SELECT buy(6, 1);
COMMIT;
SELECT is(:flushed, 2, 'flush_totals tells how many customers it wrote');
SELECT is(:again, 0, 'and writes once');
SELECT is(:'inside' || ', ' || totals('+447400123406'), '1 / 10 / 10, 2 / 11 / 11', 'it makes totals readable');
SELECT is(customer_identity.flush_totals()::int, 0, 'outside of a transaction there is nothing to write');
BEGIN;
SELECT buy(6, 100);
SAVEPOINT a;
SELECT buy(6, 200);
SELECT customer_identity.flush_totals();
SELECT buy(6, 400);
SELECT customer_identity.flush_totals();
SELECT totals('+447400123406') AS inside \gset
ROLLBACK TO a;
SELECT totals('+447400123406') AS back \gset
SAVEPOINT b;
SELECT buy(6, 800);
SAVEPOINT c;
SELECT customer_identity.flush_totals();
RELEASE c;
ROLLBACK TO b;
SAVEPOINT d;
SELECT customer_identity.flush_totals();
RELEASE d;
SELECT buy(6, 1600);
COMMIT;
SELECT is(:'inside' || ', ' || :'back', '5 / 711 / 711, 2 / 11 / 11', 'a flush is rolled back with its savepoint');
SELECT is(totals('+447400123406'), '4 / 1711 / 1711', 'and what it had written is pending again');
SELECT exact('flush_totals');

-- Functions that read or write totals write what is pending first.
SELECT id AS customer FROM customers WHERE phone = '+447400123407' \gset
BEGIN;
SELECT buy(7, 5);
SELECT count(*) AS differences FROM customer_identity.verify_totals() \gset
SELECT buy(7, 5);
SELECT customer_identity.rebuild_totals() AS rebuilt \gset
SELECT buy(7, 5);
SELECT customer_identity.adjust_points(:'customer', 1, 'gift') AS adjusted \gset
SELECT buy(7, 5);
SELECT customer_identity.redeem_points(:'customer', 41, 'voucher') AS redeemed \gset
COMMIT;
SELECT is(:differences, 0, 'verify_totals reports no difference that is none');
SELECT is(:rebuilt, 0, 'rebuild_totals counts nothing twice');
SELECT is(:adjusted || ', ' || :redeemed, '36, 0', 'adjust_points and redeem_points work on the present balance');
SELECT exact('functions');

-- Prepared transactions.
BEGIN;
SELECT buy(8, 10);
PREPARE TRANSACTION 'kept';
SELECT buy(9, 1);
COMMIT PREPARED 'kept';
BEGIN;
SELECT buy(8, 20);
PREPARE TRANSACTION 'undone';
ROLLBACK PREPARED 'undone';
SELECT is(totals('+447400123408') || ', ' || totals('+447400123409'), '1 / 10 / 10, 1 / 1 / 1', 'two-phase commit');

-- Procedures that commit.
CREATE PROCEDURE shopping() LANGUAGE plpgsql AS $$
DECLARE
  found record;
BEGIN
  PERFORM buy(10, 1);
  COMMIT;
  PERFORM buy(10, 2);
  ROLLBACK;
  FOR found IN SELECT n FROM generate_series(1, 3) AS n LOOP
    PERFORM buy(10, 4);
    COMMIT AND CHAIN;
  END LOOP;
  PERFORM buy(10, 8);
END $$;
CALL shopping();
SELECT is(totals('+447400123410'), '5 / 21 / 21', 'a procedure that commits');
CREATE PROCEDURE too_much() LANGUAGE plpgsql AS $$
BEGIN
  PERFORM buy(10, 1);
  COMMIT;
  PERFORM buy(10, 1000000);
  COMMIT;
END $$;
ALTER TABLE customers ADD CONSTRAINT modest CHECK (total_spent < 100000);
\set ON_ERROR_STOP off
CALL too_much();
\set code :LAST_ERROR_SQLSTATE
BEGIN;
SELECT buy(10, 1), buy(11, 1000000);
COMMIT;
\set at_commit :LAST_ERROR_SQLSTATE
BEGIN;
SELECT buy(11, 1000000);
PREPARE TRANSACTION 'refused';
\set at_prepare :LAST_ERROR_SQLSTATE
INSERT INTO orders (phone, total) VALUES ('+447400123411', 1000000);
\set alone :LAST_ERROR_SQLSTATE
\set ON_ERROR_STOP on
SELECT is(:'code' || ' ' || :'at_commit' || ' ' || :'at_prepare' || ' ' || :'alone', '23514 23514 23514 23514',
  'an error while totals are written is that of the statement');
SELECT is(totals('+447400123410'), '6 / 22 / 22', 'and undoes the transaction');
SELECT is_empty('SELECT FROM pg_prepared_xacts', 'which is not prepared either');
BEGIN;
SELECT buy(10, 1000000);
SELECT (failure('SELECT customer_identity.flush_totals()')).code AS code \gset
DELETE FROM orders WHERE total = 1000000;
SELECT buy(10, 1);
COMMIT;
SELECT is(:'code'::text, '23514', 'flush_totals raises it as well');
SELECT is(totals('+447400123410'), '7 / 23 / 23', 'and a transaction that mends it commits');
ALTER TABLE customers DROP CONSTRAINT modest;
CREATE SCHEMA draft;
CREATE TABLE draft.customers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), phone varchar(20) UNIQUE NOT NULL, preferred_name varchar(100),
  is_phone_verified boolean DEFAULT false, total_orders int DEFAULT 0, total_spent decimal(10, 2) DEFAULT 0,
  loyalty_points int DEFAULT 0, notes text, created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
CREATE TABLE draft.orders (phone text, total numeric);
SELECT customer_identity.create_tables('draft');
SELECT customer_identity.attach_orders('draft.orders', timing => 'commit', points_per_unit => 0, customers => 'draft.customers');
\set ON_ERROR_STOP off
BEGIN;
INSERT INTO draft.orders VALUES ('07400 123401', 99999999);
INSERT INTO draft.orders VALUES ('07400 123401', 1);
COMMIT;
\set code :LAST_ERROR_SQLSTATE
\set ON_ERROR_STOP on
SELECT is(:'code'::text, '22003', 'a total that its column cannot hold');

-- Two books in one transaction.
BEGIN;
INSERT INTO draft.orders VALUES ('07400 123401', 3), ('07400 123401', 4);
SELECT buy(12, 1);
SELECT customer_identity.flush_totals('draft.customers') AS one, customer_identity.flush_totals() AS other \gset
INSERT INTO draft.orders VALUES ('07400 123402', 5);
SELECT buy(12, 1);
COMMIT;
SELECT is(:one || ' ' || :other, '1 1', 'flush_totals writes one book or all');
SELECT results_eq('SELECT total_orders, total_spent FROM draft.customers ORDER BY phone', 'VALUES (2, 7.00), (1, 5.00)',
  'each book has its own');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals('draft.customers')$$, 'exactly');
SELECT exact('two books');

-- Two tables of one book.
CREATE TABLE kiosk (phone text, total numeric);
SELECT customer_identity.attach_orders('kiosk');
BEGIN;
SELECT buy(13, 1);
INSERT INTO kiosk VALUES ('07400 123413', 2);
SELECT totals('+447400123413') AS inside \gset
UPDATE kiosk SET total = 4;
SELECT buy(13, 8);
COMMIT;
SELECT is(:'inside' || ', ' || totals('+447400123413'), '1 / 2 / 2, 3 / 13 / 13', 'one table at each timing');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');
BEGIN;
SELECT buy(13, 16);
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}', points_per_unit => 2);
SELECT totals('+447400123413') AS inside \gset
SELECT buy(13, 32);
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}', timing => 'commit');
SELECT buy(13, 64);
COMMIT;
SELECT is(:'inside' || ', ' || totals('+447400123413'), '4 / 29 / 54, 6 / 125 / 125', 'a set-up that changes while totals are pending');
DELETE FROM kiosk;
SELECT exact('a changed set-up');

-- TRUNCATE.
BEGIN;
SELECT buy(14, 1);
TRUNCATE orders;
SELECT buy(14, 2);
SELECT totals('+447400123413') AS inside \gset
COMMIT;
SELECT is(:'inside' || ', ' || totals('+447400123413') || ', ' || totals('+447400123414'), '5 / 121 / 121, 0 / 0 / 0, 1 / 2 / 2',
  'TRUNCATE is postponed as well');
SELECT exact('TRUNCATE');

-- Held cursors are filled before totals are written; what their queries write counts.
CREATE FUNCTION bought(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM buy(n, 1);
  RETURN totals('+4474001234' || n);
END $$;
BEGIN;
SELECT buy(15, 1);
DECLARE held CURSOR WITH HOLD FOR SELECT totals('+447400123415'), bought(16) FROM generate_series(1, 3);
COMMIT;
FETCH FROM held \gset
CLOSE held;
SELECT is(:'totals'::text, '0 / 0 / 0', 'a held cursor shows what the transaction saw');
SELECT is(totals('+447400123415') || ', ' || totals('+447400123416'), '1 / 1 / 1, 3 / 3 / 3', 'and its orders are counted');

-- Deferred constraint triggers.
CREATE FUNCTION bonus() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.note = 'first' THEN
    INSERT INTO orders (phone, total, note) VALUES (NEW.phone, 100, 'bonus');
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER bonus AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION bonus();
INSERT INTO orders (phone, total, note) VALUES ('+447400123417', 1, 'first');
BEGIN;
INSERT INTO orders (phone, total, note) VALUES ('+447400123417', 2, 'first');
SAVEPOINT a;
INSERT INTO orders (phone, total, note) VALUES ('+447400123417', 4, 'first');
ROLLBACK TO a;
COMMIT;
BEGIN;
INSERT INTO orders (phone, total, note) VALUES ('+447400123417', 8, 'first');
PREPARE TRANSACTION 'bonus';
COMMIT PREPARED 'bonus';
SELECT is(totals('+447400123417'), '6 / 311 / 311', 'orders that a deferred trigger inserts');
SELECT exact('deferred triggers on orders');
DROP TRIGGER bonus ON orders;

-- The application's triggers on customers, which may write orders and leave triggers and cursors behind.
CREATE TABLE journal (phone text, total_spent numeric, moment text);
CREATE FUNCTION journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  rows refcursor;
BEGIN
  INSERT INTO journal VALUES (NEW.phone, NEW.total_spent, TG_ARGV[0]);
  OPEN rows FOR SELECT * FROM customers;
  IF NEW.total_spent = 7 AND TG_ARGV[0] = 'later' THEN
    BEGIN
      PERFORM buy(18, 1000);
      RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN
      PERFORM buy(18, 10);
    END;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER at_once AFTER UPDATE OF total_spent ON customers FOR EACH ROW EXECUTE FUNCTION journal('at once');
CREATE CONSTRAINT TRIGGER later AFTER UPDATE OF total_spent ON customers DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION journal('later');
BEGIN;
SELECT buy(18, 3);
SELECT buy(18, 4);
COMMIT;
SELECT is(totals('+447400123418'), '3 / 17 / 17', 'an order by a trigger that waits for the totals');
SELECT results_eq('SELECT moment, total_spent FROM journal', $$VALUES ('at once', 7.0), ('later', 7), ('at once', 17), ('later', 17)$$,
  'each customer is written once, and every trigger fires');
SELECT exact('triggers on customers');
BEGIN;
SELECT buy(18, 1);
PREPARE TRANSACTION 'journal';
COMMIT PREPARED 'journal';
SELECT is((SELECT count(*)::int FROM journal), 6, 'when a transaction is prepared, too');
DROP TRIGGER at_once ON customers;
DROP TRIGGER later ON customers;

-- Customers that go, tables that go or are renamed.
SELECT buy(19, 1);
BEGIN;
SELECT buy(19, 2), buy(20, 2);
DELETE FROM customers WHERE phone = '+447400123419';
COMMIT;
SELECT is(totals('+447400123420'), '1 / 2 / 2', 'a customer that is deleted does not disturb the others');
BEGIN;
SELECT buy(20, 4);
ALTER TABLE orders RENAME COLUMN total TO price;
ALTER TABLE customers RENAME TO people;
ALTER TABLE people RENAME TO customers;
UPDATE orders SET price = 3 WHERE price = 4;
ALTER TABLE orders RENAME COLUMN price TO total;
ALTER TABLE draft.orders RENAME TO sales;
ALTER SCHEMA draft RENAME TO final;
INSERT INTO final.sales VALUES ('07400 123402', 6);
COMMIT;
SELECT is(totals('+447400123420'), '2 / 5 / 5', 'renamed tables and columns');
SELECT is((SELECT timing FROM customer_identity.attachments WHERE attached = 'final.sales'::regclass), 'commit', 'keep their timing');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals('final.customers')$$, 'and their totals');
SELECT exact('renamed tables');
BEGIN;
INSERT INTO final.sales VALUES ('07400 123402', 6);
SELECT buy(20, 8);
DROP SCHEMA final CASCADE;
COMMIT;
SELECT is(totals('+447400123420'), '3 / 13 / 13', 'a book that is dropped takes its pending totals along');
BEGIN;
SELECT buy(20, 16);
DROP TABLE kiosk;
SELECT customer_identity.detach('orders');
COMMIT;
SELECT is(totals('+447400123420'), '4 / 29 / 29', 'a table that is detached has counted until then');
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}', timing => 'commit');

-- More than fits into work_mem.
SET work_mem = '64kB';
BEGIN;
INSERT INTO orders (phone, total, note) SELECT '+44740020' || lpad((n * 7919 % 4000)::text, 4, '0'), n * 0.001, 'much'
FROM generate_series(1, 6000) AS n;
SAVEPOINT a;
INSERT INTO orders (phone, total, note) SELECT '+44740021' || lpad(n::text, 4, '0'), n * 1e30, 'much' FROM generate_series(1, 3000) AS n;
SAVEPOINT b;
UPDATE orders SET total = total + 1 WHERE note = 'much';
ROLLBACK TO a;
UPDATE orders SET total = total * 1.00001 WHERE note = 'much';
SAVEPOINT c;
DELETE FROM orders WHERE note = 'much' AND id % 3 = 0;
SELECT customer_identity.flush_totals() AS flushed \gset
SELECT count(DISTINCT customer_id) AS left FROM orders WHERE note = 'much' \gset
ROLLBACK TO c;
SAVEPOINT d;
UPDATE orders SET total = 'NaN' WHERE note = 'much' AND id % 5 = 0;
RELEASE d;
DELETE FROM orders WHERE note = 'much' AND id % 4 = 0;
COMMIT;
SELECT is(:flushed, :left, 'flush_totals wrote everybody');
UPDATE orders SET total = 0 WHERE total = 'NaN';
SELECT exact('pending totals in a file');
DO $$
BEGIN
  FOR i IN 1..4000 LOOP
    BEGIN
      PERFORM buy(i % 90, 0.01);
      IF i % 10 = 0 THEN RAISE EXCEPTION 'undo'; END IF;
    EXCEPTION WHEN raise_exception THEN
    END;
  END LOOP;
END $$;
SELECT exact('thousands of subtransactions');
-- Transactions of random savepoints, whose pending totals are moved to a file at any moment.
CREATE FUNCTION story(steps int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  depth int := 0;
  kind double precision;
BEGIN
  RETURN NEXT 'BEGIN';
  FOR i IN 1..steps LOOP
    kind := random();
    IF kind < 0.25 THEN
      RETURN NEXT 'SAVEPOINT s' || depth;
      depth := depth + 1;
    ELSIF kind < 0.35 AND depth > 0 THEN
      depth := depth - 1;
      RETURN NEXT 'RELEASE s' || depth;
    ELSIF kind < 0.47 AND depth > 0 THEN
      depth := 1 + random() * (depth - 1);
      RETURN NEXT 'ROLLBACK TO s' || depth - 1;
    ELSIF kind < 0.52 THEN
      RETURN NEXT 'SELECT customer_identity.flush_totals()';
    ELSE
      RETURN NEXT format('INSERT INTO orders (phone, total) SELECT ''+44740020'' || lpad(n::text, 4, ''0''), n * %s '
        'FROM generate_series(%s, %s) AS n', random()::numeric(3, 2), (random() * 50)::int, 50 + (random() ^ 3 * 500)::int);
    END IF;
  END LOOP;
  RETURN NEXT 'COMMIT';
END $$;
SELECT setseed(0.5);
\o /dev/null
SELECT step FROM generate_series(1, 12), story(60) AS step \gexec
\o
SELECT exact('random savepoints');
BEGIN;
SELECT buy(21, 1);
SAVEPOINT a;
SET LOCAL temp_file_limit = '1kB';
SELECT (failure($$DO 'BEGIN FOR i IN 1..2000 LOOP PERFORM buy_many(i); END LOOP; END'$$)).code AS code \gset
ROLLBACK TO a;
\set ON_ERROR_STOP off
COMMIT;
\set at_commit :LAST_ERROR_SQLSTATE
\set ON_ERROR_STOP on
SELECT is(:'code'::text, '53400', 'a file that must not grow');
SELECT is(:'at_commit'::text, '58030', 'leaves a transaction that cannot commit');
SELECT exact('no room for a file');
RESET work_mem;

-- A transaction may become read-only after its orders.
BEGIN;
SELECT buy(91, 1);
SET TRANSACTION READ ONLY;
COMMIT;
ALTER TABLE customers ADD CONSTRAINT modest CHECK (total_spent < 1e40);
BEGIN;
SELECT buy(91, 2);
SET TRANSACTION READ ONLY;
SELECT customer_identity.flush_totals();
SHOW transaction_read_only \gset
COMMIT;
ALTER TABLE customers DROP CONSTRAINT modest;
SELECT is(totals('+447400123491') || ' ' || :'transaction_read_only', '2 / 3 / 3 on', 'a transaction that is made read-only after its orders');

-- Privileges: the owner of the orders writes, whoever flushes.
CREATE ROLE commit_timing_app;
CREATE ROLE commit_timing_owner;
CREATE ROLE commit_timing_warehouse;
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO commit_timing_app;
SET ROLE commit_timing_app;
BEGIN;
INSERT INTO orders (phone, total) VALUES ('+447400123492', 1);
SELECT customer_identity.flush_totals() AS flushed \gset
INSERT INTO orders (phone, total) VALUES ('+447400123492', 2);
COMMIT;
SELECT current_user AS who \gset
RESET ROLE;
SELECT is(:flushed, 1, 'an application role may flush');
SELECT is(:'who'::text, 'commit_timing_app', 'and is itself afterwards');
SELECT is(totals('+447400123492'), '2 / 3 / 3', 'without any right on customers');
ALTER TABLE customers OWNER TO commit_timing_owner;
ALTER TABLE phone_proofs OWNER TO commit_timing_owner;
ALTER TABLE loyalty_entries OWNER TO commit_timing_owner;
ALTER TABLE orders OWNER TO commit_timing_owner;
ALTER TABLE "user" OWNER TO commit_timing_owner;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE customers FORCE ROW LEVEL SECURITY;
SET ROLE commit_timing_owner;
BEGIN;
INSERT INTO orders (phone, total) VALUES ('+447400123492', 4);
COMMIT;
RESET ROLE;
SELECT is(totals('+447400123492'), '3 / 7 / 7', 'row security that is forced binds no trigger');
CREATE TABLE deliveries (id int PRIMARY KEY, total numeric, customer_id uuid REFERENCES customers ON DELETE SET NULL, phone text);
SELECT customer_identity.attach_orders('deliveries', timing => 'commit');
ALTER TABLE deliveries OWNER TO commit_timing_warehouse;
GRANT SELECT, INSERT, UPDATE ON customers TO commit_timing_warehouse;
SELECT id AS customer FROM customers WHERE phone = '+447400123492' \gset
\set ON_ERROR_STOP off
BEGIN;
INSERT INTO deliveries VALUES (1, 5, :'customer');
COMMIT;
\set code :LAST_ERROR_SQLSTATE
\set ON_ERROR_STOP on
SELECT is(:'code'::text, '42501', 'a total that row security hides is an error');
CREATE POLICY counting ON customers TO commit_timing_warehouse USING (true) WITH CHECK (true);
BEGIN;
INSERT INTO deliveries VALUES (1, 5, :'customer');
SELECT buy(n % 30, n) FROM generate_series(1, 60) AS n;
INSERT INTO deliveries (id, total, customer_id) SELECT 10 + n % 30, n, c.id FROM generate_series(1, 20) AS n
  JOIN customers AS c ON c.phone = '+4474001234' || lpad(n::text, 2, '0');
COMMIT;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'the orders of two owners in one transaction');
DELETE FROM deliveries;
SELECT exact('privileges');

-- Nothing that is done on behalf of somebody else in a sandbox waits until it is left.
CREATE FUNCTION sandboxed(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  PERFORM public.buy(93, 1);
  RETURN n;
END $$;
ALTER FUNCTION buy SET search_path = public;
SELECT buy(93, 0);
CREATE TABLE plain AS SELECT 1 AS n;
BEGIN;
CREATE INDEX ON plain (sandboxed(n));
SELECT totals('+447400123493') AS inside \gset
COMMIT;
SELECT matches(:'inside'::text, '/ [1-9]', 'in a security-restricted operation totals are written at once');
SELECT exact('a sandbox');

-- The extension goes, the orders of the transaction count.
BEGIN;
SELECT buy(94, 3);
DROP EXTENSION customer_identity CASCADE;
COMMIT;
SELECT is(totals('+447400123494'), '1 / 3 / 3', 'DROP EXTENSION');
SELECT is_empty('SELECT * FROM wrong_totals()', 'is not noticed by the totals');

ALTER TABLE deliveries OWNER TO CURRENT_USER;
SELECT * FROM finish();
DROP OWNED BY commit_timing_app, commit_timing_owner, commit_timing_warehouse CASCADE;
DROP ROLE commit_timing_app, commit_timing_owner, commit_timing_warehouse;
