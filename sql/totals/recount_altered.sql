CREATE FUNCTION customer_identity_internal.recount_altered()
    RETURNS event_trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'recount_altered';
COMMENT ON FUNCTION customer_identity_internal.recount_altered() IS
    'Event trigger: counts a book anew when ALTER TABLE has changed what its totals are made of';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.recount_altered() FROM PUBLIC;
