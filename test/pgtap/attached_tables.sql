-- What a session knows of attached tables follows every change, by looking at what has changed and at nothing else.
\ir failure.psql
SET client_min_messages = error;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SELECT no_plan();
SET customer_identity.trust_claims = on;

-- Three books, five users tables in each of which the login u is another customer of every book.
CREATE ROLE writer;
CREATE ROLE lodger;
CREATE FUNCTION make_book(schema_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE SCHEMA %I', schema_name);
  PERFORM customer_identity.create_tables(schema_name);
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO lodger, writer', schema_name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %1$I.customers, %1$I.phone_proofs TO writer', schema_name);
END $$;
SELECT make_book('s' || n) FROM generate_series(1, 3) n;
CREATE FUNCTION make_users(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE public.users_%s (id text PRIMARY KEY, phone text, customer_id uuid)', n);
  EXECUTE format('INSERT INTO public.users_%s VALUES (''u'', NULL, %L)', n, format('00000000-0000-0000-0000-%s', lpad(n::text, 12, '0')));
  EXECUTE format('GRANT ALL ON public.users_%s TO lodger', n);
END $$;
SELECT make_users(n) FROM generate_series(1, 5) n;

CREATE VIEW books AS
SELECT c.oid::regclass AS book FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname ~ '^[st][0-9]$' AND c.relname IN ('customers', 'people');
-- Who feeds which book, read from the catalog alone.
CREATE VIEW feeding AS
SELECT DISTINCT customer_identity_internal.table_of_argument(substring(a.argument FROM '^customers=(.*)'), t.tgrelid) AS book,
  t.tgrelid::regclass AS attached, c.relowner, p.proname = 'link_user' AND t.tgtype & 3 = 3 AS links
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid,
  LATERAL unnest(customer_identity_internal.trigger_arguments(t.tgargs)) AS a (argument)
WHERE p.proname IN ('link_user', 'attach_order', 'maintain_totals') AND a.argument ~ '^customers=' AND t.tgparentid = 0 AND c.relkind IN ('r', 'p');
CREATE VIEW wrongly_known AS
SELECT book::text, attached::text, known, expected FROM (
  SELECT book, attached, true AS known FROM books, customer_identity_internal.attached_to(book) AS attached) k
FULL JOIN (SELECT DISTINCT book, attached, true AS expected FROM feeding WHERE book IS NOT NULL) e USING (book, attached)
WHERE known IS NULL OR expected IS NULL;
CREATE VIEW seen AS
SELECT b.book::text, n, customer_identity.can_see_customer('u', format('00000000-0000-0000-0000-%s', lpad(n::text, 12, '0'))::uuid, b.book) AS sees,
  EXISTS (SELECT FROM feeding f WHERE f.book = b.book AND f.links AND f.attached::text ~ ('_' || n || '$') AND has_table_privilege(f.relowner, b.book, 'UPDATE'))
    AS expected
FROM books b, generate_series(1, 5) n;

-- One change, made at random; many are refused.
CREATE TABLE noise (a int);
CREATE FUNCTION any_book() RETURNS text LANGUAGE sql AS 'SELECT book::text FROM books ORDER BY random() LIMIT 1';
CREATE FUNCTION any_users() RETURNS text LANGUAGE sql AS
  $$SELECT oid::regclass::text FROM pg_class WHERE relname ~ '^(users|logins)_' AND relkind = 'r' ORDER BY random() LIMIT 1$$;
CREATE FUNCTION any_change() RETURNS text LANGUAGE sql AS $$
  SELECT CASE floor(random() * 16)
    WHEN 0 THEN format('SELECT customer_identity.detach(%L)', any_users())
    WHEN 1 THEN format('ALTER TABLE %s OWNER TO %s', any_users(), (ARRAY['lodger', 'CURRENT_USER'])[1 + floor(random() * 2)])
    WHEN 2 THEN 'GRANT writer TO lodger'
    WHEN 3 THEN 'REVOKE writer FROM lodger'
    WHEN 4 THEN format('GRANT UPDATE ON %s TO lodger', any_book())
    WHEN 5 THEN format('REVOKE UPDATE ON %s FROM lodger', any_book())
    WHEN 6 THEN format('ALTER TABLE %s RENAME TO %s', any_book(), (ARRAY['customers', 'people'])[1 + floor(random() * 2)])
    WHEN 7 THEN format('ALTER SCHEMA %s RENAME TO %s%s', split_part(any_book(), '.', 1), (ARRAY['s', 't'])[1 + floor(random() * 2)], 1 + floor(random() * 3))
    WHEN 8 THEN (SELECT format('ALTER TABLE %s RENAME TO %s', u, (ARRAY['logins', 'users'])[1 + floor(random() * 2)] || right(u, 2)) FROM any_users() AS u)
    WHEN 9 THEN format('ALTER EVENT TRIGGER customer_identity_follow_renames %s', (ARRAY['ENABLE', 'DISABLE'])[1 + floor(random() * 2)])
    WHEN 10 THEN format('DROP TRIGGER customer_identity_link ON %s', any_users())
    WHEN 11 THEN format('CREATE OR REPLACE TRIGGER customer_identity_link BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(%L, %L, %L, %L)',
      any_users(), 'customers=' || any_book(), 'key=id', 'phone=phone', 'customer=customer_id')
    WHEN 12 THEN format('DO $n$ BEGIN PERFORM customer_identity.detach(%L); FOR i IN 1..600 LOOP EXECUTE ''ALTER TABLE noise SET (fillfactor = '' || 50 + i %% 50 || '')''; END LOOP; END $n$',
      any_users())
    WHEN 13 THEN format('SELECT count(*) FROM (SELECT customer_identity.detach(%L), 1 / (random() * 0)::int) x', any_users())
    ELSE format('CREATE OR REPLACE TRIGGER also_for AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(%L, %L, %L, %L)',
      any_users(), 'customers=' || any_book(), 'key=id', 'phone=phone', 'customer=customer_id')
  END
$$;
CREATE TABLE seeds AS SELECT coalesce(nullif(current_setting('customer_identity.test_seed', true), '')::double precision, random()) AS seed;
SELECT diag('seed ' || seed || ': SET customer_identity.test_seed repeats it') FROM seeds;
CREATE TABLE made (n int, change text, result text, seen bigint);
CREATE TABLE faults (n int, fault text);
CREATE PROCEDURE make_changes(count int) LANGUAGE plpgsql AS $$
DECLARE
  change text;
BEGIN
  PERFORM setseed((SELECT seed FROM seeds));
  FOR i IN 1..count LOOP
    change := any_change();
    INSERT INTO made SELECT i, change, f.message FROM failure(change) f;
    INSERT INTO faults SELECT i, w::text FROM wrongly_known w;
    INSERT INTO faults SELECT i, s::text FROM seen s WHERE sees <> expected;
    UPDATE made SET seen = (SELECT count(*) FROM seen WHERE sees) WHERE n = i;
    IF random() < 0.5 THEN COMMIT; END IF;
  END LOOP;
END $$;
CALL make_changes(250);
SELECT is_empty('SELECT m.change, f.* FROM faults f JOIN made m USING (n) ORDER BY n LIMIT 5', 'every change is followed');
SELECT cmp_ok((SELECT count(*) FROM made WHERE result IS NULL), '>', 80::bigint, 'most changes were made');
SELECT cmp_ok((SELECT count(DISTINCT seen) FROM made), '>', 2::bigint, 'and mattered');

-- A shop costs what it costs, however many there are.
CREATE PROCEDURE open_shops(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN first..last LOOP
    EXECUTE format('CREATE SCHEMA shop_%s', i);
    PERFORM customer_identity.create_tables('shop_' || i);
    EXECUTE format('SET search_path = shop_%s, public', i);
    CREATE TABLE users (id text PRIMARY KEY, phone text);
    CREATE TABLE orders (id int, user_id text REFERENCES users, phone text, total numeric);
    PERFORM customer_identity.attach_users('users');
    PERFORM customer_identity.attach_orders('orders');
    RESET search_path;
    COMMIT;
  END LOOP;
END $$;
-- Rows of the catalogs of triggers that a statement reads.
CREATE FUNCTION rows_read() RETURNS numeric LANGUAGE sql AS $$
  SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_all_tables WHERE relid IN ('pg_trigger'::regclass, 'pg_depend'::regclass)
$$;
CREATE FUNCTION cost_of(statement text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  before numeric;
BEGIN
  EXECUTE statement;
  before := rows_read();
  ALTER TABLE noise SET (fillfactor = 90);
  EXECUTE statement;
  RETURN rows_read() - before;
END $$;
CREATE VIEW costs AS
SELECT statement, cost_of(statement) AS cost FROM (VALUES
  ($$SELECT customer_identity.can_see_customer('u', gen_random_uuid(), 'shop_7.customers')$$),
  ($$SELECT count(*) FROM customer_identity.check_setup('shop_7.customers')$$),
  ($$SELECT count(*) FROM customer_identity.verify_totals('shop_7.customers')$$),
  ($$SELECT customer_identity.rebuild_totals('shop_7.customers')$$),
  ($$SELECT customer_identity.list_customers(customers => 'shop_7.customers')$$),
  ($$SELECT customer_identity.customer_stats(NULL, 'shop_7.customers')$$),
  ($$SELECT customer_identity.visible_orders('u', customers => 'shop_7.customers')$$),
  ($$SELECT count(*) FROM customer_identity.phone_problems('shop_7.orders')$$),
  ($$SELECT customer_identity.attach_users('shop_8.users', customers => 'shop_8.customers')$$),
  ($$SELECT customer_identity.attach_orders('shop_8.orders', 'shop_8.users', customers => 'shop_8.customers')$$)
) AS v (statement);
SET enable_seqscan = off;  -- what has no index is read in full all the same
CALL open_shops(1, 10);
CREATE TABLE costs_of_few AS TABLE costs;
CALL open_shops(11, 60);
CREATE TABLE costs_of_many AS TABLE costs;
SELECT is(cost, 0::numeric, 'can_see_customer reads nothing after a change of another table') FROM costs_of_many WHERE statement ~ 'can_see_customer';
SELECT is_empty($$SELECT statement, f.cost AS few, m.cost AS many FROM costs_of_many m FULL JOIN costs_of_few f USING (statement)
  WHERE m.cost > 1.5 * f.cost OR m.cost IS NULL OR f.cost IS NULL$$, 'nothing costs more where there are more shops');
RESET enable_seqscan;
CREATE FUNCTION plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN RETURN QUERY EXECUTE ''EXPLAIN '' || statement; END';
SELECT is_empty($x$SELECT * FROM plan_of('SELECT * FROM customer_identity.attachments') p WHERE p ~ 'Seq Scan on pg_trigger'$x$,
  'all attachments are found by an index');

-- Others' views carry our triggers, and are not shown.
CREATE VIEW mine AS SELECT * FROM shop_7.orders;
CREATE TRIGGER t BEFORE INSERT ON mine FOR EACH STATEMENT
  EXECUTE FUNCTION customer_identity.maintain_totals('customers=shop_7.customers', 'amount=total');
SELECT is_empty($$SELECT FROM customer_identity_internal.attached_triggers WHERE attached = 'mine'::regclass$$, 'a view is not attached');
SELECT is_empty($$SELECT FROM customer_identity_internal.totals_sources('shop_7.customers') WHERE source = 'mine'::regclass$$, 'nor a source of totals');

SELECT * FROM finish();
