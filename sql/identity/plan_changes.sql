CREATE FUNCTION customer_identity_internal.plan_changes_in(customers regclass)
    RETURNS TABLE (customer_id uuid, phone text, reads_as text, reason text)
    LANGUAGE customer_identity_as_table_owner STABLE
AS $$
BEGIN
    RETURN QUERY EXECUTE format($sql$
        SELECT c.id, c.phone::text, r.phone, customer_identity_internal.claim_problem(c.phone::text, NULL)
        FROM %s AS c
        CROSS JOIN LATERAL (SELECT customer_identity_internal.claimed_phone(c.phone::text, NULL)) AS r (phone)
        WHERE r.phone IS DISTINCT FROM c.phone::text
        $sql$, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.plan_changes_in(regclass) IS
    'plan_changes of a book, all of them';

CREATE FUNCTION customer_identity.plan_changes(customers regclass DEFAULT NULL, max_rows integer DEFAULT 1000, after uuid DEFAULT NULL)
    RETURNS TABLE (customer_id uuid, phone text, reads_as text, reason text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.*
    FROM customer_identity_internal.plan_changes_in(customer_identity_internal.book(customers)) AS c
    WHERE after IS NULL OR c.customer_id > after
    ORDER BY c.customer_id
    LIMIT max_rows;
END;
COMMENT ON FUNCTION customer_identity.plan_changes(regclass, integer, uuid) IS
    'Customers whose number reads differently under the numbering plans in force: what it read as, what it reads as now (NULL: nothing) and why. In the order of ids; the next page is after the last one';
