-- Merging two customers, undoing that, and splitting one: rows in any table, and everything as before after an undoing.
-- Roles are made in a transaction that is rolled back.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE customers ADD external_id text UNIQUE, ADD tier text DEFAULT '';
CREATE SCHEMA crm;
CREATE TABLE crm.favourites (customer_id uuid REFERENCES customers, product int, PRIMARY KEY (customer_id, product));
CREATE TABLE crm.visits (customer_id uuid REFERENCES customers, page text);
CREATE TABLE crm.referrals (by_customer uuid REFERENCES customers, of_customer uuid REFERENCES customers, note text);
INSERT INTO "user" (id, name, phone) VALUES ('ann', 'Ann', '07400 123401'), ('bea', 'Bea', '07400 123402'), ('cyd', 'Cyd', '07400 123403');
INSERT INTO orders (user_id, total) VALUES ('ann', 10), ('bea', 20), ('bea', 30);
INSERT INTO orders (phone, total) VALUES ('07400 123402', 5), ('07400 123401', 2);
SELECT customer_id AS ann FROM "user" WHERE id = 'ann' \gset
SELECT customer_id AS bea FROM "user" WHERE id = 'bea' \gset
SELECT customer_id AS cyd FROM "user" WHERE id = 'cyd' \gset
UPDATE customers SET external_id = 'b-1', notes = 'calls before noon', tier = 'gold' WHERE id = :'bea';
UPDATE customers SET notes = 'likes tea' WHERE id = :'ann';
SELECT customer_identity.adjust_points(:'bea', 100, 'gift'), customer_identity.record_proof('07400 123402', 'bea') \g /dev/null
INSERT INTO crm.favourites VALUES (:'ann', 1), (:'bea', 2);
INSERT INTO crm.visits VALUES (:'ann', 'home'), (:'bea', 'home'), (:'bea', 'home'), (:'bea', 'cart');
INSERT INTO crm.referrals VALUES (:'bea', :'bea', 'herself'), (:'ann', :'bea', 'a friend'), (:'bea', :'cyd', 'another');
CREATE VIEW everything AS
SELECT to_jsonb(t) AS row FROM customers AS t UNION ALL SELECT to_jsonb(t) FROM "user" AS t UNION ALL SELECT to_jsonb(t) FROM orders AS t
UNION ALL SELECT to_jsonb(t) FROM phone_proofs AS t UNION ALL SELECT to_jsonb(t) FROM loyalty_entries AS t
UNION ALL SELECT to_jsonb(t) FROM customer_phones AS t UNION ALL SELECT to_jsonb(t) FROM customer_merges AS t
UNION ALL SELECT to_jsonb(t) FROM crm.favourites AS t UNION ALL SELECT to_jsonb(t) FROM crm.visits AS t UNION ALL SELECT to_jsonb(t) FROM crm.referrals AS t;
CREATE TABLE before AS SELECT * FROM everything;

-- Preview.
SELECT customer_identity.merge_preview(:'ann', :'bea') AS preview \gset
SELECT is(:'preview'::jsonb ->> 'refused', NULL, 'nothing is in the way');
SELECT is((:'preview'::jsonb ->> 'points')::int, 167, 'points are added');
SELECT is(:'preview'::jsonb -> 'phones', '["+447400123401", "+447400123402"]', 'both phones lead to the winner');
SELECT is((SELECT (t ->> 'rows')::int FROM jsonb_array_elements(:'preview'::jsonb -> 'tables') AS t WHERE t ->> 'table' = 'public.orders'), 3, 'rows by table');
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before', 'a preview changes nothing');

-- Merge.
SELECT customer_identity.merge_customers(:'ann', :'bea', 'admin', 'signed up twice') AS merge_id \gset
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');
SELECT results_eq(format('SELECT total_orders, total_spent::int, loyalty_points::int, preferred_name::text, notes, external_id, tier FROM customers WHERE id = %L', :'ann'),
  $$VALUES (5, 67, 167, 'Ann', E'likes tea\ncalls before noon', 'b-1', 'gold')$$, 'the winner has all of it, its name, both notes, and what it lacked');
SELECT is((SELECT count(*) FROM customers WHERE id = :'bea'), 0::bigint, 'the loser is gone');
SELECT is((SELECT count(*) FROM crm.referrals WHERE by_customer = :'ann'), 3::bigint, 'each column of a table is followed');
SELECT is(customer_identity.find_customer('07400 123402'), :'ann', 'the loser''s phone leads to the winner');
SELECT is(customer_identity.current_customer(:'bea'), :'ann', 'so does its id');
SELECT is(customer_identity.can_see_customer('bea', :'ann'), true, 'a proof of the loser''s phone counts for the winner');
INSERT INTO orders (phone, total) VALUES ('07400 123402', 1);
SELECT results_eq(format('INSERT INTO orders (user_id, total) VALUES (''bea'', 1) RETURNING user_id'), $$VALUES ('bea')$$, 'a login of the loser orders');
DELETE FROM orders WHERE total = 1;
ALTER TABLE orders ADD given uuid;
UPDATE orders SET given = NULL;
ALTER TABLE orders DROP given;
SELECT is((failure(format('SELECT customer_identity.merge_customers(%L, %L)', :'ann', :'bea'))).code, 'P0002', 'who is merged cannot be merged again');
SELECT is((failure(format('SELECT customer_identity.merge_customers(%L, %1$L)', :'ann'))).code, '22023', 'nor one with itself');
SELECT is(customer_identity.redeem_points(:'bea', 7, 'voucher', 'key-1'), 160::bigint, 'points are redeemed by the old id');
SELECT is(customer_identity.redeem_points(:'ann', 7, 'voucher', 'key-1'), 160::bigint, 'once');
DELETE FROM loyalty_entries WHERE idempotency_key = 'key-1';
UPDATE customers SET loyalty_points = loyalty_points + 7 WHERE id = :'ann';

-- Undo.
UPDATE customers SET updated_at = (SELECT (m.record -> 'after' ->> 'updated_at')::timestamptz FROM customer_merges AS m) WHERE id = :'ann';
SELECT is(customer_identity.unmerge_customers(:merge_id, 'admin'), :'bea', 'the loser is back');
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before', 'everything is as it was');
SELECT is((failure(format('SELECT customer_identity.unmerge_customers(%s)', :merge_id))).code, 'P0002', 'a merge is undone once');

-- What came since by a phone that goes back.
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
INSERT INTO orders (phone, total, note) VALUES ('07400 123402', 3, 'guest'), ('07400 123401', 4, 'of the winner');
INSERT INTO "user" (id, name, phone) VALUES ('new', 'Bea', '07400 123402');
INSERT INTO orders (user_id, total, note) VALUES ('new', 6, 'of a new login');
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT bag_eq(format('SELECT note, customer_id = %L FROM orders WHERE note IS NOT NULL', :'bea'),
  $$VALUES ('guest', true), ('of the winner', false), ('of a new login', true)$$, 'goes to the loser');
SELECT is((SELECT customer_id FROM "user" WHERE id = 'new'), :'bea', 'a login as well');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and totals are exact');

-- Keys that allow one.
INSERT INTO crm.favourites VALUES (:'ann', 2);
CREATE TABLE before_conflict AS SELECT * FROM everything;
SELECT results_eq(format('SELECT code, detail FROM failure(%L)', format('SELECT customer_identity.merge_customers(%L, %L)', :'ann', :'bea')),
  format($$VALUES ('CI006', 'Both have rows in crm.favourites that key crm.favourites_pkey (customer_id, product) allows one of: (%s, 2).')$$, :'ann'), 'a clash is told before anything changes');
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before_conflict', 'and nothing has changed');
DELETE FROM crm.favourites WHERE customer_id = :'ann' AND product = 2;

CREATE TABLE crm.pairs (one uuid REFERENCES customers, other uuid REFERENCES customers, UNIQUE (one, other));
INSERT INTO crm.pairs VALUES (:'ann', :'ann'), (:'bea', :'bea');
CREATE TABLE crm.carts (id int, region text, customer_id uuid REFERENCES customers, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE crm.carts_eu PARTITION OF crm.carts FOR VALUES IN ('eu');
CREATE UNIQUE INDEX one_cart ON crm.carts_eu (customer_id);
SELECT results_eq(format('SELECT code, detail FROM failure(%L)', format('SELECT customer_identity.merge_customers(%L, %L)', :'ann', :'bea')),
  format($$VALUES ('CI006', 'Both have rows in crm.pairs that key crm.pairs_one_other_key (one, other) allows one of: (%s, %1$s).')$$, :'ann'), 'so is one that shows when both columns have moved');
DELETE FROM crm.pairs;
INSERT INTO crm.carts VALUES (1, 'eu', :'ann'), (2, 'eu', :'bea');
SELECT results_eq(format('SELECT code, detail FROM failure(%L)', format('SELECT customer_identity.merge_customers(%L, %L)', :'ann', :'bea')),
  format($$VALUES ('CI006', 'Both have rows in crm.carts that key crm.one_cart (customer_id) allows one of: (%s).')$$, :'ann'), 'or in one partition');
DELETE FROM crm.carts;

-- Chains.
SELECT customer_identity.merge_customers(:'ann', :'bea') AS first_merge \gset
SELECT customer_identity.merge_customers(:'cyd', :'ann') AS second_merge \gset
SELECT is(customer_identity.current_customer(:'bea'), :'cyd', 'ids are followed all the way');
SELECT is(customer_identity.unmerge_customers(:first_merge), :'bea', 'the first of two merges is undone');
SELECT is((SELECT customer_id FROM "user" WHERE id = 'bea'), :'bea', 'its login is back');
SELECT is((SELECT customer_id FROM "user" WHERE id = 'ann'), :'cyd', 'the other one stays');
SELECT is(customer_identity.unmerge_customers(:second_merge), :'ann', 'then the second');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact after chains');

-- Split.
SELECT id AS guest_order FROM orders WHERE note = 'guest' \gset
SELECT customer_identity.split_customer(:'bea', '{new}', jsonb_build_object('public.orders', jsonb_build_array(:'guest_order')), actor => 'admin') AS part \gset
SELECT bag_eq(format('SELECT note FROM orders WHERE customer_id = %L', :'part'), $$VALUES ('guest'), ('of a new login')$$, 'orders that are named, and those of the logins');
SELECT is((SELECT customer_id FROM "user" WHERE id = 'new'), :'part', 'the login is the new customer''s');
SELECT is((failure(format('SELECT customer_identity.split_customer(%L, ''{nobody}'')', :'bea'))).code, '22023', 'a login of somebody else is refused');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact after a split');

-- Rights.
CREATE ROLE merges_clerk;
SET ROLE merges_clerk;
SELECT is((failure(format('SELECT customer_identity.%s', call))).code, '42501', 'nobody may ' || call)
FROM unnest(ARRAY['merge_preview(NULL, NULL)', 'merge_customers(NULL, NULL)', 'unmerge_customers(1)', 'split_customer(NULL)', 'current_customer(NULL)']) AS c (call);
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
