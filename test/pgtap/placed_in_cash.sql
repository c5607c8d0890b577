-- Cash on delivery asks when an order is placed or turns into it, and never again.
\ir shop.psql
SELECT * FROM no_plan();

-- A shop that switches the gate on later: orders that were placed before it belong to nobody yet.
CREATE TABLE logins (id text PRIMARY KEY, phone text);
CREATE TABLE sales (id int PRIMARY KEY, user_id text REFERENCES logins ON DELETE SET NULL ON UPDATE CASCADE, phone text, total numeric, pay text,
  request text UNIQUE, place int, slip text, UNIQUE (place, slip));
CREATE UNIQUE INDEX ON sales (lower(request));
CREATE UNIQUE INDEX ON sales (slip) WHERE place = 7;
INSERT INTO logins VALUES ('u1', '07400 123401'), ('u2', NULL), ('u3', '07400 123403');
INSERT INTO sales VALUES (1, 'u1', NULL, 10, 'cash'), (2, 'u2', NULL, 20, 'cash'), (3, NULL, '07400 123409', 30, 'door'), (4, NULL, NULL, 40, 'cash');
SELECT customer_identity.attach_users('logins');
SELECT customer_identity.attach_orders('sales', users => 'logins', payment_column => 'pay', cod_values => '{cash,door}');
SET client_min_messages = error;
CALL customer_identity.backfill('logins');
CALL customer_identity.backfill('sales');
SET client_min_messages = warning;
CREATE FUNCTION sale_phone(sale int) RETURNS text LANGUAGE sql AS
  'SELECT c.phone FROM sales AS s JOIN customers AS c ON c.id = s.customer_id WHERE s.id = sale';
SELECT results_eq('SELECT id, sale_phone(id) FROM sales ORDER BY id', $$VALUES (1, '+447400123401'), (2, NULL), (3, '+447400123409'), (4, NULL)$$,
  'backfills link cash orders that nobody has proved');
SELECT lives_ok($$UPDATE logins SET phone = '07400 123402' WHERE id = 'u2'$$, 'a login may get a phone');
SELECT is(sale_phone(2), '+447400123402', 'its cash orders with it');

-- Whatever happens to an order that exists.
SELECT lives_ok(statement, regexp_replace(statement, '\s+', ' ', 'g')) FROM unnest(ARRAY[
  $$UPDATE sales SET total = 5$$,
  $$UPDATE sales SET pay = 'door' WHERE id = 1$$,
  $$UPDATE sales SET pay = 'cash' WHERE pay = 'door'$$,
  $$UPDATE sales SET phone = '07400 123404' WHERE id = 3$$,
  $$UPDATE sales SET phone = '07400 123404' WHERE id = 4$$,
  $$UPDATE sales SET user_id = 'u3' WHERE id = 3$$,
  $$UPDATE logins SET id = 'u4' WHERE id = 'u3'$$,
  $$UPDATE sales SET customer_id = (SELECT customer_id FROM logins WHERE id = 'u1')$$,
  $$UPDATE sales SET customer_id = NULL, user_id = 'u1', phone = NULL WHERE id = 2$$,
  $$UPDATE sales SET user_id = 'u2', phone = 'junk', pay = 'door' WHERE id = 2$$,
  $$MERGE INTO sales USING (VALUES (1)) AS v (id) ON v.id = sales.id WHEN MATCHED THEN UPDATE SET user_id = 'u2', pay = 'door'
    WHEN NOT MATCHED THEN DO NOTHING$$,
  $$DELETE FROM logins WHERE id = 'u1'$$,
  $$DELETE FROM customers WHERE phone = '+447400123402'$$]) AS statement;

-- What turns into cash is asked for, and what comes back to it.
UPDATE sales SET pay = NULL WHERE id = 1;
UPDATE sales SET pay = 'card' WHERE id = 2;
SELECT throws_ok(statement, 'CI002', NULL, regexp_replace(statement, '\s+', ' ', 'g')) FROM unnest(ARRAY[
  $$UPDATE sales SET pay = 'cash' WHERE id = 1$$,
  $$UPDATE sales SET pay = 'door', phone = '07400 123408' WHERE id = 2$$,
  $$MERGE INTO sales USING (VALUES (1)) AS v (id) ON v.id = sales.id WHEN MATCHED THEN UPDATE SET pay = 'cash'$$,
  $$MERGE INTO sales USING (VALUES (99)) AS v (id) ON v.id = sales.id WHEN NOT MATCHED THEN INSERT VALUES (99, NULL, '07400 123408', 1, 'cash')$$,
  $$INSERT INTO sales (id, total, pay, customer_id) SELECT 99, 1, 'cash', customer_id FROM logins WHERE id = 'u4'$$,
  $$WITH gone AS (DELETE FROM sales WHERE id = 3 RETURNING *) INSERT INTO sales SELECT * FROM gone$$,
  $$DO $do$ BEGIN
      INSERT INTO sales VALUES (99, NULL, '07400 123408', 1, 'card');
      UPDATE sales SET pay = 'cash' WHERE id = 99;
    END $do$ $$]) AS statement;
SELECT is((SELECT count(*) FROM sales WHERE id = 99), 0::bigint, 'none of them was placed');

-- An upsert of an order that exists is no new one, whichever unique index tells so.
TRUNCATE sales;
SELECT customer_identity.record_proof('07400 123408');
INSERT INTO sales (id, phone, total, pay, request, place, slip) VALUES (1, '07400 123408', 1, 'cash', 'Key', 7, 'a'), (2, '07400 123408', 1, 'card', 'k2', 2, 'b');
SELECT customer_identity.revoke_proof('07400 123408');
SELECT lives_ok(statement, regexp_replace(statement, '\s+', ' ', 'g')) FROM unnest(ARRAY[
  $$INSERT INTO sales (id, phone, total, pay) VALUES (1, '07400 123408', 2, 'cash') ON CONFLICT (id) DO UPDATE SET total = excluded.total, pay = excluded.pay, phone = excluded.phone$$,
  $$INSERT INTO sales (id, phone, total, pay) VALUES (1, '07400 123407', 3, 'door') ON CONFLICT (id) DO UPDATE SET pay = excluded.pay, phone = excluded.phone$$,
  $$INSERT INTO sales (id, phone, total, pay) VALUES (1, '07400 123407', 3, 'door') ON CONFLICT (id) DO UPDATE SET total = 4 WHERE false$$,
  $$INSERT INTO sales (id, phone, total, pay) VALUES (1, '07400 123407', 3, 'cash') ON CONFLICT DO NOTHING$$,
  $$INSERT INTO sales (id, phone, total, pay, request) VALUES (99, '07400 123407', 3, 'cash', 'Key') ON CONFLICT (request) DO NOTHING$$,
  $$INSERT INTO sales (id, phone, total, pay, request) VALUES (99, '07400 123407', 3, 'cash', 'KEY') ON CONFLICT (lower(request)) DO NOTHING$$,
  $$INSERT INTO sales (id, phone, total, pay, place, slip) VALUES (99, '07400 123407', 3, 'cash', 2, 'b') ON CONFLICT (place, slip) DO UPDATE SET total = 5$$,
  $$INSERT INTO sales (id, phone, total, pay, place, slip) VALUES (99, '07400 123407', 3, 'cash', 7, 'a') ON CONFLICT (slip) WHERE place = 7 DO NOTHING$$,
  $$INSERT INTO sales (id, phone, total, pay) VALUES (2, '07400 123407', 3, 'cash') ON CONFLICT (id) DO UPDATE SET total = 5$$]) AS statement;
SELECT is((SELECT count(*) FROM sales), 2::bigint, 'none of them placed an order');
SELECT throws_ok(statement, 'CI002', NULL, regexp_replace(statement, '\s+', ' ', 'g')) FROM unnest(ARRAY[
  $$INSERT INTO sales (id, phone, total, pay) VALUES (2, '07400 123407', 3, 'cash') ON CONFLICT (id) DO UPDATE SET pay = excluded.pay$$,
  $$INSERT INTO sales (id, phone, total, pay) VALUES (1, '07400 123407', 3, 'cash'), (99, '07400 123407', 3, 'cash') ON CONFLICT DO NOTHING$$,
  $$INSERT INTO sales (id, phone, total, pay, request) VALUES (99, '07400 123407', 3, 'cash', NULL) ON CONFLICT DO NOTHING$$,
  $$INSERT INTO sales (id, phone, total, pay, place, slip) VALUES (99, '07400 123407', 3, 'cash', 8, 'a') ON CONFLICT DO NOTHING$$,
  $$WITH gone AS (DELETE FROM sales WHERE id = 1 RETURNING *) INSERT INTO sales SELECT * FROM gone ON CONFLICT DO NOTHING$$]) AS statement;
SELECT throws_ok($$INSERT INTO sales (id, phone, total, pay) VALUES (1, '07400 123407', 3, 'cash')$$, '23505', NULL, 'an INSERT of a key that is taken fails as it always did');
SELECT customer_identity.record_proof('07400 123408');
SELECT throws_ok($$INSERT INTO sales (id, phone, total, pay) VALUES (99, '07400 123408', 3, 'cash'), (99, '07400 123407', 3, 'cash')
  ON CONFLICT (id) DO UPDATE SET total = 1$$, '21000', NULL, 'as does an upsert of one order twice');
SELECT lives_ok($$INSERT INTO sales (id, phone, total, pay) VALUES (98, '07400 123408', 3, 'cash'), (98, '07400 123407', 3, 'cash')
  ON CONFLICT DO NOTHING$$, 'and one that keeps the first');
SELECT lives_ok($$WITH changed AS (UPDATE sales SET total = 9 WHERE id = 98 RETURNING id)
  INSERT INTO sales (id, phone, total, pay) SELECT id, '07400 123407', 3, 'cash' FROM changed ON CONFLICT DO NOTHING$$, 'or meets one that its statement has changed');
SELECT customer_identity.revoke_proof('07400 123408');
ALTER TABLE sales ADD late int UNIQUE DEFERRABLE INITIALLY DEFERRED;
UPDATE sales SET late = id;
SELECT throws_ok($$INSERT INTO sales (id, phone, total, pay, late) VALUES (99, '07400 123407', 3, 'cash', 1)$$, 'CI002', NULL,
  'a constraint that is checked later tells nothing');
CREATE TABLE loose (id int, phone text, total numeric, pay text);
SELECT customer_identity.attach_orders('loose', payment_column => 'pay', cod_values => '{cash}');
SELECT throws_ok($$INSERT INTO loose VALUES (1, '07400 123407', 3, 'cash') ON CONFLICT DO NOTHING$$, 'CI002', NULL, 'nor does a table without any');

-- A trigger that comes later can make another order of one that seems to exist.
CREATE TABLE numbered (number int, phone text, total numeric, pay text, part int NOT NULL DEFAULT 0) PARTITION BY LIST (part);
CREATE TABLE numbered_1 PARTITION OF numbered (UNIQUE (number)) FOR VALUES IN (0);
CREATE SEQUENCE numbers START 101;
CREATE FUNCTION set_number() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.number := nextval('numbers'); RETURN NEW; END $$;
SELECT customer_identity.attach_orders('numbered', payment_column => 'pay', cod_values => '{cash}');
INSERT INTO numbered (number, phone, total, pay) VALUES (100, '07400 123408', 1, 'card');
CREATE FUNCTION upsert() RETURNS text LANGUAGE sql AS $$
  SELECT 'INSERT INTO numbered (number, phone, total, pay) VALUES (100, ''07400 123407'', 1, ''cash'') ON CONFLICT DO NOTHING' $$;
SELECT lives_ok(upsert(), 'an order with a number that there is is let through');
CREATE TRIGGER set_number BEFORE INSERT ON numbered_1 FOR EACH ROW EXECUTE FUNCTION set_number();
SELECT throws_ok(upsert(), 'CI002', NULL, 'unless a later trigger of the partition may give it another one');
ALTER TABLE numbered_1 DISABLE TRIGGER set_number;
SELECT lives_ok(upsert(), 'which is disabled');
ALTER TABLE numbered_1 ENABLE REPLICA TRIGGER set_number;
SELECT lives_ok(upsert(), 'or does not fire in this session');
ALTER TABLE numbered_1 ENABLE ALWAYS TRIGGER set_number;
SELECT throws_ok(upsert(), 'CI002', NULL, 'or always does');
ALTER TRIGGER set_number ON numbered_1 RENAME TO before_set_number;
SELECT throws_ok(upsert(), 'CI002', NULL, 'one that comes before has given the order its number');
DROP TRIGGER before_set_number ON numbered_1;
CREATE TRIGGER set_number AFTER INSERT ON numbered_1 FOR EACH ROW EXECUTE FUNCTION set_number();
CREATE TRIGGER set_number_2 BEFORE UPDATE ON numbered_1 FOR EACH ROW EXECUTE FUNCTION set_number();
SELECT lives_ok(upsert(), 'other triggers change no new order');

-- On partitions, whose columns are in another order.
CREATE TABLE parted (id int, phone text, total numeric, pay text, part int, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE parted_0 (part int NOT NULL, junk int, pay text, total numeric, phone text, id int NOT NULL);
ALTER TABLE parted_0 DROP junk;
ALTER TABLE parted ATTACH PARTITION parted_0 FOR VALUES IN (0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
SELECT customer_identity.attach_orders('parted', payment_column => 'pay', cod_values => '{cash}');
SELECT customer_identity.record_proof('07400 123408');
INSERT INTO parted VALUES (1, '07400 123408', 1, 'cash', 0), (2, '07400 123408', 1, 'card', 0);
SELECT customer_identity.revoke_proof('07400 123408');
SELECT lives_ok($$INSERT INTO parted VALUES (1, '07400 123407', 1, 'cash', 0) ON CONFLICT (id, part) DO UPDATE SET total = 2$$, 'an upsert on a partition');
SELECT throws_ok($$INSERT INTO parted VALUES (1, '07400 123407', 1, 'cash', 1) ON CONFLICT (id, part) DO UPDATE SET total = 2$$, 'CI002', NULL,
  'the same key in another one is another order');
SELECT throws_ok($$UPDATE parted SET part = 1, pay = 'cash' WHERE id = 2$$, 'CI002', NULL, 'an order that turns into cash on the way is asked for');
SELECT lives_ok($$UPDATE parted SET part = 1, phone = '07400 123407' WHERE id = 1$$, 'one that was let through is not, whatever changes');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

SELECT * FROM finish();
