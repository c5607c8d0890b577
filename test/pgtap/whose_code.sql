-- Whose code runs as whom: what the owner of a table can put into it (policies, casts, domains, index expressions,
-- generated columns, triggers) runs as that owner or not at all, whoever calls us. Roles are made in a transaction
-- that is rolled back.
BEGIN;
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SET LOCAL customer_identity.default_region = 'GB';
SELECT * FROM no_plan();
CREATE ROLE book_owner;
CREATE ROLE users_owner;
CREATE ROLE orders_owner;
CREATE ROLE reader;
CREATE ROLE stranger;
GRANT CREATE, USAGE ON SCHEMA public TO book_owner, users_owner, orders_owner, stranger;

-- Says who runs it, and raises when that is not the role it belongs to.
CREATE FUNCTION public.mine(owner name) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 0.0001 AS $$
BEGIN
  IF current_user <> owner THEN RAISE EXCEPTION '% ran as %', owner, current_user USING ERRCODE = 'EV001'; END IF;
  RETURN true;
END $$;
CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM public.mine(TG_ARGV[0]::name);
  RETURN COALESCE(NEW, OLD);
END $$;

GRANT EXECUTE ON FUNCTION customer_identity.create_tables TO book_owner;
SET ROLE book_owner;
SELECT customer_identity.create_tables() \g /dev/null
RESET ROLE;

-- Every table has code of its owner wherever there can be some.
SET ROLE users_owner;
CREATE DOMAIN user_id AS text CHECK (public.mine('users_owner'));
CREATE TABLE users (id user_id PRIMARY KEY, name text, email text, phone text,
  loud text GENERATED ALWAYS AS (CASE WHEN public.mine('users_owner') THEN upper(name) END) STORED);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION guard('users_owner');
SET ROLE orders_owner;
CREATE TYPE parcel AS ENUM ('small', 'large');
CREATE DOMAIN order_id AS int CHECK (public.mine('orders_owner'));
CREATE FUNCTION shown(parcel) RETURNS json LANGUAGE sql AS 'SELECT to_json(public.mine(''orders_owner''))';
CREATE TABLE orders (id order_id PRIMARY KEY, user_id text, phone text, total numeric, status text DEFAULT 'paid', payment text, parcel parcel DEFAULT 'small',
  created_at timestamptz DEFAULT now());
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION guard('orders_owner');
RESET ROLE;
CREATE CAST (parcel AS json) WITH FUNCTION shown(parcel);
SET ROLE book_owner;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON customers FOR EACH ROW EXECUTE FUNCTION guard('book_owner');
CREATE TRIGGER guard_later AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION guard('book_owner');
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON phone_proofs FOR EACH ROW EXECUTE FUNCTION guard('book_owner');
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON customer_events FOR EACH ROW EXECUTE FUNCTION guard('book_owner');
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs TO users_owner, orders_owner;
GRANT REFERENCES ON customers TO users_owner, orders_owner;
RESET ROLE;
GRANT SELECT ON users TO book_owner, orders_owner;
GRANT SELECT ON orders TO book_owner, users_owner;
GRANT UPDATE ON orders TO users_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity TO reader, users_owner, orders_owner, stranger;

SET ROLE users_owner;
SELECT lives_ok($$SELECT customer_identity.attach_users('users', name_column => 'name')$$, 'the users'' owner attaches them');
SET ROLE orders_owner;
SELECT lives_ok($$SELECT customer_identity.attach_orders('orders', users => 'users', status_column => 'status', counted_statuses => '{paid}',
  payment_column => 'payment', cod_values => '{cash}')$$, 'and the orders'' owner those: EXECUTE on the function is enough');

CREATE TABLE sales (id int PRIMARY KEY, phone text, total numeric);
SELECT customer_identity.attach_orders('sales');
GRANT SELECT ON sales TO book_owner, reader;

SET ROLE users_owner;
CREATE TABLE logins (id text PRIMARY KEY, phone text, verified boolean);
SELECT customer_identity.attach_users('logins', verified_column => 'verified') \g /dev/null
GRANT SELECT ON logins TO orders_owner, book_owner, reader;
SET ROLE orders_owner;
CREATE TABLE purchases (id int PRIMARY KEY, user_id text, total numeric);
SELECT customer_identity.attach_orders('purchases', users => 'logins') \g /dev/null
GRANT SELECT, UPDATE ON purchases TO users_owner;
GRANT SELECT ON purchases TO book_owner, reader;

-- Only now: PostgreSQL itself plans its check of a new foreign key as who adds it, and a plan reads index expressions.
CREATE FUNCTION index_of(t regclass, owner name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('CREATE INDEX ON %s ((public.mine(%L) AND phone IS NULL)) WHERE public.mine(%2$L)', t, owner); END $$;
SET ROLE users_owner;
SELECT index_of('users', 'users_owner');
SET ROLE orders_owner;
SELECT index_of('orders', 'orders_owner');
SET ROLE book_owner;
SELECT index_of('customers', 'book_owner');
RESET ROLE;

-- The triggers: each owner's code runs as that owner.
SET ROLE users_owner;
SELECT lives_ok($$INSERT INTO users (id, name, email, phone) VALUES ('ada', 'Ada', 'ada@shop.example', '07400 123401'), ('bob', 'Bob', NULL, NULL)$$, 'sign-ups make customers');
SET ROLE orders_owner;
SELECT lives_ok($$INSERT INTO orders (id, user_id, phone, total) VALUES (1, 'ada', NULL, 10), (2, NULL, '07400 123402', 20), (3, 'bob', NULL, 5)$$, 'orders make customers and totals');
SELECT lives_ok($$UPDATE orders SET total = total + 1$$, 'updates change totals');
SET ROLE users_owner;
SELECT lives_ok($$UPDATE users SET phone = '07400 123403' WHERE id = 'bob'$$, 'a user''s earlier orders are attached');
SET ROLE orders_owner;
SELECT is((SELECT count(*) FROM orders WHERE customer_id IS NULL), 0::bigint, 'every order has its customer');
SET ROLE book_owner;

-- Reading: as a superuser, as the owner of the book and as somebody who may only read.
SELECT id AS ada FROM customers WHERE phone = '+447400123401' \gset
RESET ROLE;
CREATE TABLE calls AS SELECT name, format(call, :'ada') AS call FROM (VALUES
  ('verify_totals', 'verify_totals()'), ('check_setup', 'check_setup()'), ('phone_problems', $$phone_problems('users')$$), ('phone_problems', $$phone_problems('orders')$$),
  ('list_customers', $$list_customers(filters => '{"has_users": true, "shared": false}')$$), ('list_customers', $$list_customers('ada')$$),
  ('list_customers', $$list_customers('ada@')$$), ('customer_details', 'customer_details(%L)'), ('customer_users', 'customer_users(%L)'),
  ('customer_orders', 'customer_orders(%L)'), ('customer_orders', 'customer_orders(%1$L, 1, customer_identity.customer_orders(%1$L, 1) ->> ''next'')'),
  ('visible_orders', $$visible_orders('ada')$$), ('visible_orders', $$visible_orders('{some-user}')$$), ('customer_stats', 'customer_stats()'),
  ('fraud_signals', 'fraud_signals()'), ('customer_history', 'customer_history(%L)'), ('can_see_customer', $$can_see_customer('ada', %L)$$),
  ('verification_required', $$verification_required('07400 123401', 'ada')$$)) AS c (name, call);
GRANT SELECT ON calls TO PUBLIC;
SELECT lives_ok('SELECT customer_identity.' || call, 'as a superuser: ' || call) FROM calls;
SET ROLE reader;
SELECT lives_ok('SELECT customer_identity.' || call, 'as a reader: ' || call) FROM calls;
SET ROLE stranger;
SELECT throws_ok('SELECT customer_identity.' || call, '42501', NULL, 'a stranger may not: ' || call) FROM calls
WHERE name IN ('verify_totals', 'check_setup', 'phone_problems');
RESET ROLE;
SELECT is(jsonb_array_length(customer_identity.list_customers('ada@') -> 'items'), 1, 'e-mails are found in another owner''s users');
SELECT is(customer_identity.list_customers(filters => '{"has_users": true}') -> 'items' -> 0 -> 'users', '1', 'and users counted');
SELECT is(jsonb_array_length(customer_identity.list_customers(filters => '{"has_users": false}') -> 'items'), 1, 'guests as well');
SELECT is(customer_identity.customer_users(:'ada') -> 0 ->> 'email', 'ada@shop.example', 'and shown');
SELECT is(customer_identity.customer_details(:'ada') ->> 'first_order_at', to_json(now()) #>> '{}', 'the time of an order is known');
SELECT is(customer_identity.customer_orders(:'ada') -> 'items' -> 0 -> 'total', '11', 'orders are listed');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

-- Writing for others.
SET ROLE book_owner;
UPDATE customers SET total_orders = 7 WHERE phone = '+447400123401';
RESET ROLE;
SELECT is(customer_identity.rebuild_totals(), 1::bigint, 'a superuser corrects totals, as the owner of the book');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'which are exact then');
SELECT lives_ok(format($$SELECT customer_identity.update_customer(%L, '{"notes": "x"}')$$, :'ada'), 'and edits a customer');

INSERT INTO sales VALUES (7, '07400 123402', 1);
SELECT lives_ok('ALTER TABLE sales ALTER total TYPE numeric USING total + 1', 'and has what he alters counted anew');
SET ROLE orders_owner;
SELECT lives_ok('ALTER TABLE sales ALTER total TYPE numeric USING total + 1', 'as does the owner of the orders, for all of the book');
RESET ROLE;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');

-- What is left behind would run as who commits: a superuser who writes to a table of another owner leaves nothing.
INSERT INTO logins VALUES ('cid', NULL);
INSERT INTO purchases VALUES (1, 'cid', 5);
CREATE FUNCTION leave_cursor() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN EXECUTE 'DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1'; RETURN NULL; END$$;
CREATE FUNCTION leave_path() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM set_config('search_path', 'evil', false); RETURN NULL; END$$;
CREATE TABLE ways AS SELECT * FROM (VALUES
  ('customers', 'book_owner', $$INSERT INTO sales VALUES (8, '07400 123402', 1)$$),
  ('customers', 'book_owner', 'ALTER TABLE sales ALTER total TYPE numeric USING total + 1'),
  ('customer_events', 'book_owner', $$INSERT INTO sales VALUES (8, '07400 123408', 1)$$),
  ('phone_proofs', 'book_owner', $$INSERT INTO logins VALUES ('dan', '07400 123407', true)$$),
  ('purchases', 'orders_owner', $$UPDATE logins SET phone = '07400 123409' WHERE id = 'cid'$$)) AS w (relation, owner, statement);
CREATE FUNCTION with_trigger(relation text, owner text, trigger text, statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', owner);
  EXECUTE trigger;
  RESET ROLE;
  EXECUTE statement;
END $$;
SELECT throws_ok(format('SELECT with_trigger(%L, %L, %L, %L)', w.relation, w.owner, format(t.trigger, w.relation, w.owner), w.statement),
  '42501', NULL, format('%s: %s, %s', w.relation, t.what, w.statement))
FROM ways AS w
CROSS JOIN (VALUES
  ('no trigger is deferred', 'CREATE CONSTRAINT TRIGGER z AFTER INSERT OR UPDATE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard(%L)'),
  ('no cursor stays open', 'CREATE TRIGGER z AFTER INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION leave_cursor()')) AS t (what, trigger);
SELECT lives_ok(format('SELECT with_trigger(%L, %L, %L, %L)', w.relation, w.owner,
  format('CREATE TRIGGER z AFTER INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION leave_path()', w.relation), w.statement), w.statement) FROM ways AS w
WHERE w.relation = 'purchases';
SELECT is(current_setting('search_path'), '"$user", public', 'no setting stays');
UPDATE logins SET phone = NULL WHERE id = 'cid';
DROP TRIGGER z ON purchases;
UPDATE purchases SET customer_id = NULL;
CREATE CONSTRAINT TRIGGER z AFTER UPDATE ON purchases DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard('orders_owner');
SET SESSION AUTHORIZATION users_owner;
SELECT throws_ok($$UPDATE logins SET phone = '07400 123409' WHERE id = 'cid'$$, '42501', NULL, 'nor do other owners, whoever commits');
RESET SESSION AUTHORIZATION;
DROP TABLE purchases, logins;
SET ROLE orders_owner;
DELETE FROM sales;
DROP TABLE sales;
RESET ROLE;

-- A view of somebody else, and a table whose policies and key type mean harm.
SET ROLE stranger;
CREATE DOMAIN thing AS text CHECK (public.mine('stranger'));
CREATE TYPE pair AS (a thing, b int);
CREATE TABLE arrays (id thing[] PRIMARY KEY, phone text, total numeric, customer_id uuid);
CREATE TABLE pairs (id pair PRIMARY KEY, phone text, total numeric, customer_id uuid);
CREATE TABLE hidden (id int PRIMARY KEY, phone text, total numeric, customer_id uuid);
INSERT INTO hidden VALUES (1, NULL, 5, :'ada');
CREATE POLICY p ON hidden USING (public.mine('stranger'));
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
CREATE VIEW window_shop AS SELECT id, phone, total, customer_id FROM hidden WHERE public.mine('stranger');
CREATE TRIGGER t AFTER INSERT ON window_shop FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals('customers=public.customers', 'amount=total');
SELECT format('CREATE TRIGGER customer_identity_%s BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION customer_identity.%s(''customers=public.customers'', ''key=id'', ''phone=phone'', ''customer=customer_id'')',
  f, t, f) FROM unnest('{link_user,attach_order}'::text[]) AS f, unnest('{arrays,pairs,hidden}'::text[]) AS t \gexec
SELECT format('CREATE TRIGGER totals AFTER INSERT ON %s REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals(''customers=public.customers'', ''amount=total'')',
  t) FROM unnest('{arrays,pairs,hidden}'::text[]) AS t \gexec
GRANT SELECT ON arrays, pairs, hidden, window_shop TO book_owner, reader;
RESET ROLE;
SELECT lives_ok('SELECT customer_identity.' || call, 'beside a stranger''s tables: ' || call) FROM calls;
SELECT lives_ok($$SELECT customer_identity.visible_orders(id) FROM unnest('{"{x}","(x,1)",x}'::text[]) AS id$$, 'whatever the user''s id looks like');
SELECT lives_ok('SELECT customer_identity.rebuild_totals()', 'totals are rebuilt');
-- Let in by the owner of the book.
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs TO stranger;
ALTER TABLE hidden DISABLE ROW LEVEL SECURITY;
SELECT lives_ok($$SELECT customer_identity.visible_orders(id) FROM unnest('{"{x}","(x,1)",x}'::text[]) AS id$$, 'and beside those of one who may feed the book');
SELECT lives_ok('SELECT customer_identity.' || call, 'all of them: ' || call) FROM calls;

-- Ids that change, and logins that go.
GRANT EXECUTE ON FUNCTION customer_identity.record_proof TO book_owner;
SET ROLE book_owner;
SELECT customer_identity.record_proof('07400 123401', 'ada') \g /dev/null
SET ROLE users_owner;
SELECT lives_ok($$UPDATE users SET id = 'ada lovelace' WHERE id = 'ada'$$, 'proofs and history follow a new id as the owner of the book');
SELECT is(customer_identity.can_see_customer('ada lovelace', :'ada'), true, 'as they do');
SELECT lives_ok($$DELETE FROM users WHERE id = 'bob'$$, 'they end so with a login');
RESET ROLE;
SELECT lives_ok('TRUNCATE users', 'and with all of them');
SELECT is((SELECT count(*) FROM phone_proofs WHERE ended_at IS NULL), 0::bigint, 'whoever takes them away');
SELECT * FROM finish();
ROLLBACK;
