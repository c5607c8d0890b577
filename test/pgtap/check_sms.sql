-- What check_setup says about codes: that none can be sent, that nobody sends them, that they could not be sent.
\ir verification.psql
SELECT * FROM no_plan();
CREATE FUNCTION findings() RETURNS TABLE (about text, finding text) LANGUAGE sql AS
  $$SELECT object, finding FROM customer_identity.check_setup() WHERE severity = 'warning' AND what_to_do <> ''$$;
SELECT is_empty('SELECT * FROM customer_identity.check_setup()', 'a shop that sends no codes has no findings');

-- No country.
SET customer_identity.default_region = '';
SELECT is_empty('SELECT * FROM findings()', 'nobody has asked for a code');
SELECT is(start_status('+44 7400 123401'), 'unsupported', 'codes are sent to no country');
SELECT results_eq('SELECT about, finding ~ $$no country$$ FROM findings()', $$VALUES ('setting customer_identity.sms_countries', true)$$, 'which is found');
SET customer_identity.sms_countries = 'GB';
SELECT is_empty('SELECT * FROM findings()', 'until there is a list');
RESET customer_identity.sms_countries;
SET customer_identity.default_region = 'GB';
SELECT is_empty('SELECT * FROM findings()', 'or a region');
SELECT is(start_status('0121 234 5678'), 'unsupported', 'a fixed line');
SELECT is_empty('SELECT * FROM findings()', 'is nothing to report');

-- Nobody sends.
SELECT started('07400 123401') AS v \gset
SELECT is_empty('SELECT * FROM findings()', 'a message that has just come');
SELECT let_time_pass('1 minute');
SELECT results_eq('SELECT about, right(finding, 3) = $$: 1$$ FROM findings()', $$VALUES ('messages', true)$$, 'one that nobody has claimed for a minute');
SELECT count(*) FROM customer_identity.claim_messages() \g /dev/null
SELECT is_empty('SELECT * FROM findings()', 'until somebody does');
SELECT started('07400 123402') AS w \gset
SELECT let_time_pass('10 minutes');
SELECT is_empty('SELECT * FROM findings()', 'one that has expired');

-- They could not be sent.
SELECT started('07400 123403') AS v \gset
SELECT customer_identity.message_failed(id, '21211', true) FROM customer_identity.sms_messages WHERE verification_id = :'v';
SELECT results_eq('SELECT about, right(finding, 3) = $$: 1$$ FROM findings()', $$VALUES ('messages', true)$$, 'one that was given up');
SELECT let_time_pass('1 hour');
SELECT is_empty('SELECT * FROM findings()', 'for an hour');

-- Whoever checks.
SELECT started('07400 123404') AS v \gset
SELECT let_time_pass('2 minutes');
BEGIN;
CREATE ROLE app;
SET ROLE app;
SELECT lives_ok($$SELECT * FROM customer_identity_internal.check_sms('public.customers')$$, 'a role without rights may');
SELECT unalike((SELECT string_agg(s::text, '') FROM customer_identity_internal.check_sms('public.customers') AS s), '%7400%', 'and reads no phone');
ROLLBACK;
SELECT is((SELECT count(*) FROM findings()), 1::bigint, 'the owner of the book finds it too');

SELECT * FROM finish();
