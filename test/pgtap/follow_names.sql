-- preferred_name follows the name of the login that it came from, while nobody else has set it; a stranger who types the
-- phone names nobody.
\ir shop.psql
SELECT * FROM no_plan();

CREATE FUNCTION name_of(customer_phone text) RETURNS text LANGUAGE sql AS
  'SELECT preferred_name FROM customers WHERE phone = customer_phone';
CREATE FUNCTION edits(customer_phone text) RETURNS SETOF jsonb LANGUAGE sql AS
  'SELECT e.details FROM customer_events e JOIN customers c ON c.id = e.customer_id
   WHERE c.phone = customer_phone AND e.event = ''edited'' ORDER BY e.created_at, e.id';

-- The login that the customer was made for.
INSERT INTO "user" (id, name, phone) VALUES ('mara', 'New customer', '07400 123401');
UPDATE "user" SET name = 'Mara' WHERE id = 'mara';
SELECT is(name_of('+447400123401'), 'Mara', 'a name that was made up goes with the user''s first own one');
UPDATE "user" SET name = 'Mara Weber', country = 'GB' WHERE id = 'mara';
SELECT is(name_of('+447400123401'), 'Mara Weber', 'and the next ones are followed as well');
SELECT results_eq($$SELECT edits('+447400123401')$$,
  $$VALUES ('{"preferred_name": {"old": "New customer", "new": "Mara"}}'::jsonb),
           ('{"preferred_name": {"old": "Mara", "new": "Mara Weber"}}')$$, 'the history tells, as for an edit');
SELECT results_eq($$SELECT DISTINCT actor FROM customer_events WHERE event = 'edited'$$, $$VALUES ('mara')$$, 'and by whom');
SELECT ctid, updated_at FROM customers WHERE phone = '+447400123401' \gset
UPDATE "user" SET name = name, country = NULL WHERE id = 'mara';
SELECT is((SELECT ctid FROM customers WHERE phone = '+447400123401'), :'ctid'::tid, 'an UPDATE that leaves the name writes nothing');
UPDATE "user" SET name = 'Mara W.' WHERE id = 'mara';
SELECT cmp_ok((SELECT updated_at FROM customers WHERE phone = '+447400123401'), '>', :'updated_at'::timestamptz,
  'who edits the customer meanwhile notices');
UPDATE "user" SET name = '  ' WHERE id = 'mara';
SELECT is(name_of('+447400123401'), NULL, 'a name that was cleared is followed');
UPDATE "user" SET name = repeat('x', 300) WHERE id = 'mara';
SELECT is(name_of('+447400123401'), repeat('x', 100), 'a long one is cut');
UPDATE "user" SET name = repeat('x', 200) WHERE id = 'mara';
SELECT is((SELECT count(*) FROM edits('+447400123401')), 5::bigint, 'one that is cut to the same is no edit');
UPDATE "user" SET name = 'Mara' WHERE id = 'mara';
SELECT is(name_of('+447400123401'), 'Mara', 'a name that was cut is followed');
INSERT INTO "user" (id, phone) VALUES ('late', '07400 123402');
UPDATE "user" SET name = 'Late' WHERE id = 'late';
SELECT is(name_of('+447400123402'), 'Late', 'a user who had no name gives it later');

-- Strangers.
INSERT INTO "user" (id, name, phone) VALUES ('stranger', 'Mara', '+44 7400 123401'), ('other', 'Someone', '+447400123401');
UPDATE "user" SET name = 'Idiot' WHERE id IN ('stranger', 'other');
SELECT is(name_of('+447400123401'), 'Mara', 'a stranger who types phone and name renames nobody');
UPDATE "user" SET name = 'Mara' WHERE id = 'stranger';
UPDATE "user" SET name = 'Mara II' WHERE id = 'mara';
SELECT is(name_of('+447400123401'), 'Mara II', 'nor keeps the customer''s login from it');
INSERT INTO orders (phone, total) VALUES ('07400 123403', 1);
INSERT INTO "user" (id, name, phone) VALUES ('guess', 'Guess', '07400 123403');
UPDATE "user" SET name = 'Guessed' WHERE id = 'guess';
SELECT is(name_of('+447400123403'), NULL, 'nor names a guest');
UPDATE "user" SET "phoneNumber" = '+447400123403', "phoneNumberVerified" = true WHERE id = 'guess';
UPDATE "user" SET name = 'Guest' WHERE id = 'guess';
SELECT is(name_of('+447400123403'), 'Guest', 'who has proved the phone does');
INSERT INTO "user" (id, name, phone) VALUES ('squatter', 'Ada', '07400 123407'), ('ada', 'Ada', '07400 123407');
SELECT customer_identity.record_proof('07400 123407', 'ada', 'sms');
UPDATE "user" SET name = 'Idiot' WHERE id = 'squatter';
SELECT is(name_of('+447400123407'), 'Ada', 'the first login names nobody once somebody else has proved the phone');
UPDATE "user" SET name = 'Ada L.' WHERE id = 'ada';
SELECT is(name_of('+447400123407'), 'Ada L.', 'who has proved it does');
UPDATE "user" SET name = 'Ada L.' WHERE id = 'squatter';
SELECT customer_identity.record_proof('07400 123407', 'squatter', 'sms');
UPDATE "user" SET name = 'Idiot' WHERE id = 'squatter';
SELECT is(name_of('+447400123407'), 'Ada L.', 'what one login has set, another one leaves alone');
INSERT INTO "user" (id, name, phone) VALUES ('moved', 'Moved', '07400 123404');
UPDATE "user" SET name = 'Mara II', phone = '07400 123401' WHERE id = 'moved';
UPDATE "user" SET name = 'Intruder' WHERE id = 'moved';
SELECT is(name_of('+447400123401'), 'Mara II', 'a login that comes along with another phone renames nobody');
UPDATE "user" SET phone = '07400 123404', name = 'Moved' WHERE id = 'moved';
UPDATE "user" SET name = 'Back' WHERE id = 'moved';
SELECT is(name_of('+447400123404'), 'Moved', 'one that was away and came back is a stranger');

-- Others who set it.
SELECT customer_identity.update_customer(customer_identity.find_customer('07400 123401'), '{"preferred_name": "Mara (VIP)"}', actor => 'admin');
UPDATE "user" SET name = 'Mara (VIP)' WHERE id = 'mara';
UPDATE "user" SET name = 'Mara III' WHERE id = 'mara';
SELECT is(name_of('+447400123401'), 'Mara (VIP)', 'a name that an administrator gave stays, even where the user had the same');
INSERT INTO "user" (id, name, phone) VALUES ('own', 'Own', '07400 123405');
UPDATE customers SET preferred_name = 'Theirs' WHERE phone = '+447400123405';
UPDATE "user" SET name = 'Mine' WHERE id = 'own';
SELECT is(name_of('+447400123405'), 'Theirs', 'a name that the application wrote stays');

-- Ids.
INSERT INTO "user" (id, name, phone) VALUES ('old', 'Old', '07400 123406');
UPDATE "user" SET id = 'new', name = 'New' WHERE id = 'old';
SELECT is(name_of('+447400123406'), 'New', 'id and name may change together');
UPDATE "user" SET name = 'Newer' WHERE id = 'new';
SELECT is(name_of('+447400123406'), 'Newer', 'the new id is known');
DELETE FROM "user" WHERE id = 'new';
INSERT INTO "user" (id, name, phone) VALUES ('new', 'Newer', '07400 123406');
UPDATE "user" SET name = 'Heir' WHERE id = 'new';
SELECT is(name_of('+447400123406'), 'Newer', 'who gets an id that was somebody''s inherits nothing');

-- Many rows, and other kinds of statements.
INSERT INTO "user" (id, name, phone) SELECT 'bulk' || n, 'Bulk ' || n, '+4474001235' || lpad(n::text, 2, '0') FROM generate_series(1, 50) n;
UPDATE "user" SET name = upper(name) WHERE id LIKE 'bulk%';
SELECT is((SELECT count(*) FROM customers WHERE preferred_name LIKE 'BULK %'), 50::bigint, 'an UPDATE of many rows is followed row by row');
INSERT INTO "user" (id, name) VALUES ('bulk1', 'Upsert') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
SELECT is(name_of('+447400123501'), 'Upsert', 'so is an upsert');
MERGE INTO "user" AS u USING (VALUES ('bulk1', 'Merged')) AS v (id, name) ON u.id = v.id WHEN MATCHED THEN UPDATE SET name = v.name;
SELECT is(name_of('+447400123501'), 'Merged', 'and a MERGE');

-- A partitioned table.
CREATE TABLE members (id int PRIMARY KEY, name text, phone text) PARTITION BY RANGE (id);
CREATE TABLE members_1 PARTITION OF members FOR VALUES FROM (1) TO (10);
CREATE TABLE members_2 PARTITION OF members FOR VALUES FROM (10) TO (20);
SELECT customer_identity.attach_users('members', name_column => 'name');
INSERT INTO members VALUES (1, 'Member', '07400 123408');
UPDATE members_1 SET name = 'Direct' WHERE id = 1;
SELECT is(name_of('+447400123408'), 'Direct', 'a statement that names the partition is followed');
UPDATE members SET id = 11, name = 'Moved' WHERE id = 1;
SELECT is(name_of('+447400123408'), 'Moved', 'and a row that moves to another one');
UPDATE members SET name = 'Through the parent';
SELECT is(name_of('+447400123408'), 'Through the parent', 'and one that names the parent');

-- Backfilled.
ALTER TABLE "user" DISABLE TRIGGER USER;
INSERT INTO "user" (id, name, phone) VALUES ('alone', 'Alone', '07400 123411'), ('twin1', 'Twin', '07400 123412'), ('twin2', 'Twin', '07400 123412');
ALTER TABLE "user" ENABLE TRIGGER USER;
CALL customer_identity.backfill('"user"');
UPDATE "user" SET name = 'Not alone' WHERE id = 'alone';
SELECT is(name_of('+447400123411'), 'Not alone', 'the only login that a backfill made a customer for is followed');
UPDATE "user" SET name = 'Evil twin' WHERE id = 'twin1';
UPDATE "user" SET name = 'Evil twin' WHERE id = 'twin2';
SELECT is(name_of('+447400123412'), 'Twin', 'of several nobody knows whose the name is');
BEGIN;
INSERT INTO orders (phone, total) VALUES ('07400 123413', 1);
INSERT INTO "user" (id, name, phone) VALUES ('checkout', 'Checkout', '07400 123413');
COMMIT;
UPDATE "user" SET name = 'Named' WHERE id = 'checkout';
SELECT is(name_of('+447400123413'), 'Named', 'a login that came with the order that made the customer names it');

-- Rights: whoever may update users needs none on the book.
CREATE ROLE follow_names_app;
GRANT SELECT, UPDATE ON "user" TO follow_names_app;
SET ROLE follow_names_app;
UPDATE "user" SET name = 'By a role' WHERE id = 'bulk2';
RESET ROLE;
SELECT is(name_of('+447400123502'), 'By a role', 'an application role needs no right on the book');

-- A book that keeps less.
DROP TABLE customer_events;
UPDATE "user" SET name = 'Unknown' WHERE id = 'bulk3';
SELECT is(name_of('+447400123503'), 'BULK 3', 'without a history nobody knows whose the name is');
SELECT customer_identity.record_proof('+447400123503', 'bulk3', 'sms');
UPDATE "user" SET name = 'BULK 3' WHERE id = 'bulk3';
UPDATE "user" SET name = 'Known' WHERE id = 'bulk3';
SELECT is(name_of('+447400123503'), 'Known', 'but who has proved the phone does');
ALTER TABLE customers ALTER COLUMN preferred_name TYPE varchar(3) USING left(preferred_name, 3);
UPDATE "user" SET name = 'Kno!' WHERE id = 'bulk3';
SELECT is(name_of('+447400123503'), 'Kno', 'a column of another length is obeyed');
UPDATE "user" SET name = 'Abc' WHERE id = 'bulk3';
SELECT is(name_of('+447400123503'), 'Abc', 'in old names as well');
DROP TABLE phone_proofs;
SELECT lives_ok($$UPDATE "user" SET name = 'Nobody' WHERE id = 'bulk3'$$, 'a book without proofs fails nobody');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact at the end');

DROP OWNED BY follow_names_app;
DROP ROLE follow_names_app;
SELECT * FROM finish();
