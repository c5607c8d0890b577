-- A shop per tenant: whoever owns one book has no way into another one, though he may execute every function and knows
-- the tables' numbers. The calls are made from the catalog, so that a function that comes later is tried as well. Roles
-- are made in a transaction that is rolled back.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
CREATE EXTENSION pg_trgm;
\ir failure.psql
SET LOCAL customer_identity.default_region = 'GB';
SELECT * FROM no_plan();
CREATE ROLE berlin;
CREATE ROLE paris;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity, customer_identity_internal TO berlin, paris;

CREATE FUNCTION open_shop(tenant name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE SCHEMA AUTHORIZATION %I', tenant);
  EXECUTE format('SET LOCAL ROLE %I; SET LOCAL search_path = %1$I', tenant);
  CREATE TABLE users (id text PRIMARY KEY, name text, phone text);
  CREATE TABLE orders (id int PRIMARY KEY, user_id text, phone text, total numeric);
  PERFORM customer_identity.create_tables();
  PERFORM customer_identity.attach_users('users', name_column => 'name');
  PERFORM customer_identity.attach_orders('orders', users => 'users');
  INSERT INTO users VALUES ('u1', 'Resident of ' || tenant, '07400 123401');
  INSERT INTO orders VALUES (1, 'u1', NULL, 10);
  PERFORM customer_identity.record_proof('07400 123401', 'u1');
  PERFORM customer_identity.adjust_points(customer_id, 5, 'gift') FROM users;
  SET LOCAL ROLE NONE;
  SET LOCAL search_path = public;
END
$$;
SELECT open_shop('berlin'), open_shop('paris') \g /dev/null

-- What each argument is given: all of it the other tenant's.
CREATE TABLE givens AS SELECT * FROM (VALUES
  ('schema_name', '''paris'''), ('customers', 'paris.customers'::regclass::oid::text), ('users', 'paris.users'::regclass::oid::text),
  ('orders', 'paris.orders'::regclass::oid::text), ('attached', 'paris.orders'::regclass::oid::text), ('phone', '''07400 123401'''),
  ('customer_id', quote_literal((SELECT id FROM paris.customers))), ('user_id', '''u1'''), ('points', '1'), ('reason', '''x'''),
  ('changes', '''{"notes": "x"}'''), ('winner', quote_literal((SELECT id FROM paris.customers))), ('loser', quote_literal(gen_random_uuid())),
  ('a', quote_literal((SELECT id FROM paris.customers))), ('b', quote_literal(gen_random_uuid())), ('new_phone', '''07400 123402'''),
  ('rule', '''nobody'''), ('merge_id', '1'), ('key', '''1''')) AS v (argument, value);
CREATE TABLE calls AS
SELECT p.proname AS name,
  format('%s customer_identity.%I(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT * FROM' END, p.proname,
    string_agg(format('%I => %s', g.argument, g.value), ', ' ORDER BY g.argument)) AS call
FROM pg_proc AS p
JOIN givens AS g ON g.argument = ANY (p.proargnames[:p.pronargs]) AND NOT (g.argument = 'orders' AND p.proname = 'split_customer')
WHERE p.pronamespace = 'customer_identity'::regnamespace AND p.proargnames[:p.pronargs] && '{schema_name,customers,users,orders,attached}'
GROUP BY p.oid, p.proname, p.prokind;
SELECT cmp_ok(count(*), '>', 30::bigint, 'functions that are told a book or a table') FROM calls;
GRANT SELECT ON calls TO berlin, paris;
CREATE VIEW all_of_paris AS
SELECT to_jsonb(t)::text FROM paris.customers AS t UNION ALL SELECT to_jsonb(t)::text FROM paris.users AS t
UNION ALL SELECT to_jsonb(t)::text FROM paris.orders AS t UNION ALL SELECT to_jsonb(t)::text FROM paris.phone_proofs AS t
UNION ALL SELECT to_jsonb(t)::text FROM paris.loyalty_entries AS t UNION ALL SELECT to_jsonb(t)::text FROM paris.customer_events AS t;
CREATE TABLE before AS SELECT * FROM all_of_paris;

-- Those that answer anybody: whether a user who is named sees a customer who is named, what one's own transaction has
-- pending, and the text of statements that he may not run.
SET ROLE berlin;
SELECT is((failure(call)).code, '42501', 'no ' || name) FROM calls WHERE name <> ALL ('{can_see_customer,flush_totals,search_index_statements}') ORDER BY name;
SELECT is((failure(call)).code, NULL, name) FROM calls WHERE name = ANY ('{can_see_customer,flush_totals,search_index_statements}') ORDER BY name;
SELECT is((failure('SELECT * FROM paris.' || t)).code, '42501', 'no ' || t) FROM unnest('{customers,users,orders,phone_proofs,customer_events,customer_phones,phone_rules,customer_merges}'::text[]) AS t;

-- His triggers on a table of his own, with the other's book in their arguments.
CREATE TABLE berlin.bait (id text PRIMARY KEY, phone text, total numeric, customer_id uuid);
SELECT lives_ok(format('CREATE TRIGGER %s %s ON berlin.bait %s EXECUTE FUNCTION customer_identity.%1$s(%L, ''key=id'', ''phone=phone'', ''customer=customer_id'', ''amount=total'')',
  f, event, level, 'customers=paris.customers'), f)
FROM (VALUES ('link_user', 'BEFORE INSERT', 'FOR EACH ROW'), ('attach_order', 'BEFORE INSERT', 'FOR EACH ROW'),
  ('maintain_totals', 'AFTER INSERT', 'REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT')) AS t (f, event, level);
SELECT isnt((failure($$INSERT INTO berlin.bait VALUES ('u1', '07400 123401', 1000)$$)).code, NULL, 'they write nothing');
SELECT is((SELECT count(*) FROM berlin.bait), 0::bigint, 'and say nothing of whose phone it is');
RESET ROLE;
SELECT set_eq('SELECT * FROM all_of_paris', 'SELECT * FROM before', 'nothing of the other tenant has changed');

-- And each is at home in his own.
SET ROLE paris;
SET LOCAL search_path = paris, public;
SELECT is((SELECT preferred_name::text FROM customers), 'Resident of paris', 'the other tenant reads his book');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'which is exact');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
