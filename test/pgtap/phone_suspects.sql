-- Phones that look like placeholders: by how many names use them, and by their digits.
-- Roles are made in a transaction that is rolled back.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
CREATE FUNCTION listed() RETURNS SETOF text LANGUAGE sql AS
  $$SELECT concat_ws(' ', phone, users, guest_orders, names, why) FROM customer_identity.phone_suspects()$$;

SELECT is_empty('SELECT listed()', 'an empty shop has none');

-- Digits.
SELECT is(customer_identity_internal.placeholder_digits(phone), expected, format('the digits of %s', phone))
FROM (VALUES ('+4915100000012', 'repeated_digits'), ('+4915199999912', 'repeated_digits'), ('+4915100000123', NULL), ('+4400000', NULL),
  ('+555555', 'repeated_digits'), ('+4915112121212', 'repeated_digits'), ('+4917012121247', NULL),
  ('+4915123456798', 'digits_in_sequence'), ('+4915165432188', 'digits_in_sequence'), ('+4417789012', 'digits_in_sequence'), ('+4915112345987', NULL),
  ('+447700900123', 'fiction'), ('+44770090012', NULL), ('+4477009001234', NULL), ('+442079460958', 'fiction'), ('+441134960958', 'fiction'),
  ('+441214960958', 'fiction'), ('+12125550187', 'fiction'), ('+12125550287', NULL), ('+61255501837', 'fiction'), ('+33199001837', 'fiction'),
  ('+4915123457812', NULL), ('+', NULL), ('', NULL), ('+4', NULL)) AS v (phone, expected);
-- By chance hardly any real number is among them.
SELECT cmp_ok(count(*), '<', 100::bigint, 'of 100,000 numbers few are suspected for their digits')
FROM generate_series(1, 100000) AS n WHERE customer_identity_internal.placeholder_digits('+49151' || lpad((hashint8(n)::bigint & 134217727)::text, 9, '0')) IS NOT NULL;

-- Names.
INSERT INTO "user" (id, name, phone) VALUES
  ('a1', 'Ada', '07400 120001'), ('a2', 'ADA', '07400 120001'), ('a3', ' Áda ', '07400 120001'), ('a4', 'Ada L.', '07400 120001'),
  ('b1', 'Bob', '07400 130001'), ('b2', 'Eve', '07400 130001'), ('b3', 'Max', '07400 130001'), ('b4', NULL, '07400 130001'), ('b5', ' ', '07400 130001');
INSERT INTO "user" (id, name, phone) SELECT 'c' || n, 'Somebody ' || n, '07400 140001' FROM generate_series(1, 5) n;
INSERT INTO orders (phone, total, user_id) VALUES ('07400 140001', 1, NULL), ('07400 140001', 1, NULL), ('07400 140001', 1, 'c1'), ('07400 120001', 1, NULL);
SELECT results_eq('SELECT listed()', ARRAY['+447400140001 5 2 5 names', '+447400130001 5 0 3 names'],
  'three names or more make a suspect; spellings of one do not, nor do blank ones');
INSERT INTO orders (phone, total) VALUES ('07400 123456', 1);
INSERT INTO orders (phone, total) SELECT '07911 111111', 1 FROM generate_series(1, 3) n;
INSERT INTO "user" (id, name, phone) VALUES ('d1', 'Dan', '07911 111111');
INSERT INTO customer_phones (customer_id, phone) SELECT id, '+447922222222' FROM customers WHERE phone = '+447400120001';
INSERT INTO customer_phones (customer_id, phone, until) SELECT id, '+447933333333', now() FROM customers WHERE phone = '+447400120001';
SELECT results_eq('SELECT listed()', ARRAY['+447911111111 1 3 1 repeated_digits', '+447922222222 4 1 2 repeated_digits', '+447400123456 0 1 0 digits_in_sequence',
  '+447400140001 5 2 5 names', '+447400130001 5 0 3 names'], 'digits count more than a few names; further phones are looked at, former ones are not');
SELECT is(customer_id, (SELECT c.id FROM customers c WHERE c.phone = '+447911111111'), 'the customer is named') FROM customer_identity.phone_suspects(1);
INSERT INTO "user" (id, name, phone) SELECT 'e' || n, 'Anybody ' || n, '07911 111111' FROM generate_series(1, 20) n;
SELECT is((SELECT listed() LIMIT 1), '+447911111111 21 3 21 names, repeated_digits', 'both is worse');

-- Bounds.
SELECT is((SELECT count(*) FROM customer_identity.phone_suspects(n)), expected, format('at most %s rows', n)) FROM (VALUES (0, 0::bigint), (2, 2), (NULL, 5)) AS v (n, expected);
SELECT is((failure('SELECT * FROM customer_identity.phone_suspects(-1)')).code, '22023', 'no less than none');
SELECT matches((failure('SELECT * FROM customer_identity.phone_suspects(-1)')).hint, 'NULL', 'and it says what to pass');

-- Phones that somebody has decided about.
INSERT INTO phone_rules (phone, rule) VALUES ('+447400140001', 'shared'), ('+447999999999', 'nobody');
SELECT is(count(*), 0::bigint, 'phones with a rule are left out') FROM customer_identity.phone_suspects() WHERE phone = '+447400140001';
DELETE FROM phone_rules;
SELECT is(count(*), 1::bigint, 'until it is taken away') FROM customer_identity.phone_suspects() WHERE phone = '+447400140001';

-- Logins and orders of several tables, and a book of an earlier version.
CREATE TABLE members (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), phone text, label text);
SELECT customer_identity.attach_users('members', name_column => 'label');
INSERT INTO members (phone, label) VALUES ('+447400120001', 'Zed'), ('+447400120001', 'Ada');
CREATE TABLE visits (id int PRIMARY KEY, phone text, total numeric);
SELECT customer_identity.attach_orders('visits', user_column => NULL);
INSERT INTO visits VALUES (1, '+447400120001', 1);
SELECT is(names, 3::bigint, 'names of every table count') FROM customer_identity.phone_suspects() WHERE phone = '+447400120001';
SELECT is(users || ' ' || guest_orders, '6 2', 'and so do logins and orders') FROM customer_identity.phone_suspects() WHERE phone = '+447400120001';
SAVEPOINT earlier;
DROP TABLE customer_phones, phone_rules;
SELECT is(count(*), 5::bigint, 'the later tables need not be there') FROM customer_identity.phone_suspects();
ROLLBACK TO earlier;

-- A limit keeps the worst of each kind.
SAVEPOINT families;
SET session_replication_role = replica;
INSERT INTO customers (id, phone) SELECT md5(n::text)::uuid, '+44740' || 2000000 + n FROM generate_series(1, 10100) AS n;
INSERT INTO "user" (id, name, customer_id) SELECT 'f' || n || '_' || k, 'Family', md5(n::text)::uuid FROM generate_series(1, 10100) AS n, generate_series(1, 3) AS k;
RESET session_replication_role;
SELECT set_has('SELECT listed()', $$VALUES ('+447911111111 21 3 21 names, repeated_digits'), ('+447400123456 0 1 0 digits_in_sequence'), ('+447400140001 5 2 5 names')$$,
  'ten thousand families hide no placeholder');
ROLLBACK TO families;

-- Rights: as those of duplicates.
CREATE ROLE clerk;
CREATE ROLE stranger;
CREATE ROLE suspects_keeper;
CREATE ROLE packer;
SET ROLE stranger;
SELECT throws_ok('SELECT * FROM customer_identity.phone_suspects()', '42501', NULL, 'a stranger may not list suspects');
RESET ROLE;
GRANT EXECUTE ON FUNCTION customer_identity.phone_suspects TO clerk;
SELECT format('ALTER TABLE %I OWNER TO suspects_keeper', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace
  AND relname = ANY ('{customers,phone_proofs,loyalty_entries,customer_events,customer_phones,phone_rules,customer_merges,duplicate_dismissals}') \gexec
GRANT USAGE ON SCHEMA public TO suspects_keeper, packer;
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs TO packer;
SET ROLE clerk;
SELECT is((failure('SELECT * FROM customer_identity.phone_suspects()')).code, '42501', 'tables that the owner of the book may not read are not read for others');
RESET ROLE;
SELECT format('ALTER TABLE %I OWNER TO packer', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname IN ('user', 'orders', 'members', 'visits') \gexec
GRANT SELECT ON "user", orders, members, visits TO suspects_keeper;
CREATE FUNCTION peek() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY peek ON orders USING (peek());
CREATE TYPE trap AS ENUM ('left', 'right');
CREATE FUNCTION spring(trap) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
CREATE CAST (trap AS text) WITH FUNCTION spring(trap) AS IMPLICIT;
ALTER TABLE members ADD trap trap;
UPDATE members SET trap = 'left';
SELECT customer_identity.attach_users('members', name_column => 'trap');
SET ROLE clerk;
SELECT is((failure('SELECT * FROM customer_identity.phone_suspects()')).code, '42501', 'a policy that hides rows from the owner of the book is obeyed, and not run');
RESET ROLE;
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
SET ROLE clerk;
SELECT is(listed, '+447911111111 21 3 21 names, repeated_digits', 'EXECUTE is enough; each table is read as its own owner') FROM listed() LIMIT 1;
SELECT is(names, 3::bigint, 'by the output of its types') FROM customer_identity.phone_suspects() WHERE phone = '+447400120001';
SELECT throws_ok('SELECT * FROM customers', '42501', NULL, 'without a right on the tables');
RESET ROLE;

-- pg_stat_xact_user_tables counts what this transaction has read.
INSERT INTO customers (phone) SELECT '+4474003' || lpad(n::text, 5, '0') FROM generate_series(1, 3000) AS n;
ANALYZE;
CREATE FUNCTION readings() RETURNS bigint LANGUAGE sql AS $$SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relid = 'customers'::regclass$$;
SELECT readings() AS before \gset
SELECT count(*) FROM customer_identity.phone_suspects() \g /dev/null
SELECT is(readings() - :before, 1::bigint, 'customers are read once; whoever has many logins is found by index');

SELECT * FROM finish();
ROLLBACK;
