-- Phones of a person: every look-up finds the customer by a further phone; add, change, release.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
INSERT INTO "user" (id, name, phone) VALUES ('ada', 'Ada', '07400 123401'), ('bob', 'Bob', '07400 123402');
CREATE FUNCTION customer_of(user_id text) RETURNS uuid LANGUAGE sql AS 'SELECT customer_id FROM "user" u WHERE u.id = user_id';
SELECT customer_of('ada') AS ada, customer_of('bob') AS bob \gset
SELECT set_config('test.ada', :'ada', false), set_config('test.bob', :'bob', false);
CREATE FUNCTION events(customer uuid) RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(event, ',' ORDER BY id) FROM customer_events WHERE customer_id = customer AND event LIKE 'phone_%'$$;

SELECT is(customer_identity.add_phone(:'ada', '07400 123411', actor => 'shop'), '+447400123411', 'a further phone is returned in E.164');
SELECT is(customer_identity.add_phone(:'ada', '+44 7400 123411'), '+447400123411', 'and added once');
SELECT is(customer_identity.add_phone(:'ada', '07400 123401'), '+447400123401', 'the primary phone is the customer''s already');
SELECT is((SELECT string_agg(phone, ',') FROM customer_phones WHERE customer_id = :'ada' AND until IS NULL), '+447400123411', 'one row says so');
SELECT is(events(:'ada'), 'phone_added', 'and one event');

-- Every look-up.
SELECT is(customer_identity.find_customer('07400 123411'), :'ada'::uuid, 'find_customer');
SELECT is(customer_identity.get_or_create_customer('07400 123411'), :'ada'::uuid, 'get_or_create_customer');
INSERT INTO "user" (id, phone) VALUES ('ada2', '07400 123411');
SELECT is(customer_of('ada2'), :'ada'::uuid, 'a sign-up');
UPDATE "user" SET phone = '0044 7400 123411' WHERE id = 'bob';
SELECT is(customer_of('bob'), :'ada'::uuid, 'a changed claim');
UPDATE "user" SET phone = '07400 123402' WHERE id = 'bob';
SELECT is(customer_of('bob'), :'bob'::uuid, 'and back');
INSERT INTO orders (phone, total, note) VALUES ('07400 123411', 10, 'guest');
SELECT is(order_phone('guest'), '+447400123401', 'a guest order');
SELECT is(customer_identity.record_proof('07400 123411', 'ada2'), :'ada'::uuid, 'record_proof');
SELECT ok(NOT is_phone_verified, 'a further phone that is proved does not verify the primary one') FROM customers WHERE id = :'ada';
SELECT ok(customer_identity.can_see_customer('ada2', :'ada'), 'and opens the history');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() AS f WHERE f::text LIKE '%live proofs of phones%'$$, 'check_setup has nothing against it');
SELECT is(customer_identity.revoke_proof('07400 123411'), 1, 'revoke_proof');
SELECT is(customer_identity.list_customers(search => '07400 123411') -> 'items' -> 0 ->> 'id', :'ada', 'a search for the phone');
SELECT is(customer_identity.list_customers(search => '123411') -> 'items' -> 0 ->> 'id', :'ada', 'a search for digits of it');
CREATE TABLE members (id bigint PRIMARY KEY, phone text);
INSERT INTO members VALUES (1, '07400 123411');
SELECT customer_identity.attach_users('members');
SELECT is(customer_identity_internal.claim_customer('+447400123411', NULL, 'customers'), :'ada'::uuid, 'a backfill');
SELECT is((SELECT count(*) FROM customers), 2::bigint, 'nobody was made');

-- Conflicts.
SELECT throws_ok(format('SELECT customer_identity.add_phone(%L, %L)', :'bob', '07400 123411'), 'CI006', NULL, 'a further phone of another customer is refused');
SELECT throws_ok(format('SELECT customer_identity.add_phone(%L, %L)', :'bob', '07400 123401'), 'CI006', NULL, 'and a primary one');
SELECT throws_ok(format('SELECT customer_identity.change_phone(%L, %L)', :'bob', '07400 123411'), 'CI006', NULL, 'no customer changes to it');
SELECT throws_ok(format('SELECT customer_identity.change_phone(%L, %L)', :'bob', '07400 123401'), 'CI006', NULL, 'or to a primary one');
SELECT throws_ok(format('SELECT customer_identity.add_phone(%L, %L)', :'bob', '12'), 'CI001', NULL, 'an unreadable phone is refused');
SELECT throws_ok(format('SELECT customer_identity.add_phone(%L, NULL)', :'bob'), 'CI001', NULL, 'and none');
SELECT throws_ok(format('SELECT customer_identity.change_phone(%L, NULL)', :'bob'), 'CI001', NULL, 'a change to none as well');
SELECT throws_ok(format('SELECT customer_identity.add_phone(%L, %L)', gen_random_uuid(), '07400 123499'), 'P0002', NULL, 'a customer that there is not');
SELECT throws_ok('SELECT customer_identity.add_phone(NULL, ''07400 123499'')', 'P0002', NULL, 'nor NULL');
SELECT throws_ok('INSERT INTO customers (phone) VALUES (''+447400123411'')', 'CI006', NULL, 'nobody inserts a customer with it');
SELECT throws_ok(format('UPDATE customers SET phone = %L WHERE id = %L', '+447400123411', :'bob'), 'CI006', NULL, 'or writes it by hand');
SELECT throws_ok(format('INSERT INTO customer_phones (customer_id, phone) VALUES (%L, %L)', :'bob', '+447400123401'), 'CI006', NULL, 'nor a further phone');
SELECT throws_ok(format('SELECT customer_identity.release_phone(%L, %L)', :'bob', '07400 123401'), 'CI006', NULL, 'who does not have a phone cannot release it');

-- Change.
SELECT customer_identity.record_proof('07400 123401', 'ada');
SELECT ok(is_phone_verified, 'the primary phone is proved') FROM customers WHERE id = :'ada';
SELECT is(customer_identity.change_phone(:'ada', '07400 123421', keep_old => true), '+447400123421', 'a new phone, and the old one stays');
SELECT ok(NOT is_phone_verified, 'the new one is not proved') FROM customers WHERE id = :'ada';
SELECT ok(customer_identity.can_see_customer('ada', :'ada'), 'the proof of the old one still opens the history');
SELECT is(customer_identity.find_customer('07400 123401'), :'ada'::uuid, 'the old phone leads to the customer');
UPDATE customers SET created_at = '2020-01-01' WHERE id = :'ada';
SELECT is(customer_identity.change_phone(:'ada', '07400 123401'), '+447400123401', 'a further phone becomes the primary one');
SELECT ok(is_phone_verified, 'its proof verifies it') FROM customers WHERE id = :'ada';
SELECT is(customer_identity.find_customer('07400 123421'), NULL, 'the other one is free');
SELECT is((SELECT string_agg(phone, ',' ORDER BY phone) FROM customer_phones WHERE customer_id = :'ada' AND until IS NULL), '+447400123411', 'one further phone is left');
SELECT is(customer_identity.change_phone(:'ada', '07400 123401'), '+447400123401', 'the same number changes nothing');
SELECT customer_identity.change_phone(:'ada', '07400 123431');
SELECT is((SELECT count(*) FROM phone_proofs WHERE customer_id = :'ada' AND ended_at IS NULL), 0::bigint, 'proofs of a freed phone end');
SELECT is(customer_of('ada'), :'ada'::uuid, 'the login keeps its customer');
UPDATE "user" SET name = 'Ada L', phone = '+44 7400 123401' WHERE id = 'ada';
SELECT is(customer_of('ada'), :'ada'::uuid, 'as long as its column says the old number');
INSERT INTO orders (user_id, total, note) VALUES ('ada', 5, 'later');
SELECT is(order_phone('later'), '+447400123431', 'its orders follow the customer');
UPDATE orders SET note = 'guest again' WHERE note = 'guest';
SELECT is(order_phone('guest again'), '+447400123431', 'orders stay');
UPDATE "user" SET phone = '07400 123441' WHERE id = 'ada';
SELECT isnt(customer_of('ada'), :'ada'::uuid, 'until it says another number');
UPDATE customers SET phone = '+447400123411' WHERE id = :'ada';
SELECT is((SELECT count(*) FROM customer_phones WHERE customer_id = :'ada' AND until IS NULL), 0::bigint, 'by hand a further phone becomes the primary one as well');
UPDATE customers SET phone = '+447400123412', is_phone_verified = true WHERE id = :'ada';
SELECT ok(NOT is_phone_verified, 'nobody marks a new phone by hand') FROM customers WHERE id = :'ada';

-- Release.
SELECT results_eq(format('SELECT phone::text, until IS NULL, since = %L OR since = now() FROM customer_phones WHERE customer_id = %L ORDER BY phone COLLATE "C"', '2020-01-01', :'ada'),
  $$VALUES ('+447400123401', false, true), ('+447400123401', false, true), ('+447400123411', false, true), ('+447400123421', false, true)$$, 'former phones are kept');
SELECT customer_identity.record_proof('07400 123412', 'ada2');
SELECT is(customer_identity.release_phone(:'ada'), NULL, 'a phone is released');
SELECT is((SELECT phone FROM customers WHERE id = :'ada'), NULL, 'the customer has none');
SELECT ok(NOT is_phone_verified, 'and no mark') FROM customers WHERE id = :'ada';
SELECT is((SELECT count(*) FROM phone_proofs WHERE ended_at IS NULL), 0::bigint, 'and no proof');
SELECT throws_ok(format('SELECT customer_identity.release_phone(%L)', :'ada'), 'CI006', NULL, 'there is no other to release');
INSERT INTO "user" (id, phone) VALUES ('new', '07400 123412');
SELECT isnt(customer_of('new'), :'ada'::uuid, 'the number is free');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and verified');

-- Row security binds who looks up.
CREATE ROLE clerk;
GRANT USAGE ON SCHEMA customer_identity, customer_identity_internal, public TO clerk;
GRANT SELECT ON customers TO clerk;
SELECT customer_identity.add_phone(:'bob', '07400 123451');
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY nothing ON customers FOR SELECT TO clerk USING (phone = '+447400123412');
SET ROLE clerk;
SELECT is(customer_identity.find_customer('07400 123451'), NULL, 'who may not see a customer does not find it by a further phone');
SELECT throws_ok(format('SELECT customer_identity.add_phone(%L, %L)', :'bob', '07400 123452'), '42501', NULL, 'who may not call add_phone is refused');
RESET ROLE;
ALTER TABLE customers DISABLE ROW LEVEL SECURITY;

-- Who proves phones needs no right on further phones, nor on the history that tells of new holders.
GRANT EXECUTE ON FUNCTION customer_identity.record_proof, customer_identity.revoke_proof TO clerk;
GRANT UPDATE (is_phone_verified, updated_at) ON customers TO clerk;
GRANT SELECT, INSERT, UPDATE (ended_at, ended_reason) ON phone_proofs TO clerk;
INSERT INTO "user" (id, phone) VALUES ('bob2', '07400 123451');
UPDATE customers SET created_at = now() - interval '3 years' WHERE id = :'bob';
SET ROLE clerk;
SELECT is(customer_identity.record_proof('07400 123451', 'bob2'), :'bob'::uuid, 'who proves phones proves a further one');
SELECT ok(unconfirmed, 'which is held back where it may be a new holder''s') FROM phone_proofs WHERE user_id = 'bob2';
SELECT is(customer_identity.revoke_proof('07400 123451', 'bob2'), 1, 'and revokes it');
SELECT throws_ok('SELECT * FROM customer_phones', '42501', NULL, 'without a right on further phones');
RESET ROLE;

-- What the application's trigger writes by hand while a sign-up makes a customer is no sign-up.
SELECT customer_identity.add_phone(:'bob', '07400 123481') \g /dev/null
CREATE FUNCTION add_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.phone = '+447400123482' THEN
    INSERT INTO public.customers (phone) VALUES ('+447400123481');
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER add_another AFTER INSERT ON customers FOR EACH ROW EXECUTE FUNCTION add_another();
SELECT throws_ok($$INSERT INTO "user" (id, phone) VALUES ('nested', '07400 123482')$$, 'CI006', NULL, 'a number keeps its customer within a sign-up, too');
DROP TRIGGER add_another ON customers;
INSERT INTO "user" (id, phone) VALUES ('nested', '07400 123482');
SELECT is(user_phone('nested'), '+447400123482', 'after which the sign-up goes on as ever');

-- Books without the companions.
DROP TABLE customer_phones, phone_rules;
SELECT throws_ok(format('SELECT customer_identity.add_phone(%L, %L)', :'bob', '07400 123461'), 'CI003', NULL, 'a book without the table says so');
INSERT INTO "user" (id, phone) VALUES ('newer', '07400 123471');
SELECT is(user_phone('newer'), '+447400123471', 'and goes on otherwise');
SELECT customer_identity.create_tables();
SELECT is(customer_identity.add_phone(:'bob', '07400 123461'), '+447400123461', 'create_tables() makes it');
INSERT INTO "user" (id, phone) VALUES ('bob3', '07400 123461');
SELECT is(customer_of('bob3'), :'bob'::uuid, 'and look-ups find it');
SELECT * FROM finish();
ROLLBACK;
