-- The conditions are for a customer c and a live proof p of it.
CREATE FUNCTION customer_identity_internal.proof_conditions(customers regclass, OUT proofs text, OUT is_proved text, OUT is_lost text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT b.proofs,
        format('EXISTS (SELECT FROM %s AS p WHERE p.customer_id = c.id AND p.phone = c.phone AND p.ended_at IS NULL)', b.proofs),
        'p.phone IS DISTINCT FROM c.phone' || CASE
            WHEN customer_identity_internal.has_companion(customers, 'customer_phones') THEN format(
                ' AND NOT EXISTS (SELECT FROM %s AS a WHERE a.phone = p.phone AND a.customer_id = c.id AND a.until IS NULL)',
                customer_identity_internal.companion_of(customers, 'customer_phones'))
            ELSE '' END
    FROM (VALUES (customer_identity_internal.companion_of(customers, 'phone_proofs'))) AS b (proofs)
$$;
COMMENT ON FUNCTION customer_identity_internal.proof_conditions(regclass) IS
    'The proofs of a book, and the conditions that a customer''s phone has a live one, and that it is of a phone that was lost';

-- A book may have millions of either, so each is read once, in whichever order they lie: with a limit the planner would look up
-- customer after customer.
CREATE FUNCTION customer_identity_internal.count_proof_faults(customers regclass, OUT unproved bigint, OUT unmarked bigint, OUT lost bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    conditions constant record := customer_identity_internal.proof_conditions(customers);
BEGIN
    EXECUTE format($sql$
        SELECT count(*) FILTER (WHERE p.customer_id IS NULL),
            count(DISTINCT c.id) FILTER (WHERE p.customer_id IS NOT NULL),
            count(*) FILTER (WHERE c.id IS NULL)
        FROM %1$s AS c
        FULL JOIN (SELECT p.customer_id, p.phone FROM %2$s AS p WHERE p.ended_at IS NULL) AS p ON p.customer_id = c.id AND p.phone = c.phone
        WHERE CASE
            WHEN p.customer_id IS NULL THEN c.is_phone_verified IS NOT FALSE
            WHEN c.id IS NULL THEN EXISTS (SELECT FROM %1$s AS c WHERE c.id = p.customer_id AND %3$s)
            ELSE c.is_phone_verified IS NOT TRUE
        END
        $sql$,
        customers, conditions.proofs, conditions.is_lost)
        INTO unproved, unmarked, lost;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_proof_faults(regclass) IS
    'How many customers have a mark without a proof, or a proof without a mark, and how many live proofs are of a phone that was lost';

-- Inconsistent proofs and flags: a trigger was missing, or the application has written them.
CREATE FUNCTION customer_identity_internal.check_proofs(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', f.relation, format('%s: %s', f.fault, customer_identity_internal.counted_up_to(least(f.rows, 10000), f.rows)), f.what_to_do
    FROM customer_identity_internal.proof_conditions(customers) AS b
    CROSS JOIN customer_identity_internal.count_proof_faults(customers) AS n
    CROSS JOIN LATERAL (VALUES
        (
            n.unproved, customers::text, 'customers without a live proof whose phone is marked as verified, or not marked at all',
            format('UPDATE %s AS c SET is_phone_verified = false WHERE c.is_phone_verified IS NOT FALSE AND NOT %s;', customers, b.is_proved)
        ),
        (
            n.unmarked, customers::text, 'customers with a live proof whose phone is not marked as verified',
            format('UPDATE %s AS c SET is_phone_verified = true WHERE c.is_phone_verified IS NOT TRUE AND %s;', customers, b.is_proved)
        ),
        (
            n.lost, b.proofs, 'live proofs of phones that their customers no longer have, which give no access',
            format('UPDATE %s AS p SET ended_at = now(), ended_reason = ''phone changed'' FROM %s AS c'
                ' WHERE c.id = p.customer_id AND p.ended_at IS NULL AND %s;', b.proofs, customers, b.is_lost)
        )
    ) AS f (rows, relation, fault, what_to_do)
    WHERE f.rows > 0;
END;
COMMENT ON FUNCTION customer_identity_internal.check_proofs(regclass) IS
    'Findings of check_setup() about proofs and flags that do not fit together';

-- Where ids are computed, an order has the customer of its phone, and no other.
CREATE FUNCTION customer_identity_internal.user_has_customer(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.has_logins(attached) OR customer_identity_internal.has_computed_ids(attached.customers) THEN
        RETURN 'false';
    END IF;
    RETURN format('EXISTS (SELECT FROM %s AS u WHERE %s AND u.customer_id IS NOT NULL)',
        customer_identity_internal.logins_of_orders(attached), customer_identity_internal.user_condition(attached));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.user_has_customer(customer_identity.attachments) IS
    'The condition that the user of an order r has a customer, whom the order could have';

-- Looks at a maximum of ten thousand rows: the table may have millions.
CREATE FUNCTION customer_identity_internal.count_unlinked(
    relation regclass, customers regclass, OUT readable bigint, OUT unreadable bigint, OUT looked_at bigint, OUT reasons text)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    attached customer_identity.attachments := customer_identity_internal.attachment_of(relation);
BEGIN
    EXECUTE format($sql$
        WITH looked_at AS MATERIALIZED (
            SELECT %5$s OR p.readable AND %6$s AS readable, p.reason
            FROM %1$s AS r
            CROSS JOIN LATERAL (
                SELECT bool_or(p.phone IS NOT NULL),
                    (array_agg(customer_identity_internal.claim_problem(c.raw, %3$s) ORDER BY c.n) FILTER (WHERE p.phone IS NULL))[1]
                FROM (%2$s) AS c (n, raw)
                CROSS JOIN LATERAL customer_identity_internal.claimed_phone(c.raw, %3$s) AS p (phone)
                WHERE c.raw IS NOT NULL AND customer_identity_internal.names_nobody(p.phone, $1) IS NOT TRUE
            ) AS p (readable, reason)
            WHERE %4$s
            LIMIT 10000
        ), unreadable AS (
            SELECT l.reason, count(*) AS rows FROM looked_at AS l WHERE NOT l.readable GROUP BY l.reason
        )
        SELECT count(*) FILTER (WHERE l.readable), count(*) FILTER (WHERE NOT l.readable), count(*),
            (SELECT string_agg(u.reason || ' ' || u.rows, ', ' ORDER BY u.rows DESC, u.reason COLLATE "C") FROM unreadable AS u)
        FROM looked_at AS l
        $sql$,
        relation, customer_identity_internal.claims_query(attached),
        customer_identity_internal.region_expression(attached), customer_identity_internal.has_no_customer(attached),
        customer_identity_internal.user_has_customer(attached), customer_identity_internal.is_known(attached))
        INTO readable, unreadable, looked_at, reasons
        USING customers;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_unlinked(regclass, regclass) IS
    'How many rows of a table without a customer could have one, and how many have a phone that cannot be read, in all and by reason';

-- Counting asks what a row's phone could be read as, which takes longer to prepare than most tables need to be looked at.
CREATE FUNCTION customer_identity_internal.has_unlinked(relation regclass, customers regclass)
    RETURNS boolean
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    found_row boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s AS r WHERE %s)',
        relation, customer_identity_internal.has_no_customer(customer_identity_internal.attachment_of(relation)))
        INTO found_row;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_unlinked(regclass, regclass) IS
    'Whether an attached table has a row without a customer';

-- An order that is placed by its customer cannot be moved by an UPDATE.
CREATE FUNCTION customer_identity_internal.what_links(attached customer_identity.attachments, condition text)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN attached.kind <> 'orders' OR NOT customer_identity_internal.has_computed_ids(attached.customers)
        THEN format('CALL customer_identity.backfill(%L);', attached.attached::text)
    WHEN customer_identity_internal.is_spread(attached.attached)
        THEN 'Insert these orders again, with customer_identity.customer_id_for_order() of their phones, and delete those that are there.'
    ELSE format('UPDATE %s AS r SET %I = customer_identity.customer_id_for_order(r.%I::text, %s, %L) WHERE %s;',
        attached.attached, attached.customer_column, attached.phone_columns[1], customer_identity_internal.region_expression(attached),
        attached.customers::text, condition)
END;
COMMENT ON FUNCTION customer_identity_internal.what_links(customer_identity.attachments, text) IS
    'What gives the rows r of a table that meet a condition their customers, by their phones';

CREATE FUNCTION customer_identity_internal.check_unlinked(attached customer_identity.attachments)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT f.severity, attached.attached::text,
        format('rows without a customer %s: %s%s', f.fault, customer_identity_internal.counted_up_to(f.found_rows, u.looked_at), f.reasons),
        CASE f.severity
            WHEN 'warning' THEN customer_identity_internal.what_links(attached, customer_identity_internal.has_no_customer(attached))
            ELSE format('SELECT * FROM customer_identity.phone_problems(%L);', attached.attached::text)
        END
    FROM customer_identity_internal.count_unlinked(attached.attached, attached.customers) AS u
    CROSS JOIN LATERAL (VALUES
        ('warning', 'that could have one', u.readable, ''),
        ('info', 'whose phone cannot be read', u.unreadable, format(' (%s)', u.reasons))
    ) AS f (severity, fault, found_rows, reasons)
    WHERE f.found_rows > 0;
END;
COMMENT ON FUNCTION customer_identity_internal.check_unlinked(customer_identity.attachments) IS
    'Findings of check_setup() about rows without a customer';

-- Of a maximum of ten thousand rows.
CREATE FUNCTION customer_identity_internal.ids_in_rows(relation regclass, customers regclass, OUT ids uuid[], OUT looked_at bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT r.id), count(*) FROM (SELECT r.%1$I FROM %2$s AS r WHERE r.%1$I <> $1 LIMIT 10000) AS r (id)',
        (customer_identity_internal.attachment_of(relation)).customer_column, relation)
        INTO ids, looked_at
        USING customer_identity_internal.nobody();
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ids_in_rows(regclass, regclass) IS
    'The customer ids that the rows of an attached table have, other than nobody''s';

-- A number of nobody may have orders by its id.
CREATE FUNCTION customer_identity_internal.count_strays(ids uuid[], customers regclass, OUT missing bigint, OUT kept_free bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    known uuid[];
    of_nobody uuid[];
BEGIN
    EXECUTE format('SELECT array_agg(c.id), count(*) FILTER (WHERE NOT %s) FROM %s AS c WHERE c.id = ANY ($1)',
        customer_identity_internal.is_somebody(customers), customers)
        INTO known, kept_free
        USING ids;
    IF customer_identity_internal.has_companion(customers, 'phone_rules') THEN
        EXECUTE format('SELECT array_agg(%s) FROM %s AS r CROSS JOIN (VALUES (0)) AS g (phone_generation) WHERE r.rule = ''nobody''',
            customer_identity_internal.id_of_phone(), customer_identity_internal.companion_of(customers, 'phone_rules'))
            INTO of_nobody;
    END IF;
    missing := (SELECT count(*) FROM (SELECT unnest(ids) EXCEPT SELECT unnest(known) EXCEPT SELECT unnest(of_nobody)) AS m);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_strays(uuid[], regclass) IS
    'How many of these computed ids are no customer''s, and how many are of rows that only keep them free';

-- A login gives the id up first, as a backfill leaves alone what is linked.
CREATE FUNCTION customer_identity_internal.what_moves(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN cardinality(attached.phone_columns) = 0 THEN 'Give these rows the ids of customers.'
    ELSE (
        SELECT concat(
            CASE WHEN attached.kind = 'users' THEN format('UPDATE %s AS r SET %I = NULL WHERE %s; ', attached.attached, attached.customer_column, k.condition) END,
            customer_identity_internal.what_links(attached, k.condition),
            CASE WHEN attached.kind = 'orders' THEN format(' SELECT customer_identity.rebuild_totals(%L);', attached.customers::text) END)
        FROM (VALUES (format('EXISTS (SELECT FROM %s AS c WHERE c.id = r.%I AND NOT %s)',
            attached.customers, attached.customer_column, customer_identity_internal.is_somebody(attached.customers)))) AS k (condition))
END;
COMMENT ON FUNCTION customer_identity_internal.what_moves(customer_identity.attachments) IS
    'What gives rows whose customer id is only kept free the customers of their phones';

CREATE FUNCTION customer_identity_internal.what_makes_customers(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN cardinality(attached.phone_columns) = 0 THEN 'Insert these customers, or give the orders the ids of others.'
    -- A column's name may have any dollar quote in it.
    ELSE format('DO %L;', format('DECLARE given text; BEGIN FOR given IN SELECT DISTINCT customer_identity.normalize_phone(r.%1$I::text, %2$s) FROM %3$s AS r'
        ' WHERE NOT EXISTS (SELECT FROM %4$s AS c WHERE c.id = r.%5$I) LOOP'
        ' IF customer_identity.customer_id_for_order(given, NULL, %6$L) <> %7$L THEN PERFORM customer_identity.get_or_create_customer(given, customers => %6$L); END IF;'
        ' END LOOP; PERFORM customer_identity.rebuild_totals(%6$L); END',
        attached.phone_columns[1], customer_identity_internal.region_expression(attached), attached.attached, attached.customers,
        attached.customer_column, attached.customers::text, customer_identity_internal.nobody()))
END;
COMMENT ON FUNCTION customer_identity_internal.what_makes_customers(customer_identity.attachments) IS
    'A statement that makes the customers of orders that have come with their ids';

-- Orders that came before they were attached, or while triggers were off, and logins that somebody has linked.
CREATE FUNCTION customer_identity_internal.check_placed(attached customer_identity.attachments)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', attached.attached::text,
        format('ids of customers in %s that %s: %s', attached.kind, f.fault, customer_identity_internal.counted_up_to(f.ids, i.looked_at)),
        f.what_to_do
    FROM customer_identity_internal.ids_in_rows(attached.attached, attached.customers) AS i
    CROSS JOIN LATERAL customer_identity_internal.count_strays(i.ids, attached.customers) AS n
    CROSS JOIN LATERAL (VALUES
        (CASE attached.kind WHEN 'orders' THEN n.missing END, 'no customer has', customer_identity_internal.what_makes_customers(attached)),
        (n.kept_free, 'are only kept free', customer_identity_internal.what_moves(attached))
    ) AS f (ids, fault, what_to_do)
    WHERE f.ids > 0;
END;
COMMENT ON FUNCTION customer_identity_internal.check_placed(customer_identity.attachments) IS
    'Findings of check_setup() about rows with the computed id of a customer who is not there';

CREATE FUNCTION customer_identity_internal.check_rows(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Of each table, so that those of a thousand are looked at in a second.
    max_rows constant bigint := greatest(100, least(10000, 100000 / greatest(cardinality(attachments), 1)));
    attached customer_identity.attachments;
BEGIN
    FOR attached IN SELECT a.* FROM unnest(attachments) AS a WHERE customer_identity_internal.hold_table(a.attached) LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM customer_identity_internal.named_columns(attached) AS n
            WHERE NOT EXISTS (
                SELECT FROM pg_attribute AS c
                WHERE c.attrelid = n.relation AND c.attname = n.column_name AND NOT c.attisdropped
            )
        );
        IF customer_identity_internal.has_unlinked(attached.attached, customers) THEN
            RETURN QUERY SELECT u.* FROM customer_identity_internal.check_unlinked(attached) AS u;
        END IF;
        IF customer_identity_internal.has_computed_ids(customers) THEN
            RETURN QUERY SELECT p.* FROM customer_identity_internal.check_placed(attached) AS p;
        END IF;
        IF COALESCE(attached.status_column, attached.payment_column) IS NOT NULL THEN
            RETURN QUERY SELECT v.* FROM customer_identity_internal.check_values_of(attached, max_rows, customers) AS v;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_rows(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about rows without a customer, and statuses';
