CREATE FUNCTION customer_identity_internal.search_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigrams text;
BEGIN
    SELECT format('%I.%I', n.nspname, o.opcname) INTO trigrams
    FROM pg_opclass AS o
    JOIN pg_namespace AS n ON n.oid = o.opcnamespace
    WHERE o.opcname = 'gin_trgm_ops';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'extension pg_trgm is not installed'
            USING ERRCODE = 'undefined_object',
                HINT = 'CREATE EXTENSION pg_trgm; it comes with PostgreSQL, and the owner of a database may create it.';
    END IF;
    RETURN QUERY
    SELECT i.relation, left(c.relname, 40) || i.suffix, i.definition
    FROM (
        SELECT customers, '_phone_search_idx', format('USING gin (phone %s) WITH (gin_pending_list_limit = 512)', trigrams)
        UNION ALL
        SELECT customers, '_name_search_idx', format(
            'USING gin (customer_identity.search_text(preferred_name::text) COLLATE "C" %s) WITH (gin_pending_list_limit = 512)', trigrams)
        UNION ALL
        SELECT u.attached, '_email_search_idx', format(
            'USING gin (customer_identity.search_text(email::text) COLLATE "C" %s) WITH (gin_pending_list_limit = 512)', trigrams)
        FROM customer_identity_internal.attachments_of(customers) AS u
        WHERE u.kind = 'users' AND customer_identity_internal.plain_text(u.attached, 'email') = 'r.email::text'
    ) AS i (relation, suffix, definition)
    JOIN pg_class AS c ON c.oid = i.relation;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.search_indexes(regclass) IS
    'The indexes that list_customers needs to search: table, name and definition';

CREATE FUNCTION customer_identity_internal.totals_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.oid::regclass, left(c.relname, 40) || format('_%s_id_idx', k.key), format('(%I, id)', k.key)
    FROM pg_class AS c
    CROSS JOIN unnest('{total_spent,total_orders}'::text[]) AS k (key)
    WHERE c.oid = customers;
END;
COMMENT ON FUNCTION customer_identity_internal.totals_indexes(regclass) IS
    'The indexes that list_customers needs to sort by totals: table, name and definition';

CREATE FUNCTION customer_identity.search_index_statements(totals boolean DEFAULT false, customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.statement
    FROM (
        SELECT i.* FROM customer_identity_internal.sort_indexes(customer_identity_internal.book(customers)) AS i
        UNION ALL
        SELECT i.* FROM customer_identity_internal.search_indexes(customer_identity_internal.book(customers)) AS i
        UNION ALL
        SELECT i.* FROM customer_identity_internal.totals_indexes(customer_identity_internal.book(customers)) AS i WHERE totals
    ) AS i
    JOIN pg_class AS c ON c.oid = i.relation
    CROSS JOIN LATERAL (VALUES
        (1, CASE WHEN NOT customer_identity_internal.index_valid(i.relation, i.name)
            THEN format('DROP INDEX CONCURRENTLY %s.%I', c.relnamespace::regnamespace, i.name) END),
        (2, format('CREATE INDEX %s%I ON %s %s',
            CASE WHEN c.relkind <> 'p' THEN 'CONCURRENTLY ' END, i.name, customer_identity_internal.qualified_name(i.relation), i.definition)),
        (3, CASE WHEN i.definition LIKE '%search_text%' THEN format('ANALYZE %s', customer_identity_internal.qualified_name(i.relation)) END)
    ) AS s (step, statement)
    WHERE customer_identity_internal.index_valid(i.relation, i.name) IS NOT TRUE AND s.statement IS NOT NULL
    ORDER BY i.relation, i.name, s.step;
END;
COMMENT ON FUNCTION customer_identity.search_index_statements(boolean, regclass) IS
    'The statements that create the missing indexes for list_customers without blocking writes: for psql''s gexec, each outside a transaction';

CREATE FUNCTION customer_identity.create_search_indexes(customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT i.name
    FROM (
        SELECT i.* FROM customer_identity_internal.sort_indexes(customer_identity_internal.book(customers)) AS i
        UNION ALL
        SELECT i.* FROM customer_identity_internal.search_indexes(customer_identity_internal.book(customers)) AS i
    ) AS i
    WHERE customer_identity_internal.create_missing_index(i.relation, i.name, i.definition);
END;
COMMENT ON FUNCTION customer_identity.create_search_indexes(regclass) IS
    'Creates the missing indexes that list_customers uses to search and sort a large book, none of them on a total, and returns their names. Needs pg_trgm';
REVOKE EXECUTE ON FUNCTION customer_identity.create_search_indexes(regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.index_totals(customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT i.name
    FROM customer_identity_internal.totals_indexes(customer_identity_internal.book(customers)) AS i
    WHERE customer_identity_internal.create_missing_index(i.relation, i.name, i.definition);
END;
COMMENT ON FUNCTION customer_identity.index_totals(regclass) IS
    'Creates the indexes that list_customers needs to sort a large book by totals, and returns their names. Each order then writes to every index of customers';
REVOKE EXECUTE ON FUNCTION customer_identity.index_totals(regclass) FROM PUBLIC;
