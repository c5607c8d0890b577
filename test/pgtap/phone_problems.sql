-- phone_problems: rows whose phone is there and could not be used.
\ir shop.psql
SELECT * FROM no_plan();

INSERT INTO "user" (id, phone, "phoneNumber", country) VALUES
  ('fine', '07400 123401', NULL, NULL), ('none', NULL, NULL, NULL), ('rescued', '07400 123402', 'n/a', NULL),
  ('empty', '', NULL, NULL), ('blank', '   ', NULL, NULL), ('junk', 'call me', NULL, NULL), ('short', '+441234', NULL, NULL),
  ('long', '+16045550123456', NULL, NULL), ('huge', repeat('1', 1000), NULL, NULL), ('unused', '+10000000000', NULL, NULL),
  ('nowhere', '+999123456789', NULL, NULL), ('narnia', '07400 123401', NULL, 'Narnia');
SELECT set_eq($$SELECT key, reason FROM customer_identity.phone_problems('"user"') AS p(key, phone, reason)$$,
  $$VALUES ('empty', 'empty'), ('blank', 'empty'), ('junk', 'not_a_number'), ('short', 'too_short'), ('long', 'too_long'),
    ('huge', 'too_long'),
           ('unused', 'not_in_use'), ('nowhere', 'unknown_country_code'), ('narnia', 'unknown_region')$$,
  'a user without a usable phone is listed with its reason');
SELECT is((SELECT phone FROM customer_identity.phone_problems('"user"') AS p(key, phone, reason) WHERE key = 'junk'), 'call me',
  'and with the phone as typed');
SET customer_identity.default_region = '';
UPDATE "user" SET phone = '07400 123403' WHERE id = 'junk';
SELECT is((SELECT reason FROM customer_identity.phone_problems('"user"') AS p(key, phone, reason) WHERE key = 'junk'), 'no_region',
  'a region is missing');
SET customer_identity.default_region = 'GB';
UPDATE "user" SET phone = '+447400123403' WHERE id = 'junk';
SELECT is_empty($$SELECT * FROM customer_identity.phone_problems('"user"') AS p(key, phone, reason) WHERE key = 'junk'$$,
  'a corrected phone is listed no more');
SELECT is((SELECT count(*) FROM customer_identity.phone_problems('"user"', 3)), 3::bigint, 'the list can be cut');
SELECT is((SELECT count(*) FROM customer_identity.phone_problems('"user"', max_rows => 100)), 8::bigint, 'by name');

-- What may have been meant, for a person to decide, and what is no phone at all.
INSERT INTO "user" (id, phone, country) VALUES ('floor', '020 7946 0123 2nd floor', NULL), ('two', '07400 123401 / 07400 123402', NULL),
  ('range', '07400 123401/2', NULL), ('lost', '7.4E+09', NULL), ('full', '4.47400123401E+11', NULL), ('vanity', '0800 GET CASH', NULL),
  ('abroad', '4915123456789', 'Narnia');
SELECT set_eq($$SELECT key, reason, suggestion, remark FROM customer_identity.phone_problems('"user"')
    WHERE key = ANY ('{floor,two,range,lost,full,vanity,abroad,blank,narnia}')$$,
  $$VALUES ('floor', 'has_letters', '+442079460123', NULL), ('two', 'several_numbers', '+447400123401', NULL),
    ('range', 'several_numbers', '+447400123401', NULL), ('lost', 'not_a_number', NULL, 'scientific notation'),
    ('full', 'not_a_number', '+447400123401', 'scientific notation'), ('vanity', 'has_letters', '+448004382274', NULL),
    ('abroad', 'unknown_region', '+4915123456789', NULL), ('blank', 'empty', NULL, NULL), ('narnia', 'unknown_region', NULL, NULL)$$,
  'a suggestion and a remark');
SELECT is((SELECT finding FROM customer_identity.check_setup() WHERE object LIKE '%user%' AND finding LIKE '%cannot be read%'),
  'rows without a customer whose phone cannot be read: 15 (empty 2, has_letters 2, not_a_number 2, several_numbers 2, too_long 2, unknown_region 2, not_in_use 1, too_short 1, unknown_country_code 1)',
  'check_setup() counts them by reason');
SET customer_identity.read_letters = on;
SELECT is_empty($$SELECT FROM customer_identity.phone_problems('"user"') WHERE key = 'vanity'$$, 'letters dial where that is wanted');
RESET customer_identity.read_letters;
DELETE FROM "user" WHERE id = ANY ('{floor,two,range,lost,full,vanity,abroad}');

INSERT INTO orders (user_id, phone, total, note) VALUES ('fine', 'call me', 1, 'users'), (NULL, 'call me', 1, 'guest'),
  (NULL, NULL, 1, 'nobody'), ('unused', '', 1,
  'blank');
SELECT set_eq($$SELECT o.note, p.reason FROM customer_identity.phone_problems('orders') AS p(key, phone, reason)
  JOIN orders o ON o.id::text = p.key$$,
  $$VALUES ('guest', 'not_a_number'), ('blank', 'empty')$$, 'an order is listed when it has no customer and a phone');
SELECT isnt((failure($$SELECT * FROM customer_identity.phone_problems('customers')$$)).code, NULL,
  'a table that is not attached is an error');
SELECT isnt((failure($$SELECT * FROM customer_identity.phone_problems('customers')$$)).hint, '', 'whose hint says what to call');
CREATE TABLE visits (shop int, number int, user_id text, phone text, total numeric, PRIMARY KEY (shop, number));
SELECT customer_identity.attach_orders('visits');
INSERT INTO visits VALUES (1, 2, NULL, 'call me', 1);
SELECT ok((SELECT key ~ '1' AND key ~ '2' FROM customer_identity.phone_problems('visits') AS p(key, phone, reason)),
  'a key of two columns is shown whole');
ALTER TABLE visits DROP CONSTRAINT visits_pkey;
SELECT is((SELECT count(*) FROM customer_identity.phone_problems('visits')), 1::bigint, 'a table without a key is shown as well');

SELECT is(f.code || ' ' || (f.hint ~ 'NULL'), '22023 true', call || ': no less than none')
FROM unnest(ARRAY['phone_problems(''orders'', -1)', 'plan_changes(''customers'', -1)']) AS call, failure('SELECT * FROM customer_identity.' || call) AS f;
SELECT * FROM finish();
