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

-- Administrators: these functions, and not a single table.
GRANT EXECUTE ON FUNCTION
    customer_identity.list_customers,
    customer_identity.customer_details,
    customer_identity.customer_users,
    customer_identity.customer_orders,
    customer_identity.customer_history,
    customer_identity.update_customer,
    customer_identity.customer_stats,
    customer_identity.fraud_signals
TO shop_admin;
