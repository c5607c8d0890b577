-- The ids of the book's own tables: UUIDs in the order of time, which leave lastval() to the application. Where a
-- book has a sequence it may be behind the rows: nothing is lost.
\ir shop.psql
SELECT * FROM no_plan();
SET customer_identity.sms_countries = 'GB';
CREATE TABLE seen (id serial);

-- What an application may do, in statements of its own or of the functions that it calls.
CREATE TABLE deeds (deed text PRIMARY KEY, statement text);
INSERT INTO deeds VALUES
  ('sign-up', $$INSERT INTO "user" (id, phone) VALUES ('u{n}', '07400 1000{n}')$$),
  ('verified sign-up', $$INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES ('v{n}', '07400 2000{n}', true)$$),
  ('new phone', $$UPDATE "user" SET "phoneNumber" = '07400 3000{n}' WHERE id = 'v{n}'$$),
  ('new id', $$UPDATE "user" SET id = 'w{n}' WHERE id = 'u{n}'$$),
  ('user order', $$INSERT INTO orders (id, user_id, total) OVERRIDING SYSTEM VALUE VALUES (100{n}, 'w{n}', 5)$$),
  ('guest order', $$INSERT INTO orders (id, phone, total) OVERRIDING SYSTEM VALUE VALUES (200{n}, '07400 4000{n}', 5)$$),
  ('proof', $$SELECT customer_identity.record_proof('07400 1000{n}', 'w{n}')$$),
  ('guest proof', $$SELECT customer_identity.record_proof('07400 1000{n}')$$),
  ('points', $$SELECT customer_identity.adjust_points(customer_identity.find_customer('07400 1000{n}'), 5, 'gift')$$),
  ('fewer points', $$SELECT customer_identity.redeem_points(customer_identity.find_customer('07400 1000{n}'), 5, 'voucher', 'key{n}')$$),
  ('code', $$SELECT customer_identity.start_verification('07400 1000{n}', user_id => 'x{n}')$$),
  ('answer', $$SELECT customer_identity.check_verification(m.verification_id, substr(m.body, 14, 6))
     FROM customer_identity.sms_messages m WHERE m.phone = '+4474001000{n}' AND m.status = 'pending'$$),
  ('no proof', $$SELECT customer_identity.revoke_proof('07400 1000{n}')$$),
  ('edit', $$SELECT customer_identity_internal.write_event('customers', customer_identity.find_customer('07400 1000{n}'), 'edited', '{}', NULL)$$),
  ('login goes', $$DELETE FROM "user" WHERE id IN ('v{n}', 'w{n}')$$);
CREATE TABLE order_of_deeds AS SELECT deed, row_number() OVER () AS position FROM deeds;

-- Does all of it, with two digits of their own; NULL or what lastval() was after it when it had changed.
CREATE FUNCTION spoiled(n int) RETURNS TABLE (deed text, value bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM nextval('seen_id_seq');
  FOR deed, value IN SELECT o.deed, NULL FROM order_of_deeds o ORDER BY o.position LOOP
    EXECUTE replace((SELECT d.statement FROM deeds d WHERE d.deed = spoiled.deed), '{n}', n::text);
    value := nullif(lastval(), currval('seen_id_seq'));
    RETURN NEXT;
  END LOOP;
END $$;
CREATE FUNCTION rows_of(companion text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found_rows bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I', companion) INTO found_rows;
  RETURN found_rows;
END $$;

SELECT is_empty('SELECT * FROM spoiled(10) WHERE value IS NOT NULL', 'lastval() is the application''s');
SELECT is_empty(
  $$SELECT relname FROM pg_class WHERE relkind = 'S' AND relpersistence = 'p' AND relname NOT IN ('seen_id_seq', 'orders_id_seq')$$,
  'there is no sequence of ours to spoil it');
CREATE TABLE made AS
SELECT c AS companion, rows_of(c) AS rows FROM unnest('{phone_proofs,loyalty_entries,customer_events}'::text[]) AS c;
SELECT is_empty('SELECT * FROM made WHERE rows = 0', 'though every table of the book was written');

CREATE FUNCTION ids() RETURNS TABLE (companion text, id uuid) LANGUAGE sql AS
  $$SELECT 'proofs', id FROM phone_proofs UNION ALL SELECT 'entries', id FROM loyalty_entries UNION ALL SELECT 'events', id FROM customer_events$$;
SELECT is_empty($$SELECT * FROM ids() WHERE id::text !~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'$$,
  'all are UUIDs of version 7');
SELECT is_empty($$SELECT * FROM ids()
  WHERE abs(extract(epoch FROM now()) * 1000 - ('x' || replace(left(id::text, 13), '-', ''))::bit(48)::bigint) > 600000$$,
  'that tell the time');
INSERT INTO "user" (id, phone) SELECT 'many' || n, '07400 5' || (10000 + n) FROM generate_series(1, 5000) AS n;
SELECT is_empty($$SELECT * FROM (
    SELECT substr(details ->> 'user_id', 5)::int AS n, lag(substr(details ->> 'user_id', 5)::int) OVER (ORDER BY id) AS before
    FROM customer_events WHERE event = 'user_linked' AND details ->> 'user_id' ~ '^many') AS e
  WHERE n < before$$, 'in the order in which a statement has made them, thousands in a millisecond or not');

-- Rows that others add with the column's default are told at their time.
INSERT INTO customer_events (customer_id, event, created_at)
SELECT customer_identity.find_customer('07400 100010'), 'day ' || n, now() - n * interval '1 day' FROM generate_series(1, 20) AS n;
SELECT is(
  (SELECT array_agg(e.value ->> 'event' ORDER BY e.position) FROM jsonb_array_elements(
     customer_identity.customer_history(customer_identity.find_customer('07400 100010'))) WITH ORDINALITY AS e (value, position)
   WHERE e.value ->> 'event' ~ '^day'),
  (SELECT array_agg('day ' || n ORDER BY n) FROM generate_series(1, 20) AS n), 'the history is in the order of time');

-- A book whose ids are integers, of every kind, with a sequence that is behind: as on a subscriber that takes over.
CREATE FUNCTION with_ids(kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  companion text;
BEGIN
  FOR companion IN SELECT m.companion FROM made m LOOP
    EXECUTE format('ALTER TABLE %I DROP COLUMN id', companion);
    EXECUTE format('ALTER TABLE %I ADD COLUMN id %s PRIMARY KEY %s', companion, split_part(kind, ' ', 1), substr(kind, strpos(kind, ' ')));
  END LOOP;
END $$;
CREATE FUNCTION set_back() RETURNS void LANGUAGE sql AS
  $$SELECT setval(pg_get_serial_sequence(companion, 'id'), 1, false) FROM made$$;
CREATE TABLE kinds AS SELECT kind, row_number() OVER () AS number FROM unnest('{
  bigint GENERATED ALWAYS AS IDENTITY,
  bigint GENERATED BY DEFAULT AS IDENTITY,
  integer GENERATED ALWAYS AS IDENTITY,
  "bigserial ",
  "serial "}'::text[]) AS kind;

CREATE FUNCTION outcomes(kind text, n int) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM with_ids(kind);
  RETURN QUERY SELECT kind || ': ' || finding FROM customer_identity.check_setup() WHERE finding ~ 'sequence';
  PERFORM set_back();
  IF (SELECT count(*) FROM customer_identity.check_setup() WHERE severity = 'error' AND finding ~ 'sequence') <> 3 THEN
    RETURN NEXT kind || ': nothing is found';
  END IF;
  CREATE TEMP TABLE before AS SELECT companion, rows_of(companion) AS rows FROM made;
  PERFORM * FROM spoiled(n);
  RETURN QUERY SELECT format('%s: %s rows of %s instead of %s', kind, rows_of(companion) - b.rows, companion, m.rows)
    FROM before b JOIN made m USING (companion) WHERE rows_of(companion) - b.rows <> m.rows;
  DROP TABLE before;
  PERFORM set_back();
  PERFORM customer_identity.record_proof('07400 1000' || n, 'again'), customer_identity.get_or_create_customer('07400 6000' || n);
  IF NOT EXISTS (SELECT FROM phone_proofs WHERE user_id = 'again' AND ended_at IS NULL AND phone = '+4474001000' || n) THEN
    RETURN NEXT kind || ': a proof is lost';
  END IF;
  RETURN QUERY SELECT kind || ': ' || s.what_to_do FROM customer_identity.check_setup() s WHERE s.finding ~ 'is ahead of its sequence' AND s.object ~ 'proofs';
END $$;
SELECT is_empty(format('SELECT outcomes(%L, %s)', kind, 20 + number), kind || ': nothing is lost, and the sequence catches up') FROM kinds ORDER BY number;

-- check_setup says what to type.
SELECT set_back();
SELECT is(
  (SELECT array_agg(regexp_replace(what_to_do, '\d+', 'N') ORDER BY what_to_do) FROM customer_identity.check_setup() WHERE finding ~ 'sequence'),
  '{"SELECT setval(''public.customer_events_id_seq'', N);","SELECT setval(''public.loyalty_entries_id_seq'', N);","SELECT setval(''public.phone_proofs_id_seq'', N);"}',
  'for each table');
SELECT format('%s', what_to_do) FROM customer_identity.check_setup() WHERE finding ~ 'sequence' \gexec
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE finding ~ 'sequence'$$, 'which is all there is to do');
CREATE ROLE clerk;
GRANT SELECT ON customers TO clerk;
SELECT set_back();
SET ROLE clerk;
SELECT isnt_empty($$SELECT * FROM customer_identity_internal.check_sequences('customers')$$, 'whoever may read customers');
RESET ROLE;
DROP OWNED BY clerk;
DROP ROLE clerk;

-- Where a table is not plain the history is written by a plan: nothing is lost there either.
CREATE FUNCTION let_pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER passing BEFORE INSERT ON customer_events FOR EACH ROW EXECUTE FUNCTION let_pass();
SELECT is_empty($$SELECT outcomes('bigint GENERATED ALWAYS AS IDENTITY', 40)$$, 'with a trigger on the history');
DROP TRIGGER passing ON customer_events;
SELECT format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', companion) FROM made \gexec
SELECT is_empty($$SELECT outcomes('bigint GENERATED ALWAYS AS IDENTITY', 41)$$, 'with row security');
SELECT format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', companion) FROM made \gexec

-- The recipe of the documentation for the application's own sequences.
CREATE TABLE places (gone int, id bigint GENERATED ALWAYS AS IDENTITY, name text, PRIMARY KEY (id, name)) PARTITION BY LIST (name);
CREATE TABLE some_places PARTITION OF places DEFAULT;
CREATE TABLE "Their Things" (gone int, "Id" serial PRIMARY KEY);
ALTER TABLE places DROP COLUMN gone;
ALTER TABLE "Their Things" DROP COLUMN gone;
INSERT INTO places (id, name) OVERRIDING SYSTEM VALUE VALUES (70, 'here');
INSERT INTO "Their Things" VALUES (80);
SELECT format('SELECT setval(%L, max(%I)) FROM %s', s.oid::regclass, a.attname, a.attrelid::regclass)
FROM pg_class AS s
JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND d.deptype IN ('a', 'i') AND s.relnamespace = 'public'::regnamespace \gexec
SELECT results_eq($$INSERT INTO places (name) VALUES ('there') RETURNING id$$, 'VALUES (71::bigint)', 'a partitioned table with a dropped column');
SELECT results_eq($$INSERT INTO "Their Things" DEFAULT VALUES RETURNING "Id"$$, 'VALUES (81)', 'a table with a name of its own');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE finding ~ 'sequence'$$, 'the book');

-- The recipe of the documentation takes integers along, in their order.
CREATE TABLE told AS SELECT customer_id, event, row_number() OVER (ORDER BY id) AS number FROM customer_events;
SELECT format('ALTER TABLE %s ALTER id DROP IDENTITY IF EXISTS', attrelid::regclass),
    format('ALTER TABLE %s ALTER id DROP DEFAULT, ALTER id TYPE uuid USING lpad(to_hex(id), 32, ''0'')::uuid,'
        ' ALTER id SET DEFAULT gen_random_uuid()', attrelid::regclass)
FROM pg_attribute
WHERE attrelid IN ('phone_proofs'::regclass, 'loyalty_entries'::regclass, 'customer_events'::regclass)
    AND attname = 'id' AND atttypid <> 'uuid'::regtype \gexec
SELECT results_eq('SELECT customer_id, event FROM customer_events ORDER BY id', 'SELECT customer_id, event FROM told ORDER BY number', 'rows keep their order');
SELECT is_empty('SELECT * FROM spoiled(50) WHERE value IS NOT NULL', 'lastval() is the application''s from then on, in this session too');
SELECT ok((SELECT bool_and(id::text ~ '^00000000') FROM (SELECT id FROM customer_events ORDER BY id LIMIT (SELECT count(*) FROM told)) AS e),
  'and new rows come after them');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object ~ 'events|proofs|entries'$$, 'check_setup has nothing to say');

-- An id that needs a value, and a table whose ids somebody else makes.
ALTER TABLE customer_events ALTER id DROP DEFAULT;
ALTER TABLE phone_proofs ALTER id DROP DEFAULT;
SELECT lives_ok('SELECT spoiled(60)', 'no default is needed');
ALTER TABLE phone_proofs ALTER id TYPE text, ALTER id SET DEFAULT 'p' || gen_random_uuid();
SELECT lives_ok('SELECT spoiled(61)', 'another type has its default');
SELECT isnt_empty($$SELECT * FROM phone_proofs WHERE id ~ '^p'$$, 'which makes the ids');

-- What a trigger keeps from being written is not said to be there.
CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER dropping BEFORE INSERT ON phone_proofs FOR EACH ROW EXECUTE FUNCTION suppress();
CREATE TRIGGER dropping BEFORE INSERT ON loyalty_entries FOR EACH ROW EXECUTE FUNCTION suppress();
SELECT throws_ok($$SELECT customer_identity.record_proof('07400 100070', 'x')$$, '42501', 'a row of phone_proofs cannot be written', 'a proof');
SELECT throws_ok($$SELECT customer_identity.adjust_points(customer_identity.get_or_create_customer('07400 100071'), 5, 'gift')$$, '42501',
  'a row of loyalty_entries cannot be written', 'points');
SELECT throws_ok($$SELECT customer_identity.adjust_points(customer_identity.get_or_create_customer('07400 100071'), 5, 'gift', 'a key')$$, '42501',
  'a row of loyalty_entries cannot be written', 'with a key as well');

-- Messages have numbers that no sequence gives.
SELECT is((SELECT column_default ~ 'gen_random_uuid' FROM information_schema.columns WHERE table_schema = 'customer_identity'
  AND table_name = 'sms_messages' AND column_name = 'id'), true, 'a message''s number is random');
SELECT is_empty('SELECT * FROM customer_identity.sms_messages WHERE id NOT BETWEEN 100000000000000 AND 999999999999999', 'and of 15 digits, which JavaScript keeps');
CREATE SEQUENCE taken_first;
CREATE FUNCTION taken_first() RETURNS bigint LANGUAGE sql AS
  $$SELECT CASE nextval('public.taken_first') WHEN 1 THEN (SELECT min(id) FROM customer_identity.sms_messages) ELSE -7 END$$;
ALTER TABLE customer_identity.sms_messages ALTER id SET DEFAULT public.taken_first();
SELECT is((SELECT status FROM customer_identity.start_verification('07400 300001')), 'sent', 'one that is taken');
SELECT isnt_empty('SELECT * FROM customer_identity.sms_messages WHERE id = -7', 'is followed by another');

SELECT * FROM finish();
