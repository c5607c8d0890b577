-- A sum of many small states: a table of a million customers fits into the memory of a maintenance command.
CREATE FUNCTION customer_identity_internal.add_order(state internal, amount numeric, points_per_unit numeric)
    RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'add_order';
COMMENT ON FUNCTION customer_identity_internal.add_order(internal, numeric, numeric) IS
    'Adds an order to the sums of a customer';

CREATE FUNCTION customer_identity_internal.amounts_added(state internal)
    RETURNS numeric
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'amounts_added';
COMMENT ON FUNCTION customer_identity_internal.amounts_added(internal) IS
    'What the added orders add to total_spent';

CREATE FUNCTION customer_identity_internal.points_added(state internal)
    RETURNS numeric
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'points_added';
COMMENT ON FUNCTION customer_identity_internal.points_added(internal) IS
    'What the added orders add to loyalty_points';

-- The two share their state: an order is added once.
CREATE AGGREGATE customer_identity_internal.sum_of_amounts(amount numeric, points_per_unit numeric) (
    SFUNC = customer_identity_internal.add_order,
    STYPE = internal,
    SSPACE = 64,
    FINALFUNC = customer_identity_internal.amounts_added,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE customer_identity_internal.sum_of_amounts(numeric, numeric) IS
    'What orders add to total_spent: their amounts, or 0 for NULL, NaN and infinity';

CREATE AGGREGATE customer_identity_internal.sum_of_points(amount numeric, points_per_unit numeric) (
    SFUNC = customer_identity_internal.add_order,
    STYPE = internal,
    SSPACE = 64,
    FINALFUNC = customer_identity_internal.points_added,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE customer_identity_internal.sum_of_points(numeric, numeric) IS
    'What orders add to loyalty_points: floor(amount * points_per_unit) of each, or 0 beyond a thousand million million';

-- A table that its totals triggers alone still feed into the book, such as a partition that was detached,
-- counts; a partition whose parent counts it does not. While one is being detached concurrently it is the
-- snapshot that tells, to pg_partition_tree as to a query of the parent, but not to pg_partition_ancestors.
CREATE FUNCTION customer_identity_internal.totals_sources(customers regclass)
    RETURNS TABLE (source regclass, arguments text[])
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH sources AS MATERIALIZED (
        SELECT DISTINCT ON (t.attached) t.attached, t.arguments
        FROM customer_identity_internal.attached_to(customers) AS a (attached)
        CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t
        WHERE t.function = 'maintain_totals'
            AND t.customers = totals_sources.customers
            AND has_table_privilege(t.owner, totals_sources.customers, 'UPDATE')
        ORDER BY t.attached, t.name
    )
    SELECT s.attached, s.arguments
    FROM sources AS s
    WHERE s.attached NOT IN (
        SELECT p.relid
        FROM sources AS parent
        CROSS JOIN LATERAL pg_partition_tree(parent.attached) AS p
        WHERE p.relid <> parent.attached
    );
END;
COMMENT ON FUNCTION customer_identity_internal.totals_sources(regclass) IS
    'The tables whose orders make up the totals of a book, with the arguments of their totals triggers';

CREATE FUNCTION customer_identity_internal.uncountable_columns(customers regclass)
    RETURNS TABLE (source regclass, column_name text, found_type text, wanted text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.source, n.name, format_type(a.atttypid, NULL), n.wanted
    FROM customer_identity_internal.totals_sources(customers) AS s
    CROSS JOIN LATERAL (VALUES
        (COALESCE(customer_identity_internal.argument_value(s.arguments, 'customer'), 'customer_id'), 'uuid', '{uuid}'::regtype[]),
        (COALESCE(customer_identity_internal.argument_value(s.arguments, 'amount'), 'total'), 'a number',
            '{numeric,smallint,integer,bigint,real,double precision}'::regtype[]),
        (customer_identity_internal.argument_value(s.arguments, 'status'), NULL, NULL)
    ) AS n (name, wanted, types)
    LEFT JOIN pg_attribute AS a ON a.attrelid = s.source AND a.attname = n.name AND NOT a.attisdropped
    WHERE n.name IS NOT NULL AND (a.attname IS NULL OR customer_identity_internal.base_type(a.atttypid) <> ALL (n.types));
END;
COMMENT ON FUNCTION customer_identity_internal.uncountable_columns(regclass) IS
    'The columns that totals are made of and cannot be: gone (no found_type) or of another type';

CREATE FUNCTION customer_identity_internal.is_countable(customers regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN NOT EXISTS (SELECT FROM customer_identity_internal.uncountable_columns(customers));
COMMENT ON FUNCTION customer_identity_internal.is_countable(regclass) IS
    'Whether the totals of a book can be made of the tables that feed it';

-- Customers in the order of their ids, so that a part of them can be counted alone.
CREATE FUNCTION customer_identity_internal.id_condition(id text, after uuid, up_to uuid)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN CASE WHEN after IS NULL THEN '' ELSE format(' AND %s > %L::uuid', id, after) END
    || CASE WHEN up_to IS NULL THEN '' ELSE format(' AND %s <= %L::uuid', id, up_to) END;
COMMENT ON FUNCTION customer_identity_internal.id_condition(text, uuid, uuid) IS
    'What follows a condition, for the ids between two: after the first, NULL for the least, up to the second, NULL for the greatest';

-- Rows of a table that inherits from an attached one are that table's, which is attached itself or reported.
CREATE FUNCTION customer_identity_internal.totals_query(source regclass, arguments text[], after uuid DEFAULT NULL, up_to uuid DEFAULT NULL)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    status_column text := customer_identity_internal.argument_value(arguments, 'status');
    customer_column text := COALESCE(customer_identity_internal.argument_value(arguments, 'customer'), 'customer_id');
    amount_column text := COALESCE(customer_identity_internal.argument_value(arguments, 'amount'), 'total');
    condition text := customer_identity_internal.id_condition(format('o.%I', customer_column), after, up_to);
    missing text;
BEGIN
    SELECT n.name INTO missing
    FROM unnest(ARRAY[customer_column, amount_column, status_column]) AS n (name)
    WHERE n.name IS NOT NULL AND customer_identity_internal.column_type(source, n.name) IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the triggers of customer_identity on table % no longer fit it', source
            USING ERRCODE = 'CI007', DETAIL = format('Column %I was renamed or dropped.', missing),
                HINT = format('Use the current column name in this call: SELECT %s;', customer_identity_internal.attach_call(source));
    END IF;
    IF customer_identity_internal.base_type(customer_identity_internal.column_type(source, amount_column))
        <> ALL ('{numeric,smallint,integer,bigint,real,double precision}'::regtype[]) THEN
        RAISE EXCEPTION 'the column that holds the amount of % is not a number', source
            USING ERRCODE = 'CI007', HINT = format('Name another one in: SELECT %s;', customer_identity_internal.attach_call(source));
    END IF;
    IF status_column IS NOT NULL THEN
        condition := condition || ' AND ' || customer_identity_internal.has_value(source, status_column,
            customer_identity_internal.argument_values(arguments, 'counted'));
    END IF;
    RETURN format(
        'SELECT o.%1$I AS customer_id, count(*) AS orders,'
        ' customer_identity_internal.sum_of_amounts(o.%2$I::numeric, %3$L::numeric) AS spent,'
        ' customer_identity_internal.sum_of_points(o.%2$I::numeric, %3$L::numeric) AS points'
        ' FROM %4$s AS o WHERE o.%1$I IS NOT NULL%5$s GROUP BY o.%1$I',
        customer_column, amount_column,
        COALESCE(customer_identity_internal.argument_value(arguments, 'points_per_unit'), '1'),
        (SELECT CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END FROM pg_class AS c WHERE c.oid = source) || source, condition);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.totals_query(regclass, text[], uuid, uuid) IS
    'The query that sums a table of orders per customer, for the ids between two';

CREATE FUNCTION customer_identity_internal.maintenance_memory()
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN pg_size_bytes(current_setting('maintenance_work_mem')) > pg_size_bytes(current_setting('work_mem'))
        THEN current_setting('maintenance_work_mem')
    ELSE current_setting('work_mem')
END;
COMMENT ON FUNCTION customer_identity_internal.maintenance_memory() IS
    'The work_mem for sums of all orders, which are work for an administrator, as the making of an index is';

CREATE FUNCTION customer_identity_internal.totals_in(source regclass, arguments text[], after uuid, up_to uuid, customers regclass)
    RETURNS TABLE (customer_id uuid, orders bigint, spent numeric, points numeric)
    LANGUAGE customer_identity_as_feeding_owner STABLE
    SET jit = off
AS $$
BEGIN
    PERFORM set_config('work_mem', customer_identity_internal.maintenance_memory(), true);
    RETURN QUERY EXECUTE customer_identity_internal.totals_query(source, arguments, after, up_to);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.totals_in(regclass, text[], uuid, uuid, regclass) IS
    'The totals of the orders in a table for each customer, for the ids between two';

-- Everybody may call it: it only writes what statements of the same transaction have deferred, as the role
-- that would write it. The same happens at commit anyway.
CREATE FUNCTION customer_identity.flush_totals(customers regclass DEFAULT NULL)
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'flush_totals';
COMMENT ON FUNCTION customer_identity.flush_totals(regclass) IS
    'Writes the totals that this transaction has deferred to its commit, of one book or (NULL) all, and returns for how many customers';

CREATE FUNCTION customer_identity_internal.totals_of_sources(customers regclass, after uuid, up_to uuid)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queries text[];
    held regclass[];
BEGIN
    SELECT array_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(t.source, customers) THEN customer_identity_internal.totals_query(t.source, t.arguments, after, up_to)
            ELSE format('SELECT t.* FROM customer_identity_internal.totals_in(%L::regclass, %L::text[], %L::uuid, %L::uuid, %L::regclass) AS t',
                t.source::oid, t.arguments, after, up_to, customers::oid)
        END),
        array_agg(t.source)
    INTO queries, held
    FROM customer_identity_internal.totals_sources(customers) AS t
    WHERE customer_identity_internal.hold_table(t.source);
    PERFORM customer_identity_internal.require_in_snapshot(u.source) FROM unnest(held) AS u (source);
    RETURN CASE
        WHEN cardinality(queries) = 1 THEN queries[1]
        WHEN cardinality(queries) > 1 THEN format('SELECT s.customer_id, sum(s.orders) AS orders, sum(s.spent) AS spent, sum(s.points) AS points FROM (%s) AS s GROUP BY s.customer_id',
            array_to_string(queries, ' UNION ALL '))
    END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.totals_of_sources(regclass, uuid, uuid) IS
    'The query that sums all orders of a book per customer, for the ids between two; NULL without an attached orders table';

CREATE FUNCTION customer_identity_internal.hold_for_totals(customers regclass)
    RETURNS void
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    PERFORM customer_identity_internal.hold_tables(
        ARRAY[customers, customer_identity_internal.companion_of(customers, 'loyalty_entries')::regclass]
            || ARRAY(SELECT customer_identity_internal.tables_that_feed(customers)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_totals(regclass) IS
    'Holds all tables that the totals of a book are made of, so that the next statement counts all of them';

-- Without an attached orders table there is nothing to compare with: what the totals hold is kept.
CREATE FUNCTION customer_identity_internal.totals_differences(after uuid, up_to uuid, customers regclass)
    RETURNS TABLE (customer_id uuid, field text, stored numeric, actual numeric)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
DECLARE
    sums constant text := customer_identity_internal.totals_of_sources(customers, after, up_to);
    spent_type integer;
BEGIN
    IF sums IS NULL THEN
        RETURN;
    END IF;
    SELECT a.atttypmod INTO spent_type
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'total_spent';
    PERFORM set_config('work_mem', customer_identity_internal.maintenance_memory(), true);

    RETURN QUERY EXECUTE format($sql$
        SELECT t.id, d.field, d.stored, d.actual
        FROM (
            SELECT c.id, COALESCE(c.total_orders, 0) AS stored_orders, COALESCE(c.total_spent, 0) AS stored_spent,
                COALESCE(c.loyalty_points, 0) AS stored_points,
                COALESCE(s.orders, 0) AS orders, %1$s AS spent, COALESCE(s.points, 0) + COALESCE(e.points, 0) AS points
            FROM %2$s AS c
            LEFT JOIN (%3$s) AS s ON s.customer_id = c.id
            LEFT JOIN (
                SELECT e.customer_id, sum(e.points) AS points FROM %4$s AS e WHERE true%5$s GROUP BY e.customer_id
            ) AS e ON e.customer_id = c.id
            WHERE true%6$s
        ) AS t
        CROSS JOIN LATERAL (VALUES
            ('total_orders', t.stored_orders::numeric, t.orders::numeric),
            ('total_spent', t.stored_spent, t.spent),
            ('loyalty_points', t.stored_points::numeric, t.points)
        ) AS d (field, stored, actual)
        WHERE (t.stored_orders <> t.orders OR t.stored_spent <> t.spent OR t.stored_points <> t.points) AND d.stored <> d.actual
        $sql$,
        -- A column decimal(10,2) cannot hold more digits than that.
        CASE
            WHEN spent_type < 0 THEN 'COALESCE(s.spent, 0)'
            ELSE format('round(COALESCE(s.spent, 0), LEAST(%s, scale(COALESCE(s.spent, 0))))', (spent_type - 4) & 65535)
        END,
        customers, sums, customer_identity_internal.companion_of(customers, 'loyalty_entries'),
        customer_identity_internal.id_condition('e.customer_id', after, up_to), customer_identity_internal.id_condition('c.id', after, up_to));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.totals_differences(uuid, uuid, regclass) IS
    'verify_totals for a book that is named, for the customers between two ids';

CREATE FUNCTION customer_identity.verify_totals(customers regclass DEFAULT NULL)
    RETURNS TABLE (customer_id uuid, field text, stored numeric, actual numeric)
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT customer_identity_internal.hold_for_totals(customer_identity_internal.book(customers));
    SELECT customer_identity.flush_totals(customer_identity_internal.book(customers));
    SELECT * FROM customer_identity_internal.totals_differences(NULL, NULL, customer_identity_internal.book(customers));
END;
COMMENT ON FUNCTION customer_identity.verify_totals(regclass) IS
    'The totals that differ from the sum of the attached orders and loyalty_entries, in one snapshot; no row means exact';

-- Where customers are in shards, Citus locks and writes one of them at a time.
CREATE FUNCTION customer_identity_internal.rebuild_one_by_one(after uuid, up_to uuid, customers regclass)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
    corrected bigint := 0;
BEGIN
    FOR wrong IN
        SELECT d.customer_id,
            COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_orders'), 0) AS orders,
            COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_spent'), 0) AS spent,
            COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'loyalty_points'), 0) AS points
        FROM customer_identity_internal.totals_differences(after, up_to, customers) AS d
        GROUP BY d.customer_id
        ORDER BY d.customer_id
    LOOP
        EXECUTE format('UPDATE %s SET total_orders = COALESCE(total_orders, 0) + $2, total_spent = COALESCE(total_spent, 0) + $3,'
            ' loyalty_points = COALESCE(loyalty_points, 0) + $4 WHERE id = $1', customers)
            USING wrong.customer_id, wrong.orders, wrong.spent, wrong.points;
        corrected := corrected + 1;
    END LOOP;
    RETURN corrected;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rebuild_one_by_one(uuid, uuid, regclass) IS
    'rebuild_totals for a book that is spread over several nodes';

-- Orders are held before customers, as ALTER TABLE and attach_orders() take them.
-- A difference stays valid while others maintain exact totals, so it is added, and only another rebuild has
-- to wait. Customers are locked in the order of their ids, as the triggers do it. What this transaction has deferred is written first, so that it is not added twice.
CREATE FUNCTION customer_identity_internal.rebuild_customers(after uuid, up_to uuid, customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_table_owner VOLATILE
AS $$
DECLARE
    corrected bigint;
BEGIN
    PERFORM customer_identity_internal.hold_for_totals(customers);
    EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', customers);
    IF customer_identity_internal.has_computed_ids(customers) AND customer_identity_internal.is_spread(customers) THEN
        RETURN customer_identity_internal.rebuild_one_by_one(after, up_to, customers);
    END IF;
    EXECUTE format($sql$
        WITH wrong AS MATERIALIZED (
            SELECT
                d.customer_id,
                COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_orders'), 0) AS orders,
                COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_spent'), 0) AS spent,
                COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'loyalty_points'), 0) AS points
            FROM customer_identity_internal.totals_differences($1, $2, $3) AS d
            GROUP BY d.customer_id
        ),
        held AS MATERIALIZED (
            SELECT c.id
            FROM %1$s AS c
            JOIN wrong AS w ON w.customer_id = c.id
            ORDER BY c.id
            FOR NO KEY UPDATE OF c
        )
        UPDATE %1$s AS c
        SET total_orders = COALESCE(c.total_orders, 0) + w.orders,
            total_spent = COALESCE(c.total_spent, 0) + w.spent,
            loyalty_points = COALESCE(c.loyalty_points, 0) + w.points
        FROM wrong AS w
        WHERE c.id = w.customer_id AND (SELECT count(*) FROM held) > 0
        $sql$, customers)
        USING after, up_to, customers;
    GET DIAGNOSTICS corrected = ROW_COUNT;
    RETURN corrected;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rebuild_customers(uuid, uuid, regclass) IS
    'Corrects the totals of the customers between two ids';

CREATE FUNCTION customer_identity_internal.rebuild_book(customers regclass)
    RETURNS bigint
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.rebuild_customers(NULL, NULL, customers);
COMMENT ON FUNCTION customer_identity_internal.rebuild_book(regclass) IS
    'rebuild_totals for a book that is named';

CREATE FUNCTION customer_identity.rebuild_totals(customers regclass DEFAULT NULL)
    RETURNS bigint
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT customer_identity.flush_totals(customer_identity_internal.book(customers));
    SELECT customer_identity_internal.rebuild_book(customer_identity_internal.book(customers));
END;
COMMENT ON FUNCTION customer_identity.rebuild_totals(regclass) IS
    'Corrects every total that verify_totals() reports and returns how many customers it corrected';
REVOKE EXECUTE ON FUNCTION customer_identity.rebuild_totals(regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.end_of_batch(after uuid, batch_size integer, customers regclass)
    RETURNS uuid
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    last uuid;
BEGIN
    IF batch_size IS NULL OR batch_size < 1 THEN
        RAISE EXCEPTION 'batch_size must be at least 1'
            USING ERRCODE = 'invalid_parameter_value', HINT = '10000 is the default.';
    END IF;
    EXECUTE format('SELECT c.id FROM %s AS c WHERE true%s ORDER BY c.id OFFSET %s LIMIT 1',
        customers, customer_identity_internal.id_condition('c.id', after, NULL), batch_size - 1)
        INTO last;
    RETURN last;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_of_batch(uuid, integer, regclass) IS
    'The last id of as many customers; NULL: there are fewer';

-- Each batch adds what its own snapshot lacks, so orders go on meanwhile, and what is left when it is interrupted is added by
-- the next call. A procedure that commits cannot pin search_path: every name is qualified, and there is no operator.
CREATE PROCEDURE customer_identity.recount_totals(batch_size integer DEFAULT 10000, customers regclass DEFAULT NULL)
    LANGUAGE plpgsql
AS $$
DECLARE
    book pg_catalog.regclass := customer_identity_internal.book(customers);
    after pg_catalog.uuid;
    up_to pg_catalog.uuid;
    corrected pg_catalog.int8 := 0;
BEGIN
    LOOP
        up_to := customer_identity_internal.end_of_batch(after, batch_size, book);
        corrected := pg_catalog.int8pl(corrected, customer_identity_internal.rebuild_customers(after, up_to, book));
        COMMIT;
        RAISE NOTICE '%', pg_catalog.format('totals of %s: %s customers corrected', book, corrected);
        EXIT WHEN up_to IS NULL;
        after := up_to;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE customer_identity.recount_totals(integer, regclass) IS
    'Does what rebuild_totals() does in batches of customers, with a commit after each: orders wait for one batch at most';
REVOKE EXECUTE ON PROCEDURE customer_identity.recount_totals(integer, regclass) FROM PUBLIC;
