-- Whoever is connected to a worker, be it the one that has the shop or not: shop_e, made by shop.psql on the coordinator.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET search_path = shop_e, public;
\ir ../wrong_totals.psql
SELECT no_plan();
SELECT pg_backend_pid() % 100000 AS n \gset
INSERT INTO users VALUES ('w' || :n, '+44 7400 1237' || lpad((:n % 100)::text, 2, '0'), 'Wim');
INSERT INTO orders (user_id, total) SELECT 'w' || :n, g FROM generate_series(1, 20) AS g;
INSERT INTO orders (phone, total) VALUES ('+44 7400 123601', 3);
UPDATE orders SET total = total + 1 WHERE user_id = 'w' || :n;
SELECT is_empty(:'wrong_totals', 'orders are counted exactly');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'as verify_totals() says');
SELECT is(customer_identity.rebuild_totals(), 0::bigint, 'rebuild_totals() on any node corrects nothing, and doubles nothing');
SELECT is_empty(:'wrong_totals', 'totals are as before');
SELECT is(asked('SELECT count(*) FROM customer_identity.attachments WHERE attached::text ~ ''shop_e|^(users|orders|later)'''), '3', 'shards are not listed as attached');

SELECT customer_identity.get_or_create_customer('+44 7400 123601') AS one \gset
SELECT is(customer_identity.find_customer('+44 7400 123601'), :'one'::uuid, 'get_or_create_customer, find_customer');
SELECT is(customer_identity.update_customer(:'one', jsonb_build_object('preferred_name', 'N' || :n)) ->> 'preferred_name', 'N' || :n, 'update_customer');
SELECT customer_identity.adjust_points(:'one', 10, 'gift');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'adjust_points');
INSERT INTO users VALUES ('m' || :n, '+44 7400 123702', 'Mo'), ('k' || :n, '+44 7400 123703', 'Ko');
SELECT customer_identity.merge_customers(customer_identity.find_customer('+44 7400 123702'), customer_identity.find_customer('+44 7400 123703')) AS merge \gset
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'merge_customers');
SELECT customer_identity.unmerge_customers(:'merge');
SELECT customer_identity.erase_customer(customer_identity.find_customer('+44 7400 123703')) \g /dev/null
SELECT is(customer_identity.find_customer('+44 7400 123703'), NULL, 'erase_customer');
SELECT is(customer_identity.list_customers('Wim') -> 'items' -> 0 ->> 'preferred_name', 'Wim', 'list_customers');

SELECT customer_identity.record_proof('+44 7400 1237' || lpad((:n % 100)::text, 2, '0'), 'w' || :n) IS NOT NULL;
BEGIN;
INSERT INTO later (user_id, total) VALUES ('w' || :n, 11), ('w' || :n, 12);
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'timing => commit sees its own');
INSERT INTO later (user_id, total) VALUES ('w' || :n, 13);
COMMIT;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and writes at commit');
DELETE FROM later;
SELECT results_eq('SELECT DISTINCT customer_identity.find_customer(phone, customers => ''shop_e.customers'') FROM orders WHERE phone = ''+44 7400 123601''',
  format('VALUES (%L::uuid)', :'one'), 'a function in a statement about the shop''s tables');
SELECT is_empty($$SELECT FROM customer_events WHERE details::text ~ '_10[0-9]{4}'$$, 'no shard is named in the history');
SELECT * FROM finish();
