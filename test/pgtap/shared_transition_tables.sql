-- Statements that write a table in several ways at once end in one firing of the statement triggers, which is told
-- the columns of the last way only.
\ir shop.psql
SELECT plan(3);
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401');
INSERT INTO orders (user_id, total) VALUES ('ada', 10), ('ada', 20), ('ada', 30);
WITH cancelled AS (UPDATE orders SET status = 'cancelled' WHERE total = 10)
UPDATE orders SET note = 'kept' WHERE total = 20;
SELECT is_empty('SELECT * FROM wrong_totals()', 'an UPDATE within an UPDATE');

-- Foreign keys of one deletion: one sets the status, the other something else.
CREATE TABLE seasons (id int PRIMARY KEY);
CREATE TABLE states (name text PRIMARY KEY, season int REFERENCES seasons ON DELETE CASCADE);
CREATE TABLE coupons (id int PRIMARY KEY, season int REFERENCES seasons ON DELETE CASCADE);
INSERT INTO seasons VALUES (1);
INSERT INTO states SELECT DISTINCT status, 1 FROM orders;
INSERT INTO coupons VALUES (1, 1);
ALTER TABLE orders ADD coupon int REFERENCES coupons ON DELETE SET NULL,
  ADD FOREIGN KEY (status) REFERENCES states ON DELETE SET NULL;
UPDATE orders SET coupon = 1;
DELETE FROM seasons;
SELECT is_empty('SELECT * FROM wrong_totals()', 'a deletion that cascades in two ways');

-- A foreign key to the table itself.
ALTER TABLE orders ADD replaces int REFERENCES orders ON UPDATE CASCADE;
UPDATE orders SET status = NULL;
ALTER TABLE orders DROP CONSTRAINT orders_status_fkey;
UPDATE orders SET status = 'paid';
UPDATE orders SET replaces = (SELECT min(id) FROM orders) WHERE total = 30;
ALTER TABLE orders ALTER id DROP IDENTITY;
UPDATE orders SET id = -id, total = total + 1 WHERE total = 10;
SELECT is_empty('SELECT * FROM wrong_totals()', 'an UPDATE whose keys cascade');
SELECT * FROM finish();
