-- Which orders cost no plan: whatever is put on customers, unless it reads a total or has to see each row.
\ir shop.psql
SELECT * FROM no_plan();
CREATE EXTENSION dblink;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
INSERT INTO "user" (id, phone) SELECT n::text, '07400 1' || (10000 + n) FROM generate_series(1, 20) AS n;
CREATE FUNCTION let_pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION heavy(total numeric) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT total > 1000';

-- How a session of its own writes the totals of one order and of many: a plan leaves its statement in memory.
CREATE FUNCTION way_of(orders text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plans int;
BEGIN
  PERFORM dblink_connect('writer', format('host=%s port=%s dbname=%s', split_part(current_setting('unix_socket_directories'), ',', 1),
    current_setting('port'), current_database()));
  PERFORM dblink_exec('writer', orders);
  SELECT t.plans INTO plans FROM dblink('writer', $q$SELECT count(*)::int FROM pg_backend_memory_contexts
    WHERE name = 'CachedPlanSource' AND ident ~ '^UPDATE public.customers .*total_spent'$q$) AS t (plans int);
  PERFORM dblink_disconnect('writer');
  RETURN CASE plans WHEN 0 THEN 'direct' ELSE 'planned' END;
END $$;
CREATE FUNCTION ways() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(DISTINCT way_of(o), ' or ') FROM unnest(ARRAY[
    'INSERT INTO orders (user_id, total) VALUES (1, 10)',
    'INSERT INTO orders (user_id, total) SELECT n, n FROM generate_series(1, 20) AS n',
    'UPDATE orders SET total = total + 1',
    'DELETE FROM orders WHERE user_id = ''2''']) AS o $$;
SELECT is(ways(), 'direct', 'on the book as it is made');

CREATE TABLE obstacles (what text, way text, made text, undone text);
INSERT INTO obstacles
SELECT i, 'direct', 'CREATE INDEX tried ON customers ' || i, 'DROP INDEX tried'
FROM unnest('{
  (lower(preferred_name)), (customer_identity.search_text(preferred_name)), "USING gin (preferred_name gin_trgm_ops)",
  "USING gist (preferred_name gist_trgm_ops)", "(phone) WHERE phone IS NOT NULL", "(created_at DESC) WHERE is_phone_verified",
  "((phone IS NULL)) WHERE preferred_name <> ''''", "(phone) INCLUDE (notes, updated_at)", "USING hash (phone)", "USING brin (created_at)",
  "(md5(notes), (id::text)) WHERE notes > phone"}'::text[]) AS i
UNION ALL
SELECT 'unique: ' || i, 'direct', 'CREATE UNIQUE INDEX tried ON customers ' || i, 'DROP INDEX tried'
FROM unnest('{(lower(phone)), "(phone) WHERE is_phone_verified"}'::text[]) AS i
UNION ALL
SELECT i, 'planned', 'CREATE INDEX tried ON customers ' || i, 'DROP INDEX tried'
FROM unnest('{
  (total_spent), "(phone, total_orders)", "(phone) INCLUDE (loyalty_points)", "((total_spent > 1000))", "(heavy(total_spent))",
  "(phone) WHERE total_orders > 3", "(lower(preferred_name)) WHERE loyalty_points <> 0", "USING brin (total_spent)"}'::text[]) AS i
UNION ALL VALUES
  ('an exclusion', 'direct', 'ALTER TABLE customers ADD CONSTRAINT tried EXCLUDE USING gist (phone WITH =)', 'ALTER TABLE customers DROP CONSTRAINT tried'),
  ('an exclusion by a total', 'planned', 'ALTER TABLE customers ADD CONSTRAINT tried EXCLUDE USING gist (phone WITH =, total_orders WITH =)', 'ALTER TABLE customers DROP CONSTRAINT tried'),
  ('a deferrable key', 'planned', 'ALTER TABLE customers ADD CONSTRAINT tried UNIQUE (phone) DEFERRABLE', 'ALTER TABLE customers DROP CONSTRAINT tried'),
  ('a check', 'direct', 'ALTER TABLE customers ADD CONSTRAINT tried CHECK (phone <> notes)', 'ALTER TABLE customers DROP CONSTRAINT tried'),
  ('a check of a total', 'planned', 'ALTER TABLE customers ADD CONSTRAINT tried CHECK (total_orders >= 0)', 'ALTER TABLE customers DROP CONSTRAINT tried'),
  ('a trigger of the application', 'planned', 'CREATE TRIGGER tried BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION let_pass()', 'DROP TRIGGER tried ON customers'),
  ('a trigger for what is inserted', 'direct', 'CREATE TRIGGER tried BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION let_pass()', 'DROP TRIGGER tried ON customers');

SELECT made, format('SELECT is(ways(), %L, %L)', way, what), format('SELECT is_empty(''SELECT * FROM wrong_totals()'', %L)', what || ': exactly'), undone
FROM obstacles \gexec
SELECT is(ways(), 'direct', 'and again when all of it is gone');

-- Rows that leave their page enter every index, and only the rows that belong there.
SELECT count(*) FROM customer_identity.create_search_indexes() \g /dev/null
SELECT is(ways(), 'direct', 'the indexes that searches ask for are no obstacle');
CREATE INDEX verified ON customers (phone) WHERE is_phone_verified;
CREATE INDEX shout ON customers (upper(preferred_name));
UPDATE customers SET preferred_name = 'Customer ' || right(phone, 4), is_phone_verified = right(phone, 1) = '7';
ALTER TABLE customers SET (fillfactor = 100);
VACUUM FULL customers;
INSERT INTO orders (user_id, total) SELECT n % 20 + 1, 1.5 FROM generate_series(1, 500) AS n;
UPDATE orders SET total = total + 0.25;
SET enable_seqscan = off;
SELECT is((SELECT count(*) FROM customers WHERE is_phone_verified AND phone > ''), (SELECT count(*) FROM customers WHERE right(phone, 1) = '7'), 'a partial one');
SELECT is((SELECT count(*)::int FROM customers AS c CROSS JOIN LATERAL (SELECT FROM customers AS o WHERE upper(o.preferred_name) = upper(c.preferred_name)) AS o), 20, 'one of an expression');
SELECT is((SELECT count(*)::int FROM jsonb_array_elements(customer_identity.list_customers(search => 'customer 000') -> 'items')), 9, 'those of searches');
RESET enable_seqscan;
SELECT is_empty('SELECT * FROM wrong_totals()', 'and the totals are exact');

SELECT * FROM finish();
