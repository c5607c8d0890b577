-- What check_setup() costs, counted in rows that the executor handles, grows with the number of attached tables and not
-- with its square: a book may have a thousand.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'DE';
SELECT plan(7);
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

-- However many customers and proofs there are.
INSERT INTO customers (phone, is_phone_verified) SELECT '+4915' || 200000000 + n, n % 3 = 0 FROM generate_series(1, 20000) AS n;
INSERT INTO phone_proofs (phone, customer_id, user_id, method) SELECT c.phone, c.id, c.phone, 'external' FROM customers AS c WHERE c.is_phone_verified;
VACUUM ANALYZE customers, phone_proofs;
CREATE FUNCTION rows_read() RETURNS bigint LANGUAGE sql AS
  $$SELECT sum(s.seq_tup_read + s.idx_tup_fetch) FROM pg_stat_xact_user_tables AS s WHERE s.relname IN ('customers', 'phone_proofs')$$;
BEGIN;
SELECT rows_read() AS before \gset
CREATE TEMP TABLE found AS SELECT f.finding, f.what_to_do FROM customer_identity.check_setup() AS f WHERE f.object ~ 'customers|phone_proofs';
SELECT rows_read() - :before AS read \gset
COMMIT;
SELECT is_empty('SELECT finding FROM found', 'proofs and flags that fit together');
SELECT cmp_ok(:read::bigint, '<=', (SELECT count(*) FROM customers) + (SELECT count(*) FROM phone_proofs), 'are read once');
SET session_replication_role = replica;
UPDATE customers SET phone = '+4916' || right(phone, 9) WHERE phone LIKE '+49152000%0' AND is_phone_verified;
INSERT INTO phone_proofs (phone, customer_id, user_id, method)
SELECT c.phone, c.id, u.id, 'external' FROM customers AS c CROSS JOIN (VALUES ('one'), ('another')) AS u (id) WHERE c.phone LIKE '+49152000%1' AND NOT c.is_phone_verified;
DELETE FROM phone_proofs WHERE phone LIKE '+49152000%2';
RESET session_replication_role;
INSERT INTO found SELECT f.finding, f.what_to_do FROM customer_identity.check_setup() AS f WHERE f.object ~ 'customers|phone_proofs';
SELECT set_eq('SELECT finding FROM found', ARRAY[
  'customers without a live proof whose phone is marked as verified, or not marked at all: 1333',
  'customers with a live proof whose phone is not marked as verified: 1334',
  'live proofs of phones that their customers no longer have, which give no access: 666'], 'each fault is counted, in customers or in proofs');
SELECT what_to_do FROM found
\o /dev/null
\gexec
\o
SELECT is_empty($$SELECT finding FROM customer_identity.check_setup() WHERE object ~ 'customers|phone_proofs'$$, 'and mended');
SELECT * FROM finish();
