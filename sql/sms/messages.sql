CREATE FUNCTION customer_identity.claim_messages(max_messages integer DEFAULT 10, lease interval DEFAULT '1 minute')
    RETURNS TABLE (message_id bigint, phone text, body text)
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000 ROWS 10
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
BEGIN
    IF max_messages IS NULL OR max_messages < 1 OR lease IS NULL OR lease <= interval '0' THEN
        RAISE EXCEPTION 'invalid number of messages or lease'
            USING ERRCODE = 'invalid_parameter_value',
                DETAIL = 'max_messages must be at least 1, and lease greater than zero.';
    END IF;
    -- The message is reserved for the duration of the lease; after that it can be claimed again.
    RETURN QUERY
    WITH due AS (
        SELECT m.id
        FROM customer_identity.sms_messages AS m
        WHERE m.status = 'pending' AND m.next_attempt_at <= moment AND m.expires_at > moment
        ORDER BY m.next_attempt_at
        LIMIT max_messages
        FOR UPDATE SKIP LOCKED
    )
    UPDATE customer_identity.sms_messages AS m
    SET attempts = m.attempts + 1, next_attempt_at = moment + lease
    FROM due
    WHERE m.id = due.id
    RETURNING m.id, m.phone::text, m.body;
END
$$;
COMMENT ON FUNCTION customer_identity.claim_messages(integer, interval) IS
    'Claims messages to send until the lease expires: report each with message_sent or message_failed. A message that is not reported is claimed again';
REVOKE EXECUTE ON FUNCTION customer_identity.claim_messages(integer, interval) FROM PUBLIC;

CREATE FUNCTION customer_identity.message_sent(message_id bigint, provider_id text)
    RETURNS boolean
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000
AS $$
BEGIN
    UPDATE customer_identity.sms_messages AS m
    SET status = 'sent', body = NULL, error = NULL, ended_at = clock_timestamp(),
        provider_id = message_sent.provider_id
    WHERE m.id = message_id AND m.status <> 'sent';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION customer_identity.message_sent(bigint, text) IS
    'Records that the provider accepted a message, and erases its text. False: already recorded, or no such message';
REVOKE EXECUTE ON FUNCTION customer_identity.message_sent(bigint, text) FROM PUBLIC;

-- Twice the time after each attempt, up to a minute, and not all at the same moment.
CREATE FUNCTION customer_identity_internal.time_to_next_attempt(attempts integer)
    RETURNS interval
    LANGUAGE sql VOLATILE
RETURN make_interval(secs => LEAST(60, power(2, LEAST(attempts, 6))) * (0.5 + random()));
COMMENT ON FUNCTION customer_identity_internal.time_to_next_attempt(integer) IS
    'How long a message waits after so many attempts that failed';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.time_to_next_attempt(integer) FROM PUBLIC;

CREATE FUNCTION customer_identity.message_failed(message_id bigint, error text, permanent boolean)
    RETURNS boolean
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
BEGIN
    -- Fails if the next attempt would come after the code has expired.
    UPDATE customer_identity.sms_messages AS m
    SET error = left(message_failed.error, 1000),
        next_attempt_at = n.at,
        status = CASE WHEN n.is_last THEN 'failed' ELSE 'pending' END,
        body = CASE WHEN NOT n.is_last THEN m.body END,
        ended_at = CASE WHEN n.is_last THEN moment END
    FROM (
        SELECT t.id, t.at, COALESCE(permanent, false) OR t.at >= t.expires_at AS is_last
        FROM (
            SELECT w.id, w.expires_at, moment + customer_identity_internal.time_to_next_attempt(w.attempts) AS at
            FROM customer_identity.sms_messages AS w
            WHERE w.id = message_id AND w.status = 'pending'
            FOR UPDATE
        ) AS t
    ) AS n
    WHERE m.id = n.id;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION customer_identity.message_failed(bigint, text, boolean) IS
    'Records that a message could not be sent: it is retried later, unless the failure is permanent. False: no such message is waiting';
REVOKE EXECUTE ON FUNCTION customer_identity.message_failed(bigint, text, boolean) FROM PUBLIC;

-- A day is kept for verification_health; limits look back an hour. What a clock that was wrong has put
-- into the future counts from now.
CREATE FUNCTION customer_identity.purge_verifications()
    RETURNS bigint
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    purged bigint;
BEGIN
    UPDATE customer_identity.sms_messages AS m
    SET status = 'failed', error = COALESCE(m.error, 'expired before it was sent'), body = NULL, ended_at = moment
    WHERE m.status = 'pending' AND m.expires_at <= moment;
    UPDATE customer_identity.verification_events AS e
    SET at = moment
    WHERE e.at > moment + interval '1 minute';
    DELETE FROM customer_identity.verification_events AS e
    WHERE e.at < moment - interval '25 hours';
    DELETE FROM customer_identity.verifications AS v
    WHERE v.created_at < moment - interval '25 hours' OR v.created_at > moment + interval '1 hour';
    GET DIAGNOSTICS purged = ROW_COUNT;
    RETURN purged;
END
$$;
COMMENT ON FUNCTION customer_identity.purge_verifications() IS
    'Erases the texts of expired messages, deletes verifications older than a day and returns how many. The worker calls it regularly';
REVOKE EXECUTE ON FUNCTION customer_identity.purge_verifications() FROM PUBLIC;

CREATE VIEW customer_identity.verification_health AS
    SELECT
        date_trunc('hour', now()) - make_interval(hours => h.ago) AS hour,
        COALESCE(c.sent, 0) AS sent,
        COALESCE(c.approved, 0) AS approved,
        COALESCE(c.failed, 0) AS failed,
        COALESCE(c.throttled, 0)::bigint AS throttled,
        COALESCE(c.pending, 0) AS pending,
        c.oldest_pending
    FROM generate_series(0, 23) AS h (ago)
    LEFT JOIN (
        -- By how many hours before the present one: not every time zone begins its hours at the same minute all the day.
        SELECT ceil(extract(epoch FROM date_trunc('hour', now()) - e.at) / 3600)::integer AS ago,
            count(*) FILTER (WHERE e.what = 'sent') AS sent,
            count(*) FILTER (WHERE e.what = 'approved') AS approved,
            count(*) FILTER (WHERE e.what = 'failed') AS failed,
            sum(e.events) FILTER (WHERE e.what = 'throttled') AS throttled,
            count(*) FILTER (WHERE e.what = 'pending') AS pending,
            min(e.at) FILTER (WHERE e.what = 'pending') AS oldest_pending
        FROM (
            SELECT m.status, COALESCE(m.ended_at, m.created_at), 1
            FROM customer_identity.sms_messages AS m
            WHERE m.status IN ('sent', 'failed') OR (m.status = 'pending' AND m.expires_at > now())
            UNION ALL
            SELECT v.status, v.approved_at, 1
            FROM customer_identity.verifications AS v
            WHERE v.status = 'approved'
            UNION ALL
            SELECT r.bucket, r.at, r.events
            FROM customer_identity.verification_events AS r
            WHERE r.bucket = 'throttled'
        ) AS e (what, at, events)
        WHERE e.at >= date_trunc('hour', now()) - interval '23 hours' AND e.at < date_trunc('hour', now()) + interval '1 hour'
        GROUP BY 1
    ) AS c ON c.ago = h.ago
    ORDER BY h.ago;
COMMENT ON VIEW customer_identity.verification_health IS
    'The last 24 hours, the current one first: messages sent, failed and pending, verifications approved and throttled';
ALTER VIEW customer_identity.verification_health OWNER TO @extowner@;
