-- Foreign keys to whatever columns of customers: what an export tells, and what an erasure and its preview make of them.
\ir shop.psql
SELECT * FROM no_plan();
CREATE EXTENSION btree_gist;
CREATE FUNCTION id_of(customer_phone text) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM customers WHERE phone = customer_phone';
-- {table what rows columns} of a preview, without what every person has.
CREATE FUNCTION told(told jsonb) RETURNS text[] LANGUAGE sql AS $$
  SELECT array_agg(format('%s %s %s %s', replace(t ->> 'table', 'public.', ''), t ->> 'what', t ->> 'rows', t ->> 'columns') ORDER BY t ->> 'table', t ->> 'what', t ->> 'columns')
  FROM jsonb_array_elements(told -> 'tables') AS t
  WHERE t ->> 'table' NOT IN ('public.customers', 'public.customer_events')
$$;
CREATE FUNCTION refused(customer uuid) RETURNS text LANGUAGE sql AS $$SELECT customer_identity.erase_preview(customer) ->> 'refused'$$;

ALTER TABLE customers ADD code text UNIQUE, ADD number bigint UNIQUE, ADD tenant int DEFAULT 1, ADD UNIQUE (tenant, id);
INSERT INTO orders (phone) VALUES ('07400 123401'), ('07400 123402');
DELETE FROM orders;
UPDATE customers SET code = 'abc', number = 1 WHERE phone = '+447400123401';
UPDATE customers SET code = 'abcdef', number = 2 WHERE phone = '+447400123402';
SELECT id_of('+447400123401') AS ada, id_of('+447400123402') AS bob \gset
CREATE TABLE tickets (id int PRIMARY KEY, code text REFERENCES customers (code), said text);
CREATE TABLE visits (id int PRIMARY KEY, code varchar(3) REFERENCES customers (code) ON DELETE CASCADE, number int REFERENCES customers (number) ON DELETE CASCADE);
CREATE TABLE branches (id int PRIMARY KEY, tenant int NOT NULL, customer uuid, FOREIGN KEY (tenant, customer) REFERENCES customers (tenant, id));
CREATE TABLE desks (id int PRIMARY KEY, tenant int, customer uuid REFERENCES customers, FOREIGN KEY (tenant, customer) REFERENCES customers (tenant, id) MATCH FULL);
INSERT INTO tickets VALUES (1, 'abc', 'cross'), (2, 'abcdef', 'calm'), (3, NULL, 'nobody');
INSERT INTO visits VALUES (1, 'abc', NULL), (2, NULL, 1);
INSERT INTO branches VALUES (1, 1, :'ada'), (2, 1, :'bob');
INSERT INTO desks VALUES (1, 1, :'ada'), (2, 1, :'bob');

SELECT set_eq(format($$SELECT t ->> 'table' AS name, t -> 'rows' -> 0 ->> 'id' AS first, jsonb_array_length(t -> 'rows') AS rows FROM jsonb_array_elements(customer_identity.export_customer(%L) -> 'tables') AS t
  WHERE t ->> 'table' <> 'public.customer_events'$$, :'ada'),
  $$VALUES ('public.tickets', '1', 1), ('public.visits', '1', 2), ('public.branches', '1', 1), ('public.desks', '1', 1)$$, 'an export has rows of every key');
SELECT set_eq(format($$SELECT t ->> 'table' AS name, t -> 'rows' -> 0 ->> 'id' AS first, jsonb_array_length(t -> 'rows') AS rows FROM jsonb_array_elements(customer_identity.export_customer(%L) -> 'tables') AS t
  WHERE t ->> 'table' <> 'public.customer_events'$$, :'bob'),
  $$VALUES ('public.tickets', '2', 1), ('public.branches', '2', 1), ('public.desks', '2', 1)$$, 'and none of a value that a column is too short for');
SELECT is(told(customer_identity.erase_preview(:'ada')),
  '{"branches unlinked 1 [\"tenant\", \"customer\"]","desks unlinked 1 [\"customer\"]","tickets unlinked 1 [\"code\"]","visits deleted 1 [\"code\"]","visits deleted 1 [\"number\"]"}', 'the preview tells of each');
SELECT is(refused(:'ada'), NULL, 'nothing is in the way');
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L)', :'ada'), 'so it goes');
SELECT is(array_agg(t ORDER BY id), '{"(1,,cross)","(2,abcdef,calm)","(3,,nobody)"}'::tickets[], 'rows are unlinked by their key') FROM tickets AS t;
SELECT is_empty('SELECT FROM visits', 'or deleted with it');
SELECT results_eq('SELECT tenant, customer IS NULL FROM branches ORDER BY id', 'VALUES (1, true), (1, false)', 'a tenant stays');
SELECT results_eq('SELECT tenant, customer IS NULL FROM desks ORDER BY id', 'VALUES (NULL, true), (1, false)', 'unless the key is MATCH FULL');

-- What cannot be unlinked is told before.
DELETE FROM desks WHERE id = 1;
ALTER TABLE desks ALTER tenant SET NOT NULL;
SELECT is(refused(:'bob'), '1 rows of public.desks refer to the customer in column customer, which cannot become NULL.', 'a key that is MATCH FULL with a column that is NOT NULL');
SELECT is((failure(format('SELECT customer_identity.erase_customer(%L)', :'bob'))).detail, refused(:'bob'), 'refuses it');
DROP TABLE desks;
ALTER TABLE tickets ADD CHECK (code IS NOT NULL) NOT VALID;
SELECT is(refused(:'bob'), '1 rows of public.tickets refer to the customer in column code, which cannot become NULL.', 'a check that wants a value');
DROP TABLE tickets;
ALTER TABLE orders ADD tenant int NOT NULL DEFAULT 1, ADD CONSTRAINT placed FOREIGN KEY (tenant, customer_id) REFERENCES customers (tenant, id) MATCH FULL;
INSERT INTO orders (phone) VALUES ('07400 123402');
SELECT is(refused(:'bob'), 'Column customer_id of public.orders cannot become NULL.', 'that of an attached table');
ALTER TABLE orders ALTER tenant DROP NOT NULL;
SELECT is(refused(:'bob'), NULL, 'which can be unlinked when all of its columns can');

-- An exclusion constraint lets no second row have the same empty value.
CREATE TABLE members (id int PRIMARY KEY, phone text, name text NOT NULL, EXCLUDE USING gist (name WITH =));
SELECT customer_identity.attach_users('members', name_column => 'name');
INSERT INTO members VALUES (1, '07400 123402', 'Bob'), (2, '07400 123403', 'Cy');
SELECT is(refused(id_of(phone)), NULL, phone) FROM unnest('{+447400123402,+447400123403}'::text[]) AS phone;
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L)', id_of(phone)), phone) FROM unnest('{+447400123402,+447400123403}'::text[]) AS phone;
SELECT is(count(DISTINCT name), 2::bigint, 'names are emptied to what is unique') FROM members WHERE name ~ '^erased-';
SELECT results_eq('SELECT tenant, customer_id IS NULL FROM orders', 'VALUES (NULL::int, true)', 'an order leaves with all of its key');

-- Who has rows by any key is not empty, and stays when the number goes.
SELECT customer_identity.get_or_create_customer('07400 123404') AS dee \gset
UPDATE customers SET code = 'dee' WHERE id = :'dee';
INSERT INTO visits VALUES (9, 'dee', NULL);
SELECT customer_identity.set_phone_rule('07400 123404', 'nobody') \g /dev/null
SELECT results_eq('SELECT c.id FROM visits AS v JOIN customers AS c USING (code) WHERE v.id = 9', format('VALUES (%L::uuid)', :'dee'), 'what refers to a customer by another column keeps it');

SELECT * FROM finish();
