-- What docs/recipes.md does to living tables, with writes in between, and to amounts at their limits: nothing is lost, nothing
-- counted twice.
\ir shop.psql
SELECT * FROM no_plan();

CREATE FUNCTION findings(about text) RETURNS SETOF text LANGUAGE sql AS
  $$SELECT finding FROM customer_identity.check_setup() WHERE object ~ about AND severity <> 'info'$$;
CREATE FUNCTION all_is_well(description text) RETURNS text LANGUAGE sql AS $$
  SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', description || ': totals are exact')
  || E'\n' || is_empty($q$SELECT findings('.')$q$, description || ': nothing is found')
$$;
INSERT INTO "user" (id, name, phone) VALUES ('ada', 'Ada', '07400 123401'), ('bob', 'Bob', '07400 123402');
INSERT INTO orders (user_id, total, note) VALUES ('ada', 10, 'a'), ('bob', 20, 'b');

-- A copy of orders that a tool fills, keeps up to date and gives the table's name.
CREATE TABLE orders_new (LIKE orders INCLUDING ALL);
ALTER TABLE orders_new ADD FOREIGN KEY (user_id) REFERENCES "user" ON DELETE SET NULL,
  ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE SET NULL;
CREATE FUNCTION mirror() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM orders_new WHERE id = OLD.id;
  INSERT INTO orders_new OVERRIDING SYSTEM VALUE SELECT NEW.* WHERE TG_OP <> 'DELETE';
  RETURN NULL;
END $$;
CREATE TRIGGER mirror AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION mirror();
INSERT INTO orders_new OVERRIDING SYSTEM VALUE SELECT * FROM orders ON CONFLICT DO NOTHING;
INSERT INTO orders (user_id, total, note) VALUES ('ada', 5, 'c');
UPDATE orders SET total = 30 WHERE note = 'b';
SELECT isnt_empty($$SELECT findings('orders_new')$$, 'a copy without triggers is found');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and counts nothing');
SELECT setval(pg_get_serial_sequence('orders_new', 'id'), max(id)) FROM orders_new;
BEGIN;
DROP TRIGGER mirror ON orders;
ALTER TABLE orders RENAME TO orders_old;
ALTER TABLE orders_new RENAME TO orders;
SELECT replace(pg_get_triggerdef(oid), ' ON public.orders_old ', ' ON public.orders ')
FROM pg_trigger WHERE tgrelid = 'public.orders_old'::regclass AND tgname LIKE 'customer\_identity\_%' \gexec
SELECT customer_identity.detach('orders_old');
COMMIT;
DELETE FROM orders_old;
DROP TABLE orders_old;
INSERT INTO orders (user_id, total, note) VALUES ('bob', 1, 'd');
DELETE FROM orders WHERE note = 'a';
SELECT all_is_well('orders swapped for a copy');
SELECT is(totals('+447400123402'), '2 / 31 / 31', 'orders swapped for a copy: as before, and counted on');

-- The same with users, whose proofs live on.
SELECT customer_identity.record_proof('07400 123401', 'ada');
CREATE TABLE user_new (LIKE "user" INCLUDING ALL);
INSERT INTO user_new SELECT * FROM "user";
BEGIN;
ALTER TABLE "user" RENAME TO user_old;
ALTER TABLE user_new RENAME TO "user";
SELECT customer_identity.detach('user_old');
ALTER TABLE orders DROP CONSTRAINT orders_new_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES "user" ON DELETE SET NULL;
SELECT customer_identity.attach_users('"user"', phone_columns => '{phoneNumber,phone}',
  verified_column => 'phoneNumberVerified', name_column => 'name', region_column => 'country');
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}');
TRUNCATE user_old;
DROP TABLE user_old;
COMMIT;
SELECT all_is_well('users swapped for a copy');
INSERT INTO orders (user_id, total, note) VALUES ('ada', 1, 'e');
SELECT is(order_phone('e'), '+447400123401', 'users swapped for a copy: orders find them');
SELECT ok(customer_identity.can_see_customer('ada', customer_id), 'users swapped for a copy: proofs live on') FROM "user" WHERE id = 'ada';
UPDATE "user" SET phone = '07400 123403' WHERE id = 'ada';
SELECT is((SELECT ended_reason FROM phone_proofs), 'phone changed', 'users swapped for a copy: and end as ever');

-- A column that a tool replaces by another one, which its own trigger fills in before ours.
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.phone IS DISTINCT FROM OLD.phone THEN NEW._tool_new_phone := NEW.phone;
  ELSE NEW.phone := NEW._tool_new_phone; END IF;
  RETURN NEW;
END $$;
ALTER TABLE "user" ADD _tool_new_phone varchar(40);
CREATE TRIGGER _tool_trigger_phone BEFORE INSERT OR UPDATE ON "user" FOR EACH ROW EXECUTE FUNCTION fill();
UPDATE "user" SET _tool_new_phone = phone;
INSERT INTO "user" (id, _tool_new_phone) VALUES ('new', '07400 123404');
INSERT INTO "user" (id, phone) VALUES ('old', '07400 123405');
SELECT is(user_phone('new') || user_phone('old'), '+447400123404+447400123405', 'both columns link while there are two');
BEGIN;
DROP TRIGGER _tool_trigger_phone ON "user";
ALTER TABLE "user" DROP phone;
ALTER TABLE "user" RENAME _tool_new_phone TO phone;
COMMIT;
UPDATE "user" SET phone = '07400 123406' WHERE id = 'old';
SELECT is(user_phone('old'), '+447400123406', 'and the one that has the name then');
ALTER TABLE orders ADD _tool_new_total numeric(20, 4);
UPDATE orders SET _tool_new_total = total * 2;
BEGIN;
ALTER TABLE orders DROP total;
ALTER TABLE orders RENAME _tool_new_total TO total;
SELECT customer_identity.rebuild_totals();
COMMIT;
INSERT INTO orders (user_id, total) VALUES ('bob', 7);
SELECT all_is_well('columns replaced');
VACUUM FULL orders;
CLUSTER "user" USING user_new_pkey;
INSERT INTO orders (user_id, total) VALUES ('bob', 7);
SELECT all_is_well('tables rewritten in their place');

-- A table that was attached by itself becomes a partition: orders, at both timings, and users.
CREATE TABLE sales (id int, year int, phone text, total numeric) PARTITION BY LIST (year);
CREATE TABLE members (id text PRIMARY KEY, phone text) PARTITION BY LIST (id);
CREATE TABLE members_1 (id text PRIMARY KEY, phone text);
SELECT customer_identity.attach_users('members');
SELECT customer_identity.attach_users('members_1');
INSERT INTO members_1 VALUES ('1', '07400 123401');
SELECT throws_ok($$ALTER TABLE members ATTACH PARTITION members_1 FOR VALUES IN ('1')$$, '42710', NULL, 'users are refused as they are');
BEGIN;
DROP TRIGGER customer_identity_link ON members_1;
DROP TRIGGER customer_identity_linked ON members_1;
ALTER TABLE members ATTACH PARTITION members_1 FOR VALUES IN ('1');
COMMIT;
UPDATE members SET phone = '07400 123402';
SELECT is((SELECT c.phone::text FROM members JOIN customers AS c ON c.id = customer_id), '+447400123402', 'users that became a partition are linked');
CREATE FUNCTION becomes_partition(kept_timing text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  CREATE TABLE sales_1 (id int, year int, phone text, total numeric);
  PERFORM customer_identity.attach_orders('sales', timing => kept_timing);
  PERFORM customer_identity.attach_orders('sales_1', timing => kept_timing);
  INSERT INTO sales_1 VALUES (1, 1, '07400 123401', 3);
  RETURN NEXT throws_ok('ALTER TABLE sales ATTACH PARTITION sales_1 FOR VALUES IN (1)', '42710', NULL, kept_timing || ': refused as it is');
  DROP TRIGGER customer_identity_attach ON sales_1;
  ALTER TABLE sales ATTACH PARTITION sales_1 FOR VALUES IN (1);
  INSERT INTO sales VALUES (2, 1, '07400 123401', 3);
  INSERT INTO sales_1 VALUES (3, 1, '07400 123402', 3);
  UPDATE sales SET total = total + 1;
  DELETE FROM sales_1 WHERE id = 1;
  RETURN NEXT all_is_well(kept_timing || ', a table that became a partition');
  ALTER TABLE sales DETACH PARTITION sales_1;
  PERFORM customer_identity.attach_orders('sales_1', timing => kept_timing);
  INSERT INTO sales_1 VALUES (4, 1, '07400 123402', 3);
  RETURN NEXT all_is_well(kept_timing || ', and one by itself again');
  PERFORM customer_identity.detach('sales_1');
  DROP TABLE sales_1;
  PERFORM customer_identity.rebuild_totals();
END $$;
SELECT becomes_partition('statement');
SELECT becomes_partition('commit');
-- In another way than its parent.
CREATE TABLE sales_1 (id int, year int, phone text, total numeric);
SELECT customer_identity.attach_orders('sales', timing => 'statement');
SELECT customer_identity.attach_orders('sales_1', points_per_unit => 2);
INSERT INTO sales_1 VALUES (1, 1, '07400 123401', 3);
BEGIN;
DROP TRIGGER customer_identity_attach ON sales_1;
ALTER TABLE sales ATTACH PARTITION sales_1 FOR VALUES IN (1);
COMMIT;
SELECT ok('trigger customer_identity_totals_insert was changed, or differs from that of public.sales' IN (SELECT findings('sales_1')),
  'attached in another way: it is found');
SELECT customer_identity.attach_orders('sales');
SELECT all_is_well('attached in another way: attaching again');

-- A load of what was counted already, into a partition.
BEGIN;
ALTER TABLE sales DISABLE TRIGGER USER;
INSERT INTO sales_1 (id, year, total, customer_id) SELECT 2, 1, 3, id FROM customers;
SELECT isnt_empty($$SELECT f FROM findings('^public.sales$') AS f WHERE f ~ 'but not on the partitions'$$, 'triggers that only a parent has disabled are found');
SELECT is((SELECT sum(total_orders) FROM customers)::int, (SELECT count(*) FROM orders)::int + 1 + (SELECT count(*) FROM customers)::int,
  'and those of its partitions have counted');
ROLLBACK;
BEGIN;
SELECT format('ALTER TABLE %s DISABLE TRIGGER USER', relid) FROM pg_partition_tree('sales') \gexec
INSERT INTO sales_1 (id, year, total, customer_id) SELECT 2, 1, 3, id FROM customers;
SELECT is((SELECT sum(total_orders) FROM customers)::int, (SELECT count(*) FROM orders)::int + 1, 'disabled in each partition: none counts');
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO sales_1 (id, year, total, customer_id) SELECT 2, 1, 3, id FROM customers;
SELECT is((SELECT sum(total_orders) FROM customers)::int, (SELECT count(*) FROM orders)::int + 1, 'and none in replica role');
ROLLBACK;

-- A connection that the next client gets.
SET customer_identity.default_region = 'US';
INSERT INTO "user" (id, phone) VALUES ('next', '07400 123407');
SELECT is(user_phone('next'), NULL, 'a region that the client before has set loses a sign-up');
SET customer_identity.default_region = 'GB';
BEGIN;
SET LOCAL customer_identity.default_region = 'US';
COMMIT;
UPDATE "user" SET phone = '07400 123408' WHERE id = 'next';
SELECT is(user_phone('next'), '+447400123408', 'SET LOCAL does not');

-- Erasing: no table says anything of her.
DELETE FROM sales;
INSERT INTO "user" (id, name, phone) VALUES ('jane@shop', 'Jane Doe', '07400 999111'), ('jane2', 'Jane Doe', '07400 999222');
UPDATE "user" SET phone = '+44 7400 999111' WHERE id = 'jane2';
INSERT INTO orders (user_id, phone, total, note) VALUES ('jane@shop', NULL, 10, 'erased'), (NULL, '07400999111', 10, 'erased'), ('jane2', '+447400999111', 10, 'erased');
SELECT customer_identity.record_proof('07400 999111', 'jane@shop', 'sms');
SELECT customer_identity.record_proof('07400 123402', 'jane2', 'sms');
SELECT customer_identity.adjust_points(customer_identity.find_customer('07400 999111'), 5, 'gift for Jane Doe', actor => 'jane2');
SELECT customer_identity.adjust_points(customer_identity.find_customer('07400 123402'), 5, 'gift', actor => 'jane2');
SELECT status FROM customer_identity.start_verification('07400 999111', user_id => 'jane@shop');
CREATE FUNCTION mentions() RETURNS TABLE (relation regclass, said text) LANGUAGE plpgsql AS $$
BEGIN
  FOR relation IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text ~ '^(public|customer_identity)' LOOP
    RETURN QUERY EXECUTE format('SELECT %L::regclass, r::text FROM %s AS r WHERE r::text ~* ''999.?111|jane''', relation, relation);
  END LOOP;
END $$;
SELECT ok((SELECT count(DISTINCT relation) FROM mentions()) >= 8, 'she is in many tables');
SELECT customer_identity.find_customer('07400 999111') AS person \gset
SELECT COALESCE(array_agg(id), '{}') AS logins FROM "user" WHERE customer_id = :'person' \gset
SELECT DISTINCT e.customer_id AS former
FROM customer_events AS e
WHERE e.event IN ('created', 'user_linked') AND e.details ->> 'user_id' = ANY (:'logins') AND e.customer_id <> :'person' \gset
SELECT is((SELECT phone::text FROM customers WHERE id = :'former'), '+447400999222', 'her former number is found');
BEGIN;
UPDATE orders SET user_id = NULL, phone = NULL WHERE customer_id = :'person';
DELETE FROM "user" WHERE id = ANY (:'logins');
DELETE FROM phone_proofs WHERE user_id = ANY (:'logins');
DELETE FROM customer_events WHERE actor = ANY (:'logins') OR details ->> 'user_id' = ANY (:'logins');
UPDATE loyalty_entries SET actor = NULL WHERE actor = ANY (:'logins');
DELETE FROM customers WHERE id IN (:'person', :'former');
COMMIT;
SELECT is_empty($$SELECT * FROM mentions() WHERE relation::text !~ 'verification|sms'$$, 'once erased she is in no table but those of codes');
DELETE FROM customer_identity.verifications WHERE phone = '+447400999111' OR user_id = ANY (:'logins');
DELETE FROM customer_identity.verification_events
WHERE bucket IN ('phone +447400999111', 'failure +447400999111') OR bucket IN (SELECT 'user ' || l FROM unnest(:'logins'::text[]) AS l);
SELECT is_empty('SELECT * FROM mentions()', 'and then in none');
SELECT is((SELECT count(*) FROM orders WHERE note = 'erased' AND customer_id IS NULL), 3::bigint, 'her orders stay');
CALL customer_identity.backfill('orders');
SELECT is_empty('SELECT * FROM mentions()', 'backfill brings nobody back');
SELECT all_is_well('a person erased');

-- Refunds in a column: orders that were free count, credit notes are taken.
ALTER TABLE orders
  ADD COLUMN refunded numeric NOT NULL DEFAULT 0 CHECK (refunded = 0 OR refunded BETWEEN 0 AND total),
  ADD COLUMN net numeric GENERATED ALWAYS AS (total - refunded) STORED,
  ADD COLUMN counts boolean GENERATED ALWAYS AS (status IN ('paid', 'shipped') AND (refunded = 0 OR refunded < total)) STORED;
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country', amount_column => 'net',
  status_column => 'counts', counted_statuses => '{true}');
INSERT INTO orders (phone, total, refunded) VALUES
  ('+44 7400 123470', 10, 4), ('+44 7400 123470', 10, 10), ('+44 7400 123470', 0, 0), ('+44 7400 123470', -1, 0);
SELECT is(totals('+447400123470'), '3 / 5 / 5', 'partly refunded, free and credited orders count, a refunded one does not');
SELECT throws_ok($$INSERT INTO orders (total, refunded) VALUES (5, 6)$$, '23514', NULL, 'no more is refunded than was paid');
SELECT all_is_well('refunds in a column');

-- Several currencies: no order without a rate.
ALTER TABLE orders
  ADD COLUMN currency text NOT NULL DEFAULT 'EUR',
  ADD COLUMN euro_rate numeric,
  ADD CHECK (currency = 'EUR' OR COALESCE(euro_rate, 0) > 0);
SELECT throws_ok($$INSERT INTO orders (total, currency) VALUES (5, 'USD')$$, '23514', NULL, 'a rate that is missing is refused');
SELECT lives_ok($$INSERT INTO orders (total, currency, euro_rate) VALUES (5, 'USD', 0.9), (5, 'EUR', NULL)$$, 'a rate is taken');

SELECT * FROM finish();
