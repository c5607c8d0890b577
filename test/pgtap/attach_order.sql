-- attach_order: whose order it is, when it is placed and when it changes.
\ir shop.psql
SELECT * FROM no_plan();

INSERT INTO "user" (id, name, phone) VALUES ('ada', 'Ada', '07400 123401'), ('bob', 'Bob', '07400 123402'), ('nophone', 'N',
  NULL), ('junk', 'J',
  'n/a');

-- Placed.
INSERT INTO orders (user_id, total, note) VALUES ('ada', 1, 'by user') RETURNING customer_id AS returned \gset
SELECT is(:'returned'::uuid, (SELECT customer_id FROM "user" WHERE id = 'ada'), 'the inserting statement returns the customer');
INSERT INTO orders (phone, total, note) VALUES ('0044 7400 123402', 1, 'guest');
SELECT is(order_phone('guest'), '+447400123402', 'a guest order joins the existing customer');
INSERT INTO orders (phone, total, note) VALUES ('07400 123403', 1, 'new guest');
SELECT is(order_phone('new guest'), '+447400123403', 'a guest order with a new phone makes a customer');
SELECT is((SELECT preferred_name FROM customers WHERE phone = '+447400123403'), NULL, 'who has no name yet');
INSERT INTO "user" (id, name, phone) VALUES ('cy', 'Cy', '7400 123403');
SELECT is(user_phone('cy'), '+447400123403', 'and whom a later sign-up finds');
INSERT INTO orders (user_id, phone, total, note) VALUES ('ada', '07400 123402', 1, 'gift');
SELECT is(order_phone('gift'), '+447400123401', 'a user''s order is the user''s, whatever its delivery phone');
INSERT INTO orders (user_id, phone, total, note) VALUES ('nophone', '07400 123404', 1, 'fallback'), ('junk', '07400 123405', 1,
  'junk fallback');
SELECT is(order_phone('fallback'), '+447400123404', 'a user without a phone falls back to the order''s');
SELECT is(order_phone('junk fallback'), '+447400123405', 'so does a user with an unreadable one');
SELECT is(user_phone('nophone'), NULL, 'the user stays unlinked');
INSERT INTO orders (user_id, phone, total, note, customer_id)
SELECT 'ada', '07400 123403', 1, 'given', customer_id FROM "user" WHERE id = 'bob';
SELECT is(order_phone('given'), '+447400123402', 'a customer given by the application is respected');
INSERT INTO orders (phone, country, total, note) VALUES ('(201) 555-0123', 'US', 1, 'american');
SELECT is(order_phone('american'), '+12015550123', 'the row''s region is read');
SELECT lives_ok($$INSERT INTO orders (phone, country, total, note) VALUES ('call me', NULL, 1, 'junk'), ('', NULL, 1, 'blank'),
  (NULL, NULL, 1, 'nobody'), ('07400 123401', 'Narnia', 1, 'narnia')$$, 'no phone and no region fail an order');
SELECT is((SELECT count(customer_id) FROM orders WHERE note IN ('junk', 'blank', 'nobody', 'narnia')), 0::bigint,
  'it has no customer then');
INSERT INTO orders (user_id, total, note) VALUES ('nophone', 1, 'no phone at all');
SELECT is(order_phone('no phone at all'), NULL, 'an order without any phone has no customer');
SELECT is((SELECT phone FROM orders WHERE note = 'guest'), '0044 7400 123402', 'the phone is left as typed');

-- Changed.
UPDATE orders SET note = 'guest.', total = 2 WHERE note = 'guest';
SELECT is(order_phone('guest.'), '+447400123402', 'another column changes nothing');
UPDATE orders SET phone = '07400 123406' WHERE note = 'guest.';
SELECT is(order_phone('guest.'), '+447400123406', 'a guest order whose phone changed changes its customer');
UPDATE orders SET phone = '+447400123406' WHERE note = 'guest.';
SELECT is(order_phone('guest.'), '+447400123406', 'a respelling does not');
UPDATE orders SET phone = NULL WHERE note = 'guest.';
SELECT is(order_phone('guest.'), '+447400123406', 'an emptied phone keeps the customer');
UPDATE orders SET phone = ' ' WHERE note = 'guest.';
SELECT is(order_phone('guest.'), '+447400123406', 'a blanked one as well');
UPDATE orders SET phone = 'call me' WHERE note = 'guest.';
SELECT is(order_phone('guest.'), '+447400123406', 'and so does one that became unreadable');
UPDATE orders SET phone = '07400 123401' WHERE note = 'guest.';
SELECT is(order_phone('guest.'), '+447400123401', 'another one in its place changes it');
UPDATE orders SET phone = '07400 123402' WHERE note = 'by user';
SELECT is(order_phone('by user'), '+447400123401', 'a user''s order keeps the user''s customer when its phone changes');
UPDATE orders SET user_id = 'bob' WHERE note = 'by user';
SELECT is(order_phone('by user'), '+447400123402', 'an order given to another user changes its customer');
UPDATE orders SET user_id = NULL WHERE note = 'by user';
SELECT is(order_phone('by user'), '+447400123402', 'an order that lost its user keeps the customer');
UPDATE orders SET user_id = 'cy' WHERE note = 'new guest';
SELECT is(order_phone('new guest'), '+447400123403', 'a guest order that a user claims is the user''s');
UPDATE orders SET customer_id = (SELECT customer_id FROM "user" WHERE id = 'ada') WHERE note = 'american';
SELECT is(order_phone('american'), '+447400123401', 'a customer set by the application is respected');
UPDATE orders SET customer_id = (SELECT customer_id FROM "user" WHERE id = 'bob'), phone = '07400 123406' WHERE note = 'american';
SELECT is(order_phone('american'), '+447400123402', 'also when the phone changes with it');
UPDATE orders SET customer_id = NULL WHERE note = 'american';
SELECT is(order_phone('american'), NULL, 'and so is none');
UPDATE orders SET note = 'american.' WHERE note = 'american';
SELECT is(order_phone('american.'), NULL, 'which later changes respect');
UPDATE orders SET country = NULL WHERE note = 'narnia';
UPDATE orders SET phone = '07400 123401 ' WHERE note = 'narnia';
SELECT is(order_phone('narnia'), '+447400123401', 'an order whose region was corrected is linked with its phone');

-- Gone.
DELETE FROM "user" WHERE id = 'cy';
SELECT is(order_phone('new guest'), '+447400123403', 'an order whose user was deleted keeps the customer');
SELECT lives_ok($$DELETE FROM customers WHERE phone = '+447400123403'$$, 'a customer with orders can be deleted');
SELECT is(order_phone('new guest'), NULL, 'and leaves the orders without one');
SELECT is((SELECT count(*) FROM orders WHERE note = 'new guest'), 1::bigint, 'but there');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals followed every change');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'as verify_totals says too');

-- A user whose id changes is the same user, and its orders stay with the person who placed them.
ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey,
  ADD FOREIGN KEY (user_id) REFERENCES "user" ON UPDATE CASCADE ON DELETE SET NULL;
INSERT INTO "user" (id, phone) VALUES ('old id', '07400 123461');
INSERT INTO orders (user_id, total, note) VALUES ('old id', 1, 'before the move');
UPDATE "user" SET phone = '07400 123462' WHERE id = 'old id';
UPDATE "user" SET id = 'new id' WHERE id = 'old id';
SELECT is(order_phone('before the move'), '+447400123461', 'a new id of the user moves no order');
UPDATE "user" SET phone = NULL WHERE id = 'new id';
UPDATE "user" SET id = 'newest id' WHERE id = 'new id';
SELECT is(order_phone('before the move'), '+447400123461', 'nor does it unlink one');

SELECT * FROM finish();
