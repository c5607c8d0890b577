-- Orders are joined to their users by the column that their foreign key refers to, whatever column and type that is, and
-- a login is known by the key of its table everywhere: each shop below is compared with a join of its own.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION citext;
CREATE EXTENSION customer_identity;
SET customer_identity.default_region = 'GB';
\ir failure.psql
SELECT * FROM no_plan();
CREATE ROLE keys_lender;

-- Six users whose ids are each the other column's value of another one: who is joined by the wrong column is found.
CREATE TYPE colour AS ENUM ('v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7');
CREATE DOMAIN ticket AS bigint CHECK (VALUE > 0);
CREATE TABLE types (users_type text, orders_type text, pattern text, in_orders text);
INSERT INTO types VALUES
  ('int', 'int', '%s', '%s'), ('int', 'bigint', '%s', '%s'), ('bigint', 'smallint', '%s', '%s'), ('ticket', 'int', '%s', '%s'),
  ('numeric(8,2)', 'int', '%s', '%s'), ('numeric', 'numeric(9,3)', '%s', '%s'),
  ('text', 'text', 'user %s', 'user %s'), ('varchar(20)', 'text', 'ü%s', 'ü%s'), ('char(9)', 'char(9)', 'u%s', 'u%s'),
  ('text', 'text COLLATE "C"', 'u%s', 'u%s'), ('text COLLATE "POSIX"', 'varchar(9)', 'u%s', 'u%s'),
  ('uuid', 'uuid', '00000000-0000-0000-0000-00000000000%s', '00000000-0000-0000-0000-00000000000%s'),
  ('citext', 'citext', 'User%s@Example.com', 'uSER%s@example.COM'), ('colour', 'colour', 'v%s', 'v%s'), ('date', 'date', '2026-01-0%s', '2026-01-0%s');

CREATE FUNCTION make_shop(kind types, reference text, lent boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DROP SCHEMA IF EXISTS shop CASCADE;
  CREATE SCHEMA shop;
  SET search_path = shop, public;
  PERFORM customer_identity.create_tables();
  EXECUTE format('CREATE TABLE users (n int, other %1$s UNIQUE, phone text, id %1$s PRIMARY KEY)', kind.users_type);
  EXECUTE format('CREATE TABLE orders (n int PRIMARY KEY, placer %s %s, phone text, total numeric)', kind.orders_type,
    CASE WHEN reference IS NOT NULL THEN format('REFERENCES users (%s) ON UPDATE CASCADE ON DELETE SET NULL', reference) END);
  IF lent THEN
    GRANT ALL ON SCHEMA shop TO keys_lender;
    ALTER TABLE users OWNER TO keys_lender;
    GRANT ALL ON customers, phone_proofs, customer_events TO keys_lender;
  END IF;
END
$$;
CREATE FUNCTION attach_shop() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM customer_identity.attach_users('users'), customer_identity.attach_orders('orders', user_column => 'placer');
END
$$;

-- Half of the users get a phone after they have ordered; the last one gets none. Some orders have one of their own.
CREATE FUNCTION fill_shop(kind types) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('INSERT INTO users SELECT n, format(%1$L, n %% 6 + 1)::%2$s, CASE WHEN n %% 2 = 1 THEN ''07400 12340'' || n END,'
    ' format(%1$L, n)::%2$s FROM generate_series(1, 6) AS n', kind.pattern, kind.users_type);
  EXECUTE format('INSERT INTO orders SELECT n, format(%1$L, n %% 6 + 1)::%2$s, CASE WHEN n %% 6 >= 4 THEN ''07400 12349'' || n %% 6 END, 1'
    ' FROM generate_series(1, 18) AS n', kind.in_orders, kind.orders_type);
  UPDATE users SET phone = '07400 12340' || n WHERE n IN (2, 4);
END
$$;

CREATE FUNCTION numbers(orders jsonb) RETURNS int[] LANGUAGE sql AS
  $$SELECT coalesce(array_agg((i ->> 'n')::int ORDER BY (i ->> 'n')::int), '{}') FROM jsonb_array_elements(orders -> 'items') AS i$$;

CREATE FUNCTION wrong_in_shop(joined_by text, adopted boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  wrong text;
BEGIN
  EXECUTE format('CREATE VIEW truth AS SELECT o.n AS order_n, o.customer_id, o.phone AS order_phone, u.id::text AS user_id, u.phone, u.n'
    ' FROM orders AS o LEFT JOIN users AS u ON u.%I = o.placer', joined_by);
  -- An order has its user's customer, unless that one had no phone when it came.
  SELECT 'customers of orders ' || string_agg(t.order_n::text, ' ') INTO wrong
  FROM truth AS t
  LEFT JOIN customers AS c ON c.phone = customer_identity.normalize_phone(
    CASE WHEN t.phone IS NULL OR (NOT adopted AND t.n % 2 = 0) THEN coalesce(t.order_phone, t.phone) ELSE t.phone END)
  WHERE t.customer_id IS DISTINCT FROM c.id;
  PERFORM customer_identity.record_proof(u.phone, u.id::text) FROM users AS u WHERE u.n = 1;
  RETURN NULLIF(concat_ws('; ', wrong,
    (SELECT 'own orders ' || string_agg(u.id::text, ' ') FROM users AS u
     WHERE numbers(customer_identity.visible_orders(u.id::text)) <> ARRAY(SELECT t.order_n FROM truth AS t
       WHERE t.user_id = u.id::text OR (u.n = 1 AND t.customer_id = u.customer_id) ORDER BY t.order_n)),
    (SELECT 'sees ' || string_agg(u.id::text, ' ') FROM users AS u
     WHERE u.customer_id IS NOT NULL AND customer_identity.can_see_customer(u.id::text, u.customer_id) <> (u.n = 1)),
    (SELECT 'customer''s orders ' || string_agg(c.phone, ' ') FROM customers AS c
     WHERE numbers(customer_identity.customer_orders(c.id)) <> ARRAY(SELECT o.n FROM orders AS o WHERE o.customer_id = c.id ORDER BY o.n)),
    (SELECT 'logins ' || string_agg(u.id::text, ' ') FROM users AS u
     WHERE u.customer_id IS NOT NULL AND customer_identity.customer_users(u.customer_id) -> 0 ->> 'id' <> u.id::text),
    (SELECT 'history ' || string_agg(coalesce(e.actor, 'nobody'), ' ') FROM customer_events AS e JOIN customers AS c ON c.id = e.customer_id
     WHERE e.details ->> 'from' = 'order' AND e.actor IS DISTINCT FROM (SELECT min(t.user_id) FROM truth AS t WHERE t.customer_id = c.id)),
    (SELECT 'totals' FROM customer_identity.verify_totals() LIMIT 1),
    (SELECT string_agg(f.finding, ', ') FROM customer_identity.check_setup() AS f
     WHERE f.severity = 'error' OR f.finding ~ 'could have one')), '');
END
$$;

-- Attached before the first row comes, or adopted with rows.
CREATE TABLE shops AS
SELECT t AS kind, r.reference, r.adopted, r.lent
FROM types AS t
CROSS JOIN (VALUES ('id', false, true), ('other', false, false), ('other', false, true), ('other', true, false), ('other', true, true),
  (NULL, true, false)) AS r (reference, adopted, lent);
SELECT
  format('SELECT make_shop(%L, %L, %L)', kind, reference, lent),
  CASE WHEN NOT adopted THEN 'SELECT attach_shop()' END,
  format('SELECT fill_shop(%L)', kind),
  CASE WHEN adopted THEN 'SELECT attach_shop()' END,
  CASE WHEN adopted THEN $$CALL customer_identity.backfill('users', 2)$$ END,
  CASE WHEN adopted THEN $$CALL customer_identity.backfill('orders', 5)$$ END,
  format('SELECT is(wrong_in_shop(%L, %L), NULL, %L)', coalesce(reference, 'id'), adopted, concat_ws(', ',
    (kind).users_type || ' users, ' || (kind).orders_type || ' orders, ' || coalesce(' joined by ' || reference, ' no foreign key'),
    CASE WHEN adopted THEN 'adopted' END, CASE WHEN lent THEN 'two owners' END))
FROM shops
\gexec

-- A login that is renamed keeps its orders, whichever column they refer to, and its proofs follow its key alone.
SELECT make_shop(t, 'other', false), attach_shop(), fill_shop(t) FROM types AS t WHERE users_type = 'text';
DELETE FROM customer_events WHERE details ->> 'from' = 'order';
UPDATE users SET id = 'renamed ' || n;
SELECT is(wrong_in_shop('other', false), NULL, 'every key renamed');
DROP VIEW truth;
SELECT customer_id AS before FROM orders WHERE n = 1 \gset
UPDATE users SET other = 'other ' || n;
SELECT is((SELECT customer_id FROM orders WHERE n = 1), :'before'::uuid, 'the orders of a user whose other column changes stay');
SELECT is((SELECT placer FROM orders WHERE n = 1), 'other 1', 'and refer to it');
SELECT is(wrong_in_shop('other', false), NULL, 'every value of the other column renamed');
DROP VIEW truth;
UPDATE users SET other = NULL WHERE n = 5;
SELECT is(numbers(customer_identity.visible_orders('renamed 5')), '{}', 'a user without a value has no orders of the own');

-- Two orders tables that refer to the same users by different columns.
CREATE TABLE repairs (n int PRIMARY KEY, owner_id text REFERENCES users ON UPDATE CASCADE ON DELETE SET NULL, total numeric);
SELECT customer_identity.attach_orders('repairs', user_column => 'owner_id', phone_column => NULL);
INSERT INTO repairs VALUES (101, 'renamed 2', 1), (102, 'renamed 6', 1);
SELECT is(numbers(customer_identity.visible_orders('renamed 2')), ARRAY[2, 8, 14, 101], 'are shown together');
UPDATE users SET phone = '07400 123406' WHERE n = 6;
SELECT is((SELECT string_agg(c.phone, ' ' ORDER BY n) FROM repairs AS r JOIN customers AS c ON c.id = r.customer_id), '+447400123402 +447400123406',
  'and attached each by its own');
SELECT is((SELECT array_agg(users_key_column ORDER BY attached::text) FROM customer_identity.attachments WHERE kind = 'orders'), '{other,id}', 'attachments tells which');

-- Columns that are renamed.
ALTER TABLE users RENAME other TO wordpress_id;
INSERT INTO orders VALUES (19, 'other 1', NULL, 1);
SELECT is((SELECT c.phone FROM orders AS o JOIN customers AS c ON c.id = o.customer_id WHERE n = 19), '+447400123401', 'a renamed column is followed');
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE severity = 'error'$$, 'and nothing is wrong with it');
ALTER EVENT TRIGGER customer_identity_follow_renames DISABLE;
ALTER TABLE users RENAME wordpress_id TO other;
SELECT is((failure($$INSERT INTO orders VALUES (20, 'other 1', NULL, 1)$$)).code, 'CI007', 'one that could not be is an error');
SELECT lives_ok($$INSERT INTO users VALUES (7, 'other 7', '07400 123407', 'renamed 7')$$, 'but for no sign-up');
SELECT matches((SELECT what_to_do FROM customer_identity.check_setup() WHERE finding = 'column wordpress_id of shop.users, which the triggers name, was renamed or dropped'),
  'attach_users.*attach_orders', 'and a finding');
SELECT customer_identity.attach_orders('orders', user_column => 'placer');
SELECT lives_ok($$INSERT INTO orders VALUES (20, 'other 1', NULL, 1)$$, 'until the orders are attached again');
ALTER EVENT TRIGGER customer_identity_follow_renames ENABLE;

-- What the foreign key refers to by now.
CREATE FUNCTION key_findings() RETURNS SETOF text LANGUAGE sql AS
  $$SELECT concat_ws(': ', object, finding) FROM customer_identity.check_setup() WHERE severity = 'error' ORDER BY 1$$;
ALTER TABLE orders DROP CONSTRAINT orders_placer_fkey;
SELECT is(key_findings(), 'shop.orders: column placer references id of shop.users, but the triggers join it by other', 'a foreign key that is gone is a finding');
UPDATE orders SET placer = 'renamed ' || substr(placer, 7);
ALTER TABLE orders ADD FOREIGN KEY (placer) REFERENCES users;
SELECT is(key_findings(), 'shop.orders: column placer references id of shop.users, but the triggers join it by other', 'and one to another column');
SELECT what_to_do AS advice FROM customer_identity.check_setup() WHERE severity = 'error' \gset
:advice
SELECT is_empty('SELECT key_findings()', 'that is mended by what it says');
SELECT is((SELECT what_to_do FROM customer_identity.check_setup() WHERE finding ~ 'blocks the deletion'),
  'ALTER TABLE shop.orders DROP CONSTRAINT orders_placer_fkey, ADD FOREIGN KEY (placer) REFERENCES shop.users (id) ON DELETE SET NULL;', 'advice names the column referred to');

UPDATE users SET other = 'other 5' WHERE other IS NULL;
ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE, ALTER other SET NOT NULL, ADD PRIMARY KEY (other);
SELECT ok('shop.users: its key is other, but proofs and history identify its users by id' IN (SELECT key_findings()), 'another key is a finding');
SET client_min_messages = error;
SELECT customer_identity.attach_users('users');
SET client_min_messages = warning;
SELECT ok('shop.users: its key is other, but proofs and history identify its users by id' NOT IN (SELECT key_findings()), 'until the users are attached again');
ALTER TABLE users DROP CONSTRAINT users_pkey;
SELECT ok('shop.users: table shop.users has no single-column key' IN (SELECT key_findings()), 'and none at all');

-- Foreign keys that say it by way of other tables, or with other columns.
CREATE SCHEMA ways;
SET search_path = ways, public;
SELECT customer_identity.create_tables();
CREATE TABLE logins (tenant int, number int UNIQUE, code text UNIQUE, id int PRIMARY KEY, phone text, UNIQUE (tenant, id), UNIQUE (tenant, code));
SELECT customer_identity.attach_users('logins');
INSERT INTO logins VALUES (1, 2, 'c', 1, '07400 123401'), (1, 1, 'b', 2, '07400 123402');
CREATE TABLE profiles (id int PRIMARY KEY, login int UNIQUE REFERENCES logins (number));
INSERT INTO profiles VALUES (1, 1), (2, 2);
CREATE FUNCTION joined_by(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  failed record;
  users_key text;
BEGIN
  EXECUTE 'CREATE TABLE sales (id int PRIMARY KEY, tenant int, placer int, total numeric, ' || statement;
  failed := public.failure($x$SELECT customer_identity.attach_orders('sales', user_column => 'placer', phone_column => NULL)$x$);
  SELECT concat_ws(' ', a.users, a.users_key_column) INTO users_key FROM customer_identity.attachments AS a WHERE a.attached = to_regclass('sales');
  DROP TABLE sales;
  RETURN concat_ws(' ', users_key, failed.code);
END
$$;
SELECT is(joined_by(statement), wanted, statement) FROM (VALUES
  ('FOREIGN KEY (placer) REFERENCES logins)', 'logins id'),
  ('FOREIGN KEY (placer) REFERENCES logins (number) NOT VALID)', 'logins number'),
  ('FOREIGN KEY (placer) REFERENCES logins (number) DEFERRABLE INITIALLY DEFERRED)', 'logins number'),
  ('FOREIGN KEY (placer) REFERENCES logins (number), FOREIGN KEY (placer) REFERENCES logins (number) ON DELETE CASCADE)', 'logins number'),
  ('FOREIGN KEY (placer) REFERENCES logins (number), FOREIGN KEY (placer) REFERENCES logins)', '42702'),
  ('FOREIGN KEY (tenant, placer) REFERENCES logins (tenant, id))', 'logins id'),
  ('FOREIGN KEY (placer) REFERENCES profiles (login))', 'logins number'),
  ('FOREIGN KEY (placer) REFERENCES logins, FOREIGN KEY (tenant) REFERENCES profiles)', 'logins id'),
  ('FOREIGN KEY (tenant) REFERENCES logins (number))', 'logins id'),
  ('UNIQUE (placer))', 'logins id'),
  ('FOREIGN KEY (placer) REFERENCES profiles)', '')
) AS v (statement, wanted);

CREATE FUNCTION key_of(definition text, index text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  failed record;
  key text;
BEGIN
  EXECUTE format('CREATE TABLE people (%s, phone text); %s', definition, index);
  failed := public.failure($x$SELECT customer_identity.attach_users('people')$x$);
  SELECT a.key_column INTO key FROM customer_identity.attachments AS a WHERE a.attached = 'people'::regclass;
  DROP TABLE people;
  RETURN coalesce(failed.code, key);
END
$$;

-- Tables that extend the same accounts.
CREATE TABLE accounts (id int PRIMARY KEY);
CREATE TABLE members (id int PRIMARY KEY REFERENCES accounts, phone text);
CREATE TABLE patrons (id int PRIMARY KEY, account int UNIQUE REFERENCES accounts, phone text);
CREATE TABLE bills (id int PRIMARY KEY, placer int REFERENCES accounts, total numeric);
SELECT customer_identity.attach_users('members');
SELECT customer_identity.attach_orders('bills', user_column => 'placer', phone_column => NULL);
SELECT is((SELECT users::text || users_key_column FROM customer_identity.attachments WHERE attached = 'bills'::regclass), 'membersid', 'orders and users may refer to a third table');
SELECT customer_identity.attach_users('patrons');
SELECT is((failure($$SELECT customer_identity.attach_orders('bills', user_column => 'placer', phone_column => NULL)$$)).code, '42702', 'two such tables have to be told apart');
SELECT customer_identity.attach_orders('bills', users => 'patrons', user_column => 'placer', phone_column => NULL);
SELECT is((SELECT users::text || users_key_column FROM customer_identity.attachments WHERE attached = 'bills'::regclass), 'patronsaccount', 'by the column that refers to it as well');
SELECT throws_ok($$SELECT customer_identity.attach_orders('bills', users => 'logins', user_column => 'placer', phone_column => NULL)$$, '42830',
  'foreign key bills_placer_fkey of ways.bills does not say whose order it is', 'users that a foreign key does not lead to are refused');
CREATE TABLE partners (region text, number int, id int PRIMARY KEY, phone text, UNIQUE (region, number));
CREATE TABLE supplies (id int PRIMARY KEY, region text, number int, total numeric, FOREIGN KEY (region, number) REFERENCES partners (region, number));
SELECT customer_identity.attach_users('partners');
SELECT throws_ok($$SELECT customer_identity.attach_orders('supplies', users => 'partners', user_column => 'number', phone_column => NULL)$$, '42830',
  'foreign key supplies_region_number_fkey of ways.supplies does not say whose order it is', 'a number that many users have does not say which');

-- Partitioned users, and a foreign key to one of their partitions.
CREATE TABLE crowd (id int, phone text, region text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE crowd_de PARTITION OF crowd (UNIQUE (id)) FOR VALUES IN ('DE');
CREATE TABLE crowd_fr PARTITION OF crowd FOR VALUES IN ('FR');
INSERT INTO crowd VALUES (1, '07400 123411', 'DE'), (1, '07400 123412', 'FR');
SELECT throws_ok($$SELECT customer_identity.attach_users('crowd')$$, '42P16', 'users in several partitions of ways.crowd have the same id', 'partitions that share an id are refused');
UPDATE crowd SET id = 2 WHERE region = 'FR';
SELECT customer_identity.attach_users('crowd');
CREATE TABLE rides (id int PRIMARY KEY, placer int REFERENCES crowd_de (id), total numeric);
SELECT customer_identity.attach_orders('rides', user_column => 'placer', phone_column => NULL);
CALL customer_identity.backfill('crowd');
INSERT INTO rides VALUES (1, 1, 1);
SELECT is((SELECT c.phone FROM rides AS r JOIN customers AS c ON c.id = r.customer_id), '+447400123411', 'a partition''s users are those of its table');
UPDATE crowd SET id = 1 WHERE region = 'FR';
SELECT is((SELECT finding FROM customer_identity.check_setup() WHERE object ~ 'crowd' AND severity = 'error'), 'users in several partitions of ways.crowd have the same id',
  'an id that is shared later is a finding');

-- What is no key.
SELECT is(joined, wanted, definition) FROM (VALUES
  ('id int PRIMARY KEY', 'id'), ('id int, name text, PRIMARY KEY (name)', 'name'), ('id int PRIMARY KEY DEFERRABLE', 'id'),
  ('id int, name text, PRIMARY KEY (id) INCLUDE (name)', 'id'), ('id int NOT NULL UNIQUE', 'id'),
  ('id int NOT NULL UNIQUE, tenant int, number int, PRIMARY KEY (tenant, number)', 'id'),
  ('id int NOT NULL UNIQUE, name text PRIMARY KEY', 'name'), ('id int, name text NOT NULL UNIQUE', '42P16'),
  ('id int', '42P16'), ('name text', '42P16'), ('id int NOT NULL', '42P16'), ('id int UNIQUE', '42P16'),
  ('id int NOT NULL UNIQUE DEFERRABLE', '42P16'), ('id int NOT NULL, tenant int, UNIQUE (id, tenant)', '42P16'),
  ('id int, tenant int, PRIMARY KEY (tenant, id)', '42P16'), ('tenant int, number int, PRIMARY KEY (tenant, number)', '42P16'),
  ('id int NOT NULL, EXCLUDE (id WITH =)', '42P16')
) AS v (definition, wanted)
CROSS JOIN LATERAL (SELECT key_of(definition)) AS k (joined);
SELECT is(key_of('id int NOT NULL', index), '42P16', index) FROM unnest(ARRAY['CREATE INDEX ON people (id)', 'CREATE UNIQUE INDEX ON people (id) WHERE id > 0',
  'CREATE UNIQUE INDEX ON people (abs(id))', 'CREATE UNIQUE INDEX ON people (phone) INCLUDE (id)']) AS index;

DROP OWNED BY keys_lender;
DROP ROLE keys_lender;
SELECT * FROM finish();
