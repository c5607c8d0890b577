-- Tables that are attached without counting what they have, and recount_totals, which counts it in batches. It commits, so
-- nothing here runs in a transaction.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'GB';
SELECT * FROM no_plan();

-- Orders of the book's owner, and of another role, whose rows the owner of the book cannot read itself.
CREATE ROLE seller;
SELECT customer_identity.create_tables();
GRANT USAGE ON SCHEMA public TO seller;
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs TO seller;
GRANT REFERENCES ON customers TO seller;
INSERT INTO customers (phone) SELECT '+447400' || lpad(n::text, 6, '0') FROM generate_series(123000, 123059) AS n;
CREATE TABLE orders (id int PRIMARY KEY, phone text, total numeric, status text, customer_id uuid REFERENCES customers ON DELETE SET NULL);
CREATE TABLE sales (id int PRIMARY KEY, phone text, total numeric, customer_id uuid REFERENCES customers ON DELETE SET NULL);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON sales (customer_id);
INSERT INTO orders
SELECT row_number() OVER (), NULL, n + 0.5, CASE WHEN n % 3 = 0 THEN 'open' ELSE 'paid' END, c.id
FROM customers AS c, generate_series(1, 4) AS n;
INSERT INTO sales SELECT row_number() OVER (), NULL, n, c.id FROM customers AS c, generate_series(1, 2) AS n WHERE c.phone > '+447400123030';
ALTER TABLE sales OWNER TO seller;
SELECT count(customer_identity.adjust_points(id, 7, 'gift')) FROM customers WHERE phone < '+447400123010';

CREATE VIEW expected AS
SELECT c.id, o.orders + s.orders AS total_orders, o.spent + s.spent AS total_spent, o.points + s.spent + COALESCE(e.points, 0) AS loyalty_points
FROM customers AS c
CROSS JOIN LATERAL (
    SELECT count(*) AS orders, COALESCE(sum(total), 0) AS spent, COALESCE(sum(floor(total)), 0) AS points
    FROM orders WHERE customer_id = c.id AND status = 'paid') AS o
CROSS JOIN LATERAL (SELECT count(*) AS orders, COALESCE(sum(total), 0) AS spent FROM sales WHERE customer_id = c.id) AS s
LEFT JOIN (SELECT customer_id, sum(points) AS points FROM loyalty_entries GROUP BY 1) AS e ON e.customer_id = c.id;
CREATE VIEW wrong AS
SELECT id, total_orders, total_spent, loyalty_points FROM customers EXCEPT SELECT id, total_orders, total_spent, loyalty_points FROM expected;
CREATE FUNCTION attach(count_existing boolean) RETURNS void LANGUAGE sql AS $$
    SELECT customer_identity.attach_orders('orders', status_column => 'status', counted_statuses => '{paid}', count_existing => count_existing);
    SELECT customer_identity.attach_orders('sales', count_existing => count_existing);
$$;

SELECT attach(false);
SELECT is((SELECT sum(total_orders) FROM customers), 0::bigint, 'what is there is not counted');
INSERT INTO orders VALUES (1000, '07400 123001', 10, 'paid'), (1001, '07400 123001', 10, 'open');
SELECT is((SELECT sum(total_orders) FROM customers), 1::bigint, 'what comes is');
UPDATE orders SET total = total + 1 WHERE id = 1;
DELETE FROM orders WHERE id = 5;
SELECT isnt_empty('SELECT * FROM customer_identity.verify_totals()', 'verify_totals tells what is missing');
CALL customer_identity.recount_totals(7);
SELECT is_empty('SELECT * FROM wrong', 'recount_totals adds what is missing');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and verify_totals agrees');

-- Whatever the size of a batch.
CREATE PROCEDURE spoil() LANGUAGE sql AS $$
    UPDATE customers SET total_orders = total_orders + 1, total_spent = 0, loyalty_points = -5 WHERE phone::text ~ '[1369]$'
$$;
CALL spoil();
CALL customer_identity.recount_totals(1);
SELECT is_empty('SELECT * FROM wrong', 'one by one');
CALL spoil();
CALL customer_identity.recount_totals(60);
SELECT is_empty('SELECT * FROM wrong', 'as many as there are');
CALL spoil();
CALL customer_identity.recount_totals(customers => 'customers');
SELECT is_empty('SELECT * FROM wrong', 'all at once');
SELECT attach(true);
CALL spoil();
SELECT attach(NULL);
SELECT is_empty('SELECT * FROM wrong', 'attaching counts unless it is told not to');

\set ON_ERROR_STOP off
\set VERBOSITY sqlstate
CALL customer_identity.recount_totals(0);
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '22023', 'a batch of none is refused');
BEGIN;
CALL customer_identity.recount_totals();
ROLLBACK;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '2D000', 'a transaction cannot be committed from within');
CALL spoil();
GRANT EXECUTE ON PROCEDURE customer_identity.recount_totals TO seller;
REVOKE UPDATE ON customers FROM seller;
SET ROLE seller;
CALL customer_identity.recount_totals(customers => 'public.customers');
RESET ROLE;
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '42501', 'who may not write customers corrects none');
SELECT isnt_empty('SELECT * FROM wrong', 'none at all');
\set ON_ERROR_STOP on
GRANT UPDATE ON customers TO seller;

-- It reads the orders of a batch only.
SELECT is(
    (SELECT array_agg(t.customer_id ORDER BY t.customer_id) FROM customer_identity_internal.totals_differences(b.least, b.greatest, 'customers') AS t
        WHERE t.field = 'total_orders'),
    (SELECT array_agg(w.id ORDER BY w.id) FROM wrong AS w WHERE w.id > b.least AND w.id <= b.greatest), 'differences are those of a batch')
FROM (SELECT min(id::text)::uuid AS least, (array_agg(id ORDER BY id))[30] AS greatest FROM customers) AS b;
SELECT ok(customer_identity_internal.totals_query('orders', '{}', gen_random_uuid(), gen_random_uuid()) ~ 'customer_id > .*customer_id <= ',
    'found by the index of the customer');

DROP OWNED BY seller CASCADE;
DROP ROLE seller;
SELECT * FROM finish();
