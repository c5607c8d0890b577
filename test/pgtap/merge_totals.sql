-- Totals of a book that no orders feed are added by a merge, and taken apart when it is undone.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
INSERT INTO "user" (id, name, phone) VALUES ('ann', 'Ann', '07400 123401'), ('bea', 'Bea', '07400 123402');
SELECT customer_id AS ann FROM "user" WHERE id = 'ann' \gset
SELECT customer_id AS bea FROM "user" WHERE id = 'bea' \gset
INSERT INTO orders (user_id, total) VALUES ('ann', 10), ('bea', 20.5);
SELECT customer_identity.adjust_points(:'bea', 7, 'gift') \g /dev/null
CREATE VIEW everything AS
SELECT t::text FROM customers AS t UNION ALL SELECT t::text FROM orders AS t UNION ALL SELECT t::text FROM loyalty_entries AS t UNION ALL SELECT t::text FROM customer_merges AS t;
SAVEPOINT fed;

SELECT customer_identity.detach('orders');
UPDATE customers SET total_orders = 10, total_spent = 100.00, loyalty_points = 1000;
UPDATE customers SET total_orders = 5 WHERE id = :'bea';
CREATE TABLE before AS SELECT * FROM everything;
SELECT is(customer_identity.merge_preview(:'ann', :'bea') ->> 'points', '2000', 'points are to be added');
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
SELECT is(totals('+447400123401'), '15 / 200 / 2000', 'the winner has the totals of both');
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before', 'undone, each has its own');
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
UPDATE customers SET total_orders = total_orders + 1, total_spent = total_spent + 9, loyalty_points = loyalty_points - 50;
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT is(totals('+447400123401'), '11 / 109 / 950', 'what the application has written since stays with the winner');
SELECT is(totals('+447400123402'), '5 / 100 / 1000', 'the loser has what it had');
ROLLBACK TO fed;

-- Detached between a merge and its undoing, and attached.
CREATE TABLE before AS SELECT * FROM everything;
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
SELECT customer_identity.detach('orders');
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before', 'orders that were detached take their totals along');
ROLLBACK TO fed;
SELECT customer_identity.detach('orders');
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
SELECT is(totals('+447400123401'), '2 / 30.5 / 37', 'detached orders, merged');
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country', status_column => 'status', counted_statuses => '{paid,shipped}') \g /dev/null
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'attached since, totals are exact');
SELECT * FROM finish();
ROLLBACK;
