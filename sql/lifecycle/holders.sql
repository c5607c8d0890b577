CREATE FUNCTION customer_identity_internal.new_holder_after()
    RETURNS interval
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_setting('customer_identity.new_holder_after')::interval
$$;
COMMENT ON FUNCTION customer_identity_internal.new_holder_after() IS
    'How long a customer has to be silent until who proves its phone may be a new holder';

CREATE FUNCTION customer_identity_internal.times_of_orders(
    referencing regclass, customer_id uuid, since timestamptz, customers regclass)
    RETURNS TABLE (at timestamptz, user_id text)
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    orders constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    at constant text := customer_identity_internal.time_of_row(referencing);
BEGIN
    RETURN QUERY EXECUTE format('SELECT %1$s, %2$s FROM %3$s AS r WHERE r.%4$I = $1 AND %1$s >= $2',
        at, CASE WHEN orders.user_column IS NULL THEN 'NULL::text' ELSE format('customer_identity_internal.as_text(r.%I)', orders.user_column) END,
        referencing, orders.customer_column)
        USING customer_id, since;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.times_of_orders(regclass, uuid, timestamptz, regclass) IS
    'When a customer has placed orders since a time, and by which login; a guest by none';

CREATE FUNCTION customer_identity_internal.emails_of_login(referencing regclass, user_id text, customers regclass)
    RETURNS SETOF text
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    users constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
BEGIN
    IF customer_identity_internal.column_type(referencing, 'email') IS NOT NULL AND users.key_column IS NOT NULL THEN
        RETURN QUERY EXECUTE format(
            'SELECT lower(btrim(r.email::text)) FROM %s AS r WHERE customer_identity_internal.as_text(r.%I) = $1 AND r.email IS NOT NULL',
            referencing, users.key_column)
            USING user_id;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.emails_of_login(regclass, text, regclass) IS
    'The e-mail address of a login, in small letters';

CREATE FUNCTION customer_identity_internal.logins_with_email(
    referencing regclass, customer_id uuid, emails text[], customers regclass)
    RETURNS SETOF text
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    users constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
BEGIN
    IF customer_identity_internal.column_type(referencing, 'email') IS NOT NULL AND users.key_column IS NOT NULL THEN
        RETURN QUERY EXECUTE format(
            'SELECT customer_identity_internal.as_text(r.%I) FROM %s AS r WHERE r.%I = $1 AND lower(btrim(r.email::text)) = ANY ($2)',
            users.key_column, referencing, users.customer_column)
            USING customer_id, emails;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_with_email(regclass, uuid, text[], regclass) IS
    'The logins of a customer that have one of the e-mail addresses';

-- Whoever gets the id of a login that was deleted is somebody else.
CREATE FUNCTION customer_identity_internal.was_linked_before(
    customer_id uuid, user_ids text[], since timestamptz, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_found boolean;
BEGIN
    EXECUTE format($sql$
        SELECT EXISTS (
            SELECT FROM %1$s AS e
            WHERE e.customer_id = $1 AND e.event = 'user_linked' AND e.details ->> 'user_id' = ANY ($2) AND e.created_at < $3
                AND NOT EXISTS (
                    SELECT FROM %1$s AS d
                    WHERE d.customer_id = $1 AND d.event = 'user_unlinked' AND d.details ->> 'cause' = 'deleted'
                        AND d.details ->> 'user_id' = e.details ->> 'user_id' AND d.id > e.id))
        $sql$, customer_identity_internal.companion_of(customers, 'customer_events'))
        INTO is_found
        USING customer_id, user_ids, since;
    RETURN is_found;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.was_linked_before(uuid, text[], timestamptz, regclass) IS
    'Whether one of the logins was linked to a customer before a time, by the history';

-- A number may change hands in any pause that is long enough, also in one that has ended since: what a guest does, or a login
-- that came later, may be the new holder's. It is the same person where a login has proved it, or goes back to before the pause.
CREATE FUNCTION customer_identity_internal.is_silent_customer(customer_id uuid, user_id text, after interval, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
    made_at timestamptz;
    suspects text[];
    is_silent boolean;
BEGIN
    EXECUTE format('SELECT c.created_at, ARRAY(SELECT p.user_id FROM %s AS p WHERE p.customer_id = $1 AND p.unconfirmed AND p.user_id IS NOT NULL)'
        ' FROM %s AS c WHERE c.id = $1', proofs, customers)
        INTO made_at, suspects
        USING customer_id;
    IF made_at >= now() - after THEN
        RETURN false;
    END IF;
    EXECUTE format($sql$
        WITH signs AS MATERIALIZED (
            SELECT o.at, o.user_id, false AS is_proof
            FROM customer_identity_internal.attachments_of($2) AS a
            CROSS JOIN LATERAL customer_identity_internal.times_of_orders(a.attached, $1, $3 - $4, $2) AS o
            WHERE a.kind = 'orders' AND COALESCE(o.user_id <> ALL ($5), true)
            UNION ALL
            SELECT p.proved_at, p.user_id, true FROM %s AS p WHERE p.customer_id = $1 AND NOT p.unconfirmed
            UNION ALL
            SELECT v.at, NULL, false FROM (VALUES ($3), (now())) AS v (at)
        ), logins AS (
            SELECT s.user_id, max(s.at) AS last, max(s.at) FILTER (WHERE s.is_proof) AS last_proof
            FROM signs AS s
            WHERE s.user_id IS NOT NULL
            GROUP BY s.user_id
        ), pauses AS (
            SELECT lag(s.at) OVER (ORDER BY s.at) AS began, s.at AS ended FROM signs AS s WHERE s.at <= now()
        )
        SELECT EXISTS (
            SELECT FROM pauses AS p
            WHERE p.began < p.ended - $4 AND p.ended > $3
                AND NOT EXISTS (
                    SELECT FROM logins AS l
                    WHERE l.last_proof >= p.ended
                        OR (l.last >= p.ended AND customer_identity_internal.was_linked_before($1, ARRAY[l.user_id], p.began + interval '1 microsecond', $2))))
        $sql$, proofs)
        INTO is_silent
        USING customer_id, customers, made_at, after, suspects || user_id;
    RETURN COALESCE(is_silent, false);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_silent_customer(uuid, text, interval, regclass) IS
    'Whether a customer has made a pause of that length after which nobody who is known as the same person has ordered or proved anything';

-- Called when a login is about to prove a phone of the customer for the first time.
CREATE FUNCTION customer_identity_internal.may_be_new_holder(customer_id uuid, user_id text, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    -- No time is older than a few thousand years.
    after constant interval := LEAST(customer_identity_internal.new_holder_after(), interval '4000 years');
    since constant timestamptz := now() - after;
    emails text[];
BEGIN
    IF after <= interval '0' OR NOT customer_identity_internal.keeps_history(customers) OR NOT customer_identity_internal.is_silent_customer(customer_id, user_id, after, customers) THEN
        RETURN false;
    END IF;
    emails := ARRAY(
        SELECT e.email
        FROM customer_identity_internal.attachments_of(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.emails_of_login(a.attached, user_id, customers) AS e (email)
        WHERE a.kind = 'users'
    );
    RETURN NOT customer_identity_internal.was_linked_before(customer_id, ARRAY(
        SELECT user_id
        UNION ALL
        SELECT l.user_id
        FROM customer_identity_internal.attachments_of(customers) AS a
        CROSS JOIN LATERAL customer_identity_internal.logins_with_email(a.attached, customer_id, emails, customers) AS l (user_id)
        WHERE a.kind = 'users'
    ), since, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.may_be_new_holder(uuid, text, regclass) IS
    'Whether a login that proves a customer''s phone may be a new holder of the number';

CREATE FUNCTION customer_identity.confirm_holder(
    customer_id uuid, user_id text, actor text DEFAULT NULL, reason text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS void
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    confirmed bigint;
BEGIN
    PERFORM customer_identity_internal.require_unconfirmed(customers);
    PERFORM customer_identity_internal.locked_customer(customer_id, customers);
    EXECUTE format(
        'UPDATE %s AS p SET unconfirmed = false WHERE p.customer_id = $1 AND p.user_id = $2 AND p.ended_at IS NULL AND p.unconfirmed',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING customer_id, user_id;
    GET DIAGNOSTICS confirmed = ROW_COUNT;
    IF confirmed > 0 THEN
        PERFORM customer_identity_internal.write_event(customers, customer_id, 'holder_confirmed',
            jsonb_strip_nulls(jsonb_build_object('user_id', user_id, 'reason', reason)), actor);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity.confirm_holder(uuid, text, text, text, regclass) IS
    'A login that seemed to be a new holder of the customer''s phone is the same person: it sees the customer''s history from now on';
REVOKE EXECUTE ON FUNCTION customer_identity.confirm_holder(uuid, text, text, text, regclass) FROM PUBLIC;
