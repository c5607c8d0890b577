-- A new holder of a number who proves it, and release_phone() with a time.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE orders ADD payment text, ADD created_at timestamptz DEFAULT now();
ALTER TABLE "user" ADD email text, ADD "createdAt" timestamptz DEFAULT now();
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}', payment_column => 'payment', cod_values => '{cash}');
CREATE FUNCTION customer_of(user_id text) RETURNS uuid LANGUAGE sql AS 'SELECT customer_id FROM "user" u WHERE u.id = user_id';
-- All that there is happened that long ago.
CREATE FUNCTION wait(since interval) RETURNS void LANGUAGE sql AS $$
  UPDATE customers SET created_at = created_at - since;
  UPDATE customer_events SET created_at = created_at - since;
  UPDATE phone_proofs SET proved_at = proved_at - since;
  UPDATE orders SET created_at = created_at - since;
  UPDATE "user" SET "createdAt" = "createdAt" - since
$$;
CREATE FUNCTION is_held_back(user_id text) RETURNS boolean LANGUAGE sql AS
  'SELECT bool_or(unconfirmed) FROM phone_proofs p WHERE p.user_id = is_held_back.user_id AND ended_at IS NULL';

INSERT INTO "user" (id, email, phone) VALUES ('old', 'old@example.org', '07400 123401');
INSERT INTO orders (user_id, total, note) VALUES ('old', 1000, 'of old');
SELECT customer_identity.record_proof('07400 123401', 'old');
SELECT customer_of('old') AS old \gset
SELECT ok(NOT is_held_back('old'), 'the first to prove a number is no new holder');

-- Within a year.
SELECT wait('11 months');
INSERT INTO "user" (id, email, phone) VALUES ('soon', 's@example.org', '07400 123401');
SELECT customer_identity.record_proof('07400 123401', 'soon');
SELECT ok(NOT is_held_back('soon'), 'nor is who proves it within the year');
SELECT customer_identity.revoke_proof('07400 123401', 'soon');
DELETE FROM phone_proofs WHERE user_id = 'soon';
DELETE FROM "user" WHERE id = 'soon';

-- Later.
SELECT wait('2 months');
INSERT INTO "user" (id, email, phone) VALUES ('new', 'new@example.org', '07400 123401');
INSERT INTO orders (user_id, total, note) VALUES ('new', 7, 'of new');
SELECT is(customer_of('new'), :'old'::uuid, 'a new login claims the number');
SELECT customer_identity.record_proof('07400 123401', 'new');
SELECT ok(is_held_back('new'), 'whose proof is held back, its own order notwithstanding');
SELECT ok(NOT customer_identity.can_see_customer('new', :'old'), 'it sees its own orders only');
SELECT throws_ok(format('SELECT customer_identity.redeem_points(%L, 1, %L, user_id => %L)', :'old', 'cup', 'new'), '42501', NULL, 'and redeems nothing');
SET customer_identity.trust_claims = on;
SELECT ok(NOT customer_identity.can_see_customer('new', :'old'), 'trusted claims or not');
RESET customer_identity.trust_claims;
SELECT lives_ok($$INSERT INTO orders (user_id, total, payment, note) VALUES ('new', 5, 'cash', 'cash of new')$$, 'cash on delivery opens');
SELECT is((SELECT count(*) FROM customer_events WHERE event = 'possible_new_holder' AND details ->> 'user_id' = 'new'), 1::bigint, 'an event tells of it');
SELECT is((SELECT s - 'weight' #- '{evidence,proved_at}' FROM jsonb_array_elements(customer_identity.fraud_signals() -> 0 -> 'signals') s),
  '{"signal": "possible_new_holder", "evidence": {"users": ["new"]}}'::jsonb, 'and a signal');
SET LOCAL customer_identity.fraud_possible_new_holder = 0;
SELECT is(customer_identity.fraud_signals(), '[]'::jsonb, 'which can be switched off');
RESET customer_identity.fraud_possible_new_holder;
INSERT INTO "user" (id, email, phone) VALUES ('new2', 'new@example.com', '07400 123401');
SELECT customer_identity.record_proof('07400 123401', 'new2');
SELECT ok(is_held_back('new2'), 'a second login of the new holder is held back as well');
SELECT customer_identity.record_proof('07400 123401', 'new');
SELECT ok(is_held_back('new'), 'and the first one, however often it proves');
SELECT ok(customer_identity.can_see_customer('old', :'old'), 'the old login still sees its own');
INSERT INTO "user" (id, email, phone) VALUES ('old2', 'Old@example.org', '07400 123401');
SELECT customer_identity.record_proof('07400 123401', 'old2');
SELECT ok(NOT is_held_back('old2'), 'a login with an e-mail that was linked is the same person');
SELECT customer_identity.revoke_proof('07400 123401', 'old2');
DELETE FROM phone_proofs WHERE user_id = 'old2';
DELETE FROM "user" WHERE id = 'old2';

CREATE TABLE staff (id text PRIMARY KEY, email text, phone text);
SELECT customer_identity.attach_users('staff');
INSERT INTO staff VALUES ('old3', ' OLD@example.org', '07400 123401');
SELECT customer_identity.record_proof('07400 123401', 'old3');
SELECT ok(NOT is_held_back('old3'), 'of any table');
DELETE FROM staff;
DELETE FROM phone_proofs WHERE user_id = 'old3';

-- Somebody decides.
SAVEPOINT undecided;
SELECT customer_identity.confirm_holder(:'old', 'new', actor => 'shop', reason => 'called');
SELECT ok(customer_identity.can_see_customer('new', :'old'), 'the same person');
SELECT ok(NOT customer_identity.can_see_customer('new2', :'old'), 'which says nothing on others');
SELECT is((SELECT count(*) FROM customer_events WHERE event = 'holder_confirmed' AND actor = 'shop'), 1::bigint, 'with an event');
SELECT customer_identity.confirm_holder(:'old', 'new');
SELECT is((SELECT count(*) FROM customer_events WHERE event = 'holder_confirmed'), 1::bigint, 'once');
ROLLBACK TO undecided;
SELECT throws_ok(format('SELECT customer_identity.confirm_holder(%L, %L)', gen_random_uuid(), 'new'), 'P0002', NULL, 'of a customer that there is');
INSERT INTO orders (phone, total, note) VALUES ('07400 123401', 3, 'guest of new');
SELECT customer_identity.release_phone(:'old', since => now() - interval '1 month', actor => 'shop') AS new_holder \gset
SELECT is(customer_of('new'), :'new_holder'::uuid, 'the new holder is another customer');
SELECT is(customer_of('new2'), :'new_holder'::uuid, 'with all its logins');
SELECT is(totals('+447400123401'), '3 / 15 / 15', 'and its orders');
SELECT is(customer_of('old'), :'old'::uuid, 'the old one keeps its login');
SELECT is((SELECT format('%s %s %s', coalesce(phone, '-'), total_orders, total_spent) FROM customers WHERE id = :'old'), '- 1 1000', 'and its history');
SELECT ok(customer_identity.can_see_customer('new', :'new_holder'), 'the new holder''s proof opens its own');
SELECT ok(NOT customer_identity.can_see_customer('old', :'old'), 'the old holder has proved nothing any more');
SELECT ok(is_phone_verified, 'the number is verified') FROM customers WHERE id = :'new_holder';
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and verified');
SELECT is(customer_identity.release_phone(:'new_holder', since => now() + interval '1 day'), NULL, 'nothing came since: there is no new customer');

-- Whoever has the number now cannot end the old holder's silence.
CREATE FUNCTION play(story text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  number text := '07400 12350' || (random() * 9)::int;
  login text;
BEGIN
  INSERT INTO "user" (id, email, phone) VALUES ('h', 'h@example.org', number);
  INSERT INTO orders (user_id, total) VALUES ('h', 100);
  FOREACH login IN ARRAY string_to_array(story, ' ') LOOP
    PERFORM wait('1 minute');
    IF login ~ '^[0-9]' THEN
      PERFORM wait(make_interval(months => login::int));
    ELSIF login = 'truncate' THEN
      TRUNCATE "user" CASCADE;
    ELSIF login = 'guest' THEN
      INSERT INTO orders (phone, total) VALUES (number, 1);
    ELSIF login = 'guest!' THEN
      PERFORM customer_identity.record_proof(number);
    ELSIF login ~ '^-' THEN
      DELETE FROM "user" WHERE id = substr(login, 2);
    ELSIF login ~ '!$' THEN
      PERFORM customer_identity.record_proof(number, rtrim(login, '!'));
    ELSIF EXISTS (SELECT FROM "user" WHERE id = login) THEN
      INSERT INTO orders (user_id, total) VALUES (login, 1);
    ELSE
      INSERT INTO "user" (id, phone) VALUES (login, number);
    END IF;
  END LOOP;
  RETURN CASE WHEN (SELECT unconfirmed FROM phone_proofs WHERE user_id = rtrim(login, '!') AND ended_at IS NULL) THEN 'held back' ELSE 'trusted' END;
END
$$;
CREATE FUNCTION told(story text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  ending text;
BEGIN
  BEGIN
    ending := play(story);
    RAISE EXCEPTION 'enough';
  EXCEPTION WHEN raise_exception THEN
    RETURN ending;
  END;
END
$$;
SELECT is(told(story), ending, story) FROM (VALUES
  -- h has an order; numbers are months that pass, a name signs up or orders, with ! it proves, with - it leaves.
  ('24 s s!', 'held back'),
  ('24 s s! s -s s2 s2!', 'held back'),
  ('24 s s s! -s guest s2 s2!', 'held back'),
  ('24 guest s s!', 'held back'),
  ('24 guest 6 guest 6 guest s s!', 'held back'),
  ('24 guest! s s!', 'held back'),
  ('24 s s t t!', 'held back'),
  ('24 -h h h!', 'held back'),
  ('24 truncate h h!', 'held back'),
  ('24 h 6 s s!', 'trusted'),
  ('24 h! s s!', 'trusted'),
  ('24 h!', 'trusted'),
  ('9 guest 9 guest 9 guest 9 s s!', 'trusted'),
  ('24 s s! h s2 s2!', 'trusted'),
  ('9 s s!', 'trusted')
) AS t (story, ending);

-- The setting.
CREATE FUNCTION accepts(value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('customer_identity.new_holder_after', value, true);
  RETURN 'yes';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;
SELECT is(accepts(v), 'yes', 'the setting takes ' || v) FROM unnest(ARRAY['1 year', '18 months', '0', 'P1Y', 'P1Y2M3DT4H5M6S', '1 year 2 mons', '@ 1 year',
  '400 days', '1-2', '300000 years', '1 year -1 day', '0.5 years', 'P0001-02-03T04:05:06']) AS v;
SELECT is(accepts(v), '22023', 'the setting refuses ' || v) FROM unnest(ARRAY['', 'soon', '-1 year', 'P-1Y', '1 year ago', 'yesterday', '2020-01-01', '1 fortnight extra', 'now', '99999999999 years']) AS v;
SET customer_identity.new_holder_after = '300000 years';
SELECT lives_ok('SELECT customer_identity.record_proof(''07400 123402'', ''x'')', 'a very long one is never');
SELECT wait('20 years');
SET customer_identity.new_holder_after = '0';
INSERT INTO "user" (id, phone) VALUES ('late', '07400 123401');
SELECT customer_identity.record_proof('07400 123401', 'late');
SELECT ok(NOT is_held_back('late'), '0 switches it off');
DELETE FROM phone_proofs;
SET customer_identity.new_holder_after = 'P1Y';
DELETE FROM "user" WHERE id = 'late';
DROP TABLE customer_events;
INSERT INTO "user" (id, phone) VALUES ('later', '07400 123401');
SELECT lives_ok('SELECT customer_identity.record_proof(''07400 123401'', ''later'')', 'a book without a history goes on');

-- Who records proofs needs no rights on orders and the history.
SELECT customer_identity.create_tables('public');
INSERT INTO "user" (id, phone) VALUES ('first', '07400 123431');
SELECT wait('2 years');
INSERT INTO "user" (id, phone) VALUES ('rights', '07400 123431');
CREATE ROLE till;
GRANT EXECUTE ON FUNCTION customer_identity.record_proof TO till;
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs, customer_phones TO till;
SET ROLE till;
SELECT customer_identity.record_proof('07400 123431', 'rights');
RESET ROLE;
SELECT ok(is_held_back('rights'), 'a new holder whose proof another role records');
-- Orders of guests in a table that does not tell when they were placed stay, as the server says.
CREATE TABLE counter_sales (id int PRIMARY KEY, phone text, total numeric);
SELECT customer_identity.attach_orders('counter_sales') IS NOT NULL AS attached \gset
INSERT INTO counter_sales VALUES (1, '07400 123481', 5);
SELECT customer_identity.find_customer('07400 123481') AS counter \gset
SELECT size AS start FROM pg_stat_file(current_setting('data_directory') || '/../log') \gset
SET LOCAL log_min_messages = notice;
SELECT is(customer_identity.release_phone(:'counter', since => now()), NULL, 'there is nothing to move that is known to be newer');
RESET log_min_messages;
SELECT is((SELECT array_agg(m[1]) FROM regexp_matches(pg_read_file(current_setting('data_directory') || '/../log', :start, 100000), 'orders of guests in (\S+) stay', 'g') AS m),
  '{public.counter_sales}', 'and which table it is that does not tell is told');
SELECT is((SELECT customer_id FROM counter_sales), :'counter', 'the order stays');

SELECT * FROM finish();
ROLLBACK;
