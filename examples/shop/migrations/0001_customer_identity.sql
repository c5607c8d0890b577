-- One phone, one person: from here on every login and every order finds its customer.
CREATE EXTENSION customer_identity;
SELECT customer_identity.create_tables();

SELECT customer_identity.attach_users(
    '"user"',
    phone_columns => '{phone_number,phone}',
    verified_column => 'phone_number_verified',
    name_column => 'name');

SELECT customer_identity.attach_orders(
    'orders',
    users => '"user"',
    status_column => 'status',
    counted_statuses => '{paid,shipped,delivered}',
    payment_column => 'payment',
    cod_values => '{cash}');

-- Lets the shop name a guest without the right to read or write customers.
CREATE FUNCTION customer_of_guest(phone text, preferred_name text) RETURNS uuid
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    RETURN customer_identity.get_or_create_customer(phone, preferred_name, customers => 'public.customers');
REVOKE EXECUTE ON FUNCTION customer_of_guest FROM PUBLIC;

-- Shows an order to whoever knows its key, without the right to read orders.
CREATE FUNCTION order_of_key(idempotency_key text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    RETURN (
        SELECT jsonb_build_object('id', o.id, 'user_id', o.user_id, 'items', o.items, 'total', o.total, 'payment', o.payment)
        FROM public.orders AS o
        WHERE o.idempotency_key = order_of_key.idempotency_key);
REVOKE EXECUTE ON FUNCTION order_of_key FROM PUBLIC;

-- The shop: Better Auth's tables, and orders, which it writes but cannot read.
GRANT SELECT, INSERT, UPDATE, DELETE ON "user", session, account, verification TO shop_app;
GRANT INSERT, SELECT (id) ON orders TO shop_app;
GRANT EXECUTE ON FUNCTION
    customer_of_guest,
    order_of_key,
    customer_identity.start_verification,
    customer_identity.check_verification,
    customer_identity.visible_orders
TO shop_app;

-- What administrators do to logins and proofs, without the right to read or write either. The history names
-- them, and their reason.
CREATE FUNCTION sign_events(ids uuid[], actor text, reason text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE public.customer_events AS e
    SET actor = sign_events.actor, details = e.details || jsonb_build_object('reason', sign_events.reason)
    WHERE e.customer_id = ANY (sign_events.ids) AND e.created_at = now();
END;
REVOKE EXECUTE ON FUNCTION sign_events FROM PUBLIC;

CREATE FUNCTION link_login(customer_id uuid, login text, is_linked boolean, actor text, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_login record;
BEGIN
    SELECT u.id, u.customer_id INTO found_login
    FROM public."user" AS u
    WHERE (u.id = link_login.login OR u.email = lower(link_login.login))
        AND (is_linked OR u.customer_id = link_login.customer_id)
    ORDER BY u.id = link_login.login DESC
    LIMIT 1
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such login' USING ERRCODE = 'P0002';
    END IF;
    UPDATE public."user" AS u
    SET customer_id = CASE WHEN is_linked THEN link_login.customer_id END
    WHERE u.id = found_login.id;
    PERFORM public.sign_events(ARRAY[found_login.customer_id, link_login.customer_id], actor, reason);
END
$$;
REVOKE EXECUTE ON FUNCTION link_login FROM PUBLIC;

CREATE FUNCTION set_proof(customer_id uuid, phone text, user_id text, is_proved boolean, actor text, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity.normalize_phone(phone) IS NULL THEN
        RAISE EXCEPTION 'the phone cannot be read' USING ERRCODE = 'CI001';
    END IF;
    IF customer_identity.find_customer(phone, customers => 'public.customers') IS DISTINCT FROM customer_id THEN
        RAISE EXCEPTION 'the phone is not one of the customer''s' USING ERRCODE = 'CI006';
    END IF;
    IF is_proved THEN
        PERFORM customer_identity.record_proof(phone, user_id, 'administrator', customers => 'public.customers');
    ELSE
        PERFORM customer_identity.revoke_proof(phone, user_id, reason, customers => 'public.customers');
    END IF;
    PERFORM public.sign_events(ARRAY[customer_id], actor, reason);
END
$$;
REVOKE EXECUTE ON FUNCTION set_proof FROM PUBLIC;

CREATE FUNCTION adjust_points_of(customer_id uuid, points bigint, idempotency_key text, actor text, reason text) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    RETURN customer_identity.adjust_points(customer_id, points, reason, idempotency_key, actor, 'public.customers');
REVOKE EXECUTE ON FUNCTION adjust_points_of FROM PUBLIC;

-- Administrators: these functions, and not a single table.
GRANT EXECUTE ON FUNCTION
    customer_identity.list_customers,
    customer_identity.customer_details,
    customer_identity.customer_users,
    customer_identity.customer_orders,
    customer_identity.customer_history,
    customer_identity.update_customer,
    customer_identity.customer_stats,
    customer_identity.fraud_signals,
    customer_identity.add_phone,
    customer_identity.change_phone,
    customer_identity.release_phone,
    customer_identity.set_phone_rule,
    customer_identity.phone_suspects,
    customer_identity.merge_preview,
    customer_identity.merge_customers,
    customer_identity.unmerge_customers,
    customer_identity.split_customer,
    customer_identity.duplicate_customers,
    customer_identity.dismiss_duplicate,
    customer_identity.confirm_holder,
    customer_identity.start_verification,
    customer_identity.check_verification,
    customer_identity.export_customer,
    customer_identity.erase_preview,
    customer_identity.erase_customer,
    link_login,
    set_proof,
    adjust_points_of
TO shop_admin;
