CREATE FUNCTION customer_identity_internal.require_pair(given boolean, other boolean, parameter text, other_parameter text, example text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF given <> other THEN
        RAISE EXCEPTION '% and % must be given together', parameter, other_parameter
            USING ERRCODE = 'invalid_parameter_value', HINT = format('For example: %s.', example);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_pair(boolean, boolean, text, text, text) IS
    'Raises 22023 when one of two parameters is given without the other';

-- They become arguments of triggers, which every statement reads.
CREATE FUNCTION customer_identity_internal.require_values(parameter text, given text[])
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(given) = 0 OR EXISTS (SELECT FROM unnest(given) AS g (value) WHERE g.value IS NULL) THEN
        RAISE EXCEPTION '% must name at least one value, and no NULL', parameter
            USING ERRCODE = 'invalid_parameter_value', HINT = 'List values that the column can hold.';
    END IF;
    IF cardinality(given) > 100 OR EXISTS (SELECT FROM unnest(given) AS g (value) WHERE octet_length(g.value) > 200) THEN
        RAISE EXCEPTION '% has too many values, or too long ones', parameter
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'The maximum is 100 values of 200 bytes each.',
                HINT = 'List values that the column can hold.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_values(text, text[]) IS
    'Raises 22023 for a list without values, with NULL, of more than 100 values or with one of more than 200 bytes';

-- A row's value counts by its text: 't' is no value of a boolean, which is 'true'. An enum is looked up, for a value
-- that this transaction has added cannot be used yet.
CREATE FUNCTION customer_identity_internal.missing_values(
    relation regclass, column_name text, named_values text[], customers regclass)
    RETURNS SETOF text
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    type pg_type;
    type_name text;
    named text;
    held text;
BEGIN
    SELECT t.* INTO type
    FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped;
    SELECT format_type(a.atttypid, a.atttypmod) INTO type_name
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name;
    FOREACH named IN ARRAY CASE WHEN type.oid IS NULL THEN '{}' ELSE named_values END LOOP
        held := NULL;
        IF type.typtype = 'e' THEN
            SELECT e.enumlabel INTO held FROM pg_enum AS e WHERE e.enumtypid = type.oid AND e.enumlabel = named;
        ELSE
            BEGIN
                EXECUTE format('SELECT customer_identity_internal.as_text(%L::%s)', named, type_name) INTO held;
            EXCEPTION
                WHEN OTHERS THEN
                    NULL;
            END;
        END IF;
        IF held IS DISTINCT FROM named THEN
            RETURN NEXT named;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.missing_values(regclass, text, text[], regclass) IS
    'Those of some values that no row of an attached table can have in a column';

CREATE FUNCTION customer_identity_internal.possible_values(relation regclass, column_name text)
    RETURNS text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE t.typtype
        WHEN 'e' THEN (
            SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
            FROM pg_enum AS e
            WHERE e.enumtypid = t.oid
        )
        ELSE CASE t.oid WHEN 'boolean'::regtype THEN quote_literal('true') || ', ' || quote_literal('false') END
    END
    FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = customer_identity_internal.base_type(a.atttypid)
    WHERE a.attrelid = relation AND a.attname = column_name;
END;
COMMENT ON FUNCTION customer_identity_internal.possible_values(regclass, text) IS
    'What a column of an enum or a boolean can hold, or NULL';

CREATE FUNCTION customer_identity_internal.require_held(
    relation regclass, column_name text, named_values text[], parameter text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text;
    found_type text;
BEGIN
    IF column_name IS NULL THEN
        RETURN;
    END IF;
    SELECT string_agg(quote_literal(m), ', ') INTO missing
    FROM customer_identity_internal.missing_values(relation, column_name, named_values, customers) AS m;
    IF missing IS NULL THEN
        RETURN;
    END IF;
    SELECT format_type(a.atttypid, a.atttypmod) INTO found_type
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name;
    RAISE EXCEPTION 'column % of % cannot hold %', quote_ident(column_name), relation, missing
        USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It is of type %s.', found_type),
            HINT = format('Choose the values of %s => ''{...}'' from: %s.', parameter, COALESCE(
                customer_identity_internal.possible_values(relation, column_name),
                format('SELECT DISTINCT %I::text FROM %s', column_name, relation)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_held(regclass, text, text[], text, regclass) IS
    'Raises 22023 for values that a call names and a column of an attached table cannot hold';
