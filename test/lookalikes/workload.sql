-- Calls every function that people call, with the very types it is declared with, and fires every trigger.
SET customer_identity.default_region = 'DE';
SELECT customer_identity.create_tables('public'::text, false::boolean);
CREATE TABLE users (id text PRIMARY KEY, name text, email text, phone text, verified boolean);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id text REFERENCES users ON DELETE SET NULL, phone text, total numeric, status text, payment text,
  created_at timestamptz DEFAULT now());
INSERT INTO users VALUES ('before', 'Ada', 'a@shop.example', '0151 23456780', NULL);
INSERT INTO orders VALUES (1, 'before', NULL, 10, 'paid', 'card');
SELECT customer_identity.attach_users('users'::regclass, '{phone}'::text[], 'verified'::text, 'name'::text, NULL::text, 'customer_id'::text, NULL::text, '{}'::text[], 'customers'::regclass);
SELECT customer_identity.attach_orders('orders'::regclass, 'users'::regclass, 'user_id'::text, 'phone'::text, 'total'::text, 'status'::text,
  '{paid,shipped}'::text[], 1::numeric, 'payment'::text, '{cash}'::text[], NULL::text, 'statement'::text, 'customer_id'::text, NULL::text, '{}'::text[], true::boolean, 'customers'::regclass);
CALL customer_identity.backfill('users'::regclass, 100::integer);
CALL customer_identity.backfill('orders'::regclass, 100::integer);
CALL customer_identity.recount_totals(100::integer, 'customers'::regclass);
SELECT customer_identity.normalize_phone('0151 23456789'::text, NULL::text), customer_identity.parse_phone('0151 23456789'::text, 'DE'::text),
  customer_identity.format_phone('0151 23456789'::text, 'national'::text, NULL::text), customer_identity.search_text('Ä'::text), customer_identity.customer_id_of('0151 23456789'::text, 'DE'::text);
INSERT INTO users VALUES ('ada', 'Ada', 'ada@shop.example', '0151 23456789', true), ('eve', 'Eve', 'eve@shop.example', '0151 23456789', false);
INSERT INTO orders SELECT 10 + n, 'ada', '0151 23456789', n, 'paid', 'cash' FROM generate_series(1, 5) AS n;
INSERT INTO orders VALUES (2, NULL, '0151 23456781', 5, 'paid', 'card');
UPDATE orders SET total = total + 1;
UPDATE orders SET status = 'cancelled' WHERE id = 11;
DELETE FROM orders WHERE id = 12;
UPDATE users SET name = 'Renamed';
UPDATE users SET phone = '0151 23456782' WHERE id = 'eve';
SELECT customer_identity.get_or_create_customer('0151 23456783'::text, 'Bob'::text, NULL::text, 'customers'::regclass),
  customer_identity.find_customer('0151 23456783'::text, NULL::text, 'customers'::regclass),
  customer_identity.record_proof('0151 23456783'::text, 'eve'::text, 'sms'::text, NULL::text, 'customers'::regclass),
  customer_identity.revoke_proof('0151 23456783'::text, 'eve'::text, 'test'::text, NULL::text, 'customers'::regclass);
SELECT customer_identity.can_see_customer('ada'::text, id::uuid, 'customers'::regclass), customer_identity.customer_history(id::uuid, 'customers'::regclass),
  customer_identity.customer_details(id::uuid, 'customers'::regclass), customer_identity.customer_users(id::uuid, 'customers'::regclass),
  customer_identity.customer_orders(id::uuid, 2::integer, NULL::text, 'customers'::regclass),
  customer_identity.adjust_points(id::uuid, 100::bigint, 'gift'::text, 'k1'::text, 'me'::text, 'customers'::regclass),
  customer_identity.redeem_points(id::uuid, 1::bigint, 'gift'::text, 'k2'::text, 'ada'::text, 'customers'::regclass),
  customer_identity.update_customer(id::uuid, '{"notes": "x"}'::jsonb, NULL::timestamptz, 'me'::text, 'customers'::regclass)
FROM customers WHERE phone = '+4915123456789';
SELECT customer_identity.list_customers(search::text, filters::jsonb, sort::text, 2::integer, NULL::text, 'customers'::regclass)
FROM (VALUES (NULL, NULL, '-created_at'), ('ad', NULL, 'preferred_name'), ('ada@', NULL, '-total_spent'), ('1512345', '{"shared": true, "min_orders": 1}', 'total_orders'),
  ('0151 23456789', '{"created": {"from": "2020-01-01"}, "has_users": true, "min_spent": 1, "verified": true}', 'updated_at')) AS l (search, filters, sort);
SELECT customer_identity.list_customers(NULL::text, NULL::jsonb, '-created_at'::text, 1::integer,
  (customer_identity.list_customers(NULL::text, NULL::jsonb, '-created_at'::text, 1::integer, NULL::text, 'customers'::regclass) ->> 'next')::text, 'customers'::regclass);
SELECT customer_identity.visible_orders('ada'::text, 2::integer,
  (customer_identity.visible_orders('ada'::text, 2::integer, NULL::text, 'customers'::regclass) ->> 'next')::text, 'customers'::regclass);
SELECT customer_identity.customer_stats(NULL::timestamptz, 'customers'::regclass), customer_identity.fraud_signals(0::numeric, 'customers'::regclass);
SELECT customer_identity.index_totals('customers'::regclass);
SELECT customer_identity.create_search_indexes('customers'::regclass);
SELECT customer_identity.search_index_statements(true::boolean, 'customers'::regclass);
SELECT customer_identity.phone_problems('users'::regclass, 10::integer);
SELECT customer_identity.verification_required('0151 23456789'::text, NULL::text, NULL::text, 'customers'::regclass);
SELECT verification_id AS v FROM customer_identity.start_verification('0151 23456789'::text, 'test'::text, 'eve'::text, '::1'::inet, NULL::text, 'customers'::regclass) \gset
SELECT substring(body FROM '\d{6}') AS code FROM customer_identity.sms_messages \gset
SELECT customer_identity.message_failed(m.message_id::bigint, 'busy'::text, false::boolean), customer_identity.message_sent(m.message_id::bigint, 'SM1'::text)
FROM customer_identity.claim_messages(10::integer, '1 minute'::interval) AS m;
SELECT customer_identity.check_verification(:'v'::uuid, 'wrong'::text), customer_identity.check_verification(:'v'::uuid, :'code'::text);
SELECT customer_identity.cancel_verification(:'v'::uuid), customer_identity.purge_verifications();
SELECT * FROM customer_identity.verification_health;
SELECT * FROM customer_identity.attachments;
UPDATE customers SET total_orders = 99 WHERE phone = '+4915123456789';
SELECT customer_identity.verify_totals('customers'::regclass);
SELECT customer_identity.rebuild_totals('customers'::regclass), customer_identity.flush_totals('customers'::regclass);
SELECT customer_identity.check_setup('customers'::regclass);
ALTER TABLE orders RENAME total TO amount;
ALTER TABLE users RENAME TO logins;
UPDATE orders SET amount = 3;
DELETE FROM logins WHERE id = 'ada';
TRUNCATE orders;
SELECT customer_identity.detach('orders'::regclass), customer_identity.detach('logins'::regclass);
