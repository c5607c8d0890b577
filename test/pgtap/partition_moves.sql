-- A row that moves to another partition is updated, and nothing else: the same statements on an ordinary
-- table and on a partitioned one have the same effect.
\ir shop.psql
SELECT * FROM no_plan();

-- The twins. Partitions have their columns in another order, a dropped one, partitions of their own.
CREATE TABLE plain (id int PRIMARY KEY, user_id text, phone text, country text, total numeric, payment text, part int);
CREATE TABLE parted (id int, user_id text, phone text, country text, total numeric, payment text, part int) PARTITION BY LIST (part);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0);
CREATE TABLE parted_1 (part int, junk int, payment text, total numeric, phone text, id int, country text, user_id text);
ALTER TABLE parted_1 DROP junk;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2, 3) PARTITION BY LIST (part);
CREATE TABLE parted_2_2 PARTITION OF parted_2 FOR VALUES IN (2);
CREATE TABLE parted_2_3 PARTITION OF parted_2 FOR VALUES IN (3);
SELECT customer_identity.attach_orders(t::regclass, users => '"user"', region_column => 'country',
  payment_column => 'payment', cod_values => '{cash}') FROM unnest(ARRAY['plain', 'parted']) AS t;
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401'), ('bob', '07400 123402'), ('none', NULL);
CREATE FUNCTION differences() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT d::text FROM (
    (SELECT id, user_id, phone, country, payment, part, customer_id FROM plain
     EXCEPT SELECT id, user_id, phone, country, payment, part, customer_id FROM parted)
    UNION ALL
    (SELECT id, user_id, phone, country, payment, part, customer_id FROM parted
     EXCEPT SELECT id, user_id, phone, country, payment, part, customer_id FROM plain)) AS d
$$;
-- Runs a statement on both and tells where they disagree; %1$s is the table.
CREATE FUNCTION twins(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  on_plain text := (failure(format(statement, 'plain'))).code;
  on_parted text := (failure(format(statement, 'parted'))).code;
BEGIN
  IF on_plain IS DISTINCT FROM on_parted THEN
    RETURN format('%s: %s, %s', statement, on_plain, on_parted);
  END IF;
  RETURN (SELECT format('%s: %s', statement, string_agg(d, ' ')) FROM differences() AS d HAVING count(*) > 0);
END
$$;

-- What the application has decided stays.
SELECT customer_identity.record_proof('07400 123401');
SELECT is(twins($$INSERT INTO %1$s VALUES (1, NULL, '07400 123401', NULL, 10, 'cash', 0), (2, 'ada', NULL, NULL, 10, 'card', 0)$$), NULL, 'the twins begin alike');
SELECT customer_identity.revoke_proof('07400 123401');
SELECT lives_ok('UPDATE parted SET part = 1 WHERE id = 1', 'an order that was let through moves without its proof');
SELECT lives_ok('UPDATE parted SET part = 3 WHERE id = 1', 'also to a partition of a partition');
SELECT lives_ok('UPDATE parted_2 SET part = 2 WHERE id = 1', 'also within one');
SELECT lives_ok($$WITH moved AS (UPDATE parted SET part = 0 WHERE id = 1 RETURNING *) SELECT * FROM moved$$, 'also out of one, in a subquery');
UPDATE plain SET part = 0 WHERE id = 1;
SELECT is(twins('UPDATE %1$s SET customer_id = NULL WHERE id = 2'), NULL, 'the application takes the customer away');
SELECT is(twins('UPDATE %1$s SET part = 1 - part'), NULL, 'and it stays away when the order moves');
SELECT is((SELECT customer_id FROM parted WHERE id = 2), NULL, 'as it does');
SELECT is(twins('UPDATE %1$s SET part = 2, customer_id = (SELECT customer_id FROM "user" WHERE id = ''bob'') WHERE id = 2'), NULL,
  'a customer that comes with the move is taken');
SELECT isnt((SELECT customer_id FROM parted WHERE id = 2), NULL, 'as it is');

-- What changes on the way is an update all the same.
SELECT is(twins($$UPDATE %1$s SET part = 0, phone = '07400 123403' WHERE id = 1$$), NULL, 'another phone on the way is followed');
SELECT is((SELECT c.phone::text FROM parted AS p JOIN customers AS c ON c.id = p.customer_id WHERE p.id = 1), '+447400123403', 'as it is, without a proof');
SELECT is(twins($$UPDATE %1$s SET part = 1, phone = '07400 123401' WHERE id = 1$$), NULL, 'and back');
SELECT is(twins($$UPDATE %1$s SET part = 0, phone = '0044 7400 123401' WHERE id = 1$$), NULL, 'another spelling does not');
SELECT is(twins($$UPDATE %1$s SET part = 0, payment = 'cash' WHERE id = 2$$), NULL, 'an order cannot become cash on the way');
SELECT is((failure($$UPDATE parted SET part = 0, payment = 'cash' WHERE id = 2$$)).code, 'CI002', 'as it cannot');
SELECT is(twins($$UPDATE %1$s SET part = 1, user_id = 'ada', payment = 'card'$$), NULL, 'a user that comes with the move is followed');

-- A new row is new, whoever moves beside it.
SELECT customer_identity.record_proof('07400 123401');
SELECT is(twins($$INSERT INTO %1$s VALUES (3, NULL, '07400 123401', NULL, 10, 'cash', 0)$$), NULL, 'one more');
SELECT customer_identity.revoke_proof('07400 123401');
SELECT throws_ok($$
  WITH moved AS (UPDATE parted SET part = 1 - part WHERE id = 3 RETURNING *)
  INSERT INTO parted SELECT 4, NULL, phone, NULL, 10, 'cash', part FROM moved$$, 'CI002', NULL, 'one that follows a move in its statement');
SELECT throws_ok($$
  MERGE INTO parted AS p USING (VALUES (3), (5)) AS v (id) ON p.id = v.id
  WHEN MATCHED THEN UPDATE SET part = 1 - part
  WHEN NOT MATCHED THEN INSERT VALUES (v.id, NULL, '07400 123401', NULL, 10, 'cash', 0)$$, 'CI002', NULL, 'one that MERGE adds');
BEGIN;
SELECT lives_ok($$
  MERGE INTO parted AS p USING (VALUES (3)) AS v (id) ON p.id = v.id
  WHEN MATCHED THEN UPDATE SET part = 1 - part
  WHEN NOT MATCHED THEN INSERT VALUES (v.id, NULL, '07400 123401', NULL, 10, 'cash', 0)$$, 'one that MERGE moves is none');
ROLLBACK;
BEGIN;
UPDATE parted SET part = 1 - part WHERE id = 3;
SELECT throws_ok($$INSERT INTO parted VALUES (6, NULL, '07400 123401', NULL, 10, 'cash', 0)$$, 'CI002', NULL, 'one in the next statement');
ROLLBACK;
SELECT throws_ok($$
  DO $do$ BEGIN
    BEGIN
      UPDATE parted SET part = 1 - part WHERE id = 3;
      RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN NULL;
    END;
    INSERT INTO parted VALUES (6, NULL, '07400 123401', NULL, 10, 'cash', 0);
  END $do$ $$, 'CI002', NULL, 'one after a move that was rolled back');
ALTER TABLE parted_0 ADD UNIQUE (id);
ALTER TABLE parted_1 ADD UNIQUE (id);
SELECT throws_ok($$INSERT INTO parted_1 VALUES (0, 'cash', 10, '07400 123401', 3, NULL, NULL), (1, 'cash', 10, '07400 123401', 3, NULL, NULL)
  ON CONFLICT (id) DO UPDATE SET total = 1$$, 'CI002', NULL, 'an upsert is an INSERT, as on any table');

-- Triggers of the application, before ours and after them, that add rows, change the row or keep it back.
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  CASE current_setting('shop.meddle', true)
    WHEN TG_OP || ' adds' THEN
      IF NEW.id < 1000 THEN
        INSERT INTO parted VALUES (NEW.id + 1000, NEW.user_id, NEW.phone, NEW.country, NEW.total, NEW.payment, NEW.part);
      END IF;
    WHEN TG_OP || ' changes the phone' THEN
      NEW.phone := '07400 123409';
    WHEN TG_OP || ' unlinks' THEN
      NEW.customer_id := NULL;
    WHEN TG_OP || ' keeps back' THEN
      RETURN CASE WHEN NEW.id > 1000 THEN NEW END;
    ELSE
  END CASE;
  RETURN NEW;
END
$$;
CREATE TRIGGER a_meddle BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION meddle();
SET shop.meddle = 'UPDATE adds';
SELECT throws_ok('UPDATE parted SET part = 1 - part WHERE id = 3', 'CI002', NULL, 'an order placed before the move is a new one');
SET shop.meddle = 'INSERT adds';
SELECT throws_ok('UPDATE parted SET part = 1 - part WHERE id = 3', 'CI002', NULL, 'and one placed in the middle of it as well');
SET shop.meddle = 'INSERT keeps back';
SELECT throws_ok($$
  WITH moved AS (UPDATE parted SET part = 1 - part WHERE id = 3)
  INSERT INTO parted VALUES (1007, NULL, '07400 123401', NULL, 10, 'cash', 0)$$, 'CI002', NULL, 'and one after a move that came to nothing');
SET shop.meddle = 'INSERT changes the phone';
SELECT lives_ok('UPDATE parted SET part = 1 - part WHERE id = 3', 'a phone that is changed on the way is updated');
SELECT is((SELECT c.phone::text FROM parted AS p JOIN customers AS c ON c.id = p.customer_id WHERE p.id = 3), '+447400123409', 'and followed');
RESET shop.meddle;
DROP TRIGGER a_meddle ON parted;
CREATE TRIGGER z_meddle BEFORE INSERT OR UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION meddle();
SET shop.meddle = 'UPDATE unlinks';
UPDATE parted SET part = 1 - part, phone = '07400 123408' WHERE id = 3;
SELECT is((SELECT customer_id FROM parted WHERE id = 3), NULL, 'what a later trigger takes away on the way stays away');
RESET shop.meddle;
DROP TRIGGER z_meddle ON parted;
DELETE FROM parted WHERE id = 3;
DELETE FROM plain WHERE id = 3;

-- Many statements.
CREATE FUNCTION one_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS
  'SELECT choices[1 + floor(random() * cardinality(choices))::int]';
CREATE FUNCTION random_update() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT 'UPDATE %1$s SET part = ' || one_of('part', '0', '1', '2', '3', '3 - part', 'id %% 4')
    || one_of('', '', format(', phone = %L', one_of('07400 123401', '0044 7400 123401', '07400 123402', '07400 123407', '201 555 0123', 'junk', '')))
    || one_of('', '', format(', user_id = %s', one_of('''ada''', '''bob''', '''none''', '''nobody''', 'NULL')))
    || one_of('', '', '', format(', country = %s', one_of('''US''', '''GB''', 'NULL', '''Narnia''')))
    || one_of('', '', format(', payment = %s', one_of('''cash''', '''card''', 'NULL')))
    || one_of('', '', '', ', customer_id = NULL', ', customer_id = (SELECT id FROM customers WHERE phone = ''+447400123402'')')
    || ' WHERE ' || one_of('true', format('id %%%% 3 = %s', one_of('0', '1', '2')), format('id = %s', one_of('1', '2', '11', '12', '13', '14')))
$$;
SELECT twins($$INSERT INTO %1$s SELECT n, NULL, '07400 12340' || n %% 4, NULL, n, 'card', n %% 4 FROM generate_series(11, 30) n$$);
SELECT setseed(0.5);
CREATE TABLE disagreements AS
SELECT n, CASE n % 10 WHEN 1 THEN customer_identity.record_proof('07400 123401')::text WHEN 6 THEN customer_identity.revoke_proof('07400 123401')::text END,
  twins(random_update()) AS what
FROM generate_series(1, 300) n;
SELECT is_empty('SELECT * FROM disagreements WHERE what IS NOT NULL', 'many updates have the same effect on both');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

-- Users.
CREATE TABLE plain_logins (id text PRIMARY KEY, name text, phone text, verified boolean, region text);
CREATE TABLE logins (id text, name text, phone text, verified boolean, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE logins_de PARTITION OF logins FOR VALUES IN ('DE');
CREATE TABLE logins_fr (region text NOT NULL, verified boolean, junk int, phone text, name text, id text NOT NULL);
ALTER TABLE logins_fr DROP junk;
ALTER TABLE logins ATTACH PARTITION logins_fr FOR VALUES IN ('FR');
CREATE TABLE logins_rest PARTITION OF logins DEFAULT PARTITION BY RANGE (region);
CREATE TABLE logins_gb PARTITION OF logins_rest FOR VALUES FROM ('GA') TO ('GZ');
CREATE TABLE logins_it PARTITION OF logins_rest FOR VALUES FROM ('IA') TO ('IZ');
SELECT lives_ok($$SELECT customer_identity.attach_users(t::regclass, verified_column => 'verified', name_column => 'name')
  FROM unnest(ARRAY['plain_logins', 'logins']) AS t$$, 'a flag on partitions is taken');
-- What became of a login, whatever its id begins with.
CREATE FUNCTION story(prefix text) RETURNS TABLE (login text, customer text, live text[], ended text[], events text[]) LANGUAGE sql AS $$
  SELECT substr(u.id, 2), (SELECT phone FROM customers c WHERE c.id = u.customer_id),
    ARRAY(SELECT p.phone || p.method FROM phone_proofs p WHERE p.user_id = u.id AND p.ended_at IS NULL ORDER BY 1),
    ARRAY(SELECT p.phone || p.ended_reason FROM phone_proofs p WHERE p.user_id = u.id AND p.ended_at IS NOT NULL ORDER BY 1),
    ARRAY(SELECT concat_ws(' ', c.phone, e.event, e.details ->> 'cause', e.details ->> 'reason', e.details ->> 'method')
          FROM customer_events e JOIN customers c ON c.id = e.customer_id WHERE e.actor = u.id AND e.event <> 'created' ORDER BY e.id)
  FROM (SELECT id, customer_id FROM plain_logins UNION ALL SELECT id, customer_id FROM logins) AS u
  WHERE left(u.id, 1) = prefix
$$;
CREATE FUNCTION twin_logins(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  on_plain text := (failure(format(statement, 'plain_logins', 'a'))).code;
  on_parted text := (failure(format(statement, 'logins', 'b'))).code;
BEGIN
  IF on_plain IS DISTINCT FROM on_parted THEN
    RETURN format('%s: %s, %s', statement, on_plain, on_parted);
  END IF;
  RETURN (SELECT format('%s: %s', statement, string_agg(d::text, ' ')) FROM (
    (SELECT 'a', s.* FROM story('a') s WHERE s NOT IN (SELECT t FROM story('b') t))
    UNION ALL (SELECT 'b', s.* FROM story('b') s WHERE s NOT IN (SELECT t FROM story('a') t))) AS d HAVING count(*) > 0);
END
$$;
SELECT is(twin_logins($$INSERT INTO %1$I VALUES (%2$L || 'ada', 'Ada', '07400 123421', true, 'DE'), (%2$L || 'bob', 'Bob', '07400 123422', false, 'FR')$$),
  NULL, 'a sign-up with phone and flag is a proof in a partition too');
SELECT is((SELECT live FROM story('b') WHERE login = 'ada'), ARRAY['+447400123421auth'], 'as it is');
SELECT is(twin_logins($$UPDATE %1$I SET region = 'FR'$$), NULL, 'a login that moves is not a new one');
SELECT is((SELECT events FROM story('b') WHERE login = 'bob'), ARRAY['+447400123422 user_linked sign_up'], 'nor does its history say so');
SELECT is(twin_logins($$UPDATE %1$I SET region = 'IT', phone = '07400 123423' WHERE name = 'Bob'$$), NULL, 'a phone under a flag that was false');
SELECT is(twin_logins($$UPDATE %1$I SET region = 'GB', verified = true WHERE name = 'Bob'$$), NULL, 'a flag that flips alone on the way is no proof');
SELECT is((SELECT live FROM story('b') WHERE login = 'bob'), '{}', 'as it is none');
SELECT is(twin_logins($$UPDATE %1$I SET region = 'IT', phone = '07400 123423' WHERE name = 'Bob'$$), NULL, 'a phone changed under a true flag is none either');
SELECT is((SELECT live FROM story('b') WHERE login = 'bob'), '{}', 'as it is none');
SELECT is(twin_logins($$UPDATE %1$I SET region = 'FR', phone = '07400 123423', verified = true WHERE name = 'Bob'$$), NULL, 'both in one move are');
SELECT is((SELECT live FROM story('b') WHERE login = 'bob'), ARRAY['+447400123423auth'], 'as they are');
SELECT is(twin_logins($$UPDATE %1$I SET region = 'DE', customer_id = NULL$$), NULL, 'an unlinked login');
SELECT is(twin_logins($$UPDATE %1$I SET region = 'GB'$$), NULL, 'stays unlinked when it moves');
SELECT is((SELECT customer FROM story('b') WHERE login = 'bob'), NULL, 'as it does');
SELECT is(twin_logins($$DELETE FROM %1$I WHERE name = 'Bob'$$), NULL, 'a login that is deleted');
SELECT is((SELECT count(*) FROM phone_proofs WHERE user_id = 'bbob' AND ended_at IS NULL), 0::bigint, 'leaves no proof');
CREATE FUNCTION random_login_update() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT 'UPDATE %1$I SET region = ' || one_of('region', '''DE''', '''FR''', '''GB''', '''IT''')
    || one_of('', format(', phone = %L', one_of('07400 12342' || one_of('1', '2', '3', '4'), '0044 7400 123421', 'junk', '')))
    || one_of('', format(', verified = %s', one_of('true', 'false', 'NULL')))
    || one_of('', '', '', ', customer_id = NULL', ', customer_id = (SELECT id FROM customers WHERE phone = ''+447400123422'')')
    || one_of('', '', ', id = %2$L || md5(substr(id, 2))', ', id = %2$L || CASE substr(id, 2) WHEN ''ada'' THEN ''eve'' ELSE ''ada'' END')
    || ' WHERE ' || one_of('true', 'substr(name, 1, 1) = ''A''', 'name = ''Bob''', 'phone LIKE ''%%3''')
$$;
SELECT twin_logins($$INSERT INTO %1$I SELECT %2$L || n, one_of('Ann', 'Bob', 'Al'), '07400 12342' || n %% 4, n %% 2 = 0, 'GB' FROM generate_series(1, 3) n$$);
TRUNCATE plain_logins, logins;
TRUNCATE phone_proofs, customer_events;
SELECT twin_logins($$INSERT INTO %1$I SELECT %2$L || n, (ARRAY['Ann', 'Bob', 'Al'])[n], '07400 12342' || n, n = 2, 'GB' FROM generate_series(1, 3) n$$);
CREATE TABLE login_disagreements AS SELECT n, twin_logins(random_login_update()) AS what FROM generate_series(1, 200) n;
SELECT is_empty('SELECT * FROM login_disagreements WHERE what IS NOT NULL', 'many updates have the same effect on both');

-- Rows that a trigger of the application keeps back have left.
INSERT INTO logins VALUES ('lost', 'Lost', '07400 123431', true, 'DE'), ('kept', 'Kept', '07400 123432', true, 'DE'), ('lost too', 'Lost', '07400 123433', true, 'DE');
CREATE FUNCTION keep_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN NEW.name <> ''Lost'' THEN NEW END; END';
CREATE TRIGGER z_keep_back BEFORE INSERT ON logins FOR EACH ROW EXECUTE FUNCTION keep_back();
UPDATE logins SET region = 'FR' WHERE region = 'DE';
SELECT is((SELECT string_agg(user_id || coalesce(' ' || ended_reason, ''), ', ' ORDER BY user_id) FROM phone_proofs WHERE user_id IN ('lost', 'kept', 'lost too')),
  'kept, lost user deleted, lost too user deleted', 'proofs of rows that got lost on the way end');
-- Beside another table's, which lacks its columns.
CREATE TABLE others (id text, tel text, checked boolean, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE others_de PARTITION OF others FOR VALUES IN ('DE');
CREATE TABLE others_fr PARTITION OF others FOR VALUES IN ('FR');
SELECT customer_identity.attach_users('others', phone_columns => '{tel}', verified_column => 'checked');
INSERT INTO others VALUES ('other', '07400 123434', true, 'DE');
INSERT INTO logins VALUES ('lost again', 'Kept', '07400 123435', true, 'GB');
WITH one AS (UPDATE logins SET region = 'IT', name = 'Lost' WHERE id = 'lost again'), other AS (UPDATE others SET region = 'FR', checked = true)
SELECT;
SELECT is((SELECT string_agg(user_id || coalesce(' ' || ended_reason, ''), ', ' ORDER BY user_id) FROM phone_proofs WHERE user_id IN ('other', 'lost again')),
  'lost again user deleted, other', 'whatever else moves in the statement');
DROP TRIGGER z_keep_back ON logins;

-- Nothing is left behind.
SELECT is_empty('SELECT * FROM customer_identity.check_setup() AS f WHERE f.severity = ''error''', 'the set-up is whole');
SELECT * FROM finish();
