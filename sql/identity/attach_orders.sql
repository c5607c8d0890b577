CREATE FUNCTION customer_identity_internal.require_timing(timing text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF timing IS NULL OR timing NOT IN ('statement', 'commit') THEN
        RAISE EXCEPTION 'timing % is not supported', quote_nullable(customer_identity_internal.shown(timing))
            USING ERRCODE = 'feature_not_supported',
                HINT = 'Use timing => ''statement'' to write totals at the end of each statement, or timing => ''commit'' at the end of the transaction.';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'attach_orders needs a READ COMMITTED transaction'
            USING ERRCODE = 'invalid_transaction_state',
                DETAIL = 'Rows committed after the snapshot of this transaction would be missing from the totals.',
                HINT = 'Run the migration at the default isolation level.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_timing(text) IS
    'Raises for a timing that is not supported, and in a transaction that cannot count orders exactly';

CREATE FUNCTION customer_identity_internal.require_order_values(
    status_column text, counted_statuses text[], payment_column text, cod_values text[], points_per_unit numeric)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.require_pair(status_column IS NOT NULL, counted_statuses IS NOT NULL,
        'status_column', 'counted_statuses', 'status_column => ''status'', counted_statuses => ''{paid,shipped}''');
    PERFORM customer_identity_internal.require_pair(payment_column IS NOT NULL, cod_values IS NOT NULL,
        'payment_column', 'cod_values', 'payment_column => ''payment_method'', cod_values => ''{cash}''');
    PERFORM customer_identity_internal.require_values('counted_statuses', counted_statuses);
    PERFORM customer_identity_internal.require_values('cod_values', cod_values);
    IF points_per_unit IS NULL OR points_per_unit = 'NaN' OR abs(points_per_unit) > 1000000000
        OR length(points_per_unit::text) > 64 THEN
        RAISE EXCEPTION 'points_per_unit must be a number up to 1000000000'
            USING ERRCODE = 'invalid_parameter_value', HINT = '0 means that orders earn no points.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_order_values(text, text[], text, text[], numeric) IS
    'Raises 22023 for statuses, cash values and points that attach_orders cannot use';

CREATE FUNCTION customer_identity_internal.require_order_columns(
    orders regclass, user_column text, phone_column text, amount_column text, status_column text, payment_column text, region_column text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.require_column(orders, amount_column, 'amount_column');
    PERFORM customer_identity_internal.require_written_column(orders, phone_column, 'phone_column');
    PERFORM customer_identity_internal.require_written_column(orders, user_column, 'user_column');
    PERFORM customer_identity_internal.require_column(orders, status_column, 'status_column') WHERE status_column IS NOT NULL;
    PERFORM customer_identity_internal.require_written_column(orders, payment_column, 'payment_column');
    PERFORM customer_identity_internal.require_written_column(orders, region_column, 'region_column');
    PERFORM customer_identity_internal.require_types(orders, ARRAY[phone_column], region_column, 'phone_column');
    IF user_column IS NULL AND phone_column IS NULL THEN
        RAISE EXCEPTION 'table % has neither a user column nor a phone column to attach orders by', orders
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name one with user_column => ''...'' or phone_column => ''...''.';
    END IF;
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = orders AND a.attname = amount_column
        AND customer_identity_internal.base_type(a.atttypid)
            = ANY ('{numeric,smallint,integer,bigint,real,double precision}'::regtype[]);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column % of % is not a number', quote_ident(amount_column), orders
            USING ERRCODE = 'datatype_mismatch', HINT = 'Use numeric for amounts.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_order_columns(regclass, text, text, text, text, text, text) IS
    'Raises for columns that attach_orders names and cannot use';

CREATE FUNCTION customer_identity_internal.users_to_join(orders regclass, users regclass, user_column text, customers regclass)
    RETURNS customer_identity.attachments
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_users regclass;
    users_setup customer_identity.attachments;
BEGIN
    IF user_column IS NULL THEN
        RETURN NULL;
    END IF;
    found_users := COALESCE(users, customer_identity_internal.users_of(orders, user_column, customers));
    SELECT s.* INTO users_setup
    FROM customer_identity_internal.feeding_setups(found_users, customers) AS s
    WHERE s.kind = 'users';
    IF users_setup.attached IS NULL AND users IS NOT NULL THEN
        RAISE EXCEPTION 'users table % is not attached to %', users, customers
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = format('SELECT customer_identity.attach_users(%L, ...) first.', users::text);
    END IF;
    IF users_setup.attached IS NULL AND found_users IS NOT NULL THEN
        RAISE NOTICE 'users table % is not attached: orders are attached by their phone only', found_users
            USING HINT = format('Call attach_users(%L, ...), then attach_orders again.', found_users::text);
    END IF;
    RETURN users_setup;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_to_join(regclass, regclass, text, regclass) IS
    'The set-up of the users table that orders are joined to, named or found; NULL: they are attached by their phone only';

CREATE FUNCTION customer_identity_internal.attach_orders_to(
    orders regclass, users regclass, user_column text, phone_column text, amount_column text, status_column text,
    counted_statuses text[], points_per_unit numeric, payment_column text, cod_values text[], region_column text, timing text,
    customer_column text, default_region text, personal_columns text[], count_existing boolean, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users_setup customer_identity.attachments;
    users_key text;
BEGIN
    PERFORM customer_identity_internal.require_timing(timing);
    PERFORM customer_identity_internal.require_attachable(orders, 'orders', customers);
    PERFORM customer_identity_internal.require_order_values(status_column, counted_statuses, payment_column, cod_values, points_per_unit);
    user_column := customer_identity_internal.optional_column(orders, user_column, 'user_column', 'user_id');
    phone_column := customer_identity_internal.optional_column(orders, phone_column, 'phone_column', 'phone');
    PERFORM customer_identity_internal.require_order_columns(
        orders, user_column, phone_column, amount_column, status_column, payment_column, region_column);
    PERFORM customer_identity_internal.require_personal_columns(orders, personal_columns,
        ARRAY[user_column, amount_column, status_column, payment_column, customer_column] || customer_identity_internal.primary_key_columns(orders));
    default_region := customer_identity_internal.required_region(default_region);

    users_setup := customer_identity_internal.users_to_join(orders, users, user_column, customers);
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', orders);
    IF users_setup.attached IS NOT NULL THEN
        users_key := customer_identity_internal.users_key_of(orders, user_column, users_setup.attached);
    END IF;

    PERFORM customer_identity_internal.ensure_customer_column(orders, customer_column, customers);
    -- For a user who gets a phone (earlier orders are attached), and for one who is deleted.
    PERFORM customer_identity_internal.ensure_index(orders, user_column)
    WHERE customer_identity_internal.comparable_type(orders, user_column)
        = customer_identity_internal.comparable_type(users_setup.attached, users_key);
    PERFORM customer_identity_internal.ensure_phone_triggers(customers) WHERE customer_identity_internal.is_owner(customers);
    PERFORM customer_identity_internal.create_triggers(orders, 'attach_order', customer_identity_internal.written_arguments(
        '{customers,users,users_key,users_customer,user,phone,region,default_region,payment}'::text[]
            || customer_identity_internal.repeated('cod', cod_values) || '{customer}'::text[]
            || customer_identity_internal.repeated('personal', personal_columns),
        ARRAY[customer_identity_internal.qualified_name(customers), customer_identity_internal.qualified_name(users_setup.attached),
            users_key, users_setup.customer_column, user_column, phone_column, region_column, default_region, payment_column]
            || COALESCE(cod_values, '{}') || ARRAY[customer_column] || personal_columns));
    PERFORM customer_identity_internal.create_triggers(orders, 'maintain_totals', customer_identity_internal.written_arguments(
        '{customers,customer,amount,status,points_per_unit,timing}'::text[]
            || customer_identity_internal.repeated('counted', counted_statuses),
        ARRAY[customer_identity_internal.qualified_name(customers), customer_column, amount_column, status_column,
            points_per_unit::text, NULLIF(timing, 'statement')]
            || COALESCE(counted_statuses, '{}')));
    PERFORM customer_identity_internal.require_like_heirs(orders);
    -- Until the lock was there a value could be renamed; until the triggers were, nobody may act as the table's owner.
    PERFORM customer_identity_internal.require_held(orders, status_column, counted_statuses, 'counted_statuses', customers);
    PERFORM customer_identity_internal.require_held(orders, payment_column, cod_values, 'cod_values', customers);
    PERFORM customer_identity_internal.notice_no_region(orders, ARRAY[phone_column], region_column, default_region);
    PERFORM customer_identity.flush_totals(customers);
    IF NOT count_existing THEN
        RAISE NOTICE 'the orders that % has had so far are not in the totals', orders
            USING HINT = format('CALL customer_identity.recount_totals(customers => %L); adds them.', customers::text);
        RETURN;
    END IF;
    PERFORM customer_identity_internal.rebuild_book(customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attach_orders_to(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, text[], boolean, regclass) IS
    'attach_orders for a book that is named';

CREATE FUNCTION customer_identity.attach_orders(
    orders regclass,
    users regclass DEFAULT NULL,
    user_column text DEFAULT 'user_id',
    phone_column text DEFAULT 'phone',
    amount_column text DEFAULT 'total',
    status_column text DEFAULT NULL,
    counted_statuses text[] DEFAULT NULL,
    points_per_unit numeric DEFAULT 1,
    payment_column text DEFAULT NULL,
    cod_values text[] DEFAULT NULL,
    region_column text DEFAULT NULL,
    timing text DEFAULT 'statement',
    customer_column text DEFAULT 'customer_id',
    default_region text DEFAULT NULL,
    personal_columns text[] DEFAULT NULL,
    count_existing boolean DEFAULT true,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.attach_orders_to(orders, users, user_column, phone_column, amount_column, status_column,
    counted_statuses, points_per_unit, payment_column, cod_values, region_column, timing,
    customer_column, default_region, personal_columns, COALESCE(count_existing, true), customer_identity_internal.book(customers));
COMMENT ON FUNCTION customer_identity.attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, text[], boolean, regclass) IS
    'Attaches the orders of a table to their customers and keeps totals from now on. Calling it again replaces the set-up';
REVOKE EXECUTE ON FUNCTION customer_identity.attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, text, text[], boolean, regclass) FROM PUBLIC;
