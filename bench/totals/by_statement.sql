-- A careful version: sums a statement's rows per customer, locks in the order of ids, writes each once.
CREATE FUNCTION add_to_totals(ids uuid[], orders bigint[], spent numeric[], points bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM customers AS c WHERE c.id = ANY (ids) ORDER BY c.id FOR NO KEY UPDATE;
    UPDATE customers AS c
    SET total_orders = c.total_orders + d.orders,
        total_spent = c.total_spent + d.spent,
        loyalty_points = c.loyalty_points + d.points
    FROM unnest(ids, orders, spent, points) AS d (id, orders, spent, points)
    WHERE c.id = d.id;
END $$;

CREATE FUNCTION keep_totals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[];
    orders bigint[];
    spent numeric[];
    points bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(s.customer_id), array_agg(s.orders), array_agg(s.spent), array_agg(s.points)
        INTO ids, orders, spent, points
        FROM (
            SELECT n.customer_id, count(*) AS orders, sum(n.total) AS spent, sum(floor(n.total))::bigint AS points
            FROM new_rows AS n
            WHERE n.customer_id IS NOT NULL AND n.status IN ('paid', 'shipped')
            GROUP BY n.customer_id
        ) AS s;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(s.customer_id), array_agg(s.orders), array_agg(s.spent), array_agg(s.points)
        INTO ids, orders, spent, points
        FROM (
            SELECT o.customer_id, -count(*) AS orders, -sum(o.total) AS spent, -sum(floor(o.total))::bigint AS points
            FROM old_rows AS o
            WHERE o.customer_id IS NOT NULL AND o.status IN ('paid', 'shipped')
            GROUP BY o.customer_id
        ) AS s;
    ELSE
        SELECT array_agg(s.customer_id), array_agg(s.orders), array_agg(s.spent), array_agg(s.points)
        INTO ids, orders, spent, points
        FROM (
            SELECT r.customer_id, sum(r.sign) AS orders, sum(r.sign * r.total) AS spent,
                sum(r.sign * floor(r.total))::bigint AS points
            FROM (
                SELECT 1 AS sign, n.customer_id, n.total, n.status FROM new_rows AS n
                UNION ALL
                SELECT -1, o.customer_id, o.total, o.status FROM old_rows AS o
            ) AS r
            WHERE r.customer_id IS NOT NULL AND r.status IN ('paid', 'shipped')
            GROUP BY r.customer_id
            HAVING sum(r.sign) <> 0 OR sum(r.sign * r.total) <> 0
        ) AS s;
    END IF;
    IF ids IS NOT NULL THEN
        PERFORM add_to_totals(ids, orders, spent, points);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_totals_insert AFTER INSERT ON orders REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_totals();
CREATE TRIGGER keep_totals_update AFTER UPDATE ON orders REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_totals();
CREATE TRIGGER keep_totals_delete AFTER DELETE ON orders REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_totals();
