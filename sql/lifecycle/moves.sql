-- What a merge moves, table by table: by foreign keys to customers, whatever columns they have, by the column that a table is
-- attached by, and by what refers to such columns in its turn from a table of the same owner, as it holds the same ids.
CREATE FUNCTION customer_identity_internal.owner_of_table(relation regclass)
    RETURNS oid
    LANGUAGE sql STABLE
RETURN (SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation);
COMMENT ON FUNCTION customer_identity_internal.owner_of_table(regclass) IS
    'The owner of a table';

CREATE FUNCTION customer_identity_internal.references_to(customers regclass)
    RETURNS TABLE (relation regclass, columns text[], referenced text[])
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH RECURSIVE held (relation, columns, referenced) AS (
            SELECT k.relation, k.columns, k.referenced FROM customer_identity_internal.foreign_keys_to(customers) AS k WHERE NOT k.is_generated
            UNION
            SELECT a.attached, ARRAY[a.customer_column], ARRAY['id']
            FROM customer_identity_internal.attachments_of(customers) AS a
            WHERE customer_identity_internal.column_type(a.attached, a.customer_column) = 'uuid'::regtype
            UNION
            SELECT k.relation, ARRAY[k.columns[array_position(k.referenced, h.columns[array_position(h.referenced, 'id')])]], ARRAY['id']
            FROM held AS h
            CROSS JOIN LATERAL customer_identity_internal.foreign_keys_to(h.relation) AS k
            WHERE NOT k.is_generated AND h.relation <> customers AND h.columns[array_position(h.referenced, 'id')] = ANY (k.referenced)
                AND customer_identity_internal.owner_of_table(k.relation) = customer_identity_internal.owner_of_table(h.relation)
        )
        SELECT h.relation, h.columns, h.referenced FROM held AS h;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.references_to(regclass) IS
    'The columns by which rows of any table refer to customers, and to which columns of them';

-- Foreign keys among tables that are tied would fail in between, unless they move in one statement: it is checked when that
-- ends.
CREATE FUNCTION customer_identity_internal.movable_tables(referencing regclass, customers regclass)
    RETURNS TABLE (relation regclass, ways jsonb, tied regclass)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH RECURSIVE moved AS MATERIALIZED (
            SELECT r.relation, r.columns, r.referenced
            FROM customer_identity_internal.references_to(customers) AS r
            WHERE customer_identity_internal.owner_of_table(r.relation) = customer_identity_internal.owner_of_table(referencing)
        ),
        pairs AS (
            SELECT DISTINCT m.relation AS one, k.confrelid::regclass AS other
            FROM moved AS m
            JOIN pg_constraint AS k ON k.conrelid = m.relation AND k.contype = 'f'
            JOIN pg_attribute AS a ON a.attrelid = m.relation AND a.attnum = ANY (k.conkey) AND a.attname = ANY (m.columns)
            WHERE k.confrelid NOT IN (m.relation, customers) AND k.confrelid IN (SELECT o.relation FROM moved AS o)
        ),
        reached (relation, tied) AS (
            SELECT DISTINCT m.relation, m.relation FROM moved AS m
            UNION
            SELECT r.relation, CASE p.one WHEN r.tied THEN p.other ELSE p.one END FROM reached AS r JOIN pairs AS p ON r.tied IN (p.one, p.other)
        )
        SELECT w.relation, w.ways, (SELECT min(r.tied::oid)::regclass FROM reached AS r WHERE r.relation = w.relation)
        FROM (
            SELECT m.relation,
                jsonb_agg(jsonb_build_object('columns', m.columns, 'referenced', m.referenced) ORDER BY m.columns, m.referenced) AS ways
            FROM moved AS m
            GROUP BY m.relation
        ) AS w;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.movable_tables(regclass, regclass) IS
    'The tables with rows of customers that have the owner of one of them: the ways in which rows refer, [{columns, referenced}], and which tables are tied by foreign keys';

-- What acts as the owner of a table does so for all tables of his.
CREATE FUNCTION customer_identity_internal.table_of_each_owner(customers regclass)
    RETURNS SETOF regclass
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT min(r.relation::oid)::regclass
        FROM customer_identity_internal.references_to(customers) AS r
        GROUP BY customer_identity_internal.owner_of_table(r.relation)
        ORDER BY 1;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.table_of_each_owner(regclass) IS
    'One of the tables with rows of customers for each owner of such tables';

-- Without the length that a type may have, and with the largest integer: what the column cannot hold refers to nobody, and is
-- neither cut off nor an error.
CREATE FUNCTION customer_identity_internal.key_value(relation regclass, column_name text, customer text, referenced text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('CAST(%s OPERATOR(pg_catalog.->>) %L AS %s)', customer, referenced,
            CASE WHEN a.atttypid IN ('int2'::regtype, 'int4'::regtype) THEN 'pg_catalog.int8' ELSE format_type(a.atttypid, -1) END)
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_value(regclass, text, text, text) IS
    'An expression for a column of a customer, which is an expression for a jsonb, to compare with a column that refers to it';

CREATE FUNCTION customer_identity_internal.refers_to(relation regclass, reference jsonb, customer text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT '(' || string_agg(
            format('r.%I %s %s', c.name,
                CASE WHEN t.type IN ('int2'::regtype, 'int4'::regtype) THEN 'OPERATOR(pg_catalog.=)' ELSE customer_identity_internal.equality_of(t.type) END,
                customer_identity_internal.key_value(relation, c.name, customer, c.referenced)),
            ' AND ' ORDER BY c.place) || ')'
        FROM ROWS FROM (jsonb_array_elements_text(reference -> 'columns'), jsonb_array_elements_text(reference -> 'referenced'))
            WITH ORDINALITY AS c (name, referenced, place)
        CROSS JOIN LATERAL customer_identity_internal.column_type(relation, c.name) AS t (type)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refers_to(regclass, jsonb, text) IS
    'The condition that row r refers to a customer in one way';

CREATE FUNCTION customer_identity_internal.refers_in_any_way(relation regclass, ways jsonb, customer text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT '(' || string_agg(customer_identity_internal.refers_to(relation, w.value, customer), ' OR ') || ')'
        FROM jsonb_array_elements(ways) AS w
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refers_in_any_way(regclass, jsonb, text) IS
    'The condition that row r refers to a customer in one of the ways';

-- $1 is the customer that rows refer to, $2 the one that they will refer to.
CREATE FUNCTION customer_identity_internal.columns_after_move(relation regclass, ways jsonb)
    RETURNS TABLE (name text, value text)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT c.name,
            format('CASE %s ELSE r.%I END',
                string_agg(format('WHEN %s THEN %s', customer_identity_internal.refers_to(relation, w.value, '$1'),
                    customer_identity_internal.key_value(relation, c.name, '$2', c.referenced)), ' '),
                c.name)
        FROM jsonb_array_elements(ways) AS w
        CROSS JOIN LATERAL ROWS FROM (jsonb_array_elements_text(w.value -> 'columns'), jsonb_array_elements_text(w.value -> 'referenced'))
            AS c (name, referenced)
        GROUP BY c.name;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.columns_after_move(regclass, jsonb) IS
    'The columns of a table that a move changes, and expressions for what they will hold';

CREATE FUNCTION customer_identity_internal.generated_columns(relation regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT COALESCE(array_agg(a.attname::text), '{}')
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> ''
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.generated_columns(regclass) IS
    'The columns of a table that are computed from others';

CREATE FUNCTION customer_identity_internal.key_of_row(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN k.columns IS NULL THEN format('(customer_identity_internal.exact_json(r.*) OPERATOR(pg_catalog.-) %L::pg_catalog.text[])', customer_identity_internal.generated_columns(relation))
            ELSE customer_identity_internal.reference_key(k.columns, NULL)
        END
        FROM customer_identity_internal.key_columns(relation) AS k (columns)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_of_row(regclass) IS
    'An expression for what tells row r of a table apart: its key, or all of it';

CREATE FUNCTION customer_identity_internal.moving_update(relation regclass, ways jsonb, source text, returned text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('UPDATE %s AS r SET %s %s RETURNING %s', customer_identity_internal.qualified_name(relation),
            string_agg(format('%I = %s', c.name, c.value), ', ' ORDER BY c.name), source, returned)
        FROM customer_identity_internal.columns_after_move(relation, ways) AS c
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.moving_update(regclass, jsonb, text, text) IS
    'The UPDATE of rows r of a table; source is its FROM and WHERE';

-- Which way a row referred by cannot be told any more when it has moved; so it is looked up before where there are several.
-- The loser's own row goes with the loser.
CREATE FUNCTION customer_identity_internal.update_of_all(relation regclass, ways jsonb, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refers constant text := customer_identity_internal.refers_in_any_way(relation, ways, '$1')
        || CASE WHEN relation = customers THEN ' AND NOT r.id OPERATOR(pg_catalog.=) CAST($1 OPERATOR(pg_catalog.->>) ''id'' AS pg_catalog.uuid)' ELSE '' END;
    key constant text := customer_identity_internal.key_of_row(relation);
BEGIN
    IF jsonb_array_length(ways) = 1 THEN
        RETURN customer_identity_internal.moving_update(relation, ways, 'WHERE ' || refers, format('%s AS key, %L::pg_catalog.jsonb AS ways', key, ways));
    END IF;
    RETURN customer_identity_internal.moving_update(relation, ways,
        format('FROM (SELECT r.ctid AS place, r.tableoid AS part, %s AS ways FROM %s AS r WHERE %s) AS f'
            ' WHERE r.ctid OPERATOR(pg_catalog.=) f.place AND r.tableoid OPERATOR(pg_catalog.=) f.part',
            (SELECT string_agg(format('CASE WHEN %s THEN %L::pg_catalog.jsonb ELSE ''[]'' END',
                customer_identity_internal.refers_to(relation, w.value, '$1'), jsonb_build_array(w.value)), ' OPERATOR(pg_catalog.||) ' ORDER BY w.place)
                FROM jsonb_array_elements(ways) WITH ORDINALITY AS w (value, place)),
            customer_identity_internal.qualified_name(relation), refers),
        format('%s AS key, f.ways', key));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.update_of_all(regclass, jsonb, regclass) IS
    'The UPDATE that moves all rows of a table from customer $1 to $2, and returns key and ways of each';

-- `part` is an expression for one element of what move_all_rows() has returned; `ways` are those of its ways that are left.
CREATE FUNCTION customer_identity_internal.update_of_some(relation regclass, ways jsonb, part text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT customer_identity_internal.moving_update(relation, ways,
            customer_identity_internal.rows_with_keys(relation, customer_identity_internal.key_columns(relation),
                customer_identity_internal.key_of_row(relation), customer_identity_internal.refers_in_any_way(relation, ways, '$1'),
                format('(%s OPERATOR(pg_catalog.->) ''keys'')', part)),
            '1')
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.update_of_some(regclass, jsonb, text) IS
    'The UPDATE that moves rows of a table whose keys are in a part of what moved before';

CREATE FUNCTION customer_identity_internal.path_of_all(relations regclass[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('pg_catalog, %s, pg_temp', string_agg(DISTINCT c.relnamespace::regnamespace::text, ', '))
        FROM pg_class AS c
        WHERE c.oid = ANY (relations)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.path_of_all(regclass[]) IS
    'The search_path for statements that fire the triggers of several tables';

CREATE FUNCTION customer_identity_internal.refuse_rows(detail text, hint text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'rows cannot be moved to another customer' USING ERRCODE = 'CI006', DETAIL = detail, HINT = hint;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_rows(text, text) IS
    'Raises CI006 for rows that stay where they are';

-- A key of the application may be one that the other customer has no value for.
CREATE FUNCTION customer_identity_internal.require_referenced(relation regclass, ways jsonb, source jsonb, target jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way jsonb;
    missing text;
    is_used boolean;
BEGIN
    FOR way, missing IN
        SELECT w.value, (SELECT string_agg(quote_ident(c.name), ', ') FROM jsonb_array_elements_text(w.value -> 'referenced') AS c (name) WHERE target ->> c.name IS NULL)
        FROM jsonb_array_elements(ways) AS w
    LOOP
        CONTINUE WHEN missing IS NULL;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE %s)', relation, customer_identity_internal.refers_to(relation, way, '$1'))
            INTO is_used
            USING source;
        IF is_used THEN
            PERFORM customer_identity_internal.refuse_rows(
                format('Rows of %s refer to %s of the customer, which the other one does not have.', relation, missing),
                'Give the other customer a value there, or change these rows.');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_referenced(regclass, jsonb, jsonb, jsonb) IS
    'Raises CI006 for rows that refer to a customer by a column in which the other one has nothing';

-- Rows that refer to those which move, from a table of another owner, follow by ON UPDATE CASCADE or stand in the way. A key
-- that is looked at later would fail after us, and one that empties them would lose what they said.
CREATE FUNCTION customer_identity_internal.require_no_late_keys(relation regclass, ways jsonb, source jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    late record;
    is_used boolean;
BEGIN
    SELECT k.conname, k.conrelid::regclass AS child INTO late
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
    WHERE k.contype = 'f' AND k.confrelid = relation AND (k.condeferrable OR k.confupdtype IN ('n', 'd')) AND k.confupdtype <> 'c'
        AND customer_identity_internal.owner_of_table(k.conrelid) <> customer_identity_internal.owner_of_table(relation)
        AND a.attname IN (SELECT c.name FROM jsonb_array_elements(ways) AS w, jsonb_array_elements_text(w.value -> 'columns') AS c (name))
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE %s)', relation, customer_identity_internal.refers_in_any_way(relation, ways, '$1'))
        INTO is_used
        USING source;
    IF is_used THEN
        PERFORM customer_identity_internal.refuse_rows(
            format('Rows of %s may refer to rows of %s that would move, by key %I, and have another owner.', late.child, relation, late.conname),
            'Give the tables one owner, or the key ON UPDATE CASCADE.');
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_no_late_keys(regclass, jsonb, jsonb) IS
    'Raises CI006 for rows that others refer to by a key which would fail after the move, or empty them';

CREATE FUNCTION customer_identity_internal.require_moved(relation regclass, ways jsonb, source jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_left boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE %s%s)', relation, customer_identity_internal.refers_in_any_way(relation, ways, '$1'),
        CASE WHEN relation = customers THEN ' AND r.id <> ($1 ->> ''id'')::uuid' ELSE '' END)
        INTO is_left
        USING source;
    IF is_left THEN
        PERFORM customer_identity_internal.refuse_rows(format('A trigger on %s keeps them.', relation),
            'Let the trigger return NEW for the rows that customer_identity writes.');
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_moved(regclass, jsonb, jsonb, regclass) IS
    'Raises CI006 for rows that refer to a customer still';

CREATE FUNCTION customer_identity_internal.statement_for_all(relations regclass[], ways jsonb[], customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('WITH %s SELECT COALESCE(pg_catalog.jsonb_agg(p.part), ''[]'') FROM (%s) AS p (part)',
            string_agg(format('u%s AS (%s)', t.place, customer_identity_internal.update_of_all(t.relation, t.ways, customers)), ', ' ORDER BY t.place),
            string_agg(format('SELECT pg_catalog.jsonb_build_object(''table'', %L::pg_catalog.text, ''ways'', m.ways, ''keys'', pg_catalog.jsonb_agg(m.key)) FROM u%s AS m GROUP BY m.ways',
                customer_identity_internal.told_name(t.relation), t.place), ' UNION ALL ' ORDER BY t.place))
        FROM unnest(relations, ways) WITH ORDINALITY AS t (relation, ways, place)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.statement_for_all(regclass[], jsonb[], regclass) IS
    'The statement that moves all rows of tables from customer $1 to $2, and returns [{table, ways, keys}]';

-- One UPDATE a table; source and target are rows of customers.
CREATE FUNCTION customer_identity_internal.move_all_rows(referencing regclass, source jsonb, target jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    tied record;
    part jsonb;
    moved jsonb := '[]';
BEGIN
    FOR tied IN
        SELECT array_agg(m.relation ORDER BY m.relation) AS relations, array_agg(m.ways ORDER BY m.relation) AS ways
        FROM customer_identity_internal.movable_tables(referencing, customers) AS m
        GROUP BY m.tied
        ORDER BY 1
    LOOP
        PERFORM customer_identity_internal.require_referenced(t.relation, t.ways, source, target),
            customer_identity_internal.require_no_late_keys(t.relation, t.ways, source)
        FROM unnest(tied.relations, tied.ways) AS t (relation, ways);
        PERFORM set_config('search_path', customer_identity_internal.path_of_all(tied.relations), true);
        EXECUTE customer_identity_internal.statement_for_all(tied.relations, tied.ways, customers) INTO part USING source, target;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
        PERFORM customer_identity_internal.require_moved(t.relation, t.ways, source, customers) FROM unnest(tied.relations, tied.ways) AS t (relation, ways);
        moved := moved || part;
    END LOOP;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_all_rows(regclass, jsonb, jsonb, regclass) IS
    'Makes what refers to one customer in the tables of an owner refer to another; returns [{table, ways, keys}]';

-- Those of a part's ways that are still there, and by which the target can be referred to.
CREATE FUNCTION customer_identity_internal.ways_left(part jsonb, ways jsonb, target jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT COALESCE(jsonb_agg(w.value), '[]')
        FROM jsonb_array_elements(ways) AS w
        WHERE part -> 'ways' @> jsonb_build_array(w.value)
            AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(w.value -> 'referenced') AS c (name) WHERE target ->> c.name IS NULL)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ways_left(jsonb, jsonb, jsonb) IS
    'The ways by which rows that moved can move back';

-- Of parts of what moved, those of one owner's tables.
CREATE FUNCTION customer_identity_internal.move_rows_back(referencing regclass, source jsonb, target jsonb, parts jsonb, customers regclass)
    RETURNS TABLE (part integer, back bigint)
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    tied record;
BEGIN
    FOR tied IN
        SELECT array_agg(DISTINCT m.relation) AS relations,
            format('WITH %s %s',
                string_agg(format('u%s AS (%s)', p.place, customer_identity_internal.update_of_some(m.relation, w.ways, format('($3 OPERATOR(pg_catalog.->) %s)', p.place - 1))), ', '),
                string_agg(format('SELECT %1$s, pg_catalog.count(*) FROM u%1$s', p.place), ' UNION ALL ')) AS statement
        FROM customer_identity_internal.movable_tables(referencing, customers) AS m
        JOIN jsonb_array_elements(parts) WITH ORDINALITY AS p (value, place) ON p.value ->> 'table' = customer_identity_internal.told_name(m.relation)
        CROSS JOIN LATERAL customer_identity_internal.ways_left(p.value, m.ways, target) AS w (ways)
        WHERE w.ways <> '[]'
        GROUP BY m.tied
        ORDER BY max(m.relation::oid) DESC
    LOOP
        PERFORM set_config('search_path', customer_identity_internal.path_of_all(tied.relations), true);
        RETURN QUERY EXECUTE tied.statement USING source, target, parts;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_rows_back(regclass, jsonb, jsonb, jsonb, regclass) IS
    'Moves rows that move_all_rows has moved, as it returned them, and returns how many of which part';

-- 55P03 when another transaction holds one of them.
CREATE FUNCTION customer_identity_internal.lock_rows(referencing regclass, source jsonb, customers regclass)
    RETURNS void
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    locked record;
BEGIN
    FOR locked IN SELECT m.relation, m.ways FROM customer_identity_internal.movable_tables(referencing, customers) AS m ORDER BY m.relation LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %s AS r WHERE %s FOR UPDATE NOWAIT) AS l', locked.relation,
            customer_identity_internal.refers_in_any_way(locked.relation, locked.ways, '$1'))
            USING source;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.lock_rows(regclass, jsonb, regclass) IS
    'Locks the rows of the tables of an owner that refer to a customer, without waiting';
