CREATE FUNCTION customer_identity_internal.keys_of_rows(
    referencing regclass, column_name text, customer_id uuid, named_column text, named_values text[], customers regclass)
    RETURNS TABLE (keys jsonb, found_values text[])
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
BEGIN
    PERFORM customer_identity_internal.require_references(referencing, ARRAY[column_name], customers);
    RETURN QUERY EXECUTE format(
        'SELECT COALESCE(jsonb_agg(%s), ''[]''), COALESCE(array_agg(customer_identity_internal.as_text(r.%2$I)), ''{}'')'
        ' FROM %3$s AS r WHERE r.%4$I = $1 AND customer_identity_internal.as_text(r.%2$I) = ANY ($2)',
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), column_name), column_name),
        named_column, referencing, column_name)
        USING customer_id, named_values;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_of_rows(regclass, text, uuid, text, text[], regclass) IS
    'The keys of a customer''s rows that have one of the values in a column, and the values that were found';

CREATE FUNCTION customer_identity_internal.refuse_split(detail text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the customer cannot be split so'
        USING ERRCODE = 'invalid_parameter_value', DETAIL = detail,
            HINT = 'user_ids are logins of the customer; orders is {"schema.table": ["key", ...]} of orders of the customer, as customer_users() and customer_orders() list them.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_split(text) IS
    'Raises 22023 for a split of what the customer does not have';

-- Returns the ids that were found.
CREATE FUNCTION customer_identity_internal.move_logins(source uuid, target uuid, user_ids text[], customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users record;
    part record;
    moved text[] := '{}';
BEGIN
    FOR users IN SELECT a.* FROM customer_identity_internal.attachments_of(customers) AS a WHERE a.kind = 'users' AND user_ids <> '{}' LOOP
        FOR part IN SELECT k.* FROM customer_identity_internal.keys_of_rows(users.attached, users.customer_column, source, users.key_column, user_ids, customers) AS k LOOP
            PERFORM customer_identity_internal.move_references(users.attached, users.customer_column, source, target, part.keys, customers);
            moved := moved || part.found_values;
        END LOOP;
    END LOOP;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_logins(uuid, uuid, text[], regclass) IS
    'Links logins of one customer to another';

CREATE FUNCTION customer_identity_internal.orders_table(name text, customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE plpgsql STABLE ROWS 1
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT a.* FROM customer_identity_internal.attachments_of(customers) AS a WHERE a.kind = 'orders' AND a.attached = to_regclass(name);
EXCEPTION WHEN invalid_name OR syntax_error OR feature_not_supported THEN
    -- A text that names no table at all.
    RETURN;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.orders_table(text, regclass) IS
    'The attached orders table of that name, or no row';

-- Orders that are named by their keys, as text. Each has to be the customer's.
CREATE FUNCTION customer_identity_internal.move_named_orders(source uuid, target uuid, orders jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named record;
    attached customer_identity.attachments;
    part record;
BEGIN
    FOR named IN
        SELECT o.key AS name, CASE jsonb_typeof(o.value) WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(o.value)) END AS ids
        FROM jsonb_each(orders) AS o
    LOOP
        IF named.ids IS NULL THEN
            PERFORM customer_identity_internal.refuse_split(format('The orders of %s are no array of keys.', customer_identity_internal.shown(named.name)));
        END IF;
        SELECT a.* INTO attached FROM customer_identity_internal.orders_table(named.name, customers) AS a;
        IF NOT FOUND THEN
            PERFORM customer_identity_internal.refuse_split(format('%s is no attached orders table.', customer_identity_internal.shown(named.name)));
        END IF;
        SELECT k.* INTO part
        FROM customer_identity_internal.keys_of_rows(attached.attached, attached.customer_column, source,
            customer_identity_internal.row_key_column(attached.attached), named.ids, customers) AS k;
        IF NOT named.ids <@ part.found_values THEN
            PERFORM customer_identity_internal.refuse_split(format('Not all of these orders in %s are the customer''s.', named.name));
        END IF;
        PERFORM customer_identity_internal.move_references(attached.attached, attached.customer_column, source, target, part.keys, customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_named_orders(uuid, uuid, jsonb, regclass) IS
    'Gives orders of one customer, {"schema.table": [keys]}, to another';

-- What the moved logins have placed goes with them.
CREATE FUNCTION customer_identity_internal.move_orders_of_logins(source uuid, target uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    orders record;
BEGIN
    FOR orders IN SELECT a.attached, a.customer_column FROM customer_identity_internal.attached_in_order(customers) AS a WHERE a.kind = 'orders' LOOP
        PERFORM customer_identity_internal.move_references(orders.attached, orders.customer_column, source, target,
            customer_identity_internal.keys_by_phones(orders.attached, source, '{}'::text[], target, NULL::timestamptz, NULL::jsonb, customers), customers);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_orders_of_logins(uuid, uuid, regclass) IS
    'Gives the orders of a customer that were placed by logins of another one to that one';

-- The phone that the new customer gets: one of the old one's, which loses it, or one that is free.
CREATE FUNCTION customer_identity_internal.take_phone_for_split(phone text, source uuid, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.is_free_phone(phone, source, customers) THEN
        PERFORM customer_identity_internal.free_phone(customer_identity_internal.customer_row(source, customers), phone, actor, reason, customers);
        PERFORM customer_identity_internal.promote_alias(source, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.take_phone_for_split(text, uuid, text, text, regclass) IS
    'Takes a phone away from a customer that has it; CI006 when it is somebody else''s';

-- Their proofs of phones that stay behind are about somebody else now.
CREATE FUNCTION customer_identity_internal.end_proofs_of_logins(user_ids text[], customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'UPDATE %s AS p SET ended_at = now(), ended_reason = ''customer split'' WHERE p.customer_id = $1 AND p.user_id = ANY ($2) AND p.ended_at IS NULL',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING customer_id, user_ids;
    PERFORM customer_identity_internal.mark_as_proved(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.end_proofs_of_logins(text[], uuid, regclass) IS
    'Ends the proofs of logins that leave a customer';

CREATE FUNCTION customer_identity.split_customer(
    customer_id uuid,
    user_ids text[] DEFAULT '{}',
    orders jsonb DEFAULT '{}',
    phone text DEFAULT NULL,
    region text DEFAULT NULL,
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
    e164 constant text := CASE WHEN phone IS NOT NULL THEN customer_identity_internal.readable_phone(phone, region) END;
    target constant uuid := gen_random_uuid();
    proofs jsonb;
BEGIN
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'a split', 'release_phone() frees a further phone: what comes by it from then on is another customer''s.');
    PERFORM customer_identity_internal.take_turn(customers);
    PERFORM customer_identity_internal.customer_row(customer_id, customers);
    PERFORM customer_identity_internal.hold_for_merge(customer_id, customer_id, customers);
    IF jsonb_typeof(COALESCE(orders, '{}')) <> 'object' OR (COALESCE(user_ids, '{}') = '{}' AND COALESCE(orders, '{}') = '{}' AND e164 IS NULL) THEN
        PERFORM customer_identity_internal.refuse_split('Nothing is named that the new customer gets.');
    END IF;
    IF e164 IS NOT NULL THEN
        proofs := customer_identity_internal.live_proofs(e164, customer_id, customers);
        PERFORM customer_identity_internal.take_phone_for_split(e164, customer_id, actor, reason, customers);
    END IF;
    PERFORM customer_identity_internal.insert_customer(jsonb_build_object('id', target, 'phone', e164), '{}', customers);
    IF NOT COALESCE(user_ids, '{}') <@ customer_identity_internal.move_logins(customer_id, target, COALESCE(user_ids, '{}'), customers) THEN
        PERFORM customer_identity_internal.refuse_split('Not all of these logins are the customer''s.');
    END IF;
    PERFORM customer_identity_internal.move_named_orders(customer_id, target, COALESCE(orders, '{}'), customers);
    PERFORM customer_identity_internal.move_orders_of_logins(customer_id, target, customers);
    PERFORM customer_identity_internal.end_proofs_of_logins(user_ids, customer_id, customers);
    IF proofs IS NOT NULL THEN
        PERFORM customer_identity_internal.renew_proofs(proofs, e164, target, customers);
    END IF;
    PERFORM customer_identity_internal.write_event(customers, e.customer, e.event,
        jsonb_strip_nulls(jsonb_build_object('source', customer_id, 'target', target, 'user_ids', to_jsonb(user_ids), 'orders', orders,
            'phone', e164, 'reason', reason)), actor)
    FROM (VALUES (customer_id, 'split'), (target, 'created')) AS e (customer, event);
    RETURN target;
END
$$;
COMMENT ON FUNCTION customer_identity.split_customer(uuid, text[], jsonb, text, text, text, text, regclass) IS
    'Makes a new customer of part of another one: these logins with their orders, these orders ({"schema.table": ["key", ...]}), and the phone, if one is given. Points of entries stay. Returns the new customer';
REVOKE EXECUTE ON FUNCTION customer_identity.split_customer(uuid, text[], jsonb, text, text, text, text, regclass) FROM PUBLIC;
