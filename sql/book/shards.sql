-- Where the server has Citus, a schema may be distributed: its tables are in shards, together on one node. Citus
-- distributes what a CREATE TABLE of the application makes there, but not what a function makes.
CREATE FUNCTION customer_identity_internal.is_distributed(relation regclass)
    RETURNS boolean
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'is_distributed';
COMMENT ON FUNCTION customer_identity_internal.is_distributed(regclass) IS
    'Whether the rows of a table are in shards of it';

CREATE FUNCTION customer_identity_internal.is_shard(relation regclass)
    RETURNS boolean
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'is_shard';
COMMENT ON FUNCTION customer_identity_internal.is_shard(regclass) IS
    'Whether a table is a shard of another one';

-- Where no table of the server is distributed there is nothing to find.
CREATE FUNCTION customer_identity_internal.distribution_of(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text;
BEGIN
    IF NOT customer_identity_internal.is_distributed(relation) THEN
        RETURN NULL;
    END IF;
    -- What Citus only keeps an eye on stays where it is.
    EXECUTE 'SELECT CASE WHEN p.repmodel = ''t'' THEN ''copies'' ELSE p.partmethod::text || NULLIF(p.colocationid, 0) END'
        ' FROM pg_catalog.pg_dist_partition AS p WHERE p.logicalrelid = $1'
        INTO found USING relation;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.distribution_of(regclass) IS
    'What a table has in common with those whose shards lie beside its own; NULL: it has no shards';

CREATE FUNCTION customer_identity_internal.is_distributed_schema(schema_name text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found boolean := false;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_schema') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_schema AS s WHERE s.schemaid = to_regnamespace(quote_ident($1)))'
            INTO found USING schema_name;
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_distributed_schema(text) IS
    'Whether Citus distributes a schema';

CREATE FUNCTION customer_identity_internal.table_in_shards(schema_name text)
    RETURNS regclass
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found regclass;
BEGIN
    EXECUTE 'SELECT min(p.logicalrelid::oid) FROM pg_catalog.pg_dist_partition AS p'
        ' JOIN pg_catalog.pg_dist_schema AS s ON s.colocationid = p.colocationid WHERE s.schemaid = to_regnamespace(quote_ident($1))'
        INTO found USING schema_name;
    RETURN found;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.table_in_shards(text) IS
    'A table of a distributed schema, beside which the others are; NULL: it has none yet';

CREATE FUNCTION customer_identity_internal.distribute(relation regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    schema_name text := (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation);
BEGIN
    IF customer_identity_internal.is_distributed_schema(schema_name) AND NOT customer_identity_internal.is_distributed(relation) THEN
        EXECUTE 'SELECT pg_catalog.create_distributed_table($1, NULL, colocate_with => $2)'
            USING relation, customer_identity_internal.table_in_shards(schema_name)::text;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.distribute(regclass) IS
    'Puts a table of a distributed schema into a shard beside the others, if a function has just made it';

CREATE FUNCTION customer_identity_internal.create_at_top(statement text)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'create_at_top';
COMMENT ON FUNCTION customer_identity_internal.create_at_top(text) IS
    'Runs a CREATE TABLE as a session does, with the rights of the caller: Citus distributes what it makes in a distributed schema';

CREATE FUNCTION customer_identity_internal.take_away_orders(orders regclass, customers regclass)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'take_away_orders';
COMMENT ON FUNCTION customer_identity_internal.take_away_orders(regclass, regclass) IS
    'Before the shards of an orders table are truncated, by its owner: takes its orders from the totals';

CREATE FUNCTION customer_identity_internal.take_away_users(users regclass, customers regclass)
    RETURNS void
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'take_away_users';
COMMENT ON FUNCTION customer_identity_internal.take_away_users(regclass, regclass) IS
    'Before the shards of a users table are truncated, by its owner: ends what its logins have proved';

CREATE FUNCTION customer_identity_internal.told_name(relation regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'told_name';
COMMENT ON FUNCTION customer_identity_internal.told_name(regclass) IS
    'The quoted name of a table with its schema, as it is told and kept: of a shard, that of its table';

CREATE FUNCTION customer_identity_internal.refuse_shard(relation regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.is_shard(relation) THEN
        RAISE EXCEPTION '% is a shard', relation
            USING ERRCODE = 'wrong_object_type', DETAIL = 'What is attached is the table, with triggers on all of its shards.',
                HINT = format('On the coordinator, name the table: %s.', customer_identity_internal.told_name(relation));
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_shard(regclass) IS
    'Raises 42809 for a shard, which moves and is split without its triggers being written anew';
