-- What attaching writes, and what it says when it refuses.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA messages;
SET search_path = messages;
CREATE TABLE users (id text PRIMARY KEY, name text, phone text, "phoneNumber" text, verified boolean);
CREATE TABLE orders (id int PRIMARY KEY, user_id text, phone text, total numeric, status text, payment text);
SELECT customer_identity.attach_users('users');
\echo :SQLSTATE
SELECT customer_identity.create_tables();
SELECT customer_identity.attach_users('users', '{phoneNumber,phone}', 'verified', 'name');
SELECT customer_identity.attach_orders('orders', 'users', status_column => 'status', counted_statuses => '{paid,shipped}',
  payment_column => 'payment', cod_values => '{cash}');
\d users
\d orders
\x on
SELECT * FROM customer_identity.attachments ORDER BY attachments::text;
\x off
-- Refused.
SELECT customer_identity.attach_users('users', '{tel}');
\echo :SQLSTATE
SELECT customer_identity.attach_users('users', '{}');
\echo :SQLSTATE
SELECT customer_identity.attach_users('users', customer_column => 'name');
\echo :SQLSTATE
SELECT customer_identity.attach_orders('orders', amount_column => 'amount');
\echo :SQLSTATE
SELECT customer_identity.attach_orders('orders', amount_column => 'phone');
\echo :SQLSTATE
SELECT customer_identity.attach_orders('orders', status_column => 'status');
\echo :SQLSTATE
SELECT customer_identity.attach_orders('orders', counted_statuses => '{paid}');
\echo :SQLSTATE
SELECT customer_identity.attach_orders('orders', payment_column => 'payment');
\echo :SQLSTATE
SELECT customer_identity.attach_orders('orders', cod_values => '{cash}');
\echo :SQLSTATE
SELECT customer_identity.attach_orders('orders', timing => 'sometimes');
\echo :SQLSTATE
CREATE VIEW seen AS SELECT * FROM users;
SELECT customer_identity.attach_users('seen');
\echo :SQLSTATE
SELECT * FROM customer_identity.phone_problems('customers');
\echo :SQLSTATE
CALL customer_identity.backfill('customers');
\echo :SQLSTATE
SELECT customer_identity.detach('customers');
\echo :SQLSTATE
DROP SCHEMA messages CASCADE;
