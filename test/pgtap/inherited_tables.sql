-- Tables that inherit from attached ones and are attached themselves: each row is read once, and users are refused.
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE orders ADD payment text, ADD created_at timestamptz DEFAULT clock_timestamp();
CREATE TABLE archived_orders (gift_note text, PRIMARY KEY (id)) INHERITS (orders);
CREATE TABLE old_orders (PRIMARY KEY (id)) INHERITS (archived_orders);
CREATE FUNCTION attach(relation regclass, personal text[] DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  SELECT customer_identity.attach_orders(relation, users => '"user"', region_column => 'country', status_column => 'status',
    counted_statuses => '{paid,shipped}', payment_column => 'payment', cod_values => '{cash}', personal_columns => personal)
$$;
SELECT attach('old_orders'), attach('archived_orders', '{note,gift_note}'), attach('orders', '{note}');
CREATE FUNCTION exact(what text) RETURNS text LANGUAGE sql AS
  $$SELECT is_empty('SELECT * FROM customer_identity.verify_totals() UNION ALL SELECT id, ''independent'', NULL, NULL FROM wrong_totals()', 'totals are exact: ' || what)$$;
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() AS f WHERE f.severity = 'error'$$, 'orders may be attached with what inherits from them');

INSERT INTO "user" (id, name, phone) VALUES ('ada', 'Ada', '07400 123401'), ('bob', 'Bob', '07400 123402');
INSERT INTO orders (user_id, total, note) VALUES ('ada', 1, 'own');
INSERT INTO archived_orders (id, user_id, phone, total, note, gift_note, created_at) VALUES
  (1001, 'ada', NULL, 2, 'archived', 'for Ada', '2020-01-01'), (1002, NULL, '07400 123401', 4, 'guest', 'from Ada', '2020-01-02');
INSERT INTO old_orders (id, user_id, total, note, created_at) VALUES (2001, 'ada', 8, 'old', '2010-01-01');
SELECT id AS ada FROM customers WHERE phone = '+447400123401' \gset
SELECT id AS bob FROM customers WHERE phone = '+447400123402' \gset
SELECT is(totals('+447400123401'), '4 / 15 / 15', 'each row counts once');
SELECT exact('written to each');
UPDATE orders SET total = total + 1;
UPDATE archived_orders SET total = total + 1;
UPDATE ONLY orders SET status = 'void';
DELETE FROM orders WHERE note = 'nothing';
SELECT is(totals('+447400123401'), '3 / 20 / 20', 'changed through whichever');
SELECT exact('changed');
UPDATE ONLY orders SET status = 'paid';
SELECT is(customer_identity.rebuild_totals(), 0::bigint, 'there is nothing to correct');

-- Reads.
CREATE FUNCTION notes(page jsonb) RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(i ->> 'note', ' ' ORDER BY n) FROM jsonb_array_elements(page -> 'items') WITH ORDINALITY AS p (i, n)$$;
SELECT is(notes(customer_identity.customer_orders(:'ada')), 'own guest archived old', 'customer_orders lists each order once');
SELECT is(notes(customer_identity.visible_orders('ada')), 'own archived old', 'so does visible_orders');
SELECT customer_identity.record_proof('07400 123401', 'ada');
SELECT is(notes(customer_identity.visible_orders('ada')), 'own guest archived old', 'with a proof');
SELECT customer_identity.customer_orders(:'ada', 1) ->> 'next' AS next \gset
SELECT is(notes(customer_identity.customer_orders(:'ada', 1, :'next')), 'guest', 'page by page');
SELECT is(date_part('year', (customer_identity.customer_details(:'ada') ->> 'first_order_at')::timestamptz), 2010::float8, 'the first order is known');
UPDATE orders SET payment = 'cash', status = 'cancelled' WHERE note = 'guest';
SET customer_identity.fraud_cod_cancellations = 1;
SELECT is((SELECT s -> 'evidence' FROM jsonb_array_elements(customer_identity.fraud_signals()) AS c, jsonb_array_elements(c -> 'signals') AS s WHERE s ->> 'signal' = 'cod_cancellations'),
  '{"orders": 1, "cancelled": 1}', 'fraud_signals counts an order once');
RESET customer_identity.fraud_cod_cancellations;
UPDATE orders SET payment = NULL, status = 'paid' WHERE note = 'guest';
INSERT INTO "user" (id, name, phone) SELECT 'p' || n, chr(64 + n) || repeat(chr(96 + n), 5), '07400 123456' FROM generate_series(1, 8) AS n;
INSERT INTO old_orders (id, phone, total, note) VALUES (2002, '07400 123456', 1, 'placeholder');
SELECT is((SELECT guest_orders FROM customer_identity.phone_suspects(5) WHERE phone = '+447400123456'), 1::bigint, 'and so does phone_suspects');
SELECT is(customer_identity.why_linked('archived_orders', '1002') ->> 'customer', :'ada', 'why_linked knows each table by its name');

-- What a merge would move, and does.
SELECT results_eq(format($$SELECT t ->> 'table', (t ->> 'rows')::int FROM jsonb_array_elements(customer_identity.merge_preview(%L, %L) -> 'tables') AS t
  WHERE t ->> 'table' LIKE '%%orders' ORDER BY 1$$, :'bob', :'ada'),
  $$VALUES ('public.archived_orders', 2), ('public.old_orders', 1), ('public.orders', 1)$$, 'merge_preview counts each row in its own table');
SELECT customer_identity.merge_customers(:'bob', :'ada') AS merge \gset
SELECT is(totals('+447400123402'), '4 / 22 / 22', 'a merge moves all');
SELECT exact('merged');
SELECT customer_identity.unmerge_customers(:merge);
SELECT is(totals('+447400123401'), '4 / 22 / 22', 'and gives all back');
SELECT is((SELECT count(*) FROM orders WHERE customer_id = :'ada'), 4::bigint, 'row by row');
SELECT exact('unmerged');

-- A person's data.
SELECT results_eq(format($$SELECT t ->> 'table', r ->> 'note', r ->> 'gift_note' FROM jsonb_array_elements(customer_identity.export_customer(%L) -> 'tables') AS t,
    jsonb_array_elements(t -> 'rows') AS r WHERE t ->> 'table' LIKE '%%orders' ORDER BY 1, 2$$, :'ada'),
  $$VALUES ('public.archived_orders', 'archived', 'for Ada'), ('public.archived_orders', 'guest', 'from Ada'), ('public.old_orders', 'old', NULL), ('public.orders', 'own', NULL)$$,
  'an export has each row once, with all its columns');
SELECT results_eq(format($$SELECT t ->> 'table', (t ->> 'rows')::int FROM jsonb_array_elements(customer_identity.erase_preview(%L) -> 'tables') AS t
  WHERE t ->> 'table' LIKE '%%orders' ORDER BY 1$$, :'ada'),
  $$VALUES ('public.archived_orders', 2), ('public.old_orders', 1), ('public.orders', 1)$$, 'erase_preview counts each row in its own table');
SELECT results_eq(format($$SELECT t ->> 'table', (t ->> 'rows')::int FROM jsonb_array_elements(customer_identity.erase_customer(%L, true) -> 'tables') AS t
  WHERE t ->> 'table' LIKE '%%orders' ORDER BY 1$$, :'ada'),
  $$VALUES ('public.archived_orders', 2), ('public.old_orders', 1), ('public.orders', 1)$$, 'and erase_customer does so');
SELECT is_empty($$SELECT FROM archived_orders WHERE note IN ('archived', 'guest') OR gift_note IS NOT NULL$$, 'personal columns that a child alone has are emptied as well');
SELECT exact('erased');

-- A foreign key of an application's table, attached or not.
CREATE TABLE letters (id int PRIMARY KEY, customer_id uuid REFERENCES customers);
CREATE TABLE sent_letters (FOREIGN KEY (customer_id) REFERENCES customers, PRIMARY KEY (id)) INHERITS (letters);
INSERT INTO sent_letters VALUES (1, :'bob');
SELECT is((SELECT string_agg(t ->> 'table', ',') FROM jsonb_array_elements(customer_identity.export_customer(:'bob') -> 'tables') AS t WHERE t ->> 'table' LIKE '%letters'),
  'public.sent_letters', 'the same goes for tables that are not attached');
SELECT is((SELECT string_agg(t ->> 'table', ',') FROM jsonb_array_elements(customer_identity.erase_preview(:'bob') -> 'tables') AS t WHERE t ->> 'table' LIKE '%letters'),
  'public.sent_letters', 'when they are unlinked as well');
ALTER TABLE sent_letters DROP CONSTRAINT sent_letters_customer_id_fkey;
SELECT is((SELECT string_agg(t ->> 'table', ',') FROM jsonb_array_elements(customer_identity.export_customer(:'bob') -> 'tables') AS t WHERE t ->> 'table' LIKE '%letters'),
  'public.letters', 'without a key of its own its rows are those of the parent');
DROP TABLE sent_letters, letters;

-- A table that inherits from two.
CREATE TABLE web (id int, phone text, total numeric);
CREATE TABLE store (id int, phone text, total numeric);
CREATE TABLE both_ways () INHERITS (web, store);
SELECT customer_identity.attach_orders('both_ways') IS NOT NULL AS attached, customer_identity.attach_orders('web') IS NOT NULL AS attached_too \gset
SELECT is((failure($$SELECT customer_identity.attach_orders('store')$$)).code, '0A000', 'what inherits from two is read with one of them');
ALTER TABLE both_ways NO INHERIT store;
SELECT lives_ok($$SELECT customer_identity.attach_orders('store')$$, 'apart, both are attached');
ALTER TABLE both_ways INHERIT store;
SELECT set_eq($$SELECT severity, object, finding FROM customer_identity.check_setup() WHERE object = 'public.both_ways'$$,
  $$VALUES ('error', 'public.both_ways', 'it inherits from public.store and from public.web, which are both attached: lists have its rows twice')$$, 'check_setup reports what has come about later');
DROP TABLE both_ways, web, store;

-- Users: a statement that names the parent fires the parent's triggers alone.
CREATE TABLE members (PRIMARY KEY (id)) INHERITS ("user");
SELECT matches((failure($$SELECT customer_identity.attach_users('members')$$)).hint, 'ALTER TABLE public.members NO INHERIT public."user"', 'what inherits from users is refused, with a hint');
SELECT is((failure($$SELECT customer_identity.attach_users('members')$$)).code, '0A000', 'as not supported');
SELECT is((SELECT what_to_do FROM customer_identity.check_setup() WHERE object = 'public.members'),
  'ALTER TABLE public.members NO INHERIT public."user"; or move its rows into a partitioned table.', 'nor does check_setup say to attach it');
CREATE TABLE guests (PRIMARY KEY (id)) INHERITS (members);
SELECT is((failure($$SELECT customer_identity.attach_users('guests')$$)).code, '0A000', 'nor what inherits from that');
DROP TABLE guests;
ALTER TABLE members NO INHERIT "user";
SELECT lives_ok($$SELECT customer_identity.attach_users('members', '{phoneNumber,phone}', 'phoneNumberVerified', 'name', 'country')$$, 'by itself it is attached');
CREATE TABLE persons (LIKE members INCLUDING ALL);
ALTER TABLE members INHERIT persons;
SELECT is((failure($$SELECT customer_identity.attach_users('persons')$$)).code, '0A000', 'what attached users inherit from is refused');
SELECT hasnt_trigger('persons', 'customer_identity_link', 'and left alone');
ALTER TABLE members NO INHERIT persons;
DROP TABLE persons;
CREATE TABLE childless (id text PRIMARY KEY, phone text);
CREATE TABLE stray () INHERITS (childless);
SELECT unalike((failure($$SELECT customer_identity.attach_users('childless')$$)).hint, '%Attach the child%', 'nobody is told to attach what would be refused');

-- What is attached inherits from what is not: a statement that names that one fires no trigger that counts.
CREATE TABLE papers (note text);
CREATE TABLE papers_of_people (name text);
ALTER TABLE orders INHERIT papers;
ALTER TABLE members INHERIT papers_of_people;
SELECT set_eq($$SELECT severity, object FROM customer_identity.check_setup() WHERE finding LIKE 'it inherits from public.paper%, which is not attached: %'$$,
  $$VALUES ('warning', 'public.orders'), ('warning', 'public.old_orders'), ('warning', 'public.archived_orders'), ('warning', 'public.members')$$, 'check_setup warns of an ancestor that is not attached');
ALTER TABLE orders NO INHERIT papers;
ALTER TABLE members NO INHERIT papers_of_people;

-- A pair that has come about later.
ALTER TABLE members INHERIT "user";
SELECT results_eq($$SELECT severity, object, finding FROM customer_identity.check_setup() WHERE object = 'public.members'$$,
  $$VALUES ('error', 'public.members', 'it inherits from public."user", and both are attached as users: when its logins are changed through that table, proofs keep their former ids and earlier orders are not attached')$$,
  'check_setup reports a pair');
SELECT is((failure($$SELECT customer_identity.attach_users('"user"')$$)).code, '0A000', 'which is not attached again');
INSERT INTO members (id, name, phone) VALUES ('m1', 'Mia', '07400 123471');
INSERT INTO orders (user_id, phone, total, note) VALUES (NULL, '07400 123471', 1, 'of Mia');
SELECT id AS mia FROM customers WHERE phone = '+447400123471' \gset
SELECT is((customer_identity.list_customers(search => '123471') -> 'items' -> 0) ->> 'users', '1', 'list_customers counts a login once');
SELECT is(jsonb_array_length(customer_identity.list_customers(search => '123471', filters => '{"shared": true}') -> 'items'), 0, 'who has one login shares nothing');
SELECT is(customer_identity.customer_details(:'mia') ->> 'users', '1', 'customer_details counts it once');
SELECT is(jsonb_array_length(customer_identity.customer_users(:'mia')), 1, 'customer_users lists it once');
SELECT is((customer_identity.customer_stats() ->> 'users')::bigint, (SELECT count(*) FROM "user"), 'customer_stats counts it once');
SELECT is(notes(customer_identity.visible_orders('m1')), NULL, 'visible_orders knows one login of that id');

SELECT * FROM finish();
