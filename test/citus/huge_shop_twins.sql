-- A book whose ids are computed says the same of the same rows, whether it is spread over the workers or on one machine.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SELECT no_plan();

-- Their owner is no superuser.
CREATE ROLE keeper LOGIN;
SELECT run_command_on_all_nodes('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO keeper') \g /dev/null
GRANT ALL ON SCHEMA public TO keeper;
CREATE SCHEMA apart AUTHORIZATION keeper;
CREATE SCHEMA together AUTHORIZATION keeper;
SET ROLE keeper;
SELECT customer_identity.create_tables('apart', distributed => true), customer_identity.create_tables('together', distributed => true) \g /dev/null
SELECT undistribute_table('together.customers', cascade_via_foreign_keys => true) \g /dev/null
SELECT format('CREATE TABLE %I.orders (customer_id uuid, id bigint, user_id text, phone text, total numeric, status text, payment text, address text, notes jsonb,
  twice numeric GENERATED ALWAYS AS (total * 2) STORED, created_at timestamptz DEFAULT ''2026-01-01'', PRIMARY KEY (customer_id, id))', s),
  format('CREATE TABLE %I.users (id text PRIMARY KEY, phone text, name text, email text)', s) FROM unnest('{apart,together}'::text[]) AS s \gexec
SELECT create_distributed_table('apart.orders', 'customer_id', colocate_with => 'apart.customers') \g /dev/null
\set shop apart
\ir huge_shop_rows.psql
\set shop together
\ir huge_shop_rows.psql

-- What a query says in a shop, without the times, and the ids that are not computed.
CREATE FUNCTION public.said(shop text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE entry record; entries text[] := '{}';
BEGIN
  PERFORM set_config('search_path', shop || ', public', true);
  FOR entry IN EXECUTE query LOOP
    entries := entries || regexp_replace(to_jsonb(entry)::text, '"(20\d\d-\d\d-\d\dT[^"]*|[0-9a-f]{8}-[0-9a-f]{4}-[47][^"]*)"', '0', 'g');
  END LOOP;
  RETURN replace((SELECT jsonb_agg(e.value::jsonb ORDER BY e.value COLLATE "C") FROM unnest(entries) AS e (value))::text, shop || '.', '');
END $$;
CREATE FUNCTION public.say_the_same(query text, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE said constant text := public.said('apart', query);
BEGIN
  RETURN NEXT public.ok(said <> '', what || ' says something');
  RETURN NEXT public.is(said, public.said('together', query), what || ' says the same');
END $$;
SET customer_identity.match_columns = 'address';
SELECT say_the_same('SELECT customer_identity.fraud_signals()', 'fraud_signals()');
SELECT is((SELECT count(DISTINCT s.value ->> 'signal') FROM jsonb_path_query(said('apart', 'SELECT customer_identity.fraud_signals()')::jsonb, '$.**.signals[*]') AS s (value)), 5::bigint, 'every signal is among them');
SELECT say_the_same('SELECT customer_identity.duplicate_customers(0.1, 500)', 'duplicate_customers()');
SELECT set_eq($$SELECT DISTINCT r.value #>> '{}' FROM jsonb_path_query(said('apart', 'SELECT customer_identity.duplicate_customers(0.1, 500)')::jsonb, '$.**.reasons[*]') AS r (value)$$,
  $$VALUES ('typing_error'), ('former_phone'), ('email'), ('name'), ('column:address')$$, 'for every reason');
SELECT say_the_same(format('SELECT customer_identity.list_customers(%L, filters => %L, sort => ''total_spent'') - ''next''', search, filters), format('list_customers() of %s and %s', search, filters))
  FROM (VALUES (NULL, '{"has_users": true}'), (NULL, '{"has_users": false, "min_orders": 1}'), (NULL, '{"shared": true}'), (NULL, '{"shared": false, "has_users": true}'),
    ('example.com', NULL), ('mail1', '{"shared": true}'), ('name', '{}')) AS v (search, filters);
SELECT say_the_same('SELECT customer_identity.phone_suspects()', 'phone_suspects()');
SELECT say_the_same('SELECT * FROM customer_identity.phone_problems(''orders'')', 'phone_problems() of orders');
SELECT say_the_same('SELECT * FROM customer_identity.phone_problems(''users'')', 'phone_problems() of users');
CREATE TEMPORARY TABLE keys AS SELECT concat_ws(',', customer_id, id) AS key FROM apart.orders;
SELECT say_the_same('SELECT k.key, customer_identity.why_linked(''orders'', k.key) FROM keys AS k', 'why_linked() of orders');
SELECT say_the_same('SELECT customer_identity.why_linked(''orders'', ''3010'')', 'why_linked() of an id alone');
SELECT say_the_same('SELECT u.id, customer_identity.why_linked(''users'', u.id) FROM users AS u', 'why_linked() of users');

-- Who exports or erases somebody: with a login, with cash on delivery, whose number has a new holder, who is it.
CREATE TEMPORARY TABLE people AS SELECT customer_identity.find_customer(p, customers => 'apart.customers') AS id, p AS phone
  FROM unnest('{+447400100001,+447400110005,+447400140001,+447400160001,+447400110010}'::text[]) AS p
  UNION ALL SELECT customer_identity.customer_id_of(p), p FROM unnest('{+447400160001,+447400160002}'::text[]) AS p;
SELECT say_the_same('SELECT p.phone, customer_identity.export_customer(p.id) FROM people AS p', 'export_customer()');
SELECT say_the_same('SELECT p.phone, customer_identity.erase_preview(p.id) FROM people AS p', 'erase_preview()');
BEGIN;
SELECT customer_identity.erase_customer(p.id, customers => 'apart.customers') FROM people AS p \g /dev/null
ROLLBACK;
SET citus.force_max_query_parallelization = on;
SELECT say_the_same('SELECT p.phone, customer_identity.erase_customer(p.id, p.phone LIKE ''%10'') FROM people AS p', 'erase_customer()');
RESET citus.force_max_query_parallelization;
SELECT say_the_same('SELECT * FROM orders', 'orders after it');
SELECT say_the_same('SELECT * FROM users', 'users after it');
SELECT say_the_same('SELECT id, phone, preferred_name, total_orders, total_spent, loyalty_points FROM customers', 'customers after it');
SELECT say_the_same('SELECT customer_id, event, details FROM customer_events', 'the history after it');
SELECT say_the_same('SELECT phone, customer_id, user_id, ended_reason FROM phone_proofs', 'proofs after it');
SELECT is_empty(format('SELECT * FROM customer_identity.verify_totals(%L)', s || '.customers'), 'totals are exact: ' || s) FROM unnest('{apart,together}'::text[]) AS s;
SELECT is(said('apart', $$SELECT count(*) FROM orders WHERE customer_id = '00000000-0000-0000-0000-000000000000' AND payment = 'cod'$$)::jsonb -> 0 ->> 'count', '6',
  'no proof is asked for cash on delivery of an order that moves');

-- What cannot move is in the way.
SELECT customer_identity.find_customer('+447400110020', customers => 'apart.customers') AS tied \gset
CREATE TABLE apart.items (customer_id uuid, order_id bigint);
SELECT create_distributed_table('apart.items', 'customer_id', colocate_with => 'apart.orders') \g /dev/null
ALTER TABLE apart.items ADD FOREIGN KEY (customer_id, order_id) REFERENCES apart.orders (customer_id, id);
SELECT throws_ok(format('SELECT customer_identity.erase_customer(%L, customers => ''apart.customers'')', :'tied'), 'CI006', NULL, 'rows that others refer to cannot be moved to nobody');
SELECT is(said('apart', format('SELECT count(*) FROM orders WHERE customer_id = %L', :'tied')), '[{"count": 4}]', 'and stay as they are');
DROP TABLE apart.items;
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L, customers => ''apart.customers'')', :'tied'), 'unless nothing does');
RESET ROLE;
ALTER TABLE apart.orders OWNER TO postgres;
SELECT throws_ok(format('SELECT customer_identity.erase_customer(%L, customers => ''apart.customers'')', customer_identity.find_customer('+447400110021', customers => 'apart.customers')),
  'CI006', NULL, 'nor can those of another owner');
SELECT * FROM finish();
