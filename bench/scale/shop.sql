-- What bench/admin/shop.sql lacks: five orders for each customer, one in ten of them not paid, one in twenty in cash; the history of
-- the sign-ups, a proof for one customer in three, and a hundredth of :rows customers without a login.
ALTER TABLE orders ADD COLUMN status text NOT NULL DEFAULT 'paid', ADD COLUMN payment text NOT NULL DEFAULT 'card';
SELECT customer_identity.attach_orders('orders', users => 'users', status_column => 'status', counted_statuses => '{paid,shipped}',
    payment_column => 'payment', cod_values => '{cash}');
ALTER TABLE orders DISABLE TRIGGER USER;
INSERT INTO orders (user_id, customer_id, total, status, payment, created_at)
SELECT u.id, u.customer_id, round((h % 20000) / 100.0, 2), (ARRAY['paid', 'shipped', 'cancelled', 'open'])[CASE WHEN h % 10 > 0 THEN 1 + h % 2 ELSE 3 + h / 10 % 2 END],
    CASE WHEN h / 7 % 20 = 0 THEN 'cash' ELSE 'card' END, u.created_at + h % 1000 * interval '1 day'
FROM generate_series(1, :rows * 5) AS n
CROSS JOIN LATERAL (SELECT hashint8(n) & 2147483647) AS r (h)
JOIN users AS u ON u.id = 'u' || 1 + h % (:rows * 11 / 10);
INSERT INTO customer_events (customer_id, event, details, created_at)
SELECT u.customer_id, e.event, e.details, u.created_at
FROM users AS u
CROSS JOIN (VALUES ('customer_created', '{"cause": "sign_up"}'::jsonb), ('user_linked', '{"cause": "sign_up"}')) AS e (event, details);
INSERT INTO phone_proofs (phone, customer_id, user_id, method)
SELECT DISTINCT ON (c.id) c.phone, c.id, u.id, 'external' FROM customers AS c JOIN users AS u ON u.customer_id = c.id WHERE c.is_phone_verified;
INSERT INTO customers (id, phone, created_at, updated_at)
SELECT md5('guest' || n)::uuid, '+4930' || 10000000 + n, t, t
FROM generate_series(1, :rows / 100) AS n
CROSS JOIN LATERAL (SELECT timestamptz '2020-01-01' + n * (interval '5 years' / (:rows / 100))) AS r (t);
ALTER TABLE orders ENABLE TRIGGER USER;
VACUUM (ANALYZE) orders, customers, users, customer_events, phone_proofs;
