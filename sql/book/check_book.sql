CREATE FUNCTION customer_identity_internal.check_phone_triggers(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', customers::text,
        format('trigger %I is %s: proofs do not end when a phone is changed in the table', p.name,
            CASE WHEN (p.trigger).oid IS NULL THEN 'missing' ELSE 'disabled' END),
        CASE
            WHEN (p.trigger).oid IS NULL THEN format('SELECT customer_identity.create_tables(%L);', n.nspname)
            ELSE format('ALTER TABLE %s ENABLE TRIGGER %I;', customers, p.name)
        END
    FROM customer_identity_internal.phone_triggers(customers) AS p
    JOIN pg_class AS c ON c.oid = customers
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE (p.trigger).oid IS NULL OR (p.trigger).tgenabled IN ('D', 'R')
    ORDER BY p.name;
END;
COMMENT ON FUNCTION customer_identity_internal.check_phone_triggers(regclass) IS
    'Findings of check_setup() about the triggers of customers';

CREATE FUNCTION customer_identity_internal.check_guards(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', format('%I.%I', n.nspname, r.relname),
        format('trigger customer_identity_guard is %s: a phone that is written to the table may be another customer''s',
            CASE WHEN (g.trigger).oid IS NULL THEN 'missing' ELSE 'disabled' END),
        CASE
            WHEN (g.trigger).oid IS NULL THEN format('SELECT customer_identity.create_tables(%L);', n.nspname)
            ELSE format('ALTER TABLE %s ENABLE TRIGGER customer_identity_guard;', g.guarded)
        END
    FROM customer_identity_internal.guards(customers) AS g
    JOIN pg_class AS r ON r.oid = g.guarded
    JOIN pg_namespace AS n ON n.oid = r.relnamespace
    WHERE (g.trigger).oid IS NULL OR (g.trigger).tgenabled IN ('D', 'R')
    ORDER BY r.relname;
END;
COMMENT ON FUNCTION customer_identity_internal.check_guards(regclass) IS
    'Findings of check_setup() about the triggers of customer_phones and phone_rules';

-- Loading or replicating rows leaves the sequence behind.
CREATE FUNCTION customer_identity_internal.check_sequences(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    companion record;
    highest bigint;
BEGIN
    FOR companion IN
        SELECT c.oid::regclass AS relation, pg_get_serial_sequence(c.oid::regclass::text, 'id') AS sequence
        FROM pg_class AS book
        JOIN pg_class AS c ON c.relnamespace = book.relnamespace AND c.relowner = book.relowner AND c.relkind = 'r'
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped
        WHERE book.oid = customers AND c.relname IN (SELECT b.name FROM customer_identity_internal.companions() AS b)
            AND a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
    LOOP
        CONTINUE WHEN companion.sequence IS NULL;
        EXECUTE format('SELECT max(id) FROM %s', companion.relation) INTO highest;
        IF highest > COALESCE(pg_sequence_last_value(companion.sequence), 0) THEN
            RETURN NEXT ROW('error', companion.relation::text,
                format('its highest id, %s, is ahead of its sequence: new rows would get existing ids', highest),
                format('SELECT setval(%L, %s);', companion.sequence, highest))::customer_identity_internal.setup_finding;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_sequences(regclass) IS
    'Findings of check_setup() about sequences that are behind the ids of the book';

-- A table that create_tables() has made checks each phone as it is written.
CREATE FUNCTION customer_identity_internal.unusable_phones(customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    unusable bigint;
BEGIN
    PERFORM FROM pg_constraint AS k
    WHERE k.conrelid = customers AND k.contype = 'c' AND k.convalidated AND NOT k.connoinherit
        AND replace(pg_get_expr(k.conbin, k.conrelid), '(phone)::text', 'phone') = '(phone ~ ''^[+][1-9][0-9]{1,18}$''::text)';
    IF FOUND THEN
        RETURN 0;
    END IF;
    EXECUTE format($sql$SELECT count(*) FROM (SELECT 1 FROM %s WHERE phone !~ '^[+][1-9][0-9]{1,18}$' LIMIT 10000) AS c$sql$, customers)
        INTO unusable;
    RETURN unusable;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.unusable_phones(regclass) IS
    'How many customers have a phone that is not E.164, counted up to ten thousand';

CREATE FUNCTION customer_identity_internal.check_customers_table(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unusable constant bigint := customer_identity_internal.unusable_phones(customers);
BEGIN
    RETURN QUERY
    SELECT 'warning', customers::text,
        format('column total_spent is %s: an order that makes a total too large is refused', format_type(a.atttypid, a.atttypmod)),
        format('ALTER TABLE %s ALTER COLUMN total_spent TYPE numeric;', customers)
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'total_spent' AND a.atttypmod >= 0;
    RETURN QUERY
    SELECT 'error', customers::text,
        format('column %I is NOT NULL without a default: no customer can be created', a.attname),
        format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', customers, a.attname)
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attname <> 'phone';
    IF unusable > 0 THEN
        RETURN NEXT ROW('error', customers::text, format('customers that are not found because their phones are not E.164: %s', customer_identity_internal.counted_up_to(unusable, unusable)),
            format('UPDATE %s SET phone = customer_identity.normalize_phone(phone, region) ...; merge the duplicates it reports.', customers))::customer_identity_internal.setup_finding;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_customers_table(regclass) IS
    'Findings of check_setup() about what customers refuses, and phones that it should not hold';

CREATE FUNCTION customer_identity_internal.check_companions(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', format('%I.%I', n.nspname, b.name), p.problem, format('SELECT customer_identity.create_tables(%L);', n.nspname)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN customer_identity_internal.companions() AS b
    CROSS JOIN LATERAL customer_identity_internal.companion_problem(customers, b.name) AS p (problem)
    WHERE c.oid = customers AND b.name <> 'customer_events' AND p.problem IS NOT NULL
    UNION ALL
    SELECT 'error', format('%I.phone_proofs', n.nspname),
        'it has no column unconfirmed: who may be a new holder of a phone sees the old one''s history',
        format('SELECT customer_identity.create_tables(%L);', n.nspname)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = customers AND NOT customer_identity_internal.has_unconfirmed(customers)
        AND customer_identity_internal.companion_problem(customers, 'phone_proofs') IS NULL
    UNION ALL
    SELECT CASE WHEN k.other IS NULL THEN 'warning' ELSE 'error' END, k.companion::text,
        CASE
            WHEN k.other IS NULL THEN format('column customer_id has no foreign key to %s: what belongs to a customer stays when the row is deleted', customers)
            ELSE format('column customer_id refers to %s: nobody can be made a customer of %s', k.other, customers)
        END,
        CASE
            WHEN k.other IS NULL THEN format('SELECT customer_identity.create_tables(%L);', n.nspname)
            ELSE format('Give %s its name back, or make the book in a schema of its own.', k.other)
        END
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL customer_identity_internal.companion_keys(customers) AS k
    WHERE c.oid = customers AND (k.other IS NOT NULL OR NOT k.is_own);
END;
COMMENT ON FUNCTION customer_identity_internal.check_companions(regclass) IS
    'Findings of check_setup() about tables beside customers, but for the history';
