-- Who may verify, and that nobody reads code, hash, secret or phone. Roles are made in a transaction that is rolled back.
BEGIN;
\ir verification.psql
SELECT * FROM no_plan();
CREATE ROLE app;
CREATE ROLE plain;
CREATE ROLE reader IN ROLE pg_read_all_data;
CREATE ROLE monitor IN ROLE pg_monitor;
CREATE ROLE sender;
GRANT EXECUTE ON FUNCTION customer_identity.start_verification, customer_identity.check_verification, customer_identity.cancel_verification,
  customer_identity.verification_required TO app;
GRANT EXECUTE ON FUNCTION customer_identity.claim_messages, customer_identity.message_sent, customer_identity.message_failed,
  customer_identity.purge_verifications TO sender;

-- A role that may verify, and has no right on the book.
SET ROLE app;
SELECT verification_id AS v FROM customer_identity.start_verification('07400 123401', user_id => 'ada') \gset
SELECT isnt(:'v'::uuid, NULL, 'EXECUTE is enough to send a code');
SELECT throws_ok('SELECT * FROM customers', '42501', NULL, 'without any right on the customers');
SELECT throws_ok($$SELECT customer_identity.record_proof('07400 123401', 'ada')$$, '42501', NULL, 'or on proofs');
SELECT is((SELECT status FROM customer_identity.check_verification(:'v', 'guess')), 'incorrect', 'to answer it wrongly');
SELECT is(customer_identity.verification_required('07400 123401'), true, 'to ask');
SELECT is(current_user, 'app'::name, 'it stays itself');
SELECT isnt((failure($$SELECT customer_identity.start_verification('call me')$$)).code, NULL, 'also after an error');
SELECT is(current_user, 'app'::name, 'inside');
RESET ROLE;
SELECT code_of(:'v') AS code \gset
SET ROLE app;
SELECT is((SELECT status FROM customer_identity.check_verification(:'v', :'code')), 'approved', 'and to prove the phone with the code alone');
SELECT is(customer_identity.verification_required('07400 123401'), false, 'which counts');
SELECT is(customer_identity.cancel_verification(:'v'), false, 'or to give up');
SELECT throws_ok(format('SELECT customer_identity.%s', call), '42501', NULL, call)
FROM unnest('{claim_messages(),"message_sent(1, NULL)","message_failed(1, NULL, true)",purge_verifications()}'::text[]) AS call;

-- A book in a schema that one may not enter cannot be named.
RESET ROLE;
CREATE SCHEMA closed;
SELECT customer_identity.create_tables('closed');
SELECT 'closed.customers'::regclass::oid AS closed \gset
SET ROLE app;
SELECT throws_ok(format('SELECT customer_identity.start_verification($$07400 123402$$, customers => %s)', :'closed'), '42501', NULL, 'a closed book');
SELECT throws_ok(format('SELECT customer_identity.verification_required($$07400 123402$$, customers => %s)', :'closed'), '42501', NULL, 'cannot be asked about');
RESET ROLE;

-- Something to be read.
SELECT started('07400 123403', 'grace', '192.0.2.1') AS v \gset
SELECT code_of(:'v') AS code \gset
INSERT INTO customer_identity.verifications (customers, phone, code_hash, created_at, expires_at)
SELECT 'customers', '+4474001' || n, sha256(n::text::bytea), now(), now() + interval '10 minutes' FROM generate_series(20000, 20300) n;
INSERT INTO customer_identity.sms_messages (verification_id, phone, body, next_attempt_at, created_at, expires_at)
SELECT id, phone, 'Your code is ' || right(phone, 6), now(), now(), expires_at FROM customer_identity.verifications WHERE code_hash IS NOT NULL AND id <> :'v';
INSERT INTO customer_identity.verification_events SELECT 'phone ' || phone, now() FROM customer_identity.sms_messages;
ANALYZE customer_identity.verifications, customer_identity.sms_messages, customer_identity.verification_events;

-- Functions that write, or tell: for nobody but those to whom they were granted.
SELECT is(has_function_privilege('plain', name, 'EXECUTE'), false, name)
FROM (
  SELECT 'customer_identity.' || f FROM unnest('{"start_verification(text,text,text,inet,text,regclass)","check_verification(uuid,text)",
    cancel_verification(uuid),"verification_required(text,text,text,regclass)","claim_messages(integer,interval)","message_sent(bigint,text)",
    "message_failed(bigint,text,boolean)",purge_verifications()}'::text[]) AS f
  UNION ALL
  SELECT 'customer_identity_internal.' || f FROM unnest('{random_code(),random_secret(),"prove_phone(regclass,text,text)",
    "admit(text[],integer[],integer,integer)","admit_message(text,text,inet)","send_code(regclass,text,text,text,inet,timestamptz)",
    "can_be_answered(customer_identity.verifications)","is_code(customer_identity.verifications,text)","end_verification(uuid,text)",
    "approve_verification(customer_identity.verifications)","start_verification(text,text,text,inet,text,regclass)"}'::text[]) AS f
) AS functions (name);

-- Nobody reads the tables; those who read everything see no row, and no statistics of one.
CREATE FUNCTION seen(role name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text := '';
  here text;
  place text;
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role);
  FOREACH place IN ARRAY '{verifications,sms_messages,verification_events,verification_secret,verification_health}'::text[] LOOP
    BEGIN
      EXECUTE format('SELECT string_agg(t::text, $b$ $b$) FROM customer_identity.%I AS t', place) INTO here;
      result := concat_ws(' ', result, here);
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
  END LOOP;
  FOREACH place IN ARRAY '{pg_stats,pg_statistic,pg_locks,pg_settings}'::text[] LOOP
    BEGIN
      EXECUTE format('SELECT string_agg(t::text, $b$ $b$) FROM pg_catalog.%I AS t', place) INTO here;
      result := concat_ws(' ', result, here);
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
  END LOOP;
  SET LOCAL ROLE NONE;
  RETURN result;
END
$$;
SELECT encode(secret, 'hex') AS secret FROM customer_identity.verification_secret \gset
SELECT encode(code_hash, 'hex') AS hash FROM customer_identity.verifications WHERE id = :'v' \gset
SELECT matches(seen(current_user), format('%s.*%s.*%s', '\+447400123403', :'code', :'secret'), 'the owner reads all of it');
SELECT ok(seen(role) !~ '(\+4474001|Your code is [0-9])', format('%s reads no phone and no code', role))
FROM unnest('{plain,app,sender,monitor,reader}'::name[]) AS role;
SELECT ok(strpos(seen(role), :'secret') = 0 AND strpos(seen(role), :'hash') = 0, format('%s reads neither secret nor hash', role))
FROM unnest('{plain,app,sender,monitor,reader}'::name[]) AS role;
SELECT throws_ok(format('SET LOCAL ROLE reader; %s', statement), '42501', NULL, statement)
FROM unnest('{DELETE FROM customer_identity.verifications,UPDATE customer_identity.verification_secret SET secret = NULL,
  TRUNCATE customer_identity.verification_events,TABLE customer_identity.verification_secret FOR UPDATE}'::text[]) AS statement;
SET ROLE reader;
SELECT throws_ok('SET LOCAL row_security = off; SELECT * FROM customer_identity.sms_messages', '42501', NULL, 'row security cannot be switched off');
RESET ROLE;
SET row_security = on;

-- A sender gets phone and text, one message at a time, and no more.
SET ROLE sender;
SELECT is((SELECT count(*) FROM customer_identity.claim_messages(1)), 1::bigint, 'a sender claims');
SELECT throws_ok('SELECT * FROM customer_identity.sms_messages', '42501', NULL, 'and reads nothing else');
SELECT throws_ok($$SELECT customer_identity.check_verification(NULL, NULL)$$, '42501', NULL, 'nor verifies');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
