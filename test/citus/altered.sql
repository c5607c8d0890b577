-- Tables, columns and schemas that change, and transactions over two shops.
\set shop shop_g
\ir shop.psql
SELECT no_plan();
SELECT customer_identity.attach_users('users', name_column => 'name') \g /dev/null
SELECT customer_identity.attach_orders('orders', users => 'users', timing => 'commit') \g /dev/null
INSERT INTO users SELECT 'u' || g, '+44 7400 1236' || lpad(g::text, 2, '0') FROM generate_series(1, 40) AS g;
INSERT INTO orders (user_id, total) SELECT 'u' || (1 + g % 40), g + 0.75 FROM generate_series(1, 100) AS g;
ALTER TABLE orders ALTER COLUMN total TYPE numeric(10, 1);
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'amounts that are rounded are counted anew');
ALTER TABLE orders RENAME COLUMN total TO amount;
ALTER TABLE users RENAME COLUMN phone TO tel;
INSERT INTO orders (user_id, amount) VALUES ('u1', 7);
INSERT INTO users (id, tel) VALUES ('z', '+44 7400 123699');
SELECT is(asked($$SELECT customer_id FROM users WHERE id = 'z'$$), customer_identity.find_customer('+44 7400 123699')::text, 'columns may be renamed');
ALTER TABLE orders RENAME TO sales;
INSERT INTO sales (user_id, amount) VALUES ('z', 8);
ALTER SCHEMA shop_g RENAME TO shop_g2;
SET search_path = shop_g2, public;
INSERT INTO sales (user_id, amount) VALUES ('z', 9);
SELECT is(asked($$SELECT total_spent FROM customers WHERE phone = '+447400123699'$$), '17.0', 'so may tables and schemas');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

\set shop shop_h
\ir shop.psql
SELECT customer_identity.attach_users('users') \g /dev/null
SELECT customer_identity.attach_orders('orders', users => 'users') \g /dev/null
BEGIN;
INSERT INTO shop_g2.sales (phone, amount) VALUES ('+44 7400 123611', 1);
INSERT INTO shop_h.orders (phone, total) VALUES ('+44 7400 123611', 2);
COMMIT;
BEGIN;
INSERT INTO shop_g2.sales (phone, amount) VALUES ('+44 7400 123612', 1);
INSERT INTO shop_h.orders (phone, total) VALUES ('+44 7400 123612', 2);
ROLLBACK;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals(''shop_g2.customers'') UNION ALL SELECT * FROM customer_identity.verify_totals(''shop_h.customers'')', 'a transaction over two shops counts in both');
SELECT is(asked('SELECT sum(total_spent) FROM shop_h.customers'), '2', 'once, if it commits');
CREATE VIEW public.all_customers AS SELECT 'g' AS shop, c.* FROM shop_g2.customers AS c UNION ALL SELECT 'h', c.* FROM shop_h.customers AS c;
SELECT is(asked('SELECT count(DISTINCT shop) FROM public.all_customers WHERE phone = ''+447400123611'''), '2', 'a view unites books');
DROP VIEW public.all_customers;
SELECT * FROM finish();
DROP SCHEMA shop_g2, shop_h CASCADE;
