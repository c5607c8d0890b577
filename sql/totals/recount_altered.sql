CREATE FUNCTION customer_identity_internal.recount_altered()
    RETURNS event_trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'recount_altered';
COMMENT ON FUNCTION customer_identity_internal.recount_altered() IS
    'Event trigger: recounts a book when ALTER TABLE has changed the columns that its totals are computed from';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.recount_altered() FROM PUBLIC;
