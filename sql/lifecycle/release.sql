-- What moved a login to the customer later says nothing of when it came by the phone.
CREATE FUNCTION customer_identity_internal.link_times(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    times jsonb;
BEGIN
    EXECUTE format(
        'SELECT COALESCE(jsonb_object_agg(l.user_id, l.at), ''{}'') FROM ('
        ' SELECT e.details ->> ''user_id'' AS user_id, max(e.created_at) AS at FROM %s AS e'
        ' WHERE e.customer_id = $1 AND e.event = ''user_linked'' AND e.details ->> ''cause'' IN (''sign_up'', ''phone_changed'')'
        ' AND e.details ->> ''user_id'' IS NOT NULL GROUP BY 1) AS l',
        customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO times
        USING customer_id;
    RETURN times;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.link_times(uuid, regclass) IS
    'When each login last came to a customer by its phone, by the history';

-- The phone is the customer's no more: its proofs end.
CREATE FUNCTION customer_identity_internal.free_phone(customer jsonb, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer ->> 'phone' = phone THEN
        PERFORM customer_identity_internal.insert_former_phone((customer ->> 'id')::uuid, phone, actor, reason, customers);
        PERFORM customer_identity_internal.write_primary_phone((customer ->> 'id')::uuid, NULL::text, customers);
    ELSE
        PERFORM customer_identity_internal.end_alias(phone, (customer ->> 'id')::uuid, customers);
        PERFORM customer_identity_internal.end_proofs_of(phone, (customer ->> 'id')::uuid, 'phone released', customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.free_phone(jsonb, text, text, text, regclass) IS
    'Frees a phone of a customer, the primary or a further one';

-- What came by the phone, since a time or ever. NULL: nothing did, and there is no new customer, who has the phone if
-- `has_phone`.
CREATE FUNCTION customer_identity_internal.move_to_new_holder(
    source uuid, phone text, has_phone boolean, since timestamptz, customers regclass)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target constant uuid := gen_random_uuid();
    links constant jsonb := customer_identity_internal.link_times(source, customers);
    part record;
    keys jsonb;
    is_made boolean := false;
BEGIN
    FOR part IN SELECT a.attached, a.customer_column FROM customer_identity_internal.attached_in_order(customers) AS a LOOP
        keys := customer_identity_internal.keys_by_phones(part.attached, source, ARRAY[phone], target, since, links, customers);
        CONTINUE WHEN keys = '[]';
        IF NOT is_made THEN
            PERFORM customer_identity_internal.insert_customer(jsonb_build_object('id', target, 'phone', CASE WHEN has_phone THEN phone END), '{}', customers);
            is_made := true;
        END IF;
        PERFORM customer_identity_internal.move_references(part.attached, part.customer_column, source, target, keys, customers);
    END LOOP;
    RETURN CASE WHEN is_made THEN target END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_to_new_holder(uuid, text, boolean, timestamptz, regclass) IS
    'Gives a new customer what came by a phone of another one';

-- Who proved the phone and is the new holder's login has proved it for the new holder.
CREATE FUNCTION customer_identity_internal.live_proofs(phone text, customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs jsonb;
BEGIN
    EXECUTE format('SELECT COALESCE(jsonb_agg(to_jsonb(p.*)), ''[]'') FROM %s AS p WHERE p.phone = $1 AND p.customer_id = $2 AND p.ended_at IS NULL AND p.user_id IS NOT NULL',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        INTO proofs
        USING phone, customer_id;
    RETURN proofs;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.live_proofs(text, uuid, regclass) IS
    'The live proofs of a customer''s phone by logins';

-- As the owner of the book, who may not be granted the public function.
CREATE FUNCTION customer_identity_internal.renew_proof(phone text, user_id text, method text, region text, customers regclass)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'record_proof';
COMMENT ON FUNCTION customer_identity_internal.renew_proof(text, text, text, text, regclass) IS
    'What record_proof() does';

CREATE FUNCTION customer_identity_internal.renew_proofs(proofs jsonb, phone text, customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proof record;
BEGIN
    FOR proof IN SELECT p.value ->> 'user_id' AS user_id, p.value ->> 'method' AS method FROM jsonb_array_elements(proofs) AS p LOOP
        CONTINUE WHEN (customer_identity_internal.find_user(proof.user_id, customers)).customer_id IS DISTINCT FROM customer_id;
        PERFORM customer_identity_internal.renew_proof(phone, proof.user_id, proof.method, NULL::text, customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.renew_proofs(jsonb, text, uuid, regclass) IS
    'Records proofs again for the customer whose logins made them';

CREATE FUNCTION customer_identity_internal.tell_of_tables_without_times(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    untimed text;
BEGIN
    FOR untimed IN
        SELECT customer_identity_internal.told_name(a.attached)
        FROM customer_identity_internal.attachments_of(customers) AS a
        WHERE a.kind = 'orders' AND customer_identity_internal.time_column(a.attached) IS NULL
    LOOP
        RAISE NOTICE 'orders of guests in % stay with the old holder: no column that is known tells when they were placed', untimed
            USING HINT = 'It is read from a column created_at, placed_at, ordered_at or order_date. split_customer() moves the orders that you name.';
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.tell_of_tables_without_times(regclass) IS
    'Gives a notice of each table of orders that cannot be told apart by their times';

CREATE FUNCTION customer_identity.release_phone(
    customer_id uuid,
    phone text DEFAULT NULL,
    since timestamptz DEFAULT NULL,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS uuid
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    customer jsonb;
    e164 text;
    proofs jsonb;
    new_holder uuid;
BEGIN
    PERFORM customer_identity_internal.take_turn(customers);
    IF since IS NOT NULL THEN
        PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'giving a new holder the orders that are there', 'Leave since out: what is there stays with the old holder, and orders from now on are the new one''s.');
        PERFORM customer_identity_internal.customer_row(customer_id, customers);
        PERFORM customer_identity_internal.tell_of_tables_without_times(customers);
        PERFORM customer_identity_internal.hold_for_merge(customer_id, customer_id, customers);
    END IF;
    customer := customer_identity_internal.locked_customer(customer_id, customers);
    e164 := CASE WHEN phone IS NULL THEN customer ->> 'phone' ELSE customer_identity_internal.readable_phone(phone, NULL::text) END;
    IF e164 IS NULL OR customer_identity_internal.holder_of_phone(e164, customers) IS DISTINCT FROM customer_id THEN
        RAISE EXCEPTION 'the phone is not the customer''s'
            USING ERRCODE = 'CI006', DETAIL = format('Phones of the customer: %s.', customer_identity_internal.phones_of(customer_id, customers)),
                HINT = 'Pass one of these, or NULL for the primary one.';
    END IF;
    proofs := customer_identity_internal.live_proofs(e164, customer_id, customers);
    PERFORM customer_identity_internal.free_phone(customer, e164, actor, reason, customers);
    IF since IS NOT NULL THEN
        new_holder := customer_identity_internal.move_to_new_holder(customer_id, e164, true, since, customers);
    END IF;
    IF new_holder IS NOT NULL THEN
        PERFORM customer_identity_internal.renew_proofs(proofs, e164, new_holder, customers);
    END IF;
    PERFORM customer_identity_internal.write_event(customers, customer_id, 'phone_released',
        jsonb_strip_nulls(jsonb_build_object('phone', e164, 'since', since, 'new_holder', new_holder, 'reason', reason)), actor);
    IF new_holder IS NOT NULL THEN
        PERFORM customer_identity_internal.write_event(customers, new_holder, 'created',
            jsonb_build_object('from', 'release_phone', 'old_holder', customer_id), actor);
    END IF;
    RETURN new_holder;
END
$$;
COMMENT ON FUNCTION customer_identity.release_phone(uuid, text, timestamptz, text, text, regclass) IS
    'The phone (NULL: the primary one) has a new holder: it leads to the customer no more, who keeps the history. With since, logins linked and orders placed by it since then go to a new customer, whose id is returned; else NULL';
REVOKE EXECUTE ON FUNCTION customer_identity.release_phone(uuid, text, timestamptz, text, text, regclass) FROM PUBLIC;
