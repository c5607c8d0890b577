CREATE FUNCTION customer_identity_internal.check_types(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', u.source::text,
        format('column %I is %s, not %s: writing fails with CI007', u.column_name, u.found_type, u.wanted),
        format('Change its type, or name another one in: SELECT %s;', customer_identity_internal.attach_call(u.source))
    FROM customer_identity_internal.uncountable_columns(customers) AS u
    WHERE u.found_type IS NOT NULL
    UNION ALL
    SELECT 'error', a.attached::text,
        format('column %I is %s and cannot hold a %s', u.column_name, u.type_name, u.what),
        format('Change its type, or name another one in: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.unusable_types(a.attached, a.phone_columns, a.region_column) AS u
    UNION ALL
    SELECT 'error', s.attached::text,
        format('column %I is %s, not uuid: writing fails with CI007', s.customer_column, format_type(c.atttypid, c.atttypmod)),
        format('Change its type, or name another one in: SELECT %s;', customer_identity_internal.attach_call(s.attached))
    FROM customer_identity_internal.attached_to(customers) AS a (attached)
    CROSS JOIN LATERAL customer_identity_internal.setups_of(a.attached) AS s
    JOIN pg_attribute AS c ON c.attrelid = s.attached AND c.attname = s.customer_column AND NOT c.attisdropped
    JOIN pg_class AS t ON t.oid = s.attached
    WHERE s.kind = 'users' AND s.customers = check_types.customers AND has_table_privilege(t.relowner, s.customers, 'UPDATE')
        AND customer_identity_internal.base_type(c.atttypid) <> 'uuid'::regtype;
END;
COMMENT ON FUNCTION customer_identity_internal.check_types(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about columns whose types hold no customer, amount, phone or region';
