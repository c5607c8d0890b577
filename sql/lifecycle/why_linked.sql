-- What these types write has no comma and reads as the same value again; a time with the name of its zone may not.
CREATE FUNCTION customer_identity_internal.first_of_key(relation regclass, key text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name constant text := (customer_identity_internal.primary_key_columns(relation))[1];
    type constant regtype := customer_identity_internal.column_type(relation, name);
    value constant text := split_part(key, ',', 1);
BEGIN
    IF strpos(key, ',') = 0 THEN
        RETURN 'false';
    END IF;
    IF NOT (type = ANY ('{int2,int4,int8,numeric,uuid,date,timestamp}'::regtype[])
            OR type = 'timestamptz'::regtype AND current_setting('DateStyle') LIKE 'ISO%') THEN
        RETURN 'true';
    END IF;
    RETURN CASE WHEN customer_identity_internal.is_value(type, value) THEN customer_identity_internal.equals_value(format('r.%I', name), type, value) ELSE 'false' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.first_of_key(regclass, text) IS
    'The condition that the first column of row r''s key of several columns is what a key, as a text, begins with, for an index';

-- Of a key of several columns the id alone will do. Each way is asked for by value, too, which an index serves.
CREATE FUNCTION customer_identity_internal.has_key(relation regclass, key text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns constant text[] := customer_identity_internal.primary_key_columns(relation);
    name constant text := customer_identity_internal.row_key_column(relation);
    type constant regtype := CASE name WHEN 'ctid' THEN 'tid'::regtype ELSE customer_identity_internal.column_type(relation, name) END;
BEGIN
    -- Where rows are placed by the customer, the place of this one is in its key.
    IF cardinality(columns) > 1 AND customer_identity_internal.column_type(relation, columns[1]) = 'uuid'::regtype AND key LIKE '%,%'
        AND customer_identity_internal.is_value('uuid', split_part(key, ',', 1)) THEN
        RETURN format('r.%I = %L::uuid AND %L = %s', columns[1], split_part(key, ',', 1), key, customer_identity_internal.row_key(relation));
    END IF;
    IF cardinality(columns) > 1 THEN
        RETURN format('(%1$s AND %2$L = %3$s OR %4$s AND %2$L = customer_identity_internal.as_text(r.%5$I))',
            customer_identity_internal.first_of_key(relation, key), key, customer_identity_internal.row_key(relation),
            CASE WHEN customer_identity_internal.is_value(type, key) THEN customer_identity_internal.equals_value(format('r.%I', name), type, key) ELSE 'false' END, name);
    END IF;
    IF NOT customer_identity_internal.is_value(type, key) THEN
        RETURN 'false';
    END IF;
    RETURN customer_identity_internal.equals_value(format('r.%I', name), type, key);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_key(regclass, text) IS
    'The condition that row r has a key, as phone_problems shows it';

-- What the row says: its customer, login, time, key and phones, which are read here and not where the row is.
CREATE FUNCTION customer_identity_internal.linked_row(referencing regclass, key text, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    login constant text := COALESCE(setup.key_column, setup.user_column);
    found_row jsonb;
BEGIN
    EXECUTE format(
        'SELECT jsonb_build_object(''customer'', r.%I, ''login'', %s, ''at'', %s, ''key'', %s, ''region'', %s, ''phones'', ARRAY[%s]::text[]) FROM %s AS r WHERE %s LIMIT 1',
        setup.customer_column,
        CASE WHEN login IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', login) END,
        customer_identity_internal.time_of_row(referencing),
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), setup.customer_column), setup.customer_column),
        customer_identity_internal.region_expression(setup),
        (SELECT string_agg(format('customer_identity_internal.as_text(r.%I)', p.name), ', ' ORDER BY p.place) FROM unnest(setup.phone_columns) WITH ORDINALITY AS p (name, place)),
        referencing, customer_identity_internal.has_key(referencing, key))
        INTO found_row;
    RETURN found_row || jsonb_build_object('claims', (
        SELECT COALESCE(jsonb_agg(
            jsonb_build_object('column', setup.phone_columns[p.place], 'phone', p.raw,
                'e164', customer_identity_internal.claimed_phone(p.raw, found_row ->> 'region'))
            ORDER BY p.place), '[]')
        FROM jsonb_array_elements_text(found_row -> 'phones') WITH ORDINALITY AS p (raw, place)
        WHERE p.raw IS NOT NULL));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.linked_row(regclass, text, regclass) IS
    'What a row of an attached table says about its customer; NULL: there is no such row';

-- Orders may name logins by another column than the key.
CREATE FUNCTION customer_identity_internal.login_of_order(referencing regclass, column_name text, value text, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    type constant regtype := customer_identity_internal.column_type(referencing, column_name);
    login jsonb;
BEGIN
    IF NOT customer_identity_internal.is_value(type, value) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT jsonb_build_object(''login'', %s, ''customer'', r.%I, ''key'', %s) FROM %s AS r WHERE %s LIMIT 1',
        CASE WHEN setup.key_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', setup.key_column) END,
        setup.customer_column,
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), setup.customer_column), setup.customer_column),
        referencing, customer_identity_internal.equals_value(format('r.%I', column_name), type, value))
        INTO login;
    RETURN login;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.login_of_order(regclass, text, text, regclass) IS
    'The login that an order names, its customer and its key';

-- `phone`: the customer has, or had, the phone; `merge`: since a merge. NULL: never, as far as the book knows.
CREATE FUNCTION customer_identity_internal.way_of_phone(phone text, customer_id uuid, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way text;
BEGIN
    EXECUTE format('SELECT ''phone'' FROM %s AS c WHERE c.id = $1 AND c.phone = $2', customers) INTO way USING customer_id, phone;
    IF way IS NULL AND customer_identity_internal.companion_problem(customers, 'customer_phones') IS NULL THEN
        EXECUTE format(
            'SELECT CASE a.reason WHEN ''merge'' THEN ''merge'' ELSE ''phone'' END FROM %s AS a WHERE a.customer_id = $1 AND a.phone = $2'
            ' ORDER BY a.until DESC NULLS FIRST LIMIT 1',
            customer_identity_internal.companion_of(customers, 'customer_phones'))
            INTO way
            USING customer_id, phone;
    END IF;
    RETURN way;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.way_of_phone(text, uuid, regclass) IS
    'How a phone leads, or led, to a customer';

-- Merges in force that moved one of the rows ({table, column, key}), or made the phone lead on, and those that followed.
-- Each is looked up, whatever the planner expects: to read a record is slow, and the shop may have very many of them.
CREATE FUNCTION customer_identity_internal.merges_on_way(rows jsonb, phone text, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges jsonb;
BEGIN
    IF customer_identity_internal.companion_problem(customers, 'customer_merges') IS NOT NULL THEN
        RETURN '[]';
    END IF;
    EXECUTE format($sql$
        WITH RECURSIVE merged (id, winner_id, loser_id) AS (
            SELECT m.id, m.winner_id, m.loser_id FROM %1$s AS m WHERE m.winner_id = $1
            UNION
            SELECT m.id, m.winner_id, m.loser_id
            FROM merged AS l
            CROSS JOIN LATERAL (SELECT k.id, k.winner_id, k.loser_id FROM %1$s AS k WHERE k.winner_id = l.loser_id OFFSET 0) AS m
        ),
        way (id, winner_id) AS (
            SELECT m.id, m.winner_id
            FROM merged
            CROSS JOIN LATERAL (SELECT k.id, k.winner_id, k.record FROM %1$s AS k WHERE k.id = merged.id OFFSET 0) AS m
            WHERE m.record -> 'loser' ->> 'phone' = $2 OR EXISTS (
                SELECT
                FROM jsonb_array_elements(customer_identity_internal.renamed_record(m.record, $4) -> 'moved') AS t
                JOIN jsonb_array_elements($3) AS r
                    ON t.value -> 'table' = r.value -> 'table'
                    AND jsonb_path_query_array(t.value, '$.ways[*].columns[*]') @> jsonb_build_array(r.value -> 'column')
                WHERE t.value -> 'keys' @> jsonb_build_array(r.value -> 'key'))
            UNION
            SELECT merged.id, merged.winner_id FROM way JOIN merged ON merged.loser_id = way.winner_id
        )
        SELECT COALESCE(jsonb_agg(
            jsonb_build_object('id', m.id, 'winner', m.winner_id, 'loser', m.loser_id, 'merged_at', m.merged_at, 'actor', m.actor)
            ORDER BY m.id), '[]')
        FROM way
        CROSS JOIN LATERAL (SELECT k.* FROM %1$s AS k WHERE k.id = way.id OFFSET 0) AS m
        $sql$, customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO merges
        USING customer_id, phone, rows, customers;
    RETURN merges;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merges_on_way(jsonb, text, uuid, regclass) IS
    'The merges by which rows, or a phone, came to a customer, oldest first';

CREATE FUNCTION customer_identity_internal.is_older_than_link(at timestamptz, user_id text, customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_older boolean;
BEGIN
    IF customer_identity_internal.keeps_history(customers) THEN
        EXECUTE format(
            'SELECT $1 < min(e.created_at) FROM %s AS e'
            ' WHERE e.customer_id = $2 AND e.event = ''user_linked'' AND e.details ->> ''user_id'' = $3',
            customer_identity_internal.companion_of(customers, 'customer_events'))
            INTO is_older
            USING at, customer_id, user_id;
    END IF;
    RETURN COALESCE(is_older, false);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_older_than_link(timestamptz, text, uuid, regclass) IS
    'Whether an order was placed before its login was linked to the customer, by the history';

-- phone NULL: any phone of the customer.
CREATE FUNCTION customer_identity_internal.proof_by(user_id text, phone text, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proof jsonb;
BEGIN
    EXECUTE format(
        'SELECT jsonb_build_object(''method'', p.method, ''proved_at'', p.proved_at, ''by'', p.user_id) FROM %s AS p'
        ' WHERE p.customer_id = $1 AND p.ended_at IS NULL AND p.user_id IS NOT DISTINCT FROM $2 AND p.phone = COALESCE($3, p.phone)'
        ' ORDER BY p.proved_at DESC LIMIT 1',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        INTO proof
        USING customer_id, user_id, phone;
    RETURN proof;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.proof_by(text, text, uuid, regclass) IS
    'The live proof of a phone by a login, or by a guest';

-- The phone by which the row came to its customer: one that leads there, else one that can be read, else any.
CREATE FUNCTION customer_identity_internal.leading_claim(claims jsonb, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.value || jsonb_build_object('way', w.way)
    FROM jsonb_array_elements(claims) WITH ORDINALITY AS c (value, place)
    CROSS JOIN LATERAL (
        SELECT customer_identity_internal.way_of_phone(c.value ->> 'e164', customer_id, customers)
    ) AS w (way)
    ORDER BY w.way IS NULL, c.value ->> 'e164' IS NULL, c.place
    LIMIT 1
$$;
COMMENT ON FUNCTION customer_identity_internal.leading_claim(jsonb, uuid, regclass) IS
    'The phone of a row that says most about its link, and how it leads to the customer';

CREATE FUNCTION customer_identity_internal.attached_here(attached regclass, customers regclass)
    RETURNS customer_identity.attachments
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setup customer_identity.attachments;
BEGIN
    SELECT a.* INTO setup
    FROM customer_identity_internal.held_attachments(customers) AS a
    WHERE a.attached = COALESCE(pg_partition_root(attached_here.attached), attached_here.attached);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % is not attached to these customers', attached
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'SELECT * FROM customer_identity.attachments lists the attached tables and their customers.';
    END IF;
    RETURN setup;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attached_here(regclass, regclass) IS
    'The set-up of a table that feeds a book, or of the partitioned table it belongs to; an error when it does not';

CREATE FUNCTION customer_identity.why_linked(attached regclass, key text, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
    SET jit = off
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attached_here(attached, customers);
    found_row constant jsonb := customer_identity_internal.linked_row(setup.attached, key, customers);
    customer constant uuid := found_row ->> 'customer';
    claim constant jsonb := customer_identity_internal.leading_claim(found_row -> 'claims', customer, customers);
    moved jsonb := jsonb_build_array(jsonb_build_object(
        'table', customer_identity_internal.told_name(setup.attached), 'column', setup.customer_column, 'key', found_row -> 'key'));
    login jsonb;
    rule text := claim ->> 'way';
    merges jsonb;
BEGIN
    IF customer IS NULL THEN
        RETURN NULL;
    END IF;
    IF setup.kind = 'users' THEN
        login := found_row;
    ELSIF customer_identity_internal.has_logins(setup) AND found_row ->> 'login' IS NOT NULL THEN
        login := customer_identity_internal.login_of_order(setup.users, setup.users_key_column, found_row ->> 'login', customers);
        IF (login ->> 'customer')::uuid = customer THEN
            rule := CASE
                WHEN NOT customer_identity_internal.is_older_than_link((found_row ->> 'at')::timestamptz, login ->> 'login', customer, customers) THEN 'user'
                ELSE COALESCE(rule, 'earlier_order')
            END;
        END IF;
    END IF;
    IF rule IN ('user', 'earlier_order') THEN
        moved := moved || jsonb_build_object(
            'table', customer_identity_internal.told_name(setup.users),
            'column', (customer_identity_internal.attachment_of(setup.users)).customer_column, 'key', login -> 'key');
    END IF;
    merges := customer_identity_internal.merges_on_way(moved, claim ->> 'e164', customer, customers);
    IF rule IS NULL OR rule = 'phone' THEN
        rule := CASE WHEN merges <> '[]' THEN 'merge' ELSE COALESCE(rule, 'application') END;
    END IF;
    RETURN jsonb_build_object(
        'customer', customer, 'phone', claim -> 'phone', 'column', claim -> 'column', 'e164', claim -> 'e164', 'rule', rule,
        'proof', customer_identity_internal.proof_by(login ->> 'login',
            CASE WHEN rule NOT IN ('user', 'earlier_order') THEN claim ->> 'e164' END, customer, customers),
        'merges', merges);
END
$$;
COMMENT ON FUNCTION customer_identity.why_linked(regclass, text, regclass) IS
    'Why a row of an attached table has its customer: customer, phone as typed, column, e164, rule (phone, user, application, earlier_order, merge), proof, merges on the way; NULL: there is no such row, or it has none';
REVOKE EXECUTE ON FUNCTION customer_identity.why_linked(regclass, text, regclass) FROM PUBLIC;
