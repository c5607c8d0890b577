-- Orders of one customer in turn find it where the last one did, without its index: a scan that begins there goes through all
-- versions that others have made since somebody's snapshot was taken.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SELECT * FROM no_plan();

CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, phone text, total numeric, no int);
SELECT customer_identity.create_tables() IS NOT NULL AS made \gset
SELECT customer_identity.attach_orders('orders') IS NOT NULL AS attached \gset
SELECT customer_identity.get_or_create_customer('+4915110000001') AS one, customer_identity.get_or_create_customer('+4915110000002') AS other \gset
CREATE FUNCTION scans() RETURNS bigint LANGUAGE sql AS $$SELECT pg_stat_get_xact_numscans('customers_pkey'::regclass)$$;
CREATE FUNCTION place(customer uuid, times int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR n IN 1..times LOOP
    INSERT INTO orders (customer_id, total) VALUES (customer, 1);
  END LOOP;
END
$$;
CREATE PROCEDURE place_each(customers uuid[], times int, INOUT scanned bigint) LANGUAGE plpgsql AS $$
DECLARE
  start bigint := scans();
BEGIN
  FOR n IN 1..times LOOP
    INSERT INTO orders (customer_id, total) VALUES (customers[1 + n % cardinality(customers)], 1);
    scanned := scans() - start;
    COMMIT;
  END LOOP;
END
$$;
SELECT place(:'one', 1);

-- One scan of each is the foreign key's.
CALL place_each(ARRAY[:'one'::uuid], 20, 0) \gset
SELECT cmp_ok(:scanned, '<=', 21, 'orders of one customer: 20 and the first');
CALL place_each(ARRAY[:'one', :'other']::uuid[], 20, 0) \gset
SELECT cmp_ok(:scanned, '<=', 40, 'of two in turn: the index is read once for each');

-- Nor is it opened to count an order.
CREATE FUNCTION opens_index_to_count() RETURNS boolean LANGUAGE sql AS
  $$SELECT count(*) > 0 FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'customers_pkey'::regclass AND mode = 'RowExclusiveLock'$$;
BEGIN;
SELECT place(:'other', 1);
SELECT ok(NOT opens_index_to_count(), 'the totals of who was held are written where he is');
ROLLBACK;
BEGIN;
ALTER TABLE orders DISABLE TRIGGER customer_identity_attach;
SELECT place(:'one', 1);
SELECT ok(opens_index_to_count(), 'of another one by the index');
ROLLBACK;

-- A place is a hint: the row may have left it, in whatever way, and another one may be there.
CREATE FUNCTION attached_to(customer uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  found uuid;
BEGIN
  INSERT INTO orders (customer_id, total) VALUES (customer, 1) RETURNING customer_id INTO found;
  RETURN found;
END
$$;
BEGIN;
SELECT place(:'one', 1);
ROLLBACK;
SELECT is(attached_to(:'one'), :'one'::uuid, 'after a transaction that was rolled back');
BEGIN;
SAVEPOINT before;
SELECT place(:'one', 3);
ROLLBACK TO before;
SELECT is(attached_to(:'one'), :'one'::uuid, 'after a savepoint');
COMMIT;
UPDATE customers SET notes = n FROM generate_series(1, 3) AS n;
CALL place_each(ARRAY[:'one'::uuid], 1, 0) \gset
SELECT cmp_ok(:scanned, '<=', 1, 'the version that it has become is found from the last one');
UPDATE customers SET notes = repeat('x', 3000);
SELECT is(attached_to(:'one'), :'one'::uuid, 'after a move to another page');
VACUUM FULL customers;
SELECT is(attached_to(:'one'), :'one'::uuid, 'after the table was written anew');
UPDATE customers SET notes = 'y' FROM generate_series(1, 5);
VACUUM customers;
SELECT is(attached_to(:'one'), :'one'::uuid, 'after VACUUM');
DELETE FROM customers WHERE id = :'other';
SELECT is(customer_identity.get_or_create_customer(format('+49151100%s', n)) IS NOT NULL, true, 'others come') FROM generate_series(10000, 10020) AS n;
SELECT throws_ok(format('SELECT attached_to(%L)', :'other'), '23503', NULL, 'one that is gone is not found where it was');
SELECT is(attached_to(:'one'), :'one'::uuid, 'the other still is');
BEGIN;
SELECT attached_to(:'one') AS warm \gset
DELETE FROM customer_events;
DELETE FROM orders;
UPDATE customers SET id = '00000000-0000-4000-8000-000000000001' WHERE id = :'one';
SELECT throws_ok(format('SELECT attached_to(%L)', :'one'), '23503', NULL, 'an id that has been changed is not followed to the row');
SELECT is(attached_to('00000000-0000-4000-8000-000000000001'), '00000000-0000-4000-8000-000000000001'::uuid, 'which has the other id');
ROLLBACK;
SELECT customer_identity.get_or_create_customer('+4915110000003') AS winner \gset
SELECT attached_to(:'one') AS warm \gset
SELECT customer_identity.merge_customers(:'winner', :'one') IS NOT NULL AS merged \gset
SELECT is(attached_to(:'one'), :'winner'::uuid, 'one that was merged away leads to the other');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT place(:'winner', 5);
COMMIT;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');
SELECT * FROM finish();
