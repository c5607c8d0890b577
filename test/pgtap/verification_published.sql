-- A publication of all tables keeps nobody from verifying.
\ir verification.psql
SELECT * FROM no_plan();
SET client_min_messages = error;
CREATE PUBLICATION everything FOR ALL TABLES;
SELECT started('07400 123401') AS v \gset
SELECT code_of(:'v') AS code, id AS message FROM customer_identity.sms_messages \gset
SELECT is(customer_identity.message_failed(:message, 'busy', false), true, 'messages are tried again');
SELECT is(customer_identity.message_sent(:message, 'SM1'), true, 'and sent');
SELECT is(checked(:'v', other_than(:'code')), 'incorrect 4', 'wrong codes are counted');
SELECT lives_ok(format('SELECT checked(%L, %L)', :'v', :'code'), 'right ones approved');
SELECT is((SELECT count(*) FROM phone_proofs), 1::bigint, 'they prove a phone');
SELECT started('07400 123402') AS v \gset
SELECT is(customer_identity.cancel_verification(:'v'), true, 'verifications are cancelled');
UPDATE customer_identity.verifications SET created_at = created_at - interval '2 days';
SELECT lives_ok('SELECT customer_identity.purge_verifications()', 'and purged');

SELECT * FROM finish();
