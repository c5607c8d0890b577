-- Administrators page through customers, search and filter them: every order of a list, no row skipped or
-- repeated, and nothing that was typed is ever taken for SQL.
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE "user" ADD email varchar(200), ADD password text;

-- Phones of the customers on a page, and of all pages of a list.
CREATE FUNCTION phones(page jsonb) RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(right(i ->> 'phone', 2), ' ' ORDER BY n) FROM jsonb_array_elements(page -> 'items') WITH ORDINALITY AS p (i, n)$$;
CREATE FUNCTION pages(sort text, page_size int DEFAULT 1, search text DEFAULT NULL, filters jsonb DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
  WITH RECURSIVE p AS (
    SELECT 1 AS n, customer_identity.list_customers(search, filters, sort, page_size) AS page
    UNION ALL
    SELECT n + 1, customer_identity.list_customers(search, filters, sort, page_size, page ->> 'next')
    FROM p WHERE page ->> 'next' IS NOT NULL)
  SELECT string_agg(phones(page), ' ' ORDER BY n) FROM p
$$;
CREATE FUNCTION found(search text, filters jsonb DEFAULT NULL) RETURNS text LANGUAGE sql AS
  $$SELECT phones(customer_identity.list_customers(search, filters, 'created_at'))$$;

SELECT is(customer_identity.list_customers(), '{"items": [], "next": null}', 'an empty book has an empty page');
SELECT is(customer_identity.list_customers('anybody', '{"shared": true}'), '{"items": [], "next": null}', 'whatever is looked for');

INSERT INTO customers (phone, preferred_name, total_orders, total_spent, created_at, updated_at) VALUES
  ('+447400123401', 'Ada Łovelace', 3, 10.000000000000000001, '2026-01-01 00:00:00.000001Z', '2026-03-01'),
  ('+447400123402', 'ada', 3, 10.000000000000000002, '2026-01-01 00:00:00.000002Z', '2026-03-01'),
  ('+447400123403', NULL, 0, 0, '2026-01-01 00:00:00.000002Z', '2026-02-01'),
  ('+447400123404', 'Søren Æbelø', 0, 'NaN', '2026-01-02', 'infinity'),
  ('+447400123405', NULL, 0, -5, '2026-01-03', '-infinity'),
  (NULL, 'Retired % _ \ Weiß', 1, 1, '2026-01-04', '2026-01-01'),
  ('+491511234507', 'ANDRÉ', 0, 2, '2026-01-05', '2026-01-05');
UPDATE customers SET id = md5(coalesce(phone, 'none'))::uuid;

-- Sorts.
SELECT is(pages('created_at', n), phones(customer_identity.list_customers(sort => 'created_at')), 'oldest first, by pages of ' || n)
FROM generate_series(1, 7) AS n;
SELECT is(phones(customer_identity.list_customers(sort => s)), w, 'sorted by ' || s) FROM (VALUES
  ('total_spent', '05 03 07 01 02 04'), ('-total_spent', '04 02 01 07 03 05'),
  ('updated_at', '05 07 03 01 02 04'), ('-updated_at', '04 02 01 03 07 05')) AS v (s, w);
SELECT is(pages(s), phones(customer_identity.list_customers(sort => s)), s || ' is the same by pages of one')
FROM unnest('{created_at,updated_at,preferred_name,total_spent,total_orders}'::text[]) AS c, unnest(ARRAY[c, '-' || c]) AS s;
SELECT is((SELECT jsonb_agg(i -> 'preferred_name') FROM jsonb_array_elements(customer_identity.list_customers(sort => s) -> 'items') i), w::jsonb,
  'those without a name come last: ' || s)
FROM (VALUES ('preferred_name', '["ANDRÉ","Ada Łovelace","Retired % _ \\ Weiß","Søren Æbelø","ada",null,null]'),
  ('-preferred_name', '["ada","Søren Æbelø","Retired % _ \\ Weiß","Ada Łovelace","ANDRÉ",null,null]')) AS v (s, w);
SELECT is(phones(customer_identity.list_customers()), phones(customer_identity.list_customers(sort => '-created_at')), 'the newest come first by default');
SELECT is(customer_identity.list_customers(NULL, NULL, NULL, NULL), customer_identity.list_customers(), 'NULL means the default');
SELECT is(customer_identity.list_customers(filters => 'null'), customer_identity.list_customers(), 'so does JSON''s null');
SELECT is(customer_identity.list_customers(page_size => 7) ->> 'next', NULL, 'a page that is just full is the last one');
SET timezone = 'Asia/Kathmandu';
SELECT customer_identity.list_customers(sort => 'created_at', page_size => 2) ->> 'next' AS after \gset
SET timezone = 'America/Lima';
SET datestyle = 'SQL, DMY';
SELECT is(phones(customer_identity.list_customers(sort => 'created_at', page_size => 2, after => :'after')), split_part(pages('created_at', 10), ' ', 3) || ' 04',
  'a cursor is exact to the microsecond, whatever the session''s time zone and date style');
RESET timezone;
RESET datestyle;

-- Items.
SELECT is(jsonb_object_agg(k, i -> k), '{"users": 0, "phone": "+491511234507", "notes": null, "total_orders": 0, "is_phone_verified": false}',
  'an item has the columns and the number of users')
FROM jsonb_array_elements(customer_identity.list_customers('4507') -> 'items') AS i, unnest('{users,phone,notes,total_orders,is_phone_verified}'::text[]) AS k;
ALTER TABLE customers ADD "loyalty tier" text DEFAULT 'gold', ADD tags jsonb DEFAULT '["a"]';
SELECT is(i ->> 'loyalty tier' || (i -> 'tags')::text, 'gold["a"]', 'and the application''s own')
FROM jsonb_array_elements(customer_identity.list_customers('4507') -> 'items') AS i;

-- Concurrent writes, between two pages.
SELECT customer_identity.list_customers(sort => 'created_at', page_size => 3) AS page \gset
SELECT phones(:'page') AS first_page, :'page'::jsonb ->> 'next' AS after \gset
CREATE TEMP TABLE gone AS SELECT * FROM customers WHERE phone ~ '0[134]$';
DELETE FROM customers WHERE phone LIKE '%04' OR phone LIKE '%03' OR phone LIKE '%01';
INSERT INTO customers (phone, created_at) VALUES ('+447400123411', '2025-01-01'), ('+447400123412', '2026-01-03 12:00Z'), ('+447400123413', '2027-01-01');
SELECT is(phones(customer_identity.list_customers(sort => 'created_at', after => :'after')), '05 12 07 13',
  'deleted rows, that of the cursor too, and new ones before it neither skip nor repeat others');
DELETE FROM customers WHERE phone ~ '1[123]$';
INSERT INTO customers SELECT * FROM gone;

-- Search.
INSERT INTO "user" (id, name, email, phone) VALUES
  ('u1', 'x', 'Ada.L@Example.com', '07400 123401'), ('u2', 'x', 'GRACE_hopper%40navy@example.org', '+447400123402'),
  ('u3', 'x', NULL, '07400 123402'), ('u4', 'x', 'nobody@example.com', NULL);
SELECT is(found(s), w, 'search: ' || s) FROM (VALUES
  ('07400 123401', '01'), ('+44 (0)7400 / 123-401', '01'), ('0044 7400 123401', '01'), ('tel:+447400123401', '01'),
  ('0151 1234507', '07'), ('+49 151 1234507', '07'), ('1511 2345', '07'), ('3405', '05'), ('12340', '01 03 02 04 05'),
  (' 3405 ', '05'), ('07400', '01 03 02 04 05'), ('015112', '07'), ('0151', '07'), ('0740', '01 03 02 04 05'), ('340', NULL), ('0000', NULL), ('0034', NULL), ('74-00-12 34.05', '05'),
  ('ada', '01 02'), ('ADA', '01 02'), ('Lovelace', '01'), ('łOVELACE', '01'), ('soren aebelo', '04'), ('SØREN', '04'), ('andre', '07'), ('André', '07'),
  ('ada.l@EXAMPLE', '01'), ('example.org', '02'), ('hopper%40', '02'), ('nobody@', NULL),
  ('an', '07'), ('lo', '01'), ('ov', NULL), ('gr', '02'), ('l', '01'), ('', pages('created_at', 10)), ('   ', pages('created_at', 10))) AS v (s, w);
SELECT is(found(E'e\u0301'), NULL, 'a mark alone is not looked for, its letter is');
SELECT is(found(E'ANDRE\u0301'), '07', 'however an accent is written');
SELECT is(found(E'\u0301'), NULL, 'a mark alone finds nobody');
SELECT is(jsonb_array_length(customer_identity.list_customers('weiss') -> 'items'), 1, 'ß is ss');
SELECT is(jsonb_array_length(customer_identity.list_customers(s) -> 'items'), n, 'wildcards are literal: ' || s)
FROM (VALUES ('%', 1), ('_', 1), ('% _', 1), ('% _ \', 1), ('\ weiß', 1), ('a%a', 0), ('a_a', 0), ('E_h', 1), ('__', 0), ('%%%%', 0)) AS v (s, n);
SELECT is(jsonb_array_length(customer_identity.list_customers(s) -> 'items'), 0, 'injected: ' || s)
FROM unnest(ARRAY[$$' OR true --$$, $$'; DROP TABLE customers; --$$, '$1', '%I', '%1$s', E'\\'' OR 1=1', '$$', repeat('x', 1000)]) AS s;
SELECT is(pages('-preferred_name', 1, 'ada'), '02 01', 'a search has pages');
SET customer_identity.default_region = 'DE';
SELECT is(found('0151 1234507'), '07', 'a national spelling is read in the default region');
SET customer_identity.default_region = 'GB';

-- Filters.
SELECT customer_identity.record_proof('07400 123402', 'u2');
SELECT is(found(NULL, f::jsonb), w, f) FROM (VALUES
  ('{"verified": true}', '02'), ('{"verified": false, "min_orders": 1, "has_users": true}', '01'),
  ('{"min_orders": 3}', '01 02'), ('{"min_spent": 10.000000000000000002}', '02 04'), ('{"min_spent": -5, "min_orders": 0, "has_users": false, "created": {"from": "2026-01-03"}}', '05 07'),
  ('{"created": {"from": "2026-01-02T00:00:00Z", "to": "2026-01-03T00:00:00Z"}}', '04'), ('{"created": {"to": "2026-01-01 00:00:00.000002Z"}}', '01'),
  ('{"created": {}}', pages('created_at', 10)), ('{"created": {"from": null}, "verified": null}', pages('created_at', 10)), ('{}', pages('created_at', 10)),
  ('{"has_users": true}', (SELECT string_agg(right(phone, 2), ' ' ORDER BY created_at) FROM customers WHERE phone ~ '0[12]$')),
  ('{"shared": true}', '02'), ('{"shared": false, "has_users": true}', '01')) AS v (f, w);
SELECT is(found('ada', '{"verified": true}'), '02', 'search and filters together');
SELECT is(jsonb_path_query_array(customer_identity.list_customers(filters => '{"has_users": true}', sort => 'created_at'), '$.items[*].users'), '[1, 2]', 'users are counted');

-- Refused.
SELECT is((f.e).code || (f.e).hint, '22023' || h, s::text) FROM (VALUES
  ($$page_size => 0$$, 'Allowed are 1 to 1000; 50 is the default.'), ($$page_size => 1001$$, 'Allowed are 1 to 1000; 50 is the default.'),
  ($$page_size => -1$$, 'Allowed are 1 to 1000; 50 is the default.'),
  ($$filters => '[]'$$, 'For example: {"verified": true, "min_orders": 2}.'), ($$filters => '"x"'$$, 'For example: {"verified": true, "min_orders": 2}.'),
  ($$filters => '{"verified": "yes"}'$$, 'Allowed: verified is true or false.'), ($$filters => '{"shared": 1}'$$, 'Allowed: shared is true or false.'),
  ($$filters => '{"min_orders": 1.5}'$$, 'Allowed: min_orders is a whole number.'), ($$filters => '{"min_orders": 1e30}'$$, 'Allowed: min_orders is a whole number.'),
  ($$filters => '{"min_spent": "1 OR true"}'$$, 'Allowed: min_spent is a number.'),
  ($$filters => '{"x'') OR true --": true}'$$, 'Allowed: filters are verified, min_orders, min_spent, created, has_users and shared.'),
  ($$filters => '{"created": "2026"}'$$, 'Allowed: created is an object with times from (included) and to (not included), or one of them.'),
  ($$filters => '{"created": {"from": "soon"}}'$$, 'Allowed: created is an object with times from (included) and to (not included), or one of them.'),
  ($$filters => '{"created": {"since": "2026-01-01"}}'$$, 'Allowed: created is an object with times from (included) and to (not included), or one of them.')) AS v (s, h),
  LATERAL (SELECT failure('SELECT customer_identity.list_customers(' || s || ')')) AS f (e);
SELECT is((failure(format('SELECT customer_identity.list_customers(sort => %L)', s))).code, '22023', 'no sort: ' || s)
FROM unnest(ARRAY['phone', 'id', '', '-', '--created_at', 'created_at ', 'CREATED_AT', 'created_at; DROP TABLE customers', 'created_at DESC', 'total_spent, (SELECT 1)', 'notes']) AS s;
SELECT matches((failure($$SELECT customer_identity.list_customers(sort => 'x')$$)).hint, 'created_at, updated_at, preferred_name, total_spent and total_orders', 'the hint names the sorts');
SELECT customer_identity.list_customers(sort => 'created_at', page_size => 1) ->> 'next' AS after \gset
SELECT is((failure(format('SELECT customer_identity.list_customers(%s, after => %L)', a, :'after'))).code, '22023', 'a cursor is not of another list: ' || a)
FROM unnest(ARRAY[$$sort => '-created_at'$$, $$sort => 'updated_at'$$, $$sort => 'created_at', search => 'ada'$$, $$sort => 'created_at', filters => '{"verified": true}'$$]) AS a;
SELECT is((failure(format('SELECT customer_identity.list_customers(sort => ''created_at'', after => %L)', c))).code, '22023', 'no cursor: ' || quote_literal(left(c, 20)))
FROM unnest(ARRAY['', 'x', '====', '%', 'e30', 'bnVsbA', 'W10', :'after' || 'x', left(:'after', 10), reverse(:'after'), repeat('A', 100000), E'\t',
  customer_identity_internal.write_cursor('[null, {}, "created_at"]', '{"key": "x", "id": "00000000-0000-0000-0000-000000000000"}'),
  customer_identity_internal.write_cursor('[null, {}, "created_at"]', '{"key": "2026-01-01", "id": "1'' OR true"}'),
  customer_identity_internal.write_cursor('[null, {}, "created_at"]', '{"key": "2026-01-01"}'),
  customer_identity_internal.write_cursor('[null, {}, "created_at"]', '["key", "id"]')]) AS c;
SELECT matches(:'after'::text, '^[A-Za-z0-9_-]+$', 'a cursor can stand in a URL as it is');
SELECT is((failure(format('SELECT customer_identity.list_customers(sort => ''created_at'', page_size => 2, filters => ''{}'', search => '' '', after => %L)', :'after'))).code, NULL,
  'no search and no filter are the same list however they are written, and so are pages of another size');

-- A book with the narrower types of an application, and hostile names everywhere.
CREATE SCHEMA "Shop's %I";
SET search_path = "Shop's %I", public;
CREATE TABLE customers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), phone text UNIQUE, preferred_name text COLLATE "C", is_phone_verified boolean DEFAULT false,
  total_orders int DEFAULT 0, total_spent decimal(10,2), loyalty_points int DEFAULT 0, notes text, created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now(), "100%$1 ""own""" text);
SELECT customer_identity.create_tables();
CREATE TABLE "user's ""%s""" ("key" int PRIMARY KEY, phone text, email text);
CREATE TABLE members (id uuid PRIMARY KEY, phone text, email text, "createdAt" timestamp);
SELECT customer_identity.attach_users('"user''s ""%s"""');
SELECT customer_identity.attach_users('members');
INSERT INTO "user's ""%s""" VALUES (1, '07400 123401', 'a@x.y'), (2, '07400 123402', 'b@x.y');
INSERT INTO members VALUES (gen_random_uuid(), '07400 123401', 'c@x.y', now());
UPDATE customers SET created_at = '2026-01-01', total_spent = NULL WHERE phone LIKE '%01';
SELECT is(pages('created_at'), '01 02', 'the caller''s search path names the book');
UPDATE customers SET total_spent = 2 WHERE phone LIKE '%02';
SELECT is(pages(s), w, 'a total may be unknown, too: ' || s) FROM (VALUES ('total_spent', '02 01'), ('-total_spent', '02 01')) AS v (s, w);
SELECT is(found('c@x'), '01', 'e-mails of every users table are looked through');
SELECT is(found(NULL, '{"shared": true}'), '01', 'and all their users counted');
SELECT is(found(NULL, '{"created": {"to": "2026-01-02"}}'), '01', 'times without a zone are compared as they are');
SELECT is(phones(customer_identity.list_customers(sort => 'created_at', customers => 'public.customers', page_size => 1)), '01', 'another book can be named');

-- Values.
SELECT is(customer_identity_internal.is_value(t::regtype, v), w, format('%s: %s', t, v)) FROM (VALUES ('bigint', '7', true), ('bigint', 'x', false), ('uuid', '7', false), ('regclass', 'customers', false),
  ('regclass', 'pg_class', true), ('regtype', 'no such type', false), ('date', 'soon', false), ('text', '''', true)) AS v (t, v, w);

-- Filters that few pass are never looked for to the end of an index; those of a sort by totals have its index.
SELECT is(customer_identity_internal.ways_to_find(f::jsonb, s, t, i)::text, w, format('%s by %s, search: %s, index: %s', f, s, t, i))
FROM (VALUES ('{}', 'created_at', false, true, '{"in order"}'), ('{"min_spent": 1}', 'created_at', false, true, '{nearest,nearby,anywhere}'),
  ('{"min_orders": 1}', 'preferred_name', false, true, '{nearest,nearby,anywhere}'), ('{"min_orders": 1}', 'preferred_name', false, false, '{anywhere}'),
  ('{"min_spent": 1}', 'total_spent', false, false, '{"in order"}'), ('{"min_spent": 1}', 'created_at', true, true, '{"in order"}'),
  ('{"has_users": false}', 'total_spent', true, false, '{few,anywhere}'), ('{"has_users": true}', 'created_at', false, true, '{nearest,nearby,anywhere}'),
  ('{"has_users": false}', 'total_spent', false, false, '{anywhere}'), ('{"shared": true}', 'created_at', false, true, '{nearest,nearby,anywhere}'),
  ('{"shared": true, "has_users": true}', 'created_at', false, true, '{nearest,nearby,anywhere}'), ('{"shared": false}', 'created_at', true, true, '{few,nearest,nearby,anywhere}'),
  ('{"shared": true, "verified": true}', 'created_at', false, true, '{nearest,nearby,counted}'), ('{"shared": false, "min_spent": 5}', 'created_at', false, true, '{nearest,nearby,counted}'))
  AS v (f, s, t, i, w);

-- More customers than are looked at one by one: of all of them, who shares a login is found among the users, in any of their tables.
CREATE SCHEMA large;
SET search_path = large, public;
SELECT customer_identity.create_tables();
CREATE TABLE users (id int PRIMARY KEY, phone text, email text);
CREATE TABLE members (id int PRIMARY KEY, phone text, email text);
SELECT customer_identity.attach_users('users');
SELECT customer_identity.attach_users('members');
INSERT INTO customers (phone, created_at) SELECT '+4474003' || lpad(n::text, 5, '0'), timestamptz '2026-01-01' + n * interval '1 s' FROM generate_series(1, 15000) AS n;
INSERT INTO users SELECT n, '+4474003' || lpad(n::text, 5, '0') FROM generate_series(1, 15000) AS n;
INSERT INTO users VALUES (15001, '+447400300007'), (15002, NULL), (15003, NULL);
INSERT INTO members VALUES (1, '+447400300007'), (2, '+447400300009'), (3, '+447400300003');
UPDATE customers SET is_phone_verified = true WHERE phone = '+447400300009';
VACUUM ANALYZE;
CREATE FUNCTION looks() RETURNS bigint LANGUAGE sql AS
  $$SELECT sum(s.idx_scan) FROM pg_stat_xact_user_tables AS s WHERE s.relid IN ('large.users'::regclass, 'large.members'::regclass)$$;
BEGIN;
SELECT looks() AS before \gset
CREATE TEMP TABLE few AS SELECT pages('-created_at', 50, NULL, '{"shared": true}') AS shared;
SELECT looks() - :before AS looks \gset
COMMIT;
SELECT is((SELECT shared FROM few), '09 07 03', 'everybody who has several users is found');
SELECT cmp_ok(:looks::bigint, '<', 12000::bigint, 'without looking for the users of each customer');
SELECT is(pages('created_at', s, NULL, f::jsonb), w, format('pages of %s: %s', s, f))
FROM unnest('{1,2}'::int[]) AS s, (VALUES ('{"shared": true}', '03 07 09'), ('{"shared": true, "verified": false}', '03 07'), ('{"shared": true, "has_users": true}', '03 07 09'),
  ('{"shared": true, "has_users": false}', NULL), ('{"shared": true, "created": {"from": "2026-01-01 00:00:07"}}', '07 09')) AS v (f, w);
SELECT is(phones(customer_identity.list_customers('0740 0300 007', '{"shared": true}')), '07', 'among those whom a search finds as well');
SELECT is(phones(customer_identity.list_customers('0740 03', '{"shared": true}', 'created_at')), '03 07 09', 'and a search that finds many');

-- Of the few whom other conditions leave, the users are looked for one by one.
UPDATE customers SET total_spent = 5 WHERE phone BETWEEN '+447400300003' AND '+447400300005';
BEGIN;
SELECT looks() AS before \gset
CREATE TEMP TABLE spent AS SELECT pages('created_at', 50, NULL, '{"shared": true, "min_spent": 5}') AS shared;
SELECT looks() - :before AS looks \gset
COMMIT;
SELECT is((SELECT shared FROM spent), '03', 'those are found who share a login and spent much');
SELECT cmp_ok(:looks::bigint, '<', 100::bigint, 'without looking for the users of others');
SELECT is(pages('created_at', 1, NULL, f::jsonb), w, format('pages of %s', f))
FROM (VALUES ('{"shared": false, "min_spent": 5}', '04 05'), ('{"shared": true, "min_spent": 6}', NULL), ('{"shared": true, "min_spent": 0}', '03 07 09')) AS v (f, w);
SELECT customer_identity.list_customers(filters => '{"shared": true}') \g /dev/null
SELECT is(current_setting('random_page_cost'), '4', 'and no setting stays behind');

-- Of the few whom a search finds, and in an order that no index has, customers are read once.
CREATE FUNCTION readings() RETURNS bigint LANGUAGE sql AS
  $$SELECT s.seq_tup_read + s.idx_tup_fetch FROM pg_stat_xact_user_tables AS s WHERE s.relid = 'large.customers'::regclass$$;
CREATE FUNCTION readings_of(search text, filters jsonb, sort text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  before constant bigint := readings();
BEGIN
  PERFORM customer_identity.list_customers(search, filters, sort);
  RETURN readings() - before;
END
$$;
SELECT cmp_ok(readings_of(s, f::jsonb, o), '<', m::bigint, format('customers who are read for a list of %s of those found by %s by %s', f, s, o))
FROM (VALUES ('7400300007', '{"shared": true}', 'preferred_name', 16000), ('7400300007', '{"has_users": false}', '-created_at', 16000), (NULL, '{"has_users": false}', '-total_spent', 16000),
  (NULL, '{"has_users": true}', 'created_at', 2000), (NULL, '{"min_spent": 0}', 'created_at', 2000),
  (NULL, '{"created": {"from": "2026-01-01 01:00", "to": "2026-01-01 01:00:05"}, "min_spent": 100}', 'created_at', 100)) AS v (s, f, o, m);

-- Users of another owner's table are not asked for customer by customer.
CREATE ROLE keeper_of_logins;
GRANT USAGE ON SCHEMA large TO keeper_of_logins;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA large TO keeper_of_logins;
ALTER TABLE members OWNER TO keeper_of_logins;
SET track_functions = 'all';
CREATE FUNCTION asked_by(filters jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  asked constant regprocedure := 'customer_identity_internal.users_of_customer(regclass, uuid, regclass)';
  before constant bigint := COALESCE((SELECT calls FROM pg_stat_xact_user_functions WHERE funcid = asked), 0);
BEGIN
  PERFORM customer_identity.list_customers(filters => filters);
  RETURN COALESCE((SELECT calls FROM pg_stat_xact_user_functions WHERE funcid = asked), 0) - before;
END
$$;
SELECT cmp_ok(asked_by(f::jsonb), '<', 3000::bigint, format('how often they are asked for by %s', f)) FROM unnest('{"{\"has_users\": false}", "{\"shared\": true, \"has_users\": false}",
  "{\"has_users\": false, \"verified\": true}", "{\"shared\": true, \"min_spent\": 5}"}'::text[]) AS f;
SELECT is(pages('created_at', 50, NULL, '{"shared": true}'), '03 07 09', 'and those are found who have several');
RESET track_functions;
SELECT is(customer_identity.list_customers(repeat('%', 990)), '{"items": [], "next": null}', 'nor is a long search too long for its functions');

-- More further phones than are looked up one by one.
INSERT INTO customer_phones (customer_id, phone) SELECT id, '+49151' || right(phone, 8) FROM customers WHERE phone < '+447400306001';
SELECT is((SELECT count(*) FROM customers AS c WHERE c.id::text IN (SELECT i ->> 'id' FROM (
    WITH RECURSIVE p AS (SELECT customer_identity.list_customers('49151', sort => 'created_at', page_size => 1000) AS page
      UNION ALL SELECT customer_identity.list_customers('49151', sort => 'created_at', page_size => 1000, after => page ->> 'next') FROM p WHERE page ->> 'next' IS NOT NULL)
    SELECT jsonb_array_elements(page -> 'items') FROM p) AS q (i))), 6000::bigint, 'a search by digits finds everybody, however many');

SELECT * FROM finish();
