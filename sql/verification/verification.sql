-- What a verification needs lives minutes and is worth nothing elsewhere: these tables belong to the
-- extension, are never dumped, and are read by nobody but their owner; row security without a policy
-- keeps out members of pg_read_all_data too.
CREATE TABLE customer_identity.verification_secret (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret bytea NOT NULL
);
COMMENT ON TABLE customer_identity.verification_secret IS
    'The key under which codes are hashed, made by CREATE EXTENSION';

CREATE TABLE customer_identity.verifications (
    id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    customers regclass NOT NULL,
    phone varchar(20) NOT NULL,
    purpose text,
    user_id text,
    client_address inet,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'cancelled')),
    code_hash bytea,
    wrong_answers integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    approved_at timestamptz
);
COMMENT ON TABLE customer_identity.verifications IS
    'Codes that were sent, each known by a keyed hash; the hash goes when the code was used';
CREATE INDEX verifications_created_at_idx ON customer_identity.verifications (created_at);
CREATE INDEX verifications_user_id_idx ON customer_identity.verifications (user_id) WHERE status = 'pending';

-- Ids are random, so that lastval() stays the application's, and an answer that is under way while the
-- extension is made anew is not taken for another message's: 15 digits, which fit into a JavaScript number.
CREATE TABLE customer_identity.sms_messages (
    id bigint PRIMARY KEY DEFAULT 100000000000000 + ('x' || right(gen_random_uuid()::text, 12))::bit(48)::bigint,
    verification_id uuid NOT NULL UNIQUE REFERENCES customer_identity.verifications ON DELETE CASCADE,
    phone varchar(20) NOT NULL,
    body text,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    provider_id text,
    error text,
    CHECK (status = 'pending' OR body IS NULL)
);
COMMENT ON TABLE customer_identity.sms_messages IS
    'The messages with codes: the text stays until the message is sent or given up';
CREATE INDEX sms_messages_next_attempt_at_idx ON customer_identity.sms_messages (next_attempt_at) WHERE status = 'pending';

CREATE TABLE customer_identity.verification_events (
    bucket text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    events bigint NOT NULL DEFAULT 1
);
COMMENT ON TABLE customer_identity.verification_events IS
    'What limits count, a row each: messages by phone, prefix, address, user and in all, wrong answers. Refusals by the quarter of an hour, with the first one''s time';
CREATE INDEX verification_events_bucket_at_idx ON customer_identity.verification_events (bucket, at);
-- A publication of all tables would else refuse to let events be deleted.
ALTER TABLE customer_identity.verification_events REPLICA IDENTITY FULL;

ALTER TABLE customer_identity.verifications
    ALTER phone SET STATISTICS 0,
    ALTER user_id SET STATISTICS 0,
    ALTER client_address SET STATISTICS 0,
    ALTER code_hash SET STATISTICS 0;
ALTER TABLE customer_identity.sms_messages
    ALTER phone SET STATISTICS 0,
    ALTER body SET STATISTICS 0;
ALTER TABLE customer_identity.verification_events ALTER bucket SET STATISTICS 0;
ALTER TABLE customer_identity.verification_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_identity.verifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_identity.sms_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_identity.verification_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_identity.verification_secret OWNER TO @extowner@;
ALTER TABLE customer_identity.verifications OWNER TO @extowner@;
ALTER TABLE customer_identity.sms_messages OWNER TO @extowner@;
ALTER TABLE customer_identity.verification_events OWNER TO @extowner@;

CREATE FUNCTION customer_identity_internal.random_secret()
    RETURNS bytea
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'random_secret';
COMMENT ON FUNCTION customer_identity_internal.random_secret() IS
    'A random key for code_hash()';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.random_secret() FROM PUBLIC;

INSERT INTO customer_identity.verification_secret (secret) VALUES (customer_identity_internal.random_secret());

CREATE FUNCTION customer_identity_internal.random_code()
    RETURNS text
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'random_code';
COMMENT ON FUNCTION customer_identity_internal.random_code() IS
    'Six random digits, each code as likely as any other';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.random_code() FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.code_hash(secret bytea, verification_id uuid, phone text, code text)
    RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'code_hash';
COMMENT ON FUNCTION customer_identity_internal.code_hash(bytea, uuid, text, text) IS
    'What is kept of a code: HMAC-SHA-256 under the secret';

CREATE FUNCTION customer_identity_internal.same_hash(a bytea, b bytea)
    RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'same_hash';
COMMENT ON FUNCTION customer_identity_internal.same_hash(bytea, bytea) IS
    'Whether two hashes are the same, in a time that does not depend on where they differ';

CREATE FUNCTION customer_identity_internal.readable_phone(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'readable_phone';
COMMENT ON FUNCTION customer_identity_internal.readable_phone(text, text) IS
    'E.164 form of a phone; CI001 when it is not acceptable';

CREATE FUNCTION customer_identity_internal.admit(buckets text[], limits integer[], first_pause integer, counted integer, OUT wait interval, OUT earlier integer)
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'admit';
COMMENT ON FUNCTION customer_identity_internal.admit(text[], integer[], integer, integer) IS
    'Unless a bucket is at its limit for the hour (0: none), or the first one has to pause (first_pause seconds, doubled with each event), writes an event into the first `counted` of them; else how long to wait. earlier: events of the first bucket';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.admit(text[], integer[], integer, integer) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.count_refusal(bucket text)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'count_refusal';
COMMENT ON FUNCTION customer_identity_internal.count_refusal(text) IS
    'Adds one to a row of the bucket for this quarter of an hour that no other transaction holds, or makes one; waits for nobody';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.count_refusal(text) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.prove_phone(customers regclass, phone text, user_id text, OUT customer_id uuid, OUT other_users text[])
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'prove_phone';
COMMENT ON FUNCTION customer_identity_internal.prove_phone(regclass, text, text) IS
    'Records a proof by SMS as the owner of the book; tells which other users have proved the phone';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.prove_phone(regclass, text, text) FROM PUBLIC;

-- NIST SP 800-63B, 5.1.3.2: a code is valid for ten minutes at the most.
CREATE FUNCTION customer_identity_internal.code_lifetime()
    RETURNS interval
    LANGUAGE sql IMMUTABLE
RETURN interval '10 minutes';
COMMENT ON FUNCTION customer_identity_internal.code_lifetime() IS
    'How long a code may be answered';

-- OWASP, Multifactor Authentication Cheat Sheet: few tries for each code. NIST SP 800-63B, 5.2.2, lets an
-- account fail 100 times in a row; the limit by phone spreads as many over most of a day.
CREATE FUNCTION customer_identity_internal.most_wrong_answers()
    RETURNS integer
    LANGUAGE sql IMMUTABLE
RETURN 5;
COMMENT ON FUNCTION customer_identity_internal.most_wrong_answers() IS
    'How many wrong answers exhaust a verification';

-- An address that an attacker has plenty of counts as one: a network of IPv6, and an IPv4 address
-- however it is written.
CREATE FUNCTION customer_identity_internal.address_bucket(address inet)
    RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN host(address)::inet <<= '::ffff:0:0/96' THEN 'address ' || split_part(host(address), ':', 4)
        WHEN family(address) = 6 THEN 'address ' || network(set_masklen(address, 64))::text
        ELSE 'address ' || host(address)
    END
$$;
COMMENT ON FUNCTION customer_identity_internal.address_bucket(inet) IS
    'What the limit by client address counts under';

CREATE FUNCTION customer_identity_internal.sms_countries()
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_to_array(
        COALESCE(
            NULLIF(replace(current_setting('customer_identity.sms_countries'), ' ', ''), ''),
            NULLIF(current_setting('customer_identity.default_region'), '')),
        ',')
$$;
COMMENT ON FUNCTION customer_identity_internal.sms_countries() IS
    'The countries whose phones are sent codes; NULL: none';

-- Toll-free, premium-rate and shared-cost numbers, fixed lines and pagers are what SMS pumping writes to,
-- or never get the message.
CREATE FUNCTION customer_identity_internal.can_get_codes(phone text)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.type IN ('mobile', 'fixed_line_or_mobile', 'voip')
        AND COALESCE(c.countries && ARRAY[d.region, '*'], false)
    FROM customer_identity.parse_phone(phone, NULL::text) AS d
    CROSS JOIN customer_identity_internal.sms_countries() AS c (countries)
$$;
COMMENT ON FUNCTION customer_identity_internal.can_get_codes(text) IS
    'Whether a phone is of a kind and country that codes are sent to';

-- OWASP, Forgot Password Cheat Sheet: nobody may make us flood a phone. Who has used up the wrong answers
-- gets no code either, since it could not be answered.
CREATE FUNCTION customer_identity_internal.admit_message(phone text, user_id text, client_address inet, OUT admitted boolean, OUT retry_after interval)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_pause constant integer := 30;
    buckets text[];
    limits integer[];
    admission record;
BEGIN
    SELECT array_agg(b.bucket ORDER BY b.position),
        array_agg(current_setting('customer_identity.' || b.setting)::integer ORDER BY b.position)
    INTO buckets, limits
    FROM (VALUES
        (1, 'phone ' || phone, 'sms_limit_per_phone'),
        (2, 'prefix ' || left(phone, -4), 'sms_limit_per_prefix'),
        (3, customer_identity_internal.address_bucket(client_address), 'sms_limit_per_address'),
        (4, 'user ' || left(user_id, 500), 'sms_limit_per_user'),
        (5, 'all', 'sms_limit_total'),
        (6, 'failure ' || phone, 'verification_failures_per_phone')
    ) AS b (position, bucket, setting)
    WHERE b.bucket IS NOT NULL;
    admission := customer_identity_internal.admit(buckets, limits, first_pause, cardinality(buckets) - 1);
    admitted := admission.wait IS NULL;
    retry_after := COALESCE(admission.wait, make_interval(secs => first_pause * power(2, LEAST(admission.earlier, 6))));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.admit_message(text, text, inet) IS
    'Counts a message to a phone unless it has to wait; tells when the next one may follow';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.admit_message(text, text, inet) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.send_code(
    customers regclass, phone text, purpose text, user_id text, client_address inet, moment timestamptz)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    verification_id constant uuid := gen_random_uuid();
    code constant text := customer_identity_internal.random_code();
    expires_at constant timestamptz := moment + customer_identity_internal.code_lifetime();
    message_id bigint;
BEGIN
    INSERT INTO customer_identity.verifications AS v (
        id, customers, phone, purpose, user_id, client_address, code_hash, created_at, expires_at)
    SELECT verification_id, customers, phone, purpose, user_id, client_address,
        customer_identity_internal.code_hash(s.secret, verification_id, phone, code), moment, expires_at
    FROM customer_identity.verification_secret AS s;

    -- Another message may have the id.
    WHILE message_id IS NULL LOOP
        INSERT INTO customer_identity.sms_messages AS m (
            verification_id, phone, body, next_attempt_at, created_at, expires_at)
        VALUES (
            verification_id, phone,
            replace(
                replace(current_setting('customer_identity.sms_text'), '{code}', code), '{minutes}',
                (extract(epoch FROM customer_identity_internal.code_lifetime()) / 60)::integer::text),
            moment, moment, expires_at)
        ON CONFLICT (id) DO NOTHING
        RETURNING m.id INTO message_id;
    END LOOP;

    PERFORM pg_notify('customer_identity_sms', message_id::text);
    RETURN verification_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.send_code(regclass, text, text, text, inet, timestamptz) IS
    'Makes a code and the message that brings it, and returns the id of the verification';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.send_code(regclass, text, text, text, inet, timestamptz) FROM PUBLIC;

-- It never looks into the book: neither the answer nor its time tells whether a phone is a customer's.
CREATE FUNCTION customer_identity_internal.start_verification(
    raw_phone text, purpose text, user_id text, client_address inet, region text, customers regclass)
    RETURNS TABLE (verification_id uuid, status text, phone text, expires_at timestamptz, retry_after interval)
    LANGUAGE customer_identity_as_owner VOLATILE
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    admission record;
BEGIN
    user_id := NULLIF(user_id, '');
    phone := customer_identity_internal.readable_phone(raw_phone, region);
    IF NOT customer_identity_internal.can_get_codes(phone) THEN
        status := 'unsupported';
    ELSE
        admission := customer_identity_internal.admit_message(phone, user_id, client_address);
        status := CASE WHEN admission.admitted THEN 'sent' ELSE 'throttled' END;
        retry_after := admission.retry_after;
    END IF;
    IF status = 'sent' THEN
        verification_id := customer_identity_internal.send_code(customers, phone, purpose, user_id, client_address, moment);
        expires_at := moment + customer_identity_internal.code_lifetime();
    ELSE
        PERFORM customer_identity_internal.count_refusal(status);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.start_verification(text, text, text, inet, text, regclass) IS
    'start_verification, by names that PL/pgSQL takes';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.start_verification(text, text, text, inet, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.start_verification(
    phone text,
    purpose text DEFAULT 'checkout',
    user_id text DEFAULT NULL,
    client_address inet DEFAULT NULL,
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS TABLE (verification_id uuid, status text, phone text, expires_at timestamptz, retry_after interval)
    LANGUAGE c VOLATILE COST 10000 ROWS 1
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity.start_verification(text, text, text, inet, text, regclass) IS
    'Sends a code to a phone. Status sent, or throttled: the next one may be sent after retry_after; unsupported: no code is sent to such a phone. CI001 when the phone cannot be read';
REVOKE EXECUTE ON FUNCTION customer_identity.start_verification(text, text, text, inet, text, regclass) FROM PUBLIC;

-- A clock that was set back makes no code live longer: one from the future has expired.
CREATE FUNCTION customer_identity_internal.can_be_answered(verification customer_identity.verifications)
    RETURNS boolean
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT verification.status = 'pending'
        AND clock_timestamp() BETWEEN verification.created_at AND verification.expires_at
$$;
COMMENT ON FUNCTION customer_identity_internal.can_be_answered(customer_identity.verifications) IS
    'Whether a code is neither used, cancelled nor too old';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.can_be_answered(customer_identity.verifications) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.is_code(verification customer_identity.verifications, answer text)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(
        customer_identity_internal.same_hash(
            verification.code_hash,
            customer_identity_internal.code_hash(
                s.secret, verification.id, verification.phone, regexp_replace(left(answer, 100), '[[:space:]-]', '', 'g'))),
        false)
    FROM customer_identity.verification_secret AS s
$$;
COMMENT ON FUNCTION customer_identity_internal.is_code(customer_identity.verifications, text) IS
    'Whether an answer is the code; blanks and hyphens in it do not matter';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.is_code(customer_identity.verifications, text) FROM PUBLIC;

-- The code was used or is given up: nobody needs it any more.
CREATE FUNCTION customer_identity_internal.end_verification(verification_id uuid, outcome text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
BEGIN
    UPDATE customer_identity.verifications AS v
    SET status = outcome,
        code_hash = NULL,
        approved_at = CASE WHEN outcome = 'approved' THEN moment END
    WHERE v.id = verification_id;
    UPDATE customer_identity.sms_messages AS m
    SET status = 'cancelled', body = NULL, ended_at = moment
    WHERE m.verification_id = end_verification.verification_id AND m.status = 'pending';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_verification(uuid, text) IS
    'Ends a verification and erases its code and message';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.end_verification(uuid, text) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.approve_verification(verification customer_identity.verifications)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- async.c: BLCKSZ - NAMEDATALEN - 128, of which the terminating zero is one.
    most_bytes constant integer := current_setting('block_size')::integer - 193;
    proof record;
    event jsonb;
    part text;
BEGIN
    PERFORM customer_identity_internal.end_verification(verification.id, 'approved');
    DELETE FROM customer_identity.verification_events AS e WHERE e.bucket = 'failure ' || verification.phone;
    proof := customer_identity_internal.prove_phone(verification.customers, verification.phone, verification.user_id);
    IF proof.other_users IS NOT NULL THEN
        event := jsonb_build_object(
            'event', 'phone_proved_by_another_user',
            'customer_id', proof.customer_id,
            'user_id', verification.user_id,
            'other_users', proof.other_users[:20]);
        -- The server refuses a longer payload, and with it the code that was right.
        FOREACH part IN ARRAY '{other_users,user_id}'::text[] LOOP
            EXIT WHEN octet_length(event::text) <= most_bytes;
            event := event - part;
        END LOOP;
        PERFORM pg_notify('customer_identity_events', event::text);
    END IF;
    RETURN proof.customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.approve_verification(customer_identity.verifications) IS
    'The code was right: records the proof and tells when another user had proved the phone';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.approve_verification(customer_identity.verifications) FROM PUBLIC;

-- An answer is counted as wrong before it is compared: sessions that guess at the same time count each
-- other's guesses, whichever commits first.
CREATE FUNCTION customer_identity.check_verification(
    verification_id uuid, code text, OUT status text, OUT attempts_left integer, OUT customer_id uuid)
    LANGUAGE customer_identity_as_owner_with_book VOLATILE COST 10000
AS $$
DECLARE
    verification customer_identity.verifications;
    failures_limit constant integer := current_setting('customer_identity.verification_failures_per_phone');
    admission record;
BEGIN
    attempts_left := 0;
    SELECT v.* INTO verification
    FROM customer_identity.verifications AS v
    WHERE v.id = verification_id
    FOR UPDATE;
    IF NOT FOUND THEN
        status := 'unknown';
    ELSIF NOT customer_identity_internal.can_be_answered(verification) THEN
        status := 'expired';
    ELSIF verification.wrong_answers >= customer_identity_internal.most_wrong_answers() THEN
        status := 'exhausted';
    ELSE
        admission := customer_identity_internal.admit(ARRAY['failure ' || verification.phone], ARRAY[failures_limit], 0, 1);
        IF admission.wait IS NOT NULL THEN
            status := 'exhausted';
        ELSIF customer_identity_internal.is_code(verification, code) THEN
            status := 'approved';
            customer_id := customer_identity_internal.approve_verification(verification);
        ELSE
            status := 'incorrect';
            UPDATE customer_identity.verifications AS v
            SET wrong_answers = v.wrong_answers + 1
            WHERE v.id = verification_id;
            attempts_left := LEAST(
                customer_identity_internal.most_wrong_answers() - verification.wrong_answers,
                NULLIF(failures_limit, 0) - admission.earlier) - 1;
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity.check_verification(uuid, text) IS
    'Answers a code: approved, incorrect, expired, exhausted or unknown. Call it in a transaction of its own: what it counts must not be rolled back';
REVOKE EXECUTE ON FUNCTION customer_identity.check_verification(uuid, text) FROM PUBLIC;

CREATE FUNCTION customer_identity.cancel_verification(verification_id uuid)
    RETURNS boolean
    LANGUAGE customer_identity_as_owner VOLATILE COST 10000
AS $$
BEGIN
    PERFORM FROM customer_identity.verifications AS v
    WHERE v.id = verification_id AND customer_identity_internal.can_be_answered(v)
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM customer_identity_internal.end_verification(verification_id, 'cancelled');
    RETURN true;
END
$$;
COMMENT ON FUNCTION customer_identity.cancel_verification(uuid) IS
    'Gives a verification up; its message, if it is still waiting, is not sent. False: it had ended already';
REVOKE EXECUTE ON FUNCTION customer_identity.cancel_verification(uuid) FROM PUBLIC;

CREATE FUNCTION customer_identity.verification_required(
    phone text, user_id text DEFAULT NULL, region text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS boolean
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'verification_required';
COMMENT ON FUNCTION customer_identity.verification_required(text, text, text, regclass) IS
    'Whether an order of this phone and user would need a verified phone to be paid in cash on delivery';
REVOKE EXECUTE ON FUNCTION customer_identity.verification_required(text, text, text, regclass) FROM PUBLIC;
