-- The corpus of phones, and functions that measure. Variables: folder (of floor.so), copies (of the corpus). Standard input:
-- the corpus.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

\set floor :folder '/floor'
CREATE FUNCTION processor_ns() RETURNS bigint
    LANGUAGE c VOLATILE AS :'floor';
CREATE FUNCTION do_nothing(phone text, region text) RETURNS text
    LANGUAGE c STABLE AS :'floor';
CREATE FUNCTION copy_digits(phone text, region text) RETURNS text
    LANGUAGE c STABLE AS :'floor';

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

SELECT format('CREATE TABLE %I AS SELECT phone, region FROM phones WHERE kind = %L ORDER BY md5(phone || copy)', 'many ' || kind, kind),
    format('CREATE TABLE %I AS SELECT phone, region FROM %I LIMIT 4000', 'few ' || kind, 'many ' || kind)
FROM (SELECT DISTINCT kind FROM phones) AS kinds
\gexec
VACUUM ANALYZE;

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

