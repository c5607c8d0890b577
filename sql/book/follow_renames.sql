CREATE FUNCTION customer_identity_internal.follow_renames()
    RETURNS event_trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'follow_renames';
COMMENT ON FUNCTION customer_identity_internal.follow_renames() IS
    'Event trigger: rewrites the arguments of our triggers when a column, table or schema they name is renamed';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.follow_renames() FROM PUBLIC;
