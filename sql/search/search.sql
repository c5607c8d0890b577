CREATE FUNCTION customer_identity.search_text(value text)
    RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'search_text';
COMMENT ON FUNCTION customer_identity.search_text(text) IS
    'A text as searches compare it: its first 1,000 characters, in small letters without accents. Indexes hold its values';

CREATE FUNCTION customer_identity_internal.like_literal(value text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN replace(replace(replace(value, '\', '\\'), '%', '\%'), '_', '\_');
COMMENT ON FUNCTION customer_identity_internal.like_literal(text) IS
    'A text that LIKE takes as it is';

-- Trunk zeros, country prefixes written 00 and the (0) of +44 (0)20 are not part of an E.164 number.
CREATE FUNCTION customer_identity_internal.searched_digits(search text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN (
    SELECT CASE
        WHEN length(ltrim(d.digits, '0')) >= 4 THEN ltrim(d.digits, '0')
        WHEN length(d.digits) >= 4 THEN d.digits
    END
    FROM (SELECT regexp_replace(replace(search, '(0)', ''), '[^0-9]', '', 'g')) AS d (digits)
    WHERE search ~ '^[-0-9+()/.[:space:]\u00A0\u2010-\u2015\u2212]+$'
);
COMMENT ON FUNCTION customer_identity_internal.searched_digits(text) IS
    'The digits of a search that looks like a part of a phone, or NULL when there are fewer than four';

-- What reads catalogs for every page is plpgsql, which keeps its plans: an SQL function that cannot be inlined is
-- planned anew at each call.

-- Types that are the server's own have no casts or operators that somebody else could have made.
CREATE FUNCTION customer_identity_internal.plain_text(relation regclass, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format(
            CASE WHEN customer_identity_internal.base_type(a.atttypid) = ANY ('{text,varchar,bpchar}'::regtype[]) THEN 'r.%I::text'
                ELSE 'customer_identity_internal.as_text(r.%I)' END,
            a.attname)
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.plain_text(regclass, text) IS
    'The expression that reads a column of row r as text; NULL when there is no such column';

CREATE FUNCTION customer_identity_internal.time_column(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT a.attname::text
        FROM unnest('{created_at,createdAt,placed_at,placedAt,ordered_at,orderedAt,order_date,orderDate}'::text[])
            WITH ORDINALITY AS known (name, position)
        JOIN pg_attribute AS a ON a.attname = known.name AND a.attrelid = relation AND NOT a.attisdropped
        WHERE a.atttypid = ANY ('{timestamptz,timestamp,date}'::regtype[])
        ORDER BY known.position
        LIMIT 1
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.time_column(regclass) IS
    'The column that tells when a row was made, by its name, or NULL';

-- Without a time zone it is taken for UTC, whoever asks.
CREATE FUNCTION customer_identity_internal.time_of_row(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE(
        (
            SELECT format(
                CASE a.atttypid WHEN 'timestamptz'::regtype THEN 'r.%I' ELSE 'r.%I::timestamp AT TIME ZONE ''UTC''' END,
                a.attname)
            FROM pg_attribute AS a
            WHERE a.attrelid = relation AND a.attname = customer_identity_internal.time_column(relation)
        ),
        'NULL::timestamptz'
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.time_of_row(regclass) IS
    'The expression that tells when row r was made';

CREATE FUNCTION customer_identity_internal.phones_of_row(users customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('array_remove(ARRAY[%s]::text[], NULL)',
            string_agg(customer_identity_internal.plain_text(users.attached, p.name), ', ' ORDER BY p.position))
        FROM unnest(users.phone_columns) WITH ORDINALITY AS p (name, position)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phones_of_row(customer_identity.attachments) IS
    'The expression that lists the phones of user r as they were typed';

-- Columns that nobody asks for cost nothing: the planner leaves them out.
CREATE FUNCTION customer_identity_internal.user_rows(users customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT %L::text AS relation, customer_identity_internal.as_text(r.%I) AS id, %s AS name, %s AS email,'
        ' %s AS phones, %s AS created_at, r.%I AS customer_id FROM %s AS r',
        customer_identity_internal.qualified_name(users.attached), users.key_column,
        COALESCE(customer_identity_internal.plain_text(users.attached, COALESCE(users.name_column, 'name')), 'NULL::text'),
        COALESCE(customer_identity_internal.plain_text(users.attached, 'email'), 'NULL::text'),
        customer_identity_internal.phones_of_row(users), customer_identity_internal.time_of_row(users.attached),
        users.customer_column, users.attached);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.user_rows(customer_identity.attachments) IS
    'The query that reads the users of a table';

CREATE FUNCTION customer_identity_internal.users_of_customer(attached regclass, customer_id uuid, customers regclass)
    RETURNS TABLE (relation text, id text, name text, email text, phones text[], created_at timestamptz, customer uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT u.* FROM (%s) AS u WHERE u.customer_id = $1',
        customer_identity_internal.user_rows(customer_identity_internal.attachment_of(attached)))
        USING customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_of_customer(regclass, uuid, regclass) IS
    'The users in a table of a customer';

-- For where customer c is joined to its users.
CREATE FUNCTION customer_identity_internal.users_query(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(u.attached, u.customers) THEN customer_identity_internal.user_rows(u)
            ELSE format('SELECT u.relation, u.id, u.name, u.email, u.phones, u.created_at, u.customer AS customer_id'
                ' FROM customer_identity_internal.users_of_customer(%L::regclass, c.id, %L::regclass) AS u',
                u.attached::oid, u.customers::oid)
        END,
        ' UNION ALL ' ORDER BY u.attached::text COLLATE "C")
    INTO query
    FROM customer_identity_internal.attachments_to_read(users_query.customers) AS u
    WHERE u.kind = 'users';
    RETURN COALESCE(query, 'SELECT NULL::text AS relation, NULL::text AS id, NULL::text AS name, NULL::text AS email,'
        ' NULL::text[] AS phones, NULL::timestamptz AS created_at, NULL::uuid AS customer_id WHERE false');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_query(regclass) IS
    'The query that reads the users of customer c from every attached users table; it may return other customers'' too';

CREATE TYPE customer_identity_internal.customer_search AS (
    phone text,
    digits text,
    beginning text,
    anywhere text,
    by_email uuid[],
    by_many_emails boolean
);
COMMENT ON TYPE customer_identity_internal.customer_search IS
    'A search for customers: what their phone, name or a user''s e-mail has to be like';

-- A trigram index finds nothing inside a word by fewer than three letters, so these begin a word.
CREATE FUNCTION customer_identity_internal.text_condition(value text, word_begins boolean)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN format(
    CASE WHEN word_begins THEN
        '(customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).beginning'
        ' OR customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).anywhere)'
    ELSE 'customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).anywhere' END,
    value);
COMMENT ON FUNCTION customer_identity_internal.text_condition(text, boolean) IS
    'The condition that a text is like a search, which is parameter $1';

CREATE FUNCTION customer_identity_internal.email_matches(users customer_identity.attachments, word_begins boolean)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT u.customer_id FROM (%s) AS u WHERE u.customer_id IS NOT NULL AND %s',
        customer_identity_internal.user_rows(users), customer_identity_internal.text_condition('u.email', word_begins));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.email_matches(customer_identity.attachments, boolean) IS
    'The query of the customers whose users'' e-mails are like a search, which is parameter $1';

CREATE FUNCTION customer_identity_internal.customers_by_email(
    attached regclass, search customer_identity_internal.customer_search, most integer, customers regclass)
    RETURNS TABLE (customer_id uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.email_matches(
        customer_identity_internal.attachment_of(attached), search.beginning IS NOT NULL) || ' LIMIT $2'
        USING search, most;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customers_by_email(regclass, customer_identity_internal.customer_search, integer, regclass) IS
    'The customers of a table''s users whose e-mails are like a search, up to a number';

-- $1 is the search, $2 how many are enough.
CREATE FUNCTION customer_identity_internal.emails_query(word_begins boolean, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(u.attached, u.customers) THEN customer_identity_internal.email_matches(u, word_begins)
            ELSE format('SELECT e.customer_id FROM customer_identity_internal.customers_by_email(%L::regclass, $1, $2, %L::regclass) AS e',
                u.attached::oid, u.customers::oid)
        END,
        ' UNION ALL ')
    INTO query
    FROM customer_identity_internal.attachments_to_read(emails_query.customers) AS u
    WHERE u.kind = 'users';
    RETURN COALESCE(query, 'SELECT NULL::uuid AS customer_id WHERE $1 IS NULL');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.emails_query(boolean, regclass) IS
    'The query of the customers whose users'' e-mails, in any table of a book, are like a search';

CREATE FUNCTION customer_identity_internal.read_search(search text, customers regclass)
    RETURNS customer_identity_internal.customer_search
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    most_ids constant integer := 5000;
    typed constant text := btrim(search, E' \t\r\n');
    sought constant text := customer_identity_internal.like_literal(customer_identity.search_text(typed));
    result customer_identity_internal.customer_search;
BEGIN
    result.phone := customer_identity.normalize_phone(typed, NULL::text);
    result.digits := '%' || customer_identity_internal.searched_digits(typed) || '%';
    IF sought = '' THEN
        RETURN result;
    END IF;
    IF length(customer_identity.search_text(typed)) < 3 THEN
        result.beginning := sought || '%';
        result.anywhere := '% ' || sought || '%';
    ELSE
        result.anywhere := '%' || sought || '%';
    END IF;
    EXECUTE format('SELECT array_agg(u.customer_id) FROM (SELECT u.customer_id FROM (%s) AS u LIMIT $2) AS u',
        customer_identity_internal.emails_query(result.beginning IS NOT NULL, customers))
        INTO result.by_email
        USING result, most_ids + 1;
    result.by_many_emails := cardinality(result.by_email) > most_ids;
    RETURN result;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.read_search(text, regclass) IS
    'What was typed into a search for customers, with the customers whose users'' e-mails are like it';

-- Each part can be answered by an index; only where thousands of e-mails are alike, a page is filled
-- sooner by asking customer after customer.
CREATE FUNCTION customer_identity_internal.search_condition(search customer_identity_internal.customer_search, users_query text)
    RETURNS text
    LANGUAGE sql STABLE
RETURN '(' || concat_ws(' OR ',
    CASE WHEN search.phone IS NOT NULL THEN 'c.phone = ($1).phone' END,
    CASE WHEN search.digits IS NOT NULL THEN 'c.phone LIKE ($1).digits' END,
    CASE WHEN search.anywhere IS NOT NULL THEN customer_identity_internal.text_condition('c.preferred_name::text', search.beginning IS NOT NULL) END,
    CASE
        WHEN search.by_many_emails THEN format(
            'EXISTS (SELECT FROM (%s) AS u WHERE u.customer_id = c.id AND %s)',
            users_query, customer_identity_internal.text_condition('u.email', search.beginning IS NOT NULL))
        WHEN search.by_email IS NOT NULL THEN 'c.id = ANY (($1).by_email)'
    END,
    CASE WHEN search.phone IS NULL AND search.digits IS NULL AND search.anywhere IS NULL THEN 'false' END) || ')';
COMMENT ON FUNCTION customer_identity_internal.search_condition(customer_identity_internal.customer_search, text) IS
    'The condition that customer c is found by a search, which is parameter $1';

CREATE FUNCTION customer_identity_internal.searches_names(search customer_identity_internal.customer_search)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE
RETURN search.anywhere IS NOT NULL AND search.beginning IS NULL AND search.digits IS NULL
    AND search.by_many_emails IS NOT TRUE;
COMMENT ON FUNCTION customer_identity_internal.searches_names(customer_identity_internal.customer_search) IS
    'Whether hardly more than a part of a name decides what a search finds';

-- None is on a total, which every order changes.
CREATE FUNCTION customer_identity_internal.sort_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    -- A name without a limit could be too long for its index.
    SELECT c.oid::regclass, left(c.relname, 40) || format('_%s_id_idx', a.attname), format('(%I, id)', a.attname)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.oid = customers AND a.attname IN ('created_at', 'updated_at', 'preferred_name')
        AND (a.attname <> 'preferred_name' OR a.atttypmod BETWEEN 0 AND 500);
END;
COMMENT ON FUNCTION customer_identity_internal.sort_indexes(regclass) IS
    'The indexes that list_customers needs to sort: table, name and definition';

CREATE FUNCTION customer_identity_internal.search_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigrams text;
BEGIN
    SELECT format('%I.%I', n.nspname, o.opcname) INTO trigrams
    FROM pg_opclass AS o
    JOIN pg_namespace AS n ON n.oid = o.opcnamespace
    WHERE o.opcname = 'gin_trgm_ops';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'extension pg_trgm is not installed'
            USING ERRCODE = 'undefined_object',
                HINT = 'CREATE EXTENSION pg_trgm; it comes with PostgreSQL, and the owner of a database may create it.';
    END IF;
    RETURN QUERY
    SELECT i.relation, left(c.relname, 40) || i.suffix, i.definition
    FROM (
        SELECT customers, '_phone_search_idx', format('USING gin (phone %s) WITH (gin_pending_list_limit = 512)', trigrams)
        UNION ALL
        SELECT customers, '_name_search_idx', format(
            'USING gin (customer_identity.search_text(preferred_name::text) COLLATE "C" %s) WITH (gin_pending_list_limit = 512)', trigrams)
        UNION ALL
        SELECT u.attached, '_email_search_idx', format(
            'USING gin (customer_identity.search_text(email::text) COLLATE "C" %s) WITH (gin_pending_list_limit = 512)', trigrams)
        FROM customer_identity_internal.attachments_of(customers) AS u
        WHERE u.kind = 'users' AND customer_identity_internal.plain_text(u.attached, 'email') = 'r.email::text'
    ) AS i (relation, suffix, definition)
    JOIN pg_class AS c ON c.oid = i.relation;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.search_indexes(regclass) IS
    'The indexes that list_customers needs to search: table, name and definition';

CREATE FUNCTION customer_identity_internal.totals_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.oid::regclass, left(c.relname, 40) || format('_%s_id_idx', k.key), format('(%I, id)', k.key)
    FROM pg_class AS c
    CROSS JOIN unnest('{total_spent,total_orders}'::text[]) AS k (key)
    WHERE c.oid = customers;
END;
COMMENT ON FUNCTION customer_identity_internal.totals_indexes(regclass) IS
    'The indexes that list_customers needs to sort by totals: table, name and definition';

CREATE FUNCTION customer_identity_internal.index_valid(relation regclass, index_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN (
    SELECT i.indisvalid
    FROM pg_class AS t
    JOIN pg_class AS c ON c.relnamespace = t.relnamespace
    JOIN pg_index AS i ON i.indexrelid = c.oid AND i.indrelid = t.oid
    WHERE t.oid = relation AND c.relname = index_name
);
COMMENT ON FUNCTION customer_identity_internal.index_valid(regclass, text) IS
    'Whether a table''s index of that name can be used; NULL when there is none';

CREATE FUNCTION customer_identity.search_index_statements(totals boolean DEFAULT false, customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.statement
    FROM (
        SELECT i.* FROM customer_identity_internal.sort_indexes(customer_identity_internal.book(customers)) AS i
        UNION ALL
        SELECT i.* FROM customer_identity_internal.search_indexes(customer_identity_internal.book(customers)) AS i
        UNION ALL
        SELECT i.* FROM customer_identity_internal.totals_indexes(customer_identity_internal.book(customers)) AS i WHERE totals
    ) AS i
    JOIN pg_class AS c ON c.oid = i.relation
    CROSS JOIN LATERAL (VALUES
        (1, CASE WHEN NOT customer_identity_internal.index_valid(i.relation, i.name)
            THEN format('DROP INDEX CONCURRENTLY %s.%I', c.relnamespace::regnamespace, i.name) END),
        (2, format('CREATE INDEX %s%I ON %s %s',
            CASE WHEN c.relkind <> 'p' THEN 'CONCURRENTLY ' END, i.name, customer_identity_internal.qualified_name(i.relation), i.definition)),
        (3, CASE WHEN i.definition LIKE '%search_text%' THEN format('ANALYZE %s', customer_identity_internal.qualified_name(i.relation)) END)
    ) AS s (step, statement)
    WHERE customer_identity_internal.index_valid(i.relation, i.name) IS NOT TRUE AND s.statement IS NOT NULL
    ORDER BY i.relation, i.name, s.step;
END;
COMMENT ON FUNCTION customer_identity.search_index_statements(boolean, regclass) IS
    'The statements that make the missing indexes for list_customers while the shop goes on: for \gexec, each outside a transaction';

-- The planner has to know how common a part of a name is, which only the index makes ANALYZE find out.
CREATE FUNCTION customer_identity_internal.create_missing_index(relation regclass, name text, definition text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.index_valid(relation, name) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE INDEX %I ON %s %s', name, relation, definition);
    IF definition LIKE '%search_text%' THEN
        EXECUTE format('ANALYZE %s', relation);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.create_missing_index(regclass, text, text) IS
    'Makes an index unless it is there';

CREATE FUNCTION customer_identity.create_search_indexes(customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT i.name
    FROM (
        SELECT i.* FROM customer_identity_internal.sort_indexes(customer_identity_internal.book(customers)) AS i
        UNION ALL
        SELECT i.* FROM customer_identity_internal.search_indexes(customer_identity_internal.book(customers)) AS i
    ) AS i
    WHERE customer_identity_internal.create_missing_index(i.relation, i.name, i.definition);
END;
COMMENT ON FUNCTION customer_identity.create_search_indexes(regclass) IS
    'Makes the missing indexes that list_customers searches and sorts by in a large book, none of them on a total, and returns their names. Needs pg_trgm';
REVOKE EXECUTE ON FUNCTION customer_identity.create_search_indexes(regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.index_totals(customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT i.name
    FROM customer_identity_internal.totals_indexes(customer_identity_internal.book(customers)) AS i
    WHERE customer_identity_internal.create_missing_index(i.relation, i.name, i.definition);
END;
COMMENT ON FUNCTION customer_identity.index_totals(regclass) IS
    'Makes the indexes that list_customers needs to sort a large book by totals, and returns their names. Each order then writes to every index of customers';
REVOKE EXECUTE ON FUNCTION customer_identity.index_totals(regclass) FROM PUBLIC;
