-- Every function in C or in a language of ours that is not STRICT, found in the catalog, is called with every combination
-- of NULLs: it returns or raises an error with a meaning. One that crashes ends the server and this file.
\ir shop.psql
SELECT * FROM no_plan();

INSERT INTO "user" (id, name, "phoneNumber", "phoneNumberVerified") VALUES ('u', 'Ada', '+447400123401', true);
INSERT INTO orders (user_id, total) VALUES ('u', 12.5);

-- What an argument is when it is not NULL: by its name where that says more than its type.
CREATE TABLE plausible (type regtype, name text, value text);
INSERT INTO plausible VALUES
  ('text', NULL, 'u'), ('text', 'phone', '+447400123401'), ('text', 'region', 'GB'), ('text', 'style', 'national'),
  ('text', 'sort', 'newest'), ('text', 'event', 'renamed'), ('text', 'code', '123456'), ('regclass', NULL, 'customers'),
  ('uuid', NULL, (SELECT id FROM customers)), ('uuid[]', NULL, (SELECT ARRAY[id] FROM customers)), ('bigint', NULL, '1'), ('integer', NULL, '10'), ('numeric', NULL, '1.5'),
  ('boolean', NULL, 'true'), ('text[]', NULL, '{amount=total}'), ('oid[]', NULL, '{1}'), ('tid[]', NULL, '{"(0,1)"}'), ('customer_identity_internal.customer_search', NULL, '(,,,%ada%,,)'), ('jsonb', NULL, '{}'), ('inet', NULL, '192.0.2.1'), ('interval', NULL, '1 minute'),
  ('timestamptz', NULL, '2024-01-01');

CREATE VIEW arguments AS
SELECT p.oid::regprocedure AS function, a.place, a.type::regtype, p.proargnames[a.place] AS name
FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'customer_identity'
JOIN pg_language l ON l.oid = p.prolang AND l.lanname <> ALL ('{sql,plpgsql}')
CROSS JOIN unnest(p.proargtypes) WITH ORDINALITY AS a (type, place)
WHERE NOT p.proisstrict AND p.prorettype <> 'language_handler'::regtype AND p.prokind <> 'a' AND 'internal'::regtype <> ALL (p.proargtypes);

CREATE FUNCTION value_of(a arguments) RETURNS text LANGUAGE sql AS
  'SELECT value FROM plausible p WHERE p.type = a.type AND (p.name = a.name OR p.name IS NULL) ORDER BY p.name LIMIT 1';

-- Bit n of `nulls` makes argument n NULL.
CREATE FUNCTION call(called regprocedure, nulls integer) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT * FROM %s(%s)', called::regproc, string_agg(format('CAST(%s AS %s)',
    CASE WHEN nulls >> (place - 1)::integer & 1 = 1 THEN 'NULL' ELSE quote_literal(value_of(a)) END, type), ', ' ORDER BY place))
  FROM arguments a WHERE function = called
$$;
-- All combinations up to eight arguments; of more, those with at most two NULLs or at most two values.
CREATE FUNCTION combinations(arguments integer) RETURNS SETOF integer LANGUAGE sql AS $$
  SELECT nulls FROM generate_series(0, (1 << arguments) - 1) nulls, bit_count(nulls::bit(32)) AS ones
  WHERE arguments <= 8 OR ones <= 2 OR ones >= arguments - 2
$$;

SELECT is_empty('SELECT function, name, type FROM arguments a WHERE value_of(a) IS NULL', 'there is a value for each argument');
SELECT cmp_ok((SELECT count(DISTINCT function) FROM arguments), '>', 20::bigint, 'the functions are found');
SELECT format('SELECT is_empty(%L, %L)', format('SELECT code, message FROM failure(%L) WHERE code LIKE ''XX%%''', statement), statement)
FROM (SELECT function, call(function, nulls) AS statement
  FROM (SELECT function, count(*)::integer AS arguments FROM arguments GROUP BY function) f, combinations(arguments) nulls) calls
ORDER BY function::text, statement \gexec

SELECT * FROM finish();
