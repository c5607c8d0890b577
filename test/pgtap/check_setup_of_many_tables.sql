-- check_setup() of many attached tables: twice the tables cost twice as much, in functions that are called and rows that are read.
\ir shop.psql
SELECT * FROM no_plan();
SET track_functions = 'all';

CREATE PROCEDURE attach_more(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
  FOR n IN first..last LOOP
    EXECUTE format('CREATE TABLE logins_%s (id int PRIMARY KEY, phone text)', n);
    PERFORM customer_identity.attach_users(format('logins_%s', n), default_region => 'DE');
  END LOOP;
END
$$;
CREATE FUNCTION work(OUT calls numeric, OUT rows numeric) LANGUAGE sql AS $$
  SELECT (SELECT sum(f.calls) FROM pg_stat_xact_user_functions AS f), (SELECT sum(t.seq_tup_read + t.idx_tup_fetch) FROM pg_stat_xact_all_tables AS t)
$$;
-- What a call of check_setup() adds to it.
CREATE FUNCTION work_of_check(OUT calls numeric, OUT rows numeric) LANGUAGE plpgsql AS $$
DECLARE
  before record;
BEGIN
  SELECT * INTO before FROM work();
  PERFORM * FROM customer_identity.check_setup();
  SELECT w.calls - before.calls, w.rows - before.rows INTO calls, rows FROM work() AS w;
END
$$;

CALL attach_more(1, 60);
ANALYZE;
CREATE TEMP TABLE work_of_some AS SELECT * FROM work_of_check();
CALL attach_more(61, 120);
ANALYZE;
CREATE TEMP TABLE work_of_twice AS SELECT * FROM work_of_check();
SELECT cmp_ok(t.calls, '<', 2.3 * s.calls, 'twice the tables need twice the calls') FROM work_of_some AS s, work_of_twice AS t;
SELECT cmp_ok(t.rows, '<', 2.3 * s.rows, '... and twice the rows') FROM work_of_some AS s, work_of_twice AS t;
SELECT cmp_ok(s.calls, '>', 0::numeric, 'both are counted: calls') FROM work_of_some AS s;
SELECT cmp_ok(s.rows, '>', 1000::numeric, 'both are counted: rows') FROM work_of_some AS s;

SELECT * FROM finish();
