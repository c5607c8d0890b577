-- Proofs: who showed that they hold a phone, and whose history that opens.
\ir shop.psql
SELECT * FROM no_plan();

CREATE FUNCTION verified(customer_phone text) RETURNS boolean LANGUAGE sql AS 'SELECT is_phone_verified FROM customers WHERE phone = customer_phone';
CREATE FUNCTION live_proofs(login text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM phone_proofs WHERE user_id = login AND ended_at IS NULL';
CREATE FUNCTION sees(login text, customer_phone text) RETURNS boolean LANGUAGE sql AS
  'SELECT customer_identity.can_see_customer(login, (SELECT id FROM customers WHERE phone = customer_phone))';

-- record_proof and revoke_proof.
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401'), ('thief', '+447400123401'), ('bob', '07400 123402');
SELECT is(sees('ada', '+447400123401'), false, 'a link alone opens nothing');
SELECT is(customer_identity.record_proof('07400 123401', 'ada', 'sms'), (SELECT customer_id FROM "user" WHERE id = 'ada'),
  'a proof returns its customer');
SELECT is(verified('+447400123401'), true, 'the phone is verified');
SELECT is(sees('ada', '+447400123401'), true, 'the proven user sees the customer');
SELECT is(sees('thief', '+447400123401'), false, 'another login with the same phone does not');
SELECT is(sees('ada', '+447400123402'), false, 'nor does the proven user see another customer');
SELECT is(sees('nobody', '+447400123401'), false, 'an unknown user sees nothing');
SELECT is(customer_identity.can_see_customer(NULL, customer_id), false, 'no user sees nothing') FROM "user" WHERE id = 'ada';
SELECT is(customer_identity.can_see_customer('ada', NULL), false, 'no customer is seen by nobody');
SELECT results_eq($$SELECT phone::text, user_id, method, proved_at IS NOT NULL, ended_at FROM phone_proofs$$,
  $$VALUES ('+447400123401'::text, 'ada'::text, 'sms'::text, true, NULL::timestamptz)$$, 'the proof is on record');
SELECT customer_identity.record_proof('+447400123401', 'ada', 'sms');
SELECT is(live_proofs('ada'), 1::bigint, 'proven twice is one live proof');
SELECT isnt(customer_identity.record_proof('07400 123403'), NULL, 'a guest''s proof makes the customer');
SELECT is(verified('+447400123403'), true, 'whose phone is verified');
SELECT customer_identity.record_proof('07400 123403');
SELECT is((SELECT count(*) FROM phone_proofs WHERE user_id IS NULL), 1::bigint, 'a guest has one live proof as well');
SELECT throws_ok($$SELECT customer_identity.record_proof('call me', 'ada')$$, 'CI001', NULL,
  'an unreadable phone cannot be proven');
SELECT customer_identity.record_proof('07400 123401', 'bob');
SELECT is(sees('bob', '+447400123401'), false, 'a proof of a phone that is not the user''s opens nothing');
SELECT is(customer_identity.revoke_proof('07400 123401', 'bob')::int, 1, 'revoking tells how many proofs it ended');
SELECT is(verified('+447400123401'), true, 'the phone stays verified while another proof lives');
SELECT is(customer_identity.revoke_proof('07400 123401', 'ada', 'stolen phone')::int, 1, 'one more');
SELECT is(verified('+447400123401'), false, 'after the last it is not');
SELECT is((SELECT ended_reason FROM phone_proofs WHERE user_id = 'ada'), 'stolen phone', 'the reason is kept');
SELECT is(sees('ada', '+447400123401'), false, 'a revoked proof opens nothing');
SELECT is(customer_identity.revoke_proof('07400 123401', 'ada')::int, 0, 'there is nothing to revoke twice');
SELECT customer_identity.record_proof('07400 123401', 'ada');
SELECT is((SELECT count(*) FROM phone_proofs WHERE user_id = 'ada'), 2::bigint, 'a new proof does not revive the old one');
SELECT customer_identity.record_proof('07400 123401', 'thief'), customer_identity.record_proof('07400 123401');
SELECT is(customer_identity.revoke_proof('07400 123401')::int, 3, 'without a user everybody''s proofs end');
SELECT is(verified('+447400123401'), false, 'and the phone is verified no more');
SELECT customer_identity.record_proof('07400 123401', 'ada');

-- Trusting claims.
SELECT is(sees('thief', '+447400123401'), false, 'before');
SET customer_identity.trust_claims = on;
SELECT is(sees('thief', '+447400123401'), true, 'a shop that trusts claims shows a customer to every linked user');
SELECT is(sees('bob', '+447400123401'), false, 'but to no other');
RESET customer_identity.trust_claims;
SELECT is(current_setting('customer_identity.trust_claims'), 'off', 'which is off by default');
SELECT is((SELECT context FROM pg_settings WHERE name = 'customer_identity.trust_claims'), 'superuser',
  'and not for everybody to switch on');
SELECT is((SELECT provolatile::text FROM pg_proc WHERE oid = 'customer_identity.can_see_customer'::regproc), 's',
  'can_see_customer is stable, for policies');

-- The verified flag: only together with its phone.
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES ('new', '+447400123411', true), ('unproven',
  '+447400123412', false), ('unknown', '+447400123413', NULL);
SELECT is(live_proofs('new'), 1::bigint, 'a sign-up with phone and true is a proof');
SELECT is((SELECT method FROM phone_proofs WHERE user_id = 'new'), 'auth', 'by the auth library');
SELECT is(sees('new', '+447400123411'), true, 'which opens the history');
SELECT is(verified('+447400123411'), true, 'and verifies the phone');
SELECT is(live_proofs('unproven') + live_proofs('unknown'), 0::bigint, 'false or NULL is none');
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified", phone) VALUES ('second', NULL, true, '07400 123414'), ('unread', 'n/a', true,
  '07400 123415');
SELECT is(live_proofs('second') + live_proofs('unread'), 0::bigint, 'the flag says nothing about the second phone column');
UPDATE "user" SET "phoneNumberVerified" = true WHERE id = 'unproven';
SELECT is(live_proofs('unproven'), 0::bigint, 'a flag that flips alone is no proof');
UPDATE "user" SET "phoneNumber" = '+447400123416' WHERE id = 'unproven';
SELECT is(live_proofs('unproven'), 0::bigint, 'a number changed under a true flag is no proof');
UPDATE "user" SET "phoneNumber" = '+447400123416', "phoneNumberVerified" = true WHERE id = 'unproven';
SELECT is(live_proofs('unproven'), 1::bigint, 'both in one UPDATE are, though the values stay');
UPDATE "user" SET "phoneNumber" = '+447400123417', "phoneNumberVerified" = false WHERE id = 'unknown';
SELECT is(live_proofs('unknown'), 0::bigint, 'both, but false, is none');
UPDATE "user" SET "phoneNumber" = '+447400123418', "phoneNumberVerified" = true WHERE id = 'unknown';
SELECT is(live_proofs('unknown'), 1::bigint, 'both, and true, is one');

-- A changed phone.
UPDATE "user" SET name = 'New' WHERE id = 'new';
SELECT is(live_proofs('new'), 1::bigint, 'another column ends no proof');
UPDATE "user" SET "phoneNumber" = '0044 7400 123411' WHERE id = 'new';
SELECT is(live_proofs('new'), 1::bigint, 'a respelling ends no proof');
UPDATE "user" SET "phoneNumber" = '+447400123419' WHERE id = 'new';
SELECT is(live_proofs('new'), 0::bigint, 'a changed phone ends the user''s proofs');
SELECT is(verified('+447400123411'), false, 'and the old phone is verified no more');
SELECT is(sees('new', '+447400123411'), false, 'the user sees the old customer no more');
SELECT is(sees('new', '+447400123419'), false, 'nor the new one yet');
UPDATE "user" SET "phoneNumber" = '+447400123411', "phoneNumberVerified" = true WHERE id = 'new';
SELECT is(sees('new', '+447400123411'), true, 'until it is proven');
UPDATE "user" SET "phoneNumber" = NULL, "phoneNumberVerified" = false WHERE id = 'new';
SELECT is(live_proofs('new'), 0::bigint, 'a cleared phone ends the proofs too');
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") SELECT 'many' || n, '+44740012350' || n, true FROM generate_series(1, 9) n;
SELECT is((SELECT count(*) FROM phone_proofs WHERE user_id LIKE 'many%' AND ended_at IS NULL), 9::bigint,
  'every row of a statement has its proof');
SELECT throws_ok($$INSERT INTO phone_proofs (phone, customer_id, user_id, method) SELECT phone, customer_id, user_id,
  method FROM phone_proofs WHERE user_id = 'many1'$$,
  '23505', NULL, 'no login can have two live proofs of a phone');

-- A number that goes to somebody else. It is the application that changes customers.phone.
CREATE FUNCTION flagged() RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(what_to_do, ' ') FROM customer_identity.check_setup() WHERE finding LIKE '%without a live proof%'$$;
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES ('first', '+447400123421', true);
SELECT customer_identity.record_proof('+447400123421');
SELECT customer_id AS first FROM "user" WHERE id = 'first' \gset
SELECT is(flagged(), NULL, 'every verified phone has a proof');
UPDATE customers SET phone = NULL WHERE id = :'first';
SELECT is(customer_identity.can_see_customer('first', :'first'), false, 'a proof of a number that was released gives no access');
SELECT is((SELECT is_phone_verified FROM customers WHERE id = :'first'), false, 'and marks nobody');
INSERT INTO "user" (id, phone) VALUES ('next', '07400 123421');
SELECT is(sees('next', '+447400123421'), false, 'its next owner has proved nothing');
UPDATE "user" SET customer_id = (SELECT customer_id FROM "user" WHERE id = 'next') WHERE id = 'first';
SELECT is(sees('first', '+447400123421'), false, 'nor does the old proof open what is the next owner''s');
SELECT is(verified('+447400123421'), false, 'whose phone is not verified');
SELECT is(customer_identity.verification_required('07400 123421', 'next'), true, 'and has to be');
SELECT is(customer_identity.record_proof('07400 123421', 'next'), (SELECT customer_id FROM "user" WHERE id = 'next'), 'who proves it is the next owner');
SELECT is(sees('next', '+447400123421'), true, 'who sees what is his');
SELECT customer_identity.record_proof('07400 123421');
SELECT is((SELECT count(*) FROM phone_proofs WHERE phone = '+447400123421' AND ended_at IS NULL), 2::bigint, 'old proofs do not stand in the way of a guest''s');
SELECT is((SELECT string_agg(DISTINCT ended_reason, ' ') FROM phone_proofs WHERE customer_id = :'first'), 'phone changed', 'they ended');
SELECT is((SELECT is_phone_verified FROM customers WHERE id = :'first'), false, 'with the flag');
SELECT is(flagged(), NULL, 'and check_setup is content');
UPDATE customers SET phone = '+447400123422' WHERE id = (SELECT customer_id FROM "user" WHERE id = 'next');
SELECT is(sees('next', '+447400123422'), false, 'a proof of the old number is none of a new one');
SELECT is(verified('+447400123422'), false, 'which is not verified');
UPDATE customers SET is_phone_verified = true WHERE phone = '+447400123422';
SELECT flagged() AS repair \gset
:repair
SELECT is(verified('+447400123422'), false, 'what check_setup says takes a flag away that nobody has proved');
SELECT is(flagged(), NULL, 'and nothing else');
SELECT is(verified('+447400123401'), true, 'a proved phone keeps its flag');

-- A deleted login, and another one that gets its id.
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES ('gone', '+447400123431', true);
SELECT customer_identity.record_proof('+447400123431', 'stays', 'sms');
DELETE FROM "user" WHERE id = 'gone';
SELECT is((SELECT ended_reason FROM phone_proofs WHERE user_id = 'gone'), 'user deleted', 'a deleted login has proved nothing any more');
SELECT is(verified('+447400123431'), true, 'the phone stays verified while somebody else''s proof is live');
SELECT customer_identity.revoke_proof('+447400123431', 'stays');
INSERT INTO "user" (id, phone) VALUES ('gone', '07400 123431');
SELECT is(sees('gone', '+447400123431'), false, 'who gets its id sees nothing');
DELETE FROM "user" WHERE id LIKE 'many%';
SELECT is((SELECT count(*) FROM phone_proofs AS p JOIN customers AS c ON c.phone = p.phone
  WHERE p.user_id LIKE 'many%' AND (p.ended_at IS NULL OR c.is_phone_verified)), 0::bigint, 'each of many deleted ones, whose phones are verified no more');
BEGIN;
ALTER TABLE phone_proofs RENAME TO lost_proofs;
SELECT lives_ok($$DELETE FROM "user" WHERE id = 'gone'$$, 'a book without proofs keeps no login from being deleted');
ROLLBACK;

-- A login that moves to another partition stays.
CREATE TABLE members (id text, phone text, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE members_de PARTITION OF members FOR VALUES IN ('DE');
CREATE TABLE members_fr PARTITION OF members FOR VALUES IN ('FR');
SELECT customer_identity.attach_users('members');
INSERT INTO members VALUES ('mover', '07400 123441', 'DE');
SELECT customer_identity.record_proof('07400 123441', 'mover', 'sms');
UPDATE members SET region = 'FR' WHERE id = 'mover';
SELECT is(sees('mover', '+447400123441'), true, 'a login that moves to another partition keeps its proofs');
DELETE FROM members_fr WHERE id = 'mover';
SELECT is(live_proofs('mover'), 0::bigint, 'one that is deleted from a partition does not');
INSERT INTO members VALUES ('renamed', '07400 123442', 'DE');
SELECT customer_identity.record_proof('07400 123442', 'renamed', 'sms');
ALTER TABLE members RENAME TO people;
SELECT lives_ok($$DELETE FROM people WHERE id = 'renamed'$$, 'nor when the table has another name by now');
SELECT is(live_proofs('renamed'), 0::bigint, 'whose proofs end as well');

-- An id that is in two users tables.
CREATE TABLE staff (id text PRIMARY KEY, phone text);
SELECT customer_identity.attach_users('staff');
INSERT INTO people VALUES ('both', '07400 123443', 'DE');
INSERT INTO staff VALUES ('both', NULL);
SELECT customer_identity.record_proof('07400 123443', 'both', 'sms');
DELETE FROM staff WHERE id = 'both';
SELECT is(live_proofs('both'), 1::bigint, 'proofs stay while another users table has the id');
DELETE FROM people WHERE id = 'both';
SELECT is(live_proofs('both'), 0::bigint, 'and end with the last one');

-- A users table of a role that may write customers and nothing else.
CREATE ROLE hr;
GRANT USAGE, CREATE ON SCHEMA public TO hr;
GRANT SELECT, INSERT, UPDATE ON customers TO hr;
ALTER TABLE staff OWNER TO hr;
REVOKE ALL ON phone_proofs FROM hr;
INSERT INTO staff VALUES ('clerk', '07400 123444');
SELECT customer_identity.record_proof('07400 123444', 'clerk', 'sms');
SELECT lives_ok($$DELETE FROM staff WHERE id = 'clerk'$$, 'proofs end by the right of the book''s owner');
SELECT is(live_proofs('clerk'), 0::bigint, 'who has them');

-- A book that is gone.
INSERT INTO staff VALUES ('last', '07400 123445');
BEGIN;
DROP TABLE customers CASCADE;
SELECT lives_ok($$DELETE FROM staff WHERE id = 'last'$$, 'nobody needs a book to leave');
ROLLBACK;
SELECT lives_ok($$DELETE FROM staff WHERE id = 'last'$$, 'nor minds one');
REASSIGN OWNED BY hr TO CURRENT_USER;
DROP OWNED BY hr;
DROP ROLE hr;

-- In a MERGE each row has the columns that all actions set.
CREATE TABLE merged (id text PRIMARY KEY, phone text, verified boolean);
SELECT customer_identity.attach_users('merged', verified_column => 'verified', default_region => 'GB');
INSERT INTO merged VALUES ('flag', '07400 123471', false), ('phone', '07400 123472', false), ('both', '07400 123473', false);
MERGE INTO merged AS u USING (VALUES ('flag', NULL), ('phone', '07400 123474'), ('both', '07400 123475'), ('new', '07400 123476')) AS s (id, phone) ON u.id = s.id
  WHEN MATCHED AND s.id = 'flag' THEN UPDATE SET verified = true
  WHEN MATCHED AND s.id = 'phone' THEN UPDATE SET phone = s.phone
  WHEN MATCHED THEN UPDATE SET phone = s.phone, verified = true
  WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.phone, true);
SELECT results_eq('SELECT id, customer_identity.can_see_customer(id, customer_id) FROM merged ORDER BY id',
  $$VALUES ('both', true), ('flag', false), ('new', true), ('phone', false)$$, 'a flag that a MERGE flips alone proves nothing');

SELECT * FROM finish();
