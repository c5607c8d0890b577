CREATE FUNCTION customer_identity_internal.row_key(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(
    (
        SELECT format('concat_ws('','', %s)', string_agg(format('r.%I', a.attname), ', ' ORDER BY k.position))
        FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = relation AND i.indisprimary
        HAVING count(*) > 0
    ),
    'r.ctid::text'
);
COMMENT ON FUNCTION customer_identity_internal.row_key(regclass) IS
    'An expression for the primary key of row r as text';

CREATE FUNCTION customer_identity_internal.has_no_customer(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format(
    CASE
        WHEN NOT customer_identity_internal.has_computed_ids(attached.customers) THEN 'r.%1$I IS NULL'
        WHEN customer_identity_internal.is_spread(attached.attached) THEN 'r.%1$I = %2$L'
        ELSE '(r.%1$I IS NULL OR r.%1$I = %2$L)'
    END,
    attached.customer_column, customer_identity_internal.nobody());
COMMENT ON FUNCTION customer_identity_internal.has_no_customer(customer_identity.attachments) IS
    'The condition that row r of an attached table has no customer; where rows are placed by the customer, those have one place';

CREATE FUNCTION customer_identity_internal.require_max_rows(max_rows integer)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF max_rows < 0 THEN
        RAISE EXCEPTION 'max_rows is negative'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass how many rows you want at most, or NULL for all of them.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_max_rows(integer) IS
    'Raises 22023 for a number of rows below zero';

CREATE FUNCTION customer_identity_internal.phone_problems_in(attached regclass, max_rows integer, customers regclass)
    RETURNS TABLE (key text, phone text, reason text, suggestion text, remark text)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
DECLARE
    setup customer_identity.attachments := customer_identity_internal.attachment_of(attached);
BEGIN
    PERFORM customer_identity_internal.require_max_rows(max_rows);
    RETURN QUERY EXECUTE format($sql$
        SELECT %1$s, c.raw, p.reason,
            CASE WHEN p.reason <> 'names_nobody' THEN customer_identity_internal.suggested_phone(c.raw, %4$s) END,
            customer_identity_internal.phone_remark(c.raw)
        FROM %2$s AS r
        CROSS JOIN LATERAL (%3$s) AS c (n, raw)
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN customer_identity_internal.names_nobody(customer_identity_internal.claimed_phone(c.raw, %4$s), $2) THEN 'names_nobody'
                ELSE customer_identity_internal.claim_problem(c.raw, %4$s)
            END
        ) AS p (reason)
        WHERE %5$s AND c.raw IS NOT NULL AND p.reason <> 'ok'
        LIMIT $1
        $sql$,
        customer_identity_internal.row_key(attached), attached, customer_identity_internal.claims_query(setup),
        customer_identity_internal.region_expression(setup), customer_identity_internal.has_no_customer(setup))
        USING max_rows, customers;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phone_problems_in(regclass, integer, regclass) IS
    'phone_problems of a table that is attached to a book';

CREATE FUNCTION customer_identity.phone_problems(attached regclass, max_rows integer DEFAULT 1000)
    RETURNS TABLE (key text, phone text, reason text, suggestion text, remark text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT p.*
    FROM customer_identity_internal.attachment_of(attached) AS a
    CROSS JOIN LATERAL customer_identity_internal.phone_problems_in(attached, max_rows, a.customers) AS p;
END;
COMMENT ON FUNCTION customer_identity.phone_problems(regclass, integer) IS
    'The unlinked rows of an attached table whose phone cannot be read or names nobody: key, phone as typed, reason, what may be meant, and what else it is';
