-- migrate_phones() on a book of a hundred thousand, with the numbers of every rule.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
SET client_min_messages = warning;

-- The first digits of old numbers, and how many more there are.
CREATE TABLE starts (start text, free int);
INSERT INTO starts VALUES
  ('+2010', 7), ('+2016', 7), ('+2019', 7), ('+2011', 7), ('+2014', 7), ('+2012', 7), ('+2017', 7), ('+2018', 7), ('+2122', 7), ('+2123', 7),
  ('+2121', 7), ('+2126', 7), ('+2127', 7), ('+22501', 6), ('+22502', 6), ('+22503', 6), ('+22540', 6), ('+22551', 6), ('+22573', 6), ('+22504', 6),
  ('+22565', 6), ('+22596', 6), ('+22507', 6), ('+22559', 6), ('+22589', 6), ('+22597', 6), ('+22598', 6), ('+225208', 5), ('+225218', 5),
  ('+225238', 5), ('+225200', 5), ('+225220', 5), ('+225240', 5), ('+225300', 5), ('+225330', 5), ('+225360', 5), ('+225202', 5), ('+225203', 5),
  ('+225212', 5), ('+225213', 5), ('+225217', 5), ('+225224', 5), ('+225225', 5), ('+225235', 5), ('+225243', 5), ('+225244', 5), ('+225245', 5),
  ('+225306', 5), ('+225316', 5), ('+225319', 5), ('+225327', 5), ('+225337', 5), ('+225347', 5), ('+2307', 6), ('+2309', 6), ('+23025', 5),
  ('+23042', 5), ('+23049', 5), ('+23321', 6), ('+23322', 6), ('+233251', 5), ('+23331', 5), ('+23341', 5), ('+23342', 5), ('+23351', 5),
  ('+23361', 5), ('+23371', 5), ('+23372', 5), ('+2375', 7), ('+2376', 7), ('+2379', 7), ('+2411', 6), ('+2412', 6), ('+2415', 6), ('+2416', 6),
  ('+2414', 6), ('+2417', 6), ('+2902', 3), ('+2904', 3), ('+2907', 3), ('+5062', 6), ('+5065', 6), ('+5067', 6), ('+5063', 6), ('+5068', 6),
  ('+5069', 6), ('+55118', 7), ('+55119', 7), ('+55126', 7), ('+55159', 7), ('+55199', 7), ('+55216', 7), ('+55599', 7), ('+55999', 7), ('+5712', 6),
  ('+5755', 6), ('+5788', 6), ('+6897', 5), ('+84120', 7), ('+84121', 7), ('+84122', 7), ('+84123', 7), ('+84124', 7), ('+84125', 7), ('+84126', 7),
  ('+84127', 7), ('+84128', 7), ('+84129', 7), ('+84162', 7), ('+84165', 7), ('+84169', 7), ('+84186', 7), ('+84188', 7), ('+84199', 7), ('+84240', 7),
  ('+84241', 7), ('+8420', 7), ('+8422', 7), ('+84230', 7), ('+84231', 7), ('+8425', 7), ('+8426', 7), ('+8427', 7), ('+84280', 7), ('+84281', 7),
  ('+8429', 7), ('+84320', 7), ('+84321', 7), ('+84350', 7), ('+84351', 7), ('+844', 8), ('+84500', 7), ('+84501', 7), ('+84510', 7), ('+84511', 7),
  ('+8460', 7), ('+8461', 7), ('+8462', 7), ('+8463', 7), ('+8464', 7), ('+84650', 7), ('+84651', 7), ('+8466', 7), ('+8467', 7), ('+8468', 7),
  ('+84710', 7), ('+84711', 7), ('+84780', 7), ('+84781', 7), ('+9661', 7), ('+9662', 7), ('+9664', 7), ('+9667', 7), ('+9743', 6), ('+9744', 6),
  ('+9745', 6), ('+9746', 6), ('+9747', 6), ('+99551', 6), ('+99558', 6), ('+99578', 6), ('+99591', 6), ('+99596', 6), ('+99599', 6), ('+99532', 6);
CREATE TABLE numbers AS
SELECT DISTINCT s.start || lpad((i * 7919 % (10 ^ s.free)::bigint)::text, s.free, '0') AS phone
FROM starts AS s, generate_series(1, 1200) AS i;
INSERT INTO customers (phone, preferred_name)
SELECT n.phone, 'Old ' || n.phone
FROM (SELECT n.phone FROM numbers AS n WHERE customer_identity.normalize_phone(n.phone) <> n.phone ORDER BY md5(n.phone) LIMIT 100000) AS n;
-- A few have come again since, under today's number.
INSERT INTO customers (phone, preferred_name)
SELECT DISTINCT ON (t.phone) t.phone, 'New' FROM (SELECT customer_identity.normalize_phone(c.phone) AS phone FROM customers AS c ORDER BY md5(c.phone) LIMIT 300) AS t
WHERE NOT EXISTS (SELECT FROM customers AS c WHERE c.phone = t.phone);
INSERT INTO phone_proofs (phone, customer_id, user_id, method) SELECT phone, id, 'u' || phone, 'sms' FROM customers WHERE preferred_name LIKE 'Old %1';
UPDATE customers SET is_phone_verified = true WHERE preferred_name LIKE 'Old %1';
ANALYZE customers, phone_proofs, customer_phones;
SELECT cmp_ok(count(*), '>=', 100000::bigint, 'the book is large') FROM customers;
CREATE TABLE expected AS SELECT customer_identity.normalize_phone(phone) AS phone, count(*) AS rows, bool_or(is_phone_verified) AS is_verified FROM customers GROUP BY 1;
CREATE TABLE proved AS SELECT DISTINCT customer_identity.normalize_phone(phone) AS phone, user_id FROM phone_proofs;

SELECT clock_timestamp() AS started \gset
CREATE TABLE planned AS SELECT * FROM customer_identity.migrate_phones();
CREATE TABLE done AS SELECT * FROM customer_identity.migrate_phones(dry_run => false);
SELECT diag('planned and done in ' || (clock_timestamp() - :'started'::timestamptz)::text);

SELECT is((SELECT count(*) FROM planned), 100000::bigint, 'every old number is listed');
SELECT is((SELECT count(DISTINCT rule) FROM planned), (SELECT count(DISTINCT (customer_identity_internal.renumbering_of(phone)).rule) FROM numbers), 'with its rule');
SELECT cmp_ok((SELECT count(DISTINCT rule) FROM planned), '>=', 95::bigint, 'all of them');
SELECT set_eq('SELECT customer_id, old_phone, new_phone, action, merged_into, rule FROM done', 'SELECT customer_id, old_phone, new_phone, action, merged_into, rule FROM planned', 'the run does what was listed');
SELECT is_empty($$SELECT FROM done WHERE action = 'refused'$$, 'all of it');
SELECT set_eq('SELECT phone, is_phone_verified FROM customers', 'SELECT phone, is_verified FROM expected', 'each number of today is one customer, verified as before');
SELECT set_eq('SELECT phone, user_id FROM phone_proofs WHERE ended_at IS NULL', 'SELECT phone, user_id FROM proved', 'proofs have come along');
SELECT is((SELECT count(*) FROM customer_phones WHERE until IS NOT NULL), 100000::bigint, 'every old number is a former one');
SELECT is((SELECT count(*) FROM customer_phones WHERE until IS NULL), 0::bigint, 'and leads nowhere');
SELECT is((SELECT count(*) FROM customer_events WHERE event IN ('phone_changed', 'merged')), 100000::bigint, 'one entry in the history each');
SELECT is((SELECT count(*) FROM customer_events WHERE event = 'proof_ended'), 0::bigint, 'and no other');
SELECT is_empty('SELECT * FROM customer_identity.migrate_phones(dry_run => false)', 'nothing is left');
SELECT * FROM finish();
ROLLBACK;
