-- What a trigger, or a key that is looked at late, keeps in the database is refused by erase_customer, in whatever table.
\ir shop.psql
SELECT * FROM no_plan();
CREATE FUNCTION id_of(customer_phone text) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM customers WHERE phone = customer_phone';
CREATE FUNCTION erasing(options text DEFAULT '') RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', f.code, f.detail) FROM failure(format('SELECT customer_identity.erase_customer(%L%s)', id_of('+447400123401'), options)) AS f
$$;
ALTER TABLE "user" ADD email text, ADD ref text NOT NULL UNIQUE DEFAULT gen_random_uuid();
SELECT customer_identity.attach_users('"user"', phone_columns => '{phoneNumber,phone}', verified_column => 'phoneNumberVerified',
  name_column => 'name', region_column => 'country', personal_columns => '{ref}');
CREATE TABLE wishes (id int PRIMARY KEY, customer uuid REFERENCES customers ON DELETE CASCADE);
CREATE TABLE invited (id int PRIMARY KEY, customer uuid REFERENCES customers);
INSERT INTO "user" (id, name, phone, email) VALUES ('ada', 'Ada', '07400 123401', 'ada@example.org'), ('eve', 'Eve', '07400 123402', NULL), ('bob', 'Bob', '07400 123409', NULL);
INSERT INTO orders (user_id, phone, total) VALUES ('ada', NULL, 1), ('bob', '07400 123401', 2);
SELECT customer_identity.merge_customers(id_of('+447400123401'), id_of('+447400123402')) IS NOT NULL AS merged;
SELECT customer_identity.add_phone(id_of('+447400123401'), '07400 123403') IS NOT NULL AS added;
SELECT customer_identity.set_phone_rule('07400 123403', 'shared');
SELECT customer_identity.record_proof('07400 123401', 'ada') IS NOT NULL AS proved;
SELECT customer_identity.adjust_points(id_of('+447400123401'), 7, 'kind');
SELECT customer_identity.dismiss_duplicate(id_of('+447400123401'), id_of('+447400123409'));
INSERT INTO customer_events (customer_id, event, details) VALUES (id_of('+447400123409'), 'phone_released', '{"phone": "+447400123401"}');
INSERT INTO wishes VALUES (1, id_of('+447400123401'));
INSERT INTO invited VALUES (1, id_of('+447400123401'));

-- Of every table that the preview names, a trigger that does nothing when it should change.
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE told AS
SELECT DISTINCT t ->> 'table' AS name, CASE WHEN t ->> 'what' = 'deleted' THEN 'DELETE' ELSE 'UPDATE' END AS event
FROM jsonb_array_elements(customer_identity.erase_preview(id_of('+447400123401')) -> 'tables') AS t;
SELECT is(count(*), 13::bigint, 'in as many ways a table changes') FROM told;
CREATE FUNCTION erasing_with(name text, event text, body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  said text;
BEGIN
  EXECUTE format('CREATE TRIGGER kept BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION %s()', event, name, body);
  said := erasing();
  EXECUTE format('DROP TRIGGER kept ON %s', name);
  RETURN said;
END
$$;
SELECT is(erasing_with(name, event, 'keep'), format('CI006 A trigger of %s keeps rows as they are.', name), format('a trigger of %s keeps rows at %s', name, event)) FROM told;
CREATE FUNCTION mark_as_gone() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE customers SET notes = 'gone' WHERE id = OLD.id; RETURN NULL; END$$;
SELECT is(erasing_with('customers', 'DELETE', 'mark_as_gone'), 'CI006 A trigger of public.customers keeps rows as they are.', 'customers that are deleted softly');
SELECT is(count(*), 1::bigint, 'then nothing has changed') FROM customers JOIN "user" AS u ON u.customer_id = customers.id WHERE customers.phone = '+447400123401' AND notes IS NULL AND u.name = 'Ada';

-- And of one that puts back what was emptied.
CREATE FUNCTION put_email_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.email := COALESCE(NEW.email, OLD.email); RETURN NEW; END';
CREATE FUNCTION put_ref_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.ref := OLD.ref; RETURN NEW; END';
CREATE FUNCTION put_phone_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.phone := COALESCE(NEW.phone, OLD.phone); RETURN NEW; END';
CREATE FUNCTION put_details_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.details := OLD.details; RETURN NEW; END';
CREATE FUNCTION say_nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.email := COALESCE(NEW.email, ''); RETURN NEW; END$$;
SELECT is(erasing_with(t.name, 'UPDATE', t.body), format('CI006 A trigger of public.%s keeps rows as they are.', t.name), t.body)
FROM (VALUES ('"user"', 'put_email_back'), ('"user"', 'put_ref_back'), ('"user"', 'put_phone_back'), ('orders', 'put_phone_back'), ('customer_events', 'put_details_back')) AS t (name, body);

-- Keys that are looked at when the transaction ends.
CREATE TABLE sessions (id int PRIMARY KEY, user_id text REFERENCES "user" DEFERRABLE INITIALLY DEFERRED);
INSERT INTO sessions VALUES (1, 'ada');
SELECT is(erasing(', delete_users => true'), 'CI006 update or delete on table "user" violates foreign key constraint "sessions_user_id_fkey" on table "sessions"',
  'a late key keeps a login that is to be deleted');
ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES "user" ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE visits (session int CONSTRAINT visited REFERENCES sessions DEFERRABLE INITIALLY DEFERRED);
INSERT INTO visits VALUES (1);
SELECT is(erasing(', delete_users => true'), 'CI006 update or delete on table "sessions" violates foreign key constraint "visited" on table "visits"', 'as does one of what would go along');
CREATE TRIGGER kept BEFORE UPDATE ON "user" FOR EACH ROW EXECUTE FUNCTION say_nothing();
BEGIN;
SELECT lives_ok($$SELECT customer_identity.erase_customer(id_of('+447400123401'))$$, 'a trigger that writes nothing of the person is not in the way');
INSERT INTO visits VALUES (2);
SELECT is((failure('SET CONSTRAINTS visited IMMEDIATE')).code, '23503', 'and late keys are late still');
DELETE FROM visits WHERE session = 2;
COMMIT;
SELECT * FROM finish();
