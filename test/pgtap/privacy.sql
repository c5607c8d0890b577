-- personal_columns, export_customer, erase_preview, erase_customer: what is told, what goes, what stays, and what is in
-- the way.
\ir shop.psql
SELECT * FROM no_plan();
SET customer_identity.sms_countries = 'GB';

CREATE FUNCTION id_of(customer_phone text) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM customers WHERE phone = customer_phone';
-- Everything in the tables of the application and of the book, as a dump has it.
CREATE FUNCTION whole_book() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(query_to_xml(format('SELECT * FROM %s', c.oid::regclass), true, true, '')::text, ' ')
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
$$;
-- {table: what rows} of a preview or an erasure.
CREATE FUNCTION told(told jsonb) RETURNS text[] LANGUAGE sql AS $$
  SELECT array_agg(format('%s %s %s', replace(t ->> 'table', 'public.', ''), t ->> 'what', t ->> 'rows') ORDER BY t ->> 'table', t ->> 'what')
  FROM jsonb_array_elements(told -> 'tables') AS t
$$;

-- personal_columns: kept in the triggers, shown, followed, checked.
ALTER TABLE "user" ADD email text NOT NULL DEFAULT '', ADD "Address" jsonb, ADD shout text GENERATED ALWAYS AS (upper(name)) STORED;
SELECT is(personal_columns, NULL, 'none but the phone, unless named') FROM customer_identity.attachments WHERE attached = 'orders'::regclass;
CREATE FUNCTION attach_again(users_columns text[], orders_columns text[]) RETURNS void LANGUAGE sql AS $$
  SELECT customer_identity.attach_users('"user"', phone_columns => '{phoneNumber,phone}', verified_column => 'phoneNumberVerified',
    name_column => 'name', region_column => 'country', personal_columns => users_columns);
  SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
    status_column => 'status', counted_statuses => '{paid,shipped}', personal_columns => orders_columns)
$$;
SELECT attach_again('{email,Address}', '{note}');
SELECT results_eq($$SELECT personal_columns FROM customer_identity.attachments ORDER BY kind DESC$$,
  $$VALUES ('{email,Address}'::text[]), ('{note}')$$, 'the view shows them');
SELECT matches(customer_identity_internal.attach_call('"user"'), $$personal_columns => ARRAY\['email', 'Address'\], customers$$, 'the call names them');
SELECT matches(customer_identity_internal.attach_call('orders'), $$personal_columns => ARRAY\['note'\], customers$$, 'that for orders as well');
ALTER TABLE "user" RENAME "Address" TO address;
ALTER TABLE orders RENAME note TO remark;
SELECT results_eq($$SELECT personal_columns FROM customer_identity.attachments ORDER BY kind DESC$$,
  $$VALUES ('{email,address}'::text[]), ('{remark}')$$, 'a renamed column is followed');
ALTER TABLE orders RENAME remark TO note;
BEGIN;
ALTER TABLE orders DROP note;
SELECT matches(string_agg(finding, ' '), 'column note, which the triggers name', 'check_setup() misses one that is gone')
FROM customer_identity.check_setup() WHERE severity = 'error';
INSERT INTO orders (phone, total) VALUES ('07400 123400', 1);
SELECT is(count(*), 1::bigint, 'and orders are attached all the same') FROM orders WHERE customer_id IS NOT NULL;
ROLLBACK;
SELECT is(concat_ws(' ', f.code, f.message), expected, 'refused: ' || attempt)
FROM (VALUES
  ($$attach_again('{nowhere}', NULL)$$, '42703 table public."user" has no column nowhere'),
  ($$attach_again(NULL, '{note,nowhere}')$$, '42703 table public.orders has no column nowhere'),
  ($$attach_again('{id}', NULL)$$, '22023 column id of public."user" cannot be emptied'),
  ($$attach_again('{customer_id}', NULL)$$, '22023 column customer_id of public."user" cannot be emptied'),
  ($$attach_again('{shout}', NULL)$$, '22023 column shout of public."user" cannot be emptied'),
  ($$attach_again(NULL, '{id}')$$, '22023 column id of public.orders cannot be emptied'),
  ($$attach_again(NULL, '{total}')$$, '22023 column total of public.orders cannot be emptied'),
  ($$attach_again(NULL, '{status}')$$, '22023 column status of public.orders cannot be emptied'),
  ($$attach_again(NULL, '{user_id}')$$, '22023 column user_id of public.orders cannot be emptied'),
  ($$attach_again(NULL, '{customer_id}')$$, '22023 column customer_id of public.orders cannot be emptied'),
  ($$attach_again(NULL, '{NULL}')$$, '22023 personal_columns must name at least one value, and no NULL')
) AS t (attempt, expected)
CROSS JOIN LATERAL failure('SELECT ' || attempt) AS f;
SELECT lives_ok($$SELECT attach_again('{}', '{}')$$, 'an empty list is none');
SELECT attach_again('{email,address}', '{note}');

-- A person with all that a book may hold on it, and another one.
CREATE TABLE tickets (id int PRIMARY KEY, customer uuid REFERENCES customers ON DELETE CASCADE, said text);
CREATE TABLE invited (id int PRIMARY KEY, by_customer uuid REFERENCES customers, also uuid REFERENCES customers ON DELETE SET NULL);
ALTER TABLE customers ADD invited_by uuid REFERENCES customers;
INSERT INTO "user" (id, name, "phoneNumber", email, address) VALUES
  ('ada', 'Ada Byron', '07400 123401', 'ada@example.org', '{"street": "St James 12"}'),
  ('ada2', 'Ada B', '+44 7400-123402', 'byron@example.org', NULL),
  ('bob', 'Bob', '07400 123409', 'bob@example.org', NULL);
INSERT INTO orders (user_id, phone, total, note) VALUES
  ('ada', NULL, 10, 'for Ada Byron'), (NULL, '(07400) 123401', 20, 'Byron'), ('ada2', NULL, 30, NULL),
  ('bob', NULL, 5, 'for Bob'), ('bob', '0044 7400 123401', 6, 'a gift of Bob');
SELECT customer_identity.merge_customers(id_of('+447400123401'), id_of('+447400123402')) IS NOT NULL AS merged;
SELECT customer_identity.add_phone(id_of('+447400123401'), '07400 123403') IS NOT NULL AS added;
SELECT customer_identity.change_phone(id_of('+447400123401'), '07400 123404', keep_old => true) IS NOT NULL AS changed;
SELECT customer_identity.set_phone_rule('07400 123403', 'shared');
SELECT customer_identity.set_phone_rule('07400 123408', 'nobody');
SELECT customer_identity.record_proof('07400 123404', 'ada') IS NOT NULL AS proved;
SELECT customer_identity.adjust_points(id_of('+447400123404'), 7, 'Ada was kind');
SELECT customer_identity.update_customer(id, '{"notes": "Byron calls at noon"}', updated_at) IS NOT NULL AS noted FROM customers WHERE phone = '+447400123404';
SELECT status FROM customer_identity.start_verification('07400 123404', user_id => 'ada');
SELECT status FROM customer_identity.start_verification('07400 123409', user_id => 'bob');
INSERT INTO tickets SELECT 1, id_of('+447400123404'), 'Byron is cross';
INSERT INTO invited SELECT 1, id_of('+447400123404'), id_of('+447400123409');
UPDATE customers SET invited_by = id_of('+447400123404') WHERE phone = '+447400123409';
-- Bob's history names a number that Ada has now.
INSERT INTO customer_events (customer_id, event, details) SELECT id_of('+447400123409'), 'phone_released', '{"phone": "+447400123404", "said": "+447400123404, +4474001234041", "key": {"+447400123404": 1}, "since": null}';
SELECT id_of('+447400123404') AS ada, id_of('+447400123409') AS bob \gset

SELECT is(customer_identity.export_customer(:'ada') -> 'customer' ->> 'notes', 'Byron calls at noon', 'an export has the customer');
SELECT is(array_agg(format('%s %s', replace(t ->> 'table', 'public.', ''), jsonb_array_length(t -> 'rows'))), '{"\"user\" 2","customer_events 13","customer_merges 1","customer_phones 3","invited 1","loyalty_entries 1","orders 3","phone_proofs 1","phone_rules 1","tickets 1",
  "customer_identity.sms_messages 1","customer_identity.verification_events 2","customer_identity.verifications 1"}', 'and every table that holds something on the person')
FROM jsonb_array_elements(customer_identity.export_customer(:'ada') -> 'tables') AS t;
SELECT is(array_agg(o ->> 'note' ORDER BY o ->> 'id'), '{"for Ada Byron",Byron,NULL}', 'with whole rows')
FROM jsonb_path_query(customer_identity.export_customer(:'ada'), '$.tables[*] ? (@.table == "public.orders").rows[*]') AS o;
SELECT ok(NOT customer_identity.export_customer(:'ada')::text ~ 'code_hash|"body"', 'and neither codes nor their hashes');
SELECT ok(NOT customer_identity.export_customer(:'ada')::text ~ 'bob@|for Bob|a gift', 'nor what is somebody else''s');
SELECT is((failure(format('SELECT customer_identity.%s(%L)', f, gen_random_uuid()))).code, 'P0002', f || ': nobody')
FROM unnest('{export_customer,erase_preview,erase_customer}'::text[]) AS f;

SELECT is(told(customer_identity.erase_preview(:'ada')), '{"customer_identity.sms_messages deleted 1","customer_identity.verification_events deleted 2","customer_identity.verifications deleted 1","\"user\" emptied 2",
  "customer_events deleted 13","customer_events phone emptied 1",
  "customer_merges deleted 1","customer_phones deleted 3","customers deleted 1","customers unlinked 1","invited unlinked 1",
  "loyalty_entries deleted 1","orders emptied 3","orders phone emptied 1","phone_proofs deleted 1","phone_rules deleted 1","tickets deleted 1"}',
  'the preview tells what would become of each table');
SELECT is(customer_identity.erase_preview(:'ada') -> 'refused', 'null', 'nothing is in the way');
SELECT isnt_empty($$SELECT FROM customers WHERE phone = '+447400123404'$$, 'and changes nothing');

BEGIN;
SELECT customer_identity.erase_preview(:'ada') -> 'tables' AS preview \gset
SELECT customer_identity.erase_customer(:'ada', actor => 'desk', reason => 'asked to') AS erased \gset
SELECT is(:'erased'::jsonb -> 'tables', :'preview'::jsonb, 'the erasure does what the preview told');
SELECT is(:'erased'::jsonb - '{tables,erased_at}'::text[], '{"actor": "desk", "reason": "asked to"}', 'and says by whom and why');
SELECT ok(NOT whole_book() ~* 'ada b|byron|74\D*00\D*12340[1-4]\M|st james', 'nothing names the person any more');
SELECT ok(whole_book() ~ '447400123408', 'a number that names nobody is nobody''s');
SELECT is_empty($$SELECT FROM customer_identity.verifications WHERE user_id = 'ada' UNION ALL SELECT FROM customer_identity.verification_events WHERE bucket ~ 'ada|12340[1-4]'$$,
  'no code is left');
SELECT isnt_empty($$SELECT FROM customer_identity.verifications WHERE user_id = 'bob'$$, 'but others''');
SELECT results_eq('SELECT customer_id IS NULL, phone, total, note FROM orders ORDER BY id', $$VALUES
  (true, NULL, 10::numeric, NULL), (true, NULL, 20, NULL), (true, NULL, 30, NULL), (false, NULL, 5, 'for Bob'), (false, NULL, 6, 'a gift of Bob')$$,
  'orders stay for the books, and those of others for them');
SELECT results_eq($$SELECT id, name, "phoneNumber", "phoneNumberVerified", email, customer_id IS NULL FROM "user" ORDER BY id$$,
  $$VALUES ('ada', NULL, NULL, false, '', true), ('ada2', NULL, NULL, false, '', true), ('bob', 'Bob', '07400 123409', NULL, 'bob@example.org', false)$$,
  'logins are unlinked and empty');
SELECT is_empty('SELECT * FROM wrong_totals()', 'totals of others are exact');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'as verify_totals() has it');
SELECT is(count(*), 1::bigint, 'one customer is left') FROM customers;
SELECT results_eq('SELECT by_customer IS NULL, also IS NULL FROM invited', 'VALUES (true, false)', 'rows of other tables are unlinked');
SELECT is(details, '{"phone": null, "said": ", +4474001234041", "key": {"": 1}, "since": null}', 'the history of others names no phone of the person')
FROM customer_events WHERE customer_id = :'bob' AND event = 'phone_released';
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE finding ~ 'could have a customer|cannot be read'$$, 'check_setup() recommends nothing');
ROLLBACK;

-- Without a transaction around it: backfill() commits.
SELECT customer_identity.erase_customer(:'ada') IS NOT NULL AS erased;
CALL customer_identity.backfill('"user"');
CALL customer_identity.backfill('orders');
SELECT is(array_agg(phone::text), '{+447400123409}', 'backfill() does not make the person anew') FROM customers;
INSERT INTO orders (phone, total) VALUES ('07400 123401', 3);
SELECT is(totals('+447400123401'), '1 / 3 / 3', 'who comes again is a new customer');

-- Rows that are not linked yet are the person's, too.
ALTER TABLE orders DISABLE TRIGGER customer_identity_attach;
INSERT INTO orders (phone, total, note) VALUES ('07400/123401', 4, 'not linked');
ALTER TABLE orders ENABLE TRIGGER customer_identity_attach;
SELECT customer_identity.erase_customer(id_of('+447400123401')) IS NOT NULL AS erased;
SELECT is_empty($$SELECT FROM orders WHERE phone ~ '123401' OR note = 'not linked'$$, 'an order that nobody had linked is emptied');

-- A former number that is somebody else's now is theirs.
INSERT INTO "user" (id, phone) VALUES ('cy', '07400 123411');
SELECT customer_identity.change_phone(id_of('+447400123411'), '07400 123412') IS NOT NULL AS changed;
INSERT INTO orders (phone, total) VALUES ('07400 123411', 8);
SELECT customer_identity.erase_customer(id_of('+447400123412')) IS NOT NULL AS erased;
SELECT is(totals('+447400123411'), '1 / 8 / 8', 'a new holder keeps the number and its orders');
SELECT is(count(*), 1::bigint, 'as written') FROM orders WHERE phone = '07400 123411';

-- Logins are deleted where that is asked for.
INSERT INTO "user" (id, name, phone) VALUES ('dot', 'Dot', '07400 123413');
INSERT INTO orders (user_id, total) VALUES ('dot', 9);
SELECT is(told(customer_identity.erase_customer(id_of('+447400123413'), delete_users => true)) @> '{"\"user\" deleted 1","orders emptied 1"}', true, 'delete_users says so');
SELECT is_empty($$SELECT FROM "user" WHERE id = 'dot'$$, 'and deletes them');
SELECT is(count(*), 1::bigint, 'their orders stay') FROM orders WHERE total = 9 AND user_id IS NULL AND customer_id IS NULL;
CREATE TABLE sessions (id int PRIMARY KEY, user_id text REFERENCES "user");
INSERT INTO "user" (id, name, phone) VALUES ('eve', 'Eve', '07400 123414');
INSERT INTO sessions VALUES (1, 'eve');
SELECT results_eq($$SELECT code, detail FROM failure('SELECT customer_identity.erase_customer(id_of(''+447400123414''), true)')$$,
  $$VALUES ('CI006', 'update or delete on table "user" violates foreign key constraint "sessions_user_id_fkey" on table "sessions"')$$, 'a foreign key of the application may refuse it');
SELECT isnt_empty($$SELECT FROM "user" u JOIN customers c ON c.id = u.customer_id WHERE u.name = 'Eve'$$, 'then nothing has changed');

-- What a column may be emptied to, over types, NOT NULL, unique indexes, checks and domains.
CREATE DOMAIN mail AS text CHECK (VALUE ~ '^[^@]+@[^@]+$');
CREATE DOMAIN some_text AS text NOT NULL;
CREATE TABLE people (id int PRIMARY KEY, phone text,
  a text, b text NOT NULL DEFAULT '', c text NOT NULL UNIQUE, d text UNIQUE, e varchar(20) NOT NULL UNIQUE, f mail, g mail NOT NULL, h mail NOT NULL UNIQUE,
  i jsonb NOT NULL, j text[] NOT NULL, k some_text, l date, m text NOT NULL CHECK (m <> ''), n text NOT NULL, o char(4), p int, q text NOT NULL, "r%I" text);
CREATE UNIQUE INDEX ON people (lower(n));
CREATE UNIQUE INDEX ON people (q, id);
SELECT customer_identity.attach_users('people', personal_columns => (
  SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 2));
INSERT INTO people
SELECT n, '07400 12342' || n, 'Zoe', 'Zoe', 'Zoe' || n, 'Zoe' || n, 'Zoe' || n, 'zoe@x', 'zoe@x', 'zoe' || n || '@x', '{"Zoe": 1}', '{Zoe}', 'Zoe', '2000-02-02', 'Zoe', 'Zoe' || n, 'Zoe', 7, 'Zoe', 'Zoe'
FROM generate_series(1, 3) AS n;
SELECT customer_identity.erase_customer(id_of('+44740012342' || n)) IS NOT NULL AS erased FROM generate_series(1, 2) AS n;
SELECT results_eq($$SELECT count(*), count(phone), count(a), min(b), count(DISTINCT c) FILTER (WHERE c ~ '^erased-[a-p]{32}$'), count(d),
    count(DISTINCT e) FILTER (WHERE length(e) <= 20 AND e ~ '^[a-p]+$'), count(f), count(g), count(DISTINCT h) FILTER (WHERE h LIKE '%@erased.invalid'), min(i::text), min(j::text),
    min(k::text), count(l), count(*) FILTER (WHERE m LIKE 'erased-%'), count(DISTINCT n) FILTER (WHERE n LIKE 'erased-%'), count(o), count(p), count(*) FILTER (WHERE q LIKE 'erased-%'), count("r%I")
  FROM people WHERE id < 3$$,
  $$VALUES (2::bigint, 0::bigint, 0::bigint, '', 2::bigint, 0::bigint, 2::bigint, 0::bigint, 2::bigint, 2::bigint, '{}', '{}', '', 0::bigint, 2::bigint, 2::bigint, 0::bigint, 0::bigint, 2::bigint, 0::bigint)$$,
  'NULL, else empty, else unique and meaningless, as the column can hold it');
SELECT is(to_jsonb(third) @> '{"c": "Zoe3", "l": "2000-02-02", "r%I": "Zoe"}', true, 'others are left alone') FROM people AS third WHERE id = 3;
SELECT is_empty($$SELECT * FROM customer_identity.phone_problems('people')$$, 'what is left reads as no phone');

-- What is in the way: told before anything has changed.
DELETE FROM people WHERE id < 3;
ALTER TABLE people ALTER l SET NOT NULL, ALTER p SET NOT NULL;
SELECT matches(customer_identity.erase_preview(id_of('+447400123423')) ->> 'refused', 'Column l of public.people .* Column p of public.people', 'columns that cannot be empty');
SELECT is(code, 'CI006', 'are refused') FROM failure($$SELECT customer_identity.erase_customer(id_of('+447400123423'))$$);
SELECT lives_ok($$SELECT customer_identity.erase_customer(id_of('+447400123423'), delete_users => true)$$, 'unless the login goes as a whole');
DROP TABLE people;
CREATE TABLE contracts (id int PRIMARY KEY, customer uuid NOT NULL REFERENCES customers);
INSERT INTO contracts SELECT n, :'bob' FROM generate_series(1, 2) AS n;
SELECT is(customer_identity.erase_preview(:'bob') ->> 'refused', '2 rows of public.contracts refer to the customer in column customer, which is NOT NULL.', 'so are rows that need their customer');
SELECT results_eq(format($$SELECT code, message, detail FROM failure(%L)$$, format('SELECT customer_identity.erase_customer(%L)', :'bob')),
  $$VALUES ('CI006', 'the customer cannot be erased', '2 rows of public.contracts refer to the customer in column customer, which is NOT NULL.')$$, 'with the table');
SELECT is(totals('+447400123409'), '2 / 11 / 11', 'nothing has changed');
ALTER TABLE contracts DROP CONSTRAINT contracts_customer_fkey, ADD FOREIGN KEY (customer) REFERENCES customers ON DELETE CASCADE;
SELECT is(customer_identity.erase_preview(:'bob') ->> 'refused', NULL, 'ON DELETE CASCADE lets them go along');
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION keep();
SELECT results_eq(format($$SELECT code, detail FROM failure(%L)$$, format('SELECT customer_identity.erase_customer(%L)', :'bob')),
  $$VALUES ('CI006', 'A trigger of public.orders keeps rows as they are.')$$, 'a trigger may be in the way');
DROP TRIGGER keep ON orders;
ALTER TABLE orders ADD CONSTRAINT known CHECK (phone IS NOT NULL OR note IS NOT NULL) NOT VALID;
SELECT results_eq(format($$SELECT code, detail FROM failure(%L)$$, format('SELECT customer_identity.erase_customer(%L)', :'bob')),
  $$VALUES ('CI006', 'new row for relation "orders" violates check constraint "known"')$$, 'or a check over several columns');
ALTER TABLE orders DROP CONSTRAINT known;

-- Partitions, and a row that moves to another one.
CREATE TABLE sales (id int, placed int, phone text, total numeric, who text) PARTITION BY LIST (who);
CREATE TABLE sales_of_somebody PARTITION OF sales DEFAULT;
CREATE TABLE sales_of_nobody PARTITION OF sales FOR VALUES IN (NULL);
SELECT customer_identity.attach_orders('sales', user_column => NULL, personal_columns => '{who}', timing => 'commit');
INSERT INTO sales VALUES (1, 1, '07400 123431', 50, 'Gil'), (2, 1, '07400 123432', 60, 'Hal');
SELECT customer_identity.erase_customer(id_of('+447400123431')) IS NOT NULL AS erased;
SELECT results_eq('SELECT id, tableoid::regclass::text, phone, who, customer_id IS NULL FROM sales ORDER BY id',
  $$VALUES (1, 'sales_of_nobody', NULL, NULL, true), (2, 'sales_of_somebody', '07400 123432', 'Hal', false)$$, 'rows of partitions are emptied');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and counted');

-- Rights: EXECUTE is enough, tables of other owners are changed as theirs, and nobody else's code runs as us.
CREATE ROLE privacy_keeper;
CREATE ROLE privacy_clerk;
CREATE ROLE passer_by;
CREATE SCHEMA other AUTHORIZATION privacy_keeper;
GRANT REFERENCES, SELECT ON customers TO privacy_keeper;
SET ROLE privacy_keeper;
CREATE TABLE other.letters (id int PRIMARY KEY, to_customer uuid REFERENCES public.customers, body text);
CREATE FUNCTION other.who() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.body := current_user; RETURN NEW; END$$;
CREATE TRIGGER who BEFORE UPDATE ON other.letters FOR EACH ROW EXECUTE FUNCTION other.who();
RESET ROLE;
INSERT INTO other.letters SELECT 1, id_of('+447400123432'), 'dear Hal';
GRANT EXECUTE ON FUNCTION customer_identity.export_customer, customer_identity.erase_preview, customer_identity.erase_customer TO privacy_clerk;
SELECT ok(NOT has_function_privilege('passer_by', f.oid, 'EXECUTE'), f.proname || ' is nobody''s until granted')
FROM pg_proc f WHERE proname = ANY ('{export_customer,erase_preview,erase_customer}') AND pronamespace = 'customer_identity'::regnamespace;
SELECT id_of('+447400123432') AS hal \gset
SET ROLE privacy_clerk;
SELECT ok(customer_identity.export_customer(:'hal', 'public.customers')::text ~ 'dear Hal', 'who may export needs no right on the tables');
SELECT is(customer_identity.erase_preview(:'hal', 'public.customers') ->> 'refused', NULL, 'nor who previews');
SELECT lives_ok(format('SELECT customer_identity.erase_customer(%L, customers => ''public.customers'')', :'hal'), 'nor who erases');
RESET ROLE;
SELECT results_eq('SELECT to_customer IS NULL, body FROM other.letters', $$VALUES (true, 'privacy_keeper')$$, 'another owner''s table is changed as that owner');
SET ROLE passer_by;
SELECT is((failure($$SELECT customer_identity_internal.verifications_of('{+447400123409}', '{bob}', true, 'public.customers')$$)).code, '42501', 'verifications are the owner''s');
SELECT is((failure($$SELECT customer_identity_internal.verifications_in_tables('{+447400123409}', '{bob}', true, true, 'public.customers')$$)).code, '42501', 'in whatever way');
RESET ROLE;

-- The owner of another book clears no limits of phones: they are of no book.
CREATE SCHEMA small AUTHORIZATION passer_by;
SELECT customer_identity.create_tables('small');
ALTER TABLE small.customers OWNER TO passer_by;
SET ROLE passer_by;
SELECT is(customer_identity_internal.verifications_of('{+447400123409}', '{bob}', true, 'small.customers'), '[]', 'nor sees or deletes what is another book''s');
RESET ROLE;
SELECT isnt_empty($$SELECT FROM customer_identity.verification_events WHERE bucket = 'phone +447400123409'$$, 'the limit stands');

-- A book of an older release is asked to get its companions first.
DROP TABLE customer_merges;
SELECT results_eq(format($$SELECT code FROM failure(%L)$$, format('SELECT customer_identity.%s(%L)', f, :'bob')), $$VALUES ('CI003')$$, f || ' without a companion')
FROM unnest('{export_customer,erase_preview,erase_customer}'::text[]) AS f;
SELECT * FROM finish();
