CREATE FUNCTION customer_identity_internal.require_column(relation regclass, column_name text, parameter text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no column %', relation, quote_ident(customer_identity_internal.shown(column_name))
            USING ERRCODE = 'undefined_column',
                HINT = format('Name the column in %s => ''...''; camelCase names are written as they are.', parameter);
    END IF;
    -- Transition tables hold no values of it.
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attgenerated = 'v';
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is a virtual generated column', quote_ident(column_name), relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Make it STORED, or name the column it is generated from.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_column(regclass, text, text) IS
    'Raises 42703 for a column that a call names and the table lacks';

-- The server computes generated columns after the BEFORE triggers, which would read NULL.
CREATE FUNCTION customer_identity_internal.require_written_column(relation regclass, column_name text, parameter text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF column_name IS NULL THEN
        RETURN;
    END IF;
    PERFORM customer_identity_internal.require_column(relation, column_name, parameter);
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attgenerated <> '';
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is generated', quote_ident(column_name), relation
            USING ERRCODE = 'wrong_object_type',
                DETAIL = 'A BEFORE trigger does not see its value.',
                HINT = format('Name the column it is generated from in %s => ''...''.', parameter);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_written_column(regclass, text, text) IS
    'Raises for a column that a call names and the table lacks or generates; NULL names none';

-- A column that only the parameter's default names may be missing.
CREATE FUNCTION customer_identity_internal.optional_column(relation regclass, column_name text, parameter text, default_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND AND column_name = default_name THEN
        RETURN NULL;
    END IF;
    IF column_name IS NOT NULL THEN
        PERFORM customer_identity_internal.require_column(relation, column_name, parameter);
    END IF;
    RETURN column_name;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.optional_column(regclass, text, text, text) IS
    'The column, or NULL when only a default names it and the table lacks it';

CREATE FUNCTION customer_identity_internal.require_types(relation regclass, phone_columns text[], region_column text, parameter text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unusable record;
BEGIN
    SELECT u.* INTO unusable
    FROM customer_identity_internal.unusable_types(relation, phone_columns, region_column) AS u;
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is of type % and cannot hold a %',
            quote_ident(unusable.column_name), relation, unusable.type_name, unusable.what
            USING ERRCODE = 'datatype_mismatch',
                HINT = format('Name a text column in %s => ''...''.',
                    CASE unusable.what WHEN 'phone' THEN parameter ELSE 'region_column' END);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_types(regclass, text[], text, text) IS
    'Raises 42804 for a column whose type holds no phone, or no region';

-- The phone and the name are personal without being named. What tells rows apart, and what totals are counted from, stays.
CREATE FUNCTION customer_identity_internal.require_personal_columns(relation regclass, personal_columns text[], kept_columns text[])
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named_column text;
BEGIN
    PERFORM customer_identity_internal.require_values('personal_columns', NULLIF(personal_columns, '{}'));
    FOREACH named_column IN ARRAY COALESCE(personal_columns, '{}') LOOP
        PERFORM customer_identity_internal.require_column(relation, named_column, 'personal_columns');
        IF named_column = ANY (kept_columns) OR EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = relation AND a.attname = named_column AND (a.attgenerated <> '' OR a.attidentity = 'a')
        ) THEN
            RAISE EXCEPTION 'column % of % cannot be emptied', quote_ident(named_column), relation
                USING ERRCODE = 'invalid_parameter_value',
                    DETAIL = 'Keys, customers, amounts and statuses stay when a person is erased; generated columns follow others.',
                    HINT = 'Name columns that say something about a person in personal_columns => ''{...}''.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_personal_columns(regclass, text[], text[]) IS
    'Raises 42703 or 22023 for personal columns that a table lacks or that erasing a person has to leave alone';
