-- A customer that has nothing left but its own history.
CREATE FUNCTION customer_identity_internal.is_empty_customer(customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
BEGIN
    RETURN customer_identity_internal.phones_of(customer_id, customers) = '[]'
        AND COALESCE(btrim(customer ->> 'notes'), '') = ''
        AND NOT EXISTS (
            SELECT
            FROM customer_identity_internal.keys_to_customers(customers) AS r
            JOIN pg_class AS c ON c.oid = r.relation
            WHERE NOT (c.relnamespace = (SELECT b.relnamespace FROM pg_class AS b WHERE b.oid = customers)
                    AND c.relname IN ('customer_events', 'customer_phones', 'phone_proofs'))
                AND customer_identity_internal.count_rows_of(r.relation, r.way, customer, customers) > 0
        );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_empty_customer(uuid, regclass) IS
    'Whether a customer has no phone, no notes, no points and no rows in any table any more';

CREATE FUNCTION customer_identity_internal.promote_alias(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    promoted text := customer_identity_internal.phones_of(customer_id, customers) ->> 0;
BEGIN
    IF promoted IS NOT NULL AND customer_identity_internal.customer_row(customer_id, customers) ->> 'phone' IS NULL THEN
        PERFORM customer_identity_internal.write_primary_phone(customer_id, promoted, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.promote_alias(uuid, regclass) IS
    'Makes a further phone of a customer without a primary one the primary one';

-- Logins of a customer with a further phone column that names somebody, or orders whose own phone does: their keys, for each phone.
CREATE FUNCTION customer_identity_internal.other_claims(referencing regclass, customer_id uuid, customers regclass)
    RETURNS TABLE (phone text, name text, keys jsonb)
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    setup constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
BEGIN
    RETURN QUERY EXECUTE format($sql$
        SELECT c.phone, min(%1$s), jsonb_agg(%2$s)
        FROM %3$s AS r
        CROSS JOIN LATERAL (SELECT %4$s) AS c (phone)
        WHERE r.%5$I = $1 AND c.phone IS NOT NULL
        GROUP BY c.phone
        ORDER BY c.phone
        $sql$,
        CASE WHEN setup.name_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', setup.name_column) END,
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), setup.customer_column), setup.customer_column),
        referencing, customer_identity_internal.claim_expression(setup), setup.customer_column)
        USING customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.other_claims(regclass, uuid, regclass) IS
    'The phones by which rows of a customer in an attached table name somebody: phone, name, keys';

-- Logins, and then their orders, go to whom another phone of theirs names; other orders to whom their own phone leads already.
CREATE FUNCTION customer_identity_internal.move_by_other_claims(source uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    claim record;
    target uuid;
    targets uuid[] := '{}';
BEGIN
    FOR part IN SELECT a.attached, a.customer_column, a.kind FROM customer_identity_internal.attached_in_order(customers) AS a LOOP
        IF part.kind = 'orders' THEN
            PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, source, t.id,
                customer_identity_internal.keys_by_phones(part.attached, source, '{}'::text[], t.id, NULL::timestamptz, '{}'::jsonb, customers), customers)
            FROM unnest(targets) AS t (id);
            PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, source, h.holder, c.keys, customers)
            FROM customer_identity_internal.other_claims(part.attached, source, customers) AS c
            CROSS JOIN LATERAL customer_identity_internal.holder_of_phone(c.phone, customers) AS h (holder)
            WHERE h.holder IS NOT NULL;
            CONTINUE;
        END IF;
        FOR claim IN SELECT c.* FROM customer_identity_internal.other_claims(part.attached, source, customers) AS c LOOP
            target := customer_identity_internal.claim_customer(claim.phone, claim.name, customers);
            CONTINUE WHEN target IS NULL;
            PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, source, target, claim.keys, customers);
            targets := targets || target;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_by_other_claims(uuid, regclass) IS
    'Gives the logins and orders of a customer that name somebody by another phone to that one, and orders of such logins';

-- What came by the phone, which names nobody from now on, and by nothing else, belongs to nobody any more.
CREATE FUNCTION customer_identity_internal.cut_links(holder uuid, nobody uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF nobody IS NOT NULL THEN
        PERFORM customer_identity_internal.move_by_other_claims(nobody, customers);
        PERFORM customer_identity_internal.move_references(a.attached, a.customer_column, nobody, NULL::uuid, NULL::jsonb, customers)
        FROM customer_identity_internal.attached_in_order(customers) AS a;
        PERFORM customer_identity.flush_totals(customers);
        PERFORM customer_identity_internal.delete_customer(nobody, customers);
    END IF;
    PERFORM customer_identity_internal.promote_alias(holder, customers);
    PERFORM customer_identity.flush_totals(customers);
    IF customer_identity_internal.is_empty_customer(holder, customers) THEN
        PERFORM customer_identity_internal.delete_customer(holder, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.cut_links(uuid, uuid, regclass) IS
    'Unlinks what rested on a phone alone, and removes its customer when nothing else is left';

CREATE FUNCTION customer_identity_internal.require_rule(rule text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rule NOT IN ('nobody', 'shared') THEN
        RAISE EXCEPTION 'there is no such rule'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Rules are nobody and shared; NULL takes a rule away.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_rule(text) IS
    'Raises 22023 for a rule that there is not';

-- The phone leads to a customer whom this transaction has not seen: the next try sees it, unless its snapshot is older.
CREATE FUNCTION customer_identity_internal.write_rule(phone text, rule text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rules constant text := customer_identity_internal.companion_of(customers, 'phone_rules');
BEGIN
    IF rule IS NULL THEN
        EXECUTE format('DELETE FROM %s AS r WHERE r.phone = $1', rules) USING phone;
        RETURN;
    END IF;
    EXECUTE format('INSERT INTO %s AS r (phone, rule, actor, reason) VALUES ($1, $2, $3, $4)'
        ' ON CONFLICT (phone) DO UPDATE SET rule = $2, actor = $3, reason = $4, created_at = $5', rules)
        USING phone, rule, actor, reason, now();
EXCEPTION WHEN SQLSTATE 'CI006' THEN
    RAISE EXCEPTION 'another transaction has just given the phone to a customer'
        USING ERRCODE = CASE current_setting('transaction_isolation')
            WHEN 'read committed' THEN 'lock_not_available' ELSE 'serialization_failure' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_rule(text, text, text, text, regclass) IS
    'Writes the rule of a phone, or none';

-- Waits for who changes one of them, as they have no total until their customer is there. Citus locks no rows of a subquery.
CREATE FUNCTION customer_identity_internal.hold_orders_of_nobody(
    referencing regclass, column_name text, customer_id uuid, customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    held bigint;
BEGIN
    PERFORM customer_identity_internal.require_references(referencing, ARRAY[column_name], customers);
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %s AS r WHERE r.%I = $1 %s) AS h', referencing, column_name,
        CASE WHEN customer_identity_internal.is_spread(customers) THEN '' ELSE 'FOR NO KEY UPDATE' END)
        INTO held
        USING customer_id;
    RETURN held;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.hold_orders_of_nobody(regclass, text, uuid, regclass) IS
    'How many rows of a table have a computed id that is no customer''s: they stay as they are until this transaction ends';

-- Waits for orders that hold the rule, as they are nobody's by it.
CREATE FUNCTION customer_identity_internal.end_rule_nobody(phone text, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended bigint;
BEGIN
    EXECUTE format('DELETE FROM %s AS r WHERE r.phone = $1 AND r.rule = ''nobody''',
        customer_identity_internal.companion_of(customers, 'phone_rules'))
        USING phone;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended > 0;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_rule_nobody(text, regclass) IS
    'Takes the rule nobody from a phone. False: it did not have it';

-- Where ids are computed, orders with a phone of nobody have had the id of its first holder all along, unless there has
-- been one. A snapshot that is older than the end of the rule may show neither them nor what they add up to.
CREATE FUNCTION customer_identity_internal.claim_orders_of_nobody(phone text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_id uuid;
    is_taken boolean;
    orders numeric;
BEGIN
    EXECUTE format('SELECT %s FROM (VALUES ($1, 0)) AS v (phone, phone_generation)', customer_identity_internal.id_of_phone())
        INTO own_id
        USING phone;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS c WHERE c.id = $1)', customers) INTO is_taken USING own_id;
    IF is_taken THEN
        RETURN;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'an older snapshot may not show all orders of a phone that names nobody'
            USING ERRCODE = 'feature_not_supported', HINT = 'Take the rule away in a transaction of READ COMMITTED.';
    END IF;
    orders := (
        SELECT sum(customer_identity_internal.hold_orders_of_nobody(a.attached, a.customer_column, own_id, customers))
        FROM customer_identity_internal.attached_in_order(customers) AS a
        WHERE a.kind = 'orders'
    );
    IF orders > 0 THEN
        PERFORM customer_identity_internal.claim_customer(phone, NULL::text, customers);
        PERFORM customer_identity.flush_totals(customers);
        -- From just below its id.
        PERFORM customer_identity_internal.rebuild_customers(overlay(own_id::text PLACING '000000000000' FROM 25)::uuid, own_id, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.claim_orders_of_nobody(text, regclass) IS
    'Makes the customer of a phone that names somebody again, if there are orders of it, with their totals';

-- The phone is free before the rule is written, and the rule is there before other phones are looked at.
CREATE FUNCTION customer_identity_internal.try_to_set_rule(phone text, rule text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder constant uuid := customer_identity_internal.holder_of_phone(phone, customers);
    had_nobody boolean := false;
    nobody uuid;
BEGIN
    IF holder IS NOT NULL THEN
        PERFORM customer_identity_internal.write_event(customers, holder, 'phone_rule_set',
            jsonb_strip_nulls(jsonb_build_object('phone', phone, 'rule', rule, 'reason', reason)), actor);
    END IF;
    IF rule = 'nobody' AND holder IS NOT NULL THEN
        PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'the rule nobody for the phone of a customer', 'release_phone() first: what is there stays with the customer.');
        PERFORM customer_identity_internal.lock_for_merge(holder, holder, customers);
        nobody := customer_identity_internal.move_to_new_holder(holder, phone, false, NULL::timestamptz, customers);
        PERFORM customer_identity_internal.free_phone(customer_identity_internal.customer_row(holder, customers), phone, actor, reason, customers);
        PERFORM customer_identity_internal.write_rule(phone, rule, actor, reason, customers);
        PERFORM customer_identity_internal.cut_links(holder, nobody, customers);
    ELSE
        IF rule IS DISTINCT FROM 'nobody' AND customer_identity_internal.has_computed_ids(customers) THEN
            had_nobody := customer_identity_internal.end_rule_nobody(phone, customers);
        END IF;
        PERFORM customer_identity_internal.write_rule(phone, rule, actor, reason, customers);
        PERFORM customer_identity_internal.claim_orders_of_nobody(phone, customers) WHERE had_nobody;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.try_to_set_rule(text, text, text, text, regclass) IS
    'set_phone_rule(), or 55P03 when something is in use';

CREATE FUNCTION customer_identity.set_phone_rule(
    phone text,
    rule text,
    region text DEFAULT NULL,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    e164 constant text := customer_identity_internal.readable_phone(phone, region);
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
BEGIN
    PERFORM customer_identity_internal.require_rule(rule);
    PERFORM customer_identity_internal.take_turn(customers);
    -- The rules are on every node, and whoever adds a customer there looks at them.
    PERFORM customer_identity_internal.use_one_connection(customers);
    LOOP
        BEGIN
            PERFORM customer_identity_internal.be_impatient();
            PERFORM customer_identity_internal.try_to_set_rule(e164, rule, actor, reason, customers);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.set_phone_rule(text, text, text, text, text, regclass) IS
    'Says that a phone names nobody (rows with it stay unlinked, and what rests on it alone is cut), or a household (shared: each login sees its own orders only); NULL takes the rule away';
REVOKE EXECUTE ON FUNCTION customer_identity.set_phone_rule(text, text, text, text, text, regclass) FROM PUBLIC;
