-- check_verification and cancel_verification: the right code proves a phone, once; five wrong ones are the last.
\ir verification.psql
SELECT * FROM no_plan();
SET customer_identity.sms_limit_per_prefix = 0;

-- The right code.
SELECT started('07400 123401', 'ada') AS v \gset
SELECT code_of(:'v') AS code \gset
SELECT * FROM customer_identity.check_verification(:'v', :'code') \gset
SELECT is(:'status'::text, 'approved', 'the right code is approved');
SELECT results_eq('SELECT id, phone::text, is_phone_verified FROM customers', format($$VALUES (%L::uuid, '+447400123401', true)$$, :'customer_id'),
  'the customer exists and is verified');
SELECT results_eq('SELECT phone::text, customer_id, user_id, method, ended_at IS NULL FROM phone_proofs',
  format($$VALUES ('+447400123401', %L::uuid, 'ada', 'sms'::text, true)$$, :'customer_id'), 'with a live proof by SMS of the user');
SELECT results_eq($$SELECT v.status, v.code_hash IS NULL, v.approved_at IS NULL, m.status, m.body IS NULL, m.ended_at IS NULL
  FROM customer_identity.verifications v JOIN customer_identity.sms_messages m ON m.verification_id = v.id$$,
  $$VALUES ('approved', true, false, 'cancelled', true, false)$$, 'the hash and the waiting message are erased');
SELECT results_eq(format('SELECT * FROM customer_identity.check_verification(%L, %L)', :'v', :'code'),
  $$VALUES ('expired'::text, 0, NULL::uuid)$$, 'it is of use once');
SELECT is((SELECT count(*) FROM phone_proofs), 1::bigint, 'and proves once');

-- A customer who is there already, and other users.
SELECT customer_identity.get_or_create_customer('07400 123402', 'Grace') AS grace \gset
SELECT customer_identity.record_proof('07400 123402', 'bob', 'external');
SELECT started('07400 123402', 'grace') AS v \gset
SELECT is((SELECT customer_id FROM customer_identity.check_verification(:'v', code_of(:'v'))), :'grace'::uuid, 'a customer that exists is found');
SELECT is((SELECT preferred_name::text FROM customers WHERE id = :'grace'), 'Grace', 'and keeps the name');
SELECT results_eq($$SELECT user_id, method, ended_at IS NULL FROM phone_proofs WHERE phone = '+447400123402' ORDER BY 1$$,
  $$VALUES ('bob', 'external'::text, true), ('grace', 'sms', true)$$, 'proofs of other users stay');
SELECT started('07400 123403') AS v \gset
SELECT is(checked(:'v', code_of(:'v')), 'approved 0', 'a guest''s code');
SELECT results_eq($$SELECT user_id, method FROM phone_proofs WHERE phone = '+447400123403'$$, $$VALUES (NULL::text, 'sms'::text)$$, 'proves for no user');
SELECT let_time_pass('5 minutes');
SELECT started('07400 123403') AS v \gset
SELECT is(checked(:'v', code_of(:'v')), 'approved 0', 'a phone can be proved again');
SELECT is((SELECT count(*) FROM phone_proofs WHERE phone = '+447400123403'), 1::bigint, 'which changes nothing');

-- As people type it.
CREATE FUNCTION typed(phone text, shape text) RETURNS text LANGUAGE sql AS $$
  WITH s AS MATERIALIZED (SELECT started(phone) AS v), c AS MATERIALIZED (SELECT v, code_of(v) AS code FROM s)
  SELECT checked(v, replace(replace(shape, 'AAA', left(code, 3)), 'BBB', right(code, 3))) FROM c
$$;
SELECT is(typed(phone, shape), answer, what)
FROM (VALUES ('blanks', '07400 123411', ' AAA BBB ', 'approved 0'), ('a hyphen', '07400 123412', 'AAA-BBB', 'approved 0'),
  ('a tab and a new line', '07400 123413', E'AAA\tBBB\n', 'approved 0'), ('no-break blanks and hyphens', '07400 123418', E'\u00a0AAA\u2011BBB\u202f\u200b', 'approved 0'), ('a digit too many', '07400 123414', 'AAABBB0', 'incorrect 4'),
  ('a digit missing', '07400 123415', 'AAA', 'incorrect 4'), ('letters around it', '07400 123416', 'xAAABBB', 'incorrect 4'))
  AS t (what, phone, shape, answer);

-- From PostgreSQL 19 on there is one way.
SELECT :SERVER_VERSION_NUM < 190000 AS has_old_strings \gset
\if :has_old_strings
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT is(typed('07400 123417', ' AAA-BBB '), 'approved 0', 'however the session reads literals');
RESET standard_conforming_strings;
\endif

-- Wrong codes.
SELECT started('07400 123420') AS v \gset
SELECT code_of(:'v') AS code \gset
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 4', 'a wrong code leaves four tries');
SELECT is(checked(:'v', ''), 'incorrect 3', 'an empty one three');
SELECT is(checked(:'v', NULL), 'incorrect 2', 'none two');
SELECT is(checked(:'v', repeat('1', 1000000)), 'incorrect 1', 'an enormous one one');
SELECT is(checked(:'v', E'\u0661\u0662\u0663\u0664\u0665\u0666'), 'incorrect 0', 'and the fifth is the last');
SELECT is(checked(:'v', :'code'), 'exhausted 0', 'then the right one is too late');
SELECT is((SELECT customer_id FROM customer_identity.check_verification(:'v', :'code')), NULL, 'and tells no customer');
SELECT is_empty($$SELECT 1 FROM customers WHERE phone = '+447400123420'$$, 'nor makes one');
SELECT let_time_pass('5 minutes');
SELECT is(start_status('07400 123420'), 'throttled', 'a new code is not even sent');

-- Failures are counted by phone: a new code brings no new tries.
SELECT started('07400 123421') AS a \gset
SELECT code_of(:'a') AS code_a \gset
SELECT let_time_pass('1 minute');
SELECT started('07400 123421') AS b \gset
SELECT code_of(:'b') AS code_b \gset
SELECT is(checked(:'a', other_than(:'code_a')), 'incorrect 4', 'one failure');
SELECT is(checked(:'a', other_than(:'code_a')), 'incorrect 3', 'two');
SELECT is(checked(:'b', other_than(:'code_b')), 'incorrect 2', 'the new code has what is left of the phone''s');
SELECT is(checked(:'b', other_than(:'code_b')), 'incorrect 1', 'one try');
SELECT is(checked(:'a', other_than(:'code_a')), 'incorrect 0', 'for whichever code');
SELECT is(checked(:'a', :'code_a'), 'exhausted 0', 'then the old one');
SELECT is(checked(:'b', :'code_b'), 'exhausted 0', 'and the new one are exhausted');
SELECT is((SELECT array_agg(wrong_answers ORDER BY created_at) FROM customer_identity.verifications WHERE phone = '+447400123421'), '{3,2}',
  'though neither had five');
SELECT is(start_status('07400 123422'), 'sent', 'other phones are not concerned');
SELECT let_time_pass('1 hour');
SELECT started('07400 123421') AS v \gset
SELECT is(checked(:'v', code_of(:'v')), 'approved 0', 'after an hour there are tries again');

-- The right code forgives.
SELECT started('07400 123423') AS a \gset
SELECT code_of(:'a') AS code_a \gset
SELECT let_time_pass('1 minute');
SELECT started('07400 123423') AS b \gset
SELECT code_of(:'b') AS code_b \gset
SELECT is(checked(:'a', other_than(:'code_a')), 'incorrect ' || n, 'failure') FROM generate_series(4, 1, -1) n;
SELECT is(checked(:'a', :'code_a'), 'approved 0', 'the fifth try may be right');
SELECT is(checked(:'b', other_than(:'code_b')), 'incorrect 4', 'and the count begins anew');

-- A limit of one's own.
SET customer_identity.verification_failures_per_phone = 2;
SELECT started('07400 123424') AS v \gset
SELECT code_of(:'v') AS code \gset
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 1', 'two failures of a phone');
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 0', 'are all');
SELECT is(checked(:'v', :'code'), 'exhausted 0', 'where the setting says so');
SET customer_identity.verification_failures_per_phone = 0;
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 2', 'without that limit the code has its five tries');
SELECT is(checked(:'v', other_than(:'code')), 'incorrect ' || n, 'try') FROM generate_series(1, 0, -1) n;
SELECT is(checked(:'v', :'code'), 'exhausted 0', 'and no more');
RESET customer_identity.verification_failures_per_phone;

-- A code fits its own verification.
SELECT started('07400 123425') AS a \gset
SELECT started('07400 123426') AS b \gset
SELECT is(checked(:'a', code_of(:'b')), CASE WHEN code_of(:'a') = code_of(:'b') THEN 'approved 0' ELSE 'incorrect 4' END, 'another phone''s code does not fit');
UPDATE customer_identity.verifications a SET code_hash = b.code_hash FROM customer_identity.verifications b WHERE a.id = :'a' AND b.id = :'b';
SELECT is(checked(:'a', code_of(:'b')), 'incorrect 3', 'not even with its hash');

-- Too old, unknown, cancelled.
SELECT started('07400 123427') AS v \gset
SELECT code_of(:'v') AS code \gset
SELECT let_time_pass('10 minutes');
SELECT is(checked(:'v', :'code'), 'expired 0', 'after ten minutes');
SELECT is(checked(gen_random_uuid(), '123456'), 'unknown 0', 'an id that was never given');
SELECT is(checked(NULL, NULL), 'unknown 0', 'none at all');
SELECT started('07400 123428') AS v \gset
SELECT code_of(:'v') AS code \gset
SELECT is(customer_identity.cancel_verification(:'v'), true, 'a verification is cancelled');
SELECT is(customer_identity.cancel_verification(:'v'), false, 'once');
SELECT is(checked(:'v', :'code'), 'expired 0', 'its code is of no use');
SELECT results_eq(format($$SELECT v.status, v.code_hash IS NULL, v.approved_at, m.status, m.body
  FROM customer_identity.verifications v JOIN customer_identity.sms_messages m ON m.verification_id = v.id WHERE v.id = %L$$, :'v'),
  $$VALUES ('cancelled'::text, true, NULL::timestamptz, 'cancelled'::text, NULL::text)$$, 'and erased');
SELECT is(customer_identity.cancel_verification(gen_random_uuid()), false, 'an unknown one is not');
SELECT is(customer_identity.cancel_verification(NULL), false, 'nor none');
SELECT is(start_status('07400 123428'), 'throttled', 'cancelling shortens no pause');
SELECT is((SELECT count(*) FROM customer_identity.verification_events WHERE bucket LIKE 'failure %' AND bucket ~ '2[78]$'), 0::bigint,
  'answers that cannot be right are no failures');

-- Rolled back: as if it had not been asked. That is why it wants a transaction of its own.
SELECT started('07400 123430') AS v \gset
SELECT code_of(:'v') AS code \gset
BEGIN;
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 4', 'a failure');
ROLLBACK;
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 4', 'that is rolled back was none');
BEGIN;
SELECT is(checked(:'v', :'code'), 'approved 0', 'an approval');
ROLLBACK;
SELECT is_empty($$SELECT 1 FROM customers WHERE phone = '+447400123430'$$, 'that is rolled back proves nothing');
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 3', 'and forgives nothing');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 2', 'at every isolation level');
SELECT is(checked(:'v', :'code'), 'approved 0', 'it is counted and approved');
COMMIT;
SELECT is((SELECT is_phone_verified FROM customers WHERE phone = '+447400123430'), true, 'and committed');

-- Users with ids of any length.
SELECT customer_identity.record_proof('07400 123440', repeat('x', 450) || n) FROM generate_series(1, 25) n \g /dev/null
SELECT started('07400 123440', 'ada') AS v \gset
SELECT is(checked(:'v', code_of(:'v')), 'approved 0', 'no number of long ids keeps a phone from being proved');
SELECT is((SELECT count(*) FROM phone_proofs WHERE phone = '+447400123440' AND user_id = 'ada'), 1::bigint, 'by one more');
CREATE FUNCTION starts_only_what_can_be_approved(phone text, user_id text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v uuid;
BEGIN
  BEGIN
    v := started(phone, user_id);
  EXCEPTION WHEN invalid_parameter_value THEN
    RETURN true;
  END;
  RETURN checked(v, code_of(v)) = 'approved 0';
END
$$;
SELECT ok(starts_only_what_can_be_approved('07400 12344' || n, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, n * 50) i)),
  format('a user id of %s characters is refused, or its code is approved', n * 1600)) FROM generate_series(1, 4) n;

-- Several books.
SET client_min_messages = error;
CREATE SCHEMA second;
SELECT customer_identity.create_tables('second');
SELECT verification_id AS v FROM customer_identity.start_verification('07400 123431', user_id => 'ada', customers => 'second.customers') \gset
SELECT is(checked(:'v', code_of(:'v')), 'approved 0', 'a code for another book');
SELECT is_empty($$SELECT 1 FROM customers WHERE phone = '+447400123431'$$, 'proves nothing in this one');
SELECT results_eq('SELECT phone::text, user_id FROM second.phone_proofs', $$VALUES ('+447400123431', 'ada'::text)$$, 'but in that one');
SET search_path = second, public;
SELECT started('07400 123432') AS v \gset
RESET search_path;
SELECT is(checked(:'v', code_of(:'v')), 'approved 0', 'the book is the one that was meant at the start');
SELECT is((SELECT count(*) FROM second.customers), 2::bigint, 'whatever the search path is later');
SELECT verification_id AS v FROM customer_identity.start_verification('07400 123433', customers => 'second.customers') \gset
SELECT code_of(:'v') AS code \gset
DROP SCHEMA second CASCADE;
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 4', 'a book that was dropped meanwhile');
SELECT is((failure(format('SELECT checked(%L, %L)', :'v', :'code'))).code, 'CI003', 'cannot be written to');

SELECT * FROM finish();
