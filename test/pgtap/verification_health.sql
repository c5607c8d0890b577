-- verification_health: 24 hours, the present one first.
\ir verification.psql
SELECT * FROM no_plan();
SET customer_identity.sms_limit_per_prefix = 0;
-- All of it happens in the middle of an hour, so that no hour ends meanwhile.
CREATE FUNCTION let_hours_pass(hours int) RETURNS void LANGUAGE sql AS
  $$SELECT let_time_pass(make_interval(hours => hours) + min(created_at) - (date_trunc('hour', now()) + interval '1 second'))
    FROM customer_identity.verifications$$;

SELECT columns_are('customer_identity', 'verification_health', '{hour,sent,approved,failed,throttled,pending,oldest_pending}'::name[]);
SELECT results_eq('SELECT sum(sent + approved + failed + throttled + pending), count(oldest_pending) FROM customer_identity.verification_health',
  'VALUES (0::numeric, 0::bigint)', 'nothing has happened');
SELECT results_eq('SELECT hour FROM customer_identity.verification_health',
  $$SELECT date_trunc('hour', now()) - make_interval(hours => n) FROM generate_series(0, 23) n$$, 'in 24 hours');

-- Three approved, two of them sent before; four given up, one waiting; five throttled.
SELECT started(format('07400 12340%s', n)) AS v FROM generate_series(1, 8) n \g /dev/null
SELECT verification_id AS v, id AS m, code_of(verification_id) AS code FROM customer_identity.sms_messages WHERE phone = '+447400123401' \gset
SELECT customer_identity.message_sent(:m, 'SM1'), checked(:'v', :'code') \g /dev/null
SELECT verification_id AS v, code_of(verification_id) AS code FROM customer_identity.sms_messages WHERE phone = '+447400123402' \gset
SELECT checked(:'v', :'code') \g /dev/null
SELECT verification_id AS v, id AS m, code_of(verification_id) AS code FROM customer_identity.sms_messages WHERE phone = '+447400123403' \gset
SELECT customer_identity.message_sent(:m, 'SM2'), checked(:'v', :'code') \g /dev/null
SELECT customer_identity.message_failed(id, '21211', true) FROM customer_identity.sms_messages WHERE phone BETWEEN '+447400123404' AND '+447400123407' \g /dev/null
SELECT start_status('07400 123401') FROM generate_series(1, 5) \g /dev/null
SELECT start_status('0121 234 5678') \g /dev/null
SELECT results_eq('SELECT sum(sent), sum(approved), sum(failed), sum(throttled), sum(pending), min(oldest_pending) FROM customer_identity.verification_health',
  $$SELECT 2::numeric, 3::numeric, 4::numeric, 5::numeric, 1::numeric, created_at FROM customer_identity.sms_messages WHERE status = 'pending'$$,
  'what has happened since');
SELECT let_hours_pass(3);
SELECT started('07400 123409') AS v \g /dev/null
SELECT results_eq('SELECT hour, sent, approved, throttled FROM customer_identity.verification_health WHERE sent > 0',
  $$VALUES (date_trunc('hour', now()) - interval '3 hours', 2::bigint, 3::bigint, 5::bigint)$$, 'is counted by the hour');
SELECT is((SELECT sum(pending) FROM customer_identity.verification_health WHERE hour >= now() - interval '2 hours'), 1::numeric, 'one waits');
SELECT is((SELECT sum(pending) FROM customer_identity.verification_health), 1::numeric, 'what has expired does not');
SELECT customer_identity.purge_verifications();
SELECT results_eq('SELECT sum(pending), sum(failed) FROM customer_identity.verification_health', 'VALUES (1::numeric, 5::numeric)',
  'what expired before it was sent has failed');
SELECT let_time_pass('25 hours');
SELECT results_eq('SELECT sum(sent + approved + failed + throttled + pending), count(oldest_pending) FROM customer_identity.verification_health',
  'VALUES (0::numeric, 0::bigint)', 'a day later it is gone');

-- Where hours begin and end, in zones of all kinds.
INSERT INTO customer_identity.verifications (id, customers, phone, status, created_at, expires_at, approved_at)
SELECT gen_random_uuid(), 'customers', '+447400123401', 'approved', t.at, t.at, t.at
FROM generate_series(-24, 1) AS n, unnest('{0,1 us,59 min 59.999999 s}'::interval[]) AS i,
  LATERAL (SELECT date_trunc('hour', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + n * interval '1 hour' + i) AS t (at);
CREATE FUNCTION hours_in(zone text) RETURNS TABLE (hour timestamptz, counted bigint, expected bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('timezone', zone, true);
  RETURN QUERY SELECT h.hour, h.approved,
    (SELECT count(*) FROM customer_identity.verifications AS v WHERE v.approved_at >= h.hour AND v.approved_at < h.hour + interval '1 hour')
  FROM customer_identity.verification_health AS h;
END
$$;
SELECT is_empty(format('SELECT * FROM hours_in(%L) WHERE counted <> expected OR expected < 1', zone), 'each hour of ' || zone || ' has what happened in it')
FROM unnest('{UTC,Asia/Kolkata,Asia/Kathmandu,Australia/Lord_Howe,America/New_York}'::text[]) AS zone;

SELECT * FROM finish();
