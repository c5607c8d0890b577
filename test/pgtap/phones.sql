-- normalize_phone, parse_phone and format_phone: what goes in, what comes out, which settings they obey.
-- The spellings themselves are in phone_samples.sql.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET search_path = customer_identity, public;
SELECT * FROM no_plan();

-- Nothing in, nothing out.
SELECT is(normalize_phone(NULL), NULL, 'no phone normalizes to nothing');
SELECT is(normalize_phone(NULL, 'GB'), NULL, 'no phone normalizes to nothing whatever the region');
SELECT ok(parse_phone(NULL) IS NULL, 'no phone has no details');
SELECT is(format_phone(NULL), NULL, 'no phone formats to nothing');
SELECT is(normalize_phone(''), NULL, 'an empty phone is not acceptable');
SELECT is((parse_phone('   ', 'GB')).reason, 'empty', 'blanks are an empty phone');

-- Regions.
SELECT is(normalize_phone('020 7946 0123', 'GB'), '+442079460123', 'a national spelling is read in its region');
SELECT is(normalize_phone('020 7946 0123', 'gb'), '+442079460123', 'a region may be in small letters');
SELECT is(normalize_phone('+44 20 7946 0123'), '+442079460123', 'an international spelling needs no region');
SELECT is(normalize_phone('+44 20 7946 0123', 'US'), '+442079460123', 'an international spelling ignores the region');
SELECT is(normalize_phone('020 7946 0123'), NULL, 'a national spelling without a region is not acceptable');
SELECT is((parse_phone('020 7946 0123')).reason, 'no_region', 'the reason says that a region is missing');
SELECT throws_ok($$SELECT normalize_phone('020 7946 0123', 'XX')$$, '22023', NULL, 'normalize_phone refuses an unknown region');
SELECT throws_ok($$SELECT parse_phone('020 7946 0123', 'XX')$$, '22023', NULL, 'parse_phone refuses an unknown region');
SELECT throws_ok($$SELECT format_phone('020 7946 0123', 'national', 'XX')$$, '22023', NULL,
  'format_phone refuses an unknown region');
SELECT is(normalize_phone('020 7946 0123', name), '+442079460123', 'a region may be ' || name) FROM unnest('{UK,GBR,gbr,+44,0044,44," gb "}'::text[]) AS name;
SELECT throws_ok(format('SELECT normalize_phone(''020 7946 0123'', %L)', name), '22023', NULL, 'or not ' || name)
FROM unnest('{GBX,Great Britain,+999,044,4}'::text[]) AS name;
SET customer_identity.default_region = 'GB';
SELECT is(normalize_phone('020 7946 0123'), '+442079460123', 'the default region is read from its setting');
SELECT is(normalize_phone('(201) 555-0123', 'US'), '+12015550123', 'an argument goes before the default region');
SET customer_identity.default_region = 'us';
SELECT is(normalize_phone('(201) 555-0123'), '+12015550123', 'the default region may be in small letters');
SELECT is(normalize_phone(CASE WHEN set_config('customer_identity.default_region', name, false) <> '' THEN '020 7946 0123' END), '+442079460123',
  'the default region may be ' || name)
FROM unnest('{GBR,uk,+44,44}'::text[]) AS name;
SELECT throws_ok($$SET customer_identity.default_region = 'Great Britain'$$, '22023', NULL, 'the setting refuses what is no region code');
SET customer_identity.default_region = 'XX';
SELECT throws_ok($$SELECT normalize_phone('020 7946 0123')$$, '22023', NULL,
  'an unknown default region is refused when it is used');
RESET customer_identity.default_region;

-- What is acceptable.
SELECT is(normalize_phone('+1 604 555 0123 4'), NULL, 'a number too long for its country is not acceptable');
SELECT is(normalize_phone('+551112345678'), NULL, 'a number not in use is not acceptable');
SELECT is((parse_phone('+441234')).reason, 'too_short', 'reason: too short');
SELECT is((parse_phone('+16045550123456')).reason, 'too_long', 'reason: too long');
SELECT is((parse_phone('call me')).reason, 'not_a_number', 'reason: not a number');
SELECT is((parse_phone('+999123456789')).reason, 'unknown_country_code', 'reason: unknown country code');
SELECT is((parse_phone('+10000000000')).reason, 'not_in_use', 'reason: possible, but not in use');
SELECT is((parse_phone('+442079460123')).reason, 'ok', 'reason: ok');
SET customer_identity.phone_validation = 'possible';
SELECT is(normalize_phone('+10000000000'), '+10000000000', 'a possible number is acceptable when the setting says so');
SELECT is((parse_phone('+10000000000')).reason, 'ok', 'and then its reason is ok');
SELECT is((parse_phone('+10000000000')).is_valid, false, 'while it stays not valid');
SELECT is(format_phone('+10000000000', 'e164'), '+10000000000', 'format_phone obeys the setting too');
SELECT is(normalize_phone('+16045550123456'), NULL, 'an impossible length stays unacceptable');
SELECT throws_ok($$SET customer_identity.phone_validation = 'none'$$, '22023', NULL, 'the setting knows two values');
RESET customer_identity.phone_validation;
SELECT is(format_phone('+10000000000'), NULL, 'an unacceptable number is not formatted');

-- Letters, several numbers, and what cannot be told.
SELECT is((parse_phone('1-800-FLOWERS', 'US')).reason, 'has_letters', 'reason: letters are no digits');
SET customer_identity.read_letters = on;
SELECT is(normalize_phone('1-800-FLOWERS', 'US'), '+18003569377', 'but where the setting says so');
SELECT is(format_phone('1-800-FLOWERS', 'national', 'US'), '(800) 356-9377', 'for every function');
RESET customer_identity.read_letters;
SELECT is(normalize_phone('1-800-FLOWERS', 'US'), NULL, 'and not after it');
SELECT is((parse_phone('030 1234 / 030 1235', 'DE')).reason, 'several_numbers', 'reason: several numbers');
SELECT is((parse_phone('06641234567/8', 'AT')).reason, 'ambiguous', 'reason: ambiguous');
SELECT is(parse_phone('06641234567/8', 'AT')::text, '(,,,,,,f,f,ambiguous)', 'what is refused has no details');
SELECT is(format_phone('030 123456 DW 12 ', 'rfc3966', 'DE'), 'tel:+49-30-123456;ext=12', 'an extension is formatted');
SELECT is(format_phone('030 123456 Mara', 'national', 'DE'), '030 123456', 'a label is not');

-- Details.
SELECT results_eq(
  $$SELECT e164, country_code::int, national_number, extension, region, type, is_possible, is_valid, reason
    FROM parse_phone('02 3661 8300 ext. 456', 'IT')$$,
  $$VALUES ('+390236618300'::text, 39, '0236618300'::text, '456'::text, 'IT'::text, 'fixed_line'::text, true, true, 'ok'::text)$$,
  'a phone comes apart into its details, the Italian zero and the extension kept');
SELECT is(normalize_phone('+44 20 7946 0123 ext. 456'), '+442079460123', 'normalizing drops the extension');
SELECT is((parse_phone('call me')).e164, NULL, 'what is not a number has no E.164');

-- Styles.
SELECT is(format_phone('07400 123456', region => 'GB'), '+44 7400 123456', 'international is the default style');
SELECT is(format_phone('07400 123456', 'e164', 'GB'), '+447400123456', 'style e164');
SELECT is(format_phone('+447400123456', 'national'), '07400 123456', 'style national');
SELECT is(format_phone('+447400123456', 'rfc3966'), 'tel:+44-7400-123456', 'style rfc3966');
SELECT throws_ok($$SELECT format_phone('+447400123456', 'pretty')$$, '22023', NULL, 'an unknown style is refused');

-- What is acceptable reads as the same number again, however often a prefix was dialled.
CREATE TABLE dialled AS
  SELECT r.region, v.validation, repeat('0', n % 5) || (ARRAY['', '1', '15', '044', '8', '80'])[1 + n % 6]
    || substr(abs(hashint8extended(n, 1))::text, 1, 6 + n % 7) AS phone
  FROM unnest('{MX,AR,BR,DE,IT,RU,US,GB,GG,AU,CX,BY,LT,HU,LU,NG,ID,CN,KR,VA,BB}'::text[]) AS r (region),
    unnest('{valid,possible}'::text[]) AS v (validation), generate_series(1, 600) AS n
  UNION ALL VALUES ('MX', 'valid', '01161470.01154');
SELECT is_empty($$
  SELECT d.region, d.phone, read.e164, again.*
  FROM dialled AS d, set_config('customer_identity.phone_validation', d.validation, true) AS s,
    LATERAL (SELECT e164, reason FROM parse_phone(CASE WHEN s IS NOT NULL THEN d.phone END, d.region)) AS read,
    LATERAL (SELECT normalize_phone(d.phone, d.region) AS normalized, format_phone(d.phone, 'e164', d.region) AS formatted,
      normalize_phone(read.e164) AS again, (parse_phone(read.e164)).reason AS reason_again) AS again
  WHERE read.reason = 'ok'
    AND (read.e164, read.e164, read.e164, 'ok') IS DISTINCT FROM
        (again.normalized, again.formatted, again.again, again.reason_again)
$$, 'an acceptable phone reads as the same number again, and all functions agree');

-- Long input is refused unread: the library's time grows with the square of the length.
SELECT is((parse_phone(repeat('+', 251), 'GB')).reason, 'too_long', '251 characters are too long');
SELECT isnt((parse_phone(repeat('+', 250), 'GB')).reason, 'too_long', '250 characters are read');
SELECT isnt((parse_phone(repeat('٠', 250), 'EG')).reason, NULL, 'the limit counts characters, not bytes');
SELECT is(normalize_phone(repeat(' ', 245) || '+442079460123', 'GB'), NULL,
  'a phone behind a long run of blanks is refused as well');
SELECT performs_ok($$SELECT normalize_phone(repeat('1', 10000000), 'US')$$, 500, 'ten million digits cost no time');

-- What the planner is told.
SELECT is_empty($$
  SELECT name FROM unnest('{normalize_phone,parse_phone,format_phone}'::text[]) AS name
  WHERE NOT EXISTS (SELECT FROM pg_proc
                    WHERE oid = ('customer_identity.' || name)::regproc AND provolatile = 's' AND proparallel = 's' AND procost >= 100)
$$, 'the phone functions are stable, parallel safe and not called cheap');
-- PostgreSQL 16 renamed the setting.
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
SELECT is(max(normalize_phone('020 7946 0' || n, 'GB')), '+442079460999', 'a parallel worker normalizes phones')
FROM generate_series(100, 999) AS n;

SELECT * FROM finish();
