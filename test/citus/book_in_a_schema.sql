-- Triggers on the shards of a distributed schema: logins and orders of every kind, from the coordinator.
\set shop shop_a
\ir shop.psql
SELECT no_plan();

SELECT is(asked($q$SELECT count(DISTINCT (partmethod, colocationid)) FROM pg_dist_partition WHERE logicalrelid IN (
    SELECT oid FROM pg_class WHERE relnamespace = 'shop_a'::regnamespace AND relkind = 'r')$q$), '1', 'create_tables() puts the book beside the schema''s tables');
SELECT customer_identity.attach_users('users', name_column => 'name');
SELECT customer_identity.attach_orders('orders', users => 'users');

-- Logins.
INSERT INTO users VALUES ('a', '+44 7400 123501', 'Ann');
INSERT INTO users VALUES ('b', '+44 (0)7400 123501', 'Anna'), ('c', '+44 7400 123502', 'Cem');
SELECT is(asked($q$SELECT count(DISTINCT customer_id) FROM users$q$), '2', 'two logins with one phone are one person');
SELECT results_eq('SELECT preferred_name::text FROM customers ORDER BY phone', $$VALUES ('Ann'), ('Cem')$$, 'a customer is named after the first login');
SELECT is(asked($q$SELECT customer_id FROM users WHERE id = 'a'$q$), customer_identity.find_customer('+447400123501')::text, 'and is found from the coordinator');
SELECT results_eq('SELECT DISTINCT details ->> ''table'' FROM customer_events WHERE details ? ''table''', $$VALUES ('shop_a.users')$$, 'the history names the table, not its shard');

-- Orders.
INSERT INTO orders (user_id, total) VALUES ('a', 10.5) RETURNING customer_id AS a \gset
SELECT is(:'a', asked($q$SELECT customer_id FROM users WHERE id = 'a'$q$), 'an order returns its customer');
INSERT INTO orders (phone, total) VALUES ('+44 7400 123502', 7), ('+44 7400 123503', 8), ('nonsense', 9);
SELECT is(asked($q$SELECT count(*) FROM customers$q$), '3', 'a guest order makes a customer for a new phone only');
INSERT INTO orders (phone, total) SELECT '+44 7400 1235' || lpad((g % 50)::text, 2, '0'), g FROM generate_series(1, 500) AS g;
\copy orders (user_id, phone, total) FROM PROGRAM 'for i in $(seq 300); do echo "a,+447400123504,$i.25"; done' CSV
UPDATE orders SET total = total + 1 WHERE id % 3 = 0;
UPDATE orders SET phone = '+44 7400 123577' WHERE id % 50 = 7;
DELETE FROM orders WHERE id % 7 = 0;
INSERT INTO orders (id, user_id, total) VALUES (1, 'a', 1) ON CONFLICT (id) DO UPDATE SET total = 99;
SELECT is_empty(:'wrong_totals', 'inserts, COPY, updates, deletes and upserts are counted exactly');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'as verify_totals() says');

-- Transactions.
BEGIN;
INSERT INTO orders (user_id, total) VALUES ('a', 1000);
SAVEPOINT s;
INSERT INTO orders (user_id, total) VALUES ('a', 2000);
ROLLBACK TO s;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'a transaction sees its own totals');
COMMIT;
BEGIN;
INSERT INTO orders (user_id, total) VALUES ('c', 3000);
ROLLBACK;
SELECT is_empty(:'wrong_totals', 'savepoints and rollbacks leave nothing behind');

-- Orders before the phone.
INSERT INTO users VALUES ('late', NULL, 'Lea');
INSERT INTO orders (user_id, total) VALUES ('late', 4), ('late', 5);
UPDATE users SET phone = '+44 7400 123590' WHERE id = 'late';
SELECT is(asked($q$SELECT total_orders FROM customers WHERE phone = '+447400123590'$q$), '2', 'a login that gets its phone late takes its orders along');

-- A phone that changes, a login that goes.
UPDATE users SET phone = '+44 7400 123591' WHERE id = 'c';
DELETE FROM users WHERE id = 'b';
SELECT is(asked($q$SELECT count(*) FROM customer_events WHERE event = 'user_unlinked'$q$), '2', 'moves and deletions of logins are recorded');

-- Totals at commit.
SELECT customer_identity.attach_orders('orders', users => 'users', timing => 'commit');
BEGIN;
INSERT INTO orders (user_id, total) SELECT 'a', g FROM generate_series(1, 20) AS g;
UPDATE orders SET total = total + 0.5 WHERE user_id = 'a';
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals that are due at commit are written when they are asked for');
INSERT INTO orders (phone, total) VALUES ('+44 7400 123592', 6);
COMMIT;
SELECT is_empty(:'wrong_totals', 'and at commit');

-- TRUNCATE reaches shards that have no trigger for it.
SELECT customer_identity.record_proof('+44 7400 123501', 'a') IS NOT NULL;
TRUNCATE orders;
SELECT is(asked($q$SELECT sum(total_orders) FROM customers$q$), '0', 'TRUNCATE takes every order from the totals');
TRUNCATE users CASCADE;
SELECT is(asked($q$SELECT count(*) FROM phone_proofs WHERE ended_at IS NULL$q$), '0', 'and ends the proofs of the logins');

SELECT * FROM finish();
DROP SCHEMA shop_a CASCADE;
