-- Times normalize_phone row by row: every variant in each round, so that a noisy machine is noisy for
-- all of them. Variables: folder (of floor.so), rounds, copies (of the corpus). Standard input: the corpus. Prints lines of bench/figures.py.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;

\set floor :folder '/floor'
CREATE FUNCTION processor_ns() RETURNS bigint
    LANGUAGE c VOLATILE AS :'floor';
CREATE FUNCTION do_nothing(phone text, region text) RETURNS text
    LANGUAGE c STABLE AS :'floor';
CREATE FUNCTION copy_digits(phone text, region text) RETURNS text
    LANGUAGE c STABLE AS :'floor';
CREATE FUNCTION normalize_phone(phone text, region text) RETURNS text
    LANGUAGE c STABLE AS '$libdir/customer_identity';

CREATE TABLE corpus (id integer GENERATED ALWAYS AS IDENTITY, phone text, region text, e164 text,
                     valid text, possible text, type text);
\copy corpus (phone, region, e164, valid, possible, type) FROM PSTDIN

-- The library is so slow that a part of the rows is enough for it.
CREATE TABLE phones AS
    SELECT kind, phone, region, copy
    FROM (SELECT CASE WHEN phone ~ '^\+[0-9]{7,}$' THEN 'E.164'
                      WHEN phone ~ '^[0-9][-0-9 ().]{6,}$' THEN 'national' END AS shape,
                 phone, region
          FROM corpus) AS shaped,
         generate_series(1, :copies) AS copy,
         LATERAL (VALUES (shape), ('mixed')) AS kinds (kind)
    WHERE kind IS NOT NULL;

CREATE TABLE timings (kind text, variant text, round integer, ns numeric);

CREATE FUNCTION spent(code text, measured regclass) RETURNS numeric
    LANGUAGE plpgsql AS $$
DECLARE
    started bigint := processor_ns();
    calls bigint;
BEGIN
    EXECUTE format('SELECT count(*), count(%s(phone, region)) FROM %s', code, measured) INTO calls;
    RETURN (processor_ns() - started)::numeric / calls;
END
$$;

CREATE FUNCTION measure(rounds integer) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    shape text;
BEGIN
    FOR shape IN SELECT DISTINCT kind FROM phones ORDER BY 1 LOOP
        CREATE TEMPORARY TABLE many AS SELECT phone, region FROM phones WHERE kind = shape ORDER BY md5(phone || copy);
        CREATE TEMPORARY TABLE few AS SELECT phone, region FROM many LIMIT 4000;
        FOR round IN 0 .. rounds LOOP
            PERFORM set_config('customer_identity.fast_path', 'on', false);
            INSERT INTO timings SELECT shape, 'doing nothing', round, spent('do_nothing', 'many');
            INSERT INTO timings SELECT shape, 'copying the digits', round, spent('copy_digits', 'many');
            INSERT INTO timings SELECT shape, 'fast path', round, spent('normalize_phone', 'many');
            CONTINUE WHEN round % 5 <> 0;
            PERFORM set_config('customer_identity.fast_path', 'off', false);
            INSERT INTO timings SELECT shape, 'library', round, spent('normalize_phone', 'few');
        END LOOP;
        DROP TABLE many, few;
    END LOOP;
END
$$;

SELECT measure(:rounds) \g /dev/null

\pset format unaligned
\pset fieldsep '\t'
\pset tuples_only on
SELECT 'reading phones, ' || kind, variant, timings.round, 'cpu', 'ns', round(ns, 1)
FROM timings
WHERE timings.round > 0
ORDER BY array_position('{E.164,national,mixed}', kind), timings.round,
    array_position('{doing nothing,copying the digits,fast path,library}', variant);
