-- What reads catalogs for every page is plpgsql, which keeps its plans: an SQL function that cannot be inlined is
-- planned again at each call. So is an expression with a subquery that it needs in some cases only, where the others are
-- cheap: such a subquery has a function of its own.

CREATE FUNCTION customer_identity.search_text(value text)
    RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'search_text';
COMMENT ON FUNCTION customer_identity.search_text(text) IS
    'A text as searches compare it: its first 1,000 characters, in lower case without accents. Used in indexes';

CREATE FUNCTION customer_identity_internal.like_literal(value text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN replace(replace(replace(value, E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_');
COMMENT ON FUNCTION customer_identity_internal.like_literal(text) IS
    'A text that LIKE takes as it is';

-- Trunk zeros, country prefixes written 00 and the (0) of +44 (0)20 are not part of an E.164 number.
CREATE FUNCTION customer_identity_internal.searched_digits(search text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN (
    SELECT CASE
        WHEN length(d.digits) < 4 THEN NULL
        -- 0151 is 151 of +49 151. Of 0049 and 0001 hardly anything would be left, in which a trigram index finds nothing.
        WHEN length(ltrim(d.digits, '0')) >= 3 THEN ltrim(d.digits, '0')
        ELSE d.digits
    END
    FROM (SELECT regexp_replace(replace(search, '(0)', ''), '[^0-9]', '', 'g')) AS d (digits)
    WHERE search ~ E'^[-0-9+()/.[:space:]\\u00A0\\u2010-\\u2015\\u2212]+$'
);
COMMENT ON FUNCTION customer_identity_internal.searched_digits(text) IS
    'The digits of a search that looks like a part of a phone, or NULL when there are fewer than four';

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

-- Without a time zone it is read as UTC, whatever the session's.
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

CREATE TYPE customer_identity_internal.customer_search AS (
    phone text,
    digits text,
    beginning text,
    anywhere text,
    by_email uuid[],
    by_many_emails boolean,
    by_further_phone uuid[],
    by_many_further_phones boolean
);
COMMENT ON TYPE customer_identity_internal.customer_search IS
    'A search for customers: what their phone, name or a user''s e-mail has to be like';
