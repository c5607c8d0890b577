-- Customers whose ids change: their orders follow by a foreign key or by hand, their totals are counted once.
\ir failure.psql
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
\set ON_ERROR_ROLLBACK off
SELECT * FROM no_plan();

CREATE FUNCTION id(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$SELECT lpad(n::text, 32, '0')::uuid$$;
-- An order a customer and two for every second one.
CREATE PROCEDURE make_shop(name text, timing text, reference text, partitioned bool DEFAULT false) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE SCHEMA %I', name);
  PERFORM set_config('search_path', name || ', public', false);
  CREATE TABLE customers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), phone text UNIQUE, preferred_name text,
    is_phone_verified boolean NOT NULL DEFAULT false, total_orders int NOT NULL DEFAULT 0, total_spent numeric NOT NULL DEFAULT 0,
    loyalty_points int NOT NULL DEFAULT 0, notes text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
  PERFORM customer_identity.create_tables(name);
  EXECUTE format('CREATE TABLE orders (n int, phone text, total numeric, status text DEFAULT ''paid'', customer_id uuid %s) %s',
    reference, CASE WHEN partitioned THEN 'PARTITION BY LIST (status)' END);
  IF partitioned THEN
    CREATE TABLE orders_paid PARTITION OF orders FOR VALUES IN ('paid');
    CREATE TABLE orders_other PARTITION OF orders DEFAULT;
  END IF;
  PERFORM customer_identity.attach_orders('orders', status_column => 'status', counted_statuses => '{paid}', timing => timing);
  INSERT INTO customers (id, phone) SELECT id(n), '+4474001' || 10000 + n FROM generate_series(1, 20) AS n;
  INSERT INTO orders (n, total, customer_id) SELECT n, n, id(n) FROM generate_series(1, 20) AS n;
  INSERT INTO orders (n, total, customer_id) SELECT n, n / 3.0, id(n) FROM generate_series(2, 20, 2) AS n;
END $$;

-- Of the customers in the schema that is current, whatever makes them.
CREATE FUNCTION drifted() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT format('%s: %s orders, not %s', v.customer_id, v.stored, v.actual) FROM customer_identity.verify_totals() AS v;
  RETURN QUERY EXECUTE 'SELECT c.phone || '' is not counted'' FROM customers c LEFT JOIN (
      SELECT customer_id, count(*) AS orders, sum(total) AS spent, sum(floor(total)) AS points
      FROM orders WHERE status = ''paid'' GROUP BY customer_id) o ON o.customer_id = c.id
    WHERE (c.total_orders, c.total_spent, c.loyalty_points) IS DISTINCT FROM (coalesce(orders, 0), coalesce(spent, 0), coalesce(points, 0))';
END $$;

-- Stories, each of one transaction, on tables whose foreign key does this or that.
CREATE TABLE story (name text, needs text, step text);
INSERT INTO story (name, needs, step) VALUES
  ('every customer', 'CASCADE', 'UPDATE customers SET id = gen_random_uuid()'),
  ('one', 'CASCADE', 'UPDATE customers SET id = id(101) WHERE id = id(2)'),
  ('one, twice', 'CASCADE', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE customers SET id = id(102) WHERE id = id(101)'),
  ('there and back', 'CASCADE', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE customers SET id = id(2) WHERE id = id(101)'),
  ('with other columns', 'CASCADE', 'UPDATE customers SET id = id(101), notes = ''x'' WHERE id = id(2); UPDATE customers SET notes = ''y''; UPDATE orders SET total = total + 1'),
  ('each id taken by the next', 'CASCADE', 'DO ''BEGIN FOR i IN REVERSE 20..1 LOOP UPDATE customers SET id = id(i + 1) WHERE id = id(i); END LOOP; END'''),
  ('two swapped by a third id', 'CASCADE', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE customers SET id = id(2) WHERE id = id(3); UPDATE customers SET id = id(3) WHERE id = id(101)'),
  ('an id given again', 'CASCADE', 'UPDATE customers SET id = id(101) WHERE id = id(2); INSERT INTO customers (id) VALUES (id(2)); INSERT INTO orders (total, customer_id) VALUES (7, id(2)), (8, id(101))'),
  ('and given again to go as well', 'CASCADE', 'UPDATE customers SET id = id(101) WHERE id = id(2); INSERT INTO customers (id) VALUES (id(2)); INSERT INTO orders (total, customer_id) VALUES (7, id(2)); UPDATE customers SET id = id(102) WHERE id = id(2)'),
  ('rolled back', 'CASCADE', 'DO ''BEGIN BEGIN UPDATE customers SET id = id(101) WHERE id = id(2); RAISE ''''x''''; EXCEPTION WHEN OTHERS THEN NULL; END; UPDATE orders SET customer_id = id(3) WHERE customer_id = id(2); END'''),
  ('in a subtransaction', 'CASCADE', 'DO ''BEGIN BEGIN UPDATE customers SET id = id(101) WHERE id = id(2); EXCEPTION WHEN OTHERS THEN NULL; END; UPDATE orders SET customer_id = id(3) WHERE customer_id = id(101); END'''),
  ('orders of the same transaction', 'CASCADE', 'INSERT INTO orders (total, customer_id) VALUES (5, id(2)); UPDATE customers SET id = id(101) WHERE id = id(2); INSERT INTO orders (total, customer_id) VALUES (6, id(101)); DELETE FROM orders WHERE total = 5'),
  ('orders of the same transaction, two swapped', 'CASCADE', 'INSERT INTO orders (total, customer_id) VALUES (5, id(2)), (50, id(3)), (51, id(3)); UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE customers SET id = id(2) WHERE id = id(3); UPDATE customers SET id = id(3) WHERE id = id(101)'),
  ('and deleted', 'CASCADE', 'UPDATE customers SET id = id(101) WHERE id = id(2); DELETE FROM orders WHERE customer_id = id(101); DELETE FROM customers WHERE id = id(101)'),
  ('orders of others moved', 'CASCADE', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE orders SET customer_id = id(101) WHERE customer_id = id(4); UPDATE orders SET customer_id = id(5) WHERE n = 2'),
  ('in one statement', 'CASCADE', 'WITH c AS (UPDATE customers SET id = id(101) WHERE id = id(2)) UPDATE orders SET total = total + 1 WHERE customer_id = id(3)'),
  ('orders without a customer then', 'SET NULL', 'UPDATE customers SET id = id(101) WHERE id = id(2)'),
  ('orders without a customer then, two swapped', 'SET NULL', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE customers SET id = id(2) WHERE id = id(3); UPDATE customers SET id = id(3) WHERE id = id(101)'),
  ('orders of a default customer then', 'SET DEFAULT', 'UPDATE customers SET id = id(101) WHERE id = id(2)'),
  ('by hand', 'NO ACTION', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE orders SET customer_id = id(101) WHERE customer_id = id(2)'),
  ('by hand, with other columns', 'NO ACTION', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE orders SET customer_id = id(101), total = total * 2, status = ''void'' WHERE customer_id = id(2)'),
  ('by hand, later', 'NO ACTION', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE customers SET id = id(102) WHERE id = id(101); UPDATE orders SET customer_id = id(102) WHERE customer_id = id(2)'),
  ('by hand, to another customer', 'NO ACTION', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE orders SET customer_id = id(3) WHERE customer_id = id(2)'),
  ('by hand, two swapped', 'NO ACTION', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE customers SET id = id(2) WHERE id = id(3); UPDATE customers SET id = id(3) WHERE id = id(101); UPDATE orders SET customer_id = CASE customer_id WHEN id(2) THEN id(3) ELSE id(2) END WHERE customer_id IN (id(2), id(3))'),
  ('by hand, every customer', 'NO ACTION', 'UPDATE customers SET id = id(100 + substr(id::text, 25)::int); UPDATE orders SET customer_id = id(100 + substr(customer_id::text, 25)::int)'),
  ('orders deleted', 'NO ACTION', 'UPDATE customers SET id = id(101) WHERE id = id(2); DELETE FROM orders WHERE customer_id = id(2)'),
  ('orders truncated', 'NO ACTION', 'UPDATE customers SET id = id(101) WHERE id = id(2); TRUNCATE orders'),
  ('changed before', 'NO ACTION', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE orders SET total = total + 1; UPDATE orders SET customer_id = id(101) WHERE customer_id = id(2)'),
  ('without a key', 'none', 'UPDATE customers SET id = id(101) WHERE id = id(2); UPDATE orders SET customer_id = id(101) WHERE customer_id = id(2)');

-- Each story in a transaction of its own: it commits, is looked at, and the book is made as it was.
CREATE PROCEDURE tell(shop text, action text) LANGUAGE plpgsql AS $$
DECLARE
  told story;
  found text[];
BEGIN
  PERFORM set_config('search_path', shop || ', public', false);
  CREATE TEMP TABLE IF NOT EXISTS told_stories (line text);
  CREATE TABLE customers_before AS TABLE customers;
  CREATE TABLE orders_before AS TABLE orders;
  COMMIT;
  FOR told IN SELECT s.* FROM story AS s WHERE s.needs = action LOOP
    EXECUTE told.step;
    COMMIT;
    SELECT array_agg(d) INTO found FROM drifted() AS d;
    INSERT INTO told_stories SELECT is(found, NULL, shop || ': ' || told.name);
    SET session_replication_role = replica;
    DELETE FROM orders;
    DELETE FROM customers;
    INSERT INTO customers TABLE customers_before;
    INSERT INTO orders TABLE orders_before;
    SET session_replication_role = origin;
    COMMIT;
  END LOOP;
END $$;
CALL make_shop('cascade', 'statement', 'REFERENCES customers ON DELETE SET NULL ON UPDATE CASCADE');
CALL make_shop('cascade_at_commit', 'commit', 'REFERENCES customers ON DELETE SET NULL ON UPDATE CASCADE');
CALL make_shop('partitions', 'statement', 'REFERENCES customers ON DELETE SET NULL ON UPDATE CASCADE', true);
CALL make_shop('trigger', 'statement', 'REFERENCES customers ON DELETE SET NULL ON UPDATE CASCADE');
CREATE FUNCTION trigger.same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER same BEFORE UPDATE ON trigger.customers FOR EACH ROW EXECUTE FUNCTION trigger.same();
CALL make_shop('set_null', 'statement', 'REFERENCES customers ON UPDATE SET NULL');
CALL make_shop('set_null_at_commit', 'commit', 'REFERENCES customers ON UPDATE SET NULL');
CALL make_shop('set_default', 'statement', format('DEFAULT %L REFERENCES customers ON UPDATE SET DEFAULT', id(7)));
CALL make_shop('by_hand', 'statement', 'REFERENCES customers DEFERRABLE INITIALLY DEFERRED');
CALL make_shop('by_hand_at_commit', 'commit', 'REFERENCES customers DEFERRABLE INITIALLY DEFERRED');
CALL make_shop('partitions_by_hand', 'commit', 'REFERENCES customers DEFERRABLE INITIALLY DEFERRED', true);
CALL make_shop('no_key', 'statement', '');
CALL make_shop('no_key_at_commit', 'commit', '');
ALTER TABLE no_key.orders DROP CONSTRAINT orders_customer_id_fkey;
ALTER TABLE no_key_at_commit.orders DROP CONSTRAINT orders_customer_id_fkey;

CALL tell('cascade', 'CASCADE');
CALL tell('cascade_at_commit', 'CASCADE');
CALL tell('partitions', 'CASCADE');
CALL tell('trigger', 'CASCADE');
CALL tell('set_null', 'SET NULL');
CALL tell('set_null_at_commit', 'SET NULL');
CALL tell('set_default', 'SET DEFAULT');
CALL tell('by_hand', 'NO ACTION');
CALL tell('by_hand_at_commit', 'NO ACTION');
CALL tell('partitions_by_hand', 'NO ACTION');
CALL tell('no_key', 'none');
CALL tell('no_key_at_commit', 'none');
SELECT line FROM told_stories;

SELECT * FROM finish();
