-- Another spelling is not another phone: an order leaves its customer only when its user changes, or its
-- phone changes to another readable one, compared in E.164.
\ir shop.psql
SELECT * FROM no_plan();

CREATE FUNCTION customer_phone(customer uuid) RETURNS text LANGUAGE sql AS 'SELECT phone FROM customers WHERE id = customer';
-- What an order's customer is after a change.
CREATE FUNCTION after_update(order_note text, changes text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('UPDATE orders SET %s WHERE note = %L', changes, order_note);
  RETURN order_phone(order_note);
END
$$;

-- A user's order, after the user moved on.
INSERT INTO "user" (id, phone, country) VALUES ('ada', '07400 123401', 'GB'), ('bob', '07400 123402', NULL), ('none', NULL, NULL);
INSERT INTO orders (user_id, phone, total, note) VALUES ('ada', '07400 123401', 1, 'hers'), ('ada', NULL, 1, 'no phone'),
  ('none', '07400 123401', 1, 'fallback'), (NULL, '07400 123401', 1, 'guest');
UPDATE "user" SET phone = '07400 123409' WHERE id = 'ada';
SELECT is(order_phone('hers'), '+447400123401', 'orders stay when the user moves on');
SELECT is(after_update('hers', change), '+447400123401', format('%s moves no order', change)) FROM unnest(ARRAY[
  $$phone = customer_identity.normalize_phone(phone)$$, $$phone = '0044 (0)7400-123401'$$, $$phone = 'tel:+44-7400-123401'$$,
  $$country = 'GB'$$, $$country = 'US'$$, $$country = 'Narnia'$$, $$country = NULL$$, $$phone = '0000 00000000'$$, $$phone = '***'$$,
  $$phone = ''$$, $$phone = '07400 123401'$$, $$phone = NULL$$, $$phone = '+447400123401', country = 'DE'$$, $$user_id = NULL$$]) AS change;
SELECT is(after_update('hers', $$user_id = 'ada'$$), '+447400123409', 'a user that comes back brings the present customer');
SELECT is(after_update('no phone', $$phone = '07400 123403'$$), '+447400123401', 'a phone that is filled in does not move a user''s order');
SELECT is(after_update('no phone', $$phone = '07400 123404'$$), '+447400123409', 'another one brings the user''s present customer');
SELECT is(after_update('fallback', change), expected, format('of a user without a customer, %s', change)) FROM (VALUES
  ($$phone = 'masked'$$, '+447400123401'), ($$phone = '07400 123401'$$, '+447400123401'), ($$phone = NULL$$, '+447400123401'),
  ($$phone = '07400 123402'$$, '+447400123402')) AS v (change, expected);

-- A guest's.
SELECT is(after_update('guest', change), expected, format('of a guest, %s', change)) FROM (VALUES
  ($$phone = '+44 7400 123401'$$, '+447400123401'), ($$phone = '0000 00000000'$$, '+447400123401'), ($$phone = '07400123401'$$, '+447400123401'),
  ($$phone = '07400 123402'$$, '+447400123402'), ($$phone = '(201) 555-0123', country = 'US'$$, '+12015550123'),
  ($$phone = '+12015550123', country = NULL$$, '+12015550123'), ($$phone = '2015550123', country = 'CA'$$, '+12015550123'),
  ($$phone = '***', country = NULL$$, '+12015550123'), ($$phone = '07400 123401'$$, '+447400123401')) AS v (change, expected);

-- The same text read for another country is a rewritten region, not another phone.
INSERT INTO orders (phone, country, total, note) VALUES ('030 12345678', 'DE', 1, 'moved country'), ('030 12345678', 'Narnia', 1, 'no country');
SELECT is(order_phone('moved country'), '+493012345678', 'a German number');
SELECT is(customer_identity.normalize_phone('030 12345678', 'IT'), '+3903012345678', 'is an Italian one as well');
SELECT is(after_update('moved country', $$country = 'IT'$$), '+493012345678', 'whose order stays');
SELECT is(order_phone('no country'), NULL, 'an order that could not be read');
SELECT is(after_update('no country', $$country = 'DE'$$), '+493012345678', 'gets its customer with its region');

-- Without a customer.
INSERT INTO orders (phone, total, note) VALUES ('call me', 1, 'unreadable');
SELECT is(after_update('unreadable', $$phone = '***'$$), NULL, 'an unreadable phone stays one');
SELECT is(after_update('unreadable', $$phone = '07400 123401'$$), '+447400123401', 'and a readable one brings its customer');

-- What the application sets in the same statement goes first.
SELECT is(after_update('guest', $$phone = '07400 123402', user_id = 'ada', customer_id = (SELECT customer_id FROM "user" WHERE id = 'bob')$$),
  '+447400123402', 'a customer beside another user and phone');
SELECT is(after_update('guest', $$phone = '07400 123402', user_id = NULL, customer_id = NULL$$), NULL, 'and none');

-- A customer who changed the number keeps the orders, whose phone is cleaned up after that.
INSERT INTO orders (phone, total, note) VALUES ('07400 123405', 1, 'old number');
UPDATE customers SET phone = '+447400123406' WHERE phone = '+447400123405';
SELECT is(after_update('old number', $$phone = '+447400123405'$$), '+447400123406', 'the old number respelled');
SELECT is(after_update('old number', $$phone = '07400 123406'$$), '+447400123406', 'the new one');

-- New ids of users, with phones that a trigger of the application cleans up on the way.
CREATE FUNCTION clean_up() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN NEW.phone := coalesce(customer_identity.normalize_phone(NEW.phone), NEW.phone); RETURN NEW; END';
ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey,
  ADD FOREIGN KEY (user_id) REFERENCES "user" ON UPDATE CASCADE ON DELETE SET NULL;
INSERT INTO "user" (id, phone) VALUES ('old id', '07400 123410');
INSERT INTO orders (user_id, phone, total, note) VALUES ('old id', '07400 123410', 1, 'renamed');
UPDATE "user" SET phone = '07400 123411' WHERE id = 'old id';
CREATE TRIGGER a_clean_up BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION clean_up();
UPDATE "user" SET id = 'new id' WHERE id = 'old id';
SELECT is((SELECT user_id || ' ' || phone || ' ' || order_phone(note) FROM orders WHERE note = 'renamed'),
  'new id +447400123410 +447400123410', 'a cascade that cleans the phone up moves no order');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals followed');

-- Many statements, against the rule written down a second time.
\ir spellings.psql
SELECT is_empty($$SELECT * FROM spellings WHERE gb IS DISTINCT FROM customer_identity.normalize_phone(raw)
  OR it IS DISTINCT FROM customer_identity.normalize_phone(raw, 'IT')$$, 'the model''s phones read as it says');

CREATE TABLE logins (id text PRIMARY KEY, phone text, other text, verified boolean, country text);
CREATE TABLE sales (id int, part int, user_id text REFERENCES logins ON UPDATE CASCADE ON DELETE SET NULL, phone text, country text, total numeric, pay text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE sales_0 PARTITION OF sales FOR VALUES IN (0);
CREATE TABLE sales_1 (pay text, total numeric, country text, phone text, user_id text, junk int, part int NOT NULL, id int NOT NULL);
ALTER TABLE sales_1 DROP junk;
ALTER TABLE sales ATTACH PARTITION sales_1 FOR VALUES IN (1);
SELECT customer_identity.attach_users('logins', phone_columns => '{phone,other}', verified_column => 'verified', region_column => 'country');
SELECT customer_identity.attach_orders('sales', users => 'logins', region_column => 'country', payment_column => 'pay', cod_values => '{cash,door}');

CREATE FUNCTION customer_of_login(login text) RETURNS uuid LANGUAGE sql STABLE AS 'SELECT l.customer_id FROM logins AS l WHERE l.id = login';
-- Whose order the model says it is; the statement has made the customers that it needed.
CREATE FUNCTION expected(before sales, after sales, given boolean) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN given THEN after.customer_id
    WHEN after.user_id <> coalesce(before.user_id, '') THEN coalesce(customer_of_login(after.user_id), owner_of(after.phone, after.country))
    WHEN before.customer_id IS NULL AND (before.phone, before.country) IS NOT DISTINCT FROM (after.phone, after.country) THEN NULL
    WHEN reading(after.phone, after.country) IS NULL THEN before.customer_id
    WHEN before.customer_id IS NULL THEN coalesce(customer_of_login(after.user_id), owner_of(after.phone, after.country))
    WHEN before.phone = after.phone THEN before.customer_id
    WHEN reading(before.phone, before.country) = reading(after.phone, after.country) THEN before.customer_id
    WHEN reading(before.phone, before.country) IS NULL AND customer_of_login(after.user_id) IS NOT NULL THEN before.customer_id
    ELSE coalesce(customer_of_login(after.user_id), owner_of(after.phone, after.country))
  END
$$;
CREATE FUNCTION some_customer() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT one_of('NULL', format('(SELECT id FROM customers WHERE phone = ''+44740012350%s'')', one_of('1', '2')))
$$;
-- Changes of an order; often another spelling of what is there.
CREATE FUNCTION some_changes() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT 'total = 1'
    || one_of('', '', ', part = 1 - sales.part')
    || one_of('', ', phone = ' || some_phone(), ', phone = ' || some_phone(),
      ', phone = ' || another_spelling('sales.phone'))
    || one_of('', '', ', country = ' || some_country())
    || one_of('', '', '', format(', user_id = %s', one_of('''u1''', '''u2''', '''u3''', 'NULL', 'sales.user_id')))
    || one_of('', '', ', pay = ' || one_of('''cash''', '''door''', '''card''', 'NULL'))
$$;
-- As UPDATE, MERGE or upsert. Totals do not see where MERGE moves rows to, and an upsert moves none.
CREATE FUNCTION some_statement(number int, changes text) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT CASE one_of('update', 'update', 'merge', 'upsert')
    WHEN 'merge' THEN format('MERGE INTO sales USING (VALUES (%s)) AS v (id) ON sales.id = v.id WHEN MATCHED THEN UPDATE SET %s', number, replace(changes, ', part = 1 - sales.part', ''))
    WHEN 'upsert' THEN format('INSERT INTO sales SELECT s.id, s.part, s.user_id, %s, s.country, 2, %s FROM sales AS s WHERE s.id = %s ON CONFLICT (id, part) DO UPDATE SET %s',
      some_phone(), one_of('''cash''', 's.pay'), number, replace(changes, ', part = 1 - sales.part', ''))
    ELSE format('UPDATE sales SET %s WHERE id = %s', changes, number)
  END
$$;
-- Runs a change of an order; what went otherwise than the model says.
CREATE FUNCTION wrong_order(number int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before sales; after sales; customer uuid; proved boolean; refused boolean;
  given text := CASE WHEN random() < 0.1 THEN some_customer() END;
  statement text := some_statement(number, some_changes() || coalesce(', customer_id = ' || given, ''));
  code text;
BEGIN
  SELECT s.id, s.part, s.user_id, s.phone, s.country, s.total, s.pay, s.customer_id INTO before FROM sales AS s WHERE s.id = number;
  BEGIN
    SET LOCAL session_replication_role = replica;  -- what the row will say, without any trigger
    EXECUTE statement;
    SELECT s.id, s.part, s.user_id, s.phone, s.country, s.total, s.pay, s.customer_id INTO after FROM sales AS s WHERE s.id = number;
    RAISE division_by_zero;
  EXCEPTION WHEN division_by_zero THEN NULL;
  END;
  code := (failure(statement)).code;
  customer := expected(before, after, after.customer_id IS DISTINCT FROM before.customer_id);
  proved := EXISTS (SELECT FROM phone_proofs AS p JOIN customers AS c ON c.id = p.customer_id AND c.phone = p.phone
    WHERE c.id = customer AND p.ended_at IS NULL);
  refused := after.pay IN ('cash', 'door') AND coalesce(before.pay, '') NOT IN ('cash', 'door') AND NOT proved;
  IF refused OR code IS NOT NULL THEN
    RETURN CASE WHEN NOT refused OR code <> 'CI002' THEN format('%s, refused %s: %s of %s', code, refused, statement, before) END;
  END IF;
  SELECT s.id, s.part, s.user_id, s.phone, s.country, s.total, s.pay, s.customer_id INTO after FROM sales AS s WHERE s.id = number;
  RETURN CASE WHEN after.customer_id IS DISTINCT FROM customer THEN
    format('%s became %s, right is %s (%s): %s', before, after, customer, customer_phone(customer), statement) END;
END
$$;
-- Other things that happen to a book: they leave every order that has a customer where it is.
CREATE FUNCTION wrong_event() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  statement text := one_of(
    format('UPDATE logins SET phone = %s WHERE id = %L', some_phone(), one_of('u1', 'u2', 'u3')),
    format('UPDATE logins SET other = phone, phone = other, country = %s WHERE id = %L', some_country(), one_of('u1', 'u2', 'u3')),
    format('UPDATE logins SET id = ''new'' WHERE id = %1$L; UPDATE logins SET id = %1$L, phone = %2$s WHERE id = ''new''', one_of('u1', 'u2', 'u3'), some_phone()),
    format('UPDATE customers SET phone = NULL WHERE phone = ''+44740012350%s''', one_of('1', '2', '3', '4')),
    format('DELETE FROM logins WHERE id = %1$L; INSERT INTO logins VALUES (%1$L, %2$s)', one_of('u1', 'u2', 'u3'), some_phone()),
    format('SELECT customer_identity.record_proof(''+44740012350%s'')', one_of('1', '2', '3', '4')),
    format('SELECT customer_identity.revoke_proof(''+44740012350%s'')', one_of('1', '2', '3', '4')));
  what text;
BEGIN
  CREATE TEMP TABLE were ON COMMIT DROP AS SELECT s.id, s.user_id, s.customer_id FROM sales AS s;
  EXECUTE statement;
  SELECT string_agg(s::text, ', ') INTO what FROM sales AS s JOIN were AS w ON w.id = s.id
  WHERE s.customer_id IS DISTINCT FROM w.customer_id AND (w.customer_id IS NOT NULL OR s.customer_id <> customer_of_login(w.user_id));
  DROP TABLE were;
  RETURN statement || ': ' || what;
END
$$;
SELECT setseed(0.25);
INSERT INTO logins (id, phone) VALUES ('u1', '+447400123501'), ('u2', '07400 123502'), ('u3', NULL);
INSERT INTO sales SELECT n, n % 2, 'u' || nullif(n % 4, 0), '07400 12350' || 1 + n % 4, NULL, 1, 'card' FROM generate_series(1, 12) AS n;
CREATE TABLE faults AS
SELECT n, CASE WHEN n % 4 = 0 THEN wrong_event() ELSE wrong_order(1 + floor(random() * 12)::int) END AS what FROM generate_series(1, 1200) AS n;
SELECT is_empty('SELECT * FROM faults WHERE what IS NOT NULL', 'every order goes where the model says');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and the totals with it');

SELECT * FROM finish();
