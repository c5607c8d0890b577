CREATE FUNCTION customer_identity_internal.no_customer(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN attached.kind = 'orders' AND customer_identity_internal.has_computed_ids(attached.customers) THEN quote_literal(customer_identity_internal.nobody())
    ELSE 'NULL'
END;
COMMENT ON FUNCTION customer_identity_internal.no_customer(customer_identity.attachments) IS
    'What the customer column of an attached table holds for no customer, as an expression';

-- Rows that are placed by the customer leave for nobody's place: they are deleted, and inserted there.
CREATE FUNCTION customer_identity_internal.tie_of_place(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.is_spread(attached.attached) THEN
        RETURN NULL;
    END IF;
    IF NOT customer_identity_internal.have_one_owner(attached.attached, attached.customers) THEN
        RETURN format('%s has another owner than %s.', attached.attached, attached.customers);
    END IF;
    RETURN (
        SELECT string_agg(format('Constraint %I of %s refers to %s, whose rows have to move to another node.', k.conname, k.conrelid::regclass, attached.attached), ' ' ORDER BY k.oid)
        FROM pg_constraint AS k
        WHERE k.contype = 'f' AND k.confrelid = attached.attached AND k.conparentid = 0);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.tie_of_place(customer_identity.attachments) IS
    'What keeps rows of a table where their customer has placed them; NULL: nothing, or they are not placed';

CREATE FUNCTION customer_identity_internal.way_of_attached(attached customer_identity.attachments)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN jsonb_build_object('columns', ARRAY[attached.customer_column], 'referenced', ARRAY['id']);
COMMENT ON FUNCTION customer_identity_internal.way_of_attached(customer_identity.attachments) IS
    'The way in which the rows of an attached table refer to customers';

CREATE FUNCTION customer_identity_internal.erasure_of_attached(
    attached customer_identity.attachments, customer_id uuid, phones text[], delete_users boolean, customers regclass)
    RETURNS TABLE (name text, affected bigint, what text, columns text[], refused text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    found record;
    stuck text;
    tie text;
BEGIN
    found := customer_identity_internal.rows_of_person(attached.attached, customer_id, phones, customers);
    name := customer_identity_internal.told_name(attached.attached);
    IF cardinality(found.places) > 0 AND delete_users AND attached.kind = 'users' THEN
        RETURN QUERY SELECT name, cardinality(found.places)::bigint, 'deleted', NULL::text[], NULL::text;
        RETURN;
    END IF;
    SELECT array_agg(e.column_name), string_agg(format('Column %I of %s is NOT NULL, or has a type or a check that no empty value fits.', e.column_name, name), ' ')
        FILTER (WHERE e.expression IS NULL)
    INTO columns, stuck
    FROM customer_identity_internal.emptying_columns(attached.attached, customers) AS e;
    stuck := NULLIF(concat_ws(' ', stuck, customer_identity_internal.tie_of_place(attached)), '');
    IF customer_identity_internal.no_customer(attached) = 'NULL' THEN
        tie := format('Column %I of %s ', attached.customer_column, name)
            || CASE
                WHEN (SELECT a.attnotnull FROM pg_attribute AS a WHERE a.attrelid = attached.attached AND a.attname = attached.customer_column) THEN 'is NOT NULL.'
                WHEN customer_identity_internal.unlinked_columns(attached.attached, customer_identity_internal.way_of_attached(attached), customers) IS NULL
                    THEN 'cannot become NULL.'
            END;
    END IF;
    IF cardinality(found.places) > 0 THEN
        RETURN QUERY SELECT name, cardinality(found.places)::bigint, 'emptied', columns,
            NULLIF(concat_ws(' ', tie, stuck), '');
    END IF;
    IF cardinality(found.other_places) > 0 THEN
        RETURN QUERY SELECT name, cardinality(found.other_places)::bigint, 'phone emptied', attached.phone_columns, stuck;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_of_attached(customer_identity.attachments, uuid, text[], boolean, regclass) IS
    'What erasing a person does to an attached table';

-- The ways of an attached table beside the one that it is attached by are like those of any table. A way that has all columns of
-- another one goes with it.
CREATE FUNCTION customer_identity_internal.other_references(customers regclass)
    RETURNS TABLE (relation regclass, way jsonb, fate text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH ways AS MATERIALIZED (
            SELECT k.relation, k.way, k.cascades,
                ARRAY(SELECT concat(c.name, ' ', c.referenced)
                    FROM ROWS FROM (jsonb_array_elements_text(k.way -> 'columns'), jsonb_array_elements_text(k.way -> 'referenced')) AS c (name, referenced)) AS pairs,
                EXISTS (
                    SELECT FROM customer_identity_internal.attachments_of(customers) AS a
                    WHERE a.attached = k.relation AND k.way = customer_identity_internal.way_of_attached(a)) AS attaches
            FROM customer_identity_internal.keys_to_customers(customers) AS k
            WHERE k.relation NOT IN (
                SELECT customer_identity_internal.companion_of(customers, c.name)::regclass
                FROM customer_identity_internal.companions_of_person() AS c)
        )
        SELECT w.relation, w.way, CASE
            WHEN w.cascades OR EXISTS (SELECT FROM ways AS o WHERE o.relation = w.relation AND o.cascades AND o.pairs <@ w.pairs) THEN 'deleted'
            WHEN NOT customer_identity_internal.is_spread(w.relation)
                AND customer_identity_internal.unlinked_columns(w.relation, w.way, customers) IS NOT NULL THEN 'unlinked'
        END
        FROM ways AS w
        WHERE NOT w.attaches AND NOT EXISTS (
            SELECT FROM ways AS o WHERE o.relation = w.relation AND o.pairs <@ w.pairs AND NOT w.pairs <@ o.pairs);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.other_references(regclass) IS
    'The ways in which rows refer to customers and by which no table is attached, and what becomes of the rows of a customer who is erased: deleted, unlinked, or NULL: they are in the way';

CREATE FUNCTION customer_identity_internal.tie_of_references(relation regclass, way jsonb)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(CASE WHEN count(*) = 1 THEN 'column %s, which %s' ELSE 'columns %s, which %s' END,
        string_agg(quote_ident(a.attname), ', ' ORDER BY c.place),
        CASE WHEN count(*) = 1 AND bool_and(a.attnotnull) THEN 'is NOT NULL' ELSE 'cannot become NULL' END)
    FROM jsonb_array_elements_text(way -> 'columns') WITH ORDINALITY AS c (name, place)
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name
$$;
COMMENT ON FUNCTION customer_identity_internal.tie_of_references(regclass, jsonb) IS
    'What keeps rows that refer to a customer from being unlinked';

CREATE FUNCTION customer_identity_internal.erasure_of_references(customer_id uuid, customers regclass)
    RETURNS TABLE (name text, affected bigint, what text, columns text[], refused text)
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT customer_identity_internal.told_name(r.relation), n.rows, COALESCE(r.fate, 'kept'), ARRAY(SELECT jsonb_array_elements_text(r.way -> 'columns')),
        CASE WHEN r.fate IS NULL THEN
            format('%s rows of %s refer to the customer in %s.', n.rows, customer_identity_internal.told_name(r.relation),
                customer_identity_internal.tie_of_references(r.relation, r.way))
        END
    FROM customer_identity_internal.other_references(customers) AS r
    CROSS JOIN LATERAL customer_identity_internal.count_rows_of(r.relation, r.way,
        customer_identity_internal.customer_row(customer_id, customers), customers) AS n (rows)
    WHERE n.rows > 0
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_of_references(uuid, regclass) IS
    'What erasing a person does to tables that are not attached';

CREATE FUNCTION customer_identity_internal.erasure_of_companions(customer_id uuid, phones text[], user_ids text[], customers regclass)
    RETURNS TABLE (name text, affected bigint, what text, columns text[], refused text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    merged constant uuid[] := customer_identity_internal.merged_into(customer_id, customers);
    merges constant bigint[] := customer_identity_internal.merges_of_person(phones, user_ids, customers);
    events constant uuid[] := customer_identity_internal.moved_events_of_person(merges, phones, user_ids, customers);
    companion record;
BEGIN
    FOR companion IN SELECT c.* FROM customer_identity_internal.companions_of_person() AS c LOOP
        name := customer_identity_internal.companion_of(customers, companion.name);
        EXECUTE format('SELECT count(*) FROM %s AS r WHERE %s OR %s', name, companion.condition, companion.also)
            INTO affected
            USING customer_id, phones, merged, merges, events;
        what := 'deleted';
        name := customer_identity_internal.told_name(name::regclass);
        IF affected > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
    FOR name, affected, what IN
        SELECT customer_identity_internal.told_name(m.name::regclass), customer_identity_internal.count_mentions(m.name, m.column_name, m.condition, customer_id, phones, merged, merges), 'phone emptied'
        FROM customer_identity_internal.mentions_of_phones(customers) AS m
    LOOP
        IF affected > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_of_companions(uuid, text[], text[], regclass) IS
    'What erasing a person does to the companions of its book';

-- Whoever had a number before, or lost it, has it in the history.
CREATE FUNCTION customer_identity_internal.mentions_of_phones(customers regclass)
    RETURNS TABLE (name text, column_name text, condition text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        (customer_identity_internal.companion_of(customers, 'customer_events'), 'details', 'r.customer_id <> $1'),
        (customer_identity_internal.companion_of(customers, 'customer_merges'), 'record', 'r.winner_id <> ALL ($3) AND r.id <> ALL ($4)')
$$;
COMMENT ON FUNCTION customer_identity_internal.mentions_of_phones(regclass) IS
    'The columns of companions where rows of others may name a phone of customer $1 with the phones $2, the merged ids $3 and the merges $4';

-- A number may begin with the digits of a shorter one.
CREATE FUNCTION customer_identity_internal.pattern_of_phones(phones text[])
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '[+](' || string_agg(substr(p.phone, 2), '|') || ')(?![0-9])' FROM unnest(phones) AS p (phone)
$$;
COMMENT ON FUNCTION customer_identity_internal.pattern_of_phones(text[]) IS
    'A regular expression for E.164 phones within texts; NULL: none';

CREATE FUNCTION customer_identity_internal.count_mentions(name text, column_name text, condition text, customer_id uuid, phones text[], merged uuid[], merges bigint[])
    RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s AS r WHERE %s AND r.%I::text ~ $5', name, condition, column_name)
        INTO counted
        USING customer_id, phones, merged, merges, customer_identity_internal.pattern_of_phones(phones);
    RETURN counted;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_mentions(text, text, text, uuid, text[], uuid[], bigint[]) IS
    'How many rows about others name one of the phones';

CREATE FUNCTION customer_identity_internal.without_phones(details jsonb, pattern text)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT regexp_replace(regexp_replace(details::text, format('"%s"(?!:)', pattern), 'null', 'g'), pattern, '', 'g')::jsonb
$$;
COMMENT ON FUNCTION customer_identity_internal.without_phones(jsonb, text) IS
    'Details of the history with null in the place of phones';

CREATE FUNCTION customer_identity_internal.erasure_plan(customer_id uuid, phones text[], delete_users boolean, customers regclass)
    RETURNS TABLE (name text, affected bigint, what text, columns text[], refused text)
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH logins AS MATERIALIZED (
        SELECT customer_identity_internal.logins_of_person(customer_id, phones, customers) AS ids
    )
    SELECT e.*
    FROM customer_identity_internal.held_attachments(customers) AS a
    CROSS JOIN LATERAL customer_identity_internal.erasure_of_attached(a, customer_id, phones, delete_users, a.customers) AS e
    UNION ALL
    SELECT e.* FROM customer_identity_internal.erasure_of_references(customer_id, customers) AS e
    UNION ALL
    SELECT e.* FROM logins AS l CROSS JOIN LATERAL customer_identity_internal.erasure_of_companions(customer_id, phones, l.ids, customers) AS e
    UNION ALL
    SELECT v.value ->> 'table', jsonb_array_length(v.value -> 'rows'), 'deleted', NULL, NULL
    FROM logins AS l
    CROSS JOIN LATERAL jsonb_array_elements(customer_identity_internal.verifications_of(phones, l.ids, false, customers)) AS v
    UNION ALL
    SELECT customer_identity_internal.told_name(customers), 1, 'deleted', NULL, NULL
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_plan(uuid, text[], boolean, regclass) IS
    'What erasing a person does, by table, and what is in the way';

CREATE FUNCTION customer_identity_internal.erasure_preview(customer_id uuid, phones text[], delete_users boolean, customers regclass)
    RETURNS jsonb
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'tables', jsonb_agg(
            jsonb_strip_nulls(jsonb_build_object('table', p.name, 'rows', p.affected, 'what', p.what, 'columns', to_jsonb(p.columns)))
            ORDER BY p.name, p.what, p.columns),
        'refused', string_agg(p.refused, ' ' ORDER BY p.name))
    FROM customer_identity_internal.erasure_plan(customer_id, phones, delete_users, customers) AS p
$$;
COMMENT ON FUNCTION customer_identity_internal.erasure_preview(uuid, text[], boolean, regclass) IS
    'erase_preview, with logins deleted or kept';

CREATE FUNCTION customer_identity.erase_preview(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
BEGIN
    PERFORM customer_identity_internal.customer_row(customer_id, customers);
    RETURN customer_identity_internal.erasure_preview(customer_id,
        customer_identity_internal.phones_of_person(customer_id, customers), false, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.erase_preview(uuid, regclass) IS
    'What erase_customer would do when it keeps the logins: {tables: [{table, rows, what, columns}], refused}';
REVOKE EXECUTE ON FUNCTION customer_identity.erase_preview(uuid, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.refuse_erasure(detail text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the customer cannot be erased'
        USING ERRCODE = 'CI006', DETAIL = detail,
            HINT = 'Nothing was changed. Delete or change these rows first, or make the column nullable.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_erasure(text) IS
    'Raises CI006 for a person that something keeps in the database';

CREATE FUNCTION customer_identity_internal.refuse_kept(relation regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.refuse_erasure(
        format('A trigger of %s keeps rows as they are.', customer_identity_internal.qualified_name(relation)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_kept(regclass) IS
    'Raises CI006 for rows of a table that did not change as they were to';

-- A trigger may put back what was emptied. A value that is made up cannot be foreseen: it only has to be another one.
CREATE FUNCTION customer_identity_internal.kept_columns(relation regclass, columns text[], expressions text[])
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(
        CASE
            WHEN c.expression LIKE 'pg_catalog.%' THEN
                format('customer_identity_internal.as_text(r.%1$I) OPERATOR(pg_catalog.=) customer_identity_internal.as_text(o.%1$I)', a.attname)
            ELSE
                format('COALESCE(customer_identity_internal.as_text(r.%I), '''') NOT IN ('''', COALESCE(customer_identity_internal.as_text(CAST(%s AS %s)), ''''))',
                    a.attname, c.expression, format_type(a.atttypid, a.atttypmod))
        END, ' OR ')
    FROM unnest(columns, expressions) AS c (name, expression)
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name
$$;
COMMENT ON FUNCTION customer_identity_internal.kept_columns(regclass, text[], text[]) IS
    'The condition that row r, which was o, holds something else in one of the columns than what it was to be emptied to';

-- The rows are locked by their places first: one that has moved since it was found was changed by somebody else.
-- `columns` NULL: they are deleted. With its caller's rights, as it runs what it is given.
CREATE FUNCTION customer_identity_internal.change_rows(relation regclass, columns text[], expressions text[], parts oid[], places tid[])
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name constant text := customer_identity_internal.qualified_name(relation);
    at_places constant text := 'ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS k (part, place)'
        ' WHERE r.tableoid OPERATOR(pg_catalog.=) k.part AND r.ctid OPERATOR(pg_catalog.=) k.place';
    changed bigint;
BEGIN
    IF cardinality(places) = 0 THEN
        RETURN;
    END IF;
    EXECUTE 'SELECT FROM ' || name || ' AS r, ' || at_places || ' FOR UPDATE OF r' USING parts, places;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed < cardinality(places) THEN
        RAISE EXCEPTION 'rows were changed meanwhile' USING ERRCODE = 'lock_not_available';
    END IF;
    PERFORM set_config('search_path', customer_identity_internal.path_of(relation), true);
    IF columns IS NULL THEN
        EXECUTE format('DELETE FROM %s AS r USING %s', name, at_places) USING parts, places;
        GET DIAGNOSTICS changed = ROW_COUNT;
    ELSE
        EXECUTE format(
            'WITH changed AS (UPDATE %1$s AS r SET %2$s FROM %1$s AS o, %3$s AND o.tableoid OPERATOR(pg_catalog.=) k.part AND o.ctid OPERATOR(pg_catalog.=) k.place'
            ' RETURNING (%4$s) IS TRUE AS kept)'
            ' SELECT pg_catalog.count(*) FROM changed AS c WHERE NOT c.kept',
            name, (SELECT string_agg(format('%I = %s', c.name, c.expression), ', ') FROM unnest(columns, expressions) AS c (name, expression)),
            at_places, customer_identity_internal.kept_columns(relation, columns, expressions))
            INTO changed
            USING parts, places;
    END IF;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF changed < cardinality(places) THEN
        PERFORM customer_identity_internal.refuse_kept(relation);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.change_rows(regclass, text[], text[], oid[], tid[]) IS
    'Empties columns of the rows of a table that are at some places, or deletes the rows; CI006 where a trigger keeps them';

-- On the node that has nobody's place. No trigger asks for a proof: these orders were placed before.
CREATE FUNCTION customer_identity_internal.put_orders(referencing regclass, orders jsonb, customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    columns constant text := (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = referencing AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
    customer_column constant text := (customer_identity_internal.attachment_to(referencing, customers)).customer_column;
    nobodys jsonb;
    shard regclass;
    written bigint;
BEGIN
    IF NOT customer_identity_internal.have_one_owner(referencing, customers) THEN
        PERFORM customer_identity_internal.refuse_erasure(format('%s has another owner than %s.', referencing, customers));
    END IF;
    SELECT jsonb_agg(o.value || jsonb_build_object(customer_column, customer_identity_internal.nobody())) INTO nobodys
    FROM jsonb_array_elements(orders) AS o;
    EXECUTE 'SELECT regexp_replace(shard_name($1, get_shard_id_for_distribution_column($1, $2)), ''^([^."]+|"([^"]|"")+")$'', ''public.\1'')::regclass'
        INTO shard
        USING referencing, customer_identity_internal.nobody();
    PERFORM set_config('search_path', customer_identity_internal.path_of(referencing), true);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM pg_catalog.jsonb_populate_recordset(NULL::%s, $1)',
        customer_identity_internal.qualified_name(shard), columns, customer_identity_internal.qualified_name(referencing))
        USING nobodys;
    GET DIAGNOSTICS written = ROW_COUNT;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    RETURN written;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.put_orders(regclass, jsonb, regclass) IS
    'Inserts orders of nobody into the shard that this node has for them';

-- Citus knows of no writing in a function: a statement of its own makes it commit there in two phases, and keeps the shard
-- where it is.
CREATE FUNCTION customer_identity_internal.send_to_nobody(attached customer_identity.attachments, orders jsonb)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written bigint;
BEGIN
    EXECUTE format('DELETE FROM %s WHERE customer_id = %L',
        customer_identity_internal.companion_of(attached.customers, 'loyalty_entries'), customer_identity_internal.nobody());
    EXECUTE format('SELECT p.* FROM (SELECT count(*) FROM (SELECT 1 FROM %s AS r WHERE r.%I = %L LIMIT 0) AS n) AS place'
        ' CROSS JOIN LATERAL customer_identity_internal.put_orders(%L::regclass, $1, %L::regclass) AS p',
        attached.attached, attached.customer_column, customer_identity_internal.nobody(), attached.attached, attached.customers)
        INTO written
        USING orders;
    RETURN written;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.send_to_nobody(customer_identity.attachments, jsonb) IS
    'put_orders() on the node that has nobody''s orders';

CREATE FUNCTION customer_identity_internal.move_to_nobody(attached customer_identity.attachments, customer_id uuid)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changes constant text := (
        SELECT string_agg(format('%L, pg_catalog.to_jsonb(CAST(%s AS %s))', e.column_name, e.expression, format_type(a.atttypid, a.atttypmod)), ', ')
        FROM customer_identity_internal.emptied_columns(attached) AS e
        JOIN pg_attribute AS a ON a.attrelid = attached.attached AND a.attname = e.column_name);
    orders jsonb;
    is_kept boolean;
BEGIN
    PERFORM set_config('search_path', customer_identity_internal.path_of(attached.attached), true);
    EXECUTE format('WITH gone AS (DELETE FROM %s AS r WHERE r.%I OPERATOR(pg_catalog.=) $1 RETURNING r.*)'
        ' SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(g.*)) FROM gone AS g',
        customer_identity_internal.qualified_name(attached.attached), attached.customer_column)
        INTO orders
        USING customer_id;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format('SELECT count(*) > 0 FROM %s AS r WHERE r.%I = $1', attached.attached, attached.customer_column) INTO is_kept USING customer_id;
    EXECUTE format('SELECT jsonb_agg(o.value || jsonb_build_object(%s)) FROM jsonb_array_elements($1) AS o', changes)
        INTO orders
        USING orders;
    IF is_kept OR COALESCE(jsonb_array_length(orders), 0) <> customer_identity_internal.send_to_nobody(attached, orders) THEN
        PERFORM customer_identity_internal.refuse_kept(attached.attached);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_to_nobody(customer_identity.attachments, uuid) IS
    'Empties the orders of a customer and moves them to nobody''s place, where orders are placed by their customers';

-- No function is called for rows that Citus updates, so their spellings of the phones are read first.
CREATE FUNCTION customer_identity_internal.empty_phones(attached customer_identity.attachments, assignments text, customer_id uuid, phones text[])
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids constant uuid[] := array_remove(customer_identity_internal.places_of_orders(customer_id, phones), customer_id);
    spellings text[];
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT customer_identity_internal.as_text(r.%I)) FROM %s AS r WHERE r.%I = ANY (%L::uuid[]) AND %s',
        (attached.phone_columns)[1], attached.attached, attached.customer_column, ids, customer_identity_internal.has_claimed(attached))
        INTO spellings
        USING customer_id, phones;
    IF spellings IS NULL THEN
        RETURN;
    END IF;
    PERFORM set_config('search_path', customer_identity_internal.path_of(attached.attached), true);
    EXECUTE format('UPDATE %s AS r SET %s WHERE r.%I OPERATOR(pg_catalog.=) ANY (%L::uuid[]) AND r.%I OPERATOR(pg_catalog.=) ANY ($1)',
        customer_identity_internal.qualified_name(attached.attached), assignments, attached.customer_column, ids, (attached.phone_columns)[1])
        USING spellings;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.empty_phones(customer_identity.attachments, text, uuid, text[]) IS
    'Empties the phones of orders of others that have one of the phones, where orders are placed by their customers';

-- What is written is worked out here, as the owner of the table: nobody hands him a statement.
CREATE FUNCTION customer_identity_internal.erase_attached(
    referencing regclass, customer_id uuid, phones text[], delete_users boolean, customers regclass)
    RETURNS void
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    attached constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    found constant record := customer_identity_internal.find_rows_of_person(attached, customer_id, phones);
    emptied record;
    phone record;
    tied text[];
BEGIN
    SELECT array_agg(e.column_name) AS columns, array_agg(e.expression) AS expressions INTO emptied
    FROM customer_identity_internal.emptied_columns(attached) AS e;
    SELECT array_agg(e.column_name) AS columns, array_agg(e.expression) AS expressions,
        string_agg(format('%I = %s', e.column_name, e.expression), ', ') AS assignments INTO phone
    FROM customer_identity_internal.emptied_columns(attached) AS e
    WHERE e.column_name = ANY (attached.phone_columns);
    IF customer_identity_internal.is_spread(attached.attached) THEN
        PERFORM customer_identity_internal.move_to_nobody(attached, customer_id);
        PERFORM customer_identity_internal.empty_phones(attached, phone.assignments, customer_id, phones);
        RETURN;
    END IF;
    tied := ARRAY(
        SELECT c.name
        FROM unnest(customer_identity_internal.columns_to_unlink(attached.attached, customer_identity_internal.way_of_attached(attached))) AS c (name)
        WHERE c.name <> ALL (attached.customer_column || emptied.columns) AND customer_identity_internal.no_customer(attached) = 'NULL');
    PERFORM customer_identity_internal.change_rows(attached.attached,
        CASE WHEN attached.kind = 'orders' OR NOT delete_users THEN attached.customer_column || emptied.columns || tied END,
        customer_identity_internal.no_customer(attached) || emptied.expressions || array_fill('NULL'::text, ARRAY[cardinality(tied)]),
        found.parts, found.places);
    PERFORM customer_identity_internal.change_rows(attached.attached, COALESCE(phone.columns, '{}'), phone.expressions, found.other_parts, found.other_places);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erase_attached(regclass, uuid, text[], boolean, regclass) IS
    'Takes a person out of an attached table';

CREATE FUNCTION customer_identity_internal.unlink_rows(referencing regclass, way jsonb, customer jsonb, customers regclass)
    RETURNS void
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    statement constant text := (
        SELECT format('UPDATE %s AS r SET %s WHERE %s', customer_identity_internal.qualified_name(referencing),
            string_agg(format('%I = NULL', c.name), ', '), customer_identity_internal.refers_to(referencing, way, '$1'))
        FROM unnest(customer_identity_internal.columns_to_unlink(referencing, way)) AS c (name));
BEGIN
    PERFORM customer_identity_internal.require_keys(referencing, jsonb_build_array(way), customers);
    PERFORM set_config('search_path', customer_identity_internal.path_of(referencing), true);
    EXECUTE statement USING customer;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unlink_rows(regclass, jsonb, jsonb, regclass) IS
    'Makes rows that refer to a customer in one way refer to nobody';

CREATE FUNCTION customer_identity_internal.erase_references(customer jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
BEGIN
    FOR other IN SELECT r.* FROM customer_identity_internal.other_references(customers) AS r WHERE r.fate = 'unlinked' LOOP
        PERFORM customer_identity_internal.unlink_rows(other.relation, other.way, customer, customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erase_references(jsonb, regclass) IS
    'Unlinks what refers to a customer in ways by which no table is attached';

-- A cascade asks nobody whether the rows are gone.
CREATE FUNCTION customer_identity_internal.require_no_references(customer jsonb, is_deleted boolean, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.refuse_kept(r.relation)
    FROM customer_identity_internal.other_references(customers) AS r
    WHERE (is_deleted OR r.fate = 'unlinked')
        AND customer_identity_internal.count_rows_of(r.relation, r.way, customer, customers) > 0;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_no_references(jsonb, boolean, regclass) IS
    'Raises CI006 for rows that refer to a customer still: those that were unlinked, or all when it is deleted';

CREATE FUNCTION customer_identity_internal.erase_companions(
    customer_id uuid, phones text[], merges bigint[], events uuid[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merged constant uuid[] := customer_identity_internal.merged_into(customer_id, customers);
    companion record;
    mention record;
    is_kept boolean;
BEGIN
    FOR companion IN
        SELECT customer_identity_internal.companion_of(customers, c.name) AS name, format('%s OR %s', c.condition, c.also) AS condition
        FROM customer_identity_internal.companions_of_person() AS c
    LOOP
        EXECUTE format('DELETE FROM %s AS r WHERE %s', companion.name, companion.condition) USING customer_id, phones, merged, merges, events;
        EXECUTE format('SELECT count(*) > 0 FROM %s AS r WHERE %s', companion.name, companion.condition)
            INTO is_kept
            USING customer_id, phones, merged, merges, events;
        IF is_kept THEN
            PERFORM customer_identity_internal.refuse_kept(companion.name::regclass);
        END IF;
    END LOOP;
    FOR mention IN SELECT m.* FROM customer_identity_internal.mentions_of_phones(customers) AS m LOOP
        EXECUTE format('UPDATE %1$s AS r SET %2$I = customer_identity_internal.without_phones(r.%2$I, $5) WHERE %3$s AND r.%2$I::text ~ $5',
            mention.name, mention.column_name, mention.condition)
            USING customer_id, phones, merged, merges, customer_identity_internal.pattern_of_phones(phones);
        IF customer_identity_internal.count_mentions(mention.name, mention.column_name, mention.condition, customer_id, phones, merged, merges) > 0 THEN
            PERFORM customer_identity_internal.refuse_kept(mention.name::regclass);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erase_companions(uuid, text[], bigint[], uuid[], regclass) IS
    'Takes a person out of the companions of its book';

-- Who has left a computed id leaves its row, with nothing in it: the next holder of the number is told by it.
CREATE FUNCTION customer_identity_internal.vacate(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
    is_kept boolean;
BEGIN
    PERFORM customer_identity_internal.delete_customer(customer_id, customers);
    EXECUTE format('SELECT count(*) > 0 FROM %s AS c WHERE c.id = $1', customers) INTO is_kept USING customer_id;
    IF is_kept THEN
        PERFORM customer_identity_internal.refuse_kept(customers);
    END IF;
    IF customer_identity_internal.has_computed_ids(customers) AND customer ->> 'phone' IS NULL THEN
        EXECUTE format('INSERT INTO %s (id, phone_generation) VALUES ($1, -1)', customers) USING customer_id;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.vacate(uuid, regclass) IS
    'Deletes a customer, or all that its row says, where the row has to stay';

-- A key that is looked at later would fail at COMMIT, when it was said already that the person is gone. SET CONSTRAINTS knows
-- names alone: one that something else bears as well is left to the end.
CREATE FUNCTION customer_identity_internal.check_keys_of_erased(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    late record;
BEGIN
    FOR late IN
        WITH RECURSIVE erased (relation) AS (
            SELECT customers::oid
            UNION
            SELECT r.relation::oid FROM customer_identity_internal.references_to(customers) AS r
            UNION
            SELECT k.conrelid FROM erased AS e JOIN pg_constraint AS k ON k.confrelid = e.relation AND k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd')
        )
        SELECT format('%I.%I', n.nspname, k.conname) AS name, bool_or(k.condeferred) AS is_deferred
        FROM pg_constraint AS k
        JOIN pg_namespace AS n ON n.oid = k.connamespace
        WHERE k.contype = 'f' AND k.condeferrable AND k.conparentid = 0
            AND (k.conrelid IN (SELECT e.relation FROM erased AS e) OR k.confrelid IN (SELECT e.relation FROM erased AS e))
            AND NOT EXISTS (
                SELECT FROM pg_constraint AS o
                WHERE o.connamespace = k.connamespace AND o.conname = k.conname AND (o.contype <> 'f' OR o.condeferred <> k.condeferred OR NOT o.condeferrable))
        GROUP BY 1
        ORDER BY 1
    LOOP
        EXECUTE format('SET CONSTRAINTS %s IMMEDIATE', late.name);
        IF late.is_deferred THEN
            EXECUTE format('SET CONSTRAINTS %s DEFERRED', late.name);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_keys_of_erased(regclass) IS
    'Looks now at the deferrable foreign keys of what an erasure changes or deletes; 23503 where one is broken';

-- Users first, whose orders would follow them.
CREATE FUNCTION customer_identity_internal.erase_at_once(customer_id uuid, delete_users boolean, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    customer jsonb;
    phones text[];
    user_ids text[];
    merges bigint[];
    events uuid[];
    plan jsonb;
BEGIN
    PERFORM customer_identity_internal.be_impatient();
    PERFORM customer_identity_internal.lock_for_merge(customer_id, customer_id, customers);
    customer := customer_identity_internal.customer_row(customer_id, customers);
    phones := customer_identity_internal.phones_of_person(customer_id, customers);
    user_ids := customer_identity_internal.logins_of_person(customer_id, phones, customers);
    -- A merge no longer names a login that is deleted.
    merges := customer_identity_internal.merges_of_person(phones, user_ids, customers);
    events := customer_identity_internal.moved_events_of_person(merges, phones, user_ids, customers);
    plan := customer_identity_internal.erasure_preview(customer_id, phones, delete_users, customers);
    IF plan ->> 'refused' IS NOT NULL THEN
        PERFORM customer_identity_internal.refuse_erasure(plan ->> 'refused');
    END IF;
    PERFORM customer_identity_internal.erase_attached(a.attached, customer_id, phones, delete_users, customers)
    FROM (SELECT t.* FROM customer_identity_internal.held_attachments(customers) AS t ORDER BY t.kind DESC, t.attached::text OFFSET 0) AS a;
    PERFORM customer_identity_internal.erase_references(customer, customers);
    PERFORM customer_identity_internal.require_no_references(customer, false, customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.vacate(customer_id, customers);
    PERFORM customer_identity_internal.require_no_references(customer, true, customers);
    PERFORM customer_identity_internal.erase_companions(customer_id, phones, merges, events, customers);
    PERFORM customer_identity_internal.verifications_of(phones, user_ids, true, customers);
    PERFORM customer_identity_internal.check_keys_of_erased(customers);
    RETURN jsonb_build_object('tables', plan -> 'tables');
EXCEPTION WHEN integrity_constraint_violation THEN
    PERFORM customer_identity_internal.refuse_erasure(SQLERRM);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.erase_at_once(uuid, boolean, regclass) IS
    'Erases a person, or raises 55P03 when others are busy with one of its rows';

CREATE FUNCTION customer_identity.erase_customer(
    customer_id uuid,
    delete_users boolean DEFAULT false,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
DECLARE
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
    erased jsonb;
BEGIN
    PERFORM customer_identity_internal.take_turn(customers);
    PERFORM customer_identity_internal.use_one_connection(customers);
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.customer_row(customer_id, customers);
    LOOP
        BEGIN
            erased := customer_identity_internal.erase_at_once(customer_id, COALESCE(delete_users, false), customers);
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
    RAISE NOTICE 'a customer was erased'
        USING DETAIL = (
            SELECT format('%s rows in %s tables.', sum((t.value ->> 'rows')::bigint), count(DISTINCT t.value ->> 'table'))
            FROM jsonb_array_elements(erased -> 'tables') AS t);
    RETURN erased || jsonb_strip_nulls(jsonb_build_object('erased_at', clock_timestamp(), 'actor', actor, 'reason', reason));
END
$$;
COMMENT ON FUNCTION customer_identity.erase_customer(uuid, boolean, text, text, regclass) IS
    'A person leaves customers, companions and verifications; orders stay without customer and personal columns, logins are emptied, or deleted with delete_users. CI006 with what is in the way. Returns {tables: [{table, rows, what, columns}]} and when, by whom and why: the database keeps none of it';
REVOKE EXECUTE ON FUNCTION customer_identity.erase_customer(uuid, boolean, text, text, regclass) FROM PUBLIC;
