CREATE FUNCTION customer_identity_internal.merge_record(merge_id bigint, customers regclass, OUT winner uuid, OUT loser uuid, OUT record jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT m.winner_id, m.loser_id, m.record FROM %s AS m WHERE m.id = $1',
        customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO winner, loser, record
        USING merge_id;
    IF loser IS NULL THEN
        RAISE EXCEPTION 'there is no such merge'
            USING ERRCODE = 'no_data_found', DETAIL = format('No merge in force has the id %s.', merge_id),
                HINT = 'It may have been undone. customer_history() of the winner tells the ids of merges.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_record(bigint, regclass) IS
    'A merge in force; P0002 when there is none';

-- A table that no longer refers to customers may have been swapped for a copy with its name.
CREATE FUNCTION customer_identity_internal.names_since(record jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_object_agg(n.value ->> 'table', jsonb_build_object(
            'table', customer_identity_internal.told_name(r.relation),
            'columns', (
                SELECT jsonb_object_agg(o.key, a.attname)
                FROM jsonb_each_text(n.value -> 'columns') AS o
                JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum = o.value::integer AND NOT a.attisdropped AND a.attname <> o.key)))
        FROM jsonb_array_elements(record -> 'names') AS n
        JOIN (SELECT o.relation FROM customer_identity_internal.references_to(customers) AS o UNION SELECT customers) AS r
            ON r.relation::oid = (n.value ->> 'oid')::oid
        WHERE (record #>> '{names,0,oid}')::oid = customers
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.names_since(jsonb, regclass) IS
    'The names that tables of a merge and their columns have now: {table: {table, columns: {old: new}}}; NULL: they cannot be told';

CREATE FUNCTION customer_identity_internal.renamed_keys(object jsonb, names jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN names IS NULL OR names = 'null' THEN object
        ELSE (SELECT COALESCE(jsonb_object_agg(COALESCE(names ->> e.key, e.key), e.value), '{}') FROM jsonb_each(object) AS e) END
$$;
COMMENT ON FUNCTION customer_identity_internal.renamed_keys(jsonb, jsonb) IS
    'A JSON object with other keys, {old: new}';

CREATE FUNCTION customer_identity_internal.renamed_items(list jsonb, names jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_agg(COALESCE(names ->> i.item, i.item) ORDER BY i.place), '[]')
    FROM jsonb_array_elements_text(list) WITH ORDINALITY AS i (item, place)
$$;
COMMENT ON FUNCTION customer_identity_internal.renamed_items(jsonb, jsonb) IS
    'A JSON array of names with other names, {old: new}';

CREATE FUNCTION customer_identity_internal.renamed_rows(rows jsonb, names jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN names IS NULL OR names = 'null' THEN rows
        ELSE (SELECT COALESCE(jsonb_agg(customer_identity_internal.renamed_keys(r.value, names) ORDER BY r.place), '[]')
            FROM jsonb_array_elements(rows) WITH ORDINALITY AS r (value, place)) END
$$;
COMMENT ON FUNCTION customer_identity_internal.renamed_rows(jsonb, jsonb) IS
    'A JSON array of objects with other keys, {old: new}';

CREATE FUNCTION customer_identity_internal.renamed_record(record jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant jsonb := customer_identity_internal.names_since(record, customers);
    own constant jsonb := names #> ARRAY[record #>> '{names,0,table}', 'columns'];
BEGIN
    IF names IS NULL THEN
        RETURN record;
    END IF;
    RETURN record
        || (SELECT jsonb_object_agg(r.name, customer_identity_internal.renamed_keys(record -> r.name, own))
            FROM (VALUES ('loser'), ('texts'), ('before'), ('after')) AS r (name))
        || jsonb_build_object(
            'moved', (
                SELECT COALESCE(jsonb_agg(p.value || jsonb_build_object(
                    'table', COALESCE(n.value ->> 'table', p.value ->> 'table'),
                    'ways', (
                        SELECT jsonb_agg(jsonb_build_object('columns', customer_identity_internal.renamed_items(w.value -> 'columns', n.value -> 'columns'),
                            'referenced', customer_identity_internal.renamed_items(w.value -> 'referenced', own)))
                        FROM jsonb_array_elements(p.value -> 'ways') AS w),
                    'keys', customer_identity_internal.renamed_rows(p.value -> 'keys', n.value -> 'columns')) ORDER BY p.place), '[]')
                FROM jsonb_array_elements(record -> 'moved') WITH ORDINALITY AS p (value, place)
                LEFT JOIN jsonb_each(names) AS n ON n.key = p.value ->> 'table'),
            'stay', (
                SELECT COALESCE(jsonb_object_agg(s.key, '[]'::jsonb) || jsonb_object_agg(COALESCE(n.value ->> 'table', s.key), customer_identity_internal.renamed_rows(s.value, n.value -> 'columns')), '{}')
                FROM jsonb_each(record -> 'stay') AS s
                LEFT JOIN jsonb_each(names) AS n ON n.key = s.key
                WHERE n.key IS NOT NULL OR to_regclass(s.key) IS NOT NULL));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.renamed_record(jsonb, regclass) IS
    'The record of a merge with the names that tables and columns have now';

-- As customer_row() returns it now: records of earlier merges have rows as the settings of their session made them.
CREATE FUNCTION customer_identity_internal.exact_row(customer jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped AND customer ? a.attname::text
            AND a.atttypid = customer_identity_internal.base_type(a.atttypid) AND NOT customer_identity_internal.has_own_json(a.atttypid));
    exact jsonb;
BEGIN
    EXECUTE format('SELECT $1 || customer_identity_internal.exact_json(n.*) FROM jsonb_to_record($1) AS n (%s)',
        customer_identity_internal.typed_columns(customers, names))
        INTO exact
        USING customer;
    RETURN exact;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.exact_row(jsonb, regclass) IS
    'A row of customers in the record of a merge, as such rows are written now';

-- Columns that hold what the merge left in them get back what they held before it. One that referred to the loser comes back
-- with the rows that did.
CREATE FUNCTION customer_identity_internal.restored_columns(record jsonb, present jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_object_agg(n.name, record -> 'before' -> n.name), '{}')
    FROM (
        SELECT e.name FROM customer_identity_internal.editable_columns(customers) AS e (name)
        UNION ALL SELECT 'updated_at'
    ) AS n (name)
    WHERE present -> n.name IS NOT DISTINCT FROM record -> 'after' -> n.name
        AND record -> 'before' ? n.name
        AND record -> 'before' -> n.name IS DISTINCT FROM record -> 'after' -> n.name
        AND record -> 'before' -> n.name <> record -> 'loser' -> 'id'
$$;
COMMENT ON FUNCTION customer_identity_internal.restored_columns(jsonb, jsonb, regclass) IS
    'The columns of a merge''s winner that go back to what they were before it';

CREATE FUNCTION customer_identity_internal.is_key_of_phone(name text, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = customers AND c.relname = name AND a.attname = 'phone');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_key_of_phone(text, regclass) IS
    'Whether a unique key of customers is one of phones';

-- The totals come back by the triggers, with the orders. `texts` are values that JSON would change.
CREATE FUNCTION customer_identity_internal.insert_customer(customer jsonb, texts jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
    expressions text;
    names text[];
    holder uuid;
    table_name text;
    column_name text;
    constraint_name text;
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), array_agg(a.attname::text),
        string_agg(
            CASE WHEN texts ? a.attname::text THEN format('CAST($2 OPERATOR(pg_catalog.->>) %L AS %s)', a.attname, format_type(a.atttypid, a.atttypmod))
                ELSE format('n.%I', a.attname) END,
            ', ' ORDER BY a.attnum)
        INTO columns, names, expressions
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND customer ? a.attname::text;
    PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM pg_catalog.jsonb_to_record($1) AS n (%s)',
        customer_identity_internal.qualified_name(customers), columns, expressions, customer_identity_internal.typed_columns(customers, names))
        USING customer || '{"total_orders": 0, "total_spent": 0, "loyalty_points": 0}', texts;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
EXCEPTION WHEN not_null_violation OR foreign_key_violation OR unique_violation OR check_violation OR exclusion_violation THEN
    GET STACKED DIAGNOSTICS table_name = TABLE_NAME, column_name = COLUMN_NAME, constraint_name = CONSTRAINT_NAME;
    holder := customer_identity_internal.holder_of_phone(customer ->> 'phone', customers);
    IF SQLSTATE = '23505' AND (holder IS NOT NULL OR customer_identity_internal.is_key_of_phone(constraint_name, customers)) THEN
        PERFORM customer_identity_internal.refuse_taken_phone(customer ->> 'phone', holder);
    END IF;
    PERFORM customer_identity_internal.refuse_row(SQLSTATE, SQLERRM, table_name, column_name, constraint_name, customers);
    RAISE;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.insert_customer(jsonb, jsonb, regclass) IS
    'Adds a customer''s row with the id that it had, without totals';

-- The loser's phone leads to the winner since the merge. NULL: it has gone another way since.
CREATE FUNCTION customer_identity_internal.take_alias_back(phone text, winner uuid, customers regclass)
    RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken text;
BEGIN
    EXECUTE format('DELETE FROM %s AS p WHERE p.phone = $1 AND p.customer_id = $2 AND p.until IS NULL AND p.reason = ''merge'' RETURNING p.phone',
        customer_identity_internal.companion_of(customers, 'customer_phones'))
        INTO taken
        USING phone, winner;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.take_alias_back(text, uuid, regclass) IS
    'Takes the phone that a merge made lead to its winner away from it again';

-- The winner had none.
CREATE FUNCTION customer_identity_internal.has_phone_by_merge(phone text, customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_by_merge boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS c JOIN %s AS m ON m.winner_id = c.id WHERE c.id = $2 AND c.phone = $1'
        ' AND m.record -> ''after'' ->> ''phone'' = $1 AND m.record -> ''before'' ->> ''phone'' IS NULL)',
        customers, customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO is_by_merge
        USING phone, customer_id;
    RETURN is_by_merge;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_phone_by_merge(text, uuid, regclass) IS
    'Whether a customer got its primary phone from a customer that was merged into it';

-- When the proofs are the loser's again: they would end with the phone.
CREATE FUNCTION customer_identity_internal.hand_phone_back(phone text, holder uuid, loser uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.has_phone_by_merge(phone, holder, customers) THEN
        PERFORM customer_identity_internal.write_columns(holder, '{"phone": null}', customers);
        PERFORM customer_identity_internal.write_columns(loser, jsonb_build_object('phone', phone), customers);
    ELSE
        RAISE NOTICE 'a phone does not go back'
            USING DETAIL = format('Phone %s was released, moved or made the primary one since the merge.', phone);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hand_phone_back(text, uuid, uuid, regclass) IS
    'Gives the loser of a merge the phone that became the winner''s primary one';

CREATE FUNCTION customer_identity_internal.tell_of_rows_left(part jsonb, back bigint)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved constant bigint := jsonb_array_length(part -> 'keys');
BEGIN
    IF back < moved THEN
        RAISE NOTICE 'not all rows go back'
            USING DETAIL = format('Of %s rows of %s, %s are gone or have another customer.', moved, part ->> 'table', moved - back);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.tell_of_rows_left(jsonb, bigint) IS
    'Says that rows that a merge moved do not go back';

-- Keys have ids of the winner in them, as the merge left the rows; since then they may have become another customer's.
CREATE FUNCTION customer_identity_internal.present_parts(parts jsonb, after jsonb, present jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH changed AS MATERIALIZED (
        SELECT customer_identity_internal.told_name(r.relation) AS name, c.name AS column_name, after -> c.referenced AS old, present -> c.referenced AS new
        FROM customer_identity_internal.references_to(customers) AS r
        CROSS JOIN LATERAL unnest(r.columns, r.referenced) AS c (name, referenced)
        WHERE after -> c.referenced IS DISTINCT FROM present -> c.referenced
    )
    SELECT CASE WHEN NOT EXISTS (SELECT FROM changed) THEN parts ELSE (
        SELECT COALESCE(jsonb_agg(p.value || jsonb_build_object('keys', (
            SELECT jsonb_agg(k.value || (
                SELECT COALESCE(jsonb_object_agg(c.column_name, c.new), '{}')
                FROM changed AS c
                WHERE c.name = p.value ->> 'table' AND k.value -> c.column_name = c.old))
            FROM jsonb_array_elements(p.value -> 'keys') AS k)) ORDER BY p.place), '[]')
        FROM jsonb_array_elements(parts) WITH ORDINALITY AS p (value, place)) END
$$;
COMMENT ON FUNCTION customer_identity_internal.present_parts(jsonb, jsonb, jsonb, regclass) IS
    'What a merge moved, with the keys that its rows have now';

-- A key that is looked at later would fail at COMMIT, when it is too late to say why.
CREATE FUNCTION customer_identity_internal.check_late_keys(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    late record;
BEGIN
    FOR late IN
        SELECT DISTINCT format('%I.%I', n.nspname, k.conname) AS name,
            k.condeferred AND NOT EXISTS (
                SELECT FROM pg_constraint AS o WHERE o.connamespace = k.connamespace AND o.conname = k.conname AND NOT o.condeferrable
            ) AS condeferred
        FROM customer_identity_internal.references_to(customers) AS r
        JOIN pg_constraint AS k ON k.confrelid = r.relation OR k.conrelid = r.relation
        JOIN pg_namespace AS n ON n.oid = k.connamespace
        WHERE k.contype = 'f' AND k.condeferrable AND k.conparentid = 0
        ORDER BY 1
    LOOP
        EXECUTE format('SET CONSTRAINTS %s IMMEDIATE', late.name);
        IF late.condeferred THEN
            EXECUTE format('SET CONSTRAINTS %s DEFERRED', late.name);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_late_keys(regclass) IS
    'Looks now at the deferrable foreign keys of tables that refer to customers; 23503 where one is broken';

CREATE FUNCTION customer_identity_internal.move_back(record jsonb, present jsonb, loser_row jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts constant jsonb := customer_identity_internal.present_parts(record -> 'moved', record -> 'after', present, customers);
    next regclass;
    went record;
    back jsonb := '{}';
    key_name text;
BEGIN
    FOR next IN SELECT t.* FROM customer_identity_internal.table_of_each_owner(customers) AS t ORDER BY 1 DESC LOOP
        FOR went IN SELECT m.part, m.back FROM customer_identity_internal.move_rows_back(next, present, loser_row, parts, customers) AS m LOOP
            back := back || jsonb_build_object(went.part::text, went.back);
        END LOOP;
    END LOOP;
    PERFORM customer_identity_internal.check_late_keys(customers);
    PERFORM customer_identity_internal.tell_of_rows_left(p.value, COALESCE((back ->> p.place::text)::bigint, 0))
    FROM jsonb_array_elements(parts) WITH ORDINALITY AS p (value, place);
EXCEPTION WHEN unique_violation OR exclusion_violation OR check_violation OR foreign_key_violation THEN
    GET STACKED DIAGNOSTICS key_name = CONSTRAINT_NAME;
    IF key_name = '' THEN
        RAISE;
    END IF;
    PERFORM customer_identity_internal.refuse_rows(format('They would break constraint %I.', key_name),
        'Undo merges in the reverse order, the latest first, or change the rows that are in the way.');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_back(jsonb, jsonb, jsonb, regclass) IS
    'Gives the loser of a merge its rows again, those that are still the winner''s; CI006 where a constraint is in the way';

-- Not where a table is gone by name, which may be this one, nor where rows have another key now.
CREATE FUNCTION customer_identity_internal.tells_newcomers(stay jsonb, name text, key jsonb)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN stay ? name THEN COALESCE(stay -> name -> 0 ?& ARRAY(SELECT jsonb_object_keys(key)), false)
        ELSE NOT EXISTS (SELECT FROM jsonb_each(stay) AS s WHERE s.value <> '[]' AND to_regclass(s.key) IS NULL)
    END
$$;
COMMENT ON FUNCTION customer_identity_internal.tells_newcomers(jsonb, text, jsonb) IS
    'Whether a merge''s record tells which rows of a table were the winner''s before';

-- Rows written since the merge.
CREATE FUNCTION customer_identity_internal.move_newcomers(stay jsonb, phones text[], winner uuid, loser uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    keys jsonb;
BEGIN
    FOR part IN SELECT a.attached, a.customer_column FROM customer_identity_internal.attached_in_order(customers) AS a LOOP
        keys := customer_identity_internal.keys_by_phones(part.attached, winner, phones, loser, NULL::timestamptz, NULL::jsonb, customers);
        CONTINUE WHEN keys = '[]';
        IF NOT customer_identity_internal.tells_newcomers(stay, customer_identity_internal.told_name(part.attached), keys -> 0) THEN
            RAISE NOTICE 'rows since the merge stay'
                USING DETAIL = format('Which rows of %s are newer than the merge cannot be told: it was renamed, or has another key.', part.attached);
            CONTINUE;
        END IF;
        keys := customer_identity_internal.keys_without(part.attached, part.customer_column, keys,
            COALESCE(stay -> customer_identity_internal.told_name(part.attached), '[]'), customers);
        PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, winner, loser, keys, customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_newcomers(jsonb, text[], uuid, uuid, regclass) IS
    'Gives the loser of a merge what came by its phones since';

-- Since the merge phones have been proved, changed and released: each live proof goes where its phone leads now, or ends.
CREATE FUNCTION customer_identity_internal.settle_proofs(customer_ids uuid[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
    proof record;
    holder uuid;
BEGIN
    FOR proof IN EXECUTE format(
        'SELECT DISTINCT p.phone::text, p.customer_id FROM %s AS p WHERE p.customer_id = ANY ($1) AND p.ended_at IS NULL', proofs)
        USING customer_ids
    LOOP
        holder := customer_identity_internal.holder_of_phone(proof.phone, customers);
        IF holder = ANY (customer_ids) THEN
            EXECUTE format('UPDATE %s AS p SET customer_id = $3 WHERE p.phone = $1 AND p.customer_id = $2 AND p.ended_at IS NULL AND p.customer_id <> $3', proofs)
                USING proof.phone, proof.customer_id, holder;
        ELSE
            PERFORM customer_identity_internal.end_proofs_of(proof.phone, proof.customer_id, 'phone released', customers);
        END IF;
    END LOOP;
    PERFORM customer_identity_internal.mark_as_proved(c.id, customers) FROM unnest(customer_ids) AS c (id) WHERE c.id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.settle_proofs(uuid[], regclass) IS
    'Gives the live proofs of customers to those of them that the phones lead to, ends the others, and sets the flags right';

CREATE FUNCTION customer_identity_internal.mark_as_proved(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'UPDATE %s AS c SET is_phone_verified = NOT c.is_phone_verified WHERE c.id = $1 AND c.is_phone_verified <> EXISTS ('
        ' SELECT FROM %s AS p WHERE p.customer_id = c.id AND p.phone = c.phone AND p.ended_at IS NULL)',
        customers, customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.mark_as_proved(uuid, regclass) IS
    'Makes is_phone_verified of a customer say whether there is a live proof of its phone';

-- The winner was merged itself since: what it had of the loser is with who it lives on in, and in the record of that merge.
CREATE FUNCTION customer_identity_internal.restored_later(record jsonb, winner uuid, present jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges constant text := customer_identity_internal.companion_of(customers, 'customer_merges');
    later record;
BEGIN
    FOR later IN EXECUTE format('SELECT m.id, m.record -> ''loser'' AS loser FROM %s AS m WHERE m.loser_id = $1', merges) USING winner LOOP
        EXECUTE format('UPDATE %s AS m SET record = jsonb_set(m.record, ''{loser}'', $2) WHERE m.id = $1', merges)
            USING later.id, later.loser || customer_identity_internal.restored_columns(record, customer_identity_internal.exact_row(later.loser, customers), customers);
    END LOOP;
    RETURN (
        SELECT COALESCE(jsonb_object_agg(e.name, record -> 'before' -> e.name), '{}')
        FROM customer_identity_internal.editable_columns(customers) AS e (name)
        WHERE present -> e.name = record -> 'loser' -> e.name AND COALESCE(btrim(record -> 'before' ->> e.name), '') = ''
            AND present ->> e.name IS NOT NULL
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.restored_later(jsonb, uuid, jsonb, regclass) IS
    'The columns that a later winner has of an earlier merge''s loser; the later merge forgets them as well';

-- Adding 2.5 and taking it away makes 10.0 of 10.
CREATE FUNCTION customer_identity_internal.same_total(customer_id uuid, before jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
BEGIN
    RETURN CASE WHEN present -> 'total_spent' = before -> 'total_spent' THEN jsonb_build_object('total_spent', before -> 'total_spent') ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.same_total(uuid, jsonb, regclass) IS
    'A customer''s total as it was written before, where it is the same number';

-- A customer that the loser refers to may have been merged since.
CREATE FUNCTION customer_identity_internal.with_living_customers(customer jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT customer || COALESCE(jsonb_object_agg(r.columns[1], customer_identity_internal.living_customer((customer ->> r.columns[1])::uuid, customers)), '{}')
    FROM customer_identity_internal.references_to(customers) AS r
    WHERE r.relation = customers AND r.referenced = '{id}' AND customer ->> r.columns[1] <> customer ->> 'id'
$$;
COMMENT ON FUNCTION customer_identity_internal.with_living_customers(jsonb, regclass) IS
    'The row of a customer that is to be added, which refers to customers that are there';

CREATE FUNCTION customer_identity.unmerge_customers(
    merge_id bigint, actor text DEFAULT NULL, reason text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS uuid
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    done record;
    holder uuid;
    present jsonb;
    loser_row jsonb;
    restored jsonb := '{}';
    key_changes jsonb;
    phone text;
    points numeric;
BEGIN
    PERFORM customer_identity_internal.take_turn(customers);
    PERFORM customer_identity.flush_totals(customers);
    done := customer_identity_internal.merge_record(merge_id, customers);
    done.record := customer_identity_internal.renamed_record(done.record, customers);
    done.record := done.record || (
        SELECT jsonb_object_agg(r.name, customer_identity_internal.exact_row(done.record -> r.name, customers))
        FROM (VALUES ('loser'), ('before'), ('after')) AS r (name));
    holder := customer_identity_internal.living_customer(done.winner, customers);
    IF holder IS NOT NULL THEN
        PERFORM customer_identity_internal.hold_for_merge(holder, holder, customers);
        present := customer_identity_internal.customer_row(holder, customers);
    END IF;
    loser_row := done.record -> 'loser';
    IF holder = done.winner THEN
        restored := customer_identity_internal.restored_columns(done.record, present, customers);
    ELSIF holder IS NOT NULL THEN
        restored := customer_identity_internal.restored_later(done.record, done.winner, present, customers);
    END IF;
    key_changes := customer_identity_internal.key_changes(restored, customers);
    -- Before the loser is back: a column may be unique.
    PERFORM customer_identity_internal.write_columns(holder,
        restored - 'updated_at' - ARRAY(SELECT jsonb_object_keys(key_changes)), customers);
    phone := customer_identity_internal.take_alias_back(loser_row ->> 'phone', holder, customers);
    loser_row := customer_identity_internal.with_living_customers(loser_row, customers) || jsonb_build_object('phone', phone);
    PERFORM customer_identity_internal.insert_customer(loser_row, done.record -> 'texts', customers);
    SELECT customer_identity_internal.entry_points(holder, m.value -> 'keys', customers) INTO points
    FROM jsonb_array_elements(done.record -> 'moved') AS m
    WHERE m.value ->> 'table' = customer_identity_internal.told_name(customer_identity_internal.companion_of(customers, 'loyalty_entries')::regclass);

    PERFORM customer_identity_internal.move_back(done.record, present, loser_row, customers);
    PERFORM customer_identity_internal.write_columns(holder, key_changes, customers);
    IF phone IS NULL AND done.record -> 'loser' ->> 'phone' IS NOT NULL THEN
        PERFORM customer_identity_internal.hand_phone_back(done.record -> 'loser' ->> 'phone', holder, done.loser, customers);
    END IF;
    PERFORM customer_identity_internal.move_newcomers(done.record -> 'stay',
        ARRAY(SELECT jsonb_array_elements_text(customer_identity_internal.phones_of(done.loser, customers))), holder, done.loser, customers);
    PERFORM customer_identity.flush_totals(customers);
    IF customer_identity_internal.is_fed(customers) THEN
        PERFORM customer_identity_internal.add_points(done.loser, points, customers);
        PERFORM customer_identity_internal.add_points(holder, -points, customers);
    ELSE
        PERFORM customer_identity_internal.add_totals(done.loser, loser_row, '{}', customers);
        PERFORM customer_identity_internal.add_totals(holder, done.record -> 'before', done.record -> 'after', customers);
    END IF;
    PERFORM customer_identity_internal.settle_proofs(ARRAY[holder, done.loser], customers);
    PERFORM customer_identity_internal.write_columns(done.loser,
        jsonb_build_object('updated_at', loser_row -> 'updated_at') || customer_identity_internal.same_total(done.loser, loser_row, customers), customers);
    IF restored ? 'updated_at' THEN
        PERFORM customer_identity_internal.write_columns(holder,
            jsonb_build_object('updated_at', restored -> 'updated_at') || customer_identity_internal.same_total(holder, done.record -> 'before', customers), customers);
    END IF;
    EXECUTE format('DELETE FROM %s AS m WHERE m.id = $1', customer_identity_internal.companion_of(customers, 'customer_merges')) USING merge_id;
    PERFORM customer_identity_internal.write_event(customers, e.customer, 'unmerged',
        jsonb_strip_nulls(jsonb_build_object('merge_id', merge_id, 'winner', done.winner, 'loser', done.loser, 'reason', reason)), actor)
    FROM unnest(ARRAY[holder, done.loser]) AS e (customer)
    WHERE e.customer IS NOT NULL;
    RETURN done.loser;
END
$$;
COMMENT ON FUNCTION customer_identity.unmerge_customers(bigint, text, text, regclass) IS
    'Undoes a merge: the loser is back with its id, its phones, and every row that the merge moved and that is still the winner''s. A NOTICE says what could not go back. Returns the loser';
REVOKE EXECUTE ON FUNCTION customer_identity.unmerge_customers(bigint, text, text, regclass) FROM PUBLIC;
