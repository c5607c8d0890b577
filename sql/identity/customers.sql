CREATE FUNCTION customer_identity_internal.plan_customer_id(request internal)
    RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'plan_customer_id';
COMMENT ON FUNCTION customer_identity_internal.plan_customer_id(internal) IS
    'Planner support of customer_id_of(): the id of a constant that is E.164 already';

CREATE FUNCTION customer_identity.customer_id_of(phone text, region text DEFAULT NULL)
    RETURNS uuid
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    SUPPORT customer_identity_internal.plan_customer_id
    AS 'MODULE_PATHNAME', 'customer_id_of';
COMMENT ON FUNCTION customer_identity.customer_id_of(text, text) IS
    'The id that the customer of a phone has in a book made with distributed => true: a UUID of version 8 over the E.164 number. A phone that cannot be read has nobody''s id, 00000000-0000-0000-0000-000000000000';

CREATE FUNCTION customer_identity.customer_id_for_order(phone text, region text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'customer_id_for_order';
COMMENT ON FUNCTION customer_identity.customer_id_for_order(text, text, regclass) IS
    'The customer id to write into an order with that phone: as customer_id_of(), but of the present holder of a number that was released';
REVOKE EXECUTE ON FUNCTION customer_identity.customer_id_for_order(text, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.get_or_create_customer(
    phone text,
    preferred_name text DEFAULT NULL,
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'get_or_create_customer';
COMMENT ON FUNCTION customer_identity.get_or_create_customer(text, text, text, regclass) IS
    'The customer of a phone, created if there is none. CI001 when the phone cannot be read';
REVOKE EXECUTE ON FUNCTION customer_identity.get_or_create_customer(text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.find_customer(phone text, region text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS uuid
    LANGUAGE c STABLE COST 5000
    AS 'MODULE_PATHNAME', 'find_customer';
COMMENT ON FUNCTION customer_identity.find_customer(text, text, regclass) IS
    'The customer of a phone, or NULL';

CREATE FUNCTION customer_identity.record_proof(
    phone text,
    user_id text DEFAULT NULL,
    method text DEFAULT 'external',
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'record_proof';
COMMENT ON FUNCTION customer_identity.record_proof(text, text, text, text, regclass) IS
    'Records that a user, or a guest, has proved to hold a phone. Returns its customer, who is verified from then on';
REVOKE EXECUTE ON FUNCTION customer_identity.record_proof(text, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.revoke_proof(
    phone text,
    user_id text DEFAULT NULL,
    reason text DEFAULT NULL,
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS integer
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'revoke_proof';
COMMENT ON FUNCTION customer_identity.revoke_proof(text, text, text, text, regclass) IS
    'Ends the live proofs of a phone, of one user or all, and returns how many it ended';
REVOKE EXECUTE ON FUNCTION customer_identity.revoke_proof(text, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.can_see_customer(user_id text, customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 5000
    AS 'MODULE_PATHNAME', 'can_see_customer';
COMMENT ON FUNCTION customer_identity.can_see_customer(text, uuid, regclass) IS
    'Whether a user is linked to a customer and has proved its phone; for row-security policies';

CREATE FUNCTION customer_identity_internal.refuse_nobody(phone text, customers regclass)
    RETURNS void
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'refuse_nobody';
COMMENT ON FUNCTION customer_identity_internal.refuse_nobody(text, regclass) IS
    'Raises CI001 for an E.164 phone that names nobody by rule';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.refuse_nobody(text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.names_nobody(phone text, customers regclass)
    RETURNS boolean
    LANGUAGE c STABLE COST 1000
    AS 'MODULE_PATHNAME', 'names_nobody';
COMMENT ON FUNCTION customer_identity_internal.names_nobody(text, regclass) IS
    'Whether an E.164 phone names nobody: by rule, or as it has had as many holders as it can have';
