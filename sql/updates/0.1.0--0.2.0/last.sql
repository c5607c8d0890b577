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
    FOR one IN
        SELECT CASE i.type WHEN 'composite type' THEN 'type' ELSE i.type END AS type, i.identity
        FROM pg_depend AS d
        JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
        CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
        WHERE e.extname = 'customer_identity' AND d.deptype = 'e'
            AND (i.schema = 'customer_identity_internal' AND i.type IN ('composite type', 'view') OR i.type = 'language')
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO %s', one.type, one.identity, owner);
    END LOOP;
    EXECUTE format('ALTER SCHEMA customer_identity_internal OWNER TO %s', owner);
    -- As an installation grants, in its order: what the owner had with the option to grant it is his without.
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA customer_identity_internal FROM %s', owner);
    EXECUTE format('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity_internal TO %s', owner);
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA customer_identity_internal FROM %s', extension_owner);
    EXECUTE format('GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity_internal TO %s', extension_owner);
END
$$;

-- Only a superuser may make an event trigger; a trusted update runs as one. Its tags cannot be changed: it is made anew,
-- and whether it fires stays as it is.
DO $$
DECLARE
    owner constant regrole := (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = 'customer_identity.normalize_phone(text, text)'::regprocedure);
    enabled "char";
    name text;
BEGIN
    SELECT e.evtenabled INTO enabled
    FROM pg_event_trigger AS e
    JOIN pg_depend AS d ON d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e'
    WHERE e.evtname = 'customer_identity_follow_renames';
    IF FOUND THEN
        DROP EVENT TRIGGER customer_identity_follow_renames;
    END IF;
    CREATE EVENT TRIGGER customer_identity_follow_renames ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER SCHEMA', 'ALTER TYPE')
        EXECUTE FUNCTION customer_identity_internal.follow_renames();
    COMMENT ON EVENT TRIGGER customer_identity_follow_renames IS
        'Keeps the arguments of customer_identity''s triggers in step with renamed columns and tables';
    IF enabled <> 'O' THEN
        EXECUTE format('ALTER EVENT TRIGGER customer_identity_follow_renames %s',
            CASE enabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END);
    END IF;
    CREATE EVENT TRIGGER customer_identity_recount_altered ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE')
        EXECUTE FUNCTION customer_identity_internal.recount_altered();
    COMMENT ON EVENT TRIGGER customer_identity_recount_altered IS
        'Counts the orders of customer_identity''s tables anew when ALTER TABLE has changed their amounts';
    IF (SELECT r.rolsuper FROM pg_roles AS r WHERE r.oid = owner) THEN
        FOREACH name IN ARRAY '{customer_identity_follow_renames,customer_identity_recount_altered}'::text[] LOOP
            EXECUTE format('ALTER EVENT TRIGGER %I OWNER TO %s', name, owner);
        END LOOP;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'renamed columns will not be followed, nor altered ones counted anew: only a superuser can create event triggers';
END
$$;

-- Sessions keep the library that they have loaded. One that began before the new one was installed, whose time is known
-- to the second, may have an old one.
DO $$
DECLARE
    installed constant timestamptz := (
        SELECT (pg_stat_file(c.setting || '/customer_identity.so', true)).change FROM pg_config() AS c WHERE c.name = 'PKGLIBDIR');
    sessions constant bigint := (
        SELECT count(*) FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_start < installed + interval '1 second');
BEGIN
    IF sessions > 0 THEN
        RAISE WARNING 'sessions that may have loaded the library of an earlier version: %', sessions
            USING HINT = 'Let them connect anew: until then totals stay exact, but functions that are new to that library fail.';
    END IF;
END
$$;
