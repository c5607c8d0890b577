CREATE FUNCTION customer_identity_internal.prove_phone(customers regclass, phone text, user_id text, OUT customer_id uuid, OUT other_users text[])
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'prove_phone';
COMMENT ON FUNCTION customer_identity_internal.prove_phone(regclass, text, text) IS
    'Records a proof by SMS as the owner of the book; tells which other users have proved the phone';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.prove_phone(regclass, text, text) FROM PUBLIC;

-- Setting the clock back does not extend a code: one from the future has expired.
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

-- What is pasted has all kinds of blanks and hyphens: they are none of ASCII, but for its own.
CREATE FUNCTION customer_identity_internal.is_code(verification customer_identity.verifications, answer text)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(
        customer_identity_internal.same_hash(
            verification.code_hash,
            customer_identity_internal.code_hash(
                s.secret, verification.id, verification.phone, regexp_replace(left(answer, 100), '[^!-,.-~]', '', 'g'))),
        false)
    FROM customer_identity.verification_secret AS s
$$;
COMMENT ON FUNCTION customer_identity_internal.is_code(customer_identity.verifications, text) IS
    'Whether an answer is the code; blanks and hyphens in it do not matter';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.is_code(customer_identity.verifications, text) FROM PUBLIC;

-- The code was used or cancelled and is no longer needed.
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
    maximum_bytes constant integer := current_setting('block_size')::integer - 193;
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
        -- The server rejects a longer payload, which would undo the approval.
        FOREACH part IN ARRAY '{other_users,user_id}'::text[] LOOP
            EXIT WHEN octet_length(event::text) <= maximum_bytes;
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

-- A code is counted as wrong before it is compared: concurrent sessions count each other's guesses,
-- whichever commits first.
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
    ELSIF verification.wrong_answers >= customer_identity_internal.maximum_wrong_answers() THEN
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
                customer_identity_internal.maximum_wrong_answers() - verification.wrong_answers,
                NULLIF(failures_limit, 0) - admission.earlier) - 1;
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity.check_verification(uuid, text) IS
    'Checks a code: approved, incorrect, expired, exhausted or unknown. Call it in a separate transaction: its count of attempts must not be rolled back';
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
    'Cancels a verification, and its message if that has not been sent. False: it had already ended';
REVOKE EXECUTE ON FUNCTION customer_identity.cancel_verification(uuid) FROM PUBLIC;

CREATE FUNCTION customer_identity.verification_required(
    phone text, user_id text DEFAULT NULL, region text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS boolean
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'verification_required';
COMMENT ON FUNCTION customer_identity.verification_required(text, text, text, regclass) IS
    'Whether a cash-on-delivery order of this user and phone would be refused for lack of a verified phone';
REVOKE EXECUTE ON FUNCTION customer_identity.verification_required(text, text, text, regclass) FROM PUBLIC;
