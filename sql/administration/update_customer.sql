CREATE FUNCTION customer_identity_internal.editable_columns(customers regclass)
    RETURNS SETOF text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT a.attname::text
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = '' AND a.attidentity <> 'a'
        AND a.attname <> 'phone_generation'
        AND (a.attname IN ('preferred_name', 'notes')
            OR a.attname NOT IN (SELECT c.name FROM customer_identity_internal.customers_columns() AS c))
    ORDER BY a.attnum;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.editable_columns(regclass) IS
    'The columns that update_customer may change: notes, preferred_name and the application''s own';

CREATE FUNCTION customer_identity_internal.require_changes(changes jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refused text;
BEGIN
    IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'changes must be a JSON object'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example: {"notes": "calls before noon"}.';
    END IF;
    SELECT k.key INTO refused
    FROM jsonb_object_keys(changes) AS k (key)
    WHERE k.key NOT IN (SELECT e.name FROM customer_identity_internal.editable_columns(customers) AS e (name))
    ORDER BY k.key
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column % cannot be changed', quote_ident(customer_identity_internal.shown(refused))
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('Allowed are: %s.', (SELECT string_agg(e.name, ', ') FROM customer_identity_internal.editable_columns(customers) AS e (name)));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_changes(jsonb, regclass) IS
    'Raises 22023 for changes that update_customer may not make';

CREATE FUNCTION customer_identity_internal.typed_columns(customers regclass, names text[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attname = ANY (names)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.typed_columns(regclass, text[]) IS
    'Columns of customers with their types, as jsonb_to_record takes them';

-- The column alone: a whole row would have to fit the domains of its other columns, too.
CREATE FUNCTION customer_identity_internal.converted_value(customers regclass, column_name text, value jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    typed_column constant text := customer_identity_internal.typed_columns(customers, ARRAY[column_name]);
    converted jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(n.%I) FROM jsonb_to_record(jsonb_build_object($1, $2)) AS n (%s)', column_name, typed_column)
        INTO converted
        USING column_name, value;
    RETURN COALESCE(converted, 'null');
EXCEPTION WHEN data_exception OR check_violation OR not_null_violation THEN
    RAISE EXCEPTION 'column % cannot hold that value', quote_ident(column_name)
        USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Reason: %s.', CASE WHEN length(value::text) > 64 THEN customer_identity_internal.shown(SQLERRM) ELSE SQLERRM END),
            HINT = format('The column and its type: %s.', typed_column);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.converted_value(regclass, text, jsonb) IS
    'A value as a column of customers holds it; 22023 when it cannot';

CREATE FUNCTION customer_identity_internal.changed_values(before jsonb, after jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(a.key, jsonb_build_object('old', before -> a.key, 'new', a.value))
    FROM jsonb_each(after) AS a
    WHERE before -> a.key IS DISTINCT FROM a.value
$$;
COMMENT ON FUNCTION customer_identity_internal.changed_values(jsonb, jsonb) IS
    'The old and new values of what differs; NULL when nothing does';

-- For a server that is distributed, which takes values, but no function that makes them, along to the row.
CREATE FUNCTION customer_identity_internal.assignments(changes jsonb, names text[], customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    value text;
    written text[];
BEGIN
    FOREACH name IN ARRAY names LOOP
        EXECUTE format('SELECT n.%I::text FROM jsonb_to_record($1) AS n (%s)', name, customer_identity_internal.typed_columns(customers, ARRAY[name]))
            INTO value
            USING changes;
        written := written || format('%I = %L', name, value);
    END LOOP;
    RETURN array_to_string(written, ', ');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.assignments(jsonb, text[], regclass) IS
    'Changes of columns of customers as the SET list of an UPDATE, with literals';

-- Returns the resulting values: triggers of the application may write something else, or nothing.
CREATE FUNCTION customer_identity_internal.write_changes(customer_id uuid, changes jsonb, columns text[], customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written jsonb;
    updated_at timestamptz;
BEGIN
    -- They may rely on finding the tables beside customers.
    PERFORM set_config('search_path', format('pg_catalog, %s, pg_temp', c.relnamespace::regnamespace), true)
    FROM pg_class AS c
    WHERE c.oid = customers;
    -- On that path somebody else's functions and operators could fit better than the server's.
    IF customer_identity_internal.is_spread(customers) THEN
        EXECUTE format('SELECT c.updated_at FROM %s AS c WHERE c.id OPERATOR(pg_catalog.=) $1', customer_identity_internal.qualified_name(customers))
            INTO updated_at
            USING customer_id;
        EXECUTE format('UPDATE %s AS c SET updated_at = $2, %s WHERE c.id OPERATOR(pg_catalog.=) $1',
            customer_identity_internal.qualified_name(customers), customer_identity_internal.assignments(changes, columns, customers))
            USING customer_id, GREATEST(pg_catalog.clock_timestamp(), updated_at OPERATOR(pg_catalog.+) interval '1 microsecond');
    ELSE
        EXECUTE format(
            'UPDATE %s AS c SET updated_at = GREATEST(pg_catalog.clock_timestamp(), c.updated_at OPERATOR(pg_catalog.+) interval ''1 microsecond''), %s'
            ' FROM pg_catalog.jsonb_to_record($2) AS n (%s) WHERE c.id OPERATOR(pg_catalog.=) $1',
            customer_identity_internal.qualified_name(customers),
            (SELECT string_agg(format('%1$I = n.%1$I', k.name), ', ') FROM unnest(columns) AS k (name)),
            customer_identity_internal.typed_columns(customers, columns))
            USING customer_id, changes;
    END IF;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format('SELECT to_jsonb(c.*) FROM %s AS c WHERE c.id = $1', customers)
        INTO written
        USING customer_id;
    RETURN (SELECT jsonb_object_agg(w.key, w.value) FROM jsonb_each(written) AS w WHERE w.key = ANY (columns));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_changes(uuid, jsonb, text[], regclass) IS
    'Updates columns of a customer and returns the values that they have then; NULL when a trigger deleted it';

CREATE FUNCTION customer_identity_internal.is_in_key(customers regclass, names text[])
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM pg_index AS i
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = customers AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND a.attname = ANY (names)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_in_key(regclass, text[]) IS
    'Whether one of the columns is part of a key that foreign keys can refer to, so that its change locks as a deletion does';

-- Who changes a key waits for orders under way; with a weaker lock that has to be raised later, or in a queue for its turn,
-- such an order would wait for it as well.
CREATE FUNCTION customer_identity_internal.hold_for_key_change(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
BEGIN
    LOOP
        BEGIN
            EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR UPDATE NOWAIT', customers) USING customer_id;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_key_change(uuid, regclass) IS
    'Locks a customer, and holds nothing while it waits for others';

CREATE FUNCTION customer_identity.update_customer(
    customer_id uuid,
    changes jsonb,
    expected_updated_at timestamptz DEFAULT NULL,
    actor text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
DECLARE
    before jsonb;
    is_stale boolean;
    wanted jsonb;
    written jsonb;
    changed jsonb;
BEGIN
    PERFORM customer_identity_internal.require_changes(changes, customers);
    PERFORM customer_identity_internal.hold_for_key_change(customer_id, customers)
    WHERE customer_identity_internal.is_in_key(customers, ARRAY(SELECT k.key FROM jsonb_object_keys(changes) AS k (key)));
    EXECUTE format(
        'SELECT to_jsonb(c.*), c.updated_at IS DISTINCT FROM $2::%s FROM %s AS c WHERE c.id = $1 FOR NO KEY UPDATE',
        customer_identity_internal.column_type(customers, 'updated_at'), customers)
        INTO before, is_stale
        USING customer_id, expected_updated_at;
    IF before IS NULL THEN
        RAISE EXCEPTION 'there is no such customer'
            USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted, or merged into another one.';
    END IF;
    IF expected_updated_at IS NOT NULL AND is_stale THEN
        RAISE EXCEPTION 'the row changed since it was read'
            USING ERRCODE = 'CI004', HINT = 'Read the customer again, and pass its updated_at as it was returned, with microseconds.';
    END IF;
    SELECT jsonb_object_agg(c.key, customer_identity_internal.converted_value(customers, c.key, c.value)) INTO wanted
    FROM jsonb_each(changes) AS c;
    changed := customer_identity_internal.changed_values(before, wanted);
    IF changed IS NOT NULL THEN
        written := customer_identity_internal.write_changes(
            customer_id, changes, ARRAY(SELECT k.key FROM jsonb_object_keys(changed) AS k (key)), customers);
        changed := customer_identity_internal.changed_values(before, written);
    END IF;
    IF changed IS NOT NULL THEN
        PERFORM customer_identity_internal.write_event(customers, customer_id, 'edited', changed, actor);
    END IF;
    RETURN customer_identity_internal.details_of(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.update_customer(uuid, jsonb, timestamptz, text, regclass) IS
    'Changes notes, preferred_name and the application''s own columns, with an event in the history. CI004 when updated_at is not the expected one. Returns what customer_details returns';
REVOKE EXECUTE ON FUNCTION customer_identity.update_customer(uuid, jsonb, timestamptz, text, regclass) FROM PUBLIC;
