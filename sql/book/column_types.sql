CREATE FUNCTION customer_identity_internal.base_type(type regtype)
    RETURNS regtype
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'base_type';
COMMENT ON FUNCTION customer_identity_internal.base_type(regtype) IS
    'The type below any domains';

CREATE FUNCTION customer_identity_internal.type_name(type regtype)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'type_name';
COMMENT ON FUNCTION customer_identity_internal.type_name(regtype) IS
    'The quoted and qualified name of a type, without a length';

CREATE FUNCTION customer_identity_internal.equality_of(type regtype)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'equality_of';
COMMENT ON FUNCTION customer_identity_internal.equality_of(regtype) IS
    'The operator by which a foreign key compares values of a type, as a query names it';

CREATE FUNCTION customer_identity_internal.less_of(type regtype)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'less_of';
COMMENT ON FUNCTION customer_identity_internal.less_of(regtype) IS
    'The operator by which ORDER BY puts one value of a type before another, as a query names it';

CREATE FUNCTION customer_identity_internal.as_text(value anyelement)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'as_text';
COMMENT ON FUNCTION customer_identity_internal.as_text(anyelement) IS
    'A value of a row as the triggers read it, whatever casts its type has';

-- Ids are compared as texts elsewhere: 'A' and 'a' are two, also where their type takes them for one. Its own equality is what
-- an index serves: on the pinned path a plain one would be that of text.
CREATE FUNCTION customer_identity_internal.equals_value(held text, type regtype, value text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    equality constant text := customer_identity_internal.equality_of(type);
BEGIN
    RETURN format('%s %s %L::%s', held, equality, value, customer_identity_internal.type_name(type))
        || CASE WHEN equality NOT LIKE 'OPERATOR(pg_catalog.%' THEN
            format(' AND customer_identity_internal.as_text(%s) = customer_identity_internal.as_text(%L::%s)',
                held, value, customer_identity_internal.type_name(type))
            ELSE '' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.equals_value(text, regtype, text) IS
    'The condition that an expression, such as a column of a row, is a value of its type';

-- What is kept to be compared later is the same in every session: to_jsonb() follows TimeZone and others.
CREATE FUNCTION customer_identity_internal.exact_json(value anyelement)
    RETURNS jsonb
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'exact_json';
COMMENT ON FUNCTION customer_identity_internal.exact_json(anyelement) IS
    'A value as JSON, whatever the settings of the session';

CREATE FUNCTION customer_identity_internal.exact_text(value anyelement)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'exact_text';
COMMENT ON FUNCTION customer_identity_internal.exact_text(anyelement) IS
    'A value as text, whatever the settings of the session and the casts of its type';

-- PostgreSQL writes JSON of such a type, of its arrays and of rows with it by that cast, and does not read it again.
CREATE FUNCTION customer_identity_internal.has_own_json(type regtype)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE parts (type) AS (
        SELECT has_own_json.type::oid
        UNION
        SELECT p.type
        FROM parts
        JOIN pg_type AS t ON t.oid = parts.type
        CROSS JOIN LATERAL (
            SELECT t.typbasetype
            UNION SELECT t.typelem
            UNION SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ) AS p (type)
    )
    SELECT EXISTS (SELECT FROM parts JOIN pg_cast AS k ON k.castsource = parts.type AND k.casttarget = 'json'::regtype AND k.castmethod = 'f')
$$;
COMMENT ON FUNCTION customer_identity_internal.has_own_json(regtype) IS
    'Whether a type, or a part of it, has a cast to json, as hstore has';

-- Where the server itself compares as the triggers do, statistics and indexes of the column serve. A label that this
-- transaction has added to an enum cannot be written yet.
CREATE FUNCTION customer_identity_internal.has_value(relation regclass, column_name text, named_values text[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held record;
BEGIN
    SELECT t.oid, t.typtype, c.collisdeterministic AS is_deterministic,
        ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid AND e.enumlabel = ANY (named_values)) AS labels
    INTO held
    FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = customer_identity_internal.base_type(a.atttypid)
    LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
    WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped;
    IF held.oid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) AND held.is_deterministic THEN
        RETURN format('o.%I::text = ANY (%L::text[])', column_name, named_values);
    END IF;
    IF held.typtype = 'e' THEN
        EXECUTE format('SELECT %L::%s[]', held.labels, customer_identity_internal.type_name(held.oid));
        RETURN format('o.%1$I::%2$s = ANY (%3$L::%2$s[])', column_name, customer_identity_internal.type_name(held.oid), held.labels);
    END IF;
    RETURN format('customer_identity_internal.as_text(o.%I) COLLATE "C" = ANY (%L::text[])', column_name, named_values);
EXCEPTION WHEN unsafe_new_enum_value_usage THEN
    RETURN format('customer_identity_internal.as_text(o.%I) COLLATE "C" = ANY (%L::text[])', column_name, named_values);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_value(regclass, text, text[]) IS
    'The condition that a column of row o holds one of some values, as the triggers read it';

-- User-defined casts are not suggested: the user who runs the statement may be a superuser.
CREATE FUNCTION customer_identity_internal.can_cast(source regtype, target regtype)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT s.typcategory = 'S' OR t.typcategory = 'S' OR s.oid = t.oid OR EXISTS (
        SELECT
        FROM pg_cast AS c
        LEFT JOIN pg_proc AS f ON f.oid = c.castfunc
        WHERE c.castsource = s.oid AND c.casttarget = t.oid
            AND (f.oid IS NULL OR f.pronamespace = 'pg_catalog'::regnamespace))
    FROM pg_type AS s
    CROSS JOIN pg_type AS t
    WHERE s.oid = customer_identity_internal.base_type(source) AND t.oid = target
);
COMMENT ON FUNCTION customer_identity_internal.can_cast(regtype, regtype) IS
    'Whether values of a type, or of the type beneath a domain, can be cast to another one';

CREATE FUNCTION customer_identity_internal.holds_phone(type regtype, modifier integer)
    RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'holds_phone';
COMMENT ON FUNCTION customer_identity_internal.holds_phone(regtype, integer) IS
    'Whether the triggers read phones from columns of a type';

CREATE FUNCTION customer_identity_internal.holds_region(type regtype)
    RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'holds_region';
COMMENT ON FUNCTION customer_identity_internal.holds_region(regtype) IS
    'Whether the triggers read regions from columns of a type';

-- Of a type of another extension (one for phones, hstore), whether a phone that is put in comes out.
CREATE FUNCTION customer_identity_internal.keeps_phones(type regtype)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept text;
BEGIN
    EXECUTE format('SELECT customer_identity_internal.as_text(%L::%s)', '+4915123456789',
        customer_identity_internal.type_name(type)) INTO kept;
    RETURN COALESCE(customer_identity_internal.claimed_phone(kept, 'DE') = '+4915123456789', false);
EXCEPTION
    WHEN OTHERS THEN
        RETURN false;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keeps_phones(regtype) IS
    'Whether a phone can be written to a type, which is no domain, and read again';

CREATE FUNCTION customer_identity_internal.unusable_types(relation regclass, phone_columns text[], region_column text)
    RETURNS TABLE (column_name text, type_name text, what text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), 'phone'
    FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = customer_identity_internal.base_type(a.atttypid)
    WHERE a.attrelid = relation AND a.attname = ANY (phone_columns) AND NOT a.attisdropped
        AND CASE
            WHEN NOT customer_identity_internal.holds_phone(a.atttypid, a.atttypmod) THEN true
            WHEN t.typcategory = 'U' THEN NOT customer_identity_internal.keeps_phones(t.oid)
        END
    UNION ALL
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), 'region'
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = region_column AND NOT a.attisdropped
        AND NOT customer_identity_internal.holds_region(a.atttypid);
END;
COMMENT ON FUNCTION customer_identity_internal.unusable_types(regclass, text[], text) IS
    'Those of the columns for phones and the region whose types hold none';

CREATE FUNCTION customer_identity_internal.column_type(relation regclass, column_name text)
    RETURNS regtype
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT customer_identity_internal.base_type(a.atttypid)
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.column_type(regclass, text) IS
    'The type of a column, below any domains';

CREATE FUNCTION customer_identity_internal.comparable_type(relation regclass, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN t.typcategory IN ('S', 'N') THEN t.typcategory::text ELSE t.typname::text END
        FROM pg_attribute AS a
        JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.comparable_type(regclass, text) IS
    'What a column has to have in common with another one for the two to be compared as they are';
