CREATE FUNCTION customer_identity_internal.column_type(relation regclass, column_name text)
    RETURNS regtype
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT customer_identity_internal.base_type(a.atttypid)
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.column_type(regclass, text) IS
    'The type of a column, below any domains';

-- A table without a key has its rows' places, which an update changes.
CREATE FUNCTION customer_identity_internal.row_key_column(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(customer_identity_internal.key_column(relation), 'ctid');
COMMENT ON FUNCTION customer_identity_internal.row_key_column(regclass) IS
    'The column that orders of the same time are told apart by';

-- The newest come first, those of unknown time last; orders of one time by the name of their table, and
-- in one table by falling key. `after` is parameter $3.
CREATE FUNCTION customer_identity_internal.after_place(orders customer_identity.attachments, after jsonb)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN after IS NULL THEN 'true'
            WHEN after ->> 'key' IS NULL THEN format('(t.at IS NULL AND %s)', s.same_time)
            ELSE format('(t.at < ($3 ->> ''key'')::timestamptz OR t.at IS NULL OR (t.at = ($3 ->> ''key'')::timestamptz AND %s))', s.same_time)
        END
        FROM (
            SELECT CASE
                WHEN p.name COLLATE "C" > (after ->> 'table') COLLATE "C" THEN 'true'
                WHEN p.name = after ->> 'table' THEN
                    format('r.%I < %L::%s', k.name, after ->> 'id',
                        customer_identity_internal.type_name(customer_identity_internal.column_type(orders.attached, k.name)))
                ELSE 'false'
            END
            FROM customer_identity_internal.qualified_name(orders.attached) AS p (name),
                customer_identity_internal.row_key_column(orders.attached) AS k (name)
        ) AS s (same_time)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.after_place(customer_identity.attachments, jsonb) IS
    'The condition that order r, placed at t.at, comes after a place, which is parameter $3';

-- $1 is a customer, $2 a user's id.
CREATE FUNCTION customer_identity_internal.orders_query(customers regclass, orders customer_identity.attachments, condition text, after jsonb)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format(
            '(SELECT %1$s || jsonb_build_object(''table'', %2$L::text) AS item, t.at, %2$L::text COLLATE "C" AS relation,'
            ' customer_identity_internal.as_text(r.%3$I) AS id, row_number() OVER (ORDER BY t.at DESC NULLS LAST, r.%3$I DESC) AS place'
            ' FROM %4$s AS r CROSS JOIN LATERAL (SELECT %5$s) AS t (at)'
            ' WHERE %6$s AND %7$s ORDER BY t.at DESC NULLS LAST, r.%3$I DESC LIMIT $4)',
            customer_identity_internal.row_object(orders.attached, customers), customer_identity_internal.qualified_name(orders.attached),
            customer_identity_internal.row_key_column(orders.attached), orders.attached, customer_identity_internal.time_of_row(orders.attached),
            condition, customer_identity_internal.after_place(orders, after))
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.orders_query(regclass, customer_identity.attachments, text, jsonb) IS
    'The query of a page of orders of one table';

CREATE FUNCTION customer_identity_internal.order_condition(orders customer_identity.attachments, users regclass, user_id text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN orders.users = order_condition.users AND customer_identity_internal.is_value(u.type, user_id)
                THEN format('(r.%1$I = $1 OR (r.%2$I = %3$L::%4$s%5$s))',
                    orders.customer_column, orders.user_column, user_id, customer_identity_internal.type_name(u.type),
                    -- Users 7 and 007 are two people, whatever the orders keep of them.
                    CASE WHEN u.type <> k.type THEN format(' AND customer_identity_internal.as_text(r.%I) = $2', orders.user_column) ELSE '' END)
            ELSE format('r.%I = $1', orders.customer_column)
        END
        FROM customer_identity_internal.column_type(orders.attached, orders.user_column) AS u (type)
        CROSS JOIN customer_identity_internal.column_type(
            order_condition.users, customer_identity_internal.key_column(order_condition.users)) AS k (type)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_condition(customer_identity.attachments, regclass, text) IS
    'The condition that order r is the customer''s, or that user''s, who is one of these users';

CREATE FUNCTION customer_identity_internal.require_order_place(place jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF place IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM customer_identity_internal.attachments_of(customers) AS o
    WHERE o.kind = 'orders' AND customer_identity_internal.qualified_name(o.attached) = place ->> 'table'
        AND customer_identity_internal.is_value(
            customer_identity_internal.column_type(o.attached, customer_identity_internal.row_key_column(o.attached)), place ->> 'id');
    IF NOT FOUND THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_order_place(jsonb, regclass) IS
    'Raises 22023 for a place in no attached orders table';

-- A customer's orders, and those of a user in `users`; NULL is nobody.
CREATE FUNCTION customer_identity_internal.order_page(
    customer_id uuid, users regclass, user_id text, page_size integer, after text, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    size constant integer := COALESCE(page_size, 50);
    list constant jsonb := jsonb_build_array('orders', customer_id, user_id);
    place constant jsonb := customer_identity_internal.read_cursor(list, after, 'timestamptz', 'text');
    queries text;
    items jsonb[];
    places jsonb[];
BEGIN
    PERFORM customer_identity_internal.require_page_size(size);
    PERFORM customer_identity_internal.require_order_place(place, customers);
    SELECT string_agg(
        customer_identity_internal.orders_query(customers, o, customer_identity_internal.order_condition(o, users, user_id), place),
        ' UNION ALL ')
    INTO queries
    FROM customer_identity_internal.attachments_of(customers) AS o
    WHERE o.kind = 'orders';
    IF queries IS NOT NULL THEN
        EXECUTE format(
            'SELECT array_agg(p.item), array_agg(jsonb_build_object(''key'', p.at, ''table'', p.relation, ''id'', p.id))'
            ' FROM (SELECT * FROM (%s) AS t ORDER BY t.at DESC NULLS LAST, t.relation, t.place LIMIT $4) AS p', queries)
            INTO items, places
            USING customer_id, user_id, place, size + 1;
    END IF;
    RETURN customer_identity_internal.page_of(items, size, customer_identity_internal.write_cursor(list, places[size]));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_page(uuid, regclass, text, integer, text, regclass) IS
    'A page of the orders of a customer and a user, with the rights of its caller';

CREATE FUNCTION customer_identity_internal.customer_orders_as_owner(customer_id uuid, page_size integer, after text, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
RETURN customer_identity_internal.order_page(customer_id, NULL, NULL, page_size, after, customers);
COMMENT ON FUNCTION customer_identity_internal.customer_orders_as_owner(uuid, integer, text, regclass) IS
    'customer_orders as the owner of the book';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.customer_orders_as_owner(uuid, integer, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.customer_orders(
    customer_id uuid, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE c STABLE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION customer_identity.customer_orders(uuid, integer, text, regclass) IS
    'A page of a customer''s orders, of every login and attached table, the newest first: items and the cursor of the next page';
REVOKE EXECUTE ON FUNCTION customer_identity.customer_orders(uuid, integer, text, regclass) FROM PUBLIC;

-- The same id in two users tables would be two people.
CREATE FUNCTION customer_identity_internal.find_user(user_id text, customers regclass, OUT users regclass, OUT customer_id uuid)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
AS $$
DECLARE
    attached customer_identity.attachments;
    key_type regtype;
    found_customer uuid;
    is_found boolean;
BEGIN
    FOR attached IN
        SELECT u.* FROM customer_identity_internal.attachments_of(customers) AS u WHERE u.kind = 'users'
    LOOP
        key_type := customer_identity_internal.column_type(attached.attached, attached.key_column);
        CONTINUE WHEN NOT customer_identity_internal.is_value(key_type, user_id);
        EXECUTE format('SELECT u.%I, true FROM %s AS u WHERE u.%I = %L::%s',
            attached.customer_column, attached.attached, attached.key_column, user_id,
            customer_identity_internal.type_name(key_type))
            INTO found_customer, is_found;
        CONTINUE WHEN is_found IS NULL;
        IF users IS NOT NULL THEN
            RAISE EXCEPTION 'the user''s id is in several users tables'
                USING ERRCODE = 'CI006', DETAIL = format('It is in %s and in %s.', users, attached.attached),
                    HINT = 'Ids have to differ among the users tables of a book.';
        END IF;
        users := attached.attached;
        customer_id := found_customer;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.find_user(text, regclass) IS
    'The users table that has a user, and the user''s customer; CI006 when there are several';

CREATE FUNCTION customer_identity_internal.visible_orders_as_owner(user_id text, page_size integer, after text, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_user constant record := customer_identity_internal.find_user(user_id, customers);
    seen constant uuid := CASE
        WHEN customer_identity.can_see_customer(user_id, found_user.customer_id, customers) THEN found_user.customer_id
    END;
BEGIN
    RETURN customer_identity_internal.order_page(seen, found_user.users, user_id, page_size, after, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.visible_orders_as_owner(text, integer, text, regclass) IS
    'visible_orders as the owner of the book';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.visible_orders_as_owner(text, integer, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.visible_orders(
    user_id text, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE c STABLE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION customer_identity.visible_orders(text, integer, text, regclass) IS
    'A page of the orders that a user may see: the user''s own, and the customer''s where the user has proved the phone';
REVOKE EXECUTE ON FUNCTION customer_identity.visible_orders(text, integer, text, regclass) FROM PUBLIC;
