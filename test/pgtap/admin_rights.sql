-- Who may list, read and edit customers: whoever may execute a function, and nobody else; it acts as the owner of
-- the book, wherever the extension and the attached tables belong to others. Roles are made in a transaction that
-- is rolled back.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
CREATE ROLE admin;
CREATE ROLE stranger;
CREATE ROLE shop_owner;
CREATE ROLE packer;
INSERT INTO "user" (id, name, phone) VALUES ('u1', 'Ada', '07400 123401');
INSERT INTO orders (user_id, total) VALUES ('u1', 5);
SELECT id AS ada FROM customers \gset
CREATE TABLE calls AS SELECT name, format(call, :'ada') AS call FROM (VALUES
  ('list_customers', 'list_customers()'), ('customer_details', 'customer_details(%L)'), ('customer_users', 'customer_users(%L)'),
  ('customer_orders', 'customer_orders(%L)'), ('update_customer', $$update_customer(%L, '{"notes": "x"}')$$),
  ('visible_orders', $$visible_orders('u1')$$)) AS c (name, call);
GRANT SELECT ON calls TO PUBLIC;

-- EXECUTE on one function opens that function, and none else.
SET ROLE stranger;
SELECT is((failure('SELECT customer_identity.' || call)).code, '42501', 'a stranger may not call ' || name) FROM calls;
SELECT is_empty($$SELECT proname FROM pg_proc WHERE proname LIKE '%\_as\_owner' AND has_function_privilege(oid, 'EXECUTE')$$, 'nor what is behind them');
RESET ROLE;
SELECT format('GRANT EXECUTE ON FUNCTION customer_identity.%I TO admin', name) FROM calls \gexec
SET ROLE admin;
SELECT lives_ok('SELECT customer_identity.' || call, 'EXECUTE is enough: ' || name) FROM calls;
SELECT throws_ok('SELECT * FROM customers', '42501', NULL, 'without any right on the tables');
SELECT throws_ok('SELECT * FROM "user"', '42501', NULL, 'of the book and of the shop');
SELECT throws_ok('SELECT * FROM customer_identity.create_search_indexes()', '42501', NULL, 'indexes are not for everybody to make');
SELECT throws_ok('SELECT * FROM customer_identity.index_totals()', '42501', NULL, 'least of all those that every order pays for');
SELECT is((failure(format('SELECT customer_identity_internal.details_of(%L, ''customers'')', :'ada'))).code, '42501', 'what is internal has the rights of its caller');
SELECT is((failure(format('SELECT customer_identity_internal.order_page(%L, NULL, NULL, 50, NULL, ''customers'')', :'ada'))).code, '42501', 'and shows no orders');
SELECT is((failure('SELECT customer_identity_internal.find_user(''u1'', ''customers'')')).code, '42501', 'and no users');
SELECT is((SELECT current_user), 'admin'::name, 'the caller is itself again');
RESET ROLE;
CREATE SCHEMA closed;
SELECT customer_identity.create_tables('closed');
SET ROLE admin;
SELECT is((failure('SELECT customer_identity.list_customers(customers => ''closed.customers'')')).code, '42501', 'a book in a schema that the caller may not use stays closed');
RESET ROLE;

-- The owner of the book is not the extension's, and may not read everything.
GRANT USAGE, CREATE ON SCHEMA public TO packer, shop_owner;
ALTER TABLE customers OWNER TO shop_owner;
ALTER TABLE phone_proofs OWNER TO shop_owner;
ALTER TABLE loyalty_entries OWNER TO shop_owner;
ALTER TABLE customer_events OWNER TO shop_owner;
ALTER TABLE orders OWNER TO shop_owner;
ALTER TABLE "user" OWNER TO shop_owner;
SET ROLE admin;
SELECT lives_ok('SELECT customer_identity.' || call, 'where the book is not the extension owner''s: ' || name) FROM calls;
RESET ROLE;
GRANT SELECT, INSERT, UPDATE ON customers, phone_proofs TO packer;
SET ROLE packer;
CREATE TYPE trap AS ENUM ('sprung');
CREATE FUNCTION spring(trap) RETURNS json LANGUAGE sql AS 'SELECT to_json(current_user)';
CREATE TABLE packed (id int PRIMARY KEY, phone text, total numeric, trap trap DEFAULT 'sprung', traps trap[] DEFAULT '{sprung}', customer_id uuid);
RESET ROLE;
CREATE CAST (trap AS json) WITH FUNCTION spring(trap);
ALTER TABLE packed ADD FOREIGN KEY (customer_id) REFERENCES customers;
GRANT EXECUTE ON FUNCTION customer_identity.attach_order() TO packer;
SET ROLE packer;
CREATE TRIGGER customer_identity_attach BEFORE INSERT OR UPDATE ON packed FOR EACH ROW EXECUTE FUNCTION customer_identity.attach_order('customers=public.customers', 'phone=phone', 'customer=customer_id');
INSERT INTO packed (id, phone, total) VALUES (1, '07400 123401', 77);
RESET ROLE;
SELECT is((failure(format('SELECT customer_identity.customer_orders(%L)', :'ada'))).code, '42501', 'an attached table that the owner of the book may not read is an error');
GRANT SELECT ON packed TO shop_owner;
SELECT is((SELECT i -> 'trap' || (i -> 'traps') FROM jsonb_array_elements(customer_identity.customer_orders(:'ada') -> 'items') AS i WHERE i ->> 'total' = '77'), '["packer", "packer"]', 'its casts run as its owner');
ALTER TABLE packed ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION peek() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'ran as %', current_user; END$$;
CREATE POLICY peek ON packed USING (peek());
SELECT is((failure(format('SELECT customer_identity.customer_orders(%L)', :'ada'))).code, '42501', 'nor does a policy of his run');


SELECT * FROM finish();
ROLLBACK;
