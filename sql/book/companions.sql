CREATE FUNCTION customer_identity_internal.companion_of(customers regclass, companion text)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'companion_of';
COMMENT ON FUNCTION customer_identity_internal.companion_of(regclass, text) IS
    'The quoted name of a table beside customers; CI003 unless it is a table of the same owner';

CREATE FUNCTION customer_identity_internal.make_companions(schema_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner regrole;
    grantee text;
BEGIN
    SELECT c.relowner::regrole INTO owner
    FROM pg_class AS c
    WHERE c.oid = format('%I.customers', schema_name)::regclass;

    IF to_regclass(format('%I.phone_proofs', schema_name)) IS NULL THEN
        EXECUTE format($sql$
            CREATE TABLE %1$I.phone_proofs (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                phone varchar(20) NOT NULL,
                customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
                user_id text,
                method text NOT NULL,
                proved_at timestamptz NOT NULL DEFAULT now(),
                ended_at timestamptz,
                ended_reason text
            )$sql$, schema_name);
        EXECUTE format('COMMENT ON TABLE %I.phone_proofs IS %L', schema_name,
            'Who showed that they hold a phone; live until ended_at is set');
        -- Two plain indexes and no NULLS NOT DISTINCT, which migration tools cannot write.
        EXECUTE format('CREATE UNIQUE INDEX phone_proofs_live_key ON %I.phone_proofs (phone, user_id) WHERE ended_at IS NULL', schema_name);
        EXECUTE format('CREATE UNIQUE INDEX phone_proofs_live_guest_key ON %I.phone_proofs (phone) WHERE ended_at IS NULL AND user_id IS NULL', schema_name);
        EXECUTE format('CREATE INDEX phone_proofs_customer_id_idx ON %I.phone_proofs (customer_id)', schema_name);
        EXECUTE format('CREATE INDEX phone_proofs_user_id_idx ON %I.phone_proofs (user_id) WHERE ended_at IS NULL', schema_name);
        EXECUTE format('ALTER TABLE %I.phone_proofs OWNER TO %s', schema_name, owner);
    END IF;

    IF to_regclass(format('%I.loyalty_entries', schema_name)) IS NULL THEN
        EXECUTE format($sql$
            CREATE TABLE %1$I.loyalty_entries (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
                points bigint NOT NULL,
                reason text NOT NULL,
                idempotency_key text UNIQUE,
                actor text,
                created_at timestamptz NOT NULL DEFAULT now()
            )$sql$, schema_name);
        EXECUTE format('COMMENT ON TABLE %I.loyalty_entries IS %L', schema_name,
            'Every change of points that is not an order''s; rows are only ever added');
        EXECUTE format('CREATE INDEX loyalty_entries_customer_id_idx ON %I.loyalty_entries (customer_id)', schema_name);
        EXECUTE format('ALTER TABLE %I.loyalty_entries OWNER TO %s', schema_name, owner);
    END IF;

    IF to_regclass(format('%I.customer_events', schema_name)) IS NULL THEN
        EXECUTE format($sql$
            CREATE TABLE %1$I.customer_events (
                id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
                event text NOT NULL,
                details jsonb NOT NULL DEFAULT '{}',
                actor text,
                created_at timestamptz NOT NULL DEFAULT now()
            )$sql$, schema_name);
        EXECUTE format('COMMENT ON TABLE %I.customer_events IS %L', schema_name,
            'What happened to each customer; rows are only ever added');
        EXECUTE format('CREATE INDEX customer_events_customer_id_id_idx ON %I.customer_events (customer_id, id)', schema_name);
        EXECUTE format('ALTER TABLE %I.customer_events OWNER TO %s', schema_name, owner);
        -- Default privileges may have given others rights on every new table.
        FOR grantee IN
            SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END
            FROM pg_class AS c
            CROSS JOIN LATERAL aclexplode(c.relacl) AS g
            WHERE c.oid = format('%I.customer_events', schema_name)::regclass AND g.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON %I.customer_events FROM %s', schema_name, grantee);
        END LOOP;
    END IF;
    PERFORM customer_identity_internal.companion_of(format('%I.customers', schema_name)::regclass, c.name)
    FROM (VALUES ('phone_proofs'), ('loyalty_entries'), ('customer_events')) AS c (name);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_companions(text) IS
    'Makes the tables phone_proofs, loyalty_entries and customer_events beside customers where they are missing';
