CREATE FUNCTION customer_identity_internal.plan_changes_in(max_rows integer, after uuid, customers regclass)
    RETURNS TABLE (customer_id uuid, phone text, reads_as text, reason text)
    LANGUAGE customer_identity_as_table_owner STABLE
    SET jit = off
AS $$
BEGIN
    PERFORM customer_identity_internal.require_max_rows(max_rows);
    RETURN QUERY EXECUTE format($sql$
        SELECT c.id, c.phone::text, r.phone, customer_identity_internal.claim_problem(c.phone::text, NULL)
        FROM %s AS c
        CROSS JOIN LATERAL (SELECT customer_identity_internal.claimed_phone(c.phone::text, NULL)) AS r (phone)
        WHERE r.phone IS DISTINCT FROM c.phone::text AND ($2 IS NULL OR c.id > $2)
        ORDER BY c.id
        LIMIT $1
        $sql$, customers)
        USING max_rows, after;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.plan_changes_in(integer, uuid, regclass) IS
    'plan_changes of a book that is named';

CREATE FUNCTION customer_identity.plan_changes(customers regclass DEFAULT NULL, max_rows integer DEFAULT 1000, after uuid DEFAULT NULL)
    RETURNS TABLE (customer_id uuid, phone text, reads_as text, reason text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.*
    FROM customer_identity_internal.plan_changes_in(max_rows, after, customer_identity_internal.book(customers)) AS c;
END;
COMMENT ON FUNCTION customer_identity.plan_changes(regclass, integer, uuid) IS
    'Customers whose number reads differently under the numbering plans in force: what it read as, what it reads as now (NULL: nothing) and why. In the order of ids; the next page is after the last one';
