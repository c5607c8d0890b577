CREATE FUNCTION customer_identity_internal.customers_columns()
    RETURNS TABLE (name text, types regtype[], definition text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10
    AS 'MODULE_PATHNAME', 'customers_columns';
COMMENT ON FUNCTION customer_identity_internal.customers_columns() IS
    'The columns that a customers table must have: the types that fit, and how create_tables makes them';

-- `statement` NULL: this table cannot be adapted.
CREATE FUNCTION customer_identity_internal.refuse_customers(detail text, statement text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mending constant text := statement || '; then call customer_identity.create_tables() again. Or keep the table as it is, and make';
BEGIN
    RAISE EXCEPTION 'no usable customers table'
        USING ERRCODE = 'CI003', DETAIL = detail,
            HINT = COALESCE(mending, 'Keep the table as it is, and make') || ' the book in a schema of its own: CREATE SCHEMA shop_identity;'
                ' SELECT customer_identity.create_tables(''shop_identity''); and attach with customers => ''shop_identity.customers''.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_customers(text, text) IS
    'Raises CI003 with the statement that makes a customers table fit, or how to do without it';

-- What ALTER COLUMN ... TYPE fails on: views, triggers, policies, functions and generated columns that read the
-- column, and foreign keys whose other column would have to change with it.
CREATE FUNCTION customer_identity_internal.is_tied(customers regclass, column_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT a.attinhcount > 0 OR a.attgenerated <> '' OR a.attidentity <> ''
        OR EXISTS (
            SELECT
            FROM pg_depend AS d
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
                AND (d.classid IN ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass)
                    OR (d.classid = 'pg_attrdef'::regclass AND d.deptype <> 'a')))
        OR EXISTS (
            SELECT
            FROM pg_constraint AS f
            WHERE f.contype = 'f' AND (f.confrelid = a.attrelid AND a.attnum = ANY (f.confkey)
                OR f.conrelid = a.attrelid AND a.attnum = ANY (f.conkey)))
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = column_name
);
COMMENT ON FUNCTION customer_identity_internal.is_tied(regclass, text) IS
    'Whether something else keeps the type of a column of customers from being changed';

-- The default is replaced: it might not fit the new type.
CREATE FUNCTION customer_identity_internal.retyping(customers regclass, column_name text, found_type regtype, wanted regtype, definition text)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT format('ALTER TABLE %s ', customers) || concat_ws(', ',
        format('ALTER COLUMN %I DROP DEFAULT', column_name),
        format('ALTER COLUMN %1$I TYPE %2$s USING %1$I::%2$s', column_name, wanted),
        format('ALTER COLUMN %I SET ', column_name) || substring(definition FROM 'DEFAULT .*'))
    WHERE customer_identity_internal.can_cast(found_type, wanted)
        AND NOT customer_identity_internal.is_tied(customers, column_name)
);
COMMENT ON FUNCTION customer_identity_internal.retyping(regclass, text, regtype, regtype, text) IS
    'The statement that gives a column of customers another type; NULL where that cannot be done';

CREATE FUNCTION customer_identity_internal.check_customer_columns(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    has_key constant boolean := EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = customers AND i.indisprimary);
    found_type regtype;
    generated "char";
BEGIN
    FOR wanted IN SELECT * FROM customer_identity_internal.customers_columns() LOOP
        SELECT a.atttypid::regtype, a.attgenerated INTO found_type, generated
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attname = wanted.name AND NOT a.attisdropped;
        IF NOT FOUND THEN
            PERFORM customer_identity_internal.refuse_customers(
                format('Table %s has no column %I.', customers, wanted.name),
                format('ALTER TABLE %s ADD COLUMN %I %s', customers, wanted.name,
                    CASE WHEN has_key THEN replace(wanted.definition, 'PRIMARY KEY', 'NOT NULL UNIQUE') ELSE wanted.definition END));
        END IF;
        IF generated <> '' THEN
            PERFORM customer_identity_internal.refuse_customers(
                format('Column %I of %s is generated, and cannot be written.', wanted.name, customers),
                CASE generated WHEN 's' THEN format('ALTER TABLE %s ALTER COLUMN %I DROP EXPRESSION', customers, wanted.name) END);
        END IF;
        IF found_type <> ALL (wanted.types) THEN
            PERFORM customer_identity_internal.refuse_customers(
                format('Column %I of %s is of type %s.', wanted.name, customers, found_type),
                customer_identity_internal.retyping(customers, wanted.name, found_type,
                    wanted.types[1], wanted.definition));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_customer_columns(regclass) IS
    'Raises CI003 for the first column that a customers table lacks, or has with an unusable type or as a generated one';

-- ITU-T E.164: a plus and up to fifteen digits. The length of a varchar is kept with four bytes more.
CREATE FUNCTION customer_identity_internal.check_length_of_phone(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type text;
BEGIN
    SELECT format_type(a.atttypid, a.atttypmod) INTO type
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'phone' AND NOT a.attisdropped
        AND a.atttypid = 'varchar'::regtype AND a.atttypmod BETWEEN 0 AND 15 + 4;
    IF FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column phone of %s is %s, too short for a phone.', customers, type),
            CASE WHEN NOT customer_identity_internal.is_tied(customers, 'phone') THEN format('ALTER TABLE %s ALTER COLUMN phone TYPE varchar(20)', customers) END);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_length_of_phone(regclass) IS
    'Raises CI003 where a phone does not fit into its column of customers';

-- A number that was released leaves NULL behind, of which there may be any number.
CREATE FUNCTION customer_identity_internal.check_phones_released(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unfit record;
BEGIN
    SELECT i.indexrelid::regclass AS index,
        CASE WHEN k.conname IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
            ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', customers, k.conname) END AS removal
    INTO unfit
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype = 'u'
    WHERE i.indrelid = customers AND a.attname = 'phone' AND i.indnkeyatts = 1 AND i.indisunique AND i.indnullsnotdistinct AND i.indpred IS NULL;
    IF FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('By index %s one customer alone may be without a phone.', unfit.index),
            format('ALTER TABLE %s ADD UNIQUE (phone); %s', customers, unfit.removal));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_phones_released(regclass) IS
    'Raises CI003 where customers cannot have several rows without a phone';

-- Built-in functions alone: the CHECK of an application's table must hold in a restore, and on a server without us. The
-- namespace and the digits are those of computed_id().
CREATE FUNCTION customer_identity_internal.id_of_phone()
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
RETURN $$pg_catalog.overlay(pg_catalog.overlay(pg_catalog.left(pg_catalog.encode(pg_catalog.sha256('\x467ca3306e2d4d6e8dea7e7643be560c'::bytea || pg_catalog.decode(phone::text || '#' || phone_generation::text, 'escape')), 'hex'), 32), '8', 13), '8', 17)::uuid$$;
COMMENT ON FUNCTION customer_identity_internal.id_of_phone() IS
    'The expression for the id of a customer whose id is computed';

CREATE FUNCTION customer_identity_internal.nobody()
    RETURNS uuid
    LANGUAGE sql IMMUTABLE
RETURN '00000000-0000-0000-0000-000000000000'::uuid;
COMMENT ON FUNCTION customer_identity_internal.nobody() IS
    'The customer id of orders without a readable phone, where ids are computed';

CREATE FUNCTION customer_identity_internal.last_generation()
    RETURNS integer
    LANGUAGE sql IMMUTABLE
RETURN 31;
COMMENT ON FUNCTION customer_identity_internal.last_generation() IS
    'That of the last holder that a number can have, where ids are computed';

-- None who would get the orders of nobody. Generation -1 keeps a number's id free: it is nobody's row.
CREATE FUNCTION customer_identity_internal.id_check()
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
RETURN format('CHECK (id <> %L AND phone_generation BETWEEN -1 AND %s AND (phone IS NULL OR phone_generation >= 0 AND id = %s))',
    customer_identity_internal.nobody(), customer_identity_internal.last_generation(), customer_identity_internal.id_of_phone());
COMMENT ON FUNCTION customer_identity_internal.id_check() IS
    'The constraint of customers whose ids are computed';

CREATE FUNCTION customer_identity_internal.has_computed_ids(customers regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN customer_identity_internal.column_type(customers, 'phone_generation') IS NOT NULL;
COMMENT ON FUNCTION customer_identity_internal.has_computed_ids(regclass) IS
    'Whether the ids of a book are computed from phones, so that it may be distributed';

CREATE FUNCTION customer_identity_internal.is_somebody(customers regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE WHEN customer_identity_internal.has_computed_ids(customers) THEN 'c.phone_generation >= 0' ELSE 'true' END;
COMMENT ON FUNCTION customer_identity_internal.is_somebody(regclass) IS
    'The condition that row c of customers is a person''s, and does not only keep an id free';

CREATE FUNCTION customer_identity_internal.refuse_for_computed_ids(customers regclass, what text, hint text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.has_computed_ids(customers) THEN
        RAISE EXCEPTION '% is not possible in a book whose ids are computed', what
            USING ERRCODE = 'feature_not_supported',
                DETAIL = 'The id of a customer follows from its first phone, and what belongs to the customer is kept where the id places it.',
                HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_for_computed_ids(regclass, text, text) IS
    'Raises 0A000 for what would give a customer of a distributed book another id';

-- Without it two customers could have a phone.
CREATE FUNCTION customer_identity_internal.require_id_check(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_constraint AS k
    WHERE k.conrelid = customers AND k.contype = 'c' AND k.convalidated
        AND k.conkey @> ARRAY(SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = customers AND a.attname IN ('id', 'phone', 'phone_generation'));
    IF NOT FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('No CHECK of %s says that its ids are those of its phones.', customers),
            format('ALTER TABLE %s ADD CONSTRAINT customers_id_of_phone %s', customers, customer_identity_internal.id_check()));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_id_check(regclass) IS
    'Raises CI003 for customers with computed ids and no constraint that compares them with the phones';

CREATE FUNCTION customer_identity_internal.check_customers(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_class AS c
    WHERE c.oid = customers AND c.relkind = 'r';
    IF NOT FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(format('%s is not a table.', customers), NULL);
    END IF;
    PERFORM customer_identity_internal.check_customer_columns(customers);
    PERFORM customer_identity_internal.check_length_of_phone(customers);
    IF NOT customer_identity_internal.has_unique_index(customers, 'id') THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column id of %s is not unique.', customers),
            format('ALTER TABLE %s ADD %s (id)', customers,
                CASE WHEN EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = customers AND i.indisprimary) THEN 'UNIQUE' ELSE 'PRIMARY KEY' END));
    END IF;
    IF customer_identity_internal.has_computed_ids(customers) THEN
        PERFORM customer_identity_internal.require_id_check(customers);
    ELSIF NOT customer_identity_internal.has_unique_index(customers, 'phone') THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column phone of %s is not unique.', customers), format('ALTER TABLE %s ADD UNIQUE (phone)', customers));
    END IF;
    PERFORM customer_identity_internal.check_phones_released(customers);
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'id' AND a.atthasdef;
    IF NOT FOUND THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column id of %s has no default.', customers),
            format('ALTER TABLE %s ALTER COLUMN id SET DEFAULT gen_random_uuid()', customers));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_customers(regclass) IS
    'Raises CI003 when a customers table lacks something, saying what and how to add it';

-- A server that is distributed keeps unique only what contains the key that rows are placed by: where ids are computed,
-- the phone is unique by way of the id.
CREATE FUNCTION customer_identity_internal.make_customers(schema_name text, distributed boolean)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(format('%I %s', c.name, CASE WHEN distributed AND c.name = 'phone' THEN replace(c.definition, 'UNIQUE ', '') ELSE c.definition END), ', ')
    INTO columns
    FROM customer_identity_internal.customers_columns() AS c;
    IF distributed THEN
        columns := columns || format(', phone_generation integer NOT NULL DEFAULT 0, CONSTRAINT customers_id_of_phone %s',
            customer_identity_internal.id_check());
    END IF;
    -- Room on the page keeps the updates of totals off the indexes.
    PERFORM customer_identity_internal.create_at_top(format('CREATE TABLE %I.customers (%s) WITH (fillfactor = 90)', schema_name, columns));
    EXECUTE format('COMMENT ON TABLE %I.customers IS %L', schema_name, 'One row per real person, identified by phone');
    EXECUTE format('COMMENT ON COLUMN %I.customers.phone IS %L', schema_name, 'E.164; NULL: the number was released');
    IF distributed THEN
        EXECUTE format('COMMENT ON COLUMN %I.customers.phone_generation IS %L', schema_name, 'How many people had the number before; -1: nobody''s row, which keeps the id free');
        EXECUTE format('CREATE INDEX customers_phone_idx ON %I.customers (phone)', schema_name);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_customers(text, boolean) IS
    'Creates the table customers in a schema';
