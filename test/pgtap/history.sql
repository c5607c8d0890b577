-- The history: what is written to customer_events, by whom, and that nothing depends on its being there.
-- Roles are made in a transaction that is rolled back.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();

-- A customer's events as short lines, oldest first: event, actor, details.
CREATE FUNCTION told(customer_phone text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', e.event, coalesce(e.actor, '-'), nullif(regexp_replace(e.details::text, '[{}"\\]', '', 'g'), ''))
  FROM customer_events e JOIN customers c ON c.id = e.customer_id WHERE c.phone = customer_phone ORDER BY e.id $$;
CREATE FUNCTION forget() RETURNS void LANGUAGE sql AS 'DELETE FROM customer_events';
CREATE FUNCTION findings() RETURNS SETOF text LANGUAGE sql AS
  $$SELECT severity || ' ' || finding FROM customer_identity.check_setup() WHERE object ~ 'customer_events'$$;

-- Users.
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401'), ('ada2', '+447400123401'), ('nobody', 'n/a');
SELECT results_eq($$SELECT told('+447400123401')$$, ARRAY[
  'created ada from: user, table: public.user, user_id: ada',
  'user_linked ada cause: sign_up, table: public.user, user_id: ada',
  'user_linked ada2 cause: sign_up, table: public.user, user_id: ada2'],
  'a sign-up makes a customer and is linked to it, another one is linked');
SELECT is((SELECT count(*) FROM customer_events), 3::bigint, 'an unreadable phone leaves nothing');
SELECT forget();
UPDATE "user" SET phone = '+44 7400 123401', name = 'Ada' WHERE id = 'ada';
SELECT is_empty('SELECT * FROM customer_events', 'another spelling changes nothing');
UPDATE "user" SET phone = '07400 123402' WHERE id = 'ada2';
SELECT results_eq($$SELECT told('+447400123401')$$, ARRAY['user_unlinked ada2 cause: phone_changed, table: public.user, user_id: ada2'],
  'who changes the phone leaves a customer');
SELECT results_eq($$SELECT told('+447400123402')$$, ARRAY[
  'created ada2 from: user, table: public.user, user_id: ada2', 'user_linked ada2 cause: phone_changed, table: public.user, user_id: ada2'],
  'and is linked to another');
SELECT forget();
UPDATE "user" SET phone = NULL WHERE id = 'ada2';
SELECT results_eq($$SELECT told('+447400123402')$$, ARRAY['user_unlinked ada2 cause: phone_changed, table: public.user, user_id: ada2'],
  'a phone that was removed unlinks');
SELECT forget();
UPDATE "user" SET customer_id = (SELECT id FROM customers WHERE phone = '+447400123402') WHERE id = 'ada2';
SELECT results_eq($$SELECT told('+447400123402')$$, ARRAY['user_linked ada2 cause: application, table: public.user, user_id: ada2'],
  'a link that the application makes is told as well');
SELECT forget();
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123403') ON CONFLICT DO NOTHING;
SELECT results_eq($$SELECT told('+447400123403')$$, ARRAY['created ada from: user, table: public.user, user_id: ada'],
  'a user who was there already is not linked to what the attempt has made');
SELECT forget();
INSERT INTO "user" (id, phone) SELECT 'many' || n, '07400 1235' || lpad((n % 10)::text, 2, '0') FROM generate_series(1, 100) n;
SELECT is((SELECT array_agg(count ORDER BY event) FROM (SELECT event, count(*) FROM customer_events GROUP BY event) e),
  '{10,100}'::bigint[], 'a statement of many rows tells of each');

-- Proofs.
SELECT forget();
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES ('bob', '07400 123411', true);
SELECT results_eq($$SELECT told('+447400123411')$$, ARRAY[
  'created bob from: user, table: public.user, user_id: bob', 'user_linked bob cause: sign_up, table: public.user, user_id: bob',
  'proof_made bob method: auth, user_id: bob'], 'a verified sign-up makes a proof');
SELECT forget();
UPDATE "user" SET "phoneNumber" = '07400 123411', "phoneNumberVerified" = true WHERE id = 'bob';
SELECT is_empty('SELECT * FROM customer_events', 'which is made once');
UPDATE "user" SET "phoneNumber" = '07400 123412' WHERE id = 'bob';
SELECT results_eq($$SELECT told('+447400123411')$$, ARRAY[
  'user_unlinked bob cause: phone_changed, table: public.user, user_id: bob', 'proof_ended bob reason: phone changed, user_id: bob'],
  'and ends when the phone changes');
SELECT forget();
SELECT customer_identity.record_proof('07400 123413', NULL, 'sms'), customer_identity.record_proof('07400 123413', 'bob', 'call'),
  customer_identity.record_proof('07400 123413', 'bob', 'call');
SELECT results_eq($$SELECT told('+447400123413')$$, ARRAY[
  'created - from: function', 'proof_made - method: sms', 'proof_made bob method: call, user_id: bob'],
  'record_proof tells of each new proof');
SELECT forget();
SELECT customer_identity.revoke_proof('07400 123413', reason => 'lost'), customer_identity.revoke_proof('07400 123413');
SELECT set_eq($$SELECT told('+447400123413')$$, ARRAY[
  'proof_ended - reason: lost', 'proof_ended - reason: lost, user_id: bob'], 'revoke_proof of each that it ends, not of who revoked');

SELECT forget();
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES ('leaver', '07400 123419', true);
DELETE FROM "user" WHERE id = 'leaver';
SELECT results_eq($$SELECT told('+447400123419') OFFSET 3$$, ARRAY[
  'user_unlinked leaver cause: deleted, table: public.user, user_id: leaver', 'proof_ended leaver reason: user deleted, user_id: leaver'],
  'a login that is deleted leaves its customer');

-- Orders.
SELECT forget();
INSERT INTO orders (user_id, phone, total) VALUES (NULL, '07400 123421', 5), (NULL, '07400 123421', 5), ('ada', NULL, 5),
  ('nobody', '07400 123422', 5);
UPDATE orders SET status = 'shipped', total = total + 1;
UPDATE orders SET phone = '07400 123421' WHERE phone = '07400 123422';
DELETE FROM orders WHERE user_id = 'ada';
SELECT results_eq($$SELECT told('+447400123421')$$, ARRAY['created - from: order, table: public.orders'],
  'an order that makes a customer says so');
SELECT results_eq($$SELECT told('+447400123422')$$, ARRAY['created nobody from: order, table: public.orders, user_id: nobody'],
  'with its user');
SELECT is((SELECT count(*) FROM customer_events), 2::bigint, 'every other order writes nothing');

-- Points.
SELECT forget();
SELECT id AS ada FROM customers WHERE phone = '+447400123401' \gset
SELECT customer_identity.adjust_points(:'ada', 40, 'gift', 'key-1', 'clerk'), customer_identity.adjust_points(:'ada', 40, 'gift', 'key-1', 'clerk');
SELECT customer_identity.redeem_points(:'ada', 15, 'voucher', 'key-2'), customer_identity.redeem_points(:'ada', 15, 'voucher', 'key-2');
SELECT customer_identity.record_proof('07400 123401', 'ada');
SELECT customer_identity.redeem_points(:'ada', 5, 'voucher', user_id => 'ada');
SELECT results_eq($$SELECT told('+447400123401')$$, ARRAY[
  'points_adjusted clerk points: 40, reason: gift, balance: 40',
  'points_redeemed - points: 15, reason: voucher, balance: 25',
  'proof_made ada method: external, user_id: ada',
  'points_redeemed ada points: 5, reason: voucher, balance: 20'], 'points tell reason, balance and actor, once a key');
SELECT throws_ok(format($$SELECT customer_identity.redeem_points(%L, 1000, 'too many')$$, :'ada'), 'CI005', NULL, 'what is refused');
SELECT is((SELECT count(*) FROM customer_events), 4::bigint, 'is not told');
SELECT is((SELECT jsonb_typeof(details -> 'points') FROM customer_events WHERE actor = 'clerk'), 'number', 'points are numbers');

-- customer_history.
SELECT is(
  (SELECT jsonb_agg(e.value - 'at') FROM jsonb_array_elements(customer_identity.customer_history(:'ada')) e),
  '[{"event": "points_redeemed", "actor": "ada", "details": {"points": 5, "reason": "voucher", "balance": 20}},
    {"event": "proof_made", "actor": "ada", "details": {"method": "external", "user_id": "ada"}},
    {"event": "points_redeemed", "actor": null, "details": {"points": 15, "reason": "voucher", "balance": 25}},
    {"event": "points_adjusted", "actor": "clerk", "details": {"points": 40, "reason": "gift", "balance": 40}}]'::jsonb,
  'customer_history has it newest first');
SELECT is((customer_identity.customer_history(:'ada') -> 0 ->> 'at')::timestamptz, now(), 'with the time of the transaction');
SELECT is(customer_identity.customer_history(gen_random_uuid()), '[]', 'a customer who is not there has none');
SELECT is(customer_identity.customer_history(NULL), '[]', 'nor has NULL');

-- Customers that go.
SELECT lives_ok(format('DELETE FROM customers WHERE id = %L', :'ada'), 'a customer can be deleted');
SELECT is_empty($$SELECT * FROM customer_events WHERE details ->> 'user_id' = 'ada'$$, 'and the history with it');
SELECT forget();
SELECT lives_ok('DELETE FROM customers', 'so can all of them');

-- Text of any kind.
SELECT lives_ok($$INSERT INTO "user" (id, phone) VALUES (E'o''"\\{}\n\t', '07400 123431')$$, 'a user id may hold anything');
SELECT is((SELECT details ->> 'user_id' FROM customer_events WHERE event = 'user_linked'), E'o''"\\{}\n\t', 'and is told as it is');

-- Rights: a role with all that the documentation says to grant, and one that may only ask.
CREATE ROLE till;
CREATE ROLE app;
CREATE ROLE clerk;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO till;
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs TO till;
GRANT SELECT, INSERT ON loyalty_entries TO till;
GRANT SELECT, INSERT, UPDATE, DELETE ON "user", orders TO till, app;
GRANT EXECUTE ON FUNCTION customer_identity.customer_history TO clerk;
SELECT forget();
SET ROLE till;
SELECT customer_identity.get_or_create_customer('07400 123441') AS till \gset
SELECT customer_identity.record_proof('07400 123441', 'u'), customer_identity.revoke_proof('07400 123441');
SELECT customer_identity.adjust_points(:'till', 5, 'gift'), customer_identity.redeem_points(:'till', 5, 'voucher');
SELECT throws_ok('SELECT * FROM customer_events', '42501', NULL, 'who may write the book cannot read the history');
SELECT throws_ok($$UPDATE customer_events SET actor = 'somebody else'$$, '42501', NULL, 'change it');
SELECT throws_ok('DELETE FROM customer_events', '42501', NULL, 'delete from it');
SELECT throws_ok('TRUNCATE customer_events', '42501', NULL, 'empty it');
SELECT throws_ok(format($$INSERT INTO customer_events (customer_id, event) VALUES (%L, 'made up')$$, :'till'), '42501', NULL,
  'or add to it');
SELECT throws_ok(format($$SELECT customer_identity_internal.write_event('customers', %L, 'made up', '{}', NULL)$$, :'till'), '42501', NULL,
  'by our function neither');
SET ROLE app;
SELECT lives_ok($$INSERT INTO "user" (id, phone) VALUES ('app', '07400 123441')$$, 'a sign-up needs no right on the history');
SELECT throws_ok(format('SELECT customer_identity.customer_history(%L)', :'till'), '42501', NULL, 'nor brings one');
SET ROLE clerk;
SELECT is(
  (SELECT jsonb_agg(e.value -> 'event') FROM jsonb_array_elements(customer_identity.customer_history(:'till')) e),
  '["user_linked", "points_redeemed", "points_adjusted", "proof_ended", "proof_made", "created"]'::jsonb,
  'EXECUTE is all that who asks needs, and who wrote needed none');
SELECT throws_ok('SELECT * FROM customer_events', '42501', NULL, 'the table stays closed');
RESET ROLE;
SELECT is_empty('SELECT findings()', 'check_setup is content');

-- A stranger with our trigger on a table of his own.
CREATE ROLE stranger;
GRANT CREATE ON SCHEMA public TO stranger;
GRANT SELECT ON customers TO stranger;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO stranger;
SELECT forget();
SET ROLE stranger;
CREATE TABLE fake_users (id text PRIMARY KEY, phone text, customer_id uuid);
CREATE TRIGGER customer_identity_link BEFORE INSERT OR UPDATE ON fake_users FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(
  'customers=public.customers', 'key=id', 'phone=phone', 'customer=customer_id');
CREATE TRIGGER customer_identity_linked AFTER INSERT OR UPDATE ON fake_users FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(
  'customers=public.customers', 'key=id', 'phone=phone', 'customer=customer_id');
INSERT INTO fake_users VALUES ('given', NULL, :'till');
UPDATE fake_users SET customer_id = NULL;
SELECT isnt((failure($$INSERT INTO fake_users VALUES ('mallory', '07400 123441', NULL)$$)).code, NULL, 'cannot link users to customers of ours');
RESET ROLE;
SELECT is_empty('SELECT * FROM customer_events', 'nor write history');
DROP TABLE fake_users;

-- Default privileges.
CREATE SCHEMA open;
ALTER DEFAULT PRIVILEGES IN SCHEMA open GRANT ALL ON TABLES TO app, PUBLIC;
SELECT customer_identity.create_tables('open');
SELECT ok(NOT has_table_privilege('app', t.relation, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'),
  'rights that every new table gives do not open ' || t.relation::text COLLATE "C")
FROM unnest('{open.customer_events,open.phone_proofs,open.loyalty_entries,open.customer_phones,open.phone_rules}'::regclass[]) AS t (relation);
GRANT SELECT, INSERT ON open.phone_proofs, open.loyalty_entries TO app;
SELECT customer_identity.create_tables('open');
SELECT ok(has_table_privilege('app', t.relation, 'INSERT'), 'those that are granted afterwards stay: ' || t.relation::text)
FROM unnest('{open.phone_proofs,open.loyalty_entries}'::regclass[]) AS t (relation);
GRANT UPDATE, DELETE ON customer_events TO app;
SELECT results_eq('SELECT findings()', ARRAY['warning role app may change the history: DELETE, UPDATE'], 'check_setup names who may change it');
REVOKE ALL ON customer_events FROM app;
GRANT UPDATE (details, event), INSERT (customer_id, event), SELECT (id) ON customer_events TO app;
GRANT UPDATE (actor) ON customer_events TO PUBLIC;
GRANT DELETE ON customer_events TO app;
SELECT results_eq('SELECT findings() ORDER BY 1', ARRAY['warning role PUBLIC may change the history: UPDATE (actor)',
  'warning role app may change the history: DELETE, INSERT (customer_id, event), UPDATE (details, event)'], 'or columns of it');
SELECT what_to_do AS revoke FROM customer_identity.check_setup() WHERE finding LIKE 'role app%' \gset
:revoke
REVOKE UPDATE ON customer_events FROM PUBLIC;
SELECT is_empty('SELECT findings()', 'what to do takes those away as well');
REVOKE ALL ON customer_events FROM app;

-- Rows that are not written, or whose customer goes meanwhile. No foreign key sees to it.
SELECT forget();
ALTER TABLE "user" DROP CONSTRAINT user_customer_id_fkey;
INSERT INTO "user" (id, phone) VALUES ('known', '07400 123601');
SELECT forget();
CREATE FUNCTION interfere() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  CASE NEW.name
    WHEN 'unwanted' THEN RETURN NULL;
    WHEN 'forgotten' THEN DELETE FROM customers WHERE id = NEW.customer_id;
    WHEN 'noted' THEN UPDATE customers SET notes = 'seen' WHERE id = NEW.customer_id;
    WHEN 'refused' THEN RAISE 'refused';
    ELSE NULL;
  END CASE;
  RETURN NEW;
END $$;
CREATE TRIGGER zz_after_ours BEFORE INSERT ON "user" FOR EACH ROW EXECUTE FUNCTION interfere();
CREATE FUNCTION try_refused() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "user" (id, name, phone) VALUES ('u1', 'liked', '07400 123601'), ('u2', 'refused', '07400 123601');
EXCEPTION WHEN raise_exception THEN NULL;
END $$;
INSERT INTO "user" (id, name, phone) VALUES ('u3', 'unwanted', '07400 123601');
SELECT is_empty('SELECT * FROM customer_events', 'a sign-up that a trigger drops is not told of');
SELECT try_refused();
SELECT is_empty('SELECT * FROM customer_events', 'nor is a statement that fails');
INSERT INTO "user" (id, name, phone) VALUES ('u4', 'noted', '07400 123601');
SELECT results_eq($$SELECT told('+447400123601')$$, ARRAY['user_linked u4 cause: sign_up, table: public.user, user_id: u4'],
  'a customer that changes between the row and its event keeps the event');
SELECT forget();
INSERT INTO "user" (id, name, phone) VALUES ('u5', 'forgotten', '07400 123601');
SELECT is_empty('SELECT * FROM customer_events', 'one that is deleted in between has none');
CREATE TRIGGER aa_before_ours AFTER INSERT ON "user" FOR EACH ROW EXECUTE FUNCTION interfere();
DROP TRIGGER zz_after_ours ON "user";
INSERT INTO "user" (id, phone) VALUES ('u6', '07400 123602');
SELECT forget();
INSERT INTO "user" (id, name, phone) VALUES ('u7', 'forgotten', '07400 123602');
SELECT is_empty('SELECT * FROM customer_events', 'whenever it is deleted');
INSERT INTO "user" (id, name, phone) SELECT 'u8' || n, CASE n WHEN 3 THEN 'forgotten' ELSE 'liked' END, '07400 12361' || n % 2
  FROM generate_series(1, 4) n;
SELECT results_eq('SELECT e.actor FROM customer_events e ORDER BY e.id', ARRAY['u82', 'u82', 'u84'], 'of a statement with several customers only what is left is told');
DROP TRIGGER aa_before_ours ON "user";

-- Where a customer was last held is a hint only: here the table ends before it.
SELECT forget();
INSERT INTO customers (phone) SELECT '+44740013' || n FROM generate_series(1000, 1999) n;
INSERT INTO "user" (id, phone) VALUES ('last', '07400131999');
TRUNCATE customers CASCADE;
SELECT customer_identity.get_or_create_customer('07400 123621') IS NOT NULL AS made;
SELECT results_eq($$SELECT told('+447400123621')$$, ARRAY['created - from: function'], 'a customer is found in a table that was emptied');

-- Every index gets its entries.
SELECT forget();
CREATE INDEX by_user ON customer_events ((details ->> 'user_id'));
CREATE INDEX linked ON customer_events (actor) WHERE event = 'user_linked';
INSERT INTO "user" (id, phone) VALUES ('indexed', '07400 123621');
SET enable_seqscan = off;
SELECT is((SELECT count(*) FROM customer_events WHERE details ->> 'user_id' = 'indexed'), 1::bigint, 'of an expression');
SELECT is((SELECT count(*) FROM customer_events WHERE actor = 'indexed' AND event = 'user_linked'), 1::bigint, 'of some rows');
DROP INDEX by_user, linked;
CREATE INDEX hashed ON customer_events USING hash (actor);
CREATE INDEX covering ON customer_events (actor) INCLUDE (event);
INSERT INTO "user" (id, phone) VALUES ('indexed2', '07400 123621');
SELECT is((SELECT count(*) FROM customer_events WHERE actor = 'indexed2'), 1::bigint, 'of another kind');
DROP INDEX hashed;
INSERT INTO "user" (id, phone) VALUES ('indexed3', '07400 123621');
SELECT is((SELECT event FROM customer_events WHERE actor = 'indexed3'), 'user_linked', 'with columns beside the key');
RESET enable_seqscan;
DROP INDEX covering;

-- The table is looked for where the book is, whatever was known of it.
SELECT forget();
CREATE SCHEMA elsewhere;
ALTER TABLE customer_events SET SCHEMA elsewhere;
INSERT INTO "user" (id, phone) VALUES ('moved', '07400 123621');
SELECT is_empty('SELECT * FROM elsewhere.customer_events', 'a history that moved away is none of the book');
ALTER TABLE elsewhere.customer_events SET SCHEMA public;
INSERT INTO "user" (id, phone) VALUES ('back', '07400 123621');
SELECT results_eq('SELECT e.actor FROM customer_events e', ARRAY['back'], 'and is again when it is back');

-- A history that cannot be written keeps nobody from anything.
CREATE FUNCTION works(number text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  customer uuid;
BEGIN
  INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES ('works' || number, number, true);
  INSERT INTO orders (phone, total) VALUES (number || '0', 5);
  customer := customer_identity.record_proof(number, 'works' || number);
  PERFORM customer_identity.adjust_points(customer, 5, 'gift'), customer_identity.redeem_points(customer, 5, 'voucher');
  PERFORM customer_identity_internal.write_event('customers', customer, 'edited', '{}', NULL);
  UPDATE "user" SET "phoneNumber" = NULL WHERE id = 'works' || number;
  RETURN 'works';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLERRM;
END $$;
SELECT forget();
SELECT is(works('07400 123451'), 'works', 'with a history');
SELECT isnt_empty('SELECT * FROM customer_events', 'all is told');
ALTER TABLE customer_events ADD seen boolean, ADD tag text NOT NULL DEFAULT 'new';
SELECT forget();
SELECT is(works('07400 123452'), 'works', 'columns of the application are no matter');
SELECT isnt_empty('SELECT * FROM customer_events', 'all is told');
SELECT forget();
ALTER TABLE customer_events ALTER tag DROP DEFAULT;
SELECT is(works('07400 123453'), 'works', 'nor is one that wants a value that we have not got');
SELECT isnt_empty($$SELECT findings()$$, 'but check_setup says that nothing is told');
ALTER TABLE customer_events DROP tag;
SELECT is_empty($$SELECT findings()$$, 'until it is gone');
ALTER TABLE customer_events RENAME details TO data;
SELECT is(works('07400 123454'), 'works', 'a renamed column is none');
SELECT isnt_empty($$SELECT findings()$$, 'and found');
ALTER TABLE customer_events RENAME data TO details;
SELECT is(works('07400 123455'), 'works', 'and back again');
SELECT isnt_empty('SELECT * FROM customer_events', 'all is told');
ALTER TABLE customer_events ALTER event TYPE varchar(5) USING '';
SELECT is(works('07400 123456'), 'works', 'a column of another type is no matter');
ALTER TABLE customer_events ALTER event TYPE text, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT forget();
SELECT is(works('07400 123457'), 'works', 'nor is row security');
SELECT isnt_empty('SELECT * FROM customer_events', 'which hides nothing from the history');
ALTER TABLE customer_events OWNER TO app;
SELECT is(works('07400 123458'), 'works', 'nor is another owner');
SELECT matches((SELECT findings()), 'different owners', 'who is found');
DROP TABLE customer_events;
SELECT is(works('07400 123459'), 'works', 'nor a book without a history');
SELECT matches((SELECT findings()), 'warning Table public.customer_events is missing', 'check_setup says so');
SELECT throws_ok('SELECT customer_identity.customer_history(gen_random_uuid())', 'CI003', NULL, 'and so does customer_history');
SELECT customer_identity.create_tables();
SELECT is(works('07400 123460'), 'works', 'create_tables adds one');
SELECT isnt_empty('SELECT * FROM customer_events', 'all is told');

SELECT * FROM finish();
ROLLBACK;
