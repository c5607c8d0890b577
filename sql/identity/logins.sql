-- By their own key, or by another column that orders may be joined by.
CREATE FUNCTION customer_identity_internal.login_rows(users customer_identity.attachments, key_column text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT customer_identity_internal.as_text(u.%I) AS user_id, u.%I AS customer_id FROM %s AS u',
        key_column, users.customer_column, users.attached);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.login_rows(customer_identity.attachments, text) IS
    'The query of the logins of a table: user_id, customer_id';

CREATE FUNCTION customer_identity_internal.logins_in(attached regclass, key_column text, customers regclass)
    RETURNS TABLE (user_id text, customer_id uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.login_rows(customer_identity_internal.attachment_of(attached), key_column);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_in(regclass, text, regclass) IS
    'The logins of a table, as text, with their customers';

-- The logins of a book with their customers, as a query of user_id and customer_id.
CREATE FUNCTION customer_identity_internal.logins_query(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(a.attached, a.customers) THEN customer_identity_internal.login_rows(a, a.key_column)
            ELSE format('SELECT l.user_id, l.customer_id FROM customer_identity_internal.logins_in(%L::regclass, %L, %L::regclass) AS l',
                a.attached::oid, a.key_column, a.customers::oid)
        END,
        ' UNION ALL ')
    INTO query
    FROM customer_identity_internal.attachments_to_read(logins_query.customers) AS a
    WHERE a.kind = 'users';
    RETURN COALESCE(query, 'SELECT NULL::text AS user_id, NULL::uuid AS customer_id WHERE false');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_query(regclass) IS
    'A query of the logins of a book: user_id, customer_id';

-- The logins that orders are joined to as u, with key and customer_id: the users table itself where it has the
-- orders' owner, else what a function tells that acts as its owner.
CREATE FUNCTION customer_identity_internal.logins_of_orders(attached customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users customer_identity.attachments := customer_identity_internal.attachment_of(attached.users);
BEGIN
    IF NOT customer_identity_internal.have_one_owner(attached.attached, attached.users) THEN
        RETURN format('(SELECT l.user_id AS key, l.customer_id FROM customer_identity_internal.logins_in(%L::regclass, %L, %L::regclass) AS l)',
            attached.users::oid, attached.users_key_column, users.customers::oid);
    END IF;
    RETURN format('(SELECT u.%I AS key, u.%I AS customer_id FROM %s AS u)', attached.users_key_column, users.customer_column, attached.users);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.logins_of_orders(customer_identity.attachments) IS
    'The logins of the users table of an orders table: key, customer_id';
