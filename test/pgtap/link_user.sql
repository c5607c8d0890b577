-- link_user: a sign-up or a changed phone finds its person, and never fails because of a phone.
\ir shop.psql
SELECT * FROM no_plan();

-- Sign-up.
INSERT INTO "user" (id, name, phone) VALUES ('ada', 'Ada', '07400 123401') RETURNING customer_id AS returned \gset
SELECT is(:'returned'::uuid, customer_id, 'the inserting statement returns the customer') FROM "user" WHERE id = 'ada';
SELECT is(user_phone('ada'), '+447400123401', 'a new phone makes a customer');
SELECT is((SELECT preferred_name::text FROM customers), 'Ada', 'who takes the user''s name');
INSERT INTO "user" (id, name, phone) VALUES ('ada2', 'A. Lovelace', '0044 7400 123401'), ('ada3', NULL, '+44 (0)7400 123 401');
SELECT is((SELECT count(DISTINCT customer_id) FROM "user" WHERE id LIKE 'ada%'), 1::bigint,
  'other spellings of the phone are the same customer');
SELECT is((SELECT count(*) FROM customers), 1::bigint, 'one phone, one person');
SELECT is((SELECT preferred_name::text FROM customers), 'Ada', 'a claim does not overwrite the name');
SELECT is((SELECT phone FROM "user" WHERE id = 'ada2'), '0044 7400 123401', 'the application''s phone is left as typed');
SELECT is((SELECT is_phone_verified FROM customers), false, 'a claim proves nothing');
SELECT is((SELECT count(*) FROM phone_proofs), 0::bigint, 'and leaves no proof');

-- Never an error.
SELECT lives_ok($$INSERT INTO "user" (id, phone) VALUES ('junk', 'call me'), ('blank', '  '), ('none', NULL), ('short', '123'),
  ('huge', repeat('1', 100000))$$, 'no phone fails a sign-up');
SELECT is((SELECT count(customer_id) FROM "user" WHERE id IN ('junk', 'blank', 'none', 'short', 'huge')), 0::bigint,
  'an unusable phone has no customer');
SELECT set_eq($$SELECT key FROM customer_identity.phone_problems('"user"') AS p(key)$$, ARRAY['junk', 'blank', 'short', 'huge'],
  'but is listed, unless it is NULL');
SELECT lives_ok($$INSERT INTO "user" (id, phone, country) VALUES ('elsewhere', '07400 123401', 'Narnia')$$,
  'no region fails a sign-up');
SELECT is(user_phone('elsewhere'), NULL, 'a phone in an unknown region has no customer');
SELECT lives_ok($$INSERT INTO "user" (id, name, phone) VALUES ('long', repeat('x', 300), '07400 123402')$$,
  'no name fails a sign-up');
SELECT is(user_phone('long'), '+447400123402', 'a long name has its customer');

-- Which phone.
INSERT INTO "user" (id, "phoneNumber", phone) VALUES ('both', '+447400123403', '+447400123404'), ('second', 'n/a',
  '+447400123405');
SELECT is(user_phone('both'), '+447400123403', 'the phone column named first goes first');
SELECT is(user_phone('second'), '+447400123405', 'the first that reads as a phone is used');
INSERT INTO "user" (id, phone, country) VALUES ('american', '(201) 555-0123', 'us');
SELECT is(user_phone('american'), '+12015550123', 'the row''s region goes before the default one');

-- A later UPDATE.
UPDATE "user" SET phone = '07400 123401' WHERE id = 'none';
SELECT is(user_phone('none'), '+447400123401', 'a phone that arrives later links the user');
SELECT is((SELECT count(*) FROM phone_proofs), 0::bigint, 'without a proof');
UPDATE "user" SET name = 'Nobody' WHERE id = 'none';
SELECT is(user_phone('none'), '+447400123401', 'another column changes nothing');
UPDATE "user" SET phone = '07400 123406' WHERE id = 'none' RETURNING customer_id AS returned \gset
SELECT is((SELECT phone::text FROM customers WHERE id = :'returned'), '+447400123406', 'a changed phone relinks the user');
UPDATE "user" SET "phoneNumber" = '+447400123407' WHERE id = 'none';
SELECT is(user_phone('none'), '+447400123407', 'a phone in a more trusted column takes over');
UPDATE "user" SET country = 'US', phone = '201 555 0123', "phoneNumber" = NULL WHERE id = 'none';
SELECT is(user_phone('none'), '+12015550123', 'region and phone may change together');
UPDATE "user" SET phone = NULL WHERE id = 'none';
SELECT is((SELECT customer_id FROM "user" WHERE id = 'none'), NULL, 'a cleared phone unlinks the user');
UPDATE "user" SET phone = '07400 123401', country = NULL WHERE id = 'junk';
SELECT is(user_phone('junk'), '+447400123401', 'a corrected phone links the user');
UPDATE "user" SET phone = 'call me' WHERE id = 'junk';
SELECT is((SELECT customer_id FROM "user" WHERE id = 'junk'), NULL, 'a spoilt phone unlinks the user');
SELECT is((SELECT count(*) FROM customers WHERE phone = '+447400123406'), 1::bigint, 'customers who lost their users stay');

-- Orders and users.
INSERT INTO "user" (id, phone) VALUES ('bob', NULL);
INSERT INTO orders (user_id, total, note) VALUES ('bob', 30, 'early'), ('bob', 12, 'early');
SELECT is((SELECT count(customer_id) FROM orders), 0::bigint, 'orders of a user without a phone have no customer');
UPDATE "user" SET phone = '07400 123408' WHERE id = 'bob';
SELECT is(totals('+447400123408'), '2 / 42 / 42', 'a user who gains a customer brings the earlier orders along');
UPDATE "user" SET phone = '07400 123409' WHERE id = 'bob';
SELECT is(totals('+447400123408'), '2 / 42 / 42', 'orders stay with the person who placed them');
SELECT is(totals('+447400123409'), '0 / 0 / 0', 'and do not follow the login');
SELECT lives_ok($$DELETE FROM "user" WHERE id = 'bob'$$, 'a user with orders can be deleted');
SELECT is(totals('+447400123408'), '2 / 42 / 42', 'and the customer keeps them');

-- An existing customer costs no write.
SELECT ctid, xmin FROM customers WHERE phone = '+447400123401' \gset
INSERT INTO "user" (id, name, phone) VALUES ('ada4', 'Ada', '07400123401');
SELECT results_eq($$SELECT ctid, xmin::text FROM customers WHERE phone = '+447400123401'$$,
  format('VALUES (%L::tid, %L::text)', :'ctid', :'xmin'), 'a sign-up does not write to an existing customer');
SELECT is((SELECT count(*) FROM customers WHERE phone = '+447400123401'), 1::bigint, 'nor add one');

-- A customer who is deleted.
DELETE FROM customers WHERE phone = '+447400123405';
SELECT is((SELECT customer_id FROM "user" WHERE id = 'second'), NULL, 'deleting a customer leaves the users without one');

-- In bulk.
INSERT INTO "user" (id, phone) SELECT 'bulk' || n, '+4474001235' || lpad((n % 10)::text, 2, '0') FROM generate_series(1, 100) n;
SELECT is((SELECT count(DISTINCT customer_id) FROM "user" WHERE id LIKE 'bulk%'), 10::bigint,
  'many rows of one statement share their new customers');
UPDATE "user" SET phone = '07400 123600' WHERE id LIKE 'bulk%';
SELECT is((SELECT count(DISTINCT customer_id) FROM "user" WHERE id LIKE 'bulk%'), 1::bigint,
  'an UPDATE of many rows relinks each');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact at the end');

SELECT * FROM finish();
