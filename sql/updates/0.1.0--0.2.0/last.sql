-- The workings belong to whom the rest belongs to, and are executed by nobody but PUBLIC or the extension's owner.
DO $$
DECLARE
    owner constant regrole := (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = 'customer_identity.normalize_phone(text, text)'::regprocedure);
    extension_owner constant regrole := (SELECT e.extowner FROM pg_extension AS e WHERE e.extname = 'customer_identity');
    one record;
BEGIN
    FOR one IN
        SELECT DISTINCT p.oid::regprocedure AS routine, a.grantee::regrole AS grantee
        FROM pg_proc AS p
        CROSS JOIN LATERAL aclexplode(p.proacl) AS a
        WHERE p.pronamespace = 'customer_identity_internal'::regnamespace AND a.grantee <> 0 AND a.grantee <> p.proowner
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s CASCADE', one.routine, one.grantee);
    END LOOP;
    FOR one IN
        SELECT p.oid::regprocedure AS routine
        FROM pg_proc AS p
        WHERE p.pronamespace = 'customer_identity_internal'::regnamespace AND p.proowner <> owner
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO %s', one.routine, owner);
    END LOOP;
    EXECUTE format('ALTER SCHEMA customer_identity_internal OWNER TO %s', owner);
    EXECUTE format('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity_internal TO %s', extension_owner);
END
$$;

-- Only a superuser may make an event trigger; a trusted update runs as one.
DO $$
BEGIN
    CREATE EVENT TRIGGER customer_identity_follow_renames ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER SCHEMA', 'ALTER TYPE')
        EXECUTE FUNCTION customer_identity_internal.follow_renames();
    COMMENT ON EVENT TRIGGER customer_identity_follow_renames IS
        'Keeps the arguments of customer_identity''s triggers in step with renamed columns and tables';
    CREATE EVENT TRIGGER customer_identity_recount_altered ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE')
        EXECUTE FUNCTION customer_identity_internal.recount_altered();
    COMMENT ON EVENT TRIGGER customer_identity_recount_altered IS
        'Counts the orders of customer_identity''s tables anew when ALTER TABLE has changed their amounts';
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'renamed columns will not be followed, nor altered ones counted anew: only a superuser can create event triggers';
END
$$;
