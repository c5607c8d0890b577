-- Both as the change of a key locks them, as the winner may get the loser's phone: a weaker lock that has to be raised later,
-- and an order that holds the customer meanwhile, would wait for each other.
CREATE FUNCTION customer_identity_internal.lock_for_merge(winner uuid, loser uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source jsonb;
BEGIN
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR UPDATE NOWAIT', customers) USING loser;
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR UPDATE NOWAIT', customers) USING winner;
    -- Where they are spread over nodes, rows are locked as they are written.
    IF customer_identity_internal.is_spread(customers) THEN
        RETURN;
    END IF;
    source := customer_identity_internal.customer_row(loser, customers);
    PERFORM customer_identity_internal.lock_rows(t.relation, source, customers)
    FROM customer_identity_internal.table_of_each_owner(customers) AS t (relation);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.lock_for_merge(uuid, uuid, regclass) IS
    'Locks two customers and what refers to the second one, without waiting; 55P03 when one is in use';

CREATE FUNCTION customer_identity_internal.hold_for_merge(winner uuid, loser uuid, customers regclass)
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
            PERFORM customer_identity_internal.lock_for_merge(winner, loser, customers);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_merge(uuid, uuid, regclass) IS
    'Locks two customers and what refers to the second one, and holds nothing while it waits for others';

CREATE FUNCTION customer_identity_internal.customer_as_json(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT 'customer_identity_internal.exact_json(c.*)'
            || COALESCE(format(' || jsonb_build_object(%s)', string_agg(format('%1$L, customer_identity_internal.exact_text(c.%1$I)', a.attname), ', ')), '')
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped AND customer_identity_internal.has_own_json(a.atttypid)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customer_as_json(regclass) IS
    'An expression for row c of customers as JSON from which it can be written again';

CREATE FUNCTION customer_identity_internal.customer_row(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row jsonb;
BEGIN
    EXECUTE format('SELECT %s FROM %s AS c WHERE c.id = $1', customer_identity_internal.customer_as_json(customers), customers)
        INTO found_row
        USING customer_id;
    IF found_row IS NULL THEN
        RAISE EXCEPTION 'there is no such customer'
            USING ERRCODE = 'no_data_found', DETAIL = format('No customer has the id %s.', customer_id),
                HINT = 'current_customer() follows merges.';
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customer_row(uuid, regclass) IS
    'The row of a customer; P0002 when there is none';

-- What the winner's columns will hold: what is empty is filled from the loser, unless it is one of the two, and notes are joined.
CREATE FUNCTION customer_identity_internal.merged_columns(winner jsonb, loser jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_object_agg(m.name, m.value), '{}')
    FROM (
        SELECT e.name, CASE
            WHEN e.name = 'notes' AND btrim(winner ->> 'notes') <> '' AND btrim(loser ->> 'notes') <> ''
                THEN to_jsonb((winner ->> 'notes') || E'\n' || (loser ->> 'notes'))
            WHEN COALESCE(btrim(winner ->> e.name), '') = '' AND btrim(loser ->> e.name) <> ''
                AND loser ->> e.name NOT IN (winner ->> 'id', loser ->> 'id') THEN loser -> e.name
            ELSE winner -> e.name
        END
        FROM customer_identity_internal.editable_columns(customers) AS e (name)
    ) AS m (name, value)
    WHERE m.value IS DISTINCT FROM winner -> m.name
$$;
COMMENT ON FUNCTION customer_identity_internal.merged_columns(jsonb, jsonb, regclass) IS
    'The columns of a merge''s winner that change, and what they will hold';

-- The winner's columns that a foreign key has beside its id: they are filled before the rows move, the others, which may be
-- unique, when the loser is gone.
CREATE FUNCTION customer_identity_internal.key_changes(changes jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_object_agg(e.key, e.value), '{}')
    FROM (
        SELECT DISTINCT c.name
        FROM customer_identity_internal.foreign_keys_to(customers) AS k
        CROSS JOIN LATERAL unnest(k.referenced) AS c (name)
        WHERE NOT k.is_generated AND 'id' = ANY (k.referenced)
    ) AS k
    JOIN jsonb_each(changes) AS e ON e.key = k.name
$$;
COMMENT ON FUNCTION customer_identity_internal.key_changes(jsonb, regclass) IS
    'Those of a winner''s changes that rows which refer to it depend on';

CREATE FUNCTION customer_identity_internal.merge_tables(winner_row jsonb, loser_row jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_agg(f.value ORDER BY f.value ->> 'table', f.place), '[]')
    FROM customer_identity_internal.table_of_each_owner(customers) AS t (relation)
    CROSS JOIN LATERAL jsonb_array_elements(customer_identity_internal.rows_to_move(t.relation, loser_row, winner_row, customers))
        WITH ORDINALITY AS f (value, place)
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_tables(jsonb, jsonb, regclass) IS
    'The tables that refer to a merge''s loser, with conflicts';

CREATE FUNCTION customer_identity_internal.require_two(winner uuid, loser uuid)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF winner IS NULL OR loser IS NULL OR winner = loser THEN
        RAISE EXCEPTION 'two customers are needed'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass the id of the customer that stays, and that of another one.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_two(uuid, uuid) IS
    'Raises 22023 unless two customers are meant';

-- NULL: the merge may go on.
CREATE FUNCTION customer_identity_internal.merge_refusal(tables jsonb)
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(
        format('Both have rows in %s that key %s (%s) allows one of%s.', t.value ->> 'table', k.value ->> 'key', k.value ->> 'columns',
            COALESCE(
                ': ' || (SELECT string_agg(format('(%s)', v.value), ', ' ORDER BY v.place)
                    FROM jsonb_array_elements_text(NULLIF(k.value -> 'values', 'null')) WITH ORDINALITY AS v (value, place))
                || CASE WHEN k.value -> 'more' = '0' THEN '' ELSE format(' and %s more', k.value ->> 'more') END,
                format(' (%s)', k.value ->> 'rows'))),
        ' ' ORDER BY t.value ->> 'table', k.value ->> 'key')
    FROM jsonb_array_elements(tables) AS t
    CROSS JOIN LATERAL jsonb_array_elements(t.value -> 'conflicts') AS k
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_refusal(jsonb) IS
    'Why a merge is refused, from what merge_tables returns';

CREATE FUNCTION customer_identity_internal.notes_refusal(changes jsonb, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason text;
BEGIN
    IF changes ? 'notes' THEN
        PERFORM customer_identity_internal.converted_value(customers, 'notes', changes -> 'notes');
    END IF;
    RETURN NULL;
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
    RETURN format('Column notes cannot hold the notes of both. %s', reason);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.notes_refusal(jsonb, regclass) IS
    'Why the notes of two customers cannot be joined; NULL: they can';

CREATE FUNCTION customer_identity.merge_preview(winner uuid, loser uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
DECLARE
    winner_row jsonb;
    loser_row jsonb;
    changes jsonb;
    tables jsonb;
BEGIN
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'a merge', 'release_phone() frees the phone of one, and add_phone() gives it to the other, whose is what comes by it from then on.');
    PERFORM customer_identity_internal.require_two(winner, loser);
    winner_row := customer_identity_internal.customer_row(winner, customers);
    loser_row := customer_identity_internal.customer_row(loser, customers);
    changes := customer_identity_internal.merged_columns(winner_row, loser_row, customers);
    tables := customer_identity_internal.merge_tables(
        winner_row || customer_identity_internal.key_changes(changes, customers), loser_row, customers);
    RETURN jsonb_build_object(
        'tables', tables,
        'fields', (
            SELECT COALESCE(
                jsonb_agg(
                    jsonb_build_object('column', e.name, 'winner', winner_row -> e.name, 'loser', loser_row -> e.name,
                        'result', COALESCE(changes -> e.name, winner_row -> e.name))
                    ORDER BY e.place),
                '[]')
            FROM customer_identity_internal.editable_columns(customers) WITH ORDINALITY AS e (name, place)),
        'phones', customer_identity_internal.phones_of(winner, customers) || customer_identity_internal.phones_of(loser, customers),
        'points', (winner_row ->> 'loyalty_points')::numeric + (loser_row ->> 'loyalty_points')::numeric,
        'refused', NULLIF(concat_ws(' ', customer_identity_internal.merge_refusal(tables), customer_identity_internal.notes_refusal(changes, customers)), ''));
END
$$;
COMMENT ON FUNCTION customer_identity.merge_preview(uuid, uuid, regclass) IS
    'What merge_customers would do: rows by table with their conflicts, the fields side by side, phones, points, and why it would be refused';
REVOKE EXECUTE ON FUNCTION customer_identity.merge_preview(uuid, uuid, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.phones_of(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones jsonb;
BEGIN
    EXECUTE format(
        'SELECT COALESCE(jsonb_agg(p.phone ORDER BY p.place, p.phone), ''[]'') FROM ('
        ' SELECT c.phone::text, 0 FROM %s AS c WHERE c.id = $1 AND c.phone IS NOT NULL'
        ' UNION ALL SELECT a.phone::text, 1 FROM %s AS a WHERE a.customer_id = $1 AND a.until IS NULL) AS p (phone, place)',
        customers, customer_identity_internal.companion_of(customers, 'customer_phones'))
        INTO phones
        USING customer_id;
    RETURN phones;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phones_of(uuid, regclass) IS
    'The live phones of a customer, the primary one first';

-- Not of a sequence, so that nothing of it is left when the merge is undone; no id is ever given again.
CREATE FUNCTION customer_identity_internal.new_merge_id()
    RETURNS bigint
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;
COMMENT ON FUNCTION customer_identity_internal.new_merge_id() IS
    'The id of a new merge: the time in microseconds; the caller has taken its turn';

CREATE FUNCTION customer_identity_internal.refuse_merge(detail text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the customers cannot be merged'
        USING ERRCODE = 'CI006', DETAIL = detail,
            HINT = 'Decide which of these rows stays, delete or change the other one, shorten notes that are too long, and merge again.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_merge(text) IS
    'Raises CI006 for customers whose rows clash';

-- What clashes() cannot foresee is refused as it is met: exclusion constraints, checks, keys of the application's own.
CREATE FUNCTION customer_identity_internal.move_all_references(source jsonb, target jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    next regclass;
    moved jsonb := '[]';
    schema_name text;
    table_name text;
    key_name text;
BEGIN
    FOR next IN SELECT t.* FROM customer_identity_internal.table_of_each_owner(customers) AS t LOOP
        moved := moved || customer_identity_internal.move_all_rows(next, source, target, customers);
    END LOOP;
    RETURN moved;
EXCEPTION WHEN unique_violation OR exclusion_violation OR check_violation OR foreign_key_violation THEN
    GET STACKED DIAGNOSTICS schema_name = SCHEMA_NAME, table_name = TABLE_NAME, key_name = CONSTRAINT_NAME;
    IF key_name = '' THEN
        RAISE;
    END IF;
    PERFORM customer_identity_internal.refuse_merge(format(
        CASE WHEN SQLSTATE IN ('23505', '23P01') THEN 'Both have rows in %I.%I that key %I%s allows one of.' ELSE 'A row of %I.%I would break constraint %I%s.' END,
        schema_name, table_name, key_name,
        (SELECT format(' (%s)', customer_identity_internal.key_of_index(c.oid))
            FROM pg_class AS c WHERE c.relnamespace = to_regnamespace(quote_ident(schema_name)) AND c.relname = key_name AND c.relkind IN ('i', 'I'))));
WHEN string_data_right_truncation OR numeric_value_out_of_range THEN
    PERFORM customer_identity_internal.refuse_merge(format('A column that refers to one of them cannot hold what the other one has: %s.', SQLERRM));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_all_references(jsonb, jsonb, regclass) IS
    'Makes everything that refers to one customer refer to another, and returns what it moved; CI006 with the constraint that is in the way';

-- Of what triggers of the application write elsewhere they say themselves what is wrong.
CREATE FUNCTION customer_identity_internal.refuse_row(
    code text, message text, table_name text, column_name text, constraint_name text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    book constant text := customer_identity_internal.qualified_name(customers);
BEGIN
    IF table_name NOT IN ('', (SELECT c.relname FROM pg_class AS c WHERE c.oid = customers)) OR (code LIKE '23%' AND column_name || constraint_name = '') THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'customers does not accept the row'
        USING ERRCODE = 'CI006',
            DETAIL = CASE
                WHEN code = '23502' THEN format('Column %I of %s is NOT NULL, and would be empty.', column_name, book)
                WHEN code LIKE '23%' THEN format('The row would break constraint %I of %s.', constraint_name, book)
                ELSE format('Reason: %s.', message)
            END,
            HINT = CASE
                WHEN code = '23502' AND column_name = 'phone' THEN format('Customers are left without a phone here: ALTER TABLE %s ALTER COLUMN phone DROP NOT NULL;', book)
                WHEN code = '23502' THEN format('Give it a default, or: ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', book, column_name)
                ELSE 'Change the column or constraint, or the values that are in the way, and call again.'
            END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_row(text, text, text, text, text, regclass) IS
    'Raises CI006 for a row of customers that columns or constraints of the application do not allow; nothing for an error that is about something else';

CREATE FUNCTION customer_identity_internal.write_columns(customer_id uuid, changes jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(SELECT k.key FROM jsonb_object_keys(changes) AS k (key));
    table_name text;
    column_name text;
    constraint_name text;
BEGIN
    IF names <> '{}' AND customer_identity_internal.is_spread(customers) THEN
        EXECUTE format('UPDATE %s AS c SET %s WHERE c.id = $1', customers, customer_identity_internal.assignments(changes, names, customers))
            USING customer_id;
    ELSIF names <> '{}' THEN
        PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
        EXECUTE format(
            'UPDATE %s AS c SET %s FROM pg_catalog.jsonb_to_record($2) AS n (%s) WHERE c.id OPERATOR(pg_catalog.=) $1',
            customer_identity_internal.qualified_name(customers),
            (SELECT string_agg(format('%1$I = n.%1$I', k.name), ', ') FROM unnest(names) AS k (name)),
            customer_identity_internal.typed_columns(customers, names))
            USING customer_id, changes;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    END IF;
EXCEPTION WHEN not_null_violation OR check_violation OR string_data_right_truncation OR numeric_value_out_of_range THEN
    GET STACKED DIAGNOSTICS table_name = TABLE_NAME, column_name = COLUMN_NAME, constraint_name = CONSTRAINT_NAME;
    PERFORM customer_identity_internal.refuse_row(SQLSTATE, SQLERRM, table_name, column_name, constraint_name, customers);
    RAISE;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_columns(uuid, jsonb, regclass) IS
    'Writes columns of a customer, whichever they are';

CREATE FUNCTION customer_identity_internal.delete_customer(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deleted bigint;
BEGIN
    PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
    EXECUTE format('DELETE FROM %s AS c WHERE c.id OPERATOR(pg_catalog.=) $1', customer_identity_internal.qualified_name(customers))
        USING customer_id;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF deleted = 0 THEN
        RAISE EXCEPTION 'the customer cannot be deleted'
            USING ERRCODE = 'CI006', DETAIL = format('A trigger of %s keeps rows as they are.', customers),
                HINT = 'Let the trigger return OLD for the rows that customer_identity deletes.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.delete_customer(uuid, regclass) IS
    'Deletes a customer that nothing refers to any more; CI006 when it stays';

-- The sum of the entries, which came along; the orders' points have come by the triggers.
CREATE FUNCTION customer_identity_internal.entry_points(customer_id uuid, keys jsonb, customers regclass)
    RETURNS numeric
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    points numeric;
BEGIN
    EXECUTE format(
        'SELECT COALESCE(sum(e.points), 0) FROM %s AS e WHERE e.customer_id = $1'
        ' AND ($2 IS NULL OR e.id::text IN (SELECT k.value ->> ''id'' FROM jsonb_array_elements($2) AS k))',
        customer_identity_internal.companion_of(customers, 'loyalty_entries'))
        INTO points
        USING customer_id, keys;
    RETURN points;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.entry_points(uuid, jsonb, regclass) IS
    'The points of a customer''s loyalty entries: of all, or of those with the keys';

CREATE FUNCTION customer_identity_internal.add_points(customer_id uuid, points numeric, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF points <> 0 THEN
        PERFORM customer_identity_internal.write_columns(customer_id,
            jsonb_build_object('loyalty_points',
                COALESCE((customer_identity_internal.customer_row(customer_id, customers) ->> 'loyalty_points')::numeric, 0) + points),
            customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.add_points(uuid, numeric, regclass) IS
    'Adds points to a customer''s balance; the caller has locked it';

-- Totals that no orders make up are the application's own, and do not come with rows.
CREATE FUNCTION customer_identity_internal.is_fed(customers regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM customer_identity_internal.totals_sources(customers));
COMMENT ON FUNCTION customer_identity_internal.is_fed(regclass) IS
    'Whether a table of orders makes up the totals of a book';

CREATE FUNCTION customer_identity_internal.add_totals(customer_id uuid, added jsonb, subtracted jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present jsonb;
BEGIN
    IF customer_id IS NULL THEN
        RETURN;
    END IF;
    present := customer_identity_internal.customer_row(customer_id, customers);
    PERFORM customer_identity_internal.write_columns(customer_id, (
        SELECT jsonb_object_agg(t.name, COALESCE((present ->> t.name)::numeric, 0)
            + COALESCE((added ->> t.name)::numeric, 0) - COALESCE((subtracted ->> t.name)::numeric, 0))
        FROM (VALUES ('total_orders'), ('total_spent'), ('loyalty_points')) AS t (name)), customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.add_totals(uuid, jsonb, jsonb, regclass) IS
    'Adds the totals of one row of customers to a customer, and takes those of another away; the caller has locked it';

-- Rows of the winner that look as if they had come by the loser's phones, and did not: an undoing leaves them alone.
CREATE FUNCTION customer_identity_internal.rows_that_stay(winner uuid, loser uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones constant text[] := ARRAY(SELECT jsonb_array_elements_text(customer_identity_internal.phones_of(loser, customers)));
BEGIN
    RETURN (
        SELECT COALESCE(jsonb_object_agg(customer_identity_internal.told_name(a.attached), k.keys), '{}')
        FROM customer_identity_internal.attached_in_order(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.keys_by_phones(a.attached, winner, phones, loser, NULL::timestamptz, NULL::jsonb, customers) AS k (keys)
        WHERE k.keys <> '[]'
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_that_stay(uuid, uuid, regclass) IS
    'The keys of a merge''s winner''s rows, by table, that came by one of the loser''s phones or logins';

-- A winner without a phone gets the loser's; else it leads to the winner as a further one.
CREATE FUNCTION customer_identity_internal.hand_phone_over(winner_row jsonb, loser_row jsonb, actor text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    winner constant uuid := winner_row ->> 'id';
BEGIN
    IF loser_row ->> 'phone' IS NULL THEN
        RETURN;
    END IF;
    IF winner_row ->> 'phone' IS NULL THEN
        PERFORM customer_identity_internal.write_columns(winner, jsonb_build_object('phone', loser_row -> 'phone'), customers);
        PERFORM customer_identity_internal.mark_as_proved(winner, customers);
    ELSE
        EXECUTE format('INSERT INTO %s (customer_id, phone, since, reason, actor) VALUES ($1, $2, $3, ''merge'', $4)',
            customer_identity_internal.companion_of(customers, 'customer_phones'))
            USING winner, loser_row ->> 'phone', (loser_row ->> 'created_at')::timestamptz, actor;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hand_phone_over(jsonb, jsonb, text, regclass) IS
    'Makes the phone of a merge''s loser, who is gone, lead to the winner';

-- JSON keeps most values as they are. Not the spaces of json, nor the bounds of arrays.
CREATE FUNCTION customer_identity_internal.exact_texts(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(
        SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
    texts jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_strip_nulls(jsonb_object(%L::text[], ARRAY[%s])) FROM %s AS c, jsonb_to_record(%s) AS n (%s) WHERE c.id = $1',
        names, (SELECT string_agg(format('NULLIF(customer_identity_internal.exact_text(c.%1$I), customer_identity_internal.exact_text(n.%1$I))', k.name), ', ' ORDER BY k.place)
            FROM unnest(names) WITH ORDINALITY AS k (name, place)),
        customers, customer_identity_internal.customer_as_json(customers), customer_identity_internal.typed_columns(customers, names))
        INTO texts
        USING customer_id;
    RETURN texts;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.exact_texts(uuid, regclass) IS
    'The columns of a customer that come back changed from its row as JSON, as text';

-- Tables and columns may have other names when the merge is undone. A book that was restored from a dump has other numbers: then
-- names have to do.
CREATE FUNCTION customer_identity_internal.names_for_record(moved jsonb, stay jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_agg(
            jsonb_build_object('table', t.name, 'oid', t.relation::oid, 'columns', (
                SELECT jsonb_object_agg(a.attname, a.attnum) FROM pg_attribute AS a
                WHERE a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped))
            ORDER BY t.relation <> customers, t.name)
        FROM (
            SELECT DISTINCT r.relation, customer_identity_internal.told_name(r.relation) AS name
            FROM (SELECT o.relation FROM customer_identity_internal.references_to(customers) AS o UNION SELECT customers) AS r
        ) AS t
        WHERE t.relation = customers OR stay ? t.name OR moved @> jsonb_build_array(jsonb_build_object('table', t.name))
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.names_for_record(jsonb, jsonb, regclass) IS
    'The tables of a merge with their columns, customers first: [{table, oid, columns: {name: number}}]';

CREATE FUNCTION customer_identity_internal.merge(winner uuid, loser uuid, actor text, reason text, customers regclass)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    merges constant text := customer_identity_internal.companion_of(customers, 'customer_merges');
    merge_id bigint;
    refusal text;
    winner_row jsonb;
    loser_row jsonb;
    changes jsonb;
    key_changes jsonb;
    texts jsonb;
    points numeric;
    stay jsonb;
    moved jsonb;
BEGIN
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'a merge', 'release_phone() frees the phone of one, and add_phone() gives it to the other, whose is what comes by it from then on.');
    PERFORM customer_identity_internal.require_two(winner, loser);
    PERFORM customer_identity_internal.take_turn(customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.customer_row(winner, customers);
    PERFORM customer_identity_internal.customer_row(loser, customers);
    PERFORM customer_identity_internal.hold_for_merge(winner, loser, customers);
    winner_row := customer_identity_internal.customer_row(winner, customers);
    loser_row := customer_identity_internal.customer_row(loser, customers);

    changes := customer_identity_internal.merged_columns(winner_row, loser_row, customers);
    key_changes := customer_identity_internal.key_changes(changes, customers);

    refusal := customer_identity_internal.merge_refusal(customer_identity_internal.merge_tables(winner_row || key_changes, loser_row, customers));
    refusal := concat_ws(' ', refusal, customer_identity_internal.notes_refusal(changes, customers));
    IF refusal <> '' THEN
        PERFORM customer_identity_internal.refuse_merge(refusal);
    END IF;

    texts := customer_identity_internal.exact_texts(loser, customers);
    points := customer_identity_internal.entry_points(loser, NULL::jsonb, customers);
    stay := customer_identity_internal.rows_that_stay(winner, loser, customers);
    PERFORM customer_identity_internal.write_columns(winner, key_changes, customers);
    moved := customer_identity_internal.move_all_references(loser_row, winner_row || key_changes, customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.delete_customer(loser, customers);
    IF customer_identity_internal.is_fed(customers) THEN
        PERFORM customer_identity_internal.add_points(winner, points, customers);
    ELSE
        PERFORM customer_identity_internal.add_totals(winner, loser_row, '{}', customers);
    END IF;
    PERFORM customer_identity_internal.write_columns(winner, changes || jsonb_build_object('updated_at', clock_timestamp()), customers);
    PERFORM customer_identity_internal.hand_phone_over(winner_row, loser_row, actor, customers);

    merge_id := customer_identity_internal.new_merge_id();
    EXECUTE format('INSERT INTO %s (id, winner_id, loser_id, actor, reason, record) VALUES ($1, $2, $3, $4, $5, $6)', merges)
        USING merge_id, winner, loser, actor, reason,
            jsonb_build_object('loser', loser_row, 'texts', texts, 'before', winner_row,
                'after', customer_identity_internal.customer_row(winner, customers), 'moved', moved, 'stay', stay,
                'names', customer_identity_internal.names_for_record(moved, stay, customers));
    PERFORM customer_identity_internal.write_event(customers, winner, 'merged',
        jsonb_strip_nulls(jsonb_build_object('merge_id', merge_id, 'loser', loser, 'reason', reason,
            'rows', (SELECT sum(jsonb_array_length(m.value -> 'keys')) FROM jsonb_array_elements(moved) AS m))),
        actor);
    RETURN merge_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merge(uuid, uuid, text, text, regclass) IS
    'What merge_customers() does';

CREATE FUNCTION customer_identity.merge_customers(
    winner uuid, loser uuid, actor text DEFAULT NULL, reason text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS bigint
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
BEGIN
    RETURN customer_identity_internal.merge(winner, loser, actor, reason, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.merge_customers(uuid, uuid, text, text, regclass) IS
    'Makes two customers one: what refers to the loser, in any table, refers to the winner, its phones lead there, and its points are added. CI006 where both have rows that a unique key allows one of. Returns the merge''s id, for unmerge_customers';
REVOKE EXECUTE ON FUNCTION customer_identity.merge_customers(uuid, uuid, text, text, regclass) FROM PUBLIC;

-- The owner of the book may execute none of the public functions unless it was granted.
CREATE FUNCTION customer_identity_internal.living_customer(customer_id uuid, customers regclass)
    RETURNS uuid
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id uuid;
BEGIN
    IF customer_identity_internal.has_computed_ids(customers) THEN
        EXECUTE format('SELECT c.id FROM %s AS c WHERE c.id = $1', customers) INTO found_id USING customer_id;
        RETURN found_id;
    END IF;
    EXECUTE format(
        'WITH RECURSIVE way (id) AS ('
        ' SELECT $1 UNION SELECT m.winner_id FROM way AS w JOIN %s AS m ON m.loser_id = w.id)'
        ' SELECT c.id FROM way AS w JOIN %s AS c ON c.id = w.id',
        customer_identity_internal.companion_of(customers, 'customer_merges'), customers)
        INTO found_id
        USING customer_id;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.living_customer(uuid, regclass) IS
    'What current_customer() returns';

CREATE FUNCTION customer_identity.current_customer(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS uuid
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
AS $$
BEGIN
    RETURN customer_identity_internal.living_customer(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.current_customer(uuid, regclass) IS
    'The customer itself, or the one that it lives on in since it was merged; NULL: there is none';
REVOKE EXECUTE ON FUNCTION customer_identity.current_customer(uuid, regclass) FROM PUBLIC;
