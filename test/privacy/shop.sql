-- A shop with eight people. One of them, the numbers of 07400 77 00 10 to 07400 77 00 40, has done all that a person can do.
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'GB';
CREATE TABLE logins (id text PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE, phone text, street jsonb);
CREATE TABLE orders (
    id int PRIMARY KEY, user_id text REFERENCES logins ON DELETE SET NULL, phone text NOT NULL DEFAULT '', total numeric NOT NULL,
    recipient text NOT NULL DEFAULT '', email text);
CREATE TABLE sales (id int, placed date, phone text, total numeric, buyer text) PARTITION BY RANGE (placed);
CREATE TABLE sales_2024 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE sales_2025 PARTITION OF sales FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
SELECT customer_identity.create_tables();
ALTER TABLE customers ADD nickname text;
SELECT customer_identity.attach_users('logins', name_column => 'name', default_region => 'GB', personal_columns => '{email,street}');
SELECT customer_identity.attach_orders('orders', personal_columns => '{recipient,email}', default_region => 'GB');
SELECT customer_identity.attach_orders('sales', user_column => NULL, personal_columns => '{buyer}', default_region => 'GB', timing => 'commit');

INSERT INTO logins SELECT 'o' || n, 'Other ' || n, n || '@example.org', '07400 0099 ' || lpad(n::text, 2, '0') FROM generate_series(1, 7) AS n;
INSERT INTO orders (id, user_id, total, recipient) SELECT n, 'o' || 1 + n % 7, 10, 'Other' FROM generate_series(1, 28) AS n;
INSERT INTO sales SELECT n, '2025-01-01', '07400 0099 0' || 1 + n % 7, 10, 'Other' FROM generate_series(1, 28) AS n;

-- The person: two logins of two numbers, guest orders in every spelling, sales in two partitions.
INSERT INTO logins VALUES ('a1', 'Ada Lovelace', 'ada@example.org', '07400 770010', '{"street": "Marylebone Road 1"}'), ('a2', 'A. LOVELACE', 'ada.byron@example.org', '0044 7400 770020', NULL);
INSERT INTO orders VALUES (101, 'a1', '', 10, 'Ada Lovelace, Marylebone', 'ada@example.org'), (102, NULL, '+44 (0)7400/770-010', 10, 'Lovelace', NULL),
    (103, 'a2', '07400.770.020', 10, '', 'ada.byron@example.org'), (104, 'o1', '(07400) 77 00 30', 10, '', NULL);
INSERT INTO sales VALUES (201, '2024-05-05', '+44-7400-77-00-20', 10, 'Lovelace'), (202, '2025-05-05', '00447400770010', 10, 'Lovelace'), (203, '2025-05-06', '٠٧٤٠٠ 770030', 10, NULL);

CREATE FUNCTION id_of(phone text) RETURNS uuid LANGUAGE sql AS 'SELECT customer_identity.find_customer($1)';
SELECT customer_identity.merge_customers(id_of('07400 770010'), id_of('07400 770020'), actor => 'desk', reason => 'she said so');
SELECT customer_identity.merge_customers(id_of('07400 770010'), id_of('07400 770030'));
SELECT customer_identity.change_phone(id_of('07400 770010'), '07400 770040');
SELECT customer_identity.add_phone(id_of('07400 770040'), '07400 770010');
SELECT customer_identity.change_phone(id_of('07400 770040'), '07400 770020', keep_old => true);
SELECT customer_identity.update_customer(id_of('07400 770020'), '{"notes": "Lovelace, Marylebone", "nickname": "engine-lover"}');
SELECT customer_identity.record_proof('07400 770020', 'a2');
SELECT customer_identity.record_proof('07400 770010', 'a1');
SELECT customer_identity.adjust_points(id_of('07400 770020'), 40, 'for Lovelace', actor => 'ada@example.org');
SELECT customer_identity.redeem_points(id_of('07400 770020'), 5, 'Lovelace again');
SELECT customer_identity.set_phone_rule('07400 770030', 'shared');
-- One who had a number of hers before, and one who lost an order to her.
SELECT customer_identity.add_phone(id_of('07400 009901'), '07400 770031');
SELECT customer_identity.release_phone(id_of('07400 009901'), '07400 770031');
SELECT customer_identity.add_phone(id_of('07400 770020'), '07400 770031');
-- Not linked yet.
ALTER TABLE orders DISABLE TRIGGER customer_identity_attach;
INSERT INTO orders VALUES (105, NULL, '07400-770-010', 10, 'Lovelace', NULL);
ALTER TABLE orders ENABLE TRIGGER customer_identity_attach;
