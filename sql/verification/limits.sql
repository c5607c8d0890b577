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

-- Addresses that an attacker can easily have many of count as one: an IPv6 network, and an IPv4 address
-- in any notation.
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
            customer_identity_internal.known_region(current_setting('customer_identity.default_region'))),
        ',')
$$;
COMMENT ON FUNCTION customer_identity_internal.sms_countries() IS
    'The countries whose phones are sent codes; NULL: none';

-- Toll-free, premium-rate and shared-cost numbers, fixed lines and pagers are targets of SMS pumping, or
-- cannot receive SMS.
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

-- OWASP, Forgot Password Cheat Sheet: prevent flooding a phone with messages. A phone that has used up its
-- wrong codes gets no new one either, since it could not be checked.
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
