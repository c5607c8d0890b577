CREATE FUNCTION customer_identity.phone_plans()
    RETURNS TABLE (source text, version text, date date, countries integer, calling_codes integer, licence text, problem text)
    LANGUAGE c STABLE ROWS 1
    AS 'MODULE_PATHNAME', 'phone_plans';
COMMENT ON FUNCTION customer_identity.phone_plans() IS
    'The numbering plans by which this session reads phones: where they come from, libphonenumber''s version where it is known, their day, what they cover, and why a file that should be in force is not';
