-- One huge shop: a book whose ids are computed, spread over the workers by customer.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE SCHEMA huge;
SET search_path = huge, public;
SELECT no_plan();
\ir wrong_totals.psql
CREATE FUNCTION id_of(phone text) RETURNS uuid LANGUAGE sql STABLE AS 'SELECT customer_identity.customer_id_of(phone)';
\set nobody 00000000-0000-0000-0000-000000000000

SELECT customer_identity.create_tables(distributed => true) \g /dev/null
SELECT results_eq($$SELECT logicalrelid::text, format('%s%s', partmethod, repmodel) FROM pg_dist_partition WHERE logicalrelid IN (
    SELECT oid FROM pg_class WHERE relnamespace = 'huge'::regnamespace AND relkind = 'r') ORDER BY 1$$,
  $$VALUES ('customer_events', 'hs'), ('customer_merges', 'nt'), ('customer_phones', 'hs'), ('customers', 'hs'), ('duplicate_dismissals', 'nt'),
    ('loyalty_entries', 'hs'), ('phone_proofs', 'hs'), ('phone_rules', 'nt')$$, 'the book is in shards by customer, or everywhere');
SELECT is(asked($q$SELECT count(DISTINCT colocationid) FROM pg_dist_partition WHERE partmethod = 'h' AND logicalrelid IN (
    SELECT oid FROM pg_class WHERE relnamespace = 'huge'::regnamespace)$q$), '1', 'what is a customer''s is beside the customer');
SELECT lives_ok($$SELECT customer_identity.create_tables(distributed => true)$$, 'asking again is harmless');
CREATE TABLE orders (customer_id uuid, id bigint GENERATED ALWAYS AS IDENTITY, phone text, total numeric, created_at timestamptz DEFAULT now(), PRIMARY KEY (customer_id, id));
SELECT create_distributed_table('orders', 'customer_id', colocate_with => 'customers') \g /dev/null
SELECT customer_identity.attach_orders('orders', default_region => 'GB') \g /dev/null
CREATE TABLE users (id text PRIMARY KEY, phone text, name text);
SELECT customer_identity.attach_users('users', name_column => 'name', default_region => 'GB') \g /dev/null

-- Orders.
INSERT INTO orders (customer_id, phone, total) VALUES (id_of('+44 7400 123401'), '07400 123401', 5);
SELECT is(asked($q$SELECT total_orders || ' ' || total_spent FROM customers WHERE phone = '+447400123401'$q$), '1 5', 'an order makes its customer beside it');
SELECT results_eq('SELECT DISTINCT details ->> ''table'' FROM customer_events', $$VALUES ('huge.orders')$$, 'the history names the table, not its shard');
INSERT INTO orders (customer_id, phone, total) SELECT id_of(p), p, n FROM generate_series(1, 2000) AS n, LATERAL (SELECT '+44740012' || lpad((n % 500)::text, 4, '0')) AS v (p);
CREATE TEMPORARY TABLE copied AS SELECT id_of(p) AS customer_id, p AS phone, 1.25 AS total FROM generate_series(1, 2000) AS n, LATERAL (SELECT '+44740012' || lpad((n % 700)::text, 4, '0')) AS v (p);
\set copied `mktemp`
\o :copied
COPY copied TO STDOUT;
\o
\set copy '\\copy orders (customer_id, phone, total) FROM ' :copied
:copy
\! rm -f :copied
SELECT is_empty(:'wrong_totals', 'inserts and COPY over all shards are counted exactly');
UPDATE orders SET total = total + 1;
DELETE FROM orders WHERE id % 7 = 0;
BEGIN;
INSERT INTO orders (customer_id, phone, total) SELECT id_of(p), p, 1 FROM generate_series(1, 50) AS n, LATERAL (SELECT '+44740012' || lpad(n::text, 4, '0')) AS v (p);
ROLLBACK;
SELECT is_empty(:'wrong_totals', 'updates, deletes and rollbacks as well');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'as verify_totals() says');
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (huge.id_of('+447400123401'), '+447400123402', 1)$$, 'CI006', NULL, 'an order with the id of another number is refused');
SELECT throws_ok($$UPDATE orders SET phone = '+447400123402' WHERE customer_id = huge.id_of('+447400123401')$$, 'CI006', NULL, 'as is another number for one');
SELECT lives_ok(format($$INSERT INTO orders (customer_id, phone, total) VALUES (%L, %L, 9)$$, id_of(p), p), 'no phone fails an order') FROM (VALUES ('none'), (''), (NULL)) AS v (p);
SELECT is(asked(format('SELECT count(*) FROM orders WHERE customer_id = %L', :'nobody')), '3', 'those without one are nobody''s');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'whom nothing is counted for');
SELECT customer_identity.attach_orders('orders', default_region => 'GB', timing => 'commit') \g /dev/null
BEGIN;
INSERT INTO orders (customer_id, phone, total) SELECT id_of(p), p, 1 FROM generate_series(1, 900) AS n, LATERAL (SELECT '+44740012' || lpad(n::text, 4, '0')) AS v (p);
UPDATE orders SET total = total * 2 WHERE id % 2 = 0;
COMMIT;
SELECT is_empty(:'wrong_totals', 'totals at commit are exact');
CREATE FUNCTION tasks(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN ' || query LOOP EXIT WHEN line LIKE '%Task Count%'; END LOOP;
  RETURN substring(line FROM '[0-9]+');
END $$;
SELECT is(tasks($$SELECT * FROM orders WHERE customer_id = customer_identity.customer_id_of('+447400123401')$$), '1', 'a query by the id of a constant asks one shard');

-- Logins, and calls by phone or id.
INSERT INTO users VALUES ('a', '+44 7400 123401', 'Ann'), ('b', '+447400129001', 'Ben');
SELECT results_eq('SELECT customer_id FROM users ORDER BY id', $$VALUES (id_of('+447400123401')), (id_of('+447400129001'))$$, 'logins find their customers, or make them');
UPDATE users SET phone = '+447400129002' WHERE id = 'b';
SELECT is(asked($q$SELECT customer_id FROM users WHERE id = 'b'$q$), id_of('+447400129002')::text, 'another phone, another customer');
SELECT is(customer_identity.find_customer('+44 7400 123401'), id_of('+447400123401'), 'find_customer()');
SELECT is(customer_identity.get_or_create_customer('+447400129003'), id_of('+447400129003'), 'get_or_create_customer()');
SELECT is(customer_identity.record_proof('+44 7400 123401', 'a'), id_of('+447400123401'), 'record_proof()');
SELECT is(customer_identity.can_see_customer('a', id_of('+447400123401')), true, 'can_see_customer()');
SELECT is(customer_identity.revoke_proof('+447400123401', 'a'), 1, 'revoke_proof()');
SELECT is(customer_identity.can_see_customer('a', id_of('+447400123401')), false, 'which ends that');
SELECT is(customer_identity.adjust_points(id_of('+447400129003'), 10, 'gift', 'k'), 10::bigint, 'adjust_points()');
SELECT is(customer_identity.adjust_points(id_of('+447400129003'), 10, 'gift', 'k'), 10::bigint, 'once for a key');
SELECT is(customer_identity.redeem_points(id_of('+447400129003'), 4, 'spent'), 6::bigint, 'redeem_points()');
SELECT is(customer_identity.update_customer(id_of('+447400129003'), '{"notes": "x"}') ->> 'notes', 'x', 'update_customer()');
SELECT is(customer_identity.customer_details(id_of('+447400123401')) ->> 'users', '1', 'customer_details()');
SELECT is(jsonb_array_length(customer_identity.customer_users(id_of('+447400123401'))), 1, 'customer_users()');
SELECT lives_ok($$SELECT customer_identity.customer_orders(huge.id_of('+447400123401')), customer_identity.visible_orders('a'), customer_identity.customer_stats(), customer_identity.customer_history(huge.id_of('+447400123401'))$$, 'pages of orders, figures and histories');
SELECT customer_identity.set_phone_rule('+447400129010', 'nobody') \g /dev/null
INSERT INTO orders (customer_id, phone, total) VALUES (id_of('+447400129010'), '+447400129010', 3);
SELECT is(asked($q$SELECT count(*) FROM customers WHERE phone = '+447400129010'$q$), '0', 'a number of nobody makes no customer');
-- However many connections Citus uses to a node.
SET citus.executor_slow_start_interval = 0;
SET citus.force_max_query_parallelization = on;
SELECT customer_identity.set_phone_rule('+447400129010', NULL) \g /dev/null
RESET citus.force_max_query_parallelization;
SELECT is(asked($q$SELECT total_spent FROM customers WHERE phone = '+447400129010'$q$), '3', 'whose orders are there when it names somebody');
SELECT asked(format('SELECT customer_identity.set_phone_rule(%L, ''nobody'')', '+4474001290' || p)) FROM generate_series(11, 16) AS p \g /dev/null
SELECT asked(format('INSERT INTO orders (customer_id, phone, total) VALUES (%L, %L, 1) RETURNING total', id_of('+4474001290' || p), '+4474001290' || p)) FROM generate_series(11, 15) AS p \g /dev/null
SELECT asked(format('SELECT customer_identity.set_phone_rule(%L, NULL)', '+4474001290' || p)) FROM generate_series(11, 16) AS p \g /dev/null
SELECT is(asked($q$SELECT count(*) FROM customers WHERE phone BETWEEN '+447400129011' AND '+447400129016'$q$), '5', 'wherever the customer is to be, if there are orders');

-- A number gets a new holder.
SELECT customer_identity.release_phone(id_of('+447400123401')) \g /dev/null
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (huge.id_of('+447400123401'), '+447400123401', 1)$$, 'CI006', NULL, 'a recycled number');
SELECT customer_identity.customer_id_for_order('none') AS nobodys_id, customer_identity.customer_id_for_order('+447400123499') = id_of('+447400123499') AS is_first \gset
SELECT is(:'nobodys_id' || :'is_first', :'nobody' || 't', 'an order without a phone, or of who is new, has the id that it ever had');
PREPARE order_of (text, numeric) AS INSERT INTO orders (customer_id, phone, total) VALUES (customer_identity.customer_id_for_order($1, 'GB'), $1, $2);
EXECUTE order_of('07400 123401', 40);
EXECUTE order_of('+44 7400 123401', 2);
EXECUTE order_of('none', 1);
EXECUTE order_of('07400 123498', 1);
SELECT customer_identity.find_customer('+447400123401') AS new_holder \gset
SELECT is(asked(format('SELECT total_spent FROM customers WHERE id = %L', :'new_holder')), '42', 'is a new person');

-- A person with several numbers.
INSERT INTO orders (customer_id, phone, total) VALUES (id_of('+447400128001'), '+447400128001', 1);
SELECT is(customer_identity.add_phone(id_of('+447400128001'), p), p, 'a further number') FROM unnest('{+447400128002,+447400128003,+447400128004}'::text[]) AS p;
SELECT is(customer_identity.find_customer(p), id_of('+447400128001'), 'leads to the person') FROM unnest('{+447400128002,+447400128003,+447400128004}'::text[]) AS p;
SELECT is(customer_identity.get_or_create_customer('+447400128003'), id_of('+447400128001'), 'whoever asks');
EXECUTE order_of('+44 7400 128002', 10);
EXECUTE order_of('+44 7400 128003', 100);
SELECT is(asked($q$SELECT total_spent FROM customers WHERE id = huge.id_of('+447400128001')$q$), '111', 'its orders are the person''s');
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (huge.id_of('+447400128002'), '+447400128002', 1)$$, 'CI006', NULL, 'by the person''s id alone');
SELECT throws_ok($$INSERT INTO orders (customer_id, phone, total) VALUES (huge.id_of('+447400128001'), '+447400128009', 1)$$, 'CI006', NULL, 'which no other number has');
SELECT throws_ok($$SELECT customer_identity.add_phone(huge.id_of('+447400120003'), '+447400128002')$$, 'CI006', NULL, 'it is nobody else''s');
SELECT throws_ok($$INSERT INTO orders (customer_id, total) VALUES (huge.id_of('+447400128003'), 1)$$, 'CI006', NULL, 'the row that keeps its id free has no orders');
SELECT is(asked('SELECT count(*) FROM customers WHERE phone_generation = -1'), '3', 'and is one for each of the numbers');
SELECT is(customer_identity.customer_stats() ->> 'customers', asked('SELECT count(*) FROM customers WHERE phone_generation >= 0'), 'which no figure has');
INSERT INTO users VALUES ('several', '+447400128004', 'Kim');
SELECT is(asked($q$SELECT customer_id FROM users WHERE id = 'several'$q$), id_of('+447400128001')::text, 'a login by it is the person''s');
SELECT is(customer_identity.record_proof('+447400128004', 'several'), id_of('+447400128001'), 'so is a proof');
SELECT ok(customer_identity.can_see_customer('several', id_of('+447400128001')), 'which lets the login see the person');
SELECT customer_identity.release_phone(id_of('+447400128001'), '+447400128002') \g /dev/null
SELECT isnt(customer_identity.get_or_create_customer('+447400128002'), id_of('+447400128001'), 'a number that is released has a new holder');
SELECT customer_identity.erase_customer(id_of('+447400128001')) \g /dev/null
SELECT is(customer_identity.find_customer('+447400128003'), NULL, 'a person who is forgotten has none');

-- Pages of customers.
UPDATE customers SET preferred_name = 'Zoe ' || total_orders WHERE id = id_of('+447400120002');
INSERT INTO users VALUES ('z', '+447400120002', 'Zoe'), ('y', '+447400120002', 'Zoe');
CREATE TEMPORARY TABLE paged (place bigint GENERATED ALWAYS AS IDENTITY, id uuid, users int);
DO $$
DECLARE page jsonb; cursor_ text;
BEGIN
  LOOP
    page := customer_identity.list_customers(sort => '-total_spent', page_size => 100, after => cursor_);
    INSERT INTO paged (id, users) SELECT (i ->> 'id')::uuid, (i ->> 'users')::int FROM jsonb_array_elements(page -> 'items') AS i;
    cursor_ := page ->> 'next';
    EXIT WHEN cursor_ IS NULL;
  END LOOP;
END $$;
SELECT results_eq('SELECT id FROM paged ORDER BY place', 'SELECT id FROM customers WHERE phone_generation >= 0 ORDER BY total_spent DESC, id DESC', 'pages of customers have each once, in order');
SELECT is(asked($q$SELECT users FROM paged WHERE id = huge.id_of('+447400120002')$q$), '2', 'with their logins');
SELECT is(customer_identity.list_customers('+44 7400 120002') #>> '{items,0,id}', id_of('+447400120002')::text, 'a search by phone');
SELECT is(customer_identity.list_customers('zoe') #>> '{items,0,id}', id_of('+447400120002')::text, 'a search by name');
SELECT is(jsonb_array_length(customer_identity.list_customers(filters => '{"min_spent": 1000000}') -> 'items'), 0, 'a filter');

CREATE TABLE members (id text PRIMARY KEY, phone text);
SELECT create_distributed_table('members', 'id') \g /dev/null
SELECT throws_ok($$SELECT customer_identity.attach_users('members')$$, '0A000', NULL, 'users are kept on the coordinator');
DROP TABLE members;

-- What Citus has no plan for says so.
SELECT throws_ok('TRUNCATE orders', '0A000', NULL, 'TRUNCATE is refused');
UPDATE customers SET total_orders = total_orders + 1 WHERE id = id_of('+447400129003');
SELECT isnt_empty('SELECT * FROM customer_identity.verify_totals()', 'a difference');
SELECT is(customer_identity.rebuild_totals(), 1::bigint, 'is corrected');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');
SELECT is_empty('SELECT phone FROM customers WHERE phone IS NOT NULL GROUP BY 1 HAVING count(*) > 1', 'a phone has one customer');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE finding NOT LIKE 'rows without a customer whose phone cannot be read: %'$$, 'check_setup() has nothing to say');
SELECT is(asked('SELECT count(*) FROM customer_identity.check_setup()'), '1', 'but of orders whose phone cannot be read');
DELETE FROM customers WHERE id = id_of('+447400120004');
SELECT is(asked('SELECT finding FROM customer_identity.check_setup() WHERE severity = ''warning'''), 'ids of customers in orders that no customer has: 1', 'or whose customer is gone');
SELECT what_to_do FROM customer_identity.check_setup() WHERE severity = 'warning' \gexec
SELECT is(asked($q$SELECT count(*) FROM customers WHERE id = huge.id_of('+447400120004') AND total_orders > 0$q$), '1', 'who is made again');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');

-- A shop that has begun on one machine.
CREATE SCHEMA grown;
SET search_path = grown, huge, public;
SELECT customer_identity.create_tables('grown', distributed => true) \g /dev/null
SELECT undistribute_table('grown.customers', cascade_via_foreign_keys => true) \g /dev/null
SELECT is(asked($q$SELECT count(*) FROM pg_dist_partition WHERE partmethod = 'h' AND logicalrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'grown'::regnamespace)$q$), '0', 'a book on one machine');
CREATE TABLE orders (customer_id uuid, id bigint GENERATED ALWAYS AS IDENTITY, phone text, total numeric, PRIMARY KEY (customer_id, id));
SELECT customer_identity.attach_orders('grown.orders', customers => 'grown.customers') \g /dev/null
INSERT INTO grown.orders (customer_id, phone, total) SELECT id_of(p), p, n FROM generate_series(1, 100) AS n, LATERAL (SELECT '+44740012' || lpad((n % 30)::text, 4, '0')) AS v (p);
SELECT customer_identity.adjust_points(id_of('+447400120001'), 5, 'gift', customers => 'grown.customers') \g /dev/null
SELECT customer_identity.detach('grown.orders') \g /dev/null
SELECT customer_identity.create_tables('grown', distributed => true) \g /dev/null
SELECT create_distributed_table('grown.orders', 'customer_id', colocate_with => 'grown.customers') \g /dev/null
SELECT customer_identity.attach_orders('grown.orders', customers => 'grown.customers') \g /dev/null
SELECT is(asked('SELECT count(*) FROM grown.customers'), '30', 'is put into shards with its rows');
INSERT INTO grown.orders (customer_id, phone, total) SELECT id_of(p), p, n FROM generate_series(1, 100) AS n, LATERAL (SELECT '+44740012' || lpad((n % 40)::text, 4, '0')) AS v (p);
SELECT is(asked('SELECT count(*) FROM grown.customers'), '40', 'and goes on');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals('grown.customers')$$, 'exactly');
SELECT * FROM finish();
