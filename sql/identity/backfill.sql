-- The phones of a row in order of trust: a VALUES list (n, raw).
CREATE FUNCTION customer_identity_internal.claims_query(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN (
    SELECT COALESCE(string_agg(format('SELECT %s, customer_identity_internal.as_text(r.%I)', p.position, p.name), ' UNION ALL ' ORDER BY p.position), 'SELECT 1, NULL::text')
    FROM unnest(attached.phone_columns) WITH ORDINALITY AS p (name, position)
);
COMMENT ON FUNCTION customer_identity_internal.claims_query(customer_identity.attachments) IS
    'The query of the phones of row r with their places in the order of trust';

CREATE FUNCTION customer_identity_internal.region_expression(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN attached.region_column IS NULL THEN format('%L::text', attached.default_region)
    WHEN attached.default_region IS NULL THEN format('customer_identity_internal.as_text(r.%I)', attached.region_column)
    ELSE format('customer_identity_internal.region_or_default(customer_identity_internal.as_text(r.%I), %L)',
        attached.region_column, attached.default_region)
END;
COMMENT ON FUNCTION customer_identity_internal.region_expression(customer_identity.attachments) IS
    'The region of row r, or that of its table';

CREATE FUNCTION customer_identity_internal.claim_expression(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format(
    '(SELECT p.phone FROM (%s) AS c (n, raw) CROSS JOIN LATERAL customer_identity_internal.claimed_phone(c.raw, %s) AS p (phone)'
    ' WHERE p.phone IS NOT NULL AND NOT customer_identity_internal.names_nobody(p.phone, %L::regclass) ORDER BY c.n LIMIT 1)',
    customer_identity_internal.claims_query(attached), customer_identity_internal.region_expression(attached),
    attached.customers::oid);
COMMENT ON FUNCTION customer_identity_internal.claim_expression(customer_identity.attachments) IS
    'The phone by which row r names somebody: the first that can be read and is not nobody''s';

-- Compares texts of two collations as a foreign key does.
CREATE FUNCTION customer_identity_internal.collation_of_users(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE((
        SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
        FROM pg_attribute AS o
        JOIN pg_attribute AS u ON u.attrelid = orders.users AND u.attname = orders.users_key_column
        JOIN pg_collation AS c ON c.oid = u.attcollation
        JOIN pg_namespace AS n ON n.oid = c.collnamespace
        WHERE o.attrelid = orders.attached AND o.attname = orders.user_column
            AND o.attcollation <> 0 AND o.attcollation <> u.attcollation
    ), '');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.collation_of_users(customer_identity.attachments) IS
    'The COLLATE clause that an orders table''s user column needs beside the column of users that it refers to';

-- The condition that joins row r of an orders table to its login u, so that an index of either can serve where
-- the types allow it.
CREATE FUNCTION customer_identity_internal.user_condition(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key_type text := customer_identity_internal.comparable_type(attached.users, attached.users_key_column);
    type regtype := customer_identity_internal.column_type(attached.attached, attached.user_column);
BEGIN
    IF customer_identity_internal.have_one_owner(attached.attached, attached.users)
        AND key_type = customer_identity_internal.comparable_type(attached.attached, attached.user_column) THEN
        RETURN format('u.key %s r.%I%s',
            CASE WHEN type = customer_identity_internal.column_type(attached.users, attached.users_key_column)
                THEN customer_identity_internal.equality_of(type) ELSE '=' END,
            attached.user_column, customer_identity_internal.collation_of_users(attached));
    END IF;
    RETURN format('u.key::text = r.%I::text', attached.user_column);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.user_condition(customer_identity.attachments) IS
    'The condition that joins an order r to its login u';

-- With its caller's rights on customers; the caller is the owner of the book, as in the triggers.
CREATE FUNCTION customer_identity_internal.claim_customer(phone text, preferred_name text, customers regclass)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'claim_customer';
COMMENT ON FUNCTION customer_identity_internal.claim_customer(text, text, regclass) IS
    'The customer of an E.164 phone that a row of an attached table claims, made if there is none yet';

-- Whether the phone names nobody need not be asked twice: claim_customer() gives no customer then, and another phone is
-- looked at only where there are several.
CREATE FUNCTION customer_identity_internal.unlinked_claim_expression(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE cardinality(attached.phone_columns)
    WHEN 1 THEN format('customer_identity_internal.claimed_phone(customer_identity_internal.as_text(r.%I), %s)',
        attached.phone_columns[1], customer_identity_internal.region_expression(attached))
    ELSE customer_identity_internal.claim_expression(attached)
END;
COMMENT ON FUNCTION customer_identity_internal.unlinked_claim_expression(customer_identity.attachments) IS
    'The phone by which row r may get a customer';

-- One row of arrays in the order of the rows' places: these, and of each row its customer or else its phone, and its name; and
-- how many have a phone.
-- OFFSET 0 reads each phone once: a condition that is moved inside would read it for itself.
CREATE FUNCTION customer_identity_internal.unlinked_rows_query(attached customer_identity.attachments, relation regclass, pages text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    has_logins boolean := customer_identity_internal.has_logins(attached);
BEGIN
    RETURN format($sql$
        SELECT array_agg(t.place), array_agg(t.customer), array_agg(t.phone), array_agg(t.name), count(t.phone)
        FROM (
            SELECT r.ctid AS place, %1$s AS customer, %2$s AS name,
                CASE WHEN %1$s IS NULL THEN %3$s END AS phone
            FROM ONLY %4$s AS r
            %5$s
            WHERE %6$s AND %7$s
            ORDER BY r.ctid
            OFFSET 0
        ) AS t
        WHERE num_nonnulls(t.customer, t.phone) > 0
        $sql$,
        CASE WHEN has_logins THEN 'u.customer_id' ELSE 'NULL::uuid' END,
        CASE WHEN attached.name_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', attached.name_column) END,
        customer_identity_internal.unlinked_claim_expression(attached), relation,
        CASE WHEN has_logins THEN format('LEFT JOIN %s AS u ON %s',
            customer_identity_internal.logins_of_orders(attached), customer_identity_internal.user_condition(attached)) END,
        pages, customer_identity_internal.is_known(attached));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unlinked_rows_query(customer_identity.attachments, regclass, text) IS
    'A query for the rows r in some pages of a table that have no customer and can be given one';

CREATE FUNCTION customer_identity_internal.unlinked_rows(
    attached customer_identity.attachments, relation regclass, pages text,
    OUT places tid[], OUT found_customers uuid[], OUT phones text[], OUT names text[], OUT claims bigint)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE customer_identity_internal.unlinked_rows_query(attached, relation, pages)
        INTO places, found_customers, phones, names, claims;
    places := COALESCE(places, '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unlinked_rows(customer_identity.attachments, regclass, text) IS
    'The rows in some pages of a table that have no customer and can be given one';

CREATE FUNCTION customer_identity_internal.claims_among(phones text[], names text[])
    RETURNS TABLE (phone text, name text, positions bigint[])
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.phone, (array_agg(r.name ORDER BY r.n))[1], array_agg(r.n)
    FROM unnest(phones, names) WITH ORDINALITY AS r (phone, name, n)
    WHERE r.phone IS NOT NULL
    GROUP BY r.phone
    ORDER BY r.phone;
END;
COMMENT ON FUNCTION customer_identity_internal.claims_among(text[], text[]) IS
    'Each phone once, in order, with its first name and where it stands';

-- In an array that could hold a NULL, finding an element takes as long as the array is.
CREATE FUNCTION customer_identity_internal.known_places(INOUT places tid[], INOUT found_customers uuid[])
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT COALESCE(array_agg(p.place), '{}'), array_agg(p.customer)
    FROM (
        SELECT u.place, u.customer
        FROM unnest(places, found_customers) WITH ORDINALITY AS u (place, customer, n)
        WHERE u.customer IS NOT NULL
        ORDER BY u.n
    ) AS p;
END;
COMMENT ON FUNCTION customer_identity_internal.known_places(tid[], uuid[]) IS
    'The places of rows whose customer was found, and their customers';

CREATE FUNCTION customer_identity_internal.link_statement(attached customer_identity.attachments, relation regclass, pages text)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN format('UPDATE ONLY %s AS r SET %I = ($2)[pg_catalog.width_bucket(r.ctid, $1)]'
    ' WHERE %s AND ($1)[pg_catalog.width_bucket(r.ctid, $1)] OPERATOR(pg_catalog.=) r.ctid',
    relation, attached.customer_column, pages);
COMMENT ON FUNCTION customer_identity_internal.link_statement(customer_identity.attachments, regclass, text) IS
    'The UPDATE that gives the rows at some places their customers';

-- Links the rows in some pages of one table that have no customer and a readable phone (an order: or
-- a user with a customer). Phones are taken in order, so that two of these rarely wait for each other.
-- Nothing depends on statistics, which a column that was just added has none of: no rows of ours are joined to others,
-- and num_nulls() hides the index that holds every row without a customer. A row that is written to meanwhile is at
-- another place.
-- The application's triggers fire here, and find its tables by the caller's search_path, as in any UPDATE of his: it is
-- not pinned, every name is qualified, and there is no operator.
CREATE FUNCTION customer_identity_internal.backfill_pages(
    relation regclass, first_page bigint, end_page bigint, customers regclass, OUT linked bigint, OUT missed bigint)
    LANGUAGE customer_identity_as_table_owner VOLATILE
AS $$
DECLARE
    attached customer_identity.attachments := customer_identity_internal.attachment_of(relation);
    pages pg_catalog.text := pg_catalog.format(
        'pg_catalog.num_nulls(r.%I) OPERATOR(pg_catalog.=) 1'
        ' AND r.ctid OPERATOR(pg_catalog.>=) ''(%s,0)''::pg_catalog.tid AND r.ctid OPERATOR(pg_catalog.<) ''(%s,0)''::pg_catalog.tid',
        attached.customer_column, first_page, end_page);
    found record;
    found_customers pg_catalog.uuid[];
    claim record;
    claimed pg_catalog.uuid;
    place pg_catalog.int8;
BEGIN
    SELECT r.* INTO found FROM customer_identity_internal.unlinked_rows(attached, relation, pages) AS r;
    IF pg_catalog.int8gt(found.claims, 0) THEN
        found_customers := found.found_customers;
        FOR claim IN SELECT c.* FROM customer_identity_internal.claims_among(found.phones, found.names) AS c LOOP
            claimed := customer_identity_internal.claim_customer(claim.phone, claim.name, attached.customers);
            FOREACH place IN ARRAY claim.positions LOOP
                found_customers[place] := claimed;
            END LOOP;
        END LOOP;
        SELECT k.* INTO found FROM customer_identity_internal.known_places(found.places, found_customers) AS k;
    END IF;
    EXECUTE customer_identity_internal.link_statement(attached, relation, pages) USING found.places, found.found_customers;
    GET DIAGNOSTICS linked = ROW_COUNT;
    missed := pg_catalog.int8mi(pg_catalog.int8(pg_catalog.cardinality(found.places)), linked);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.backfill_pages(regclass, bigint, bigint, regclass) IS
    'Links the rows in some pages of a table that have no customer yet; how many, and how many others changed meanwhile';

-- What bears the name of a distributed table is empty.
CREATE FUNCTION customer_identity_internal.size_of_rows(relation regclass)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bytes bigint;
BEGIN
    IF NOT customer_identity_internal.is_distributed(relation) THEN
        RETURN pg_relation_size(relation);
    END IF;
    EXECUTE 'SELECT citus_relation_size($1)' INTO bytes USING relation;
    RETURN bytes;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.size_of_rows(regclass) IS
    'How many bytes the rows of a table take, on whichever node they are';

-- The batches of a backfill: runs of pages that hold about batch_size rows. The last run of a table is
-- open-ended, for rows that move while it goes on.
CREATE FUNCTION customer_identity_internal.backfill_steps(attached regclass, batch_size integer)
    RETURNS TABLE (relation regclass, first_page bigint, end_page bigint, customers regclass, rows_done bigint, rows_in_all bigint)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setup customer_identity.attachments;
BEGIN
    IF batch_size IS NULL OR batch_size < 1 THEN
        RAISE EXCEPTION 'batch_size must be at least 1'
            USING ERRCODE = 'invalid_parameter_value', HINT = '10000 is the default.';
    END IF;
    SELECT a.* INTO setup FROM customer_identity_internal.attachment_of(attached) AS a;
    customers := setup.customers;
    IF setup.kind = 'orders' THEN
        PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'a backfill of orders',
            format('UPDATE %s SET %I = customer_identity.customer_id_of(...) WHERE %2$I IS NULL; makes the customers as well.', attached, setup.customer_column));
    END IF;
    RETURN QUERY
    WITH leaves AS (
        SELECT c.oid AS leaf,
            GREATEST(1, customer_identity_internal.size_of_rows(c.oid) / current_setting('block_size')::bigint) AS pages,
            GREATEST(1, CASE WHEN c.relpages > 0 THEN c.reltuples / c.relpages ELSE 50 END) AS rows_per_page
        FROM customer_identity_internal.partitions_of(attached) AS p
        JOIN pg_class AS c ON c.oid = p.p
        WHERE c.relkind = 'r'
    ),
    sized AS (
        SELECT l.*, GREATEST(1, floor(LEAST(batch_size, 1000000) / l.rows_per_page)::bigint) AS pages_per_step FROM leaves AS l
    ),
    steps AS (
        SELECT s.*, g.page
        FROM sized AS s
        CROSS JOIN LATERAL generate_series(0, s.pages - 1, s.pages_per_step) AS g (page)
    )
    SELECT
        s.leaf::regclass,
        s.page,
        CASE WHEN s.page + s.pages_per_step >= s.pages THEN 4294967295 ELSE s.page + s.pages_per_step END,
        backfill_steps.customers,
        (sum(LEAST(s.pages_per_step, s.pages - s.page) * s.rows_per_page) OVER (ORDER BY s.leaf, s.page))::bigint,
        (sum(LEAST(s.pages_per_step, s.pages - s.page) * s.rows_per_page) OVER ())::bigint
    FROM steps AS s
    ORDER BY s.leaf, s.page;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.backfill_steps(regclass, integer) IS
    'The batches in which backfill() goes through a table';

CREATE FUNCTION customer_identity_internal.backfill_progress(attached regclass, linked bigint, rows_done bigint, rows_in_all bigint, started timestamptz)
    RETURNS text
    LANGUAGE sql VOLATILE
RETURN (
    SELECT format('backfill of %s: %s rows linked, %s %% of about %s rows, %s rows/s, %s s left',
        attached, linked, LEAST(100, 100 * rows_done / GREATEST(1, rows_in_all)), rows_in_all,
        (rows_done / p.seconds)::bigint, ((rows_in_all - rows_done) * p.seconds / GREATEST(1, rows_done))::bigint)
    FROM (SELECT GREATEST(0.001, extract(epoch FROM clock_timestamp() - started)) AS seconds) AS p
);
COMMENT ON FUNCTION customer_identity_internal.backfill_progress(regclass, bigint, bigint, bigint, timestamptz) IS
    'The NOTICE of a backfill';

-- What is read of logins stays true until the batch has used it: nobody writes their table anew, and no merge, split or undoing
-- comes between.
CREATE FUNCTION customer_identity_internal.hold_for_backfill(relation regclass, attached regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attachment_of(attached);
BEGIN
    PERFORM customer_identity_internal.hold_table(attached, false);
    PERFORM customer_identity_internal.hold_table(relation);
    PERFORM customer_identity_internal.hold_table(setup.users) WHERE customer_identity_internal.has_logins(setup);
    PERFORM pg_advisory_xact_lock_shared(customer_identity_internal.turn_of(setup.customers));
    RETURN relation = attached OR COALESCE(pg_partition_root(relation) = attached, false);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_backfill(regclass, regclass) IS
    'Holds until the transaction ends what a batch of a backfill reads. False: the partition has left its table';

-- A procedure that commits cannot pin search_path: every name is qualified, and there is no operator. An UPDATE or VACUUM FULL
-- of others may move rows to where the backfill has been: it goes through the table until there is nothing to do.
CREATE PROCEDURE customer_identity.backfill(attached regclass, batch_size integer DEFAULT 10000)
    LANGUAGE plpgsql
AS $$
DECLARE
    maximum_passes constant pg_catalog.int4 := 10;
    started pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    linked pg_catalog.int8 := 0;
    found_rows pg_catalog.int8;
    step record;
    batch record;
BEGIN
    FOR pass IN 1..maximum_passes LOOP
        found_rows := 0;
        FOR step IN SELECT s.* FROM customer_identity_internal.backfill_steps(attached, batch_size) AS s LOOP
            CONTINUE WHEN NOT customer_identity_internal.hold_for_backfill(step.relation, attached);
            SELECT b.* INTO batch
            FROM customer_identity_internal.backfill_pages(step.relation, step.first_page, step.end_page, step.customers) AS b;
            linked := pg_catalog.int8pl(linked, batch.linked);
            found_rows := pg_catalog.int8pl(found_rows, pg_catalog.int8pl(batch.linked, batch.missed));
            COMMIT;
            CONTINUE WHEN pg_catalog.int4gt(pass, 1) AND pg_catalog.int8eq(batch.linked, 0);
            RAISE NOTICE '%', customer_identity_internal.backfill_progress(attached, linked, step.rows_done, step.rows_in_all, started);
        END LOOP;
        EXIT WHEN pg_catalog.int8eq(found_rows, 0);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE customer_identity.backfill(regclass, integer) IS
    'Links the rows that existed before a table was attached, with a commit after each batch. Call it again to continue after an interruption';
REVOKE EXECUTE ON PROCEDURE customer_identity.backfill(regclass, integer) FROM PUBLIC;
