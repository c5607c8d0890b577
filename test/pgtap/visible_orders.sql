-- What a shopper sees: the own orders, the person's whole history after a proof, and never anybody else's.
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE orders ADD created_at timestamptz DEFAULT clock_timestamp();
CREATE FUNCTION seen(user_id text) RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(i ->> 'note', ' ' ORDER BY i ->> 'note') FROM jsonb_array_elements(customer_identity.visible_orders(user_id, 1000) -> 'items') AS i$$;

INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401'), ('ada2', '+447400123401'), ('mallory', '07400 123409'), ('new', NULL);
INSERT INTO orders (user_id, phone, total, note) VALUES
  ('ada', NULL, 1, 'a'), ('ada2', NULL, 1, 'b'), (NULL, '07400 123401', 1, 'guest'), ('mallory', NULL, 1, 'm'), ('new', '07400 123401', 1, 'n'), (NULL, 'unreadable', 1, 'nobody');

SELECT is(seen('ada'), 'a', 'a user sees the own orders');
SELECT is(seen('ada2'), 'b', 'not those of another login with the same phone, unproved');
SELECT is(seen('mallory'), 'm', 'nor those of anybody else');
SELECT is(seen('new'), 'n', 'an order of the user''s own is seen whosever phone it carries');
SELECT is(seen(u), NULL, 'nobody sees nothing') FROM unnest(ARRAY['nobody', '', NULL, 'ada''; --', '%', 'ADA']) AS u;
SELECT customer_identity.record_proof('07400 123401', 'ada');
SELECT is(seen('ada'), 'a b guest n', 'a proof opens the whole history of the person');
SELECT is(seen('ada2'), 'b', 'to who proved it alone');
SELECT is(seen('mallory'), 'm', 'a proof of one opens nothing to another');
SELECT customer_identity.record_proof('07400 123401', 'mallory');
SELECT is(seen('mallory'), 'm', 'a proof of a phone that is not the user''s opens nothing');
SELECT customer_identity.revoke_proof('07400 123401', 'ada');
SELECT is(seen('ada'), 'a', 'a proof that ended closes it');
SELECT customer_identity.record_proof('07400 123401', 'ada');
UPDATE "user" SET phone = '07400 123405' WHERE id = 'ada';
SELECT is(seen('ada'), 'a', 'another phone closes it, the own orders stay');
UPDATE "user" SET phone = '07400 123401' WHERE id = 'ada';
SELECT is(seen('ada'), 'a', 'and the phone of before does not open it again');
SELECT customer_identity.record_proof('07400 123401', 'ada');
UPDATE "user" SET customer_id = (SELECT id FROM customers WHERE phone = '+447400123409') WHERE id = 'ada';
SELECT is(seen('ada'), 'a', 'a link to another customer shows that one''s orders to nobody without a proof');
UPDATE "user" SET customer_id = (SELECT id FROM customers WHERE phone = '+447400123401') WHERE id = 'ada';
UPDATE customers SET phone = NULL WHERE phone = '+447400123401';
SELECT is(seen('ada'), 'a', 'a released phone gives no access');
UPDATE customers SET phone = '+447400123401' WHERE phone IS NULL;
SELECT is(seen('ada'), 'a', 'and has to be proved again where it comes back');
SELECT customer_identity.record_proof('07400 123401', 'ada');
SET customer_identity.trust_claims = on;
SELECT is(seen('ada2'), 'a b guest n', 'where claims are trusted, the link is enough');
SELECT is(seen('mallory'), 'm', 'for one''s own customer');
RESET customer_identity.trust_claims;
DELETE FROM "user" WHERE id = 'ada2';
SELECT is(seen('ada2'), NULL, 'a login that was deleted sees nothing');

-- Pages.
SELECT is((SELECT string_agg(i ->> 'note', ' ') FROM jsonb_array_elements(customer_identity.visible_orders('ada') -> 'items') AS i), 'n guest b a', 'the newest first');
SELECT customer_identity.visible_orders('ada', 2) ->> 'next' AS after \gset
SELECT is((SELECT string_agg(i ->> 'note', ' ') FROM jsonb_array_elements(customer_identity.visible_orders('ada', 50, :'after') -> 'items') AS i), 'b a', 'by pages');
SELECT is((failure(format('SELECT customer_identity.visible_orders(''mallory'', 50, %L)', :'after'))).code, '22023', 'a cursor is not another user''s');
SELECT is((failure(format('SELECT customer_identity.visible_orders(''ada'', 50, %L)', customer_identity_internal.write_cursor('["orders", null, "ada"]', '{"key": null, "table": "pg_catalog.pg_authid", "id": "1"}')))).code,
  '22023', 'a made-up cursor opens no other table');
SELECT customer_identity.revoke_proof('07400 123401', 'ada');
SELECT is((failure(format('SELECT customer_identity.visible_orders(''ada'', 50, %L)', :'after'))).code, '22023', 'nor the history after its proof ended');
SELECT is(customer_identity.visible_orders('ada', 1) ->> 'next', NULL, 'one order is one page');

-- Ids of other types, and several users tables.
CREATE TABLE members (id int PRIMARY KEY, phone text);
CREATE TABLE partners (id int PRIMARY KEY, phone text);
CREATE TABLE clients (id uuid PRIMARY KEY, phone text);
CREATE TABLE bookings (id int PRIMARY KEY, member_id int REFERENCES members ON DELETE SET NULL, phone text, total int, note text);
CREATE TABLE supplies (id int PRIMARY KEY, partner_id int, phone text, total int, note text);
CREATE TABLE wishes (id int PRIMARY KEY, client_id text, phone text, total int, note text);
SELECT customer_identity.attach_users(u) FROM unnest('{members,partners,clients}'::regclass[]) AS u;
SELECT customer_identity.attach_orders('bookings', user_column => 'member_id');
SELECT customer_identity.attach_orders('supplies', 'partners', user_column => 'partner_id');
SELECT customer_identity.attach_orders('wishes', 'clients', user_column => 'client_id');
INSERT INTO members VALUES (1, '07400 123421'), (2, '07400 123422');
INSERT INTO partners VALUES (1, '07400 123431'), (3, '07400 123433');
INSERT INTO clients VALUES ('00000000-0000-0000-0000-000000000001', '07400 123441');
INSERT INTO bookings VALUES (1, 1, NULL, 1, 'm1'), (2, 2, NULL, 1, 'm2'), (3, NULL, '07400 123422', 1, 'm2 as guest');
INSERT INTO supplies VALUES (1, 1, NULL, 1, 'p1'), (2, 2, NULL, 1, 'p2'), (3, 3, NULL, 1, 'p3');
INSERT INTO wishes VALUES (1, '00000000-0000-0000-0000-000000000001', NULL, 1, 'c1'), (2, '2', NULL, 1, 'c2');
SELECT is(seen('2'), 'm2', 'an id means a user of one table, and the orders of that table''s users');
SELECT is(seen('3'), 'p3', 'of another table as well');
SELECT is(seen('00000000-0000-0000-0000-000000000001'), 'c1', 'whatever its type');
SELECT is(seen(u), NULL, 'no id: ' || u) FROM unnest('{2.0,x,99999999999999999999,-2}'::text[]) AS u;
SELECT is((failure($$SELECT customer_identity.visible_orders('1')$$)).code, 'CI006', 'an id that two tables have shows nothing to either');
SELECT customer_identity.record_proof('07400 123422', '2');
SELECT is(seen('2'), 'm2 m2 as guest', 'proofs open the history here, too');
SELECT customer_identity.detach('supplies');
SELECT is(seen('3'), NULL, 'a table that was detached is not shown');

-- The policy of the documents: orders of a web role that reads the table itself.
BEGIN;
CREATE ROLE shopper;
GRANT SELECT ON orders TO shopper;
CREATE POLICY own_orders ON orders FOR SELECT
  USING (user_id = current_setting('shop.user_id', true)
    OR customer_identity.can_see_customer(current_setting('shop.user_id', true), customer_id, 'public.customers'));
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
SELECT customer_identity.record_proof('07400 123401', 'ada');
CREATE TEMP TABLE results (id int, who text, has text, want text);
GRANT ALL ON results TO shopper;
SET ROLE shopper;
SELECT set_config('shop.user_id', 'ada', true);
INSERT INTO results SELECT 1, 'ada', string_agg(note, ' ' ORDER BY note), 'a b guest n' FROM orders;
SELECT set_config('shop.user_id', 'mallory', true);
INSERT INTO results SELECT 2, 'mallory', string_agg(note, ' ' ORDER BY note), 'm' FROM orders;
SELECT set_config('shop.user_id', '', true);
INSERT INTO results SELECT 3, 'nobody', string_agg(note, ' ' ORDER BY note), NULL FROM orders;
RESET ROLE;
COMMIT;
SELECT is(has, want, 'the policy shows ' || who || ' the same') FROM results ORDER BY id;
SELECT is(seen('ada'), 'a b guest n', 'as visible_orders does under it');
DROP POLICY own_orders ON orders;
REVOKE ALL ON orders, results FROM shopper;
DROP ROLE shopper;

SELECT * FROM finish();
