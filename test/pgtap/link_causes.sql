-- What moved a login, and not the application: each function that moves rows says so in the history, nothing else can.
\ir shop.psql
SELECT * FROM no_plan();

INSERT INTO "user" (id, phone) SELECT 'u' || n, '+44740012340' || n FROM generate_series(1, 6) AS n;
SELECT customer_id AS c1 FROM "user" WHERE id = 'u1' \gset
SELECT customer_id AS c2 FROM "user" WHERE id = 'u2' \gset
SELECT customer_id AS c3 FROM "user" WHERE id = 'u3' \gset
SELECT customer_id AS c4 FROM "user" WHERE id = 'u4' \gset

-- The links of logins since it was called last.
CREATE TABLE told (id uuid PRIMARY KEY);
CREATE FUNCTION links() RETURNS SETOF text LANGUAGE sql AS $$
  WITH new AS (INSERT INTO told SELECT id FROM customer_events ON CONFLICT DO NOTHING RETURNING id)
  SELECT concat_ws(' ', event, details ->> 'user_id', details ->> 'cause') FROM customer_events JOIN new USING (id)
  WHERE event LIKE 'user\_%' ORDER BY 1
$$;
SELECT count(*) FROM links();

SELECT customer_identity.merge_customers(:'c1', :'c2') AS merge \gset
SELECT results_eq('SELECT links()', ARRAY['user_linked u2 merge', 'user_unlinked u2 merge'], 'a merge');
SELECT customer_identity.unmerge_customers(:merge);
SELECT results_eq('SELECT links()', ARRAY['user_linked u2 unmerge', 'user_unlinked u2 unmerge'], 'its undoing');
SELECT customer_identity.merge_customers(:'c1', :'c2');
SELECT links();
SELECT customer_identity.split_customer(:'c1', '{u2}');
SELECT results_eq('SELECT links()', ARRAY['user_linked u2 split', 'user_unlinked u2 split'], 'a split');
SELECT customer_identity.release_phone(:'c3', since => '2000-01-01');
SELECT results_eq('SELECT links()', ARRAY['user_linked u3 release_phone', 'user_unlinked u3 release_phone'], 'a number with a new holder');
UPDATE customers SET notes = 'kept' WHERE id = :'c4';
SELECT customer_identity.set_phone_rule('+447400123404', 'nobody');
SELECT results_eq('SELECT links()', ARRAY['user_unlinked u4 phone_rule'], 'a number that names nobody');

-- Afterwards, and after what failed.
CREATE FUNCTION relink(login text, customer text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  UPDATE "user" SET customer_id = (SELECT customer_id FROM "user" WHERE id = customer) WHERE id = login;
  RETURN QUERY SELECT links();
END $$;
SELECT results_eq($$SELECT relink('u5', 'u6')$$, ARRAY['user_linked u5 application', 'user_unlinked u5 application'], 'the application does so afterwards');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'refused'; END$$;
CREATE TRIGGER refuse BEFORE UPDATE ON "user" FOR EACH ROW WHEN (NEW.id = 'u1') EXECUTE FUNCTION refuse();
SELECT throws_ok(format('SELECT customer_identity.merge_customers((SELECT customer_id FROM "user" WHERE id = ''u6''), %L)', :'c1'), 'refused');
SELECT results_eq($$SELECT relink('u5', 'u2')$$, ARRAY['user_linked u5 application', 'user_unlinked u5 application'], 'and after a merge that failed');
BEGIN;
DO $$
BEGIN
  PERFORM customer_identity.merge_customers((SELECT customer_id FROM "user" WHERE id = 'u6'), (SELECT customer_id FROM "user" WHERE id = 'u1'));
EXCEPTION WHEN raise_exception THEN NULL;
END $$;
SELECT results_eq($$SELECT relink('u5', 'u6')$$, ARRAY['user_linked u5 application', 'user_unlinked u5 application'], 'that somebody caught');
COMMIT;

-- Who has a function of the same name moves nothing for it.
CREATE FUNCTION merge_customers() RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RETURN QUERY SELECT relink('u5', 'u2'); END$$;
SELECT results_eq($$SELECT merge_customers()$$, ARRAY['user_linked u5 application', 'user_unlinked u5 application'], 'nobody pretends a cause');

-- A phone that the application changes meanwhile is what it is.
CREATE FUNCTION add_login() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "user" (id, phone) VALUES ('born', '+447400123499');
  UPDATE "user" SET phone = '+447400123498' WHERE id = 'born';
  DELETE FROM "user" WHERE id = 'born';
  RETURN NEW;
END $$;
CREATE TRIGGER add_login AFTER UPDATE ON "user" FOR EACH ROW WHEN (NEW.id = 'u2') EXECUTE FUNCTION add_login();
SELECT customer_identity.merge_customers((SELECT customer_id FROM "user" WHERE id = 'u6'), (SELECT customer_id FROM "user" WHERE id = 'u2'));
SELECT results_eq('SELECT links()', ARRAY[
    'user_linked born phone_changed', 'user_linked born sign_up', 'user_linked u2 merge', 'user_linked u5 merge',
    'user_unlinked born deleted', 'user_unlinked born phone_changed', 'user_unlinked u2 merge', 'user_unlinked u5 merge'], 'what happens in a merge for another cause has it');

-- What the functions themselves tell: event, actor and the details that are known.
DROP TRIGGER add_login ON "user";
CREATE FUNCTION told_of(customer text) RETURNS SETOF text LANGUAGE sql AS $$
  WITH new AS (INSERT INTO told SELECT id FROM customer_events ON CONFLICT DO NOTHING RETURNING id)
  SELECT concat_ws(' ', event, actor, (SELECT string_agg(k, ',' ORDER BY k) FROM jsonb_object_keys(details) AS k))
  FROM customer_events JOIN new USING (id) WHERE customer_id = customer::uuid AND event NOT LIKE 'user\_%'
$$;
SELECT customer_identity.get_or_create_customer('07400 123451') AS one \gset
SELECT customer_identity.get_or_create_customer('07400 123452') AS two \gset
INSERT INTO "user" (id, phone) VALUES ('three', '07400 123451');
SELECT count(*) FROM links();
SELECT customer_identity.add_phone(:'one', '07400 123453', NULL, 'clerk', 'r');
SELECT results_eq(format('SELECT told_of(%L)', :'one'), ARRAY['phone_added clerk phone,reason'], 'a further phone');
SELECT customer_identity.change_phone(:'one', '07400 123454', NULL, true, 'clerk');
SELECT results_eq(format('SELECT told_of(%L)', :'one'), ARRAY['phone_changed clerk kept,new,old'], 'another primary phone');
SELECT customer_identity.release_phone(:'one', '+447400123453', NULL, 'clerk', 'r');
SELECT results_eq(format('SELECT told_of(%L)', :'one'), ARRAY['phone_released clerk phone,reason'], 'a phone that was released');
SELECT customer_identity.set_phone_rule('07400 123454', 'shared', NULL, 'clerk', 'r');
SELECT results_eq(format('SELECT told_of(%L)', :'one'), ARRAY['phone_rule_set clerk phone,reason,rule'], 'a rule');
SELECT customer_identity.set_phone_rule('07400 123454', NULL);
SELECT results_eq(format('SELECT told_of(%L)', :'one'), ARRAY['phone_rule_set phone'], 'that was taken away');
SELECT customer_identity.dismiss_duplicate(:'one', :'two', 'clerk', 'r');
SELECT results_eq(format('SELECT told_of(%L)', :'two'), ARRAY['duplicate_dismissed clerk other,reason'], 'a pair that is none');
SELECT customer_identity.merge_customers(:'one', :'two', 'clerk') AS merge \gset
SELECT results_eq(format('SELECT told_of(%L)', :'one'), ARRAY['merged clerk loser,merge_id,rows'], 'a merge');
SELECT customer_identity.unmerge_customers(:merge, 'clerk', 'r');
SELECT results_eq(format('SELECT told_of(%L)', :'two'), ARRAY['unmerged clerk loser,merge_id,reason,winner'], 'one that was undone');
SELECT customer_identity.split_customer(:'one', '{three}', '{}', '07400 123455', NULL, 'clerk', 'r') AS three \gset
SELECT results_eq(format('SELECT told_of(%L)', :'three'), ARRAY['created clerk orders,phone,reason,source,target,user_ids'], 'who was split off');

SELECT * FROM finish();
