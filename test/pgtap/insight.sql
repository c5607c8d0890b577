-- Insight: figures about customers, and the signals of fraud with their thresholds and weights.
-- Roles are made in a transaction that is rolled back.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
SET TimeZone = 'UTC';
ALTER TABLE orders ADD payment text;
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}', payment_column => 'payment', cod_values => '{cash,cod}');
CREATE FUNCTION stat(name text, since timestamptz DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS 'SELECT customer_identity.customer_stats(since) -> name';
-- The signals of a customer: signal, weight, evidence.
CREATE FUNCTION signals(customer_phone text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', s ->> 'signal', s ->> 'weight', s -> 'evidence')
  FROM jsonb_array_elements(customer_identity.fraud_signals()) f, jsonb_array_elements(f -> 'signals') s
  WHERE f ->> 'customer_id' = (SELECT id::text FROM customers WHERE phone = customer_phone) ORDER BY 1 $$;
CREATE FUNCTION suspects(min_score numeric DEFAULT 0) RETURNS bigint LANGUAGE sql AS
  'SELECT jsonb_array_length(customer_identity.fraud_signals(min_score))::bigint';

-- An empty shop.
SELECT is(customer_identity.customer_stats(), '{"since": null, "customers": 0, "users": 0, "users_linked": 0, "shared": 0, "guests": 0,
  "guests_returned": 0, "verified": 0, "verified_share": null, "buyers": 0, "repeat_buyers": 0, "repeat_rate": null, "new_customers": []}'::jsonb,
  'a shop without customers has no shares');
SELECT is(customer_identity.fraud_signals(), '[]', 'and no suspects');

-- Three logins of Ada, one of Bob, one that nobody can read, and three guests.
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401'), ('ada2', '+447400123401'), ('ada3', '0044 7400 123401'),
  ('bob', '07400 123402'), ('nobody', 'n/a');
INSERT INTO orders (user_id, phone, total, status) VALUES ('ada', NULL, 1, 'paid'), ('ada2', NULL, 1, 'paid'), ('bob', NULL, 1, 'paid'),
  (NULL, '07400 123403', 1, 'paid'), (NULL, '07400 123403', 1, 'shipped'), (NULL, '07400 123404', 1, 'paid'),
  (NULL, '07400 123405', 1, 'cancelled');
SELECT customer_identity.record_proof('07400 123401', 'ada');
UPDATE customers SET created_at = '2024-02-28 10:00+00' WHERE phone IN ('+447400123402', '+447400123403');
UPDATE customers SET created_at = '2024-02-29 23:30+00' WHERE phone IN ('+447400123401', '+447400123404', '+447400123405');
SELECT is(customer_identity.customer_stats(), '{"since": null, "customers": 5, "users": 5, "users_linked": 4, "shared": 1, "guests": 3,
  "guests_returned": 1, "verified": 1, "verified_share": 0.2000, "buyers": 4, "repeat_buyers": 2, "repeat_rate": 0.5000,
  "new_customers": [{"day": "2024-02-28", "customers": 2}, {"day": "2024-02-29", "customers": 3}]}'::jsonb,
  'people are told from logins, and who came back from who did not');
SELECT is(customer_identity.customer_stats('2024-02-29') - 'since', '{"customers": 3, "users": 4, "users_linked": 3, "shared": 1, "guests": 2,
  "guests_returned": 0, "verified": 1, "verified_share": 0.3333, "buyers": 2, "repeat_buyers": 1, "repeat_rate": 0.5000,
  "new_customers": [{"day": "2024-02-29", "customers": 3}]}'::jsonb, 'since leaves out who was there before');
SELECT is(stat('customers', '2024-02-29 23:30+00'), '3', 'who came at that very time is counted');
SELECT is(stat('customers', '2030-01-01'), '0', 'a time to come has nobody');
SET TimeZone = 'Europe/Berlin';
SELECT is(stat('new_customers') -> 1 ->> 'day', '2024-03-01', 'days are those of the session''s time zone');
SET TimeZone = 'UTC';
CREATE TABLE members (id bigint PRIMARY KEY, phone text);
SELECT customer_identity.attach_users('members');
INSERT INTO members VALUES (1, '07400 123402'), (2, '07400 123404');
SELECT is(jsonb_build_array(stat('users'), stat('users_linked'), stat('shared'), stat('guests')), '[7, 6, 2, 2]', 'the logins of every users table count');
SELECT is(suspects(), 0::bigint, 'nobody is suspected so far');

-- Many logins.
SELECT customer_identity.detach('members');
INSERT INTO "user" (id, phone) SELECT 'ada' || n, '07400 123401' FROM generate_series(4, 6) n;
SELECT results_eq($$SELECT signals('+447400123401')$$, ARRAY['many_logins 20 {"users": 6}', 'unproved_claims 30 {"proved": 1, "unproved": 5}'],
  'many logins of one phone, which one of them has proved');
SELECT is((customer_identity.fraud_signals() -> 0) - 'signals',
  jsonb_build_object('customer_id', (SELECT id FROM customers WHERE phone = '+447400123401'), 'score', 50), 'the weights make the score');
SELECT is(suspects(50), 1::bigint, 'min_score itself is enough');
SELECT is(suspects(50.01), 0::bigint, 'and less is not');
SELECT is(suspects(NULL), 1::bigint, 'NULL is none');
SELECT customer_identity.record_proof('07400 123401', 'ada' || n) FROM generate_series(2, 4) n;
SELECT results_eq($$SELECT signals('+447400123401')$$, ARRAY['many_logins 20 {"users": 6}'], 'logins that prove the phone are no unproved claims');
SELECT customer_identity.revoke_proof('07400 123401');
SELECT results_eq($$SELECT signals('+447400123401')$$, ARRAY['many_logins 20 {"users": 6}'], 'nor are those of a phone that nobody has proved');
SET customer_identity.fraud_many_logins = 7;
SELECT is(suspects(), 0::bigint, 'the threshold is a setting');
SET customer_identity.fraud_many_logins = 6;
SET customer_identity.fraud_many_logins_weight = 70;
SELECT is((customer_identity.fraud_signals() -> 0 ->> 'score')::int, 70, 'so is the weight');
SET customer_identity.fraud_many_logins = 0;
SELECT is(suspects(), 0::bigint, 'zero switches a signal off');
RESET customer_identity.fraud_many_logins;
RESET customer_identity.fraud_many_logins_weight;

-- Bursts: each sign-up in a transaction of its own, so the time of the events is set here.
DELETE FROM "user";
DELETE FROM customer_events;
INSERT INTO "user" (id, phone) SELECT 'burst' || n, '07400 123411' FROM generate_series(1, 4) n;
SELECT is(suspects(), 0::bigint, 'users who were loaded by one transaction are no burst');
UPDATE customer_events SET created_at = '2024-02-29 12:00+00'::timestamptz + 20 * substr(details ->> 'user_id', 6)::int * interval '1 minute'
WHERE event = 'user_linked';
SELECT results_eq($$SELECT signals('+447400123411')$$, ARRAY['sign_up_burst 25 {"from": "2024-02-29T12:20:00+00:00", "users": 4}'],
  'four logins within an hour, to the minute, are one');
UPDATE customer_events SET created_at = created_at + interval '1 minute' WHERE details ->> 'user_id' = 'burst4';
SELECT is(suspects(), 0::bigint, 'within more than an hour they are not');
UPDATE customer_events SET created_at = created_at - interval '30 minutes', details = details || '{"cause": "application"}'
WHERE details ->> 'user_id' = 'burst4';
SELECT is(suspects(), 0::bigint, 'what the application or a backfill has linked does not count');
UPDATE customer_events SET details = details || '{"cause": "phone_changed"}' WHERE details ->> 'user_id' = 'burst4';
SELECT is(suspects(), 1::bigint, 'who changed to that phone does');
DELETE FROM "user" WHERE id LIKE 'burst%';
SELECT is(suspects(), 1::bigint, 'also when the logins are gone');
ALTER TABLE customer_events RENAME details TO data;
SELECT is(suspects(), 0::bigint, 'without a history there is no such signal');
ALTER TABLE customer_events RENAME data TO details;
DELETE FROM customer_events;

-- Cash on delivery.
SELECT customer_identity.record_proof('07400 123421');
INSERT INTO orders (phone, total, payment, status) VALUES ('07400 123421', 10, 'cash', 'cancelled'), ('07400 123421', 10, 'cod', 'Returned'),
  ('07400 123421', 10, 'card', 'cancelled'), ('07400 123421', 10, 'cash', 'paid'), ('07400 123421', 10, 'cash', 'pending');
SELECT is(suspects(), 0::bigint, 'cancelled twice in cash and once by card is not much');
UPDATE orders SET status = 'REFUSED' WHERE payment = 'cash' AND status = 'pending';
SELECT results_eq($$SELECT signals('+447400123421')$$, ARRAY['cod_cancellations 25 {"orders": 4, "cancelled": 3}'],
  'orders in cash that were cancelled, returned or refused are a signal');
SET customer_identity.fraud_cancelled_statuses = 'Cancelled , refused';
SELECT is(suspects(), 0::bigint, 'which statuses these are is a setting');
SET customer_identity.fraud_cancelled_statuses = 'cancelled, returned, refused, it''s $1 "gone"';
SELECT is(suspects(), 1::bigint, 'that may hold anything');
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}', payment_column => 'payment', cod_values => ARRAY['cash', $$it's $1 %s "cod"$$]);
SELECT is(suspects(), 0::bigint, 'and which payments is what was attached');
UPDATE orders SET payment = $$it's $1 %s "cod"$$ WHERE payment = 'cod';
SELECT is(suspects(), 1::bigint, 'whatever they are called');

-- Order: the highest score first.
INSERT INTO "user" (id, phone) SELECT 'eve' || n, '07400 123431' FROM generate_series(1, 6) n;
SELECT is((SELECT array_agg((f ->> 'score')::int) FROM jsonb_array_elements(customer_identity.fraud_signals()) f), '{25,20}',
  'the highest score comes first');

-- Rights.
CREATE ROLE analyst;
CREATE ROLE nobody;
GRANT EXECUTE ON FUNCTION customer_identity.customer_stats, customer_identity.fraud_signals TO analyst;
SET ROLE analyst;
SELECT is((customer_identity.customer_stats() ->> 'customers')::int, 8, 'EXECUTE is all that who asks needs');
SELECT is(jsonb_array_length(customer_identity.fraud_signals()), 2, 'here, too');
SELECT throws_ok('SELECT * FROM customers', '42501', NULL, 'the tables stay closed');
SET ROLE nobody;
SELECT throws_ok('SELECT customer_identity.customer_stats()', '42501', NULL, 'without it there is no answer');
SELECT throws_ok('SELECT customer_identity.fraud_signals()', '42501', NULL, 'to either');
RESET ROLE;
SELECT throws_ok($$SELECT customer_identity.customer_stats(customers => 'pg_class')$$, 'CI003', NULL, 'a table that is no book is refused');

-- A stranger's table that names the book is not looked at.
CREATE ROLE stranger;
GRANT CREATE ON SCHEMA public TO stranger;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO stranger;
SET ROLE stranger;
CREATE TABLE fake_users (id text PRIMARY KEY, phone text, customer_id uuid);
INSERT INTO fake_users SELECT n, NULL, gen_random_uuid() FROM generate_series(1, 10) n;
CREATE TRIGGER customer_identity_link BEFORE INSERT OR UPDATE ON fake_users FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(
  'customers=public.customers', 'key=id', 'phone=phone', 'customer=customer_id');
RESET ROLE;
SELECT is(stat('users'), '6', 'a stranger''s logins are not counted');

SELECT * FROM finish();
ROLLBACK;
