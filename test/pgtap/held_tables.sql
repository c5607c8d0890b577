-- What counts orders, or does something with all rows of a person, holds the tables that it will read before it takes a snapshot.
\ir failure.psql
SET client_min_messages = error;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SELECT no_plan();
SET customer_identity.default_region = 'DE';

CREATE ROLE stranger;
CREATE ROLE tenant;
CREATE TABLE orders (id integer, phone text, total numeric) PARTITION BY RANGE (id);
CREATE TABLE orders_low PARTITION OF orders FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
CREATE TABLE orders_leaf PARTITION OF orders_low FOR VALUES FROM (0) TO (100);
CREATE TABLE users (id text PRIMARY KEY, phone text);
SELECT customer_identity.create_tables();
SELECT customer_identity.attach_users('users');
SELECT customer_identity.attach_orders('orders');
CREATE TABLE notes (customer_id uuid REFERENCES customers, note text);
CREATE TABLE secrets (secret text);
INSERT INTO orders VALUES (1, '+4915123450001', 10);
INSERT INTO notes SELECT id, 'vip' FROM customers;

CREATE FUNCTION held() RETURNS SETOF name LANGUAGE sql AS $$
  SELECT DISTINCT c.relname FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
  WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
$$;

CREATE FUNCTION held_after(call text) RETURNS SETOF name LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE call;
  RETURN QUERY SELECT held();
END $$;

SELECT set_eq($$SELECT held_after('SELECT customer_identity_internal.hold_for_totals(''customers'')')$$,
  '{customers,loyalty_entries,users,orders,orders_low,orders_leaf}'::name[], 'totals hold all that they are made of, and each partition');
SELECT set_has($$SELECT held_after('SELECT customer_identity_internal.hold_for_people(''customers'')')$$,
  $$SELECT unnest('{customers,phone_proofs,users,orders,orders_low,orders_leaf,notes}'::name[])$$, 'a person''s rows may be in more tables');
SELECT is(customer_identity_internal.hold_table(0), false, 'a table that has gone is not held');

-- A lock keeps the owner of a table from altering it.
SET ROLE stranger;
SELECT throws_ok($$SELECT customer_identity_internal.hold_table('secrets')$$, '42501', NULL, 'who has no right on a table cannot lock it');
SELECT throws_ok($$SELECT customer_identity_internal.hold_table('pg_authid')$$, '42501', NULL, 'nor a catalog');
SELECT throws_ok($$SELECT customer_identity_internal.hold_tables('{secrets}')$$, '42501', NULL, 'nor together with others');
SELECT throws_ok($$SELECT customer_identity_internal.hold_for_totals('customers')$$, '42501', NULL, 'nor through a book');
RESET ROLE;
GRANT INSERT ON secrets TO stranger;
SET ROLE stranger;
SELECT is(customer_identity_internal.hold_table('secrets'), true, 'who may write to it locks it anyway');
RESET ROLE;

-- A stranger may keep a table of his locked for ever.
CREATE SCHEMA lodge AUTHORIZATION tenant;
SET ROLE tenant;
CREATE TABLE lodge.orders (id integer, phone text, total numeric, customer_id uuid);
RESET ROLE;
GRANT USAGE ON SCHEMA customer_identity TO tenant;
GRANT EXECUTE ON FUNCTION customer_identity.maintain_totals() TO tenant;
SET ROLE tenant;
CREATE TRIGGER customer_identity_totals_insert AFTER INSERT ON lodge.orders REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
  EXECUTE FUNCTION customer_identity.maintain_totals('customers=public.customers', 'customer=customer_id', 'amount=total');
RESET ROLE;
SELECT set_has('SELECT customer_identity_internal.attached_to(''customers'')', $$VALUES ('lodge.orders'::regclass)$$, 'the table of a stranger names the book');
SELECT set_hasnt('SELECT customer_identity_internal.tables_that_feed(''customers'')', $$VALUES ('lodge.orders'::regclass)$$, 'and nobody waits for it');
GRANT UPDATE ON customers TO tenant;
SELECT set_has('SELECT customer_identity_internal.tables_that_feed(''customers'')', $$VALUES ('lodge.orders'::regclass)$$, 'unless he may write to the book');

-- Who fills in his orders needs no right on the logins of another owner, attached or not any more.
CREATE TABLE lodge.logins (id text PRIMARY KEY, phone text);
CREATE TABLE lodge.more_orders (id integer PRIMARY KEY, user_id text, phone text, total numeric);
INSERT INTO lodge.logins VALUES ('u', '+4915123450002');
INSERT INTO lodge.more_orders VALUES (1, 'u', '+4915123450003', 5);
SELECT customer_identity.attach_users('lodge.logins');
SELECT customer_identity.attach_orders('lodge.more_orders', users => 'lodge.logins', count_existing => false);
ALTER TABLE lodge.more_orders OWNER TO tenant;
GRANT SELECT, INSERT, UPDATE ON customers TO tenant;
GRANT EXECUTE ON PROCEDURE customer_identity.backfill TO tenant;
SELECT customer_identity.detach('lodge.logins');
SET ROLE tenant;
CALL customer_identity.backfill('lodge.more_orders');
RESET ROLE;
SELECT is(c.phone, '+4915123450003', 'a backfill leaves alone what it does not read') FROM lodge.more_orders AS o JOIN customers AS c ON c.id = o.customer_id;
SELECT customer_identity.detach('lodge.more_orders');
SELECT FROM customer_identity.rebuild_totals();

-- The file of an older snapshot.
BEGIN ISOLATION LEVEL REPEATABLE READ;
TRUNCATE orders;
SELECT lives_ok('SELECT * FROM customer_identity.verify_totals()', 'what a transaction has emptied itself is in its snapshot');
ALTER TABLE orders ALTER COLUMN total TYPE bigint;
SELECT lives_ok('SELECT customer_identity.rebuild_totals()', 'and so is what it has written anew');
SELECT lives_ok('SELECT customer_identity.export_customer(id) FROM customers', 'for persons too');
ROLLBACK;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'nothing has changed');

SELECT finish();

DROP OWNED BY stranger, tenant CASCADE;
DROP ROLE stranger, tenant;
