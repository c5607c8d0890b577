-- Only a superuser may make an event trigger; a trusted installation runs as one.
DO $$
BEGIN
    CREATE EVENT TRIGGER customer_identity_follow_renames ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER SCHEMA', 'ALTER TYPE')
        EXECUTE FUNCTION customer_identity_internal.follow_renames();
    COMMENT ON EVENT TRIGGER customer_identity_follow_renames IS
        'Keeps the arguments of customer_identity''s triggers in step with renamed columns and tables';
    CREATE EVENT TRIGGER customer_identity_recount_altered ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER TYPE')
        EXECUTE FUNCTION customer_identity_internal.recount_altered();
    COMMENT ON EVENT TRIGGER customer_identity_recount_altered IS
        'Counts the orders of customer_identity''s tables anew when ALTER TABLE has changed their amounts';
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'renamed columns will not be followed, nor altered ones counted anew: only a superuser can create event triggers';
END
$$;

-- A trusted installation leaves the functions to the bootstrap superuser: the installing role may execute all
-- of them and grant that to others.
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity TO @extowner@ WITH GRANT OPTION;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity_internal TO @extowner@;