-- verification_required says what the rule for cash on delivery will do.
\ir verification.psql
SELECT * FROM no_plan();
ALTER TABLE orders ADD payment text;
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country', status_column => 'status',
  counted_statuses => '{paid,shipped}', payment_column => 'payment', cod_values => '{cash}');
INSERT INTO "user" (id, phone) VALUES ('proved', '07400 123401'), ('unproved', '07400 123402'), ('no phone', NULL), ('same person', '+447400123401');
INSERT INTO customers (phone) VALUES ('+447400123403');
SELECT customer_identity.record_proof('07400 123401', 'proved');
SELECT customer_identity.record_proof('07400 123404');
SELECT customer_identity.record_proof('07400 123405', 'gone');
SELECT customer_identity.revoke_proof('07400 123405');
SELECT customer_identity.record_proof('+353 85 012 3456');

-- Whether an order with cash on delivery is refused; it leaves nothing behind.
CREATE FUNCTION refused(phone text, user_id text, country text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders (user_id, phone, country, total, payment) VALUES (user_id, phone, country, 1, 'cash');
  RAISE SQLSTATE 'CI999';
EXCEPTION
  WHEN SQLSTATE 'CI999' THEN RETURN false;
  WHEN SQLSTATE 'CI002' THEN RETURN true;
END
$$;
CREATE TABLE cases (what text, phone text, user_id text, country text, required boolean);
INSERT INTO cases VALUES
  ('a proven user', NULL, 'proved', NULL, false),
  ('a proven user with another phone', '07400 123402', 'proved', NULL, false),
  ('a second login of a proven person', NULL, 'same person', NULL, false),
  ('an unproven user', NULL, 'unproved', NULL, true),
  ('an unproven user with a proven phone', '07400 123401', 'unproved', NULL, true),
  ('a user without a phone', NULL, 'no phone', NULL, true),
  ('a user without a phone and a proven one', '07400 123401', 'no phone', NULL, false),
  ('a guest with a proven phone', '0044 7400 123401', NULL, NULL, false),
  ('a guest with a guest''s proof', '07400 123404', NULL, NULL, false),
  ('a guest with an unproven phone', '07400 123403', NULL, NULL, true),
  ('a phone whose proof ended', '07400 123405', NULL, NULL, true),
  ('a phone never seen', '07400 123499', NULL, NULL, true),
  ('a phone of another country', '085 012 3456', NULL, 'IE', false),
  ('a phone read in the wrong country', '085 012 3456', NULL, NULL, true),
  ('an international phone in a country that is none', '+447400123401', NULL, 'XX', false),
  ('a national one', '07400 123401', NULL, 'XX', true),
  ('an unreadable phone', 'call me', NULL, NULL, true),
  ('an empty phone', '', NULL, NULL, true),
  ('no phone and no user', NULL, NULL, NULL, true);
SELECT is(customer_identity.verification_required(phone, user_id, country), required, what) FROM cases;
SELECT is(refused(phone, user_id, country), required, what || ': so does the rule') FROM cases WHERE user_id IS NOT NULL OR phone IS NOT NULL;
SELECT is(customer_identity.verification_required('07400 123401', 'never heard of'), false, 'a user nobody knows is a guest');
SELECT is(customer_identity.verification_required('07400 123401', ''), false, 'so is an empty one');
SELECT throws_ok($$SELECT customer_identity.verification_required('07400 123401', customers => 'orders')$$, 'CI003', NULL, 'a table that is no book');
SELECT is_empty($$SELECT 1 FROM customers WHERE phone = '+447400123499'$$, 'asking makes no customer');

-- From the code to the order.
SELECT started('07400 123403') AS v \gset
SELECT is(customer_identity.verification_required('07400 123403'), true, 'a code that was sent proves nothing');
SELECT is(checked(:'v', code_of(:'v')), 'approved 0', 'the right answer does');
SELECT is(customer_identity.verification_required('07400 123403'), false, 'nothing is required any more');
SELECT lives_ok($$INSERT INTO orders (phone, total, payment) VALUES ('07400 123403', 1, 'cash')$$, 'and the order is taken');

SELECT * FROM finish();
