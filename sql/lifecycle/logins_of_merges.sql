-- A merge tells the logins that it moved, and those that stay, by their ids. Ids change, also in a circle, and are given again
-- after a login has gone.
CREATE FUNCTION customer_identity_internal.keys_with_ids(keys jsonb, column_name text, ids jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(jsonb_agg(
        CASE
            WHEN ids ? (k.value ->> column_name) THEN jsonb_set(k.value, ARRAY[column_name], COALESCE(
                CASE jsonb_typeof(k.value -> column_name)
                    WHEN 'number' THEN (ids ->> (k.value ->> column_name))::jsonb
                    ELSE ids -> (k.value ->> column_name)
                END, 'null'))
            WHEN k.value ->> column_name IN (SELECT n.value FROM jsonb_each_text(ids) AS n) THEN jsonb_set(k.value, ARRAY[column_name], 'null')
            ELSE k.value
        END ORDER BY k.place), '[]')
    FROM jsonb_array_elements(keys) WITH ORDINALITY AS k (value, place)
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_with_ids(jsonb, text, jsonb) IS
    'Keys of rows with other ids, {old: new}; NULL: that row has gone, as has one whose id another row gets';

CREATE FUNCTION customer_identity_internal.record_with_ids(record jsonb, users regclass, key_column text, ids jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- As the record calls them.
    named constant jsonb := (
        SELECT n.value FROM jsonb_array_elements(record -> 'names') AS n WHERE (n.value ->> 'oid')::oid = users);
    relation constant text := COALESCE(named ->> 'table', customer_identity_internal.told_name(users));
    column_name constant text := COALESCE((
        SELECT c.key
        FROM jsonb_each_text(named -> 'columns') AS c
        JOIN pg_attribute AS a ON a.attrelid = users AND a.attnum = c.value::smallint
        WHERE a.attname = key_column), key_column);
BEGIN
    RETURN record || jsonb_build_object(
        'moved', (
            SELECT COALESCE(jsonb_agg(
                CASE WHEN m.value ->> 'table' = relation
                    THEN m.value || jsonb_build_object('keys', customer_identity_internal.keys_with_ids(m.value -> 'keys', column_name, ids))
                    ELSE m.value
                END ORDER BY m.place), '[]')
            FROM jsonb_array_elements(record -> 'moved') WITH ORDINALITY AS m (value, place)),
        'stay', COALESCE(record -> 'stay', '{}') || CASE WHEN record -> 'stay' ? relation
            THEN jsonb_build_object(relation, customer_identity_internal.keys_with_ids(record -> 'stay' -> relation, column_name, ids))
            ELSE '{}'
        END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.record_with_ids(jsonb, regclass, text, jsonb) IS
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
        ), changed AS MATERIALIZED (
            SELECT m.id, m.record, customer_identity_internal.record_with_ids(m.record, $1, $2, $3) AS present
            FROM merged AS w
            JOIN %1$s AS m ON m.winner_id = w.id
        )
        UPDATE %1$s AS m SET record = c.present FROM changed AS c WHERE m.id = c.id AND c.present <> c.record
        $sql$, customer_identity_internal.companion_of(customers, 'customer_merges'))
        USING users, key_column, ids, winners;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.follow_logins(regclass, text, jsonb, uuid[], regclass) IS
    'Tells the merges into customers which ids logins of a table have now, {old: new}; NULL: it has gone';
