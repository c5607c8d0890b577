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
