-- What an application's own columns, constraints and triggers on customers keep from a merge, an undoing, a split or a release.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
INSERT INTO "user" (id, name, phone) VALUES ('ann', 'Ann', '07400 123401'), ('bea', 'Bea', '07400 123402'), ('bob', 'Bob', '07400 123402');
SELECT customer_id AS ann FROM "user" WHERE id = 'ann' \gset
SELECT customer_id AS bea FROM "user" WHERE id = 'bea' \gset
INSERT INTO orders (user_id, total) VALUES ('ann', 10), ('bea', 20);
SELECT format('SELECT customer_identity.merge_customers(%L, %L)', :'ann', :'bea') AS merge \gset
SELECT format('SELECT customer_identity.split_customer(%L, ''{bob}'')', :'bea') AS split \gset
SAVEPOINT shop;

-- Types with their own JSON.
CREATE TYPE tag AS ENUM ('new', 'old');
CREATE TYPE tags AS (first tag, rest tag[]);
CREATE FUNCTION tag_to_json(tag) RETURNS json LANGUAGE sql AS $$ SELECT json_build_object('tag', $1::text, 'none', NULL) $$;
CREATE CAST (tag AS json) WITH FUNCTION tag_to_json(tag);
ALTER TABLE customers ADD tag tag, ADD tags tag[], ADD two tags;
UPDATE customers SET tag = 'old', tags = '[2:3]={new,NULL}', two = '(new,"{old,NULL}")' WHERE id = :'bea';
CREATE TABLE before AS SELECT t::text FROM customers AS t;
SELECT is(customer_identity.merge_preview(:'ann', :'bea') ->> 'refused', NULL, 'types with a cast to json are in no merge''s way');
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
SELECT results_eq('SELECT tag::text, tags::text, two::text FROM customers', $$VALUES ('old', '[2:3]={new,NULL}', '(new,"{old,NULL}")')$$, 'the winner has what it lacked');
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SELECT bag_eq('SELECT t::text FROM customers AS t', 'SELECT * FROM before', 'and all is as before when it is undone');
ROLLBACK TO shop;

-- A phone that may not be NULL.
ALTER TABLE customers ALTER phone SET NOT NULL;
CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' | ', code, detail, hint) FROM failure(statement) $$;
SELECT is(refusal(s), 'CI006 | Column phone of public.customers is NOT NULL, and would be empty.'
  ' | Customers are left without a phone here: ALTER TABLE public.customers ALTER COLUMN phone DROP NOT NULL;', s)
FROM unnest(ARRAY['SELECT customer_identity.release_phone(''' || :'bea' || ''')', :'split',
  'SELECT customer_identity.set_phone_rule(''07400 123402'', ''nobody'')']) AS s;
ROLLBACK TO shop;

-- Notes that do not fit together.
ALTER TABLE customers ALTER notes TYPE varchar(20);
UPDATE customers SET notes = 'calls before noon';
CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' | ', code, detail) FROM failure(statement) $$;
SELECT is(refusal(:'merge'), 'CI006 | Column notes cannot hold the notes of both. Reason: value too long for type character varying(20).', 'notes that are too long are refused');
SELECT is(customer_identity.merge_preview(:'ann', :'bea') ->> 'refused', 'Column notes cannot hold the notes of both. Reason: value too long for type character varying(20).', 'as the preview says');
ROLLBACK TO shop;
ALTER TABLE customers ADD CONSTRAINT short CHECK (length(notes) < 20);
UPDATE customers SET notes = 'calls before noon';
CREATE FUNCTION refusal(statement text) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' | ', code, detail) FROM failure(statement) $$;
SELECT is(refusal(:'merge'), 'CI006 | The row would break constraint short of public.customers.', 'a CHECK is named');
ROLLBACK TO shop;

-- What the loser had is somebody else's when it comes back.
ALTER TABLE customers ADD external_id text UNIQUE, ADD branch int;
CREATE TABLE branches (id int PRIMARY KEY);
INSERT INTO branches VALUES (1);
ALTER TABLE customers ADD FOREIGN KEY (branch) REFERENCES branches;
UPDATE customers SET external_id = 'b-1' WHERE id = :'bea';
UPDATE customers SET branch = 1 WHERE id = :'bea';
UPDATE customers SET external_id = 'a-1' WHERE id = :'ann';
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
SAVEPOINT merged;
INSERT INTO customers (phone, external_id) VALUES ('+447400123403', 'b-1');
SELECT results_eq(format('SELECT code, detail FROM failure(''SELECT customer_identity.unmerge_customers(%s)'')', :'merge_id'),
  $$VALUES ('CI006', 'The row would break constraint customers_external_id_key of public.customers.')$$, 'a unique value that was given again');
ROLLBACK TO merged;
UPDATE customers SET branch = NULL;
DELETE FROM branches;
SELECT results_eq(format('SELECT code, detail FROM failure(''SELECT customer_identity.unmerge_customers(%s)'')', :'merge_id'),
  $$VALUES ('CI006', 'The row would break constraint customers_branch_fkey of public.customers.')$$, 'a row that is gone');
ROLLBACK TO shop;

-- Triggers that keep a row, and errors that are about another table.
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION keep();
SELECT results_eq(format('SELECT code, message, detail FROM failure(%L)', :'merge'),
  $$VALUES ('CI006', 'the customer cannot be deleted', 'A trigger of public.customers keeps rows as they are.')$$, 'a trigger that deletes softly');
ROLLBACK TO shop;
CREATE TABLE log (line text NOT NULL);
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NULL); RETURN NULL; END $$;
CREATE TRIGGER log AFTER UPDATE ON customers FOR EACH ROW WHEN (NEW.updated_at <> OLD.updated_at) EXECUTE FUNCTION log();
SELECT is((failure(:'merge')).code, '23502', 'an error of a trigger is the application''s');
ROLLBACK TO shop;

-- Orders that are no orders.
SELECT is((failure(format('SELECT customer_identity.split_customer(%L, orders => %L)', :'bea', o))).code, '22023', 'split by ' || o)
FROM unnest(ARRAY['{"public.orders": "1"}', '{"public.orders": null}', '{"public.orders": {"1": 1}}', '{"public.orders": [null]}', '{"public..orders": ["1"]}', '{"a.b.c.d": ["1"]}',
  '{"a.b.c": ["1"]}', '{"": ["1"]}', '{".": ["1"]}', '{"a b": ["1"]}', '{"\"": ["1"]}', '{"5": ["1"]}', '[]', 'null', '"x"', '5']) AS o;
-- What a column cannot hold refers to nobody, and is not cut off: rows of a third one stay.
ALTER TABLE customers ADD code text UNIQUE, ADD number bigint UNIQUE;
SELECT customer_identity.get_or_create_customer('+44740012340' || n) AS c FROM generate_series(7, 9) AS n \g /dev/null
UPDATE customers SET code = substr('abcd abx abc', 1 + 5 * (phone = '+447400123408')::int + 9 * (phone = '+447400123409')::int, CASE phone WHEN '+447400123407' THEN 4 ELSE 3 END),
  number = 5000000000 - right(phone, 1)::int WHERE phone BETWEEN '+447400123407' AND '+447400123409';
SELECT results_eq($$SELECT code FROM customers WHERE code IS NOT NULL ORDER BY phone$$, $$VALUES ('abcd'), ('abx'), ('abc')$$, 'three codes');
CREATE TABLE badges (code varchar(3) REFERENCES customers (code), number int REFERENCES customers (number));
INSERT INTO badges VALUES ('abc', NULL);
SELECT id AS abcd FROM customers WHERE code = 'abcd' \gset
SELECT id AS abx FROM customers WHERE code = 'abx' \gset
SELECT id AS abc FROM customers WHERE code = 'abc' \gset
SELECT lives_ok(format('SELECT customer_identity.merge_customers(%L, %L)', :'abx', :'abcd'), 'a code that no row can have');
SELECT results_eq('SELECT code::text FROM badges', $$VALUES ('abc')$$, 'moves no other one''s rows');
UPDATE customers SET code = 'abxy' WHERE id = :'abx';
SELECT results_eq(format('SELECT code, hint IS NOT NULL FROM failure(%L)', format('SELECT customer_identity.merge_customers(%L, %L)', :'abx', :'abc')),
  $$VALUES ('CI006', true)$$, 'nor does one become what it cannot hold');
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L)', :'abx'), 'an id that is too large for a column that refers to it');
-- Columns are many.
SELECT format('ALTER TABLE customers %s', string_agg(format('ADD extra%s text', n), ', ')) FROM generate_series(1, 120) AS n \gexec
SELECT lives_ok(format('SELECT customer_identity.merge_customers(%L, (SELECT id FROM customers WHERE id <> %L AND phone IS NOT NULL ORDER BY id LIMIT 1))', :'abc', :'abc'), 'a customers table of more than a hundred columns');

SELECT * FROM finish();
ROLLBACK;
