-- What check_setup, phone_problems and backfill report.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA messages;
SET search_path = messages;
CREATE TABLE users (id text PRIMARY KEY, phone text);
CREATE TABLE orders (id int PRIMARY KEY, user_id text REFERENCES users, phone text, total numeric, status text) PARTITION BY RANGE (id);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (1) TO (100);
INSERT INTO users VALUES ('ada', '+447400123401'), ('junk', 'call me');
SELECT customer_identity.create_tables();
SELECT customer_identity.attach_users('users');
SELECT customer_identity.attach_orders('orders', 'users', status_column => 'status', counted_statuses => '{paid}');
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM (100) TO (200);
ALTER TABLE users DISABLE TRIGGER customer_identity_linked, DROP CONSTRAINT users_customer_id_fkey;
DROP TRIGGER customer_identity_totals_truncate ON orders;
ALTER TABLE orders DROP status;
\a
SELECT * FROM customer_identity.check_setup();
\a
SELECT * FROM customer_identity.phone_problems('users');
DROP SCHEMA messages CASCADE;
