-- A merge is undone in a session with other settings than the one that made it.
BEGIN;
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE customers ADD seen timestamptz, ADD spells interval, ADD weight float8, ADD photo bytea, ADD stays tstzrange;
ALTER TABLE orders ADD placed timestamptz NOT NULL DEFAULT '2026-01-01 10:00+00', DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (id, placed);
CREATE TABLE wishes (customer_id uuid REFERENCES customers, what text, at timestamptz, every interval, weight float8, photo bytea);
CREATE TABLE log (line text);
CREATE FUNCTION log_wish() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NEW.at::text); RETURN NULL; END $$;
CREATE TRIGGER log_wish AFTER UPDATE ON wishes FOR EACH ROW EXECUTE FUNCTION log_wish();
INSERT INTO "user" (id, name, phone) VALUES ('ann', 'Ann', '07400 123401'), ('bea', 'Bea', '07400 123402');
INSERT INTO orders (user_id, total) VALUES ('ann', 10), ('bea', 5);
SELECT customer_id AS ann FROM "user" WHERE id = 'ann' \gset
SELECT customer_id AS bea FROM "user" WHERE id = 'bea' \gset
INSERT INTO orders (customer_id, phone, total) VALUES (:'ann', '07400 123402', 100);
UPDATE customers SET seen = '2026-01-01 10:00+00', spells = '-1 day +02:00', weight = 0.1::float8 + 0.2, photo = '\x00ff', stays = '[2026-01-01 10:00+00,2026-03-02 10:00+00)'
WHERE id = :'bea';
INSERT INTO wishes VALUES (:'bea', 'tea', '2026-01-01 10:00+00', '-1 day +02:00', 0.1::float8 + 0.2, '\x00ff'), (:'ann', 'tea', '2026-01-01 10:00+00', '1 day', 1, NULL);
CREATE VIEW everything AS
SELECT t::text FROM customers AS t UNION ALL SELECT t::text FROM "user" AS t UNION ALL SELECT t::text FROM orders AS t UNION ALL SELECT t::text FROM wishes AS t
UNION ALL SELECT t::text FROM customer_phones AS t UNION ALL SELECT t::text FROM customer_merges AS t;
CREATE TABLE before AS SELECT * FROM everything;

CREATE TABLE sessions (number int, settings jsonb);
INSERT INTO sessions VALUES
  (1, '{"TimeZone": "Europe/Berlin", "DateStyle": "SQL, DMY", "IntervalStyle": "sql_standard", "extra_float_digits": "0", "bytea_output": "escape"}'),
  (2, '{"TimeZone": "America/New_York", "DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "extra_float_digits": "3", "bytea_output": "hex"}'),
  (3, '{"TimeZone": "Asia/Kolkata", "DateStyle": "German, DMY", "IntervalStyle": "iso_8601", "extra_float_digits": "-5", "bytea_output": "hex"}');
CREATE FUNCTION be_session(number int) RETURNS void LANGUAGE sql AS $$
  SELECT set_config(s.key, s.value, true) FROM sessions, jsonb_each_text(settings) AS s WHERE sessions.number = be_session.number
$$;
CREATE FUNCTION changed(first int, second int, winner uuid, loser uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  merge_id bigint;
  home constant text[] := ARRAY[current_setting('TimeZone'), current_setting('DateStyle'), current_setting('IntervalStyle'), current_setting('extra_float_digits'), current_setting('bytea_output')];
BEGIN
  PERFORM be_session(first);
  merge_id := customer_identity.merge_customers(winner, loser);
  PERFORM be_session(second);
  PERFORM customer_identity.unmerge_customers(merge_id);
  PERFORM set_config('TimeZone', home[1], true), set_config('DateStyle', home[2], true), set_config('IntervalStyle', home[3], true),
    set_config('extra_float_digits', home[4], true), set_config('bytea_output', home[5], true);
  RETURN (SELECT count(*) FROM ((TABLE everything EXCEPT ALL TABLE before) UNION ALL (TABLE before EXCEPT ALL TABLE everything)) AS d);
END
$$;
SELECT is(changed(a.number, b.number, :'ann', :'bea'), 0::bigint, format('merged in session %s, undone in session %s', a.number, b.number))
FROM sessions AS a, sessions AS b ORDER BY a.number, b.number;
SELECT is(changed(a.number, b.number, :'bea', :'ann'), 0::bigint, format('the other way, %s and %s', a.number, b.number))
FROM sessions AS a, sessions AS b WHERE a.number <> b.number ORDER BY a.number, b.number;

-- Triggers of the application go on by the settings of the session.
TRUNCATE log;
SET LOCAL TimeZone = 'Asia/Kolkata';
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
SELECT results_eq('TABLE log', $$VALUES ('2026-01-01 15:30:00+05:30')$$, 'a trigger sees the session''s time zone');

-- Records as they were made before: times in the zone of the session.
UPDATE customer_merges SET record = replace(record::text, '10:00:00+00:00', '15:30:00+05:30')::jsonb;
SET LOCAL TimeZone = 'America/New_York';
SELECT customer_identity.unmerge_customers(:merge_id) \g /dev/null
SET LOCAL TimeZone = 'UTC';
SELECT bag_eq('SELECT * FROM everything', 'SELECT * FROM before', 'a record with times of another zone is undone as well');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

-- Why a row is whose, told in another zone.
SELECT customer_identity.merge_customers(:'ann', :'bea') AS merge_id \gset
SET LOCAL TimeZone = 'America/New_York';
SELECT is((SELECT jsonb_array_length(customer_identity.why_linked('orders', o.id::text) -> 'merges') FROM orders AS o WHERE o.total = 5), 1, 'why_linked knows the merge');
SELECT * FROM finish();
ROLLBACK;
