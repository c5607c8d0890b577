-- Text arguments: how long they may be, and what errors show of them.
CREATE FUNCTION customer_identity_internal.text_limit(argument text)
    RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'text_limit';
COMMENT ON FUNCTION customer_identity_internal.text_limit(text) IS
    'The maximum number of bytes in an argument of this name, or NULL';

CREATE FUNCTION customer_identity_internal.require_limit(argument text, value text)
    RETURNS void
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'require_limit';
COMMENT ON FUNCTION customer_identity_internal.require_limit(text, text) IS
    'Raises 22023 for an argument that is longer than its maximum';

CREATE FUNCTION customer_identity_internal.shown(given text)
    RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'shown';
COMMENT ON FUNCTION customer_identity_internal.shown(text) IS
    'What errors show of an argument: its first 64 characters';

CREATE TYPE customer_identity.phone_details AS (
    e164 text,
    country_code integer,
    national_number text,
    extension text,
    region text,
    type text,
    is_possible boolean,
    is_valid boolean,
    reason text
);
COMMENT ON TYPE customer_identity.phone_details IS
    'What is known about a phone: its E.164 form and parts, and the reason why it is not acceptable ("ok" if it is)';

-- Most phones cost as much as some thirty cheap operators; those left to the library, a hundred times that.
CREATE FUNCTION customer_identity.normalize_phone(phone text, region text DEFAULT NULL)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'normalize_phone';
COMMENT ON FUNCTION customer_identity.normalize_phone(text, text) IS
    'The E.164 form of a phone, or NULL when it is not acceptable. A phone without a country code is read as dialled in region (ISO 3166 or a calling code; default: customer_identity.default_region)';

CREATE FUNCTION customer_identity.parse_phone(phone text, region text DEFAULT NULL)
    RETURNS customer_identity.phone_details
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'parse_phone';
COMMENT ON FUNCTION customer_identity.parse_phone(text, text) IS
    'Everything known about a phone, including why it is not acceptable';

CREATE FUNCTION customer_identity.format_phone(phone text, style text DEFAULT 'international', region text DEFAULT NULL)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 3000
    AS 'MODULE_PATHNAME', 'format_phone';
COMMENT ON FUNCTION customer_identity.format_phone(text, text, text) IS
    'A phone for people to read: style e164, international, national or rfc3966. NULL when the phone is not acceptable';

CREATE FUNCTION customer_identity_internal.claimed_phone(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'claimed_phone';
COMMENT ON FUNCTION customer_identity_internal.claimed_phone(text, text) IS
    'The phone of a row as the triggers read it: normalize_phone, but NULL instead of an error where a known region is missing';

CREATE FUNCTION customer_identity_internal.claim_problem(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'claim_problem';
COMMENT ON FUNCTION customer_identity_internal.claim_problem(text, text) IS
    'Why the triggers cannot read the phone of a row; "ok" when they can';

CREATE FUNCTION customer_identity_internal.suggested_phone(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 3000
    AS 'MODULE_PATHNAME', 'suggested_phone';
COMMENT ON FUNCTION customer_identity_internal.suggested_phone(text, text) IS
    'What may have been meant by a phone that the triggers cannot read, in E.164, for a person to decide; NULL when nothing can be guessed';

CREATE FUNCTION customer_identity_internal.phone_remark(phone text)
    RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'phone_remark';
COMMENT ON FUNCTION customer_identity_internal.phone_remark(text) IS
    'What a phone is that looks like a number and is none, or NULL';

CREATE FUNCTION customer_identity_internal.renumbering_of(phone text, OUT since text, OUT rule text, OUT source text)
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'renumbering_of';
COMMENT ON FUNCTION customer_identity_internal.renumbering_of(text) IS
    'The change of a country''s plan by which an old E.164 phone reads as the number of today; NULL for any other phone';

CREATE FUNCTION customer_identity_internal.region_or_default(region text, default_region text)
    RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'region_or_default';
COMMENT ON FUNCTION customer_identity_internal.region_or_default(text, text) IS
    'The region of a row, or where that is blank the one of its table';

CREATE FUNCTION customer_identity_internal.known_region(region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'known_region';
COMMENT ON FUNCTION customer_identity_internal.known_region(text) IS
    'A region in upper case without surrounding blanks; NULL when it is not a region';
