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
CREATE FUNCTION customer_identity_internal.unattached_neighbours(customers regclass, attachments customer_identity.attachments[])
    RETURNS TABLE (neighbour regclass)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.oid
    FROM (
        SELECT b.relnamespace FROM pg_class AS b WHERE b.oid = customers
        UNION
        SELECT b.relnamespace
        FROM unnest(attachments) AS a
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
COMMENT ON FUNCTION customer_identity_internal.unattached_neighbours(regclass, customer_identity.attachments[]) IS
    'The tables in the schemas of a book and of what is attached to it that are not attached';

-- A copy that has taken the place of a table has its columns and none of its triggers. Many a table has all that few
-- columns of users are called.
CREATE FUNCTION customer_identity_internal.copies_of_attached(neighbours regclass[], attachments customer_identity.attachments[])
    RETURNS TABLE (copy regclass, original regclass)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH tables AS MATERIALIZED (
        SELECT c.attrelid::regclass AS relation, array_agg(c.attname) AS columns
        FROM pg_attribute AS c
        WHERE c.attrelid = ANY (neighbours::oid[] || ARRAY(SELECT a.attached::oid FROM unnest(attachments) AS a))
            AND c.attnum > 0 AND NOT c.attisdropped
        GROUP BY c.attrelid
    )
    SELECT n.relation, o.relation
    FROM unnest(attachments) AS a
    JOIN tables AS o ON o.relation = a.attached
    JOIN tables AS n ON n.relation = ANY (neighbours) AND n.columns @> o.columns AND (a.kind = 'orders' OR n.columns <@ o.columns);
END;
COMMENT ON FUNCTION customer_identity_internal.copies_of_attached(regclass[], customer_identity.attachments[]) IS
    'Tables without our triggers that look like an attached one';

CREATE FUNCTION customer_identity_internal.unattached_with_customer(customers regclass, neighbours regclass[], attachments customer_identity.attachments[])
    RETURNS TABLE (stray regclass, customer_column name, refers boolean)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- A copy as LIKE or CREATE TABLE AS makes it has no foreign key; a foreign key to other customers is none of ours.
    SELECT a.attrelid, a.attname, false
    FROM pg_attribute AS a
    WHERE a.attrelid = ANY (neighbours) AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped
        AND a.attname IN (SELECT 'customer_id' UNION ALL SELECT s.customer_column FROM unnest(attachments) AS s)
        AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY (k.conkey))
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
COMMENT ON FUNCTION customer_identity_internal.unattached_with_customer(regclass, regclass[], customer_identity.attachments[]) IS
    'Tables without our triggers that have a column for the customer, and whether it is a foreign key to the book';

-- Logins and orders that bypass the triggers. Many tables reference customers for other reasons; a table is not
-- reported as missing where no table of its kind is attached.
CREATE FUNCTION customer_identity_internal.check_unattached(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH beside AS MATERIALIZED (
        SELECT ARRAY(SELECT n.neighbour FROM customer_identity_internal.unattached_neighbours(customers, attachments) AS n) AS neighbours
    ),
    copies AS MATERIALIZED (
        SELECT c.* FROM beside AS b CROSS JOIN LATERAL customer_identity_internal.copies_of_attached(b.neighbours, attachments) AS c
    ),
    known AS (
        SELECT
            ARRAY(SELECT 'phone' UNION SELECT p FROM unnest(attachments) AS a CROSS JOIN LATERAL unnest(a.phone_columns) AS p) AS phones,
            ARRAY(SELECT 'user_id' UNION SELECT a.user_column FROM unnest(attachments) AS a) AS users,
            ARRAY(SELECT 'total' UNION SELECT a.amount_column FROM unnest(attachments) AS a) AS amounts,
            ARRAY(SELECT a.kind FROM unnest(attachments) AS a) AS kinds
    ),
    strays AS (
        SELECT s.*,
            customer_identity_internal.has_one_of(s.stray, k.phones) AS has_phone,
            customer_identity_internal.has_one_of(s.stray, k.users) AND customer_identity_internal.has_one_of(s.stray, k.amounts) AS has_orders,
            kind.name AS kind,
            kind.name <> ALL (k.kinds) AS is_missing
        FROM beside AS b
        CROSS JOIN LATERAL customer_identity_internal.unattached_with_customer(customers, b.neighbours, attachments) AS s
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
    JOIN unnest(attachments) AS a ON a.attached = c.original
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
COMMENT ON FUNCTION customer_identity_internal.check_unattached(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about copies of attached tables and other tables with customers';
