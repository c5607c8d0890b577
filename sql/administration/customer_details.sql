-- By the phones that let a user see the customer: the primary one, and those that lead to the customer as well.
CREATE FUNCTION customer_identity_internal.provers_of(customer_id uuid, customers regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones text[];
    provers text[];
BEGIN
    EXECUTE format('SELECT array_agg(n.phone) FROM (SELECT c.phone::text FROM %s AS c WHERE c.id = $1 UNION ALL SELECT f.phone FROM (%s) AS f WHERE f.id = $1) AS n (phone)',
        customers, customer_identity_internal.further_phones(customers))
        INTO phones
        USING customer_id;
    EXECUTE format('SELECT array_agg(DISTINCT p.user_id) FROM %s AS p WHERE p.customer_id = $1 AND p.phone = ANY ($2) AND p.ended_at IS NULL AND p.user_id IS NOT NULL',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        INTO provers
        USING customer_id, phones;
    RETURN COALESCE(provers, '{}');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.provers_of(uuid, regclass) IS
    'The users with a live proof of a phone of a customer';

CREATE FUNCTION customer_identity_internal.order_time_rows(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT %s AS at, r.%I AS customer_id FROM %s AS r',
        customer_identity_internal.time_of_row(orders.attached), orders.customer_column, orders.attached);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_time_rows(customer_identity.attachments) IS
    'The query that tells when each order of a table was placed';

CREATE FUNCTION customer_identity_internal.first_and_last_order(attached regclass, customer_id uuid, customers regclass)
    RETURNS TABLE (at timestamptz)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT unnest(ARRAY[min(o.at), max(o.at)]) FROM (%s) AS o WHERE o.customer_id = $1',
        customer_identity_internal.order_time_rows(customer_identity_internal.attachment_of(attached)))
        USING customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.first_and_last_order(regclass, uuid, regclass) IS
    'When a customer placed the first and the last order in a table';

-- For where customer c is joined to the times of its orders.
CREATE FUNCTION customer_identity_internal.order_times(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(o.attached, o.customers) THEN customer_identity_internal.order_time_rows(o)
            ELSE format('SELECT o.at, c.id AS customer_id FROM customer_identity_internal.first_and_last_order(%L::regclass, c.id, %L::regclass) AS o',
                o.attached::oid, o.customers::oid)
        END,
        ' UNION ALL ')
    INTO query
    FROM customer_identity_internal.attachments_to_read(order_times.customers) AS o
    WHERE o.kind = 'orders';
    RETURN COALESCE(query, 'SELECT NULL::timestamptz AS at, NULL::uuid AS customer_id');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.order_times(regclass) IS
    'The query that tells when the orders of customer c were placed';

-- The primary one first, then those that lead to the customer as well, then former ones. What was a further phone before it
-- became the primary one has not ceased to lead here.
CREATE FUNCTION customer_identity_internal.phone_list(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    phones jsonb;
BEGIN
    IF customer_identity_internal.companion_problem(customers, 'customer_phones') IS NOT NULL THEN
        RETURN '[]';
    END IF;
    EXECUTE format($sql$
        SELECT COALESCE(jsonb_agg(to_jsonb(p.*) ORDER BY p.primary DESC, p.until DESC NULLS FIRST, p.since, p.phone), '[]')
        FROM (
            SELECT c.phone::text, true, NULL::timestamptz, NULL::timestamptz, NULL::text, NULL::text
            FROM %1$s AS c
            WHERE c.id = $1 AND c.phone IS NOT NULL
            UNION ALL
            SELECT a.phone::text, false, a.since, a.until, a.reason, a.actor
            FROM %2$s AS a
            WHERE a.customer_id = $1 AND (a.until IS NULL OR NOT EXISTS (SELECT FROM %1$s AS c WHERE c.id = $1 AND c.phone = a.phone))
        ) AS p (phone, "primary", since, until, reason, actor)
        $sql$, customers, customer_identity_internal.companion_of(customers, 'customer_phones'))
        INTO phones
        USING customer_id;
    RETURN phones;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.phone_list(uuid, regclass) IS
    'The phones of a customer, live and former ones; empty where the book keeps none';

-- A customer that was merged into this one may have won merges before: these are in force as well. Each is looked up,
-- whatever the planner expects.
CREATE FUNCTION customer_identity_internal.merge_list(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    merges jsonb;
BEGIN
    IF customer_identity_internal.companion_problem(customers, 'customer_merges') IS NOT NULL THEN
        RETURN '[]';
    END IF;
    EXECUTE format($sql$
        WITH RECURSIVE merged (id, loser_id) AS (
            SELECT m.id, m.loser_id FROM %1$s AS m WHERE m.winner_id = $1
            UNION
            SELECT m.id, m.loser_id
            FROM merged AS l
            CROSS JOIN LATERAL (SELECT k.id, k.loser_id FROM %1$s AS k WHERE k.winner_id = l.loser_id OFFSET 0) AS m
        )
        SELECT COALESCE(jsonb_agg(
            jsonb_build_object('id', m.id, 'winner', m.winner_id, 'loser', m.loser_id, 'merged_at', m.merged_at, 'actor', m.actor, 'reason', m.reason)
            ORDER BY m.id DESC), '[]')
        FROM merged
        CROSS JOIN LATERAL (SELECT k.* FROM %1$s AS k WHERE k.id = merged.id OFFSET 0) AS m
        $sql$, customer_identity_internal.companion_of(customers, 'customer_merges'))
        INTO merges
        USING customer_id;
    RETURN merges;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.merge_list(uuid, regclass) IS
    'The merges in force that a customer is the result of, newest first; empty where the book keeps none';

-- What details_of() asks in one query, as a server that is distributed can: its logins are on another node than the customer.
CREATE FUNCTION customer_identity_internal.details_in_shards(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer jsonb;
    users jsonb;
    orders jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(c.*) FROM %s AS c WHERE c.id = $1', customers) INTO customer USING customer_id;
    EXECUTE format('SELECT jsonb_build_object(''users'', count(*), ''open_claims'', count(*) FILTER (WHERE (u.id = ANY ($2)) IS NOT TRUE)) FROM (%s) AS u WHERE u.customer_id = $1',
        customer_identity_internal.users_query(customers))
        INTO users
        USING customer_id, customer_identity_internal.provers_of(customer_id, customers);
    EXECUTE format('SELECT jsonb_build_object(''first_order_at'', min(o.at), ''last_order_at'', max(o.at)) FROM (%s) AS o WHERE o.customer_id = $1',
        customer_identity_internal.order_times(customers))
        INTO orders
        USING customer_id;
    RETURN customer || users || orders;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.details_in_shards(uuid, regclass) IS
    'details_of() without phones and merges, for a book that is spread over several nodes';

CREATE FUNCTION customer_identity_internal.details_of(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    details jsonb;
BEGIN
    IF customer_identity_internal.is_spread(customers) THEN
        details := customer_identity_internal.details_in_shards(customer_id, customers);
    ELSE
        EXECUTE format(
            'SELECT to_jsonb(c.*) || to_jsonb(u.*) || to_jsonb(o.*) FROM %s AS c,'
            ' LATERAL (SELECT count(*) AS users, count(*) FILTER (WHERE (u.id = ANY ($2)) IS NOT TRUE) AS open_claims'
            ' FROM (%s) AS u WHERE u.customer_id = c.id) AS u,'
            ' LATERAL (SELECT min(o.at) AS first_order_at, max(o.at) AS last_order_at FROM (%s) AS o WHERE o.customer_id = c.id) AS o'
            ' WHERE c.id = $1',
            customers, customer_identity_internal.users_query(customers), customer_identity_internal.order_times(customers))
            INTO details
            USING customer_id, customer_identity_internal.provers_of(customer_id, customers);
    END IF;
    RETURN details || jsonb_build_object(
        'phones', customer_identity_internal.phone_list(customer_id, customers),
        'merges', customer_identity_internal.merge_list(customer_id, customers));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.details_of(uuid, regclass) IS
    'customer_details, with the rights of its caller';

CREATE FUNCTION customer_identity.customer_details(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
AS $$
BEGIN
    RETURN customer_identity_internal.details_of(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.customer_details(uuid, regclass) IS
    'A customer with the number of users, of those without a proof, the times of the first and last order, phones and merges; NULL when there is none';
REVOKE EXECUTE ON FUNCTION customer_identity.customer_details(uuid, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.customer_users(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 10000
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    users jsonb;
BEGIN
    EXECUTE format(
        'SELECT COALESCE(jsonb_agg(jsonb_build_object(''table'', u.relation, ''id'', u.id, ''name'', u.name, ''email'', u.email,'
        ' ''phones'', u.phones, ''created_at'', u.created_at, ''proved'', (u.id = ANY ($2)) IS TRUE)'
        ' ORDER BY u.created_at, u.relation, u.id COLLATE "C"), ''[]'')'
        ' FROM %s AS c CROSS JOIN LATERAL (SELECT u.* FROM (%s) AS u WHERE u.customer_id = c.id) AS u WHERE c.id = $1',
        customers, customer_identity_internal.users_query(customers))
        INTO users
        USING customer_id, customer_identity_internal.provers_of(customer_id, customers);
    RETURN users;
END
$$;
COMMENT ON FUNCTION customer_identity.customer_users(uuid, regclass) IS
    'The users of a customer, from every attached table: an array, oldest first';
REVOKE EXECUTE ON FUNCTION customer_identity.customer_users(uuid, regclass) FROM PUBLIC;
