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
CREATE FUNCTION customer_identity_internal.orders_query(orders customer_identity.attachments, condition text, after jsonb)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format(
            '(SELECT to_jsonb(r.*) || jsonb_build_object(''table'', %1$L::text) AS item, t.at, %1$L::text COLLATE "C" AS relation,'
            ' customer_identity_internal.as_text(r.%2$I) AS id, row_number() OVER (ORDER BY t.at DESC NULLS LAST, r.%2$I DESC) AS place'
            ' FROM %3$s AS r CROSS JOIN LATERAL (SELECT %4$s) AS t (at)'
            ' WHERE %5$s AND %6$s ORDER BY t.at DESC NULLS LAST, r.%2$I DESC LIMIT $4)',
            customer_identity_internal.qualified_name(orders.attached),
            customer_identity_internal.row_key_column(orders.attached), orders.attached, customer_identity_internal.time_of_row(orders.attached),
            condition, customer_identity_internal.after_place(orders, after))
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.orders_query(customer_identity.attachments, text, jsonb) IS
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

CREATE FUNCTION customer_identity_internal.is_row_key_as_owner(attached regclass, value text, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN customer_identity_internal.is_value(
        customer_identity_internal.column_type(attached, customer_identity_internal.row_key_column(attached)), value);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_row_key_as_owner(regclass, text, regclass) IS
    'is_row_key as the owner of the table';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.is_row_key_as_owner(regclass, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.is_row_key(attached regclass, value text, customers regclass)
    RETURNS boolean
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'call_as_table_owner';
COMMENT ON FUNCTION customer_identity_internal.is_row_key(regclass, text, regclass) IS
    'Whether a text can be read as the key of a table, whose type may be of the making of its owner';

CREATE FUNCTION customer_identity_internal.require_order_place(place jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    orders regclass;
BEGIN
    IF place IS NULL THEN
        RETURN;
    END IF;
    SELECT o.attached INTO orders
    FROM customer_identity_internal.attachments_to_read(customers) AS o
    WHERE o.kind = 'orders' AND customer_identity_internal.qualified_name(o.attached) = place ->> 'table';
    IF NOT FOUND OR NOT customer_identity_internal.is_row_key(orders, place ->> 'id', customers) THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_order_place(jsonb, regclass) IS
    'Raises 22023 for a place in no attached orders table';

CREATE FUNCTION customer_identity_internal.orders_in_as_owner(
    attached regclass, customer_id uuid, users regclass, user_id text, after jsonb, most integer, customers regclass)
    RETURNS TABLE (item jsonb, at timestamptz, relation text, id text, place bigint)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    orders customer_identity.attachments := customer_identity_internal.attachment_of(attached);
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.orders_query(
        orders, customer_identity_internal.order_condition(orders, users, user_id), after)
        USING customer_id, user_id, after, most;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.orders_in_as_owner(regclass, uuid, regclass, text, jsonb, integer, regclass) IS
    'orders_in as the owner of the table';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.orders_in_as_owner(regclass, uuid, regclass, text, jsonb, integer, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.orders_in(
    attached regclass, customer_id uuid, users regclass, user_id text, after jsonb, most integer, customers regclass)
    RETURNS TABLE (item jsonb, at timestamptz, relation text, id text, place bigint)
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'call_as_table_owner';
COMMENT ON FUNCTION customer_identity_internal.orders_in(regclass, uuid, regclass, text, jsonb, integer, regclass) IS
    'A page of the orders in a table of a customer and a user';

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
        CASE
            WHEN customer_identity_internal.have_one_owner(o.attached, customers) THEN
                customer_identity_internal.orders_query(o, customer_identity_internal.order_condition(o, users, user_id), place)
            ELSE format('(SELECT p.* FROM customer_identity_internal.orders_in(%L::regclass, $1, %L::regclass, $2, $3, $4, %L::regclass) AS p)',
                o.attached::oid, users::oid, customers::oid)
        END,
        ' UNION ALL ')
    INTO queries
    FROM customer_identity_internal.attachments_to_read(customers) AS o
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

CREATE FUNCTION customer_identity_internal.find_user_in_as_owner(
    attached regclass, user_id text, customers regclass, OUT is_found boolean, OUT customer_id uuid)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users customer_identity.attachments := customer_identity_internal.attachment_of(attached);
    key_type regtype := customer_identity_internal.column_type(attached, users.key_column);
BEGIN
    IF customer_identity_internal.is_value(key_type, user_id) THEN
        EXECUTE format('SELECT true, u.%I FROM %s AS u WHERE u.%I = %L::%s',
            users.customer_column, attached, users.key_column, user_id, customer_identity_internal.type_name(key_type))
            INTO is_found, customer_id;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.find_user_in_as_owner(regclass, text, regclass) IS
    'find_user_in as the owner of the table';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.find_user_in_as_owner(regclass, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.find_user_in(
    attached regclass, user_id text, customers regclass, OUT is_found boolean, OUT customer_id uuid)
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'call_as_table_owner';
COMMENT ON FUNCTION customer_identity_internal.find_user_in(regclass, text, regclass) IS
    'Whether a table has a user, and the user''s customer';

-- The same id in two users tables would be two people.
CREATE FUNCTION customer_identity_internal.find_user(user_id text, customers regclass, OUT users regclass, OUT customer_id uuid)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    attached regclass;
    found_user record;
BEGIN
    FOR attached IN
        SELECT u.attached FROM customer_identity_internal.attachments_to_read(customers) AS u WHERE u.kind = 'users'
    LOOP
        found_user := customer_identity_internal.find_user_in(attached, user_id, customers);
        CONTINUE WHEN found_user.is_found IS NULL;
        IF users IS NOT NULL THEN
            RAISE EXCEPTION 'the user''s id is in several users tables'
                USING ERRCODE = 'CI006', DETAIL = format('It is in %s and in %s.', users, attached),
                    HINT = 'Ids have to differ among the users tables of a book.';
        END IF;
        users := attached;
        customer_id := found_user.customer_id;
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
