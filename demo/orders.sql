-- Six thousand orders, a fifth of them by guests, loaded by one INSERT; then what a year does to them.
-- made_up.orders knows who really placed each of them; orders does not.
CREATE TABLE made_up.orders AS
SELECT n AS id, login.user_id, coalesce(login.person_id, person.id) AS person_id,
       CASE WHEN junk.id IS NOT NULL THEN junk.phone
            WHEN person.id IS NOT NULL AND (login.phone IS NULL OR n % 9 = 0) THEN made_up.spell(person, n * 5) END AS phone,
       coalesce(junk.country, person.country) AS country,
       person.address,
       (499 + n * 7919 % 14500) / 100.0 AS total,
       (ARRAY['paid', 'shipped', 'delivered', 'delivered', 'delivered', 'pending'])[1 + n % 6] AS status,
       CASE WHEN n % 4 = 0 AND proof.person_id IS NOT NULL THEN 'cash' ELSE (ARRAY['card', 'transfer'])[1 + n % 2] END AS payment,
       timestamptz '2025-01-06 07:00+00' + n * interval '83 minutes' AS created_at
FROM generate_series(0, 5999) AS n
LEFT JOIN made_up.logins AS login ON n % 5 <> 0 AND login.id = n * 7 % 600
LEFT JOIN made_up.junk ON n % 150 = 0 AND junk.id = (n / 150) * (n / 150) / 9 % 10
LEFT JOIN made_up.people AS person
  ON person.id = CASE WHEN login.id IS NOT NULL THEN login.person_id WHEN junk.id IS NULL THEN n / 5 * 3 % 320 END
LEFT JOIN (SELECT DISTINCT person_id FROM made_up.logins WHERE has_proof) AS proof ON proof.person_id = person.id
ORDER BY n;

SELECT clock_timestamp() AS load_started \gset
INSERT INTO orders (user_id, phone, country, address, total, status, payment, created_at)
SELECT user_id, phone, country, address, total, status, payment, created_at
FROM made_up.orders
ORDER BY id;
SELECT extract(epoch FROM clock_timestamp() - :'load_started') AS load_seconds \gset

UPDATE orders SET status = 'cancelled' WHERE id % 17 = 0;
UPDATE orders SET status = 'refunded'  WHERE id % 29 = 0 AND status = 'delivered';
UPDATE orders SET total = total * 0.9  WHERE id % 41 = 0;                       -- a late voucher
DELETE FROM orders WHERE id % 97 = 0;                                          -- test orders
DELETE FROM "user" WHERE id IN (SELECT user_id FROM made_up.logins WHERE id % 60 = 7);   -- closed logins
