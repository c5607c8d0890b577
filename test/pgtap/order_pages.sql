-- Pages of orders have each order once, in one order, whatever tells the rows of their tables apart: every kind of key below,
-- with orders of one time across the borders of pages, by pages of every small size.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'GB';
\ir failure.psql
SELECT * FROM no_plan();
SELECT customer_identity.create_tables() IS NOT NULL AS made \gset
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN ticket AS text;
CREATE ROLE order_pages_lender;

CREATE TABLE kinds (name text, columns text, rows text);
INSERT INTO kinds VALUES
  ('several columns', 'shop int, id int, PRIMARY KEY (shop, id)', 'shop, id: SELECT n % 3, n / 3'),
  ('an id that repeats', 'no int, id text, PRIMARY KEY (no)', 'no, id: SELECT n, n % 2'),
  ('a key and ids that may be NULL', 'no int, line int, id text, PRIMARY KEY (no, line)', 'no, line, id: SELECT n % 2, n, CASE WHEN n % 3 = 0 THEN n END'),
  ('no key', 'n int', 'n: SELECT n'),
  ('no key, an id', 'id int', 'id: SELECT nullif(n % 4, 0)'),
  ('partitions without a key', 'n int) PARTITION BY LIST (n', 'n: SELECT n % 2'),
  ('partitions with a key', 'n int, part int, PRIMARY KEY (n, part)) PARTITION BY LIST (part', 'n, part: SELECT n / 2, n % 2'),
  ('letters of any case', 'k citext PRIMARY KEY', 'k: SELECT CASE n % 2 WHEN 0 THEN chr(97 + n) ELSE chr(65 + n) END'),
  ('a type of an extension', 'k ltree PRIMARY KEY', 'k: SELECT (''a.'' || n)::ltree'),
  ('a collation of any case', 'k text COLLATE any_case PRIMARY KEY', 'k: SELECT CASE n % 2 WHEN 0 THEN chr(97 + n) ELSE chr(65 + n) END'),
  ('a domain', 'k ticket PRIMARY KEY', 'k: SELECT ''"{'' || n || '',\'''),
  ('a padded text and a time', 'k char(4), at timestamp, PRIMARY KEY (k, at)', 'k, at: SELECT n % 2, ''2026-01-01''::timestamp + n * interval ''1 day'''),
  ('an enum of bits', 'k bit(8), l uuid, PRIMARY KEY (k, l)', 'k, l: SELECT (n % 2)::bit(8), md5(n::text)::uuid');

CREATE FUNCTION make_orders(kind kinds, lent boolean) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
  DROP TABLE IF EXISTS orders;
  EXECUTE format('CREATE TABLE orders (number int, phone text, created_at timestamptz, total numeric, %s)', kind.columns);
  IF kind.columns LIKE '%PARTITION%' THEN
    CREATE TABLE even PARTITION OF orders FOR VALUES IN (0);
    CREATE TABLE odd PARTITION OF orders FOR VALUES IN (1);
  END IF;
  IF lent THEN
    ALTER TABLE orders OWNER TO order_pages_lender;
    GRANT ALL ON customers, phone_proofs, customer_events TO order_pages_lender;
  END IF;
  PERFORM customer_identity.attach_orders('orders');
  EXECUTE format('INSERT INTO orders (number, phone, total, created_at, %s FROM (SELECT n, ''07400 123401'', 1, CASE WHEN n < 6 THEN timestamptz ''2026-01-01'' WHEN n < 9 THEN ''2026-01-02'' END, n AS m FROM generate_series(0, 11) AS n) AS g (number, phone, total, created_at, n)',
    replace(kind.rows, ': SELECT', ') SELECT number, phone, total, created_at,'));
  RETURN customer_identity.find_customer('07400 123401');
END
$$;
-- The numbers of a customer's orders, page by page.
CREATE FUNCTION paged(customer uuid, size int) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
  page jsonb;
  after text;
  numbers int[] := '{}';
BEGIN
  FOR i IN 1..20 LOOP
    page := customer_identity.customer_orders(customer, size, after);
    numbers := numbers || ARRAY(SELECT (o ->> 'number')::int FROM jsonb_array_elements(page -> 'items') WITH ORDINALITY AS o (o, n) ORDER BY n);
    after := page ->> 'next';
    EXIT WHEN after IS NULL;
  END LOOP;
  RETURN numbers;
END
$$;
CREATE FUNCTION wrong(kind kinds, lent boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  customer uuid := make_orders(kind, lent);
  whole int[] := paged(customer, 1000);
BEGIN
  IF (SELECT array_agg(n ORDER BY n) FROM unnest(whole) AS n) IS DISTINCT FROM ARRAY(SELECT generate_series(0, 11)) THEN
    RETURN NEXT format('one page: %s', whole);
  END IF;
  IF whole[1:3] @> '{6,7,8}' IS NOT TRUE OR whole[4:9] @> '{0,1,2,3,4,5}' IS NOT TRUE THEN
    RETURN NEXT format('times: %s', whole);
  END IF;
  RETURN QUERY SELECT format('by %s: %s, not %s', size, p.numbers, whole) FROM generate_series(1, 7) AS size, paged(customer, size) AS p (numbers) WHERE p.numbers <> whole;
END
$$;
SELECT is_empty(format('SELECT * FROM wrong((SELECT k FROM kinds AS k WHERE name = %L), %L)', name, lent), format('%s%s', name, CASE WHEN lent THEN ', of another owner' END))
FROM kinds, (VALUES (false), (true)) AS l (lent)
WHERE NOT lent OR name IN ('several columns', 'letters of any case', 'no key');

-- A table that inherits may have the keys of its parent.
DROP TABLE IF EXISTS orders;
CREATE TABLE orders (number int, phone text, created_at timestamptz, total numeric, id int PRIMARY KEY);
CREATE TABLE heir () INHERITS (orders);
SELECT customer_identity.attach_orders('heir') IS NOT NULL AS attached, customer_identity.attach_orders('orders') IS NOT NULL AS attached_too \gset
INSERT INTO orders SELECT n, '07400 123402', '2026-01-01', 1, n FROM generate_series(0, 5) AS n;
INSERT INTO heir SELECT n + 6, '07400 123402', '2026-01-01', 1, n % 3 FROM generate_series(0, 5) AS n;
SELECT is_empty($$SELECT size, numbers FROM generate_series(1, 7) AS size, paged(customer_identity.find_customer('07400 123402'), size) AS p (numbers)
  WHERE cardinality(numbers) <> 12 OR NOT numbers @> ARRAY(SELECT generate_series(0, 11))$$, 'keys that a table and its heir share');
DROP TABLE orders CASCADE;

-- A cursor is read in whatever way the session writes times and numbers.
INSERT INTO kinds VALUES ('times and numbers', 'at timestamptz, span interval, size float8, PRIMARY KEY (at, span, size)',
  'at, span, size: SELECT ''2026-01-01''::timestamptz + n / 6 * interval ''1 day'', n / 3 % 2 * interval ''-1 mon 1 day'', 1 + n / 3e16 + n');
CREATE FUNCTION pages_in(style text, intervals text, zone text, digits text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('DateStyle', style, false), set_config('IntervalStyle', intervals, false), set_config('TimeZone', zone, false), set_config('extra_float_digits', digits, false);
  RETURN is_empty('SELECT * FROM wrong((SELECT k FROM kinds AS k WHERE name = ''times and numbers''), false)', format('%s, %s, %s', style, intervals, zone));
END
$$;
SELECT pages_in(style, intervals, zone, digits)
FROM (VALUES ('SQL, DMY', 'sql_standard', 'Asia/Kolkata', '0'), ('Postgres, MDY', 'postgres_verbose', 'Asia/Shanghai', '0'), ('German', 'iso_8601', 'Australia/Lord_Howe', '-15')) AS s (style, intervals, zone, digits);
RESET ALL;
SET customer_identity.default_region = 'GB';

-- Cursors that nobody was given.
SELECT make_orders(k, false) AS customer FROM kinds AS k WHERE name = 'several columns' \gset
SELECT is((failure(format('SELECT customer_identity.customer_orders(%L, 2, %L)', :'customer', customer_identity_internal.write_cursor(
  jsonb_build_array('orders', :'customer'::uuid, NULL), jsonb_build_object('key', NULL, 'table', 'public.orders', 'id', id))))).code, code, format('a cursor with %s', id))
FROM (VALUES ('{1,2}', NULL), ('{1}', '22023'), ('{1,2,3}', '22023'), ('{1,NULL}', '22023'), ('{1,x}', '22023'), ('1', '22023'), ('{{1,2}}', '22023'), ('[0:1]={1,2}', '22023'), ('[2:3]={1,2}', '22023'), ('{}', '22023'), ('{1,2', '22023'), (NULL, '22023')) AS c (id, code);

-- Texts of two collations are compared by the index of either.
CREATE TABLE users (id varchar(40) COLLATE "C" PRIMARY KEY, phone text);
CREATE TABLE sales (id int PRIMARY KEY, user_id text, total numeric);
CREATE INDEX ON sales (user_id);
SELECT customer_identity.attach_users('users') IS NOT NULL AS attached \gset
SELECT customer_identity.attach_orders('sales', users => 'users') IS NOT NULL AS attached \gset
INSERT INTO users SELECT 'u' || n FROM generate_series(1, 2000) AS n;
INSERT INTO sales SELECT n, 'u' || n FROM generate_series(1, 2000) AS n;
VACUUM ANALYZE sales;
SELECT is((SELECT array_agg(i ->> 'id') FROM jsonb_array_elements(customer_identity.visible_orders('u77') -> 'items') AS i), '{77}', 'the orders of one login');
SELECT unalike(customer_identity_internal.orders_query(a, customer_identity_internal.order_condition(a, 'u77'), NULL), '%COLLATE pg_catalog%', 'by the index of their column')
FROM customer_identity.attachments AS a WHERE a.attached = 'sales'::regclass;
-- Another spelling of an id is another login.
CREATE TABLE staff (id int PRIMARY KEY, phone text);
CREATE TABLE jobs (id int PRIMARY KEY, user_id int, total numeric);
SELECT customer_identity.attach_users('staff') IS NOT NULL AS attached \gset
SELECT customer_identity.attach_orders('jobs', users => 'staff') IS NOT NULL AS attached \gset
INSERT INTO staff VALUES (7);
INSERT INTO jobs VALUES (1, 7, 1);
SELECT is(jsonb_array_length(customer_identity.visible_orders(login) -> 'items'), orders, format('orders of login %s', login)) FROM (VALUES ('7', 1), ('007', 0), (' 7', 0), ('+7', 0)) AS l (login, orders);
DROP TABLE orders;
DROP OWNED BY order_pages_lender;
DROP ROLE order_pages_lender;
SELECT * FROM finish();
