-- Functions called on the coordinator run where the book is, within the caller's transaction.
\set shop shop_b
\ir shop.psql
SELECT no_plan();
INSERT INTO users SELECT 'u' || g, '+44 7400 1236' || lpad(g::text, 2, '0'), 'Name ' || g FROM generate_series(1, 40) AS g;
INSERT INTO orders (user_id, total) SELECT 'u' || (1 + g % 40), g FROM generate_series(1, 400) AS g;
INSERT INTO orders (phone, total) VALUES ('+44 7400 123699', 5), ('nonsense', 5);
SELECT customer_identity.attach_users('users', name_column => 'name', default_region => 'GB');
SELECT customer_identity.attach_orders('orders', users => 'users', default_region => 'GB');
CALL customer_identity.backfill('users');
CALL customer_identity.backfill('orders', 50);
SELECT cmp_ok(asked('SELECT count(DISTINCT xmin::text) FROM orders WHERE customer_id IS NOT NULL')::int, '>', 1, 'backfill commits batch by batch');
SELECT is(asked($q$SELECT (SELECT count(*) FROM users WHERE customer_id IS NULL) + (SELECT count(*) FROM orders WHERE customer_id IS NULL)$q$), '1', 'backfill links what was there');
SELECT is_empty(:'wrong_totals', 'and counts it');
SELECT results_eq('SELECT reason FROM customer_identity.phone_problems(''orders'')', $$VALUES ('not_a_number')$$, 'phone_problems lists the rest');
SELECT is_empty('SELECT * FROM customer_identity.check_setup() WHERE severity = ''error''', 'check_setup finds no error');

SELECT customer_id AS one FROM users WHERE id = 'u1' \gset
SELECT customer_id AS two FROM users WHERE id = 'u2' \gset
SELECT customer_id AS three FROM users WHERE id = 'u3' \gset
SELECT is(customer_identity.get_or_create_customer('+44 7400 123601'), :'one'::uuid, 'get_or_create_customer finds');
SELECT isnt(customer_identity.get_or_create_customer('+44 7400 123777', 'New'), NULL, 'or creates');
SELECT throws_ok($$SELECT customer_identity.get_or_create_customer('nonsense')$$, 'CI001', NULL, 'an error keeps its code');
SELECT is(customer_identity.record_proof('+44 7400 123601', 'u1'), :'one'::uuid, 'record_proof');
SELECT ok(customer_identity.can_see_customer('u1', :'one'), 'can_see_customer');
SELECT ok(NOT customer_identity.can_see_customer('u2', :'one'), 'who proved nothing sees nothing');
SELECT customer_identity.adjust_points(:'one', 100, 'gift', 'k1') AS balance \gset
SELECT is(customer_identity.adjust_points(:'one', 100, 'gift', 'k1'), :balance::bigint, 'adjust_points enters a key once');
SELECT is(customer_identity.redeem_points(:'one', 30, 'coupon', 'k2', 'u1'), :balance - 30::bigint, 'redeem_points');
SELECT throws_ok(format('SELECT customer_identity.redeem_points(%L, 1000000, %L)', :'one', 'too much'), 'CI005', NULL, 'not more than there is');

-- A transaction that fails takes back what another node has written.
BEGIN;
SELECT customer_identity.get_or_create_customer('+44 7400 123778');
SELECT customer_identity.update_customer(:'one', '{"notes": "lost"}');
ROLLBACK;
SELECT is(customer_identity.find_customer('+44 7400 123778'), NULL, 'a rollback takes back what a function wrote');
SELECT is(customer_identity.update_customer(:'one', '{"preferred_name": "Una"}') ->> 'preferred_name', 'Una', 'update_customer');
SELECT is(asked(format('SELECT notes FROM customers WHERE id = %L', :'one')), NULL, 'and nothing of the transaction that was rolled back');

UPDATE customers SET total_orders = total_orders + 5, total_spent = 1 WHERE id = :'two';
SELECT results_eq('SELECT field FROM customer_identity.verify_totals() ORDER BY 1', $$VALUES ('total_orders'), ('total_spent')$$, 'verify_totals');
SELECT is(customer_identity.rebuild_totals(), 1::bigint, 'rebuild_totals');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'makes them exact');

SELECT is(jsonb_array_length(customer_identity.list_customers('Name 1') -> 'items'), 10, 'list_customers');
SELECT is(customer_identity.customer_details(:'one') ->> 'preferred_name', 'Una', 'customer_details');
SELECT is(customer_identity.customer_orders(:'one') -> 'items' -> 0 ->> 'table', 'shop_b.orders', 'customer_orders names the table');
SELECT is(customer_identity.customer_users(:'one') -> 0 ->> 'table', 'shop_b.users', 'customer_users names the table');
SELECT ok(jsonb_array_length(customer_identity.customer_history(:'one')) > 0, 'customer_history');
SELECT customer_identity.add_phone(:'three', '+44 7400 123888');
SELECT is(customer_identity.find_customer('+44 7400 123888'), :'three'::uuid, 'add_phone');
SELECT customer_identity.change_phone(:'three', '+44 7400 123889');
SELECT is(customer_identity.find_customer('+44 7400 123889'), :'three'::uuid, 'change_phone');
SELECT customer_identity.merge_customers(:'two', :'three') AS merge \gset
SELECT is(asked(format('SELECT count(*) FROM users WHERE customer_id = %L', :'two')), '2', 'merge_customers');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'keeps totals exact');
SELECT customer_identity.unmerge_customers(:'merge');
SELECT is(asked($q$SELECT customer_id FROM users WHERE id = 'u3'$q$), :'three', 'unmerge_customers');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'keeps totals exact');
UPDATE users SET phone = '+44 7400 123602' WHERE id = 'u4';
SELECT isnt(customer_identity.split_customer(:'two', ARRAY['u4']), NULL, 'split_customer');
SELECT customer_identity.set_phone_rule('+44 7400 123999', 'nobody');
INSERT INTO orders (phone, total) VALUES ('+44 7400 123999', 1) RETURNING customer_id IS NULL AS nobody \gset
SELECT ok(:'nobody', 'set_phone_rule holds for orders');
SELECT is(asked($q$SELECT count(*) FROM customer_identity.customer_stats()$q$), '1', 'customer_stats');
SELECT lives_ok('SELECT customer_identity.fraud_signals(), customer_identity.duplicate_customers()', 'fraud_signals, duplicate_customers');
SELECT is(customer_identity.why_linked('users', 'u1') ->> 'customer', :'one', 'why_linked');
SELECT ok(customer_identity.export_customer(:'one') -> 'tables' @> '[{"table": "shop_b.orders"}]', 'export_customer names tables');
SELECT customer_identity.erase_customer(:'three');
SELECT is_empty(format('SELECT FROM customers WHERE id = %L', :'three'), 'erase_customer');
SELECT is_empty(:'wrong_totals' || format(' AND c.id <> %L', :'one'), 'totals are exact after all that');
SELECT is_empty($$SELECT FROM customer_events WHERE details::text ~ '_10[0-9]{4}' UNION ALL SELECT FROM customer_merges WHERE record::text ~ '_10[0-9]{4}'$$, 'no shard is named in what is kept');

-- Codes are those of the node that sends them, proofs those of the shop.
SET customer_identity.sms_countries = 'GB';
SELECT verification_id AS code_id FROM customer_identity.start_verification('+44 7400 123605', user_id => 'u5') \gset
SELECT substring(body FROM '[0-9]{6}') AS code FROM customer_identity.sms_messages WHERE verification_id = :'code_id' \gset
SELECT is((customer_identity.check_verification(:'code_id', :'code')).customer_id, customer_identity.find_customer('+44 7400 123605'), 'a code that is answered on the coordinator');
SELECT is(asked('SELECT method FROM phone_proofs WHERE user_id = ''u5'''), 'sms', 'is a proof in the shop');

-- Part of a distributed statement.
SELECT results_eq('SELECT customer_identity.find_customer(phone, customers => ''shop_b.customers'') FROM users WHERE id = ''u1''',
  format('VALUES (%L::uuid)', :'one'), 'a function that is pushed to the rows reads the book beside them');
SELECT throws_ok('SELECT customer_identity.find_customer(phone) FROM users WHERE id = ''u1''', 'CI003', NULL, 'the path of the application does not reach there');
SELECT * FROM finish();
DROP SCHEMA shop_b CASCADE;
