-- Who lives on in a customer since merges.
CREATE FUNCTION customer_identity_internal.merged_into(customer_id uuid, customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids uuid[];
BEGIN
    EXECUTE format(
        'WITH RECURSIVE merged (id) AS (SELECT $1 UNION SELECT m.loser_id FROM merged AS w JOIN %s AS m ON m.winner_id = w.id)'
        ' SELECT array_agg(w.id) FROM merged AS w',
        customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO ids
        USING customer_id;
    RETURN ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merged_into(uuid, regclass) IS
    'The ids of a customer and of those that were merged into it';

-- Of the former ones those that lead to nobody else now: a number with a new holder is no longer the person's.
CREATE FUNCTION customer_identity_internal.phones_of_person(customer_id uuid, customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    had text[];
    phones text[];
BEGIN
    EXECUTE format(
        'SELECT COALESCE(array_agg(DISTINCT n.phone), ''{}'') FROM ('
        ' SELECT c.phone::text FROM %s AS c WHERE c.id = $1'
        ' UNION ALL SELECT p.phone::text FROM %s AS p WHERE p.customer_id = $1'
        ' UNION ALL SELECT p.phone::text FROM %s AS p WHERE p.customer_id = $1) AS n (phone)'
        ' WHERE n.phone IS NOT NULL',
        customers, customer_identity_internal.companion_of(customers, 'customer_phones'), customer_identity_internal.companion_of(customers, 'phone_proofs'))
        INTO had
        USING customer_id;
    EXECUTE format(
        'SELECT ARRAY(SELECT n.phone FROM unnest($2) AS n (phone)'
        ' EXCEPT SELECT c.phone::text FROM %s AS c WHERE c.phone = ANY ($2) AND c.id <> $1'
        ' EXCEPT SELECT p.phone::text FROM %s AS p WHERE p.phone = ANY ($2) AND p.customer_id <> $1 AND p.until IS NULL'
        ' EXCEPT SELECT r.phone::text FROM %s AS r WHERE r.phone = ANY ($2) AND r.rule = ''nobody'' ORDER BY 1)',
        customers, customer_identity_internal.companion_of(customers, 'customer_phones'), customer_identity_internal.companion_of(customers, 'phone_rules'))
        INTO phones
        USING customer_id, had;
    RETURN phones;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phones_of_person(uuid, regclass) IS
    'The numbers that a customer has or had and that are nobody else''s now';

-- An order has one phone.
CREATE FUNCTION customer_identity_internal.has_claimed(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(
    CASE WHEN cardinality(orders.phone_columns) > 0 THEN format('customer_identity_internal.claimed_phone(customer_identity_internal.as_text(r.%I), %s) = ANY ($2)',
        (orders.phone_columns)[1], customer_identity_internal.region_expression(orders)) END,
    'false');
COMMENT ON FUNCTION customer_identity_internal.has_claimed(customer_identity.attachments) IS
    'The condition that order r has one of the phones $2';

-- Where orders are placed by their customers, a phone is in those of its holders, the one after the other, and of nobody.
CREATE FUNCTION customer_identity_internal.places_of_orders(customer_id uuid, phones text[])
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids uuid[];
BEGIN
    EXECUTE format(
        'SELECT array_agg(i.id) FROM (SELECT $1 UNION SELECT $3'
        ' UNION SELECT %s FROM unnest($2) AS p (phone) CROSS JOIN generate_series(0, %s) AS g (phone_generation)) AS i (id)',
        customer_identity_internal.id_of_phone(), customer_identity_internal.last_generation())
        INTO ids
        USING customer_id, phones, customer_identity_internal.nobody();
    RETURN ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.places_of_orders(uuid, text[]) IS
    'The ids by which the orders of a customer, and others with one of the phones, are placed in a book whose ids are computed';

-- The rows r of customer $1: those that are linked, and those that backfill() would link by one of the phones $2.
CREATE FUNCTION customer_identity_internal.rows_of_person_query(attached customer_identity.attachments, customer_id uuid, phones text[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    came_by constant text := customer_identity_internal.came_by_condition(attached);
BEGIN
    IF customer_identity_internal.is_spread(attached.attached) THEN
        RETURN format('FROM %1$s AS r WHERE r.%2$I = ANY (%3$L::uuid[]) AND (r.%2$I = $1 OR %4$s)', attached.attached, attached.customer_column,
            customer_identity_internal.places_of_orders(customer_id, phones), customer_identity_internal.has_claimed(attached));
    END IF;
    RETURN format('FROM %1$s AS r WHERE r.%2$I = $1 OR (%3$s %4$s)', attached.attached, attached.customer_column,
        CASE WHEN attached.kind = 'users' THEN format('r.%I IS NULL AND ', attached.customer_column) END, came_by);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_of_person_query(customer_identity.attachments, uuid, text[]) IS
    'FROM and WHERE of the rows r of customer $1 with the phones $2, and of other customers'' orders with one of them';

-- `others`: orders of other customers that have one of the phones, for a delivery. Rows of an attached table that inherits
-- from this one are found there: it may have personal columns of its own.
CREATE FUNCTION customer_identity_internal.find_rows_of_person(
    attached customer_identity.attachments, customer_id uuid, phones text[],
    OUT parts oid[], OUT places tid[], OUT ids text[], OUT other_parts oid[], OUT other_places tid[])
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    heirs constant oid[] := customer_identity_internal.attached_heirs(attached);
BEGIN
    EXECUTE format(
        'SELECT COALESCE(array_agg(f.part) FILTER (WHERE f.own), ''{}''), COALESCE(array_agg(f.place) FILTER (WHERE f.own), ''{}''),'
        ' COALESCE(array_agg(f.id) FILTER (WHERE f.own), ''{}''),'
        ' COALESCE(array_agg(f.part) FILTER (WHERE NOT f.own), ''{}''), COALESCE(array_agg(f.place) FILTER (WHERE NOT f.own), ''{}'')'
        ' FROM (SELECT r.tableoid AS part, r.ctid AS place, %s AS id, COALESCE(r.%I = $1, true) AS own %s) AS f%s',
        CASE WHEN attached.key_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', attached.key_column) END,
        attached.customer_column, customer_identity_internal.rows_of_person_query(attached, customer_id, phones),
        CASE WHEN heirs <> '{}' THEN format(' WHERE f.part <> ALL (%L::oid[])', heirs) END)
        INTO parts, places, ids, other_parts, other_places
        USING customer_id, phones;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.find_rows_of_person(customer_identity.attachments, uuid, text[]) IS
    'Where the rows of a customer are in an attached table, with the ids of logins, and the orders of others that have one of its phones';

CREATE FUNCTION customer_identity_internal.rows_of_person(
    referencing regclass, customer_id uuid, phones text[], customers regclass,
    OUT parts oid[], OUT places tid[], OUT ids text[], OUT other_parts oid[], OUT other_places tid[])
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
BEGIN
    SELECT f.* INTO parts, places, ids, other_parts, other_places
    FROM customer_identity_internal.find_rows_of_person(customer_identity_internal.attachment_to(referencing, customers), customer_id, phones) AS f;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_of_person(regclass, uuid, text[], regclass) IS
    'find_rows_of_person() as the owner of the table';

CREATE FUNCTION customer_identity_internal.logins_of_person(customer_id uuid, phones text[], customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT i.id
        FROM customer_identity_internal.held_attachments(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.rows_of_person(a.attached, customer_id, phones, customers) AS r
        CROSS JOIN LATERAL unnest(r.ids) AS i (id)
        WHERE a.kind = 'users' AND i.id IS NOT NULL);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_of_person(uuid, text[], regclass) IS
    'The ids of a customer''s logins';

CREATE FUNCTION customer_identity_internal.logins_in_record(record jsonb, customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN ARRAY(
        SELECT k.value ->> n.column_name
        FROM customer_identity_internal.attachments_of(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.named_in_record(record, a.attached, a.key_column, customers) AS n
        JOIN jsonb_array_elements(record -> 'moved') AS m ON m.value ->> 'table' = n.table_name
        CROSS JOIN LATERAL jsonb_array_elements(m.value -> 'keys') AS k
        WHERE a.kind = 'users' AND k.value ? n.column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_in_record(jsonb, regclass) IS
    'The logins that a merge moved';

-- Whoever has a number that was released since the merge is somebody else.
CREATE FUNCTION customer_identity_internal.is_still_of_merge(phone text, winner_id uuid, merged_at timestamptz, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_released boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS e WHERE e.customer_id = $1 AND e.event = ''phone_released'' AND e.details ->> ''phone'' = $2 AND e.created_at >= $3)',
        customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO is_released
        USING winner_id, phone, merged_at;
    RETURN NOT is_released;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_still_of_merge(text, uuid, timestamptz, regclass) IS
    'Whether who has a phone of a merge''s loser or winner may be one of the two';

-- Who was merged into somebody else and is a customer again, by a split or a new sign-up, is in the record of that merge.
CREATE FUNCTION customer_identity_internal.is_in_record(record jsonb, phones text[], user_ids text[], customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE(record -> 'loser' ->> 'phone' = ANY (phones), false)
        OR COALESCE(record -> 'before' ->> 'phone' = ANY (phones), false)
        OR customer_identity_internal.logins_in_record(record, customers) && user_ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_in_record(jsonb, text[], text[], regclass) IS
    'Whether one of the two customers of a merge had one of the phones, or the loser one of the logins';

CREATE FUNCTION customer_identity_internal.events_in_record(record jsonb, customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN ARRAY(
        SELECT (k.value ->> n.column_name)::uuid
        FROM customer_identity_internal.named_in_record(record,
            customer_identity_internal.companion_of(customers, 'customer_events')::regclass, 'id', customers) AS n
        JOIN jsonb_array_elements(record -> 'moved') AS m ON m.value ->> 'table' = n.table_name
        CROSS JOIN LATERAL jsonb_array_elements(m.value -> 'keys') AS k);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.events_in_record(jsonb, regclass) IS
    'The entries of the history that a merge took along';

-- Who was merged into somebody else, and has come out of it by a split or a new sign-up, has left his history there.
CREATE FUNCTION customer_identity_internal.moved_events_of_person(merges bigint[], phones text[], user_ids text[], customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    events uuid[];
BEGIN
    EXECUTE format(
        'SELECT array_agg(e.id) FROM %s AS m CROSS JOIN LATERAL unnest(customer_identity_internal.events_in_record(m.record, $4)) AS e (id)'
        ' WHERE m.id = ANY ($1) AND (customer_identity_internal.logins_in_record(m.record, $4) && $3'
        ' OR (m.record #>> ''{loser,phone}'' = ANY ($2) AND customer_identity_internal.is_still_of_merge(m.record #>> ''{loser,phone}'', m.winner_id, m.merged_at, $4)))',
        customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO events
        USING merges, phones, user_ids, customers;
    RETURN COALESCE(events, '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.moved_events_of_person(bigint[], text[], text[], regclass) IS
    'The entries of the history that those of some merges took along which had taken a person with these phones and logins for somebody else';

-- Asked for first: Citus calls no function for rows that are changed. Of the merges of a shop few name a person at all: only
-- those are read closely.
CREATE FUNCTION customer_identity_internal.merges_of_person(phones text[], user_ids text[], customers regclass)
    RETURNS bigint[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges bigint[];
BEGIN
    EXECUTE format('SELECT array_agg(m.id) FROM %s AS m WHERE CASE'
        ' WHEN m.record #>> ''{loser,phone}'' = ANY ($1) OR m.record #>> ''{before,phone}'' = ANY ($1)'
        ' OR cardinality($2) > 0 AND EXISTS (SELECT FROM jsonb_path_query(m.record, ''$.moved[*].keys[*].*'') AS k (value) WHERE k.value #>> ''{}'' = ANY ($2))'
        ' THEN customer_identity_internal.is_in_record(m.record, ARRAY(SELECT p.phone FROM unnest($1) AS p (phone) WHERE p.phone IN (m.record #>> ''{loser,phone}'', m.record #>> ''{before,phone}'')'
        ' AND customer_identity_internal.is_still_of_merge(p.phone, m.winner_id, m.merged_at, $3)), $2, $3) END',
        customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO merges
        USING phones, user_ids, customers;
    RETURN COALESCE(merges, '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merges_of_person(text[], text[], regclass) IS
    'The merges that had taken a person with these phones and logins for somebody else';

-- What the companions hold on a person: customer $1, phones $2, merged ids $3, merges $4, and events $5 that a merge has taken along.
CREATE FUNCTION customer_identity_internal.companions_of_person()
    RETURNS TABLE (name text, condition text, also text)
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        ('customer_events', 'r.customer_id = $1', 'r.id = ANY ($5)'),
        ('customer_merges', 'r.winner_id = ANY ($3) OR r.loser_id = ANY ($3)',
            'r.id = ANY ($4)'),
        ('customer_phones', 'r.customer_id = $1', 'r.phone = ANY ($2)'),
        ('duplicate_dismissals', 'r.a = ANY ($3) OR r.b = ANY ($3)', 'false'),
        ('loyalty_entries', 'r.customer_id = $1', 'false'),
        ('phone_proofs', 'r.customer_id = $1', 'r.phone = ANY ($2)'),
        ('phone_rules', 'r.phone = ANY ($2)', 'false')
$$;
COMMENT ON FUNCTION customer_identity_internal.companions_of_person() IS
    'Which rows r of each companion are about customer $1 with the phones $2, the merged ids $3, the merges $4 and the events $5, and which of others name it';
