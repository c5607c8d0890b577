-- The users table of attached orders is dropped, and comes back: no order is refused, and none is given to the wrong customer.
\ir shop.psql
SELECT * FROM no_plan();
CREATE FUNCTION customer_of(order_note text) RETURNS text LANGUAGE sql AS
  $$SELECT c.phone FROM orders AS o JOIN customers AS c ON c.id = o.customer_id WHERE o.note = order_note$$;
CREATE FUNCTION finding() RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(severity || ': ' || finding, '; ') FROM customer_identity.check_setup() WHERE object = 'public.orders' AND finding LIKE 'its users table%'$$;
ALTER TABLE orders ADD payment text;
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid}', payment_column => 'payment', cod_values => '{cash}');
INSERT INTO "user" (id, phone) VALUES ('mara', '07400 123401');
INSERT INTO orders (user_id, phone, total, status, note) VALUES ('mara', NULL, 10, 'paid', 'before');

DO $$
BEGIN
  EXECUTE (SELECT string_agg(format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname), ';') FROM pg_constraint WHERE confrelid = '"user"'::regclass);
END
$$;
ALTER TABLE "user" RENAME TO parked;
ALTER TABLE parked RENAME TO "user";
INSERT INTO orders (user_id, total, status, note) VALUES ('mara', 5, 'paid', 'renamed and back');
SELECT is(customer_of('renamed and back'), '+447400123401', 'a name that comes back is followed');
CREATE TABLE kept AS SELECT * FROM "user";
DROP TABLE "user";

SELECT is(finding(), 'error: its users table, public."user", is gone: orders of users get no customer', 'check_setup() tells');
INSERT INTO orders (user_id, phone, total, status, note) VALUES (NULL, '07400 123402', 20, 'paid', 'guest'),
  ('mara', '07400 123403', 30, 'paid', 'gift'), ('mara', NULL, 40, 'paid', 'own');
SELECT is(customer_of('guest'), '+447400123402', 'an order of a guest has its customer');
SELECT is(customer_of('gift'), NULL, 'one of a user nobody, whatever phone it has');
SELECT is(customer_of('own'), NULL, 'with or without one');
UPDATE orders SET total = total + 1, user_id = user_id, phone = coalesce(phone, '07400 123409') WHERE note IN ('before', 'guest');
SELECT is(customer_of('before'), '+447400123401', 'an order keeps its customer');
UPDATE orders SET phone = '07400 123404' WHERE note = 'before';
SELECT is(customer_of('before'), '+447400123401', 'whatever its phone becomes');
UPDATE orders SET user_id = 'somebody' WHERE note = 'before';
SELECT is(customer_of('before'), '+447400123401', 'and its user');
SELECT is((failure($$INSERT INTO orders (user_id, total, payment) VALUES ('mara', 1, 'cash')$$)).code, 'CI002', 'cash on delivery needs a customer who is known');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact');
UPDATE orders SET user_id = 'mara' WHERE note = 'before';

CALL customer_identity.backfill('orders');
SELECT is(coalesce(customer_of('gift'), '-') || coalesce(customer_of('own'), '-'), '--', 'a backfill does not guess');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE what_to_do LIKE 'CALL customer_identity.backfill%'$$, 'nor is it recommended');
CREATE SEQUENCE "user";
SELECT lives_ok($$INSERT INTO orders (user_id, total, note) VALUES ('mara', 1, 'sequence')$$, 'what has the name and is no table of users is none');
DROP SEQUENCE "user";
CREATE TABLE "user" (id text PRIMARY KEY, phone text);
SELECT lives_ok($$INSERT INTO orders (user_id, phone, total, status, note) VALUES ('mara', NULL, 1, 'paid', 'not attached'), (NULL, '07400 123402', 1, 'paid', 'guest again')$$, 'nor is a table that is not attached yet');
SELECT is(customer_of('guest again'), '+447400123402', 'guests have their customers');
DROP TABLE "user";
CREATE TABLE "user" (LIKE kept INCLUDING ALL, PRIMARY KEY (id));
INSERT INTO "user" SELECT * FROM kept;
SELECT customer_identity.attach_users('"user"', phone_columns => '{phoneNumber,phone}', region_column => 'country') IS NOT NULL AS attached \gset
INSERT INTO orders (user_id, total, status, note) VALUES ('mara', 1, 'paid', 'after');
SELECT is(customer_of('after'), '+447400123401', 'a table that is made anew is asked again by the next statement');
CALL customer_identity.backfill('orders');
SELECT is(customer_of('gift'), '+447400123401', 'and a backfill links what waited for it');
SELECT is(finding(), NULL, 'all is well');
SELECT is_empty('SELECT * FROM wrong_totals()', 'and exact');
SELECT * FROM finish();
