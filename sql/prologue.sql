\echo Use "CREATE EXTENSION customer_identity" to load this file. \quit

-- A schema that somebody else prepared could hold operators and functions that ours would call: it has to be
-- empty, and belongs to who installs.
DO $$
DECLARE
    grantee pg_catalog.text;
BEGIN
    PERFORM
    FROM pg_catalog.pg_depend AS d
    WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid
        AND d.refobjid OPERATOR(pg_catalog.=) 'customer_identity'::pg_catalog.regnamespace::pg_catalog.oid
        AND d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid;
    IF FOUND THEN
        RAISE EXCEPTION 'schema customer_identity is not empty'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Move or drop what is in it first: the extension keeps its own objects there.';
    END IF;
    FOR grantee IN
        SELECT CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::pg_catalog.text END
        FROM pg_catalog.pg_namespace AS n
        CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS a
        WHERE n.nspname OPERATOR(pg_catalog.=) 'customer_identity'::pg_catalog.name
            AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA customer_identity FROM %s CASCADE', grantee);
    END LOOP;
END
$$;
ALTER SCHEMA customer_identity OWNER TO @extowner@;
GRANT USAGE ON SCHEMA customer_identity TO PUBLIC;
