-- Who may do what: an application role that only writes orders and users, and a stranger with our triggers.
-- Roles are made in a transaction that is rolled back.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
CREATE ROLE app;
CREATE ROLE stranger;
CREATE ROLE clerk;
GRANT SELECT, INSERT, UPDATE, DELETE ON "user", orders TO app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app;
GRANT CREATE ON SCHEMA public TO stranger;

-- The application role.
SET ROLE app;
SELECT lives_ok($$INSERT INTO "user" (id, name, "phoneNumber", "phoneNumberVerified") VALUES ('ada', 'Ada', '07400 123401', true)$$,
  'an application role signs users up');
SELECT lives_ok($$INSERT INTO orders (user_id, phone, total) VALUES ('ada', NULL, 10), (NULL, '07400 123402', 20)$$,
  'and places orders');
SELECT lives_ok($$UPDATE orders SET total = 30 WHERE phone = '07400 123402'$$, 'changes them');
SELECT lives_ok($$UPDATE "user" SET phone = '07400 123403', "phoneNumber" = NULL WHERE id = 'ada'$$, 'changes phones');
SELECT lives_ok($$DELETE FROM "user"$$, 'and deletes users');
SELECT throws_ok('SELECT * FROM customers', '42501', NULL, 'without any right on the customers');
SELECT throws_ok('UPDATE customers SET loyalty_points = 1000', '42501', NULL, 'whom it cannot change');
SELECT throws_ok('SELECT * FROM phone_proofs', '42501', NULL, 'or on the proofs');
SELECT throws_ok($$SELECT customer_identity.get_or_create_customer('07400 123404')$$, '42501', NULL,
  'nor may it call what writes');
SELECT throws_ok($$SELECT customer_identity.record_proof('07400 123401', 'ada')$$, '42501', NULL, 'least of all prove a phone');
SELECT throws_ok($$SELECT customer_identity.attach_orders('orders')$$, '42501', NULL, 'or change the set-up');
SELECT throws_ok('SET customer_identity.trust_claims = on', '42501', NULL, 'or trust claims');
SELECT is(customer_identity.normalize_phone('07400 123401'), '+447400123401', 'it may read phones');
SELECT is((SELECT current_user), 'app'::name, 'it is itself again after every trigger');
SELECT isnt((failure($$INSERT INTO orders (phone, total) VALUES ('07400 123401', 1 / 0)$$)).code, NULL, 'also after an error');
SELECT is((SELECT current_user), 'app'::name, 'in a trigger''s statement');
SELECT throws_ok('SELECT * FROM customers', '42501', NULL, 'and has no more rights than before');
RESET ROLE;
SELECT is_empty('SELECT * FROM wrong_totals()', 'its work was counted');

-- Functions that write, granted: the caller's own rights on the book count.
CREATE SCHEMA closed;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO clerk;
SET ROLE clerk;
SELECT throws_ok($$SELECT customer_identity.record_proof('07400 123401', 'ada')$$, '42501', NULL, 'EXECUTE alone proves nothing');
SELECT throws_ok($$SELECT customer_identity.rebuild_totals()$$, '42501', NULL, 'and rebuilds nothing');
SELECT throws_ok($$SELECT customer_identity.detach('orders')$$, '42501', NULL, 'and detaches nothing');
SELECT throws_ok($$SELECT customer_identity.create_tables('closed')$$, '42501', NULL, 'and makes no tables where it may not');
RESET ROLE;

-- A stranger who may execute the trigger functions, and names our book in the arguments of his own tables.
SELECT throws_ok($$SET LOCAL ROLE stranger; CREATE TABLE fake
  (id int); CREATE TRIGGER t BEFORE INSERT ON fake FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user()$$,
  '42501', NULL, 'a stranger cannot even use our trigger functions');
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO stranger;
INSERT INTO "user" (id, phone) VALUES ('victim', '07400 123402'), ('mallory', NULL);
SELECT customer_identity.record_proof('07400 123402', 'victim');
SELECT id AS victim FROM customers WHERE phone = '+447400123402' \gset
CREATE TABLE before AS SELECT * FROM customers;
SET ROLE stranger;
CREATE TABLE fake_orders (id int PRIMARY KEY, user_id text, phone text, total numeric, customer_id uuid);
CREATE TABLE fake_users (id text PRIMARY KEY, phone text, verified boolean, customer_id uuid);
INSERT INTO fake_orders VALUES (0, NULL, NULL, 1000000, :'victim');
INSERT INTO fake_users VALUES ('mallory', '07400 123402', true, :'victim');
CREATE TRIGGER customer_identity_totals_insert AFTER INSERT ON fake_orders REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
  EXECUTE FUNCTION customer_identity.maintain_totals('customers=public.customers', 'customer=customer_id', 'amount=total',
  'points_per_unit=1');
CREATE TRIGGER customer_identity_attach BEFORE INSERT OR UPDATE ON fake_orders FOR EACH ROW EXECUTE FUNCTION customer_identity.attach_order(
  'customers=public.customers', 'users=public."user"', 'users_key=id', 'users_customer=customer_id', 'user=user_id', 'phone=phone',
  'customer=customer_id');
CREATE TRIGGER customer_identity_link BEFORE INSERT OR UPDATE ON fake_users FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(
  'customers=public.customers', 'key=id', 'phone=phone', 'verified=verified', 'customer=customer_id');
CREATE TRIGGER customer_identity_linked AFTER INSERT OR UPDATE ON fake_users FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(
  'customers=public.customers', 'key=id', 'phone=phone', 'verified=verified', 'customer=customer_id');
SELECT isnt((failure(format($$INSERT INTO fake_orders VALUES (1, NULL, NULL, 1000000, %L)$$, :'victim'))).code, NULL,
  'his orders cannot raise a customer''s totals');
SELECT isnt((failure($$INSERT INTO fake_orders VALUES (2, NULL, '07400 123402', 1)$$)).code, NULL,
  'he cannot ask who holds a phone');
SELECT isnt((failure($$INSERT INTO fake_orders VALUES (3, 'victim', NULL, 1)$$)).code, NULL, 'nor whose customer a user is');
SELECT isnt((failure($$INSERT INTO fake_users VALUES ('m2', '07400 123402', true)$$)).code, NULL, 'his sign-ups prove nothing');
SELECT isnt((failure($$INSERT INTO fake_users VALUES ('m3', '07400 123409', true)$$)).code, NULL, 'and make no customers');
RESET ROLE;
SELECT set_eq('SELECT * FROM customers', 'SELECT * FROM before', 'no customer has changed');
SELECT is((SELECT count(*) FROM phone_proofs WHERE user_id LIKE 'm%'), 0::bigint, 'no proof was made');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'verify_totals does not count his orders');
SELECT is(customer_identity.rebuild_totals()::int, 0, 'rebuild_totals does not either');
SELECT is(customer_identity.can_see_customer('mallory', :'victim'), false, 'his users see nothing');
SET customer_identity.trust_claims = on;
SELECT is(customer_identity.can_see_customer('victim', :'victim'), true,
  'where claims are trusted, users of ours see their customer');
SELECT is(customer_identity.can_see_customer('mallory', :'victim'), false, 'and his still do not');
RESET customer_identity.trust_claims;
SELECT is((SELECT is_phone_verified FROM customers WHERE id = :'victim'), true, 'the victim''s proof still stands');
UPDATE "user" SET phone = '07400 123402' WHERE id = 'mallory';
SELECT is((SELECT count(customer_id) FROM fake_orders), 1::bigint, 'his tables are not written to on our behalf');
SELECT lives_ok('DROP TABLE fake_users, fake_orders', 'his tables can be dropped');

-- Nor a user of ours who is not the table's owner, through a policy or a default that calls our functions.
SET ROLE stranger;
SELECT is(customer_identity.normalize_phone('07400 123402'), '+447400123402', 'a stranger may read phones');
SELECT throws_ok($$SELECT customer_identity.find_customer('07400 123402')$$, '42501', NULL, 'and find no customer');
SELECT throws_ok($$SELECT * FROM customer_identity.verify_totals()$$, '42501', NULL, 'and verify nothing');
SELECT throws_ok($$SELECT * FROM customer_identity.phone_problems('orders')$$, '42501', NULL, 'and list no phones');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
