-- Row security on customers never makes a total silently miss, and a policy can ask can_see_customer.
BEGIN;
CREATE ROLE shop;
CREATE ROLE warehouse;
CREATE ROLE visitor;
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE customers OWNER TO shop;
ALTER TABLE phone_proofs OWNER TO shop;
ALTER TABLE loyalty_entries OWNER TO shop;
ALTER TABLE "user" OWNER TO shop;
ALTER TABLE orders OWNER TO shop;
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES ('ada', '07400 123401', true), ('bob', '07400 123402',
  true), ('claim', '0044 7400 123402', true);
UPDATE phone_proofs SET ended_at = now(), ended_reason = 'test' WHERE user_id = 'claim';

-- Forced on the owner himself, with no policy at all.
GRANT EXECUTE ON FUNCTION customer_identity.find_customer, customer_identity.get_or_create_customer TO shop;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE customers FORCE ROW LEVEL SECURITY;
SET ROLE shop;
SELECT is((SELECT count(*) FROM customers), 0::bigint, 'the owner sees no customer');
SELECT lives_ok($$INSERT INTO orders (user_id, total) VALUES ('ada', 10)$$, 'and still takes orders');
SELECT lives_ok($$INSERT INTO orders (phone, total) VALUES ('07400 123402', 20), ('07400 123403', 30)$$, 'of guests as well');
SELECT lives_ok($$UPDATE orders SET total = total + 1$$, 'changes them');
SELECT lives_ok($$INSERT INTO "user" (id, phone) VALUES ('cy', '07400 123404')$$, 'signs users up');
SELECT lives_ok($$UPDATE "user" SET phone = '07400 123403' WHERE id = 'cy'$$, 'and changes their phones');
SELECT lives_ok($$DELETE FROM orders WHERE phone = '07400 123403'$$, 'and deletes');
SELECT is(customer_identity.find_customer('+447400123401'), NULL, 'whom he looks for stays hidden');
SELECT isnt(customer_identity.get_or_create_customer('+447400123401'), NULL, 'whom the book has to know is found');
SELECT is(customer_identity.find_customer('+447400123401'), NULL, 'neither of the two by the other''s plan');
RESET ROLE;
SELECT is(totals('+447400123401') || ', ' || totals('+447400123402') || ', ' || totals('+447400123403'),
  '1 / 11 / 11, 1 / 21 / 21, 0 / 0 / 0',
  'totals are exact');
SELECT is_empty('SELECT * FROM wrong_totals()', 'for everybody');
SELECT is((SELECT count(*) FROM customers), 4::bigint, 'one phone, one person');

-- Another owner's table: where the rows are hidden from him there is an error, not a silence.
CREATE TABLE deliveries (id int PRIMARY KEY, user_id text, phone text, total numeric, customer_id uuid
  REFERENCES customers ON DELETE SET NULL);
SELECT customer_identity.attach_orders('deliveries');
ALTER TABLE deliveries OWNER TO warehouse;
GRANT SELECT, INSERT, UPDATE ON customers TO warehouse;
GRANT SELECT ON "user" TO warehouse;
SELECT id AS bob FROM customers WHERE phone = '+447400123402' \gset
SET ROLE warehouse;
SELECT isnt((failure(format($$INSERT INTO deliveries (id, total, customer_id) VALUES (1, 5, %L)$$, :'bob'))).code, NULL,
  'an order that cannot be counted is an error');
SELECT isnt((failure($$INSERT INTO deliveries (id, total, phone) VALUES (2, 5, '07400 123402')$$)).code, NULL,
  'one whose customer cannot be seen as well');
RESET ROLE;
SELECT is((SELECT count(*) FROM deliveries), 0::bigint, 'nothing was written');
CREATE POLICY counting ON customers TO warehouse USING (true) WITH CHECK (true);
SET ROLE warehouse;
SELECT lives_ok($$INSERT INTO deliveries (id, total, phone) VALUES (3, 5, '07400 123402')$$, 'with a policy it counts');
RESET ROLE;
SELECT is(totals('+447400123402'), '2 / 26 / 26', 'exactly');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'as verify_totals says too');

-- A policy on orders for what a visitor may see.
GRANT SELECT ON orders TO visitor;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_history ON orders FOR SELECT TO visitor USING
  (customer_identity.can_see_customer(current_setting('shop.user_id', true), customer_id, 'customers'));
SET ROLE visitor;
SET LOCAL shop.user_id = 'bob';
SELECT is((SELECT count(*) FROM orders), 1::bigint, 'a proven user sees the customer''s orders');
SET LOCAL shop.user_id = 'claim';
SELECT is((SELECT count(*) FROM orders), 0::bigint, 'a claim sees nothing');
SET LOCAL shop.user_id = 'nobody';
SELECT is((SELECT count(*) FROM orders), 0::bigint, 'nor does an unknown user');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
