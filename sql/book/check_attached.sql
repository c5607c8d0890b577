-- Every column that the triggers of a table name, and what they are for.
CREATE FUNCTION customer_identity_internal.named_columns(attached customer_identity.attachments)
    RETURNS TABLE (relation regclass, column_name text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT attached.users, attached.users_key_column
    WHERE attached.users IS NOT NULL AND attached.users_key_column IS NOT NULL
    UNION ALL
    SELECT attached.attached, c.name
    FROM unnest(attached.phone_columns || ARRAY[
        attached.customer_column, attached.key_column, attached.verified_column, attached.name_column,
        attached.region_column, attached.user_column, attached.amount_column, attached.status_column,
        attached.payment_column]) AS c (name)
    WHERE c.name IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.named_columns(customer_identity.attachments) IS
    'The columns that the triggers of a table name';

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
                format('trigger %I is disabled, and those of its partitions are not: they fire for statements that name a partition', e.name)
            WHEN t.tgenabled IN ('D', 'R') THEN format('trigger %I is disabled', e.name)
            WHEN t.tgname IS NOT NULL THEN format('trigger %I is not as it was made, or as that of %s', e.name, e.root)
            WHEN e.relation <> e.root THEN format('the partition has no trigger %I', e.name)
            ELSE format('trigger %I is missing', e.name)
        END,
        CASE
            WHEN t.tgenabled IN ('D', 'R') THEN format('ALTER TABLE %s ENABLE TRIGGER %I;', e.relation, e.name)
            WHEN e.name = 'customer_identity_attach' THEN
                format('SELECT %s; or, where it shall no longer count, SELECT customer_identity.detach(%L);',
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
CREATE FUNCTION customer_identity_internal.check_foreign_key_triggers(customers regclass)
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
                FROM customer_identity_internal.attachments_of(customers) AS a
                CROSS JOIN LATERAL customer_identity_internal.partitions_of(a.attached) AS p))
            AND t.tgenabled IN ('D', 'R')
    )
    SELECT 'error', d.relation::text,
        format('triggers of foreign key %I are disabled: ids that lead nowhere are let in or left behind', k.conname),
        format('As a superuser: ALTER TABLE %s %s;', d.relation,
            string_agg(format('ENABLE TRIGGER %I', d.tgname), ', ' ORDER BY d.tgname))
    FROM disabled AS d
    JOIN pg_constraint AS k ON k.oid = d.tgconstraint AND k.contype = 'f'
    GROUP BY d.relation, k.conname
    ORDER BY d.relation::text, k.conname;
END;
COMMENT ON FUNCTION customer_identity_internal.check_foreign_key_triggers(regclass) IS
    'Findings of check_setup() about foreign keys that are not enforced';

CREATE FUNCTION customer_identity_internal.check_columns(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH attached AS MATERIALIZED (SELECT * FROM customer_identity_internal.attachments_of(customers))
    SELECT 'error', a.attached::text,
        CASE
            WHEN n.relation = a.attached THEN format('column %I, which the triggers name, was renamed or dropped', n.column_name)
            ELSE format('column %I of %s, which the triggers name, was renamed or dropped', n.column_name, n.relation)
        END,
        format('Put the present name into: SELECT %s;', customer_identity_internal.attach_call(n.relation))
            || CASE WHEN n.relation <> a.attached THEN format(' SELECT %s;', customer_identity_internal.attach_call(a.attached)) ELSE '' END
    FROM attached AS a
    CROSS JOIN LATERAL customer_identity_internal.named_columns(a) AS n
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute AS c
        WHERE c.attrelid = n.relation AND c.attname = n.column_name AND NOT c.attisdropped
    )
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I is NOT NULL: a row without a readable phone is refused', a.customer_column),
        format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', a.attached, a.customer_column)
    FROM attached AS a
    JOIN pg_attribute AS c ON c.attrelid = a.attached AND c.attname = a.customer_column
    WHERE c.attnotnull
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I has no foreign key to %s', a.customer_column, a.customers),
        format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (id) ON DELETE SET NULL;',
            a.attached, a.customer_column, a.customers)
    FROM attached AS a
    WHERE NOT customer_identity_internal.has_reference(a.attached, a.customer_column, a.customers)
    UNION ALL
    SELECT 'warning', k.conrelid::regclass::text,
        format('foreign key %I is deferrable: an order may come before its customer and miss the totals', k.conname),
        format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE;', k.conrelid::regclass, k.conname)
    FROM attached AS a
    JOIN pg_constraint AS k ON k.conrelid = a.attached AND k.confrelid = a.customers
    WHERE k.contype = 'f' AND k.condeferrable AND k.conparentid = 0
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I has no index', i.name),
        format('CREATE INDEX CONCURRENTLY ON %s (%I);', a.attached, i.name)
    FROM attached AS a
    JOIN pg_class AS c ON c.oid = a.attached
    CROSS JOIN LATERAL (VALUES (a.customer_column, 0), (a.user_column, 10000)) AS i (name, rows_to_matter)
    WHERE i.name IS NOT NULL AND NOT customer_identity_internal.has_index_on(a.attached, i.name) AND c.reltuples >= i.rows_to_matter - 1;
END;
COMMENT ON FUNCTION customer_identity_internal.check_columns(regclass) IS
    'Findings of check_setup() about columns, foreign keys and indexes';

CREATE FUNCTION customer_identity_internal.check_types(customers regclass)
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
        format('column %I is %s and holds no %s', u.column_name, u.type_name, u.what),
        format('Change its type, or name another one in: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM customer_identity_internal.attachments_of(customers) AS a
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
COMMENT ON FUNCTION customer_identity_internal.check_types(regclass) IS
    'Findings of check_setup() about columns whose types hold no customer, amount, phone or region';

CREATE FUNCTION customer_identity_internal.has_columns_of(relation regclass, other regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN NOT EXISTS (
    SELECT
    FROM pg_attribute AS o
    WHERE o.attrelid = other AND o.attnum > 0 AND NOT o.attisdropped
        AND NOT EXISTS (
            SELECT FROM pg_attribute AS r
            WHERE r.attrelid = relation AND r.attname = o.attname AND NOT r.attisdropped
        )
);
COMMENT ON FUNCTION customer_identity_internal.has_columns_of(regclass, regclass) IS
    'Whether a table has a column of each name that another one has';

CREATE FUNCTION customer_identity_internal.has_one_of(relation regclass, column_names text[])
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = ANY (column_names) AND NOT a.attisdropped
);
COMMENT ON FUNCTION customer_identity_internal.has_one_of(regclass, text[]) IS
    'Whether a table has a column of one of these names';

-- Tables beside those of a book. What depends on a schema is found by the index, hence the offset: a database may
-- hold a thousand schemas.
CREATE FUNCTION customer_identity_internal.unattached_neighbours(customers regclass)
    RETURNS TABLE (neighbour regclass)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.oid
    FROM (
        SELECT b.relnamespace FROM pg_class AS b WHERE b.oid = customers
        UNION
        SELECT b.relnamespace
        FROM customer_identity_internal.attachments_of(customers) AS a
        JOIN pg_class AS b ON b.oid = a.attached
    ) AS n
    CROSS JOIN LATERAL (
        SELECT d.objid
        FROM pg_depend AS d
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.relnamespace AND d.classid = 'pg_class'::regclass
        OFFSET 0
    ) AS d
    JOIN pg_class AS c ON c.oid = d.objid
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.oid <> customers
        AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid)
        AND NOT customer_identity_internal.has_triggers(c.oid)
        AND c.relname NOT IN (SELECT b.name FROM customer_identity_internal.companions() AS b);
END;
COMMENT ON FUNCTION customer_identity_internal.unattached_neighbours(regclass) IS
    'The tables in the schemas of a book and of what is attached to it that are not attached';

-- A copy that has taken the place of a table has its columns and none of its triggers. Many a table has all that few
-- columns of users are called.
CREATE FUNCTION customer_identity_internal.copies_of_attached(customers regclass)
    RETURNS TABLE (copy regclass, original regclass)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT n.neighbour, a.attached
    FROM customer_identity_internal.attachments_of(customers) AS a
    JOIN customer_identity_internal.unattached_neighbours(customers) AS n
        ON customer_identity_internal.has_columns_of(n.neighbour, a.attached)
            AND (a.kind = 'orders' OR customer_identity_internal.has_columns_of(a.attached, n.neighbour));
END;
COMMENT ON FUNCTION customer_identity_internal.copies_of_attached(regclass) IS
    'Tables without our triggers that look like an attached one';

CREATE FUNCTION customer_identity_internal.unattached_with_customer(customers regclass)
    RETURNS TABLE (stray regclass, customer_column name, refers boolean)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- A copy as LIKE or CREATE TABLE AS makes it has no foreign key; a foreign key to other customers is none of ours.
    SELECT n.neighbour, a.attname, false
    FROM customer_identity_internal.unattached_neighbours(customers) AS n
    JOIN pg_attribute AS a ON a.attrelid = n.neighbour AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped
    WHERE a.attname IN (
            SELECT 'customer_id'
            UNION ALL
            SELECT s.customer_column FROM customer_identity_internal.attachments_of(customers) AS s
        )
        AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = n.neighbour AND k.contype = 'f' AND a.attnum = ANY (k.conkey))
    UNION
    SELECT k.conrelid, a.attname, true
    FROM pg_depend AS d
    JOIN pg_constraint AS k ON k.oid = d.objid AND k.contype = 'f' AND k.confrelid = customers AND k.conparentid = 0
    JOIN pg_class AS c ON c.oid = k.conrelid
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] AND a.atttypid = 'uuid'::regtype
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = customers AND d.classid = 'pg_constraint'::regclass
        AND NOT c.relispartition AND c.oid <> customers
        AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid)
        AND NOT customer_identity_internal.has_triggers(c.oid)
        AND c.relname NOT IN (SELECT b.name FROM customer_identity_internal.companions() AS b);
END;
COMMENT ON FUNCTION customer_identity_internal.unattached_with_customer(regclass) IS
    'Tables without our triggers that have a column for the customer, and whether it is a foreign key to the book';

-- Logins and orders that come and go behind the triggers' back. Many a table refers to customers for reasons of its
-- own; one like those of which none is attached is hardly one.
CREATE FUNCTION customer_identity_internal.check_unattached(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH attached AS MATERIALIZED (SELECT * FROM customer_identity_internal.attachments_of(customers)),
    copies AS MATERIALIZED (SELECT * FROM customer_identity_internal.copies_of_attached(customers)),
    known AS (
        SELECT
            ARRAY(SELECT 'phone' UNION SELECT p FROM attached AS a CROSS JOIN LATERAL unnest(a.phone_columns) AS p) AS phones,
            ARRAY(SELECT 'user_id' UNION SELECT a.user_column FROM attached AS a) AS users,
            ARRAY(SELECT 'total' UNION SELECT a.amount_column FROM attached AS a) AS amounts,
            ARRAY(SELECT a.kind FROM attached AS a) AS kinds
    ),
    strays AS (
        SELECT s.*,
            customer_identity_internal.has_one_of(s.stray, k.phones) AS has_phone,
            customer_identity_internal.has_one_of(s.stray, k.users) AND customer_identity_internal.has_one_of(s.stray, k.amounts) AS has_orders,
            kind.name AS kind,
            kind.name <> ALL (k.kinds) AS is_missing
        FROM customer_identity_internal.unattached_with_customer(customers) AS s
        CROSS JOIN known AS k
        CROSS JOIN LATERAL (
            SELECT CASE WHEN customer_identity_internal.has_one_of(s.stray, k.users || k.amounts) THEN 'orders' ELSE 'users' END
        ) AS kind (name)
        WHERE s.stray NOT IN (SELECT c.copy FROM copies AS c)
    )
    SELECT 'warning', c.copy::text,
        format('it has every column of %s, the customer included, and no trigger: its rows are not %s',
            c.original, CASE a.kind WHEN 'users' THEN 'linked' ELSE 'counted' END),
        format('If it has taken the place of %s: SELECT %s; with this table''s name. Else: ALTER TABLE %s DROP COLUMN %I;',
            c.original, customer_identity_internal.attach_call(c.original), c.copy, a.customer_column)
    FROM copies AS c
    JOIN attached AS a ON a.attached = c.original
    UNION ALL
    SELECT
        CASE WHEN (s.has_phone OR s.has_orders) AND s.is_missing THEN 'warning' ELSE 'info' END,
        s.stray::text,
        format('it has a customer column, %I, and no trigger: its rows are neither linked nor counted', s.customer_column),
        format('If they are orders or logins: SELECT customer_identity.%s(%L, customer_column => %L, customers => %L); with the names of its columns.'
            ' If they are something else, nothing has to be done.',
            'attach_' || s.kind, s.stray::text, s.customer_column, customers::text)
    FROM strays AS s
    WHERE s.refers OR s.has_phone OR s.has_orders;
END;
COMMENT ON FUNCTION customer_identity_internal.check_unattached(regclass) IS
    'Findings of check_setup() about copies of attached tables and other tables with customers';

CREATE FUNCTION customer_identity_internal.check_values(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', a.attached::text,
        format('column %I cannot hold %L, which %s names: %s', n.column_name, m.value, n.parameter, n.consequence),
        format('Put what it was renamed to into: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM customer_identity_internal.attachments_to_read(customers) AS a
    CROSS JOIN LATERAL (VALUES
        (a.status_column, a.counted_statuses, 'counted_statuses', 'no such order counts'),
        (a.payment_column, a.cod_values, 'cod_values', 'no such order needs a proof')
    ) AS n (column_name, named_values, parameter, consequence)
    CROSS JOIN LATERAL customer_identity_internal.missing_values(a.attached, n.column_name, n.named_values, customers) AS m (value)
    WHERE n.column_name IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.check_values(regclass) IS
    'Findings of check_setup() about statuses and cash values that a column cannot hold';

-- Renamed values are followed. Whoever attaches again by what he wrote down is refused.
CREATE FUNCTION customer_identity_internal.check_renamed_values(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT 'error', a.attached::text,
        format('%L, which %s named, was renamed to %L: that is followed here, and a migration that names it is refused',
            v.given, n.parameter, v.present),
        format('Also in the migration: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM customer_identity_internal.attachments_of(customers) AS a
    CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t
    CROSS JOIN (VALUES ('counted', 'counted_statuses'), ('cod', 'cod_values')) AS n (key, parameter)
    CROSS JOIN LATERAL ROWS FROM (
        unnest(customer_identity_internal.argument_values(t.arguments, n.key || '_given')),
        unnest(customer_identity_internal.argument_values(t.arguments, n.key))
    ) AS v (given, present)
    WHERE v.given <> v.present;
END;
COMMENT ON FUNCTION customer_identity_internal.check_renamed_values(regclass) IS
    'Findings of check_setup() about values whose names have changed since the table was attached';

CREATE FUNCTION customer_identity_internal.check_regions(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', a.attached::text,
        'phones without a country code are not read: it has no region column, and there is no default region',
        format('SELECT %s; with default_region => ''...'' added. Or, for every table, as a superuser: ALTER DATABASE %I SET customer_identity.default_region = ''...'';',
            customer_identity_internal.attach_call(a.attached), current_database())
    FROM customer_identity_internal.attachments_of(customers) AS a
    WHERE customer_identity_internal.lacks_region(a.phone_columns, a.region_column, a.default_region)
    UNION ALL
    SELECT 'error', a.attached::text,
        format('%L, its default_region, is not a region: phones without a region of their own are not read', a.default_region),
        format('Put an ISO 3166 code of two letters into: SELECT %s;', customer_identity_internal.attach_call(a.attached))
    FROM customer_identity_internal.attachments_of(customers) AS a
    WHERE a.default_region IS NOT NULL AND customer_identity_internal.known_region(a.default_region) IS NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.check_regions(regclass) IS
    'Findings of check_setup() about tables whose national phones cannot be read';

CREATE FUNCTION customer_identity_internal.check_users_of_orders(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH attached AS MATERIALIZED (SELECT * FROM customer_identity_internal.attachments_of(customers))
    SELECT 'warning', k.conrelid::regclass::text,
        format('foreign key %I keeps a user with orders from being deleted', k.conname),
        format('ALTER TABLE %s DROP CONSTRAINT %I, ADD FOREIGN KEY (%I) REFERENCES %s (%I) ON DELETE SET NULL;',
            k.conrelid::regclass, k.conname, a.user_column, k.confrelid::regclass, t.attname)
    FROM attached AS a
    JOIN pg_constraint AS k ON k.conrelid = a.attached AND k.contype = 'f' AND k.conparentid = 0 AND cardinality(k.conkey) = 1
    JOIN pg_attribute AS t ON t.attrelid = k.confrelid AND t.attnum = k.confkey[1]
    JOIN pg_attribute AS c ON c.attrelid = k.conrelid AND c.attnum = k.conkey[1]
    WHERE a.kind = 'orders' AND c.attname = a.user_column
        AND (k.confdeltype IN ('a', 'r') OR (k.confdeltype = 'n' AND c.attnotnull))
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('its users table is not known: an order is attached by its own phone only'),
        format('SELECT %s; with users => ''...'' added', customer_identity_internal.attach_call(a.attached))
    FROM attached AS a
    WHERE a.kind = 'orders' AND a.user_column IS NOT NULL AND a.users IS NULL
        AND EXISTS (SELECT FROM attached AS u WHERE u.kind = 'users')
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('its users table, %s, is not attached: users get no customer whose orders these could be', a.users),
        format('SELECT customer_identity.attach_users(%L);', a.users::text)
    FROM attached AS a
    WHERE a.kind = 'orders' AND a.users IS NOT NULL AND NOT customer_identity_internal.has_logins(a);
END;
COMMENT ON FUNCTION customer_identity_internal.check_users_of_orders(regclass) IS
    'Findings of check_setup() about what joins orders to users';

-- What is a key, and what a foreign key refers to, may have changed since the triggers were made.
CREATE FUNCTION customer_identity_internal.key_problem(attached customer_identity.attachments, OUT finding text, OUT what_to_do text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present text;
BEGIN
    IF attached.kind = 'users' THEN
        present := customer_identity_internal.require_key(attached.attached);
        finding := format('its key is %I, and proofs and history know its users by %s',
            present, COALESCE(quote_ident(attached.key_column), 'none'));
    ELSIF customer_identity_internal.has_logins(attached) THEN
        present := customer_identity_internal.users_key_of(attached.attached, attached.user_column, attached.users);
        finding := format('column %I refers to %I of %s, and the triggers join it by %s',
            attached.user_column, present, attached.users, COALESCE(quote_ident(attached.users_key_column), 'none'));
    END IF;
    what_to_do := format('SELECT %s;', customer_identity_internal.attach_call(attached.attached));
    IF present = COALESCE(attached.key_column, attached.users_key_column) THEN
        finding := NULL;
    END IF;
EXCEPTION WHEN invalid_table_definition OR invalid_foreign_key OR ambiguous_column THEN
    GET STACKED DIAGNOSTICS finding = MESSAGE_TEXT, what_to_do = PG_EXCEPTION_HINT;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_problem(customer_identity.attachments) IS
    'Why the column that tells users apart, or that orders are joined to them by, is not the right one; NULL: it is';

CREATE FUNCTION customer_identity_internal.check_keys(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', a.attached::text, p.finding, p.what_to_do
    FROM customer_identity_internal.attachments_to_read(customers) AS a
    CROSS JOIN LATERAL customer_identity_internal.key_problem(a) AS p
    WHERE p.finding IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.check_keys(regclass) IS
    'Findings of check_setup() about keys of users and foreign keys of orders';

-- Of ten thousand orders at the most: a value that differs from a named one in case or blanks only is a slip.
CREATE FUNCTION customer_identity_internal.values_seen(
    relation regclass, column_name text, named_values text[], customers regclass, OUT rows bigint, OUT named bigint, OUT similar text)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    EXECUTE format($sql$
        SELECT count(*), count(*) FILTER (WHERE r.value = ANY ($1)),
            min(left(r.value, 64)) FILTER (WHERE r.value <> ALL ($1) AND lower(btrim(r.value)) = ANY ($2))
        FROM (SELECT customer_identity_internal.as_text(r.%I) AS value FROM %s AS r LIMIT 10000) AS r
        $sql$,
        column_name, relation)
        INTO rows, named, similar
        USING named_values, ARRAY(SELECT lower(btrim(n.value)) FROM unnest(named_values) AS n (value));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.values_seen(regclass, text, text[], regclass) IS
    'How many rows of a table were looked at, how many have one of some values, and a value that is nearly one';

CREATE FUNCTION customer_identity_internal.check_values_of(attached customer_identity.attachments, customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', attached.attached::text,
        CASE
            WHEN s.similar IS NOT NULL THEN format('column %I holds %L, which %s names in another case or with other blanks', n.column_name, s.similar, n.parameter)
            ELSE format('none of %s orders has a status that counts', customer_identity_internal.counted_up_to(s.rows, s.rows))
        END,
        format('Put the statuses that count into: SELECT %s;', customer_identity_internal.attach_call(attached.attached))
    FROM (VALUES
        (attached.status_column, attached.counted_statuses, 'counted_statuses'),
        (attached.payment_column, attached.cod_values, 'cod_values')
    ) AS n (column_name, named_values, parameter)
    CROSS JOIN LATERAL customer_identity_internal.values_seen(attached.attached, n.column_name, n.named_values, customers) AS s
    WHERE n.column_name IS NOT NULL
        AND (s.similar IS NOT NULL OR (n.parameter = 'counted_statuses' AND s.rows >= 100 AND s.named = 0));
END;
COMMENT ON FUNCTION customer_identity_internal.check_values_of(customer_identity.attachments, regclass) IS
    'Findings of check_setup() about statuses and cash values that no row has';
