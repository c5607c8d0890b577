-- Totals are written without a plan where nothing stands in the way; where something does, it takes effect.
\ir shop.psql
SELECT * FROM no_plan();
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401'), ('bob', '07400 123402');

CREATE FUNCTION order_of(user_id text, total numeric) RETURNS void LANGUAGE sql AS
  'INSERT INTO orders (user_id, total) VALUES (user_id, total)';
CREATE FUNCTION spent() RETURNS text LANGUAGE sql AS
  'SELECT total_spent::text FROM customers WHERE phone = ''+447400123401''';

-- Amounts keep the places they are displayed with.
SELECT order_of('ada', 10);
SELECT is(spent(), '10', 'no decimal place');
SELECT order_of('ada', 2.50);
SELECT is(spent(), '12.50', 'two');
SELECT order_of('ada', -0.0625);
SELECT is(spent(), '12.4375', 'four, taken away');
SELECT order_of('ada', 0.000001);
SELECT is(spent(), '12.437501', 'more than fit into an integer of ten-thousandths');
SELECT order_of('ada', 123456789012345678901234567890.5);
SELECT is(spent(), '123456789012345678901234567902.937501', 'and more before the point');
SELECT order_of('ada', 'NaN');
SELECT is(spent(), '123456789012345678901234567902.937501', 'what is no amount counts as none');
DELETE FROM orders WHERE total > 1000;
SELECT is(spent(), '12.437501', 'and all of it is taken back');
INSERT INTO orders (user_id, total) SELECT 'ada', 999999999999.9999 FROM generate_series(1, 2000);
SELECT is(spent(), '2000000000000012.237501', 'sums beyond 64 bits');
DELETE FROM orders WHERE total = 999999999999.9999 OR total IN ('NaN');
SELECT is(totals('+447400123401'), '4 / 12.437501 / 11', 'and back');
SELECT is_empty('SELECT * FROM wrong_totals()', 'exactly');

-- One row of every size of statement.
INSERT INTO "user" (id, phone) SELECT n::text, '+4474001' || (10000 + n) FROM generate_series(1, 200) AS n;
INSERT INTO orders (user_id, total) SELECT n::text, n FROM generate_series(1, 8) AS n;
INSERT INTO orders (user_id, total) SELECT n::text, n FROM generate_series(1, 9) AS n;
INSERT INTO orders (user_id, total) SELECT (1 + n % 200)::text, n * 0.01 FROM generate_series(1, 3000) AS n;
SELECT is_empty('SELECT * FROM wrong_totals()', 'few customers and many');

-- Rows that left their page are found by every index.
SET enable_seqscan = off;
UPDATE orders SET total = total + 1;
UPDATE orders SET total = total - 1;
SELECT is((SELECT count(*)::int FROM generate_series(1, 200) AS n JOIN customers AS c ON c.phone = '+4474001' || (10000 + n)),
  200, 'by phone');
SELECT is((SELECT count(*)::int FROM "user" AS u JOIN customers AS c ON c.id = u.customer_id), 202, 'by id');
RESET enable_seqscan;
SELECT is_empty('SELECT * FROM wrong_totals()', 'and their totals are exact');

-- What an application adds to customers takes effect, and no longer when it is gone.
ALTER TABLE customers ADD CONSTRAINT not_too_much CHECK (total_spent < 1000);
SELECT throws_ok($$SELECT order_of('bob', 2000)$$, '23514', NULL, 'a check');
ALTER TABLE customers DROP CONSTRAINT not_too_much;

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT throws_ok($$SELECT order_of('bob', 1)$$, 'P0001', 'refused', 'a trigger');
DROP TRIGGER refuse ON customers;

ALTER TABLE customers REPLICA IDENTITY NOTHING;
SET client_min_messages = error;
CREATE PUBLICATION shop FOR TABLE customers;
SELECT throws_ok($$SELECT order_of('bob', 1)$$, '55000', NULL, 'a publication that cannot tell rows apart');
DROP PUBLICATION shop;
RESET client_min_messages;
ALTER TABLE customers REPLICA IDENTITY DEFAULT;

CREATE RULE refuse AS ON UPDATE TO customers DO ALSO SELECT 1 / (NEW.total_orders - NEW.total_orders);
SELECT throws_ok($$SELECT order_of('bob', 1)$$, '22012', NULL, 'a rule');
DROP RULE refuse ON customers;

ALTER TABLE customers ADD doubled numeric GENERATED ALWAYS AS (total_spent * 2) STORED;
SELECT order_of('bob', 21);
SELECT is((SELECT doubled FROM customers WHERE phone = '+447400123402'), 42::numeric, 'a generated column');
ALTER TABLE customers DROP doubled;

CREATE INDEX ON customers (total_spent);
SELECT order_of('bob', 979);
SET enable_seqscan = off;
SELECT is((SELECT phone::text FROM customers WHERE total_spent = 1000), '+447400123402', 'an index on a total');
RESET enable_seqscan;
DROP INDEX customers_total_spent_idx;

CREATE INDEX big_spenders ON customers ((total_spent > 1500)) WHERE total_spent > 1500;
SELECT order_of('bob', 600);
SET enable_seqscan = off;
SELECT is((SELECT count(*)::int FROM customers WHERE total_spent > 1500), 1, 'an index that a row enters by its total');
RESET enable_seqscan;
DROP INDEX big_spenders;

ALTER TABLE customers ALTER total_spent TYPE numeric(8, 1);
SELECT order_of('bob', 0.26);
SELECT is((SELECT total_spent::text FROM customers WHERE phone = '+447400123402'), '1600.3', 'the places of the column');
SELECT throws_ok($$SELECT order_of('bob', 100000000)$$, '22003', 'numeric field overflow', 'and its room');
ALTER TABLE customers ALTER total_spent TYPE numeric;
UPDATE customers SET total_orders = 2147483647 WHERE phone = '+447400123402';
SELECT throws_ok($$SELECT order_of('bob', 1)$$, '22003', 'integer out of range', 'an integer that is full');
UPDATE customers SET total_orders = 5, loyalty_points = 9223372036854775807 WHERE phone = '+447400123402';
SELECT throws_ok($$SELECT order_of('bob', 1)$$, '22003', 'bigint out of range', 'a bigint that is full');

ALTER TABLE customers ALTER total_orders DROP NOT NULL, ALTER total_spent DROP NOT NULL, ALTER loyalty_points DROP NOT NULL;
UPDATE customers SET total_orders = NULL, total_spent = NULL, loyalty_points = NULL WHERE phone = '+447400123402';
SELECT order_of('bob', 3);
SELECT is(totals('+447400123402'), '1 / 3 / 3', 'NULL counts as 0');

-- An UPDATE that cannot change a total, and one whose trigger does.
CREATE FUNCTION raise_price() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.total := NEW.total + 1; RETURN NEW; END $$;
UPDATE orders SET note = 'x' WHERE user_id = 'bob';
SELECT is(totals('+447400123402'), '1 / 3 / 3', 'a note is nothing to totals');
CREATE TRIGGER raise_price BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION raise_price();
UPDATE orders SET note = 'y' WHERE user_id = 'bob' AND total = 3;
SELECT is(totals('+447400123402'), '1 / 4 / 4', 'unless a trigger changes the amount as well');
DROP TRIGGER raise_price ON orders;
UPDATE orders SET phone = '07400 123401', user_id = 'ada' WHERE user_id = 'bob' AND total = 4;
SELECT is(totals('+447400123402'), '0 / 0 / 0', 'an order that moves to another customer is taken away');
ALTER TABLE orders ADD net numeric, ADD gross numeric GENERATED ALWAYS AS (net * 1.2) STORED;
SELECT customer_identity.attach_orders('orders', users => '"user"', amount_column => 'gross',
  status_column => 'status', counted_statuses => '{paid,shipped}');
INSERT INTO orders (user_id, net) VALUES ('bob', 10);
UPDATE orders SET net = 20 WHERE net = 10;
SELECT is(totals('+447400123402'), '5 / 24 / 24', 'an amount that is generated');

SELECT * FROM finish();
