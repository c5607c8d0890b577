-- verify_totals and rebuild_totals: every difference is found and put right.
\ir shop.psql
SELECT * FROM no_plan();

CREATE SCHEMA empty;
SELECT customer_identity.create_tables('empty');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals('empty.customers')$$, 'a book without orders has nothing to be compared with');
SELECT is(customer_identity.rebuild_totals('empty.customers')::int, 0, 'nor to be corrected by');

INSERT INTO orders (phone, total) SELECT '07400 1234' || lpad((n % 5)::text, 2, '0'), n + 0.5 FROM generate_series(1, 50) n;
SELECT customer_identity.adjust_points(id, 7, 'gift') FROM customers;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'nothing differs');
SELECT is(customer_identity.rebuild_totals()::int, 0, 'and nothing is corrected');

CREATE TABLE truth AS SELECT id, total_orders, total_spent, loyalty_points FROM customers;
SELECT id AS one FROM customers WHERE phone = '+447400123401' \gset
SELECT id AS two FROM customers WHERE phone = '+447400123402' \gset
UPDATE customers SET total_orders = total_orders + 1, total_spent = 0 WHERE id = :'one';
UPDATE customers SET loyalty_points = -1 WHERE id = :'two';
INSERT INTO customers (phone, total_orders) VALUES ('+447400123499', 3);
SELECT results_eq($$SELECT customer_id, field::text, stored::text, actual::text
  FROM customer_identity.verify_totals() ORDER BY customer_id, field$$,
  format($$
    SELECT * FROM (
      SELECT id, 'total_orders', (total_orders + 1)::text, total_orders::text FROM truth WHERE id = %1$L
      UNION ALL SELECT id, 'total_spent', '0', total_spent::text FROM truth WHERE id = %1$L
      UNION ALL SELECT id, 'loyalty_points', '-1', loyalty_points::text FROM truth WHERE id = %2$L
      UNION ALL SELECT id, 'total_orders', '3', '0' FROM customers WHERE phone = '+447400123499'
    ) d (customer_id, field, stored, actual) ORDER BY customer_id, field$$, :'one', :'two'), 'every difference is a row');
SELECT is(customer_identity.rebuild_totals()::int, 3, 'rebuilding tells how many customers it corrected');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'then nothing differs');
SELECT is_empty('SELECT * FROM wrong_totals()', 'the independent count agrees');
SELECT is((SELECT sum(loyalty_points) FROM customers), (SELECT sum(floor(total)) FROM orders) + 35,
  'points of the ledger were kept');

-- Rows written behind the triggers' back.
SET session_replication_role = replica;
INSERT INTO orders (phone, total, customer_id) VALUES ('07400 123401', 1000, :'one');
DELETE FROM orders WHERE customer_id = :'two';
RESET session_replication_role;
SELECT is((SELECT count(DISTINCT customer_id)::int FROM customer_identity.verify_totals()), 2,
  'rows written in replica role are missed by the totals');
SELECT is(customer_identity.rebuild_totals()::int, 2, 'and found by rebuilding');
SELECT is_empty('SELECT * FROM wrong_totals()', 'exactly');

-- Two tables, and one that is detached.
CREATE TABLE sales (id int PRIMARY KEY, user_id text, phone text, total numeric, state text);
SELECT customer_identity.attach_orders('sales', status_column => 'state', counted_statuses => '{done}', points_per_unit => 10);
INSERT INTO sales VALUES (1, NULL, '07400 123401', 2.55, 'done'), (2, NULL, '07400 123401', 100, 'open');
UPDATE customers SET loyalty_points = 0, total_spent = 0, total_orders = 0;
SELECT customer_identity.rebuild_totals();
SELECT is(total_spent, (SELECT sum(total) FROM orders WHERE customer_id = :'one') + 2.55, 'every table counts by its own rules')
FROM customers WHERE id = :'one';
SELECT is(loyalty_points::numeric, (SELECT sum(floor(total)) FROM orders WHERE customer_id = :'one') + 25 + 7,
  'points too') FROM customers WHERE id = :'one';
INSERT INTO sales VALUES (3, NULL, '07400 123402', 1, 'done');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and goes on to');
SELECT throws_ok($$SELECT * FROM customer_identity.verify_totals('orders')$$, 'CI003', NULL,
  'a table that is no customers is refused');

SELECT * FROM finish();
