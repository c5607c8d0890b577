-- What CI003 says to type works: whatever an application's customers table has in our columns' places, the hints lead
-- create_tables to a book, there or in a schema of its own.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
\ir failure.psql
SELECT * FROM no_plan();

CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE pair AS (one int, two text);
CREATE DOMAIN words AS text CHECK (value <> '');
CREATE DOMAIN key AS uuid;
CREATE DOMAIN amount AS numeric(10, 2);

-- Types what the hint says until there is a book: where it is, or what went wrong.
CREATE FUNCTION follow_hints(schema_name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  call constant text := format('SELECT customer_identity.create_tables(%L)', schema_name);
  refusal record;
  mending text;
BEGIN
  FOR attempt IN 1 .. 20 LOOP
    refusal := failure(call);
    IF refusal.code IS NULL THEN
      RETURN schema_name;
    ELSIF refusal.code <> 'CI003' THEN
      RETURN format('%s: %s', refusal.code, refusal.message);
    END IF;
    mending := substring(refusal.hint FROM '^(ALTER TABLE .*); then call customer_identity.create_tables\(\) again\.');
    IF mending IS NULL THEN
      mending := substring(refusal.hint FROM 'CREATE SCHEMA .*\(''shop_identity''\);');
      EXECUTE mending;
      RETURN CASE WHEN 'shop_identity.customers'::regclass IS NOT NULL THEN 'shop_identity' END;
    END IF;
    EXECUTE mending;
  END LOOP;
  RETURN format('no end: %s', refusal.hint);
EXCEPTION WHEN OTHERS THEN
  RETURN format('%s: %s', mending, SQLERRM);
END
$$;

-- What follow_hints makes of a customers table that `script` makes in schema shop; nothing of it stays.
CREATE FUNCTION outcome(script text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  found_outcome text;
BEGIN
  EXECUTE script;
  found_outcome := follow_hints('shop');
  RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = found_outcome;
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
  RETURN SQLERRM;
END
$$;

CREATE SCHEMA model;
SELECT customer_identity.create_tables('model');
CREATE SCHEMA shop;
-- A book's customers with one column of another type.
CREATE FUNCTION with_column(column_name text, type text, column_default text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT format('CREATE TABLE shop.customers (%s)', string_agg(CASE
    WHEN a.attname <> column_name THEN format('%I %s %s', a.attname, format_type(a.atttypid, a.atttypmod),
      CASE a.attname WHEN 'id' THEN 'PRIMARY KEY DEFAULT gen_random_uuid()' WHEN 'phone' THEN 'UNIQUE' END)
    ELSE format('%I %s %s', a.attname, type, 'DEFAULT ' || column_default) END, ', ' ORDER BY a.attnum))
  FROM pg_attribute a WHERE a.attrelid = 'model.customers'::regclass AND a.attnum > 0
$$;

CREATE TABLE types (name text, value text);
INSERT INTO types VALUES ('smallint', '3'), ('integer', '3'), ('bigint', '3'), ('numeric(6,2)', '3'), ('real', '3'), ('float8', '3'),
  ('money', '3'), ('boolean', 'true'), ('text', '3'), ('varchar(40)', '3'), ('char(40)', '3'), ('name', '3'),
  ('bytea', '3'), ('uuid', '00000000-0000-0000-0000-000000000003'), ('date', '2026-01-01'), ('time', '12:00'),
  ('timestamp', '2026-01-01'), ('timestamptz', '2026-01-01'), ('interval', '1 day'), ('json', '3'), ('jsonb', '3'), ('inet', '::1'),
  ('point', '(1,2)'), ('bit(3)', '101'), ('integer[]', '{3}'), ('text[]', '{3}'), ('int4range', '[1,2)'), ('oid', '3'),
  ('regclass', 'pg_class'), ('mood', 'good'), ('pair', '(1,a)'), ('words', '3'), ('key', '00000000-0000-0000-0000-000000000003'),
  ('amount', '3');
CREATE TABLE outcomes AS
  SELECT n.attname AS column_name, t.name AS type, d.has_default,
    outcome(with_column(n.attname, t.name, CASE WHEN d.has_default THEN quote_literal(t.value) END)) AS outcome
  FROM types t, (VALUES (false), (true)) d (has_default), pg_attribute n
  WHERE n.attrelid = 'model.customers'::regclass AND n.attnum > 0;
SELECT is_empty($$SELECT * FROM outcomes WHERE outcome NOT IN ('shop', 'shop_identity')$$, 'every hint works, for each column and type');
SELECT set_eq($$SELECT DISTINCT type FROM outcomes WHERE column_name = 'id' AND outcome = 'shop'$$,
  ARRAY['uuid', 'text', 'varchar(40)', 'char(40)', 'name', 'words', 'key'] || CASE WHEN :SERVER_VERSION_NUM >= 190000 THEN '{bytea}' ELSE '{}' END::text[], 'what can become a uuid does');
SELECT is((SELECT string_agg(DISTINCT outcome, ' ') FROM outcomes WHERE column_name IN ('phone', 'notes')), 'shop', 'any type becomes text');
SELECT matches((failure($$DO 'BEGIN EXECUTE with_column(''id'', ''bigint''); PERFORM customer_identity.create_tables(''shop''); END'$$)).hint,
  '^Keep the table as it is, and make the book in a schema of its own', 'nobody is told to cast a number to a uuid');

-- What would refuse phones, or the second customer without one.
SELECT is(outcome(with_column('phone', type)), 'shop', format('phone %s', type))
FROM unnest(ARRAY['varchar(12) UNIQUE', 'varchar(15) UNIQUE', 'text UNIQUE NULLS NOT DISTINCT', 'varchar(20)']) AS type;
SELECT is(outcome(with_column('phone', 'text') || '; CREATE UNIQUE INDEX one_without ON shop.customers (phone) NULLS NOT DISTINCT'), 'shop', 'an index that no constraint has');
SELECT is(outcome(with_column('phone', 'varchar(12) UNIQUE') || '; CREATE VIEW shop.phones AS SELECT phone FROM shop.customers'), 'shop_identity', 'a phone that a view reads');
SELECT matches((failure(format($$DO %L$$, 'BEGIN EXECUTE with_column(''phone'', ''varchar(12) UNIQUE''); PERFORM customer_identity.create_tables(''shop''); END'))).detail,
  '^Column phone of shop.customers is character varying[(]12[)], too short', 'the length is told');

-- With rows.
SELECT is(outcome(with_column('id', 'text', $$gen_random_uuid()::text$$) || $$;
  INSERT INTO shop.customers (phone, preferred_name) VALUES ('+447400123401', 'Ada')$$), 'shop', 'text ids that are uuids become uuids');
SELECT is(outcome(with_column('total_orders', 'text', $$'7'$$) || $$;
  INSERT INTO shop.customers (phone) VALUES ('+447400123401')$$), 'shop', 'and digits become numbers');

-- Missing columns.
CREATE FUNCTION without_column(column_name text, key text) RETURNS text LANGUAGE sql AS $$
  SELECT with_column(column_name, 'text') || format('; ALTER TABLE shop.customers DROP COLUMN %I%s; INSERT INTO shop.customers DEFAULT VALUES', column_name, key)
$$;
SELECT is_empty($$
  SELECT n.attname, k.key, o.outcome
  FROM pg_attribute n, (VALUES (''), (', ADD COLUMN number serial PRIMARY KEY'), (', ADD COLUMN number serial UNIQUE')) k (key),
    LATERAL outcome(CASE WHEN n.attname = 'id' OR k.key !~ 'PRIMARY' THEN without_column(n.attname, k.key)
      ELSE replace(without_column(n.attname, k.key), 'PRIMARY KEY', 'UNIQUE') END) o (outcome)
  WHERE n.attrelid = 'model.customers'::regclass AND n.attnum > 0 AND o.outcome <> 'shop'
$$, 'a column that is missing is added, whatever the key');
SELECT is(outcome('CREATE TABLE shop.customers (customer_no bigint PRIMARY KEY); INSERT INTO shop.customers VALUES (1), (2)'), 'shop',
  'a table with none of our columns gets them all');

-- Keys and defaults.
SELECT is(outcome('CREATE TABLE shop.customers (LIKE model.customers)'), 'shop', 'a table without key and default');
SELECT is(outcome('CREATE TABLE shop.customers (LIKE model.customers, number int PRIMARY KEY, UNIQUE (phone, id))'), 'shop',
  'a table with another key');
SELECT is(outcome('CREATE TABLE shop.customers (LIKE model.customers, PRIMARY KEY (id) DEFERRABLE)'), 'shop', 'a deferrable key');

-- What stands in the way.
CREATE FUNCTION tied(column_name text, type text, tie text) RETURNS text LANGUAGE sql AS
  $$SELECT outcome(with_column(column_name, type, NULL) || '; ' || tie)$$;
SELECT is(tied('id', 'text', 'ALTER TABLE shop.customers ADD PRIMARY KEY (id); CREATE TABLE shop.orders (customer_id text REFERENCES shop.customers)'),
  'shop_identity', 'a foreign key');
SELECT is(tied('notes', 'json', 'CREATE VIEW shop.people AS SELECT notes FROM shop.customers'), 'shop_identity', 'a view');
SELECT is(tied('notes', 'json', 'CREATE POLICY own ON shop.customers USING (notes IS NULL)'), 'shop_identity', 'a policy');
SELECT is(tied('total_orders', 'text', 'ALTER TABLE shop.customers ADD COLUMN size int GENERATED ALWAYS AS (length(total_orders)) STORED'),
  'shop_identity', 'a generated column');
SELECT is(tied('total_spent', 'integer GENERATED ALWAYS AS (7) STORED', 'SELECT'), 'shop', 'a column that is generated itself need not be');
SELECT is(tied('total_spent', 'integer GENERATED BY DEFAULT AS IDENTITY', 'SELECT'), 'shop_identity', 'an identity');
SELECT is(tied('total_spent', 'integer', $$CREATE FUNCTION shop.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
  CREATE TRIGGER t BEFORE UPDATE OF total_spent ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.f()$$), 'shop_identity', 'a trigger');
SELECT is(outcome('CREATE VIEW shop.customers AS SELECT * FROM model.customers'), 'shop_identity', 'a view in the table''s place');
SELECT is(outcome('CREATE TYPE shop.customers AS (id uuid)'), 'shop_identity', 'a type of that name');

-- A cast that somebody made is not recommended: who types it may be a superuser.
CREATE FUNCTION as_uuid(mood) RETURNS uuid LANGUAGE sql RETURN gen_random_uuid();
CREATE CAST (mood AS uuid) WITH FUNCTION as_uuid(mood);
SELECT is(outcome(with_column('id', 'mood')), 'shop_identity', 'only the server''s own casts are recommended');

-- The book in a schema of its own works beside the application's customers.
CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
CREATE TABLE users (id int PRIMARY KEY, phone text);
CREATE TABLE orders (id int PRIMARY KEY, user_id int, total numeric);
CREATE SCHEMA shop_identity;
SELECT customer_identity.create_tables('shop_identity');
SELECT customer_identity.attach_users('users', customers => 'shop_identity.customers');
SELECT customer_identity.attach_orders('orders', users => 'users', phone_column => NULL, customers => 'shop_identity.customers');
INSERT INTO users VALUES (1, '+447400123401');
INSERT INTO orders VALUES (1, 1, 20);
SELECT results_eq($$SELECT phone::text, total_orders, total_spent FROM shop_identity.customers$$, $$VALUES ('+447400123401', 1, 20::numeric)$$,
  'a book beside the application''s own customers counts');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup('shop_identity.customers') WHERE severity = 'error'$$, 'and has nothing wrong');

-- A column of another type in the customer's place: the hint has a statement that works, or none.
ALTER TABLE users ADD COLUMN by_number bigint REFERENCES customers, ADD COLUMN by_text text, ADD COLUMN by_phone text UNIQUE,
  ADD COLUMN inviter text REFERENCES users (by_phone);
ALTER TABLE users ALTER by_text SET DEFAULT '';
CREATE FUNCTION column_hint(customer_column text) RETURNS text LANGUAGE sql AS $$
  SELECT hint FROM failure(format($q$SELECT customer_identity.attach_users('users', customer_column => %L,
    customers => 'shop_identity.customers')$q$, customer_column))
$$;
SELECT is(column_hint(name), 'Name another column with customer_column => ''...''.', name || ': no statement that fails')
FROM unnest('{by_number,by_phone,inviter}'::text[]) AS name;
SELECT lives_ok(substring(column_hint('by_text') FROM '^(ALTER TABLE .*); or'), 'a column of texts can be changed');
SELECT is(column_hint('by_text'), NULL, 'and then holds the customer');

SELECT * FROM finish();
