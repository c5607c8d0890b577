CREATE FUNCTION customer_identity_internal.require_table(relation regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
BEGIN
    SELECT c.* INTO class FROM pg_class AS c WHERE c.oid = relation;
    IF class.oid IS NULL OR class.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is not a table', COALESCE(relation::text, 'NULL')
            USING ERRCODE = 'wrong_object_type', HINT = 'Name an ordinary or a partitioned table.';
    END IF;
    IF class.relispartition THEN
        RAISE EXCEPTION '% is a partition', relation
            USING ERRCODE = 'wrong_object_type',
                HINT = CASE
                    WHEN pg_partition_root(relation) = relation THEN 'It is being detached: ALTER TABLE ... DETACH PARTITION ... FINALIZE ends that.'
                    ELSE format('Attach %s: its partitions come along.', pg_partition_root(relation))
                END;
    END IF;
    IF class.relpersistence = 't' THEN
        RAISE EXCEPTION '% is a temporary table', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Name a permanent table.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_table(regclass) IS
    'Raises 42809 for a partition, a temporary table and what is no table';

CREATE FUNCTION customer_identity_internal.require_attached_heirs(relation regclass, kind text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    heirs text;
BEGIN
    SELECT string_agg(h.heir::text, ', ' ORDER BY h.heir::text) INTO heirs
    FROM customer_identity_internal.heirs_of(relation) AS h
    WHERE NOT customer_identity_internal.has_triggers(h.heir);
    IF heirs IS NOT NULL THEN
        RAISE EXCEPTION '% has tables that inherit from it', relation
            USING ERRCODE = 'wrong_object_type',
                DETAIL = format('Rows written to them would not be seen by the triggers: %s.', heirs),
                HINT = CASE kind
                    WHEN 'users' THEN 'Use a partitioned table, or end the inheritance with ALTER TABLE ... NO INHERIT.'
                    ELSE 'Attach the child tables first, or use a partitioned table.'
                END;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_attached_heirs(regclass, text) IS
    'Raises 42809 for a table that tables without our triggers inherit from';

-- The triggers of a statement are told of the rows of the table that it names and of what inherits from it, but they are those
-- of the named table alone: proofs and earlier orders of the other one's logins would not follow. What is attached as users
-- may be of any book.
CREATE FUNCTION customer_identity_internal.users_that_inherit(relation regclass)
    RETURNS TABLE (heir regclass, parent regclass, ancestor regclass)
    LANGUAGE sql STABLE
    SET jit = off
BEGIN ATOMIC
    SELECT h.heir, h.parent, a.ancestor
    FROM (SELECT relation UNION ALL SELECT customer_identity_internal.ancestors_of(relation)) AS a (ancestor)
    CROSS JOIN LATERAL customer_identity_internal.heirs_of(a.ancestor) AS h
    WHERE relation IN (a.ancestor, h.heir)
        AND (a.ancestor = relation OR EXISTS (SELECT FROM customer_identity_internal.setups_of(a.ancestor) AS s WHERE s.kind = 'users'))
        AND (h.heir = relation OR EXISTS (SELECT FROM customer_identity_internal.setups_of(h.heir) AS s WHERE s.kind = 'users'))
    ORDER BY h.heir::text COLLATE "C", a.ancestor::text COLLATE "C";
END;
COMMENT ON FUNCTION customer_identity_internal.users_that_inherit(regclass) IS
    'The pairs of a table of users, attached or about to be, and an attached one that inherits from it or it from';

CREATE FUNCTION customer_identity_internal.refuse_users_that_inherit(users regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    pair record;
BEGIN
    SELECT u.* INTO pair FROM customer_identity_internal.users_that_inherit(users) AS u LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% inherits from %, and not both can be attached as users', pair.heir, pair.ancestor
            USING ERRCODE = 'feature_not_supported',
                DETAIL = 'A statement that names the parent changes the logins of its child tables as well, and no trigger of theirs sees to their proofs and earlier orders.',
                HINT = format('ALTER TABLE %s NO INHERIT %s; or use a partitioned table.', pair.heir, pair.parent);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_users_that_inherit(regclass) IS
    'Raises 0A000 for users that inherit from attached ones, or they from them';

-- Each of the two is read with its heirs.
CREATE FUNCTION customer_identity_internal.heirs_read_twice(relation regclass, kind text, customers regclass)
    RETURNS TABLE (heir regclass, other regclass)
    LANGUAGE sql STABLE
    SET jit = off
BEGIN ATOMIC
    SELECT h.heir, a.ancestor
    FROM (SELECT DISTINCT t.heir FROM customer_identity_internal.heirs_of(relation) AS t) AS h
    CROSS JOIN LATERAL customer_identity_internal.ancestors_of(h.heir) AS a (ancestor)
    WHERE a.ancestor <> relation
        AND NOT EXISTS (SELECT FROM customer_identity_internal.ancestors_of(relation) AS p WHERE p = a.ancestor)
        AND NOT EXISTS (SELECT FROM customer_identity_internal.heirs_of(relation) AS d WHERE d.heir = a.ancestor)
        AND EXISTS (
            SELECT
            FROM customer_identity_internal.feeding_setups(a.ancestor, customers) AS s
            WHERE s.kind = heirs_read_twice.kind)
    ORDER BY h.heir::text COLLATE "C", a.ancestor::text COLLATE "C";
END;
COMMENT ON FUNCTION customer_identity_internal.heirs_read_twice(regclass, text, regclass) IS
    'The tables that inherit from a table and from another one, attached in the same way, of which neither inherits from the other';

CREATE FUNCTION customer_identity_internal.refuse_heirs_read_twice(relation regclass, kind text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    pair record;
BEGIN
    SELECT t.* INTO pair FROM customer_identity_internal.heirs_read_twice(relation, kind, customers) AS t LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% inherits from % and from %, and not both can be attached', pair.heir, relation, pair.other
            USING ERRCODE = 'feature_not_supported', DETAIL = 'Lists would have its rows twice.',
                HINT = format('ALTER TABLE %s NO INHERIT ...; or use partitioned tables.', pair.heir);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_heirs_read_twice(regclass, text, regclass) IS
    'Raises 0A000 for a table one of whose heirs would be read with another attached table as well';

-- A statement that names the parent changes its heirs' rows as well, and the parent's triggers alone are told of them.
CREATE FUNCTION customer_identity_internal.unlike_heirs(relation regclass)
    RETURNS TABLE (heir regclass, parent regclass)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE ancestors AS (
        SELECT relation::oid AS ancestor
        UNION
        SELECT i.inhparent
        FROM ancestors AS a
        JOIN pg_inherits AS i ON i.inhrelid = a.ancestor
    )
    SELECT h.heir, a.ancestor::regclass
    FROM ancestors AS a
    CROSS JOIN LATERAL customer_identity_internal.heirs_of(a.ancestor) AS h
    JOIN pg_trigger AS p ON p.tgrelid = a.ancestor AND p.tgname = 'customer_identity_totals_insert'
    JOIN pg_trigger AS c ON c.tgrelid = h.heir AND c.tgname = 'customer_identity_totals_insert'
    WHERE relation IN (a.ancestor, h.heir) AND p.tgargs <> c.tgargs
    ORDER BY h.heir::text COLLATE "C", a.ancestor::regclass::text COLLATE "C";
END;
COMMENT ON FUNCTION customer_identity_internal.unlike_heirs(regclass) IS
    'The pairs of a table, or one that inherits from it or it from, whose orders are counted in different ways';

CREATE FUNCTION customer_identity_internal.require_like_heirs(relation regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unlike record;
BEGIN
    SELECT u.* INTO unlike FROM customer_identity_internal.unlike_heirs(relation) AS u LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% would be counted in another way than %, from which it inherits', unlike.heir, unlike.parent
            USING ERRCODE = 'wrong_object_type',
                DETAIL = 'A statement that names the parent changes the rows of its child tables as well, and counts them as its own.',
                HINT = format('Attach both with the same customers, amount, statuses, points_per_unit and timing. To change these, detach %s first, then attach the child tables before it.', unlike.parent);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_like_heirs(regclass) IS
    'Raises 42809 for orders that are counted in another way than those they inherit from';

-- The triggers act as the owner of their table, so it is the owner who needs the rights.
CREATE FUNCTION customer_identity_internal.require_rights(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner regrole;
    schema_id oid;
    needed regclass;
BEGIN
    SELECT c.relowner::regrole INTO owner FROM pg_class AS c WHERE c.oid = relation;
    SELECT c.relnamespace INTO schema_id FROM pg_class AS c WHERE c.oid = customers;
    FOR needed IN
        SELECT c.oid::regclass
        FROM pg_class AS c
        WHERE c.oid = customers
            OR (c.relnamespace = schema_id AND c.relname = 'phone_proofs')
    LOOP
        IF NOT (has_schema_privilege(owner, schema_id, 'USAGE')
            AND has_table_privilege(owner, needed, 'SELECT')
            AND has_table_privilege(owner, needed, 'INSERT')
            AND has_table_privilege(owner, needed, 'UPDATE')) THEN
            RAISE EXCEPTION 'the owner of % may not write to %', relation, needed
                USING ERRCODE = 'insufficient_privilege',
                    DETAIL = format('The triggers act as role %s.', owner),
                    HINT = format('GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT, INSERT, UPDATE ON %s TO %s;',
                        schema_id::regnamespace, owner, needed, owner);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_rights(regclass, regclass) IS
    'Raises 42501 when the owner of a table may not write to the book, as its triggers would have to';

CREATE FUNCTION customer_identity_internal.require_attachable(relation regclass, kind text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.require_table(relation);
    PERFORM customer_identity_internal.refuse_shard(relation), customer_identity_internal.refuse_shard(customers);
    IF relation = customers THEN
        RAISE EXCEPTION '% is the customers table itself', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Name the table of users or of orders.';
    END IF;
    PERFORM customer_identity_internal.require_attached_heirs(relation, kind);
    PERFORM customer_identity_internal.refuse_heirs_read_twice(relation, kind, customers);
    PERFORM customer_identity_internal.check_customers(customers);
    PERFORM customer_identity_internal.require_rights(relation, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_attachable(regclass, text, regclass) IS
    'Raises when a table cannot be attached to a book, whatever its columns are';

CREATE FUNCTION customer_identity_internal.has_reference(relation regclass, column_name text, referenced regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND k.conrelid = relation AND k.confrelid = referenced
        AND cardinality(k.conkey) = 1 AND a.attname = column_name
);
COMMENT ON FUNCTION customer_identity_internal.has_reference(regclass, text, regclass) IS
    'Whether a column is a foreign key to a table';

-- One of several columns says what else belongs to the customer, an address, and a table whose own ids are those of customers
-- goes along with them.
CREATE FUNCTION customer_identity_internal.other_reference(relation regclass, column_name text, customers regclass)
    RETURNS pg_constraint
    LANGUAGE sql STABLE
RETURN (
    SELECT k
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
    WHERE k.contype = 'f' AND k.conrelid = relation AND k.confrelid <> customers AND a.attname = column_name
        AND NOT EXISTS (
            SELECT FROM pg_constraint AS o
            WHERE o.contype = 'f' AND o.conrelid = k.confrelid AND o.conkey = k.confkey AND o.confrelid = customers)
    ORDER BY k.conname
    LIMIT 1
);
COMMENT ON FUNCTION customer_identity_internal.other_reference(regclass, text, regclass) IS
    'The foreign key by which a column that is for customers refers to another table; NULL: there is none';

CREATE FUNCTION customer_identity_internal.require_no_other_reference(relation regclass, column_name text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other constant pg_constraint := customer_identity_internal.other_reference(relation, column_name, customers);
BEGIN
    IF other.oid IS NOT NULL THEN
        RAISE EXCEPTION 'column % of % refers to %', quote_ident(column_name), relation, other.confrelid::regclass
            USING ERRCODE = 'invalid_foreign_key', DETAIL = format('A customer of %s is not there.', customers),
                HINT = format('ALTER TABLE %s DROP CONSTRAINT %I; and empty the column of other ids, or name another column with customer_column => ''...''.', relation, other.conname);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_no_other_reference(regclass, text, regclass) IS
    'Raises 42830 for a column that is for customers and refers to another table';

-- Adds the column that holds the customer, its foreign key and its index where they are missing.
CREATE FUNCTION customer_identity_internal.ensure_customer_column(relation regclass, column_name text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_column pg_attribute;
BEGIN
    PERFORM customer_identity_internal.require_limit('customer_column', column_name);
    IF COALESCE(column_name, '') = '' THEN
        RAISE EXCEPTION 'customer_column is not named'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for customer_id; a column that is missing is added.';
    END IF;
    SELECT a.* INTO found_column
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I uuid', relation, column_name);
    ELSIF found_column.atttypid <> 'uuid'::regtype THEN
        RAISE EXCEPTION 'column % of % is not of type uuid', quote_ident(column_name), relation
            USING ERRCODE = 'datatype_mismatch',
                HINT = COALESCE(customer_identity_internal.retyping(relation, column_name, found_column.atttypid, 'uuid', '') || '; or name', 'Name')
                    || ' another column with customer_column => ''...''.';
    ELSIF found_column.attnotnull AND NOT customer_identity_internal.has_computed_ids(customers) THEN
        RAISE WARNING 'column % of % is NOT NULL: rows without a readable phone will be refused', quote_ident(column_name), relation
            USING HINT = format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', relation, column_name);
    END IF;
    PERFORM customer_identity_internal.require_no_other_reference(relation, column_name, customers);
    -- Where ids are computed, an order of nobody refers to no customer, and users are kept by ids of their own.
    IF NOT customer_identity_internal.has_reference(relation, column_name, customers)
        AND NOT customer_identity_internal.has_computed_ids(customers) THEN
        EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (id) ON DELETE SET NULL', relation, column_name, customers);
    END IF;
    PERFORM customer_identity_internal.ensure_index(relation, column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_customer_column(regclass, text, regclass) IS
    'Adds a nullable column for the customer, its foreign key and its index where they are missing';

-- Trigger arguments from keys and values; a NULL value leaves its key out.
CREATE FUNCTION customer_identity_internal.written_arguments(keys text[], argument_values text[])
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN (
    SELECT string_agg(quote_literal(a.key || '=' || a.value), ', ' ORDER BY a.position)
    FROM ROWS FROM (unnest(keys), unnest(argument_values)) WITH ORDINALITY AS a (key, value, position)
    WHERE a.value IS NOT NULL
);
COMMENT ON FUNCTION customer_identity_internal.written_arguments(text[], text[]) IS
    'key=value arguments as CREATE TRIGGER takes them';

CREATE FUNCTION customer_identity_internal.repeated(key text, argument_values text[])
    RETURNS text[]
    LANGUAGE sql IMMUTABLE
RETURN array_fill(key, ARRAY[COALESCE(cardinality(argument_values), 0)]);
COMMENT ON FUNCTION customer_identity_internal.repeated(text, text[]) IS
    'A key as often as there are values';

-- Row triggers are copied to the partitions. Statement triggers of a table do not fire for statements that name one.
CREATE FUNCTION customer_identity_internal.create_triggers(relation regclass, function_name text, arguments text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT t.name, t.event, p.p AS relation, t.transition_tables, t.level
        FROM customer_identity_internal.partitions_of(create_triggers.relation) AS p
        JOIN customer_identity_internal.attaching_triggers() AS t ON t.level = 'STATEMENT' OR p.p = create_triggers.relation
        WHERE t.function = to_regprocedure(format('customer_identity.%I()', function_name))
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I %s ON %s %s FOR EACH %s EXECUTE FUNCTION customer_identity.%I(%s)',
            wanted.name, wanted.event, wanted.relation, wanted.transition_tables, wanted.level, function_name, arguments);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.create_triggers(regclass, text, text) IS
    'Puts the triggers of one function on a table and its partitions, and replaces those that are there';

CREATE FUNCTION customer_identity.detach(attached regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
BEGIN
    PERFORM customer_identity_internal.refuse_shard(attached);
    FOR trigger IN
        SELECT t.attached AS relation, t.name
        FROM customer_identity_internal.partitions_of(detach.attached) AS p
        CROSS JOIN LATERAL customer_identity_internal.triggers_of(p.p) AS t
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger.name, trigger.relation);
    END LOOP;
    IF NOT FOUND THEN
        RAISE NOTICE 'table % is not attached', attached;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity.detach(regclass) IS
    'Removes our triggers from a table; columns and data stay';
REVOKE EXECUTE ON FUNCTION customer_identity.detach(regclass) FROM PUBLIC;
