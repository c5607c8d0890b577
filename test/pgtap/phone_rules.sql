-- Rules of phones: numbers that name nobody, and those of a household.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
CREATE FUNCTION customer_of(user_id text) RETURNS uuid LANGUAGE sql AS 'SELECT customer_id FROM "user" u WHERE u.id = user_id';
CREATE FUNCTION live(e164 text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM customers WHERE phone = e164';
CREATE TABLE members (id bigint PRIMARY KEY, phone text);
SELECT customer_identity.attach_users('members');
CREATE ROLE other_owner;
GRANT USAGE, CREATE ON SCHEMA public TO other_owner;

-- What rests on the number alone.
INSERT INTO "user" (id, name, "phoneNumber", phone) VALUES
  ('alone', 'Al', '07400 123401', NULL), ('alone2', 'Alma', '0044 7400 123401', 'n/a'), ('two', 'Theo', '+447400123401', '07400 123402');
INSERT INTO members VALUES (1, '07400 123401');
INSERT INTO orders (user_id, phone, total, note) VALUES ('alone', NULL, 10, 'of alone'), ('two', NULL, 20, 'of two'),
  (NULL, '07400 123401', 30, 'guest'), ('two', '07400 123403', 5, 'delivered elsewhere');
SELECT is(totals('+447400123401'), '4 / 65 / 65', 'all are one customer');
SELECT customer_of('alone') AS placeholder \gset
SELECT is(customer_identity.set_phone_rule('07400 123401', 'nobody', reason => 'a placeholder')::text, '', 'the number names nobody');
SELECT is(live('+447400123401'), 0::bigint, 'the customer is gone');
SELECT is_empty(format('SELECT FROM customers WHERE id = %L', :'placeholder'), 'for good');
SELECT is(customer_of('alone'), NULL, 'a login of the number alone is unlinked');
SELECT is(user_phone('two'), '+447400123402', 'one with another phone is linked by it');
SELECT is(order_phone('of two'), '+447400123402', 'and so are its orders');
SELECT is(order_phone('delivered elsewhere'), '+447400123402', 'all of them');
SELECT is(totals('+447400123402'), '2 / 25 / 25', 'with exact totals');
SELECT is((SELECT count(*) FROM orders WHERE customer_id IS NULL), 2::bigint, 'the other orders are nobody''s');
SELECT is((SELECT customer_id FROM members), NULL, 'nor is the login of another table');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and verified');

-- From now on.
SELECT is(customer_identity.find_customer('07400 123401'), NULL, 'it finds nobody');
SELECT throws_ok('SELECT customer_identity.get_or_create_customer(''07400 123401'')', 'CI001', NULL, 'and makes nobody');
SELECT throws_ok('SELECT customer_identity.record_proof(''07400 123401'', ''alone'')', 'CI001', NULL, 'nobody proves it');
INSERT INTO "user" (id, "phoneNumber", phone, "phoneNumberVerified") VALUES ('new', '07400 123401 ', NULL, true), ('new2', '07400-123401', '07400 123404', false);
SELECT is(customer_of('new'), NULL, 'a sign-up with it stays unlinked');
SELECT is(user_phone('new2'), '+447400123404', 'or is linked by its next phone');
INSERT INTO orders (phone, total, note) VALUES ('07400 123401', 1, 'new guest');
SELECT is(order_phone('new guest'), NULL, 'a guest order as well');
SELECT results_eq($$SELECT key, reason FROM customer_identity.phone_problems('"user"') ORDER BY key, reason COLLATE "C"$$,
  $$VALUES ('alone', 'names_nobody'), ('alone2', 'names_nobody'), ('alone2', 'not_a_number'), ('new', 'names_nobody')$$, 'phone_problems lists them');
SELECT results_eq($$SELECT reason FROM customer_identity.phone_problems('orders')$$, ARRAY['names_nobody', 'names_nobody'], 'of guests too') ;
SELECT results_eq($$SELECT key, reason FROM customer_identity.phone_problems('members')$$, $$VALUES ('1', 'names_nobody')$$, 'and of another table');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() AS f WHERE f::text LIKE '%could have one%'$$, 'check_setup() does not recommend to link them');
ALTER TABLE members OWNER TO other_owner;
GRANT SELECT, UPDATE ON customers TO other_owner;
GRANT USAGE ON SCHEMA customer_identity, customer_identity_internal TO other_owner;
SELECT results_eq($$SELECT key, reason FROM customer_identity.phone_problems('members')$$, $$VALUES ('1', 'names_nobody')$$, 'and of another owner''s table');
SELECT throws_ok($$INSERT INTO customers (phone) VALUES ('+447400123401')$$, 'CI006', NULL, 'nobody inserts a customer with it');
SELECT throws_ok(format('SELECT customer_identity.add_phone(%L, %L)', customer_of('two'), '07400 123401'), 'CI006', NULL, 'or adds it');
SELECT throws_ok(format('INSERT INTO customer_phones (customer_id, phone) VALUES (%L, %L)', customer_of('two'), '+447400123401'), 'CI006', NULL, 'by hand neither');
SELECT throws_ok(format('SELECT customer_identity.change_phone(%L, %L)', customer_of('two'), '07400 123401'), 'CI006', NULL, 'or changes to it');
SELECT throws_ok($$INSERT INTO phone_rules (phone, rule) VALUES ('+447400123404', 'nobody')$$, 'CI006', NULL, 'a rule by hand does not strand a customer');
SELECT customer_identity.add_phone(customer_of('two'), '07400 123405');
SELECT throws_ok($$INSERT INTO phone_rules (phone, rule) VALUES ('+447400123405', 'nobody')$$, 'CI006', NULL, 'nor one with a further phone');

-- An order whose own phone leads to somebody does not rest on its login's.
INSERT INTO "user" (id, phone) VALUES ('mara', '07400 123441'), ('other', '07400 123443');
SELECT customer_of('mara') AS mara \gset
INSERT INTO orders (user_id, phone, total, note) VALUES ('mara', '07400 123442', 5, 'to her second number'), ('mara', NULL, 6, 'by her login alone'),
  ('mara', '07400 123441', 7, 'to the number'), ('mara', '07400 123443', 8, 'to somebody else'), ('mara', '07400 123444', 9, 'to nobody known');
SELECT customer_identity.add_phone(:'mara', '07400 123442');
SELECT customer_identity.set_phone_rule('07400 123441', 'nobody');
SELECT is(customer_of('mara'), NULL, 'the login is unlinked');
SELECT is((SELECT customer_id FROM orders WHERE note = 'to her second number'), :'mara'::uuid, 'an order keeps the customer that its own phone leads to');
SELECT is(order_phone('to somebody else'), '+447400123443', 'or gets that one');
SELECT is((SELECT string_agg(note, ', ' ORDER BY total) FROM orders WHERE customer_id IS NULL AND total BETWEEN 5 AND 9), 'by her login alone, to the number, to nobody known',
  'what the number alone had linked is cut');
SELECT is(totals('+447400123442'), '1 / 5 / 5', 'the customer stays, with the second number and the order');
SELECT is(totals('+447400123443'), '1 / 8 / 8', 'totals follow');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');

-- A customer with something else stays.
INSERT INTO "user" (id, phone) VALUES ('rich', '07400 123405'), ('poor', '07400 123406');
INSERT INTO orders (phone, total, note) VALUES ('07400 123405', 7, 'by further phone');
SELECT customer_identity.set_phone_rule('07400 123405', 'nobody');
SELECT is(customer_of('rich'), NULL, 'what came by a further phone is cut');
SELECT is(order_phone('by further phone'), NULL, 'orders too');
SELECT is(totals('+447400123402'), '2 / 25 / 25', 'the customer stays');
SELECT customer_identity.adjust_points(customer_of('poor'), 5, 'gift');
SELECT customer_of('poor') AS poor \gset
SELECT customer_identity.set_phone_rule('07400 123406', 'nobody');
SELECT is((SELECT phone FROM customers WHERE id = :'poor'), NULL, 'a customer with points stays, without a phone');
INSERT INTO customers (phone) VALUES ('+447400123407') RETURNING id AS promoted \gset
SELECT customer_identity.add_phone(:'promoted', '07400 123408');
SELECT customer_identity.set_phone_rule('07400 123407', 'nobody');
SELECT is((SELECT phone FROM customers WHERE id = :'promoted'), '+447400123408', 'a further phone becomes the primary one');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact');

-- A rule that is taken away.
SELECT customer_identity.set_phone_rule('07400 123401', NULL);
SELECT is((SELECT count(*) FROM phone_rules WHERE phone = '+447400123401'), 0::bigint, 'a rule is taken away');
UPDATE "user" SET "phoneNumber" = NULL WHERE id = 'alone';
UPDATE "user" SET "phoneNumber" = '07400 123401' WHERE id = 'alone';
SELECT is(user_phone('alone'), '+447400123401', 'and the number names somebody');
SELECT throws_ok('SELECT customer_identity.set_phone_rule(''07400 123401'', ''hotel'')', '22023', NULL, 'there are no other rules');
SELECT throws_ok('SELECT customer_identity.set_phone_rule(NULL, ''nobody'')', 'CI001', NULL, 'a rule needs a phone');

-- A household.
INSERT INTO "user" (id, "phoneNumber") SELECT 'home' || n, '07400 123420' || repeat(' ', n) FROM generate_series(1, 8) n;
SELECT customer_of('home1') AS home \gset
SELECT customer_identity.record_proof('07400 123420', 'home1');
SELECT customer_identity.adjust_points(:'home', 100, 'gift');
SELECT ok(customer_identity.can_see_customer('home1', :'home'), 'who has proved the number sees all');
SELECT isnt(customer_identity.fraud_signals(), '[]'::jsonb, 'many logins are suspicious');
SELECT customer_identity.set_phone_rule('07400 123420', 'shared');
SELECT ok(NOT customer_identity.can_see_customer('home1', :'home'), 'in a household each sees its own orders, proof or not');
SELECT is(customer_of('home2'), :'home'::uuid, 'all of one customer');
SET customer_identity.trust_claims = on;
SELECT ok(NOT customer_identity.can_see_customer('home1', :'home'), 'trusted claims or not');
RESET customer_identity.trust_claims;
SELECT throws_ok(format('SELECT customer_identity.redeem_points(%L, 1, %L, user_id => %L)', :'home', 'cup', 'home1'), '42501', NULL, 'and redeems nothing');
SELECT is(customer_identity.fraud_signals(), '[]'::jsonb, 'its logins are no signal');
SELECT is((SELECT is_phone_verified FROM customers WHERE id = :'home'), true, 'the proof counts');
SELECT customer_identity.set_phone_rule('07400 123420', NULL);
SELECT ok(customer_identity.can_see_customer('home1', :'home'), 'without the rule all is as before');

-- A row whose first phone names nobody came by the next one, everywhere.
SELECT customer_identity.set_phone_rule('07400 123430', 'nobody');
INSERT INTO "user" (id, "phoneNumber", phone) VALUES ('second', '07400 123430', '07400 123431');
SELECT customer_of('second') AS second \gset
SELECT customer_identity.release_phone(:'second', '07400 123431', since => '-infinity') AS holder \gset
SELECT is(customer_of('second'), :'holder'::uuid, 'the phone''s new holder gets the login');
INSERT INTO customers (phone) VALUES ('+447400123432') RETURNING id AS winner \gset
SELECT customer_identity.merge_customers(:'winner', :'holder') AS merged \gset
INSERT INTO "user" (id, "phoneNumber", phone) VALUES ('third', ' 07400 123430', '07400 123431');
SELECT is(customer_of('third'), :'winner'::uuid, 'a merge''s winner gets the next');
SELECT customer_identity.unmerge_customers(:'merged');
SELECT is(ARRAY[customer_of('second'), customer_of('third')], ARRAY[:'holder', :'holder']::uuid[], 'an unmerge gives back both');
ALTER TABLE "user" DISABLE TRIGGER USER;
UPDATE "user" SET customer_id = NULL WHERE id = 'third';
ALTER TABLE "user" ENABLE TRIGGER USER;
SELECT ok(customer_identity.export_customer(:'holder')::text LIKE '%third%', 'a person''s export has the login that backfill() would link');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact');
SELECT * FROM finish();
ROLLBACK;
