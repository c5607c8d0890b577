-- start_verification: what is sent, to which phones, and how soon again.
\ir verification.psql
SELECT * FROM no_plan();

-- A code is sent.
SELECT * FROM customer_identity.start_verification('07400 123401', user_id => 'ada', client_address => '192.0.2.1') \gset
SELECT is(:'status'::text, 'sent', 'a code is sent');
SELECT is(:'phone'::text, '+447400123401', 'to the phone as E.164');
SELECT is(:'retry_after'::interval, '30 seconds', 'the next one may follow in half a minute');
SELECT results_eq($$SELECT id, phone::text, purpose, user_id, host(client_address), status, expires_at, expires_at - created_at
  FROM customer_identity.verifications$$,
  format($$VALUES (%L::uuid, '+447400123401', 'checkout', 'ada', '192.0.2.1', 'pending', %L::timestamptz, '10 minutes'::interval)$$,
    :'verification_id', :'expires_at'), 'it is valid for ten minutes');
SELECT results_eq($$SELECT verification_id, phone::text, status, attempts FROM customer_identity.sms_messages$$,
  format($$VALUES (%L::uuid, '+447400123401', 'pending', 0)$$, :'verification_id'), 'one message waits');
SELECT matches((SELECT body FROM customer_identity.sms_messages), '^Your code is \d{6}\. It is valid for 10 minutes\.$', 'with the code');
SELECT is((SELECT length(code_hash) FROM customer_identity.verifications), 32, 'of which a hash is kept');

-- A phone that names nobody could never be proved: no code is sent to it.
SELECT customer_identity.set_phone_rule('07400 123455', 'nobody');
SELECT is((failure($$SELECT * FROM customer_identity.start_verification('07400 123455')$$)).code, 'CI001', 'none to a phone that names nobody');
SELECT matches((failure($$SELECT * FROM customer_identity.start_verification('07400 123455')$$)).detail, 'names_nobody', 'as is told');
SELECT is((SELECT count(*) FROM customer_identity.sms_messages), 1::bigint, 'nothing waits for it');
SELECT customer_identity.set_phone_rule('07400 123455', NULL);

-- Resending waits, longer each time.
SELECT results_eq($$SELECT status, verification_id, expires_at, phone, whole_pause(retry_after)
  FROM customer_identity.start_verification('+44 7400-123401')$$,
  $$VALUES ('throttled', NULL::uuid, NULL::timestamptz, '+447400123401', '30 seconds'::interval)$$, 'at once, however it is typed: throttled');
SELECT is((SELECT count(*) FROM customer_identity.sms_messages), 1::bigint, 'and nothing is sent');
SELECT is(start_status('07400 123402'), 'sent', 'another phone need not wait');
SET customer_identity.sms_limit_per_phone = 0;
CREATE FUNCTION pauses(times int) RETURNS interval[] LANGUAGE plpgsql AS $$
DECLARE
  pauses interval[];
  answer record;
BEGIN
  FOR n IN 1 .. times LOOP
    SELECT * INTO answer FROM customer_identity.start_verification('07400 123403');
    IF answer.status <> 'sent' THEN RAISE 'not sent'; END IF;
    pauses := pauses || answer.retry_after;
    SELECT * INTO answer FROM customer_identity.start_verification('07400 123403');
    IF answer.status <> 'throttled' OR whole_pause(answer.retry_after) <> pauses[n] THEN RAISE 'not throttled: %', answer; END IF;
    PERFORM let_time_pass(pauses[n]);
  END LOOP;
  RETURN pauses;
END
$$;
SELECT is(pauses(7), '{00:00:30,00:01,00:02,00:04,00:08,00:16,00:32}'::interval[], 'the pause doubles with each code');
SELECT let_time_pass('1 hour');
SELECT is(pauses(1), '{00:00:30}'::interval[], 'and after a quiet hour it is short again');
RESET customer_identity.sms_limit_per_phone;

-- Rolled back: nothing was sent, nothing counts.
BEGIN;
SELECT is(start_status('07400 123404'), 'sent', 'in a transaction');
SELECT is(start_status('07400 123404'), 'throttled', 'a code counts at once');
SAVEPOINT here;
SELECT is(start_status('07400 123405'), 'sent', 'as after a savepoint');
ROLLBACK TO here;
SELECT is(start_status('07400 123405'), 'sent', 'until that is rolled back');
ROLLBACK;
SELECT is_empty($$SELECT 1 FROM customer_identity.sms_messages WHERE phone IN ('+447400123404', '+447400123405')$$, 'rolled back, nothing is sent');
SELECT is((SELECT retry_after FROM customer_identity.start_verification('07400 123404')), '30 seconds', 'and nothing counts');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(start_status('07400 123405'), 'sent', 'every isolation level');
COMMIT;
BEGIN READ ONLY;
SELECT throws_ok($$SELECT start_status('07400 123406')$$, '25006', NULL, 'a read-only transaction cannot');
ROLLBACK;
SELECT is(start_status('07400 123406'), 'sent', 'and has counted nothing');

-- Phones that get no code, wherever codes are sent.
SET customer_identity.sms_countries = '*';
SELECT is(start_status(phone), 'unsupported', what)
FROM (VALUES ('a fixed line', '0121 234 5678'), ('a premium-rate number', '0901 234 5678'), ('a toll-free number', '0800 123 4567'),
  ('a shared-cost number', '0843 123 4567'), ('a personal number', '070 1234 5678'), ('a pager', '076 4012 3456'),
  ('a company''s number', '055 1234 5678'), ('an international toll-free number', '+800 1234 5678')) AS n (what, phone);
SELECT results_eq($$SELECT verification_id, phone, expires_at, retry_after FROM customer_identity.start_verification('0901 234 5678')$$,
  $$VALUES (NULL::uuid, '+449012345678', NULL::timestamptz, NULL::interval)$$, 'with nothing to wait for');
SET customer_identity.phone_validation = 'possible';
SELECT is(start_status('+1 000 000 0000'), 'unsupported', 'a number that is merely possible');
RESET customer_identity.phone_validation;
SELECT is(start_status('+1 201 555 0123'), 'sent', 'a number that may be mobile gets one');
SELECT is(start_status('+353 85 012 3456'), 'sent', 'in every country');

-- The answer does not tell whose phone it is.
SELECT customer_identity.record_proof('07400 123477', 'ada') \g /dev/null
SELECT results_eq(format('SELECT status, retry_after, expires_at > now(), phone = %L FROM customer_identity.start_verification(%1$L)', phone),
  $$VALUES ('sent', '30 seconds'::interval, true, true)$$, what)
FROM (VALUES ('+447400123477', 'a customer''s phone'), ('+447400123478', 'and one never seen get one answer')) AS p (phone, what);

-- Countries.
SET customer_identity.sms_countries = '';
SELECT is(start_status('07400 123407'), 'sent', 'without a list: the country of default_region');
SELECT is(start_status('+353 85 012 3457'), 'unsupported', 'and no other');
SELECT is(start_status('+44 7911 123456'), start_status('+44 7911 123457'), 'a country is that of the number, not of its code');
SELECT is((SELECT status FROM customer_identity.start_verification('085 012 3457', region => 'IE')), 'unsupported', 'wherever it is read');
SET customer_identity.sms_countries = 'ie, fr';
SELECT is(start_status('+353 85 012 3457'), 'sent', 'a list names the countries');
SELECT is(start_status('07400 123408'), 'unsupported', 'all of them');
SELECT is(start_status('+33 6 12 34 56 78'), 'sent', 'in small letters and with blanks');
SET customer_identity.default_region = '';
SET customer_identity.sms_countries = '';
SELECT is(start_status('+44 7400 123408'), 'unsupported', 'neither list nor region: no country');
SET customer_identity.sms_countries = '*';
SELECT is((SELECT retry_after FROM customer_identity.start_verification('+44 7400 123408')), '30 seconds', 'and none of this has counted');
RESET customer_identity.sms_countries;
SET customer_identity.default_region = 'GB';

-- Phones that cannot be read.
SELECT is((failure(format('SELECT customer_identity.start_verification(%L)', phone))).code, 'CI001', what)
FROM (VALUES ('no phone at all', NULL), ('an empty one', ''), ('blanks', '   '), ('words', 'call me'), ('an enormous one', repeat('07', 100000)),
  ('control characters', E'\u0001\u202e')) AS n (what, phone);
SELECT unalike((failure($$SELECT customer_identity.start_verification('+10000000000')$$)).message, '%0000%', 'the phone stays out of the message');
SELECT is((failure($$SELECT customer_identity.start_verification('07400 123409', region => 'XX')$$)).code, '22023', 'an unknown region is 22023');
-- PostgreSQL 15 misses the schema, later ones the table.
SELECT ok((failure($$SELECT customer_identity.start_verification('07400 123409', customers => 'no.customers')$$)).code IN ('3F000', '42P01'), 'a schema that is not there');

SELECT is((failure($$SELECT customer_identity.start_verification('07400 123409', customers => 'pg_class')$$)).code, 'CI003', 'a table that is no book');

-- The answer is the same for everybody's phone.
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES ('ada', '07400 123410', true);
INSERT INTO orders (user_id, total) VALUES ('ada', 10);
SELECT results_eq(
  $$SELECT status, retry_after, verification_id IS NULL, expires_at IS NULL FROM customer_identity.start_verification('07400 123410')$$,
  $$SELECT status, retry_after, verification_id IS NULL, expires_at IS NULL FROM customer_identity.start_verification('07400 123411')$$,
  'a customer''s phone and one that is nobody''s');
SELECT results_eq(
  $$SELECT status, whole_pause(retry_after), verification_id IS NULL, expires_at IS NULL FROM customer_identity.start_verification('07400 123410')$$,
  $$SELECT status, whole_pause(retry_after), verification_id IS NULL, expires_at IS NULL FROM customer_identity.start_verification('07400 123411')$$,
  'throttled as well');
SELECT is_empty($$SELECT 1 FROM customers WHERE phone = '+447400123411'$$, 'and it makes no customer');

-- The text of the message.
SET customer_identity.sms_text = 'Kod {code}, {minutes} min, {code}';
SELECT started('07400 123412') AS turkish \gset
SELECT matches((SELECT body FROM customer_identity.sms_messages WHERE verification_id = :'turkish'), '^Kod (\d{6}), 10 min, \1$', 'a text of one''s own');
RESET customer_identity.sms_text;
SELECT lives_ok($$SELECT customer_identity.start_verification('07400 123413', repeat('p', 200), '', NULL)$$, 'odd arguments are kept as they are');

SELECT * FROM finish();
