-- What customer_stats and fraud_signals tell of books of all kinds is what plain queries of the tables tell.
\ir shop.psql
SELECT * FROM no_plan();
SET TimeZone = 'UTC';
CREATE TYPE payment AS ENUM ('card', 'cash', 'Cash', 'cod');
ALTER TABLE orders ADD payment payment;
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country', payment_column => 'payment', cod_values => '{cash,cod}',
  status_column => 'status', counted_statuses => '{paid}');
SET customer_identity.fraud_many_logins = 3;
SET customer_identity.fraud_unproved_claims = 2;
SET customer_identity.fraud_sign_up_burst = 3;
SET customer_identity.fraud_cod_cancellations = 2;

CREATE PROCEDURE make_book(seed float) LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[];
BEGIN
  PERFORM setseed(seed);
  SET LOCAL session_replication_role = replica;
  DELETE FROM orders;
  DELETE FROM "user";
  DELETE FROM customer_events;
  DELETE FROM phone_proofs;
  DELETE FROM phone_rules;
  DELETE FROM customers;
  INSERT INTO customers (phone, is_phone_verified, total_orders, created_at)
  SELECT '+4474001234' || n, random() < 0.5, random() * 3, '2024-02-27'::timestamptz + random() * interval '3 days' FROM generate_series(10, 39) AS n;
  ids := ARRAY(SELECT id FROM customers);
  INSERT INTO "user" (id, customer_id) SELECT 'u' || n, ids[ceil(power(random(), 2) * 32)] FROM generate_series(1, 60) AS u (n);
  INSERT INTO phone_proofs (phone, customer_id, user_id, method, ended_at)
  SELECT '+4474001234' || u.id, COALESCE(CASE WHEN random() < 0.9 THEN u.customer_id END, ids[1]), u.id, 'external',
    CASE WHEN random() < 0.3 THEN now() END
  FROM "user" AS u WHERE random() < 0.4;
  INSERT INTO customer_events (customer_id, event, details, created_at)
  SELECT ids[1 + floor(power(random(), 2) * 20)], (ARRAY['user_linked', 'user_linked', 'user_linked', 'note'])[ceil(random() * 4)],
    jsonb_build_object('cause', (ARRAY['sign_up', 'phone_changed', 'backfill'])[ceil(random() * 3)]),
    '2024-02-29'::timestamptz + floor(random() * 30) * interval '10 minutes'
  FROM generate_series(1, 200) AS e (n);
  INSERT INTO orders (customer_id, total, payment, status)
  SELECT ids[ceil(random() * 32)], 1, ('{card,cash,Cash,cod}'::payment[])[ceil(random() * 4)],
    (ARRAY['paid', 'cancelled', 'Refused', NULL])[ceil(random() * 4)]
  FROM generate_series(1, 150) AS o (n);
  INSERT INTO phone_rules (phone, rule) SELECT phone, 'shared' FROM customers WHERE random() < 0.1;
END $$;

CREATE VIEW by_hand AS
WITH household AS (SELECT c.id FROM customers AS c JOIN phone_rules AS r USING (phone)),
sign_up AS (SELECT DISTINCT customer_id, created_at FROM customer_events WHERE event = 'user_linked' AND details ->> 'cause' <> 'backfill'),
burst AS (
  SELECT s.customer_id, s.created_at, count(*) AS users
  FROM sign_up AS s JOIN sign_up AS t ON t.customer_id = s.customer_id AND t.created_at BETWEEN s.created_at AND s.created_at + interval '1 hour'
  GROUP BY s.customer_id, s.created_at HAVING count(*) >= 3
)
SELECT customer_id, 'many_logins' AS signal, jsonb_build_object('users', count(*)) AS evidence
FROM "user" WHERE customer_id IS NOT NULL AND customer_id NOT IN (TABLE household) GROUP BY customer_id HAVING count(*) >= 3
UNION ALL
SELECT c.id, 'unproved_claims', jsonb_build_object('unproved', count(*) FILTER (WHERE p.id IS NULL), 'proved', count(p.id))
FROM customers AS c JOIN "user" AS u ON u.customer_id = c.id
LEFT JOIN phone_proofs AS p ON p.user_id = u.id AND p.customer_id = c.id AND p.ended_at IS NULL
WHERE c.is_phone_verified AND c.id NOT IN (TABLE household) GROUP BY c.id HAVING count(*) FILTER (WHERE p.id IS NULL) >= 2
UNION ALL
SELECT b.customer_id, 'sign_up_burst', jsonb_build_object('users', b.users, 'from', b.created_at)
FROM burst AS b
WHERE b.customer_id NOT IN (TABLE household) AND NOT EXISTS (
  SELECT FROM burst AS o WHERE o.customer_id = b.customer_id AND (o.users, o.created_at) > (b.users, b.created_at))
UNION ALL
SELECT customer_id, 'cod_cancellations', jsonb_build_object('orders', count(*), 'cancelled', count(*) FILTER (WHERE lower(status) IN ('cancelled', 'refused')))
FROM orders WHERE payment IN ('cash', 'cod') AND customer_id IS NOT NULL
GROUP BY customer_id HAVING count(*) FILTER (WHERE lower(status) IN ('cancelled', 'refused')) >= 2;

CREATE VIEW told AS
SELECT (f ->> 'customer_id')::uuid AS customer_id, s ->> 'signal' AS signal, s -> 'evidence' AS evidence
FROM jsonb_array_elements(customer_identity.fraud_signals()) AS f, jsonb_array_elements(f -> 'signals') AS s;

CREATE FUNCTION stats_by_hand(since timestamptz) RETURNS jsonb LANGUAGE sql AS $$
  WITH c AS (
    SELECT *, (SELECT count(*) FROM "user" AS u WHERE u.customer_id = c.id) AS users FROM customers AS c WHERE since IS NULL OR created_at >= since
  )
  SELECT jsonb_build_object('since', since, 'customers', count(*), 'users_linked', COALESCE(sum(users), 0),
    'users', COALESCE(sum(users), 0) + (SELECT count(*) FROM "user" WHERE customer_id IS NULL),
    'shared', count(*) FILTER (WHERE users > 1), 'guests', count(*) FILTER (WHERE users = 0),
    'guests_returned', count(*) FILTER (WHERE users = 0 AND total_orders > 1), 'verified', count(*) FILTER (WHERE is_phone_verified),
    'verified_share', round(avg(is_phone_verified::int), 4), 'buyers', count(*) FILTER (WHERE total_orders > 0),
    'repeat_buyers', count(*) FILTER (WHERE total_orders > 1), 'repeat_rate', round(avg((total_orders > 1)::int) FILTER (WHERE total_orders > 0), 4),
    'new_customers', (SELECT COALESCE(jsonb_agg(jsonb_build_object('day', d.day, 'customers', d.many) ORDER BY d.day), '[]')
      FROM (SELECT created_at::date AS day, count(*) AS many FROM c GROUP BY 1) AS d))
  FROM c $$;

CREATE TABLE seen (signal text);
DO $$
BEGIN
  FOR n IN 1..40 LOOP
    CALL make_book(n / 40.0);
    IF EXISTS ((TABLE by_hand EXCEPT TABLE told) UNION ALL (TABLE told EXCEPT TABLE by_hand)) THEN
      RAISE EXCEPTION 'book % has other signals: % and not %', n, (SELECT jsonb_agg(t) FROM (TABLE told EXCEPT TABLE by_hand) AS t),
        (SELECT jsonb_agg(t) FROM (TABLE by_hand EXCEPT TABLE told) AS t);
    END IF;
    IF customer_identity.customer_stats() <> stats_by_hand(NULL) OR customer_identity.customer_stats('2024-02-28 12:00') <> stats_by_hand('2024-02-28 12:00') THEN
      RAISE EXCEPTION 'book % has other figures: % and not %', n, customer_identity.customer_stats(), stats_by_hand(NULL);
    END IF;
    INSERT INTO seen SELECT signal FROM told;
  END LOOP;
END $$;
SELECT ok(count(*) > 40, signal || ' was told, as by hand') FROM seen GROUP BY signal ORDER BY signal;
SELECT is(count(DISTINCT signal)::int, 4, 'every signal was') FROM seen;
SELECT * FROM finish();
