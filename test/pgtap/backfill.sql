-- backfill: rows that were there before attaching. It commits, so nothing here runs in a transaction.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'GB';
SELECT * FROM no_plan();

CREATE TABLE "user" (id text PRIMARY KEY, name text, phone text);
CREATE TABLE orders (id int PRIMARY KEY, user_id text, phone text, total numeric);
INSERT INTO "user" SELECT 'u' || n, 'User ' || n, CASE n % 10 WHEN 0 THEN 'call me' WHEN 1 THEN NULL ELSE '07400 1234' || lpad((n % 50)::text, 2, '0') END
FROM generate_series(1, 500) n;
INSERT INTO orders SELECT n, CASE WHEN n % 3 > 0 THEN 'u' || n % 500 END,
  CASE WHEN n % 4 > 0 THEN '07400 1235' || lpad((n % 20)::text, 2, '0') END, n
FROM generate_series(1, 2000) n;
SELECT customer_identity.create_tables();
SELECT customer_identity.attach_users('"user"', name_column => 'name');
SELECT customer_identity.attach_orders('orders', users => '"user"');
SELECT is((SELECT count(*) FROM customers), 0::bigint, 'attaching alone links nothing');

CALL customer_identity.backfill('"user"', 70);
SELECT is((SELECT count(*) FROM "user" WHERE (customer_id IS NULL) <> (phone IS NULL OR phone = 'call me')), 0::bigint,
  'every user with a usable phone is linked');
SELECT is((SELECT count(*) FROM customers), 40::bigint, 'one phone, one person');
SELECT is_empty($$SELECT u.id FROM "user" u JOIN customers c ON c.id = customer_id
  WHERE c.phone <> customer_identity.normalize_phone(u.phone)$$,
  'to the right one');
SELECT isnt((SELECT preferred_name FROM customers WHERE phone = '+447400123402'), NULL, 'with a name');
CALL customer_identity.backfill('orders', batch_size => 130);
SELECT is_empty($$
  SELECT o.id FROM orders o LEFT JOIN "user" u ON u.id = o.user_id LEFT
    JOIN customers c ON c.phone = customer_identity.normalize_phone(o.phone)
  WHERE o.customer_id IS DISTINCT FROM coalesce(u.customer_id, c.id)
$$, 'every order is linked to its user''s customer, else to its phone''s');
SELECT isnt_empty('SELECT 1 FROM orders WHERE customer_id IS NULL', 'orders of nobody stay unlinked');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');
SELECT is((SELECT sum(total_spent) FROM customers), (SELECT sum(total) FROM orders WHERE customer_id IS NOT NULL),
  'by an independent count too');
SELECT is((SELECT sum(total_orders) FROM customers), (SELECT count(*) FROM orders WHERE customer_id IS NOT NULL),
  'of the orders as well');

-- Again, and after some more came.
CREATE TABLE before AS SELECT ctid AS place, id FROM orders;
CALL customer_identity.backfill('"user"');
CALL customer_identity.backfill('orders');
SELECT is_empty('SELECT o.id FROM orders o JOIN before b USING (id) WHERE o.ctid <> b.place AND o.customer_id IS NOT NULL',
  'a second run writes to no linked row');
SET session_replication_role = replica;
INSERT INTO orders VALUES (3001, 'u2', NULL, 1), (3002, NULL, '07400 123599', 1);
RESET session_replication_role;
CALL customer_identity.backfill('orders', 1);
SELECT is((SELECT count(customer_id) FROM orders WHERE id > 3000), 2::bigint, 'rows that were missed are linked by the next run');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');

-- Other keys, partitions, wrong calls.
CREATE TABLE sales (shop int, placed date, user_id text, phone text, total numeric, PRIMARY KEY (shop, placed)) PARTITION BY RANGE (placed);
CREATE TABLE sales_2024 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE sales_2025 PARTITION OF sales FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO sales SELECT n, date '2024-01-01' + n, NULL, '07400 123601', 1 FROM generate_series(1, 700) n;
CREATE TABLE keyless (user_id text, phone text, total numeric);
INSERT INTO keyless SELECT NULL, '07400 123602', 1 FROM generate_series(1, 25);
SELECT customer_identity.attach_orders('sales');
SELECT customer_identity.attach_orders('keyless');
CALL customer_identity.backfill('sales', 100);
SELECT is((SELECT total_orders FROM customers WHERE phone = '+447400123601'), 700,
  'a partitioned table with a key of two columns');
CALL customer_identity.backfill('keyless', 10);
SELECT is((SELECT total_orders FROM customers WHERE phone = '+447400123602'), 25, 'a table without a key');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');
SELECT throws_ok($$CALL customer_identity.backfill('before')$$, NULL, NULL, 'a table that is not attached is an error');
SELECT throws_ok($$CALL customer_identity.backfill('orders', 0)$$, '22023', NULL, 'a batch has at least one row');

-- Of users that are detached an order has no customer, but of its own phone.
INSERT INTO orders VALUES (9001, 'u2', '07400 123603', 1);
UPDATE orders SET customer_id = NULL WHERE id = 9001;
SELECT customer_identity.detach('"user"');
CALL customer_identity.backfill('orders');
SELECT is((SELECT c.phone FROM orders AS o JOIN customers AS c ON c.id = o.customer_id WHERE o.id = 9001), '+447400123603',
  'orders are linked whether or not their users are attached');

-- Triggers of the application find its tables by its search_path, as in any UPDATE.
CREATE SCHEMA shop;
SET search_path = shop, public;
CREATE TABLE buyers (id int PRIMARY KEY, phone text);
CREATE TABLE log (place text);
CREATE FUNCTION write_log() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO log VALUES (TG_TABLE_NAME); RETURN NEW; END$$;
CREATE TRIGGER log BEFORE UPDATE ON buyers FOR EACH ROW EXECUTE FUNCTION write_log();
CREATE TRIGGER log BEFORE INSERT ON public.customers FOR EACH ROW EXECUTE FUNCTION write_log();
INSERT INTO buyers VALUES (1, '07400 123701'), (2, '07400 123701');
SELECT customer_identity.attach_users('buyers');
CALL customer_identity.backfill('buyers');
SELECT results_eq('SELECT place, count(*) FROM shop.log GROUP BY place ORDER BY place', $$VALUES ('buyers', 2::bigint), ('customers', 1)$$,
  'the application''s triggers find its tables');

-- Not by that of a role that could not act as the owner.
CREATE SCHEMA lure;
CREATE TABLE lure.log (place text);
CREATE ROLE buyers_owner;
CREATE ROLE buyers_loader;
GRANT USAGE ON SCHEMA shop, public, lure TO buyers_loader, buyers_owner;
GRANT SELECT, UPDATE ON buyers TO buyers_loader;
GRANT EXECUTE ON PROCEDURE customer_identity.backfill TO buyers_loader;
GRANT SELECT, INSERT, UPDATE ON public.customers, public.phone_proofs TO buyers_loader, buyers_owner;
GRANT INSERT ON lure.log TO PUBLIC;
ALTER TABLE buyers OWNER TO buyers_owner;
UPDATE buyers SET customer_id = NULL WHERE id = 1;
SET ROLE buyers_loader;
SET search_path = lure, public;
\set ON_ERROR_STOP off
CALL customer_identity.backfill('shop.buyers');
\set ON_ERROR_STOP on
RESET ROLE;
RESET search_path;
SELECT is_empty('SELECT * FROM lure.log', 'nobody else chooses what the owner''s triggers find');

DROP OWNED BY buyers_owner, buyers_loader CASCADE;
DROP ROLE buyers_owner, buyers_loader;

DROP TRIGGER log ON customers;

-- The history of a large batch, which is written when its statement ends.
CREATE TABLE guests (id int PRIMARY KEY, phone text);
INSERT INTO guests SELECT n, '+4915120' || lpad((n / 2)::text, 6, '0') FROM generate_series(1, 21000) AS n;
SELECT customer_identity.attach_users('guests');
CALL customer_identity.backfill('guests', 100000);
CREATE VIEW told AS SELECT customer_id, event, actor, details FROM customer_events WHERE details ->> 'table' = 'public.guests';
SELECT is((SELECT count(customer_id) FROM guests), 21000::bigint, 'all guests are linked');
SELECT bag_eq('SELECT customer_id, actor, event FROM told', $$SELECT customer_id, id::text, 'user_linked' FROM guests$$,
  'each has a line in the history');
SELECT is((SELECT details FROM told WHERE actor = '7'), '{"cause": "application", "table": "public.guests", "user_id": "7"}', 'with its details');
SELECT is((SELECT (array_agg(e.event ORDER BY e.id))[1]
    FROM customer_events AS e WHERE e.customer_id = (SELECT customer_id FROM guests WHERE id = 9)), 'created', 'after that of its customer');

-- Unless the application looks meanwhile.
CREATE TABLE seen (id int, lines bigint);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen SELECT NEW.id, count(*) FROM told WHERE actor = NEW.id::text AND customer_id = NEW.customer_id;
    RETURN NULL;
END $$;
CREATE TRIGGER zz_look AFTER UPDATE ON guests FOR EACH ROW EXECUTE FUNCTION look();
INSERT INTO guests VALUES (30001, '0049 151 20000001'), (30002, '0049 151 20000001');
ALTER TABLE guests DISABLE TRIGGER USER;
UPDATE guests SET customer_id = NULL WHERE id > 30000;
ALTER TABLE guests ENABLE TRIGGER USER;
DELETE FROM customer_events WHERE actor IN ('30001', '30002');
CALL customer_identity.backfill('guests');
SELECT results_eq('SELECT * FROM seen ORDER BY id', 'VALUES (30001, 1::bigint), (30002, 1)', 'a trigger of the application finds each line at once');
DROP TRIGGER zz_look ON guests;

-- A customer that was held for the batch can be merged away by a trigger in its midst.
CREATE FUNCTION merge_all() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    winner uuid := customer_identity.find_customer('+4915130000001');
    loser uuid := customer_identity.find_customer('+4915130000002');
BEGIN
    IF loser <> winner THEN
        PERFORM customer_identity.merge_customers(winner, loser, 'test');
    END IF;
    RETURN NEW;
END $$;
ALTER TABLE guests DISABLE TRIGGER USER;
INSERT INTO guests VALUES (40001, '+4915130000001'), (40002, '+4915130000002');
ALTER TABLE guests ENABLE TRIGGER USER;
CREATE TRIGGER aa_merge BEFORE UPDATE ON guests FOR EACH ROW WHEN (NEW.id > 40000) EXECUTE FUNCTION merge_all();
CALL customer_identity.backfill('guests');
SELECT is((SELECT array_agg(DISTINCT customer_id) FROM guests WHERE id > 40000),
  ARRAY[customer_identity.find_customer('+4915130000001')], 'the rows that come later have the one who is left');
DROP TRIGGER aa_merge ON guests;

-- What names nobody is left unlinked, whatever else the table has.
SELECT lives_ok($$SELECT customer_identity.set_phone_rule('+4915140000001', 'nobody', actor => 'test')$$);
ALTER TABLE guests DISABLE TRIGGER USER;
INSERT INTO guests VALUES (50001, '+4915140000001'), (50002, '+4915140000001'), (50003, '+4915140000003');
ALTER TABLE guests ENABLE TRIGGER USER;
CALL customer_identity.backfill('guests');
SELECT results_eq('SELECT id FROM guests WHERE customer_id IS NULL', 'VALUES (50001), (50002)', 'a phone that names nobody links nobody');

SELECT * FROM finish();
