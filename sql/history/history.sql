-- With the rights of its caller: only who acts as the owner of the book can write there.
CREATE FUNCTION customer_identity_internal.write_event(customers regclass, customer_id uuid, event text, details jsonb, actor text)
    RETURNS void
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'write_event';
COMMENT ON FUNCTION customer_identity_internal.write_event(regclass, uuid, text, jsonb, text) IS
    'Adds an event to a customer''s history, where the book keeps one; for functions that act as its owner';

CREATE FUNCTION customer_identity_internal.keeps_history(customers regclass)
    RETURNS boolean
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'keeps_history';
COMMENT ON FUNCTION customer_identity_internal.keeps_history(regclass) IS
    'Whether the book has a table customer_events that events can be written to';

CREATE FUNCTION customer_identity.customer_history(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
AS $$
DECLARE
    history jsonb;
BEGIN
    EXECUTE format($sql$
        SELECT COALESCE(
            jsonb_agg(
                jsonb_build_object('at', e.created_at, 'event', e.event, 'actor', e.actor, 'details', e.details)
                ORDER BY e.created_at DESC, e.id DESC),
            '[]')
        FROM %s AS e
        WHERE e.customer_id = $1
        $sql$, customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO history
        USING customer_id;
    RETURN history;
END
$$;
COMMENT ON FUNCTION customer_identity.customer_history(uuid, regclass) IS
    'The events of a customer, newest first: an array of objects with at, event, actor and details';
REVOKE EXECUTE ON FUNCTION customer_identity.customer_history(uuid, regclass) FROM PUBLIC;
