-- Tells what the extension made of the shop, a question a chapter. Plain text; demo/play colours it.
\pset format aligned
\pset border 1
\pset linestyle unicode
\pset footer off

CREATE FUNCTION made_up.thousands(n numeric) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN to_char(n, 'FM999,999,990');

CREATE FUNCTION made_up.yes_or_no(answer boolean) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE answer WHEN true THEN 'yes' ELSE 'no' END;

-- Runs a statement and tells how it ended.
CREATE FUNCTION made_up.attempt(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  RETURN format('refused, %s: %s', SQLSTATE, SQLERRM);
END $$;

SELECT extversion AS version,
       split_part(current_setting('server_version'), ' ', 1) AS server,
       made_up.thousands((SELECT count(*) FROM "user")) AS logins,
       made_up.thousands((SELECT count(*) FROM orders)) AS orders
FROM pg_extension
WHERE extname = 'customer_identity' \gset

\echo
\echo 'customer_identity' :version 'on PostgreSQL' :server
\echo '════════════════════════════════════════════════════════════════════════════════════════════'
\echo ' A shop in seven countries:' :logins 'logins written by Better Auth,' :orders 'orders by them and by guests.'

CREATE VIEW made_up.typed AS
SELECT id, customer_id, phone, nullif(regexp_replace(phone, '\D', '', 'g'), '') AS digits
FROM (SELECT id, customer_id, coalesce("phoneNumber", phone) AS phone FROM "user") AS login
WHERE customer_id IS NOT NULL;

SELECT count(*) AS usable, count(*) - count(digits) AS lost FROM made_up.typed \gset
SELECT count(*) FILTER (WHERE logins > 1) AS reunited,
       count(*) FILTER (WHERE logins > 1 AND spread > 1) AS in_pieces
FROM (SELECT count(*) AS logins, count(DISTINCT coalesce(digits, '')) AS spread
      FROM made_up.typed GROUP BY customer_id) AS person \gset
SELECT coalesce(sum(people), 0) AS mixed_up
FROM (SELECT count(DISTINCT customer_id) AS people FROM made_up.typed WHERE digits IS NOT NULL GROUP BY digits) AS number
WHERE people > 1 \gset
SELECT made_up.thousands(count(*)) AS guest_orders,
       made_up.thousands(count(*) FILTER (WHERE customer_id IN (SELECT customer_id FROM made_up.typed))) AS joined,
       count(DISTINCT customer_id) FILTER (WHERE customer_id NOT IN (SELECT customer_id FROM made_up.typed)) AS only_guests
FROM orders
WHERE user_id IS NULL AND customer_id IS NOT NULL \gset

\echo
\echo '1. Who is who?' :usable 'logins with a usable phone: how many people are they?'
SELECT counted_by AS "people, counted by", people AS "found", repeat('█', (people / 12.0)::integer) AS " "
FROM (SELECT 1, 'the phone as typed', count(DISTINCT phone) FROM made_up.typed
      UNION ALL
      SELECT 2, 'plain SQL: regexp_replace(phone, ''\D'', '''', ''g'')', count(DISTINCT digits) FROM made_up.typed
      UNION ALL
      SELECT 3, 'customer_identity', count(DISTINCT customer_id) FROM made_up.typed
      UNION ALL
      SELECT 4, 'the truth, as the demo invented it', count(DISTINCT person_id)
      FROM made_up.logins JOIN made_up.typed ON typed.id = user_id) AS method (place, counted_by, people)
ORDER BY place;
\echo ' Plain SQL leaves' :in_pieces 'of' :reunited 'people with several logins in pieces, mistakes' :mixed_up 'people for'
\echo ' somebody with the same digits elsewhere, and loses' :lost 'phones in full-width or Arabic digits.'
\echo ' Of' :guest_orders 'orders without a login (guests, closed)' :joined 'are theirs;' :only_guests 'more people placed the rest.'

\echo
\echo '2. One person: three logins, and an order as a guest'
SELECT id AS mara, preferred_name || ', ' || customer_identity.format_phone(phone) AS who
FROM customers
WHERE phone = '+491713920042' \gset
SELECT orders.created_at::date AS day, coalesce("user".email, '(guest)') AS "ordered by",
       coalesce(orders.phone, "user".phone) AS "phone as typed", orders.country AS "in",
       orders.status, orders.total
FROM orders
LEFT JOIN "user" ON "user".id = orders.user_id
WHERE orders.customer_id = :'mara'
ORDER BY orders.created_at;
\echo ' All five carry the customer_id of one row of customers:' :who

\echo
\echo '3. Her totals before and after a refund'
SELECT total_orders AS orders, total_spent AS spent, loyalty_points AS points
FROM customers
WHERE id = :'mara' \gset before_
UPDATE orders SET status = 'refunded' WHERE customer_id = :'mara' AND total = 86.00;
SELECT 'before' AS "her row of customers", :before_orders AS total_orders, :before_spent AS total_spent, :before_points AS loyalty_points
UNION ALL
SELECT 'after UPDATE orders SET status = ''refunded'' ...', total_orders, total_spent, loyalty_points
FROM customers
WHERE id = :'mara'
ORDER BY 1 DESC;

\echo '4. Cash on delivery, and a look at her history, need a proof of the phone'
\set cash 'INSERT INTO orders (user_id, country, total, status, payment) VALUES (md5(\'login 602\'), \'EG\', 64.00, \'paid\', \'cash\')'
CREATE TEMP TABLE scene (step integer, what text, outcome text);
INSERT INTO scene VALUES
  (1, 'her third login orders with cash', made_up.attempt(:'cash')),
  (2, 'can_see_customer()', made_up.yes_or_no(customer_identity.can_see_customer(md5('login 602'), :'mara')));
INSERT INTO scene
SELECT 3, 'record_proof(''0171 39200-42'')',
       CASE WHEN customer_identity.record_proof('0171 39200-42', user_id => md5('login 602'), method => 'sms', region => 'DE') = :'mara'
         THEN 'proved by SMS code' ELSE 'another customer' END;
INSERT INTO scene VALUES
  (4, 'the same order again', made_up.attempt(:'cash')),
  (5, 'can_see_customer()', made_up.yes_or_no(customer_identity.can_see_customer(md5('login 602'), :'mara')));
SELECT what AS "what happens", outcome FROM scene ORDER BY step;

\echo '5. Phones that nobody can call: no error, no loss, all listed by phone_problems()'
SELECT reason, count(*) FILTER (WHERE source = 'user') AS logins, count(*) FILTER (WHERE source = 'orders') AS orders,
       format('%L', min(phone)) AS example
FROM (SELECT 'user' AS source, phone, reason FROM customer_identity.phone_problems('"user"')
      UNION ALL
      SELECT 'orders', phone, reason FROM customer_identity.phone_problems('orders')) AS problem
GROUP BY reason
ORDER BY 2 DESC, 1;

SELECT count(*) AS differences FROM customer_identity.verify_totals() \gset
SELECT made_up.thousands(count(*)) AS customers, made_up.thousands(sum(total_orders)) AS counted,
       to_char(sum(total_spent), 'FM999,999,990.00') AS spent
FROM customers \gset
SELECT made_up.thousands(count(*)) AS loaded, round(:load_seconds, 2) AS seconds,
       made_up.thousands(round(count(*) / :load_seconds, -2)) AS rate
FROM made_up.orders \gset

\echo '6. Still exact after cancellations, refunds, vouchers, deleted orders and closed logins?'
\echo '  verify_totals():' :differences 'differences.' :customers 'customers,' :counted 'counted orders,' :spent 'spent.'
\echo '  One INSERT linked and totalled' :loaded 'orders in' :seconds 's:' :rate 'a second.'
\echo
