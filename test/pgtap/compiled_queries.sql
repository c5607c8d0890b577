-- What is asked of the catalogs and for a page is made for the moment, and costs less than compiling it would. Estimates of
-- such queries are far off, so that the server would compile them: none is, whatever the shop. Where JIT is not installed nothing
-- can be seen.
\ir shop.psql
SELECT * FROM no_plan();
\ir effort.psql
SET jit = on;
SET jit_above_cost = 100000;
CREATE TABLE members (id int PRIMARY KEY, phone text);
CREATE TABLE sales (id int, member_id int, phone text, total numeric, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE sales_of_2026 PARTITION OF sales FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE sales_of_2027 PARTITION OF sales FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
CREATE TABLE slips (id int PRIMARY KEY, phone text, total numeric);
CREATE TABLE old_slips (PRIMARY KEY (id)) INHERITS (slips);
INSERT INTO "user" (id, name, phone) VALUES ('ada', 'Ada', '07400 123401'), ('bob', 'Bob', '07400 123402'), ('cy', 'Cy', '07400 123403');
INSERT INTO orders (user_id, total) VALUES ('ada', 1), ('bob', 2);
SELECT id AS ada FROM customers WHERE phone = '+447400123401' \gset
SELECT id AS bob FROM customers WHERE phone = '+447400123402' \gset

CREATE FUNCTION compiled_since(start bigint) RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM regexp_matches(pg_read_file(log_file(), start, (SELECT size FROM pg_stat_file(log_file())) - start), '"JIT": ', 'g')
$$;
CREATE TABLE calls (n int GENERATED ALWAYS AS IDENTITY, call text);
INSERT INTO calls (call) SELECT format(call, :'ada', :'bob') FROM unnest(ARRAY[
  'SELECT customer_identity.attach_users(''members'')', 'SELECT customer_identity.attach_orders(''sales'', user_column => ''member_id'', users => ''members'')',
  'SELECT customer_identity.attach_orders(''old_slips'')', 'SELECT customer_identity.attach_orders(''slips'')', 'SELECT customer_identity.attach_users(''"user"'')',
  'SELECT * FROM customer_identity.attachments', 'SELECT * FROM customer_identity.check_setup()', 'CALL customer_identity.backfill(''sales'')',
  'SELECT customer_identity.list_customers()', 'SELECT customer_identity.list_customers(search => ''ada'', filters => ''{"shared": false}'')',
  'SELECT customer_identity.customer_details(%1$L)', 'SELECT customer_identity.customer_users(%1$L)', 'SELECT customer_identity.customer_orders(%1$L)',
  'SELECT customer_identity.customer_history(%1$L)', 'SELECT customer_identity.visible_orders(''ada'')', 'SELECT customer_identity.customer_stats()',
  'SELECT customer_identity.fraud_signals()', 'SELECT customer_identity.duplicate_customers()', 'SELECT * FROM customer_identity.phone_suspects()',
  'SELECT * FROM customer_identity.phone_problems(''"user"'')', 'SELECT * FROM customer_identity.plan_changes()', 'SELECT * FROM customer_identity.migrate_phones()',
  'SELECT customer_identity.why_linked(''orders'', ''1'')', 'SELECT * FROM customer_identity.verify_totals()', 'SELECT customer_identity.rebuild_totals()',
  'SELECT customer_identity.merge_preview(%1$L, %2$L)', 'SELECT customer_identity.merge_customers(%1$L, %2$L)',
  'SELECT customer_identity.unmerge_customers((SELECT max(id) FROM customer_merges))', 'SELECT customer_identity.export_customer(%1$L)',
  'SELECT customer_identity.add_phone(%1$L, ''07400 123409'')', 'SELECT customer_identity.set_phone_rule(''07400 123408'', ''nobody'')',
  'SELECT customer_identity.split_customer(%1$L, ''{ada}'', phone => ''07400 123401'')', 'SELECT customer_identity.release_phone(%2$L, ''07400 123402'', since => now())',
  'SELECT customer_identity.erase_preview(%2$L)', 'SELECT customer_identity.erase_customer(%2$L)', 'SELECT customer_identity.detach(''sales'')']) AS c (call);
CREATE TABLE compiled (call text, queries bigint);
SELECT CASE WHEN pg_jit_available() THEN 1 ELSE 0 END AS has_jit \gset

SELECT step FROM calls, LATERAL (VALUES
  (1, 'CREATE TEMP TABLE start AS SELECT size FROM pg_stat_file(log_file())'), (2, 'SET auto_explain.log_min_duration = 0'), (3, call),
  (4, 'SET auto_explain.log_min_duration = -1'), (5, format('INSERT INTO compiled SELECT %L, compiled_since(size) FROM start', call)), (6, 'DROP TABLE start')) AS s (n, step)
ORDER BY calls.n, s.n
\o /dev/null
\gexec
\o
SELECT is(count(*), (SELECT count(*) FROM calls), 'calls that were looked at') FROM compiled;
SELECT is_empty('SELECT call, queries FROM compiled WHERE queries > 0', 'nothing is compiled');

-- That it would be seen.
SELECT size AS start FROM pg_stat_file(log_file()) \gset
SET auto_explain.log_min_duration = 0;
SELECT count(*) AS rows FROM generate_series(1, 2000) AS a, generate_series(1, 2000) AS b WHERE a + b = 1 \gset
SET auto_explain.log_min_duration = -1;
SELECT is(compiled_since(:start), :has_jit::bigint, 'a query that is expected to be expensive is, where the server can');
SELECT * FROM finish();
