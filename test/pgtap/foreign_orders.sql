-- Nobody sees the orders of somebody whose id merely looks alike, and whoever owns an attached table runs nothing
-- as the owner of the book.
\ir shop.psql
SELECT * FROM no_plan();
SET search_path = public, customer_identity;

-- Ids of a type with a length.
CREATE SCHEMA padded;
SET search_path = padded, public;
SELECT customer_identity.create_tables();
CREATE TABLE users (id char(36) PRIMARY KEY, phone text);
CREATE TABLE orders (id char(26) PRIMARY KEY, user_id char(36), total numeric, created_at timestamptz DEFAULT now());
SELECT customer_identity.attach_users('users');
SELECT customer_identity.attach_orders('orders', users => 'users');
INSERT INTO users VALUES ('1', '+14155550101'), ('12', '+14155550102');
INSERT INTO orders VALUES ('a', '1', 10), ('b', '12', 20), ('c', '12', 30);
SELECT is(jsonb_path_query_array(customer_identity.visible_orders('12'), '$.items[*].total'), '[30, 20]', 'ids of type char are not cut');
SELECT is(
  jsonb_path_query_array(
    customer_identity.visible_orders('12', 1, customer_identity.visible_orders('12', 1) ->> 'next'), '$.items[*].total'),
  '[20]', 'nor are keys in a cursor');
SELECT is(customer_identity.fraud_signals(), '[]', 'without payments there are signals of other kinds only');

-- Text ids of users, numbers in the orders.
CREATE SCHEMA mixed;
SET search_path = mixed, public;
SELECT customer_identity.create_tables();
CREATE TABLE users (id text PRIMARY KEY, phone text);
CREATE TABLE orders (id int PRIMARY KEY, user_id int, total numeric);
SELECT customer_identity.attach_users('users');
SELECT customer_identity.attach_orders('orders', users => 'users');
INSERT INTO users VALUES ('7', '+14155550101'), ('007', '+14155550103'), (' 7', '+14155550104');
INSERT INTO orders VALUES (1, 7, 10);
SELECT is(jsonb_array_length(customer_identity.visible_orders('7') -> 'items'), 1, 'a user sees the own order');
SELECT is(customer_identity.visible_orders('007') -> 'items', '[]', 'one whose id is the same number does not');
SELECT is(customer_identity.visible_orders(' 7') -> 'items', '[]', 'nor one with a blank before it');

-- A history that a rule protects.
CREATE RULE no_update AS ON UPDATE TO customer_events DO INSTEAD NOTHING;
SELECT lives_ok($$INSERT INTO users VALUES ('8', '+14155550108')$$, 'a rule on the history fails no sign-up');
SELECT isnt_empty($$SELECT FROM customer_identity.check_setup() WHERE object ~ 'customer_events'$$, 'check_setup tells that none is kept');

-- The owner of an attached table.
CREATE SCHEMA lent;
SET search_path = lent, public;
SELECT customer_identity.create_tables();
CREATE TABLE secret (t text);
CREATE ROLE lender;
GRANT USAGE, CREATE ON SCHEMA lent TO lender;
GRANT SELECT, UPDATE ON customers TO lender;
CREATE ROLE keeper;
GRANT USAGE, CREATE ON SCHEMA lent TO keeper;
ALTER TABLE customers OWNER TO keeper;
ALTER TABLE phone_proofs OWNER TO keeper;
ALTER TABLE loyalty_entries OWNER TO keeper;
ALTER TABLE customer_events OWNER TO keeper;
ALTER TABLE secret OWNER TO keeper;
SET ROLE keeper;
INSERT INTO customers (phone) VALUES ('+14155550110');
GRANT SELECT, UPDATE ON customers TO lender;
SET ROLE lender;
CREATE FUNCTION evil(x text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  IF current_user = 'keeper' THEN GRANT SELECT ON lent.secret TO lender; END IF;
  RETURN x;
END $$;
CREATE VIEW users AS SELECT 'u' || evil('v') AS id, NULL::text AS phone, c.id AS customer_id FROM customers AS c;
RESET ROLE;
GRANT EXECUTE ON FUNCTION customer_identity.link_user() TO lender;
SET ROLE lender;
CREATE TRIGGER customer_identity_link BEFORE INSERT ON users FOR EACH STATEMENT
  EXECUTE FUNCTION customer_identity.link_user('customers=lent.customers', 'key=id', 'phone=phone', 'customer=customer_id');
GRANT SELECT ON users TO keeper;
RESET ROLE;
SELECT is(customer_identity.customer_users(id, 'lent.customers'), '[]', 'a view is no table of users') FROM customers;
DROP VIEW users;
SET ROLE lender;
CREATE TABLE users (id text PRIMARY KEY, phone text, customer_id uuid);
INSERT INTO users SELECT 'u', NULL, id FROM customers;
CREATE TRIGGER customer_identity_link BEFORE INSERT ON users FOR EACH ROW
  EXECUTE FUNCTION customer_identity.link_user('customers=lent.customers', 'key=id', 'phone=phone', 'customer=customer_id');
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON users USING (evil('x') IS NOT NULL);
GRANT SELECT ON users TO keeper;
RESET ROLE;
SELECT throws_ok($$SELECT customer_identity.customer_stats(NULL, 'lent.customers')$$, '42501', NULL, 'figures run nobody''s policy');
SELECT throws_ok($$SELECT customer_identity.fraud_signals(0, 'lent.customers')$$, '42501', NULL, 'nor do signals');
SELECT ok(NOT has_table_privilege('lender', 'secret', 'SELECT'), 'and the lender has gained nothing');
SELECT * FROM finish();
