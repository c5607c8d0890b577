CREATE FUNCTION customer_identity_internal.typing_errors(phones text[])
    RETURNS TABLE (a integer, b integer)
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'typing_errors';
COMMENT ON FUNCTION customer_identity_internal.typing_errors(text[]) IS
    'The places of phones that are one typing error apart: a digit changed, dropped or doubled, or two neighbours swapped';

-- What is longer is told apart by its beginning.
CREATE FUNCTION customer_identity_internal.value_rows(relation regclass, customer_column text, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT r.%1$I AS id, left(%2$s, 1000) AS value FROM %3$s AS r WHERE r.%1$I IS NOT NULL AND r.%4$I IS NOT NULL',
        customer_column, customer_identity_internal.plain_text(relation, column_name), relation, column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.value_rows(regclass, text, text) IS
    'The query of the values of a column with their customers: id, value; NULL when there is no such column';

CREATE FUNCTION customer_identity_internal.values_in(attached regclass, column_name text, customers regclass)
    RETURNS TABLE (id uuid, value text)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.value_rows(
        attached, (customer_identity_internal.attachment_of(attached)).customer_column, column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.values_in(regclass, text, regclass) IS
    'The values of a column of an attached table with their customers';

-- `column_name` NULL: the column that the users' names are in.
CREATE FUNCTION customer_identity_internal.values_query(customers regclass, table_kinds text[], column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(
            CASE
                WHEN customer_identity_internal.have_one_owner(t.relation, values_query.customers) THEN customer_identity_internal.value_rows(t.relation, t.customer_column, t.name)
                ELSE format('SELECT v.id, v.value FROM customer_identity_internal.values_in(%L::regclass, %L, %L::regclass) AS v',
                    t.relation::oid, t.name, values_query.customers::oid)
            END,
            ' UNION ALL ')
        FROM (
            SELECT values_query.customers, 'id', column_name WHERE 'customers' = ANY (table_kinds)
            UNION ALL
            SELECT a.attached, a.customer_column, COALESCE(column_name, a.name_column, 'name')
            -- What inherits may have a column of its own; nothing is counted twice by it.
            FROM customer_identity_internal.held_attachments(values_query.customers) AS a
            WHERE a.kind = ANY (table_kinds)
        ) AS t (relation, customer_column, name)
        WHERE customer_identity_internal.plain_text(t.relation, t.name) IS NOT NULL
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.values_query(regclass, text[], text) IS
    'The query of the values of a column of that name, in any table of a book, with their customers; NULL when none has it';

-- A value that more than ten customers have tells nobody: an e-mail that stands for none, the address of a large house.
CREATE FUNCTION customer_identity_internal.same_value_pairs(value_rows text, key text, reason text)
    RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
RETURN format($sql$(
    WITH keyed AS MATERIALIZED (SELECT v.id, %2$s AS key FROM (%1$s) AS v),
    shared AS MATERIALIZED (
        SELECT s.id, s.key, count(*) OVER (PARTITION BY s.key) AS people
        FROM (
            SELECT DISTINCT k.id, k.key
            FROM (SELECT r.key FROM keyed AS r WHERE r.key IS NOT NULL GROUP BY r.key HAVING count(*) > 1) AS r
            JOIN keyed AS k ON k.key = r.key
        ) AS s
    )
    SELECT x.id AS a, y.id AS b, %3$L AS reason
    FROM shared AS x
    JOIN shared AS y ON y.key = x.key AND x.id < y.id
    WHERE x.people <= 10 AND y.people <= 10)$sql$,
    value_rows, key, reason);
COMMENT ON FUNCTION customer_identity_internal.same_value_pairs(text, text, text) IS
    'The query of pairs of customers that have a value in common: a, b, reason';

CREATE FUNCTION customer_identity_internal.match_columns()
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_to_array(regexp_replace(btrim(current_setting('customer_identity.match_columns')), '\s*,\s*', ',', 'g'), ',')
$$;
COMMENT ON FUNCTION customer_identity_internal.match_columns() IS
    'The columns by which duplicate_customers compares besides phone, name and e-mail';

CREATE FUNCTION customer_identity_internal.matched_column(customers regclass, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    value_rows constant text := customer_identity_internal.values_query(customers, '{customers,users,orders}', column_name);
BEGIN
    IF value_rows IS NULL THEN
        RAISE EXCEPTION 'no table has a column %', quote_ident(customer_identity_internal.shown(column_name))
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Setting customer_identity.match_columns names it.',
                HINT = 'Allowed are columns of customers and of attached tables, as they are written, without quotes and with commas between them.';
    END IF;
    RETURN customer_identity_internal.same_value_pairs(value_rows, 'customer_identity_internal.match_key(v.value)', 'column:' || column_name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.matched_column(regclass, text) IS
    'The query of pairs of customers with the same value in a column that the owner has named; 22023 when there is none';

CREATE FUNCTION customer_identity_internal.same_value_queries(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    emails constant text := customer_identity_internal.values_query(customers, '{users}', 'email');
BEGIN
    RETURN concat_ws(' UNION ALL ', 'SELECT NULL::uuid AS a, NULL::uuid AS b, NULL::text AS reason WHERE false',
        customer_identity_internal.same_value_pairs(emails,
            'CASE WHEN strpos(v.value, ''@'') > 1 THEN hashtextextended(lower(btrim(v.value) COLLATE "C"), 0) END', 'email'),
        (SELECT string_agg(customer_identity_internal.matched_column(customers, c.name), ' UNION ALL ')
            FROM unnest(customer_identity_internal.match_columns()) AS c (name)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.same_value_queries(regclass) IS
    'The query of pairs of customers with the same e-mail, or the same value in a column that the owner has named: a, b, reason';

-- The names of a customer without one are those of its logins. More than ten are not a person's: each would be compared
-- in every pair.
CREATE FUNCTION customer_identity_internal.named_customers(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    logins constant text := customer_identity_internal.values_query(customers, '{users}', NULL);
BEGIN
    RETURN CASE WHEN logins IS NOT NULL THEN
            format('WITH of_logins AS MATERIALIZED (SELECT DISTINCT c.id, c.phone::text AS phone, customer_identity_internal.match_key(v.value) AS name'
                ' FROM %s AS c JOIN (%s) AS v ON v.id = c.id WHERE COALESCE(c.preferred_name, '''') = '''') ', customers, logins)
            ELSE '' END
        || format('SELECT n.* FROM (SELECT c.id, c.phone::text AS phone, customer_identity_internal.match_key(c.preferred_name::text) AS name'
            ' FROM %s AS c) AS n WHERE n.name IS NOT NULL', customers)
        || CASE WHEN logins IS NOT NULL THEN
            ' UNION ALL SELECT n.id, n.phone, n.name FROM (SELECT l.*, count(*) OVER (PARTITION BY l.id) AS names'
            ' FROM of_logins AS l WHERE l.name IS NOT NULL) AS n WHERE n.names <= 10'
            ELSE '' END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.named_customers(regclass) IS
    'The query of the names of customers as they are compared: id, phone, name';

-- A phone that somebody has now is among them, too: who has it is not paired with himself.
CREATE FUNCTION customer_identity_internal.former_phones(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN concat_ws(' UNION ALL ', 'SELECT NULL::uuid AS id, NULL::text AS phone WHERE false',
        CASE WHEN customer_identity_internal.has_companion(customers, 'customer_phones') THEN
            format('SELECT f.customer_id, f.phone::text FROM %s AS f WHERE f.until IS NOT NULL',
                customer_identity_internal.companion_of(customers, 'customer_phones')) END,
        CASE WHEN customer_identity_internal.has_companion(customers, 'phone_proofs') THEN
            format('SELECT p.customer_id, p.phone::text FROM %s AS p WHERE p.ended_at IS NOT NULL',
                customer_identity_internal.companion_of(customers, 'phone_proofs')) END,
        CASE WHEN customer_identity_internal.keeps_history(customers) THEN
            format('SELECT e.customer_id, e.details ->> CASE e.event WHEN ''phone_changed'' THEN ''old'' ELSE ''phone'' END'
                ' FROM %s AS e WHERE e.event IN (''phone_changed'', ''phone_released'')',
                customer_identity_internal.companion_of(customers, 'customer_events')) END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.former_phones(regclass) IS
    'The query of the phones that customers have had: id, phone';

-- A name that more than ten thousand customers have is none; those that fewer share are compared by what is left of
-- their phones without a digit. Names of pairs are looked up one after the other: who joined by names alone would
-- compare all that share one.
CREATE FUNCTION customer_identity_internal.suspected_pairs(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        named AS MATERIALIZED (%1$s),
        further AS MATERIALIZED (%2$s),
        former AS MATERIALIZED (%4$s),
        met AS MATERIALIZED (
            SELECT f.id AS former, c.id AS present FROM former AS f JOIN %5$s AS c ON c.phone = f.phone
            UNION ALL
            SELECT f.id, p.id FROM former AS f JOIN further AS p ON p.phone = f.phone
        ),
        same_value AS MATERIALIZED (%3$s),
        looked_up AS MATERIALIZED (
            SELECT l.a, l.b, l.reason, x.name
            FROM (
                SELECT s.a, s.b, 'name' AS reason FROM same_value AS s
                UNION
                SELECT LEAST(m.former, m.present), GREATEST(m.former, m.present), 'former_phone' FROM met AS m WHERE m.former <> m.present
            ) AS l
            JOIN named AS x ON x.id = l.a
        ),
        pairs AS (
            SELECT s.* FROM same_value AS s
            UNION ALL
            SELECT l.a, l.b, l.reason FROM looked_up AS l JOIN named AS y ON y.id = l.b AND y.name = l.name
            UNION ALL
            SELECT LEAST(g.ids[t.a], g.ids[t.b]), GREATEST(g.ids[t.a], g.ids[t.b]), 'typing_error'
            FROM (
                SELECT array_agg(p.id) AS ids, array_agg(p.phone) AS phones
                FROM (
                    SELECT n.id, n.phone, n.name FROM named AS n
                    UNION ALL
                    SELECT n.id, p.phone, n.name FROM further AS p JOIN named AS n ON n.id = p.id
                ) AS p
                GROUP BY p.name
                HAVING count(DISTINCT p.id) BETWEEN 2 AND 10000
            ) AS g
            CROSS JOIN LATERAL customer_identity_internal.typing_errors(g.phones) AS t
            WHERE g.ids[t.a] <> g.ids[t.b]
        )
        $sql$, customer_identity_internal.named_customers(customers), customer_identity_internal.further_phones(customers),
        customer_identity_internal.same_value_queries(customers), customer_identity_internal.former_phones(customers), customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.suspected_pairs(regclass) IS
    'The common table expressions that end in pairs: pairs of customers that may be one person, with the reason, maybe more than once';

-- A score is the chance that not all of its reasons are mistaken.
CREATE FUNCTION customer_identity_internal.duplicates_page(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format($sql$
        WITH %s,
        weighed AS (
            SELECT DISTINCT p.a, p.b, p.reason,
                CASE p.reason WHEN 'former_phone' THEN 0.9 WHEN 'typing_error' THEN 0.8 WHEN 'email' THEN 0.7 ELSE 0.5 END AS weight
            FROM pairs AS p%s
        ),
        scored AS (
            SELECT w.a, w.b, trim_scale(round(1 - exp(sum(ln(1 - w.weight))), 6)) AS score,
                jsonb_agg(w.reason ORDER BY w.weight DESC, w.reason COLLATE "C") AS reasons
            FROM weighed AS w
            GROUP BY w.a, w.b
        )
        SELECT array_agg(to_jsonb(i.*)) FROM (
            SELECT s.*
            FROM scored AS s
            WHERE s.score >= $1 AND ($3 IS NULL OR s.score < ($3 ->> 'key')::numeric
                OR (s.score = ($3 ->> 'key')::numeric AND (s.a, s.b) > (($3 ->> 'id')::uuid, ($3 ->> 'other')::uuid)))
            ORDER BY s.score DESC, s.a, s.b
            LIMIT $2
        ) AS i
        $sql$, customer_identity_internal.suspected_pairs(customers),
        CASE WHEN customer_identity_internal.has_companion(customers, 'duplicate_dismissals') THEN
            format(' WHERE NOT EXISTS (SELECT FROM %s AS d WHERE d.a = p.a AND d.b = p.b)',
                customer_identity_internal.companion_of(customers, 'duplicate_dismissals'))
            ELSE '' END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.duplicates_page(regclass) IS
    'The query of a page of duplicates; $1 is the minimum score, $2 how many, $3 the place after which they begin';

CREATE FUNCTION customer_identity.duplicate_customers(
    min_score numeric DEFAULT 0.5, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 1000000
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    minimum constant numeric := trim_scale(COALESCE(min_score, 0.5));
    size constant integer := COALESCE(page_size, 50);
    list constant jsonb := jsonb_build_array('duplicates', minimum, customer_identity_internal.match_columns());
    place constant jsonb := customer_identity_internal.read_cursor(list, after, 'numeric', 'uuid');
    items jsonb[];
BEGIN
    PERFORM customer_identity_internal.require_page_size(size);
    IF place IS NOT NULL AND NOT customer_identity_internal.is_value('uuid', place ->> 'other') THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END IF;
    EXECUTE customer_identity_internal.duplicates_page(customers)
        INTO items
        USING minimum, size + 1, place;
    RETURN customer_identity_internal.page_of(items, size, customer_identity_internal.write_cursor(list,
        jsonb_build_object('key', items[size] ->> 'score', 'id', items[size] -> 'a', 'other', items[size] -> 'b')));
END
$$;
COMMENT ON FUNCTION customer_identity.duplicate_customers(numeric, integer, text, regclass) IS
    'A page of pairs of customers that may be one person, the likeliest first: items with a, b, score and reasons, and the cursor of the next page';
REVOKE EXECUTE ON FUNCTION customer_identity.duplicate_customers(numeric, integer, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity.dismiss_duplicate(
    a uuid, b uuid, actor text DEFAULT NULL, reason text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS void
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    dismissed bigint;
BEGIN
    PERFORM customer_identity_internal.require_two(a, b);
    PERFORM customer_identity_internal.customer_row(e.customer, customers) FROM unnest(ARRAY[a, b]) AS e (customer);
    EXECUTE format('INSERT INTO %s (a, b, actor, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
        customer_identity_internal.companion_of(customers, 'duplicate_dismissals'))
        USING LEAST(a, b), GREATEST(a, b), actor, reason;
    GET DIAGNOSTICS dismissed = ROW_COUNT;
    IF dismissed = 0 THEN
        RETURN;
    END IF;
    PERFORM customer_identity_internal.write_event(customers, e.customer, 'duplicate_dismissed',
        jsonb_strip_nulls(jsonb_build_object('other', e.other, 'reason', reason)), actor)
    FROM (VALUES (a, b), (b, a)) AS e (customer, other);
END
$$;
COMMENT ON FUNCTION customer_identity.dismiss_duplicate(uuid, uuid, text, text, regclass) IS
    'Says that two customers are two people: duplicate_customers does not list them any more';
REVOKE EXECUTE ON FUNCTION customer_identity.dismiss_duplicate(uuid, uuid, text, text, regclass) FROM PUBLIC;
