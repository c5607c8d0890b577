-- Where the server has Citus, a book whose ids are computed is spread over its nodes: what is a customer's is beside the
-- customer, and what is few is on every node.
CREATE FUNCTION customer_identity_internal.is_spread(relation regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN COALESCE(customer_identity_internal.distribution_of(relation) LIKE 'h%', false);
COMMENT ON FUNCTION customer_identity_internal.is_spread(regclass) IS
    'Whether Citus spreads the rows of a table over its nodes by a key';

-- Their trigger asks for customers on other nodes, which Citus lets no trigger on a shard do.
CREATE FUNCTION customer_identity_internal.require_users_in_one_place(users regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.is_spread(customers) AND customer_identity_internal.is_distributed(users) THEN
        RAISE EXCEPTION 'users table % is distributed', users
            USING ERRCODE = 'feature_not_supported', DETAIL = format('The customers of its logins are on other nodes: %s is spread by customer.', customers),
                HINT = format('Keep it on the coordinator: SELECT undistribute_table(%L);', users);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_users_in_one_place(regclass, regclass) IS
    'Raises 0A000 for distributed users of a book that is spread by customer';

CREATE FUNCTION customer_identity_internal.spread_table(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF relation = customers THEN
        EXECUTE 'SELECT pg_catalog.create_distributed_table($1, ''id'', colocate_with => ''none'')' USING relation;
    ELSIF customer_identity_internal.column_type(relation, 'customer_id') IS NOT NULL THEN
        EXECUTE 'SELECT pg_catalog.create_distributed_table($1, ''customer_id'', colocate_with => $2)' USING relation, customers::text;
    ELSE
        EXECUTE 'SELECT pg_catalog.create_reference_table($1)' USING relation;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.spread_table(regclass, regclass) IS
    'Puts a table of a book into shards: by the customer, or a copy on every node';

-- Citus takes no trigger along that depends on an extension, and no table that another one refers to which is not in
-- shards yet.
CREATE FUNCTION customer_identity_internal.spread_book(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tables constant regclass[] := ARRAY(
        SELECT c.oid::regclass
        FROM pg_class AS b
        JOIN pg_class AS c ON c.relnamespace = b.relnamespace AND c.relowner = b.relowner AND c.relkind = 'r'
        WHERE b.oid = customers AND (c.oid = customers OR c.relname IN (SELECT n.name FROM customer_identity_internal.companions() AS n))
            AND NOT customer_identity_internal.is_distributed(c.oid)
        ORDER BY c.oid = customers DESC, c.relname);
    foreign_keys jsonb;
    statement text;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL OR NOT customer_identity_internal.has_computed_ids(customers) THEN
        RETURN;
    END IF;
    FOR statement IN
        SELECT format('ALTER TRIGGER %I ON %s NO DEPENDS ON EXTENSION customer_identity', t.tgname, t.tgrelid::regclass)
        FROM pg_trigger AS t
        JOIN pg_depend AS d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'x'
        WHERE t.tgrelid = ANY (tables)
    LOOP
        EXECUTE statement;
    END LOOP;
    SELECT jsonb_agg(jsonb_build_object('of', format('ALTER TABLE %s ', k.conrelid::regclass), 'name', quote_ident(k.conname), 'key', pg_get_constraintdef(k.oid)))
    INTO foreign_keys
    FROM pg_constraint AS k
    WHERE k.contype = 'f' AND k.conrelid = ANY (tables) AND k.confrelid = customers;
    FOR statement IN SELECT (k ->> 'of') || 'DROP CONSTRAINT ' || (k ->> 'name') FROM jsonb_array_elements(foreign_keys) AS k LOOP
        EXECUTE statement;
    END LOOP;
    PERFORM customer_identity_internal.spread_table(t.relation, customers) FROM unnest(tables) AS t (relation);
    FOR statement IN SELECT concat_ws(' ', (k ->> 'of') || 'ADD CONSTRAINT', k ->> 'name', k ->> 'key') FROM jsonb_array_elements(foreign_keys) AS k LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.spread_book(regclass) IS
    'Puts the tables of a book whose ids are computed into shards, where the server has Citus';

-- Of two connections to a node, one may wait for rows that the other has written, and neither ends before this transaction.
CREATE FUNCTION customer_identity_internal.use_one_connection(customers regclass)
    RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT set_config('citus.multi_shard_modify_mode', 'sequential', true), set_config('citus.max_adaptive_executor_pool_size', '1', true)
    WHERE customer_identity_internal.is_spread(customers)
$$;
COMMENT ON FUNCTION customer_identity_internal.use_one_connection(regclass) IS
    'From now on in the function, each node is asked over one connection, if customers are spread over several';
