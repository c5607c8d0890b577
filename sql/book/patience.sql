CREATE FUNCTION customer_identity_internal.tables_of_people(customers regclass)
    RETURNS regclass[]
    LANGUAGE sql STABLE
RETURN ARRAY[customers] || ARRAY(
    SELECT customer_identity_internal.tables_that_feed(customers)
    UNION ALL
    SELECT k.relation FROM customer_identity_internal.foreign_keys_to(customers) AS k);
COMMENT ON FUNCTION customer_identity_internal.tables_of_people(regclass) IS
    'The tables whose rows refer to customers, and these';

-- A partition that is being detached concurrently is in its table for nobody who looks now, and refers to customers all the same.
CREATE FUNCTION customer_identity_internal.hold_for_people(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relations constant regclass[] := customer_identity_internal.tables_of_people(customers);
BEGIN
    PERFORM customer_identity_internal.hold_tables(relations);
    PERFORM customer_identity_internal.hold_partitions(r.relation, customers)
    FROM (SELECT DISTINCT u.relation FROM unnest(relations) AS u (relation) ORDER BY 1 OFFSET 0) AS r;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_for_people(regclass) IS
    'Holds all tables that refer to customers, so that the next statements find all rows of a person, and none can leave';

CREATE FUNCTION customer_identity_internal.turn_of(customers regclass)
    RETURNS bigint
    LANGUAGE sql STABLE
RETURN hashtextextended('customer_identity.merge ' || customer_identity_internal.told_name(customers), 0);
COMMENT ON FUNCTION customer_identity_internal.turn_of(regclass) IS
    'The key of the advisory lock of who moves rows of a book from one customer to another';

-- Merges, splits and undoings of one book take their turns, so that none waits for another while it holds rows.
CREATE FUNCTION customer_identity_internal.take_turn(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.hold_for_people(customers);
    PERFORM pg_advisory_xact_lock(customer_identity_internal.turn_of(customers));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.take_turn(regclass) IS
    'Waits until no other merge, split or undoing of the book is under way, and holds the tables that refer to customers';

-- Who waits while holding locks can be part of a deadlock, whose victim may be an order. What changes people tries in a
-- subtransaction, waits for nobody in it for long, and holds nothing while it waits for the next try.
CREATE FUNCTION customer_identity_internal.be_impatient()
    RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT set_config('lock_timeout', '50ms', true)
$$;
COMMENT ON FUNCTION customer_identity_internal.be_impatient() IS
    'From now on in the subtransaction, nothing is waited for for long';

CREATE FUNCTION customer_identity_internal.wait_for_next_try(started timestamptz, attempt integer)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    patience constant interval := COALESCE(NULLIF(current_setting('lock_timeout')::interval, interval '0'), interval '60 seconds');
BEGIN
    IF clock_timestamp() > started + patience THEN
        RAISE EXCEPTION 'the customer or one of its rows is in use'
            USING ERRCODE = 'lock_not_available', DETAIL = format('Other transactions have been using them for %s.', patience),
                HINT = 'Try again when they have ended; lock_timeout says how long to wait.';
    END IF;
    PERFORM pg_sleep(LEAST(0.002 * 2 ^ LEAST(attempt, 6), 0.1) * (0.5 + random()));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.wait_for_next_try(timestamptz, integer) IS
    'A pause that grows with the attempts; 55P03 when there were enough';
