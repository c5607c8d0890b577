\echo Use "CREATE EXTENSION customer_identity" to load this file. \quit

-- A trusted extension's script runs as a superuser, with the extension's schema on its search_path: there
-- another session can commit operators and functions while the script goes on. From here to the end every name
-- resolves in pg_catalog or is qualified.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The schema may have been made before: by a restore, or by somebody who means harm. It has to be empty, and
-- belongs to who installs. What another transaction is putting there right now cannot be seen, so nothing of ours
-- ever calls a function there but with the very types that it is declared with.
DO $$
DECLARE
    grantee text;
BEGIN
    PERFORM
    FROM pg_depend AS d
    WHERE d.refclassid = 'pg_namespace'::regclass
        AND d.refobjid = 'customer_identity'::regnamespace
        AND d.classid <> 'pg_extension'::regclass;
    IF FOUND THEN
        RAISE EXCEPTION 'schema customer_identity is not empty'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Move or drop what is in it first: the extension keeps its own objects there.';
    END IF;
    IF to_regnamespace('customer_identity_internal') IS NOT NULL THEN
        RAISE EXCEPTION 'schema customer_identity_internal already exists'
            USING ERRCODE = 'duplicate_schema',
                HINT = 'Drop or rename it first: the extension creates it, so that nobody else can have put anything there.';
    END IF;
    FOR grantee IN
        SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
        FROM pg_namespace AS n
        CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
        WHERE n.nspname = 'customer_identity' AND a.grantee <> n.nspowner
    LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA customer_identity FROM %s CASCADE', grantee);
    END LOOP;
END
$$;
ALTER SCHEMA customer_identity OWNER TO @extowner@;
GRANT USAGE ON SCHEMA customer_identity TO PUBLIC;

-- The workings. Nobody else sees the schema before the script has ended, and nobody but a superuser may ever add
-- to it: what is called there is ours, whatever the types. Everybody may execute what has the rights of its caller
-- alone, so that EXECUTE on a function of customer_identity is enough; what acts for others is revoked.
CREATE SCHEMA customer_identity_internal;
COMMENT ON SCHEMA customer_identity_internal IS
    'Internal functions of customer_identity, not part of its interface';
GRANT USAGE ON SCHEMA customer_identity_internal TO PUBLIC;

