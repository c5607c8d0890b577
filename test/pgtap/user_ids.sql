-- What a login has by its id, proofs above all, follows a change of the id and ends with the login: whoever
-- gets an id that was somebody's inherits nothing.
\ir shop.psql
SELECT * FROM no_plan();

CREATE TABLE logins (id text PRIMARY KEY DEFERRABLE, phone text, verified boolean);
SELECT customer_identity.attach_users('logins', verified_column => 'verified');
CREATE FUNCTION live(login text) RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(right(phone, 2), ' ' ORDER BY phone) FROM phone_proofs WHERE user_id = login AND ended_at IS NULL$$;
CREATE FUNCTION sees(login text, digits text) RETURNS boolean LANGUAGE sql AS
  $$SELECT customer_identity.can_see_customer(login, (SELECT id FROM customers WHERE phone = '+4474001234' || digits))$$;
CREATE FUNCTION wrong_flags() RETURNS SETOF customers LANGUAGE sql AS $$
  SELECT * FROM customers AS c
  WHERE is_phone_verified <> EXISTS (SELECT FROM phone_proofs AS p WHERE p.phone = c.phone AND p.customer_id = c.id AND ended_at IS NULL)
$$;

-- One login.
INSERT INTO logins VALUES ('mara', '07400 123401');
SELECT customer_identity.record_proof('07400 123401', 'mara', 'sms');
SELECT customer_identity.revoke_proof('07400 123401', 'mara');
SELECT customer_identity.record_proof('07400 123401', 'mara', 'sms');
SELECT customer_identity.record_proof('07400 123402', 'mara', 'sms');
UPDATE logins SET id = 'mara.weber' WHERE id = 'mara';
SELECT is(sees('mara.weber', '01'), true, 'a login whose id changed sees its customer');
SELECT is((SELECT count(*) FROM phone_proofs WHERE user_id = 'mara'), 0::bigint, 'none of its proofs is left behind');
SELECT is((SELECT count(*) FROM phone_proofs WHERE user_id = 'mara.weber'), 3::bigint, 'those that had ended included');
INSERT INTO logins VALUES ('mara', '07400 123401');
SELECT is(sees('mara', '01'), false, 'whoever gets the old id sees nothing');
SELECT is((SELECT count(*) FROM customer_events AS e JOIN customers AS c ON c.id = e.customer_id
  WHERE c.phone = '+447400123401' AND e.event = 'proof_made' AND e.actor = 'mara.weber' AND e.details ->> 'user_id' = 'mara.weber'), 2::bigint,
  'the history speaks of it by its new id');
SELECT is((SELECT count(*) FROM customer_events WHERE actor = 'mara'), 1::bigint, 'and of the other one from its sign-up on');
UPDATE logins SET id = id;
SELECT is(live('mara.weber'), '01 02', 'an id that is written again is not changed');
DELETE FROM logins;

-- Ids that are swapped, and handed on.
INSERT INTO logins VALUES ('a', '07400 123403'), ('b', '07400 123404'), ('c', '07400 123403'), ('d', NULL);
SELECT customer_identity.record_proof('07400 12340' || p, u, 'sms') FROM (VALUES ('3', 'a'), ('4', 'b'), ('3', 'c'), ('4', 'c')) AS v (p, u);
UPDATE logins SET id = CASE id WHEN 'a' THEN 'b' ELSE 'a' END WHERE id IN ('a', 'b');
SELECT is(live('a') || ' / ' || live('b'), '04 / 03', 'two ids that are swapped in one statement swap their proofs');
UPDATE logins SET id = chr(ascii(id) + 1);
SELECT is(concat_ws(' / ', coalesce(live('a'), '-'), live('b'), live('c'), live('d'), coalesce(live('e'), '-')), '- / 04 / 03 / 03 04 / -',
  'a chain moves each login''s proofs once');
SELECT is_empty('SELECT * FROM wrong_flags()', 'the phones are verified as before');
SELECT is_empty($$SELECT * FROM customer_events AS e JOIN customers AS c ON c.id = e.customer_id WHERE e.event = 'user_linked'
  AND NOT EXISTS (SELECT FROM logins AS l WHERE l.id = e.actor AND l.customer_id = c.id) AND c.phone LIKE '%123403'$$, 'so does the history');
DELETE FROM logins;

-- An id that nobody has, but proofs.
SELECT customer_identity.record_proof('07400 123405', 'ghost', 'sms');
SELECT customer_identity.record_proof('07400 123406', 'ghost', 'sms');
INSERT INTO logins VALUES ('early', '07400 123405', true);
UPDATE logins SET id = 'ghost' WHERE id = 'early';
SELECT is(live('ghost'), '05', 'a login that gets an id has its own proofs and no other');
SELECT is((SELECT is_phone_verified FROM customers WHERE phone = '+447400123406'), false, 'whose phones are verified no more');
SELECT is((SELECT ended_reason FROM phone_proofs WHERE user_id = 'ghost' AND ended_at IS NOT NULL LIMIT 1), 'user id changed', 'which is the reason they ended');
DELETE FROM logins;

-- What else changes in the statement.
INSERT INTO logins VALUES ('ann', '07400 123407', true), ('ben', '07400 123408', true);
UPDATE logins SET id = 'anna', phone = '07400 123409' WHERE id = 'ann';
SELECT is(coalesce(live('ann'), '-') || coalesce(live('anna'), '-'), '--', 'a phone that changes with the id is proved no more');
UPDATE logins SET id = 'annabel', phone = '07400 123409', verified = true WHERE id = 'anna';
SELECT is(sees('annabel', '09'), true, 'unless it is verified in the same statement');
UPDATE logins SET id = CASE id WHEN 'ben' THEN 'annabel' ELSE 'ben' END,
  phone = CASE id WHEN 'ben' THEN '07400 123409' ELSE '07400 123408' END, verified = true;
SELECT is(live('ben') || ' / ' || live('annabel'), '08 / 09', 'each has proved what came with it');
SELECT is((SELECT string_agg(concat_ws(' ', e.event, e.actor), ', ' ORDER BY e.id) FROM customer_events AS e JOIN customers AS c ON c.id = e.customer_id
  WHERE c.phone = '+447400123408' AND e.event LIKE 'user%'), 'user_linked annabel, user_unlinked annabel, user_linked ben', 'and the history tells who came and went');
SELECT is_empty('SELECT * FROM wrong_flags()', 'flags follow');
DELETE FROM logins;
SELECT is((SELECT count(*) FROM phone_proofs WHERE ended_at IS NULL AND user_id IN ('ben', 'annabel')), 0::bigint, 'deleted logins have proved nothing');

-- Rolled back, in the middle of others, and again.
INSERT INTO logins VALUES ('a', '07400 123411', true), ('b', '07400 123412', true);
DO $$ BEGIN
  UPDATE logins SET id = 'x' WHERE id = 'a';
  RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN NULL;
END $$;
SELECT is(coalesce(live('a'), '-') || coalesce(live('x'), '-'), '11-', 'a change that is rolled back moves nothing');
CREATE FUNCTION rename_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id = 'a2' THEN
    UPDATE logins SET id = 'b2' WHERE id = 'b';
    BEGIN
      UPDATE logins SET id = 'b3' WHERE id = 'b2';
      RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER a_first BEFORE UPDATE ON logins FOR EACH ROW EXECUTE FUNCTION rename_others();
UPDATE logins SET id = 'a2' WHERE id = 'a';
SELECT is(live('a2') || ' / ' || live('b2'), '11 / 12', 'statements within a statement move their own');
DROP TRIGGER a_first ON logins;
CREATE TRIGGER z_last AFTER UPDATE ON logins FOR EACH ROW EXECUTE FUNCTION rename_others();
INSERT INTO logins VALUES ('b', '07400 123413', true), ('a', '07400 123414', true);
DELETE FROM logins WHERE id = 'b2';
UPDATE logins SET id = CASE id WHEN 'a' THEN 'a2' ELSE 'a' END WHERE id IN ('a', 'a2');
SELECT is(concat_ws(' / ', live('a'), live('a2'), live('b2')), '11 / 14 / 13', 'also after its rows');
DROP TRIGGER z_last ON logins;
PREPARE rename AS UPDATE logins SET id = $2 WHERE id = $1;
EXECUTE rename ('a', 'p');
EXECUTE rename ('a2', 'a');
EXECUTE rename ('p', 'a2');
SELECT is(live('a') || ' / ' || live('a2'), '14 / 11', 'statement by statement as well');
ALTER TABLE logins DROP CONSTRAINT logins_pkey, ADD PRIMARY KEY (id);
INSERT INTO logins VALUES ('a', '07400 123414', true) ON CONFLICT (id) DO UPDATE SET id = 'upserted';
SELECT is(coalesce(live('a'), '-') || live('upserted'), '-14', 'also by an upsert');
MERGE INTO logins USING (VALUES ('upserted')) AS v (id) ON logins.id = v.id WHEN MATCHED THEN UPDATE SET id = 'merged';
SELECT is(coalesce(live('upserted'), '-') || live('merged'), '-14', 'and by MERGE');
MERGE INTO logins USING (VALUES ('merged'), ('a2')) AS v (id) ON logins.id = v.id
  WHEN MATCHED AND v.id = 'a2' THEN DELETE WHEN MATCHED THEN UPDATE SET id = 'a3';
SELECT is(live('a3') || coalesce(live('a2'), '-'), '14-', 'that deletes others');
WITH gone AS (DELETE FROM logins WHERE id = 'a3' RETURNING phone) INSERT INTO logins SELECT 'a3', phone FROM gone;
SELECT is(live('a3'), NULL, 'an id that one statement takes and gives is given anew');
DELETE FROM logins;

-- Ids that come by cascade.
CREATE TABLE members (id int PRIMARY KEY);
CREATE TABLE profiles (id int PRIMARY KEY REFERENCES members ON UPDATE CASCADE ON DELETE CASCADE, phone text, verified boolean);
SELECT customer_identity.attach_users('profiles', verified_column => 'verified');
INSERT INTO members SELECT generate_series(1, 3);
INSERT INTO profiles SELECT n, '07400 12342' || n, true FROM generate_series(1, 3) n;
UPDATE members SET id = id + 10;
SELECT is(live('11') || live('12') || live('13'), '212223', 'a key that cascades is followed');
SELECT is(live('1'), NULL, 'completely');
DELETE FROM members;
SELECT is(live('11'), NULL, 'so is a DELETE that cascades');

-- Ids that two users tables have.
CREATE TABLE staff (id text PRIMARY KEY, phone text, verified boolean);
SELECT customer_identity.attach_users('staff', verified_column => 'verified');
INSERT INTO logins VALUES ('both', '07400 123431', true), ('own', '07400 123432', true);
INSERT INTO staff VALUES ('both', NULL, false), ('third', '07400 123433', true);
UPDATE logins SET id = 'moved' WHERE id = 'both';
SELECT is(live('both') || coalesce(live('moved'), '-'), '31-', 'proofs stay where another users table has the id');
UPDATE staff SET id = 'moved' WHERE id = 'both';
SELECT is(coalesce(live('both'), '-') || live('moved'), '-31', 'and follow the last one');
UPDATE logins SET id = 'third' WHERE id = 'own';
SELECT is(live('third'), '32 33', 'an id that another users table has is shared, as ever');
SELECT customer_identity.record_proof('07400 123433', 'own', 'sms');
INSERT INTO logins VALUES ('own', '07400 123433');
DELETE FROM logins WHERE id = 'third';
UPDATE logins SET id = 'third' WHERE id = 'own';
SELECT is(live('third'), '32 33', 'one live proof of a phone is enough');
SELECT is_empty('SELECT * FROM wrong_flags()', 'and its customer stays verified');
SELECT customer_identity.detach('staff');
DROP TABLE staff;

-- Ids that are not unique any more, or NULL.
CREATE TABLE people (id text PRIMARY KEY, phone text, verified boolean);
SELECT customer_identity.attach_users('people', verified_column => 'verified');
ALTER TABLE people DROP CONSTRAINT people_pkey, ALTER id DROP NOT NULL;
INSERT INTO people VALUES ('p1', '07400 123441', true), ('p2', '07400 123441', true), ('p3', '07400 123442', true);
SELECT lives_ok($$UPDATE people SET id = 'p' WHERE id IN ('p1', 'p2')$$, 'two logins may get one id');
SELECT is(live('p'), '41', 'and have proved their phone');
UPDATE people SET id = NULL WHERE id = 'p3';
SELECT is(live('p3'), NULL, 'a login without an id has proved nothing');
UPDATE people SET id = 'p4', phone = '07400 123442', verified = true WHERE id IS NULL;
SELECT is(live('p4'), '42', 'until it does');
SELECT is_empty('SELECT * FROM wrong_flags()', 'flags follow');
DROP TABLE people;

-- Codes that wait for their answer.
SET customer_identity.sms_countries = 'GB';
ALTER TABLE logins ALTER phone SET DEFAULT NULL;
INSERT INTO logins VALUES ('coder'), ('leaver'), ('stayer');
SELECT verification_id AS coder FROM customer_identity.start_verification('07400 123451', user_id => 'coder') \gset
SELECT verification_id AS leaver FROM customer_identity.start_verification('07400 123452', user_id => 'leaver') \gset
SELECT verification_id AS stayer FROM customer_identity.start_verification('07400 123453', user_id => 'stayer') \gset
SELECT verification_id AS taken FROM customer_identity.start_verification('07400 123454', user_id => 'taken') \gset
CREATE FUNCTION answer(verification uuid) RETURNS text LANGUAGE sql AS $$
  SELECT a.status FROM customer_identity.sms_messages AS m,
    customer_identity.check_verification(verification, (regexp_match(m.body, '[0-9]{6}'))[1]) AS a
  WHERE m.verification_id = verification
$$;
UPDATE logins SET id = 'renamed coder' WHERE id = 'coder';
UPDATE logins SET id = 'taken' WHERE id = 'stayer';
DELETE FROM logins WHERE id = 'leaver';
INSERT INTO logins VALUES ('coder', '07400 123451'), ('leaver', '07400 123452');
SELECT is(answer(:'coder'), 'approved', 'a code that waits belongs to the login that asked for it');
SELECT is(coalesce(live('coder'), '-') || live('renamed coder'), '-51', 'whatever its id has become');
SELECT is((SELECT status FROM customer_identity.verifications WHERE id = :'leaver'), 'cancelled', 'that of a deleted login is cancelled');
SELECT is((SELECT status FROM customer_identity.verifications WHERE id = :'taken'), 'cancelled', 'and that of somebody who had the id before');
SELECT is((SELECT count(*) FROM customer_identity.sms_messages WHERE status = 'pending' AND verification_id IN (:'leaver', :'taken')), 0::bigint,
  'its message is not sent');
SELECT is(answer(:'stayer'), 'approved', 'the others are answered');
SELECT is(live('taken'), '53', 'by the login that asked');

-- TRUNCATE.
INSERT INTO logins VALUES ('t1', '07400 123461', true), ('t2', '07400 123462', true);
SELECT verification_id AS truncated FROM customer_identity.start_verification('07400 123463', user_id => 't1') \gset
SELECT customer_identity.record_proof('07400 123462', 'somebody else', 'sms');
BEGIN;
TRUNCATE logins;
ROLLBACK;
SELECT is(live('t1'), '61', 'TRUNCATE that is rolled back ends nothing');
TRUNCATE logins;
SELECT is(coalesce(live('t1'), '-') || coalesce(live('t2'), '-'), '--', 'proofs end with the logins that TRUNCATE removes');
SELECT is((SELECT string_agg(is_phone_verified::text, ' ' ORDER BY phone) FROM customers WHERE phone IN ('+447400123461', '+447400123462')), 'false true',
  'phones that others have proved stay verified');
SELECT is((SELECT status FROM customer_identity.verifications WHERE id = :'truncated'), 'cancelled', 'codes are cancelled');
INSERT INTO logins SELECT 'n' || n, '+44740' || 1300000 + n, n % 1000 = 0 FROM generate_series(1, 10500) n;
TRUNCATE logins;
SELECT is((SELECT count(*) FROM phone_proofs WHERE user_id LIKE 'n%' AND ended_at IS NULL), 0::bigint, 'those of many as well');
TRUNCATE logins;
SELECT is((SELECT count(*) FROM phone_proofs WHERE user_id = 'somebody else' AND ended_at IS NULL), 1::bigint, 'an empty table has nothing to end');

-- Partitions, written through their table and directly.
CREATE TABLE parts (id text, phone text, verified boolean, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts_de (region text NOT NULL, junk int, verified boolean, id text NOT NULL, phone text);
ALTER TABLE parts_de DROP junk;
ALTER TABLE parts ATTACH PARTITION parts_de FOR VALUES IN ('DE');
CREATE TABLE parts_rest PARTITION OF parts DEFAULT PARTITION BY LIST (region);
CREATE TABLE parts_fr PARTITION OF parts_rest FOR VALUES IN ('FR');
SELECT customer_identity.attach_users('parts', verified_column => 'verified');
INSERT INTO parts SELECT 'q' || n, '07400 12347' || n, true, CASE n % 2 WHEN 0 THEN 'DE' ELSE 'FR' END FROM generate_series(1, 4) n;
UPDATE parts SET id = 'r' || substr(id, 2), region = CASE region WHEN 'DE' THEN 'FR' ELSE 'DE' END;
SELECT is(concat_ws(' ', live('r1'), live('r2'), live('r3'), live('r4')), '71 72 73 74', 'ids that change with the partition are followed');
UPDATE parts_de SET id = 's' || substr(id, 2);
UPDATE parts_rest SET id = 's' || substr(id, 2);
SELECT is(concat_ws(' ', live('s1'), live('s2'), live('s3'), live('s4')), '71 72 73 74', 'also in a partition');
TRUNCATE parts_de;
SELECT is(concat_ws(' ', live('s1'), live('s2'), live('s3'), live('s4')), '72 74', 'TRUNCATE of a partition ends its logins'' proofs');
TRUNCATE parts;
SELECT is(concat_ws(' ', live('s1'), live('s2'), live('s3'), live('s4')), '', 'that of the table all of them');
CREATE TABLE parts_it PARTITION OF parts_rest FOR VALUES IN ('IT');
SELECT set_eq($$SELECT finding FROM customer_identity.check_setup() WHERE object LIKE '%parts_it'$$,
  ARRAY['the partition has no trigger customer_identity_renamed', 'the partition has no trigger customer_identity_truncated'],
  'check_setup names a partition that lacks the triggers');
SELECT customer_identity.attach_users('parts', verified_column => 'verified');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object LIKE '%parts_it'$$, 'attaching again adds them');
SELECT is((SELECT count(*) FROM customer_identity.attachments WHERE attached::text LIKE 'parts%'), 1::bigint, 'one table is attached, not its partitions');
SELECT customer_identity.detach('parts');
SELECT is_empty($$SELECT * FROM pg_trigger WHERE tgname LIKE 'customer_identity%' AND tgrelid::regclass::text LIKE 'parts%'$$, 'detach takes all of them away');

-- Many statements: each person keeps what he has proved, whatever his id.
CREATE TABLE crowd (id text PRIMARY KEY DEFERRABLE, person int, phone text);
SELECT customer_identity.attach_users('crowd');
INSERT INTO crowd SELECT 'i' || n, n, '07400 12348' || n % 3 FROM generate_series(1, 12) n;
SELECT customer_identity.record_proof('07400 12348' || n % 4, 'i' || n, 'sms') FROM generate_series(1, 12) n;
SELECT customer_identity.record_proof('07400 12348' || n % 3, 'i' || n, 'sms') FROM generate_series(1, 6) n;
CREATE VIEW proved AS SELECT c.person, p.phone, p.method FROM crowd AS c JOIN phone_proofs AS p ON p.user_id = c.id AND p.ended_at IS NULL;
CREATE VIEW told AS SELECT c.person, e.event, e.details - 'user_id' AS details FROM crowd AS c JOIN customer_events AS e ON e.actor = c.id AND e.details ->> 'user_id' = c.id
  WHERE e.customer_id = c.customer_id OR e.event = 'proof_made';
CREATE TABLE proved_before AS SELECT * FROM proved;
CREATE TABLE told_before AS SELECT * FROM told;
CREATE FUNCTION shuffle() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  -- Some of the logins exchange their ids, others get new ones.
  WITH chosen AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM crowd WHERE random() < 0.6),
    targets AS (
      SELECT id, row_number() OVER (ORDER BY random()) AS n
      FROM (SELECT id FROM chosen UNION ALL SELECT 'fresh' || random() FROM generate_series(1, 3)) AS t
    )
  UPDATE crowd AS u SET id = t.id FROM chosen AS c JOIN targets AS t USING (n) WHERE u.id = c.id;
  RETURN concat_ws('; ',
    (SELECT 'proofs' FROM (SELECT * FROM proved EXCEPT ALL SELECT * FROM proved_before) AS d LIMIT 1),
    (SELECT 'lost proofs' FROM (SELECT * FROM proved_before EXCEPT ALL SELECT * FROM proved) AS d LIMIT 1),
    (SELECT 'history' FROM (SELECT * FROM told EXCEPT ALL SELECT * FROM told_before) AS d LIMIT 1),
    (SELECT 'lost history' FROM (SELECT * FROM told_before EXCEPT ALL SELECT * FROM told) AS d LIMIT 1));
END
$$;
SELECT setseed(0.3);
CREATE TABLE shuffles AS SELECT n, shuffle() AS wrong FROM generate_series(1, 100) n;
SELECT is_empty($$SELECT * FROM shuffles WHERE wrong <> ''$$, 'a hundred shuffles move nobody''s proofs and history to another');
SELECT cmp_ok((SELECT count(*) FROM proved_before), '>', 15::bigint, 'which there were');
SELECT is_empty('SELECT * FROM wrong_flags()', 'and no phone loses its flag');

-- A stranger with our trigger on a table of his own.
CREATE ROLE id_thief;
GRANT CREATE, USAGE ON SCHEMA public TO id_thief;
GRANT SELECT ON customers TO id_thief;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO id_thief;
INSERT INTO logins VALUES ('victim', '07400 123491', true);
SET ROLE id_thief;
CREATE TABLE fake (id text PRIMARY KEY, phone text, customer_id uuid);
INSERT INTO fake VALUES ('victim');
CREATE TRIGGER customer_identity_linked AFTER UPDATE OR DELETE ON fake FOR EACH ROW
  EXECUTE FUNCTION customer_identity.link_user('customers=public.customers', 'key=id', 'phone=phone');
CREATE TRIGGER customer_identity_renamed AFTER UPDATE ON fake
  FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.link_user('customers=public.customers', 'key=id', 'phone=phone');
CREATE TRIGGER customer_identity_truncated BEFORE TRUNCATE ON fake
  FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.link_user('customers=public.customers', 'key=id', 'phone=phone');
UPDATE fake SET id = 'mallory';
UPDATE fake SET id = 'victim';
TRUNCATE fake;
RESET ROLE;
SELECT is(live('victim') || coalesce(live('mallory'), '-'), '91-', 'moves and ends nothing of ours');
DROP OWNED BY id_thief;
DROP ROLE id_thief;

-- An id in another spelling is nobody's: a proof by it would stay when the login changes its phone, or ends.
CREATE TABLE staff (id int PRIMARY KEY, phone text);
CREATE TABLE guests (id uuid PRIMARY KEY, phone text);
SELECT customer_identity.attach_users('staff') IS NOT NULL AS attached \gset
SELECT customer_identity.attach_users('guests') IS NOT NULL AS attached \gset
INSERT INTO staff VALUES (7, '07400 123471'), (-7, '07400 123472'), (0, '07400 123473');
INSERT INTO guests VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '07400 123474');
CREATE FUNCTION sees_by_proof(login text, digits text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM customer_identity.record_proof('07400 1234' || digits, login);
  RETURN sees(login, digits);
END
$$;
SELECT is(sees_by_proof(login, digits), seen, format('login %s', login))
FROM (VALUES ('7', '71', true), ('07', '71', false), (' 7', '71', false), ('7 ', '71', false), ('+7', '71', false), ('7.0', '71', false), ('-7', '72', true), ('-07', '72', false),
  ('0', '73', true), ('-0', '73', false), ('00', '73', false), ('', '73', false), ('99999999999999999999', '71', false),
  ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '74', true), ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '74', false), ('{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '74', false),
  ('a0eebc999c0b4ef8bb6d6bb9bd380a11', '74', false), ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1A', '74', false)) AS l (login, digits, seen);

-- Books that lack a table.
BEGIN;
ALTER TABLE phone_proofs RENAME TO lost_proofs;
ALTER TABLE customer_events RENAME TO lost_events;
SELECT lives_ok($$UPDATE logins SET id = 'renamed'$$, 'a book without proofs keeps nobody from changing an id');
SELECT lives_ok('TRUNCATE logins', 'nor from TRUNCATE');
ROLLBACK;
BEGIN;
DROP TABLE customers CASCADE;
SELECT lives_ok('TRUNCATE logins', 'nor does a book that is gone');
ROLLBACK;
SELECT is(live('victim'), '91', 'nobody has done it');

SELECT * FROM finish();
