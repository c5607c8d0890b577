-- Half a year of a tea shop, by arithmetic alone so that every run shows the same. Names are invented;
-- the numbers are a range that German networks keep for films. Run by the owner of the tables.
CREATE TEMPORARY TABLE person AS
SELECT n AS id,
    (ARRAY['Amélie','Bruno','Chiara','Dario','Edda','Finn','Greta','Henrik','Ida','Jonas','Käthe','Lasse','Mara'])[1 + n % 13]
        || ' ' || (ARRAY['Auerbach','Brandtner','Çelik','Dornfeld','Eschweil','Fähndrich','Grünwald'])[1 + n % 7] AS name,
    lpad((100 + n)::text, 3, '0') AS line,
    -- More and more people come, and more of them on weekends.
    date_trunc('day', now()) - make_interval(days => (180 * (1 - sqrt(n / 320.0)))::integer, mins => n * 37 % 700) AS since,
    -- None: a guest.
    CASE WHEN n % 6 = 0 THEN 0 WHEN n % 40 = 7 THEN 6 WHEN n % 9 = 0 THEN 3 WHEN n % 4 = 0 THEN 2 ELSE 1 END AS logins,
    n % 3 = 1 AS is_verified
FROM generate_series(1, 320) AS n;

CREATE FUNCTION pg_temp.spelled(line text, nth integer) RETURNS text LANGUAGE sql
RETURN (ARRAY['+49 176 04069', '017604069', '0049 (0)176 04069 ', '+49-176-04069-', '(0176) 04069/'])[1 + nth % 5] || line;

INSERT INTO "user" (id, name, email, email_verified, phone, created_at, updated_at)
SELECT format('seed-%s-%s', p.id, login), p.name,
    translate(lower(replace(p.name, ' ', '.')), 'éäçü', 'eacu') || format('.%s.%s@example.org', p.id, login),
    (p.id + login) % 2 = 0, pg_temp.spelled(p.line, p.id + login),
    p.since + (login - 1) * interval '9 days', p.since + (login - 1) * interval '9 days'
FROM person AS p, generate_series(1, p.logins) AS login
WHERE p.since + (login - 1) * interval '9 days' < now()
ORDER BY p.since, login;

SELECT count(customer_identity.record_proof(
    pg_temp.spelled(p.line, 0), CASE WHEN p.logins > 0 THEN format('seed-%s-1', p.id) END, 'sms'))
FROM person AS p
WHERE p.is_verified;

INSERT INTO orders (user_id, name, phone, address, items, total, status, payment, created_at)
SELECT u.id, p.name, pg_temp.spelled(p.line, p.id + nth),
    format('Lindenstieg %s, Hamburg', 1 + p.id % 90), goods.items, goods.total,
    CASE
        WHEN p.id % 53 = 1 THEN 'cancelled'
        WHEN (p.id + nth) % 17 = 0 THEN 'refunded'
        WHEN o.at > now() - interval '3 days' THEN 'paid'
        ELSE 'delivered'
    END,
    CASE WHEN p.is_verified AND (p.id % 53 = 1 OR nth % 2 = 0) THEN 'cash' ELSE 'card' END,
    o.at
FROM person AS p
CROSS JOIN LATERAL generate_series(1, 1 + p.id * 7 % 11) AS nth
CROSS JOIN LATERAL (SELECT p.since + (nth - 1) * interval '6 days 3 hours') AS o (at)
CROSS JOIN LATERAL (
    SELECT CASE (p.id + nth) % 4
        WHEN 0 THEN '[{"sku": "tea", "quantity": 2}]'::jsonb
        WHEN 1 THEN '[{"sku": "pot", "quantity": 1}, {"sku": "tea", "quantity": 1}]'
        WHEN 2 THEN '[{"sku": "cup", "quantity": 4}]'
        ELSE '[{"sku": "honey", "quantity": 1}, {"sku": "tin", "quantity": 1}]'
    END,
    (ARRAY[17.80, 62.90, 58.00, 19.10])[1 + (p.id + nth) % 4]
) AS goods (items, total)
-- Some orders of people with a login are placed as a guest.
LEFT JOIN "user" AS u
    ON u.id = format('seed-%s-%s', p.id, 1 + nth % greatest(p.logins, 1)) AND nth % 5 <> 4 AND u.created_at < o.at
WHERE o.at < now()
ORDER BY o.at;

-- The rows were written now, but all of it happened before.
UPDATE customers AS c
SET preferred_name = p.name, created_at = p.since, updated_at = p.since,
    notes = CASE WHEN p.id % 25 = 0 THEN 'Asks for the delivery to be left with the neighbours.' END
FROM person AS p
WHERE c.phone = '+4917604069' || p.line;

CREATE TEMPORARY TABLE event AS
SELECT e.id, e.customer_id, e.event, e.details, e.actor,
    GREATEST(u.created_at, c.created_at) + CASE e.event WHEN 'proof_made' THEN interval '20 minutes' ELSE interval '0' END AS created_at
FROM customer_events AS e
JOIN customers AS c ON c.id = e.customer_id
LEFT JOIN "user" AS u ON u.id = e.details ->> 'user_id';
DELETE FROM customer_events;
INSERT INTO customer_events (id, customer_id, event, details, actor, created_at) TABLE event;

UPDATE phone_proofs AS p SET proved_at = c.created_at + interval '20 minutes' FROM customers AS c WHERE c.id = p.customer_id;
