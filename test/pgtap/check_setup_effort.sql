-- What check_setup() costs, counted in rows that the executor handles, grows with the number of attached tables and not
-- with its square: a book may have a thousand.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'DE';
SELECT plan(3);
\ir effort.psql

CREATE PROCEDURE open_shops(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
  FOR n IN first .. last LOOP
    EXECUTE format('CREATE TABLE users_%s (id int PRIMARY KEY, phone text)', n);
    EXECUTE format('CREATE TABLE orders_%1$s (id int PRIMARY KEY, user_id int REFERENCES users_%1$s ON DELETE SET NULL, total numeric, status text)', n);
    EXECUTE format('CREATE TABLE notes_%s (id int PRIMARY KEY, customer_id uuid REFERENCES customers, note text)', n);
    PERFORM customer_identity.attach_users(format('users_%s', n)::regclass);
    PERFORM customer_identity.attach_orders(format('orders_%s', n)::regclass, users => format('users_%s', n)::regclass,
      status_column => 'status', counted_statuses => '{paid}');
    EXECUTE format('INSERT INTO users_%s VALUES (1, ''0151 234567'' || $1), (2, ''unreadable'')', n) USING 10 + n;
    EXECUTE format('INSERT INTO orders_%s VALUES (1, 1, 10, ''paid''), (2, NULL, 10, ''open'')', n);
    COMMIT;
  END LOOP;
END
$$;
SELECT customer_identity.create_tables();
CREATE TABLE efforts (shops int, effort numeric, findings bigint);

SELECT step FROM (VALUES (15, 1), (30, 16)) AS size (shops, first), LATERAL (VALUES
  (1, format('CALL open_shops(%s, %s)', first, shops)),
  (2, 'VACUUM ANALYZE'),
  (3, 'SELECT count(*) FROM customer_identity.check_setup()'),
  (4, 'CREATE TEMP TABLE start AS SELECT size FROM pg_stat_file(log_file())'),
  (5, 'SET auto_explain.log_min_duration = 0'),
  (6, 'CREATE TEMP TABLE found AS SELECT * FROM customer_identity.check_setup()'),
  (7, 'SET auto_explain.log_min_duration = -1'),
  (8, format('INSERT INTO efforts SELECT %s, effort_since(size), (SELECT count(*) FROM found) FROM start', shops)),
  (9, 'DROP TABLE start, found')) AS s (n, step)
ORDER BY shops, n
\o /dev/null
\gexec
\o
TABLE efforts;

SELECT is((SELECT max(findings) FROM efforts), 2 * (SELECT min(findings) FROM efforts), 'it finds as much in every shop');
SELECT cmp_ok((SELECT min(findings) FROM efforts), '>=', 30::bigint, 'in each, rows and tables');
SELECT cmp_ok((SELECT max(effort) / min(effort) FROM efforts), '<', 2.1, 'twice the tables, at most twice the effort');
SELECT * FROM finish();
