-- Look-alikes in schema customer_identity of every function and operator that the install script names: for each
-- signature that pg_catalog has, and for calls that fit ours nearly. Whoever calls one raises EV001.
-- Setting lookalikes.script: the text of the install script; lookalikes.ours: the signatures that it makes.
DO $plant$
DECLARE
  script constant text := current_setting('lookalikes.script');
  ours constant text[] := string_to_array(current_setting('lookalikes.ours'), ';');
  body constant text := $$BEGIN RAISE EXCEPTION 'look-alike called as %', current_user USING ERRCODE = 'EV001'; END$$;
  called constant text[] := ARRAY(SELECT DISTINCT (regexp_matches(script, '\m(\w+)\(', 'g'))[1]);
  one record;
BEGIN
  FOR one IN
    SELECT DISTINCT o.oprname AS name, o.oprleft::regtype AS l, o.oprright::regtype AS r, o.oprresult::regtype AS result
    FROM pg_operator o
    WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprleft <> 0 AND strpos(script, o.oprname) > 0
    UNION
    SELECT o.oprname, 'anyelement', 'anyelement', 'boolean'
    FROM pg_operator o
    WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprresult = 'boolean'::regtype AND strpos(script, o.oprname) > 0
  LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION customer_identity.%I(%s, %s) RETURNS %s IMMUTABLE LANGUAGE plpgsql AS %L',
        'op ' || one.name, one.l, one.r, one.result, body);
      EXECUTE format('CREATE OPERATOR customer_identity.%s (FUNCTION = customer_identity.%I, LEFTARG = %s, RIGHTARG = %s)',
        one.name, 'op ' || one.name, one.l, one.r);
    EXCEPTION WHEN feature_not_supported OR invalid_function_definition OR syntax_error OR duplicate_function THEN
      NULL;  -- a pseudo-type that plpgsql cannot take
    END;
  END LOOP;

  FOR one IN
    SELECT DISTINCT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments,
      pg_get_function_result(p.oid) AS result
    FROM pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.proname = ANY (called)
    UNION ALL
    -- Of a variadic function of any types: what fits better than it.
    SELECT v.name, v.arguments, 'text'
    FROM (VALUES ('format', 'text'), ('format', 'text, text'), ('format', 'text, VARIADIC text[]'), ('format', 'text, anyelement'),
      ('concat_ws', 'text, text'), ('concat_ws', 'text, VARIADIC text[]'), ('coalesce', 'anyelement, anyelement'),
      ('jsonb_build_object', 'text, anyelement'), ('jsonb_build_array', 'text, text')) AS v (name, arguments)
    UNION ALL
    -- Ours: names with other types of arguments than ours have.
    SELECT DISTINCT f.name, a.arguments, 'text'
    FROM (
      SELECT (regexp_matches(script, 'CREATE (?:FUNCTION|PROCEDURE) customer_identity\w*\.(\w+)\(', 'g'))[1]
    ) AS f (name)
    CROSS JOIN (VALUES ('anyelement'), ('anyelement, anyelement'), ('anyelement, text'), ('VARIADIC anyarray'), ('text'), ('varchar'),
      ('name'), ('oid'), ('regclass'), ('text, text'), ('varchar, text'), ('text, varchar'), ('text, VARIADIC text[]'), ('text, text, text'),
      ('text, text, text, text'), ('regclass, text, text'), ('regclass, regclass'), ('text, jsonb'), ('integer, text'), ('text, regclass'),
      ('oid, text')) AS a (arguments)
    WHERE NOT f.name || '(' || replace(a.arguments, 'varchar', 'character varying') || ')' = ANY (ours)
  LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION customer_identity.%I(%s) RETURNS %s IMMUTABLE LANGUAGE plpgsql AS %L',
        one.name, one.arguments, one.result, body);
    EXCEPTION WHEN feature_not_supported OR invalid_function_definition OR syntax_error OR duplicate_function OR undefined_object THEN
      NULL;
    END;
  END LOOP;
END
$plant$;
