CREATE FUNCTION customer_identity.customer_stats(since timestamptz DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 1000000
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    stats jsonb;
BEGIN
    EXECUTE format($sql$
        WITH days AS (
            SELECT c.created_at::date AS day,
                count(*) AS customers,
                sum(l.users) AS users_linked,
                count(*) FILTER (WHERE l.users > 1) AS shared,
                count(*) FILTER (WHERE l.users IS NULL) AS guests,
                count(*) FILTER (WHERE l.users IS NULL AND c.total_orders > 1) AS guests_returned,
                count(*) FILTER (WHERE c.is_phone_verified) AS verified,
                count(*) FILTER (WHERE c.total_orders > 0) AS buyers,
                count(*) FILTER (WHERE c.total_orders > 1) AS repeat_buyers
            FROM %2$s AS c
            LEFT JOIN (SELECT l.customer_id, count(*) AS users FROM (%1$s) AS l GROUP BY l.customer_id) AS l ON l.customer_id = c.id
            WHERE ($1 IS NULL OR c.created_at >= $1) AND %3$s
            GROUP BY c.created_at::date
        ),
        counted AS (
            SELECT COALESCE(sum(d.customers), 0) AS customers,
                COALESCE(sum(d.users_linked), 0) AS users_linked,
                COALESCE(sum(d.shared), 0) AS shared,
                COALESCE(sum(d.guests), 0) AS guests,
                COALESCE(sum(d.guests_returned), 0) AS guests_returned,
                COALESCE(sum(d.verified), 0) AS verified,
                COALESCE(sum(d.buyers), 0) AS buyers,
                COALESCE(sum(d.repeat_buyers), 0) AS repeat_buyers,
                jsonb_agg(jsonb_build_object('day', d.day, 'customers', d.customers) ORDER BY d.day) AS new_customers
            FROM days AS d
        )
        SELECT jsonb_build_object(
            'since', $1,
            'customers', c.customers,
            'users', c.users_linked + (SELECT count(*) FROM (%1$s) AS l WHERE l.customer_id IS NULL),
            'users_linked', c.users_linked,
            'shared', c.shared,
            'guests', c.guests,
            'guests_returned', c.guests_returned,
            'verified', c.verified,
            'verified_share', round(c.verified / NULLIF(c.customers, 0), 4),
            'buyers', c.buyers,
            'repeat_buyers', c.repeat_buyers,
            'repeat_rate', round(c.repeat_buyers / NULLIF(c.buyers, 0), 4),
            'new_customers', COALESCE(c.new_customers, '[]'))
        FROM counted AS c
        $sql$, customer_identity_internal.logins_query(customers), customers, customer_identity_internal.is_somebody(customers))
        INTO stats
        USING since;
    RETURN stats;
END
$$;
COMMENT ON FUNCTION customer_identity.customer_stats(timestamptz, regclass) IS
    'Figures about the customers created since a time: people and logins, returning guests, share verified, repeat rate, new people per day';
REVOKE EXECUTE ON FUNCTION customer_identity.customer_stats(timestamptz, regclass) FROM PUBLIC;

-- Each of the signal queries yields customer_id and evidence. Those about logins leave households out: many logins of
-- one phone are nothing strange there.
CREATE FUNCTION customer_identity_internal.shared_customers(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.has_companion(customers, 'phone_rules') THEN
        RETURN 'SELECT NULL::uuid AS id WHERE false';
    END IF;
    RETURN format('SELECT c.id FROM %1$s AS r JOIN %2$s AS c ON c.phone = r.phone WHERE r.rule = ''shared'''
        ' UNION ALL SELECT p.id FROM %1$s AS r JOIN (%3$s) AS p ON p.phone = r.phone WHERE r.rule = ''shared''',
        customer_identity_internal.companion_of(customers, 'phone_rules'), customers, customer_identity_internal.further_phones(customers));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.shared_customers(regclass) IS
    'The query of the customers who have a phone that is shared, by rule';

CREATE FUNCTION customer_identity_internal.many_logins_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format($sql$
    SELECT l.customer_id, jsonb_build_object('users', count(*)) AS evidence
    FROM (%s) AS l
    WHERE l.customer_id IS NOT NULL
    GROUP BY l.customer_id
    HAVING count(*) >= %s
    $sql$, customer_identity_internal.logins_query(customers), threshold);
COMMENT ON FUNCTION customer_identity_internal.many_logins_query(regclass, integer) IS
    'The customers with many logins';

-- Few customers have so many logins at all. As an array they are looked up: the planner would expect a third of all.
CREATE FUNCTION customer_identity_internal.unproved_claims_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format($sql$
    SELECT c.customer_id,
        jsonb_build_object('unproved', count(*) FILTER (WHERE NOT c.proved), 'proved', count(*) FILTER (WHERE c.proved)) AS evidence
    FROM (
        SELECT k.id AS customer_id,
            EXISTS (
                SELECT FROM %3$s AS p
                WHERE p.customer_id = k.id AND p.user_id = l.user_id AND p.ended_at IS NULL
            ) AS proved
        FROM %2$s AS k
        JOIN (%1$s) AS l ON l.customer_id = k.id
        WHERE k.is_phone_verified AND k.id = ANY (ARRAY(SELECT m.customer_id FROM (%5$s) AS m))
    ) AS c
    GROUP BY c.customer_id
    HAVING count(*) FILTER (WHERE NOT c.proved) >= %4$s
    $sql$, customer_identity_internal.logins_query(customers), customers, customer_identity_internal.companion_of(customers, 'phone_proofs'), threshold,
    customer_identity_internal.many_logins_query(customers, threshold));
COMMENT ON FUNCTION customer_identity_internal.unproved_claims_query(regclass, integer) IS
    'The customers with a proved phone that many logins claim without a proof of their own';

-- Who has so many logins at all is looked at. Logins that one transaction has linked count once: it loaded them, and nobody signed up. So do not
-- those that the application or a backfill has linked.
CREATE FUNCTION customer_identity_internal.sign_up_burst_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN customer_identity_internal.keeps_history(customers) THEN format($sql$
        SELECT DISTINCT ON (w.customer_id) w.customer_id,
            jsonb_build_object('users', w.within_an_hour, 'from', w.created_at) AS evidence
        FROM (
            SELECT s.customer_id, s.created_at,
                count(*) OVER (
                    PARTITION BY s.customer_id ORDER BY s.created_at
                    RANGE BETWEEN CURRENT ROW AND interval '1 hour' FOLLOWING) AS within_an_hour
            FROM (
                SELECT e.customer_id, e.created_at
                FROM %1$s AS e
                WHERE e.event = 'user_linked' AND e.details ->> 'cause' IN ('sign_up', 'phone_changed')
                    AND e.customer_id = ANY (ARRAY(
                        SELECT e.customer_id
                        FROM %1$s AS e
                        WHERE e.event = 'user_linked' AND e.details ->> 'cause' IN ('sign_up', 'phone_changed')
                        GROUP BY e.customer_id
                        HAVING count(*) >= %2$s
                    ))
                GROUP BY e.customer_id, e.created_at
            ) AS s
        ) AS w
        WHERE w.within_an_hour >= %2$s
        ORDER BY w.customer_id, w.within_an_hour DESC, w.created_at DESC
        $sql$, customer_identity_internal.companion_of(customers, 'customer_events'), threshold)
END;
COMMENT ON FUNCTION customer_identity_internal.sign_up_burst_query(regclass, integer) IS
    'The customers whom many users were linked to within an hour; NULL without a history';

CREATE FUNCTION customer_identity_internal.possible_new_holder_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
BEGIN
    IF customer_identity_internal.column_type(proofs::regclass, 'unconfirmed') IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN format($sql$
        SELECT p.customer_id, jsonb_build_object('users', jsonb_agg(DISTINCT p.user_id), 'proved_at', max(p.proved_at)) AS evidence
        FROM %s AS p
        WHERE p.unconfirmed AND p.ended_at IS NULL
        GROUP BY p.customer_id
        HAVING count(DISTINCT p.user_id) >= %s
        $sql$, proofs, threshold);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.possible_new_holder_query(regclass, integer) IS
    'The customers whose phone has been proved by who may be its new holder; NULL in books that do not tell';

CREATE FUNCTION customer_identity_internal.cod_rows(orders customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        SELECT o.%1$I AS customer_id, count(*) AS orders,
            count(*) FILTER (WHERE lower(customer_identity_internal.as_text(o.%2$I)) COLLATE "C" = ANY (%3$L::text[])) AS cancelled
        FROM %4$s AS o
        WHERE o.%1$I IS NOT NULL AND %5$s
        GROUP BY o.%1$I
        $sql$, orders.customer_column, orders.status_column, customer_identity_internal.cancelled_statuses(), orders.attached,
        customer_identity_internal.has_value(orders.attached, orders.payment_column, orders.cod_values));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.cod_rows(customer_identity.attachments) IS
    'The query that counts each customer''s orders in a table that were paid in cash on delivery, and the cancelled ones';

CREATE FUNCTION customer_identity_internal.cod_orders_in(attached regclass, customers regclass)
    RETURNS TABLE (customer_id uuid, orders bigint, cancelled bigint)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.cod_rows(customer_identity_internal.attachment_of(attached));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.cod_orders_in(regclass, regclass) IS
    'How many orders in a table each customer paid in cash on delivery, and how many of them were cancelled';

CREATE FUNCTION customer_identity_internal.cod_cancellations_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queries text;
BEGIN
    WITH told AS MATERIALIZED (
        SELECT h.*
        FROM customer_identity_internal.held_attachments(cod_cancellations_query.customers) AS h
        WHERE h.kind = 'orders' AND h.status_column IS NOT NULL AND h.payment_column IS NOT NULL
    )
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(a.attached, a.customers) THEN customer_identity_internal.cod_rows(a::customer_identity.attachments)
            ELSE format('SELECT o.* FROM customer_identity_internal.cod_orders_in(%L::regclass, %L::regclass) AS o',
                a.attached::oid, a.customers::oid)
        END,
        ' UNION ALL ')
    INTO queries
    FROM told AS a
    -- Not twice: with the table that it inherits from, unless that one does not tell.
    WHERE NOT EXISTS (
        SELECT
        FROM customer_identity_internal.ancestors_of(a.attached) AS p (ancestor)
        JOIN told AS t ON t.attached = p.ancestor AND t.customer_column = a.customer_column
    );
    IF queries IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN format($sql$
        SELECT o.customer_id, jsonb_build_object('cancelled', sum(o.cancelled), 'orders', sum(o.orders)) AS evidence
        FROM (%s) AS o
        GROUP BY o.customer_id
        HAVING sum(o.cancelled) >= %s
        $sql$, queries, threshold);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.cod_cancellations_query(regclass, integer) IS
    'The customers with many cancelled orders paid in cash on delivery; NULL where no table tells payment and status';

CREATE FUNCTION customer_identity_internal.cancelled_statuses()
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_to_array(
        regexp_replace(lower(current_setting('customer_identity.fraud_cancelled_statuses')), E'\\s*,\\s*', ',', 'g'), ',')
$$;
COMMENT ON FUNCTION customer_identity_internal.cancelled_statuses() IS
    'The statuses of orders that were cancelled, in small letters';

CREATE FUNCTION customer_identity_internal.fraud_setting(name text)
    RETURNS integer
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_setting('customer_identity.fraud_' || name)::integer
$$;
COMMENT ON FUNCTION customer_identity_internal.fraud_setting(text) IS
    'A setting of fraud_signals() that is a number';

CREATE FUNCTION customer_identity.fraud_signals(min_score numeric DEFAULT 0, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 1000000
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    queries text;
    signals text;
    suspects jsonb;
BEGIN
    -- Each signal is asked for by itself: where customers are spread over nodes, on all of them at once.
    SELECT string_agg(format('%s AS MATERIALIZED (%s)', q.signal, q.query), ', '),
        string_agg(format('SELECT s.customer_id, %L AS signal, s.evidence, %s AS weight FROM %s AS s',
            q.signal, customer_identity_internal.fraud_setting(q.signal || '_weight'), q.signal), ' UNION ALL ')
    INTO queries, signals
    FROM (VALUES
        ('many_logins', customer_identity_internal.many_logins_query(customers, customer_identity_internal.fraud_setting('many_logins'))),
        ('unproved_claims', customer_identity_internal.unproved_claims_query(customers, customer_identity_internal.fraud_setting('unproved_claims'))),
        ('sign_up_burst', customer_identity_internal.sign_up_burst_query(customers, customer_identity_internal.fraud_setting('sign_up_burst'))),
        ('cod_cancellations', customer_identity_internal.cod_cancellations_query(customers, customer_identity_internal.fraud_setting('cod_cancellations'))),
        ('possible_new_holder', customer_identity_internal.possible_new_holder_query(customers, customer_identity_internal.fraud_setting('possible_new_holder')))
    ) AS q (signal, query)
    WHERE q.query IS NOT NULL AND customer_identity_internal.fraud_setting(q.signal) > 0;

    IF signals IS NULL THEN
        RETURN '[]';
    END IF;
    EXECUTE format($sql$
        WITH %s, shared AS MATERIALIZED (%s)
        SELECT COALESCE(
            jsonb_agg(
                jsonb_build_object('customer_id', c.customer_id, 'score', c.score, 'signals', c.signals)
                ORDER BY c.score DESC, c.customer_id),
            '[]')
        FROM (
            SELECT s.customer_id, sum(s.weight) AS score,
                jsonb_agg(
                    jsonb_build_object('signal', s.signal, 'evidence', s.evidence, 'weight', s.weight)
                    ORDER BY s.weight DESC, s.signal) AS signals
            FROM (%s) AS s
            LEFT JOIN (SELECT DISTINCT h.id FROM shared AS h) AS h ON h.id = s.customer_id
            WHERE s.signal NOT IN ('many_logins', 'unproved_claims', 'sign_up_burst') OR h.id IS NULL
            GROUP BY s.customer_id
            HAVING sum(s.weight) >= COALESCE($1, 0)
        ) AS c
        $sql$, queries, customer_identity_internal.shared_customers(customers), signals)
        INTO suspects
        USING min_score;
    RETURN suspects;
END
$$;
COMMENT ON FUNCTION customer_identity.fraud_signals(numeric, regclass) IS
    'The customers that look like fraud, highest score first: an array of objects with customer_id, score and signals, each with its evidence and weight';
REVOKE EXECUTE ON FUNCTION customer_identity.fraud_signals(numeric, regclass) FROM PUBLIC;
