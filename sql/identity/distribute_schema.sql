-- Citus copies the rows of each table into its shard, whereupon triggers would fire that find no other table there.
CREATE FUNCTION customer_identity_internal.triggers_in(schema_name text)
    RETURNS TABLE (relation regclass, name name, definition text, state text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.tgrelid::regclass, t.tgname, pg_get_triggerdef(t.oid),
        CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' END
    FROM pg_trigger AS t
    JOIN pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE c.relnamespace = to_regnamespace(quote_ident(schema_name))
        AND p.pronamespace IN ('customer_identity'::regnamespace, 'customer_identity_internal'::regnamespace)
        AND NOT t.tgisinternal AND t.tgparentid = 0;
END;
COMMENT ON FUNCTION customer_identity_internal.triggers_in(text) IS
    'The triggers of ours on the tables of a schema, the statements that make them, and how they are enabled, unless as any';

CREATE FUNCTION customer_identity_internal.require_distributable(schema_name text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    outside text;
BEGIN
    PERFORM customer_identity_internal.require_limit('schema_name', schema_name);
    IF schema_name IS NULL OR to_regnamespace(quote_ident(schema_name)) IS NULL THEN
        RAISE EXCEPTION 'there is no such schema'
            USING ERRCODE = 'invalid_schema_name', DETAIL = format('Schema: %s.', COALESCE(quote_ident(schema_name), 'NULL')),
                HINT = 'Name the schema of a book: distribute_schema(''shop'').';
    END IF;
    IF NOT (SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace AS n WHERE n.nspname = schema_name) THEN
        RAISE EXCEPTION 'must be owner of schema %', quote_ident(schema_name)
            USING ERRCODE = 'insufficient_privilege', HINT = 'Its owner, or a superuser, distributes it.';
    END IF;
    IF to_regclass('pg_catalog.pg_dist_schema') IS NULL THEN
        RAISE EXCEPTION 'the database has no Citus that distributes schemas'
            USING ERRCODE = 'feature_not_supported', HINT = 'Citus 12 or later: CREATE EXTENSION citus;';
    END IF;
    IF current_setting('citus.enable_unsafe_triggers', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'Citus does not let distributed tables have triggers'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'On every node: ALTER SYSTEM SET citus.enable_unsafe_triggers = on; SELECT pg_reload_conf();';
    END IF;
    SELECT string_agg(a.attached::text, ', ' ORDER BY a.attached::text) INTO outside
    FROM customer_identity.attachments AS a
    JOIN pg_class AS b ON b.oid = a.customers
    JOIN pg_class AS t ON t.oid = a.attached
    WHERE to_regnamespace(quote_ident(schema_name)) IN (b.relnamespace, t.relnamespace) AND b.relnamespace <> t.relnamespace;
    IF outside IS NOT NULL THEN
        RAISE EXCEPTION 'attached tables and their book are in different schemas'
            USING ERRCODE = 'CI008', DETAIL = format('Tables: %s.', outside),
                HINT = 'ALTER TABLE ... SET SCHEMA brings them together: what is in one schema is on one node.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_distributable(text) IS
    'Raises when a schema cannot be distributed with its triggers';

CREATE FUNCTION customer_identity.distribute_schema(schema_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
    statements text[] := '{}';
    statement text;
BEGIN
    PERFORM customer_identity_internal.require_distributable(schema_name);
    IF customer_identity_internal.is_distributed_schema(schema_name) THEN
        RAISE NOTICE 'schema % is distributed already', quote_ident(schema_name);
        RETURN;
    END IF;
    FOR trigger IN SELECT t.* FROM customer_identity_internal.triggers_in(schema_name) AS t LOOP
        statements := statements || trigger.definition
            || CASE WHEN trigger.state IS NOT NULL THEN ARRAY[format('ALTER TABLE %s %s TRIGGER %I', trigger.relation, trigger.state, trigger.name)] END;
        EXECUTE format('DROP TRIGGER %I ON %s', trigger.name, trigger.relation);
    END LOOP;
    EXECUTE 'SELECT pg_catalog.citus_schema_distribute(quote_ident($1)::regnamespace)' USING schema_name;
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.distribute_schema(text) IS
    'Distributes a schema by Citus, with the rows and the triggers of its book and of what is attached to it';
REVOKE EXECUTE ON FUNCTION customer_identity.distribute_schema(text) FROM PUBLIC;
