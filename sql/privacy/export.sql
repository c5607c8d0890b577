CREATE FUNCTION customer_identity_internal.rows_that_refer(referencing regclass, ways jsonb, customer jsonb, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_referencing_owner STABLE
AS $$
DECLARE
    found_rows jsonb;
    key constant text[] := customer_identity_internal.key_columns(referencing);
BEGIN
    PERFORM customer_identity_internal.require_keys(referencing, ways, customers);
    EXECUTE format('SELECT jsonb_agg(to_jsonb(r.*)%s) FROM %s AS r WHERE %s',
        (SELECT ' ORDER BY ' || string_agg(format('r.%I', k.name), ', ' ORDER BY k.place) FROM unnest(key) WITH ORDINALITY AS k (name, place)),
        referencing, (SELECT string_agg(customer_identity_internal.key_condition(referencing, w.value), ' OR ') FROM jsonb_array_elements(ways) AS w))
        INTO found_rows
        USING customer, (customer ->> 'id')::uuid;
    RETURN found_rows;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.rows_that_refer(regclass, jsonb, jsonb, regclass) IS
    'The rows of a table that refer to a customer in one of the ways; NULL: none';

CREATE FUNCTION customer_identity_internal.companion_rows(name text, condition text, customer_id uuid, phones text[], merged uuid[], customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_rows jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_agg(to_jsonb(r.*)) FROM %s AS r WHERE %s',
        customer_identity_internal.companion_of(customers, name), condition)
        INTO found_rows
        USING customer_id, phones, merged;
    RETURN found_rows;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.companion_rows(text, text, uuid, text[], uuid[], regclass) IS
    'The rows of a companion that are about a person; NULL: none';

-- The companions are read by what they mean, whether they have a foreign key or not.
CREATE FUNCTION customer_identity_internal.tables_that_refer(customers regclass)
    RETURNS TABLE (relation regclass, ways jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT r.relation, jsonb_agg(r.way ORDER BY r.way)
        FROM customer_identity_internal.keys_to_customers(customers) AS r
        WHERE r.relation <> customers AND r.relation NOT IN (
            SELECT customer_identity_internal.companion_of(customers, c.name)::regclass
            FROM customer_identity_internal.companions_of_person() AS c)
        GROUP BY r.relation;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.tables_that_refer(regclass) IS
    'The tables of the application that refer to customers, and in which ways';

CREATE FUNCTION customer_identity.export_customer(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    customer constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
    phones constant text[] := customer_identity_internal.phones_of_person(customer_id, customers);
    merged constant uuid[] := customer_identity_internal.merged_into(customer_id, customers);
    found_tables jsonb;
BEGIN
    SELECT COALESCE(jsonb_agg(jsonb_build_object('table', t.name, 'rows', t.rows) ORDER BY t.name), '[]') INTO found_tables
    FROM (
        SELECT customer_identity_internal.told_name(r.relation),
            customer_identity_internal.rows_that_refer(r.relation, r.ways, customer, customers)
        FROM customer_identity_internal.tables_that_refer(customers) AS r
        UNION ALL
        SELECT customer_identity_internal.told_name(customer_identity_internal.companion_of(customers, c.name)::regclass),
            customer_identity_internal.companion_rows(c.name, c.condition, customer_id, phones, merged, customers)
        FROM customer_identity_internal.companions_of_person() AS c
    ) AS t (name, rows)
    WHERE t.rows IS NOT NULL;
    RETURN jsonb_build_object('customer', customer,
        'tables', found_tables || customer_identity_internal.verifications_of(phones,
            customer_identity_internal.logins_of_person(customer_id, phones, customers), false, customers));
END
$$;
COMMENT ON FUNCTION customer_identity.export_customer(uuid, regclass) IS
    'All that the database holds on a person: the customer, and the rows of every table that refers to it, of the companions and of verifications, as {customer, tables: [{table, rows}]}';
REVOKE EXECUTE ON FUNCTION customer_identity.export_customer(uuid, regclass) FROM PUBLIC;
