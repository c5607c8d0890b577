-- A trigram index finds nothing inside a word by fewer than three letters, so these begin a word.
CREATE FUNCTION customer_identity_internal.text_condition(value text, word_begins boolean)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN format(
    CASE WHEN word_begins THEN
        '(customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).beginning'
        ' OR customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).anywhere)'
    ELSE 'customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).anywhere' END,
    value);
COMMENT ON FUNCTION customer_identity_internal.text_condition(text, boolean) IS
    'The condition that a text is like a search, which is parameter $1';

CREATE FUNCTION customer_identity_internal.read_search(search text, customers regclass)
    RETURNS customer_identity_internal.customer_search
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    -- Where customers are spread over nodes, a query cannot ask for logins beside each: all are found before.
    maximum_ids constant integer := CASE WHEN NOT customer_identity_internal.is_spread(customers) THEN 5000 END;
    typed constant text := btrim(search, E' \t\r\n');
    sought constant text := customer_identity_internal.like_literal(customer_identity.search_text(typed));
    result customer_identity_internal.customer_search;
BEGIN
    result.phone := customer_identity.normalize_phone(typed, NULL::text);
    result.digits := '%' || customer_identity_internal.searched_digits(typed) || '%';
    IF sought <> '' THEN
        IF length(customer_identity.search_text(typed)) < 3 THEN
            result.beginning := sought || '%';
            result.anywhere := '% ' || sought || '%';
        ELSE
            result.anywhere := '%' || sought || '%';
        END IF;
        -- Before there are ids: the functions of tables' owners, which get the search, need none.
        EXECUTE format('SELECT array_agg(u.customer_id) FROM (SELECT u.customer_id FROM (%s) AS u LIMIT $2) AS u',
            customer_identity_internal.emails_query(result.beginning IS NOT NULL, customers))
            INTO result.by_email
            USING result, maximum_ids + 1;
        result.by_many_emails := COALESCE(cardinality(result.by_email) > maximum_ids, false);
    END IF;
    IF num_nonnulls(result.phone, result.digits) > 0 THEN
        EXECUTE format('SELECT array_agg(f.id) FROM (SELECT p.id FROM (%s) AS p WHERE p.phone = $1 OR p.phone LIKE $2 LIMIT $3) AS f',
            customer_identity_internal.further_phones(customers))
            INTO result.by_further_phone
            USING result.phone, result.digits, maximum_ids + 1;
        result.by_many_further_phones := COALESCE(cardinality(result.by_further_phone) > maximum_ids, false);
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.read_search(text, regclass) IS
    'What was typed into a search for customers, with the customers whose users'' e-mails are like it';

-- Each part can be answered by an index; only where thousands of e-mails or further phones are alike, a page is filled
-- faster by checking customer after customer.
CREATE FUNCTION customer_identity_internal.search_condition(
    search customer_identity_internal.customer_search, users_query text, customers regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN '(' || concat_ws(' OR ',
    CASE WHEN search.phone IS NOT NULL THEN 'c.phone = ($1).phone' END,
    CASE WHEN search.digits IS NOT NULL THEN 'c.phone LIKE ($1).digits' END,
    CASE
        WHEN search.by_many_further_phones THEN format(
            'EXISTS (SELECT FROM (%s) AS p WHERE p.id = c.id AND (p.phone = ($1).phone OR p.phone LIKE ($1).digits))',
            customer_identity_internal.further_phones(customers))
        WHEN search.by_further_phone IS NOT NULL THEN 'c.id = ANY (($1).by_further_phone)'
    END,
    CASE WHEN search.anywhere IS NOT NULL THEN customer_identity_internal.text_condition('c.preferred_name::text', search.beginning IS NOT NULL) END,
    CASE
        WHEN search.by_many_emails THEN format(
            'EXISTS (SELECT FROM (%s) AS u WHERE u.customer_id = c.id AND %s)',
            users_query, customer_identity_internal.text_condition('u.email', search.beginning IS NOT NULL))
        WHEN search.by_email IS NOT NULL THEN 'c.id = ANY (($1).by_email)'
    END,
    CASE WHEN search.phone IS NULL AND search.digits IS NULL AND search.anywhere IS NULL THEN 'false' END) || ')';
COMMENT ON FUNCTION customer_identity_internal.search_condition(customer_identity_internal.customer_search, text, regclass) IS
    'The condition that customer c is found by a search, which is parameter $1';

CREATE FUNCTION customer_identity_internal.searches_names(search customer_identity_internal.customer_search)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE
RETURN search.anywhere IS NOT NULL AND search.beginning IS NULL AND search.digits IS NULL
    AND search.by_many_emails IS NOT TRUE;
COMMENT ON FUNCTION customer_identity_internal.searches_names(customer_identity_internal.customer_search) IS
    'Whether hardly more than a part of a name decides what a search finds';
