CREATE FUNCTION customer_identity_internal.book(customers regclass DEFAULT NULL)
    RETURNS regclass
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'book';
COMMENT ON FUNCTION customer_identity_internal.book(regclass) IS
    'The customers table that is meant: the one given, else the one on the search_path (CI003 when there is none)';

-- The columns of customers, how they have to be typed, and how a missing one is added.
CREATE FUNCTION customer_identity_internal.customers_columns()
    RETURNS TABLE (name text, types regtype[], definition text)
    LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT *
    FROM (VALUES
        ('id', '{uuid}'::regtype[], 'uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid()'),
        ('phone', '{text,varchar}', 'varchar(20) UNIQUE CHECK (phone ~ ''^[+][1-9][0-9]{1,18}$'')'),
        ('preferred_name', '{text,varchar}', 'varchar(100)'),
        ('is_phone_verified', '{boolean}', 'boolean NOT NULL DEFAULT false'),
        ('total_orders', '{integer,bigint}', 'integer NOT NULL DEFAULT 0'),
        ('total_spent', '{numeric}', 'numeric NOT NULL DEFAULT 0'),
        ('loyalty_points', '{integer,bigint}', 'bigint NOT NULL DEFAULT 0'),
        ('notes', '{text,varchar}', 'text'),
        ('created_at', '{timestamp,timestamptz}', 'timestamptz NOT NULL DEFAULT pg_catalog.now()'),
        ('updated_at', '{timestamp,timestamptz}', 'timestamptz NOT NULL DEFAULT pg_catalog.now()')
    ) AS columns (name, types, definition);
END;
COMMENT ON FUNCTION customer_identity_internal.customers_columns() IS
    'The columns that a customers table has to have';

-- A column alone carries a unique index that any row is in.
CREATE FUNCTION customer_identity_internal.has_unique_index(relation regclass, column_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = relation
        AND a.attname = column_name
        AND i.indisunique AND i.indimmediate AND i.indisvalid
        AND i.indnkeyatts = 1 AND i.indpred IS NULL
);
COMMENT ON FUNCTION customer_identity_internal.has_unique_index(regclass, text) IS
    'Whether a column alone is unique';

CREATE FUNCTION customer_identity_internal.base_type(type regtype)
    RETURNS regtype
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'base_type';
COMMENT ON FUNCTION customer_identity_internal.base_type(regtype) IS
    'The type below any domains';

-- `statement` NULL: nothing makes this table fit.
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
    'Raises CI003 with the statement that makes a customers table fit, and the way without it';

-- Casts that somebody made are not for us to recommend: who types them may be a superuser.
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

-- What ALTER COLUMN ... TYPE stumbles over: views, triggers, policies, functions and generated columns that read the
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

-- A default is replaced by ours: it might not fit the new type.
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
BEGIN
    FOR wanted IN SELECT * FROM customer_identity_internal.customers_columns() LOOP
        SELECT a.atttypid::regtype INTO found_type
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attname = wanted.name AND NOT a.attisdropped;
        IF NOT FOUND THEN
            PERFORM customer_identity_internal.refuse_customers(
                format('Table %s has no column %I.', customers, wanted.name),
                format('ALTER TABLE %s ADD COLUMN %I %s', customers, wanted.name,
                    CASE WHEN has_key THEN replace(wanted.definition, 'PRIMARY KEY', 'NOT NULL UNIQUE') ELSE wanted.definition END));
        END IF;
        IF found_type <> ALL (wanted.types) THEN
            PERFORM customer_identity_internal.refuse_customers(
                format('Column %I of %s is of type %s.', wanted.name, customers, found_type),
                customer_identity_internal.retyping(customers, wanted.name, found_type,
                    wanted.types[array_upper(wanted.types, 1)], wanted.definition));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_customer_columns(regclass) IS
    'Raises CI003 for the first column that a customers table lacks, or has with a type of no use';

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
    IF NOT customer_identity_internal.has_unique_index(customers, 'id') THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column id of %s is not unique.', customers),
            format('ALTER TABLE %s ADD %s (id)', customers,
                CASE WHEN EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = customers AND i.indisprimary) THEN 'UNIQUE' ELSE 'PRIMARY KEY' END));
    END IF;
    IF NOT customer_identity_internal.has_unique_index(customers, 'phone') THEN
        PERFORM customer_identity_internal.refuse_customers(
            format('Column phone of %s is not unique.', customers), format('ALTER TABLE %s ADD UNIQUE (phone)', customers));
    END IF;
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

CREATE FUNCTION customer_identity_internal.make_customers(schema_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(format('%I %s', c.name, c.definition), ', ') INTO columns
    FROM customer_identity_internal.customers_columns() AS c;
    -- Room on the page keeps the updates of totals off the indexes.
    EXECUTE format('CREATE TABLE %I.customers (%s) WITH (fillfactor = 90)', schema_name, columns);
    EXECUTE format('COMMENT ON TABLE %I.customers IS %L', schema_name, 'One row per real person, identified by phone');
    EXECUTE format('COMMENT ON COLUMN %I.customers.phone IS %L', schema_name, 'E.164; NULL: the number was retired');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_customers(text) IS
    'Makes the table customers in a schema';

CREATE FUNCTION customer_identity_internal.companion_of(customers regclass, companion text)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'companion_of';
COMMENT ON FUNCTION customer_identity_internal.companion_of(regclass, text) IS
    'The quoted name of a table beside customers; CI003 unless it is a table of the same owner';

CREATE FUNCTION customer_identity_internal.make_companion(
    name text, definition text, indexes text[], comment text, schema_name text, owner regrole)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
BEGIN
    IF to_regclass(format('%I.%I', schema_name, name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I.%I (%s)', schema_name, name, format(definition, schema_name));
    EXECUTE format('COMMENT ON TABLE %I.%I IS %L', schema_name, name, comment);
    FOREACH statement IN ARRAY indexes LOOP
        EXECUTE format(statement, schema_name);
    END LOOP;
    EXECUTE format('ALTER TABLE %I.%I OWNER TO %s', schema_name, name, owner);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_companion(text, text, text[], text, text, regrole) IS
    'Makes a companion of customers that is missing';

CREATE FUNCTION customer_identity_internal.make_companions(schema_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner regrole;
    grantee text;
BEGIN
    SELECT c.relowner::regrole INTO owner
    FROM pg_class AS c
    WHERE c.oid = format('%I.customers', schema_name)::regclass;

    IF to_regclass(format('%I.phone_proofs', schema_name)) IS NULL THEN
        EXECUTE format($sql$
            CREATE TABLE %1$I.phone_proofs (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                phone varchar(20) NOT NULL,
                customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
                user_id text,
                method text NOT NULL,
                proved_at timestamptz NOT NULL DEFAULT now(),
                ended_at timestamptz,
                ended_reason text,
                unconfirmed boolean NOT NULL DEFAULT false
            )$sql$, schema_name);
        EXECUTE format('COMMENT ON TABLE %I.phone_proofs IS %L', schema_name,
            'Who showed that they hold a phone; live until ended_at is set');
        -- Two plain indexes and no NULLS NOT DISTINCT, which migration tools cannot write.
        EXECUTE format('CREATE UNIQUE INDEX phone_proofs_live_key ON %I.phone_proofs (phone, user_id) WHERE ended_at IS NULL', schema_name);
        EXECUTE format('CREATE UNIQUE INDEX phone_proofs_live_guest_key ON %I.phone_proofs (phone) WHERE ended_at IS NULL AND user_id IS NULL', schema_name);
        EXECUTE format('CREATE INDEX phone_proofs_customer_id_idx ON %I.phone_proofs (customer_id)', schema_name);
        EXECUTE format('CREATE INDEX phone_proofs_user_id_idx ON %I.phone_proofs (user_id) WHERE ended_at IS NULL', schema_name);
        EXECUTE format('ALTER TABLE %I.phone_proofs OWNER TO %s', schema_name, owner);
    END IF;

    IF to_regclass(format('%I.loyalty_entries', schema_name)) IS NULL THEN
        EXECUTE format($sql$
            CREATE TABLE %1$I.loyalty_entries (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
                points bigint NOT NULL,
                reason text NOT NULL,
                idempotency_key text UNIQUE,
                actor text,
                created_at timestamptz NOT NULL DEFAULT now()
            )$sql$, schema_name);
        EXECUTE format('COMMENT ON TABLE %I.loyalty_entries IS %L', schema_name,
            'Every change of points that is not an order''s; rows are only ever added');
        EXECUTE format('CREATE INDEX loyalty_entries_customer_id_idx ON %I.loyalty_entries (customer_id)', schema_name);
        EXECUTE format('ALTER TABLE %I.loyalty_entries OWNER TO %s', schema_name, owner);
    END IF;

    IF to_regclass(format('%I.customer_events', schema_name)) IS NULL THEN
        EXECUTE format($sql$
            CREATE TABLE %1$I.customer_events (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
                event text NOT NULL,
                details jsonb NOT NULL DEFAULT '{}',
                actor text,
                created_at timestamptz NOT NULL DEFAULT now()
            )$sql$, schema_name);
        EXECUTE format('COMMENT ON TABLE %I.customer_events IS %L', schema_name,
            'What happened to each customer; rows are only ever added');
        EXECUTE format('CREATE INDEX customer_events_customer_id_id_idx ON %I.customer_events (customer_id, id)', schema_name);
        EXECUTE format('ALTER TABLE %I.customer_events OWNER TO %s', schema_name, owner);
        -- Default privileges may have given others rights on every new table.
        FOR grantee IN
            SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END
            FROM pg_class AS c
            CROSS JOIN LATERAL aclexplode(c.relacl) AS g
            WHERE c.oid = format('%I.customer_events', schema_name)::regclass AND g.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON %I.customer_events FROM %s', schema_name, grantee);
        END LOOP;
    END IF;
    -- Books of an earlier release.
    EXECUTE format('ALTER TABLE %I.phone_proofs ADD COLUMN IF NOT EXISTS unconfirmed boolean NOT NULL DEFAULT false', schema_name);
    PERFORM customer_identity_internal.make_companion(c.name, c.definition, c.indexes, c.comment, schema_name, owner)
    FROM customer_identity_internal.lifecycle_tables() AS c;
    PERFORM customer_identity_internal.companion_of(format('%I.customers', schema_name)::regclass, c.name)
    FROM (VALUES ('phone_proofs'), ('loyalty_entries'), ('customer_events')) AS c (name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_companions(text) IS
    'Makes the tables phone_proofs, loyalty_entries and customer_events beside customers where they are missing';

CREATE FUNCTION customer_identity_internal.follow_phone()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'follow_phone';
COMMENT ON FUNCTION customer_identity_internal.follow_phone() IS
    'Trigger of customers: whose phone changes is marked as verified only with a live proof of the new one, and the proofs of the old one end';

CREATE FUNCTION customer_identity_internal.phone_triggers(customers regclass)
    RETURNS TABLE (name text, timing text, trigger pg_trigger)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT e.name, e.timing, t
    FROM (VALUES ('customer_identity_phone', 'BEFORE', 19), ('customer_identity_phone_changed', 'AFTER INSERT OR', 21)) AS e (name, timing, type)
    LEFT JOIN pg_trigger AS t ON t.tgrelid = customers AND t.tgname = e.name::name AND t.tgtype = e.type
        AND t.tgfoid = 'customer_identity_internal.follow_phone()'::regprocedure AND t.tgqual IS NULL AND t.tgattr = '';
END;
COMMENT ON FUNCTION customer_identity_internal.phone_triggers(regclass) IS
    'The triggers that customers has to have, and as what it has them; NULL where one is missing';

CREATE FUNCTION customer_identity_internal.is_owner(relation regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = relation);
COMMENT ON FUNCTION customer_identity_internal.is_owner(regclass) IS
    'Whether the current user has the rights of a table''s owner';

CREATE FUNCTION customer_identity_internal.guard_phone()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'guard_phone';
COMMENT ON FUNCTION customer_identity_internal.guard_phone() IS
    'Trigger of customer_phones and phone_rules: refuses a phone that is another customer''s primary one';

CREATE FUNCTION customer_identity_internal.ensure_guards(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guarded regclass;
BEGIN
    FOR guarded IN
        SELECT r.oid
        FROM pg_class AS c
        JOIN pg_class AS r ON r.relnamespace = c.relnamespace AND r.relname IN ('customer_phones', 'phone_rules') AND r.relkind = 'r'
        WHERE c.oid = customers AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = r.oid AND t.tgname = 'customer_identity_guard')
    LOOP
        EXECUTE format('CREATE TRIGGER customer_identity_guard AFTER INSERT OR UPDATE ON %s'
            ' FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.guard_phone()', guarded);
        EXECUTE format('ALTER TRIGGER customer_identity_guard ON %s DEPENDS ON EXTENSION customer_identity', guarded);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_guards(regclass) IS
    'Puts guard_phone on the companions that hold phones, where it is missing';

CREATE FUNCTION customer_identity_internal.ensure_phone_triggers(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT p.name, p.timing FROM customer_identity_internal.phone_triggers(customers) AS p WHERE (p.trigger).oid IS NULL LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER %I %s UPDATE ON %s'
            ' FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.follow_phone()', missing.name, missing.timing, customers);
        -- DROP EXTENSION takes them along: they attach no table.
        EXECUTE format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION customer_identity', missing.name, customers);
    END LOOP;
    PERFORM customer_identity_internal.ensure_guards(customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_phone_triggers(regclass) IS
    'Puts follow_phone on customers where it is missing';

CREATE FUNCTION customer_identity_internal.make_book(schema_name text)
    RETURNS regclass
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customers regclass;
BEGIN
    PERFORM customer_identity_internal.require_limit('schema_name', schema_name);
    IF schema_name IS NULL OR to_regnamespace(quote_ident(schema_name)) IS NULL THEN
        RAISE EXCEPTION 'there is no schema for the customers'
            USING ERRCODE = 'invalid_schema_name',
                DETAIL = format('Schema: %s.', COALESCE(quote_ident(schema_name), 'none on the search_path')),
                HINT = 'CREATE SCHEMA first, or name another one: create_tables(''public'').';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('customer_identity.create_tables ' || schema_name, 0));
    IF to_regclass(format('%I.customers', schema_name)) IS NULL THEN
        PERFORM customer_identity_internal.make_customers(schema_name);
        -- An empty table is indexed at once; one that is there may be large, and has create_search_indexes().
        PERFORM customer_identity_internal.create_missing_index(i.relation, i.name, i.definition)
        FROM customer_identity_internal.sort_indexes(format('%I.customers', schema_name)::regclass) AS i
        -- Those of a customers table that was renamed keep their names.
        WHERE to_regclass(format('%I.%I', schema_name, i.name)) IS NULL;
    END IF;
    customers := format('%I.customers', schema_name)::regclass;
    PERFORM customer_identity_internal.check_customers(customers);
    PERFORM customer_identity_internal.make_companions(schema_name);
    PERFORM customer_identity_internal.ensure_phone_triggers(customers);
    RETURN customers;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_book(text) IS
    'create_tables for a schema that is named';

CREATE FUNCTION customer_identity.create_tables(schema_name text DEFAULT NULL)
    RETURNS regclass
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.make_book(COALESCE(schema_name, current_schema()::text));
COMMENT ON FUNCTION customer_identity.create_tables(text) IS
    'Makes customers, phone_proofs, loyalty_entries and customer_events in a schema (by default the current one) and returns customers. A customers table that is there already is checked and kept';
REVOKE EXECUTE ON FUNCTION customer_identity.create_tables(text) FROM PUBLIC;
