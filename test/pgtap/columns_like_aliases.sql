-- Columns of the application may be called as our statements call their own: tables with a column for each of these names.
\ir shop.psql
SELECT * FROM no_plan();
CREATE FUNCTION id_of(customer_phone text) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM customers WHERE phone = customer_phone';
CREATE TABLE aliases AS
WITH bodies AS (
  SELECT prosrc AS body FROM pg_proc WHERE pronamespace::regnamespace::text LIKE 'customer\_identity%' AND prolang <> 12),
names AS (
  SELECT (regexp_matches(body, '\mAS ([a-z_][a-z0-9_]*)\M', 'g'))[1] AS name FROM bodies
  UNION SELECT btrim(c) FROM bodies, regexp_matches(body, '\mAS [a-z]\w* \(([a-z0-9_%, ]+)\)', 'g') AS m, regexp_split_to_table(m[1], ',') AS c
  UNION SELECT 'given'
  UNION SELECT chr(n) FROM generate_series(ascii('a'), ascii('z')) AS n)
SELECT name FROM names
WHERE name ~ '^[a-z_][a-z0-9_]*$' AND name NOT LIKE 'customer\_identity%' AND name <> 'phone_generation' AND name NOT IN (
  SELECT attname FROM pg_attribute WHERE attrelid IN ('"user"'::regclass, 'orders'::regclass, 'customers'::regclass) OR (attnum < 0 AND attrelid = 'pg_class'::regclass));
SELECT cmp_ok(count(*), '>', 140::bigint, 'names that are tried') FROM aliases;
SELECT ok('{value,place,part,key,moves,shown,r,k,o}'::text[] <@ array_agg(name::text), 'those of old among them') FROM aliases;

-- As many as there may be.
CREATE TABLE personal AS SELECT name FROM aliases ORDER BY name <> 'given', length(name), name LIMIT 100;

-- NOT NULL, with a check that takes no empty text, a default: all that an emptying asks for.
CREATE TABLE gifts (customer_id uuid REFERENCES customers ON DELETE CASCADE);
CREATE TABLE hints (id int PRIMARY KEY, customer_id uuid REFERENCES customers);
DO $$
BEGIN
  EXECUTE (
    SELECT string_agg(format('ALTER TABLE %s %s;', t.name, (SELECT string_agg(format('ADD %I ' || t.how, a.name, a.name), ', ') FROM aliases AS a
      WHERE t.name <> 'customers' OR length(a.name) = 1 OR a.name IN ('key', 'given'))), ' ')
    FROM (VALUES ('"user"', 'text DEFAULT ''x'' CHECK (%I <> '''')'), ('orders', 'text NOT NULL DEFAULT ''x'' CHECK (%I <> '''')'), ('customers', 'text'),
      ('gifts', 'text'), ('hints', 'text')) AS t (name, how));
END
$$;
CREATE UNIQUE INDEX ON hints (lower(k), moves, shown, customer_id) WHERE t IS NULL;
SELECT lives_ok($$SELECT customer_identity.attach_users('"user"', phone_columns => '{phoneNumber,phone}', verified_column => 'phoneNumberVerified',
    name_column => 'name', region_column => 'country', personal_columns => (SELECT array_agg(name) FROM personal))$$, 'users are attached');
SELECT lives_ok($$SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
    status_column => 'status', counted_statuses => '{paid,shipped}', personal_columns => (SELECT array_agg(name) FROM personal))$$, 'and orders');
INSERT INTO "user" (id, name, phone, given) VALUES ('ada', 'Ada', '07400 123401', 'Ada'), ('bob', 'Bob', '07400 123402', 'Bob'), ('cy', 'Ada', '07400 123403', NULL);
INSERT INTO orders (user_id, total) SELECT id, 10 FROM "user";
INSERT INTO orders (phone, total) VALUES ('07400 123401', 5);
INSERT INTO gifts (customer_id, r, key) SELECT customer_id, 'r', 'key' FROM "user";
INSERT INTO hints (id, customer_id) SELECT row_number() OVER (), customer_id FROM "user";
UPDATE customers SET given = 'Ada', key = phone;
SELECT id_of('+447400123401') AS ada, id_of('+447400123402') AS bob \gset
CALL customer_identity.backfill('"user"');
CALL customer_identity.backfill('orders');
SELECT customer_identity.rebuild_totals() \g /dev/null
SELECT lives_ok(format(call, :'ada', :'bob'), call)
FROM unnest(ARRAY[
  'SELECT customer_identity.export_customer(%L)', 'SELECT customer_identity.erase_preview(%L)', 'SELECT customer_identity.merge_preview(%L, %L)',
  'SELECT * FROM customer_identity.duplicate_customers()', 'SELECT * FROM customer_identity.phone_suspects()', 'SELECT customer_identity.customer_details(%L)',
  'SELECT * FROM customer_identity.list_customers()', 'SELECT * FROM customer_identity.list_customers(search => ''ada'')',
  'SELECT * FROM customer_identity.customer_orders(%L)', 'SELECT * FROM customer_identity.customer_users(%L)', 'SELECT * FROM customer_identity.fraud_signals()',
  'SELECT * FROM customer_identity.customer_history(%L)', 'SELECT * FROM customer_identity.customer_stats()', 'SELECT customer_identity.why_linked(''"user"'', ''ada'')',
  'SELECT * FROM customer_identity.visible_orders(''ada'')', 'SELECT * FROM customer_identity.phone_problems(''orders'')', 'SELECT * FROM customer_identity.verify_totals()',
  'SELECT * FROM customer_identity.check_setup()', 'SELECT * FROM customer_identity.migrate_phones()',
  'SELECT customer_identity.update_customer(%L, ''{"given": "Ada", "r": "r"}'')', 'SELECT customer_identity.change_phone(%L, ''07400 123405'', keep_old => true)',
  'SELECT customer_identity.release_phone(%L, ''07400 123401'')']) AS c (call);
SELECT set_eq(format('SELECT i - ''table'' FROM jsonb_array_elements(customer_identity.customer_orders(%L) -> ''items'') AS i', :'ada'),
  format('SELECT to_jsonb("orders".*) FROM orders WHERE "orders".customer_id = %L', :'ada'), 'a page of orders has their rows whole');
SELECT is(customer_identity.customer_users(:'ada') #>> '{0,name}', 'Ada', 'one of users their own names');
SELECT ok(customer_identity.customer_details(:'ada') @> (SELECT to_jsonb("customers".*) FROM customers WHERE "customers".id = :'ada'), 'and the details the customer''s row');
CREATE TABLE before AS SELECT to_jsonb(g) - 'n' AS of_gift FROM gifts AS g;
SELECT customer_identity.merge_customers(:'ada', :'bob') AS merge \gset
SELECT is(count(*), 2::bigint, 'a merge moves rows without a key') FROM gifts WHERE customer_id = :'ada';
SELECT is(customer_identity.unmerge_customers(:'merge'), :'bob'::uuid, 'and back');
SELECT set_eq('SELECT to_jsonb(g) - ''n'' FROM gifts AS g', 'SELECT of_gift FROM before', 'as they were');
SELECT customer_identity.merge_customers(:'ada', :'bob') IS NOT NULL AS merged;
SELECT customer_identity.split_customer(:'ada', '{bob}', phone => '07400 123402') AS bob \gset
SELECT is(customer_identity.erase_preview(:'bob') ->> 'refused', NULL, 'nothing is in the way of an erasure');
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L)', :'bob'), 'which goes through');
SELECT is(count(*), 100::bigint, 'and empties each of the columns')
FROM "user", jsonb_each(to_jsonb("user".*)) AS c (name, held) WHERE "user".id = 'bob' AND c.held = 'null' AND c.name IN (SELECT name FROM personal);
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L, delete_users => true)', :'ada'), 'so does one that deletes logins');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals are exact');
SELECT * FROM finish();
