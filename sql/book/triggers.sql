CREATE FUNCTION customer_identity.link_user()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'link_user';
COMMENT ON FUNCTION customer_identity.link_user() IS
    'Trigger of a users table: links each login to its customer, maintains its proofs, attaches its earlier orders';
REVOKE EXECUTE ON FUNCTION customer_identity.link_user() FROM PUBLIC;

CREATE FUNCTION customer_identity.attach_order()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'attach_order';
COMMENT ON FUNCTION customer_identity.attach_order() IS
    'Trigger of an orders table: sets each order''s customer, and requires a proof for cash on delivery';
REVOKE EXECUTE ON FUNCTION customer_identity.attach_order() FROM PUBLIC;

CREATE FUNCTION customer_identity.maintain_totals()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'maintain_totals';
COMMENT ON FUNCTION customer_identity.maintain_totals() IS
    'Trigger of an orders table: updates customers'' totals after each statement';
REVOKE EXECUTE ON FUNCTION customer_identity.maintain_totals() FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.attaching_triggers()
    RETURNS TABLE (kind text, function regprocedure, name text, event text, transition_tables text, level text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT t.*
    FROM (VALUES
        ('users', 'customer_identity.link_user()'::regprocedure, 'customer_identity_link', 'BEFORE INSERT OR UPDATE', '', 'ROW'),
        ('users', 'customer_identity.link_user()', 'customer_identity_linked', 'AFTER INSERT OR UPDATE OR DELETE', '', 'ROW'),
        ('users', 'customer_identity.link_user()', 'customer_identity_renamed', 'AFTER UPDATE', '', 'STATEMENT'),
        ('users', 'customer_identity.link_user()', 'customer_identity_truncated', 'BEFORE TRUNCATE', '', 'STATEMENT'),
        ('orders', 'customer_identity.attach_order()', 'customer_identity_attach', 'BEFORE INSERT OR UPDATE', '', 'ROW'),
        ('orders', 'customer_identity.maintain_totals()', 'customer_identity_totals_insert', 'AFTER INSERT',
            'REFERENCING NEW TABLE AS customer_identity_new', 'STATEMENT'),
        ('orders', 'customer_identity.maintain_totals()', 'customer_identity_totals_update', 'AFTER UPDATE',
            'REFERENCING OLD TABLE AS customer_identity_old NEW TABLE AS customer_identity_new', 'STATEMENT'),
        ('orders', 'customer_identity.maintain_totals()', 'customer_identity_totals_delete', 'AFTER DELETE',
            'REFERENCING OLD TABLE AS customer_identity_old', 'STATEMENT'),
        ('orders', 'customer_identity.maintain_totals()', 'customer_identity_totals_truncate', 'BEFORE TRUNCATE', '', 'STATEMENT')
    ) AS t (kind, function, name, event, transition_tables, level);
END;
COMMENT ON FUNCTION customer_identity_internal.attaching_triggers() IS
    'The triggers that attach tables of users and of orders, as CREATE TRIGGER takes them';
