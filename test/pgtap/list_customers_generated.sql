-- Lists of customers, drawn at random, have whom plain SQL finds, in its order, on however many pages: every mix of filters, searches
-- and sorts, with logins in tables of three owners.
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE "user" ADD email text;
CREATE TABLE members (id int PRIMARY KEY, phone text, email text);
CREATE TABLE guests_of_old (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), phone text, email text);
SELECT customer_identity.attach_users('members');
SELECT customer_identity.attach_users('guests_of_old');

ALTER TABLE customers ALTER total_spent DROP NOT NULL, ALTER created_at DROP NOT NULL;
INSERT INTO customers (phone, preferred_name, total_orders, total_spent, loyalty_points, is_phone_verified, created_at, updated_at)
SELECT CASE WHEN n % 20 > 0 THEN '+44740' || lpad((n * 7919 % 10000000)::text, 7, '0') END,
  CASE WHEN n % 7 > 0 THEN (ARRAY['Ada', 'ada byron', 'Łukasz', 'Mara', 'Zoe Ada'])[1 + n % 5] END,
  n % 5, n % 9 * 1.5, 0, n % 3 = 0,
  timestamptz '2026-01-01' + n % 40 * interval '1 h', timestamptz '2026-01-01' + n % 50 * interval '1 day'
FROM generate_series(1, 240) AS n;
UPDATE customers SET total_spent = NULL WHERE right(phone, 1) = '3';
UPDATE customers SET created_at = NULL WHERE right(phone, 1) = '7';
SELECT setseed(0.20261129);
INSERT INTO "user" (id, email, customer_id) SELECT c.id, 'a' || row_number() OVER () || '@ada.example', c.id FROM customers AS c WHERE random() < 0.5;
INSERT INTO members (id, email, customer_id) SELECT row_number() OVER (), 'm@x.example', c.id FROM customers AS c WHERE random() < 0.3;
INSERT INTO guests_of_old (customer_id) SELECT c.id FROM customers AS c, generate_series(1, 2) WHERE random() < 0.2;
INSERT INTO customer_phones (customer_id, phone) SELECT c.id, '+4917' || lpad(row_number() OVER ()::text, 8, '0') FROM customers AS c WHERE random() < 0.2;
CREATE ROLE keeper_of_members;
CREATE ROLE keeper_of_old;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO keeper_of_members, keeper_of_old;
GRANT USAGE ON SCHEMA public TO keeper_of_members, keeper_of_old;
ALTER TABLE members OWNER TO keeper_of_members;
ALTER TABLE guests_of_old OWNER TO keeper_of_old;
ANALYZE;

CREATE FUNCTION listed(search text, filters jsonb, sort text, page_size int) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  page jsonb;
  ids uuid[] := '{}';
BEGIN
  LOOP
    page := customer_identity.list_customers(search, filters, sort, page_size, page ->> 'next');
    ids := ids || ARRAY(SELECT (i ->> 'id')::uuid FROM jsonb_array_elements(page -> 'items') WITH ORDINALITY AS p (i, n) ORDER BY n);
    IF page ->> 'next' IS NULL THEN
      RETURN ids;
    END IF;
  END LOOP;
END
$$;
CREATE VIEW people AS
SELECT c.*, (SELECT count(*) FROM "user" AS u WHERE u.customer_id = c.id) + (SELECT count(*) FROM members AS m WHERE m.customer_id = c.id)
  + (SELECT count(*) FROM guests_of_old AS g WHERE g.customer_id = c.id) AS users
FROM customers AS c;
CREATE FUNCTION wanted(search text, filters jsonb, sort text) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[];
BEGIN
  EXECUTE format($sql$
    SELECT array_agg(c.id ORDER BY c.%1$I IS NULL, c.%1$I %2$s, c.id %2$s)
    FROM people AS c
    WHERE (NOT $2 ? 'verified' OR c.is_phone_verified = ($2 ->> 'verified')::boolean)
      AND (NOT $2 ? 'min_orders' OR c.total_orders >= ($2 ->> 'min_orders')::int)
      AND (NOT $2 ? 'min_spent' OR c.total_spent >= ($2 ->> 'min_spent')::numeric)
      AND (NOT $2 ? 'created' OR c.created_at >= ($2 #>> '{created,from}')::timestamptz AND c.created_at < ($2 #>> '{created,to}')::timestamptz)
      AND (NOT $2 ? 'has_users' OR (c.users > 0) = ($2 ->> 'has_users')::boolean)
      AND (NOT $2 ? 'shared' OR (c.users > 1) = ($2 ->> 'shared')::boolean)
      AND ($1 IS NULL OR c.phone LIKE '%%' || $1 || '%%' OR c.preferred_name ILIKE '%%' || $1 || '%%'
        OR EXISTS (SELECT FROM customer_phones AS p WHERE p.customer_id = c.id AND p.phone LIKE '%%' || $1 || '%%')
        OR c.id IN (SELECT customer_id FROM "user" WHERE email ILIKE '%%' || $1 || '%%' UNION SELECT customer_id FROM members WHERE email ILIKE '%%' || $1 || '%%'))
    $sql$, ltrim(sort, '-'), CASE WHEN sort LIKE '-%' THEN 'DESC' ELSE 'ASC' END)
    INTO ids USING search, filters;
  RETURN COALESCE(ids, '{}');
END
$$;
CREATE FUNCTION one_of(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT choices[1 + floor(random() * cardinality(choices))::int]';

CREATE TEMP TABLE draws AS
SELECT n, one_of('{NULL,NULL,ada,mara,7401,4917,x.example}') AS search,
  jsonb_strip_nulls(jsonb_build_object('verified', one_of('{NULL,NULL,true,false}')::boolean, 'has_users', one_of('{NULL,true,false}')::boolean,
    'shared', one_of('{NULL,true,false}')::boolean, 'min_orders', one_of('{NULL,NULL,1,3}')::int, 'min_spent', one_of('{NULL,NULL,3,100}')::numeric,
    'created', one_of('{NULL,NULL,"{\"from\": \"2026-01-01 05:00Z\", \"to\": \"2026-01-01 20:00Z\"}"}')::jsonb)) AS filters,
  one_of('{created_at,-created_at,updated_at,-updated_at,preferred_name,-preferred_name,total_spent,-total_spent,total_orders,-total_orders}') AS sort,
  one_of('{7,100}')::int AS page_size
FROM generate_series(1, 160) AS n;
SELECT is(listed(search, filters, sort, page_size), wanted(search, filters, sort), format('%s: %s %s by %s, pages of %s', n, search, filters, sort, page_size))
FROM draws WHERE page_size > 7 OR cardinality(wanted(search, filters, sort)) < 60;
SELECT cmp_ok(count(*), '>', 30::bigint, 'lists of several customers are among them') FROM draws WHERE cardinality(wanted(search, filters, sort)) > 5;
DROP INDEX customers_created_at_id_idx, customers_updated_at_id_idx, customers_preferred_name_id_idx;
SELECT is(listed(search, filters, sort, 100), wanted(search, filters, sort), format('without indexes: %s: %s %s by %s', n, search, filters, sort))
FROM draws WHERE n % 4 = 0;

SELECT * FROM finish();
