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

-- NIST SP 800-63B, 5.1.3.2: a code is valid for a maximum of ten minutes.
CREATE FUNCTION customer_identity_internal.code_lifetime()
    RETURNS interval
    LANGUAGE sql IMMUTABLE
RETURN interval '10 minutes';
COMMENT ON FUNCTION customer_identity_internal.code_lifetime() IS
    'How long a code may be answered';

-- OWASP, Multifactor Authentication Cheat Sheet: few tries for each code. NIST SP 800-63B, 5.2.2, lets an
-- account fail 100 times in a row; the limit by phone spreads as many over 20 hours.
CREATE FUNCTION customer_identity_internal.maximum_wrong_answers()
    RETURNS integer
    LANGUAGE sql IMMUTABLE
RETURN 5;
COMMENT ON FUNCTION customer_identity_internal.maximum_wrong_answers() IS
    'How many wrong answers exhaust a verification';
