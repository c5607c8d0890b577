-- Run by test/fast_path/run: the corpus is on standard input.
\timing off
CREATE FUNCTION normalize_phone(phone text, region text) RETURNS text
    LANGUAGE c STABLE AS 'customer_identity';
CREATE FUNCTION own_kilobytes() RETURNS integer
    LANGUAGE sql VOLATILE
RETURN (regexp_match(pg_read_file('/proc/self/smaps_rollup'), 'Private_Dirty: *(\d+)'))[1]::integer;
CREATE FUNCTION kilobytes_of_a_phone(region text) RETURNS integer
    LANGUAGE plpgsql AS $$
DECLARE
    before integer := own_kilobytes();
BEGIN
    before := own_kilobytes();  -- the first call needs some itself
    PERFORM normalize_phone('030 123456', region);
    RETURN own_kilobytes() - before;
END
$$;
CREATE TABLE corpus (phone text, region text, e164 text, valid text, possible text, type text);
\copy corpus FROM PSTDIN

-- A new session: the postmaster made the tables, so that its first phone makes none. They take 2.6 MB and more, and
-- what it writes to of the postmaster's memory is some 150 kB.
\connect
SELECT CASE WHEN kilobytes_of_a_phone('DE') < 1024 THEN '' ELSE 'not ' END || 'ok 1 - the first phone makes no tables';

SET customer_identity.fast_path = off;
CREATE TABLE read_slowly AS SELECT phone, region, normalize_phone(phone, region) AS e164 FROM corpus;
SET customer_identity.fast_path = on;
SELECT CASE WHEN count(*) = 0 THEN '' ELSE 'not ' END || 'ok 2 - the corpus reads as without it'
FROM read_slowly
WHERE e164 IS DISTINCT FROM normalize_phone(phone, region);

SET customer_identity.fast_path = verify;
SELECT CASE WHEN count(normalize_phone(phone, region)) > 15000 THEN '' ELSE 'not ' END ||
       'ok 3 - the corpus is verified'
FROM corpus;

SELECT CASE WHEN enumvals = '{on,off,verify}' AND context = 'user' THEN '' ELSE 'not ' END ||
       'ok 4 - anybody may set it'
FROM pg_settings
WHERE name = 'customer_identity.fast_path';
\echo 1..4
