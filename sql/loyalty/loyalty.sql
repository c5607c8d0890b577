CREATE FUNCTION customer_identity.adjust_points(
    customer_id uuid,
    points bigint,
    reason text,
    idempotency_key text DEFAULT NULL,
    actor text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'adjust_points';
COMMENT ON FUNCTION customer_identity.adjust_points(uuid, bigint, text, text, text, regclass) IS
    'Adds points to a customer, or subtracts them, with a row in loyalty_entries. Returns the new balance';
REVOKE EXECUTE ON FUNCTION customer_identity.adjust_points(uuid, bigint, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.redeem_points(
    customer_id uuid,
    points bigint,
    reason text,
    idempotency_key text DEFAULT NULL,
    user_id text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'redeem_points';
COMMENT ON FUNCTION customer_identity.redeem_points(uuid, bigint, text, text, text, regclass) IS
    'Subtracts points from a customer''s balance and returns what is left. CI005 when it is too low; the same key redeems once';
REVOKE EXECUTE ON FUNCTION customer_identity.redeem_points(uuid, bigint, text, text, text, regclass) FROM PUBLIC;
