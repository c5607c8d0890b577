CREATE FUNCTION customer_identity_internal.trigger_arguments(arguments bytea)
    RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'trigger_arguments';
COMMENT ON FUNCTION customer_identity_internal.trigger_arguments(bytea) IS
    'pg_trigger.tgargs as an array';

CREATE FUNCTION customer_identity_internal.table_of_argument(name text, relation regclass)
    RETURNS regclass
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'table_of_argument';
COMMENT ON FUNCTION customer_identity_internal.table_of_argument(text, regclass) IS
    'The table that an argument of a relation''s trigger names, for a shard the shard beside it; NULL, never an error, when there is none';

CREATE FUNCTION customer_identity_internal.argument_values(arguments text[], key text)
    RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'argument_values';
COMMENT ON FUNCTION customer_identity_internal.argument_values(text[], text) IS
    'Every value of a key among key=value arguments, in order';

CREATE FUNCTION customer_identity_internal.argument_value(arguments text[], key text)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (customer_identity_internal.argument_values(arguments, key))[1];
COMMENT ON FUNCTION customer_identity_internal.argument_value(text[], text) IS
    'First value of a key among key=value arguments';

CREATE FUNCTION customer_identity_internal.attach_call(attached regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'attach_call';
COMMENT ON FUNCTION customer_identity_internal.attach_call(regclass) IS
    'The attach_users or attach_orders call that the triggers of a table stand for';

CREATE FUNCTION customer_identity_internal.attached_to(customers regclass)
    RETURNS SETOF regclass
    LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'attached_to';
COMMENT ON FUNCTION customer_identity_internal.attached_to(regclass) IS
    'The tables with a trigger of ours that names the book, whoever owns them; NULL: any book';

-- Triggers of ours that were put on the table itself, not copied to a partition.
CREATE FUNCTION customer_identity_internal.triggers_of(relation regclass)
    RETURNS TABLE (
        trigger_id oid,
        attached regclass,
        name name,
        function name,
        type smallint,
        enabled "char",
        arguments text[],
        customers regclass,
        owner oid
    )
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        t.oid,
        relation,
        t.tgname,
        p.proname,
        t.tgtype,
        t.tgenabled,
        customer_identity_internal.trigger_arguments(t.tgargs),
        customer_identity_internal.table_of_argument(customer_identity_internal.argument_value(customer_identity_internal.trigger_arguments(t.tgargs), 'customers'), relation),
        c.relowner
    FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE t.tgrelid = relation
        AND t.tgfoid IN ('customer_identity.link_user()'::regprocedure, 'customer_identity.attach_order()'::regprocedure, 'customer_identity.maintain_totals()'::regprocedure)
        AND t.tgparentid = 0
        -- Nobody's view: its query would run as whoever reads it.
        AND c.relkind IN ('r', 'p')
        -- An older snapshot still shows a table that has just been dropped.
        AND pg_table_is_visible(t.tgrelid) IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.triggers_of(regclass) IS
    'The triggers that attach a table, with their arguments';

CREATE FUNCTION customer_identity_internal.has_triggers(relation regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM customer_identity_internal.triggers_of(relation));
COMMENT ON FUNCTION customer_identity_internal.has_triggers(regclass) IS
    'Whether a table has a trigger that attaches it';

CREATE VIEW customer_identity_internal.attached_triggers AS
    SELECT t.*
    FROM customer_identity_internal.attached_to(NULL) AS a (attached)
    CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t;
COMMENT ON VIEW customer_identity_internal.attached_triggers IS
    'The triggers that attach tables, with their arguments';
GRANT SELECT ON customer_identity_internal.attached_triggers TO PUBLIC;

-- Columns are only ever added at the end: an update replaces the view, and what is made of it stays.
CREATE FUNCTION customer_identity_internal.setups_of(relation regclass)
    RETURNS TABLE (
        attached regclass,
        kind text,
        customers regclass,
        customer_column text,
        key_column text,
        phone_columns text[],
        verified_column text,
        name_column text,
        region_column text,
        users regclass,
        user_column text,
        amount_column text,
        status_column text,
        counted_statuses text[],
        points_per_unit numeric,
        payment_column text,
        cod_values text[],
        timing text,
        default_region text,
        users_key_column text,
        personal_columns text[]
    )
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        link.attached,
        'users',
        link.customers,
        COALESCE(customer_identity_internal.argument_value(link.arguments, 'customer'), 'customer_id'),
        customer_identity_internal.argument_value(link.arguments, 'key'),
        customer_identity_internal.argument_values(link.arguments, 'phone'),
        customer_identity_internal.argument_value(link.arguments, 'verified'),
        customer_identity_internal.argument_value(link.arguments, 'name'),
        customer_identity_internal.argument_value(link.arguments, 'region'),
        NULL::regclass,
        NULL::text,
        NULL::text,
        NULL::text,
        NULL::text[],
        NULL::numeric,
        NULL::text,
        NULL::text[],
        NULL::text,
        customer_identity_internal.argument_value(link.arguments, 'default_region'),
        NULL::text,
        customer_identity_internal.argument_values(link.arguments, 'personal')
    FROM customer_identity_internal.triggers_of(relation) AS link
    WHERE link.function = 'link_user' AND link.type & 3 = 3
    UNION ALL
    SELECT
        attach.attached,
        'orders',
        attach.customers,
        COALESCE(customer_identity_internal.argument_value(attach.arguments, 'customer'), 'customer_id'),
        NULL,
        customer_identity_internal.argument_values(attach.arguments, 'phone'),
        NULL,
        NULL,
        customer_identity_internal.argument_value(attach.arguments, 'region'),
        customer_identity_internal.table_of_argument(customer_identity_internal.argument_value(attach.arguments, 'users'), relation),
        customer_identity_internal.argument_value(attach.arguments, 'user'),
        COALESCE(customer_identity_internal.argument_value(totals.arguments, 'amount'), 'total'),
        customer_identity_internal.argument_value(totals.arguments, 'status'),
        customer_identity_internal.argument_values(totals.arguments, 'counted'),
        CASE
            WHEN COALESCE(customer_identity_internal.argument_value(totals.arguments, 'points_per_unit'), '1') ~ '^-?[0-9]+([.][0-9]+)?$'
                THEN COALESCE(customer_identity_internal.argument_value(totals.arguments, 'points_per_unit'), '1')::numeric
        END,
        customer_identity_internal.argument_value(attach.arguments, 'payment'),
        customer_identity_internal.argument_values(attach.arguments, 'cod'),
        COALESCE(customer_identity_internal.argument_value(totals.arguments, 'timing'), 'statement'),
        customer_identity_internal.argument_value(attach.arguments, 'default_region'),
        customer_identity_internal.argument_value(attach.arguments, 'users_key'),
        customer_identity_internal.argument_values(attach.arguments, 'personal')
    FROM customer_identity_internal.triggers_of(relation) AS attach
    LEFT JOIN (
        SELECT t.arguments
        FROM customer_identity_internal.triggers_of(relation) AS t
        WHERE t.function = 'maintain_totals'
        ORDER BY t.name
        LIMIT 1
    ) AS totals ON true
    WHERE attach.function = 'attach_order' AND attach.type & 3 = 3;
END;
COMMENT ON FUNCTION customer_identity_internal.setups_of(regclass) IS
    'What a table is attached as, with every setting';

CREATE VIEW customer_identity.attachments AS
    SELECT s.*
    FROM customer_identity_internal.attached_to(NULL) AS a (attached)
    CROSS JOIN LATERAL customer_identity_internal.setups_of(a.attached) AS s;
COMMENT ON VIEW customer_identity.attachments IS
    'The attached tables and their settings, read from the triggers'' arguments';
GRANT SELECT ON customer_identity.attachments TO PUBLIC;

-- Anybody can put our triggers on their own table and name this book in them. Only tables whose owner may
-- write to the book are part of it.
CREATE FUNCTION customer_identity_internal.feeding_setups(relation regclass, customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.*
    FROM customer_identity_internal.setups_of(relation) AS a
    JOIN pg_class AS c ON c.oid = relation
    WHERE a.customers = feeding_setups.customers
        AND has_table_privilege(c.relowner, feeding_setups.customers, 'UPDATE')
        -- What they are read for runs with the rights of the book's owner: no cast of a type.
        AND NOT EXISTS (
            SELECT FROM pg_attribute AS k
            WHERE k.attrelid = relation AND k.attname = a.customer_column AND NOT k.attisdropped
                AND customer_identity_internal.base_type(k.atttypid) <> 'uuid'::regtype
        );
END;
COMMENT ON FUNCTION customer_identity_internal.feeding_setups(regclass, regclass) IS
    'What a table is attached as to a book that it may feed';

CREATE FUNCTION customer_identity_internal.attachments_of(customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.*
    FROM customer_identity_internal.attached_to(customers) AS a (attached)
    CROSS JOIN LATERAL customer_identity_internal.feeding_setups(a.attached, customers) AS s;
END;
COMMENT ON FUNCTION customer_identity_internal.attachments_of(regclass) IS
    'The tables that feed a book';

CREATE FUNCTION customer_identity_internal.hold_table(relation regclass, with_partitions boolean DEFAULT true)
    RETURNS boolean
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'hold_table';
COMMENT ON FUNCTION customer_identity_internal.hold_table(regclass, boolean) IS
    'Locks a table and its partitions against being dropped or written anew until the transaction ends, as reading it does; false: it no longer exists';

CREATE FUNCTION customer_identity_internal.require_all_partitions(relation regclass)
    RETURNS void
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'require_all_partitions';
COMMENT ON FUNCTION customer_identity_internal.require_all_partitions(regclass) IS
    'Raises 55000 while a partition of a table is being detached concurrently';

CREATE FUNCTION customer_identity_internal.hold_partitions(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'hold_partitions';
COMMENT ON FUNCTION customer_identity_internal.hold_partitions(regclass, regclass) IS
    'Lets no partition of a table that is held leave it or come until the transaction ends; 55000 while one is being detached concurrently';

-- What a stranger puts our triggers on he may keep locked for ever.
CREATE FUNCTION customer_identity_internal.tables_that_feed(customers regclass)
    RETURNS SETOF regclass
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.attached
    FROM customer_identity_internal.attached_to(customers) AS a (attached)
    JOIN pg_class AS c ON c.oid = a.attached
    WHERE has_table_privilege(c.relowner, customers, 'UPDATE');
END;
COMMENT ON FUNCTION customer_identity_internal.tables_that_feed(regclass) IS
    'The tables with a trigger of ours that names the book, of owners who may write to it';

CREATE FUNCTION customer_identity_internal.require_in_snapshot(relation regclass)
    RETURNS void
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'require_in_snapshot';
COMMENT ON FUNCTION customer_identity_internal.require_in_snapshot(regclass) IS
    'Raises 40001 if a table that is held, or a partition of it, was emptied or written anew after the statement''s snapshot was taken';

-- The next statement of READ COMMITTED has a snapshot that sees what was waited for. An older one cannot be mended.
CREATE FUNCTION customer_identity_internal.hold_tables(relations regclass[])
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held constant regclass[] := ARRAY(
        SELECT r.relation
        FROM (SELECT DISTINCT u.relation FROM unnest(relations) AS u (relation) ORDER BY 1 OFFSET 0) AS r
        WHERE customer_identity_internal.hold_table(r.relation)
    );
BEGIN
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        PERFORM customer_identity_internal.require_in_snapshot(u.relation) FROM unnest(held) AS u (relation);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_tables(regclass[]) IS
    'Makes what the following statements read of tables complete: locks them, and raises 40001 where the snapshot of the transaction is too old';

-- Another session could drop a table between building a query and running it.
CREATE FUNCTION customer_identity_internal.held_attachments(customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.*
    FROM customer_identity_internal.attachments_of(customers) AS a
    WHERE customer_identity_internal.hold_table(a.attached);
END;
COMMENT ON FUNCTION customer_identity_internal.held_attachments(regclass) IS
    'The tables that feed a book, locked against being dropped until the transaction ends';

-- What is written to a table that inherits from an attached one, and is no partition, fires none of its triggers.
CREATE FUNCTION customer_identity_internal.heirs_of(relation regclass)
    RETURNS TABLE (heir regclass, parent regclass)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE heirs AS (
        SELECT i.inhrelid, i.inhparent
        FROM pg_class AS c
        JOIN pg_inherits AS i ON i.inhparent = c.oid
        WHERE c.oid = relation AND c.relkind = 'r'
        UNION
        SELECT i.inhrelid, i.inhparent
        FROM heirs AS h
        JOIN pg_inherits AS i ON i.inhparent = h.inhrelid
    )
    SELECT h.inhrelid::regclass, h.inhparent::regclass FROM heirs AS h;
END;
COMMENT ON FUNCTION customer_identity_internal.heirs_of(regclass) IS
    'The tables that inherit from an ordinary table, and from what';

CREATE FUNCTION customer_identity_internal.ancestors_of(relation regclass)
    RETURNS SETOF regclass
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE ancestors AS (
        SELECT i.inhparent FROM pg_inherits AS i WHERE i.inhrelid = relation
        UNION
        SELECT i.inhparent
        FROM ancestors AS a
        JOIN pg_inherits AS i ON i.inhrelid = a.inhparent
    )
    SELECT a.inhparent::regclass FROM ancestors AS a;
END;
COMMENT ON FUNCTION customer_identity_internal.ancestors_of(regclass) IS
    'The tables that a table inherits from';

-- Who reads a table reads what inherits from it as well.
CREATE FUNCTION customer_identity_internal.is_read_with_ancestor(
    attached regclass, kind text, customer_column text, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM customer_identity_internal.ancestors_of(attached) AS a (ancestor)
        CROSS JOIN LATERAL customer_identity_internal.feeding_setups(a.ancestor, customers) AS s
        WHERE s.kind = is_read_with_ancestor.kind AND s.customer_column = is_read_with_ancestor.customer_column
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_read_with_ancestor(regclass, text, text, regclass) IS
    'Whether a table inherits from one that is attached to the book in the same way';

CREATE FUNCTION customer_identity_internal.attachments_to_read(customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.*
    FROM customer_identity_internal.held_attachments(customers) AS a
    -- Nearly no table inherits from another.
    WHERE NOT (EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = a.attached)
        AND customer_identity_internal.is_read_with_ancestor(a.attached, a.kind, a.customer_column, customers));
END;
COMMENT ON FUNCTION customer_identity_internal.attachments_to_read(regclass) IS
    'held_attachments() without those that are read with a table they inherit from: each row is in one of them';

-- For where each row is read by the set-up of its own table.
CREATE FUNCTION customer_identity_internal.attached_heirs(attached customer_identity.attachments)
    RETURNS oid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN ARRAY(
        SELECT h.heir::oid
        FROM customer_identity_internal.heirs_of(attached.attached) AS h
        CROSS JOIN LATERAL customer_identity_internal.feeding_setups(h.heir, attached.customers) AS s
        WHERE s.kind = attached.kind AND s.customer_column = attached.customer_column
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attached_heirs(customer_identity.attachments) IS
    'The tables that inherit from an attached one and are attached to the book in the same way';

CREATE FUNCTION customer_identity_internal.has_lost_users(attached customer_identity.attachments)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN attached.kind = 'orders' AND attached.user_column IS NOT NULL AND attached.users IS NULL AND EXISTS (
    SELECT
    FROM customer_identity_internal.triggers_of(attached.attached) AS t
    WHERE t.function = 'attach_order' AND customer_identity_internal.argument_value(t.arguments, 'users') IS NOT NULL
);
COMMENT ON FUNCTION customer_identity_internal.has_lost_users(customer_identity.attachments) IS
    'Whether the users table of orders is gone';

-- Without that table nobody knows whose the orders of users are.
CREATE FUNCTION customer_identity_internal.is_known(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN customer_identity_internal.has_lost_users(attached) THEN format('r.%I IS NULL', attached.user_column) ELSE 'true' END;
COMMENT ON FUNCTION customer_identity_internal.is_known(customer_identity.attachments) IS
    'The condition that it can be told to whom a row r without a customer belongs';

CREATE FUNCTION customer_identity_internal.partitions_of(relation regclass)
    RETURNS SETOF regclass
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT relation
    UNION
    SELECT t.relid
    FROM pg_partition_tree(relation) AS t
    JOIN pg_class AS c ON c.oid = t.relid
    WHERE c.relkind IN ('r', 'p');
END;
COMMENT ON FUNCTION customer_identity_internal.partitions_of(regclass) IS
    'A table and all its partitions that are ordinary tables';

-- A query may read two tables of one owner as that owner. What another owner's table holds is asked for through a
-- function that acts as that owner: nobody's policy, cast, domain or index expression runs as somebody else.
CREATE FUNCTION customer_identity_internal.have_one_owner(relation regclass, other regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT count(DISTINCT c.relowner) = 1 FROM pg_class AS c WHERE c.oid IN (relation, other));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.have_one_owner(regclass, regclass) IS
    'Whether two tables belong to the same role';

CREATE FUNCTION customer_identity_internal.attachment_of(relation regclass)
    RETURNS customer_identity.attachments
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_attachment customer_identity.attachments;
BEGIN
    SELECT a.* INTO found_attachment
    FROM customer_identity_internal.setups_of(COALESCE(pg_partition_root(relation), relation)) AS a;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % is not attached', relation
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'SELECT * FROM customer_identity.attachments lists the attached tables; attach_users() and attach_orders() attach a table.';
    END IF;
    IF found_attachment.customers IS NULL THEN
        RAISE EXCEPTION 'no usable customers table'
            USING ERRCODE = 'CI003',
                DETAIL = format('The triggers of %s name a customers table that does not exist.', relation),
                HINT = 'Attach the table again, or remove its triggers with customer_identity.detach().';
    END IF;
    RETURN found_attachment;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attachment_of(regclass) IS
    'The set-up of a table or of the partitioned table it belongs to; an error when it is not attached';

-- What acts as the owner of a table for the owner of a book keeps to that book.
CREATE FUNCTION customer_identity_internal.attachment_to(relation regclass, customers regclass)
    RETURNS customer_identity.attachments
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached constant customer_identity.attachments := customer_identity_internal.attachment_of(relation);
BEGIN
    IF attached.customers <> customers THEN
        RAISE EXCEPTION 'table % is attached to another book', relation
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM customer_identity.attachments lists the attached tables.';
    END IF;
    RETURN attached;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attachment_to(regclass, regclass) IS
    'The set-up of a table that feeds a book; an error when it does not';

CREATE FUNCTION customer_identity_internal.has_logins(orders customer_identity.attachments)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN (orders).user_column IS NOT NULL AND EXISTS (
    SELECT FROM customer_identity_internal.setups_of((orders).users) AS u WHERE u.kind = 'users'
);
COMMENT ON FUNCTION customer_identity_internal.has_logins(customer_identity.attachments) IS
    'Whether the users table that an orders table names is attached';

-- Every column that the triggers of a table name, and what they are for.
CREATE FUNCTION customer_identity_internal.named_columns(attached customer_identity.attachments)
    RETURNS TABLE (relation regclass, column_name text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT attached.users, attached.users_key_column
    WHERE attached.users IS NOT NULL AND attached.users_key_column IS NOT NULL
    UNION ALL
    SELECT attached.attached, c.name
    FROM unnest(attached.phone_columns || attached.personal_columns || ARRAY[
        attached.customer_column, attached.key_column, attached.verified_column, attached.name_column,
        attached.region_column, attached.user_column, attached.amount_column, attached.status_column,
        attached.payment_column]) AS c (name)
    WHERE c.name IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.named_columns(customer_identity.attachments) IS
    'The columns that the triggers of a table name';
