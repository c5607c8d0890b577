-- NULL: the holder is too new for this transaction to see.
CREATE FUNCTION customer_identity_internal.refuse_taken_phone(phone text, holder uuid)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF holder IS NULL THEN
        RAISE EXCEPTION 'another transaction has just given the phone to a customer' USING ERRCODE = 'serialization_failure';
    END IF;
    RAISE EXCEPTION 'the phone is another customer''s'
        USING ERRCODE = 'CI006', DETAIL = format('Phone %s leads to customer %s.', phone, holder),
            HINT = 'customer_identity.merge_customers() makes two customers one; release_phone() frees a number that has a new holder.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_taken_phone(text, uuid) IS
    'Raises CI006 for a phone that leads to somebody else';

-- The customer is locked first, as the change of a key locks it: with a weaker lock that has to be raised later, an order
-- that holds the customer meanwhile and this would wait for each other.
CREATE FUNCTION customer_identity_internal.locked_customer(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR UPDATE', customers) USING customer_id;
    RETURN customer_identity_internal.customer_row(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.locked_customer(uuid, regclass) IS
    'The row of a customer, locked; P0002 when there is none';

CREATE FUNCTION customer_identity_internal.require_no_rule(phone text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_ruled boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE r.phone = $1 AND r.rule = ''nobody'')',
        customer_identity_internal.companion_of(customers, 'phone_rules'))
        INTO is_ruled
        USING phone;
    IF is_ruled THEN
        RAISE EXCEPTION 'the phone names nobody'
            USING ERRCODE = 'CI006', DETAIL = format('Phone %s has the rule nobody.', phone),
                HINT = 'customer_identity.set_phone_rule() with a NULL rule takes it away.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_no_rule(text, regclass) IS
    'Raises CI006 for a phone that names nobody by rule';

-- A phone that another transaction has just given to somebody is not seen by a transaction that is older.
CREATE FUNCTION customer_identity_internal.insert_alias(customer_id uuid, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder uuid;
BEGIN
    EXECUTE format('INSERT INTO %s (customer_id, phone, reason, actor) VALUES ($1, $2, $3, $4)',
        customer_identity_internal.companion_of(customers, 'customer_phones'))
        USING customer_id, phone, reason, actor;
EXCEPTION WHEN unique_violation THEN
    holder := customer_identity_internal.holder_of_phone(phone, customers);
    IF holder IS DISTINCT FROM customer_id THEN
        PERFORM customer_identity_internal.refuse_taken_phone(phone, holder);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.insert_alias(uuid, text, text, text, regclass) IS
    'Makes a phone lead to a customer';

-- NULL: the phone leads to nobody.
CREATE FUNCTION customer_identity_internal.holder_of_phone(phone text, customers regclass)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder uuid;
BEGIN
    EXECUTE format(
        'SELECT c.id FROM %s AS c WHERE c.phone = $1'
        ' UNION ALL SELECT a.customer_id FROM %s AS a WHERE a.phone = $1 AND a.until IS NULL',
        customers, customer_identity_internal.companion_of(customers, 'customer_phones'))
        INTO holder
        USING phone;
    RETURN holder;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.holder_of_phone(text, regclass) IS
    'The customer that an E.164 phone leads to';

-- Raises CI006 unless the phone is the customer's, or free. True: it is free.
CREATE FUNCTION customer_identity_internal.is_free_phone(phone text, customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder constant uuid := customer_identity_internal.holder_of_phone(phone, customers);
BEGIN
    IF holder <> customer_id THEN
        PERFORM customer_identity_internal.refuse_taken_phone(phone, holder);
    END IF;
    PERFORM customer_identity_internal.require_no_rule(phone, customers);
    RETURN holder IS NULL;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_free_phone(text, uuid, regclass) IS
    'Whether a phone leads to nobody yet; CI006 when it is somebody else''s, or names nobody by rule';

-- Where ids are computed: the row of the number's own id stays without a phone, which tells who comes with that id, or looks
-- for the number, to ask whose further phone it is.
CREATE FUNCTION customer_identity_internal.reserve_number(phone text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_id uuid;
BEGIN
    EXECUTE format('SELECT %s FROM (VALUES ($1, 0)) AS v (phone, phone_generation)', customer_identity_internal.id_of_phone())
        INTO own_id
        USING phone;
    EXECUTE format('INSERT INTO %s (id, phone, phone_generation) VALUES ($1, NULL, -1) ON CONFLICT (id) DO NOTHING', customers) USING own_id;
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR NO KEY UPDATE', customers) USING own_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.reserve_number(text, regclass) IS
    'Keeps the first id of a number from becoming a customer, and others who give the number to somebody waiting';

CREATE FUNCTION customer_identity_internal.try_to_add_phone(
    customer_id uuid, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.be_impatient();
    IF customer_identity_internal.has_computed_ids(customers) THEN
        PERFORM customer_identity_internal.reserve_number(phone, customers);
    END IF;
    PERFORM customer_identity_internal.locked_customer(customer_id, customers);
    IF customer_identity_internal.is_free_phone(phone, customer_id, customers) THEN
        PERFORM customer_identity_internal.insert_alias(customer_id, phone, actor, reason, customers);
        PERFORM customer_identity_internal.write_event(customers, customer_id, 'phone_added',
            jsonb_strip_nulls(jsonb_build_object('phone', phone, 'reason', reason)), actor);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.try_to_add_phone(uuid, text, text, text, regclass) IS
    'add_phone(), or 55P03 when something is in use';

CREATE FUNCTION customer_identity.add_phone(
    customer_id uuid,
    phone text,
    region text DEFAULT NULL,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS text
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    e164 constant text := customer_identity_internal.readable_phone(phone, region);
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
BEGIN
    LOOP
        BEGIN
            PERFORM customer_identity_internal.try_to_add_phone(customer_id, e164, actor, reason, customers);
            RETURN e164;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.add_phone(uuid, text, text, text, text, regclass) IS
    'Makes a further phone lead to a customer, and returns it in E.164. CI006 when it is another customer''s';
REVOKE EXECUTE ON FUNCTION customer_identity.add_phone(uuid, text, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.end_alias(phone text, customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('UPDATE %s AS a SET until = now() WHERE a.phone = $1 AND a.customer_id = $2 AND a.until IS NULL',
        customer_identity_internal.companion_of(customers, 'customer_phones'))
        USING phone, customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_alias(text, uuid, regclass) IS
    'A further phone leads to its customer no more';

CREATE FUNCTION customer_identity_internal.end_proofs_of(phone text, customer_id uuid, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended record;
BEGIN
    FOR ended IN EXECUTE format(
        'UPDATE %s AS p SET ended_at = now(), ended_reason = $3 WHERE p.phone = $1 AND p.customer_id = $2 AND p.ended_at IS NULL RETURNING p.user_id',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING phone, customer_id, reason
    LOOP
        PERFORM customer_identity_internal.write_event(customers, customer_id, 'proof_ended',
            jsonb_strip_nulls(jsonb_build_object('reason', reason, 'user_id', ended.user_id)), NULL::text);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_proofs_of(text, uuid, text, regclass) IS
    'Ends the proofs of a phone that leads to its customer no more';

CREATE FUNCTION customer_identity_internal.write_primary_phone(customer_id uuid, phone text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder uuid;
BEGIN
    PERFORM customer_identity_internal.write_columns(customer_id,
        jsonb_build_object('phone', phone, 'updated_at', clock_timestamp()), customers);
EXCEPTION WHEN unique_violation THEN
    holder := customer_identity_internal.holder_of_phone(phone, customers);
    IF holder = customer_id THEN
        RAISE;
    END IF;
    PERFORM customer_identity_internal.refuse_taken_phone(phone, holder);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_primary_phone(uuid, text, regclass) IS
    'Gives a customer its primary phone; the triggers see to proofs, the flag and the further phones';

-- It was the primary one since the customer has had another, or is there.
CREATE FUNCTION customer_identity_internal.insert_former_phone(customer_id uuid, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('INSERT INTO %1$s (customer_id, phone, since, until, reason, actor)'
        ' SELECT c.id, $2, GREATEST(c.created_at, (SELECT max(a.until) FROM %1$s AS a WHERE a.customer_id = c.id)), now(), $3, $4'
        ' FROM %2$s AS c WHERE c.id = $1',
        customer_identity_internal.companion_of(customers, 'customer_phones'), customers)
        USING customer_id, phone, reason, actor;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.insert_former_phone(uuid, text, text, text, regclass) IS
    'Keeps a phone that a customer had';

CREATE FUNCTION customer_identity_internal.try_to_change_phone(
    customer_id uuid, phone text, keep_old boolean, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_phone text;
BEGIN
    PERFORM customer_identity_internal.be_impatient();
    old_phone := customer_identity_internal.locked_customer(customer_id, customers) ->> 'phone';
    PERFORM customer_identity_internal.is_free_phone(phone, customer_id, customers);
    IF phone IS NOT DISTINCT FROM old_phone THEN
        RETURN;
    END IF;
    IF keep_old AND old_phone IS NOT NULL THEN
        PERFORM customer_identity_internal.insert_alias(customer_id, old_phone, actor, reason, customers);
    ELSIF old_phone IS NOT NULL THEN
        PERFORM customer_identity_internal.insert_former_phone(customer_id, old_phone, actor, reason, customers);
    END IF;
    PERFORM customer_identity_internal.write_primary_phone(customer_id, phone, customers);
    PERFORM customer_identity_internal.write_event(customers, customer_id, 'phone_changed',
        jsonb_strip_nulls(jsonb_build_object('old', old_phone, 'new', phone, 'kept', COALESCE(keep_old, false), 'reason', reason)), actor);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.try_to_change_phone(uuid, text, boolean, text, text, regclass) IS
    'change_phone(), or 55P03 when something is in use';

CREATE FUNCTION customer_identity.change_phone(
    customer_id uuid,
    new_phone text,
    region text DEFAULT NULL,
    keep_old boolean DEFAULT false,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS text
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    e164 constant text := customer_identity_internal.readable_phone(new_phone, region);
    started constant timestamptz := clock_timestamp();
    attempt integer := 0;
BEGIN
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'another phone for a customer', 'add_phone() makes the new number a further one; release_phone() frees the old one.');
    LOOP
        BEGIN
            PERFORM customer_identity_internal.try_to_change_phone(customer_id, e164, keep_old, actor, reason, customers);
            RETURN e164;
        EXCEPTION WHEN lock_not_available THEN
            attempt := attempt + 1;
        END;
        PERFORM customer_identity_internal.wait_for_next_try(started, attempt);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.change_phone(uuid, text, text, boolean, text, text, regclass) IS
    'Gives a customer a new primary phone: id, totals, points, orders and logins stay. The old one goes on leading there (keep_old), or is free and its proofs end. CI006 when the new one is another customer''s';
REVOKE EXECUTE ON FUNCTION customer_identity.change_phone(uuid, text, text, boolean, text, text, regclass) FROM PUBLIC;
