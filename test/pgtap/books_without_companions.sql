-- A book of 0.1.0 before create_tables() is called again: what there was works, and what is new says what to call; after the
-- call the new works, in a session that has made its plans before as well. Any one table may be missing.
-- Roles are made in a transaction that is rolled back.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();

-- What 0.1.0 did, for a phone that nobody has yet: wrong steps are returned.
CREATE FUNCTION old_life(n integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  phone constant text := '07400 ' || 200000 + n;
  e164 constant text := '+447400' || 200000 + n;
  customer uuid;
  found record;
BEGIN
  INSERT INTO "user" (id, name, "phoneNumber", "phoneNumberVerified") VALUES ('a' || n, 'Ada ' || n, phone, true);
  INSERT INTO "user" (id, name, phone) VALUES ('b' || n, 'Bob ' || n, phone);
  INSERT INTO orders (user_id, phone, total) VALUES ('a' || n, phone, 10), (NULL, phone, 20);
  SELECT c.* INTO found FROM customers c WHERE c.phone = e164;
  customer := found.id;
  IF (found.total_orders, found.is_phone_verified) IS DISTINCT FROM (2, true) THEN RETURN NEXT format('totals and flag: %s', found); END IF;
  IF customer_identity.find_customer(phone) IS DISTINCT FROM customer OR customer_identity.get_or_create_customer(phone) IS DISTINCT FROM customer
    OR customer_identity.find_customer('07400 999999') IS NOT NULL THEN RETURN NEXT 'the customer is not found'; END IF;
  IF NOT customer_identity.can_see_customer('a' || n, customer) OR customer_identity.can_see_customer('b' || n, customer) THEN RETURN NEXT 'can_see_customer'; END IF;
  PERFORM customer_identity.record_proof(phone, 'b' || n);
  IF NOT customer_identity.can_see_customer('b' || n, customer) THEN RETURN NEXT 'a proof'; END IF;
  PERFORM customer_identity.revoke_proof(phone, 'b' || n, 'lost');
  IF customer_identity.can_see_customer('b' || n, customer) THEN RETURN NEXT 'a proof that has ended'; END IF;
  PERFORM customer_identity.adjust_points(customer, 5, 'gift'), customer_identity.redeem_points(customer, 1, 'tea ' || n);
  PERFORM customer_identity.customer_details(customer), customer_identity.customer_history(customer), customer_identity.list_customers(), customer_identity.list_customers('Ada');
  PERFORM * FROM customer_identity.fraud_signals();
  PERFORM * FROM customer_identity.phone_problems('"user"');
  PERFORM * FROM customer_identity.phone_suspects();
  PERFORM customer_identity.duplicate_customers();
  UPDATE customers SET phone = '+447400' || 300000 + n WHERE id = customer;
  IF (SELECT is_phone_verified FROM customers WHERE id = customer) THEN RETURN NEXT 'a proof of another number'; END IF;
  UPDATE customers SET phone = e164 WHERE id = customer;
  DELETE FROM "user" WHERE id = 'b' || n;
  RETURN QUERY SELECT w::text FROM wrong_totals() w;
END $$;

-- Which new functions do not say what to call.
CREATE FUNCTION calls() RETURNS TABLE (call text, companion text) LANGUAGE sql AS $$
  VALUES ('add_phone(id(1), ''07400 400001'')', 'customer_phones'), ('change_phone(id(1), ''07400 400002'')', 'customer_phones'),
    ('release_phone(id(1))', 'customer_phones'), ('set_phone_rule(''07400 400003'', ''shared'')', 'phone_rules'), ('set_phone_rule(''07400 400003'', ''nobody'')', 'phone_rules'),
    ('confirm_holder(id(1), ''a1'')', 'unconfirmed'), ('merge_customers(id(1), id(2))', 'customer_merges'), ('merge_customers(id(1), id(2))', 'customer_phones'),
    ('merge_preview(id(1), id(2))', 'customer_phones'), ('unmerge_customers(1)', 'customer_merges'), ('current_customer(id(1))', 'customer_merges'),
    ('split_customer(id(1), ''{a1}'', phone => ''07400 400004'')', 'customer_phones'), ('dismiss_duplicate(id(1), id(2))', 'duplicate_dismissals')
$$;
CREATE FUNCTION id(n integer) RETURNS uuid LANGUAGE sql AS $$SELECT id FROM customers WHERE phone = '+447400' || 200000 + n$$;
CREATE FUNCTION answers(missing text) RETURNS SETOF text LANGUAGE sql AS
  $$SELECT concat_ws(' ', f.code, f.message, f.hint ~ 'create_tables\(\)', f.detail) FROM calls() c, failure('SELECT customer_identity.' || c.call) f
    WHERE c.companion = missing AND (f.code IS DISTINCT FROM 'CI003' OR f.hint !~ 'create_tables\(\)' OR f.detail !~ 'is missing|unconfirmed')$$;
CREATE FUNCTION told() RETURNS SETOF text LANGUAGE sql AS
  $$SELECT DISTINCT what_to_do FROM customer_identity.check_setup() WHERE severity <> 'info' ORDER BY 1$$;

-- What is new, once there is all of it.
CREATE FUNCTION new_life(n integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  winner constant uuid := customer_identity.get_or_create_customer('07400 ' || 500000 + n);
  loser constant uuid := customer_identity.get_or_create_customer('07400 ' || 510000 + n);
  merge bigint;
BEGIN
  INSERT INTO "user" (id, name, "phoneNumber", "phoneNumberVerified") VALUES ('c' || n, 'Cat', '07400 ' || 500000 + n, true);
  IF NOT customer_identity.can_see_customer('c' || n, winner) THEN RETURN NEXT 'the login sees its history'; END IF;
  merge := customer_identity.merge_customers(winner, loser);
  IF customer_identity.find_customer('07400 ' || 510000 + n) <> winner THEN RETURN NEXT 'the loser''s phone leads to the winner'; END IF;
  INSERT INTO orders (phone, total, note, customer_id) VALUES ('07400 ' || 510000 + n, 1, 'by alias ' || n, NULL), (NULL, 1, 'by id ' || n, loser);
  IF (SELECT count(*) FROM orders WHERE note LIKE 'by % ' || n AND customer_id = winner) <> 2 THEN RETURN NEXT 'orders of the loser go to the winner'; END IF;
  PERFORM customer_identity.unmerge_customers(merge);
  IF customer_identity.find_customer('07400 ' || 510000 + n) <> loser THEN RETURN NEXT 'the merge is undone'; END IF;
  PERFORM customer_identity.add_phone(winner, '07400 ' || 520000 + n);
  PERFORM customer_identity.record_proof('07400 ' || 520000 + n, 'd' || n);
  INSERT INTO "user" (id, name, phone) VALUES ('d' || n, 'Dan', '07400 ' || 520000 + n);
  IF NOT customer_identity.can_see_customer('d' || n, winner) THEN RETURN NEXT 'a proof of a further phone counts'; END IF;
  UPDATE phone_proofs SET unconfirmed = true WHERE user_id = 'd' || n;
  IF customer_identity.can_see_customer('d' || n, winner) THEN RETURN NEXT 'a proof that is held back shows nothing'; END IF;
  PERFORM customer_identity.confirm_holder(winner, 'd' || n);
  IF NOT customer_identity.can_see_customer('d' || n, winner) THEN RETURN NEXT 'the holder is confirmed'; END IF;
  PERFORM customer_identity.set_phone_rule('07400 ' || 500000 + n, 'shared');
  IF customer_identity.can_see_customer('c' || n, winner) THEN RETURN NEXT 'a household sees its own orders'; END IF;
  PERFORM customer_identity.set_phone_rule('07400 ' || 530000 + n, 'nobody');
  INSERT INTO orders (phone, total, note) VALUES ('07400 ' || 530000 + n, 1, 'nobody ' || n);
  IF (SELECT customer_id FROM orders WHERE note = 'nobody ' || n) IS NOT NULL THEN RETURN NEXT 'a phone that names nobody'; END IF;
  DELETE FROM orders WHERE note = 'nobody ' || n;
  PERFORM customer_identity.dismiss_duplicate(winner, loser);
  INSERT INTO "user" (id, name, "phoneNumber", "phoneNumberVerified") VALUES ('e' || n, 'Eve', '07400 ' || 540000 + n, true);
  PERFORM customer_identity.release_phone((SELECT customer_id FROM "user" WHERE id = 'e' || n), since => now() - interval '1 day');
  IF NOT EXISTS (SELECT FROM phone_proofs p JOIN "user" u ON u.customer_id = p.customer_id WHERE u.id = 'e' || n AND p.user_id = u.id AND p.ended_at IS NULL) THEN
    RETURN NEXT 'the new holder has proved the number';
  END IF;
  IF (failure(format('INSERT INTO customers (phone) VALUES (%L)', '+447400' || 520000 + n))).code IS DISTINCT FROM 'CI006' THEN RETURN NEXT 'customers: a phone of somebody else'; END IF;
  IF (failure(format('INSERT INTO customer_phones (phone, customer_id) VALUES (%L, %L)', '+447400' || 510000 + n, winner))).code IS DISTINCT FROM 'CI006' THEN
    RETURN NEXT 'customer_phones: a phone of somebody else';
  END IF;
  IF (failure(format('INSERT INTO phone_rules (phone, rule) VALUES (%L, ''nobody'')', '+447400' || 510000 + n))).code IS DISTINCT FROM 'CI006' THEN
    RETURN NEXT 'phone_rules: a phone of somebody';
  END IF;
  RETURN QUERY SELECT w::text FROM wrong_totals() w;
END $$;

-- The book as 0.1.0 made it.
CREATE FUNCTION age() RETURNS void LANGUAGE sql AS $$
  DROP TABLE customer_phones, phone_rules, customer_merges, duplicate_dismissals;
  ALTER TABLE phone_proofs DROP COLUMN unconfirmed;
  CREATE OR REPLACE TRIGGER customer_identity_phone_changed AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.follow_phone();
$$;
SELECT age();
SELECT is_empty('SELECT old_life(1)', 'a book of 0.1.0 lives');
SELECT is_empty('SELECT old_life(2)', 'and on');
SELECT is_empty(format('SELECT answers(%L)', companion), format('without %s what needs it says what to call', companion)) FROM (SELECT DISTINCT companion FROM calls()) c;
SELECT results_eq('SELECT told()', ARRAY['SELECT customer_identity.create_tables(''public'');'], 'check_setup() tells the one call');

-- By an owner who is no superuser.
CREATE ROLE bookkeeper;
GRANT CREATE ON SCHEMA public TO bookkeeper;
GRANT USAGE ON SCHEMA customer_identity TO bookkeeper;
GRANT EXECUTE ON FUNCTION customer_identity.create_tables(text, boolean) TO bookkeeper;
GRANT SELECT ON "user", orders TO bookkeeper;
SELECT lives_ok(format('ALTER TABLE %I OWNER TO bookkeeper', t), t || ' gets an owner who is no superuser')
FROM unnest('{customers,phone_proofs,loyalty_entries,customer_events}'::text[]) AS t;
SET ROLE bookkeeper;
SET client_min_messages = notice;
SELECT customer_identity.create_tables();
RESET ROLE;
CREATE TEMP TABLE made AS SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace;
SET ROLE bookkeeper;
SELECT customer_identity.create_tables();
RESET ROLE;
SET client_min_messages = warning;
SELECT is_empty('SELECT oid FROM pg_class WHERE relnamespace = ''public''::regnamespace EXCEPT SELECT oid FROM made', 'once more it makes nothing');
SELECT is((SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relkind = 'r' AND relname IN ('customer_phones', 'phone_rules', 'customer_merges', 'duplicate_dismissals')),
  'bookkeeper', 'the tables are the owner''s');
SELECT is_empty('SELECT told()', 'check_setup() has nothing to tell');
SELECT is_empty('SELECT new_life(1)', 'what is new works');
SELECT is_empty('SELECT old_life(3)', 'and what there was');

-- Any one is missing, and comes back, while the session has plans of both.
CREATE FUNCTION without(missing text, n integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  -- Of further phones, which go with customer_phones.
  DELETE FROM phone_proofs p USING customers c WHERE c.id = p.customer_id AND p.phone IS DISTINCT FROM c.phone;
  EXECUTE CASE WHEN missing = 'unconfirmed' THEN 'ALTER TABLE phone_proofs DROP COLUMN unconfirmed' ELSE 'DROP TABLE ' || missing END;
  RETURN QUERY SELECT 'without: ' || o FROM old_life(n) o;
  RETURN QUERY SELECT 'answer: ' || a FROM answers(missing) a;
  IF ARRAY(SELECT told()) <> ARRAY['SELECT customer_identity.create_tables(''public'');'] THEN RETURN NEXT 'check_setup(): ' || ARRAY(SELECT told())::text; END IF;
  PERFORM customer_identity.create_tables();
  RETURN QUERY SELECT 'again: ' || o FROM new_life(n) o;
  RETURN QUERY SELECT 'finding: ' || t FROM told() t;
END $$;
SELECT is_empty(format('SELECT without(%L, %s)', missing, 10 + n), missing || ' alone is missing, and comes back')
FROM unnest('{customer_phones,phone_rules,customer_merges,duplicate_dismissals,unconfirmed}'::text[]) WITH ORDINALITY AS m (missing, n);

-- The triggers.
CREATE FUNCTION findings() RETURNS SETOF text LANGUAGE sql AS
  $$SELECT format('%s: %s', object, what_to_do) FROM customer_identity.check_setup() WHERE finding ~ 'trigger customer_identity' ORDER BY 1$$;
CREATE OR REPLACE TRIGGER customer_identity_phone_changed AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.follow_phone();
DROP TRIGGER customer_identity_guard ON customer_phones;
CREATE OR REPLACE TRIGGER customer_identity_guard AFTER INSERT ON phone_rules FOR EACH ROW EXECUTE FUNCTION customer_identity_internal.guard_phone();
SELECT results_eq('SELECT findings()', ARRAY['public.customer_phones: SELECT customer_identity.create_tables(''public'');', 'public.customers: SELECT customer_identity.create_tables(''public'');',
  'public.phone_rules: SELECT customer_identity.create_tables(''public'');'], 'triggers that are missing or are not what they must be');
SELECT customer_identity.attach_users('"user"', phone_columns => '{phoneNumber,phone}', verified_column => 'phoneNumberVerified', name_column => 'name', region_column => 'country');
SELECT is_empty('SELECT findings()', 'attaching a table puts them right');
SELECT is_empty('SELECT new_life(20)', 'and they work');
ALTER TABLE customer_phones DISABLE TRIGGER customer_identity_guard;
SELECT results_eq('SELECT findings()', ARRAY['public.customer_phones: ALTER TABLE public.customer_phones ENABLE TRIGGER customer_identity_guard;'], 'one that is disabled');

SELECT * FROM finish();
ROLLBACK;
