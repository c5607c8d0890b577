-- A clock that was set back: what was written before lies in the future. No code lives longer, no limit opens.
\ir verification.psql
SELECT * FROM no_plan();

SELECT started('07400 123401', 'ada', '192.0.2.1') AS v \gset
SELECT code_of(:'v') AS code \gset
SELECT let_time_pass('-2 hours');
SELECT is(checked(:'v', :'code'), 'expired 0', 'a code from the future has expired');
SELECT is(customer_identity.cancel_verification(:'v'), false, 'and cannot be cancelled');
SELECT results_eq($$SELECT status, whole_pause(retry_after) FROM customer_identity.start_verification('07400 123401')$$,
  $$VALUES ('throttled', '30 seconds'::interval)$$, 'the pause holds, and is no longer than it was');
SELECT is_empty('SELECT * FROM customer_identity.claim_messages()', 'a message from the future is not sent before its time');
SET customer_identity.sms_limit_per_address = 1;
SELECT results_eq($$SELECT status, retry_after FROM customer_identity.start_verification('07400 123402', client_address => '192.0.2.1')$$,
  $$VALUES ('throttled', '1 hour'::interval)$$, 'limits hold, for up to an hour');
SELECT is(start_status('07400 123402'), 'sent', 'others go on');

-- Wrong answers.
SELECT started('07400 123403') AS v \gset
SELECT code_of(:'v') AS code \gset
SELECT let_time_pass('1 minute');
SELECT started('07400 123403') AS w \gset
SELECT code_of(:'w') AS other_code \gset
SELECT checked(:'v', other_than(:'code')) FROM generate_series(1, 5) \g /dev/null
UPDATE customer_identity.verification_events SET at = at + interval '1 day';
SELECT is(checked(:'w', :'other_code'), 'exhausted 0', 'wrong answers from the future count');
UPDATE customer_identity.verification_events SET at = at - interval '1 day';

-- Healed.
SELECT let_time_pass('-1 day');
SELECT isnt(customer_identity.purge_verifications(), 0::bigint, 'purging removes what is from the future');
SELECT is_empty($$SELECT 1 FROM customer_identity.verifications WHERE created_at > now() + interval '1 hour'$$, 'all of it');
SELECT is_empty('SELECT 1 FROM customer_identity.verification_events WHERE at > clock_timestamp()', 'and what is counted counts from now');
SELECT is(start_status('07400 123401'), 'throttled', 'so that limits hold on');
SELECT let_time_pass('1 hour');
SELECT is((SELECT retry_after FROM customer_identity.start_verification('07400 123401', client_address => '192.0.2.1')), '30 seconds', 'for an hour');
SELECT is(customer_identity.purge_verifications(), 0::bigint, 'a second time there is nothing to do');

SELECT * FROM finish();
