-- Plans that moved people: old spellings read as today's numbers, and migrate_phones() brings a book along.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();

-- Reading.
SELECT is(customer_identity.normalize_phone(old, region), today, old || ' reads as today''s number')
FROM (VALUES ('+84 163 123 4567', NULL, '+84331234567'), ('0163 123 4567', 'VN', '+84331234567'), ('+225 07 12 34 56', NULL, '+2250707123456'),
  ('07 12 34 56', 'CI', '+2250707123456'), ('(11) 8123-4567', 'BR', '+5511981234567'), ('06 12 34 56', 'GA', '+24166123456'),
  ('+974 441 2345', NULL, '+97444412345'), ('012 1234567', 'EG', '+201221234567')) AS t (old, region, today);
SELECT is(customer_identity.format_phone('0163 123 4567', 'national', 'VN'), '0331 234 567', 'and is formatted as today''s');
SELECT is(customer_identity.format_phone('+966 1 234 5678 ext. 12', 'rfc3966'), 'tel:+966-11-234-5678;ext=12', 'with its extension');
SELECT is((customer_identity.parse_phone('+84 163 123 4567')).reason, 'ok', 'parse_phone says ok');
SELECT is(customer_identity.normalize_phone('+84 313 123 456'), '+84313123456', 'a number in use is left alone');

-- A book from before: the numbers are stored as they were read then.
CREATE FUNCTION id_of(e164 text) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM customers WHERE phone = e164';
CREATE FUNCTION events_of(customer uuid) RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(event, ',' ORDER BY id) FROM customer_events WHERE customer_id = customer$$;
INSERT INTO customers (phone, preferred_name, notes) VALUES ('+841631234567', 'Plain', 'a'), ('+841691234567', 'Proved', 'b'),
  ('+22507123456', 'Old', 'old'), ('+2250707123456', 'Today', 'today'), ('+24106123456', 'With zero', NULL), ('+2416123456', 'Without', NULL),
  ('+9744412345', 'Shared', NULL), ('+447400123401', 'Ada', NULL), ('+201234567', 'Nobody knows', NULL), ('+551181234567', 'Blocked', NULL);
INSERT INTO phone_rules (phone, rule) VALUES ('+9744412345', 'shared'), ('+97466123456', 'nobody'), ('+9746123456', 'nobody'), ('+5511981234567', 'nobody');
INSERT INTO customer_phones (customer_id, phone) VALUES (id_of('+447400123401'), '+841201234567'), (id_of('+841631234567'), '+84331234567');
INSERT INTO phone_proofs (phone, customer_id, user_id, method) VALUES ('+841691234567', id_of('+841691234567'), 'u1', 'sms'),
  ('+22507123456', id_of('+22507123456'), 'u2', 'sms'), ('+2250707123456', id_of('+2250707123456'), 'u2', 'sms'), ('+22507123456', id_of('+22507123456'), 'u3', 'sms'),
  ('+841201234567', id_of('+447400123401'), 'u4', 'sms');
UPDATE customers SET is_phone_verified = true WHERE phone = '+841691234567';
SELECT id_of('+841631234567') AS plain, id_of('+841691234567') AS proved, id_of('+22507123456') AS old, id_of('+2250707123456') AS today,
  id_of('+9744412345') AS shared, id_of('+447400123401') AS ada, id_of('+551181234567') AS blocked \gset
INSERT INTO orders (customer_id, total) VALUES (:'old', 30), (:'today', 12);

UPDATE customers SET created_at = now() - interval '1 day' WHERE phone = '+24106123456';
CREATE TABLE before AS SELECT * FROM customers;
CREATE TABLE planned AS SELECT * FROM customer_identity.migrate_phones();
SELECT set_eq('SELECT * FROM customers', 'SELECT * FROM before', 'a dry run changes nothing');
SELECT set_eq('SELECT old_phone, new_phone, action FROM planned', $$VALUES ('+841631234567', '+84331234567', 'move'), ('+841691234567', '+84391234567', 'move'),
  ('+22507123456', '+2250707123456', 'merge'), ('+24106123456', '+24166123456', 'move'), ('+2416123456', '+24166123456', 'merge'), ('+9744412345', '+97444412345', 'move'),
  ('+9744412345', '+97444412345', 'rule'), ('+9746123456', '+97466123456', 'rule'), ('+841201234567', '+84701234567', 'move'), ('+551181234567', '+5511981234567', 'refused')$$,
  'and lists what it would do');
SELECT is((SELECT rule || ' ' || since FROM planned WHERE old_phone = '+841631234567'), '+84 16[2-9]xxxxxxx -> +84 3[2-9]xxxxxxx 2018-09-15', 'with the rule');
SELECT matches((SELECT source FROM planned WHERE old_phone = '+22507123456'), 'ARTCI', 'and its source');
SELECT is((SELECT merged_into FROM planned WHERE old_phone = '+22507123456'), :'today'::uuid, 'and whom a row is merged into');

CREATE TABLE done AS SELECT * FROM customer_identity.migrate_phones(dry_run => false);
SELECT set_eq('SELECT old_phone, new_phone, action, rule FROM done', 'SELECT old_phone, new_phone, action, rule FROM planned', 'the run does what was listed');
SELECT is(count(*), 10::bigint, 'each once') FROM done;
SELECT is((SELECT phone FROM customers WHERE id = :'plain'), '+84331234567', 'the same customer has a new primary number');
SELECT is((SELECT string_agg(phone || ' ' || (until IS NOT NULL), ',' ORDER BY phone) FROM customer_phones WHERE customer_id = :'plain'), '+841631234567 true,+84331234567 true',
  'and the old one as a former one');
SELECT is(events_of(:'plain'), 'phone_changed', 'one entry in the history');
SELECT is(events_of(:'proved'), 'phone_changed', 'no proof ends');
SELECT is((SELECT phone FROM phone_proofs WHERE user_id = 'u1' AND ended_at IS NULL), '+84391234567', 'it is one of the new number');
SELECT ok((SELECT is_phone_verified FROM customers WHERE id = :'proved'), 'which is verified');
SELECT is_empty(format('SELECT FROM customers WHERE id = %L', :'old'), 'two rows that are one person are one');
SELECT is((SELECT total_spent FROM customers WHERE id = :'today'), 42::numeric, 'with the orders of both');
SELECT is(customer_identity.current_customer(:'old'), :'today'::uuid, 'the merge can be followed');
SELECT is((SELECT string_agg(user_id, ',' ORDER BY user_id) FROM phone_proofs WHERE phone = '+2250707123456' AND ended_at IS NULL), 'u2,u3', 'and the proofs of both');
SELECT ok((SELECT is_phone_verified FROM customers WHERE id = :'today'), 'which count');
SELECT is_empty($$SELECT FROM phone_proofs WHERE phone = '+22507123456' AND ended_at IS NULL$$, 'none of the old number is left');
SELECT is_empty($$SELECT FROM customer_phones WHERE phone = '+22507123456' AND until IS NULL$$, 'it leads nowhere');
SELECT is((SELECT count(*) FROM customers WHERE phone = '+24166123456'), 1::bigint, 'two old spellings are one person');
SELECT is((SELECT phone FROM customers WHERE id = :'shared'), '+97444412345', 'a household keeps');
SELECT is((SELECT string_agg(phone || ' ' || rule, ',' ORDER BY phone) FROM phone_rules WHERE phone LIKE '+974%'), '+97444412345 shared,+97466123456 nobody', 'its rule');
SELECT is((SELECT phone FROM customer_phones WHERE customer_id = :'ada' AND until IS NULL), '+84701234567', 'a further number moves');
SELECT is((SELECT phone FROM phone_proofs WHERE user_id = 'u4' AND ended_at IS NULL), '+84701234567', 'with its proof');
SELECT is((SELECT phone FROM customers WHERE id = :'blocked'), '+551181234567', 'a number that names nobody today is given to nobody');
SELECT is((SELECT problem FROM done WHERE old_phone = '+551181234567'), 'the phone names nobody', 'which is said');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() AS f WHERE f::text LIKE '%proofs%'$$, 'check_setup has nothing against the proofs');
SELECT is_empty($$SELECT * FROM customer_identity.migrate_phones(dry_run => false) WHERE action <> 'refused'$$, 'a second run finds nothing to do');

-- The way of most customers.
INSERT INTO customers (phone) VALUES ('+841661234567'), ('+841671234567');
SELECT is(cardinality(customer_identity_internal.move_plainly(ARRAY[id_of('+841661234567'), id_of('+841671234567')], '{+841661234567,+841671234567}',
  '{+84361234567,+84371234567}', 'renumbered', 'customers')), 2, 'customers whose new number is free move together');

-- Links of the future come by either number.
INSERT INTO "user" (id, phone) VALUES ('late', '0163 123 4567');
INSERT INTO orders (phone, total, note) VALUES ('+84 163 123 4567', 5, 'late');
SELECT is(order_phone('late'), '+84331234567', 'an order with the old number is its customer''s');

-- A bad row stops nobody else.
INSERT INTO customers (phone, preferred_name) VALUES ('+9743312345', 'Bad'), ('+9745512345', 'Good');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.preferred_name = 'Bad' AND NEW.phone <> OLD.phone THEN RAISE 'no'; END IF; RETURN NEW; END$$;
CREATE TRIGGER refuse BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT set_eq('SELECT old_phone, action, problem FROM customer_identity.migrate_phones(''customers'', false)',
  $$VALUES ('+9743312345', 'refused', 'no'), ('+9745512345', 'move', NULL), ('+551181234567', 'refused', 'the phone names nobody')$$, 'a row that is refused is listed, and the others move');

-- Rights as of the other functions of an administrator.
CREATE ROLE d_stranger;
SET ROLE d_stranger;
SELECT throws_ok('SELECT * FROM customer_identity.migrate_phones()', '42501', NULL, 'who was not granted it may not call it');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
