-- What the loyalty functions say when they refuse.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA messages;
SET search_path = messages;
SELECT customer_identity.create_tables();
INSERT INTO customers (id, phone, loyalty_points) VALUES ('00000000-0000-4000-8000-000000000001', '+447400123401', 0);
SELECT customer_identity.adjust_points('00000000-0000-4000-8000-000000000001', 10, 'gift', 'key');
SELECT customer_identity.redeem_points('00000000-0000-4000-8000-000000000001', 11, 'voucher');
\echo :SQLSTATE
SELECT customer_identity.redeem_points('00000000-0000-4000-8000-000000000001', 0, 'voucher');
\echo :SQLSTATE
SELECT customer_identity.redeem_points('00000000-0000-4000-8000-000000000001', 1, 'voucher', user_id => 'thief');
\echo :SQLSTATE
SELECT customer_identity.adjust_points('00000000-0000-4000-8000-000000000001', 11, 'gift', 'key');
\echo :SQLSTATE
SELECT customer_identity.adjust_points('00000000-0000-4000-8000-000000000002', 10, 'gift');
\echo :SQLSTATE
SELECT customer_identity.adjust_points('00000000-0000-4000-8000-000000000001', NULL, 'gift');
\echo :SQLSTATE
SELECT points, reason, idempotency_key, actor FROM loyalty_entries;
DROP SCHEMA messages CASCADE;
