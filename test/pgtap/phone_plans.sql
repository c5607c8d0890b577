-- Numbering plans: which ones are in force, what is wrong with a file, and what a change of plans does to a book.
\ir shop.psql
SELECT current_database() AS database, current_user AS superuser \gset
ALTER DATABASE :"database" SET customer_identity.numbering_plans = library;
\connect - :superuser
CREATE TABLE elsewhere AS SELECT source FROM customer_identity.phone_plans();
ALTER DATABASE :"database" RESET customer_identity.numbering_plans;
\connect - :superuser
SELECT * FROM no_plan();
SET customer_identity.default_region = 'GB';
SET client_min_messages = error;  -- each session warns of a file that it cannot use

SELECT setting || '/extension/customer_identity_plans.bin' AS shipped FROM pg_config() WHERE name = 'SHAREDIR' \gset
CREATE FUNCTION source() RETURNS text LANGUAGE sql AS 'SELECT source FROM customer_identity.phone_plans()';

SELECT is((SELECT count(*) FROM customer_identity.phone_plans()), 1::bigint, 'there is one row');
SELECT matches(source(), '^npm google-libphonenumber \d', 'the plans of the file are in force');
SELECT ok(date >= '2026-09-29' AND date <= current_date + 1 AND countries >= 245 AND calling_codes >= 215 AND licence LIKE 'Apache-2.0%'
    AND problem IS NULL, 'it says how old they are, what they cover, and whose they are')
FROM customer_identity.phone_plans();
SELECT is(format('%s %s', context, boot_val), 'superuser newest', 'a superuser chooses them')
FROM pg_settings WHERE name = 'customer_identity.numbering_plans';

-- Numbers that opened last, which the file names: an older library does not have all of them.
CREATE TABLE opened AS
SELECT m[1] AS phone
FROM regexp_matches(encode(pg_read_binary_file(:'shipped', 0, 2000), 'escape'), '\+\d{7,15}', 'g') AS m;
SET customer_identity.numbering_plans = library;
DELETE FROM opened WHERE customer_identity.normalize_phone(phone) IS NOT NULL;
SELECT cmp_ok((SELECT count(*) FROM opened), '>', 0::bigint, 'the library lacks some of the numbers');
SELECT is(source(), 'the installed libphonenumber', 'its own plans are in force');
SELECT is_empty($$SELECT customer_identity.format_phone(phone) FROM opened INTERSECT SELECT phone FROM opened$$, 'and it writes none of them');
SELECT ok(bool_and(NOT d.is_valid), 'nor does it call one valid')
FROM opened CROSS JOIN LATERAL customer_identity.parse_phone(phone) AS d;

-- ";isub=" is left to the library, and what it said is remembered.
SELECT is((SELECT count(customer_identity.normalize_phone(phone || ';isub=1')) FROM (SELECT phone FROM opened ORDER BY phone LIMIT 3) AS o), 0::bigint,
  'what is left to it reads so');
SET customer_identity.numbering_plans = newest;
SELECT is((SELECT count(customer_identity.normalize_phone(phone || ';isub=1')) FROM (SELECT phone FROM opened ORDER BY phone LIMIT 3) AS o), 
  (SELECT least(count(*), 3) FROM opened), 'and by the new plans as soon as they are in force');
SELECT results_eq('SELECT customer_identity.normalize_phone(phone) FROM opened', 'SELECT phone FROM opened', 'the new numbers are read');
SELECT is_empty($$SELECT phone FROM opened WHERE customer_identity.format_phone(phone) !~ '^\+\d+ \d.*\d$'
  OR regexp_replace(customer_identity.format_phone(phone), '[^+\d]', '', 'g') <> phone$$, 'and written in groups');
SET customer_identity.fast_path = off;
SELECT results_eq('SELECT customer_identity.normalize_phone(phone) FROM opened', 'SELECT phone FROM opened', 'without the fast path as well');
SET customer_identity.fast_path = verify;
SELECT results_eq('SELECT customer_identity.normalize_phone(phone) FROM opened', 'SELECT phone FROM opened', 'under verification, too');
RESET customer_identity.fast_path;

BEGIN;
SET LOCAL customer_identity.numbering_plans = library;
SELECT is((SELECT count(customer_identity.normalize_phone(phone)) FROM opened), 0::bigint, 'for a transaction');
ROLLBACK;
SELECT is((SELECT count(customer_identity.normalize_phone(phone)) FROM opened), (SELECT count(*) FROM opened), 'and no longer');

SELECT is(source, 'the installed libphonenumber', 'a database may have its own plans') FROM elsewhere;

-- Another file.
SELECT set_config('customer_identity.numbering_plans', :'shipped', false) \g /dev/null
SELECT matches(source(), '^npm google-libphonenumber', 'a path names a file');
CREATE TABLE bad (name text, path text, problem text);
INSERT INTO bad VALUES
  ('missing', '/nowhere/at all', '/nowhere/at all: There is no such file.'),
  ('a folder', current_setting('data_directory'), '%: It is not a regular file.'),
  ('a device', '/dev/zero', '/dev/zero: It is not a regular file.'),
  ('foreign', current_setting('data_directory') || '/postgresql.conf', '%: It is not a file of numbering plans.'),
  ('damaged', current_setting('data_directory') || '/damaged', '%: It is damaged: its checksum differs.'),
  ('cut', current_setting('data_directory') || '/cut', '%: It is damaged: its checksum differs.'),
  ('a secret', '/etc/shadow', '%');
SELECT lo_from_bytea(0, set_byte(bytes, 5000, 255 - get_byte(bytes, 5000))) AS damaged, lo_from_bytea(0, substr(bytes, 1, 100000)) AS cut
FROM pg_read_binary_file(:'shipped') AS bytes \gset
SELECT lo_export(:damaged, current_setting('data_directory') || '/damaged'), lo_export(:cut, current_setting('data_directory') || '/cut') \g /dev/null
CREATE FUNCTION tried(path text, OUT read text, OUT problem text, OUT source text, OUT finding text) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('customer_identity.numbering_plans', path, false);
  read := customer_identity.normalize_phone('020 7946 0123', 'GB');
  SELECT p.problem, p.source INTO tried.problem, tried.source FROM customer_identity.phone_plans() AS p;
  SELECT c.finding INTO finding FROM customer_identity.check_setup() AS c WHERE object = 'numbering plans' LIMIT 1;
END
$$;
SELECT ok(t.read = '+442079460123' AND t.source = 'the installed libphonenumber' AND t.problem LIKE b.problem
    AND t.finding LIKE '%are in force: ' || b.problem, b.name || ': a file that cannot be used leaves the library''s plans, and is told')
FROM bad AS b CROSS JOIN LATERAL tried(b.path) AS t;
SELECT is((failure(format('SET customer_identity.numbering_plans = %L', value))).code, '22023', left(value, 20) || ' is no path')
FROM unnest(ARRAY['oldest', 'plans.bin', '', 'Newest', '../x', '/' || repeat('x', 2000)]) AS value;
SET customer_identity.numbering_plans = newest;
SELECT is(p.problem, NULL, 'the next good file is') FROM customer_identity.phone_plans() AS p;
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object = 'numbering plans'$$, 'and nothing is left to say');
SET customer_identity.numbering_plans = library;
SELECT is((SELECT count(*) FROM customer_identity.check_setup() WHERE object = 'numbering plans'),
  (SELECT count(*) FROM customer_identity.phone_plans() WHERE date < current_date - interval '1 year'), 'old plans are a finding');
SET customer_identity.numbering_plans = newest;

CREATE ROLE plans_app;
GRANT USAGE ON SCHEMA public TO plans_app;
SET ROLE plans_app;
SELECT throws_ok($$SET customer_identity.numbering_plans = library$$, '42501', NULL, 'nobody else may choose');
SELECT lives_ok($$SELECT * FROM customer_identity.phone_plans()$$, 'but see them');
RESET ROLE;

-- A book whose plans change.
SET customer_identity.numbering_plans = library;
INSERT INTO "user" (id, phone) SELECT 'new ' || phone, phone FROM opened;
INSERT INTO orders (phone, note) SELECT phone, 'new' FROM opened;
INSERT INTO "user" (id, phone) VALUES ('old', '07400 123401');
SELECT is((SELECT count(*) FROM customers), 1::bigint, 'what the old plans do not know is not linked');
SELECT is_empty('SELECT * FROM customer_identity.plan_changes()', 'and nobody reads differently');
SET customer_identity.numbering_plans = newest;
INSERT INTO customers (id, phone) VALUES  -- Benin before it went over to ten digits; no country
  ('00000000-0000-0000-0000-000000000001', '+22997123456'), ('00000000-0000-0000-0000-000000000002', '+99912345678');
SELECT results_eq('SELECT customer_id, phone, reads_as, reason FROM customer_identity.plan_changes()', $$VALUES
  ('00000000-0000-0000-0000-000000000001'::uuid, '+22997123456', '+2290197123456', 'ok'),
  ('00000000-0000-0000-0000-000000000002', '+99912345678', NULL, 'unknown_country_code')$$, 'who reads differently is listed');
SELECT is((SELECT array_agg(phone) FROM customer_identity.plan_changes('customers', 1)), '{+22997123456}', 'page by page');
SELECT is((SELECT array_agg(phone) FROM customer_identity.plan_changes(customers => 'customers', after => '00000000-0000-0000-0000-000000000001')),
  '{+99912345678}', 'after the last one');
SELECT is((SELECT array_agg(phone ORDER BY phone) FROM customers WHERE phone IN ('+22997123456', '+99912345678')), '{+22997123456,+99912345678}',
  'what is stored stays');
SET ROLE plans_app;
SELECT throws_ok($$SELECT * FROM customer_identity.plan_changes()$$, '42501', NULL, 'for who may read the customers');
RESET ROLE;
CALL customer_identity.backfill('"user"');
CALL customer_identity.backfill('orders');
SELECT is_empty($$SELECT phone FROM opened WHERE user_phone('new ' || phone) IS DISTINCT FROM phone$$, 'backfill links the logins whose phones became readable');
SELECT is_empty($$SELECT o.phone FROM orders AS o LEFT JOIN customers AS c ON c.id = o.customer_id WHERE c.phone IS DISTINCT FROM o.phone$$, 'and the orders');
SELECT is_empty('SELECT * FROM wrong_totals()', 'the totals are exact');

SELECT * FROM finish();
