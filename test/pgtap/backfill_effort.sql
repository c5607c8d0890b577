-- What a backfill and a user's first phone cost, counted in rows that the executor handles, grows with the rows of the
-- tables and not with their square, although nobody runs ANALYZE after attaching.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'DE';
SELECT plan(7);
\ir effort.psql
CREATE FUNCTION open_shop(users int, type regtype, variant text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DROP SCHEMA IF EXISTS shop CASCADE;
  CREATE SCHEMA shop;
  PERFORM customer_identity.create_tables('shop');
  EXECUTE format('CREATE TABLE users (id %s PRIMARY KEY, phone text) WITH (autovacuum_enabled = off)', type);
  EXECUTE format('CREATE TABLE orders (id int PRIMARY KEY, user_id %s, phone text, total numeric) WITH (autovacuum_enabled = off)', type);
  EXECUTE format('INSERT INTO users SELECT i::text::%s, ''0151'' || (20000000 + i * 2 / 3) FROM generate_series(1, $1) AS i', type) USING users;
  EXECUTE format('INSERT INTO orders SELECT i, (1 + i %% $1)::text::%s, CASE WHEN i %% 3 = 0 THEN ''0151'' || (30000000 + i) END, 10
    FROM generate_series(1, 3 * $1) AS i', type) USING users;
  ANALYZE users, orders;
  PERFORM customer_identity.attach_users('users');
  PERFORM customer_identity.attach_orders('orders', users => 'users');
  IF variant = 'no index' THEN
    DROP INDEX orders_user_id_idx;
  ELSIF variant = 'another owner' THEN
    GRANT USAGE ON SCHEMA shop TO order_keeper;
    GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs TO order_keeper;
    ALTER TABLE orders OWNER TO order_keeper;
  END IF;
END
$$;
CREATE ROLE order_keeper;
CREATE TABLE efforts (work text, users int, effort numeric);
SET search_path = shop, public;

CREATE TEMP VIEW work AS
SELECT name, n * scale AS users, type, first, second
FROM (VALUES ('integers', 1, 'int', 'CALL customer_identity.backfill(''users'')', 'CALL customer_identity.backfill(''orders'')'),
    ('texts', 1, 'text', 'CALL customer_identity.backfill(''users'')', 'CALL customer_identity.backfill(''orders'')'),
    ('no index', 1, 'int', 'CALL customer_identity.backfill(''users'')', 'CALL customer_identity.backfill(''orders'')'),
    ('another owner', 1, 'int', 'CALL customer_identity.backfill(''users'')', 'CALL customer_identity.backfill(''orders'')'),
    ('orders first', 1, 'int', 'CALL customer_identity.backfill(''orders'')', 'CALL customer_identity.backfill(''users'')'),
    ('application', 1, 'int', 'UPDATE users SET phone = phone || '' ''', 'SELECT'),
    ('one user', 10, 'int', 'UPDATE users SET phone = phone || '' '' WHERE id = 7', 'SELECT')
  ) AS w (name, scale, type, first, second),
  (VALUES (300), (600)) AS n (n);
SELECT step FROM work, LATERAL (VALUES
  (1, format('SELECT open_shop(%s, %L, %L)', users, type, name)),
  (2, 'CREATE TEMP TABLE start AS SELECT size FROM pg_stat_file(log_file())'),
  (3, 'SET auto_explain.log_min_duration = 0'),
  (4, first),
  (5, second),
  (6, 'SET auto_explain.log_min_duration = -1'),
  (7, format('INSERT INTO efforts SELECT %L, %s, effort_since(size) FROM start', name, users)),
  (8, 'DROP TABLE start')) AS s (n, step)
ORDER BY name, users, n
\o /dev/null
\gexec
\o
TABLE efforts;

CREATE VIEW growth AS
SELECT work, max(effort) / min(effort) AS times FROM efforts GROUP BY work;
SELECT cmp_ok((SELECT times FROM growth WHERE work = 'integers'), '<', 2.3, 'a backfill of users, then of orders');
SELECT cmp_ok((SELECT times FROM growth WHERE work = 'texts'), '<', 2.3, 'by ids that are texts');
SELECT cmp_ok((SELECT times FROM growth WHERE work = 'no index'), '<', 2.3, 'without an index of the user column');
SELECT cmp_ok((SELECT times FROM growth WHERE work = 'another owner'), '<', 2.3, 'where users and orders belong to two roles');
SELECT cmp_ok((SELECT times FROM growth WHERE work = 'orders first'), '<', 2.3, 'orders before their users');
SELECT cmp_ok((SELECT times FROM growth WHERE work = 'application'), '<', 2.5, 'an UPDATE of the application that gives all users a phone');
SELECT cmp_ok((SELECT max(effort) FROM efforts WHERE work = 'one user'), '<', 200.0, 'one user''s phone does not read the orders of others');
SELECT * FROM finish();
