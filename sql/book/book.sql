CREATE FUNCTION customer_identity_internal.book(customers regclass DEFAULT NULL)
    RETURNS regclass
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'book';
COMMENT ON FUNCTION customer_identity_internal.book(regclass) IS
    'The customers table to use: the one given, else the one on the search_path (CI003 when there is none)';

CREATE FUNCTION customer_identity_internal.follow_phone()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'follow_phone';
COMMENT ON FUNCTION customer_identity_internal.follow_phone() IS
    'Trigger of customers: when a phone changes, ends the proofs of the old one and marks the new one as verified only with a live proof';

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
    'The triggers that customers must have, and how they are enabled; NULL where one is missing';

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

CREATE FUNCTION customer_identity_internal.guards(customers regclass)
    RETURNS TABLE (guarded regclass, trigger pg_trigger)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.oid, t
    FROM pg_class AS c
    JOIN pg_class AS r ON r.relnamespace = c.relnamespace AND r.relname IN ('customer_phones', 'phone_rules') AND r.relkind = 'r'
    LEFT JOIN pg_trigger AS t ON t.tgrelid = r.oid AND t.tgname = 'customer_identity_guard' AND t.tgtype = 21
        AND t.tgfoid = 'customer_identity_internal.guard_phone()'::regprocedure AND t.tgqual IS NULL AND t.tgattr = ''
    WHERE c.oid = customers;
END;
COMMENT ON FUNCTION customer_identity_internal.guards(regclass) IS
    'The triggers that the companions which hold phones must have; NULL where one is missing';

CREATE FUNCTION customer_identity_internal.tell_of_companions(customers regclass)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'tell_of_companions';
COMMENT ON FUNCTION customer_identity_internal.tell_of_companions(regclass) IS
    'Lets every session make its statements anew, by the companions that there are now';

-- Citus refuses that for its own tables.
CREATE FUNCTION customer_identity_internal.bind_trigger(relation regclass, trigger_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.is_distributed(relation) THEN
        EXECUTE format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION customer_identity', trigger_name, relation);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.bind_trigger(regclass, text) IS
    'Lets DROP EXTENSION take a trigger along that attaches no table';

CREATE FUNCTION customer_identity_internal.ensure_guards(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing record;
BEGIN
    FOR missing IN SELECT g.guarded FROM customer_identity_internal.guards(customers) AS g WHERE (g.trigger).oid IS NULL LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER customer_identity_guard AFTER INSERT OR UPDATE ON %s'
            ' FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.guard_phone()', missing.guarded);
        PERFORM customer_identity_internal.bind_trigger(missing.guarded, 'customer_identity_guard');
        PERFORM customer_identity_internal.tell_of_companions(customers);
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
        PERFORM customer_identity_internal.bind_trigger(customers, missing.name);
    END LOOP;
    PERFORM customer_identity_internal.ensure_guards(customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_phone_triggers(regclass) IS
    'Puts follow_phone on customers where it is missing';

CREATE FUNCTION customer_identity_internal.make_book(schema_name text, distributed boolean)
    RETURNS regclass
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customers regclass;
BEGIN
    PERFORM customer_identity_internal.require_limit('schema_name', schema_name);
    IF schema_name IS NULL OR to_regnamespace(quote_ident(schema_name)) IS NULL THEN
        RAISE EXCEPTION 'there is no schema to create the book in'
            USING ERRCODE = 'invalid_schema_name',
                DETAIL = format('Schema: %s.', COALESCE(quote_ident(schema_name), 'none on the search_path')),
                HINT = 'CREATE SCHEMA first, or name another one: create_tables(''public'').';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('customer_identity.create_tables ' || schema_name, 0));
    IF to_regclass(format('%I.customers', schema_name)) IS NULL THEN
        PERFORM customer_identity_internal.make_customers(schema_name, distributed);
        -- An empty table is indexed at once; one that is there may be large, and has create_search_indexes().
        PERFORM customer_identity_internal.create_missing_index(i.relation, i.name, i.definition)
        FROM customer_identity_internal.sort_indexes(format('%I.customers', schema_name)::regclass) AS i
        -- Those of a customers table that was renamed keep their names.
        WHERE to_regclass(format('%I.%I', schema_name, i.name)) IS NULL;
    END IF;
    customers := format('%I.customers', schema_name)::regclass;
    IF distributed AND NOT customer_identity_internal.has_computed_ids(customers) THEN
        RAISE EXCEPTION 'the ids of % are not computed from phones', customers
            USING ERRCODE = 'CI003', DETAIL = 'Its rows would get other ids, and with them whatever refers to them, in and outside the database.',
                HINT = 'Make the book in a schema of its own and load the orders there: CREATE SCHEMA shop_identity; SELECT customer_identity.create_tables(''shop_identity'', distributed => true).';
    END IF;
    PERFORM customer_identity_internal.distribute(customers);
    PERFORM customer_identity_internal.check_customers(customers);
    PERFORM customer_identity_internal.make_companions(schema_name);
    PERFORM customer_identity_internal.ensure_phone_triggers(customers);
    PERFORM customer_identity_internal.spread_book(customers);
    RETURN customers;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_book(text, boolean) IS
    'create_tables for a schema that is named';

CREATE FUNCTION customer_identity.create_tables(schema_name text DEFAULT NULL, distributed boolean DEFAULT false)
    RETURNS regclass
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.make_book(COALESCE(schema_name, current_schema()::text), COALESCE(distributed, false));
COMMENT ON FUNCTION customer_identity.create_tables(text, boolean) IS
    'Creates customers and its companions in a schema (default: the current one) and returns customers. An existing customers table is checked and kept. distributed: the ids of customers are computed from their phones, and every key contains them, so that the book can be spread over several machines';
REVOKE EXECUTE ON FUNCTION customer_identity.create_tables(text, boolean) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.qualified_name(relation regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'qualified_name';
COMMENT ON FUNCTION customer_identity_internal.qualified_name(regclass) IS
    'The quoted name of a table with its schema, whatever the search_path';
