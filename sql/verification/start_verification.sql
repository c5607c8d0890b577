CREATE FUNCTION customer_identity_internal.readable_phone(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'readable_phone';
COMMENT ON FUNCTION customer_identity_internal.readable_phone(text, text) IS
    'E.164 form of a phone; CI001 when it is not acceptable';

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

-- Of the book it reads the rule of the phone alone: neither the result nor its timing reveals whether a phone belongs to a customer.
CREATE FUNCTION customer_identity_internal.start_verification(
    raw_phone text, purpose text, user_id text, client_address inet, region text, customers regclass)
    RETURNS TABLE (verification_id uuid, status text, phone text, expires_at timestamptz, retry_after interval)
    LANGUAGE customer_identity_as_owner VOLATILE
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    admission record;
BEGIN
    PERFORM customer_identity_internal.book(customers);
    user_id := NULLIF(user_id, '');
    phone := customer_identity_internal.readable_phone(raw_phone, region);
    PERFORM customer_identity_internal.refuse_nobody(phone, customers);
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
    'Sends a code to a phone. Status sent; throttled: retry after retry_after; unsupported: no codes are sent to such a phone. CI001 when the phone cannot be read or names nobody';
REVOKE EXECUTE ON FUNCTION customer_identity.start_verification(text, text, text, inet, text, regclass) FROM PUBLIC;
