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

-- Logins and orders that bypass the triggers. Many tables reference customers for other reasons; a table is not
-- reported as missing where no table of its kind is attached.
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
        format('it has every column of %s, including the customer, but no trigger: its rows are not %s',
            c.original, CASE a.kind WHEN 'users' THEN 'linked' ELSE 'counted' END),
        format('If it replaced %s: SELECT %s; with this table''s name. Otherwise: ALTER TABLE %s DROP COLUMN %I;',
            c.original, customer_identity_internal.attach_call(c.original), c.copy, a.customer_column)
    FROM copies AS c
    JOIN attached AS a ON a.attached = c.original
    UNION ALL
    SELECT
        CASE WHEN (s.has_phone OR s.has_orders) AND s.is_missing THEN 'warning' ELSE 'info' END,
        s.stray::text,
        format('it has a customer column, %I, but no trigger: its rows are neither linked nor counted', s.customer_column),
        format('If they are orders or logins: SELECT customer_identity.%s(%L, customer_column => %L, customers => %L); with the names of its columns.'
            ' If they are something else, nothing has to be done.',
            'attach_' || s.kind, s.stray::text, s.customer_column, customers::text)
    FROM strays AS s
    WHERE s.refers OR s.has_phone OR s.has_orders;
END;
COMMENT ON FUNCTION customer_identity_internal.check_unattached(regclass) IS
    'Findings of check_setup() about copies of attached tables and other tables with customers';
