-- Found by the index, whatever the planner thinks of what it is joined to: hence the limit.
CREATE FUNCTION customer_identity_internal.trigger_named(relation regclass, trigger_name text)
    RETURNS SETOF pg_trigger
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT t.*
    FROM pg_trigger AS t
    WHERE t.tgrelid = relation AND t.tgname = trigger_name::name
    LIMIT 1;
END;
COMMENT ON FUNCTION customer_identity_internal.trigger_named(regclass, text) IS
    'The trigger of a table that has a name, or no row';

-- ALTER TABLE ... DISABLE TRIGGER on the parent reaches the partitions' row triggers only.
CREATE FUNCTION customer_identity_internal.fires_in_partitions(relation regclass, trigger_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT
        FROM customer_identity_internal.partitions_of(relation) AS p
        CROSS JOIN LATERAL customer_identity_internal.trigger_named(p.p, trigger_name) AS t
        WHERE t.tgenabled IN ('O', 'A') AND t.tgparentid = 0
    );
END;
COMMENT ON FUNCTION customer_identity_internal.fires_in_partitions(regclass, text) IS
    'Whether a disabled trigger of a partitioned table has one of its name in a partition that is not disabled';

-- Tables that carry any trigger of ours for this book, even where others were dropped.
CREATE FUNCTION customer_identity_internal.check_triggers(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH roots AS (
        SELECT DISTINCT COALESCE(pg_partition_root(t.attached), t.attached) AS root,
            CASE WHEN t.function = 'link_user' THEN 'users' ELSE 'orders' END AS kind
        FROM customer_identity_internal.attached_to(customers) AS a (attached)
        CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t
        WHERE t.customers = check_triggers.customers
            AND has_table_privilege(t.owner, t.customers, 'UPDATE')
    ),
    expected AS (
        SELECT r.root, r.kind, p.p AS relation, e.name, e.function
        FROM roots AS r
        CROSS JOIN LATERAL customer_identity_internal.partitions_of(r.root) AS p
        JOIN customer_identity_internal.attaching_triggers() AS e ON e.kind = r.kind
    )
    SELECT 'error', e.relation::text,
        CASE
            WHEN t.tgenabled IN ('D', 'R') AND customer_identity_internal.fires_in_partitions(e.relation, e.name) THEN
                format('trigger %I is disabled, but not on the partitions: it still fires for statements that name a partition', e.name)
            WHEN t.tgenabled IN ('D', 'R') THEN format('trigger %I is disabled', e.name)
            WHEN t.tgname IS NOT NULL THEN format('trigger %I was changed, or differs from that of %s', e.name, e.root)
            WHEN e.relation <> e.root THEN format('the partition has no trigger %I', e.name)
            ELSE format('trigger %I is missing', e.name)
        END,
        CASE
            WHEN t.tgenabled IN ('D', 'R') THEN format('ALTER TABLE %s ENABLE TRIGGER %I;', e.relation, e.name)
            WHEN e.name = 'customer_identity_attach' THEN
                format('SELECT %s; or, if it should no longer count, SELECT customer_identity.detach(%L);',
                    customer_identity_internal.attach_call(e.root), e.root::text)
            ELSE format('SELECT %s;', customer_identity_internal.attach_call(e.root))
        END
    FROM expected AS e
    LEFT JOIN LATERAL customer_identity_internal.trigger_named(e.relation, e.name) AS t ON true
    -- A partition that was away may have missed that its root was attached in another way.
    LEFT JOIN LATERAL customer_identity_internal.trigger_named(e.root, 'customer_identity_totals_insert') AS r ON e.name LIKE '%totals%'
    WHERE t.tgname IS NULL OR t.tgenabled IN ('D', 'R') OR t.tgfoid <> e.function OR t.tgqual IS NOT NULL OR t.tgargs <> r.tgargs
    ORDER BY e.relation::text, e.name;
END;
COMMENT ON FUNCTION customer_identity_internal.check_triggers(regclass) IS
    'Findings of check_setup() about missing, disabled and changed triggers';

-- DISABLE TRIGGER ALL, which also a load that was interrupted leaves behind.
CREATE FUNCTION customer_identity_internal.check_foreign_key_triggers(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- Read by the index and before the constraints: a join would read those of all shops.
    WITH disabled AS MATERIALIZED (
        SELECT t.tgrelid::regclass AS relation, t.tgname, t.tgconstraint
        FROM pg_trigger AS t
        WHERE t.tgrelid = ANY (ARRAY(
                SELECT customers::oid
                UNION
                SELECT p.p::oid
                FROM unnest(attachments) AS a
                CROSS JOIN LATERAL customer_identity_internal.partitions_of(a.attached) AS p))
            AND t.tgenabled IN ('D', 'R')
    )
    SELECT 'error', d.relation::text,
        format('triggers of foreign key %I are disabled: dangling ids are possible', k.conname),
        format('As a superuser: ALTER TABLE %s %s;', d.relation,
            string_agg(format('ENABLE TRIGGER %I', d.tgname), ', ' ORDER BY d.tgname))
    FROM disabled AS d
    JOIN pg_constraint AS k ON k.oid = d.tgconstraint AND k.contype = 'f'
    GROUP BY d.relation, k.conname
    ORDER BY d.relation::text, k.conname;
END;
COMMENT ON FUNCTION customer_identity_internal.check_foreign_key_triggers(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about foreign keys that are not enforced';
