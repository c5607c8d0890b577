CREATE FUNCTION customer_identity_internal.check_values(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', a.attached::text,
        format('column %I cannot hold %L, which %s names: %s', n.column_name, m.value, n.parameter, n.consequence),
        format('Use its new name in: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL (VALUES
        (a.status_column, a.counted_statuses, 'counted_statuses', 'no such order counts'),
        (a.payment_column, a.cod_values, 'cod_values', 'no such order needs a proof')
    ) AS n (column_name, named_values, parameter, consequence)
    CROSS JOIN LATERAL customer_identity_internal.missing_values(a.attached, n.column_name, n.named_values, customers) AS m (value)
    WHERE n.column_name IS NOT NULL AND customer_identity_internal.hold_table(a.attached);
END;
COMMENT ON FUNCTION customer_identity_internal.check_values(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about statuses and cash values that a column cannot hold';

-- Renamed values are followed, but attaching again with the old names is refused.
CREATE FUNCTION customer_identity_internal.check_renamed_values(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT 'error', a.attached::text,
        format('%L, which %s named, was renamed to %L: the triggers follow, but a migration with the old name is refused',
            v.given, n.parameter, v.present),
        format('Also in the migration: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t
    CROSS JOIN (VALUES ('counted', 'counted_statuses'), ('cod', 'cod_values')) AS n (key, parameter)
    CROSS JOIN LATERAL ROWS FROM (
        unnest(customer_identity_internal.argument_values(t.arguments, n.key || '_given')),
        unnest(customer_identity_internal.argument_values(t.arguments, n.key))
    ) AS v (given, present)
    WHERE v.given <> v.present;
END;
COMMENT ON FUNCTION customer_identity_internal.check_renamed_values(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about values whose names have changed since the table was attached';

-- A value that differs from a named one in case or blanks only is a slip.
CREATE FUNCTION customer_identity_internal.values_seen(
    relation regclass, column_name text, named_values text[], max_rows bigint, customers regclass, OUT rows bigint, OUT named bigint, OUT similar text)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    EXECUTE format($sql$
        SELECT count(*), count(*) FILTER (WHERE r.value = ANY ($1)),
            min(left(r.value, 64)) FILTER (WHERE r.value <> ALL ($1) AND lower(btrim(r.value)) = ANY ($2))
        FROM (SELECT customer_identity_internal.as_text(r.%I) AS value FROM %s AS r LIMIT $3) AS r
        $sql$,
        column_name, relation)
        INTO rows, named, similar
        USING named_values, ARRAY(SELECT lower(btrim(n.value)) FROM unnest(named_values) AS n (value)), max_rows;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.values_seen(regclass, text, text[], bigint, regclass) IS
    'How many rows of a table were looked at, how many have one of some values, and a value that is nearly one';

CREATE FUNCTION customer_identity_internal.check_values_of(attached customer_identity.attachments, max_rows bigint, customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', attached.attached::text,
        CASE
            WHEN s.similar IS NOT NULL THEN format('column %I holds %L, which %s names in another case or with other blanks', n.column_name, s.similar, n.parameter)
            ELSE format('none of %s orders has a status that counts', customer_identity_internal.counted_up_to(s.rows, s.rows))
        END,
        format('Use the statuses that count in: SELECT %s;', customer_identity_internal.attach_call(attached.attached))
    FROM (VALUES
        (attached.status_column, attached.counted_statuses, 'counted_statuses'),
        (attached.payment_column, attached.cod_values, 'cod_values')
    ) AS n (column_name, named_values, parameter)
    CROSS JOIN LATERAL customer_identity_internal.values_seen(attached.attached, n.column_name, n.named_values, max_rows, customers) AS s
    WHERE n.column_name IS NOT NULL
        AND (s.similar IS NOT NULL OR (n.parameter = 'counted_statuses' AND s.rows >= 100 AND s.named = 0));
END;
COMMENT ON FUNCTION customer_identity_internal.check_values_of(customer_identity.attachments, bigint, regclass) IS
    'Findings of check_setup() about statuses and cash values that no row has';

CREATE FUNCTION customer_identity_internal.check_regions(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', a.attached::text,
        'phones without a country code are not read: it has no region column, and there is no default region',
        format('SELECT %s; with default_region => ''...'' added. Or, for every table, as a superuser: ALTER DATABASE %I SET customer_identity.default_region = ''...'';',
            customer_identity_internal.attach_call(a.attached), current_database())
    FROM unnest(attachments) AS a
    WHERE customer_identity_internal.lacks_region(a.phone_columns, a.region_column, a.default_region)
    UNION ALL
    SELECT 'error', a.attached::text,
        format('%L, its default_region, is not a region: phones of rows without a region are not read', a.default_region),
        format('Use an ISO 3166 code or a calling code in: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    WHERE a.default_region IS NOT NULL AND customer_identity_internal.known_region(a.default_region) IS NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.check_regions(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about tables whose national phones cannot be read';
