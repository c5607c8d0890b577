-- Set-ups that would link or count nothing are refused, and what later makes them so is reported.
\ir shop.psql
SELECT * FROM no_plan();
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION ltree;

CREATE FUNCTION found(about text) RETURNS SETOF text LANGUAGE sql AS
  $$SELECT concat_ws(' ', severity, finding) FROM customer_identity.check_setup() WHERE object = about ORDER BY 1$$;

-- Columns for phones and regions, of types of every kind.
CREATE TYPE country AS ENUM ('DE', 'GB');
CREATE TYPE pair AS (phone text);
CREATE TYPE span AS RANGE (subtype = text);
CREATE DOMAIN note AS text;
CREATE DOMAIN short_note AS varchar(20) CHECK (VALUE ~ '^[+0-9 ]*$');
CREATE DOMAIN digits AS bigint;
CREATE DOMAIN price AS numeric(20, 2);
CREATE DOMAIN document AS jsonb;
CREATE DOMAIN land AS country;
CREATE TABLE types (type text PRIMARY KEY, phone boolean, region boolean);
INSERT INTO types VALUES
  ('text', true, true), ('varchar', true, true), ('varchar(20)', true, true), ('char(20)', true, true), ('bpchar', true, true), ('citext', true, true),
  ('name', true, true), ('note', true, true), ('short_note', true, true), ('bigint', true, false), ('numeric', true, false), ('numeric(20)', true, false),
  ('digits', true, false), ('country', false, true), ('land', false, true),
  ('numeric(20, 2)', false, false), ('numeric(20, -2)', false, false), ('price', false, false), ('integer', false, false), ('smallint', false, false),
  ('real', false, false), ('float8', false, false), ('money', false, false), ('oid', false, false), ('boolean', false, false), ('json', false, false),
  ('jsonb', false, false), ('document', false, false), ('xml', false, false), ('bytea', false, false), ('text[]', false, false), ('note[]', false, false),
  ('pair', false, false), ('span', false, false), ('hstore', false, false), ('ltree', false, false), ('uuid', false, false), ('inet', false, false),
  ('"char"', false, false), ('date', false, false), ('timestamptz', false, false), ('interval', false, false), ('bit(20)', false, false),
  ('tsvector', false, false), ('point', false, false), ('int4range', false, false), ('regclass', false, false);
CREATE FUNCTION of_types(holds text, statement text) RETURNS TABLE (type text, code text, message text) LANGUAGE plpgsql AS $$
BEGIN
  FOR type IN SELECT t.type FROM types AS t LOOP
    EXECUTE format('CREATE TABLE tried (id int PRIMARY KEY, phone %s, total numeric)', CASE holds WHEN 'phone' THEN type ELSE 'text, region ' || type END);
    SELECT f.code, f.message INTO code, message FROM failure(statement) AS f;
    RETURN NEXT;
    DROP TABLE tried;
  END LOOP;
END $$;
SELECT is(code, CASE WHEN t.phone THEN NULL ELSE '42804' END, format('%s for phones of %s', s.kind, type))
FROM (VALUES ('users', $$SELECT customer_identity.attach_users('tried')$$), ('orders', $$SELECT customer_identity.attach_orders('tried')$$)) AS s (kind, statement)
CROSS JOIN LATERAL of_types('phone', s.statement) JOIN types t USING (type);
SELECT is(code, CASE WHEN t.region THEN NULL ELSE '42804' END, format('%s for regions of %s', s.kind, type))
FROM (VALUES ('users', $$SELECT customer_identity.attach_users('tried', region_column => 'region')$$),
  ('orders', $$SELECT customer_identity.attach_orders('tried', region_column => 'region')$$)) AS s (kind, statement)
CROSS JOIN LATERAL of_types('region', s.statement) JOIN types t USING (type);

-- What fits is read.
CREATE TABLE read (id int PRIMARY KEY, a bigint, b numeric, c citext, d short_note, e char(30), country land);
SELECT customer_identity.attach_users('read', ARRAY[p], region_column => 'country') FROM unnest('{a,b,c,d,e}'::text[]) WITH ORDINALITY AS u (p, n) WHERE n = 1;
SELECT customer_identity.attach_users('read', '{a,b,c,d,e}', region_column => 'country');
INSERT INTO read (id, a, country) VALUES (1, 4915123456781, 'DE');
INSERT INTO read (id, b, country) VALUES (2, 15123456782, 'DE');
INSERT INTO read (id, c) VALUES (3, '+4915123456783');
INSERT INTO read (id, d) VALUES (4, '+49 151 23456784');
INSERT INTO read (id, e, country) VALUES (5, '0151 23456785', 'DE');
SELECT is(count(DISTINCT customer_id), 5::bigint, 'phones of every type') FROM read;

-- A type that changes later is reported, and the next row says so.
CREATE TABLE changing (id int PRIMARY KEY, phone text, region text, total numeric);
CREATE FUNCTION after_change(attach text, change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  EXECUTE attach;
  EXECUTE change;
  SELECT string_agg(f, '; ') || ' / ' || (failure('INSERT INTO changing (id) VALUES (1)')).code INTO result FROM found('public.changing') AS f;
  RAISE EXCEPTION '%', result;
END $$;
SELECT is((failure(format('SELECT after_change(%L, %L)', a, c))).message, 'error ' || wanted || ' / CI007', a || c)
FROM unnest(ARRAY[$$SELECT customer_identity.attach_users('changing', region_column => 'region')$$,
  $$SELECT customer_identity.attach_orders('changing', region_column => 'region')$$]) AS a
CROSS JOIN (VALUES
  ('ALTER TABLE changing ALTER phone TYPE jsonb USING NULL', 'column phone is jsonb and cannot hold a phone'),
  ('ALTER TABLE changing ALTER phone TYPE integer USING NULL', 'column phone is integer and cannot hold a phone'),
  ('ALTER TABLE changing ALTER region TYPE bytea USING NULL', 'column region is bytea and cannot hold a region')) AS v (c, wanted);
SELECT is((failure(format('SELECT after_change(%L, %L)', $$SELECT customer_identity.attach_users('changing')$$,
  'ALTER TABLE changing DROP CONSTRAINT changing_customer_id_fkey, ALTER customer_id TYPE text'))).message,
  'error column customer_id is text, not uuid: writing fails with CI007 / CI007', 'a customer that is no uuid');

-- Statuses and cash values, in columns of every kind.
CREATE TYPE state AS ENUM ('open', 'paid', 'it''s');
CREATE DOMAIN order_state AS state;
CREATE DOMAIN word AS text CHECK (VALUE IN ('open', 'paid'));
CREATE DOMAIN flag AS boolean NOT NULL;
CREATE TABLE held (type text, given text, holds boolean);
INSERT INTO held
SELECT t.type, v.given, v.given = ANY (t.holds)
FROM (VALUES
  ('text', '{paid,Paid," paid","paid ",payed,"it''s",true,t,1,01,1.0,"",é,"{paid}","\"paid\""}'::text[]),
  ('varchar(4)', '{paid,Paid,"it''s",true,t,1,01,1.0,"",é}'),
  ('char(5)', '{paid,Paid," paid",payed,"it''s",true,t,1,01,1.0,"",é}'),
  ('state', '{paid,"it''s"}'), ('order_state', '{paid,"it''s"}'), ('word', '{paid}'), ('boolean', '{true}'), ('flag', '{true}'),
  ('integer', '{1}'), ('numeric', '{1,1.0}'), ('numeric(3, 1)', '{1.0}'), ('text[]', '{"{paid}"}'), ('jsonb', '{true,1,1.0,"\"paid\""}'),
  ('json', '{true,1,1.0,"\"paid\""}'), ('uuid', '{}'), ('date', '{}'), ('pair', '{}')
) AS t (type, holds)
CROSS JOIN unnest('{paid,Paid," paid","paid ",payed,"it''s",true,t,1,01,1.0,"",é,"{paid}","\"paid\""}'::text[]) AS v (given);
CREATE FUNCTION attached_with(type text, options text) RETURNS TABLE (code text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE tried (id int PRIMARY KEY, phone text, total numeric, state %s)', type);
  RETURN QUERY SELECT f.code, f.message, f.hint FROM failure(format('SELECT customer_identity.attach_orders(''tried'', %s)', options)) AS f;
  DROP TABLE tried;
END $$;
SELECT is_empty($$
  SELECT type, given, holds, f.* FROM held
  CROSS JOIN LATERAL attached_with(type, format('status_column => ''state'', counted_statuses => ARRAY[%L]', given)) AS f
  WHERE f.code IS DISTINCT FROM CASE WHEN holds THEN NULL ELSE '22023' END
    OR position(quote_literal(given) IN f.message) = 0$$, 'a status is refused that no row can have, and no other');
SELECT is_empty($$
  SELECT type, given, holds, f.* FROM held
  CROSS JOIN LATERAL attached_with(type, format('payment_column => ''state'', cod_values => ARRAY[%L]', given)) AS f
  WHERE f.code IS DISTINCT FROM CASE WHEN holds THEN NULL ELSE '22023' END$$, 'so are cash values');
SELECT is(f.message || ' ' || f.hint, 'column state of public.tried cannot hold ''t'', ''yes'' Choose the values of counted_statuses => ''{...}'' from: ''true'', ''false''.',
  'the ones and the possible ones') FROM attached_with('flag', $$status_column => 'state', counted_statuses => '{t,true,yes}'$$) AS f;
SELECT is(f.hint, 'Choose the values of cod_values => ''{...}'' from: SELECT DISTINCT state::text FROM public.tried.', 'or where to look')
FROM attached_with('word', $$payment_column => 'state', cod_values => '{cash}'$$) AS f;
SELECT is(f.code, '22023', 'no value at all: ' || o) FROM unnest(ARRAY[
  $$status_column => 'state', counted_statuses => '{}'$$, $$status_column => 'state', counted_statuses => '{NULL}'$$,
  $$status_column => 'state', counted_statuses => '{paid,NULL}'$$, $$payment_column => 'state', cod_values => '{}'$$,
  $$counted_statuses => '{paid}'$$, $$status_column => 'state'$$, $$payment_column => 'state'$$, $$cod_values => '{cash}'$$]) AS o
CROSS JOIN LATERAL attached_with('text', o) AS f;
BEGIN;
ALTER TYPE state ADD VALUE 'sent';
SELECT is(f.code, NULL, 'a value that this transaction has added') FROM attached_with('state', $$status_column => 'state', counted_statuses => '{sent}'$$) AS f;
ROLLBACK;

-- What a table's own domain checks runs as the table's owner.
CREATE ROLE domains_owner;
GRANT CREATE ON SCHEMA public TO domains_owner;
GRANT USAGE, CREATE ON SCHEMA public TO domains_owner;
GRANT SELECT, INSERT, UPDATE, REFERENCES ON customers, phone_proofs TO domains_owner;
SET ROLE domains_owner;
CREATE FUNCTION is_me() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN current_user = 'domains_owner'; END$$;
CREATE DOMAIN trap AS text CHECK (is_me());
CREATE TABLE trapped (id int PRIMARY KEY, phone text, total numeric, state trap);
RESET ROLE;
SELECT lives_ok($$SELECT customer_identity.attach_orders('trapped', status_column => 'state', counted_statuses => '{paid}')$$, 'a domain that runs a function is asked as that role');
SELECT is_empty($$SELECT found('public.trapped')$$, 'by check_setup as well');
SELECT customer_identity.detach('trapped');
DROP OWNED BY domains_owner CASCADE;
DROP ROLE domains_owner;

-- A column that changes its type, or a type that changes, after the table was attached.
CREATE TABLE parcels (id int PRIMARY KEY, phone text, total numeric, state state);
SELECT customer_identity.attach_orders('parcels', status_column => 'state', counted_statuses => '{paid}');
BEGIN;
ALTER TABLE parcels ALTER state TYPE boolean USING true;
SELECT is(found('public.parcels'), 'error column state cannot hold ''paid'', which counted_statuses names: no such order counts', 'a status that became a flag');
ROLLBACK;
BEGIN;
ALTER TABLE parcels ALTER state TYPE varchar(3) USING 'pai';
SELECT is(found('public.parcels'), 'error column state cannot hold ''paid'', which counted_statuses names: no such order counts', 'or too short');
ROLLBACK;
BEGIN;
DROP TYPE state CASCADE;
CREATE TYPE state AS ENUM ('open', 'settled');
ALTER TABLE parcels ADD state state;
SELECT is(found('public.parcels'), 'error column state cannot hold ''paid'', which counted_statuses names: no such order counts', 'or a type made anew');
ROLLBACK;
ALTER TYPE state RENAME VALUE 'paid' TO 'completed';
INSERT INTO parcels VALUES (1, '07400 123409', 5, 'completed');
SELECT is(totals('+447400123409'), '1 / 5 / 5', 'a renamed status counts on');
SELECT ok(found LIKE 'error %paid%completed%', 'and is reported') FROM found('public.parcels');
SELECT matches(what_to_do, $$counted_statuses => ARRAY\['completed'\]$$, 'with the call that names it')
FROM customer_identity.check_setup() WHERE object = 'public.parcels';

-- Statuses that rows have in another case, or none has.
CREATE TABLE slips (id int PRIMARY KEY, phone text, total numeric, state text, pay text);
SELECT customer_identity.attach_orders('slips', status_column => 'state', counted_statuses => '{paid}', payment_column => 'pay', cod_values => '{cash}');
INSERT INTO slips SELECT n, NULL, 1, 'open', 'card' FROM generate_series(1, 99) AS n;
SELECT is_empty($$SELECT found('public.slips')$$, 'few orders say nothing');
INSERT INTO slips VALUES (100, NULL, 1, 'open', 'card');
SELECT is(found('public.slips'), 'warning none of 100 orders has a status that counts', 'a hundred do');
UPDATE slips SET state = ' Paid' WHERE id = 5;
SELECT is(found('public.slips'), 'warning column state holds '' Paid'', which counted_statuses names in another case or with other blanks', 'a slip');
UPDATE slips SET state = 'paid' WHERE id < 6;
SELECT is_empty($$SELECT found('public.slips')$$, 'that was corrected');
UPDATE slips SET pay = 'CASH' WHERE id = 7;
SELECT is(found('public.slips'), 'warning column pay holds ''CASH'', which cod_values names in another case or with other blanks', 'a slip in payments');
DROP TABLE slips;

-- Counts stop at ten thousand, and say so.
BEGIN;
INSERT INTO customers (phone, is_phone_verified) SELECT '+4915' || 100000000 + n, true FROM generate_series(1, 10001) AS n;
SELECT matches(string_agg(found, ' '), 'without a live proof .*: at least 10,000$', 'customers as well') FROM found('public.customers');
ROLLBACK;
CREATE TABLE many (id int PRIMARY KEY, phone text);
INSERT INTO many SELECT n, CASE WHEN n <= 3000 THEN '07400 123409' ELSE 'junk' END FROM generate_series(1, 9999) AS n;
SELECT customer_identity.attach_users('many');
SELECT set_eq($$SELECT found('public.many')$$, ARRAY['warning rows without a customer that could have one: 3000',
  'info rows without a customer whose phone cannot be read: 6999 (not_a_number 6999)'], 'just below');
ALTER TABLE many DISABLE TRIGGER USER;
INSERT INTO many SELECT n, 'junk' FROM generate_series(10000, 10002) AS n;
ALTER TABLE many ENABLE TRIGGER USER;
SELECT set_eq($$SELECT found('public.many')$$, ARRAY['warning rows without a customer that could have one: at least 3,000',
  'info rows without a customer whose phone cannot be read: at least 7,000 (not_a_number 7000)'], 'above');
DROP TABLE many;
SELECT * FROM finish();
