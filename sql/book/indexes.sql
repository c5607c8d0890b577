-- A column alone carries a unique index that any row is in.
CREATE FUNCTION customer_identity_internal.has_unique_index(relation regclass, column_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = relation
        AND a.attname = column_name
        AND i.indisunique AND i.indimmediate AND i.indisvalid
        AND i.indnkeyatts = 1 AND i.indpred IS NULL
);
COMMENT ON FUNCTION customer_identity_internal.has_unique_index(regclass, text) IS
    'Whether a column alone is unique';

CREATE FUNCTION customer_identity_internal.has_index_on(relation regclass, column_name text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = relation AND a.attname = column_name AND i.indisvalid AND i.indpred IS NULL
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_index_on(regclass, text) IS
    'Whether an index of the whole table begins with a column';

CREATE FUNCTION customer_identity_internal.ensure_index(relation regclass, column_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.has_index_on(relation, column_name) THEN
        EXECUTE format('CREATE INDEX ON %s (%I)', relation, column_name);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_index(regclass, text) IS
    'Adds an index of a column where none begins with it';

CREATE FUNCTION customer_identity_internal.index_valid(relation regclass, index_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN (
    SELECT i.indisvalid
    FROM pg_class AS t
    JOIN pg_class AS c ON c.relnamespace = t.relnamespace
    JOIN pg_index AS i ON i.indexrelid = c.oid AND i.indrelid = t.oid
    WHERE t.oid = relation AND c.relname = index_name
);
COMMENT ON FUNCTION customer_identity_internal.index_valid(regclass, text) IS
    'Whether a table''s index of that name can be used; NULL when there is none';

-- The planner has to know how common a part of a name is, which only the index makes ANALYZE find out.
CREATE FUNCTION customer_identity_internal.create_missing_index(relation regclass, name text, definition text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.index_valid(relation, name) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE INDEX %I ON %s %s', name, relation, definition);
    IF definition LIKE '%search_text%' THEN
        EXECUTE format('ANALYZE %s', relation);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.create_missing_index(regclass, text, text) IS
    'Makes an index unless it is there';

-- None is on a total, which every order changes.
CREATE FUNCTION customer_identity_internal.sort_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    -- A name without a limit could be too long for its index.
    SELECT c.oid::regclass, left(c.relname, 40) || format('_%s_id_idx', a.attname), format('(%I, id)', a.attname)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.oid = customers AND a.attname IN ('created_at', 'updated_at', 'preferred_name')
        AND (a.attname <> 'preferred_name' OR a.atttypmod BETWEEN 0 AND 500);
END;
COMMENT ON FUNCTION customer_identity_internal.sort_indexes(regclass) IS
    'The indexes that list_customers needs to sort: table, name and definition';
