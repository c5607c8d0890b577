-- Tables and columns of every name, in other schemas, with ids of every type, and public off the path.
SET client_min_messages = warning;
CREATE SCHEMA tap;
CREATE EXTENSION pgtap SCHEMA tap;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'GB';
SET search_path = tap;
SELECT * FROM no_plan();

-- Names that need quoting, where public is off the path.
CREATE SCHEMA "The ""Shop""";
CREATE SCHEMA auth;
SELECT is(customer_identity.create_tables('The "Shop"')::text, '"The ""Shop""".customers',
  'a book in a schema whose name needs quoting');
CREATE TABLE auth."User's" ("Id" uuid PRIMARY KEY DEFAULT gen_random_uuid(), "full name" text, "phone=Number" text, "is ""true""?" boolean, "Ländercode" text);
CREATE TABLE auth."order" ("No." int PRIMARY KEY, "By" uuid REFERENCES auth."User's" ON DELETE SET NULL, "To=Phone" text, "Sum, total" numeric, "select" text, "pay by" text);
CREATE INDEX ON auth."order" ("By");
SELECT lives_ok($$SELECT customer_identity.attach_users('auth."User''s"', '{"phone=Number"}', 'is "true"?', 'full name', 'Ländercode',
  'Person ID', customers => '"The ""Shop""".customers')$$, 'a users table whose names need quoting');
SELECT lives_ok($$SELECT customer_identity.attach_orders('auth."order"', 'auth."User''s"', 'By', 'To=Phone', 'Sum, total',
  'select', '{"it''s, \"paid\"",a=b}',
  payment_column => 'pay by', cod_values => '{"on delivery"}', customer_column => 'Person ID', customers => '"The ""Shop""".customers')$$,
  'an orders table as well');
INSERT INTO auth."User's" ("full name", "phone=Number", "is ""true""?", "Ländercode") VALUES ('Ada', '(201) 555-0123', true, 'US'), ('Bob', '07400 123401', false, NULL);
INSERT INTO auth."order" SELECT 1, "Id", NULL, 10, 'it''s, "paid"', 'on delivery' FROM auth."User's" WHERE "full name" = 'Ada';
INSERT INTO auth."order" VALUES (2, NULL, '07400 123401', 5, 'a=b', NULL), (3, NULL, '07400 123401', 5, 'open', NULL);
SELECT results_eq($$SELECT phone::text, preferred_name::text, is_phone_verified, total_orders, total_spent
  FROM "The ""Shop""".customers ORDER BY 1$$,
  $$VALUES ('+12015550123', 'Ada', true, 1, 10::numeric), ('+447400123401', 'Bob', false, 1, 5)$$,
  'are linked, proven and counted');
SELECT throws_ok($$INSERT INTO auth."order" VALUES (4, NULL, '07400 123401', 5, 'a=b', 'on delivery')$$, 'CI002', NULL,
  'and rejected');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals('"The ""Shop""".customers')$$, 'totals are exact');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup('"The ""Shop""".customers')$$, 'the set-up is whole');
SELECT is((SELECT count(*) FROM customer_identity.attachments WHERE customer_column = 'Person ID'), 2::bigint,
  'the view shows them');
DELETE FROM auth."User's" WHERE "full name" = 'Ada';
SELECT is((SELECT count("Person ID") FROM auth."order" WHERE "No." = 1), 1::bigint,
  'a deleted user leaves the order its customer');
SELECT ok(customer_identity.find_customer('07400 123401', customers => '"The ""Shop""".customers') IS NOT NULL,
  'customers are found in the book that is named');
SELECT throws_ok($$SELECT customer_identity.find_customer('07400 123401')$$, 'CI003', NULL, 'and not by luck in another');
CALL customer_identity.backfill('auth."User''s"');
SELECT lives_ok($$SELECT customer_identity.detach('auth."order"')$$, 'and detached');

-- `user` and `users` side by side, and ids of every type.
SET search_path = tap, public;
SELECT customer_identity.create_tables('public');
CREATE TABLE "user" (id text PRIMARY KEY, phone text);
CREATE TABLE users (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, phone text);
CREATE TABLE accounts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), phone varchar(30));
CREATE TABLE bigs (id bigint PRIMARY KEY, phone text);
CREATE DOMAIN e_mail AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE domains (id e_mail PRIMARY KEY, phone text);
SELECT customer_identity.attach_users(t::regclass) FROM unnest('{"\"user\"",users,accounts,bigs,domains}'::text[]) t;
INSERT INTO "user" VALUES ('1', '07400 123401');
INSERT INTO users (phone) VALUES ('07400 123402');
INSERT INTO accounts (phone) VALUES ('07400 123403');
INSERT INTO bigs VALUES (9223372036854775807, '07400 123404');
INSERT INTO domains VALUES ('ada@example.com', '07400 123405');
CREATE TABLE o_text (id int PRIMARY KEY, user_id text REFERENCES "user", phone text, total numeric);
CREATE TABLE o_int (id int PRIMARY KEY, user_id integer REFERENCES users, phone text, total numeric);
CREATE TABLE o_uuid (id int PRIMARY KEY, user_id uuid REFERENCES accounts, phone text, total numeric);
CREATE TABLE o_big (id int PRIMARY KEY, user_id bigint REFERENCES bigs, phone text, total numeric);
CREATE TABLE o_domain (id int PRIMARY KEY, user_id text, phone text, total numeric);
CREATE TABLE o_mixed (id int PRIMARY KEY, user_id varchar(60), phone text, total numeric);
SELECT customer_identity.attach_orders('o_text', '"user"');
SELECT customer_identity.attach_orders('o_int', 'users');
SELECT customer_identity.attach_orders('o_uuid', 'accounts');
SELECT customer_identity.attach_orders('o_big', 'bigs');
SELECT customer_identity.attach_orders('o_domain', 'domains');
SELECT customer_identity.attach_orders('o_mixed', 'accounts');
INSERT INTO o_text VALUES (1, '1', NULL, 1);
INSERT INTO o_int VALUES (1, 1, NULL, 2);
INSERT INTO o_uuid SELECT 1, id, NULL, 3 FROM accounts;
INSERT INTO o_big VALUES (1, 9223372036854775807, NULL, 4);
INSERT INTO o_domain VALUES (1, 'ada@example.com', NULL, 5);
INSERT INTO o_mixed SELECT 1, id, NULL, 10 FROM accounts;
SELECT lives_ok($$INSERT INTO o_mixed VALUES (2, 'no uuid', '07400 123403', 100)$$,
  'an id that cannot be the user''s type is nobody''s');
SELECT results_eq('SELECT total_spent::int FROM customers ORDER BY phone', ARRAY[1, 2, 113, 4, 5],
  'orders find their users by text, integer, uuid, bigint and domain ids');
SELECT is((SELECT c.phone::text FROM customers c JOIN o_int o ON o.customer_id = c.id), '+447400123402',
  'user 1 is not "user" 1');
SELECT customer_identity.record_proof('07400 123402', '1');
SELECT is(customer_identity.can_see_customer('1', customer_id), true, 'a proof knows an integer id by its text') FROM users;
UPDATE users SET phone = '07400 123409';
SELECT is((SELECT count(*) FROM phone_proofs WHERE ended_at IS NULL), 0::bigint, 'and ends with the changed phone');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

SELECT * FROM finish();
