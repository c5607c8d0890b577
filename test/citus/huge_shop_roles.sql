-- Roles in one huge shop: its owner, and an application with rights on its tables. Citus lets one user alone write a shard in a
-- transaction: functions write as the owner, for who has the rights, and orders are written by who writes them.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SELECT no_plan();
CREATE ROLE huge_owner LOGIN;
CREATE ROLE huge_app LOGIN;
CREATE ROLE huge_web LOGIN;
CREATE SCHEMA owned AUTHORIZATION huge_owner;
GRANT USAGE ON SCHEMA owned TO huge_app, huge_web;
SELECT run_command_on_all_nodes('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA customer_identity TO huge_owner, huge_app, huge_web') \g /dev/null
SET search_path = owned, public;
SET ROLE huge_owner;
SELECT customer_identity.create_tables('owned', distributed => true) \g /dev/null
CREATE TABLE orders (customer_id uuid, id bigint GENERATED ALWAYS AS IDENTITY, phone text, total numeric, PRIMARY KEY (customer_id, id));
SELECT create_distributed_table('orders', 'customer_id', colocate_with => 'customers') \g /dev/null
CREATE TABLE users (id text PRIMARY KEY, phone text);
SELECT customer_identity.attach_users('users', default_region => 'GB') \g /dev/null
SELECT customer_identity.attach_orders('orders', default_region => 'GB') \g /dev/null
GRANT SELECT, INSERT, UPDATE, DELETE ON users, orders TO huge_web, huge_app;
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs, loyalty_entries TO huge_app;

-- Who writes rows needs no right on customers.
SET ROLE huge_web;
INSERT INTO users VALUES ('a', '07400 111001');
INSERT INTO orders (customer_id, phone, total) SELECT customer_identity.customer_id_of('+44740011100' || n), '+44740011100' || n, n FROM generate_series(1, 5) AS n;
INSERT INTO users VALUES ('b', '07400 111002'), ('c', '07400 111009');
BEGIN;
INSERT INTO orders (customer_id, phone, total) SELECT customer_identity.customer_id_of('+44740011100' || n), '+44740011100' || n, n FROM generate_series(1, 9) AS n;
UPDATE orders SET total = total + 1;
COMMIT;
UPDATE users SET phone = '07400 111008' WHERE id = 'b';
SELECT throws_ok($$SELECT customer_identity.get_or_create_customer('+447400111001')$$, '42501', NULL, 'but to call functions');

-- Who has the rights calls them, one after the other in a transaction as well.
RESET ROLE;
CREATE FUNCTION public.calls(phone text) RETURNS TABLE (call text, answer text) LANGUAGE plpgsql AS $$
DECLARE customer uuid;
BEGIN
  customer := customer_identity.get_or_create_customer(phone);
  RETURN QUERY VALUES ('prove', customer_identity.record_proof(phone, 'a')::text),
    ('spent', (customer_identity.adjust_points(customer, 5, 'gift') - customer_identity.redeem_points(customer, 3, 'spent'))::text), ('revoke', customer_identity.revoke_proof(phone, 'a')::text), ('note', customer_identity.update_customer(customer, '{"notes": "x"}') ->> 'notes'),
    ('release', customer_identity.release_phone(customer)::text), ('next', (customer_identity.get_or_create_customer(phone) <> customer)::text);
END $$;
SET ROLE huge_app;
SELECT results_eq(format('SELECT * FROM public.calls(%L)', phone), format($$VALUES ('prove', %L), ('spent', '3'), ('revoke', '1'), ('note', 'x'), ('release', NULL), ('next', 'true')$$,
    customer_identity.customer_id_of(phone)), 'an application calls what it has the rights for: ' || phone)
  FROM unnest('{+447400111001,+447400111077}'::text[]) AS phone;
SELECT isnt(customer_identity.find_customer('+447400111077'), customer_identity.customer_id_of('+447400111077'), 'and finds who has come of it');
SET ROLE huge_owner;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');
SELECT * FROM finish();
