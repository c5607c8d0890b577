-- Tables in any schema: by foreign keys to whatever columns of customers, and by the columns that they are attached by.
CREATE FUNCTION customer_identity_internal.keys_to_customers(customers regclass)
    RETURNS TABLE (relation regclass, way jsonb, cascades boolean)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT w.relation, jsonb_build_object('columns', w.columns, 'referenced', w.referenced), bool_or(w.cascades)
        FROM (
            SELECT k.relation, k.columns, k.referenced, k.cascades FROM customer_identity_internal.foreign_keys_to(customers) AS k
            UNION ALL
            SELECT a.attached, ARRAY[a.customer_column], ARRAY['id'], false
            FROM customer_identity_internal.attachments_of(customers) AS a
            WHERE customer_identity_internal.column_type(a.attached, a.customer_column) = 'uuid'::regtype
        ) AS w (relation, columns, referenced, cascades)
        GROUP BY w.relation, w.columns, w.referenced
        ORDER BY 1, w.columns, w.referenced;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_to_customers(regclass) IS
    'The ways {columns, referenced} in which rows of any table refer to customers, and whether they are deleted with them';

CREATE FUNCTION customer_identity_internal.referencing_columns(customers regclass)
    RETURNS TABLE (relation regclass, column_name text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT DISTINCT k.relation, c.name
        FROM customer_identity_internal.keys_to_customers(customers) AS k
        CROSS JOIN LATERAL ROWS FROM (jsonb_array_elements_text(k.way -> 'columns'), jsonb_array_elements_text(k.way -> 'referenced')) AS c (name, referenced)
        WHERE c.referenced = 'id'
        ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.referencing_columns(regclass) IS
    'The columns, in any table, that hold the id of a customer';

-- Of another's table the owner of a book reads and unlinks what refers to his customers, and nothing else.
CREATE FUNCTION customer_identity_internal.require_keys(relation regclass, ways jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM jsonb_array_elements(ways) AS w
        WHERE w.value NOT IN (SELECT k.way FROM customer_identity_internal.keys_to_customers(customers) AS k WHERE k.relation = require_keys.relation)
    ) THEN
        RAISE EXCEPTION 'rows of table % do not refer to customers in such a way', relation
            USING ERRCODE = 'insufficient_privilege', HINT = 'Add a foreign key to customers, or attach the table.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_keys(regclass, jsonb, regclass) IS
    'Raises 42501 for ways in which a table does not refer to customers';

-- A foreign key is not inherited: what inherits from a table and has one like it is a table of its own.
CREATE FUNCTION customer_identity_internal.heirs_that_refer(relation regclass, ways jsonb, customers regclass)
    RETURNS oid[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    heirs constant oid[] := ARRAY(SELECT h.heir::oid FROM customer_identity_internal.heirs_of(relation) AS h);
BEGIN
    IF heirs = '{}' THEN
        RETURN heirs;
    END IF;
    RETURN ARRAY(
        SELECT k.relation::oid
        FROM customer_identity_internal.keys_to_customers(customers) AS k
        WHERE k.relation::oid = ANY (heirs) AND k.way IN (SELECT w.value FROM jsonb_array_elements(ways) AS w)
        GROUP BY k.relation
        HAVING count(DISTINCT k.way) = (SELECT count(DISTINCT w.value) FROM jsonb_array_elements(ways) AS w)
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.heirs_that_refer(regclass, jsonb, regclass) IS
    'The tables that inherit from one and refer to customers in all of its ways themselves';

CREATE FUNCTION customer_identity_internal.not_of_heirs(heirs oid[])
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN heirs <> '{}' THEN format(' AND r.tableoid OPERATOR(pg_catalog.<>) ALL (%L::pg_catalog.oid[])', heirs) ELSE '' END;
COMMENT ON FUNCTION customer_identity_internal.not_of_heirs(oid[]) IS
    'The condition, after others, that row r is of none of some tables';

CREATE FUNCTION customer_identity_internal.count_rows_of(referencing regclass, way jsonb, customer jsonb, customers regclass)
    RETURNS bigint
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    counted bigint;
BEGIN
    PERFORM customer_identity_internal.require_keys(referencing, jsonb_build_array(way), customers);
    EXECUTE format('SELECT count(*) FROM %s AS r WHERE %s%s', referencing, customer_identity_internal.refers_to(referencing, way, '$1'),
        customer_identity_internal.not_of_heirs(customer_identity_internal.heirs_that_refer(referencing, jsonb_build_array(way), customers)))
        INTO counted
        USING customer;
    RETURN counted;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.count_rows_of(regclass, jsonb, jsonb, regclass) IS
    'How many rows of a table refer to a customer in one way, without those of tables that inherit from it and do so themselves';

-- How rows are told apart: by the primary key, else by a unique index over columns that are NOT NULL and not computed from others, in
-- whose place the whole row stands where there is none.
CREATE FUNCTION customer_identity_internal.key_columns(relation regclass)
    RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT k.names
        FROM pg_index AS i
        CROSS JOIN LATERAL (
            SELECT array_agg(a.attname::text ORDER BY c.position), bool_and(a.attnotnull AND a.attgenerated = '')
            FROM unnest(i.indkey) WITH ORDINALITY AS c (number, position)
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = c.number
            WHERE c.position <= i.indnkeyatts
        ) AS k (names, is_given)
        WHERE i.indrelid = relation AND i.indisunique AND i.indimmediate AND i.indisvalid
            AND i.indpred IS NULL AND i.indexprs IS NULL AND k.is_given
        ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
        LIMIT 1
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_columns(regclass) IS
    'The columns that tell the rows of a table apart; NULL: nothing but the whole row does';

-- Statements on a table of the application run on a path on which its triggers find their tables, like
-- write_changes(); everything of ours in them is qualified.
CREATE FUNCTION customer_identity_internal.path_of(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN (SELECT format('pg_catalog, %s, pg_temp', c.relnamespace::regnamespace) FROM pg_class AS c WHERE c.oid = relation);
COMMENT ON FUNCTION customer_identity_internal.path_of(regclass) IS
    'The search_path for statements that fire the triggers of a table';

-- Of another's table the owner of a book reads and moves what refers to his customers, and no other column.
CREATE FUNCTION customer_identity_internal.require_references(relation regclass, names text[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT names <@ ARRAY(SELECT r.column_name FROM customer_identity_internal.referencing_columns(customers) AS r WHERE r.relation = require_references.relation) THEN
        RAISE EXCEPTION 'column % of table % does not refer to customers', array_to_string(names, ', '), relation
            USING ERRCODE = 'insufficient_privilege', HINT = 'Add a foreign key to customers, or attach the table by that column.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_references(regclass, text[], regclass) IS
    'Raises 42501 for columns that hold no ids of customers';

-- What tells row `r` apart but for the column: an object of its key, or of the whole row where it has none.
CREATE FUNCTION customer_identity_internal.reference_key(columns text[], column_name text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN columns IS NULL THEN format('(customer_identity_internal.exact_json(r.*) OPERATOR(pg_catalog.-) %L)', column_name)
        ELSE format('pg_catalog.jsonb_build_object(%s)', (
            SELECT string_agg(format('%1$L, customer_identity_internal.exact_json(r.%1$I)', c.name), ', ') FROM unnest(columns) AS c (name)))
    END
$$;
COMMENT ON FUNCTION customer_identity_internal.reference_key(text[], text) IS
    'An expression for what tells row r of a table apart, whatever a column holds';

-- Records of earlier merges have keys as the settings of their session made them. Those with values that JSON does not give
-- back are compared as they are.
CREATE FUNCTION customer_identity_internal.given_keys(relation regclass, columns text[], key text, given text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names constant text[] := ARRAY(
        SELECT a.attname FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (COALESCE(columns, ARRAY[a.attname::text])));
BEGIN
    IF names = '{}' OR EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = ANY (names)
            AND (a.atttypid <> customer_identity_internal.base_type(a.atttypid) OR customer_identity_internal.has_own_json(a.atttypid)))
    THEN
        RETURN format('SELECT e.value AS key FROM pg_catalog.jsonb_array_elements(%s) AS e', given);
    END IF;
    RETURN format('SELECT %s AS key FROM pg_catalog.jsonb_to_recordset(%s) AS r (%s)',
        key, given, customer_identity_internal.typed_columns(relation, names));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.given_keys(regclass, text[], text, text) IS
    'The query of keys that are given as a jsonb array, as they are written now';

-- Of rows without a key as many are meant as `given` has alike. `refers` is a condition on row `r`, `key` an expression for
-- what tells it apart, `given` one for a jsonb array of such keys.
CREATE FUNCTION customer_identity_internal.rows_with_keys(relation regclass, columns text[], key text, refers text, given text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF columns = '{}' THEN
        RETURN format('FROM (SELECT 1) AS k (one) WHERE %s', refers);
    END IF;
    IF columns IS NULL THEN
        RETURN format(
            'FROM (SELECT r.ctid AS place, r.tableoid AS part, %1$s AS key, pg_catalog.row_number() OVER (PARTITION BY %1$s) AS number'
            ' FROM %2$s AS r WHERE %3$s) AS f'
            ' JOIN (SELECT g.key, pg_catalog.count(*) AS alike FROM (%4$s) AS g GROUP BY 1) AS k'
            ' ON k.key OPERATOR(pg_catalog.=) f.key AND f.number OPERATOR(pg_catalog.<=) k.alike'
            ' WHERE r.ctid OPERATOR(pg_catalog.=) f.place AND r.tableoid OPERATOR(pg_catalog.=) f.part',
            key, customer_identity_internal.qualified_name(relation), refers,
            customer_identity_internal.given_keys(relation, columns, key, given));
    END IF;
    RETURN format(
        'FROM pg_catalog.jsonb_to_recordset(%s) AS k (%s) WHERE %s%s',
        given, customer_identity_internal.typed_columns(relation, columns), refers,
        (SELECT string_agg(format(' AND r.%1$I %2$s k.%1$I', c.name,
                customer_identity_internal.equality_of(customer_identity_internal.column_type(relation, c.name))), '')
            FROM unnest(columns) AS c (name)));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_with_keys(regclass, text[], text, text, text) IS
    'FROM and WHERE of an UPDATE of rows r that refer to a customer and whose keys are given';

-- `keys`: NULL moves all rows of `source`; else those rows alone, as an earlier call has returned them.
CREATE FUNCTION customer_identity_internal.move_references(
    referencing regclass, column_name text, source uuid, target uuid, keys jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner VOLATILE
AS $$
DECLARE
    columns constant text[] := array_remove(customer_identity_internal.key_columns(referencing), column_name);
    moved jsonb;
BEGIN
    IF keys = '[]' THEN
        RETURN keys;
    END IF;
    PERFORM customer_identity_internal.require_references(referencing, ARRAY[column_name], customers);
    PERFORM set_config('search_path', customer_identity_internal.path_of(referencing), true);
    EXECUTE format(
        'WITH moved AS (UPDATE %s AS r SET %I = $2 %s RETURNING %s AS key)'
        ' SELECT COALESCE(pg_catalog.jsonb_agg(m.key), ''[]'') FROM moved AS m',
        customer_identity_internal.qualified_name(referencing), column_name,
        CASE
            WHEN keys IS NULL THEN format('WHERE r.%I OPERATOR(pg_catalog.=) $1', column_name)
            ELSE customer_identity_internal.rows_with_keys(referencing, columns, customer_identity_internal.reference_key(columns, column_name),
                format('r.%I OPERATOR(pg_catalog.=) $1', column_name), '$3')
        END,
        customer_identity_internal.reference_key(columns, column_name))
        INTO moved
        USING source, target, keys;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    RETURN moved;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.move_references(regclass, text, uuid, uuid, jsonb, regclass) IS
    'Makes rows that refer to one customer refer to another, in one UPDATE, and returns their keys';

-- Asks first what costs little: in a search of a whole table hardly a row has one of the phones.
CREATE FUNCTION customer_identity_internal.came_by_condition(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format(
    '(EXISTS (SELECT FROM (%s) AS c (n, raw) WHERE customer_identity_internal.claimed_phone(c.raw, %s) = ANY ($2)) AND %s = ANY ($2))',
    customer_identity_internal.claims_query(attached), customer_identity_internal.region_expression(attached),
    customer_identity_internal.claim_expression(attached));
COMMENT ON FUNCTION customer_identity_internal.came_by_condition(customer_identity.attachments) IS
    'The condition that row r names somebody by one of the phones $2';

-- Logins that claim one of the phones; orders of guests with one, and of logins that are linked to `via`. Where `since`
-- is given: those linked, or placed, since then, and all orders of the logins.
CREATE FUNCTION customer_identity_internal.rows_come_by(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at constant text := customer_identity_internal.time_of_row(attached.attached);
    came_by constant text := customer_identity_internal.came_by_condition(attached);
BEGIN
    IF attached.kind = 'users' THEN
        RETURN format('FROM %s AS r WHERE r.%I = $1 AND %s AND ($4 IS NULL OR COALESCE(($5 ->> customer_identity_internal.as_text(r.%I))::timestamptz, %s) >= $4)',
            attached.attached, attached.customer_column, came_by, attached.key_column, at);
    END IF;
    IF NOT customer_identity_internal.has_logins(attached) THEN
        RETURN format('FROM %s AS r WHERE r.%I = $1 AND %s AND ($4 IS NULL OR %s >= $4)', attached.attached, attached.customer_column, came_by, at);
    END IF;
    RETURN format('FROM %s AS r LEFT JOIN %s AS u ON %s WHERE r.%I = $1'
        ' AND (u.customer_id = $3 OR (u.customer_id IS NULL AND %s AND ($4 IS NULL OR %s >= $4)))',
        attached.attached, customer_identity_internal.logins_of_orders(attached), customer_identity_internal.user_condition(attached),
        attached.customer_column, came_by, at);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_come_by(customer_identity.attachments) IS
    'FROM and WHERE of the rows r of customer $1 that came by one of the phones $2, or by a login of customer $3, since $4; $5 tells when logins were linked';

CREATE FUNCTION customer_identity_internal.keys_by_phones(
    referencing regclass, customer_id uuid, phones text[], via uuid, since timestamptz, links jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    attached constant customer_identity.attachments := customer_identity_internal.attachment_to(referencing, customers);
    keys jsonb;
BEGIN
    EXECUTE format('SELECT COALESCE(jsonb_agg(%s), ''[]'') %s',
        customer_identity_internal.reference_key(
            array_remove(customer_identity_internal.key_columns(referencing), attached.customer_column), attached.customer_column),
        customer_identity_internal.rows_come_by(attached))
        INTO keys
        USING customer_id, phones, via, since, links;
    RETURN keys;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_by_phones(regclass, uuid, text[], uuid, timestamptz, jsonb, regclass) IS
    'The keys of a customer''s rows in an attached table that came by one of the phones, or by a login of the customer via';

CREATE FUNCTION customer_identity_internal.keys_without(referencing regclass, column_name text, keys jsonb, others jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    columns constant text[] := array_remove(customer_identity_internal.key_columns(referencing), column_name);
    kept jsonb;
BEGIN
    EXECUTE format('SELECT COALESCE(jsonb_agg(k.value), ''[]'') FROM jsonb_array_elements($1) AS k WHERE k.value NOT IN (SELECT o.key FROM (%s) AS o)',
        customer_identity_internal.given_keys(referencing, columns, customer_identity_internal.reference_key(columns, column_name), '$2'))
        INTO kept
        USING keys, others;
    RETURN kept;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.keys_without(regclass, text, jsonb, jsonb, regclass) IS
    'Those of the keys of a table that are not among others, which an earlier call has returned';

-- Users first: whose orders follow them is known only when they have moved.
CREATE FUNCTION customer_identity_internal.attached_in_order(customers regclass)
    RETURNS TABLE (attached regclass, customer_column text, kind text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.attached, a.customer_column, a.kind
    FROM customer_identity_internal.attachments_of(customers) AS a
    ORDER BY a.kind DESC, customer_identity_internal.qualified_name(a.attached)
$$;
COMMENT ON FUNCTION customer_identity_internal.attached_in_order(regclass) IS
    'The attached tables of a book, users before orders';
