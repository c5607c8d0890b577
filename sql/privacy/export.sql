CREATE FUNCTION customer_identity_internal.rows_that_refer(referencing regclass, ways jsonb, customer jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    found_rows jsonb;
    key constant text[] := customer_identity_internal.key_columns(referencing);
BEGIN
    PERFORM customer_identity_internal.require_keys(referencing, ways, customers);
    EXECUTE format('SELECT jsonb_agg(to_jsonb(r.*)%s) FROM %s AS r WHERE %s%s',
        (SELECT ' ORDER BY ' || string_agg(format('r.%I', k.name), ', ' ORDER BY k.place) FROM unnest(key) WITH ORDINALITY AS k (name, place)),
        referencing, customer_identity_internal.refers_in_any_way(referencing, ways, '$1'),
        customer_identity_internal.not_of_heirs(customer_identity_internal.heirs_that_refer(referencing, ways, customers)))
        INTO found_rows
        USING customer;
    RETURN found_rows;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_that_refer(regclass, jsonb, jsonb, regclass) IS
    'The rows of a table that refer to a customer in one of the ways, without those of tables that inherit from it and do so themselves; NULL: none';

-- As customer_details() has it: the row says that the phone ceased to be a further one, and it leads to the customer still.
CREATE FUNCTION customer_identity_internal.without_primary_phone(phones jsonb, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    primary_phone text;
BEGIN
    EXECUTE format('SELECT c.phone::text FROM %s AS c WHERE c.id = $1', customers) INTO primary_phone USING customer_id;
    RETURN (
        SELECT jsonb_agg(p.value ORDER BY p.place)
        FROM jsonb_array_elements(phones) WITH ORDINALITY AS p (value, place)
        WHERE p.value ->> 'until' IS NULL OR p.value ->> 'phone' IS DISTINCT FROM primary_phone);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.without_primary_phone(jsonb, uuid, regclass) IS
    'Rows of customer_phones without former ones of the number that is the customer''s primary one; NULL: none';

CREATE FUNCTION customer_identity_internal.companion_rows(name text, condition text, customer_id uuid, phones text[], merged uuid[], customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_rows jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_agg(to_jsonb(r.*)) FROM %s AS r WHERE %s',
        customer_identity_internal.companion_of(customers, name), condition)
        INTO found_rows
        USING customer_id, phones, merged;
    RETURN CASE name
        WHEN 'customer_merges' THEN customer_identity_internal.own_merges(found_rows, customer_id, customers)
        WHEN 'customer_events' THEN customer_identity_internal.own_events(found_rows,
            customer_identity_internal.events_of_others(merged, customer_id, customers), customer_id, customers)
        WHEN 'customer_phones' THEN customer_identity_internal.own_phones(
            customer_identity_internal.without_primary_phone(found_rows, customer_id, customers), customer_id, customers)
        WHEN 'phone_proofs' THEN customer_identity_internal.own_phones(found_rows, customer_id, customers)
        ELSE found_rows
    END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.companion_rows(text, text, uuid, text[], uuid[], regclass) IS
    'The rows of a companion that are about a person; NULL: none';

-- Somebody who was merged into a customer may have gone his own way again, by a split or with the number.
CREATE FUNCTION customer_identity_internal.is_others_phone(phone text, customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE(customer_identity_internal.holder_of_phone(phone, customers) <> customer_id, false);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_others_phone(text, uuid, regclass) IS
    'Whether a phone leads to another customer';

CREATE FUNCTION customer_identity_internal.logins_of_others(referencing regclass, user_ids text[], customer_id uuid, customers regclass)
    RETURNS text[]
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    users constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    type constant regtype := customer_identity_internal.column_type(referencing, users.key_column);
    -- What is no value of the key's type is no login of this table. The others are compared as such, for an index, and as texts.
    own_ids constant text[] := ARRAY(SELECT DISTINCT i.id FROM unnest(user_ids) AS i (id) WHERE customer_identity_internal.is_value(type, i.id));
    ids text[];
BEGIN
    EXECUTE format('SELECT array_agg(customer_identity_internal.as_text(r.%1$I)) FROM %2$s AS r'
        ' WHERE r.%3$I <> $1 AND r.%1$I %4$s ANY (%5$L::%6$s[]) AND customer_identity_internal.as_text(r.%1$I) = ANY ($2)',
        users.key_column, referencing, users.customer_column, customer_identity_internal.equality_of(type), own_ids,
        customer_identity_internal.type_name(type))
        INTO ids
        USING customer_id, own_ids;
    RETURN ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_of_others(regclass, text[], uuid, regclass) IS
    'Those of some logins in a table that are another customer''s';

CREATE FUNCTION customer_identity_internal.others_logins(user_ids text[], customer_id uuid, customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN ARRAY(
        SELECT i.id
        FROM customer_identity_internal.attachments_to_read(customers) AS a
        CROSS JOIN LATERAL unnest(customer_identity_internal.logins_of_others(a.attached, user_ids, customer_id, customers)) AS i (id)
        WHERE a.kind = 'users' AND user_ids <> '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.others_logins(text[], uuid, regclass) IS
    'Those of some logins that are another customer''s now';

-- A merge that somebody has left again tells that it was, and nothing of what it moved.
CREATE FUNCTION customer_identity_internal.own_merges(merges jsonb, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    split_at timestamptz;
    gone text[];
BEGIN
    gone := customer_identity_internal.others_logins(
        ARRAY(SELECT l.id FROM jsonb_array_elements(merges) AS m CROSS JOIN LATERAL unnest(customer_identity_internal.logins_in_record(m.value -> 'record', customers)) AS l (id)),
        customer_id, customers);
    EXECUTE format('SELECT max(e.created_at) FROM %s AS e WHERE e.customer_id = $1 AND e.event = ''split''',
        customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO split_at
        USING customer_id;
    RETURN (
        SELECT jsonb_agg(CASE
            WHEN split_at >= (m.value ->> 'merged_at')::timestamptz
                OR customer_identity_internal.is_others_phone(m.value -> 'record' -> 'loser' ->> 'phone', customer_id, customers)
                OR customer_identity_internal.logins_in_record(m.value -> 'record', customers) && gone
            THEN m.value - 'record' ELSE m.value END ORDER BY m.place)
        FROM jsonb_array_elements(merges) WITH ORDINALITY AS m (value, place));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.own_merges(jsonb, uuid, regclass) IS
    'Rows of customer_merges without the record where somebody else has come out of the customer again';

CREATE FUNCTION customer_identity_internal.own_phones(found_rows jsonb, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    logins constant text[] := customer_identity_internal.others_logins(
        ARRAY(SELECT r.value ->> 'user_id' FROM jsonb_array_elements(found_rows) AS r WHERE r.value ->> 'user_id' IS NOT NULL), customer_id, customers);
BEGIN
    RETURN (
        SELECT jsonb_agg(r.value ORDER BY r.place)
        FROM jsonb_array_elements(found_rows) WITH ORDINALITY AS r (value, place)
        WHERE NOT customer_identity_internal.is_others_phone(r.value ->> 'phone', customer_id, customers)
            AND (r.value ->> 'user_id' = ANY (logins)) IS NOT TRUE);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.own_phones(jsonb, uuid, regclass) IS
    'Rows that are about phones, without those of phones and logins that are other customers'' now; NULL: none';

CREATE FUNCTION customer_identity_internal.events_of_others(merged uuid[], customer_id uuid, customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_agg(to_jsonb(m.*)) FROM %s AS m WHERE m.winner_id = ANY ($1)', customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO merges
        USING merged;
    RETURN ARRAY(
        SELECT e.id
        FROM ROWS FROM (jsonb_array_elements(merges), jsonb_array_elements(customer_identity_internal.own_merges(merges, customer_id, customers))) AS m (whole, own)
        CROSS JOIN LATERAL unnest(customer_identity_internal.events_in_record(m.whole -> 'record', customers)) AS e (id)
        WHERE NOT m.own ? 'record');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.events_of_others(uuid[], uuid, regclass) IS
    'The entries of the history that came with somebody who has come out of the customer again';

-- Without the phones and logins that are other customers' now, and without what happened to them.
CREATE FUNCTION customer_identity_internal.own_events(events jsonb, others uuid[], customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones constant text[] := ARRAY(
        SELECT DISTINCT f.phone[1]
        FROM jsonb_array_elements(events) AS e
        CROSS JOIN LATERAL regexp_matches(e.value ->> 'details', '[+][1-9][0-9]{1,18}(?![0-9])', 'g') AS f (phone)
        WHERE customer_identity_internal.is_others_phone(f.phone[1], customer_id, customers));
    logins constant text[] := customer_identity_internal.others_logins(
        ARRAY(SELECT DISTINCT e.value -> 'details' ->> 'user_id' FROM jsonb_array_elements(events) AS e WHERE e.value -> 'details' ->> 'user_id' IS NOT NULL),
        customer_id, customers);
BEGIN
    RETURN (
        SELECT jsonb_agg(e.value || jsonb_build_object('details', CASE WHEN phones = '{}' THEN d.own
                ELSE customer_identity_internal.without_phones(d.own, customer_identity_internal.pattern_of_phones(phones)) END)
            || CASE WHEN e.value ->> 'actor' = ANY (logins) THEN '{"actor": null}' ELSE '{}'::jsonb END ORDER BY e.place)
        FROM jsonb_array_elements(events) WITH ORDINALITY AS e (value, place)
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN (e.value ->> 'id')::uuid = ANY (others) THEN '{}'
                WHEN e.value ->> 'event' = 'split' THEN (e.value -> 'details') - '{user_ids,orders}'::text[]
                WHEN e.value -> 'details' ->> 'user_id' = ANY (logins) THEN (e.value -> 'details') - 'user_id'
                ELSE e.value -> 'details'
            END
        ) AS d (own));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.own_events(jsonb, uuid[], uuid, regclass) IS
    'Rows of customer_events without the phones and logins of others';

-- The companions are read by what they mean, whether they have a foreign key or not.
CREATE FUNCTION customer_identity_internal.tables_that_refer(customers regclass)
    RETURNS TABLE (relation regclass, ways jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT r.relation, jsonb_agg(r.way ORDER BY r.way)
        FROM customer_identity_internal.keys_to_customers(customers) AS r
        WHERE r.relation <> customers AND r.relation NOT IN (
            SELECT customer_identity_internal.companion_of(customers, c.name)::regclass
            FROM customer_identity_internal.companions_of_person() AS c)
        GROUP BY r.relation;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.tables_that_refer(regclass) IS
    'The tables of the application that refer to customers, and in which ways';

CREATE FUNCTION customer_identity.export_customer(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    customer constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
    phones constant text[] := customer_identity_internal.phones_of_person(customer_id, customers);
    merged constant uuid[] := customer_identity_internal.merged_into(customer_id, customers);
    relations constant regclass[] := customer_identity_internal.tables_of_people(customers);
    found_tables jsonb;
BEGIN
    PERFORM customer_identity_internal.hold_tables(relations);
    SELECT COALESCE(jsonb_agg(jsonb_build_object('table', t.name, 'rows', t.rows) ORDER BY t.name), '[]') INTO found_tables
    FROM (
        SELECT customer_identity_internal.told_name(r.relation),
            customer_identity_internal.rows_that_refer(r.relation, r.ways, customer, customers)
        FROM customer_identity_internal.tables_that_refer(customers) AS r
        UNION ALL
        SELECT customer_identity_internal.told_name(customer_identity_internal.companion_of(customers, c.name)::regclass),
            customer_identity_internal.companion_rows(c.name, c.condition, customer_id, phones, merged, customers)
        FROM customer_identity_internal.companions_of_person() AS c
        -- So that each table is read once.
        OFFSET 0
    ) AS t (name, rows)
    WHERE t.rows IS NOT NULL;
    -- Whoever detaches a partition waits until what is held is released, and tells of it before.
    PERFORM customer_identity_internal.require_all_partitions(u.relation) FROM unnest(relations) AS u (relation);
    RETURN jsonb_build_object('customer', customer,
        'tables', found_tables || customer_identity_internal.verifications_of(phones,
            customer_identity_internal.logins_of_person(customer_id, phones, customers), false, customers));
END
$$;
COMMENT ON FUNCTION customer_identity.export_customer(uuid, regclass) IS
    'All that the database holds on a person: the customer, and the rows of every table that refers to it, of the companions and of verifications, as {customer, tables: [{table, rows}]}';
REVOKE EXECUTE ON FUNCTION customer_identity.export_customer(uuid, regclass) FROM PUBLIC;
