-- adjust_points and redeem_points: points that orders did not bring.
\ir shop.psql
SELECT * FROM no_plan();

SELECT customer_identity.get_or_create_customer('07400 123401', 'Ada') AS ada,
       customer_identity.get_or_create_customer('07400 123402', 'Bob') AS bob \gset
INSERT INTO orders (phone, total) VALUES ('07400 123401', 100);
SELECT is(customer_identity.adjust_points(:'ada', 50, 'welcome'), 150::bigint, 'an adjustment returns the new balance');
SELECT is((SELECT loyalty_points FROM customers WHERE id = :'ada'), 150::bigint, 'which is the customer''s');
SELECT is(customer_identity.adjust_points(:'ada', -20, 'correction', actor => 'clerk'), 130::bigint,
  'a correction may be negative');
SELECT results_eq($$SELECT points, reason, actor FROM loyalty_entries ORDER BY id$$, $$VALUES (50::bigint, 'welcome'::text,
  NULL::text), (-20, 'correction', 'clerk')$$,
  'each is an entry of the ledger');
SELECT is(customer_identity.adjust_points(:'bob', -5, 'correction'), -5::bigint, 'a correction may go below zero');
SELECT is_empty('SELECT * FROM wrong_totals()', 'orders and ledger add up');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'as verify_totals says too');

-- Redeeming.
SELECT is(customer_identity.redeem_points(:'ada', 30, 'voucher'), 100::bigint, 'redeeming returns the new balance');
SELECT is((SELECT points FROM loyalty_entries ORDER BY id DESC LIMIT 1), -30::bigint, 'and is a negative entry');
SELECT throws_ok(format($$SELECT customer_identity.redeem_points(%L, 101, 'voucher')$$, :'ada'), 'CI005', NULL,
  'more than the balance is refused');
SELECT is((SELECT loyalty_points FROM customers WHERE id = :'ada'), 100::bigint, 'and changes nothing');
SELECT throws_ok(format($$SELECT customer_identity.redeem_points(%L, 1, 'voucher')$$, :'bob'), 'CI005', NULL,
  'a debt cannot be redeemed');
SELECT throws_ok(format($$SELECT customer_identity.redeem_points(%L, 0, 'voucher')$$, :'ada'), '22023', NULL,
  'nothing cannot be redeemed');
SELECT throws_ok(format($$SELECT customer_identity.redeem_points(%L, -10, 'voucher')$$, :'ada'), '22023', NULL,
  'less than nothing even less so');
SELECT isnt((failure($$SELECT customer_identity.redeem_points(gen_random_uuid(), 1, 'voucher')$$)).code, NULL,
  'an unknown customer cannot redeem');
SELECT isnt((failure($$SELECT customer_identity.adjust_points(gen_random_uuid(), 1, 'gift')$$)).code, NULL,
  'nor be given points');
SELECT isnt((failure(format($$SELECT customer_identity.adjust_points(%L, 1, NULL)$$, :'ada'))).code, NULL,
  'an adjustment needs a reason');
SELECT is(customer_identity.redeem_points(:'ada', 100, 'voucher'), 0::bigint, 'the whole balance can be redeemed');

-- Keys.
SELECT is(customer_identity.adjust_points(:'ada', 40, 'gift', 'gift-1'), 40::bigint, 'an adjustment with a key');
SELECT is(customer_identity.adjust_points(:'ada', 40, 'gift', 'gift-1'), 40::bigint, 'the same key again returns the balance');
SELECT is((SELECT count(*) FROM loyalty_entries WHERE idempotency_key = 'gift-1'), 1::bigint, 'and adds nothing');
SELECT is(customer_identity.redeem_points(:'ada', 40, 'voucher', 'v-1'), 0::bigint, 'a redemption with a key');
SELECT is(customer_identity.redeem_points(:'ada', 40, 'voucher', 'v-1'), 0::bigint,
  'is repeated without an error, though the balance is short');
SELECT is((SELECT loyalty_points FROM customers WHERE id = :'ada'), 0::bigint, 'and redeems once');
SELECT throws_ok(format($$SELECT customer_identity.redeem_points(%L, 20, 'voucher', 'v-1')$$, :'ada'), 'CI006', NULL,
  'the same key for other points is a conflict');
SELECT is_empty('SELECT * FROM wrong_totals()', 'keys keep the ledger exact');

-- On behalf of a user.
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401'), ('thief', '07400 123401');
SELECT customer_identity.adjust_points(:'ada', 100, 'gift');
SELECT customer_identity.record_proof('07400 123401', 'ada');
SELECT is(customer_identity.redeem_points(:'ada', 10, 'voucher', user_id => 'ada'), 90::bigint, 'a proven user redeems');
SELECT isnt((failure(format($$SELECT customer_identity.redeem_points(%L, 10, 'voucher', user_id => 'thief')$$, :'ada'))).code, NULL,
  'a user with a claim does not');
SELECT isnt((failure(format($$SELECT customer_identity.redeem_points(%L, 10, 'voucher', user_id => 'nobody')$$, :'ada'))).code, NULL,
  'nor does an unknown one');
SELECT is((SELECT loyalty_points FROM customers WHERE id = :'ada'), 90::bigint, 'and nothing is lost');

-- The ledger is append-only: a correction, a repeated key and a rebuild add entries or none, and change none.
CREATE TABLE written AS SELECT ctid AS place, xmin::text AS by_transaction, * FROM loyalty_entries;
SELECT customer_identity.adjust_points(:'ada', -40, 'the gift was a mistake', 'gift-1 undone');
SELECT customer_identity.redeem_points(:'ada', 40, 'voucher', 'v-1');
UPDATE customers SET loyalty_points = 0;
SELECT customer_identity.rebuild_totals();
SELECT set_has('SELECT ctid::text AS place, xmin::text AS by_transaction, id FROM loyalty_entries',
  'SELECT place::text, by_transaction, id FROM written', 'entries stay as they were written');
SELECT is((SELECT count(*) FROM loyalty_entries), (SELECT count(*) + 1 FROM written), 'a correction is an entry more');

-- Drivers send untyped parameters, and numbers of any size.
PREPARE redeem AS SELECT customer_identity.redeem_points($1, $2, $3, $4);
SELECT lives_ok(format($$EXECUTE redeem(%L, 1, 'voucher', NULL)$$, :'ada'), 'parameters need no type');
SELECT throws_ok(format($$SELECT customer_identity.adjust_points(%L, 9223372036854775807, 'gift')$$, :'ada'), '22003', NULL,
  'a balance that overflows is an error');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'the ledger is exact at the end');

SELECT * FROM finish();
