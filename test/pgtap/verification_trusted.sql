-- A database owner who is no superuser installs the extension and owns its tables: he verifies, and gains nothing.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
SELECT * FROM no_plan();
\ir failure.psql
CREATE ROLE shop_owner;
CREATE ROLE app;
SELECT format('GRANT CREATE ON DATABASE %I TO shop_owner', current_database()) \gexec
GRANT CREATE ON SCHEMA public TO shop_owner;
SET LOCAL customer_identity.default_region = 'GB';
SET ROLE shop_owner;
CREATE EXTENSION customer_identity;
SELECT customer_identity.create_tables();
SELECT table_owner_is('customer_identity', name, 'shop_owner', format('%s is his', name))
FROM unnest('{verifications,sms_messages,verification_events,verification_secret}'::name[]) AS name;

-- End to end.
SELECT verification_id AS v FROM customer_identity.start_verification('07400 123401', user_id => 'ada') \gset
SELECT * FROM customer_identity.claim_messages() \gset
SELECT substring(:'body' FROM '\d{6}') AS code \gset
SELECT is(customer_identity.message_sent(:message_id, 'SM1'), true, 'he sends a code');
SELECT is((SELECT status FROM customer_identity.check_verification(:'v', 'guess')), 'incorrect', 'takes answers');
SELECT is((SELECT status FROM customer_identity.check_verification(:'v', :'code')), 'approved', 'and proves phones');
SELECT is(customer_identity.verification_required('07400 123401'), false, 'which counts');
SELECT verification_id AS v FROM customer_identity.start_verification('07400 123402') \gset
SELECT is(customer_identity.cancel_verification(:'v'), true, 'he cancels');
SELECT is((SELECT sum(sent + approved) FROM customer_identity.verification_health), 2::numeric, 'reads the figures');
SELECT is(customer_identity.purge_verifications(), 0::bigint, 'purges');
SELECT is_empty('SELECT * FROM customer_identity.check_setup()', 'and checks the set-up');
SELECT throws_ok('SET customer_identity.sms_limit_total = 0', '42501', NULL, 'limits are not his to set');
SELECT lives_ok('GRANT EXECUTE ON FUNCTION customer_identity.start_verification, customer_identity.check_verification TO app', 'he passes the right on');
RESET ROLE;
SET ROLE app;
SELECT isnt((SELECT verification_id FROM customer_identity.start_verification('07400 123403')), NULL, 'to a role with no other');
RESET ROLE;

-- Triggers, defaults, policies, views and functions of his run as himself, whoever verifies: a superuser here.
CREATE TABLE ran (place text, by name, for_session name);
GRANT INSERT ON ran TO PUBLIC;
SET ROLE shop_owner;
CREATE FUNCTION noted(place text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.ran VALUES (place, current_user, session_user);
  RETURN NULL;
END
$$;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM public.noted(TG_TABLE_NAME || ' ' || TG_OP); RETURN NEW; END$$;
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON customer_identity.verifications FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON customer_identity.sms_messages FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE customer_identity.verifications ALTER approved_at SET DEFAULT public.noted('default')::timestamptz;
CREATE POLICY noted ON customer_identity.verifications USING (public.noted('policy') IS NULL);
ALTER TABLE customer_identity.verifications FORCE ROW LEVEL SECURITY;
SELECT throws_ok('CREATE FUNCTION customer_identity_internal.planted() RETURNS int LANGUAGE sql AS ''SELECT 1''', '42501', NULL,
  'he adds nothing to the workings');
CREATE FUNCTION customer_identity.prove_phone(regclass, varchar, text, OUT customer_id uuid, OUT other_users text[]) LANGUAGE plpgsql AS
  $$BEGIN PERFORM public.noted('prove_phone'); END$$;
RESET ROLE;
DISCARD PLANS;
SELECT verification_id AS v FROM customer_identity.start_verification('07400 123404') \gset
SELECT message_id, body FROM customer_identity.claim_messages() WHERE phone = '+447400123404' \gset
SELECT customer_identity.message_failed(:message_id, 'busy', false), customer_identity.message_sent(:message_id, 'SM2') \g /dev/null
SELECT is((SELECT status FROM customer_identity.check_verification(:'v', substring(:'body' FROM '\d{6}'))), 'approved', 'a superuser verifies');
SELECT customer_identity.purge_verifications() \g /dev/null
SELECT isnt_empty($$SELECT 1 FROM ran WHERE place = 'sms_messages UPDATE'$$, 'his triggers run');
SELECT is_empty($$SELECT 1 FROM ran WHERE place = 'prove_phone'$$, 'and no function that is called like ours');
SELECT set_eq('SELECT DISTINCT by FROM ran', '{shop_owner}'::name[], 'as himself');
SET ROLE shop_owner;
SELECT throws_ok(statement, '42501', NULL, statement)
FROM unnest('{ALTER FUNCTION customer_identity.check_verification OWNER TO shop_owner,ALTER FUNCTION customer_identity_internal.admit SECURITY DEFINER,
  ALTER ROLE shop_owner SUPERUSER}'::text[]) AS statement;
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
