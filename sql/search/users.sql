-- Unused columns cost nothing: the planner leaves them out.
CREATE FUNCTION customer_identity_internal.user_rows(users customer_identity.attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT %L::text AS relation, customer_identity_internal.as_text(r.%I) AS id, %s AS name, %s AS email,'
        ' %s AS phones, %s AS created_at, r.%I AS customer_id FROM %s AS r',
        customer_identity_internal.told_name(users.attached), users.key_column,
        COALESCE(customer_identity_internal.plain_text(users.attached, COALESCE(users.name_column, 'name')), 'NULL::text'),
        COALESCE(customer_identity_internal.plain_text(users.attached, 'email'), 'NULL::text'),
        customer_identity_internal.phones_of_row(users), customer_identity_internal.time_of_row(users.attached),
        users.customer_column, users.attached);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.user_rows(customer_identity.attachments) IS
    'The query that reads the users of a table';

CREATE FUNCTION customer_identity_internal.users_of_customer(attached regclass, customer_id uuid, customers regclass)
    RETURNS TABLE (relation text, id text, name text, email text, phones text[], created_at timestamptz, customer uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT u.* FROM (%s) AS u WHERE u.customer_id = $1',
        customer_identity_internal.user_rows(customer_identity_internal.attachment_of(attached)))
        USING customer_id;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_of_customer(regclass, uuid, regclass) IS
    'The users in a table of a customer';

-- For where customer c is joined to its users.
CREATE FUNCTION customer_identity_internal.users_query(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(u.attached, u.customers) THEN customer_identity_internal.user_rows(u)
            ELSE format('SELECT u.relation, u.id, u.name, u.email, u.phones, u.created_at, u.customer AS customer_id'
                ' FROM customer_identity_internal.users_of_customer(%L::regclass, c.id, %L::regclass) AS u',
                u.attached::oid, u.customers::oid)
        END,
        ' UNION ALL ' ORDER BY u.attached::text COLLATE "C")
    INTO query
    FROM customer_identity_internal.attachments_to_read(users_query.customers) AS u
    WHERE u.kind = 'users';
    RETURN COALESCE(query, 'SELECT NULL::text AS relation, NULL::text AS id, NULL::text AS name, NULL::text AS email,'
        ' NULL::text[] AS phones, NULL::timestamptz AS created_at, NULL::uuid AS customer_id WHERE false');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.users_query(regclass) IS
    'The query that reads the users of customer c from every attached users table; it may return other customers'' too';

CREATE FUNCTION customer_identity_internal.email_matches(users customer_identity.attachments, word_begins boolean)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT r.%1$I AS customer_id FROM %2$s AS r WHERE r.%1$I IS NOT NULL AND %3$s', users.customer_column, users.attached,
        customer_identity_internal.text_condition(
            COALESCE(customer_identity_internal.plain_text(users.attached, 'email'), 'NULL::text'), word_begins));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.email_matches(customer_identity.attachments, boolean) IS
    'The query of the customers whose users'' e-mails are like a search, which is parameter $1';

CREATE FUNCTION customer_identity_internal.customers_by_email(
    attached regclass, sought customer_identity_internal.customer_search, page_limit integer, customers regclass)
    RETURNS TABLE (customer_id uuid)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE customer_identity_internal.email_matches(
        customer_identity_internal.attachment_of(attached), sought.beginning IS NOT NULL) || ' LIMIT $2'
        USING sought, page_limit;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.customers_by_email(regclass, customer_identity_internal.customer_search, integer, regclass) IS
    'The customers of a table''s users whose e-mails are like a search, up to a number';

-- $1 is the search, $2 how many are enough.
CREATE FUNCTION customer_identity_internal.emails_query(word_begins boolean, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        CASE
            WHEN customer_identity_internal.have_one_owner(u.attached, u.customers) THEN customer_identity_internal.email_matches(u, word_begins)
            ELSE format('SELECT e.customer_id FROM customer_identity_internal.customers_by_email(%L::regclass, $1, $2, %L::regclass) AS e',
                u.attached::oid, u.customers::oid)
        END,
        ' UNION ALL ')
    INTO query
    FROM customer_identity_internal.attachments_to_read(emails_query.customers) AS u
    WHERE u.kind = 'users';
    RETURN COALESCE(query, 'SELECT NULL::uuid AS customer_id WHERE $1 IS NULL');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.emails_query(boolean, regclass) IS
    'The query of the customers whose users'' e-mails, in any table of a book, are like a search';
