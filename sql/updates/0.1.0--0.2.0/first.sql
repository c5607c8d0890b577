\echo Use "ALTER EXTENSION customer_identity UPDATE TO '0.2.0'" to load this file. \quit

-- As in CREATE EXTENSION: from here to the end every name resolves in pg_catalog or is qualified. Nothing here reads or
-- writes a row of anybody's table: triggers, policies and functions of others would run as a superuser.
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
BEGIN
    IF to_regnamespace('customer_identity_internal') IS NOT NULL THEN
        RAISE EXCEPTION 'schema customer_identity_internal is there already'
            USING ERRCODE = 'duplicate_schema',
                HINT = 'Drop or rename it first: the extension makes it anew, so that nobody else has ever put anything there.';
    END IF;
END
$$;
CREATE SCHEMA customer_identity_internal;
COMMENT ON SCHEMA customer_identity_internal IS
    'Internal functions of customer_identity, not part of its interface';
GRANT USAGE ON SCHEMA customer_identity_internal TO PUBLIC;

-- A session keeps the library that it has loaded, and functions of a later one cannot be made in it.
DO $$
BEGIN
    CREATE FUNCTION customer_identity_internal.loads_new_functions() RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'follow_phone';
    DROP FUNCTION customer_identity_internal.loads_new_functions();
EXCEPTION WHEN undefined_function THEN
    RAISE EXCEPTION 'this session has loaded the library of an earlier version of customer_identity'
        USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Install the new version, connect anew and try again. A library that is named in shared_preload_libraries is loaded when the server starts.';
END
$$;

-- Codes that are under way stay, with the ids that they have.
CREATE INDEX verifications_user_id_idx ON customer_identity.verifications (user_id) WHERE status = 'pending';
ALTER TABLE customer_identity.sms_messages ALTER id DROP IDENTITY;
ALTER TABLE customer_identity.sms_messages
    ALTER id SET DEFAULT 100000000000000 + ('x' || right(gen_random_uuid()::text, 12))::bit(48)::bigint;
ALTER TABLE customer_identity.verification_events ADD events bigint NOT NULL DEFAULT 1;
