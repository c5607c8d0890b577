-- Limits on codes: by phone, prefix, client address, user and in all, and who may set them.
\ir verification.psql
SELECT * FROM no_plan();

-- How many of `times` codes are sent when all but what is named differs each time.
CREATE SEQUENCE phones;
CREATE FUNCTION sent(times int, phone text DEFAULT NULL, prefix text DEFAULT NULL, user_id text DEFAULT NULL, client_address inet DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  n int;
  result bigint := 0;
BEGIN
  FOR i IN 1 .. times LOOP
    n := nextval('phones');
    IF start_status(coalesce(phone, prefix || lpad((n * 37 % 10000)::text, 4, '0'), format('+447%s', 400000000 + n * 10007)), user_id, client_address) = 'sent' THEN
      result := result + 1;
    END IF;
  END LOOP;
  RETURN result;
END
$$;
SELECT is(sent(50), 50::bigint, 'phones, users and addresses that differ');

-- By prefix: all but the last four digits.
SELECT is(sent(35, prefix => '+44740512'), 30::bigint, 'thirty codes to phones that lie side by side');
SELECT is(start_status('+447405120000'), 'throttled', 'no more');
SELECT is(start_status('+447405130000'), 'sent', 'others are not concerned');
SELECT let_time_pass('1 hour');
SELECT is(sent(35, prefix => '+44740512'), 30::bigint, 'an hour later as many');
SET customer_identity.sms_limit_per_prefix = 0;
SELECT is(sent(35, prefix => '+44740512'), 35::bigint, '0: no limit');
RESET customer_identity.sms_limit_per_prefix;

-- By client address.
SELECT is(sent(15, client_address => '192.0.2.1'), 10::bigint, 'ten codes for an address');
SELECT is(sent(1, client_address => '192.0.2.2'), 1::bigint, 'another one is not concerned');
SELECT is(sent(5, client_address => '::ffff:192.0.2.1'), 0::bigint, 'an IPv4 address may be written as IPv6');
SELECT is(sent(5, client_address => '::ffff:c000:201'), 0::bigint, 'in either way');
SELECT is(sent(5, client_address => '192.0.2.1/24'), 0::bigint, 'with a mask or without');
SELECT is(sent(5, client_address => '::ffff:192.0.2.1/64'), 0::bigint, 'whatever the mask');
SELECT is(sent(5, client_address => '2001:db8:1:2::1') + sent(5, client_address => '2001:db8:1:2:ffff::1'), 10::bigint, 'a network of IPv6');
SELECT is(sent(5, client_address => '2001:db8:1:2:3:4:5:6'), 0::bigint, 'is one address');
SELECT is(sent(1, client_address => '2001:db8:1:3::1'), 1::bigint, 'the next one another');
SET customer_identity.sms_limit_per_address = 0;
SELECT is(sent(15, client_address => '192.0.2.1'), 15::bigint, '0: no limit');
RESET customer_identity.sms_limit_per_address;

-- By user.
SELECT is(sent(15, user_id => 'ada'), 10::bigint, 'ten codes for a user');
SELECT is(sent(1, user_id => 'bob'), 1::bigint, 'another one is not concerned');
SELECT is(sent(1), 1::bigint, 'nor are guests');
SELECT is(sent(15, user_id => repeat(E'\u00e9', 1000)), 10::bigint, 'however long the id');
SET customer_identity.sms_limit_per_user = 0;
SELECT is(sent(15, user_id => 'ada'), 15::bigint, '0: no limit');
RESET customer_identity.sms_limit_per_user;

-- By phone, the pauses apart.
SET customer_identity.sms_limit_per_phone = 3;
CREATE FUNCTION patient(times int, OUT sent bigint, OUT rest interval) LANGUAGE plpgsql AS $$
BEGIN
  sent := 0;
  FOR i IN 1 .. times LOOP
    PERFORM let_time_pass('9 minutes');
    SELECT sent + (status = 'sent')::int, retry_after INTO sent, rest FROM customer_identity.start_verification('07400 990001');
  END LOOP;
END
$$;
SELECT results_eq('SELECT sent, rest BETWEEN $$32 minutes$$ AND $$33 minutes$$ FROM patient(4)', 'VALUES (3::bigint, true)',
  'three codes to a phone, the next when the first is an hour old');
SELECT let_time_pass('33 minutes');
SELECT is(sent(1, phone => '07400 990001'), 1::bigint, 'and not later');
SET customer_identity.sms_limit_per_phone = 0;
SELECT let_time_pass('2 hours');
SELECT is((SELECT sent FROM patient(4)), 4::bigint, '0: no limit');
RESET customer_identity.sms_limit_per_phone;

-- In all.
SELECT let_time_pass('2 hours');
SET customer_identity.sms_limit_total = 20;
SELECT is(sent(25), 20::bigint, 'all codes together');
SELECT is(start_status('07400 990002'), 'throttled', 'whoever asks');
SET customer_identity.sms_limit_total = 0;
SELECT is(sent(5), 5::bigint, '0: no limit');
RESET customer_identity.sms_limit_total;

-- What one limit refuses counts in none.
SELECT let_time_pass('2 hours');
SET customer_identity.sms_limit_per_address = 1;
SELECT is(sent(20, user_id => 'cy', client_address => '192.0.2.9'), 1::bigint, 'refused by address');
SELECT is(sent(20, user_id => 'cy'), 9::bigint, 'the user''s limit is not used up');
SELECT is((SELECT count(*) FROM customer_identity.verification_events WHERE bucket = 'all' AND at > now() - interval '1 hour'), 10::bigint,
  'nor that of all');
RESET customer_identity.sms_limit_per_address;

-- Refusals are counted in a row by the quarter of an hour, exactly, however many there are.
SELECT let_time_pass('2 days');
SELECT is(start_status('07400 990003'), 'sent', 'a code');
SELECT is(count(*), 500::bigint, 'then refusals without end') FROM generate_series(1, 500) WHERE start_status('07400 990003') = 'throttled';
SELECT is(count(*), 100::bigint, 'and others') FROM generate_series(1, 100) WHERE start_status('0121 234 5678') = 'unsupported';
SELECT bag_eq($$SELECT bucket, sum(events), count(*) <= 2 FROM customer_identity.verification_events WHERE bucket IN ('throttled', 'unsupported') AND at > now() - interval '1 day'
  GROUP BY bucket$$, $$VALUES ('throttled'::text, 500::numeric, true), ('unsupported', 100, true)$$, 'are a row each');
SELECT is(sum(throttled), 500::numeric, 'and counted exactly') FROM customer_identity.verification_health;
BEGIN;
SELECT start_status('07400 990003') FROM generate_series(1, 5) \g /dev/null
SAVEPOINT a;
SELECT start_status('07400 990003') FROM generate_series(1, 5) \g /dev/null
ROLLBACK TO a;
SELECT start_status('07400 990003') FROM generate_series(1, 5) \g /dev/null
COMMIT;
SELECT is(sum(throttled), 510::numeric, 'what is rolled back is not') FROM customer_identity.verification_health;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT start_status('07400 990003') FROM generate_series(1, 10) \g /dev/null
COMMIT;
SELECT is(sum(throttled), 520::numeric, 'at every isolation level') FROM customer_identity.verification_health;
SELECT cmp_ok(count(*), '<=', 2::bigint, 'in the same row') FROM customer_identity.verification_events
WHERE bucket = 'throttled' AND at > now() - interval '1 day';

-- What has no limit is neither written nor read; of the rest no more is read than decides.
CREATE FUNCTION read_by(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  before constant bigint := (SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'customer_identity.verification_events'::regclass);
BEGIN
  EXECUTE statement;
  RETURN (SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'customer_identity.verification_events'::regclass) - before;
END
$$;
SELECT let_time_pass('2 days');
SET customer_identity.sms_limit_per_phone = 0;
SET customer_identity.sms_limit_per_prefix = 0;
SET customer_identity.sms_limit_per_user = 0;
SET customer_identity.sms_limit_total = 0;
SET customer_identity.verification_failures_per_phone = 0;
SELECT started('07400 990004', 'dan', '192.0.2.10') AS v \gset
SELECT is(checked(:'v', 'guess'), 'incorrect 4', 'a failure');
SELECT bag_eq($$SELECT bucket FROM customer_identity.verification_events WHERE at > now() - interval '1 day'$$,
  $$VALUES ('phone +447400990004'), ('address 192.0.2.10')$$, 'only the phone, which has to pause, and what has a limit are written');
SELECT is(start_status('07400 990004'), 'throttled', 'the pause holds');
INSERT INTO customer_identity.verification_events (bucket, at) SELECT bucket, now() - interval '59 minutes'
FROM unnest('{phone +447400990004,prefix +44740099,user dan,all,failure +447400990004,address 192.0.2.10}'::text[]) AS bucket, generate_series(1, 5000);
BEGIN;
SELECT cmp_ok(read_by($$SELECT start_status('07400 990004', 'dan', '192.0.2.10')$$), '<', 30::bigint, 'of thousands of events few are read');
SELECT cmp_ok(read_by(format($$SELECT checked(%L, 'guess')$$, :'v')), '<', 10::bigint, 'for an answer as well');
COMMIT;
SELECT is(retry_after BETWEEN interval '30 minutes' AND interval '1 hour', true, 'the pause is as long as it gets')
FROM customer_identity.start_verification('07400 990004');
RESET customer_identity.sms_limit_per_phone;
RESET customer_identity.sms_limit_per_prefix;
RESET customer_identity.sms_limit_per_user;
RESET customer_identity.sms_limit_total;
RESET customer_identity.verification_failures_per_phone;
BEGIN;
SELECT cmp_ok(read_by($$SELECT start_status('07400 990005', 'dan', '192.0.2.10')$$), '<', 1100::bigint, 'no more than the limits are read');
COMMIT;
SELECT let_time_pass('-2 hours');
SELECT is(retry_after, interval '1 hour', 'whatever lies in the future, the wait is up to an hour')
FROM customer_identity.start_verification('07400 990006', client_address => '192.0.2.10');
SELECT let_time_pass('2 hours');

-- Settings.
SELECT results_eq($$SELECT replace(name, 'customer_identity.', ''), boot_val, context FROM pg_settings
  WHERE name ~ '^customer_identity\.(sms_(limit|countries|text)|verification)' ORDER BY 1$$,
  $$VALUES ('sms_countries', '', 'superuser'), ('sms_limit_per_address', '10', 'superuser'), ('sms_limit_per_phone', '5', 'superuser'),
    ('sms_limit_per_prefix', '30', 'superuser'), ('sms_limit_per_user', '10', 'superuser'), ('sms_limit_total', '1000', 'superuser'),
    ('sms_text', 'Your code is {code}. It is valid for {minutes} minutes.', 'superuser'), ('verification_failures_per_phone', '5', 'superuser')$$,
  'defaults, and who may change them');
BEGIN;
CREATE ROLE app;
SET ROLE app;
SELECT throws_ok(format('SET %s = DEFAULT', name), '42501', NULL, name)
FROM pg_settings WHERE name ~ '^customer_identity\.(sms_|verification)' AND context = 'superuser' ORDER BY name;
ROLLBACK;
SELECT results_eq(format($$SELECT code, detail <> '' FROM failure(%L)$$, format('SET customer_identity.%s = %L', name, value)), $$VALUES ('22023', true)$$,
  format('%s: %s', name, value))
FROM (VALUES ('sms_countries', 'GBR'), ('sms_countries', 'G'), ('sms_countries', 'GB,'), ('sms_countries', ',GB'), ('sms_countries', 'GB IE'),
  ('sms_countries', '**'), ('sms_countries', 'G1'), ('sms_countries', '44'), ('sms_countries', ' '), ('sms_countries', E'\u00c4A'),
  ('sms_text', 'Your code is on its way.'), ('sms_text', ''), ('sms_text', '{CODE}')) AS v (name, value);
SELECT throws_ok(format('SET customer_identity.%s = -1', name), '22023', NULL, name || ' below 0')
FROM unnest('{sms_limit_per_phone,sms_limit_total,verification_failures_per_phone}'::text[]) AS name;
SELECT lives_ok(format('SET customer_identity.sms_countries = %L', value), format('sms_countries: %s', value))
FROM unnest('{"gb","GB,IE"," gb , ie ","*","GB,*",""}'::text[]) AS value;

SELECT * FROM finish();
