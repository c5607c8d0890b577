-- Which unique keys a merge would break, found by looking at the rows as they will be.

-- The role that called, whoever is acted as.
CREATE FUNCTION customer_identity_internal.calling_role()
    RETURNS name
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END;
COMMENT ON FUNCTION customer_identity_internal.calling_role() IS
    'The role of the session';

-- As PostgreSQL has it for its own messages about keys.
CREATE FUNCTION customer_identity_internal.may_see_key(index regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller constant name := customer_identity_internal.calling_role();
    is_seen boolean;
BEGIN
    SELECT (has_table_privilege(caller, i.indrelid, 'SELECT')
            OR (i.indexprs IS NULL AND NOT EXISTS (
                SELECT FROM unnest(i.indkey) AS c (number) WHERE NOT has_column_privilege(caller, i.indrelid, c.number, 'SELECT'))))
        AND (NOT t.relrowsecurity OR r.rolsuper OR r.rolbypassrls)
        INTO is_seen
        FROM pg_index AS i
        JOIN pg_class AS t ON t.oid = i.indrelid
        JOIN pg_roles AS r ON r.rolname = caller
        WHERE i.indexrelid = index;
    RETURN is_seen;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.may_see_key(regclass) IS
    'Whether the caller may read the values of a key';

CREATE FUNCTION customer_identity_internal.key_of_index(index regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(pg_get_indexdef(i.indexrelid, c.place, true), ', ' ORDER BY c.place)
        FROM pg_index AS i
        CROSS JOIN LATERAL generate_series(1, i.indnkeyatts) AS c (place)
        WHERE i.indexrelid = index
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_of_index(regclass) IS
    'What a key consists of';

-- Also those of single partitions. One that has nothing to do with what moves cannot be broken.
CREATE FUNCTION customer_identity_internal.keys_at_stake(referencing regclass, names text[])
    RETURNS SETOF regclass
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT i.indexrelid::regclass
        FROM (SELECT referencing UNION SELECT p.relid FROM pg_partition_tree(referencing) AS p) AS t (relation)
        JOIN pg_index AS i ON i.indrelid = t.relation
        JOIN pg_class AS c ON c.oid = i.indexrelid
        WHERE i.indisunique AND i.indisvalid AND NOT c.relispartition
            AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = t.relation AND a.attnum = ANY (i.indkey) AND (a.attname = ANY (names) OR a.attgenerated <> '')))
        ORDER BY i.indexrelid::regclass::text;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_at_stake(regclass, text[]) IS
    'The unique indexes of a table that a change of the columns could break';

-- Rows of customers $1 and $2 in a table or one of its partitions, which may have another owner, as they will be when all is
-- $2's.
CREATE FUNCTION customer_identity_internal.rows_after_move(part regclass, referencing regclass, ways jsonb, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('SELECT t.*%s FROM (SELECT %s, %s IS TRUE AS customer_identity_moves FROM %s AS r WHERE (%s OR %s)%s) AS t',
            COALESCE(string_agg(format(', %s AS %I', pg_get_expr(d.adbin, d.adrelid), a.attname), '') FILTER (WHERE a.attgenerated <> ''), ''),
            string_agg(format('%s AS %I', COALESCE(m.value, format('r.%I', a.attname)), a.attname), ', ') FILTER (WHERE a.attgenerated = ''),
            customer_identity_internal.refers_in_any_way(referencing, ways, '$1'), customer_identity_internal.qualified_name(referencing),
            customer_identity_internal.refers_in_any_way(referencing, ways, '$1'), customer_identity_internal.refers_in_any_way(referencing, ways, '$2'),
            CASE
                WHEN referencing = customers THEN ' AND r.id <> ($1 ->> ''id'')::uuid'
                WHEN referencing <> part THEN format(' AND r.tableoid IN (SELECT p.relid FROM pg_partition_tree(%s) AS p)', part::oid)
                ELSE ''
            END)
        FROM pg_attribute AS a
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN customer_identity_internal.columns_after_move(referencing, ways) AS m ON m.name = a.attname
        WHERE a.attrelid = referencing AND a.attnum > 0 AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_after_move(regclass, regclass, jsonb, regclass) IS
    'The query of the rows of two customers as they would be after a merge';

CREATE FUNCTION customer_identity_internal.clashes_query(index regclass, referencing regclass, ways jsonb, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('SELECT COALESCE(sum(g.moving), 0), count(*), (array_agg(g.shown ORDER BY g.shown))[1:10] FROM ('
            ' SELECT count(*) FILTER (WHERE k.moves) AS moving, concat_ws('', '', %s) AS shown'
            ' FROM (SELECT %s, t.customer_identity_moves FROM (%s) AS t WHERE %s) AS k (%s, moves) WHERE %s GROUP BY %s'
            ' HAVING count(*) > 1 AND bool_or(k.moves)) AS g',
            string_agg(format('COALESCE(customer_identity_internal.shown(customer_identity_internal.as_text(k.k%s)), ''null'')', c.place), ', ' ORDER BY c.place),
            string_agg(pg_get_indexdef(i.indexrelid, c.place, false), ', ' ORDER BY c.place),
            customer_identity_internal.rows_after_move(i.indrelid, referencing, ways, customers),
            COALESCE(pg_get_expr(i.indpred, i.indrelid), 'true'),
            string_agg('k' || c.place, ', ' ORDER BY c.place),
            CASE WHEN to_jsonb(i.*) -> 'indnullsnotdistinct' = 'true' THEN 'true' ELSE string_agg(format('k.k%s IS NOT NULL', c.place), ' AND ') END,
            string_agg('k.k' || c.place, ', ' ORDER BY c.place))
        FROM pg_index AS i
        CROSS JOIN LATERAL generate_series(1, i.indnkeyatts) AS c (place)
        WHERE i.indexrelid = index
        GROUP BY i.indexrelid, i.indrelid, i.indpred, to_jsonb(i.*)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.clashes_query(regclass, regclass, jsonb, regclass) IS
    'The query of what a merge would break of a unique index: rows that move, keys, and the first of the keys';

CREATE FUNCTION customer_identity_internal.clashes(referencing regclass, ways jsonb, source jsonb, target jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(SELECT c.name FROM customer_identity_internal.columns_after_move(referencing, ways) AS c);
    index regclass;
    moving bigint;
    keys bigint;
    examples text[];
    found_clashes jsonb := '[]';
BEGIN
    FOR index IN SELECT k.* FROM customer_identity_internal.keys_at_stake(referencing, names) AS k LOOP
        EXECUTE customer_identity_internal.clashes_query(index, referencing, ways, customers) INTO moving, keys, examples USING source, target;
        IF keys > 0 THEN
            found_clashes := found_clashes || jsonb_build_object(
                'key', index::text, 'columns', customer_identity_internal.key_of_index(index), 'rows', moving,
                'values', CASE WHEN customer_identity_internal.may_see_key(index) THEN to_jsonb(examples) END,
                'more', keys - cardinality(examples));
        END IF;
    END LOOP;
    RETURN found_clashes;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.clashes(regclass, jsonb, jsonb, jsonb, regclass) IS
    'The unique indexes of a table that a merge would break: [{key, columns, rows, values, more}]; no values for who may not read them';

CREATE FUNCTION customer_identity_internal.heirs_that_move(relation regclass, way jsonb, customers regclass)
    RETURNS oid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    heirs constant oid[] := ARRAY(SELECT h.heir::oid FROM customer_identity_internal.heirs_of(relation) AS h);
BEGIN
    IF heirs = '{}' THEN
        RETURN heirs;
    END IF;
    RETURN ARRAY(
        SELECT r.relation::oid
        FROM customer_identity_internal.references_to(customers) AS r
        WHERE r.relation::oid = ANY (heirs) AND jsonb_build_object('columns', r.columns, 'referenced', r.referenced) = way
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.heirs_that_move(regclass, jsonb, regclass) IS
    'The tables that inherit from one and refer to customers in the same way, whose rows are counted there';

-- A clash is told at the first way that its table refers by.
CREATE FUNCTION customer_identity_internal.rows_to_move(referencing regclass, source jsonb, target jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    way record;
    counted bigint;
    found_tables jsonb := '[]';
BEGIN
    FOR way IN
        SELECT m.relation, m.ways, w.value, w.place
        FROM customer_identity_internal.movable_tables(referencing, customers) AS m
        CROSS JOIN LATERAL jsonb_array_elements(m.ways) WITH ORDINALITY AS w (value, place)
    LOOP
        EXECUTE format('SELECT count(*) FROM %s AS r WHERE %s%s', way.relation, customer_identity_internal.refers_to(way.relation, way.value, '$1'),
            customer_identity_internal.not_of_heirs(customer_identity_internal.heirs_that_move(way.relation, way.value, customers)))
            INTO counted
            USING source;
        found_tables := found_tables || jsonb_build_object(
            'table', customer_identity_internal.told_name(way.relation),
            'column', (SELECT string_agg(c.name, ', ') FROM jsonb_array_elements_text(way.value -> 'columns') AS c (name)),
            'rows', counted,
            'conflicts', CASE WHEN way.place = 1 THEN customer_identity_internal.clashes(way.relation, way.ways, source, target, customers) ELSE '[]' END);
    END LOOP;
    RETURN found_tables;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_to_move(regclass, jsonb, jsonb, regclass) IS
    'The tables of an owner that refer to a merge''s loser: rows that would move and unique indexes that they would clash in';
