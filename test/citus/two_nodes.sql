-- What a trigger or a function cannot reach, because another node has it.
\set shop shop_j
\ir shop.psql
\set shop shop_k
\ir shop.psql
SELECT no_plan();
SELECT isnt(asked('SELECT nodeport FROM citus_shards WHERE table_name = ''shop_j.customers''::regclass'),
  asked('SELECT nodeport FROM citus_shards WHERE table_name = ''shop_k.customers''::regclass'), 'two shops are on two nodes');
SELECT throws_ok('SELECT customer_identity.attach_users(''shop_j.users'', customers => ''shop_k.customers'')', NULL, NULL, 'Citus gives no foreign key to another schema');
ALTER TABLE shop_j.users ADD COLUMN customer_id uuid;
CREATE TRIGGER link BEFORE INSERT OR UPDATE ON shop_j.users
  FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user('customers=shop_k.customers', 'key=id', 'phone=phone', 'customer=customer_id');
SELECT throws_ok($$INSERT INTO shop_j.users VALUES ('a', '+44 7400 123601')$$, 'CI008', NULL, 'a trigger does not write past a book that another node has');
DROP TRIGGER link ON shop_j.users;
INSERT INTO shop_j.users VALUES ('a', '+44 7400 123601');
SELECT throws_ok($$SELECT customer_identity.find_customer(phone, customers => 'shop_k.customers') FROM shop_j.users$$, 'CI008', NULL,
  'nor does a function that is part of a statement about another shop');
SELECT lives_ok($$SELECT customer_identity.get_or_create_customer('+44 7400 123601', customers => 'shop_k.customers')$$, 'in a statement of its own it goes there');
SELECT is(asked('SELECT count(*) FROM shop_k.customers'), '1', 'and writes there');
SELECT is(asked('SELECT count(*) FROM ONLY shop_j.customers'), '0', 'and nowhere else');
-- On one node, and not beside: statements go through the tables.
\set shop shop_l
\ir shop.psql
CREATE TRIGGER link BEFORE INSERT OR UPDATE ON shop_j.users
  FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user('customers=shop_l.customers', 'key=id', 'phone=phone', 'customer=customer_id');
INSERT INTO shop_j.users VALUES ('b', '+44 7400 123602'), ('c', '+44 7400 123602');
SELECT is(asked('SELECT count(*) FROM shop_l.customers'), '1', 'a book on the same node that lies not beside is written through its tables');
SELECT is(asked('SELECT count(DISTINCT customer_id) FROM shop_j.users WHERE customer_id IS NOT NULL'), '1', 'and two logins are one person there');
SELECT * FROM finish();
DROP SCHEMA shop_j, shop_k, shop_l CASCADE;
