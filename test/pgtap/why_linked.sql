-- Why a row has its customer: every rule, in users and orders, with proofs and merges on the way.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE orders ADD created_at timestamptz NOT NULL DEFAULT clock_timestamp();

CREATE FUNCTION why_order(order_note text) RETURNS jsonb LANGUAGE sql AS
  'SELECT customer_identity.why_linked(''orders'', id::text) FROM orders WHERE note = order_note';
CREATE FUNCTION why_user(id text) RETURNS jsonb LANGUAGE sql AS $$SELECT customer_identity.why_linked('"user"', id)$$;
-- rule, column, phone as typed, E.164
CREATE FUNCTION short(why jsonb) RETURNS text LANGUAGE sql AS
  $$SELECT concat_ws(' ', why ->> 'rule', why ->> 'column', why ->> 'phone', why ->> 'e164')$$;
CREATE FUNCTION ids(why jsonb) RETURNS bigint[] LANGUAGE sql AS
  $$SELECT ARRAY(SELECT (m ->> 'id')::bigint FROM jsonb_array_elements(why -> 'merges') AS m)$$;

INSERT INTO "user" (id, "phoneNumber", phone, "phoneNumberVerified") VALUES
  ('ada', '07400 123401', 'n/a', true), ('bob', 'rubbish', '+44 7400 123402', false), ('none', 'junk', NULL, NULL), ('late', NULL, NULL, NULL);
INSERT INTO orders (user_id, phone, total, note) VALUES
  ('ada', NULL, 1, 'by ada'), ('ada', '07400 123402', 1, 'by ada for bob'), (NULL, '0 7400-123402', 1, 'guest'),
  ('none', '07400 123402', 1, 'by none'), ('late', NULL, 1, 'before'), (NULL, 'no', 1, 'nobody');
SELECT customer_id AS ada FROM "user" WHERE id = 'ada' \gset
SELECT customer_id AS bob FROM "user" WHERE id = 'bob' \gset

-- Users.
SELECT is(short(why_user('ada')), 'phone phoneNumber 07400 123401 +447400123401', 'a login by its phone');
SELECT is(why_user('ada') ->> 'customer', :'ada', 'has its customer');
SELECT is(why_user('ada') #>> '{proof,method}', 'auth', 'and its proof');
SELECT is(why_user('ada') #>> '{proof,by}', 'ada', 'by itself');
SELECT ok(why_user('ada') #> '{proof,proved_at}' IS NOT NULL, 'of a time');
SELECT is(why_user('ada') -> 'merges', '[]', 'no merges');
SELECT is(short(why_user('bob')), 'phone phone +44 7400 123402 +447400123402', 'the column that can be read');
SELECT is(why_user('bob') -> 'proof', 'null', 'no proof is NULL');
SELECT is(why_user('none'), NULL, 'a login without a customer');
SELECT is(why_user('nobody'), NULL, 'a login that there is not');
SELECT is(customer_identity.why_linked('"user"', NULL), NULL, 'no key');
UPDATE "user" SET customer_id = :'ada' WHERE id = 'none';
SELECT is(short(why_user('none')), 'application phoneNumber junk', 'a link that the application made, whatever the phone');
UPDATE "user" SET customer_id = NULL WHERE id = 'none';
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(why_user('ada')) AS k),
  '{column,customer,e164,merges,phone,proof,rule}', 'the keys');

-- Orders.
SELECT is(short(why_order('by ada')), 'user', 'an order of a login');
SELECT is(why_order('by ada') #>> '{proof,by}', 'ada', 'whose proof counts');
SELECT is(short(why_order('by ada for bob')), 'user phone 07400 123402 +447400123402', 'whatever the phone of the order');
SELECT is(short(why_order('guest')), 'phone phone 0 7400-123402 +447400123402', 'an order of a guest by its phone');
SELECT is(short(why_order('by none')), 'phone phone 07400 123402 +447400123402', 'an order of a login without a phone as well');
SELECT is(why_order('before'), NULL, 'an order without a customer');
UPDATE "user" SET phone = '07400 123403' WHERE id = 'late';
UPDATE customer_events SET created_at = clock_timestamp() WHERE details ->> 'user_id' = 'late';
SELECT is(short(why_order('before')), 'earlier_order', 'an order that its login brought along later');
INSERT INTO orders (user_id, total, note) VALUES ('late', 1, 'after');
SELECT is(short(why_order('after')), 'user', 'but not the next one');
UPDATE orders SET customer_id = :'bob' WHERE note = 'nobody';
SELECT is(short(why_order('nobody')), 'application phone no', 'an order that the application gave a customer');
SELECT is(customer_identity.why_linked('orders', '0'), NULL, 'an order that there is not');
SELECT is(customer_identity.why_linked('orders', 'rubbish'), NULL, 'what is no key');
SELECT customer_identity.record_proof('07400 123402');
SELECT is(why_order('guest') #>> '{proof,method}', 'external', 'a guest''s proof');
SELECT is(why_order('guest') #> '{proof,by}', 'null', 'is nobody''s');
SELECT is(why_user('bob') -> 'proof', 'null', 'and not a login''s');
SELECT customer_identity.revoke_proof('07400 123402');
SELECT is(why_order('guest') -> 'proof', 'null', 'until it ends');

-- Numbers of a person.
SELECT customer_identity.add_phone(:'ada', '07400 123411');
INSERT INTO orders (phone, total, note) VALUES ('07400 123411', 1, 'alias');
SELECT is(short(why_order('alias')), 'phone phone 07400 123411 +447400123411', 'a further phone');
SELECT customer_identity.change_phone(:'ada', '07400 123412');
SELECT is(short(why_user('ada')), 'phone phoneNumber 07400 123401 +447400123401', 'a login that still says the old number');

-- Merges.
SELECT customer_identity.merge_customers(:'ada', :'bob', 'clerk') AS first \gset
SELECT is(short(why_user('bob')), 'merge phone +44 7400 123402 +447400123402', 'a login that a merge moved');
SELECT is(why_user('bob') #>> '{customer}', :'ada', 'to the winner');
SELECT is(why_user('bob') -> 'merges' -> 0 ->> 'loser', :'bob', 'has it on its way');
SELECT is(why_user('bob') -> 'merges' -> 0 ->> 'actor', 'clerk', 'with who did it');
SELECT is(short(why_order('guest')), 'merge phone 0 7400-123402 +447400123402', 'an order of a guest');
SELECT is(short(why_order('nobody')), 'merge phone no', 'an order without a readable phone');
SELECT is(short(why_order('by ada')), 'user', 'rows of the winner');
SELECT is(why_order('by ada') -> 'merges', '[]', 'were not moved');
SELECT is(short(why_user('ada')), 'phone phoneNumber 07400 123401 +447400123401', 'nor its logins');
INSERT INTO orders (user_id, phone, total, note) VALUES (NULL, '07400 123402', 1, 'guest later'), ('bob', NULL, 1, 'by bob later');
SELECT is(short(why_order('guest later')), 'merge phone 07400 123402 +447400123402', 'a phone that leads to the winner since');
SELECT is(ids(why_order('guest later')), ARRAY[:first], 'by the merge');
SELECT is(short(why_order('by bob later')), 'user', 'an order of a login that was moved');
SELECT is(ids(why_order('by bob later')), ARRAY[:first], 'by the merge as well');
SELECT customer_id AS late FROM "user" WHERE id = 'late' \gset
SELECT customer_identity.merge_customers(:'late', :'ada') AS second \gset
SELECT is(ids(why_user('bob')), ARRAY[:first, :second], 'merges follow each other');
SELECT is(ids(why_order('guest later')), ARRAY[:first, :second], 'for a phone');
SELECT is(ids(why_user('ada')), ARRAY[:second], 'only those on the way');
SELECT is(ids(why_user('late')), '{}', 'none for the last winner');
INSERT INTO orders (phone, total, note) VALUES ('07400 123402', 1, 'guest last');
SELECT is(ids(why_order('guest last')), ARRAY[:first, :second], 'also for what comes when both are done');
SELECT customer_identity.unmerge_customers(:second);
SELECT customer_identity.unmerge_customers(:first);
SELECT is(short(why_user('bob')), 'phone phone +44 7400 123402 +447400123402', 'nothing is left of a merge that was undone');
SELECT is(short(why_order('guest')), 'phone phone 0 7400-123402 +447400123402', 'of an order');

-- Other tables and books.
CREATE TABLE stalls (id int, day date, user_id text, phone text, total numeric, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE stalls_1 PARTITION OF stalls FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
SELECT customer_identity.attach_orders('stalls', users => '"user"');
INSERT INTO stalls VALUES (7, '2024-02-03', NULL, '07400 123402', 1);
SELECT is(short(customer_identity.why_linked('stalls', '7,2024-02-03')), 'phone phone 07400 123402 +447400123402', 'a key of two columns');
SELECT is(short(customer_identity.why_linked('stalls_1', '7')), 'phone phone 07400 123402 +447400123402', 'its id alone, in a partition');
CREATE TABLE keyless (phone text, total numeric);
SELECT customer_identity.attach_orders('keyless');
INSERT INTO keyless VALUES ('07400 123402', 1);
SELECT is(short(customer_identity.why_linked('keyless', (SELECT ctid::text FROM keyless))), 'phone phone 07400 123402 +447400123402', 'a table without a key');
CREATE TABLE strange (id int PRIMARY KEY, customer_id uuid);
SELECT throws_ok($$SELECT customer_identity.why_linked('strange', '1')$$, '55000', NULL, 'a table that is not attached');
SELECT throws_ok($$SELECT customer_identity.why_linked('customers', '1')$$, '55000', NULL, 'nor are the customers');
CREATE SCHEMA other;
SELECT customer_identity.create_tables('other');
SELECT throws_ok($$SELECT customer_identity.why_linked('orders', '1', 'other.customers')$$, '55000', NULL, 'a table of another book');

-- Rights: the caller needs EXECUTE alone; each table is read as its owner.
CREATE ROLE clerk;
CREATE ROLE links_keeper;
CREATE ROLE cashier;
GRANT USAGE ON SCHEMA public TO clerk, links_keeper, cashier;
SET ROLE clerk;
SELECT throws_ok($$SELECT customer_identity.why_linked('"user"', 'bob')$$, '42501', NULL, 'not everybody may ask');
RESET ROLE;
GRANT EXECUTE ON FUNCTION customer_identity.why_linked TO clerk;
ALTER TABLE customers OWNER TO links_keeper;
SELECT format('ALTER TABLE %I OWNER TO links_keeper', name) FROM customer_identity_internal.companions() \gexec
ALTER TABLE orders OWNER TO cashier;
GRANT SELECT, UPDATE ON customers TO cashier;
SET ROLE clerk;
SELECT is(why_user('bob') ->> 'rule', 'phone', 'who may asks of users');
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO clerk;
SELECT id AS guest FROM orders WHERE note = 'guest' \gset
SELECT id AS by_ada FROM orders WHERE note = 'by ada' \gset
SET ROLE clerk;
SELECT is(customer_identity.why_linked('orders', :'guest') ->> 'rule', 'phone', 'and of orders that the book''s owner cannot read');
SELECT is(customer_identity.why_linked('orders', :'by_ada') ->> 'rule', 'user', 'nor the logins');
RESET ROLE;

-- Books without what came later.
DROP TABLE customer_phones, customer_merges, phone_rules, duplicate_dismissals, customer_events;
SELECT is(short(why_user('bob')), 'phone phone +44 7400 123402 +447400123402', 'a book without the new companions');
SELECT is(why_order('by ada') ->> 'rule', 'user', 'orders as well');

SELECT * FROM finish();
ROLLBACK;
