-- Who may change the settings that decide who is sent a message, and which: a superuser, or whom he lets. Until a session
-- has loaded the library anybody may give any name a value there; none of it may take effect.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
\ir failure.psql
SELECT current_database() AS database, current_user AS superuser \gset
CREATE ROLE settings_app LOGIN;
ALTER ROLE settings_app SET client_min_messages = error;
CREATE ROLE settings_owner LOGIN;
ALTER DATABASE :"database" OWNER TO settings_owner;
GRANT CREATE ON SCHEMA public TO settings_app;

CREATE TABLE attempts (setting text, value text, normal text);
INSERT INTO attempts VALUES
  ('default_region', 'CU', 'FR'), ('sms_countries', 'CU', 'AT'), ('sms_limit_total', '7', '100'), ('sms_text', '{code}evil', 'Kod {code}');
SELECT format('ALTER DATABASE %I SET customer_identity.%s = %L', :'database', setting, normal) FROM attempts \gexec
CREATE TABLE seen (way text, setting text, value text);
GRANT SELECT ON attempts TO PUBLIC;
GRANT INSERT ON seen TO PUBLIC;

CREATE FUNCTION set_all(is_local boolean) RETURNS void LANGUAGE sql AS
  $$SELECT set_config('customer_identity.' || setting, value, is_local) FROM attempts$$;

-- Loads the library, and notes what counts from then on.
CREATE FUNCTION look(way text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM customer_identity.normalize_phone('');
  INSERT INTO seen SELECT way, setting, current_setting('customer_identity.' || setting) FROM attempts;
END
$$;

-- Statements that would keep a value for later sessions.
CREATE FUNCTION keep() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT format(statement, 'customer_identity.' || a.setting, a.value)
  FROM attempts AS a,
    (VALUES ('ALTER ROLE settings_app SET %s = %L'), ('ALTER DATABASE ' || quote_ident(current_database()) || ' SET %s = %L'),
      ('CREATE FUNCTION kept() RETURNS int LANGUAGE sql SET %s = %L RETURN 1')) AS v (statement)
$$;

\connect - settings_app
SELECT set_all(false), look('SET');

\connect - settings_app
BEGIN;
SELECT set_all(true), look('SET LOCAL');
COMMIT;
SELECT look('after SET LOCAL');

\connect - settings_app
BEGIN;
SELECT set_all(false);
SAVEPOINT a;
SELECT set_all(true), look('SET in a savepoint');
SAVEPOINT b;
SELECT look('in the next savepoint');
ROLLBACK TO b;
SELECT look('after that savepoint');
COMMIT;
SELECT look('after the transaction');

\connect - settings_app
BEGIN;
SELECT set_all(false);
SELECT customer_identity.normalize_phone('');
ROLLBACK;
SELECT look('SET, rolled back');

\connect - settings_app
INSERT INTO seen SELECT 'before', statement, (failure(statement)).code FROM keep() AS statement;
SELECT customer_identity.normalize_phone('');
INSERT INTO seen SELECT 'after', statement, (failure(statement)).code FROM keep() AS statement;
\connect - settings_owner
INSERT INTO seen SELECT 'owner, before', statement, (failure(statement)).code FROM keep() AS statement WHERE statement ~ 'DATABASE';

-- Whom a superuser lets, before the library is there as well.
\connect - :superuser
GRANT SET ON PARAMETER customer_identity.default_region, customer_identity.sms_text TO settings_owner;
\connect - settings_owner
ALTER DATABASE :"database" SET customer_identity.default_region = 'DE';
SET customer_identity.sms_text = 'Kod: {code}';
INSERT INTO seen SELECT 'granted', customer_identity.normalize_phone('020 7946 0123', 'GB'), current_setting('customer_identity.sms_text');
\connect - settings_app
INSERT INTO seen SELECT 'of the database', customer_identity.normalize_phone('0151 23456789'), current_setting('customer_identity.default_region');
INSERT INTO seen SELECT 'argument', customer_identity.normalize_phone('020 7946 0123', 'GB'), NULL;

\connect - :superuser
SET client_min_messages = warning;
SELECT * FROM no_plan();
SELECT is(count(*), 28::bigint, 'seven ways were tried') FROM seen JOIN attempts USING (setting);
SELECT is(s.value, a.normal, format('%s: %s', s.way, s.setting)) FROM seen AS s JOIN attempts AS a USING (setting) ORDER BY s.way, s.setting;
SELECT is(count(*), 28::bigint, 'and as many statements') FROM seen WHERE way ~ 'before|after$';
SELECT is(value, '42501', format('%s: %s', way, setting)) FROM seen WHERE way ~ 'before|after$' ORDER BY way, setting;
SELECT bag_eq($$SELECT * FROM seen WHERE way IN ('granted', 'of the database', 'argument')$$,
  $$VALUES ('granted', '+442079460123', 'Kod: {code}'), ('of the database', '+4915123456789', 'DE'), ('argument', '+442079460123', NULL)$$,
  'who is granted a setting sets it, for the database as well; an argument is free');
SELECT customer_identity.normalize_phone('') \g /dev/null
SELECT results_eq(format($$SELECT (failure('SET customer_identity.sms_text = ''%s''')).code$$, repeat('{code}', n)),
  format($$VALUES (%L)$$, code), format('a text of %s bytes', 6 * n))
FROM (VALUES (266, NULL), (267, '22023'), (1000000, '22023')) AS v (n, code);
SELECT results_eq(format($$SELECT code, length(message) < 100 FROM failure(%L)$$, format('SET customer_identity.%s = %L', name, repeat('{code}', 1000000))),
  $$VALUES ('22023', true)$$, name || ': no error shows a value that is long')
FROM unnest('{default_region,sms_countries,sms_text,fraud_cancelled_statuses,match_columns}'::text[]) AS name;
SELECT * FROM finish();

REVOKE SET ON PARAMETER customer_identity.default_region, customer_identity.sms_text FROM settings_owner;
ALTER DATABASE :"database" OWNER TO :"superuser";
DROP OWNED BY settings_app, settings_owner;
DROP ROLE settings_app, settings_owner;
