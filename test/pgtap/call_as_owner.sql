-- The languages in which functions act as an owner: what every function in one of them can rely on.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET LOCAL customer_identity.default_region = 'GB';
\ir failure.psql
SELECT * FROM no_plan();
CREATE ROLE book_owner;
CREATE ROLE orders_owner;
CREATE ROLE tables_owner;
CREATE ROLE clerk;
GRANT CREATE ON SCHEMA public TO book_owner, orders_owner;

GRANT EXECUTE ON FUNCTION customer_identity.create_tables, customer_identity.attach_orders TO book_owner, orders_owner;
CREATE SCHEMA here AUTHORIZATION book_owner;
CREATE SCHEMA there AUTHORIZATION book_owner;
SET ROLE book_owner;
SELECT customer_identity.create_tables('here'), customer_identity.create_tables('there');
GRANT USAGE ON SCHEMA here, there TO orders_owner, clerk;
GRANT ALL ON ALL TABLES IN SCHEMA here TO orders_owner;
RESET ROLE;
CREATE TABLE orders (id int PRIMARY KEY, user_id text, phone text, total numeric);
SELECT customer_identity.attach_orders('orders', customers => 'here.customers');
ALTER TABLE orders OWNER TO orders_owner;
SELECT format('ALTER TABLE customer_identity.%I OWNER TO tables_owner', name)
FROM unnest('{verifications,sms_messages,verification_events,verification_secret,verification_health}'::name[]) AS name \gexec
GRANT ALL ON SCHEMA customer_identity TO tables_owner;
GRANT SELECT, UPDATE ON orders, here.customers, there.customers TO clerk;

-- What a body sees: as whom it runs, what it finds, whether it is restricted (a temporary table is refused then), and a
-- setting of its function.
CREATE TYPE seen AS (by text, path text, jit text, restricted boolean, book regclass);
GRANT USAGE ON SCHEMA public TO PUBLIC;
CREATE FUNCTION look(book regclass) RETURNS seen LANGUAGE plpgsql AS $$
DECLARE
  restricted boolean := false;
BEGIN
  BEGIN
    EXECUTE 'CREATE TEMPORARY TABLE refused ()';
    EXECUTE 'DROP TABLE pg_temp.refused';
  EXCEPTION WHEN insufficient_privilege THEN
    restricted := SQLERRM LIKE '%security-restricted%';
  END;
  RETURN ROW(current_user, current_setting('search_path'), current_setting('jit'), restricted, book)::public.seen;
END
$$;
SELECT format('CREATE FUNCTION %s(%s) RETURNS public.seen LANGUAGE customer_identity_%s %s SET jit = off AS %L',
  name, arguments, language, volatility, format('BEGIN RETURN public.look(%s); END', CASE WHEN arguments = '' THEN 'NULL' ELSE 'customers' END))
FROM (VALUES
  ('owner_reads', '', 'as_owner', 'STABLE'), ('owner_writes', '', 'as_owner', 'VOLATILE'),
  ('owner_of_book', 'customers regclass DEFAULT NULL', 'as_owner', 'STABLE'),
  ('owner_with_book', '', 'as_owner_with_book', 'VOLATILE'),
  ('book_reads', 'customers regclass DEFAULT NULL', 'as_book_owner', 'STABLE'),
  ('book_writes', 'customers regclass DEFAULT NULL', 'as_book_owner', 'VOLATILE'),
  ('book_table_reads', 'customers regclass DEFAULT NULL', 'as_table_owner', 'STABLE'),
  ('book_table_writes', 'customers regclass DEFAULT NULL', 'as_table_owner', 'VOLATILE'),
  ('table_reads', 'attached regclass, customers regclass DEFAULT NULL', 'as_table_owner', 'STABLE'),
  ('table_writes', 'attached regclass, customers regclass DEFAULT NULL', 'as_table_owner', 'VOLATILE'),
  ('feeding_reads', 'attached regclass, customers regclass DEFAULT NULL', 'as_feeding_owner', 'STABLE')
) AS f (name, arguments, language, volatility) \gexec

CREATE FUNCTION seen_as(role name, called text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found text;
BEGIN
  EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', role);
  EXECUTE 'SELECT ' || called INTO found;
  SET LOCAL SESSION AUTHORIZATION DEFAULT;
  RETURN found;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;
SET search_path = here, public;
SELECT current_setting('search_path') AS path, current_setting('jit') AS jit, 'here.customers'::regclass::oid AS book \gset
SELECT is(seen_as(role, called), seen, format('%s: %s', role, called))
FROM (VALUES
  ('clerk', 'owner_reads()', '(tables_owner,"pg_catalog, pg_temp",off,t,)'),
  ('clerk', 'owner_writes()', '(tables_owner,"pg_catalog, pg_temp",off,t,)'),
  ('clerk', 'owner_with_book()', '(tables_owner,"pg_catalog, pg_temp",off,f,)'),
  ('clerk', 'owner_of_book()', '(tables_owner,"pg_catalog, pg_temp",off,t,customers)'),
  ('clerk', 'book_reads()', '(book_owner,"pg_catalog, pg_temp",off,t,customers)'),
  ('clerk', 'book_reads(''there.customers'')', '(book_owner,"pg_catalog, pg_temp",off,t,there.customers)'),
  ('clerk', 'book_reads(''orders'')', 'CI003'),
  ('clerk', 'book_writes()', '(book_owner,"pg_catalog, pg_temp",off,f,customers)'),
  ('clerk', 'book_table_reads()', '(book_owner,"pg_catalog, pg_temp",off,t,customers)'),
  ('clerk', 'book_table_writes()', '(book_owner,"pg_catalog, pg_temp",off,f,customers)'),
  ('clerk', 'table_reads(''orders'')', '(orders_owner,"pg_catalog, pg_temp",off,t,customers)'),
  ('clerk', 'table_writes(''orders'')', '(orders_owner,"pg_catalog, pg_temp",off,f,customers)'),
  ('clerk', 'table_reads(NULL)', NULL),
  ('clerk', 'table_reads(''orders'', ''there.customers'')', '55000'),
  ('clerk', 'table_reads(''here.customers'')', '55000'),
  ('clerk', 'feeding_reads(''orders'')', '(orders_owner,"pg_catalog, pg_temp",off,t,customers)'),
  ('book_owner', 'feeding_reads(''orders'')', '(orders_owner,"pg_catalog, pg_temp",off,t,customers)'),
  ('book_owner', 'table_reads(''orders'')', '42501'),
  ('orders_owner', 'table_writes(''orders'')', '(orders_owner,"here, public",off,f,customers)'),
  ('orders_owner', 'table_reads(''orders'')', '(orders_owner,"pg_catalog, pg_temp",off,t,customers)'),
  ('tables_owner', format('book_reads(%s)', :'book'), '42501')
) AS c (role, called, seen);
SELECT is(current_setting('search_path'), :'path', 'the path is the caller''s again');
SELECT is(current_setting('jit'), :'jit', 'so is what the function sets');
SELECT is(current_user::text, session_user::text, 'and the caller is');

CREATE FUNCTION goes(place text) RETURNS text LANGUAGE sql VOLATILE AS $$SELECT set_config('search_path', place || ', public', false)$$;
CREATE FUNCTION book_now(customers regclass DEFAULT NULL) RETURNS oid LANGUAGE customer_identity_as_book_owner VOLATILE AS 'BEGIN RETURN customers::oid; END';
CREATE TABLE books AS SELECT place, goes(place), book_now() FROM unnest('{here,there,here}'::text[]) AS place;
SET search_path = here, public;
SELECT results_eq('SELECT book_now FROM books', $$SELECT to_regclass(place || '.customers')::oid FROM books$$,
  'a book that is left out is looked for at every call');

-- Rows, wherever a set may stand.
CREATE FUNCTION two(customers regclass DEFAULT NULL) RETURNS TABLE (n int, by name) LANGUAGE customer_identity_as_book_owner STABLE AS
  $$BEGIN RETURN QUERY SELECT 1, current_user; RETURN QUERY SELECT 2, current_user; END$$;
SELECT results_eq('SELECT * FROM two()', $$VALUES (1, 'book_owner'::name), (2, 'book_owner')$$, 'in FROM');
SELECT results_eq('SELECT (two()).n', 'VALUES (1), (2)', 'in the list');
SELECT results_eq('SELECT t.n FROM generate_series(1, 2) AS g CROSS JOIN LATERAL two() AS t LIMIT 3', 'VALUES (1), (2), (1)', 'for each row');

-- Errors.
CREATE FUNCTION fails(actor text, customers regclass DEFAULT NULL) RETURNS void LANGUAGE customer_identity_as_book_owner AS
  $$BEGIN EXECUTE E'SELECT\n        1\n        / 0'; END$$;
CREATE FUNCTION context_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  context text;
BEGIN
  EXECUTE statement;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  RETURN context || ' by ' || current_user || ' in ' || current_setting('search_path');
END
$$;
SELECT matches(context_of($$SELECT fails('x')$$),
  E'^SQL statement "SELECT 1 / 0"\nPL/pgSQL function here.fails.text,regclass. line 1 at EXECUTE\n.* by ' || session_user || ' in here, public$',
  'a context is short, and the caller goes on as himself');
SELECT is((failure($$SELECT fails(repeat('x', 2001))$$)).code, '22023', 'texts are bounded by their names');

-- What refers to customers moves for the owner of the customers alone: rights on the table would not do, for row
-- security may hide some of its rows.
SELECT throws_ok(format($$SET LOCAL ROLE clerk; SELECT customer_identity_internal.%s$$, call), '42501', NULL, 'not ' || call)
FROM unnest(ARRAY[
  'move_references(''orders'', ''customer_id'', gen_random_uuid(), gen_random_uuid(), NULL, ''here.customers'')',
  'lock_rows(''orders'', ''{}'', ''here.customers'')',
  'hold_orders_of_nobody(''orders'', ''customer_id'', gen_random_uuid(), ''here.customers'')',
  'move_all_rows(''orders'', ''{}'', ''{}'', ''here.customers'')',
  'move_rows_back(''orders'', ''{}'', ''{}'', ''[]'', ''here.customers'')',
  'rows_to_move(''orders'', ''{}'', ''{}'', ''here.customers'')',
  'count_rows_of(''orders'', ''{}'', ''{}'', ''here.customers'')',
  'linked_row(''orders'', ''1'', ''here.customers'')']) AS call;
RESET ROLE;

-- Its owner hands the owner of another table no statement, and touches no column but those that hold ids of his customers.
ALTER TABLE orders ADD secret uuid;
CREATE TABLE lines (order_id int REFERENCES orders, secret uuid);
CREATE TABLE far (id int PRIMARY KEY, phone text, total numeric);
SELECT customer_identity.attach_orders('far', customers => 'there.customers');
ALTER TABLE far ADD here_id uuid REFERENCES here.customers;
ALTER TABLE lines OWNER TO orders_owner;
ALTER TABLE far OWNER TO orders_owner;
CREATE FUNCTION tell() RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
SELECT is((failure(format($$SET LOCAL ROLE book_owner; SELECT customer_identity_internal.%s$$, call))).message, expected, 'beyond his customers: ' || call)
FROM (VALUES
  ('holds_value(''orders'', ''phone'', ''here.tell()'')', 'ran as book_owner'),
  ('change_rows(''orders'', ''{total}'', ''{0}'', ARRAY[''orders''::regclass::oid], ''{"(0,1)"}'')', 'permission denied for table orders'),
  ('move_references(''orders'', ''secret'', gen_random_uuid(), gen_random_uuid(), NULL, ''here.customers'')', 'column secret of table public.orders does not refer to customers'),
  ('rows_that_refer(''orders'', ''[{"columns": ["secret"], "referenced": ["id"]}]'', ''{}'', ''here.customers'')', 'rows of table public.orders do not refer to customers in such a way'),
  ('count_rows_of(''orders'', ''{"columns": ["secret"], "referenced": ["id"]}'', ''{}'', ''here.customers'')', 'rows of table public.orders do not refer to customers in such a way'),
  ('unlink_rows(''orders'', ''{"columns": ["secret"], "referenced": ["id"]}'', ''{}'', ''here.customers'')', 'rows of table public.orders do not refer to customers in such a way'),
  ('hold_orders_of_nobody(''orders'', ''secret'', gen_random_uuid(), ''here.customers'')', 'column secret of table public.orders does not refer to customers'),
  ('keys_of_rows(''orders'', ''secret'', gen_random_uuid(), ''id'', ''{1}'', ''here.customers'')', 'column secret of table public.orders does not refer to customers'),
  ('count_rows_of(''lines'', ''{}'', ''{}'', ''here.customers'')', 'the table is not attached to these customers'),
  ('lock_rows(''lines'', ''{}'', ''here.customers'')', 'the table is not attached to these customers'),
  ('erase_attached(''far'', gen_random_uuid(), ''{+447400123401}'', true, ''here.customers'')', 'table here.far is attached to another book'),
  ('rows_of_person(''far'', gen_random_uuid(), ''{+447400123401}'', ''here.customers'')', 'table here.far is attached to another book')) AS c (call, expected);
RESET ROLE;

-- Who writes functions in these languages.
SELECT throws_ok($$SET LOCAL ROLE book_owner; CREATE FUNCTION public.mine() RETURNS void LANGUAGE customer_identity_as_owner AS 'BEGIN END'$$,
  '42501', NULL, 'superusers alone');
SELECT throws_ok($$CREATE FUNCTION wrong() RETURNS void LANGUAGE customer_identity_as_owner AS 'BEGIN'$$, '42601', NULL, 'who are told what is wrong');
SELECT isnt((failure(format('SELECT %s()', proname))).code, NULL, format('%s is no function to call', proname))
FROM (SELECT lanplcallfoid::regproc AS proname FROM pg_language WHERE lanname LIKE 'customer\_identity\_%' AND lanname NOT IN ('customer_identity_as_feeding_owner', 'customer_identity_as_referencing_owner')) AS h;

SELECT * FROM finish();
ROLLBACK;
