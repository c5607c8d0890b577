CREATE FUNCTION customer_identity_internal.primary_key_columns(relation regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT array_agg(a.attname::text ORDER BY k.position)
        FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = relation AND i.indisprimary AND k.position <= i.indnkeyatts
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.primary_key_columns(regclass) IS
    'The columns of the primary key of a table, in order; NULL: it has none';

-- The server keeps a column of a partitioned table unique only together with those it is partitioned by.
CREATE FUNCTION customer_identity_internal.key_column(users regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text[] := customer_identity_internal.primary_key_columns(users);
BEGIN
    IF cardinality(key) > 1 THEN
        key := ARRAY(
            SELECT a.attname
            FROM pg_partitioned_table AS p
            JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum <> ALL (p.partattrs)
            WHERE p.partrelid = users AND a.attname = ANY (key)
        );
    END IF;
    IF cardinality(key) = 1 THEN
        RETURN key[1];
    END IF;
    RETURN (
        SELECT a.attname
        FROM pg_attribute AS a
        WHERE a.attrelid = users AND a.attname = 'id' AND a.attnotnull
            AND customer_identity_internal.has_unique_index(users, 'id')
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_column(regclass) IS
    'The column that tells users apart: the primary key of one column, else a unique id; NULL: there is none';

CREATE FUNCTION customer_identity_internal.require_key(users regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := customer_identity_internal.key_column(users);
    primary_key text[] := customer_identity_internal.primary_key_columns(users);
    shared boolean;
    has_id boolean := customer_identity_internal.column_type(users, 'id') IS NOT NULL;
BEGIN
    IF key IS NULL THEN
        RAISE EXCEPTION 'table % has no single-column key', users
            USING ERRCODE = 'invalid_table_definition',
                DETAIL = COALESCE(format('Its primary key is (%s).', array_to_string(primary_key, ', ')), 'It has no primary key.'),
                HINT = CASE
                    WHEN primary_key IS NULL THEN format('ALTER TABLE %s ADD PRIMARY KEY (%s);', users, CASE WHEN has_id THEN 'id' ELSE '...' END)
                    WHEN has_id THEN format('If ids are unique: ALTER TABLE %s ALTER COLUMN id SET NOT NULL, ADD UNIQUE (id); if several shops share the table, give each user a unique id.', users)
                    ELSE format('ALTER TABLE %s ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE;', users)
                END;
    END IF;
    -- Where users have another owner, no code of theirs runs: keys are of built-in types.
    IF NOT customer_identity_internal.has_unique_index(users, key) AND cardinality(primary_key) > 1
        AND customer_identity_internal.column_type(users, key)::oid < 16384 THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s AS u GROUP BY u.%I HAVING count(*) > 1)', users, key) INTO shared;
    END IF;
    IF shared THEN
        RAISE EXCEPTION 'users in several partitions of % have the same %', users, key
            USING ERRCODE = 'invalid_table_definition', HINT = 'Give users ids that are unique across all partitions.';
    END IF;
    RETURN key;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_key(regclass) IS
    'key_column, or 42P16 with what to do when there is none';

-- Proofs refer to ids: with those of another column they would be somebody else's.
CREATE FUNCTION customer_identity_internal.warn_of_new_key(users regclass, key text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_key text;
BEGIN
    SELECT a.key_column INTO old_key
    FROM customer_identity_internal.setups_of(users) AS a
    WHERE a.kind = 'users' AND a.customers = warn_of_new_key.customers;
    IF old_key <> key AND customer_identity_internal.column_type(users, old_key) IS NOT NULL THEN
        RAISE WARNING 'users of % are now identified by %, no longer by %', users, quote_ident(key), quote_ident(old_key)
            USING HINT = format('Proofs refer to the old ids: UPDATE %I.phone_proofs AS p SET user_id = u.%I::text FROM %s AS u WHERE p.user_id = u.%I::text; and attach the orders again.',
                (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = customers),
                key, users, old_key);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.warn_of_new_key(regclass, text, regclass) IS
    'Warns when attach_users finds another key than before';

-- A column itself, and what foreign keys say that its values are values of: alone or with other columns, and by way
-- of other tables.
-- Found by the index, hence the offset: a database may have a thousand foreign keys.
CREATE FUNCTION customer_identity_internal.referred_columns(relation regclass, column_name text)
    RETURNS TABLE (relation regclass, column_name text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE referred AS (
        SELECT referred_columns.relation, referred_columns.column_name COLLATE "C"
        UNION
        SELECT COALESCE(pg_partition_root(k.confrelid), k.confrelid)::regclass, target.attname::text
        FROM referred AS r
        CROSS JOIN LATERAL (
            SELECT c.*
            FROM pg_constraint AS c
            WHERE c.conrelid = r.relation AND c.contype = 'f' AND c.conparentid = 0
            OFFSET 0
        ) AS k
        CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS c (source_number, target_number)
        JOIN pg_attribute AS source ON source.attrelid = k.conrelid AND source.attnum = c.source_number
        JOIN pg_attribute AS target ON target.attrelid = k.confrelid AND target.attnum = c.target_number
        WHERE source.attname = r.column_name
    )
    SELECT r.relation, r.column_name FROM referred AS r;
END;
COMMENT ON FUNCTION customer_identity_internal.referred_columns(regclass, text) IS
    'A column, and those that foreign keys make it refer to, directly or not';

-- Where orders and users refer to a third table, it joins them: both may extend the same accounts.
CREATE FUNCTION customer_identity_internal.joining_columns(orders regclass, user_column text, users regclass)
    RETURNS TABLE (column_name text, is_direct boolean)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH referred AS MATERIALIZED (
        SELECT r.relation, r.column_name FROM customer_identity_internal.referred_columns(orders, user_column) AS r
    ),
    own AS (
        SELECT a.attname::text AS name
        FROM pg_attribute AS a
        WHERE a.attrelid = users AND a.attnum > 0 AND NOT a.attisdropped
            AND (a.attname = customer_identity_internal.key_column(users)
                OR customer_identity_internal.has_unique_index(users, a.attname::text))
    )
    SELECT o.name, EXISTS (SELECT FROM referred AS r WHERE r.relation = users AND r.column_name = o.name)
    FROM own AS o
    WHERE EXISTS (
        SELECT
        FROM customer_identity_internal.referred_columns(users, o.name) AS c
        JOIN referred AS r ON r.relation = c.relation AND r.column_name = c.column_name
    );
END;
COMMENT ON FUNCTION customer_identity_internal.joining_columns(regclass, text, regclass) IS
    'The unique columns of users that an orders table''s user column refers to';

-- The foreign keys of a column alone, and those to users with other columns, have to say whose order it is.
CREATE FUNCTION customer_identity_internal.refuse_foreign_key(orders regclass, user_column text, users regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    foreign_key pg_constraint;
BEGIN
    SELECT k.* INTO foreign_key
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
    WHERE k.contype = 'f' AND k.conrelid = orders AND k.conparentid = 0 AND a.attname = user_column
        AND (cardinality(k.conkey) = 1 OR k.confrelid = users)
    ORDER BY k.conname
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'foreign key % of % does not say whose order it is', quote_ident(foreign_key.conname), orders
            USING ERRCODE = 'invalid_foreign_key',
                DETAIL = format('Column %I does not reference a unique column of %s.', user_column, users),
                HINT = CASE
                    WHEN foreign_key.confrelid = users THEN format('Add a column that references the key of %s to the orders, and name it in user_column => ''...''.', users)
                    ELSE format('Name the users table that it references, %s, or another column in user_column => ''...''.', foreign_key.confrelid::regclass)
                END;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_foreign_key(regclass, text, regclass) IS
    'Raises 42830 when a foreign key refers to something else than to users';

CREATE FUNCTION customer_identity_internal.users_key_of(orders regclass, user_column text, users regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := customer_identity_internal.key_column(users);
    direct text[];
    others text[];
BEGIN
    SELECT array_agg(j.column_name ORDER BY j.column_name) FILTER (WHERE j.is_direct),
        array_agg(j.column_name ORDER BY j.column_name = key DESC, j.column_name)
    INTO direct, others
    FROM customer_identity_internal.joining_columns(orders, user_column, users) AS j;
    IF cardinality(direct) > 1 THEN
        RAISE EXCEPTION 'column % of % references several columns of %', quote_ident(user_column), orders, users
            USING ERRCODE = 'ambiguous_column', DETAIL = format('They are %s.', array_to_string(direct, ', ')),
                HINT = 'Drop the foreign keys that do not say whose order it is.';
    END IF;
    IF others IS NULL THEN
        PERFORM customer_identity_internal.refuse_foreign_key(orders, user_column, users);
    END IF;
    RETURN COALESCE(direct[1], others[1], customer_identity_internal.require_key(users));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_key_of(regclass, text, regclass) IS
    'The column of users that an orders table is joined by: what its foreign key refers to, else their key';

-- The users table of an orders table: the attached one that its foreign keys lead to, else the one they name, else the
-- only one of the book.
CREATE FUNCTION customer_identity_internal.users_of(orders regclass, user_column text, customers regclass)
    RETURNS regclass
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached regclass[];
    joined regclass[];
BEGIN
    attached := ARRAY(
        SELECT a.attached FROM customer_identity_internal.attachments_of(customers) AS a WHERE a.kind = 'users' ORDER BY a.attached::text);
    joined := ARRAY(
        SELECT u.users
        FROM unnest(attached) AS u (users)
        WHERE EXISTS (SELECT FROM customer_identity_internal.joining_columns(orders, user_column, u.users)));
    IF cardinality(joined) > 1 THEN
        RAISE EXCEPTION 'column % of % references several users tables', quote_ident(user_column), orders
            USING ERRCODE = 'ambiguous_column', DETAIL = format('They are %s.', array_to_string(joined, ', ')),
                HINT = 'Say which with users => ''...''.';
    END IF;
    RETURN COALESCE(
        joined[1],
        (
            SELECT COALESCE(pg_partition_root(k.confrelid), k.confrelid)::regclass
            FROM pg_constraint AS k
            JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
            WHERE k.contype = 'f' AND k.conrelid = orders AND cardinality(k.conkey) = 1
                AND a.attname = user_column AND k.conparentid = 0
            ORDER BY k.conname
            LIMIT 1
        ),
        CASE WHEN cardinality(attached) = 1 THEN attached[1] END
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_of(regclass, text, regclass) IS
    'The users table that the orders'' user column refers to, as far as it can be told';

-- A partition's foreign key is its parent's.
CREATE FUNCTION customer_identity_internal.foreign_keys_to(referenced_table regclass)
    RETURNS TABLE (relation regclass, columns text[], referenced text[], cascades boolean, is_generated boolean)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT k.conrelid::regclass, c.columns, c.referenced, k.confdeltype = 'c', c.is_generated
        FROM pg_constraint AS k
        CROSS JOIN LATERAL (
            SELECT array_agg(a.attname::text ORDER BY u.place), array_agg(f.attname::text ORDER BY u.place), bool_or(a.attgenerated <> '')
            FROM ROWS FROM (unnest(k.conkey), unnest(k.confkey)) WITH ORDINALITY AS u (number, referenced, place)
            JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number
            JOIN pg_attribute AS f ON f.attrelid = k.confrelid AND f.attnum = u.referenced
        ) AS c (columns, referenced, is_generated)
        WHERE k.contype = 'f' AND k.confrelid = referenced_table AND k.conparentid = 0;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.foreign_keys_to(regclass) IS
    'The columns of foreign keys to a table, what they refer to, and whether rows are deleted with it; what is generated follows by itself when a row moves';
