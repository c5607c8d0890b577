-- Old numbers of plans that have changed: claims with them read as today's, so the book has to follow.

-- What is stored under a number that reads as another one: a rule, a customer's primary phone, or a further one. A phone that
-- leads to nobody yet is given to the first that moves there, and with others that is one person. There are no joins: a plan
-- that takes few rows to be old ones would be quadratic.
CREATE FUNCTION customer_identity_internal.old_phones_query(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        WITH stored AS (
            SELECT 1 AS kind, NULL::uuid AS id, r.phone::text AS phone, r.rule, r.created_at::timestamptz AS since FROM %1$s AS r
            UNION ALL
            SELECT 2, c.id, c.phone::text, NULL, c.created_at::timestamptz FROM %2$s AS c WHERE c.phone IS NOT NULL
            UNION ALL
            SELECT 3, a.customer_id, a.phone::text, NULL, a.since FROM %3$s AS a WHERE a.until IS NULL
        ),
        read AS (
            SELECT s.*, n.phone AS today
            FROM stored AS s
            CROSS JOIN LATERAL (SELECT customer_identity_internal.claimed_phone(s.phone, NULL::text)) AS n (phone)
        ),
        placed AS (
            SELECT r.*,
                first_value(r.id) OVER (PARTITION BY r.kind = 1, r.today ORDER BY r.phone <> r.today, r.kind, r.since, r.id) AS target,
                count(*) OVER (PARTITION BY r.kind = 1, r.today, r.id) AS times,
                bool_or(r.kind > 1 AND r.phone = r.today) OVER (PARTITION BY r.today) AS is_held,
                max(r.rule) FILTER (WHERE r.phone = r.today) OVER (PARTITION BY r.today) AS rule_today
            FROM read AS r
        )
        SELECT p.kind, p.id, p.phone, p.today, p.target,
            p.kind = 2 AND NOT p.is_held AND p.target = p.id AND p.times = 1 AND p.rule_today IS DISTINCT FROM 'nobody' AS is_plain,
            CASE
                WHEN p.kind = 1 AND p.rule_today <> p.rule THEN 'the numbers have different rules'
                WHEN p.kind = 1 AND p.rule = 'nobody' AND p.is_held THEN 'the number leads to a customer'
                WHEN p.kind > 1 AND p.rule_today = 'nobody' THEN 'the phone names nobody'
            END AS problem
        FROM placed AS p
        WHERE p.phone <> p.today
        $sql$,
        customer_identity_internal.companion_of(customers, 'phone_rules'), customers,
        customer_identity_internal.companion_of(customers, 'customer_phones'));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.old_phones_query(regclass) IS
    'The query of the phones of a book that read as other ones: kind (1 rule, 2 primary, 3 further), id, phone, today, target, is_plain, problem';

-- Whoever proved the old number holds today's. One who has proved both has one proof left.
CREATE FUNCTION customer_identity_internal.carry_proofs(customer_id uuid, phone text, today text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
BEGIN
    EXECUTE format('UPDATE %1$s AS p SET phone = $3 WHERE p.phone = $2 AND p.customer_id = $1 AND p.ended_at IS NULL'
        ' AND NOT EXISTS (SELECT FROM %1$s AS t WHERE t.phone = $3 AND t.ended_at IS NULL AND t.user_id IS NOT DISTINCT FROM p.user_id)', proofs)
        USING customer_id, phone, today;
    PERFORM customer_identity_internal.end_proofs_of(phone, customer_id, 'renumbered', customers);
    EXECUTE format('UPDATE %s AS c SET is_phone_verified = true WHERE c.id = $1 AND c.phone = $2 AND c.is_phone_verified IS NOT TRUE'
        ' AND EXISTS (SELECT FROM %s AS p WHERE p.phone = $2 AND p.customer_id = $1 AND p.ended_at IS NULL)', customers, proofs)
        USING customer_id, today;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.carry_proofs(uuid, text, text, regclass) IS
    'Makes the live proofs of a customer''s old number proofs of today''s';

CREATE FUNCTION customer_identity_internal.write_renumbering(customer_id uuid, phone text, today text, reason text, customers regclass)
    RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT customer_identity_internal.write_event(customers, customer_id, 'phone_changed',
        jsonb_build_object('old', phone, 'new', today, 'kept', false, 'reason', reason), NULL::text)
$$;
COMMENT ON FUNCTION customer_identity_internal.write_renumbering(uuid, text, text, text, regclass) IS
    'Tells the history that a customer''s phone has got its number of today';

-- Customers of whom nothing but the primary phone changes, and to a free number. Whom others are using is left out, and none is
-- moved where anything goes wrong with one of them: those are taken one by one then.
CREATE FUNCTION customer_identity_internal.move_plainly(ids uuid[], phones text[], todays text[], reason text, customers regclass)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved uuid[];
    written bigint;
BEGIN
    EXECUTE format('SELECT array_agg(l.id) FROM (SELECT c.id FROM unnest($1, $2) AS m (id, phone) JOIN %s AS c ON c.id = m.id'
        ' WHERE c.phone = m.phone ORDER BY c.id FOR UPDATE OF c SKIP LOCKED) AS l', customers)
        INTO moved
        USING ids, phones;
    EXECUTE format('UPDATE %s AS p SET phone = m.today FROM unnest($1, $2, $3) AS m (id, phone, today)'
        ' WHERE m.id = ANY ($4) AND p.customer_id = m.id AND p.phone = m.phone AND p.ended_at IS NULL',
        customer_identity_internal.companion_of(customers, 'phone_proofs'))
        USING ids, phones, todays, moved;
    EXECUTE format('INSERT INTO %1$s (customer_id, phone, since, until, reason)'
        ' SELECT m.id, m.phone, GREATEST(c.created_at, (SELECT max(a.until) FROM %1$s AS a WHERE a.customer_id = c.id)), now(), $4'
        ' FROM unnest($1, $2) AS m (id, phone) JOIN %2$s AS c ON c.id = m.id WHERE m.id = ANY ($3)',
        customer_identity_internal.companion_of(customers, 'customer_phones'), customers)
        USING ids, phones, moved, reason;
    PERFORM set_config('search_path', customer_identity_internal.path_of(customers), true);
    EXECUTE format('UPDATE %s AS c SET phone = m.today, updated_at = pg_catalog.clock_timestamp()'
        ' FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS m (id, today)'
        ' WHERE m.id OPERATOR(pg_catalog.=) ANY ($3) AND c.id OPERATOR(pg_catalog.=) m.id',
        customer_identity_internal.qualified_name(customers))
        USING ids, todays, moved;
    GET DIAGNOSTICS written = ROW_COUNT;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF written <> cardinality(moved) THEN
        RAISE EXCEPTION 'a trigger keeps customers from being written';
    END IF;
    PERFORM customer_identity_internal.write_renumbering(m.id, m.phone, m.today, reason, customers)
    FROM unnest(ids, phones, todays) AS m (id, phone, today)
    WHERE m.id = ANY (moved);
    RETURN COALESCE(moved, '{}');
EXCEPTION WHEN OTHERS THEN
    RETURN '{}';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_plainly(uuid[], text[], text[], text, regclass) IS
    'Gives customers their numbers of today in one go, and returns which';

CREATE FUNCTION customer_identity_internal.move_rule(phone text, today text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rules constant text := customer_identity_internal.companion_of(customers, 'phone_rules');
BEGIN
    EXECUTE format('DELETE FROM %1$s AS r WHERE r.phone = $1 AND EXISTS (SELECT FROM %1$s AS t WHERE t.phone = $2 AND t.rule = r.rule)', rules)
        USING phone, today;
    EXECUTE format('UPDATE %s AS r SET phone = $2 WHERE r.phone = $1', rules) USING phone, today;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_rule(text, text, regclass) IS
    'Makes the rule of an old number one of today''s';

-- NULL: the old number leads to nobody any more. Returns the customer whose number it is from now on.
CREATE FUNCTION customer_identity_internal.move_phone(phone text, today text, reason text, customers regclass)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer constant uuid := customer_identity_internal.holder_of_phone(phone, customers);
    holder constant uuid := customer_identity_internal.holder_of_phone(today, customers);
    is_primary boolean;
BEGIN
    IF customer IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM customer_identity_internal.require_no_rule(today, customers);
    IF holder <> customer THEN
        PERFORM customer_identity_internal.merge(holder, customer, NULL::text, reason, customers);
        PERFORM customer_identity_internal.end_alias(phone, holder, customers);
        PERFORM customer_identity_internal.carry_proofs(holder, phone, today, customers);
        RETURN holder;
    END IF;
    is_primary := customer_identity_internal.locked_customer(customer, customers) ->> 'phone' = phone;
    PERFORM customer_identity_internal.end_alias(phone, customer, customers);
    IF is_primary THEN
        PERFORM customer_identity_internal.insert_former_phone(customer, phone, NULL::text, reason, customers);
        PERFORM customer_identity_internal.carry_proofs(customer, phone, today, customers);
        PERFORM customer_identity_internal.write_primary_phone(customer, today, customers);
    ELSE
        IF holder IS NULL THEN
            PERFORM customer_identity_internal.insert_alias(customer, today, NULL::text, reason, customers);
        END IF;
        PERFORM customer_identity_internal.carry_proofs(customer, phone, today, customers);
    END IF;
    IF customer_identity_internal.holder_of_phone(today, customers) IS DISTINCT FROM customer THEN
        RAISE EXCEPTION 'a trigger keeps the customer from being written';
    END IF;
    PERFORM customer_identity_internal.write_renumbering(customer, phone, today, reason, customers);
    RETURN customer;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_phone(text, text, text, regclass) IS
    'Makes an old number its number of today; when that leads to another customer, the two are one person';

-- One bad row stops nobody else: its problem says why it is as it was. A household's rule comes before its customer, so that no
-- login ever sees more than before.
CREATE FUNCTION customer_identity_internal.try_to_move(
    kind integer, phone text, today text, refusal text, reason text, customers regclass, OUT customer uuid, OUT problem text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    problem := refusal;
    IF problem IS NOT NULL THEN
        RETURN;
    ELSIF kind = 1 THEN
        PERFORM customer_identity_internal.move_rule(phone, today, customers);
    ELSE
        PERFORM customer_identity_internal.be_impatient();
        customer := customer_identity_internal.move_phone(phone, today, reason, customers);
    END IF;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.try_to_move(integer, text, text, text, text, regclass) IS
    'Moves one rule or phone, and says why that cannot be';

CREATE FUNCTION customer_identity_internal.migration_row(
    kind integer, id uuid, phone text, today text, target uuid, refusal text)
    RETURNS TABLE (customer_id uuid, old_phone text, new_phone text, action text, merged_into uuid, rule text, since text, source text, problem text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT id, phone, today,
        CASE WHEN refusal IS NOT NULL THEN 'refused' WHEN kind = 1 THEN 'rule' WHEN target <> id THEN 'merge' ELSE 'move' END,
        CASE WHEN refusal IS NULL AND kind > 1 AND target <> id THEN target END,
        n.rule, n.since, n.source, refusal
    FROM customer_identity_internal.renumbering_of(phone) AS n
$$;
COMMENT ON FUNCTION customer_identity_internal.migration_row(integer, uuid, text, text, uuid, text) IS
    'A row of migrate_phones()';

CREATE FUNCTION customer_identity.migrate_phones(customers regclass DEFAULT NULL, dry_run boolean DEFAULT true)
    RETURNS TABLE (customer_id uuid, old_phone text, new_phone text, action text, merged_into uuid, rule text, since text, source text, problem text)
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    reason constant text := 'renumbered';
    query constant text := customer_identity_internal.old_phones_query(customers);
    batch record;
    part record;
    tried record;
    moved uuid[];
    done bigint := 0;
BEGIN
    IF dry_run IS DISTINCT FROM false THEN
        RETURN QUERY EXECUTE format('SELECT r.* FROM (%s) AS o'
            ' CROSS JOIN LATERAL customer_identity_internal.migration_row(o.kind, o.id, o.phone, o.today, o.target, o.problem) AS r', query);
        RETURN;
    END IF;
    PERFORM customer_identity_internal.refuse_for_computed_ids(customers, 'another number for a customer', 'The old number and the one of today are two customers. dry_run lists them.');
    PERFORM customer_identity_internal.take_turn(customers);
    FOR part IN EXECUTE format('SELECT o.* FROM (%s) AS o WHERE o.kind = 1', query) LOOP
        SELECT t.* INTO tried FROM customer_identity_internal.try_to_move(part.kind, part.phone, part.today, part.problem, reason, customers) AS t;
        RETURN QUERY SELECT r.* FROM customer_identity_internal.migration_row(part.kind, part.id, part.phone, part.today, part.target, tried.problem) AS r;
    END LOOP;
    FOR batch IN EXECUTE format('SELECT array_agg(o.id) AS ids, array_agg(o.phone) AS phones, array_agg(o.today) AS todays, sum(count(*)) OVER () AS in_all'
        ' FROM (SELECT p.*, (row_number() OVER (ORDER BY p.id) - 1) / 5000 AS step FROM (%s) AS p WHERE p.is_plain) AS o GROUP BY o.step', query) LOOP
        moved := customer_identity_internal.move_plainly(batch.ids, batch.phones, batch.todays, reason, customers);
        done := done + cardinality(batch.ids);
        RAISE NOTICE 'migrate_phones: % of % customers with a free number', done, batch.in_all;
        RETURN QUERY SELECT r.* FROM unnest(batch.ids, batch.phones, batch.todays) AS m (id, phone, today)
            CROSS JOIN LATERAL customer_identity_internal.migration_row(2, m.id, m.phone, m.today, m.id, NULL::text) AS r WHERE m.id = ANY (moved);
    END LOOP;
    -- What is left: the others, and whom a batch has left out.
    FOR part IN EXECUTE format('SELECT o.* FROM (%s) AS o WHERE o.kind > 1 ORDER BY o.kind, o.id', query) LOOP
        SELECT t.* INTO tried FROM customer_identity_internal.try_to_move(part.kind, part.phone, part.today, part.problem, reason, customers) AS t;
        CONTINUE WHEN tried.customer IS NULL AND tried.problem IS NULL;
        RETURN QUERY SELECT r.* FROM customer_identity_internal.migration_row(part.kind, part.id, part.phone, part.today, tried.customer, tried.problem) AS r;
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity.migrate_phones(regclass, boolean) IS
    'Gives customers whose stored number reads as another one today that number: the old one is kept as a former one, proofs and rules come along, and where it leads to another customer the two are merged. dry_run: only lists that';
REVOKE EXECUTE ON FUNCTION customer_identity.migrate_phones(regclass, boolean) FROM PUBLIC;
