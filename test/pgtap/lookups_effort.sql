-- What it costs to look something up, counted in rows that the executor handles, does not grow with the shop: also where the
-- planner has no statistics, or believes in wrong ones.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
CREATE EXTENSION citext;
SET customer_identity.default_region = 'GB';
SELECT * FROM no_plan();
\ir effort.psql

CREATE FUNCTION effort_of(statement text, OUT answer text, OUT effort numeric) LANGUAGE plpgsql AS $$
DECLARE
  start bigint := (SELECT size FROM pg_stat_file(log_file()));
BEGIN
  EXECUTE statement INTO answer;
  effort := effort_since(start);
END
$$;
\set look 'SET auto_explain.log_min_duration = 0'
\set look_away 'SET auto_explain.log_min_duration = -1'
:look;
SELECT cmp_ok(effort, '>=', 1000::numeric, 'effort is seen') FROM effort_of('SELECT count(*) FROM generate_series(1, 1000)');
:look_away;

CREATE TABLE users (id citext PRIMARY KEY, name text, email text, phone text);
CREATE TABLE orders (id int, day date, user_id citext REFERENCES users ON DELETE SET NULL, phone text, total numeric, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE stalls (shop int, no text, id text, user_id citext, phone text, total numeric, PRIMARY KEY (shop, no));
CREATE INDEX ON stalls (id);
SELECT customer_identity.create_tables() IS NOT NULL AS made \gset
SELECT customer_identity.attach_users('users', name_column => 'name') IS NOT NULL AS attached \gset
SELECT customer_identity.attach_orders(t, users => 'users') IS NOT NULL AS attached FROM unnest('{orders,stalls}'::regclass[]) AS t \g /dev/null
ALTER TABLE customer_merges SET (autovacuum_enabled = off);

INSERT INTO users SELECT 'User ' || n, 'Ada ' || n, n || '@example.com', '07400 1' || lpad(n::text, 5, '0') FROM generate_series(1, 4000) AS n;
INSERT INTO orders SELECT n, '2024-01-01'::date + n % 700, 'User ' || n, NULL, 10 FROM generate_series(1, 4000) AS n;
INSERT INTO stalls SELECT n % 3, 'no, ' || n, 'stall ' || n, 'User ' || n, NULL, 10 FROM generate_series(1, 4000) AS n;
VACUUM ANALYZE;
CREATE FUNCTION customer_of(login text) RETURNS uuid LANGUAGE sql AS 'SELECT customer_id FROM users WHERE id = login::citext';

-- By key.
:look;
SELECT is(answer, 'user', what) || E'\n' || cmp_ok(effort, '<', 3000::numeric, format('%s: %s rows', what, effort))
FROM (VALUES ('orders', '1234', 'an order of a partitioned table by its id'),
  ('orders', (SELECT id || ',' || day FROM orders WHERE id = 1234), 'by the whole of its key'),
  ('stalls', 'stall 3900', 'an order by an id that is no key')) AS k (relation, key, what),
  effort_of(format('SELECT customer_identity.why_linked(%L, %L) ->> ''rule''', relation, key));
SELECT is(answer, 'phone', 'a login by an id whose type ignores case') || E'\n' || cmp_ok(effort, '<', 3000::numeric, format('a login by an id whose type ignores case: %s rows', effort))
FROM effort_of($$SELECT customer_identity.why_linked('users', 'User 3900') ->> 'rule'$$);
SELECT is(customer_identity.why_linked(relation, key) ->> 'rule', rule, format('%s %s', relation, key))
FROM (VALUES ('users', 'user 1234', NULL), ('stalls', '1,no, 1234', 'user'), ('stalls', '2,no, 1234', NULL), ('stalls', 'x,no, 1234', NULL), ('stalls', 'stall 0', NULL),
  ('orders', '1234,2024-01-01', NULL), ('orders', '1234,', NULL), ('orders', ',', NULL), ('orders', '', NULL), ('orders', '01234', NULL)) AS k (relation, key, rule);
:look_away;

-- One merge among many of others.
SELECT customer_identity.merge_customers(customer_of('User 1'), customer_of('User 2')) AS merge \gset
SELECT customer_identity.merge_customers(customer_of('User 3'), customer_of('User 1')) AS next \gset
INSERT INTO customer_merges (id, winner_id, loser_id, record)
SELECT id + 1 + n, customer_of('User ' || n), md5(n::text)::uuid, replace(replace(record::text, '"User 2"', format('"User %s"', n)), '+44740010000', '+44740030000')::jsonb
FROM customer_merges, generate_series(10, 809) AS n WHERE id = :merge;
DELETE FROM pg_statistic WHERE starelid = 'customer_merges'::regclass;
:look;
SELECT is(answer, '2', 'the merges on the way of a login') || E'\n' || cmp_ok(effort, '<', 4000::numeric, format('the merges on the way of a login: %s rows', effort))
FROM effort_of($$SELECT jsonb_array_length(customer_identity.why_linked('users', 'User 2') -> 'merges')$$);
SELECT is(answer, '2', 'the merges of a customer') || E'\n' || cmp_ok(effort, '<', 1500::numeric, format('the merges of a customer: %s rows', effort))
FROM effort_of($$SELECT jsonb_array_length(customer_identity.customer_details(customer_of('User 3')) -> 'merges')$$);
SELECT cmp_ok(effort, '<', 100000::numeric, format('a preview of an erasure looks at few merges closely: %s rows', effort))
FROM effort_of($$SELECT customer_identity.erase_preview(customer_of('User 4'))$$);
:look_away;
SELECT results_eq(format('SELECT unnest(customer_identity_internal.merges_of_person(%s, ''customers'')) ORDER BY 1', person), merges, format('the merges of who has %s', what))
FROM (VALUES ('ARRAY[''+447400100002''], ''{}''', 'the loser''s phone', ARRAY[:merge::bigint]), ('''{}'', ARRAY[''User 2'']', 'a login that was moved twice', ARRAY[:merge, :next]),
  ('''{}'', ARRAY[''User 77'']', 'another''s login', ARRAY[:merge + 78])) AS p (person, what, merges);
SELECT is(customer_identity_internal.merges_of_person('{}', '{}', 'customers'), '{}', 'none of nobody');
SELECT is(customer_identity_internal.merges_of_person('{+447400109999}', '{user 2}', 'customers'), '{}', 'nor of who is like them');

-- An export reads each table once, and other logins by their ids.
SELECT customer_of('User 5') AS five \gset
SET session_replication_role = replica;
INSERT INTO orders (id, day, total, customer_id) SELECT -n, '2024-01-01', 10, :'five' FROM generate_series(1, 3000) AS n;
INSERT INTO phone_proofs (phone, customer_id, user_id, method, ended_at) SELECT '+447400100005', :'five', 'User ' || n, 'sms', now() FROM generate_series(1, 10) AS n;
RESET session_replication_role;
VACUUM ANALYZE orders, users, phone_proofs;
:look;
SELECT is(answer, '3001', 'all orders are exported') || E'\n' || cmp_ok(effort, '<', 10.0 * 3000, format('and read once: %s rows', effort))
FROM effort_of(format($$SELECT jsonb_array_length(t -> 'rows') FROM jsonb_array_elements(customer_identity.export_customer(%L) -> 'tables') AS t WHERE t ->> 'table' = 'public.orders'$$, :'five'));
SELECT is(answer, '{"User 4"}', 'the logins of others among some') || E'\n' || cmp_ok(effort, '<', 100::numeric, format('are looked up: %s rows', effort))
FROM effort_of(format($$SELECT customer_identity_internal.logins_of_others('users', '{User 4,User 5,user 6,nobody}', %L, 'customers')$$, :'five'));
:look_away;

-- Customers whose numbers read differently, by pages.
INSERT INTO customers (phone) SELECT '+4400' || 100000 + n FROM generate_series(1, 3000) AS n;
VACUUM ANALYZE customers;
SELECT id AS after FROM customers WHERE phone LIKE '+4400%' ORDER BY id OFFSET 1000 LIMIT 1 \gset
:look;
SELECT is(answer, (SELECT string_agg(id::text, ' ' ORDER BY id) FROM (SELECT id FROM customers WHERE phone LIKE '+4400%' AND id > :'after' ORDER BY id LIMIT 5) AS c), 'a page of changed numbers') || E'\n' || cmp_ok(effort, '<', 500::numeric, format('a page of changed numbers: %s rows', effort))
FROM effort_of(format('SELECT string_agg(customer_id::text, '' '') FROM customer_identity.plan_changes(max_rows => 5, after => %L)', :'after'));
:look_away;

-- A customer without a name and with many logins, each with the e-mail of another customer.
CREATE FUNCTION grow(first int, last int) RETURNS void LANGUAGE sql SET session_replication_role = replica AS $$
  INSERT INTO users (id, name, email, customer_id) SELECT 'g' || n, 'Giant ' || n % 3, n || '@example.com', customer_of('User 9') FROM generate_series(first, last) AS n;
  UPDATE customers SET preferred_name = NULL WHERE id = customer_of('User 9');
$$;
SELECT grow(10, 1009);
VACUUM ANALYZE users;
:look;
SELECT effort AS thousand FROM effort_of('SELECT customer_identity.duplicate_customers()') \gset
:look_away;
SELECT grow(1010, 2009);
VACUUM ANALYZE users;
:look;
SELECT cmp_ok(effort, '<', 2.0 * :thousand, format('twice the logins of one customer, at most twice the work: %s, then %s rows', :thousand, effort))
FROM effort_of('SELECT customer_identity.duplicate_customers()');
:look_away;

-- The codes of a day.
INSERT INTO customer_identity.verifications (id, customers, phone, status, created_at, expires_at, approved_at)
SELECT gen_random_uuid(), 'customers', '+447400100005', 'approved', t.at, t.at + interval '10 minutes', t.at
FROM generate_series(1, 2000) AS n, LATERAL (SELECT now() - n * interval '40 seconds') AS t (at);
:look;
SELECT is(answer, (SELECT count(*)::text FROM customer_identity.verifications WHERE approved_at >= date_trunc('hour', now()) - interval '23 hours'), 'the codes of a day') || E'\n' || cmp_ok(effort, '<', 8 * 2000::numeric, format('are read once, not every hour: %s rows', effort))
FROM effort_of('SELECT sum(approved) FROM customer_identity.verification_health');
:look_away;
SELECT * FROM finish();
