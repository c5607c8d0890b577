-- Customers that may be one person: by e-mail, by a number that was mistyped or given up, by columns of the shop's own.
-- Roles are made in a transaction that is rolled back.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE "user" ADD email text;
CREATE FUNCTION pairs(min_score numeric DEFAULT 0.5) RETURNS TABLE (a uuid, b uuid, score numeric, reasons jsonb) LANGUAGE sql AS
  $$SELECT i.* FROM jsonb_to_recordset(customer_identity.duplicate_customers(min_score, 1000) -> 'items') AS i (a uuid, b uuid, score numeric, reasons jsonb)$$;
-- The pairs as texts: their phones' last digits, the score, the reasons.
CREATE FUNCTION listed() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', LEAST(right(x.phone, 4), right(y.phone, 4)), GREATEST(right(x.phone, 4), right(y.phone, 4)), p.score, p.reasons)
  FROM pairs() p JOIN customers x ON x.id = p.a JOIN customers y ON y.id = p.b $$;

SELECT is(customer_identity.duplicate_customers(), '{"items": [], "next": null}', 'an empty shop has none');

-- Typing errors, against a slow and simple list of all that can be mistyped.
CREATE FUNCTION mistyped(phone text) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
  SELECT v FROM generate_series(2, length(phone)) i, LATERAL (
    SELECT overlay(phone PLACING d::text FROM i FOR 1) FROM generate_series(0, 9) d
    UNION ALL SELECT overlay(phone PLACING '' FROM i FOR 1)
    UNION ALL SELECT overlay(phone PLACING substr(phone, i, 1) || substr(phone, i, 1) FROM i FOR 1)
    UNION ALL SELECT overlay(phone PLACING substr(phone, i + 1, 1) || substr(phone, i, 1) FROM i FOR 2) WHERE i < length(phone)) AS m (v)
  WHERE v <> phone $$;
CREATE TABLE sample AS
SELECT row_number() OVER (ORDER BY hashtext(phone), phone)::int AS n, phone
FROM (
  SELECT DISTINCT m AS phone
  FROM unnest('{+4915123456789,+447400123401,+12125550187,+33123456789,+3761123,+494011223344}'::text[]) AS base, mistyped(base) AS m
  UNION
  SELECT '+49151' || (10000000 + (hashint4(g) & 8388607)) FROM generate_series(1, 300) g
) AS s;
CREATE FUNCTION found_in_sample() RETURNS TABLE (a text, b text) LANGUAGE sql AS $$
  SELECT DISTINCT LEAST(x.phone COLLATE "C", y.phone), GREATEST(x.phone COLLATE "C", y.phone)
  FROM customer_identity_internal.typing_errors((SELECT array_agg(phone ORDER BY n) FROM sample)) t
  JOIN sample x ON x.n = t.a JOIN sample y ON y.n = t.b $$;
CREATE TABLE expected AS
SELECT DISTINCT LEAST(x.phone COLLATE "C", y.phone) AS a, GREATEST(x.phone COLLATE "C", y.phone) AS b
FROM sample x CROSS JOIN LATERAL mistyped(x.phone) m JOIN sample y ON y.phone = m;
SELECT cmp_ok(count(*), '>', 3000::bigint, 'pairs were mistyped') FROM expected;
SELECT is_empty('SELECT * FROM expected EXCEPT SELECT * FROM found_in_sample()', 'every typing error is found');
-- Whoever leaves any digit out, or adds any, has dropped one of the other's.
SELECT is_empty($$
  SELECT * FROM found_in_sample() AS f
  WHERE length(a) = length(b) AND (a, b) NOT IN (SELECT a, b FROM expected)
    OR abs(length(a) - length(b)) > 1
    OR length(a) < length(b) AND a NOT IN (SELECT mistyped(b)) OR length(b) < length(a) AND b NOT IN (SELECT mistyped(a))
$$, 'and nothing else');
SELECT is_empty($$SELECT * FROM customer_identity_internal.typing_errors('{}')$$, 'no phones, no errors');
SELECT is_empty($$SELECT * FROM customer_identity_internal.typing_errors(ARRAY[NULL, '', '+4915123456789', repeat('1', 1000)])$$, 'nor from what is no phone');

-- Of customers, by name and number.
INSERT INTO customers (phone, preferred_name) VALUES
  ('+447400120001', 'Zoë  Weber'), ('+447400120002', ' zoe weber '), ('+447400120003', 'Max Weber'), ('+447400129999', 'Zoe Weber'),
  ('+447400130001', NULL), ('+447400130002', NULL), ('+447400140001', ' '), ('+447400140002', '');
SELECT results_eq('SELECT listed()', ARRAY['0001 0002 0.8 ["typing_error"]'], 'a name in another spelling, and one wrong digit');
INSERT INTO "user" (id, name, phone) VALUES ('n1', 'Kim Noor', '07400 130001'), ('n2', 'KIM NOOR', '07400 130002');
UPDATE customers SET preferred_name = NULL WHERE phone LIKE '+447400130%';
SELECT bag_eq('SELECT listed()', ARRAY['0001 0002 0.8 ["typing_error"]', '0001 0002 0.8 ["typing_error"]'], 'the name of a login stands in for one that is missing');
INSERT INTO customers (phone, preferred_name) SELECT '+44740015' || n, 'Max Weber' FROM unnest('{1001,1002}'::text[]) AS n;
SET session_replication_role = replica;
INSERT INTO customer_phones (customer_id, phone) SELECT c.id, '+4479' || 10000000 + 11 * n FROM customers AS c, generate_series(1, 10001) AS n WHERE c.phone = '+447400120003';
INSERT INTO "user" (id, name, customer_id) SELECT 'many' || n, 'Max Weber', c.id FROM customers AS c, generate_series(1, 10001) AS n WHERE c.phone = '+447400120003';
RESET session_replication_role;
SELECT set_has('SELECT listed()', $$VALUES ('1001 1002 0.8 ["typing_error"]')$$, 'one customer with ten thousand phones hides no other of the name');
DELETE FROM customer_phones;
UPDATE customers SET preferred_name = NULL WHERE phone = '+447400120003';
SELECT set_has('SELECT listed()', $$VALUES ('1001 1002 0.8 ["typing_error"]')$$, 'nor does one with ten thousand logins');
UPDATE "user" SET name = 'Kim Noor' WHERE id = 'many1';
INSERT INTO customers (phone, preferred_name) VALUES ('+447400120013', 'Kim Noor');
SELECT set_has('SELECT listed()', $$VALUES ('0003 0013 0.8 ["typing_error"]')$$, 'each name of a customer''s logins counts');
UPDATE "user" SET name = 'Name ' || id WHERE id LIKE 'many_' AND id <> 'many1';
SELECT set_has('SELECT listed()', $$VALUES ('0003 0013 0.8 ["typing_error"]')$$, 'of ten');
UPDATE "user" SET name = 'Name ' || id WHERE id LIKE 'many1_';
SELECT is(count(*), 0::bigint, 'more are none') FROM listed() WHERE listed LIKE '0003 0013 %';
DELETE FROM "user";
DELETE FROM customers;

-- Numbers that somebody has given up.
INSERT INTO customers (phone, preferred_name) VALUES
  ('+447400120010', 'Ada'), ('+447400125511', 'ADA'), ('+447400126622', 'Bob'),
  ('+447400120030', 'Cid'), ('+447400125533', 'Cid'), ('+447400120040', 'Dan'), ('+447400125544', 'Dan');
INSERT INTO customer_phones (customer_id, phone, until) SELECT id, p, now() FROM customers, unnest('{+447400125511,+447400126622}'::text[]) p WHERE phone = '+447400120010';
INSERT INTO phone_proofs (customer_id, phone, method, ended_at) SELECT id, '+447400125533', 'external', now() FROM customers WHERE phone = '+447400120030';
INSERT INTO customer_events (customer_id, event, details) SELECT id, 'phone_changed', '{"old": "+447400125544"}' FROM customers WHERE phone = '+447400120040';
SELECT bag_eq('SELECT listed()', ARRAY['0010 5511 0.9 ["former_phone"]', '0030 5533 0.9 ["former_phone"]', '0040 5544 0.9 ["former_phone"]'],
  'a former number, a proof and an event tell of who had it, of the same name');
INSERT INTO customer_phones (customer_id, phone) SELECT id, '+447400127777' FROM customers WHERE phone = '+447400126622';
UPDATE customers SET preferred_name = 'Ada' WHERE phone = '+447400126622';
INSERT INTO customer_phones (customer_id, phone, until) SELECT id, '+447400127777', now() FROM customers WHERE phone = '+447400120010';
SELECT set_has('SELECT listed()', $$VALUES ('0010 6622 0.9 ["former_phone"]')$$, 'a number may be a further one now');
DELETE FROM customers;

-- E-mails.
INSERT INTO "user" (id, name, phone, email) VALUES
  ('a', 'Ada', '07400 120001', 'Ada@Shop.example'), ('b', 'Bob', '07400 125502', ' ada@shop.example '), ('c', 'ada', '07400 128803', 'ada@shop.example'),
  ('d', 'Eve', '07400 121104', 'n/a'), ('e', 'Eva', '07400 122205', 'n/a'), ('a2', 'Ada', '07400 120001', 'other@shop.example'), ('f', 'Fay', NULL, 'other@shop.example');
SELECT bag_eq('SELECT listed()', ARRAY['0001 5502 0.7 ["email"]', '0001 8803 0.85 ["email", "name"]', '5502 8803 0.7 ["email"]'],
  'the same e-mail, whatever case and blanks; the same name adds to it');
INSERT INTO "user" (id, name, phone, email) SELECT 'p' || n, 'P' || n, '07400 2' || n * 7919, 'info@shop.example' FROM generate_series(2, 11) n;
SELECT is(count(*), 45::bigint, 'ten with one e-mail are compared') FROM pairs() WHERE reasons ? 'email' AND a NOT IN (SELECT customer_id FROM "user" WHERE id IN ('a', 'b', 'c'));
INSERT INTO "user" (id, name, phone, email) VALUES ('p12', 'P12', '07400 299123', 'info@shop.example');
SELECT is(count(*), 3::bigint, 'more than ten share one that names nobody') FROM pairs();

-- Pages.
DELETE FROM "user" WHERE id = 'p12';
CREATE TABLE pages (n int, page jsonb);
INSERT INTO pages SELECT 1, customer_identity.duplicate_customers(0.6, 7);
DO $$
BEGIN
  FOR i IN 1..20 LOOP
    EXIT WHEN (SELECT page ->> 'next' FROM pages WHERE n = i) IS NULL;
    INSERT INTO pages SELECT i + 1, customer_identity.duplicate_customers(min_score => 0.60, page_size => 7, after => page ->> 'next') FROM pages WHERE n = i;
  END LOOP;
END $$;
SELECT is((SELECT array_agg(i ORDER BY n, o) FROM pages, jsonb_array_elements(page -> 'items') WITH ORDINALITY AS e (i, o)),
  (SELECT array_agg(i) FROM jsonb_array_elements(customer_identity.duplicate_customers(0.6, 1000) -> 'items') AS i), 'pages make up the list');
SELECT is(count(*), 7::bigint, 'seven at a time') FROM pages;
SELECT throws_ok($$SELECT customer_identity.duplicate_customers(after => 'x')$$, '22023', NULL, 'another text is no cursor');
SELECT throws_ok($$SELECT customer_identity.duplicate_customers(0.7, after => page ->> 'next') FROM pages WHERE n = 1$$, '22023', NULL, 'nor is another list''s');
SELECT throws_ok($$SELECT customer_identity.duplicate_customers(after => customer_identity_internal.write_cursor(
  '["duplicates", 0.5, []]', format('{"key": "0.5", "id": "%s", "other": "x"}', gen_random_uuid())::jsonb))$$, '22023', NULL, 'nor one that was made up');
SELECT throws_ok(format('SELECT customer_identity.duplicate_customers(page_size => %s)', n), '22023', NULL, format('no pages of %s', n)) FROM unnest('{-1,0,1001}'::int[]) n;
SELECT is(customer_identity.duplicate_customers(NULL, NULL, NULL), customer_identity.duplicate_customers(), 'NULLs are the defaults');
SELECT is((SELECT array_agg(DISTINCT score) FROM pairs(0.71)), '{0.85}', 'a minimum score');
SELECT is(count(*), 0::bigint, 'that nobody reaches') FROM pairs('NaN');
SELECT is_empty('SELECT FROM pairs(-1) WHERE a >= b', 'a comes before b');

-- Columns of the shop's own, in any table.
DELETE FROM "user";
DELETE FROM customers;
CREATE TYPE mood AS ENUM ('fine', 'tired');
ALTER TABLE customers ADD "homeAddress" text, ADD tags jsonb, ADD parts mood[];
ALTER TABLE orders ADD device uuid;
INSERT INTO customers (phone, "homeAddress", tags, parts) VALUES ('+447400120001', 'Weg 1', '{"a": 1, "b": 2}', '{fine}'),
  ('+447400125502', ' weg  1', '{"b": 2, "a": 1}', '{tired}'), ('+447400128803', '', '[]', '{fine}'), ('+447400128877', '', NULL, NULL);
INSERT INTO orders (phone, total, device) VALUES ('07400 120001', 1, md5('x')::uuid), ('07400 120001', 1, md5('x')::uuid), ('07400 128803', 1, md5('x')::uuid);
SELECT is_empty('SELECT * FROM pairs(0)', 'none is compared until it is named');
SET customer_identity.match_columns = ' homeAddress , tags,parts,device';
SELECT bag_eq('SELECT listed()', ARRAY['0001 5502 0.75 ["column:homeAddress", "column:tags"]', '0001 8803 0.75 ["column:device", "column:parts"]'],
  'text, json, arrays and uuids, of customers and of orders');
SET customer_identity.match_columns = 'homeAddress,nowhere';
SELECT is((failure('SELECT customer_identity.duplicate_customers()')).code, '22023', 'a column that no table has is an error');
SELECT throws_ok(format('SET customer_identity.match_columns = %L', list), '22023', NULL, format('%L is no list', left(list, 10)))
FROM unnest(ARRAY[',', 'a,', ',a', 'a,,b', ' ', repeat('a', 2001)]) AS list;
SET customer_identity.match_columns = 'ctid';
SELECT is((failure('SELECT customer_identity.duplicate_customers()')).code, '22023', 'nor is a column of the system one');
SET customer_identity.match_columns = $$it's $1 "odd" %s$$;
ALTER TABLE "user" ADD "it's $1 ""odd"" %s" text;
INSERT INTO "user" (id, phone, "it's $1 ""odd"" %s") VALUES ('q', '07400 120001', 'v'), ('r', '07400 128877', 'V');
SELECT is(count(*), 1::bigint, 'whatever a column is called') FROM pairs();
RESET customer_identity.match_columns;

-- Two people.
SELECT id AS ada FROM customers WHERE phone = '+447400120001' \gset
SELECT id AS bob FROM customers WHERE phone = '+447400125502' \gset
SET customer_identity.match_columns = 'homeAddress';
SELECT is(count(*), 1::bigint, 'a pair') FROM pairs();
SELECT customer_identity.dismiss_duplicate(GREATEST(:'ada', :'bob')::uuid, LEAST(:'ada', :'bob')::uuid, 'kim', 'brothers');
SELECT is(count(*), 0::bigint, 'that was dismissed is not listed') FROM pairs();
SELECT results_eq('SELECT a, b, actor, reason FROM duplicate_dismissals', format('SELECT LEAST(%L::uuid, %L), GREATEST(%1$L::uuid, %2$L), ''kim'', ''brothers''', :'ada', :'bob'),
  'whatever the order');
SELECT is(array_agg((customer_identity.customer_history(id) -> 0) - 'at' ORDER BY phone),
  ARRAY[jsonb_build_object('event', 'duplicate_dismissed', 'actor', 'kim', 'details', jsonb_build_object('other', :'bob', 'reason', 'brothers')),
    jsonb_build_object('event', 'duplicate_dismissed', 'actor', 'kim', 'details', jsonb_build_object('other', :'ada', 'reason', 'brothers'))], 'and both histories tell')
FROM customers WHERE id IN (:'ada', :'bob');
SELECT lives_ok(format('SELECT customer_identity.dismiss_duplicate(%L, %L)', :'ada', :'bob'), 'twice is once');
SELECT is(count(*), 2::bigint, 'in the history as well') FROM customer_events WHERE event = 'duplicate_dismissed';
SELECT throws_ok(format('SELECT customer_identity.dismiss_duplicate(%L, %L)', :'ada', x), code, NULL, format('not with %s', x))
FROM (VALUES (:'ada', '22023'), (NULL, '22023'), ('00000000-0000-0000-0000-000000000000', 'P0002')) AS v (x, code);
DELETE FROM duplicate_dismissals;
SELECT is(count(*), 1::bigint, 'a dismissal that is deleted is forgotten') FROM pairs();

-- A book of an earlier version.
SAVEPOINT earlier;
DROP TABLE customer_phones, phone_rules, duplicate_dismissals, customer_events, phone_proofs;
SELECT is(count(*), 1::bigint, 'pairs are found in a book without the later tables') FROM pairs();
SELECT is((failure(format('SELECT customer_identity.dismiss_duplicate(%L, %L)', :'ada', :'bob'))).code, 'CI003', 'which cannot keep a dismissal');
ROLLBACK TO earlier;

-- Rights.
CREATE ROLE clerk;
CREATE ROLE stranger;
CREATE ROLE pairs_keeper;
CREATE ROLE packer;
SET ROLE stranger;
SELECT throws_ok('SELECT customer_identity.duplicate_customers()', '42501', NULL, 'a stranger may not list duplicates');
SELECT throws_ok(format('SELECT customer_identity.dismiss_duplicate(%L, %L)', :'ada', :'bob'), '42501', NULL, 'nor dismiss them');
RESET ROLE;
GRANT EXECUTE ON FUNCTION customer_identity.duplicate_customers, customer_identity.dismiss_duplicate TO clerk;
SELECT format('ALTER TABLE %I OWNER TO pairs_keeper', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace
  AND relname = ANY ('{customers,phone_proofs,loyalty_entries,customer_events,customer_phones,phone_rules,customer_merges,duplicate_dismissals}') \gexec
GRANT USAGE ON SCHEMA public TO pairs_keeper, packer;
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs TO packer;
SET ROLE clerk;
SELECT is((failure('SELECT customer_identity.duplicate_customers()')).code, '42501', 'tables that the owner of the book may not read are not read for others');
RESET ROLE;
ALTER TABLE "user" OWNER TO packer;
ALTER TABLE orders OWNER TO packer;
GRANT SELECT ON "user", orders TO pairs_keeper;
-- Code of the owner of an attached table runs as that owner.
CREATE FUNCTION peek() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
CREATE TYPE trap AS ENUM ('left', 'right');
CREATE FUNCTION spring(trap) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
CREATE CAST (trap AS text) WITH FUNCTION spring(trap) AS IMPLICIT;
ALTER TABLE orders ADD trap trap;
UPDATE orders SET trap = 'left';
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY peek ON orders USING (peek());
SET ROLE clerk;
SET customer_identity.match_columns = 'trap';
SELECT is((failure('SELECT customer_identity.duplicate_customers()')).code, '42501', 'a policy that hides rows from the owner of the book is obeyed, and not run');
RESET ROLE;
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
SET ROLE clerk;
SELECT is(customer_identity.duplicate_customers() #> '{items,0,reasons}', '["column:trap"]', 'EXECUTE is enough; each table is read as its own owner, by the output of its types');
SELECT lives_ok($$SELECT customer_identity.dismiss_duplicate((i ->> 'b')::uuid, (i ->> 'a')::uuid)
  FROM jsonb_array_elements(customer_identity.duplicate_customers() -> 'items') i$$, 'and dismissed');
SELECT throws_ok('SELECT * FROM duplicate_dismissals', '42501', NULL, 'without a right on the tables');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
