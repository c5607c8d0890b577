-- Its oids are those of this database where that of customers is. Else it has been restored, and names are all there is.
CREATE FUNCTION customer_identity_internal.named_in_record(record jsonb, relation regclass, key_column text, customers regclass)
    RETURNS TABLE (table_name text, column_name text)
    LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
    SELECT COALESCE(n.value ->> 'table', customer_identity_internal.told_name(relation)), COALESCE(c.key, named_in_record.key_column)
    FROM (VALUES (true)) AS one (row)
    LEFT JOIN jsonb_array_elements(record -> 'names') AS n (value)
        ON (record #>> '{names,0,oid}')::oid = customers AND (n.value ->> 'oid')::oid = relation
    LEFT JOIN LATERAL (
        SELECT c.key
        FROM jsonb_each_text(n.value -> 'columns') AS c
        JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = c.value::smallint
        WHERE a.attname = named_in_record.key_column
    ) AS c ON true;
END;
COMMENT ON FUNCTION customer_identity_internal.named_in_record(jsonb, regclass, text, regclass) IS
    'What the record of a merge calls a table, and a column of it: what they were called then';

-- A merge tells the logins that it moved, and those that stay, by their ids. Ids change, also in a circle, and are given again
-- after a login has gone.
-- `pads`: the key has the blanks of character(n), which an id has not.
CREATE FUNCTION customer_identity_internal.id_in_key(key jsonb, column_name text, pads boolean)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN CASE WHEN pads THEN rtrim(key ->> column_name, ' ') ELSE key ->> column_name END;
COMMENT ON FUNCTION customer_identity_internal.id_in_key(jsonb, text, boolean) IS
    'The id of the login that a key tells apart';

CREATE FUNCTION customer_identity_internal.keys_with_ids(keys jsonb, column_name text, pads boolean, ids jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_agg(
        CASE
            WHEN ids ? i.id THEN jsonb_set(k.value, ARRAY[column_name], COALESCE(
                CASE jsonb_typeof(k.value -> column_name) WHEN 'number' THEN (ids ->> i.id)::jsonb ELSE ids -> i.id END, 'null'))
            WHEN i.id IN (SELECT n.value FROM jsonb_each_text(ids) AS n) THEN jsonb_set(k.value, ARRAY[column_name], 'null')
            ELSE k.value
        END ORDER BY k.place), '[]')
    FROM jsonb_array_elements(keys) WITH ORDINALITY AS k (value, place)
    CROSS JOIN LATERAL (VALUES (customer_identity_internal.id_in_key(k.value, column_name, pads))) AS i (id)
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_with_ids(jsonb, text, boolean, jsonb) IS
    'Keys of rows with other ids, {old: new}; NULL: that row has gone, as has one whose id another row gets';

CREATE FUNCTION customer_identity_internal.record_with_ids(record jsonb, users regclass, key_column text, ids jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pads constant boolean := customer_identity_internal.base_type(customer_identity_internal.column_type(users, key_column)) = 'character'::regtype;
    moved constant jsonb := record -> 'moved';
    named record;
    place integer;
BEGIN
    SELECT n.* INTO named FROM customer_identity_internal.named_in_record(record, users, key_column, customers) AS n;
    -- The keys of orders, of which a record may have very many, are left where they are.
    FOR place IN SELECT p.n FROM generate_series(0, jsonb_array_length(moved) - 1) AS p (n) WHERE moved -> p.n ->> 'table' = named.table_name LOOP
        record := jsonb_set(record, ARRAY['moved', place::text, 'keys'],
            customer_identity_internal.keys_with_ids(moved -> place -> 'keys', named.column_name, pads, ids));
    END LOOP;
    IF record -> 'stay' ? named.table_name THEN
        record := jsonb_set(record, ARRAY['stay', named.table_name],
            customer_identity_internal.keys_with_ids(record -> 'stay' -> named.table_name, named.column_name, pads, ids));
    END IF;
    RETURN record;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.record_with_ids(jsonb, regclass, text, jsonb, regclass) IS
    'The record of a merge where logins of a table have other ids, {old: new}';

-- Only merges into these customers, or into who was merged into them, have rows that are theirs still.
CREATE FUNCTION customer_identity_internal.follow_logins(users regclass, key_column text, ids jsonb, winners uuid[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format($sql$
        WITH RECURSIVE merged (id) AS (
            SELECT u.id FROM unnest($4) AS u (id)
            UNION
            SELECT m.loser_id FROM merged AS w JOIN %1$s AS m ON m.winner_id = w.id
        ), held AS MATERIALIZED (
            SELECT m.id FROM %1$s AS m
            WHERE m.winner_id IN (SELECT w.id FROM merged AS w)
                -- Most name none of them, which is soon seen where they are short.
                AND (pg_column_size(m.record) > 20000 OR EXISTS (
                    SELECT FROM jsonb_each_text($3) AS i CROSS JOIN LATERAL (VALUES (i.key), (i.value)) AS n (id)
                    WHERE strpos(m.record::text, btrim(to_json(n.id)::text, '"')) > 0))
                AND customer_identity_internal.record_with_ids(m.record, $1, $2, $3, $5) <> m.record
            ORDER BY m.id
            FOR NO KEY UPDATE
        )
        UPDATE %1$s AS m SET record = customer_identity_internal.record_with_ids(m.record, $1, $2, $3, $5)
        WHERE m.id IN (SELECT h.id FROM held AS h)
        $sql$, customer_identity_internal.companion_of(customers, 'customer_merges'))
        USING users, key_column, ids, winners, customers;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.follow_logins(regclass, text, jsonb, uuid[], regclass) IS
    'Tells the merges into customers which ids logins of a table have now, {old: new}; NULL: it has gone';
