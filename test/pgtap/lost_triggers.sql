-- Tables that lost their triggers to an online migration, and tables whose national phones cannot be read, are reported.
\ir shop.psql
SELECT * FROM no_plan();
CREATE FUNCTION found(about text) RETURNS SETOF text LANGUAGE sql AS
  $$SELECT concat_ws(' ', severity, finding) FROM customer_identity.check_setup() WHERE object = about ORDER BY 1$$;

-- Each way to copy a table, each way to put the copy in its place, and what becomes of the table.
CREATE FUNCTION swapped(kind text, copy text, refer boolean, rename text, afterwards text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  attach text := format('SELECT customer_identity.attach_%s(''sales'', default_region => ''GB'')', kind);
  result text;
BEGIN
  EXECUTE format('SELECT customer_identity.detach(%L)', CASE kind WHEN 'users' THEN '"user"' ELSE 'orders' END);
  EXECUTE format('CREATE TABLE sales (id int PRIMARY KEY, phone text, %s)', CASE kind WHEN 'users' THEN 'name text' ELSE 'total numeric' END);
  EXECUTE attach;
  INSERT INTO sales VALUES (1, '07400 123401', 1);
  EXECUTE copy;
  IF refer THEN
    ALTER TABLE copied ADD FOREIGN KEY (customer_id) REFERENCES customers;
  END IF;
  ALTER TABLE sales RENAME TO sales_old;
  EXECUTE rename;
  EXECUTE afterwards;
  SELECT string_agg(severity || CASE WHEN finding ~ 'customer.*no trigger' THEN ' no trigger' END, ' ') INTO result
  FROM customer_identity.check_setup() WHERE object ~ '\.sales$';
  RAISE EXCEPTION '%', result;
END $$;
SELECT is((failure(format('SELECT swapped(%L, %L, %L, %L, %L)', kind, copy, refer, rename, afterwards))).message, 'warning no trigger',
  concat_ws(', ', kind, copy, 'refers: ' || refer, rename, afterwards))
FROM unnest('{users,orders}'::text[]) AS kind
CROSS JOIN unnest(ARRAY['CREATE TABLE copied (LIKE sales INCLUDING ALL)', 'CREATE TABLE copied (LIKE sales)', 'CREATE TABLE copied AS TABLE sales',
  'CREATE TABLE copied (LIKE sales INCLUDING ALL) PARTITION BY RANGE (id)']) AS copy
CROSS JOIN unnest('{t,f}'::boolean[]) AS refer
CROSS JOIN unnest(ARRAY['ALTER TABLE copied RENAME TO sales', 'CREATE SCHEMA next; ALTER TABLE copied RENAME TO sales; ALTER TABLE sales_old SET SCHEMA next']) AS rename
CROSS JOIN unnest(ARRAY['', 'DROP TABLE IF EXISTS sales_old, next.sales_old']) AS afterwards;

-- Tables that refer to customers for reasons of their own are mentioned, and no more.
CREATE TABLE tickets (id int, customer_id uuid REFERENCES customers, body text);
SELECT is(found('public.tickets'), 'info it has a customer column, customer_id, but no trigger: its rows are neither linked nor counted', 'a table with a foreign key');
SELECT matches(what_to_do, 'nothing has to be done') FROM customer_identity.check_setup() WHERE object = 'public.tickets';
CREATE SCHEMA elsewhere;
ALTER TABLE tickets SET SCHEMA elsewhere;
SELECT matches(found('elsewhere.tickets'), 'no trigger', 'in any schema');
CREATE TABLE partners (id uuid PRIMARY KEY);
CREATE TABLE calls (id int, customer_id uuid REFERENCES partners, phone text, total numeric);
CREATE TABLE letters (id int, customer_id uuid, body text);
CREATE TABLE numbers (id int, customer_id int, phone text);
SELECT is_empty($$SELECT found(t) FROM unnest('{public.calls,public.letters,public.numbers,public.partners,public.phone_proofs}'::text[]) AS t$$,
  'other customers and other tables are not meant');
DROP TABLE elsewhere.tickets;
SELECT is_empty('SELECT * FROM customer_identity.check_setup()', 'and all is well');

-- No region: reported before the first row comes, and told when the table is attached.
CREATE TABLE members (id int PRIMARY KEY, phone text, country text);
CREATE TABLE sales (id int PRIMARY KEY, member_id int REFERENCES members ON DELETE SET NULL, phone text, country text, total numeric);
CREATE INDEX ON sales (member_id);
CREATE FUNCTION attach(users_options text, orders_options text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SELECT customer_identity.attach_users(''members'' %s)', users_options);
  EXECUTE format('SELECT customer_identity.attach_orders(''sales'', ''members'', ''member_id'' %s)', orders_options);
  RETURN QUERY SELECT object || CASE WHEN finding ~ 'without a country code are not read' THEN ' ' || severity END FROM customer_identity.check_setup()
  WHERE object ~ 'members|sales' ORDER BY 1;
END $$;
SELECT is_empty($$SELECT attach('', '')$$, 'the setting is there');
RESET customer_identity.default_region;
SELECT results_eq($$SELECT attach('', '')$$, ARRAY['public.members warning', 'public.sales warning'], 'there is no region');
SELECT results_eq($$SELECT attach(', default_region => ''DE''', '')$$, ARRAY['public.sales warning'], 'but of the table');
SELECT results_eq($$SELECT attach('', ', default_region => ''DE''')$$, ARRAY['public.members warning'], 'of the orders');
SELECT results_eq($$SELECT attach(', region_column => ''country''', '')$$, ARRAY['public.sales warning'], 'of the rows');
SELECT is_empty($$SELECT attach(', region_column => ''country''', ', phone_column => NULL')$$, 'orders without phones need none');
SELECT attach('', '');
SELECT current_database() AS here \gset
ALTER DATABASE :"here" SET customer_identity.default_region = 'DE';
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object ~ 'members'$$, 'a setting of the database, in a session that is older');
ALTER DATABASE :"here" SET customer_identity.default_region = '';
SELECT isnt_empty($$SELECT * FROM customer_identity.check_setup() WHERE object ~ 'members'$$, 'not an empty one');
ALTER DATABASE :"here" RESET customer_identity.default_region;
CREATE ROLE clerk;
ALTER ROLE clerk IN DATABASE :"here" SET customer_identity.default_region = 'DE';
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object ~ 'members'$$, 'a setting of a role');
ALTER ROLE clerk IN DATABASE :"here" RESET ALL;
ALTER ROLE clerk SET customer_identity.default_region = 'DE';
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object ~ 'members'$$, 'in every database');
DROP ROLE clerk;
SELECT results_eq($$SELECT attach('', '')$$, ARRAY['public.members warning', 'public.sales warning'], 'and none again');

-- A region that this server's metadata does not know.
CREATE OR REPLACE TRIGGER customer_identity_link BEFORE INSERT OR UPDATE ON members FOR EACH ROW
  EXECUTE FUNCTION customer_identity.link_user('customers=public.customers', 'key=id', 'phone=phone', 'default_region=QQ', 'customer=customer_id');
SELECT is(found('public.members'), 'error ''QQ'', its default_region, is not a region: phones of rows without a region are not read', 'a region that is none');

SELECT * FROM finish();
