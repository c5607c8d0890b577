-- Orders in partitions, each in a shard of its own beside the others.
\set shop shop_i
\ir shop.psql
SELECT no_plan();
DROP TABLE orders;
-- Citus adds no foreign key to a partitioned table that is there.
CREATE TABLE orders (id bigserial, user_id text, phone text, total numeric, month int NOT NULL,
  customer_id uuid REFERENCES customers (id) ON DELETE SET NULL, PRIMARY KEY (id, month)) PARTITION BY RANGE (month);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (1) TO (2);
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM (2) TO (3);
SELECT customer_identity.attach_users('users') \g /dev/null
SELECT customer_identity.attach_orders('orders', users => 'users') \g /dev/null
INSERT INTO users VALUES ('a', '+44 7400 123601');
INSERT INTO orders (user_id, total, month) SELECT 'a', g, 1 + g % 2 FROM generate_series(1, 40) AS g;
INSERT INTO orders_1 (phone, total, month) VALUES ('+44 7400 123602', 3, 1);
SELECT is_empty(:'wrong_totals', 'rows that are routed, and rows that are written straight into a partition, are counted once');
UPDATE orders SET month = 3 - month WHERE id % 3 = 0;
SELECT is_empty(:'wrong_totals', 'rows that move to another partition stay counted');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'as verify_totals() says');
CREATE TABLE orders_3 PARTITION OF orders FOR VALUES FROM (3) TO (4);
SELECT ok(EXISTS (SELECT FROM customer_identity.check_setup() WHERE object ~ 'orders_3$' AND severity = 'error'), 'a new partition lacks triggers');
SELECT customer_identity.attach_orders('orders', users => 'users') \g /dev/null
INSERT INTO orders (user_id, total, month) VALUES ('a', 7, 3);
SELECT is_empty(:'wrong_totals', 'until attach_orders() is called again');
TRUNCATE orders_2;
SELECT is_empty(:'wrong_totals', 'a partition is truncated');
TRUNCATE orders;
SELECT is(asked('SELECT sum(total_orders) FROM customers'), '0', 'so is the whole table');
SELECT * FROM finish();
DROP SCHEMA shop_i CASCADE;
