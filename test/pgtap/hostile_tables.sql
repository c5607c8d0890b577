-- Tables, triggers and schemas that were made to mislead us: an error or nothing, never a crash, another's memory or
-- another's code.
\ir shop.psql
SELECT * FROM no_plan();
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401');

-- A table that is called customers and has other types.
CREATE TABLE typed (id bigint, phone text, preferred_name text, is_phone_verified bool, total_orders int,
  total_spent numeric, loyalty_points int, updated_at timestamptz);
INSERT INTO typed (id, phone) VALUES (4711, '+447400123401');
SELECT throws_ok($$SELECT customer_identity.find_customer('07400 123401', customers => 'typed')$$, 'CI003', NULL, 'an id that is no uuid');
SELECT throws_ok($$SELECT customer_identity.get_or_create_customer('07400 123401', customers => 'typed')$$, 'CI003', NULL, 'nor is it made');
CREATE TABLE misled (id int, customer_id uuid, total numeric);
INSERT INTO misled SELECT n, gen_random_uuid(), n FROM generate_series(1, 3) AS n;
CREATE TRIGGER t AFTER UPDATE ON misled REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT
  EXECUTE FUNCTION customer_identity.maintain_totals('customers=public.typed', 'amount=total');
CREATE UNIQUE INDEX ON typed (id);
SELECT throws_ok($$UPDATE misled SET customer_id = gen_random_uuid()$$, 'CI003', NULL, 'nor are orders counted for it');
DROP TABLE misled;
ALTER TABLE typed ALTER id TYPE uuid USING NULL;
SELECT is(customer_identity.find_customer('07400 123401', customers => 'typed'), NULL, 'an id that is NULL');

-- A users table that was changed behind our back.
ALTER TABLE "user" DROP CONSTRAINT user_customer_id_fkey;
BEGIN;
ALTER TABLE "user" ALTER customer_id TYPE bigint USING 4711;
SELECT throws_ok($$INSERT INTO orders (user_id, total) VALUES ('ada', 1)$$, NULL, NULL, 'a customer that became a number');
ROLLBACK;
CREATE TABLE keyless (id text PRIMARY KEY, phone text, checked boolean);
SELECT customer_identity.attach_users('keyless', verified_column => 'checked');
ALTER TABLE keyless DROP CONSTRAINT keyless_pkey, ALTER id DROP NOT NULL;
INSERT INTO keyless VALUES (NULL, '07400 123401', true);
SELECT lives_ok($$UPDATE keyless SET phone = '07400 123402'$$, 'a user without an id');
SELECT is_empty('SELECT * FROM phone_proofs', 'who proves nothing');

-- Arguments written by hand.
SELECT is((SELECT array_agg(DISTINCT customer_identity_internal.trigger_arguments(decode(repeat('41', n), 'hex'))::text) = array_agg(DISTINCT ARRAY[repeat('A', n)]::text)
  FROM generate_series(1, 40) AS n), true, 'arguments end where they end');
SELECT throws_ok($$SELECT customer_identity_internal.trigger_arguments('\xff00')$$, '22021', NULL, 'and are text');

-- A book in a schema that others may not enter.
CREATE SCHEMA closed;
SELECT customer_identity.create_tables('closed');
CREATE TABLE closed_users (id text PRIMARY KEY, phone text);
SELECT customer_identity.attach_users('closed_users', customers => 'closed.customers');
CREATE ROLE outsider;
GRANT INSERT, SELECT ON closed_users TO outsider;
SET ROLE outsider;
SELECT lives_ok($$INSERT INTO closed_users VALUES ('c', '07400 123403')$$, 'an outsider needs no right on the book');
SELECT lives_ok('SELECT * FROM customer_identity.attachments', 'and may see what is attached');
RESET ROLE;
SELECT is((SELECT count(*)::int FROM closed.customers), 1, 'the outsider''s row is linked');

-- A companion that is something else.
ALTER TABLE loyalty_entries RENAME TO real_entries;
CREATE VIEW loyalty_entries AS SELECT * FROM real_entries;
SELECT throws_ok('SELECT * FROM customer_identity.verify_totals()', 'CI003', NULL, 'a view is not read as the ledger');
SELECT throws_ok('SELECT customer_identity.create_tables()', 'CI003', NULL, 'nor kept');
SELECT isnt_empty($$SELECT * FROM customer_identity.check_setup() WHERE severity = 'error' AND object ~ 'loyalty_entries'$$, 'and reported');
DROP VIEW loyalty_entries;
ALTER TABLE real_entries RENAME TO loyalty_entries;

-- Types whose casts and comparisons say something else than their text.
CREATE TYPE mood AS ENUM ('paid', 'void');
CREATE FUNCTION lie(mood) RETURNS text LANGUAGE sql AS $$SELECT 'paid'$$;
CREATE CAST (mood AS text) WITH FUNCTION lie(mood);
CREATE TABLE moods (id int PRIMARY KEY, phone text, total numeric, status mood);
SELECT customer_identity.attach_orders('moods', status_column => 'status', counted_statuses => '{paid}');
INSERT INTO moods VALUES (1, '07400 123404', 5, 'paid'), (2, '07400 123404', 7, 'void');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'a cast of its own');
CREATE COLLATION loose (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE TABLE loosely (id int PRIMARY KEY, phone text, total numeric, status text COLLATE loose);
SELECT customer_identity.attach_orders('loosely', status_column => 'status', counted_statuses => '{paid}');
INSERT INTO loosely VALUES (1, '07400 123404', 5, 'paid'), (2, '07400 123404', 7, 'Paid');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'a collation that knows no case');

-- Amounts that only a test has.
CREATE TABLE huge (id int PRIMARY KEY, phone text, total numeric);
SELECT customer_identity.attach_orders('huge', points_per_unit => 10);
SELECT lives_ok($$INSERT INTO huge VALUES (1, '07400 123405', ('9e131071')::numeric), (2, '07400 123405', 9e131071::numeric)$$, 'amounts beyond any money');
SELECT throws_ok($$INSERT INTO huge SELECT 10 + n, '07400 123405', 1e14 FROM generate_series(1, 9300) AS n$$, '22003', NULL, 'points that do not fit are an error');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and nothing is wrong');

-- A table of somebody who may make tables beside a book, with a trigger of the book's companions.
CREATE ROLE neighbour;
GRANT CREATE ON SCHEMA public TO neighbour;
SET ROLE neighbour;
CREATE TABLE beside (phone text, customer_id uuid);
CREATE TRIGGER guard AFTER INSERT ON beside FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.guard_phone();
SELECT lives_ok($$INSERT INTO beside VALUES ('+447400123401', gen_random_uuid())$$, 'is not told whose a phone is');
RESET ROLE;

SELECT * FROM finish();
