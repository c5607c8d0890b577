-- The companions of a person's life, made beside customers like the others.
CREATE FUNCTION customer_identity_internal.lifecycle_tables()
    RETURNS TABLE (name text, definition text, indexes text[], comment text)
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    VALUES
        ('customer_phones',
            'id uuid PRIMARY KEY DEFAULT gen_random_uuid(),'
            ' customer_id uuid NOT NULL REFERENCES %1$I.customers (id) ON DELETE CASCADE,'
            ' phone varchar(20) NOT NULL,'
            ' since timestamptz NOT NULL DEFAULT now(),'
            ' until timestamptz,'
            ' reason text,'
            ' actor text',
            ARRAY[
                'CREATE UNIQUE INDEX customer_phones_live_key ON %1$I.customer_phones (phone) WHERE until IS NULL',
                'CREATE INDEX customer_phones_customer_id_idx ON %1$I.customer_phones (customer_id)'],
            'Further and former phones of a customer; one that is live (until IS NULL) leads to the customer'),
        ('phone_rules',
            'phone varchar(20) PRIMARY KEY,'
            ' rule text NOT NULL CHECK (rule IN (''nobody'', ''shared'')),'
            ' actor text,'
            ' reason text,'
            ' created_at timestamptz NOT NULL DEFAULT now()',
            ARRAY[]::text[],
            'Phones that name nobody, or a household'),
        ('customer_merges',
            'id bigint PRIMARY KEY,'
            ' winner_id uuid NOT NULL,'
            ' loser_id uuid NOT NULL UNIQUE,'
            ' merged_at timestamptz NOT NULL DEFAULT now(),'
            ' actor text,'
            ' reason text,'
            ' record jsonb NOT NULL',
            ARRAY['CREATE INDEX customer_merges_winner_id_idx ON %1$I.customer_merges (winner_id)'],
            'Merges in force, with what it takes to undo them'),
        ('duplicate_dismissals',
            'a uuid NOT NULL,'
            ' b uuid NOT NULL,'
            ' actor text,'
            ' reason text,'
            ' created_at timestamptz NOT NULL DEFAULT now(),'
            ' PRIMARY KEY (a, b),'
            ' CHECK (a < b)',
            ARRAY[]::text[],
            'Pairs of customers that somebody has looked at: they are two people')
$$;
COMMENT ON FUNCTION customer_identity_internal.lifecycle_tables() IS
    'The companions of a person''s life: how each is made in a schema %1$I';
