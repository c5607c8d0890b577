CREATE TYPE customer_identity_internal.setup_finding AS (
    severity text,
    object text,
    finding text,
    what_to_do text
);
COMMENT ON TYPE customer_identity_internal.setup_finding IS
    'What check_setup() found: severity (error, warning, info), object, finding and what to do about it';

CREATE FUNCTION customer_identity_internal.counted_up_to(counted bigint, looked_at bigint)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN CASE WHEN looked_at >= 10000 THEN 'at least ' || to_char(counted, 'FM999,999') ELSE counted::text END;
COMMENT ON FUNCTION customer_identity_internal.counted_up_to(bigint, bigint) IS
    'A count as findings show it: they look at ten thousand rows and no more';
