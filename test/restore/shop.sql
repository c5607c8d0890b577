-- A shop to dump: a book that its owner has added to, users, orders, partitions, proofs and points.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS customer_identity;
CREATE SCHEMA shop;
SET search_path = shop;
SET customer_identity.default_region = 'GB';

CREATE TABLE "user" (id text PRIMARY KEY, name text, "phoneNumber" text UNIQUE, "phoneNumberVerified" boolean, phone text);
CREATE TABLE orders (id integer PRIMARY KEY, user_id text REFERENCES "user" ON DELETE SET NULL, phone text, total numeric, status text);
CREATE INDEX ON orders (user_id);
CREATE TABLE sales (id integer, placed date, user_id text, phone text, total numeric, PRIMARY KEY (id, placed)) PARTITION BY RANGE (placed);
CREATE TABLE sales_2024 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE sales_2025 PARTITION OF sales FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');

SELECT customer_identity.create_tables();
SELECT customer_identity.attach_users('"user"', '{phoneNumber,phone}', 'phoneNumberVerified', 'name');
SELECT customer_identity.attach_orders('orders', '"user"', status_column => 'status', counted_statuses => '{paid}');
SELECT customer_identity.attach_orders('sales', '"user"', points_per_unit => 0.5);

ALTER TABLE customers ADD vip boolean NOT NULL DEFAULT false;
CREATE INDEX customers_by_name ON customers (lower(preferred_name)) WHERE vip;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY nothing_for_others ON customers FOR SELECT USING (vip);
COMMENT ON TABLE customers IS 'ours';

INSERT INTO "user" SELECT 'u' || n, 'User ' || n, '0044 7400 1234' || lpad(n::text, 2, '0'), n % 2 = 0, NULL FROM generate_series(1, 40) n;
INSERT INTO "user" SELECT 'v' || n, 'Login ' || n, NULL, NULL, CASE n % 3 WHEN 0 THEN 'call me' ELSE '07400 1234' || lpad(n::text, 2, '0') END FROM generate_series(1, 40) n;
UPDATE "user" SET "phoneNumber" = '+44740012350' || substr(id, 2) WHERE id IN ('u2', 'u4');
INSERT INTO orders SELECT n, CASE WHEN n % 3 > 0 THEN 'u' || n % 40 + 1 END, '07400 1235' || lpad((n % 30)::text, 2, '0'), n * 1.37,
  CASE WHEN n % 7 = 0 THEN 'cancelled' ELSE 'paid' END FROM generate_series(1, 600) n;
INSERT INTO sales SELECT n, date '2024-01-01' + n, NULL, '07400 1235' || lpad((n % 30)::text, 2, '0'), n FROM generate_series(1, 400) n;
UPDATE customers SET vip = true, notes = 'likes tea' WHERE total_orders > 20;
SELECT customer_identity.adjust_points(id, 11, 'welcome', phone::text) FROM customers WHERE phone LIKE '%1';
SELECT customer_identity.record_proof('07400 123599');
SELECT customer_identity.revoke_proof('07400 123406', 'u6', 'lost');

-- A person's life: merges in force, further phones, rules, a proof that is held back, a dismissed pair.
SELECT customer_identity.merge_customers(w.id, l.id, 'clerk', 'one person')
FROM customers AS w JOIN customers AS l ON (w.phone, l.phone) IN (('+447400123401', '+447400123501'), ('+447400123403', '+447400123405'));
SELECT customer_identity.add_phone(id, '07400 123801') FROM customers WHERE phone = '+447400123407';
SELECT customer_identity.record_proof('07400 123801', 'u7');
UPDATE phone_proofs SET unconfirmed = true WHERE phone = '+447400123801';
SELECT customer_identity.change_phone(id, '07400 123802', keep_old => true), customer_identity.add_phone(id, '07400 123803') FROM customers WHERE phone = '+447400123409';
SELECT customer_identity.release_phone(id, '07400 123803') FROM customers WHERE phone = '+447400123802';
SELECT customer_identity.set_phone_rule('07400 123411', 'shared'), customer_identity.set_phone_rule('07400 123804', 'nobody');
SELECT customer_identity.dismiss_duplicate(a.id, b.id) FROM customers AS a, customers AS b WHERE (a.phone, b.phone) = ('+447400123413', '+447400123415');
