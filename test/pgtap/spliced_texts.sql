-- No text that a caller gives becomes SQL that runs with the rights of somebody else: every function that acts for others
-- and that a reader of the tables may call is given code in each of its texts, one added later included.
BEGIN;
SET client_min_messages = error;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SELECT * FROM no_plan();
CREATE ROLE shop_owner;
CREATE ROLE reader;
GRANT CREATE, USAGE ON SCHEMA public TO shop_owner;
CREATE SCHEMA evil AUTHORIZATION reader;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity TO shop_owner;

SET ROLE reader;
CREATE FUNCTION evil.f() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF current_user <> 'reader' THEN RAISE EXCEPTION 'ran as %', current_user USING ERRCODE = 'EV001'; END IF;
  RETURN true;
END $$;

SET ROLE shop_owner;
SELECT customer_identity.create_tables() \g /dev/null
CREATE TABLE users (id text PRIMARY KEY, name text, phone text);
CREATE TABLE orders (id int PRIMARY KEY, user_id text REFERENCES users, phone text, total numeric, status text, payment text);
SELECT customer_identity.attach_users('users', name_column => 'name', default_region => 'GB') \g /dev/null
SELECT customer_identity.attach_orders('orders', users => 'users', default_region => 'GB', status_column => 'status', counted_statuses => '{paid}') \g /dev/null
INSERT INTO users VALUES ('ada', 'Ada', '07400 123401'), ('bob', 'Bob', 'none');
INSERT INTO orders VALUES (1, 'ada', NULL, 10, 'paid'), (2, NULL, 'none', 10, 'paid');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
RESET ROLE;

CREATE TABLE code (text text);
INSERT INTO code VALUES ('evil.f()'), ('(SELECT evil.f())'), (''' || evil.f() || '''), ('id") OR evil.f() OR ("id"'), ('1) OR evil.f() --'), ('evil.f() --'),
  ('id" IS NULL OR evil.f() --'), (''') OR evil.f() --'), ('$$ || evil.f() || $$'), ('users WHERE evil.f() --'), ('true OR evil.f()');
CREATE TABLE shape AS SELECT a AS attachment FROM customer_identity.attachments AS a WHERE kind = 'orders';
CREATE TABLE callable AS
SELECT p.oid::regprocedure AS function, p.proargtypes::regtype[] AS types, p.prokind,
  p.prolang IN (SELECT oid FROM pg_language WHERE lanname LIKE 'customer\_identity\_as\_%') AS acts_for_others
FROM pg_proc AS p
WHERE p.pronamespace IN ('customer_identity'::regnamespace, 'customer_identity_internal'::regnamespace)
  AND p.prokind IN ('f', 'p') AND p.prorettype NOT IN ('trigger'::regtype, 'language_handler'::regtype, 'event_trigger'::regtype)
  AND has_function_privilege('reader', p.oid, 'EXECUTE');
GRANT SELECT ON code, shape, callable TO PUBLIC;

CREATE FUNCTION sample(type regtype, given text, relation text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE
    WHEN type = 'regclass'::regtype THEN quote_literal(relation) || '::regclass'
    WHEN type = 'uuid'::regtype THEN '(SELECT id FROM public.customers LIMIT 1)'
    WHEN type = 'uuid[]'::regtype THEN 'ARRAY(SELECT id FROM public.customers)'
    WHEN type IN ('bigint', 'integer', 'numeric') THEN '1'
    WHEN type = 'boolean'::regtype THEN 'true'
    WHEN type IN ('text', 'name') THEN quote_literal(left(given, 63)) || '::' || type
    WHEN type = 'text[]'::regtype THEN format('ARRAY[%L]::text[]', given)
    WHEN type IN ('jsonb', 'json') THEN format('jsonb_build_object(%1$L, %1$L)::%2$s', given, type)
    WHEN type IN ('customer_identity.attachments', 'customer_identity.attachments[]') THEN format(
      CASE WHEN type = 'customer_identity.attachments[]'::regtype THEN 'ARRAY[%s]' ELSE '%s' END,
      format('(SELECT jsonb_populate_record(attachment, (SELECT jsonb_object_agg(f.attname, CASE f.atttypid WHEN ''text''::regtype THEN to_jsonb(%1$L::text)'
        ' ELSE jsonb_build_array(%1$L) END) FROM pg_attribute AS f WHERE f.attrelid = ''customer_identity.attachments''::regclass AND f.attnum > 0'
        ' AND f.attname <> ''kind'' AND f.atttypid IN (''text''::regtype, ''text[]''::regtype))) FROM shape)', given))
    ELSE format('NULL::%s', type) END
$$;
CREATE FUNCTION ran(call text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE call;
  RETURN false;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE = 'EV001';
END $$;

SELECT cmp_ok((SELECT count(*) FROM callable WHERE acts_for_others AND types && '{text,text[],jsonb}'::regtype[]), '>', 5::bigint, 'functions with texts act for others');
SET ROLE reader;
SELECT is_empty(format($$
  SELECT c.text, n FROM code AS c
  CROSS JOIN unnest('{users,orders,customers}'::text[]) AS n
  WHERE ran(%L || ' ' || (%L::regproc)::text || '(' || (SELECT COALESCE(string_agg(sample(t, c.text, CASE WHEN i = %s THEN 'customers' ELSE n END), ', ' ORDER BY i), '')
    FROM unnest(%L::regtype[]) WITH ORDINALITY AS a (t, i)) || ')')
  $$, CASE prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, function::oid::regproc::text, cardinality(types), types::text), function::text)
FROM callable WHERE types && '{text,text[],name,jsonb,json,customer_identity.attachments,customer_identity.attachments[]}'::regtype[]
ORDER BY function::text;
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
