-- A role that may change the history, or a column of it, can falsify it. REVOKE on the table takes rights on columns as well.
CREATE FUNCTION customer_identity_internal.check_history(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem constant text := customer_identity_internal.companion_problem(customers, 'customer_events');
    events text;
    schema_name text;
BEGIN
    SELECT n.nspname INTO schema_name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = customers;
    IF problem IS NOT NULL THEN
        RETURN NEXT ROW('warning', format('%I.customer_events', schema_name), problem || ' No history is kept.',
            format('SELECT customer_identity.create_tables(%L);', schema_name))::customer_identity_internal.setup_finding;
        RETURN;
    END IF;
    events := customer_identity_internal.companion_of(customers, 'customer_events');
    IF NOT customer_identity_internal.keeps_history(customers) THEN
        RETURN NEXT ROW('warning', events,
            'No history is kept: a column customer_id, event, details or actor is missing or of another type, or it has a rule, or another column is NOT NULL without a default',
            format('Create it as the reference describes, or: ALTER TABLE %s RENAME TO ...; SELECT customer_identity.create_tables(%L);',
                events, schema_name))::customer_identity_internal.setup_finding;
    END IF;
    RETURN QUERY
    SELECT 'warning', events,
        format('role %s may change the history: %s', g.name, string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type)),
        format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %s;', events, g.name)
    FROM (
        SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS name
        FROM pg_class AS c
        CROSS JOIN LATERAL aclexplode(c.relacl) AS a
        WHERE c.oid = events::regclass AND a.grantee <> c.relowner
            AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
        UNION ALL
        SELECT format('%s (%s)', a.privilege_type, string_agg(DISTINCT quote_ident(k.attname), ', ')),
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
        FROM pg_class AS c
        JOIN pg_attribute AS k ON k.attrelid = c.oid AND k.attnum > 0 AND NOT k.attisdropped
        CROSS JOIN LATERAL aclexplode(k.attacl) AS a
        WHERE c.oid = events::regclass AND a.grantee <> c.relowner AND a.privilege_type IN ('INSERT', 'UPDATE')
        GROUP BY a.privilege_type, a.grantee
    ) AS g
    GROUP BY g.name;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_history(regclass) IS
    'Findings of check_setup() about customer_events';
