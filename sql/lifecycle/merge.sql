CREATE FUNCTION customer_identity_internal.lock_for_merge(winner uuid, loser uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR UPDATE NOWAIT', customers) USING loser;
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR NO KEY UPDATE NOWAIT', customers) USING winner;
    PERFORM customer_identity_internal.lock_references(r.relation, r.column_name, loser, customers)
    FROM customer_identity_internal.referencing_columns(customers) AS r;
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

CREATE FUNCTION customer_identity_internal.customer_row(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(c.*) FROM %s AS c WHERE c.id = $1', customers) INTO found_row USING customer_id;
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

-- What the winner's columns will hold: what is empty is filled from the loser, and notes are joined.
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
            WHEN COALESCE(btrim(winner ->> e.name), '') = '' AND btrim(loser ->> e.name) <> '' THEN loser -> e.name
            ELSE winner -> e.name
        END
        FROM customer_identity_internal.editable_columns(customers) AS e (name)
    ) AS m (name, value)
    WHERE m.value IS DISTINCT FROM winner -> m.name
$$;
COMMENT ON FUNCTION customer_identity_internal.merged_columns(jsonb, jsonb, regclass) IS
    'The columns of a merge''s winner that change, and what they will hold';

-- Proofs, entries, phones and events come along, and are none of the application's rows.
CREATE FUNCTION customer_identity_internal.merge_tables(winner uuid, loser uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT COALESCE(
            jsonb_agg(
                jsonb_build_object(
                    'table', customer_identity_internal.qualified_name(r.relation), 'column', r.column_name,
                    'rows', customer_identity_internal.count_references(r.relation, r.column_name, loser, customers),
                    'conflicts', c.conflicts)
                ORDER BY customer_identity_internal.qualified_name(r.relation), r.column_name),
            '[]')
        FROM customer_identity_internal.referencing_columns(customers) AS r
        CROSS JOIN LATERAL (
            SELECT COALESCE(jsonb_agg(jsonb_build_object('key', k.key, 'rows', k.conflicts) ORDER BY k.key), '[]')
            FROM customer_identity_internal.reference_conflicts(r.relation, r.column_name, winner, loser, customers) AS k
        ) AS c (conflicts)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_tables(uuid, uuid, regclass) IS
    'The tables that refer to a merge''s loser: rows that would move and unique indexes that they would clash in';

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
        format('Both have rows in %s that key %s allows one of (%s).', t.value ->> 'table', k.value ->> 'key', k.value ->> 'rows'),
        ' ' ORDER BY t.value ->> 'table', k.value ->> 'key')
    FROM jsonb_array_elements(tables) AS t
    CROSS JOIN LATERAL jsonb_array_elements(t.value -> 'conflicts') AS k
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_refusal(jsonb) IS
    'Why a merge is refused, from what merge_tables returns';

CREATE FUNCTION customer_identity.merge_preview(winner uuid, loser uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
DECLARE
    winner_row jsonb;
    loser_row jsonb;
    changes jsonb;
    tables jsonb;
BEGIN
    PERFORM customer_identity_internal.require_two(winner, loser);
    winner_row := customer_identity_internal.customer_row(winner, customers);
    loser_row := customer_identity_internal.customer_row(loser, customers);
    changes := customer_identity_internal.merged_columns(winner_row, loser_row, customers);
    tables := customer_identity_internal.merge_tables(winner, loser, customers);
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
        'refused', customer_identity_internal.merge_refusal(tables));
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
            HINT = 'Decide which of these rows stays, delete or change the other one, and merge again.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_merge(text) IS
    'Raises CI006 for customers whose rows clash';

-- A clash that reference_conflicts() cannot foresee is refused as it is met: in an exclusion constraint, in an index of one
-- partition, or of two columns that both refer to customers.
CREATE FUNCTION customer_identity_internal.move_all_references(loser uuid, winner uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    referencing record;
    moved jsonb := '[]';
    schema_name text;
    table_name text;
    key_name text;
BEGIN
    FOR referencing IN SELECT r.relation, r.column_name FROM customer_identity_internal.referencing_columns(customers) AS r LOOP
        moved := moved || jsonb_build_object(
            'table', customer_identity_internal.qualified_name(referencing.relation), 'column', referencing.column_name,
            'keys', customer_identity_internal.move_references(referencing.relation, referencing.column_name, loser, winner, NULL::jsonb, customers));
        IF customer_identity_internal.count_references(referencing.relation, referencing.column_name, loser, customers) > 0 THEN
            RAISE EXCEPTION 'rows cannot be moved to another customer'
                USING ERRCODE = 'CI006', DETAIL = format('A trigger on %s keeps them.', referencing.relation),
                    HINT = 'Let the trigger return NEW for the rows that customer_identity writes.';
        END IF;
    END LOOP;
    RETURN moved;
EXCEPTION WHEN unique_violation OR exclusion_violation THEN
    GET STACKED DIAGNOSTICS schema_name = SCHEMA_NAME, table_name = TABLE_NAME, key_name = CONSTRAINT_NAME;
    IF key_name = '' THEN
        RAISE;
    END IF;
    PERFORM customer_identity_internal.refuse_merge(format('Both have rows in %I.%I that key %I allows one of.', schema_name, table_name, key_name));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_all_references(uuid, uuid, regclass) IS
    'Makes everything that refers to one customer refer to another, and returns what it moved';

CREATE FUNCTION customer_identity_internal.write_columns(customer_id uuid, changes jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(SELECT k.key FROM jsonb_object_keys(changes) AS k (key));
BEGIN
    IF names <> '{}' THEN
        PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
        EXECUTE format(
            'UPDATE %s AS c SET %s FROM pg_catalog.jsonb_to_record($2) AS n (%s) WHERE c.id OPERATOR(pg_catalog.=) $1',
            customer_identity_internal.qualified_name(customers),
            (SELECT string_agg(format('%1$I = n.%1$I', k.name), ', ') FROM unnest(names) AS k (name)),
            customer_identity_internal.typed_columns(customers, names))
            USING customer_id, changes;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_columns(uuid, jsonb, regclass) IS
    'Writes columns of a customer, whichever they are';

CREATE FUNCTION customer_identity_internal.delete_customer(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
    EXECUTE format('DELETE FROM %s AS c WHERE c.id OPERATOR(pg_catalog.=) $1', customer_identity_internal.qualified_name(customers))
        USING customer_id;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.delete_customer(uuid, regclass) IS
    'Deletes a customer that nothing refers to any more';

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
        SELECT COALESCE(jsonb_object_agg(customer_identity_internal.qualified_name(a.attached), k.keys), '{}')
        FROM customer_identity_internal.attached_in_order(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.keys_by_phones(a.attached, winner, phones, loser, NULL::timestamptz, NULL::jsonb, customers) AS k (keys)
        WHERE k.keys <> '[]'
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_that_stay(uuid, uuid, regclass) IS
    'The keys of a merge''s winner''s rows, by table, that came by one of the loser''s phones or logins';

CREATE FUNCTION customer_identity.merge_customers(
    winner uuid, loser uuid, actor text DEFAULT NULL, reason text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS bigint
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    merges constant text := customer_identity_internal.companion_of(customers, 'customer_merges');
    phones constant text := customer_identity_internal.companion_of(customers, 'customer_phones');
    merge_id bigint;
    refusal text;
    winner_row jsonb;
    loser_row jsonb;
    points numeric;
    stay jsonb;
    moved jsonb;
BEGIN
    PERFORM customer_identity_internal.require_two(winner, loser);
    PERFORM customer_identity_internal.take_turn(customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.customer_row(winner, customers);
    PERFORM customer_identity_internal.customer_row(loser, customers);
    PERFORM customer_identity_internal.hold_for_merge(winner, loser, customers);
    winner_row := customer_identity_internal.customer_row(winner, customers);
    loser_row := customer_identity_internal.customer_row(loser, customers);

    refusal := customer_identity_internal.merge_refusal(customer_identity_internal.merge_tables(winner, loser, customers));
    IF refusal IS NOT NULL THEN
        PERFORM customer_identity_internal.refuse_merge(refusal);
    END IF;

    points := customer_identity_internal.entry_points(loser, NULL::jsonb, customers);
    stay := customer_identity_internal.rows_that_stay(winner, loser, customers);
    moved := customer_identity_internal.move_all_references(loser, winner, customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.delete_customer(loser, customers);
    PERFORM customer_identity_internal.add_points(winner, points, customers);
    PERFORM customer_identity_internal.write_columns(winner,
        customer_identity_internal.merged_columns(winner_row, loser_row, customers) || jsonb_build_object('updated_at', clock_timestamp()), customers);
    IF loser_row ->> 'phone' IS NOT NULL THEN
        EXECUTE format('INSERT INTO %s (customer_id, phone, since, reason, actor) VALUES ($1, $2, $3, ''merge'', $4)', phones)
            USING winner, loser_row ->> 'phone', (loser_row ->> 'created_at')::timestamptz, actor;
    END IF;

    merge_id := customer_identity_internal.new_merge_id();
    EXECUTE format('INSERT INTO %s (id, winner_id, loser_id, actor, reason, record) VALUES ($1, $2, $3, $4, $5, $6)', merges)
        USING merge_id, winner, loser, actor, reason,
            jsonb_build_object('loser', loser_row, 'before', winner_row,
                'after', customer_identity_internal.customer_row(winner, customers), 'moved', moved, 'stay', stay);
    PERFORM customer_identity_internal.write_event(customers, winner, 'merged',
        jsonb_strip_nulls(jsonb_build_object('merge_id', merge_id, 'loser', loser, 'reason', reason,
            'rows', (SELECT sum(jsonb_array_length(m.value -> 'keys')) FROM jsonb_array_elements(moved) AS m))),
        actor);
    RETURN merge_id;
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
