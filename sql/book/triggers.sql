CREATE FUNCTION customer_identity.link_user()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'link_user';
COMMENT ON FUNCTION customer_identity.link_user() IS
    'Trigger of a users table: links every login to its customer, keeps proofs, attaches earlier orders';
REVOKE EXECUTE ON FUNCTION customer_identity.link_user() FROM PUBLIC;

CREATE FUNCTION customer_identity.attach_order()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'attach_order';
COMMENT ON FUNCTION customer_identity.attach_order() IS
    'Trigger of an orders table: gives every order its customer, and gates cash on delivery';
REVOKE EXECUTE ON FUNCTION customer_identity.attach_order() FROM PUBLIC;

CREATE FUNCTION customer_identity.maintain_totals()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'maintain_totals';
COMMENT ON FUNCTION customer_identity.maintain_totals() IS
    'Trigger of an orders table: adds what a statement changes to its customers'' totals';
REVOKE EXECUTE ON FUNCTION customer_identity.maintain_totals() FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.expected_triggers(kind text)
    RETURNS TABLE (name text, function regprocedure)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT t.name, t.function
    FROM (VALUES
        ('users', 'customer_identity_link', 'customer_identity.link_user()'::regprocedure),
        ('users', 'customer_identity_linked', 'customer_identity.link_user()'),
        ('users', 'customer_identity_renamed', 'customer_identity.link_user()'),
        ('users', 'customer_identity_truncated', 'customer_identity.link_user()'),
        ('orders', 'customer_identity_attach', 'customer_identity.attach_order()'),
        ('orders', 'customer_identity_totals_insert', 'customer_identity.maintain_totals()'),
        ('orders', 'customer_identity_totals_update', 'customer_identity.maintain_totals()'),
        ('orders', 'customer_identity_totals_delete', 'customer_identity.maintain_totals()'),
        ('orders', 'customer_identity_totals_truncate', 'customer_identity.maintain_totals()')
    ) AS t (kind, name, function)
    WHERE t.kind = expected_triggers.kind;
END;
COMMENT ON FUNCTION customer_identity_internal.expected_triggers(text) IS
    'The triggers that attach a table of a kind';
