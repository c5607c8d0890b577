-- The messages with codes: claimed, reported, tried again, given up, and erased as soon as they may be.
\ir verification.psql
SELECT * FROM no_plan();
SET customer_identity.sms_limit_per_prefix = 0;
CREATE FUNCTION claimed(maximum int DEFAULT 10, lease interval DEFAULT '1 minute') RETURNS text[] LANGUAGE sql AS
  'SELECT array_agg(phone ORDER BY phone) FROM customer_identity.claim_messages(maximum, lease)';
CREATE FUNCTION message(verification uuid) RETURNS customer_identity.sms_messages LANGUAGE sql AS
  'SELECT m FROM customer_identity.sms_messages m WHERE verification_id = verification';

-- Claims.
SELECT is(claimed(), NULL, 'without messages nothing is claimed');
SELECT started('07400 123401') AS v \gset
SELECT results_eq('SELECT * FROM customer_identity.claim_messages()', (SELECT format('VALUES (%s::bigint, %L, %L)', id, phone, body) FROM message(:'v')),
  'a message is claimed with all it takes to send it');
SELECT is(claimed(), NULL, 'and is not for others then');
SELECT is((SELECT attempts FROM message(:'v')), 1, 'it was tried once');
SELECT let_time_pass('1 minute');
SELECT is(claimed(), '{+447400123401}', 'nobody reported: when the lease is over it comes again');
SELECT is((SELECT attempts FROM message(:'v')), 2, 'tried twice');
SELECT let_time_pass('1 minute');
SELECT is(claimed(10, '5 minutes'), '{+447400123401}', 'for a lease of one''s own');
SELECT let_time_pass('4 minutes');
SELECT is(claimed(), NULL, 'it waits as long');
SELECT let_time_pass('1 minute');
BEGIN;
SELECT is(claimed(), '{+447400123401}', 'a claim');
ROLLBACK;
SELECT is(claimed(), '{+447400123401}', 'that is rolled back was none');
SELECT let_time_pass('3 minutes');
SELECT is(claimed(), NULL, 'ten minutes later it has expired');
SELECT started(format('07400 12341%s', n)) FROM generate_series(0, 4) n \g /dev/null
UPDATE customer_identity.sms_messages SET next_attempt_at = next_attempt_at - interval '1 second' WHERE phone = '+447400123413';
SELECT is(claimed(1), '{+447400123413}', 'whoever waits longest comes first');
SELECT is(cardinality(claimed(3)), 3, 'as many as are wanted');
SELECT is(cardinality(claimed(1000000)), 1, 'or as there are');
SELECT is((failure(format('SELECT claimed(%L, %L)', maximum, lease))).code, '22023', format('%s messages for %s', maximum, lease))
FROM (VALUES (NULL, '1 minute'), (0, '1 minute'), (-1, '1 minute'), (1, NULL), (1, '0'), (1, '-1 second'), (1, '1 month -31 days')) AS v (maximum, lease);

-- Sent.
SELECT started('07400 123420') AS v \gset
SELECT code_of(:'v') AS code, (message(:'v')).id AS message \gset
SELECT is(claimed(), '{+447400123420}', 'a message');
SELECT is(customer_identity.message_sent(:message, 'SM1'), true, 'that was sent');
SELECT results_eq(format('SELECT status, body, provider_id, error, ended_at IS NULL FROM message(%L)', :'v'),
  $$VALUES ('sent', NULL::text, 'SM1', NULL::text, false)$$, 'is erased, its id at the provider kept');
SELECT is(customer_identity.message_sent(:message, 'SM2'), false, 'it is sent once');
SELECT is(customer_identity.message_failed(:message, 'late', true), false, 'and cannot fail any more');
SELECT is((SELECT concat_ws(' ', status, provider_id) FROM message(:'v')), 'sent SM1', 'whatever is said later');
SELECT is(checked(:'v', :'code'), 'approved 0', 'its code is good');
SELECT is((SELECT status FROM message(:'v')), 'sent', 'and it stays sent');
SELECT is(customer_identity.message_sent(-1, NULL), false, 'a message nobody knows');
SELECT is(customer_identity.message_sent(NULL, NULL), false, 'none');
SELECT is(customer_identity.message_failed(NULL, NULL, NULL), false, 'neither sent nor failed');

-- Failed, to be tried again: later each time, and not all at one moment.
CREATE FUNCTION waits(attempts_before int, times int) RETURNS SETOF double precision LANGUAGE plpgsql AS $$
DECLARE
  message customer_identity.sms_messages;
BEGIN
  SELECT * INTO message FROM customer_identity.sms_messages WHERE status = 'pending' LIMIT 1;
  FOR i IN 1 .. times LOOP
    UPDATE customer_identity.sms_messages SET attempts = attempts_before WHERE id = message.id;
    PERFORM customer_identity.message_failed(message.id, 'busy', false);
    RETURN QUERY SELECT extract(epoch FROM next_attempt_at - clock_timestamp())::double precision
    FROM customer_identity.sms_messages WHERE id = message.id;
  END LOOP;
END
$$;
DELETE FROM customer_identity.verifications;
SELECT started('07400 123430') AS v \gset
SELECT code_of(:'v') AS code, (message(:'v')).id AS message \gset
SELECT is(claimed(), '{+447400123430}', 'a message');
SELECT is(customer_identity.message_failed(:message, 'busy', false), true, 'that failed');
SELECT results_eq(format('SELECT status, body IS NULL, error, next_attempt_at > clock_timestamp(), ended_at FROM message(%L)', :'v'),
  $$VALUES ('pending', false, 'busy', true, NULL::timestamptz)$$, 'waits to be tried again');
SELECT is(claimed(), NULL, 'but not at once');
SELECT let_time_pass('3 seconds');
SELECT is(claimed(), '{+447400123430}', 'the first time after three seconds at the latest');
SELECT ok(min(w) BETWEEN 0.5 * seconds - 0.5 AND 0.8 * seconds AND max(w) BETWEEN 1.2 * seconds AND 1.5 * seconds AND count(DISTINCT w) > 30,
  format('after %s attempts about %s s, give or take half of it', attempts, seconds))
FROM (VALUES (1, 2), (2, 4), (3, 8), (4, 16), (5, 32)) AS v (attempts, seconds), waits(attempts, 40) AS w GROUP BY attempts, seconds;
SELECT ok(min(w) BETWEEN 29 AND 48 AND max(w) BETWEEN 72 AND 90, 'later about a minute') FROM waits(1000000, 40) AS w;
SELECT is(customer_identity.message_failed(:message, repeat('x', 100000), NULL), true, 'an error that is very long');
SELECT is((SELECT length(error) FROM message(:'v')), 1000, 'is cut');
SELECT is(customer_identity.message_sent(:message, 'SM3'), true, 'in the end it is sent');
SELECT is((SELECT error FROM message(:'v')), NULL, 'and the error is forgotten');

-- Given up.
SELECT started('07400 123431') AS v \gset
SELECT code_of(:'v') AS code, (message(:'v')).id AS message \gset
SELECT is(customer_identity.message_failed(:message, '21211', true), true, 'a failure for good');
SELECT results_eq(format('SELECT status, body, error, ended_at IS NULL FROM message(%L)', :'v'),
  $$VALUES ('failed', NULL::text, '21211', false)$$, 'ends the message and erases it');
SELECT let_time_pass('2 minutes');
SELECT is(claimed(), NULL, 'it is not tried again');
SELECT is(customer_identity.message_failed(:message, 'again', true), false, 'it can fail once');
SELECT is(customer_identity.message_sent(:message, 'SM4'), true, 'a provider that took it after all is believed');
SELECT started('07400 123432') AS v \gset
SELECT (message(:'v')).id AS message \gset
SELECT let_time_pass('9 minutes 59.5 seconds');
SELECT is(customer_identity.message_failed(:message, 'busy', false), true, 'a failure when the code will have expired');
SELECT is((SELECT concat_ws(' ', status, body) FROM message(:'v')), 'failed', 'is one for good');

-- Cancelled and approved meanwhile.
SELECT started('07400 123433') AS v \gset
SELECT (message(:'v')).id AS message \gset
SELECT customer_identity.cancel_verification(:'v');
SELECT is(claimed(), NULL, 'what was cancelled is not sent');
SELECT is(customer_identity.message_failed(:message, 'busy', false), false, 'and not brought back');
SELECT is((SELECT concat_ws(' ', status, body) FROM message(:'v')), 'cancelled', 'by a failure');

-- Purged: texts when they have expired, all else after a day.
DELETE FROM customer_identity.verifications;
SELECT started('07400 123440') AS v \gset
SELECT let_time_pass('10 minutes');
SELECT is(customer_identity.purge_verifications(), 0::bigint, 'a code that has expired');
SELECT results_eq(format('SELECT status, body, error FROM message(%L)', :'v'), $$VALUES ('failed', NULL::text, 'expired before it was sent')$$,
  'is erased from its message');
SELECT let_time_pass('23 hours');
SELECT is(customer_identity.purge_verifications(), 0::bigint, 'the rest is kept for a day');
SELECT let_time_pass('2 hours');
SELECT is(customer_identity.purge_verifications(), 1::bigint, 'then it goes');
SELECT is_empty('SELECT 1 FROM customer_identity.verifications', 'verifications');
SELECT is_empty('SELECT 1 FROM customer_identity.sms_messages', 'messages');
SELECT is_empty('SELECT 1 FROM customer_identity.verification_events', 'and what was counted');
SELECT is((SELECT count(*) FROM customer_identity.verification_secret), 1::bigint, 'but not the secret');

SELECT * FROM finish();
