-- Cash on delivery: the one rule that rejects an order.
\ir shop.psql
SELECT * FROM no_plan();

ALTER TABLE orders ADD payment text;
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401'), ('other login', '+447400123401');
INSERT INTO orders (phone, total, payment, note) VALUES ('07400 123401', 5, 'cash', 'before');
SELECT is(order_phone('before'), '+447400123401', 'switched off, cash needs nothing');
SELECT customer_identity.attach_orders('orders', users => '"user"', status_column => 'status', counted_statuses => '{paid,shipped}',
  payment_column => 'payment', cod_values => '{cash,on_delivery}');

-- Without a proof.
SELECT throws_ok($$INSERT INTO orders (user_id, total, payment) VALUES ('ada', 5, 'cash')$$, 'CI002', NULL,
  'cash needs a proof of the user''s phone');
SELECT throws_ok($$INSERT INTO orders (phone, total, payment) VALUES ('07400 123401', 5, 'on_delivery')$$, 'CI002', NULL,
  'and of a guest''s');
SELECT throws_ok($$INSERT INTO orders (phone, total, payment) VALUES ('07400 123402', 5, 'cash')$$, 'CI002', NULL,
  'and of a phone never seen');
SELECT is_empty($$SELECT 1 FROM customers WHERE phone = '+447400123402'$$, 'a rejected order leaves no customer');
SELECT throws_ok($$INSERT INTO orders (phone, total, payment) VALUES ('call me', 5, 'cash')$$, 'CI002', NULL,
  'an order of nobody cannot be paid in cash');
SELECT isnt((failure($$INSERT INTO orders (user_id, total, payment) VALUES ('ada', 5, 'cash')$$)).hint, '',
  'the error says what to do');
SELECT unalike((failure($$INSERT INTO orders (user_id, total, payment) VALUES ('ada', 5, 'cash')$$)).message, '%7400%',
  'and keeps the phone out of the log''s message');
SELECT lives_ok($$INSERT INTO orders (user_id, total, payment, note) VALUES ('ada', 5, 'card', 'card'), ('ada', 5, NULL, 'unpaid')$$,
  'other payments need no proof');

-- With one.
SELECT customer_identity.record_proof('07400 123401', 'ada');
SELECT lives_ok($$INSERT INTO orders (user_id, total, payment, note) VALUES ('ada', 5, 'cash', 'cash')$$,
  'a proven user pays in cash');
SELECT lives_ok($$INSERT INTO orders (phone, total, payment) VALUES ('+447400123401', 5, 'cash')$$,
  'the proof is of the phone: a guest with it does');
SELECT lives_ok($$INSERT INTO orders (user_id, total, payment) VALUES ('other login', 5, 'cash')$$,
  'and so does another login of the person');
SELECT customer_identity.record_proof('07400 123403');
SELECT lives_ok($$INSERT INTO orders (phone, total, payment) VALUES ('07400 123403', 5, 'cash')$$,
  'a guest''s proof is enough for a guest');
SELECT lives_ok($$UPDATE orders SET payment = 'on_delivery' WHERE note = 'card'$$, 'a proven customer may change to cash');

-- After it ended.
SELECT customer_identity.revoke_proof('07400 123401', 'ada');
SELECT throws_ok($$INSERT INTO orders (user_id, total, payment) VALUES ('ada', 5, 'cash')$$, 'CI002', NULL,
  'a revoked proof is none');
SELECT lives_ok($$UPDATE orders SET status = 'shipped' WHERE note = 'cash'$$, 'an order that was accepted goes on');
SELECT throws_ok($$UPDATE orders SET payment = 'cash' WHERE note = 'unpaid'$$, 'CI002', NULL, 'an order cannot change to cash');
SELECT lives_ok($$UPDATE orders SET phone = '07400 123405', note = 'moved' WHERE phone = '07400 123403'$$,
  'but one that was let through may move to an unproven phone');
SELECT is(order_phone('moved'), '+447400123405', 'as it does');
SELECT lives_ok($$DELETE FROM "user" WHERE id = 'ada'$$, 'a user with cash orders can be deleted');
SELECT is(order_phone('cash'), '+447400123401', 'and the orders keep their customer');

-- A number that was released.
UPDATE customers SET phone = NULL WHERE phone = '+447400123403';
SELECT throws_ok($$INSERT INTO orders (phone, total, payment) VALUES ('07400 123403', 5, 'cash')$$, 'CI002', NULL,
  'its next owner has to prove it again');
SELECT customer_identity.record_proof('07400 123403');
SELECT lives_ok($$INSERT INTO orders (phone, total, payment, note) VALUES ('07400 123403', 5, 'cash', 'next')$$, 'and can');
UPDATE customers SET phone = '+447400123404' WHERE phone = '+447400123403';
SELECT throws_ok($$INSERT INTO orders (phone, total, payment) VALUES ('07400 123404', 5, 'cash')$$, 'CI002', NULL,
  'so has who changed his number');
SELECT is_empty('SELECT * FROM wrong_totals()', 'rejected orders count nothing');

SELECT * FROM finish();
