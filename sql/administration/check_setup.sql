CREATE FUNCTION customer_identity_internal.check_session(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'error', 'session', 'session_replication_role is replica: the triggers of customer_identity do not fire',
        'SET session_replication_role = origin;'
    WHERE current_setting('session_replication_role') = 'replica'
    UNION ALL
    SELECT 'error', 'setting customer_identity.default_region',
        format('%L is not a region: phones of rows without a region are not read',
            current_setting('customer_identity.default_region')),
        'Set an ISO 3166 code, such as GB or GBR, a calling code, such as +44, or an empty value.'
    WHERE customer_identity_internal.claim_problem('0123456789', NULL) = 'unknown_region'
    UNION ALL
    SELECT 'warning', 'numbering plans', finding, what_to_do
    FROM customer_identity.phone_plans() AS p
    CROSS JOIN LATERAL (VALUES
        (p.problem IS NOT NULL, 'those of the installed libphonenumber are in force: ' || p.problem,
            'Install the file again, or correct the setting customer_identity.numbering_plans.'),
        (p.date < current_date - interval '1 year', format('they are of %s, more than a year old: newer numbers are not read', p.date),
            'Update the extension, or set customer_identity.numbering_plans to a newer file.')
    ) AS f (is_found, finding, what_to_do)
    WHERE f.is_found
    UNION ALL
    SELECT 'info', 'event trigger ' || n.name, 'it is missing or disabled: ' || n.consequence,
        format('As a superuser: ALTER EVENT TRIGGER %I ENABLE;', n.name)
    FROM (VALUES
        ('customer_identity_follow_renames', 'after a column is renamed the next statement fails with CI007, and orders with a renamed status no longer count'),
        ('customer_identity_recount_altered', 'an ALTER TABLE that changes amounts does not update the totals')
    ) AS n (name, consequence)
    WHERE NOT EXISTS (SELECT FROM pg_event_trigger AS e WHERE e.evtname = n.name AND e.evtenabled IN ('O', 'A'));
END;
COMMENT ON FUNCTION customer_identity_internal.check_session(regclass) IS
    'Findings of check_setup() about the session and the database';

CREATE FUNCTION customer_identity_internal.check_book(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    BEGIN
        PERFORM customer_identity_internal.check_customers(customers);
    EXCEPTION WHEN SQLSTATE 'CI003' THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN NEXT ROW('error', customers::text, detail, hint)::customer_identity_internal.setup_finding;
        RETURN;
    END;
    RETURN QUERY SELECT * FROM customer_identity_internal.check_companions(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_history(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_sequences(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_customers_table(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_phone_triggers(customers);
    RETURN QUERY SELECT * FROM customer_identity_internal.check_guards(customers);
    IF customer_identity_internal.companion_problem(customers, 'phone_proofs') IS NULL THEN
        RETURN QUERY SELECT * FROM customer_identity_internal.check_proofs(customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_book(regclass) IS
    'Findings of check_setup() about customers and its companions';

CREATE FUNCTION customer_identity_internal.findings_of(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET jit = off
BEGIN ATOMIC
    -- Read once: a book may have a thousand tables. One that does not lie where the book is cannot be looked into.
    WITH book AS MATERIALIZED (
        SELECT ARRAY(
            SELECT a
            FROM customer_identity_internal.attachments_of(customers) AS a
            WHERE customer_identity_internal.distribution_of(a.attached) IS NOT DISTINCT FROM customer_identity_internal.distribution_of(customers)
        ) AS attachments
    )
    SELECT * FROM customer_identity_internal.check_session(customers)
    UNION ALL
    SELECT * FROM customer_identity_internal.check_book(customers)
    UNION ALL
    SELECT * FROM customer_identity_internal.check_triggers(customers)
    UNION ALL
    SELECT * FROM customer_identity_internal.check_shards(customers)
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_foreign_key_triggers(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_columns(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_types(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_values(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_renamed_values(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_regions(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_heirs(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_unattached(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_leaving_partitions(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_unlogged(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_users_of_orders(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_keys(customers, b.attachments) AS f
    UNION ALL
    SELECT f.* FROM book AS b CROSS JOIN LATERAL customer_identity_internal.check_rows(customers, b.attachments) AS f
    UNION ALL
    SELECT * FROM customer_identity_internal.check_sms(customers);
END;
COMMENT ON FUNCTION customer_identity_internal.findings_of(regclass) IS
    'check_setup for a book that is named';

CREATE FUNCTION customer_identity_internal.book_to_check()
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE((
    SELECT string_agg(DISTINCT format('SELECT * FROM customer_identity.check_setup(%L);', a.customers), ' ')
    FROM customer_identity.attachments AS a
), 'SELECT customer_identity.create_tables();');
COMMENT ON FUNCTION customer_identity_internal.book_to_check() IS
    'What to do where check_setup() finds no book: check the attached ones, or make one';

CREATE FUNCTION customer_identity.check_setup(customers regclass DEFAULT NULL)
    RETURNS TABLE (severity text, object text, finding text, what_to_do text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'error', 'database', 'there is no table customers on the search_path', customer_identity_internal.book_to_check()
    WHERE COALESCE(customers, to_regclass('customers')) IS NULL
    UNION ALL
    SELECT f.*
    FROM (SELECT COALESCE(customers, to_regclass('customers')) AS customers) AS b
    CROSS JOIN LATERAL customer_identity_internal.findings_of(
        CASE WHEN b.customers IS NOT NULL THEN customer_identity_internal.book(b.customers) END) AS f
    WHERE b.customers IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity.check_setup(regclass) IS
    'Problems of a book and the tables attached to it, and what to do about them; no row means all is well';
