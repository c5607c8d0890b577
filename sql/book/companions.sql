CREATE FUNCTION customer_identity_internal.companion_of(customers regclass, companion text)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'companion_of';
COMMENT ON FUNCTION customer_identity_internal.companion_of(regclass, text) IS
    'The quoted name of a table beside customers; CI003 unless it is a table of the same owner';

CREATE FUNCTION customer_identity_internal.has_companion(customers regclass, companion text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM pg_class AS c
        JOIN pg_class AS t ON t.relnamespace = c.relnamespace AND t.relowner = c.relowner
        WHERE c.oid = customers AND t.relname = companion AND t.relkind = 'r'
    );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.has_companion(regclass, text) IS
    'Whether there is a table of that name beside customers; books of earlier versions lack some';

CREATE FUNCTION customer_identity_internal.companion_problem(customers regclass, companion text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    detail text;
BEGIN
    PERFORM customer_identity_internal.companion_of(customers, companion);
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'CI003' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.companion_problem(regclass, text) IS
    'Why there is no usable table of that name beside customers; NULL: there is one';

CREATE FUNCTION customer_identity_internal.further_phones(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT customer_identity_internal.has_companion(customers, 'customer_phones') THEN
        RETURN 'SELECT NULL::uuid AS id, NULL::text AS phone WHERE false';
    END IF;
    RETURN format('SELECT p.customer_id AS id, p.phone::text AS phone FROM %s AS p WHERE p.until IS NULL',
        customer_identity_internal.companion_of(customers, 'customer_phones'));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.further_phones(regclass) IS
    'The query of the phones that lead to customers besides their own: id, phone';

-- Live proofs have two plain indexes and no NULLS NOT DISTINCT, which migration tools cannot write, and no constraint has
-- two columns, which they cannot read, or in any order: they are an index.
CREATE FUNCTION customer_identity_internal.companions()
    RETURNS TABLE (name text, description text, columns text, indexes text[])
    LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT c.*
    FROM (VALUES
        ('phone_proofs', 'Who showed that they hold a phone; live until ended_at is set',
            'id uuid DEFAULT gen_random_uuid(),
            phone varchar(20) NOT NULL,
            customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
            user_id text,
            method text NOT NULL,
            proved_at timestamptz NOT NULL DEFAULT now(),
            ended_at timestamptz,
            ended_reason text,
            unconfirmed boolean NOT NULL DEFAULT false,
            PRIMARY KEY (%3$sid)',
            ARRAY[
                'CREATE UNIQUE INDEX phone_proofs_live_key ON %1$I.phone_proofs (%3$sphone, user_id) WHERE ended_at IS NULL',
                'CREATE UNIQUE INDEX phone_proofs_live_guest_key ON %1$I.phone_proofs (%3$sphone) WHERE ended_at IS NULL AND user_id IS NULL',
                'CREATE INDEX phone_proofs_customer_id_idx ON %1$I.phone_proofs (customer_id)',
                'CREATE INDEX phone_proofs_user_id_idx ON %1$I.phone_proofs (user_id) WHERE ended_at IS NULL'
            ]),
        ('loyalty_entries', 'Every change of points that is not an order''s; rows are only ever added',
            'id uuid DEFAULT gen_random_uuid(),
            customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
            points bigint NOT NULL,
            reason text NOT NULL,
            idempotency_key text,
            actor text,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (%3$sid),
            UNIQUE (%3$sidempotency_key)',
            ARRAY['CREATE INDEX loyalty_entries_customer_id_idx ON %1$I.loyalty_entries (customer_id)']),
        ('customer_events', 'What happened to each customer; rows are only ever added',
            'id uuid DEFAULT gen_random_uuid(),
            customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
            event text NOT NULL,
            details jsonb NOT NULL DEFAULT ''{}'',
            actor text,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (%3$sid)',
            ARRAY['CREATE INDEX customer_events_customer_id_id_idx ON %1$I.customer_events (customer_id, id)']),
        ('customer_phones', 'Further and former phones of a customer; one that is live (until IS NULL) leads to the customer',
            'id uuid DEFAULT gen_random_uuid(),
            customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,
            phone varchar(20) NOT NULL,
            since timestamptz NOT NULL DEFAULT now(),
            until timestamptz,
            reason text,
            actor text,
            PRIMARY KEY (%3$sid)',
            ARRAY[
                'CREATE UNIQUE INDEX customer_phones_live_key ON %1$I.customer_phones (%3$sphone) WHERE until IS NULL',
                'CREATE INDEX customer_phones_customer_id_idx ON %1$I.customer_phones (customer_id)'
            ]),
        ('phone_rules', 'Phones that name nobody, or a household',
            'phone varchar(20) PRIMARY KEY,
            rule text NOT NULL CHECK (rule IN (''nobody'', ''shared'')),
            actor text,
            reason text,
            created_at timestamptz NOT NULL DEFAULT now()',
            ARRAY[]::text[]),
        ('customer_merges', 'Merges in force, with what it takes to undo them',
            'id bigint PRIMARY KEY,
            winner_id uuid NOT NULL,
            loser_id uuid NOT NULL UNIQUE,
            merged_at timestamptz NOT NULL DEFAULT now(),
            actor text,
            reason text,
            record jsonb NOT NULL',
            ARRAY['CREATE INDEX customer_merges_winner_id_idx ON %1$I.customer_merges (winner_id)']),
        ('duplicate_dismissals', 'Pairs of customers that somebody has looked at and found to be two people',
            'id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            a uuid NOT NULL,
            b uuid NOT NULL,
            actor text,
            reason text,
            created_at timestamptz NOT NULL DEFAULT now(),
            CHECK (a < b)',
            ARRAY['CREATE UNIQUE INDEX duplicate_dismissals_a_b_key ON %1$I.duplicate_dismissals (a, b)'])
    ) AS c (name, description, columns, indexes);
END;
COMMENT ON FUNCTION customer_identity_internal.companions() IS
    'The tables beside customers; columns and indexes are for format(): schema, name, and what keys begin with';

CREATE FUNCTION customer_identity_internal.companion_keys(customers regclass)
    RETURNS TABLE (companion regclass, is_own boolean, other regclass)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.oid::regclass, COALESCE(bool_or(k.confrelid = c.oid), false), min(k.confrelid) FILTER (WHERE k.confrelid <> c.oid)::regclass
    FROM pg_class AS c
    JOIN pg_class AS t ON t.relnamespace = c.relnamespace AND t.relkind = 'r'
    JOIN customer_identity_internal.companions() AS b ON b.name = t.relname AND strpos(b.columns, 'customer_id uuid NOT NULL REFERENCES') > 0
    JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attname = 'customer_id' AND NOT a.attisdropped
    LEFT JOIN pg_constraint AS k ON k.contype = 'f' AND k.conrelid = t.oid AND k.conkey = ARRAY[a.attnum]
    WHERE c.oid = customers
    GROUP BY t.oid
    ORDER BY t.oid::regclass::text COLLATE "C";
END;
COMMENT ON FUNCTION customer_identity_internal.companion_keys(regclass) IS
    'The tables beside customers whose rows go with a customer: whether a foreign key says so, and another table that they refer to';

-- Another table of customers may have been here before, and have left them.
CREATE FUNCTION customer_identity_internal.ensure_companion_keys(customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key record;
BEGIN
    FOR key IN SELECT k.* FROM customer_identity_internal.companion_keys(customers) AS k LOOP
        IF key.other IS NOT NULL THEN
            RAISE EXCEPTION '% is of another book', key.companion
                USING ERRCODE = 'CI003', DETAIL = format('Its customer_id refers to %s.', key.other),
                    HINT = format('Give %s its name back, or create the book in a schema of its own: CREATE SCHEMA shop_identity; SELECT customer_identity.create_tables(''shop_identity'');', key.other);
        END IF;
        IF NOT key.is_own THEN
            EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (customer_id) REFERENCES %s (id) ON DELETE CASCADE', key.companion, customers);
        END IF;
    END LOOP;
EXCEPTION WHEN foreign_key_violation THEN
    RAISE EXCEPTION '% has rows of customers who are not there', key.companion
        USING ERRCODE = 'CI003', DETAIL = 'They are of a book that was here before.',
            HINT = format('DELETE FROM %s AS r WHERE NOT EXISTS (SELECT FROM %s AS c WHERE c.id = r.customer_id); or restore the customers.', key.companion, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.ensure_companion_keys(regclass) IS
    'Adds the foreign keys that tie the tables beside customers to it; CI003 for tables that are tied to another one';

-- Books of 0.1.0 have none until create_tables() is called.
CREATE FUNCTION customer_identity_internal.has_unconfirmed(customers regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT
        FROM pg_class AS c
        JOIN pg_class AS p ON p.relnamespace = c.relnamespace AND p.relname = 'phone_proofs'
        JOIN pg_attribute AS a ON a.attrelid = p.oid AND a.attname = 'unconfirmed' AND NOT a.attisdropped
        WHERE c.oid = customers
    );
END;
COMMENT ON FUNCTION customer_identity_internal.has_unconfirmed(regclass) IS
    'Whether phone_proofs can say that a proof is held back';

CREATE FUNCTION customer_identity_internal.require_unconfirmed(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proofs constant text := customer_identity_internal.companion_of(customers, 'phone_proofs');
BEGIN
    IF NOT customer_identity_internal.has_unconfirmed(customers) THEN
        RAISE EXCEPTION 'a column of phone_proofs is missing'
            USING ERRCODE = 'CI003', DETAIL = format('Table %s has no column unconfirmed.', proofs),
                HINT = 'customer_identity.create_tables() adds it.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_unconfirmed(regclass) IS
    'Raises CI003 for a book whose proofs cannot be held back';

-- Where ids are computed, keys begin with the customer, and serve what is looked for by it.
CREATE FUNCTION customer_identity_internal.make_companions(schema_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customers constant regclass := format('%I.customers', schema_name);
    owner constant regrole := (SELECT c.relowner FROM pg_class AS c WHERE c.oid = customers);
    key_prefix constant text := CASE WHEN customer_identity_internal.has_computed_ids(customers) THEN 'customer_id, ' ELSE '' END;
    wanted record;
    index_definition text;
    grantee text;
BEGIN
    FOR wanted IN SELECT * FROM customer_identity_internal.companions() LOOP
        CONTINUE WHEN to_regclass(format('%I.%I', schema_name, wanted.name)) IS NOT NULL;
        EXECUTE format('CREATE TABLE %1$I.%2$I (' || wanted.columns || ')', schema_name, wanted.name, key_prefix);
        EXECUTE format('COMMENT ON TABLE %I.%I IS %L', schema_name, wanted.name, wanted.description);
        FOREACH index_definition IN ARRAY wanted.indexes LOOP
            CONTINUE WHEN key_prefix <> '' AND index_definition LIKE '%(customer\_id%';
            EXECUTE format(index_definition, schema_name, wanted.name, key_prefix);
        END LOOP;
        EXECUTE format('ALTER TABLE %I.%I OWNER TO %s', schema_name, wanted.name, owner);
        PERFORM customer_identity_internal.distribute(format('%I.%I', schema_name, wanted.name));
        -- Default privileges may have given others rights on every new table. Who writes proofs sees anybody's history, and who
        -- writes entries has any points: such rights are granted on purpose.
        FOR grantee IN
            SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END
            FROM pg_class AS c
            CROSS JOIN LATERAL aclexplode(c.relacl) AS g
            WHERE c.oid = to_regclass(format('%I.%I', schema_name, wanted.name))
                AND g.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON %I.%I FROM %s', schema_name, wanted.name, grantee);
        END LOOP;
    END LOOP;
    IF key_prefix <> '' AND to_regclass(format('%I.customer_phones_phone_idx', schema_name)) IS NULL THEN
        EXECUTE format('CREATE INDEX customer_phones_phone_idx ON %I.customer_phones (phone)', schema_name);
    END IF;
    -- Books of an earlier release.
    IF NOT customer_identity_internal.has_unconfirmed(customers) THEN
        EXECUTE format('ALTER TABLE %I.phone_proofs ADD COLUMN unconfirmed boolean NOT NULL DEFAULT false', schema_name);
    END IF;
    PERFORM customer_identity_internal.companion_of(customers, c.name) FROM customer_identity_internal.companions() AS c;
    PERFORM customer_identity_internal.ensure_companion_keys(customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.make_companions(text) IS
    'Makes the tables beside customers where they are missing';
