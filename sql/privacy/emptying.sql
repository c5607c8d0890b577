-- What is emptied of a row of a person: the phones, of a login the name and the e-mail, and what the owner has named.
CREATE FUNCTION customer_identity_internal.personal_columns_of(attached customer_identity.attachments)
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(array_agg(a.attname::text ORDER BY a.attnum), '{}')
    FROM pg_attribute AS a
    WHERE a.attrelid = attached.attached AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        AND a.attname = ANY (attached.phone_columns || attached.personal_columns || attached.name_column
            || CASE WHEN attached.kind = 'users' THEN 'email' END)
        AND a.attname IS DISTINCT FROM attached.key_column
$$;
COMMENT ON FUNCTION customer_identity_internal.personal_columns_of(customer_identity.attachments) IS
    'The columns of an attached table that say something about a person';

CREATE FUNCTION customer_identity_internal.is_in_unique_index(relation regclass, number int2)
    RETURNS TABLE (unique_values boolean, unique_nulls boolean)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) > 0, COALESCE(bool_or(to_jsonb(i.*) -> 'indnullsnotdistinct' = 'true'), false)
    FROM pg_index AS i
    WHERE i.indrelid = relation AND (i.indisunique OR i.indisexclusion)
        AND (number = ANY (i.indkey) OR EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.refobjsubid = number))
$$;
COMMENT ON FUNCTION customer_identity_internal.is_in_unique_index(regclass, int2) IS
    'Whether a unique index, or that of an exclusion constraint, has a column or reads it, and whether one takes NULLs for the same';

-- Letters alone: nobody's phone. The e-mail is of a domain that no host will ever have (RFC 2606).
CREATE FUNCTION customer_identity_internal.empty_values(is_text boolean, not_null boolean, unique_values boolean, unique_nulls boolean)
    RETURNS SETOF text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT v.expression
    FROM (
        SELECT 'pg_catalog.translate(pg_catalog.replace(pg_catalog.gen_random_uuid()::pg_catalog.text, ''-'', ''''), ''0123456789'', ''ghijklmnop'')'
    ) AS l (letters)
    CROSS JOIN LATERAL (VALUES
        (1, 'NULL', NOT not_null AND NOT unique_nulls),
        (2, '''''', NOT unique_values),
        (3, '''{}''', NOT unique_values AND NOT is_text),
        (4, format('pg_catalog.concat(''erased-'', %s)', l.letters), true),
        (5, format('pg_catalog.concat(pg_catalog.left(%s, 12), ''@erased.invalid'')', l.letters), true),
        (6, format('pg_catalog.left(%s, 12)', l.letters), true)
    ) AS v (place, expression, fits)
    WHERE v.fits
    ORDER BY v.place
$$;
COMMENT ON FUNCTION customer_identity_internal.empty_values(boolean, boolean, boolean, boolean) IS
    'What a column can be emptied to, as expressions, the best first';

-- Of the column alone: what several columns have to keep together is known when they are written. With its caller's rights, as it
-- runs what it is given. A check names the column alone, whatever that is called: nothing of ours stands beside it.
CREATE FUNCTION customer_identity_internal.holds_value(referencing regclass, column_name text, expression text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attribute pg_attribute;
    condition text;
    fits boolean;
BEGIN
    SELECT a.* INTO attribute FROM pg_attribute AS a WHERE a.attrelid = referencing AND a.attname = column_name;
    SELECT string_agg(format('(%s) IS NOT FALSE', pg_get_expr(k.conbin, k.conrelid)), ' AND ') INTO condition
    FROM pg_constraint AS k
    WHERE k.conrelid = referencing AND k.contype = 'c' AND k.conkey = ARRAY[attribute.attnum];
    -- A cast cuts off what is too long.
    EXECUTE format(
        'SELECT f.fits FROM (SELECT %5$s AS value) AS e'
        ' CROSS JOIN LATERAL (SELECT num_nulls(r.%2$I) >= 0 AND %3$s AND %4$s AS fits FROM (SELECT e.value::%1$s AS %2$I) AS r) AS f',
        format_type(attribute.atttypid, attribute.atttypmod), column_name, COALESCE(condition, 'true'),
        CASE WHEN expression LIKE 'pg_catalog.%' THEN format('r.%I::text = e.value', column_name) ELSE 'true' END, expression)
        INTO fits;
    RETURN fits;
EXCEPTION WHEN data_exception OR integrity_constraint_violation OR cannot_coerce OR datatype_mismatch OR undefined_function THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.holds_value(regclass, text, text) IS
    'Whether a column of a table can hold what an expression makes';

CREATE FUNCTION customer_identity_internal.emptied_value(referencing regclass, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expression text;
BEGIN
    FOR expression IN
        SELECT v.expression
        FROM pg_attribute AS a
        JOIN pg_type AS t ON t.oid = a.atttypid
        CROSS JOIN LATERAL customer_identity_internal.is_in_unique_index(referencing, a.attnum) AS i
        CROSS JOIN LATERAL customer_identity_internal.empty_values(t.typcategory = 'S', a.attnotnull, i.unique_values, i.unique_nulls) AS v (expression)
        WHERE a.attrelid = referencing AND a.attname = column_name
    LOOP
        IF customer_identity_internal.holds_value(referencing, column_name, expression) THEN
            RETURN expression;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.emptied_value(regclass, text) IS
    'An expression for what a personal column is emptied to: NULL, an empty value, or one that is unique and meaningless; NULL when it can hold none of them';

-- The flag of a phone that is gone says no.
CREATE FUNCTION customer_identity_internal.emptied_columns(attached customer_identity.attachments)
    RETURNS TABLE (column_name text, expression text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.name, customer_identity_internal.emptied_value(attached.attached, c.name)
    FROM unnest(customer_identity_internal.personal_columns_of(attached)) AS c (name)
    WHERE c.name IS DISTINCT FROM attached.verified_column
    UNION ALL
    SELECT attached.verified_column, 'false'
    WHERE attached.verified_column IS NOT NULL
$$;
COMMENT ON FUNCTION customer_identity_internal.emptied_columns(customer_identity.attachments) IS
    'The columns of an attached table that are emptied, and to what';

-- The customer's id alone where that may be NULL, as another column, a tenant, says more than who it is. A key that is MATCH FULL
-- wants all of its columns NULL. With its caller's rights, as it tries the CHECKs of the table.
CREATE FUNCTION customer_identity_internal.columns_to_unlink(referencing regclass, way jsonb)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    may_be_null constant text[] := ARRAY(
        SELECT a.attname::text
        FROM pg_attribute AS a
        WHERE a.attrelid = referencing AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attnotnull AND a.attgenerated = ''
            AND (way -> 'columns' ? a.attname::text
                OR EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = referencing AND k.confmatchtype = 'f' AND a.attnum = ANY (k.conkey)))
            AND customer_identity_internal.holds_value(referencing, a.attname::text, 'NULL'));
    names text[] := ARRAY(SELECT jsonb_array_elements_text(way -> 'columns') INTERSECT SELECT unnest(may_be_null));
    id_column constant text := (
        SELECT c.name
        FROM ROWS FROM (jsonb_array_elements_text(way -> 'columns'), jsonb_array_elements_text(way -> 'referenced')) AS c (name, referenced)
        WHERE c.referenced = 'id');
BEGIN
    IF id_column = ANY (names) THEN
        names := ARRAY[id_column];
    END IF;
    names := names || ARRAY(
        SELECT DISTINCT a.attname::text
        FROM pg_constraint AS k
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
        WHERE k.conrelid = referencing AND k.contype = 'f' AND k.confmatchtype = 'f' AND a.attname <> ALL (names)
            AND EXISTS (SELECT FROM pg_attribute AS n WHERE n.attrelid = k.conrelid AND n.attnum = ANY (k.conkey) AND n.attname = ANY (names))
        ORDER BY 1);
    RETURN CASE WHEN names <> '{}' AND names <@ may_be_null THEN names END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.columns_to_unlink(regclass, jsonb) IS
    'The columns that become NULL so that a row does not refer to its customer any more; NULL: they cannot';

CREATE FUNCTION customer_identity_internal.unlinked_columns(referencing regclass, way jsonb, customers regclass)
    RETURNS text[]
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
BEGIN
    RETURN customer_identity_internal.columns_to_unlink(referencing, way);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unlinked_columns(regclass, jsonb, regclass) IS
    'columns_to_unlink() as the owner of the table';

-- The CHECKs of a table are tried as its owner, who wrote them.
CREATE FUNCTION customer_identity_internal.emptying_columns(referencing regclass, customers regclass)
    RETURNS TABLE (column_name text, expression text)
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
BEGIN
    RETURN QUERY SELECT e.* FROM customer_identity_internal.emptied_columns(customer_identity_internal.attachment_to(referencing, customers)) AS e;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.emptying_columns(regclass, regclass) IS
    'emptied_columns() as the owner of the table';
