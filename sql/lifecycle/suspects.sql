CREATE FUNCTION customer_identity_internal.placeholder_digits(phone text)
    RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'placeholder_digits';
COMMENT ON FUNCTION customer_identity_internal.placeholder_digits(text) IS
    'Why a phone in E.164 looks as if nobody had it: repeated_digits, digits_in_sequence, fiction; NULL: it does not';

CREATE FUNCTION customer_identity_internal.match_key(value text)
    RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'match_key';
COMMENT ON FUNCTION customer_identity_internal.match_key(text) IS
    'A number that stands for a text without case, accents and blanks that are too many; NULL when it is blank';

-- The customers are few and known, so each table is asked for them alone.
CREATE FUNCTION customer_identity_internal.names_of_logins(users customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format('SELECT u.customer_id, customer_identity_internal.match_key(u.name) AS name FROM (%s) AS u WHERE u.customer_id = ANY ($1)',
    customer_identity_internal.user_rows(users));
COMMENT ON FUNCTION customer_identity_internal.names_of_logins(customer_identity.attachments) IS
    'The query of the keys of the names of the logins in a table of customers, which are parameter $1';

CREATE FUNCTION customer_identity_internal.names_in(attached regclass, customer_ids uuid[], customers regclass)
    RETURNS TABLE (customer_id uuid, name bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.names_of_logins(customer_identity_internal.attachment_of(attached))
        USING customer_ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.names_in(regclass, uuid[], regclass) IS
    'The keys of the names of the logins in a table of some customers';

CREATE FUNCTION customer_identity_internal.guest_order_rows(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT o.%1$I AS customer_id, count(*) AS orders FROM %2$s AS o WHERE o.%1$I = ANY ($1)%3$s GROUP BY o.%1$I',
        orders.customer_column, orders.attached,
        CASE WHEN orders.user_column IS NOT NULL THEN format(' AND o.%I IS NULL', orders.user_column) END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.guest_order_rows(customer_identity.attachments) IS
    'The query that counts the orders without a login of customers, which are parameter $1';

CREATE FUNCTION customer_identity_internal.guest_orders_in(attached regclass, customer_ids uuid[], customers regclass)
    RETURNS TABLE (customer_id uuid, orders bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.guest_order_rows(customer_identity_internal.attachment_of(attached))
        USING customer_ids;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.guest_orders_in(regclass, uuid[], regclass) IS
    'How many orders in a table some customers placed as guests';

CREATE FUNCTION customer_identity_internal.uses_query(customers regclass, table_kind text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN NOT customer_identity_internal.have_one_owner(a.attached, a.customers) THEN
                format('SELECT * FROM customer_identity_internal.%I(%L::regclass, $1, %L::regclass)',
                    CASE a.kind WHEN 'users' THEN 'names_in' ELSE 'guest_orders_in' END, a.attached::oid, a.customers::oid)
            WHEN a.kind = 'users' THEN customer_identity_internal.names_of_logins(a)
            ELSE customer_identity_internal.guest_order_rows(a)
        END,
        ' UNION ALL ')
    INTO query
    FROM customer_identity_internal.attachments_to_read(uses_query.customers) AS a
    WHERE a.kind = table_kind;
    RETURN COALESCE(query, CASE table_kind
        WHEN 'users' THEN 'SELECT NULL::uuid AS customer_id, NULL::bigint AS name WHERE false'
        ELSE 'SELECT NULL::uuid AS customer_id, NULL::bigint AS orders WHERE false' END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.uses_query(regclass, text) IS
    'The query of the keys of names of logins, or of the numbers of guest orders, of customers, which are parameter $1';

-- Two names of one login, or of a couple, are no sign. Of phones that logins share, a limit keeps those of the most; $1 is how
-- many are needed. Digits have a limit of their own: families would leave no room for them; what is met of them is sorted, not read
-- in the order of an index. Each table is read once, and nothing is joined but what is suspected: on one machine
-- by index, whatever the planner expects.
CREATE FUNCTION customer_identity_internal.suspected_phones(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        SELECT s.id, s.phone, customer_identity_internal.placeholder_digits(s.phone) AS digits
        FROM (
            (
                SELECT s.id, s.phone
                FROM (SELECT c.id, c.phone::text AS phone FROM %3$s AS c UNION ALL %1$s) AS s
                WHERE customer_identity_internal.placeholder_digits(s.phone) IS NOT NULL AND %4$s
                ORDER BY (s.phone || '')
                LIMIT 10000
            )
            UNION ALL
            SELECT l.customer_id, c.phone
            FROM (
                SELECT l.customer_id, count(*) AS users
                FROM (%2$s) AS l
                WHERE l.customer_id IS NOT NULL
                GROUP BY l.customer_id
                HAVING count(*) >= $1
                ORDER BY count(*) DESC
                LIMIT 10000
            ) AS l
            %5$s
        ) AS s
        WHERE %4$s
        GROUP BY s.id, s.phone
        $sql$, customer_identity_internal.further_phones(customers), customer_identity_internal.logins_query(customers), customers,
        CASE WHEN customer_identity_internal.has_companion(customers, 'phone_rules') THEN
            format('NOT EXISTS (SELECT FROM %s AS r WHERE r.phone = s.phone)', customer_identity_internal.companion_of(customers, 'phone_rules'))
            ELSE 'true' END,
        format(
            CASE
                WHEN customer_identity_internal.is_spread(customers) THEN
                    'JOIN (SELECT c.id, c.phone::text AS phone FROM %s AS c WHERE c.phone IS NOT NULL) AS c ON c.id = l.customer_id'
                ELSE 'CROSS JOIN LATERAL (SELECT c.phone::text AS phone FROM %s AS c WHERE c.id = l.customer_id AND c.phone IS NOT NULL OFFSET 0) AS c'
            END,
            customers));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.suspected_phones(regclass) IS
    'The query of phones that could be placeholders, by their digits or because $1 logins or more share them: id, phone, digits';

-- Digits count as five names do, and then each guest order as one more: nobody knows who placed it. Of what is suspected,
-- a few thousand rows are sooner fetched than met in passing.
CREATE FUNCTION customer_identity.phone_suspects(max_rows integer DEFAULT 100, customers regclass DEFAULT NULL)
    RETURNS TABLE (phone text, customer_id uuid, users bigint, guest_orders bigint, names bigint, why text)
    LANGUAGE customer_identity_as_book_owner STABLE COST 100000 ROWS 100
    SET row_security = off
    SET jit = off
    SET random_page_cost = 1.1
AS $$
DECLARE
    many_names constant integer := 3;
    ids uuid[];
    phones text[];
    digits text[];
BEGIN
    PERFORM customer_identity_internal.require_max_rows(max_rows);
    EXECUTE format('SELECT array_agg(s.id), array_agg(s.phone), array_agg(s.digits) FROM (%s) AS s',
        customer_identity_internal.suspected_phones(customers))
        INTO ids, phones, digits
        USING many_names;
    RETURN QUERY EXECUTE format($sql$
        SELECT s.phone, s.id, COALESCE(u.users, 0), COALESCE(o.orders, 0), COALESCE(u.names, 0),
            concat_ws(', ', CASE WHEN u.names >= $4 THEN 'names' END, s.digits)
        FROM unnest($1, $2, $3) AS s (id, phone, digits)
        LEFT JOIN (
            SELECT n.customer_id, count(*) AS users, count(DISTINCT n.name) AS names
            FROM (%s) AS n
            GROUP BY n.customer_id
        ) AS u ON u.customer_id = s.id
        LEFT JOIN (SELECT g.customer_id, sum(g.orders)::bigint AS orders FROM (%s) AS g GROUP BY g.customer_id) AS o ON o.customer_id = s.id
        WHERE u.names >= $4 OR s.digits IS NOT NULL
        ORDER BY COALESCE(u.names, 0) + CASE WHEN s.digits IS NULL THEN 0 ELSE 5 + COALESCE(o.orders, 0) END DESC,
            u.users DESC NULLS LAST, s.phone COLLATE "C"
        LIMIT $5
        $sql$, customer_identity_internal.uses_query(customers, 'users'), customer_identity_internal.uses_query(customers, 'orders'))
        USING ids, phones, digits, many_names, max_rows;
END
$$;
COMMENT ON FUNCTION customer_identity.phone_suspects(integer, regclass) IS
    'Phones without a rule that look like placeholders, by how many names use them and by their digits, worst first';
REVOKE EXECUTE ON FUNCTION customer_identity.phone_suspects(integer, regclass) FROM PUBLIC;
