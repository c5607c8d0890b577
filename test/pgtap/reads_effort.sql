-- What an administrator's lists of a whole shop cost, counted in rows that the executor handles, grows with the shop and not
-- with its square, where work_mem holds none of them; and a page of one customer's orders sorts no more than the page.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'GB';
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SET customer_identity.fraud_many_logins = 2;
SELECT * FROM no_plan();
\ir effort.psql

CREATE TABLE users (id int PRIMARY KEY, name text, email text, phone text, created_at timestamptz);
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users ON DELETE SET NULL, phone text, total numeric, payment text, created_at timestamptz);
SELECT customer_identity.create_tables() IS NOT NULL AS made \gset
SELECT customer_identity.attach_users('users') IS NOT NULL AS attached \gset
SELECT customer_identity.attach_orders('orders', users => 'users', payment_column => 'payment', cod_values => '{cash}') IS NOT NULL AS attached \gset

-- Two users each have a customer, most of whose numbers are households', and two orders each; one guest has as many as
-- users there are.
CREATE FUNCTION grow(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO users SELECT n, 'Ada ' || n % 700, n || '@example.com', '0740' || (1000000 + n - n % 2), now() - n * interval '1 hour' FROM generate_series(first, last) AS n;
  INSERT INTO orders (id, user_id, total, created_at) SELECT 2 * n + i, n, 10, now() - n * interval '1 hour' FROM generate_series(first, last) AS n, generate_series(0, 1) AS i;
  INSERT INTO orders (id, phone, total, created_at) SELECT -n, '07409 999999', 10, now() - n % 90 * interval '1 day' FROM generate_series(first, last) AS n;
  INSERT INTO phone_rules (phone, rule) SELECT phone, 'shared' FROM customers WHERE phone ~ '[0248]$' ON CONFLICT DO NOTHING;
$$;
CREATE FUNCTION plans_of(statement text, OUT start bigint, OUT answer text) LANGUAGE plpgsql AS $$
BEGIN
  start := (SELECT size FROM pg_stat_file(log_file()));
  EXECUTE statement INTO answer;
END
$$;
CREATE TABLE calls AS SELECT * FROM unnest(ARRAY['fraud_signals()', 'phone_suspects()', 'customer_stats()', 'duplicate_customers()', 'verify_totals()']) AS call;
CREATE TABLE efforts (call text, users int, effort numeric, PRIMARY KEY (call, users));
CREATE FUNCTION measure(users int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  list text;
  start bigint;
BEGIN
  FOR list IN SELECT call FROM calls LOOP
    start := (plans_of(format('SELECT count(*) FROM customer_identity.%s', list))).start;
    INSERT INTO efforts VALUES (list, users, effort_since(start));
  END LOOP;
END
$$;
SELECT grow(1, 6000);
VACUUM ANALYZE;
SET auto_explain.log_min_duration = 0;
SELECT measure(6000);
SET auto_explain.log_min_duration = -1;
SELECT grow(6001, 12000);
VACUUM ANALYZE;
SET auto_explain.log_min_duration = 0;
SELECT measure(12000);
SET auto_explain.log_min_duration = -1;

SELECT cmp_ok(small.effort, '>', 1000::numeric, format('%s: what it costs is seen, %s rows', call, small.effort)) FROM efforts AS small WHERE users = 6000;
SELECT cmp_ok(large.effort, '<', 2.5 * small.effort, format('%s: twice the shop, at most two and a half times the work', call))
FROM efforts AS small JOIN efforts AS large USING (call) WHERE small.users = 6000 AND large.users = 12000;

SELECT id AS guest FROM customers WHERE phone = '+447409999999' \gset
SET auto_explain.log_min_duration = 0;
SELECT start, answer FROM plans_of(format('SELECT jsonb_array_length(customer_identity.customer_orders(%L) -> ''items'')', :'guest')) \gset
SET auto_explain.log_min_duration = -1;
SELECT is(:'answer'::text, '50', 'a page of a customer''s many orders');
SELECT is(sorts, '{top-N heapsort}'::text[], 'sorts no further than it shows') FROM (
  SELECT array_agg(DISTINCT node ->> 'Sort Method') AS sorts
  FROM regexp_matches(pg_read_file(log_file(), :start, (SELECT size FROM pg_stat_file(log_file())) - :start), 'plan:\n((?:\t[^\n]*\n)+)', 'g') AS plan,
    jsonb_path_query(replace(plan[1], E'\t', '')::jsonb, 'strict $.** ? (@."Node Type" == "Sort")') AS node
  WHERE (node #>> '{Plans,0,Actual Rows}')::numeric > 1000) AS s;
SELECT * FROM finish();
