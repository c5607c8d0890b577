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
    PERFORM customer_identity_internal.require_column(relation, column_name, parameter);
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attgenerated <> '';
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is generated', quote_ident(column_name), relation
            USING ERRCODE = 'wrong_object_type',
                DETAIL = 'A trigger before the row is written does not see its value.',
                HINT = format('Name the column it is generated from in %s => ''...''.', parameter);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_written_column(regclass, text, text) IS
    'Raises for a column that a call names and the table lacks or generates';

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
        RAISE EXCEPTION 'column % of % is of type % and holds no %',
            quote_ident(unusable.column_name), relation, unusable.type_name, unusable.what
            USING ERRCODE = 'datatype_mismatch',
                HINT = format('Name a text column in %s => ''...''.',
                    CASE unusable.what WHEN 'phone' THEN parameter ELSE 'region_column' END);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_types(regclass, text[], text, text) IS
    'Raises 42804 for a column whose type holds no phone, or no region';

CREATE FUNCTION customer_identity_internal.required_region(default_region text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.require_limit('default_region', default_region);
    IF default_region IS NOT NULL AND customer_identity_internal.known_region(default_region) IS NULL THEN
        RAISE EXCEPTION 'default_region % is not a region', quote_literal(customer_identity_internal.shown(default_region))
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'A region is an ISO 3166 code of two letters: GB, not UK.';
    END IF;
    RETURN customer_identity_internal.known_region(default_region);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.required_region(text) IS
    'A region as the triggers'' arguments have it, or NULL; 22023 for what is none';

-- Whoever looks need not be who signs people up, and his session may be older than what was set for the database.
CREATE FUNCTION customer_identity_internal.has_default_region()
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN current_setting('customer_identity.default_region') <> '' OR EXISTS (
    SELECT
    FROM pg_db_role_setting AS s
    CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
    WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
        AND c.setting LIKE 'customer\_identity.default\_region=_%'
);
COMMENT ON FUNCTION customer_identity_internal.has_default_region() IS
    'Whether customer_identity.default_region is set here, for the database or for any role';

CREATE FUNCTION customer_identity_internal.lacks_region(phone_columns text[], region_column text, default_region text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN phone_columns[1] IS NOT NULL AND region_column IS NULL AND default_region IS NULL
    AND NOT customer_identity_internal.has_default_region();
COMMENT ON FUNCTION customer_identity_internal.lacks_region(text[], text, text) IS
    'Whether a table has phones and nothing tells the region of national ones';

CREATE FUNCTION customer_identity_internal.notice_no_region(relation regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE NOTICE 'phones in % without a country code will not be read', relation
        USING DETAIL = 'It has no region column, and there is no default region.',
            HINT = 'Attach it with default_region => ''DE'', or set customer_identity.default_region for the database.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.notice_no_region(regclass) IS
    'Says that national phones of a table will not be read';

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
            HINT = format('Name in %s => ''{...}'' some of: %s.', parameter, COALESCE(
                customer_identity_internal.possible_values(relation, column_name),
                format('SELECT DISTINCT %I::text FROM %s', column_name, relation)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_held(regclass, text, text[], text, regclass) IS
    'Raises 22023 for values that a call names and a column of an attached table cannot hold';

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

-- What is written to a table that inherits from an attached one, and is no partition, fires none of its triggers.
CREATE FUNCTION customer_identity_internal.heirs_of(relation regclass)
    RETURNS TABLE (heir regclass, parent regclass)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE heirs AS (
        SELECT i.inhrelid, i.inhparent
        FROM pg_class AS c
        JOIN pg_inherits AS i ON i.inhparent = c.oid
        WHERE c.oid = relation AND c.relkind = 'r'
        UNION
        SELECT i.inhrelid, i.inhparent
        FROM heirs AS h
        JOIN pg_inherits AS i ON i.inhparent = h.inhrelid
    )
    SELECT h.inhrelid::regclass, h.inhparent::regclass FROM heirs AS h;
END;
COMMENT ON FUNCTION customer_identity_internal.heirs_of(regclass) IS
    'The tables that inherit from an ordinary table, and from what';

CREATE FUNCTION customer_identity_internal.require_attachable(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
    heirs text;
BEGIN
    SELECT c.* INTO class FROM pg_class AS c WHERE c.oid = relation;
    IF class.oid IS NULL OR class.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is not a table', COALESCE(relation::text, 'NULL')
            USING ERRCODE = 'wrong_object_type', HINT = 'Name an ordinary or a partitioned table.';
    END IF;
    IF class.relispartition THEN
        RAISE EXCEPTION '% is a partition', relation
            USING ERRCODE = 'wrong_object_type',
                HINT = CASE
                    WHEN pg_partition_root(relation) = relation THEN 'It is being detached: ALTER TABLE ... DETACH PARTITION ... FINALIZE ends that.'
                    ELSE format('Attach %s: its partitions come along.', pg_partition_root(relation))
                END;
    END IF;
    IF relation = customers THEN
        RAISE EXCEPTION '% is the customers table itself', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Name the table of users or of orders.';
    END IF;
    SELECT string_agg(h.heir::text, ', ' ORDER BY h.heir::text) INTO heirs
    FROM customer_identity_internal.heirs_of(relation) AS h
    WHERE NOT customer_identity_internal.has_triggers(h.heir);
    IF heirs IS NOT NULL THEN
        RAISE EXCEPTION '% has tables that inherit from it', relation
            USING ERRCODE = 'wrong_object_type',
                DETAIL = format('Rows written to them would not be seen by the triggers: %s.', heirs),
                HINT = 'Attach those that others inherit from last, or use a partitioned table.';
    END IF;
    IF class.relpersistence = 't' THEN
        RAISE EXCEPTION '% is a temporary table', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Name a table that stays.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_attachable(regclass, regclass) IS
    'Raises 42809 for what triggers cannot be attached to';

-- The triggers act as the owner of their table, so it is the owner who needs the rights.
CREATE FUNCTION customer_identity_internal.require_rights(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner regrole;
    schema_id oid;
    needed regclass;
BEGIN
    SELECT c.relowner::regrole INTO owner FROM pg_class AS c WHERE c.oid = relation;
    SELECT c.relnamespace INTO schema_id FROM pg_class AS c WHERE c.oid = customers;
    FOR needed IN
        SELECT c.oid::regclass
        FROM pg_class AS c
        WHERE c.oid = customers
            OR (c.relnamespace = schema_id AND c.relname = 'phone_proofs')
    LOOP
        IF NOT (has_schema_privilege(owner, schema_id, 'USAGE')
            AND has_table_privilege(owner, needed, 'SELECT')
            AND has_table_privilege(owner, needed, 'INSERT')
            AND has_table_privilege(owner, needed, 'UPDATE')) THEN
            RAISE EXCEPTION 'the owner of % may not write to %', relation, needed
                USING ERRCODE = 'insufficient_privilege',
                    DETAIL = format('The triggers act as role %s.', owner),
                    HINT = format('GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT, INSERT, UPDATE ON %s TO %s;',
                        schema_id::regnamespace, owner, needed, owner);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_rights(regclass, regclass) IS
    'Raises 42501 when the owner of a table may not write to the book, as its triggers would have to';

CREATE FUNCTION customer_identity_internal.has_index_on(relation regclass, column_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = relation AND a.attname = column_name AND i.indisvalid AND i.indpred IS NULL
);
COMMENT ON FUNCTION customer_identity_internal.has_index_on(regclass, text) IS
    'Whether an index of the whole table begins with a column';

CREATE FUNCTION customer_identity_internal.has_reference(relation regclass, column_name text, referenced regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND k.conrelid = relation AND k.confrelid = referenced
        AND cardinality(k.conkey) = 1 AND a.attname = column_name
);
COMMENT ON FUNCTION customer_identity_internal.has_reference(regclass, text, regclass) IS
    'Whether a column is a foreign key to a table';

-- Adds the column that holds the customer, its foreign key and its index where they are missing.
CREATE FUNCTION customer_identity_internal.ensure_customer_column(relation regclass, column_name text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_column pg_attribute;
BEGIN
    PERFORM customer_identity_internal.require_limit('customer_column', column_name);
    SELECT a.* INTO found_column
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I uuid', relation, column_name);
    ELSIF found_column.atttypid <> 'uuid'::regtype THEN
        RAISE EXCEPTION 'column % of % is not of type uuid', quote_ident(column_name), relation
            USING ERRCODE = 'datatype_mismatch',
                HINT = COALESCE(customer_identity_internal.retyping(relation, column_name, found_column.atttypid, 'uuid', '') || '; or name', 'Name')
                    || ' another column with customer_column => ''...''.';
    ELSIF found_column.attnotnull THEN
        RAISE WARNING 'column % of % is NOT NULL: rows without a readable phone will be refused', quote_ident(column_name), relation
            USING HINT = format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', relation, column_name);
    END IF;
    IF NOT customer_identity_internal.has_reference(relation, column_name, customers) THEN
        EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (id) ON DELETE SET NULL', relation, column_name, customers);
    END IF;
    IF NOT customer_identity_internal.has_index_on(relation, column_name) THEN
        EXECUTE format('CREATE INDEX ON %s (%I)', relation, column_name);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_customer_column(regclass, text, regclass) IS
    'Adds a nullable column for the customer, its foreign key and its index where they are missing';

-- Trigger arguments from keys and values; a NULL value leaves its key out.
CREATE FUNCTION customer_identity_internal.written_arguments(keys text[], argument_values text[])
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN (
    SELECT string_agg(quote_literal(a.key || '=' || a.value), ', ' ORDER BY a.position)
    FROM ROWS FROM (unnest(keys), unnest(argument_values)) WITH ORDINALITY AS a (key, value, position)
    WHERE a.value IS NOT NULL
);
COMMENT ON FUNCTION customer_identity_internal.written_arguments(text[], text[]) IS
    'key=value arguments as CREATE TRIGGER takes them';

CREATE FUNCTION customer_identity_internal.repeated(key text, argument_values text[])
    RETURNS text[]
    LANGUAGE sql IMMUTABLE
RETURN array_fill(key, ARRAY[COALESCE(cardinality(argument_values), 0)]);
COMMENT ON FUNCTION customer_identity_internal.repeated(text, text[]) IS
    'A key as often as there are values';

CREATE FUNCTION customer_identity_internal.qualified_name(relation regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'qualified_name';
COMMENT ON FUNCTION customer_identity_internal.qualified_name(regclass) IS
    'The quoted name of a table with its schema, whatever the search_path';

CREATE FUNCTION customer_identity_internal.attach_users_to(
    users regclass,
    phone_columns text[],
    verified_column text,
    name_column text,
    region_column text,
    customer_column text,
    default_region text,
    customers regclass
)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named_column text;
    key text;
    arguments text;
    relation regclass;
BEGIN
    PERFORM customer_identity_internal.require_attachable(users, customers);
    PERFORM customer_identity_internal.check_customers(customers);
    PERFORM customer_identity_internal.require_rights(users, customers);
    IF COALESCE(cardinality(phone_columns), 0) = 0 THEN
        RAISE EXCEPTION 'no phone column is named'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name at least one: phone_columns => ''{phone}''.';
    END IF;
    PERFORM customer_identity_internal.require_values('phone_columns', phone_columns);
    FOREACH named_column IN ARRAY phone_columns LOOP
        PERFORM customer_identity_internal.require_written_column(users, named_column, 'phone_columns');
    END LOOP;
    IF verified_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(users, verified_column, 'verified_column');
        PERFORM FROM pg_attribute AS a
        WHERE a.attrelid = users AND a.attname = verified_column AND a.atttypid = 'boolean'::regtype;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'column % of % is not boolean', quote_ident(verified_column), users
                USING ERRCODE = 'datatype_mismatch', HINT = 'verified_column names the flag that belongs to the first phone column.';
        END IF;
    END IF;
    IF name_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(users, name_column, 'name_column');
    END IF;
    IF region_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(users, region_column, 'region_column');
    END IF;
    PERFORM customer_identity_internal.require_types(users, phone_columns, region_column, 'phone_columns');
    default_region := customer_identity_internal.required_region(default_region);

    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', users);
    key := customer_identity_internal.require_key(users);
    PERFORM customer_identity_internal.warn_of_new_key(users, key, customers);
    PERFORM customer_identity_internal.ensure_customer_column(users, customer_column, customers);
    PERFORM customer_identity_internal.ensure_phone_triggers(customers) WHERE customer_identity_internal.is_owner(customers);
    arguments := customer_identity_internal.written_arguments(
        ARRAY['customers', 'key'] || customer_identity_internal.repeated('phone', phone_columns)
            || '{verified,name,region,default_region,customer}'::text[],
        ARRAY[customer_identity_internal.qualified_name(customers), key] || phone_columns
            || ARRAY[verified_column, name_column, region_column, default_region, customer_column]);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_link BEFORE INSERT OR UPDATE ON %s'
        ' FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(%s)', users, arguments);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_linked AFTER INSERT OR UPDATE OR DELETE ON %s'
        ' FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(%s)', users, arguments);
    -- Statement triggers of a table do not fire for statements that name its partitions.
    FOR relation IN SELECT p.* FROM customer_identity_internal.partitions_of(users) AS p LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER customer_identity_renamed AFTER UPDATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.link_user(%s)', relation, arguments);
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER customer_identity_truncated BEFORE TRUNCATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.link_user(%s)', relation, arguments);
    END LOOP;
    IF customer_identity_internal.lacks_region(phone_columns, region_column, default_region) THEN
        PERFORM customer_identity_internal.notice_no_region(users);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attach_users_to(regclass, text[], text, text, text, text, text, regclass) IS
    'attach_users for a book that is named';

CREATE FUNCTION customer_identity.attach_users(
    users regclass,
    phone_columns text[] DEFAULT '{phone}',
    verified_column text DEFAULT NULL,
    name_column text DEFAULT NULL,
    region_column text DEFAULT NULL,
    customer_column text DEFAULT 'customer_id',
    default_region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.attach_users_to(users, phone_columns, verified_column, name_column, region_column,
    customer_column, default_region, customer_identity_internal.book(customers));
COMMENT ON FUNCTION customer_identity.attach_users(regclass, text[], text, text, text, text, text, regclass) IS
    'Links the logins of a users table to their customers from now on. Calling it again replaces the set-up';
REVOKE EXECUTE ON FUNCTION customer_identity.attach_users(regclass, text[], text, text, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.require_pair(given boolean, other boolean, parameter text, other_parameter text, example text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF given <> other THEN
        RAISE EXCEPTION '% and % belong together', parameter, other_parameter
            USING ERRCODE = 'invalid_parameter_value', HINT = format('For instance: %s.', example);
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
        RAISE EXCEPTION '% name nothing, or NULL', parameter
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the values of the column that matter.';
    END IF;
    IF cardinality(given) > 100 OR EXISTS (SELECT FROM unnest(given) AS g (value) WHERE octet_length(g.value) > 200) THEN
        RAISE EXCEPTION '% are too many or too long', parameter
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'There may be no more than 100, of no more than 200 bytes each.',
                HINT = 'Name the values of the column that matter.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_values(text, text[]) IS
    'Raises 22023 for a list without values, with NULL, of more than 100 values or with one of more than 200 bytes';

CREATE FUNCTION customer_identity_internal.create_totals_triggers(orders regclass, arguments text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_totals_insert AFTER INSERT ON %s'
        ' REFERENCING NEW TABLE AS customer_identity_new'
        ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals(%s)', orders, arguments);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_totals_update AFTER UPDATE ON %s'
        ' REFERENCING OLD TABLE AS customer_identity_old NEW TABLE AS customer_identity_new'
        ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals(%s)', orders, arguments);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_totals_delete AFTER DELETE ON %s'
        ' REFERENCING OLD TABLE AS customer_identity_old'
        ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals(%s)', orders, arguments);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_totals_truncate BEFORE TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals(%s)', orders, arguments);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.create_totals_triggers(regclass, text) IS
    'Puts maintain_totals on one table, for every kind of statement';

CREATE FUNCTION customer_identity_internal.attach_orders_to(
    orders regclass,
    users regclass,
    user_column text,
    phone_column text,
    amount_column text,
    status_column text,
    counted_statuses text[],
    points_per_unit numeric,
    payment_column text,
    cod_values text[],
    region_column text,
    timing text,
    customer_column text,
    default_region text,
    customers regclass
)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    users_given boolean := users IS NOT NULL;
    users_setup customer_identity.attachments;
    users_key text;
    name_of_customers text := customer_identity_internal.qualified_name(customers);
    arguments text;
    relation regclass;
BEGIN
    IF timing IS NULL OR timing NOT IN ('statement', 'commit') THEN
        RAISE EXCEPTION 'timing % is not supported', quote_nullable(customer_identity_internal.shown(timing))
            USING ERRCODE = 'feature_not_supported',
                HINT = 'Totals are written at the end of each statement, timing => ''statement'', or of the transaction, timing => ''commit''.';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'attach_orders needs a READ COMMITTED transaction'
            USING ERRCODE = 'invalid_transaction_state',
                DETAIL = 'Rows committed after the snapshot of this transaction would be missing from the totals.',
                HINT = 'Run the migration at the default isolation level.';
    END IF;
    PERFORM customer_identity_internal.require_attachable(orders, customers);
    PERFORM customer_identity_internal.check_customers(customers);
    PERFORM customer_identity_internal.require_rights(orders, customers);
    PERFORM customer_identity_internal.require_pair(status_column IS NOT NULL, counted_statuses IS NOT NULL,
        'status_column', 'counted_statuses', 'status_column => ''status'', counted_statuses => ''{paid,shipped}''');
    PERFORM customer_identity_internal.require_pair(payment_column IS NOT NULL, cod_values IS NOT NULL,
        'payment_column', 'cod_values', 'payment_column => ''payment_method'', cod_values => ''{cash}''');
    PERFORM customer_identity_internal.require_values('counted_statuses', counted_statuses);
    PERFORM customer_identity_internal.require_values('cod_values', cod_values);
    IF points_per_unit IS NULL OR points_per_unit = 'NaN' OR abs(points_per_unit) > 1000000000
        OR length(points_per_unit::text) > 64 THEN
        RAISE EXCEPTION 'points_per_unit has to be a number up to a thousand million'
            USING ERRCODE = 'invalid_parameter_value', HINT = '0 means that orders earn no points.';
    END IF;

    PERFORM customer_identity_internal.require_column(orders, amount_column, 'amount_column');
    user_column := customer_identity_internal.optional_column(orders, user_column, 'user_column', 'user_id');
    phone_column := customer_identity_internal.optional_column(orders, phone_column, 'phone_column', 'phone');
    IF phone_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(orders, phone_column, 'phone_column');
    END IF;
    IF user_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(orders, user_column, 'user_column');
    END IF;
    IF status_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_column(orders, status_column, 'status_column');
    END IF;
    IF payment_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(orders, payment_column, 'payment_column');
    END IF;
    IF region_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(orders, region_column, 'region_column');
    END IF;
    PERFORM customer_identity_internal.require_types(orders, ARRAY[phone_column], region_column, 'phone_column');
    default_region := customer_identity_internal.required_region(default_region);
    IF user_column IS NULL AND phone_column IS NULL THEN
        RAISE EXCEPTION 'table % has neither a user nor a phone to attach orders by', orders
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name one with user_column => ''...'' or phone_column => ''...''.';
    END IF;
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = orders AND a.attname = amount_column
        AND customer_identity_internal.base_type(a.atttypid)
            = ANY ('{numeric,smallint,integer,bigint,real,double precision}'::regtype[]);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column % of % is not a number', quote_ident(amount_column), orders
            USING ERRCODE = 'datatype_mismatch', HINT = 'Amounts are best kept as numeric.';
    END IF;

    IF user_column IS NULL THEN
        users := NULL;
    ELSIF users IS NULL THEN
        users := customer_identity_internal.users_of(orders, user_column, customers);
    END IF;
    SELECT a.* INTO users_setup
    FROM customer_identity_internal.feeding_setups(users, customers) AS a
    WHERE a.kind = 'users';
    IF users IS NOT NULL AND users_setup.attached IS NULL THEN
        IF users_given THEN
            RAISE EXCEPTION 'users table % is not attached to %', users, customers
                USING ERRCODE = 'object_not_in_prerequisite_state',
                    HINT = format('SELECT customer_identity.attach_users(%L, ...) first.', users::text);
        END IF;
        RAISE NOTICE 'users table % is not attached: orders are attached by their phone only', users
            USING HINT = format('Call attach_users(%L, ...), then attach_orders again.', users::text);
        users := NULL;
    END IF;

    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', orders);
    IF users IS NOT NULL THEN
        users_key := customer_identity_internal.users_key_of(orders, user_column, users);
    END IF;
    PERFORM customer_identity_internal.ensure_customer_column(orders, customer_column, customers);
    -- Who gets a phone has earlier orders attached, and who is deleted has them unlinked.
    IF users IS NOT NULL AND NOT customer_identity_internal.has_index_on(orders, user_column)
        AND customer_identity_internal.comparable_type(orders, user_column) = customer_identity_internal.comparable_type(users, users_key) THEN
        EXECUTE format('CREATE INDEX ON %s (%I)', orders, user_column);
    END IF;
    PERFORM customer_identity_internal.ensure_phone_triggers(customers) WHERE customer_identity_internal.is_owner(customers);
    arguments := customer_identity_internal.written_arguments(
        '{customers,users,users_key,users_customer,user,phone,region,default_region,payment}'::text[]
            || customer_identity_internal.repeated('cod', cod_values) || '{customer}'::text[],
        ARRAY[name_of_customers, customer_identity_internal.qualified_name(users), users_key,
            users_setup.customer_column, user_column, phone_column, region_column, default_region,
            payment_column]
            || COALESCE(cod_values, '{}') || ARRAY[customer_column]);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_attach BEFORE INSERT OR UPDATE ON %s'
        ' FOR EACH ROW EXECUTE FUNCTION customer_identity.attach_order(%s)', orders, arguments);
    arguments := customer_identity_internal.written_arguments(
        '{customers,customer,amount,status,points_per_unit,timing}'::text[]
            || customer_identity_internal.repeated('counted', counted_statuses),
        ARRAY[name_of_customers, customer_column, amount_column, status_column, points_per_unit::text,
            NULLIF(timing, 'statement')]
            || COALESCE(counted_statuses, '{}'));
    FOR relation IN SELECT p.* FROM customer_identity_internal.partitions_of(orders) AS p LOOP
        PERFORM customer_identity_internal.create_totals_triggers(relation, arguments);
    END LOOP;
    -- Until the lock was there a value could be renamed; until the triggers were, nobody may act as the table's owner.
    PERFORM customer_identity_internal.require_held(orders, status_column, counted_statuses, 'counted_statuses', customers);
    PERFORM customer_identity_internal.require_held(orders, payment_column, cod_values, 'cod_values', customers);
    IF customer_identity_internal.lacks_region(ARRAY[phone_column], region_column, default_region) THEN
        PERFORM customer_identity_internal.notice_no_region(orders);
    END IF;
    PERFORM customer_identity.flush_totals(customers);
    PERFORM customer_identity_internal.rebuild_book(customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attach_orders_to(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, regclass) IS
    'attach_orders for a book that is named';

CREATE FUNCTION customer_identity.attach_orders(
    orders regclass,
    users regclass DEFAULT NULL,
    user_column text DEFAULT 'user_id',
    phone_column text DEFAULT 'phone',
    amount_column text DEFAULT 'total',
    status_column text DEFAULT NULL,
    counted_statuses text[] DEFAULT NULL,
    points_per_unit numeric DEFAULT 1,
    payment_column text DEFAULT NULL,
    cod_values text[] DEFAULT NULL,
    region_column text DEFAULT NULL,
    timing text DEFAULT 'statement',
    customer_column text DEFAULT 'customer_id',
    default_region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.attach_orders_to(orders, users, user_column, phone_column, amount_column, status_column,
    counted_statuses, points_per_unit, payment_column, cod_values, region_column, timing,
    customer_column, default_region, customer_identity_internal.book(customers));
COMMENT ON FUNCTION customer_identity.attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, regclass) IS
    'Attaches the orders of a table to their customers and keeps totals from now on. Calling it again replaces the set-up';
REVOKE EXECUTE ON FUNCTION customer_identity.attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.detach(attached regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
BEGIN
    FOR trigger IN
        SELECT t.attached AS relation, t.name
        FROM customer_identity_internal.partitions_of(detach.attached) AS p
        CROSS JOIN LATERAL customer_identity_internal.triggers_of(p.p) AS t
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger.name, trigger.relation);
    END LOOP;
    IF NOT FOUND THEN
        RAISE NOTICE 'table % is not attached', attached;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity.detach(regclass) IS
    'Removes our triggers from a table; columns and data stay';
REVOKE EXECUTE ON FUNCTION customer_identity.detach(regclass) FROM PUBLIC;
