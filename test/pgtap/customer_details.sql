-- One customer for administrators: details, users, orders across tables of every shape, and edits that never
-- overwrite somebody else's.
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE "user" ADD email text, ADD "createdAt" timestamptz, ADD password text DEFAULT 'secret';
CREATE TYPE place AS ENUM ('here', 'there');
CREATE TABLE sales ("order no" uuid PRIMARY KEY, phone text, total int, "createdAt" timestamp, at_counter place DEFAULT 'here', customer text);
CREATE TABLE "weird ""orders'%s" (id text PRIMARY KEY, phone text, total numeric, order_date date);
CREATE TABLE visits (phone text, total numeric);
CREATE TABLE parcels (id int, phone text, total numeric, placed_at timestamptz, PRIMARY KEY (id, placed_at)) PARTITION BY RANGE (placed_at);
CREATE TABLE parcels_2026 PARTITION OF parcels FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE parcels_2027 PARTITION OF parcels FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
ALTER TABLE orders ADD created_at timestamptz;
SELECT customer_identity.attach_orders(o) FROM unnest(ARRAY['sales', '"weird ""orders''%s"', 'visits', 'parcels']::regclass[]) AS o;

INSERT INTO "user" (id, name, email, "phoneNumber", phone, "createdAt") VALUES
  ('u1', 'Ada', 'ada@example.com', '+44 7400 123401', '07400 123401', '2026-01-02'), ('u2', NULL, NULL, NULL, '07400 123401', '2026-01-01'),
  ('u3', 'Bob', NULL, NULL, '07400 123402', NULL);
SELECT id AS ada FROM customers WHERE phone = '+447400123401' \gset
SELECT id AS bob FROM customers WHERE phone = '+447400123402' \gset

-- Details.
SELECT is(customer_identity.customer_details(gen_random_uuid()), NULL, 'an unknown customer has no details');
SELECT is(customer_identity.customer_details(NULL), NULL, 'nor has none');
SELECT results_eq(format($$SELECT d ->> 'phone', d ->> 'users', d ->> 'open_claims', d ->> 'first_order_at', d ->> 'last_order_at', d ? 'notes' FROM customer_identity.customer_details(%L) AS d$$, :'ada'),
  $$VALUES ('+447400123401', '2', '2', NULL, NULL, true)$$, 'details of a customer without orders');
SELECT customer_identity.record_proof('07400 123401', 'u2');
SELECT customer_identity.record_proof('07400 123401');
SELECT is(customer_identity.customer_details(:'ada') ->> 'open_claims', '1', 'a user''s own proof closes the claim, a guest''s none');
SELECT customer_identity.revoke_proof('07400 123401', 'u2');
SELECT is(customer_identity.customer_details(:'ada') ->> 'open_claims', '2', 'a proof that ended closes none');
SELECT customer_identity.record_proof('07400 123401', 'u2');

-- Phones and merges.
CREATE FUNCTION phones(customer uuid) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', p ->> 'phone', CASE WHEN (p ->> 'primary')::bool THEN 'primary' END, CASE WHEN p ->> 'since' IS NOT NULL THEN 'since' END,
    CASE WHEN p ->> 'until' IS NOT NULL THEN 'until' END, p ->> 'reason', p ->> 'actor')
  FROM jsonb_array_elements(customer_identity.customer_details(customer) -> 'phones') AS p
$$;
SELECT results_eq(format('SELECT phones(%L)', :'bob'), ARRAY['+447400123402 primary'], 'a customer with one phone');
SELECT is(customer_identity.customer_details(:'bob') -> 'merges', '[]', 'and without merges');
SELECT customer_identity.get_or_create_customer('07400 123411') AS c1 \gset
SELECT customer_identity.get_or_create_customer('07400 123412') AS c2 \gset
SELECT customer_identity.get_or_create_customer('07400 123413') AS c3 \gset
SELECT customer_identity.add_phone(:'c1', '07400 123414', actor => 'clerk', reason => 'works there');
SELECT customer_identity.change_phone(:'c1', '07400 123415', reason => 'moved');
SELECT results_eq(format('SELECT phones(%L)', :'c1'),
  ARRAY['+447400123415 primary', '+447400123414 since works there clerk', '+447400123411 since until moved'], 'live phones, then former ones');
INSERT INTO customers (phone) VALUES ('+447400123461') RETURNING id AS cleo \gset
SELECT customer_identity.add_phone(:'cleo', '07400 123462');
SELECT customer_identity.change_phone(:'cleo', '07400 123462', keep_old => true);
CREATE FUNCTION exported_phones(customer uuid) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', r ->> 'phone', CASE WHEN r ->> 'until' IS NOT NULL THEN 'until' END)
  FROM jsonb_array_elements(customer_identity.export_customer(customer) -> 'tables') AS t, jsonb_array_elements(t -> 'rows') AS r
  WHERE t ->> 'table' = 'public.customer_phones' ORDER BY 1
$$;
SELECT results_eq(format('SELECT phones(%L)', :'cleo'), ARRAY['+447400123462 primary', '+447400123461 since'], 'a further phone that has become the primary one is no former one');
SELECT results_eq(format('SELECT exported_phones(%L)', :'cleo'), ARRAY['+447400123461'], 'nor is it in the export');
SELECT customer_identity.change_phone(:'cleo', '07400 123461');
SELECT results_eq(format('SELECT DISTINCT phones(%L) ORDER BY 1 DESC', :'cleo'), ARRAY['+447400123462 since until', '+447400123461 primary'], 'until it ceases to lead there');
SELECT results_eq(format('SELECT DISTINCT exported_phones(%L)', :'cleo'), ARRAY['+447400123462 until'], 'and so says the export');
SELECT customer_identity.merge_customers(:'c1', :'c2', 'clerk', 'same person') AS first \gset
SELECT is((customer_identity.customer_details(:'c1') #> '{merges,0}') - 'merged_at',
  jsonb_build_object('id', :first, 'winner', :'c1', 'loser', :'c2', 'actor', 'clerk', 'reason', 'same person'), 'a merge');
SELECT customer_identity.merge_customers(:'c3', :'c1') AS second \gset
SELECT is(ARRAY(SELECT (m ->> 'id')::bigint FROM jsonb_array_elements(customer_identity.customer_details(:'c3') -> 'merges') AS m), ARRAY[:second, :first],
  'those of who was merged into it as well');
SELECT customer_identity.unmerge_customers(:second);
SELECT customer_identity.unmerge_customers(:first);
SELECT is(customer_identity.customer_details(:'c1') -> 'merges', '[]', 'none that was undone');
BEGIN;
DROP TABLE customer_phones, customer_merges;
SELECT is(d -> 'phones' || (d -> 'merges'), '[]', 'none in a book without the tables') FROM customer_identity.customer_details(:'c1') AS d;
ROLLBACK;

-- Users.
SELECT is(customer_identity.customer_users(gen_random_uuid()), '[]', 'an unknown customer has no users');
SELECT is(customer_identity.customer_users(:'ada'), $$[
  {"table": "public.\"user\"", "id": "u2", "name": null, "email": null, "phones": ["07400 123401"], "created_at": "2026-01-01T00:00:00+00:00", "proved": true},
  {"table": "public.\"user\"", "id": "u1", "name": "Ada", "email": "ada@example.com", "phones": ["+44 7400 123401", "07400 123401"], "created_at": "2026-01-02T00:00:00+00:00", "proved": false}
]$$, 'users are listed, the oldest first, with nothing but what is said');

-- Who has proved any phone that leads to the customer sees it, and no claim of his is open.
CREATE FUNCTION provers(customer uuid) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', string_agg(u ->> 'id', ' ' ORDER BY u ->> 'id') FILTER (WHERE (u ->> 'proved')::boolean), 'open: ' || (customer_identity.customer_details(customer) ->> 'open_claims'),
    string_agg('differs: ' || (u ->> 'id'), ' ') FILTER (WHERE (u ->> 'proved')::boolean <> customer_identity.can_see_customer(u ->> 'id', customer)))
  FROM jsonb_array_elements(customer_identity.customer_users(customer)) AS u
$$;
BEGIN;
SELECT customer_identity.record_proof('07400 123402', 'u3');
SELECT customer_identity.merge_customers(:'ada', :'bob');
SELECT is(provers(:'ada'), 'u2 u3 open: 1', 'after a merge the loser''s phone counts');
SELECT customer_identity.change_phone(:'ada', '07400 123419', keep_old => true);
SELECT is(provers(:'ada'), 'u2 u3 open: 1', 'after a new number the old one does, which is kept');
UPDATE customer_phones SET until = now() WHERE phone = '+447400123402';
SELECT is(provers(:'ada'), 'u2 open: 2', 'a former one does not');
DROP TABLE customer_phones;
SELECT is(provers(:'ada'), 'open: 3', 'in a book without further phones the primary one alone');
ROLLBACK;
SELECT is(provers(:'ada'), 'u2 open: 1', 'as it does before');

-- Orders.
CREATE FUNCTION order_pages(customer uuid, page_size int) RETURNS text LANGUAGE sql AS $$
  WITH RECURSIVE p AS (
    SELECT 1 AS n, customer_identity.customer_orders(customer, page_size) AS page
    UNION ALL
    SELECT n + 1, customer_identity.customer_orders(customer, page_size, page ->> 'next') FROM p WHERE page ->> 'next' IS NOT NULL)
  SELECT string_agg(i ->> 'total', ' ' ORDER BY n, o) FROM p, jsonb_array_elements(page -> 'items') WITH ORDINALITY AS x (i, o)
$$;
SELECT is(customer_identity.customer_orders(:'ada'), '{"items": [], "next": null}', 'no orders are an empty page');
INSERT INTO orders (user_id, total, created_at) VALUES ('u1', 1, '2026-01-01 00:00:00.000001Z'), ('u2', 2, '2026-01-01 00:00:00.000002Z'), ('u3', 1000, now()), ('u1', 3, NULL);
INSERT INTO sales ("order no", phone, total, "createdAt") VALUES ('00000000-0000-0000-0000-000000000001', '07400 123401', 4, '2026-01-01 00:00:00.000002'),
  ('00000000-0000-0000-0000-000000000002', '07400 123401', 5, '2026-01-01 00:00:00.000002');
INSERT INTO "weird ""orders'%s" VALUES ('x'' OR true --', '07400 123401', 6, '2026-01-01'), ('Z', '07400 123401', 7, '2026-02-01'), ('%s', '07400 123402', 1000, '2026-02-01');
INSERT INTO visits VALUES ('07400 123401', 8), ('07400 123401', 9), ('07400 123402', 1000);
INSERT INTO parcels VALUES (1, '07400 123401', 10, '2026-05-01Z'), (1, '07400 123401', 11, '2027-05-01Z'), (2, '07400 123401', 12, '2026-05-01Z');
SELECT is(order_pages(:'ada', 100), '11 12 10 7 2 5 4 1 6 3 9 8', 'orders of all tables, newest first, those without a time last');
SELECT is(order_pages(:'ada', n), order_pages(:'ada', 100), 'the same by pages of ' || n) FROM generate_series(1, 13) AS n;
SELECT is(i - '{note,country,phone}'::text[], jsonb_build_object('id', 2, 'user_id', 'u2', 'total', 2, 'status', 'paid', 'created_at', '2026-01-01T00:00:00.000002+00:00',
  'customer_id', :'ada', 'table', 'public.orders'), 'an order is its row, with its table')
FROM jsonb_array_elements(customer_identity.customer_orders(:'ada') -> 'items') AS i WHERE i ->> 'total' = '2';
SELECT is(i ->> 'table' || (i ->> 'at_counter'), 'public.saleshere', 'of whatever types') FROM jsonb_array_elements(customer_identity.customer_orders(:'ada') -> 'items') AS i WHERE i ->> 'total' = '4';
SELECT is(d ->> 'first_order_at' || (d ->> 'last_order_at'), '2026-01-01T00:00:00+00:002027-05-01T00:00:00+00:00', 'details tell the first and the last') FROM customer_identity.customer_details(:'ada') AS d;
SELECT customer_identity.customer_orders(:'ada', 3) ->> 'next' AS after \gset
SELECT is((failure(format('SELECT customer_identity.customer_orders(%L, after => %L)', :'bob', :'after'))).code, '22023', 'a cursor is not of another customer''s orders');
SELECT is((failure(format('SELECT customer_identity.customer_orders(%L, after => %L)', :'ada', c))).code, '22023', 'no cursor')
FROM unnest(ARRAY['', 'x', customer_identity_internal.write_cursor(jsonb_build_array('orders', :'ada', NULL), '{"key": null, "table": "public.user", "id": "1"}'),
  customer_identity_internal.write_cursor(jsonb_build_array('orders', :'ada', NULL), '{"key": null, "table": "public.orders", "id": "one"}'),
  customer_identity_internal.write_cursor(jsonb_build_array('orders', :'ada', NULL), '{"key": "x", "table": "public.orders", "id": "1"}'),
  customer_identity_internal.write_cursor(jsonb_build_array('orders', :'ada', NULL), '{"key": null, "id": "1"}')]) AS c;
SELECT is((failure(format('SELECT customer_identity.customer_orders(%L, %s)', :'ada', n))).code, '22023', 'no page of ' || n) FROM unnest('{0,1001}'::int[]) AS n;

-- Edits.
ALTER TABLE customers ADD tier text DEFAULT 'none', ADD "weird 'col""%s" int, ADD tags jsonb, ADD twice int GENERATED ALWAYS AS (total_orders * 2) STORED, ADD score numeric(4,2) CHECK (score >= 0),
  ADD birthday date NOT NULL DEFAULT '2000-01-01';
SELECT customer_identity.customer_details(:'ada') AS before \gset
SELECT is(customer_identity.update_customer(:'ada', '{"notes": "calls before noon", "tier": "gold", "weird ''col\"%s": 7, "tags": {"a": [1]}, "score": "9.99", "birthday": "1815-12-10"}', actor => 'clerk') - 'updated_at',
  (:'before'::jsonb || '{"notes": "calls before noon", "tier": "gold", "weird ''col\"%s": 7, "tags": {"a": [1]}, "score": 9.99, "birthday": "1815-12-10"}') - 'updated_at', 'notes and the application''s own columns change');
SELECT cmp_ok((SELECT updated_at FROM customers WHERE id = :'ada'), '>', (:'before'::jsonb ->> 'updated_at')::timestamptz, 'and so does updated_at');
SELECT is((h -> 0) - 'at', '{"event": "edited", "actor": "clerk", "details": {"notes": {"old": null, "new": "calls before noon"}, "tier": {"old": "none", "new": "gold"}, "weird ''col\"%s": {"old": null, "new": 7},
  "tags": {"old": null, "new": {"a": [1]}}, "score": {"old": null, "new": 9.99}, "birthday": {"old": "2000-01-01", "new": "1815-12-10"}}}', 'the history tells the old and the new values')
FROM customer_identity.customer_history(:'ada') AS h;
CREATE TEMP TABLE untouched AS SELECT id, xmin AS version FROM customers;
SELECT is(jsonb_array_length(customer_identity.customer_history(:'ada')), 8, 'an event for each edit');
SELECT lives_ok(format('SELECT customer_identity.update_customer(%L, %L)', :'ada', c), 'nothing new: ' || c) FROM unnest(ARRAY['{}', '{"notes": "calls before noon"}', '{"tags": {"a": [1.0]}, "score": 9.990}']) AS c;
SELECT is_empty('SELECT id, xmin::text FROM customers EXCEPT SELECT id, version::text FROM untouched', 'no change writes no row');
SELECT is(jsonb_array_length(customer_identity.customer_history(:'ada')), 8, 'and no event');
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, %L)', :'ada', jsonb_build_object(k, NULL)))).code, '22023', 'not to be edited: ' || k)
FROM unnest('{id,phone,is_phone_verified,total_orders,total_spent,loyalty_points,created_at,updated_at,twice,nothing,NOTES,xmin,ctid,"notes = notes, phone",users}'::text[]) AS k;
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, ''{"phone": "+447400123499"}'')', :'ada'))).hint,
  'Allowed are: preferred_name, notes, tier, weird ''col"%s, tags, score, birthday.', 'the hint names what may be edited');
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, %L)', :'ada', c))).code, '22023', 'unfit: ' || left(c, 40))
FROM unnest(ARRAY['[]', '"notes"', 'null', '{"weird ''col\"%s": "seven"}', '{"score": 100}', '{"birthday": "soon"}', jsonb_build_object('preferred_name', repeat('x', 101))::text]) AS c;
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, NULL)', :'ada'))).code, '22023', 'changes are needed');
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, ''{"birthday": "soon"}'')', :'ada'))).hint, 'The column and its type: birthday date.', 'the hint tells the type');
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, ''{"birthday": null}'')', :'ada'))).code, '23502', 'constraints of the application hold');
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, ''{"score": -1}'')', :'ada'))).code, '23514', 'checks as well');
SELECT is((failure($$SELECT customer_identity.update_customer(gen_random_uuid(), '{"notes": "x"}')$$)).code, 'P0002', 'an unknown customer cannot be edited');
SELECT is((failure($$SELECT customer_identity.update_customer(NULL, '{"notes": "x"}')$$)).code, 'P0002', 'nor can none');
SELECT is_empty('SELECT id, xmin::text FROM customers EXCEPT SELECT id, version::text FROM untouched', 'what was refused wrote nothing');

-- Edits of what somebody else edited.
SELECT customer_identity.customer_details(:'ada') ->> 'updated_at' AS read_at \gset
SELECT is(customer_identity.update_customer(:'ada', '{"notes": "first"}', :'read_at') ->> 'notes', 'first', 'who read the present row may edit it');
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, ''{"notes": "second"}'', %L)', :'ada', :'read_at'))).code, 'CI004', 'who read an older one may not');
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, ''{"notes": "second"}'', %L)', :'ada', :'read_at'))).message, 'the row changed since it was read', 'and is told so');
SELECT is((SELECT notes FROM customers WHERE id = :'ada'), 'first', 'the other''s edit stays');
SELECT is((failure(format('SELECT customer_identity.update_customer(id, ''{"notes": "second"}'', updated_at + interval ''1 microsecond'') FROM customers WHERE id = %L', :'ada'))).code, 'CI004', 'to the microsecond');
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, ''{}'', %L)', :'ada', :'read_at'))).code, 'CI004', 'even where nothing would change');
BEGIN;
SELECT customer_identity.update_customer(:'ada', '{"notes": "a"}') ->> 'updated_at' AS first \gset
SELECT customer_identity.update_customer(:'ada', '{"notes": "b"}') ->> 'updated_at' AS second \gset
SELECT cmp_ok(:'second'::timestamptz, '>', :'first'::timestamptz, 'two edits of one transaction differ in updated_at');
UPDATE customers SET updated_at = now() + interval '1 day' WHERE id = :'ada';
SELECT cmp_ok((customer_identity.update_customer(:'ada', '{"notes": "c"}') ->> 'updated_at')::timestamptz, '>', now() + interval '1 day', 'it never goes back, whatever clocks do');
COMMIT;
SELECT customer_identity.customer_details(:'ada') ->> 'updated_at' AS read_at \gset
UPDATE orders SET total = total + 1 WHERE user_id = 'u1' AND total = 1;
SELECT is(customer_identity.update_customer(:'ada', '{"notes": "third"}', :'read_at') ->> 'notes', 'third', 'an order meanwhile is no edit');

-- A trigger of the application that looks for its tables on the path.
CREATE TABLE audit (customer uuid);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NEW; END$$;
CREATE TRIGGER audit BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION audit();
SELECT lives_ok(format($$SELECT customer_identity.update_customer(%L, '{"notes": "fourth"}')$$, :'ada'), 'triggers of the application find their tables');
SELECT is((SELECT count(*) FROM audit), 1::bigint, 'beside customers');
SELECT is(current_setting('search_path'), '"$user", public', 'the path is the caller''s again');

-- A column whose domain is NOT NULL, beside the one that is edited and as such.
CREATE DOMAIN shelf AS text NOT NULL CHECK (VALUE <> '');
ALTER TABLE customers ADD shelf shelf DEFAULT 'A1';
SELECT is(customer_identity.update_customer(:'ada', '{"notes": "fifth"}') ->> 'notes', 'fifth', 'a column that must have a value stands in no edit''s way');
SELECT is(customer_identity.update_customer(:'ada', '{"shelf": "B2"}') ->> 'shelf', 'B2', 'and can be edited');
SELECT is((failure(format('SELECT customer_identity.update_customer(%L, %L)', :'ada', c))).code, '22023', 'but not to ' || c)
FROM unnest(ARRAY['{"shelf": null}', '{"shelf": ""}']) AS c;

-- Triggers of the application that change an edit, take it back or drop it.
CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
  IF NEW.notes = 'drop' THEN RETURN NULL; END IF;
  IF NEW.notes = 'undo' THEN NEW.notes := OLD.notes; END IF;
  NEW.notes := btrim(NEW.notes); RETURN NEW; END$$;
CREATE TRIGGER tidy BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION tidy();
SELECT is(customer_identity.update_customer(:'ada', '{"notes": "  sixth ", "shelf": "C3"}') ->> 'notes', 'sixth', 'what a trigger made of an edit is returned');
SELECT is(customer_identity.customer_history(:'ada') -> 0 -> 'details', '{"notes": {"old": "fifth", "new": "sixth"}, "shelf": {"old": "B2", "new": "C3"}}', 'and told by the history');
SELECT jsonb_array_length(customer_identity.customer_history(:'ada')) AS events \gset
SELECT is(customer_identity.update_customer(:'ada', jsonb_build_object('notes', n)) ->> 'notes', 'sixth', 'an edit can be refused by a trigger: ' || n) FROM unnest('{undo,drop}'::text[]) AS n;
SELECT is(jsonb_array_length(customer_identity.customer_history(:'ada')), :events, 'which is no edit to the history');
DROP TRIGGER tidy ON customers;
CREATE FUNCTION last_word() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE customers SET notes = 'last word' WHERE id = NEW.id; RETURN NULL; END$$;
CREATE TRIGGER last_word AFTER UPDATE ON customers FOR EACH ROW WHEN (NEW.notes = 'seventh') EXECUTE FUNCTION last_word();
SELECT is(customer_identity.update_customer(:'ada', '{"notes": "seventh"}') ->> 'notes', 'last word', 'nor does an edit end before its triggers');
SELECT is(customer_identity.customer_history(:'ada') #>> '{0,details,notes,new}', 'last word', 'as the history knows');
DROP TRIGGER last_word ON customers;
CREATE TABLE rung (note text);
CREATE RULE rung AS ON UPDATE TO customers WHERE NEW.notes = 'rule' DO INSTEAD INSERT INTO rung VALUES (NEW.notes);
SELECT is(customer_identity.update_customer(:'ada', '{"notes": "eighth"}') ->> 'notes', 'eighth', 'a rule may look at edits');
SELECT is(customer_identity.update_customer(:'ada', '{"notes": "rule"}') ->> 'notes', 'eighth', 'and do something else instead');
DROP RULE rung ON customers;

-- Functions and columns that would come first.
CREATE FUNCTION to_jsonb(customers) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RAISE 'called as %', current_user; END$$;
SELECT is(customer_identity.update_customer(:'ada', '{"notes": "ninth"}') ->> 'notes', 'ninth', 'a function beside customers is not called');
DROP FUNCTION to_jsonb(customers);
ALTER TABLE customers ADD c text, ADD o text, ADD u text, ADD n text;
SELECT is(customer_identity.update_customer(:'ada', '{"n": "x", "c": "y"}') ->> 'n', 'x', 'columns may be called as they like');
SELECT is(customer_identity.list_customers(:'ada'::text) -> 'next', 'null', 'in lists');
SELECT is(customer_identity.customer_details(:'ada') ->> 'c', 'y', 'and in details');
ALTER TABLE customers DROP c, DROP o, DROP u, DROP n;

-- Pages while orders come and go.
SELECT customer_identity.customer_orders(:'ada', 3) ->> 'next' AS after \gset
DELETE FROM parcels;
INSERT INTO orders (user_id, total, created_at) VALUES ('u1', 13, '2030-01-01'), ('u1', 14, '2025-01-01');
SELECT is((SELECT string_agg(i ->> 'total', ' ') FROM jsonb_array_elements(customer_identity.customer_orders(:'ada', 50, :'after') -> 'items') AS i), '7 2 5 4 2 6 14 3 9 8',
  'between two pages, what was deleted or added before shifts nothing');

SELECT * FROM finish();
