-- A table without a key has its rows' places, which an update changes. Of a key of several columns it is the id, which
-- several rows may have.
CREATE FUNCTION customer_identity_internal.row_key_column(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN (
    SELECT CASE
        WHEN cardinality(k.key) = 1 THEN k.key[1]
        WHEN customer_identity_internal.column_type(relation, 'id') IS NOT NULL THEN 'id'
        ELSE 'ctid'
    END
    FROM customer_identity_internal.primary_key_columns(relation) AS k (key)
);
COMMENT ON FUNCTION customer_identity_internal.row_key_column(regclass) IS
    'The column by which a row is named: its key, else its id, else its place';

-- Partitions have rows at the same places, and tables that inherit have no key of their parent.
CREATE FUNCTION customer_identity_internal.page_key(relation regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN EXISTS (SELECT FROM customer_identity_internal.heirs_of(relation)) THEN '{tableoid,ctid}'
        ELSE COALESCE(customer_identity_internal.primary_key_columns(relation), '{tableoid,ctid}')
    END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.page_key(regclass) IS
    'The columns that orders of the same time are told apart by';

CREATE FUNCTION customer_identity_internal.after_key(relation regclass, id text[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key constant text[] := customer_identity_internal.page_key(relation);
    condition text := 'false';
    type regtype;
BEGIN
    FOR i IN REVERSE cardinality(key)..1 LOOP
        type := customer_identity_internal.column_type(relation, key[i]);
        condition := format('(r.%1$I %2$s %3$L::%4$s OR (r.%1$I %5$s %3$L::%4$s AND %6$s))', key[i],
            customer_identity_internal.less_of(type), id[i], customer_identity_internal.type_name(type),
            customer_identity_internal.equality_of(type), condition);
    END LOOP;
    RETURN condition;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.after_key(regclass, text[]) IS
    'The condition that row r has a lower key';

-- The newest come first, those of unknown time last; orders of one time by the name of their table, and
-- in one table by falling key. `after` is parameter $2.
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
            ELSE format('(t.at < ($2 ->> ''key'')::timestamptz OR t.at IS NULL OR (t.at = ($2 ->> ''key'')::timestamptz AND %s))', s.same_time)
        END
        FROM (
            SELECT CASE
                WHEN p.name COLLATE "C" > (after ->> 'table') COLLATE "C" THEN 'true'
                WHEN p.name = after ->> 'table' THEN
                    customer_identity_internal.after_key(orders.attached, (after ->> 'id')::text[])
                ELSE 'false'
            END
            FROM customer_identity_internal.told_name(orders.attached) AS p (name)
        ) AS s (same_time)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.after_place(customer_identity.attachments, jsonb) IS
    'The condition that order r, placed at t.at, comes after a place, which is parameter $2';

-- $1 is a customer. Only the page's own rows are numbered: then the orders of a customer are not sorted further than that.
CREATE FUNCTION customer_identity_internal.orders_query(orders customer_identity.attachments, condition text, after jsonb)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format(
            '(SELECT to_jsonb(l.row) || jsonb_build_object(''table'', %1$L::text) AS item, l.at, %1$L::text COLLATE "C" AS relation,'
            ' ARRAY[%2$s]::text AS id, row_number() OVER (ORDER BY l.at DESC NULLS LAST, %3$s) AS place'
            ' FROM (SELECT (r.*)::%4$s AS row, t.at, %5$s FROM %6$s AS r CROSS JOIN LATERAL (SELECT %7$s) AS t (at)'
            ' WHERE %8$s AND %9$s ORDER BY t.at DESC NULLS LAST, %10$s LIMIT $3) AS l)',
            customer_identity_internal.told_name(orders.attached), k.texts, k.falling,
            customer_identity_internal.type_name(c.reltype::regtype), k.columns, orders.attached,
            customer_identity_internal.time_of_row(orders.attached), condition,
            customer_identity_internal.after_place(orders, after), k.rows_falling)
        FROM pg_class AS c,
            LATERAL (
                SELECT string_agg(format('customer_identity_internal.exact_text(l.key%s)', k.n), ', ' ORDER BY k.n) AS texts,
                    string_agg(format('l.key%s DESC', k.n), ', ' ORDER BY k.n) AS falling,
                    string_agg(format('r.%I AS key%s', k.name, k.n), ', ' ORDER BY k.n) AS columns,
                    string_agg(format('r.%I DESC', k.name), ', ' ORDER BY k.n) AS rows_falling
                FROM unnest(customer_identity_internal.page_key(orders.attached)) WITH ORDINALITY AS k (name, n)
            ) AS k
        WHERE c.oid = orders.attached
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.orders_query(customer_identity.attachments, text, jsonb) IS
    'The query of a page of orders of one table';

CREATE FUNCTION customer_identity_internal.compares_bytes(orders customer_identity.attachments)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN NOT EXISTS (
    SELECT
    FROM pg_attribute AS a
    JOIN pg_collation AS c ON c.oid = a.attcollation
    WHERE (a.attrelid, a.attname) IN ((orders.users, orders.users_key_column), (orders.attached, orders.user_column))
        AND NOT c.collisdeterministic
);
COMMENT ON FUNCTION customer_identity_internal.compares_bytes(customer_identity.attachments) IS
    'Whether texts of an order''s user and of its users table are equal in no other way than byte by byte';

-- `user_value` is what the user's row has in the column that the orders are joined by.
CREATE FUNCTION customer_identity_internal.order_condition(orders customer_identity.attachments, user_value text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    condition text := format('r.%I = $1', orders.customer_column);
    type regtype := customer_identity_internal.column_type(orders.attached, orders.user_column);
    users_type regtype := customer_identity_internal.column_type(orders.users, orders.users_key_column);
BEGIN
    IF customer_identity_internal.comparable_type(orders.attached, orders.user_column) = 'N'
        AND customer_identity_internal.comparable_type(orders.users, orders.users_key_column) = 'N' THEN
        type := users_type;
    END IF;
    IF user_value IS NULL OR NOT customer_identity_internal.is_value(type, user_value) THEN
        RETURN condition;
    END IF;
    -- Users 7 and 007 are two people, whatever the orders keep of them. Another collation keeps an index from being used.
    RETURN format('(%s OR (r.%I%s %s %L::%s%s))', condition, orders.user_column,
        CASE WHEN customer_identity_internal.compares_bytes(orders) THEN '' ELSE customer_identity_internal.collation_of_users(orders) END,
        customer_identity_internal.equality_of(type),
        user_value, customer_identity_internal.type_name(type),
        CASE WHEN type <> users_type THEN format(' AND customer_identity_internal.as_text(r.%I) = %L', orders.user_column, user_value) END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_condition(customer_identity.attachments, text) IS
    'The condition that order r is that customer''s or that user''s, either of whom may be nobody';

CREATE FUNCTION customer_identity_internal.is_page_key(attached regclass, id text[], customers regclass)
    RETURNS boolean
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    key constant text[] := customer_identity_internal.page_key(attached);
BEGIN
    IF array_ndims(id) > 1 OR array_lower(id, 1) <> 1 THEN
        RETURN false;
    END IF;
    RETURN cardinality(id) = cardinality(key) AND array_position(id, NULL) IS NULL AND NOT EXISTS (
        SELECT FROM unnest(key, id) AS k (name, value)
        WHERE NOT customer_identity_internal.is_value(customer_identity_internal.column_type(attached, k.name), k.value));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_page_key(regclass, text[], regclass) IS
    'Whether texts can be read as the key of a table, whose types may be of the making of its owner';

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
    WHERE o.kind = 'orders' AND customer_identity_internal.told_name(o.attached) = place ->> 'table';
    IF NOT FOUND OR NOT customer_identity_internal.is_value('text[]'::regtype, place ->> 'id')
        OR customer_identity_internal.is_page_key(orders, (place ->> 'id')::text[], customers) IS NOT TRUE THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_order_place(jsonb, regclass) IS
    'Raises 22023 for a place in no attached orders table';

CREATE FUNCTION customer_identity_internal.orders_in(
    attached regclass, customer_id uuid, user_value text, after jsonb, page_limit integer, customers regclass)
    RETURNS TABLE (item jsonb, at timestamptz, relation text, id text, place bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
DECLARE
    orders customer_identity.attachments := customer_identity_internal.attachment_of(attached);
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.orders_query(
        orders, customer_identity_internal.order_condition(orders, user_value), after)
        USING customer_id, after, page_limit;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.orders_in(regclass, uuid, text, jsonb, integer, regclass) IS
    'A page of the orders in a table of a customer and a user';

CREATE FUNCTION customer_identity_internal.is_user(users customer_identity.attachments, user_id text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type regtype := customer_identity_internal.column_type(users.attached, users.key_column);
BEGIN
    IF NOT customer_identity_internal.is_value(type, user_id) THEN
        RETURN 'false';
    END IF;
    -- As everywhere, another spelling is another login.
    RETURN format('%s AND customer_identity_internal.as_text(u.%I) = %L',
        customer_identity_internal.equals_value(format('u.%I', users.key_column), type, user_id), users.key_column, user_id);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_user(customer_identity.attachments, text) IS
    'The condition that user u has an id';

CREATE FUNCTION customer_identity_internal.user_value(attached regclass, user_id text, column_name text, customers regclass)
    RETURNS text
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    users customer_identity.attachments := customer_identity_internal.attachment_of(attached);
    found_value text;
BEGIN
    IF customer_identity_internal.column_type(attached, column_name) IS NOT NULL THEN
        EXECUTE format('SELECT customer_identity_internal.as_text(u.%I) FROM %s AS u WHERE %s',
            column_name, attached, customer_identity_internal.is_user(users, user_id))
            INTO found_value;
    END IF;
    RETURN found_value;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.user_value(regclass, text, text, regclass) IS
    'What a user''s row has in a column, by which orders may be joined';

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
                customer_identity_internal.orders_query(o, customer_identity_internal.order_condition(o, v.user_value), place)
            ELSE format('(SELECT p.* FROM customer_identity_internal.orders_in(%L::regclass, $1, %L, $2, $3, %L::regclass) AS p)',
                o.attached::oid, v.user_value, customers::oid)
        END,
        ' UNION ALL ')
    INTO queries
    FROM customer_identity_internal.attachments_to_read(customers) AS o
    -- An id may come with the collation of its column.
    LEFT JOIN LATERAL customer_identity_internal.user_value(users, user_id COLLATE "default", o.users_key_column, customers) AS v (user_value)
        ON o.users = users
    WHERE o.kind = 'orders';
    IF queries IS NOT NULL THEN
        EXECUTE format(
            'SELECT array_agg(p.item), array_agg(jsonb_build_object(''key'', p.at, ''table'', p.relation, ''id'', p.id))'
            ' FROM (SELECT * FROM (%s) AS t ORDER BY t.at DESC NULLS LAST, t.relation, t.place LIMIT $3) AS p', queries)
            INTO items, places
            USING customer_id, place, size + 1;
    END IF;
    RETURN customer_identity_internal.page_of(items, size, customer_identity_internal.write_cursor(list, places[size]));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_page(uuid, regclass, text, integer, text, regclass) IS
    'A page of the orders of a customer and a user, with the rights of its caller';

CREATE FUNCTION customer_identity.customer_orders(
    customer_id uuid, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
AS $$
BEGIN
    RETURN customer_identity_internal.order_page(customer_id, NULL, NULL, page_size, after, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.customer_orders(uuid, integer, text, regclass) IS
    'A page of a customer''s orders, of every login and attached table, newest first: items and the cursor of the next page';
REVOKE EXECUTE ON FUNCTION customer_identity.customer_orders(uuid, integer, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.find_user_in(
    attached regclass, user_id text, customers regclass, OUT is_found boolean, OUT customer_id uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
DECLARE
    users customer_identity.attachments := customer_identity_internal.attachment_of(attached);
BEGIN
    EXECUTE format('SELECT true, u.%I FROM %s AS u WHERE %s',
        users.customer_column, attached, customer_identity_internal.is_user(users, user_id))
        INTO is_found, customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.find_user_in(regclass, text, regclass) IS
    'Whether a table has a user, and the user''s customer';

-- The same id in two users tables could be two people.
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
                    HINT = 'Ids must be unique across the users tables of a book.';
        END IF;
        users := attached;
        customer_id := found_user.customer_id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.find_user(text, regclass) IS
    'The users table that has a user, and the user''s customer; CI006 when there are several';

CREATE FUNCTION customer_identity.visible_orders(
    user_id text, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
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
COMMENT ON FUNCTION customer_identity.visible_orders(text, integer, text, regclass) IS
    'A page of the orders that a user may see: the user''s own, and the customer''s where the user has proved the phone';
REVOKE EXECUTE ON FUNCTION customer_identity.visible_orders(text, integer, text, regclass) FROM PUBLIC;
