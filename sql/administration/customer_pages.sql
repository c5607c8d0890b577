-- A cursor says where a page ended and of which list, so that it cannot be used with another list.
CREATE FUNCTION customer_identity_internal.list_digest(list jsonb)
    RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN left(encode(sha256(convert_to(list::text, 'UTF8')), 'hex'), 16);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.list_digest(jsonb) IS
    'A short text that stands for a list''s parameters in its cursors';

CREATE FUNCTION customer_identity_internal.write_cursor(list jsonb, place jsonb)
    RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN translate(
        encode(convert_to((place || jsonb_build_object('list', customer_identity_internal.list_digest(list)))::text, 'UTF8'), 'base64'),
        E'+/=\n', '-_');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_cursor(jsonb, jsonb) IS
    'A place in a list as an opaque text, base64url';

-- Drivers send text, so parameters have not been checked.
CREATE FUNCTION customer_identity_internal.is_value(type regtype, value text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF type IS NULL THEN
        RETURN false;
    END IF;
    -- A literal is read by the type's own input function, never by somebody's cast.
    EXECUTE format('SELECT %L::%s', value, customer_identity_internal.type_name(type));
    RETURN true;
EXCEPTION WHEN data_exception OR syntax_error_or_access_rule_violation THEN
    -- The latter when a text names no table, as a regclass has to.
    RETURN false;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_value(regtype, text) IS
    'Whether a text can be read as a value of a type';

CREATE FUNCTION customer_identity_internal.refuse_cursor()
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'after is not a cursor of this list'
        USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Pass NULL for the first page, then the next of the previous page, with the same search, filters and sort.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_cursor() IS
    'Raises 22023 for a text that is no cursor';

CREATE FUNCTION customer_identity_internal.read_cursor(list jsonb, after text, key_type regtype, id_type regtype)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place jsonb;
BEGIN
    IF after IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        place := convert_from(decode(rpad(translate(after, '-_', '+/'), (length(after) + 3) / 4 * 4, '='), 'base64'), 'UTF8');
    EXCEPTION WHEN data_exception THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END;
    IF place ->> 'list' IS DISTINCT FROM customer_identity_internal.list_digest(list)
        OR place ->> 'id' IS NULL
        OR NOT customer_identity_internal.is_value(id_type, place ->> 'id')
        OR NOT customer_identity_internal.is_value(key_type, place ->> 'key') THEN
        PERFORM customer_identity_internal.refuse_cursor();
    END IF;
    RETURN place;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.read_cursor(jsonb, text, regtype, regtype) IS
    'The place that a cursor of a list stands for; 22023 for any other text';

CREATE FUNCTION customer_identity_internal.require_page_size(page_size integer)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF page_size BETWEEN 1 AND 1000 THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'page_size is not between 1 and 1000'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Allowed are 1 to 1000; 50 is the default.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_page_size(integer) IS
    'Raises 22023 for a page size that is not between 1 and 1000';

-- One extra row shows whether another page follows.
CREATE FUNCTION customer_identity_internal.page_of(rows jsonb[], page_size integer, next text)
    RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object(
        'items', to_jsonb((COALESCE(rows, '{}'))[:page_size]),
        'next', CASE WHEN cardinality(rows) > page_size THEN next END);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.page_of(jsonb[], integer, text) IS
    'A page and the cursor of the next one, NULL on the last';

CREATE FUNCTION customer_identity_internal.sort_column(sort text)
    RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name constant text := regexp_replace(sort, '^-', '');
BEGIN
    IF name = ANY ('{created_at,updated_at,preferred_name,total_spent,total_orders}') THEN
        RETURN name;
    END IF;
    RAISE EXCEPTION 'unknown sort'
        USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Sort: %s.', quote_nullable(customer_identity_internal.shown(sort))),
            HINT = 'Allowed are created_at, updated_at, preferred_name, total_spent and total_orders; a leading hyphen sorts in descending order.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.sort_column(text) IS
    'The column that a sort names; 22023 for any other';

CREATE FUNCTION customer_identity_internal.invalid_filter(key text, value jsonb)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN key IN ('verified', 'has_users', 'shared') THEN
        CASE WHEN jsonb_typeof(value) <> 'boolean' THEN format('%s is true or false', key) END
    WHEN key = 'min_orders' THEN
        CASE WHEN jsonb_typeof(value) <> 'number' OR NOT customer_identity_internal.is_value('bigint', value #>> '{}') THEN 'min_orders is a whole number' END
    WHEN key = 'min_spent' THEN
        CASE WHEN jsonb_typeof(value) <> 'number' THEN 'min_spent is a number' END
    WHEN key = 'created' THEN
        CASE
            WHEN jsonb_typeof(value) <> 'object' OR value - '{from,to}'::text[] <> '{}'
                OR NOT customer_identity_internal.is_value('timestamptz', value ->> 'from') OR NOT customer_identity_internal.is_value('timestamptz', value ->> 'to')
            THEN 'created is an object with times from (included) and to (not included), or one of them'
        END
    ELSE 'filters are verified, min_orders, min_spent, created, has_users and shared'
END;
COMMENT ON FUNCTION customer_identity_internal.invalid_filter(text, jsonb) IS
    'What is wrong with a filter of list_customers, or NULL';

CREATE FUNCTION customer_identity_internal.require_filters(filters jsonb)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hint text;
BEGIN
    IF jsonb_typeof(filters) <> 'object' THEN
        hint := 'For example: {"verified": true, "min_orders": 2}.';
    ELSE
        SELECT format('Allowed: %s.', customer_identity_internal.invalid_filter(f.key, f.value)) INTO hint
        FROM jsonb_each(filters) AS f
        WHERE customer_identity_internal.invalid_filter(f.key, f.value) IS NOT NULL
        ORDER BY f.key
        LIMIT 1;
    END IF;
    IF hint IS NOT NULL THEN
        RAISE EXCEPTION 'invalid filters'
            USING ERRCODE = 'invalid_parameter_value', HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_filters(jsonb) IS
    'Raises 22023 for filters that list_customers does not know';

-- Who has any users is found by a join, of whichever kind suits how many have; who has several, customer by customer, or at once where
-- all customers may have to be asked, or are spread over nodes. Users whose table has another owner are asked for customer by
-- customer as well, unless at once, by the query of all logins.
CREATE FUNCTION customer_identity_internal.users_condition(minimum integer, at_once boolean, users_query text)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN at_once AND minimum > 1 THEN format('EXISTS (SELECT FROM (SELECT u.customer_id FROM (%s) AS u WHERE u.customer_id IS NOT NULL'
        ' GROUP BY u.customer_id HAVING count(*) >= %s) AS s WHERE s.customer_id = c.id)', users_query, minimum)
    WHEN minimum = 1 THEN format('EXISTS (SELECT FROM (%s) AS u WHERE u.customer_id = c.id)', users_query)
    ELSE format('EXISTS (SELECT FROM (%s) AS u WHERE u.customer_id = c.id OFFSET %s)', users_query, minimum - 1)
END;
COMMENT ON FUNCTION customer_identity_internal.users_condition(integer, boolean, text) IS
    'The condition that customer c has so many users, or more';

CREATE FUNCTION customer_identity_internal.column_filter_condition(filters jsonb)
    RETURNS text
    LANGUAGE sql STABLE
RETURN concat_ws(' AND ', 'true',
    CASE WHEN filters ? 'verified' THEN 'c.is_phone_verified = ($2 ->> ''verified'')::boolean' END,
    CASE WHEN filters ? 'min_orders' THEN 'c.total_orders >= ($2 ->> ''min_orders'')::bigint' END,
    CASE WHEN filters ? 'min_spent' THEN 'c.total_spent >= ($2 ->> ''min_spent'')::numeric' END);
COMMENT ON FUNCTION customer_identity_internal.column_filter_condition(jsonb) IS
    'The condition that customer c passes the filters by what it has and has done; filters are parameter $2';

CREATE FUNCTION customer_identity_internal.time_filter_condition(filters jsonb, time_type text)
    RETURNS text
    LANGUAGE sql STABLE
RETURN concat_ws(' AND ', 'true',
    CASE WHEN filters #>> '{created,from}' IS NOT NULL THEN format('c.created_at >= ($2 #>> ''{created,from}'')::%s', time_type) END,
    CASE WHEN filters #>> '{created,to}' IS NOT NULL THEN format('c.created_at < ($2 #>> ''{created,to}'')::%s', time_type) END);
COMMENT ON FUNCTION customer_identity_internal.time_filter_condition(jsonb, text) IS
    'The condition that customer c passes the filters by its time; filters are parameter $2';

CREATE FUNCTION customer_identity_internal.users_filter_condition(filters jsonb, at_once boolean, users_query text)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(
    (SELECT string_agg(CASE WHEN filters -> f.name = 'false' THEN 'NOT ' ELSE '' END
            || customer_identity_internal.users_condition(f.minimum, at_once, users_query), ' AND ')
        FROM (VALUES ('has_users', 1), ('shared', 2)) AS f (name, minimum)
        WHERE filters ? f.name),
    'true');
COMMENT ON FUNCTION customer_identity_internal.users_filter_condition(jsonb, boolean, text) IS
    'The condition that customer c passes the filters by how many users it has';

CREATE FUNCTION customer_identity_internal.customer_column_type(customers regclass, column_name text, OUT type regtype, OUT nullable boolean)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT customer_identity_internal.base_type(a.atttypid), NOT a.attnotnull INTO type, nullable
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = column_name AND NOT a.attisdropped;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customer_column_type(regclass, text) IS
    'The type of a column of customers, and whether it may be NULL';

-- Which customers a list is read from, where a page of it ends, and how they are ordered.
CREATE FUNCTION customer_identity_internal.list_range(
    customers regclass, sort text, by_name boolean, without_value boolean, after jsonb, OUT scope text, OUT order_by text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    comparison constant text := CASE WHEN starts_with(sort, '-') THEN '<' ELSE '>' END;
    direction constant text := CASE WHEN starts_with(sort, '-') THEN 'DESC' ELSE 'ASC' END;
    key constant text := customer_identity_internal.sort_column(sort);
    key_column constant record := customer_identity_internal.customer_column_type(customers, key);
BEGIN
    scope := CASE
            WHEN without_value THEN format('c.%I IS NULL', key)
            WHEN key_column.nullable THEN format('c.%I IS NOT NULL', key)
            ELSE 'true'
        END
        || CASE
            WHEN after IS NULL OR (without_value AND after ->> 'key' IS NOT NULL) THEN ''
            WHEN without_value THEN format(' AND c.id %s ($4 ->> ''id'')::uuid', comparison)
            ELSE format(' AND (c.%I, c.id) %s (($4 ->> ''key'')::%s, ($4 ->> ''id'')::uuid)', key, comparison, key_column.type)
        END;
    order_by := CASE
        WHEN without_value THEN format('c.id %s', direction)
        WHEN by_name THEN format('(c.preferred_name || '''') %s, c.id %1$s', direction)
        ELSE format('c.%I %s, c.id %2$s', key, direction)
    END;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.list_range(regclass, text, boolean, boolean, jsonb) IS
    'The condition that customer c comes after the page before, and the order of a list';

-- Customers without a value come last in either direction. They are a list of their own, which begins
-- where the others end, so that each is a range of one index. Names that are alike lie together, maybe at the
-- end of that index: those found by a part of the name are sorted without it. A row is made whole when it is on the page.
-- $1 is the search, $2 the filters, $3 how many customers are wanted, $4 where the page before ended, $5 how many are few, or near.
CREATE FUNCTION customer_identity_internal.customers_query(
    customers regclass, is_spread boolean, users_query text, key text, scope text, order_by text, condition text, users_conditions text[],
    way text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    page constant text := format(
        CASE
            WHEN way = 'in order' THEN 'SELECT c.id FROM %1$s AS c WHERE %2$s AND %3$s AND %4$s ORDER BY %6$s LIMIT $3'
            WHEN way IN ('nearest', 'nearby') THEN 'SELECT c.id FROM (SELECT c.* FROM %1$s AS c WHERE %2$s ORDER BY %6$s LIMIT $5) AS c'
                ' WHERE %3$s AND %4$s ORDER BY %6$s LIMIT $3'
            WHEN way = 'few' THEN 'SELECT c.id FROM f AS c WHERE (SELECT count(*) FROM f) <= $5 AND %4$s ORDER BY %6$s LIMIT $3'
            WHEN way = 'counted' THEN 'SELECT c.id FROM (SELECT c.* FROM f AS c WHERE (SELECT count(*) FROM f) <= $5 AND %4$s'
                ' UNION ALL SELECT c.* FROM f AS c WHERE (SELECT count(*) FROM f) > $5 AND %5$s) AS c ORDER BY %6$s LIMIT $3'
            WHEN way = 'anywhere' THEN 'SELECT c.id FROM f AS c ORDER BY %6$s LIMIT $3'
        END,
        customers, scope, condition, users_conditions[1], users_conditions[2], order_by);
    candidates constant text := format(
        CASE WHEN way IN ('few', 'counted', 'anywhere') THEN
            'WITH f AS MATERIALIZED (SELECT c.id, c.%I FROM %s AS c WHERE %s AND %s' END
        || CASE way WHEN 'few' THEN ' LIMIT $5 + 1) ' WHEN 'counted' THEN ') ' WHEN 'anywhere' THEN ' AND %s) ' END,
        key, customers, scope, condition, users_conditions[2]);
    is_all constant text := CASE
        WHEN way IN ('nearest', 'nearby') THEN format('count(*) < $3 AND (SELECT count(*) FROM (SELECT FROM %s AS c WHERE %s LIMIT $5) AS c) < $5', customers, scope)
        WHEN way = 'few' THEN '(SELECT count(*) FROM f) <= $5'
        ELSE 'true'
    END;
BEGIN
    IF is_spread THEN
        RETURN format('SELECT array_agg(to_jsonb(c.id)), true FROM (%s) AS c', page);
    END IF;
    RETURN format('%4$sSELECT array_agg((SELECT to_jsonb(r.*) FROM %1$s AS r WHERE r.id = c.id)'
        ' || jsonb_build_object(''users'', (SELECT count(*) FROM (%2$s) AS u WHERE u.customer_id = c.id))), %5$s FROM (%3$s) AS c',
        customers, users_query, page, candidates, is_all);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customers_query(regclass, boolean, text, text, text, text, text, text[], text) IS
    'The query of a page of customers, and whether there are no more; users_conditions: one by one and at once';

-- Where customers are in shards, their logins are on another node: a page is made of three queries.
CREATE FUNCTION customer_identity_internal.rows_in_shards(ids jsonb[], users_query text, customers regclass)
    RETURNS jsonb[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    uuids constant uuid[] := ARRAY(SELECT (i.id #>> '{}')::uuid FROM unnest(ids) AS i (id));
    rows jsonb;
    users jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_object_agg(r.id, to_jsonb(r.*)) FROM %s AS r WHERE r.id = ANY ($1)', customers) INTO rows USING uuids;
    EXECUTE format('SELECT jsonb_object_agg(n.customer_id, n.users) FROM'
        ' (SELECT u.customer_id, count(*) AS users FROM (%s) AS u WHERE u.customer_id = ANY ($1) GROUP BY 1) AS n', users_query)
        INTO users
        USING uuids;
    RETURN ARRAY(
        SELECT rows -> i.id::text || jsonb_build_object('users', COALESCE(users -> i.id::text, '0'))
        FROM unnest(uuids) WITH ORDINALITY AS i (id, place)
        ORDER BY i.place);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_in_shards(jsonb[], text, regclass) IS
    'The rows of a page of customers, by their ids';

-- How many users a customer has is in no statistics: who has some, none or several may be every second customer, or nobody. Those of
-- totals never say that nobody has as much. A page is looked for among the few whom a search finds; among the next in order, where
-- an index has them, and among ten times as many; then among all at once, never customer by customer to the end of an index.
CREATE FUNCTION customer_identity_internal.ways_to_find(filters jsonb, sort_key text, is_search boolean, is_indexed boolean)
    RETURNS text[]
    LANGUAGE sql IMMUTABLE
RETURN array_remove(
    CASE
        WHEN filters ?| '{has_users,shared}' THEN ARRAY[
            CASE WHEN is_search THEN 'few' END,
            CASE WHEN is_indexed THEN 'nearest' END,
            CASE WHEN is_indexed THEN 'nearby' END,
            CASE WHEN filters ? 'shared' AND NOT is_search AND filters - '{has_users,shared}'::text[] <> '{}' THEN 'counted' ELSE 'anywhere' END]
        WHEN filters ?| '{min_spent,min_orders}' AND NOT is_search AND sort_key NOT IN ('total_spent', 'total_orders') THEN ARRAY[
            CASE WHEN is_indexed THEN 'nearest' END,
            CASE WHEN is_indexed THEN 'nearby' END,
            'anywhere']
        ELSE ARRAY['in order']
    END,
    NULL);
COMMENT ON FUNCTION customer_identity_internal.ways_to_find(jsonb, text, boolean, boolean) IS
    'In which ways a page of customers is looked for, one after the other, until it is full or there are no more';

-- Users whose table has another owner are asked for by a function.
CREATE FUNCTION customer_identity_internal.how_many_are_few(customers regclass)
    RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN bool_and(customer_identity_internal.have_one_owner(a.attached, a.customers)) THEN 10000 ELSE 1000 END
        FROM customer_identity_internal.attachments_to_read(how_many_are_few.customers) AS a
        WHERE a.kind = 'users'
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.how_many_are_few(regclass) IS
    'Among how many customers who has so many users is looked for one by one';

-- Fetching and sorting a few thousand rows is faster than finding them during a scan in order; fetching millions, one by one from
-- all over a table, is not.
CREATE FUNCTION customer_identity.list_customers(
    search text DEFAULT NULL,
    filters jsonb DEFAULT NULL,
    sort text DEFAULT '-created_at',
    page_size integer DEFAULT 50,
    after text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner STABLE COST 100000
    SET row_security = off
    SET jit = off
    SET random_page_cost = 1.1
AS $$
DECLARE
    typed constant text := NULLIF(btrim(search, E' \t\r\n'), '');
    given constant jsonb := COALESCE(jsonb_strip_nulls(NULLIF(filters, 'null')), '{}');
    order_by constant text := COALESCE(sort, '-created_at');
    size constant integer := COALESCE(page_size, 50);
    sort_key constant text := customer_identity_internal.sort_column(order_by);
    key_column constant record := customer_identity_internal.customer_column_type(customers, sort_key);
    list constant jsonb := jsonb_build_array(typed, given, order_by);
    place constant jsonb := customer_identity_internal.read_cursor(list, after, key_column.type, 'uuid');
    is_spread constant boolean := customer_identity_internal.is_spread(customers);
    users_query constant text := customer_identity_internal.users_query(customers);
    in_order constant boolean := is_spread OR NOT given ?| '{has_users,shared,min_spent,min_orders}';
    logins_query constant text := CASE WHEN given ?| '{has_users,shared}' THEN customer_identity_internal.logins_query(customers) END;
    is_filtered_by_time constant boolean := given ? 'created' AND sort_key = 'created_at';
    few constant integer := CASE WHEN logins_query IS NULL THEN 10000 ELSE customer_identity_internal.how_many_are_few(customers) END;
    sought customer_identity_internal.customer_search;
    condition text := customer_identity_internal.is_somebody(customers);
    time_condition constant text := customer_identity_internal.time_filter_condition(given,
        (customer_identity_internal.customer_column_type(customers, 'created_at')).type::text);
    users_conditions text[];
    by_name boolean;
    range record;
    without_value boolean;
    way text;
    found jsonb[];
    is_all boolean;
    items jsonb[] := '{}';
BEGIN
    PERFORM customer_identity_internal.require_page_size(size);
    PERFORM customer_identity_internal.require_filters(given);
    IF typed IS NOT NULL THEN
        sought := customer_identity_internal.read_search(typed, customers);
        condition := condition || ' AND ' || customer_identity_internal.search_condition(sought, users_query, customers);
    END IF;
    condition := concat_ws(' AND ', customer_identity_internal.column_filter_condition(given),
        CASE WHEN NOT is_filtered_by_time THEN time_condition END, condition);
    by_name := customer_identity_internal.searches_names(sought) AND sort_key = 'preferred_name';
    users_conditions := CASE
        WHEN logins_query IS NULL THEN '{true,true}'::text[]
        ELSE ARRAY[
            customer_identity_internal.users_filter_condition(given, is_spread, CASE WHEN is_spread THEN logins_query ELSE users_query END),
            customer_identity_internal.users_filter_condition(given, true, logins_query)]
    END;
    FOREACH without_value IN ARRAY CASE WHEN key_column.nullable THEN '{f,t}' ELSE '{f}' END::boolean[] LOOP
        CONTINUE WHEN place IS NOT NULL AND place ->> 'key' IS NULL AND NOT without_value;
        EXIT WHEN cardinality(items) > size;
        range := customer_identity_internal.list_range(customers, order_by, by_name, without_value, place);
        IF is_filtered_by_time THEN
            range.scope := range.scope || ' AND ' || time_condition;
        END IF;
        FOREACH way IN ARRAY CASE
            WHEN in_order THEN '{in order}'::text[]
            ELSE customer_identity_internal.ways_to_find(given, sort_key, typed IS NOT NULL,
                NOT by_name AND customer_identity_internal.has_index_on(customers, sort_key))
        END LOOP
            CONTINUE WHEN way = 'nearest' AND size >= few / 10;
            PERFORM set_config('random_page_cost', CASE WHEN way IN ('anywhere', 'counted') AND typed IS NULL THEN '4' ELSE '1.1' END, true);
            EXECUTE customer_identity_internal.customers_query(
                customers, is_spread, users_query, sort_key, range.scope, range.order_by, condition, users_conditions, way)
                INTO found, is_all
                USING sought, given, size + 1 - cardinality(items), place, CASE way WHEN 'nearest' THEN few / 10 ELSE few END;
            found := CASE WHEN is_spread THEN customer_identity_internal.rows_in_shards(found, users_query, customers) ELSE found END;
            EXIT WHEN is_all OR cardinality(items || found) > size;
        END LOOP;
        items := items || found;
    END LOOP;
    RETURN customer_identity_internal.page_of(items, size, customer_identity_internal.write_cursor(list,
        jsonb_build_object('key', items[size] -> sort_key, 'id', items[size] -> 'id')));
END
$$;
COMMENT ON FUNCTION customer_identity.list_customers(text, jsonb, text, integer, text, regclass) IS
    'A page of customers, found by a search and filters: items and the cursor of the next page';
REVOKE EXECUTE ON FUNCTION customer_identity.list_customers(text, jsonb, text, integer, text, regclass) FROM PUBLIC;
