-- Every trigger function as a trigger of every kind on every kind of relation: what it was made for works, all else is
-- refused before anything is read.
\ir failure.psql
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
CREATE EXTENSION postgres_fdw;
SELECT no_plan();
SELECT customer_identity.create_tables();

CREATE TABLE plain (id int, phone text, total numeric, customer_id uuid);
INSERT INTO plain VALUES (1, '+447400123401', 1);
CREATE TABLE parted (LIKE plain) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF parted DEFAULT;
INSERT INTO parted VALUES (1, '+447400123401', 1);
CREATE VIEW seen AS SELECT * FROM plain;
CREATE FUNCTION let_it_be() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN coalesce(NEW, OLD); END';
CREATE TRIGGER always INSTEAD OF INSERT OR UPDATE OR DELETE ON seen FOR EACH ROW EXECUTE FUNCTION let_it_be();
SELECT format('CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
  split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database()) \gexec
CREATE USER MAPPING FOR CURRENT_USER SERVER loopback;
CREATE TABLE far (LIKE plain);
INSERT INTO far VALUES (1, '+447400123401', 1);
CREATE FOREIGN TABLE distant (id int, phone text, total numeric, customer_id uuid) SERVER loopback OPTIONS (table_name 'far');

-- What a statement comes to under a trigger: NULL, an SQLSTATE, or 'impossible' when there is no such trigger.
CREATE FUNCTION outcome(function text, relation text, timing text, event text, level text, tables text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text := 'impossible';
BEGIN
  EXECUTE format('CREATE TRIGGER tried %s %s ON %s %s FOR EACH %s EXECUTE FUNCTION %s(%s)',
    timing, event, relation, tables, level,
    CASE function WHEN 'follow_phone' THEN 'customer_identity_internal.' ELSE 'customer_identity.' END || function,
    $q$'customers=public.customers', 'key=id', 'phone=phone', 'amount=total', 'customer=customer_id'$q$);
  state := NULL;
  EXECUTE CASE event
    WHEN 'INSERT' THEN format('INSERT INTO %s (id, phone, total) VALUES (2, ''+447400123402'', 2)', relation)
    WHEN 'UPDATE' THEN format('UPDATE %s SET phone = ''+447400123403'', total = 3', relation)
    WHEN 'DELETE' THEN format('DELETE FROM %s', relation)
    ELSE format('TRUNCATE %s', relation)
  END;
  RAISE EXCEPTION 'undo' USING ERRCODE = 'P0999';
EXCEPTION
  WHEN SQLSTATE 'P0999' THEN RETURN NULL;
  WHEN OTHERS THEN RETURN coalesce(state, SQLSTATE);
END $$;

CREATE TABLE outcomes AS
SELECT function, relation, timing, event, level, tables, outcome(function, relation, timing, event, level, tables)
FROM
  (SELECT p.proname::text FROM pg_proc p WHERE p.prorettype = 'trigger'::regtype AND p.probin ~ 'customer_identity') AS f (function),
  (VALUES ('plain'), ('parted'), ('part'), ('seen'), ('distant')) AS r (relation),
  (VALUES ('BEFORE'), ('AFTER'), ('INSTEAD OF')) AS t (timing),
  (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS e (event),
  (VALUES ('ROW'), ('STATEMENT')) AS l (level),
  (VALUES (''), ('REFERENCING OLD TABLE AS o'), ('REFERENCING NEW TABLE AS n'), ('REFERENCING OLD TABLE AS o NEW TABLE AS n')) AS x (tables);
DELETE FROM outcomes WHERE outcome = 'impossible';

CREATE TABLE made_for (function text, timing text, events text[], level text);
INSERT INTO made_for VALUES
  ('link_user', 'BEFORE', '{INSERT,UPDATE}', 'ROW'),
  ('link_user', 'AFTER', '{INSERT,UPDATE,DELETE}', 'ROW'),
  ('link_user', 'AFTER', '{UPDATE}', 'STATEMENT'),
  ('link_user', 'BEFORE', '{TRUNCATE}', 'STATEMENT'),
  ('attach_order', 'BEFORE', '{INSERT,UPDATE}', 'ROW'),
  ('follow_phone', 'BEFORE', '{UPDATE}', 'ROW'),
  ('follow_phone', 'AFTER', '{INSERT,UPDATE}', 'ROW'),
  ('maintain_totals', 'BEFORE', '{TRUNCATE}', 'STATEMENT'),
  ('maintain_totals', 'AFTER', '{INSERT,UPDATE,DELETE}', 'STATEMENT');
CREATE VIEW expected AS
SELECT o.*, relation NOT IN ('seen', 'distant') AND EXISTS (
  SELECT FROM made_for m
  WHERE m.function = o.function AND m.timing = o.timing AND m.level = o.level AND o.event = ANY (m.events)
    AND (m.level = 'ROW' OR m.timing = 'BEFORE' OR m.function = 'link_user'
      OR ((o.event = 'INSERT' OR o.tables ~ 'OLD') AND (o.event = 'DELETE' OR o.tables ~ 'NEW')))
) AS works
FROM outcomes o;
SELECT set_eq('SELECT DISTINCT function FROM outcomes', 'SELECT DISTINCT function FROM made_for', 'every trigger function is tried');
SELECT set_eq('SELECT DISTINCT function, relation FROM outcomes WHERE outcome IS NULL',
  $$SELECT DISTINCT function, relation FROM made_for, unnest('{plain,parted,part}'::text[]) AS relation$$, 'each works on tables and partitions');
SELECT set_eq('SELECT DISTINCT relation FROM outcomes', $$VALUES ('plain'), ('parted'), ('part'), ('seen'), ('distant')$$, 'every kind of relation is tried');
SELECT is_empty('SELECT * FROM expected WHERE works AND outcome IS NOT NULL', 'what a function was made for works');
SELECT is_empty($$SELECT * FROM expected WHERE NOT works AND outcome IS DISTINCT FROM '39P01'$$, 'all else is refused');

-- A foreign table may be a partition.
CREATE TABLE mixed (LIKE plain) PARTITION BY LIST (id);
CREATE TRIGGER t BEFORE INSERT ON mixed FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user('customers=public.customers', 'key=id', 'phone=phone');
ALTER TABLE mixed ATTACH PARTITION distant DEFAULT;
SELECT throws_ok($$INSERT INTO mixed VALUES (5, '+447400123405')$$, '39P01', NULL, 'also by way of the table it belongs to');
CREATE TRIGGER t INSTEAD OF DELETE ON seen FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user('customers=public.customers', 'key=id', 'phone=phone');
SELECT is(f.hint, 'customer_identity.attach_users() and attach_orders() create the triggers.', 'the hint says what makes triggers')
  FROM failure('DELETE FROM seen') AS f;

-- The event triggers as well.
CREATE FUNCTION event_outcome(function regproc, event text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE EVENT TRIGGER tried ON %s EXECUTE FUNCTION %s()', event, function);
  CREATE TABLE made (a int);
  ALTER TABLE made ALTER a TYPE bigint USING 1;
  DROP TABLE made;
  RAISE EXCEPTION 'undo' USING ERRCODE = 'P0999';
EXCEPTION
  WHEN SQLSTATE 'P0999' THEN RETURN NULL;
  WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
SELECT is(event_outcome(p.oid, event), expected, p.proname || ' on ' || event)
FROM pg_proc p
CROSS JOIN (VALUES ('ddl_command_start', '39P03'), ('ddl_command_end', NULL), ('sql_drop', '39P03'), ('table_rewrite', '39P03')) AS v (event, expected)
WHERE p.prorettype = 'event_trigger'::regtype AND p.probin ~ 'customer_identity';

SELECT * FROM finish();
