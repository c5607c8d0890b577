-- A proof is about a number: it counts for the customer who has that number now, whoever has written it there.
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE orders ADD payment text;
SELECT customer_identity.attach_orders('orders', users => '"user"', status_column => 'status', counted_statuses => '{paid,shipped}',
  payment_column => 'payment', cod_values => '{cash}');

-- What must hold after any statement: the flag tells of a live proof of the number, and no other proof is live.
CREATE FUNCTION faulty_rows() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT format('%s has %s, flag %s', c.id, coalesce(c.phone, 'no number'), c.is_phone_verified) FROM customers c
  WHERE c.is_phone_verified IS DISTINCT FROM EXISTS (
    SELECT FROM phone_proofs p WHERE p.customer_id = c.id AND p.phone = c.phone AND p.ended_at IS NULL)
  UNION ALL
  SELECT format('a proof of %s is live', p.phone) FROM phone_proofs p JOIN customers c ON c.id = p.customer_id
  WHERE p.ended_at IS NULL AND p.phone IS DISTINCT FROM c.phone $$;
CREATE FUNCTION faults() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT faulty_rows() UNION ALL SELECT what_to_do FROM customer_identity.check_setup() WHERE severity IN ('error', 'warning') $$;
CREATE FUNCTION verified(number text) RETURNS boolean LANGUAGE sql AS
  'SELECT is_phone_verified FROM customers WHERE phone = number';
CREATE FUNCTION ended() RETURNS SETOF text LANGUAGE sql AS
  $$SELECT concat_ws(' ', user_id, phone, ended_reason) FROM phone_proofs WHERE ended_at IS NOT NULL$$;
INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") SELECT 'u' || n, '+44740012340' || n, true FROM generate_series(1, 9) AS n;
SELECT is((SELECT count(*)::int FROM customers WHERE is_phone_verified), 9, 'nine customers are verified');
SELECT is_empty('SELECT faults()', 'and all is well');

-- One by one.
UPDATE customers SET phone = NULL WHERE phone = '+447400123401';
SELECT results_eq('SELECT ended()', ARRAY['u1 +447400123401 phone changed'], 'a released number ends its proof');
SELECT is_empty('SELECT faults()', 'and the flag');
SELECT is((SELECT details ->> 'reason' FROM customer_events WHERE event = 'proof_ended'), 'phone changed', 'the history tells');
SELECT throws_ok($$INSERT INTO orders (phone, total, payment) VALUES ('+447400123401', 5, 'cash')$$, 'CI002', NULL, 'its next owner has proved nothing');
SELECT throws_ok($$INSERT INTO orders (user_id, total, payment) VALUES ('u1', 5, 'cash')$$, 'CI002', NULL, 'nor has the old one another number');
SELECT ok(NOT customer_identity.can_see_customer('u1', (SELECT customer_id FROM "user" WHERE id = 'u1')), 'whose history is closed');
UPDATE customers SET phone = '+447400123411' WHERE phone = '+447400123402' RETURNING is_phone_verified \gset
SELECT is(:'is_phone_verified'::text, 'f', 'a new number is not verified, and RETURNING says so');
UPDATE customers SET phone = '+447400123412', is_phone_verified = true WHERE phone = '+447400123403';
SELECT is(verified('+447400123412'), false, 'even where the statement says that it were');
UPDATE customers SET phone = '+447400123403' WHERE phone = '+447400123412';
SELECT is(verified('+447400123403'), false, 'one that comes back has to be proved again');
SELECT customer_identity.record_proof('+447400123403', 'u3') \g /dev/null
SELECT is(verified('+447400123403'), true, 'as can be done');
UPDATE customers SET notes = 'a note', total_orders = total_orders, phone = phone;
SELECT is(verified('+447400123403'), true, 'an UPDATE that changes no number ends nothing');
SELECT is_empty('SELECT faults()', 'all is well');

-- Two numbers are swapped, in three statements or in one.
UPDATE customers SET phone = '+447400123499' WHERE phone = '+447400123404';
UPDATE customers SET phone = '+447400123404' WHERE phone = '+447400123405';
UPDATE customers SET phone = '+447400123405' WHERE phone = '+447400123499';
SELECT ok(NOT verified('+447400123404') AND NOT verified('+447400123405'), 'nobody keeps a flag by a swap');
SELECT ok(NOT customer_identity.can_see_customer('u4', (SELECT id FROM customers WHERE phone = '+447400123404')), 'nor sees the other''s history');
SELECT is_empty('SELECT faults()', 'all is well');
SELECT customer_identity.record_proof('+447400123404', 'u5'), customer_identity.record_proof('+447400123405') \g /dev/null
SELECT ok(verified('+447400123404') AND verified('+447400123405'), 'both can be proved anew');

-- Many rows, an upsert and a MERGE.
UPDATE customers SET phone = left(phone, -2) || '7' || right(phone, 1) WHERE phone IS NOT NULL;
SELECT is((SELECT count(*)::int FROM customers WHERE is_phone_verified), 0, 'a statement of many rows');
SELECT customer_identity.record_proof(phone, 'again') FROM customers WHERE phone IS NOT NULL \g /dev/null
INSERT INTO customers AS c (phone) VALUES ('+447400123476') ON CONFLICT (phone) DO UPDATE SET phone = '+447400123486';
SELECT is(verified('+447400123486'), false, 'an upsert');
SELECT lives_ok($$MERGE INTO customers c USING (VALUES ('+447400123477')) AS v (phone) ON c.phone = v.phone WHEN MATCHED THEN UPDATE SET phone = '+447400123487'$$, 'a MERGE');
SELECT is(verified('+447400123487'), false, 'is seen as well');
SELECT is_empty('SELECT faults()', 'all is well');

-- Any numbers, any number of times.
CREATE FUNCTION deed(dice float8, other float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  one uuid := (SELECT id FROM customers ORDER BY md5(id || dice::text) LIMIT 1);
  number text := '+44740012350' || floor(other * 9);
  statement text;
BEGIN
  statement := CASE floor(dice * 7)
    WHEN 0 THEN format('UPDATE customers SET phone = NULL WHERE id = %L', one)
    WHEN 1 THEN format('UPDATE customers SET phone = %L, is_phone_verified = true WHERE id = %L AND phone IS DISTINCT FROM %1$L', number, one)
    WHEN 2 THEN format('UPDATE customers SET phone = %L WHERE id = %L', number, one)
    WHEN 3 THEN format('SELECT customer_identity.record_proof(%L, %L)', number, 'd' || floor(other * 3))
    WHEN 4 THEN format('SELECT customer_identity.record_proof(%L)', number)
    WHEN 5 THEN format('INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES (%L, %L, true) ON CONFLICT (id) DO UPDATE
      SET "phoneNumber" = excluded."phoneNumber", "phoneNumberVerified" = true', 'd' || floor(other * 3), number)
    ELSE format('UPDATE customers SET phone = phone, notes = %L WHERE id = %L', number, one)
  END;
  BEGIN
    EXECUTE statement;
  EXCEPTION WHEN unique_violation THEN
    IF SQLERRM !~ 'customers_phone_key|user_phoneNumber_key' THEN
      RAISE;
    END IF;
  END;
  RETURN statement;
END $$;
CREATE FUNCTION story(seed float8) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  done text;
BEGIN
  PERFORM setseed(seed);
  FOR i IN 1..150 LOOP
    done := deed(random(), random());
    RETURN QUERY SELECT done || ': ' || f FROM faulty_rows() AS f;
  END LOOP;
END $$;
SELECT is_empty(format('SELECT story(%s)', seed), 'any story: ' || seed) FROM unnest('{0.1,0.2,0.3}'::float8[]) AS seed;

-- Triggers of the application beside ours.
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_ARGV[0] = 'nothing' THEN RETURN NULL; END IF;
  IF TG_ARGV[0] = 'other' AND NEW.phone ~ '42.$' THEN NEW.phone := '+447400123436'; END IF;
  IF TG_ARGV[0] = 'flag' THEN NEW.is_phone_verified := true; END IF;
  RETURN NEW; END $$;
CREATE FUNCTION fresh() RETURNS uuid LANGUAGE sql AS $$
  DELETE FROM customers WHERE phone ~ '4[2-4].$';
  SELECT customer_identity.record_proof('+447400123421', 'meddler') $$;
CREATE TRIGGER zz BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION meddle('nothing');
DROP TRIGGER zz ON customers;
SELECT fresh() AS meddled \gset
CREATE TRIGGER zz BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION meddle('nothing');
UPDATE customers SET phone = NULL WHERE id = :'meddled';
SELECT is(verified('+447400123421'), true, 'where a trigger keeps the row as it was, the proof stays');
SELECT is((SELECT count(*)::int FROM phone_proofs WHERE customer_id = :'meddled' AND ended_at IS NULL), 1, 'live');
DROP TRIGGER zz ON customers;
CREATE TRIGGER zz BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION meddle('other');
UPDATE customers SET phone = '+447400123422' WHERE id = :'meddled';
SELECT is((SELECT phone || is_phone_verified FROM customers WHERE id = :'meddled'), '+447400123436false', 'one that writes another number');
SELECT is_empty('SELECT faults()', 'is followed');
DROP TRIGGER zz ON customers;
SELECT fresh() AS meddled \gset
CREATE TRIGGER zz BEFORE UPDATE ON customers FOR EACH ROW WHEN (OLD.phone IS DISTINCT FROM NEW.phone) EXECUTE FUNCTION meddle('flag');
UPDATE customers SET phone = '+447400123432' WHERE id = :'meddled';
SELECT is(verified('+447400123432'), false, 'one that sets the flag is not believed');
SELECT is_empty('SELECT faults()', 'all is well');
DROP TRIGGER zz ON customers;

-- An id that changes as well.
SELECT fresh() AS meddled \gset
ALTER TABLE phone_proofs DROP CONSTRAINT phone_proofs_customer_id_fkey,
  ADD FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE customer_events DROP CONSTRAINT customer_events_customer_id_fkey,
  ADD FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE;
UPDATE customers SET id = gen_random_uuid(), phone = '+447400123423' WHERE id = :'meddled';
SELECT is_empty('SELECT faults()', 'id and number in one statement');
UPDATE customers SET id = gen_random_uuid() WHERE phone = '+447400123423';
SELECT is_empty('SELECT faults()', 'the id alone');

-- Rights: who may write the phone needs none on proofs; a stranger's table is his own.
CREATE ROLE clerk;
GRANT SELECT (id, phone), UPDATE (phone) ON customers TO clerk;
SELECT fresh() AS meddled \gset
SET ROLE clerk;
UPDATE customers SET phone = NULL WHERE phone = '+447400123421';
RESET ROLE;
SELECT is_empty('SELECT faults()', 'a role with a right on the column alone');
CREATE ROLE stranger;
GRANT CREATE ON SCHEMA public TO stranger;
SELECT fresh() AS meddled \gset
SET ROLE stranger;
CREATE TABLE mine (id uuid, phone text, is_phone_verified boolean);
CREATE TRIGGER t AFTER UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.follow_phone();
CREATE TRIGGER b BEFORE UPDATE ON mine FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.follow_phone();
INSERT INTO mine VALUES (:'meddled', '1', true);
UPDATE mine SET phone = '2';
SELECT is((SELECT phone || is_phone_verified FROM mine), '2true', 'a stranger''s table is no book');
RESET ROLE;
SELECT is(verified('+447400123421'), true, 'and ends no proof of ours');
DROP OWNED BY stranger, clerk;
DROP ROLE stranger, clerk;

-- A row-level policy, and the isolation levels.
ALTER TABLE customers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE phone_proofs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE customers SET phone = '+447400123424' WHERE id = :'meddled';
COMMIT;
ALTER TABLE customers NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER TABLE phone_proofs NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
SELECT is_empty('SELECT faults()', 'row security and SERIALIZABLE');

-- Where the triggers do not fire, check_setup tells, and has the statement.
CREATE FUNCTION mended() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  statement text;
BEGIN
  FOR statement IN SELECT what_to_do FROM customer_identity.check_setup() WHERE severity = 'warning' LOOP
    EXECUTE statement;
  END LOOP;
END $$;
SELECT fresh() AS meddled \gset
SET session_replication_role = replica;
UPDATE customers SET phone = '+447400123425' WHERE id = :'meddled';
RESET session_replication_role;
SELECT set_eq($$SELECT object || ': ' || finding FROM customer_identity.check_setup() WHERE severity = 'warning'$$, ARRAY[
  'public.customers: customers without a live proof whose phone is marked as verified, or not marked at all: 1',
  'public.phone_proofs: live proofs of phones that their customers no longer have, which give no access: 1'], 'a replica''s statement is found');
SELECT throws_ok($$INSERT INTO orders (phone, total, payment) VALUES ('+447400123425', 5, 'cash')$$, 'CI002', NULL, 'and opens nothing meanwhile');
SELECT mended();
SELECT is_empty('SELECT faults()', 'and mended');
ALTER TABLE customers ALTER is_phone_verified DROP NOT NULL;
SELECT customer_identity.record_proof('+447400123425') \g /dev/null
UPDATE customers SET is_phone_verified = NULL WHERE id = :'meddled' OR phone IS NULL;
SELECT matches((SELECT string_agg(finding, '; ') FROM customer_identity.check_setup() WHERE severity = 'warning'),
  'or not marked at all: \d+; customers with a live proof whose phone is not marked as verified: 1', 'a flag that is NULL is found');
SELECT mended();
SELECT is_empty('SELECT faults()', 'and mended');

-- A book that lacks the triggers gets them by any of the calls.
CREATE FUNCTION without_triggers() RETURNS void LANGUAGE sql AS
  'DROP TRIGGER customer_identity_phone ON customers; DROP TRIGGER customer_identity_phone_changed ON customers';
SELECT without_triggers();
SELECT set_eq($$SELECT finding || ' ' || what_to_do FROM customer_identity.check_setup() WHERE severity = 'warning'$$, ARRAY[
  'trigger customer_identity_phone is missing: proofs do not end when a phone is changed in the table SELECT customer_identity.create_tables(''public'');',
  'trigger customer_identity_phone_changed is missing: proofs do not end when a phone is changed in the table SELECT customer_identity.create_tables(''public'');'],
  'a book without triggers is found');
SELECT mended();
SELECT is_empty('SELECT faults()', 'create_tables adds them');
SELECT without_triggers();
SELECT customer_identity.attach_users('"user"', phone_columns => '{phoneNumber,phone}', verified_column => 'phoneNumberVerified');
SELECT is_empty('SELECT faults()', 'attach_users does');
SELECT without_triggers();
SELECT customer_identity.attach_orders('orders', users => '"user"');
SELECT is_empty('SELECT faults()', 'attach_orders does');
ALTER TABLE customers DISABLE TRIGGER USER;
SELECT is((SELECT count(*)::int FROM customer_identity.check_setup() WHERE what_to_do ~ 'ENABLE TRIGGER customer_identity_phone'), 2, 'disabled ones are found');
SELECT mended();
SELECT is_empty('SELECT faults()', 'and enabled');

-- The draft's types, in a book that the application has made.
CREATE SCHEMA draft;
CREATE TABLE draft.customers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), phone text NOT NULL UNIQUE, preferred_name varchar(100),
  is_phone_verified boolean DEFAULT false, total_orders int DEFAULT 0, total_spent decimal(10, 2) DEFAULT 0, loyalty_points int DEFAULT 0,
  notes text, created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
SELECT customer_identity.create_tables('draft');
SELECT customer_identity.record_proof('+447400123421', 'd', customers => 'draft.customers') \g /dev/null
UPDATE draft.customers SET phone = '+447400123422';
SELECT results_eq('SELECT is_phone_verified FROM draft.customers', ARRAY[false], 'a number that changes');
SELECT is((SELECT ended_reason FROM draft.phone_proofs), 'phone changed', 'ends its proof');
ALTER TABLE draft.customers ALTER phone TYPE varchar(16);
UPDATE draft.customers SET phone = '+447400123423', is_phone_verified = NULL;
SELECT results_eq('SELECT is_phone_verified FROM draft.customers', ARRAY[false], 'another type, a flag that is NULL');
SELECT is(verified('+447400123425'), true, 'the other book is not touched');

-- They keep nobody from removing the extension.
DROP SCHEMA draft CASCADE;
SELECT customer_identity.detach(t) FROM unnest('{"\"user\"",orders}'::regclass[]) AS t;
SELECT lives_ok('DROP EXTENSION customer_identity', 'where no table is attached the extension goes');
SELECT is_empty($$SELECT FROM pg_trigger WHERE tgname LIKE 'customer_identity%'$$, 'with its triggers');
SELECT isnt_empty('SELECT FROM customers', 'and no row');

SELECT * FROM finish();
