-- Merges over foreign keys of every shape, what is told of rows that clash, and the phone of a winner that has none.
-- Roles are made in a transaction that is rolled back.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE customers ADD external_id text UNIQUE, ADD region int DEFAULT 1, ADD doc json, ADD friend uuid REFERENCES customers, ADD UNIQUE (region, id);
CREATE SCHEMA crm;
INSERT INTO "user" (id, name, phone) VALUES ('ann', 'Ann', '07400 123401'), ('bea', 'Bea', '07400 123402'), ('cyd', 'Cyd', '07400 123403');
SELECT customer_id AS ann FROM "user" WHERE id = 'ann' \gset
SELECT customer_id AS bea FROM "user" WHERE id = 'bea' \gset
SELECT customer_id AS cyd FROM "user" WHERE id = 'cyd' \gset
UPDATE customers SET external_id = 'b-1', region = 2, doc = '{"b": 1,  "a":2}' WHERE id = :'bea';
UPDATE customers SET external_id = 'a-1' WHERE id = :'ann';

-- Keys of several columns, by another column, of tables that belong to such tables, and among customers.
CREATE TABLE crm.branches (region int, customer uuid, note text, FOREIGN KEY (region, customer) REFERENCES customers (region, id) ON DELETE CASCADE);
CREATE TABLE crm.badges (external_id text REFERENCES customers (external_id) ON DELETE CASCADE);
CREATE TABLE crm.carts (customer_id uuid REFERENCES customers, id int, PRIMARY KEY (customer_id, id));
CREATE TABLE crm.lines (customer_id uuid, cart int, line int, FOREIGN KEY (customer_id, cart) REFERENCES crm.carts ON UPDATE RESTRICT);
CREATE TABLE crm.copies (data jsonb, customer text GENERATED ALWAYS AS (data ->> 'customer') STORED, owner uuid GENERATED ALWAYS AS ((data ->> 'customer')::uuid) STORED);
INSERT INTO crm.branches VALUES (1, :'ann', 'ann'), (2, :'bea', 'bea'), (NULL, :'bea', 'nowhere');
INSERT INTO crm.badges VALUES ('a-1'), ('b-1'), ('b-1');
INSERT INTO crm.carts VALUES (:'ann', 1), (:'bea', 2);
INSERT INTO crm.lines VALUES (:'ann', 1, 1), (:'bea', 2, 1), (:'bea', 2, 2);
UPDATE customers SET friend = :'bea' WHERE id IN (:'ann', :'bea', :'cyd');
CREATE VIEW everything AS
SELECT to_jsonb(t)::text FROM "user" AS t UNION ALL SELECT t::text FROM customers AS t UNION ALL SELECT t::text FROM customer_phones AS t
UNION ALL SELECT t::text FROM crm.branches AS t UNION ALL SELECT t::text FROM crm.badges AS t UNION ALL SELECT t::text FROM crm.carts AS t
UNION ALL SELECT t::text FROM crm.lines AS t UNION ALL SELECT t::text FROM phone_proofs AS t UNION ALL SELECT t::text FROM customer_merges AS t;
CREATE TABLE before AS SELECT * FROM everything;
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
SELECT bag_eq('SELECT region, customer::text, note FROM crm.branches', format($$VALUES (1, %1$L, 'ann'), (1, %1$L, 'bea'), (NULL, %2$L, 'nowhere')$$, :'ann', :'bea'),
  'the other columns of a key come along; a row that refers to nobody stays');
SELECT bag_eq('SELECT external_id FROM crm.badges', $$VALUES ('a-1'), ('a-1'), ('a-1')$$, 'a key by another column is followed');
SELECT bag_eq('SELECT customer_id, cart, line FROM crm.lines', format($$VALUES (%1$L::uuid, 1, 1), (%1$L, 2, 1), (%1$L, 2, 2)$$, :'ann'), 'rows of rows move with them');
SELECT bag_eq('SELECT id, friend FROM customers', format($$VALUES (%1$L::uuid, %1$L::uuid), (%2$L, %1$L)$$, :'ann', :'cyd'), 'customers refer to the winner');
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before', 'all of it is as it was, to the spaces of a json');

-- What cannot move.
UPDATE customers SET external_id = NULL WHERE id = :'cyd';
SELECT results_eq(format('SELECT code, detail FROM failure(%L)', format('SELECT customer_identity.merge_customers(%L, %L)', :'cyd', :'bea')),
  $$VALUES ('CI006', 'Rows of crm.badges refer to external_id of the customer, which the other one does not have.')$$, 'rows by a value that the winner lacks');
DELETE FROM crm.badges;
CREATE TABLE crm.pairs (one uuid REFERENCES customers, other uuid REFERENCES customers, CONSTRAINT two CHECK (one <> other));
INSERT INTO crm.pairs VALUES (:'ann', :'bea');
SELECT results_eq(format('SELECT code, detail FROM failure(%L)', format('SELECT customer_identity.merge_customers(%L, %L)', :'ann', :'bea')),
  $$VALUES ('CI006', 'A row of crm.pairs would break constraint two.')$$, 'rows that the application forbids');
DELETE FROM crm.pairs;
SELECT bag_eq('SELECT * FROM everything', $$SELECT * FROM before WHERE to_jsonb NOT IN ('(a-1)', '(b-1)')$$, 'and nothing has changed');

-- What is told of clashes.
CREATE TABLE crm.favourites (customer_id uuid REFERENCES customers, product text, note text, UNIQUE (customer_id, product));
CREATE UNIQUE INDEX by_case ON crm.favourites (customer_id, lower(note)) WHERE product LIKE 'x%';
INSERT INTO crm.favourites SELECT c, 'p' || n, NULL FROM generate_series(10, 21) AS n, unnest(ARRAY[:'ann', :'bea']::uuid[]) AS c;
INSERT INTO crm.favourites VALUES (:'ann', 'x1', 'Tea'), (:'bea', 'x2', 'tea'), (:'ann', NULL, NULL), (:'bea', NULL, NULL);
CREATE FUNCTION refusal(winner uuid, loser uuid) RETURNS text LANGUAGE sql AS $$
  SELECT replace(detail, winner::text, 'W') FROM failure(format('SELECT customer_identity.merge_customers(%L, %L)', winner, loser))
$$;
SELECT is(refusal(:'ann', :'bea'),
  'Both have rows in crm.favourites that key crm.by_case (customer_id, lower(note)) allows one of: (W, tea).'
  ' Both have rows in crm.favourites that key crm.favourites_customer_id_product_key (customer_id, product) allows one of:'
  ' (W, p10), (W, p11), (W, p12), (W, p13), (W, p14), (W, p15), (W, p16), (W, p17), (W, p18), (W, p19) and 2 more.',
  'the table, the key and the first of the rows');
SELECT is(replace(customer_identity.merge_preview(:'ann', :'bea') ->> 'refused', :'ann', 'W'), refusal(:'ann', :'bea'), 'as the preview says');
SELECT is((SELECT sum((k ->> 'rows')::int) FROM jsonb_path_query(customer_identity.merge_preview(:'ann', :'bea'), '$.tables[*].conflicts[*]') AS k), 13::bigint,
  'which counts the rows');
CREATE ROLE shapes_clerk;
GRANT EXECUTE ON FUNCTION customer_identity.merge_customers, customer_identity.merge_preview TO shapes_clerk;
GRANT EXECUTE ON FUNCTION refusal, failure TO shapes_clerk;
GRANT USAGE ON SCHEMA crm TO shapes_clerk;
GRANT SELECT (customer_id, product) ON crm.favourites TO shapes_clerk;
SET ROLE shapes_clerk;
SELECT matches(refusal(:'ann', :'bea'), 'by_case \(customer_id, lower\(note\)\) allows one of \(1\)\..*one of: \(W, p10\)', 'who may not read a column is not told its values');
RESET ROLE;
ALTER TABLE crm.favourites ENABLE ROW LEVEL SECURITY;
SET ROLE shapes_clerk;
SELECT matches(refusal(:'ann', :'bea'), 'one of \(1\)\..*one of \(12\)\.$', 'nor whom row security may hide rows from');
RESET ROLE;
DROP TABLE crm.favourites;

-- A winner without a phone.
SELECT customer_identity.record_proof('07400 123402', 'bea') \g /dev/null
SELECT customer_identity.release_phone(:'cyd') \g /dev/null
CREATE TABLE before_phones AS SELECT * FROM everything;
SELECT customer_identity.merge_customers(:'cyd', :'bea') AS merge_id \gset
SELECT results_eq(format('SELECT phone::text, is_phone_verified FROM customers WHERE id = %L', :'cyd'), $$VALUES ('+447400123402', true)$$,
  'gets the loser''s, with what was proved');
SELECT is_empty(format('SELECT FROM customer_phones WHERE customer_id = %L AND until IS NULL', :'cyd'), 'which is no further one');
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before_phones', 'and gives it back');
SELECT is(customer_identity.can_see_customer('bea', :'bea'), true, 'proofs are the loser''s again');

-- What rows of another owner say of rows that move: a key that is looked at later, or that empties them, is in the way.
CREATE ROLE shapes_stranger;
ALTER TABLE crm.lines OWNER TO shapes_stranger;
GRANT USAGE ON SCHEMA crm TO shapes_stranger;
GRANT SELECT, REFERENCES ON crm.carts TO shapes_stranger;
ALTER TABLE crm.lines DROP CONSTRAINT lines_customer_id_cart_fkey,
  ADD CONSTRAINT late FOREIGN KEY (customer_id, cart) REFERENCES crm.carts DEFERRABLE INITIALLY DEFERRED;
SELECT throws_like(format('SELECT customer_identity.merge_customers(%L, %L)', :'ann', :'bea'), 'rows cannot be moved%', 'a key that would fail after the merge');
ALTER TABLE crm.lines DROP CONSTRAINT late, ADD CONSTRAINT late FOREIGN KEY (customer_id, cart) REFERENCES crm.carts ON UPDATE SET NULL;
SELECT throws_like(format('SELECT customer_identity.merge_customers(%L, %L)', :'ann', :'bea'), 'rows cannot be moved%', 'a key that would empty rows');
ALTER TABLE crm.lines DROP CONSTRAINT late, ADD CONSTRAINT late FOREIGN KEY (customer_id, cart) REFERENCES crm.carts ON UPDATE CASCADE DEFERRABLE;
SELECT lives_ok(format('SELECT customer_identity.merge_customers(%L, %L)', :'ann', :'bea'), 'one that lets them follow is not');
SELECT is((SELECT count(*) FROM crm.lines WHERE customer_id = :'ann'), 3::bigint, 'and they follow');

SELECT * FROM finish();
ROLLBACK;
