CREATE FUNCTION customer_identity_internal.check_shards(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH book AS MATERIALIZED (
        SELECT c.relnamespace::regnamespace AS schema, customer_identity_internal.distribution_of(customers) AS distribution
        FROM pg_class AS c
        WHERE c.oid = customers
    ),
    beside AS MATERIALIZED (
        SELECT t.oid::regclass AS relation, true AS is_companion, false AS is_users
        FROM customer_identity_internal.companions() AS c
        JOIN pg_class AS t ON t.relname = c.name
        JOIN pg_class AS b ON b.relnamespace = t.relnamespace
        WHERE b.oid = customers
        UNION ALL
        SELECT a.attached, false, a.kind = 'users' FROM customer_identity_internal.attachments_of(customers) AS a
    ),
    placed AS MATERIALIZED (
        SELECT s.*, customer_identity_internal.distribution_of(s.relation) AS distribution FROM beside AS s
    ),
    distributed AS (
        SELECT d.relation
        FROM (SELECT customers AS relation, b.distribution FROM book AS b UNION ALL SELECT p.relation, p.distribution FROM placed AS p) AS d
        WHERE d.distribution IS NOT NULL
    )
    SELECT 'error', 'setting citus.enable_unsafe_triggers', 'it is off: Citus lets distributed tables have no triggers',
        'On every node: ALTER SYSTEM SET citus.enable_unsafe_triggers = on; SELECT pg_reload_conf();'
    FROM book AS b
    WHERE (b.distribution IS NOT NULL OR EXISTS (SELECT FROM placed AS p WHERE p.distribution IS NOT NULL))
        AND current_setting('citus.enable_unsafe_triggers', true) IS DISTINCT FROM 'on'
    UNION ALL
    SELECT 'error', customers::text, 'it is copied to every node: each would make customers of its own',
        format('SELECT undistribute_table(%L); SELECT customer_identity.distribute_schema(%L);', customers, b.schema)
    FROM book AS b
    WHERE b.distribution = 'copies'
    UNION ALL
    SELECT 'error', p.relation::text,
        CASE
            WHEN b.distribution IS NULL THEN format('it is distributed, and %s is not: its triggers do not find the book', customers)
            WHEN p.distribution IS NULL THEN format('it is not distributed, and %s is', customers)
            ELSE format('its shards do not lie beside those of %s', customers)
        END,
        CASE
            WHEN b.distribution IS NULL
                THEN format('SELECT undistribute_table(%L); SELECT customer_identity.distribute_schema(%L);', p.relation, b.schema)
            WHEN b.distribution LIKE 'h%' AND p.is_users THEN format('Logins are kept on the coordinator: SELECT undistribute_table(%L);', p.relation)
            WHEN b.distribution LIKE 'h%' AND p.is_companion THEN format('SELECT customer_identity.create_tables(%L, distributed => true);', b.schema)
            WHEN b.distribution LIKE 'h%' THEN format('Detach it; SELECT create_distributed_table(%L, ''customer_id'', colocate_with => %L); and attach it again.', p.relation, customers)
            WHEN p.distribution IS NULL AND p.is_companion THEN format('SELECT customer_identity.create_tables(%L);', b.schema)
            ELSE format('ALTER TABLE %s SET SCHEMA %s; what is in one distributed schema lies together.', p.relation, b.schema)
        END
    FROM placed AS p
    CROSS JOIN book AS b
    WHERE p.distribution IS DISTINCT FROM b.distribution
        -- Where customers are spread by their ids, the rules are copied to every node, and logins are kept by ids of their own.
        AND NOT (b.distribution LIKE 'h%' AND ((p.is_users AND p.distribution IS NULL) OR (p.is_companion AND p.distribution = 'copies')))
    UNION ALL
    SELECT 'error', format('role %I', o.rolname), 'it owns distributed tables and may not log in: Citus connects to the other nodes as the owner of a table that we write to',
        format('On every node: ALTER ROLE %I LOGIN;', o.rolname)
    FROM pg_roles AS o
    WHERE NOT o.rolcanlogin AND o.oid IN (SELECT c.relowner FROM distributed AS d JOIN pg_class AS c ON c.oid = d.relation)
    UNION ALL
    SELECT 'info', d.relation::text, 'rows from before it was distributed still take space on this node; they are not read or counted',
        format('SELECT truncate_local_data_after_distributing_table(%L);', d.relation)
    FROM distributed AS d
    WHERE pg_relation_size(d.relation) > 0;
END;
COMMENT ON FUNCTION customer_identity_internal.check_shards(regclass) IS
    'Findings of check_setup() about a book that Citus distributes';
