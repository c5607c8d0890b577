-- A book whose ids are computed from phones, on one machine.
\ir failure.psql
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'GB';
SELECT * FROM no_plan();

-- The id.
CREATE FUNCTION id_of(phone text, region text DEFAULT NULL) RETURNS uuid LANGUAGE sql AS
  'SELECT customer_identity.customer_id_of(phone, region)';
\set nobody '00000000-0000-0000-0000-000000000000'
SELECT is(id_of('+447400123401'), 'a5f8c2b4-97cb-8a94-8774-7345ce908d04', 'an id never changes');
SELECT is(count(DISTINCT id_of(p, r)), 1::bigint, 'a number has one, however it is spelled')
FROM (VALUES ('+447400123401', NULL), ('07400 123401', NULL), ('07400 123401', 'GB'), ('0044 (0)7400-123401', NULL), ('+44 7400 123401', 'DE'), ('٠٧٤٠٠١٢٣٤٠١', 'gb')) AS v (p, r);
SELECT is(count(DISTINCT id_of('+4474001234' || lpad(n::text, 2, '0'))), 100::bigint, 'another number has another one') FROM generate_series(0, 99) AS n;
SELECT ok(bool_and(id_of('+4474001234' || lpad(n::text, 2, '0'))::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]'), 'it is a UUID of version 8')
FROM generate_series(0, 99) AS n;
SELECT is(id_of('+447400123401'), overlay(overlay(left(encode(sha256('\x467ca3306e2d4d6e8dea7e7643be560c'::bytea || '+447400123401#0'), 'hex'), 32) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid,
  'that anybody can compute');
SELECT is(id_of(p), :'nobody', format('nobody''s id for %L', p)) FROM (VALUES (NULL), (''), ('none'), ('12'), ('+999 12345')) AS v (p);
SELECT is(id_of('07400 123401', 'XX'), :'nobody', 'and for an unknown region');
SELECT is((SELECT provolatile::text || proparallel::text FROM pg_proc WHERE oid = 'customer_identity.customer_id_of(text, text)'::regprocedure), 'ss', 'it is STABLE');
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS off) ' || query LOOP plan := plan || line; END LOOP; RETURN plan; END $$;
SELECT unalike(plan_of($$SELECT customer_identity.customer_id_of('+447400123401')$$), '%customer_id_of%', 'but the planner has the id of a constant in E.164');
SELECT alike(plan_of($$SELECT customer_identity.customer_id_of('07400 123401')$$), '%customer_id_of%', 'and of nothing that depends on settings');
SELECT alike(plan_of($$SELECT customer_identity.customer_id_of('+44740012')$$), '%customer_id_of%', 'nor of what cannot be read');
SET customer_identity.phone_validation = 'possible';
SELECT alike(plan_of($$SELECT customer_identity.customer_id_of('+441111111111')$$), '%customer_id_of%', 'nor of what can be read by a setting');
RESET customer_identity.phone_validation;
SELECT throws_ok(format('SELECT customer_identity.customer_id_of(''+447400123401'', %L)', repeat('x', 101)), '22023', NULL, 'nor with a region that is refused');

-- The book.
SELECT is(customer_identity.create_tables(distributed => true)::text, 'customers', 'a book with computed ids');
SELECT is(customer_identity.create_tables(distributed => true)::text, 'customers', 'can be asked for again');
SELECT is(customer_identity.create_tables()::text, 'customers', 'and kept as it is');
SELECT is_empty($$
  SELECT i.indexrelid::regclass FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attname = CASE i.indrelid WHEN 'customers'::regclass THEN 'id' ELSE 'customer_id' END
  WHERE i.indisunique AND NOT a.attnum = ANY (i.indkey::smallint[])
    AND i.indrelid IN (SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r')
$$, 'every key contains the customer''s id');
SELECT throws_ok($$INSERT INTO customers (phone) VALUES ('+447400123409')$$, '23514', NULL, 'the id of a customer is that of its phone');
SELECT lives_ok($$INSERT INTO customers (id, phone) VALUES (id_of('+447400123409'), '+447400123409')$$, 'whoever writes it');
DELETE FROM customers;
SELECT throws_ok(format($$INSERT INTO customers (id) VALUES ('%s')$$, :'nobody'), '23514', NULL, 'nobody is no customer, who would get the orders without a phone');
SELECT customer_identity_internal.id_of_phone() AS expression \gset
SELECT format('CREATE FUNCTION id_of_holder(phone text, phone_generation integer) RETURNS uuid LANGUAGE sql AS %L', 'SELECT ' || :'expression') \gexec
CREATE FUNCTION add_holder(phone text, generation integer) RETURNS void LANGUAGE sql AS
  'INSERT INTO customers (id, phone, phone_generation) VALUES (id_of_holder(phone, generation), phone, generation)';
SELECT throws_ok(format('SELECT add_holder(''+447400123409'', %s)', g), '23514', NULL, 'no holder is looked for beyond the last') FROM unnest('{-1,32}'::int[]) AS g;
SELECT lives_ok($$SELECT add_holder('+447400123409', 31)$$, 'which can be written');
SELECT throws_ok($$SELECT add_holder('+447400123409', 0)$$, 'CI006', 'the phone is another customer''s', 'a phone has one customer');
UPDATE customers SET phone = NULL;
SELECT lives_ok($$SELECT add_holder('+447400123409', 2)$$, 'and another one when it is free');
SELECT throws_ok($$UPDATE customers SET phone = '+447400123409' WHERE phone IS NULL$$, 'CI006', 'the phone is another customer''s', 'a former one does not take it back');
SELECT throws_ok($$INSERT INTO customers (id, phone, phone_generation) SELECT id_of_holder('+447400123410', g), '+447400123410', g FROM generate_series(0, 1) AS g$$,
  'CI006', NULL, 'nor do two of one statement get it');
DELETE FROM customers;
CREATE SCHEMA ordinary;
SELECT customer_identity.create_tables('ordinary');
SELECT throws_ok($$SELECT customer_identity.create_tables('ordinary', distributed => true)$$, 'CI003', NULL, 'a book that is there keeps its ids');
CREATE SCHEMA by_hand;
CREATE TABLE by_hand.customers AS TABLE customers;
ALTER TABLE by_hand.customers ADD PRIMARY KEY (id), ALTER id SET DEFAULT gen_random_uuid();
SELECT throws_ok($$SELECT customer_identity.create_tables('by_hand', distributed => true)$$, 'CI003', NULL, 'one without the CHECK');
ALTER TABLE by_hand.customers ADD CHECK (phone IS NULL OR id = :expression);
SELECT lives_ok($$SELECT customer_identity.create_tables('by_hand', distributed => true)$$, 'gets it, by a migration');
DROP SCHEMA ordinary, by_hand CASCADE;

CREATE TABLE users (id text PRIMARY KEY, phone text, verified boolean, name text);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, customer_id uuid NOT NULL, user_id text, phone text, country text, total numeric, payment text, note text, PRIMARY KEY (customer_id, id));
SELECT customer_identity.attach_users('users', verified_column => 'verified', name_column => 'name');
SELECT customer_identity.attach_orders('orders', 'users', region_column => 'country', payment_column => 'payment', cod_values => '{cash}');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup()$$, 'check_setup() has nothing to say');
CREATE FUNCTION totals(customer uuid) RETURNS text LANGUAGE sql AS
  'SELECT format(''%s / %s / %s'', total_orders, trim_scale(total_spent), loyalty_points) FROM customers WHERE id = customer';

-- Orders.
INSERT INTO orders (customer_id, phone, total, note) VALUES (id_of('07400 123401'), '07400 123401', 5, 'first');
SELECT is(totals(id_of('07400 123401')), '1 / 5 / 5', 'an order makes its customer');
SELECT results_eq($$SELECT phone::text, phone_generation FROM customers$$, $$VALUES ('+447400123401', 0)$$, 'of its phone');
SELECT results_eq($$SELECT event FROM customer_events$$, $$VALUES ('created')$$, 'with a history');
INSERT INTO orders (customer_id, phone, country, total) VALUES (id_of('+44 7400 123401'), '00447400123401', 'DE', 7), (id_of('07400 123402'), '07400 123402', NULL, 1);
SELECT is(totals(id_of('07400 123401')), '2 / 12 / 12', 'which the next one joins');
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (id_of('07400 123402'), '07400 123401', 1)$$, 'CI006',
  'the customer id of the order is not that of its phone', 'an order of another number is refused');
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (gen_random_uuid(), '07400 123401', 1)$$, 'CI006', NULL, 'as is any other id');
SELECT throws_ok(format($$INSERT INTO orders (customer_id, phone, total) VALUES ('%s', '07400 123401', 1)$$, :'nobody'), 'CI006', NULL, 'and nobody''s');
SELECT lives_ok(format($$INSERT INTO orders (customer_id, phone, total, note) SELECT id_of(p), p, 100, 'unreadable' FROM unnest(ARRAY['none', '', NULL, '12']) AS p$$), 'no phone fails an order');
SELECT is((SELECT count(*) FROM orders WHERE customer_id = :'nobody'), 4::bigint, 'nobody''s id has those without one');
SELECT is_empty(format($$SELECT FROM customers WHERE id = '%s'$$, :'nobody'), 'and is no customer''s');
SELECT results_eq($$SELECT phone, reason FROM customer_identity.phone_problems('orders') ORDER BY 1$$, $$VALUES ('', 'empty'), ('12', 'too_short'), ('none', 'not_a_number')$$, 'they are listed');
SELECT lives_ok($$INSERT INTO orders (customer_id, total) VALUES (id_of('07400 123402'), 2)$$, 'an order may have its customer''s id alone');
SELECT throws_ok($$INSERT INTO orders (customer_id, total) VALUES (id_of('07400 123499'), 2)$$, 'CI006', 'there is no customer with the order''s customer id', 'if there is one');
INSERT INTO orders (customer_id, phone, total) VALUES (NULL, '07400 123403', 3), (NULL, 'none', 3);
SELECT is(totals(id_of('07400 123403')), '1 / 3 / 3', 'one machine fills in the id');
SELECT is((SELECT count(*) FROM orders WHERE customer_id = :'nobody'), 5::bigint, 'or nobody''s');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

-- Updates.
SELECT lives_ok($$UPDATE orders SET phone = '+447400123401', total = 6 WHERE note = 'first'$$, 'another spelling');
SELECT lives_ok($$UPDATE orders SET phone = NULL WHERE note = 'first'$$, 'a phone that is emptied changes nothing');
SELECT is(totals(id_of('07400 123401')), '2 / 13 / 13', 'but what it says');
SELECT throws_ok($$UPDATE orders SET phone = '07400 123402' WHERE note = 'first'$$, 'CI006', NULL, 'another number needs another id');
SELECT lives_ok($$UPDATE orders SET phone = '07400 123402', customer_id = id_of('07400 123402') WHERE note = 'first'$$, 'which one machine can give');
SELECT is(totals(id_of('07400 123402')), '3 / 9 / 9', 'and counts');
SELECT throws_ok($$UPDATE orders SET customer_id = id_of('07400 123401') WHERE note = 'first'$$, 'CI006', NULL, 'an id needs its number');
UPDATE orders SET total = total * 2;
DELETE FROM orders WHERE note = 'unreadable' OR id % 3 = 0;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');
INSERT INTO orders (customer_id, phone, total) SELECT id_of('0740012340' || n % 10), '0740012340' || n % 10, n FROM generate_series(1, 1000) AS n;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'of many, too');
SELECT is((SELECT count(*) FROM customers), 10::bigint, 'with a customer for each number');

-- Cash on delivery.
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total, payment) VALUES (id_of('07400 123401'), '07400 123401', 1, 'cash')$$, 'CI002', NULL, 'cash needs a proof');
SELECT is(customer_identity.record_proof('07400 123401'), id_of('07400 123401'), 'a proof is of the same id');
SELECT lives_ok($$INSERT INTO orders (customer_id, phone, total, payment) VALUES (id_of('07400 123401'), '07400 123401', 1, 'cash')$$, 'and lets it pass');
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total, payment) VALUES (id_of('none'), 'none', 1, 'cash')$$, 'CI002', NULL, 'which nobody has');

-- Logins.
INSERT INTO users VALUES ('ada', '07400 123401', true, 'Ada'), ('bob', '07400 123455', false, 'Bob'), ('eve', 'none', false, 'Eve');
SELECT results_eq($$SELECT id, customer_id FROM users ORDER BY 1$$, $$VALUES ('ada', id_of('07400 123401')), ('bob', id_of('07400 123455')), ('eve', NULL)$$, 'logins have the customer of their phone');
SELECT is(customer_identity.can_see_customer('ada', id_of('07400 123401')), true, 'and see it when they have proved it');
SELECT is(customer_identity.can_see_customer('bob', id_of('07400 123455')), false, 'only then');
UPDATE users SET phone = '07400 123456' WHERE id = 'ada';
SELECT is((SELECT customer_id FROM users WHERE id = 'ada'), id_of('07400 123456'), 'another phone is another customer');
SELECT is(customer_identity.can_see_customer('ada', id_of('07400 123401')), false, 'and the old one is seen no more');
UPDATE users SET phone = '07400 123457' WHERE id = 'eve';
SELECT is((SELECT customer_id FROM users WHERE id = 'eve'), id_of('07400 123457'), 'a phone that is added counts');
SELECT lives_ok($$DELETE FROM users WHERE id = 'eve'$$, 'a login goes');
CREATE TABLE members (id int PRIMARY KEY, phone text);
INSERT INTO members VALUES (1, '07400 123401'), (2, '07400 123458');
SELECT customer_identity.attach_users('members');
UPDATE members SET customer_id = customer_identity_internal.claim_customer(customer_identity.normalize_phone(phone), NULL, 'customers');
SELECT results_eq($$SELECT customer_id FROM members ORDER BY id$$, $$VALUES (id_of('07400 123401')), (id_of('07400 123458'))$$, 'a backfill finds and makes customers by their ids');

-- Points.
SELECT is(customer_identity.adjust_points(id_of('07400 123455'), 10, 'gift', 'k'), 10::bigint, 'points');
SELECT is(customer_identity.adjust_points(id_of('07400 123455'), 10, 'gift', 'k'), 10::bigint, 'once for a key');
SELECT throws_ok($$SELECT customer_identity.adjust_points(id_of('07400 123455'), 11, 'gift', 'k')$$, 'CI006', NULL, 'that is used for nothing else');
SELECT is(customer_identity.adjust_points(id_of('07400 123456'), 10, 'gift', 'k'), 10::bigint, 'of the customer');
SELECT throws_ok($$SELECT customer_identity.redeem_points(id_of('07400 123455'), 11, 'too much')$$, 'CI005', NULL, 'points that are not there');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'add up');

-- A number gets a new holder.
SELECT totals(id_of('07400 123401')) AS before \gset
SELECT lives_ok($$SELECT customer_identity.release_phone(id_of('07400 123401'))$$, 'a number is released');
SELECT is(customer_identity.find_customer('07400 123401'), NULL, 'and leads to nobody');
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (id_of('07400 123401'), '07400 123401', 1)$$, 'CI006', 'the number of the order has a new holder', 'its orders are not the old holder''s');
SELECT lives_ok(format($$INSERT INTO orders (id, customer_id, phone, total) OVERRIDING SYSTEM VALUE SELECT id, customer_id, '07400 123401', total + 1 FROM orders
  WHERE customer_id = id_of('07400 123401') ON CONFLICT (customer_id, id) DO %s$$, action), 'an order of his that comes again is no new one')
FROM unnest('{NOTHING,UPDATE SET note = EXCLUDED.total}'::text[]) AS action;
SELECT customer_identity.get_or_create_customer('07400 123401') AS new_holder \gset
SELECT isnt(:'new_holder', id_of('07400 123401')::text, 'the new one is somebody else');
SELECT is(customer_identity.get_or_create_customer('07400 123401'), :'new_holder', 'and stays the same');
SELECT is(customer_identity.find_customer('+447400123401'), :'new_holder', 'for every function');
INSERT INTO orders (customer_id, phone, total) VALUES (:'new_holder', '07400 123401', 42);
INSERT INTO users VALUES ('dan', '07400 123401');
SELECT is((SELECT customer_id FROM users WHERE id = 'dan'), :'new_holder', 'a login joins it');
SELECT is(totals(:'new_holder'), '1 / 42 / 42', 'it has its own orders');
SELECT is(totals(id_of('07400 123401')), :'before', 'and the old one its own');
SELECT lives_ok($$UPDATE orders SET payment = 'card', total = total + 1 WHERE customer_id = id_of('07400 123401')$$, 'whose orders can be changed');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');
-- Whom an order is written for.
CREATE FUNCTION id_for(phone text) RETURNS uuid LANGUAGE sql VOLATILE AS $$ SELECT customer_identity.customer_id_for_order(phone, 'GB') $$;
SELECT is(id_for('07400 123401'), :'new_holder', 'an order has the id of the present holder');
SELECT lives_ok($$SELECT customer_identity.release_phone(customer_identity.find_customer('07400 123401'))$$, 'again');
SELECT lives_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (id_for('07400 123401'), '07400 123401', 1)$$, 'and of the next one, who is made');
SELECT is(id_for('07400 123488'), id_of('07400 123488'), 'of whoever has no number released, as ever');
SELECT is(customer_identity.find_customer('07400 123488'), NULL, 'whom the order makes');
SELECT is(id_for(phone), :'nobody', 'no phone is nobody''s') FROM unnest('{none,"",NULL}'::text[]) AS phone;
SELECT is((SELECT max(phone_generation) FROM customers WHERE phone = '+447400123401'), 2, 'three holders, one after the other');
SELECT isnt(customer_identity.find_customer('07400 123401'), :'new_holder', 'are three people');

-- Somebody with several numbers.
INSERT INTO orders (customer_id, phone, total) VALUES (id_of('07400 123601'), '07400 123601', 1), (id_of('07400 123609'), '07400 123609', 1);
SELECT id_of('07400 123601') AS person \gset
SELECT is(customer_identity.add_phone(:'person', '07400 123602'), '+447400123602', 'a further number');
SELECT is(customer_identity.add_phone(:'person', '07400 123602'), '+447400123602', 'once');
SELECT results_eq(format('SELECT %s(''07400 123602'')', f), format('SELECT %L::uuid', :'person'), f || ' knows it')
FROM unnest('{customer_identity.find_customer,customer_identity.get_or_create_customer,id_for}'::text[]) AS f;
INSERT INTO orders (customer_id, phone, total) VALUES (id_for('07400 123602'), '07400 123602', 10), (NULL, '07400 123602', 100);
SELECT is(totals(:'person'), '3 / 111 / 111', 'its orders are the person''s');
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (id_of('07400 123602'), '07400 123602', 1)$$, 'CI006', NULL, 'by the person''s id alone');
SELECT throws_ok(format($$INSERT INTO orders (customer_id, phone, total) VALUES (%L, '07400 123609', 1)$$, :'person'), 'CI006', NULL, 'which no other number has');
SELECT lives_ok($$UPDATE orders SET phone = '07400 123602' WHERE phone = '07400 123601'$$, 'one of a person''s numbers may take the place of another');
INSERT INTO users VALUES ('flo', '07400 123602', true), ('gus', '07400 123602', false);
SELECT is((SELECT count(*) FROM users WHERE customer_id = :'person'), 2::bigint, 'logins by it are the person''s');
SELECT results_eq(format('SELECT customer_identity.can_see_customer(u, %L) FROM unnest(''{flo,gus}''::text[]) AS u', :'person'), 'VALUES (true), (false)', 'who has proved it sees the person');
SELECT lives_ok($$INSERT INTO orders (customer_id, phone, total, payment) VALUES (id_for('07400 123601'), '07400 123601', 1, 'cash')$$, 'and may pay in cash, by whichever');
SELECT throws_ok(format('SELECT customer_identity.add_phone(%L, %L)', c, p), 'CI006', 'the phone is another customer''s', what) FROM (VALUES
  (id_of('07400 123609'), '07400 123602', 'it is nobody else''s'), (:'person', '07400 123609', 'a customer''s number is no further one')) AS v (c, p, what);
SELECT throws_ok($$UPDATE customers SET phone = '+447400123602' WHERE id = id_of('07400 123602')$$, '23514', NULL, 'whoever writes it');
SELECT throws_ok($$INSERT INTO customers (id, phone, phone_generation) VALUES (id_of_holder('+447400123602', 1), '+447400123602', 1)$$, 'CI006', 'the phone is another customer''s', 'as the next holder, too');
SELECT throws_ok($$INSERT INTO orders (customer_id, total) VALUES (id_of('07400 123602'), 1)$$, 'CI006', 'there is no customer with the order''s customer id',
  'the row that keeps the id of the number free is nobody''s');
SELECT is_empty(format('SELECT FROM jsonb_array_elements(customer_identity.list_customers(filters => %L, page_size => 1000) -> ''items'') AS i WHERE i ->> ''id'' = %L',
  filters, id_of('07400 123602')), 'and is on no page' || filters) FROM unnest('{"{}","{\"has_users\": false}"}'::text[]) AS filters;
SELECT is((customer_identity.customer_stats() ->> 'customers')::bigint, (SELECT count(*) - 1 FROM customers), 'nor in any figure');
SELECT throws_ok($$INSERT INTO customer_phones (customer_id, phone) VALUES (id_of('07400 123609'), '+447400123602')$$, 'CI006', NULL, 'wherever');
SELECT throws_ok(format($$INSERT INTO customer_phones (customer_id, phone) VALUES (%L, '+447400123619')$$, :'person'), 'CI006', 'the id of the phone is not kept free', 'nor a number that orders could make a customer of');
SELECT throws_ok($$SELECT customer_identity.set_phone_rule('07400 123602', 'nobody')$$, '0A000', NULL, 'nor is it nobody''s');
SELECT lives_ok(format('SELECT customer_identity.release_phone(%L, ''07400 123602'')', :'person'), 'it is released');
SELECT is(totals(:'person'), '4 / 112 / 112', 'what came by it stays');
SELECT is(customer_identity.find_customer('07400 123602'), NULL, 'and leads to nobody');
SELECT ok(customer_identity.get_or_create_customer('07400 123602') NOT IN (:'person', id_of('07400 123602')), 'until the next one comes');
INSERT INTO orders (customer_id, id, phone, total) OVERRIDING SYSTEM VALUE VALUES (:'person', 900001, NULL, 1);
SELECT lives_ok(format($$INSERT INTO orders (customer_id, id, phone, total) OVERRIDING SYSTEM VALUE VALUES (%L, 900001, '07400 123602', 2)
  ON CONFLICT (customer_id, id) DO UPDATE SET total = 3$$, :'person'), 'an upsert of an order that exists asks for no number');
SELECT throws_ok(format($$INSERT INTO orders (customer_id, phone, total) VALUES (%L, '07400 123602', 2)$$, :'person'), 'CI006',
  'the customer id of the order is not that of its phone', 'a new one does');
SELECT customer_identity.get_or_create_customer('07400 123631') AS former \gset
SELECT lives_ok(format('SELECT customer_identity.release_phone(%L)', :'former'), 'somebody gives a number up');
SELECT lives_ok(format('SELECT customer_identity.add_phone(%L, ''07400 123631'')', :'former'), 'and has it again as a further one');
SELECT is(id_for('07400 123631'), :'former', 'to whom it leads');
SELECT lives_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (id_for('07400 123631'), '07400 123631', 1)$$, 'with its orders');
SELECT is(totals(:'former'), '1 / 1 / 1', 'which are counted');
SELECT lives_ok(format('SELECT customer_identity.add_phone(%L, %L)', :'person', '0740012361' || n), 'many') FROM generate_series(1, 3) AS n;
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L)', :'person'), 'the person is forgotten');
SELECT is(customer_identity.find_customer('0740012361' || n), NULL, 'with all numbers') FROM generate_series(0, 3) AS n;
SELECT is(customer_identity.get_or_create_customer('07400 123611'), id_for('07400 123611'), 'which others can have');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');
DELETE FROM users WHERE id IN ('flo', 'gus');

-- A number that has had all the holders it can have.
SELECT customer_identity.release_phone(customer_identity.get_or_create_customer('07400 123477')) FROM generate_series(1, 32) AS n;
SELECT is((SELECT max(phone_generation) FROM customers), 31, 'the last of 32 holders leaves a number');
SELECT lives_ok($$INSERT INTO users VALUES ('ken', '07400 123477')$$, 'which then fails no sign-up');
SELECT is((SELECT customer_id FROM users WHERE id = 'ken'), NULL, 'and names nobody');
SELECT results_eq($$SELECT key, reason FROM customer_identity.phone_problems('users') WHERE phone = '07400 123477'$$, $$VALUES ('ken', 'names_nobody')$$, 'as is listed');
SELECT is(id_for('07400 123477'), :'nobody', 'nobody''s id is the one for its orders');
SELECT lives_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (id_for('07400 123477'), '07400 123477', 1), (NULL, '07400 123477', 1)$$, 'which are placed');
SELECT is(customer_identity.find_customer('07400 123477'), NULL, 'it is nobody''s');
SELECT throws_ok(format('SELECT customer_identity.%s(''07400 123477'')', f), 'CI001', 'the phone names nobody', f) FROM unnest('{get_or_create_customer,record_proof}'::text[]) AS f;
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (id_of('07400 123477'), '07400 123477', 1)$$, 'CI006', NULL, 'and no former holder''s');
SELECT is_empty($$SELECT finding FROM customer_identity.check_setup() WHERE finding LIKE '%could have one%'$$, 'and cannot be linked');
SELECT lives_ok($$UPDATE customers SET phone = '+447400123477' WHERE id = id_of('07400 123477')$$, 'until a former one takes it back');
SELECT is(customer_identity.find_customer('07400 123477'), id_of('07400 123477'), 'whose it is');
DELETE FROM users WHERE id = 'ken';
DELETE FROM orders WHERE phone = '07400 123477';

-- Numbers of nobody.
SELECT customer_identity.set_phone_rule('07400 123470', 'nobody');
SELECT lives_ok(format($$INSERT INTO orders (customer_id, phone, total) VALUES (id_of('07400 123470'), '07400 123470', 1), ('%s', '07400 123470', 1)$$, :'nobody'), 'a number of nobody');
SELECT is_empty($$SELECT FROM customers WHERE id = id_of('07400 123470')$$, 'makes no customer');
SELECT is(id_for('07400 123470'), :'nobody', 'and nobody''s id is the one for its orders');
SELECT lives_ok($$SELECT customer_identity.set_phone_rule('07400 123470', NULL)$$, 'when it is somebody''s again');
SELECT is(totals(id_of('07400 123470')), '1 / 1 / 1', 'the order is that customer''s');
SELECT lives_ok(format($$SELECT customer_identity.set_phone_rule('07400 123471', %L)$$, rule), 'a rule that is not nobody''s') FROM unnest('{NULL,shared}'::text[]) AS rule;
SELECT is_empty($$SELECT FROM customers WHERE id = id_of('07400 123471')$$, 'makes no customer');
SELECT customer_identity.set_phone_rule('07400 123472', rule) FROM unnest('{nobody,NULL}'::text[]) AS rule;
SELECT is_empty($$SELECT FROM customers WHERE id = id_of('07400 123472')$$, 'nor does one that is taken away, without an order');
SELECT customer_identity.set_phone_rule('07400 123473', 'nobody');
INSERT INTO orders (customer_id, phone, total) VALUES (id_of('07400 123473'), '07400 123473', 1);
SELECT lives_ok($$SELECT customer_identity.set_phone_rule('07400 123473', 'shared')$$, 'a household''s number');
SELECT is(totals(id_of('07400 123473')), '1 / 1 / 1', 'has the orders of nobody''s');
SELECT customer_identity.release_phone(id_of('07400 123473')), customer_identity.set_phone_rule('07400 123473', 'nobody');
SELECT lives_ok($$SELECT customer_identity.set_phone_rule('07400 123473', NULL)$$, 'a number that had a holder');
SELECT is(customer_identity.find_customer('07400 123473'), NULL, 'has no new one by it');
SELECT throws_ok($$SELECT customer_identity.set_phone_rule('07400 123455', 'nobody')$$, '0A000', NULL, 'one that has a customer');
SELECT lives_ok($$SELECT customer_identity.release_phone(id_of('07400 123455')), customer_identity.set_phone_rule('07400 123455', 'nobody')$$, 'is released first');
SELECT throws_ok($$INSERT INTO customer_phones (customer_id, phone) VALUES (id_of('07400 123456'), '+447400123402')$$, 'CI006', NULL, 'a phone that is a customer''s');

-- Whether a proof is needed: by the phone of the order, whoever is signed in.
INSERT INTO users VALUES ('pia', '07400 123641', true), ('quin', NULL, false);
SELECT customer_identity.set_phone_rule('07400 123649', 'nobody');
CREATE FUNCTION pays(who text, phone text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO orders (customer_id, user_id, phone, total, payment, note) VALUES (NULL, who, phone, 1, 'cash', 'pays');
  DELETE FROM orders WHERE note = 'pays'; RETURN 'false';
EXCEPTION WHEN SQLSTATE 'CI002' THEN RETURN 'true'; END $$;
SELECT is(customer_identity.verification_required(phone, who)::text, pays(who, phone), format('%s with %s', who, phone))
FROM unnest('{pia,quin}'::text[]) AS who, unnest('{07400 123641,07400 123642,07400 123649,none}'::text[]) AS phone;
SELECT ok(customer_identity.verification_required('07400 123642', 'pia'), 'another''s number needs a proof');
SELECT ok(NOT customer_identity.verification_required('07400 123649', 'pia'), 'a number of nobody''s is the login''s order');

-- A stranger who may attach tables of his own learns nothing about phones.
SELECT customer_identity.get_or_create_customer('07400 123651') AS ann, customer_identity.get_or_create_customer('07400 123652') AS ben \gset
SELECT customer_identity.add_phone(:'ann', '07400 123653');
CREATE ROLE stranger;
CREATE SCHEMA strange AUTHORIZATION stranger;
GRANT USAGE ON SCHEMA customer_identity_internal TO stranger;
GRANT EXECUTE ON FUNCTION customer_identity.attach_order TO stranger;
SET ROLE stranger;
CREATE TABLE strange.sales (customer_id uuid, phone text, total numeric);
CREATE TRIGGER attach BEFORE INSERT ON strange.sales FOR EACH ROW
  EXECUTE FUNCTION customer_identity.attach_order('customers=public.customers', 'phone=phone', 'customer=customer_id');
SELECT throws_ok(format('INSERT INTO strange.sales VALUES (%L, %L, 1)', id, phone), '42501', NULL, what) FROM (VALUES
  (:'ann', '07400 123653', 'whose further phone it is'), (:'ben', '07400 123653', 'or is not'), (:'nobody', '07400 123649', 'that it names nobody'),
  (:'nobody', '07400 123650', 'or somebody'), (:'ann', '07400 123651', 'whose first one it is'), (:'ben', '07400 123651', 'or is not, he')) AS v (id, phone, what);
SELECT ok(NOT customer_identity_internal.names_nobody('+447400123649', 'public.customers'), 'nor the rules of a book');
RESET ROLE;
SELECT ok(customer_identity_internal.names_nobody('+447400123649', 'customers'), 'which its owner knows');
DROP OWNED BY stranger CASCADE;
DROP ROLE stranger;
DELETE FROM users WHERE id IN ('pia', 'quin');

-- Somebody is forgotten.
INSERT INTO orders (customer_id, phone, total, note) VALUES (id_of('07400 123480'), '07400 123480', 9, 'forget');
SELECT lives_ok($$SELECT customer_identity.erase_customer(id_of('07400 123480'))$$, 'a customer is erased');
SELECT results_eq($$SELECT customer_id, phone FROM orders WHERE note = 'forget'$$, format($$VALUES ('%s'::uuid, NULL::text)$$, :'nobody'), 'whose orders are nobody''s');
INSERT INTO orders (customer_id, phone, total) VALUES (id_of('07400 123480'), '07400 123480', 1);
SELECT is(totals(id_of('07400 123480')), '1 / 1 / 1', 'who orders again is new');
SELECT lives_ok($$SELECT customer_identity.erase_customer(id_of('07400 123401'))$$, 'a former holder is erased');
SELECT is(customer_identity.find_customer('07400 123401'), customer_identity.get_or_create_customer('07400 123401'), 'and the present one is found');
SELECT is((SELECT count(*) FROM customers WHERE phone = '+447400123401'), 1::bigint, 'who is one');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

-- What is refused, with a hint.
SELECT throws_ok(format('SELECT customer_identity.%s', call), '0A000', NULL, call) FROM (VALUES
  ('change_phone(id_of(''07400 123402''), ''07400 123499'')'),
  ('merge_customers(id_of(''07400 123402''), id_of(''07400 123403''))'),
  ('merge_preview(id_of(''07400 123402''), id_of(''07400 123403''))'),
  ('split_customer(id_of(''07400 123402''), phone => ''07400 123499'')'),
  ('release_phone(id_of(''07400 123402''), since => now())'),
  ('migrate_phones(dry_run => false)')) AS c (call);
SELECT throws_ok($$UPDATE customers SET phone = '+447400123499' WHERE id = id_of('07400 123402')$$, '23514', NULL, 'an UPDATE of a phone');
SELECT throws_ok($$CALL customer_identity.backfill('orders')$$, '0A000', NULL, 'a backfill of orders');

-- What reads works.
SELECT is(customer_identity.customer_details(id_of('07400 123402')) ->> 'phone', '+447400123402', 'customer_details');
SELECT is(customer_identity.update_customer(id_of('07400 123402'), '{"notes": "x"}') ->> 'notes', 'x', 'update_customer');
SELECT throws_ok($$SELECT customer_identity.update_customer(id_of('07400 123402'), '{"phone_generation": 1}')$$, '22023', NULL, 'which leaves the generation alone');
SELECT lives_ok($$SELECT customer_identity.list_customers(), customer_identity.customer_stats(), customer_identity.export_customer(id_of('07400 123402'))$$, 'pages, figures and exports');
SELECT lives_ok($$SELECT * FROM customer_identity.fraud_signals()$$, 'signals');
SELECT lives_ok($$SELECT * FROM customer_identity.migrate_phones()$$, 'a dry run');

-- What check_setup() says of orders without a customer, and that what it says to do mends it.
CREATE FUNCTION found() RETURNS SETOF text LANGUAGE sql AS
  $$SELECT severity || ' ' || finding FROM customer_identity.check_setup() WHERE object LIKE '%later'$$;
CREATE FUNCTION mend(pattern text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE (SELECT what_to_do FROM customer_identity.check_setup() WHERE object LIKE '%later' AND finding LIKE pattern); END $$;
SELECT customer_identity.set_phone_rule('07400 123591', 'nobody');
CREATE TABLE later (customer_id uuid, id int, "a $do$ b" text, total numeric, PRIMARY KEY (customer_id, id));
SELECT customer_identity.attach_orders('later', phone_column => 'a $do$ b', default_region => 'GB');
SELECT set_eq('SELECT found()', '{}'::text[], 'orders have their customers');
ALTER TABLE later DISABLE TRIGGER USER;
INSERT INTO later SELECT id_of(number), n, number, 10 FROM generate_series(1, 3) AS n, format('07400 12358%s', n) AS number;
INSERT INTO later VALUES (id_of('07400 123581'), 4, '+44 7400 123581', 10), (id_of('07400 123591'), 5, '07400 123591', 10),
  (:'nobody', 6, 'none', 10), (:'nobody', 7, '07400 123584', 10), (:'nobody', 8, '07400 123591', 10);
ALTER TABLE later ENABLE TRIGGER USER;
SELECT set_eq('SELECT found()', '{warning ids of customers in orders that no customer has: 3,warning rows without a customer that could have one: 1,info rows without a customer whose phone cannot be read: 1 (not_a_number 1)}'::text[],
  'or do not: those of a number that names nobody need none');
SELECT lives_ok($$SELECT mend('%no customer has%')$$, 'the customers are made');
SELECT is(totals(id_of('07400 123581')), '2 / 20 / 20', 'with what their orders come to');
SELECT lives_ok($$SELECT mend('%could have one%')$$, 'an order of nobody''s finds its own');
SELECT is(totals(id_of('07400 123584')), '1 / 10 / 10', 'who is made');
SELECT set_eq('SELECT found()', '{info rows without a customer whose phone cannot be read: 1 (not_a_number 1)}'::text[], 'and all is well');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

-- The id of a further number is nobody's.
SELECT customer_identity.add_phone(id_of('07400 123581'), '07400 123592');
ALTER TABLE later DISABLE TRIGGER USER;
INSERT INTO later VALUES (id_of('07400 123592'), 9, '07400 123592', 10);
ALTER TABLE later ENABLE TRIGGER USER;
INSERT INTO users VALUES ('len', '07400 123592'), ('may', '07400 123581');
UPDATE users SET customer_id = id_of('07400 123592') WHERE id IN ('len', 'may');
SELECT ok('warning ids of customers in orders that are only kept free: 1' IN (SELECT found()), 'an order that has it is found');
SELECT lives_ok($$SELECT mend('%kept free%')$$, 'and given to who has the number');
SELECT is(totals(id_of('07400 123581')), '3 / 30 / 30', 'with its total');
SELECT set_eq('SELECT found()', '{info rows without a customer whose phone cannot be read: 1 (not_a_number 1)}'::text[], 'and all is well');
SELECT is(finding, 'ids of customers in users that are only kept free: 1', 'a login that was linked to it is found') FROM customer_identity.check_setup() WHERE finding LIKE '%kept free%';
SELECT unnest(regexp_split_to_array(what_to_do, '(?<=;) ')) FROM customer_identity.check_setup() WHERE finding LIKE '%kept free%' \gexec
SELECT is_empty($$SELECT FROM users WHERE id IN ('len', 'may') AND customer_id IS DISTINCT FROM id_of('07400 123581')$$, 'and gets the customer of its phone');
SELECT is_empty($$SELECT finding FROM customer_identity.check_setup() WHERE finding LIKE '%kept free%'$$, 'and all is well there, too');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');
DELETE FROM users WHERE id IN ('len', 'may');
SELECT customer_identity.detach('later');

-- Who may write a companion need not read customers.
CREATE ROLE rules_keeper;
GRANT SELECT, INSERT ON phone_rules, customer_phones TO rules_keeper;
SET ROLE rules_keeper;
SELECT lives_ok($$INSERT INTO phone_rules (phone, rule) VALUES ('+447400123490', 'nobody')$$, 'a rule for a phone of nobody');
SELECT throws_ok($$INSERT INTO phone_rules (phone, rule) VALUES ('+447400123402', 'nobody')$$, 'CI006', NULL, 'and none for a customer''s');
RESET ROLE;

-- Workings that are called with what is no number.
CREATE ROLE any_caller;
SET ROLE any_caller;
SELECT throws_ok(format('SELECT customer_identity_internal.claim_customer(repeat(''x'', %s), NULL, ''customers'')', n), '42501', NULL, format('a text of %s characters', n))
FROM unnest('{20,63,64,65,1000,100000,10000000}'::integer[]) AS n;
RESET ROLE;

SELECT * FROM finish();
