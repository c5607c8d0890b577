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
CREATE TYPE phone_details AS (
    e164 text,
    country_code integer,
    national_number text,
    extension text,
    region text,
    type text,
    is_possible boolean,
    is_valid boolean,
    reason text
);
COMMENT ON TYPE phone_details IS
    'What is known about a phone: its E.164 form and parts, and the reason why it is not acceptable ("ok" if it is)';

-- Most phones cost what some thirty cheap operators cost; those left to the library, a hundred times that.
CREATE FUNCTION normalize_phone(phone text, region text DEFAULT NULL)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'normalize_phone';
COMMENT ON FUNCTION normalize_phone(text, text) IS
    'E.164 form of a phone, or NULL when it is not acceptable. Without a country code it is read as dialled in region (ISO 3166), by default customer_identity.default_region';

CREATE FUNCTION parse_phone(phone text, region text DEFAULT NULL)
    RETURNS phone_details
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'parse_phone';
COMMENT ON FUNCTION parse_phone(text, text) IS
    'Everything known about a phone, the reason included why it is not acceptable';

CREATE FUNCTION format_phone(phone text, style text DEFAULT 'international', region text DEFAULT NULL)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 3000
    AS 'MODULE_PATHNAME', 'format_phone';
COMMENT ON FUNCTION format_phone(text, text, text) IS
    'A phone for people to read: style e164, international, national or rfc3966. NULL when the phone is not acceptable';

CREATE FUNCTION claimed_phone(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'claimed_phone';
COMMENT ON FUNCTION claimed_phone(text, text) IS
    'The phone of a row as the triggers read it: normalize_phone, but NULL instead of an error for an unknown region';

CREATE FUNCTION claim_problem(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'claim_problem';
COMMENT ON FUNCTION claim_problem(text, text) IS
    'Why the triggers cannot read the phone of a row; "ok" when they can';
CREATE FUNCTION book(customers regclass DEFAULT NULL)
    RETURNS regclass
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'book';
COMMENT ON FUNCTION book(regclass) IS
    'The customers table that is meant: the one given, else the one on the search_path (CI003 when there is none)';

-- The columns of customers, how they have to be typed, and how a missing one is added.
CREATE FUNCTION customers_columns()
    RETURNS TABLE (name text, types regtype[], definition text)
    LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT *
    FROM (VALUES
        ('id', '{uuid}'::regtype[], 'uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid()'),
        ('phone', '{text,varchar}', 'varchar(20) UNIQUE CHECK (phone ~ ''^[+][1-9][0-9]{1,18}$'')'),
        ('preferred_name', '{text,varchar}', 'varchar(100)'),
        ('is_phone_verified', '{boolean}', 'boolean NOT NULL DEFAULT false'),
        ('total_orders', '{integer,bigint}', 'integer NOT NULL DEFAULT 0'),
        ('total_spent', '{numeric}', 'numeric NOT NULL DEFAULT 0'),
        ('loyalty_points', '{integer,bigint}', 'bigint NOT NULL DEFAULT 0'),
        ('notes', '{text,varchar}', 'text'),
        ('created_at', '{timestamp,timestamptz}', 'timestamptz NOT NULL DEFAULT pg_catalog.now()'),
        ('updated_at', '{timestamp,timestamptz}', 'timestamptz NOT NULL DEFAULT pg_catalog.now()')
    ) AS columns (name, types, definition);
END;
COMMENT ON FUNCTION customers_columns() IS
    'The columns that a customers table has to have';

-- A column alone carries a unique index that any row is in.
CREATE FUNCTION has_unique_index(relation regclass, column_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = relation
        AND a.attname = column_name
        AND i.indisunique AND i.indimmediate AND i.indisvalid
        AND i.indnkeyatts = 1 AND i.indpred IS NULL
);
COMMENT ON FUNCTION has_unique_index(regclass, text) IS
    'Whether a column alone is unique';

-- Raises CI003 for the first thing that a customers table lacks.
CREATE FUNCTION check_customers(customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    found_type regtype;
BEGIN
    FOR wanted IN SELECT * FROM customer_identity.customers_columns() LOOP
        SELECT a.atttypid::regtype INTO found_type
        FROM pg_attribute AS a
        WHERE a.attrelid = customers AND a.attname = wanted.name AND NOT a.attisdropped;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no usable customers table'
                USING ERRCODE = 'CI003',
                    DETAIL = format('Table %s has no column %I.', customers, wanted.name),
                    HINT = format('ALTER TABLE %s ADD COLUMN %I %s; then call customer_identity.create_tables() again.',
                        customers, wanted.name, wanted.definition);
        END IF;
        IF found_type <> ALL (wanted.types) THEN
            RAISE EXCEPTION 'no usable customers table'
                USING ERRCODE = 'CI003',
                    DETAIL = format('Column %I of %s is of type %s.', wanted.name, customers, found_type),
                    HINT = format('ALTER TABLE %s ALTER COLUMN %I TYPE %s; then call customer_identity.create_tables() again.',
                        customers, wanted.name, wanted.types[array_upper(wanted.types, 1)]);
        END IF;
    END LOOP;
    IF NOT customer_identity.has_unique_index(customers, 'id') THEN
        RAISE EXCEPTION 'no usable customers table'
            USING ERRCODE = 'CI003',
                DETAIL = format('Column id of %s is not unique.', customers),
                HINT = format('ALTER TABLE %s ADD PRIMARY KEY (id); then call customer_identity.create_tables() again.', customers);
    END IF;
    IF NOT customer_identity.has_unique_index(customers, 'phone') THEN
        RAISE EXCEPTION 'no usable customers table'
            USING ERRCODE = 'CI003',
                DETAIL = format('Column phone of %s is not unique.', customers),
                HINT = format('ALTER TABLE %s ADD UNIQUE (phone); then call customer_identity.create_tables() again.', customers);
    END IF;
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'id' AND a.atthasdef;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no usable customers table'
            USING ERRCODE = 'CI003',
                DETAIL = format('Column id of %s has no default.', customers),
                HINT = format('ALTER TABLE %s ALTER COLUMN id SET DEFAULT gen_random_uuid(); then call customer_identity.create_tables() again.',
                    customers);
    END IF;
END
$$;
COMMENT ON FUNCTION check_customers(regclass) IS
    'Raises CI003 when a customers table lacks something, saying what and how to add it';

CREATE FUNCTION make_customers(schema_name text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(format('%I %s', c.name, c.definition), ', ') INTO columns
    FROM customer_identity.customers_columns() AS c;
    -- Room on the page keeps the updates of totals off the indexes.
    EXECUTE format('CREATE TABLE %I.customers (%s) WITH (fillfactor = 90)', schema_name, columns);
    EXECUTE format('COMMENT ON TABLE %I.customers IS %L', schema_name, 'One row per real person, identified by phone');
    EXECUTE format('COMMENT ON COLUMN %I.customers.phone IS %L', schema_name, 'E.164; NULL: the number was retired');
END
$$;
COMMENT ON FUNCTION make_customers(text) IS
    'Makes the table customers in a schema';
REVOKE EXECUTE ON FUNCTION make_customers(text) FROM PUBLIC;

CREATE FUNCTION companion_of(customers regclass, companion text)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'companion_of';
COMMENT ON FUNCTION companion_of(regclass, text) IS
    'The quoted name of a table beside customers; CI003 unless it is a table of the same owner';

CREATE FUNCTION make_companions(schema_name text)
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
                id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
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
                id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
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
                id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
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
    PERFORM customer_identity.companion_of(format('%I.customers', schema_name)::regclass, c.name)
    FROM (VALUES ('phone_proofs'), ('loyalty_entries'), ('customer_events')) AS c (name);
END
$$;
COMMENT ON FUNCTION make_companions(text) IS
    'Makes the tables phone_proofs, loyalty_entries and customer_events beside customers where they are missing';
REVOKE EXECUTE ON FUNCTION make_companions(text) FROM PUBLIC;

CREATE FUNCTION make_book(schema_name text)
    RETURNS regclass
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customers regclass;
BEGIN
    IF schema_name IS NULL OR to_regnamespace(quote_ident(schema_name)) IS NULL THEN
        RAISE EXCEPTION 'there is no schema for the customers'
            USING ERRCODE = 'invalid_schema_name',
                DETAIL = format('Schema: %s.', COALESCE(quote_ident(schema_name), 'none on the search_path')),
                HINT = 'CREATE SCHEMA first, or name another one: create_tables(''public'').';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('customer_identity.create_tables ' || schema_name, 0));
    IF to_regclass(format('%I.customers', schema_name)) IS NULL THEN
        PERFORM customer_identity.make_customers(schema_name);
        -- An empty table is indexed at once; one that is there may be large, and has create_search_indexes().
        PERFORM customer_identity.create_missing_index(i.relation, i.name, i.definition)
        FROM customer_identity.sort_indexes(format('%I.customers', schema_name)::regclass) AS i
        -- Those of a customers table that was renamed keep their names.
        WHERE to_regclass(format('%I.%I', schema_name, i.name)) IS NULL;
    END IF;
    customers := format('%I.customers', schema_name)::regclass;
    PERFORM customer_identity.check_customers(customers);
    PERFORM customer_identity.make_companions(schema_name);
    RETURN customers;
END
$$;
COMMENT ON FUNCTION make_book(text) IS
    'create_tables for a schema that is named';
REVOKE EXECUTE ON FUNCTION make_book(text) FROM PUBLIC;

CREATE FUNCTION create_tables(schema_name text DEFAULT NULL)
    RETURNS regclass
    LANGUAGE sql VOLATILE
RETURN make_book(COALESCE(schema_name, current_schema()::text));
COMMENT ON FUNCTION create_tables(text) IS
    'Makes customers, phone_proofs, loyalty_entries and customer_events in a schema (by default the current one) and returns customers. A customers table that is there already is checked and kept';
REVOKE EXECUTE ON FUNCTION create_tables(text) FROM PUBLIC;
CREATE FUNCTION get_or_create_customer(
    phone text,
    preferred_name text DEFAULT NULL,
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'get_or_create_customer';
COMMENT ON FUNCTION get_or_create_customer(text, text, text, regclass) IS
    'The customer of a phone, made if there is none yet. CI001 when the phone cannot be read';
REVOKE EXECUTE ON FUNCTION get_or_create_customer(text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION find_customer(phone text, region text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS uuid
    LANGUAGE c STABLE COST 5000
    AS 'MODULE_PATHNAME', 'find_customer';
COMMENT ON FUNCTION find_customer(text, text, regclass) IS
    'The customer of a phone, or NULL';

CREATE FUNCTION record_proof(
    phone text,
    user_id text DEFAULT NULL,
    method text DEFAULT 'external',
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS uuid
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'record_proof';
COMMENT ON FUNCTION record_proof(text, text, text, text, regclass) IS
    'Records that a user, or a guest, has shown to hold a phone. Returns its customer, who is verified from then on';
REVOKE EXECUTE ON FUNCTION record_proof(text, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION revoke_proof(
    phone text,
    user_id text DEFAULT NULL,
    reason text DEFAULT NULL,
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS integer
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'revoke_proof';
COMMENT ON FUNCTION revoke_proof(text, text, text, text, regclass) IS
    'Ends the live proofs of a phone, of one user or of everybody, and returns how many there were';
REVOKE EXECUTE ON FUNCTION revoke_proof(text, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION can_see_customer(user_id text, customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 5000
    AS 'MODULE_PATHNAME', 'can_see_customer';
COMMENT ON FUNCTION can_see_customer(text, uuid, regclass) IS
    'Whether a user is linked to a customer and has proved its phone; made for row-security policies';
CREATE FUNCTION link_user()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'link_user';
COMMENT ON FUNCTION link_user() IS
    'Trigger of a users table: links every login to its customer, keeps proofs, attaches earlier orders';
REVOKE EXECUTE ON FUNCTION link_user() FROM PUBLIC;

CREATE FUNCTION attach_order()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'attach_order';
COMMENT ON FUNCTION attach_order() IS
    'Trigger of an orders table: gives every order its customer, and gates cash on delivery';
REVOKE EXECUTE ON FUNCTION attach_order() FROM PUBLIC;

CREATE FUNCTION maintain_totals()
    RETURNS trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'maintain_totals';
COMMENT ON FUNCTION maintain_totals() IS
    'Trigger of an orders table: adds what a statement changes to its customers'' totals';
REVOKE EXECUTE ON FUNCTION maintain_totals() FROM PUBLIC;
CREATE FUNCTION trigger_arguments(arguments bytea)
    RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'trigger_arguments';
COMMENT ON FUNCTION trigger_arguments(bytea) IS
    'pg_trigger.tgargs as an array';

CREATE FUNCTION table_of_argument(name text)
    RETURNS regclass
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'table_of_argument';
COMMENT ON FUNCTION table_of_argument(text) IS
    'The table that a trigger argument names; NULL, never an error, when there is none';

CREATE FUNCTION argument_values(arguments text[], key text)
    RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'argument_values';
COMMENT ON FUNCTION argument_values(text[], text) IS
    'Every value of a key among key=value arguments, in order';

CREATE FUNCTION argument_value(arguments text[], key text)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (argument_values(arguments, key))[1];
COMMENT ON FUNCTION argument_value(text[], text) IS
    'First value of a key among key=value arguments';

CREATE FUNCTION base_type(type regtype)
    RETURNS regtype
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'base_type';
COMMENT ON FUNCTION base_type(regtype) IS
    'The type below any domains';

CREATE FUNCTION type_name(type regtype)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'type_name';
COMMENT ON FUNCTION type_name(regtype) IS
    'The quoted and qualified name of a type, without a length';

CREATE FUNCTION as_text(value anyelement)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'as_text';
COMMENT ON FUNCTION as_text(anyelement) IS
    'A value of a row as the triggers read it, whatever casts its type has';

CREATE FUNCTION attach_call(attached regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'attach_call';
COMMENT ON FUNCTION attach_call(regclass) IS
    'The attach_users or attach_orders call that the triggers of a table stand for';

-- Triggers of ours that were put on a table itself, not copied to a partition.
CREATE VIEW attached_triggers AS
    SELECT
        t.oid AS trigger_id,
        t.tgrelid::regclass AS attached,
        t.tgname AS name,
        p.proname AS function,
        t.tgtype AS type,
        t.tgenabled AS enabled,
        trigger_arguments(t.tgargs) AS arguments,
        table_of_argument(argument_value(trigger_arguments(t.tgargs), 'customers')) AS customers,
        c.relowner AS owner
    FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE t.tgfoid IN ('link_user'::regproc, 'attach_order'::regproc, 'maintain_totals'::regproc)
        AND t.tgparentid = 0;
COMMENT ON VIEW attached_triggers IS
    'The triggers that attach tables, with their arguments';
GRANT SELECT ON attached_triggers TO PUBLIC;

CREATE VIEW attachments AS
    SELECT
        link.attached,
        'users' AS kind,
        link.customers,
        COALESCE(argument_value(link.arguments, 'customer'), 'customer_id') AS customer_column,
        argument_value(link.arguments, 'key') AS key_column,
        argument_values(link.arguments, 'phone') AS phone_columns,
        argument_value(link.arguments, 'verified') AS verified_column,
        argument_value(link.arguments, 'name') AS name_column,
        argument_value(link.arguments, 'region') AS region_column,
        NULL::regclass AS users,
        NULL::text AS user_column,
        NULL::text AS amount_column,
        NULL::text AS status_column,
        NULL::text[] AS counted_statuses,
        NULL::numeric AS points_per_unit,
        NULL::text AS payment_column,
        NULL::text[] AS cod_values,
        NULL::text AS timing
    FROM attached_triggers AS link
    WHERE link.function = 'link_user' AND link.type & 2 = 2
    UNION ALL
    SELECT
        attach.attached,
        'orders',
        attach.customers,
        COALESCE(argument_value(attach.arguments, 'customer'), 'customer_id'),
        NULL,
        argument_values(attach.arguments, 'phone'),
        NULL,
        NULL,
        argument_value(attach.arguments, 'region'),
        table_of_argument(argument_value(attach.arguments, 'users')),
        argument_value(attach.arguments, 'user'),
        COALESCE(argument_value(totals.arguments, 'amount'), 'total'),
        argument_value(totals.arguments, 'status'),
        argument_values(totals.arguments, 'counted'),
        CASE
            WHEN COALESCE(argument_value(totals.arguments, 'points_per_unit'), '1') ~ '^-?[0-9]+([.][0-9]+)?$'
                THEN COALESCE(argument_value(totals.arguments, 'points_per_unit'), '1')::numeric
        END,
        argument_value(attach.arguments, 'payment'),
        argument_values(attach.arguments, 'cod'),
        COALESCE(argument_value(totals.arguments, 'timing'), 'statement')
    FROM attached_triggers AS attach
    LEFT JOIN LATERAL (
        SELECT t.arguments
        FROM attached_triggers AS t
        WHERE t.attached = attach.attached AND t.function = 'maintain_totals'
        ORDER BY t.name
        LIMIT 1
    ) AS totals ON true
    WHERE attach.function = 'attach_order' AND attach.type & 2 = 2;
COMMENT ON VIEW attachments IS
    'What is attached to which book, with every setting; read from the triggers'' arguments';
GRANT SELECT ON attachments TO PUBLIC;

-- Anybody can put our triggers on a table of his own and name this book in them. Only tables whose
-- owner may write to the book are part of it.
CREATE FUNCTION attachments_of(customers regclass)
    RETURNS SETOF attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.*
    FROM attachments AS a
    JOIN pg_class AS c ON c.oid = a.attached
    WHERE a.customers = attachments_of.customers
        AND has_table_privilege(c.relowner, a.customers, 'UPDATE')
        -- What they are read for runs with the rights of the book's owner: no query of a view, no cast of a type.
        AND c.relkind IN ('r', 'p')
        AND NOT EXISTS (
            SELECT FROM pg_attribute AS k
            WHERE k.attrelid = a.attached AND k.attname = a.customer_column AND NOT k.attisdropped
                AND base_type(k.atttypid) <> 'uuid'::regtype
        );
END;
COMMENT ON FUNCTION attachments_of(regclass) IS
    'The tables that feed a book';

CREATE FUNCTION partitions_of(relation regclass)
    RETURNS SETOF regclass
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT relation
    UNION
    SELECT t.relid
    FROM pg_partition_tree(relation) AS t
    JOIN pg_class AS c ON c.oid = t.relid
    WHERE c.relkind IN ('r', 'p');
END;
COMMENT ON FUNCTION partitions_of(regclass) IS
    'A table and all its partitions that are ordinary tables';
CREATE FUNCTION order_amount(amount numeric)
    RETURNS numeric
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'order_amount';
COMMENT ON FUNCTION order_amount(numeric) IS
    'What an order adds to total_spent: its amount, or 0 for NULL, NaN and infinity';

CREATE FUNCTION order_points(amount numeric, points_per_unit numeric)
    RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'order_points';
COMMENT ON FUNCTION order_points(numeric, numeric) IS
    'What an order adds to loyalty_points: floor(amount * points_per_unit), or 0 beyond a thousand million million';

-- A table that its totals triggers alone still feed into the book, such as a partition that was detached,
-- counts; a partition whose parent counts it does not.
CREATE FUNCTION totals_sources(customers regclass)
    RETURNS TABLE (source regclass, arguments text[])
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT DISTINCT ON (t.attached) t.attached, t.arguments
    FROM attached_triggers AS t
    WHERE t.function = 'maintain_totals'
        AND t.customers = totals_sources.customers
        AND has_table_privilege(t.owner, t.customers, 'UPDATE')
        AND NOT EXISTS (
            SELECT
            FROM pg_partition_ancestors(t.attached) AS ancestor
            JOIN attached_triggers AS p ON p.attached = ancestor.relid AND p.function = 'maintain_totals'
            WHERE ancestor.relid <> t.attached
        )
    ORDER BY t.attached, t.name;
END;
COMMENT ON FUNCTION totals_sources(regclass) IS
    'The tables whose orders make up the totals of a book, with the arguments of their totals triggers';

CREATE FUNCTION totals_query(source regclass, arguments text[])
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    status_column text := customer_identity.argument_value(arguments, 'status');
    condition text := '';
BEGIN
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = source
        AND a.attname = COALESCE(customer_identity.argument_value(arguments, 'amount'), 'total')
        AND customer_identity.base_type(a.atttypid)
            <> ALL ('{numeric,smallint,integer,bigint,real,double precision}'::regtype[]);
    IF FOUND THEN
        RAISE EXCEPTION 'the column that holds the amount of % is not a number', source
            USING ERRCODE = 'CI007', HINT = format('Name another one in: SELECT %s;', customer_identity.attach_call(source));
    END IF;
    IF status_column IS NOT NULL THEN
        condition := format(' AND customer_identity.as_text(o.%I) COLLATE "C" = ANY (%L::text[])',
            status_column, customer_identity.argument_values(arguments, 'counted'));
    END IF;
    RETURN format(
        'SELECT o.%1$I AS customer_id, count(*) AS orders,'
        ' sum(customer_identity.order_amount(o.%2$I::numeric)) AS spent,'
        ' sum(customer_identity.order_points(o.%2$I::numeric, %3$L::numeric)) AS points'
        ' FROM %4$s AS o WHERE o.%1$I IS NOT NULL%5$s GROUP BY o.%1$I',
        COALESCE(customer_identity.argument_value(arguments, 'customer'), 'customer_id'),
        COALESCE(customer_identity.argument_value(arguments, 'amount'), 'total'),
        COALESCE(customer_identity.argument_value(arguments, 'points_per_unit'), '1'),
        source, condition);
END
$$;
COMMENT ON FUNCTION totals_query(regclass, text[]) IS
    'The query that sums a table of orders per customer';

-- Everybody may call it: all it can write is what statements of this very transaction have left to be
-- written, as the role they were to be written as. The same happens at commit anyway.
CREATE FUNCTION flush_totals(customers regclass DEFAULT NULL)
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'flush_totals';
COMMENT ON FUNCTION flush_totals(regclass) IS
    'Writes the totals that this transaction has postponed to its commit, of one book or (NULL) of all, and returns of how many customers';

-- Without an attached orders table there is nothing to compare with: what the totals hold is kept.
CREATE FUNCTION totals_differences(customers regclass)
    RETURNS TABLE (customer_id uuid, field text, stored numeric, actual numeric)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entries text;
    sources text;
    spent_scale integer;
BEGIN
    SELECT string_agg(customer_identity.totals_query(t.source, t.arguments), ' UNION ALL ') INTO sources
    FROM customer_identity.totals_sources(customers) AS t;
    IF sources IS NULL THEN
        RETURN;
    END IF;
    entries := customer_identity.companion_of(customers, 'loyalty_entries');
    -- A column decimal(10,2) cannot hold more digits than that.
    SELECT CASE WHEN a.atttypmod >= 0 THEN (a.atttypmod - 4) & 65535 ELSE 16383 END INTO spent_scale
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'total_spent';

    RETURN QUERY EXECUTE format($sql$
        WITH sums AS (
            %1$s
            UNION ALL
            SELECT e.customer_id, 0, 0, sum(e.points) FROM %2$s AS e GROUP BY e.customer_id
        ),
        actual AS (
            SELECT s.customer_id, sum(s.orders) AS orders, sum(s.spent) AS spent, sum(s.points) AS points
            FROM sums AS s
            GROUP BY s.customer_id
        )
        SELECT c.id, d.field, d.stored, d.actual
        FROM %3$s AS c
        LEFT JOIN actual AS a ON a.customer_id = c.id
        CROSS JOIN LATERAL (VALUES
            ('total_orders', COALESCE(c.total_orders, 0)::numeric, COALESCE(a.orders, 0)::numeric),
            ('total_spent', COALESCE(c.total_spent, 0), round(COALESCE(a.spent, 0), LEAST(%4$s, scale(COALESCE(a.spent, 0))))),
            ('loyalty_points', COALESCE(c.loyalty_points, 0)::numeric, COALESCE(a.points, 0))
        ) AS d (field, stored, actual)
        WHERE d.stored <> d.actual
        $sql$, sources, entries, customers, spent_scale);
END
$$;
COMMENT ON FUNCTION totals_differences(regclass) IS
    'verify_totals for a book that is named';

CREATE FUNCTION verify_totals(customers regclass DEFAULT NULL)
    RETURNS TABLE (customer_id uuid, field text, stored numeric, actual numeric)
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT flush_totals(customers);
    SELECT * FROM totals_differences(book(customers));
END;
COMMENT ON FUNCTION verify_totals(regclass) IS
    'Every total that differs from what the attached orders and loyalty_entries come to, in one snapshot; no row means exact';

-- A difference is the same for everybody who keeps exact totals meanwhile, so it is added, and
-- nobody has to wait but another rebuild. What this transaction has postponed is written before, not
-- added twice.
CREATE FUNCTION rebuild_book(customers regclass)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong record;
    corrected bigint := 0;
BEGIN
    PERFORM customer_identity.flush_totals(customers);
    EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', customers);
    FOR wrong IN
        SELECT
            d.customer_id,
            COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_orders'), 0) AS orders,
            COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'total_spent'), 0) AS spent,
            COALESCE(sum(d.actual - d.stored) FILTER (WHERE d.field = 'loyalty_points'), 0) AS points
        FROM customer_identity.totals_differences(customers) AS d
        GROUP BY d.customer_id
        ORDER BY d.customer_id
    LOOP
        EXECUTE format(
            'UPDATE %s SET total_orders = COALESCE(total_orders, 0) + $2,'
            ' total_spent = COALESCE(total_spent, 0) + $3,'
            ' loyalty_points = COALESCE(loyalty_points, 0) + $4 WHERE id = $1', customers)
            USING wrong.customer_id, wrong.orders, wrong.spent, wrong.points;
        corrected := corrected + 1;
    END LOOP;
    RETURN corrected;
END
$$;
COMMENT ON FUNCTION rebuild_book(regclass) IS
    'rebuild_totals for a book that is named';
REVOKE EXECUTE ON FUNCTION rebuild_book(regclass) FROM PUBLIC;

CREATE FUNCTION rebuild_totals(customers regclass DEFAULT NULL)
    RETURNS bigint
    LANGUAGE sql VOLATILE
RETURN rebuild_book(book(customers));
COMMENT ON FUNCTION rebuild_totals(regclass) IS
    'Corrects every total that verify_totals() reports and returns how many customers it corrected';
REVOKE EXECUTE ON FUNCTION rebuild_totals(regclass) FROM PUBLIC;

CREATE FUNCTION adjust_points(
    customer_id uuid,
    points bigint,
    reason text,
    idempotency_key text DEFAULT NULL,
    actor text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'adjust_points';
COMMENT ON FUNCTION adjust_points(uuid, bigint, text, text, text, regclass) IS
    'Adds points to a customer, or takes some away, with an entry in loyalty_entries. Returns the new balance';
REVOKE EXECUTE ON FUNCTION adjust_points(uuid, bigint, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION redeem_points(
    customer_id uuid,
    points bigint,
    reason text,
    idempotency_key text DEFAULT NULL,
    user_id text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'redeem_points';
COMMENT ON FUNCTION redeem_points(uuid, bigint, text, text, text, regclass) IS
    'Takes points off a customer''s balance and returns what is left. CI005 when it is short; the same key redeems once';
REVOKE EXECUTE ON FUNCTION redeem_points(uuid, bigint, text, text, text, regclass) FROM PUBLIC;
-- With the rights of its caller: only who acts as the owner of the book can write there.
CREATE FUNCTION write_event(customers regclass, customer_id uuid, event text, details jsonb, actor text)
    RETURNS void
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'write_event';
COMMENT ON FUNCTION write_event(regclass, uuid, text, jsonb, text) IS
    'Adds an event to a customer''s history, where the book keeps one; for functions that act as its owner';

CREATE FUNCTION keeps_history(customers regclass)
    RETURNS boolean
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'keeps_history';
COMMENT ON FUNCTION keeps_history(regclass) IS
    'Whether the book has a table customer_events that events can be written to';

CREATE FUNCTION customer_history_as_owner(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    history jsonb;
BEGIN
    EXECUTE format($sql$
        SELECT COALESCE(
            jsonb_agg(
                jsonb_build_object('at', e.created_at, 'event', e.event, 'actor', e.actor, 'details', e.details)
                ORDER BY e.id DESC),
            '[]')
        FROM %s AS e
        WHERE e.customer_id = $1
        $sql$, customer_identity.companion_of(customers, 'customer_events'))
        INTO history
        USING customer_id;
    RETURN history;
END
$$;
COMMENT ON FUNCTION customer_history_as_owner(uuid, regclass) IS
    'customer_history as the owner of the book';
REVOKE EXECUTE ON FUNCTION customer_history_as_owner(uuid, regclass) FROM PUBLIC;

CREATE FUNCTION customer_history(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE c STABLE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION customer_history(uuid, regclass) IS
    'What happened to a customer, newest first: an array of objects with at, event, actor and details';
REVOKE EXECUTE ON FUNCTION customer_history(uuid, regclass) FROM PUBLIC;
CREATE FUNCTION require_column(relation regclass, column_name text, parameter text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no column %', relation, quote_ident(column_name)
            USING ERRCODE = 'undefined_column',
                HINT = format('Name the column in %s => ''...''; camelCase names are written as they are.', parameter);
    END IF;
    -- Transition tables hold no values of it.
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attgenerated = 'v';
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is a virtual generated column', quote_ident(column_name), relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Make it STORED, or name the column it is generated from.';
    END IF;
END
$$;
COMMENT ON FUNCTION require_column(regclass, text, text) IS
    'Raises 42703 for a column that a call names and the table lacks';

-- The server computes generated columns after the BEFORE triggers, which would read NULL.
CREATE FUNCTION require_written_column(relation regclass, column_name text, parameter text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity.require_column(relation, column_name, parameter);
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attgenerated <> '';
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is generated', quote_ident(column_name), relation
            USING ERRCODE = 'wrong_object_type',
                DETAIL = 'A trigger before the row is written does not see its value.',
                HINT = format('Name the column it is generated from in %s => ''...''.', parameter);
    END IF;
END
$$;
COMMENT ON FUNCTION require_written_column(regclass, text, text) IS
    'Raises for a column that a call names and the table lacks or generates';

-- A column that only the parameter's default names may be missing.
CREATE FUNCTION optional_column(relation regclass, column_name text, parameter text, default_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND AND column_name = default_name THEN
        RETURN NULL;
    END IF;
    IF column_name IS NOT NULL THEN
        PERFORM customer_identity.require_column(relation, column_name, parameter);
    END IF;
    RETURN column_name;
END
$$;
COMMENT ON FUNCTION optional_column(regclass, text, text, text) IS
    'The column, or NULL when only a default names it and the table lacks it';

CREATE FUNCTION key_column(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE(
        (
            SELECT a.attname::text
            FROM pg_index AS i
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = relation AND i.indisprimary AND i.indnkeyatts = 1
        ),
        (
            SELECT a.attname::text
            FROM pg_attribute AS a
            WHERE a.attrelid = relation AND a.attname = 'id' AND NOT a.attisdropped
        )
    );
END
$$;
COMMENT ON FUNCTION key_column(regclass) IS
    'The column that tells the rows of a table apart: its primary key, else id';

CREATE FUNCTION require_attachable(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
BEGIN
    SELECT c.* INTO class FROM pg_class AS c WHERE c.oid = relation;
    IF class.oid IS NULL OR class.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is not a table', COALESCE(relation::text, 'NULL')
            USING ERRCODE = 'wrong_object_type', HINT = 'Name an ordinary or a partitioned table.';
    END IF;
    IF class.relispartition THEN
        RAISE EXCEPTION '% is a partition', relation
            USING ERRCODE = 'wrong_object_type',
                HINT = format('Attach %s: its partitions come along.', pg_partition_root(relation));
    END IF;
    IF relation = customers THEN
        RAISE EXCEPTION '% is the customers table itself', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Name the table of users or of orders.';
    END IF;
    PERFORM FROM pg_inherits AS i WHERE i.inhparent = relation AND class.relkind = 'r';
    IF FOUND THEN
        RAISE EXCEPTION '% has tables that inherit from it', relation
            USING ERRCODE = 'wrong_object_type',
                DETAIL = 'Rows written to them would not be seen by the triggers.',
                HINT = 'Use a partitioned table, or attach each table that holds rows.';
    END IF;
    IF class.relpersistence = 't' THEN
        RAISE EXCEPTION '% is a temporary table', relation
            USING ERRCODE = 'wrong_object_type', HINT = 'Name a table that stays.';
    END IF;
END
$$;
COMMENT ON FUNCTION require_attachable(regclass, regclass) IS
    'Raises 42809 for what triggers cannot be attached to';

-- The triggers act as the owner of their table, so it is the owner who needs the rights.
CREATE FUNCTION require_rights(relation regclass, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner regrole;
    schema_id oid;
    needed regclass;
BEGIN
    SELECT c.relowner::regrole INTO owner FROM pg_class AS c WHERE c.oid = relation;
    SELECT c.relnamespace INTO schema_id FROM pg_class AS c WHERE c.oid = customers;
    FOR needed IN
        SELECT c.oid::regclass
        FROM pg_class AS c
        WHERE c.oid = customers
            OR (c.relnamespace = schema_id AND c.relname = 'phone_proofs')
    LOOP
        IF NOT (has_schema_privilege(owner, schema_id, 'USAGE')
            AND has_table_privilege(owner, needed, 'SELECT')
            AND has_table_privilege(owner, needed, 'INSERT')
            AND has_table_privilege(owner, needed, 'UPDATE')) THEN
            RAISE EXCEPTION 'the owner of % may not write to %', relation, needed
                USING ERRCODE = 'insufficient_privilege',
                    DETAIL = format('The triggers act as role %s.', owner),
                    HINT = format('GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT, INSERT, UPDATE ON %s TO %s;',
                        schema_id::regnamespace, owner, needed, owner);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION require_rights(regclass, regclass) IS
    'Raises 42501 when the owner of a table may not write to the book, as its triggers would have to';

CREATE FUNCTION has_index_on(relation regclass, column_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = relation AND a.attname = column_name AND i.indisvalid AND i.indpred IS NULL
);
COMMENT ON FUNCTION has_index_on(regclass, text) IS
    'Whether an index of the whole table begins with a column';

CREATE FUNCTION has_reference(relation regclass, column_name text, referenced regclass)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT
    FROM pg_constraint AS k
    JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND k.conrelid = relation AND k.confrelid = referenced
        AND cardinality(k.conkey) = 1 AND a.attname = column_name
);
COMMENT ON FUNCTION has_reference(regclass, text, regclass) IS
    'Whether a column is a foreign key to a table';

-- Adds the column that holds the customer, its foreign key and its index where they are missing.
CREATE FUNCTION ensure_customer_column(relation regclass, column_name text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_column pg_attribute;
BEGIN
    SELECT a.* INTO found_column
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %I uuid', relation, column_name);
    ELSIF found_column.atttypid <> 'uuid'::regtype THEN
        RAISE EXCEPTION 'column % of % is not of type uuid', quote_ident(column_name), relation
            USING ERRCODE = 'datatype_mismatch',
                HINT = format('ALTER TABLE %s ALTER COLUMN %I TYPE uuid USING %I::uuid; or name another column with customer_column => ''...''.',
                    relation, column_name, column_name);
    ELSIF found_column.attnotnull THEN
        RAISE WARNING 'column % of % is NOT NULL: rows without a readable phone will be refused', quote_ident(column_name), relation
            USING HINT = format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', relation, column_name);
    END IF;
    IF NOT customer_identity.has_reference(relation, column_name, customers) THEN
        EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (id) ON DELETE SET NULL', relation, column_name, customers);
    END IF;
    IF NOT customer_identity.has_index_on(relation, column_name) THEN
        EXECUTE format('CREATE INDEX ON %s (%I)', relation, column_name);
    END IF;
END
$$;
COMMENT ON FUNCTION ensure_customer_column(regclass, text, regclass) IS
    'Adds a nullable column for the customer, its foreign key and its index where they are missing';
REVOKE EXECUTE ON FUNCTION ensure_customer_column(regclass, text, regclass) FROM PUBLIC;

-- Trigger arguments from keys and values; a NULL value leaves its key out.
CREATE FUNCTION written_arguments(keys text[], argument_values text[])
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN (
    SELECT string_agg(quote_literal(a.key || '=' || a.value), ', ' ORDER BY a.position)
    FROM ROWS FROM (unnest(keys), unnest(argument_values)) WITH ORDINALITY AS a (key, value, position)
    WHERE a.value IS NOT NULL
);
COMMENT ON FUNCTION written_arguments(text[], text[]) IS
    'key=value arguments as CREATE TRIGGER takes them';

CREATE FUNCTION repeated(key text, argument_values text[])
    RETURNS text[]
    LANGUAGE sql IMMUTABLE
RETURN array_fill(key, ARRAY[COALESCE(cardinality(argument_values), 0)]);
COMMENT ON FUNCTION repeated(text, text[]) IS
    'A key as often as there are values';

CREATE FUNCTION qualified_name(relation regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'qualified_name';
COMMENT ON FUNCTION qualified_name(regclass) IS
    'The quoted name of a table with its schema, whatever the search_path';

CREATE FUNCTION attach_users_to(
    users regclass,
    phone_columns text[],
    verified_column text,
    name_column text,
    region_column text,
    customer_column text,
    customers regclass
)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named_column text;
    key text;
    arguments text;
BEGIN
    PERFORM customer_identity.require_attachable(users, customers);
    PERFORM customer_identity.check_customers(customers);
    PERFORM customer_identity.require_rights(users, customers);
    IF COALESCE(cardinality(phone_columns), 0) = 0 THEN
        RAISE EXCEPTION 'no phone column is named'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name at least one: phone_columns => ''{phone}''.';
    END IF;
    FOREACH named_column IN ARRAY phone_columns LOOP
        PERFORM customer_identity.require_written_column(users, named_column, 'phone_columns');
    END LOOP;
    IF verified_column IS NOT NULL THEN
        PERFORM customer_identity.require_written_column(users, verified_column, 'verified_column');
        PERFORM FROM pg_attribute AS a
        WHERE a.attrelid = users AND a.attname = verified_column AND a.atttypid = 'boolean'::regtype;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'column % of % is not boolean', quote_ident(verified_column), users
                USING ERRCODE = 'datatype_mismatch', HINT = 'verified_column names the flag that belongs to the first phone column.';
        END IF;
    END IF;
    IF name_column IS NOT NULL THEN
        PERFORM customer_identity.require_written_column(users, name_column, 'name_column');
    END IF;
    IF region_column IS NOT NULL THEN
        PERFORM customer_identity.require_written_column(users, region_column, 'region_column');
    END IF;
    key := customer_identity.key_column(users);
    IF key IS NULL THEN
        RAISE EXCEPTION 'table % has neither a primary key of one column nor a column id', users
            USING ERRCODE = 'invalid_table_definition', HINT = format('ALTER TABLE %s ADD PRIMARY KEY (...);', users);
    END IF;

    PERFORM FROM pg_class AS c WHERE c.oid = users AND c.relkind = 'p' AND verified_column IS NOT NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'verified_column is not supported on the partitioned table %', users
            USING ERRCODE = 'feature_not_supported',
                DETAIL = 'A row that moves to another partition looks like a new one, whose flag would be taken for a proof.',
                HINT = 'Call customer_identity.record_proof() when a phone has been verified.';
    END IF;

    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', users);
    PERFORM customer_identity.ensure_customer_column(users, customer_column, customers);
    arguments := customer_identity.written_arguments(
        ARRAY['customers', 'key'] || customer_identity.repeated('phone', phone_columns) || '{verified,name,region,customer}'::text[],
        ARRAY[customer_identity.qualified_name(customers), key] || phone_columns
            || ARRAY[verified_column, name_column, region_column, customer_column]);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_link BEFORE INSERT OR UPDATE ON %s'
        ' FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(%s)', users, arguments);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_linked AFTER INSERT OR UPDATE OR DELETE ON %s'
        ' FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(%s)', users, arguments);
END
$$;
COMMENT ON FUNCTION attach_users_to(regclass, text[], text, text, text, text, regclass) IS
    'attach_users for a book that is named';
REVOKE EXECUTE ON FUNCTION attach_users_to(regclass, text[], text, text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION attach_users(
    users regclass,
    phone_columns text[] DEFAULT '{phone}',
    verified_column text DEFAULT NULL,
    name_column text DEFAULT NULL,
    region_column text DEFAULT NULL,
    customer_column text DEFAULT 'customer_id',
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql VOLATILE
RETURN attach_users_to(users, phone_columns, verified_column, name_column, region_column, customer_column, book(customers));
COMMENT ON FUNCTION attach_users(regclass, text[], text, text, text, text, regclass) IS
    'Links the logins of a users table to their customers from now on. Calling it again replaces the set-up';
REVOKE EXECUTE ON FUNCTION attach_users(regclass, text[], text, text, text, text, regclass) FROM PUBLIC;

-- The users table of an orders table: the one its foreign key names, else the only one of the book.
CREATE FUNCTION users_of(orders regclass, user_column text, customers regclass)
    RETURNS regclass
    LANGUAGE sql STABLE
RETURN COALESCE(
    (
        SELECT k.confrelid::regclass
        FROM pg_constraint AS k
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE k.contype = 'f' AND k.conrelid = orders AND cardinality(k.conkey) = 1
            AND a.attname = user_column AND k.conparentid = 0
        ORDER BY k.conname
        LIMIT 1
    ),
    (
        SELECT min(a.attached::oid)::regclass
        FROM attachments_of(customers) AS a
        WHERE a.kind = 'users'
        HAVING count(*) = 1
    )
);
COMMENT ON FUNCTION users_of(regclass, text, regclass) IS
    'The users table that the orders'' user column refers to, as far as it can be told';

CREATE FUNCTION require_pair(given boolean, other boolean, parameter text, other_parameter text, example text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF given <> other THEN
        RAISE EXCEPTION '% and % belong together', parameter, other_parameter
            USING ERRCODE = 'invalid_parameter_value', HINT = format('For instance: %s.', example);
    END IF;
END
$$;
COMMENT ON FUNCTION require_pair(boolean, boolean, text, text, text) IS
    'Raises 22023 when one of two parameters is given without the other';

CREATE FUNCTION create_totals_triggers(orders regclass, arguments text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_totals_insert AFTER INSERT ON %s'
        ' REFERENCING NEW TABLE AS customer_identity_new'
        ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals(%s)', orders, arguments);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_totals_update AFTER UPDATE ON %s'
        ' REFERENCING OLD TABLE AS customer_identity_old NEW TABLE AS customer_identity_new'
        ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals(%s)', orders, arguments);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_totals_delete AFTER DELETE ON %s'
        ' REFERENCING OLD TABLE AS customer_identity_old'
        ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals(%s)', orders, arguments);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_totals_truncate BEFORE TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.maintain_totals(%s)', orders, arguments);
END
$$;
COMMENT ON FUNCTION create_totals_triggers(regclass, text) IS
    'Puts maintain_totals on one table, for every kind of statement';
REVOKE EXECUTE ON FUNCTION create_totals_triggers(regclass, text) FROM PUBLIC;

CREATE FUNCTION attach_orders_to(
    orders regclass,
    users regclass,
    user_column text,
    phone_column text,
    amount_column text,
    status_column text,
    counted_statuses text[],
    points_per_unit numeric,
    payment_column text,
    cod_values text[],
    region_column text,
    timing text,
    customer_column text,
    customers regclass
)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    users_given boolean := users IS NOT NULL;
    users_setup customer_identity.attachments;
    name_of_customers text := customer_identity.qualified_name(customers);
    arguments text;
    relation regclass;
BEGIN
    IF timing IS NULL OR timing NOT IN ('statement', 'commit') THEN
        RAISE EXCEPTION 'timing % is not supported', quote_nullable(timing)
            USING ERRCODE = 'feature_not_supported',
                HINT = 'Totals are written at the end of each statement, timing => ''statement'', or of the transaction, timing => ''commit''.';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'attach_orders needs a READ COMMITTED transaction'
            USING ERRCODE = 'invalid_transaction_state',
                DETAIL = 'Rows committed after the snapshot of this transaction would be missing from the totals.',
                HINT = 'Run the migration at the default isolation level.';
    END IF;
    PERFORM customer_identity.require_attachable(orders, customers);
    PERFORM customer_identity.check_customers(customers);
    PERFORM customer_identity.require_rights(orders, customers);
    PERFORM customer_identity.require_pair(status_column IS NOT NULL, counted_statuses IS NOT NULL,
        'status_column', 'counted_statuses', 'status_column => ''status'', counted_statuses => ''{paid,shipped}''');
    PERFORM customer_identity.require_pair(payment_column IS NOT NULL, cod_values IS NOT NULL,
        'payment_column', 'cod_values', 'payment_column => ''payment_method'', cod_values => ''{cash}''');
    IF points_per_unit IS NULL OR points_per_unit = 'NaN' OR abs(points_per_unit) > 1000000000 THEN
        RAISE EXCEPTION 'points_per_unit has to be a number up to a thousand million'
            USING ERRCODE = 'invalid_parameter_value', HINT = '0 means that orders earn no points.';
    END IF;

    PERFORM customer_identity.require_column(orders, amount_column, 'amount_column');
    user_column := customer_identity.optional_column(orders, user_column, 'user_column', 'user_id');
    phone_column := customer_identity.optional_column(orders, phone_column, 'phone_column', 'phone');
    IF phone_column IS NOT NULL THEN
        PERFORM customer_identity.require_written_column(orders, phone_column, 'phone_column');
    END IF;
    IF user_column IS NOT NULL THEN
        PERFORM customer_identity.require_written_column(orders, user_column, 'user_column');
    END IF;
    IF status_column IS NOT NULL THEN
        PERFORM customer_identity.require_column(orders, status_column, 'status_column');
    END IF;
    IF payment_column IS NOT NULL THEN
        PERFORM customer_identity.require_written_column(orders, payment_column, 'payment_column');
    END IF;
    IF region_column IS NOT NULL THEN
        PERFORM customer_identity.require_written_column(orders, region_column, 'region_column');
    END IF;
    IF user_column IS NULL AND phone_column IS NULL THEN
        RAISE EXCEPTION 'table % has neither a user nor a phone to attach orders by', orders
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name one with user_column => ''...'' or phone_column => ''...''.';
    END IF;
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = orders AND a.attname = amount_column
        AND customer_identity.base_type(a.atttypid)
            = ANY ('{numeric,smallint,integer,bigint,real,double precision}'::regtype[]);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column % of % is not a number', quote_ident(amount_column), orders
            USING ERRCODE = 'datatype_mismatch', HINT = 'Amounts are best kept as numeric.';
    END IF;

    IF user_column IS NULL THEN
        users := NULL;
    ELSIF users IS NULL THEN
        users := customer_identity.users_of(orders, user_column, customers);
    END IF;
    SELECT a.* INTO users_setup
    FROM customer_identity.attachments_of(customers) AS a
    WHERE a.kind = 'users' AND a.attached = users;
    IF users IS NOT NULL AND users_setup.attached IS NULL THEN
        IF users_given THEN
            RAISE EXCEPTION 'users table % is not attached to %', users, customers
                USING ERRCODE = 'object_not_in_prerequisite_state',
                    HINT = format('SELECT customer_identity.attach_users(%L, ...) first.', users::text);
        END IF;
        RAISE NOTICE 'users table % is not attached: orders are attached by their phone only', users
            USING HINT = format('Call attach_users(%L, ...), then attach_orders again.', users::text);
        users := NULL;
    END IF;

    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', orders);
    PERFORM customer_identity.ensure_customer_column(orders, customer_column, customers);
    arguments := customer_identity.written_arguments(
        '{customers,users,users_key,users_customer,user,phone,region,payment}'::text[]
            || customer_identity.repeated('cod', cod_values) || '{customer}'::text[],
        ARRAY[name_of_customers, customer_identity.qualified_name(users), users_setup.key_column,
            users_setup.customer_column, user_column, phone_column, region_column, payment_column]
            || COALESCE(cod_values, '{}') || ARRAY[customer_column]);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_attach BEFORE INSERT OR UPDATE ON %s'
        ' FOR EACH ROW EXECUTE FUNCTION customer_identity.attach_order(%s)', orders, arguments);
    arguments := customer_identity.written_arguments(
        '{customers,customer,amount,status,points_per_unit,timing}'::text[]
            || customer_identity.repeated('counted', counted_statuses),
        ARRAY[name_of_customers, customer_column, amount_column, status_column, points_per_unit::text,
            NULLIF(timing, 'statement')]
            || COALESCE(counted_statuses, '{}'));
    FOR relation IN SELECT p.* FROM customer_identity.partitions_of(orders) AS p LOOP
        PERFORM customer_identity.create_totals_triggers(relation, arguments);
    END LOOP;
    PERFORM customer_identity.rebuild_book(customers);
END
$$;
COMMENT ON FUNCTION attach_orders_to(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, regclass) IS
    'attach_orders for a book that is named';
REVOKE EXECUTE ON FUNCTION attach_orders_to(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION attach_orders(
    orders regclass,
    users regclass DEFAULT NULL,
    user_column text DEFAULT 'user_id',
    phone_column text DEFAULT 'phone',
    amount_column text DEFAULT 'total',
    status_column text DEFAULT NULL,
    counted_statuses text[] DEFAULT NULL,
    points_per_unit numeric DEFAULT 1,
    payment_column text DEFAULT NULL,
    cod_values text[] DEFAULT NULL,
    region_column text DEFAULT NULL,
    timing text DEFAULT 'statement',
    customer_column text DEFAULT 'customer_id',
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql VOLATILE
RETURN attach_orders_to(orders, users, user_column, phone_column, amount_column, status_column,
    counted_statuses, points_per_unit, payment_column, cod_values, region_column, timing,
    customer_column, book(customers));
COMMENT ON FUNCTION attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, regclass) IS
    'Attaches the orders of a table to their customers and keeps totals from now on. Calling it again replaces the set-up';
REVOKE EXECUTE ON FUNCTION attach_orders(regclass, regclass, text, text, text, text, text[], numeric, text, text[], text, text, text, regclass) FROM PUBLIC;

CREATE FUNCTION detach(attached regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigger record;
BEGIN
    FOR trigger IN
        SELECT t.attached AS relation, t.name
        FROM customer_identity.attached_triggers AS t
        WHERE t.attached IN (SELECT p.* FROM customer_identity.partitions_of(detach.attached) AS p)
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger.name, trigger.relation);
    END LOOP;
    IF NOT FOUND THEN
        RAISE NOTICE 'table % is not attached', attached;
    END IF;
END
$$;
COMMENT ON FUNCTION detach(regclass) IS
    'Removes our triggers from a table; columns and data stay';
REVOKE EXECUTE ON FUNCTION detach(regclass) FROM PUBLIC;
-- The phones of a row in order of trust: a VALUES list (n, raw).
CREATE FUNCTION claims_query(attached attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN (
    SELECT 'VALUES ' || COALESCE(string_agg(format('(%s, customer_identity.as_text(r.%I))', p.position, p.name), ', ' ORDER BY p.position), '(1, NULL::text)')
    FROM unnest(attached.phone_columns) WITH ORDINALITY AS p (name, position)
);
COMMENT ON FUNCTION claims_query(attachments) IS
    'A VALUES list of the phones of row r, in order of trust';

CREATE FUNCTION region_expression(attached attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE WHEN attached.region_column IS NULL THEN 'NULL::text' ELSE format('customer_identity.as_text(r.%I)', attached.region_column) END;
COMMENT ON FUNCTION region_expression(attachments) IS
    'The region of row r';

-- The condition that joins row r of an orders table to row u of its users table, so that an index of
-- either can serve where the types allow it.
CREATE FUNCTION user_condition(attached attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN (
    SELECT CASE
        WHEN count(DISTINCT CASE WHEN t.typcategory IN ('S', 'N') THEN t.typcategory::text ELSE t.typname::text END) = 1
            THEN format('u.%I = r.%I', max(s.key_column), attached.user_column)
        ELSE format('u.%I::text = r.%I::text', max(s.key_column), attached.user_column)
    END
    FROM attachments AS s
    JOIN pg_attribute AS a
        ON (a.attrelid = s.attached AND a.attname = s.key_column)
        OR (a.attrelid = attached.attached AND a.attname = attached.user_column)
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE s.attached = attached.users AND s.kind = 'users'
);
COMMENT ON FUNCTION user_condition(attachments) IS
    'The condition that joins an order r to its user u';

CREATE FUNCTION attachment_of(relation regclass)
    RETURNS attachments
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_attachment customer_identity.attachments;
BEGIN
    SELECT a.* INTO found_attachment
    FROM customer_identity.attachments AS a
    WHERE a.attached = COALESCE(pg_partition_root(relation), relation);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % is not attached', relation
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'SELECT * FROM customer_identity.attachments shows what is; attach_users() and attach_orders() attach a table.';
    END IF;
    IF found_attachment.customers IS NULL THEN
        RAISE EXCEPTION 'no usable customers table'
            USING ERRCODE = 'CI003',
                DETAIL = format('The triggers of %s name a customers table that is not there.', relation),
                HINT = 'Attach the table again, or remove its triggers with customer_identity.detach().';
    END IF;
    RETURN found_attachment;
END
$$;
COMMENT ON FUNCTION attachment_of(regclass) IS
    'The set-up of a table or of the partitioned table it belongs to; an error when it is not attached';

-- Links the rows in some pages of one table that have no customer and a readable phone (an order: or
-- a user with a customer). Phones are taken in order, so that two of these rarely wait for each other.
CREATE FUNCTION backfill_pages(relation regclass, first_page bigint, end_page bigint)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached customer_identity.attachments := customer_identity.attachment_of(relation);
    customer_of_user text := 'NULL::uuid';
    users_join text := '';
    name_expression text := CASE WHEN attached.name_column IS NULL THEN 'NULL::text' ELSE format('customer_identity.as_text(r.%I)', attached.name_column) END;
    linked bigint;
BEGIN
    IF attached.users IS NOT NULL AND attached.user_column IS NOT NULL THEN
        SELECT format('u.%I', s.customer_column) INTO customer_of_user
        FROM customer_identity.attachments AS s
        WHERE s.attached = attached.users;
        users_join := format('LEFT JOIN %s AS u ON %s', attached.users, customer_identity.user_condition(attached));
    END IF;
    EXECUTE format($sql$
        WITH todo AS MATERIALIZED (
            SELECT r.ctid AS place, %1$s AS customer, %2$s AS name,
                CASE WHEN %1$s IS NULL THEN (
                    SELECT p.phone
                    FROM (%3$s) AS c (n, raw)
                    CROSS JOIN LATERAL customer_identity.claimed_phone(c.raw, %4$s) AS p (phone)
                    WHERE p.phone IS NOT NULL
                    ORDER BY c.n
                    LIMIT 1
                ) END AS phone
            FROM ONLY %5$s AS r
            %6$s
            WHERE r.%7$I IS NULL AND r.ctid >= '(%8$s,0)' AND r.ctid < '(%9$s,0)'
        ),
        phones AS MATERIALIZED (
            SELECT t.phone, (array_agg(t.name ORDER BY t.place))[1] AS name
            FROM todo AS t
            WHERE t.phone IS NOT NULL
            GROUP BY t.phone
            ORDER BY t.phone
        ),
        people AS MATERIALIZED (
            SELECT p.phone, customer_identity.get_or_create_customer(p.phone, p.name, NULL, %10$L) AS customer
            FROM phones AS p
        )
        UPDATE ONLY %5$s AS r
        SET %7$I = COALESCE(t.customer, p.customer)
        FROM todo AS t
        LEFT JOIN people AS p ON p.phone = t.phone
        WHERE r.ctid = t.place AND r.%7$I IS NULL AND COALESCE(t.customer, p.customer) IS NOT NULL
        $sql$,
        customer_of_user, name_expression, customer_identity.claims_query(attached),
        customer_identity.region_expression(attached), relation, users_join,
        attached.customer_column, first_page, end_page, attached.customers::oid);
    GET DIAGNOSTICS linked = ROW_COUNT;
    RETURN linked;
END
$$;
COMMENT ON FUNCTION backfill_pages(regclass, bigint, bigint) IS
    'Links the rows in some pages of a table that have no customer yet; returns how many';
REVOKE EXECUTE ON FUNCTION backfill_pages(regclass, bigint, bigint) FROM PUBLIC;

-- The batches of a backfill: runs of pages that hold about batch_size rows. The last run of a table is
-- open-ended, for rows that move while it goes on.
CREATE FUNCTION backfill_steps(attached regclass, batch_size integer)
    RETURNS TABLE (relation regclass, first_page bigint, end_page bigint, rows_done bigint, rows_in_all bigint)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF batch_size IS NULL OR batch_size < 1 THEN
        RAISE EXCEPTION 'batch_size has to be at least 1'
            USING ERRCODE = 'invalid_parameter_value', HINT = '10000 is the default.';
    END IF;
    PERFORM customer_identity.attachment_of(attached);
    RETURN QUERY
    WITH leaves AS (
        SELECT c.oid AS leaf,
            GREATEST(1, pg_relation_size(c.oid) / current_setting('block_size')::bigint) AS pages,
            GREATEST(1, CASE WHEN c.relpages > 0 THEN c.reltuples / c.relpages ELSE 50 END) AS rows_per_page
        FROM customer_identity.partitions_of(attached) AS p
        JOIN pg_class AS c ON c.oid = p.p
        WHERE c.relkind = 'r'
    ),
    sized AS (
        SELECT l.*, GREATEST(1, floor(batch_size / l.rows_per_page)::bigint) AS pages_per_step FROM leaves AS l
    ),
    steps AS (
        SELECT s.*, g.page
        FROM sized AS s
        CROSS JOIN LATERAL generate_series(0, s.pages - 1, s.pages_per_step) AS g (page)
    )
    SELECT
        s.leaf::regclass,
        s.page,
        CASE WHEN s.page + s.pages_per_step >= s.pages THEN 4294967295 ELSE s.page + s.pages_per_step END,
        (sum(LEAST(s.pages_per_step, s.pages - s.page) * s.rows_per_page) OVER (ORDER BY s.leaf, s.page))::bigint,
        (sum(LEAST(s.pages_per_step, s.pages - s.page) * s.rows_per_page) OVER ())::bigint
    FROM steps AS s
    ORDER BY s.leaf, s.page;
END
$$;
COMMENT ON FUNCTION backfill_steps(regclass, integer) IS
    'The batches in which backfill() goes through a table';

CREATE FUNCTION backfill_progress(attached regclass, linked bigint, rows_done bigint, rows_in_all bigint, started timestamptz)
    RETURNS text
    LANGUAGE sql VOLATILE
RETURN (
    SELECT format('backfill of %s: %s rows linked, %s %% of about %s rows, %s rows/s, %s s left',
        attached, linked, LEAST(100, 100 * rows_done / GREATEST(1, rows_in_all)), rows_in_all,
        (rows_done / p.seconds)::bigint, ((rows_in_all - rows_done) * p.seconds / GREATEST(1, rows_done))::bigint)
    FROM (SELECT GREATEST(0.001, extract(epoch FROM clock_timestamp() - started)) AS seconds) AS p
);
COMMENT ON FUNCTION backfill_progress(regclass, bigint, bigint, bigint, timestamptz) IS
    'The NOTICE of a backfill';

-- A procedure that commits cannot pin search_path: every name is qualified, and there is no operator.
CREATE PROCEDURE backfill(attached regclass, batch_size integer DEFAULT 10000)
    LANGUAGE plpgsql
AS $$
DECLARE
    started pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    linked pg_catalog.int8 := 0;
    step record;
BEGIN
    FOR step IN SELECT s.* FROM customer_identity.backfill_steps(attached, batch_size) AS s LOOP
        linked := pg_catalog.int8pl(linked,
            customer_identity.backfill_pages(step.relation, step.first_page, step.end_page));
        COMMIT;
        RAISE NOTICE '%', customer_identity.backfill_progress(attached, linked, step.rows_done, step.rows_in_all, started);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE backfill(regclass, integer) IS
    'Links the rows that were there before a table was attached, batch by batch with a commit after each. Call it again to go on after an interruption';
REVOKE EXECUTE ON PROCEDURE backfill(regclass, integer) FROM PUBLIC;

CREATE FUNCTION row_key(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(
    (
        SELECT format('concat_ws('','', %s)', string_agg(format('r.%I', a.attname), ', ' ORDER BY k.position))
        FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = relation AND i.indisprimary
    ),
    'r.ctid::text'
);
COMMENT ON FUNCTION row_key(regclass) IS
    'An expression for the primary key of row r as text';

CREATE FUNCTION phone_problems(attached regclass, max_rows integer DEFAULT 1000)
    RETURNS TABLE (key text, phone text, reason text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setup customer_identity.attachments := customer_identity.attachment_of(attached);
BEGIN
    RETURN QUERY EXECUTE format($sql$
        SELECT %1$s, c.raw, p.reason
        FROM %2$s AS r
        CROSS JOIN LATERAL (%3$s) AS c (n, raw)
        CROSS JOIN LATERAL customer_identity.claim_problem(c.raw, %4$s) AS p (reason)
        WHERE r.%5$I IS NULL AND c.raw IS NOT NULL AND p.reason <> 'ok'
        LIMIT $1
        $sql$,
        customer_identity.row_key(attached), attached, customer_identity.claims_query(setup),
        customer_identity.region_expression(setup), setup.customer_column)
        USING max_rows;
END
$$;
COMMENT ON FUNCTION phone_problems(regclass, integer) IS
    'The unlinked rows of an attached table whose phone cannot be read: key, phone as typed, reason';
-- The logins of a book with their customers, as a query of user_id and customer_id.
CREATE FUNCTION logins_query(customers regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(
    (
        SELECT string_agg(
            format('SELECT customer_identity.as_text(u.%I) AS user_id, u.%I AS customer_id FROM %s AS u',
                a.key_column, a.customer_column, a.attached),
            ' UNION ALL ')
        FROM attachments_of(customers) AS a
        WHERE a.kind = 'users'
    ),
    'SELECT NULL::text AS user_id, NULL::uuid AS customer_id WHERE false'
);
COMMENT ON FUNCTION logins_query(regclass) IS
    'A query of the logins of a book: user_id, customer_id';

CREATE FUNCTION customer_stats_as_owner(since timestamptz, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
AS $$
DECLARE
    stats jsonb;
BEGIN
    EXECUTE format($sql$
        WITH logins AS (
            SELECT l.customer_id, count(*) AS users
            FROM (%1$s) AS l
            GROUP BY l.customer_id
        ),
        people AS MATERIALIZED (
            SELECT c.created_at::date AS day, c.is_phone_verified, COALESCE(c.total_orders, 0) AS orders,
                COALESCE(l.users, 0) AS users
            FROM %2$s AS c
            LEFT JOIN logins AS l ON l.customer_id = c.id
            WHERE $1 IS NULL OR c.created_at >= $1
        ),
        counted AS (
            SELECT count(*) AS customers,
                COALESCE(sum(p.users), 0) AS users_linked,
                count(*) FILTER (WHERE p.users > 1) AS shared,
                count(*) FILTER (WHERE p.users = 0) AS guests,
                count(*) FILTER (WHERE p.users = 0 AND p.orders > 1) AS guests_returned,
                count(*) FILTER (WHERE p.is_phone_verified) AS verified,
                count(*) FILTER (WHERE p.orders > 0) AS buyers,
                count(*) FILTER (WHERE p.orders > 1) AS repeat_buyers
            FROM people AS p
        ),
        days AS (
            SELECT jsonb_agg(jsonb_build_object('day', d.day, 'customers', d.customers) ORDER BY d.day) AS new_customers
            FROM (SELECT p.day, count(*) AS customers FROM people AS p GROUP BY p.day) AS d
        )
        SELECT jsonb_build_object(
            'since', $1,
            'customers', c.customers,
            'users', c.users_linked + COALESCE((SELECT l.users FROM logins AS l WHERE l.customer_id IS NULL), 0),
            'users_linked', c.users_linked,
            'shared', c.shared,
            'guests', c.guests,
            'guests_returned', c.guests_returned,
            'verified', c.verified,
            'verified_share', round(c.verified::numeric / NULLIF(c.customers, 0), 4),
            'buyers', c.buyers,
            'repeat_buyers', c.repeat_buyers,
            'repeat_rate', round(c.repeat_buyers::numeric / NULLIF(c.buyers, 0), 4),
            'new_customers', COALESCE(d.new_customers, '[]'))
        FROM counted AS c
        CROSS JOIN days AS d
        $sql$, customer_identity.logins_query(customers), customers)
        INTO stats
        USING since;
    RETURN stats;
END
$$;
COMMENT ON FUNCTION customer_stats_as_owner(timestamptz, regclass) IS
    'customer_stats as the owner of the book';
REVOKE EXECUTE ON FUNCTION customer_stats_as_owner(timestamptz, regclass) FROM PUBLIC;

CREATE FUNCTION customer_stats(since timestamptz DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE c STABLE COST 1000000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION customer_stats(timestamptz, regclass) IS
    'Figures about the customers made since a time: people against logins, returning guests, share verified, repeat rate, new people per day';
REVOKE EXECUTE ON FUNCTION customer_stats(timestamptz, regclass) FROM PUBLIC;

-- Each of the signal queries yields customer_id and evidence.
CREATE FUNCTION many_logins_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format($sql$
    SELECT l.customer_id, jsonb_build_object('users', count(*)) AS evidence
    FROM (%s) AS l
    WHERE l.customer_id IS NOT NULL
    GROUP BY l.customer_id
    HAVING count(*) >= %s
    $sql$, logins_query(customers), threshold);
COMMENT ON FUNCTION many_logins_query(regclass, integer) IS
    'The customers with many logins';

CREATE FUNCTION unproved_claims_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN format($sql$
    SELECT c.customer_id,
        jsonb_build_object('unproved', count(*) FILTER (WHERE NOT c.proved), 'proved', count(*) FILTER (WHERE c.proved)) AS evidence
    FROM (
        SELECT k.id AS customer_id,
            EXISTS (
                SELECT FROM %3$s AS p
                WHERE p.phone = k.phone AND p.user_id = l.user_id AND p.ended_at IS NULL
            ) AS proved
        FROM %2$s AS k
        JOIN (%1$s) AS l ON l.customer_id = k.id
        WHERE k.is_phone_verified
    ) AS c
    GROUP BY c.customer_id
    HAVING count(*) FILTER (WHERE NOT c.proved) >= %4$s
    $sql$, logins_query(customers), customers, companion_of(customers, 'phone_proofs'), threshold);
COMMENT ON FUNCTION unproved_claims_query(regclass, integer) IS
    'The customers with a proved phone that many logins claim without a proof of their own';

-- Logins that one transaction has linked count once: it loaded them, and nobody signed up. So do not
-- those that the application or a backfill has linked.
CREATE FUNCTION sign_up_burst_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN keeps_history(customers) THEN format($sql$
        SELECT DISTINCT ON (w.customer_id) w.customer_id,
            jsonb_build_object('users', w.within_an_hour, 'from', w.created_at) AS evidence
        FROM (
            SELECT s.customer_id, s.created_at,
                count(*) OVER (
                    PARTITION BY s.customer_id ORDER BY s.created_at
                    RANGE BETWEEN CURRENT ROW AND interval '1 hour' FOLLOWING) AS within_an_hour
            FROM (
                SELECT e.customer_id, e.created_at
                FROM %s AS e
                WHERE e.event = 'user_linked' AND e.details ->> 'cause' IN ('sign_up', 'phone_changed')
                GROUP BY e.customer_id, e.created_at
            ) AS s
        ) AS w
        WHERE w.within_an_hour >= %s
        ORDER BY w.customer_id, w.within_an_hour DESC, w.created_at DESC
        $sql$, companion_of(customers, 'customer_events'), threshold)
END;
COMMENT ON FUNCTION sign_up_burst_query(regclass, integer) IS
    'The customers whom many users were linked to within an hour; NULL without a history';

CREATE FUNCTION cod_cancellations_query(customers regclass, threshold integer)
    RETURNS text
    LANGUAGE sql STABLE
RETURN (
    SELECT format($sql$
        SELECT o.customer_id, jsonb_build_object('cancelled', sum(o.cancelled), 'orders', sum(o.orders)) AS evidence
        FROM (%s) AS o
        GROUP BY o.customer_id
        HAVING sum(o.cancelled) >= %s
        $sql$,
        string_agg(
            format($sql$
                SELECT o.%1$I AS customer_id, count(*) AS orders,
                    count(*) FILTER (
                        WHERE lower(customer_identity.as_text(o.%2$I)) COLLATE "C" = ANY (customer_identity.cancelled_statuses())
                    ) AS cancelled
                FROM %3$s AS o
                WHERE o.%1$I IS NOT NULL AND customer_identity.as_text(o.%4$I) COLLATE "C" = ANY (%5$L::text[])
                GROUP BY o.%1$I
                $sql$, a.customer_column, a.status_column, a.attached, a.payment_column, a.cod_values),
            ' UNION ALL '),
        threshold)
    FROM attachments_of(customers) AS a
    WHERE a.kind = 'orders' AND a.status_column IS NOT NULL AND a.payment_column IS NOT NULL
    HAVING count(*) > 0
);
COMMENT ON FUNCTION cod_cancellations_query(regclass, integer) IS
    'The customers with many cancelled orders paid in cash on delivery; NULL where no table tells payment and status';

CREATE FUNCTION cancelled_statuses()
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_to_array(
        regexp_replace(lower(current_setting('customer_identity.fraud_cancelled_statuses')), '\s*,\s*', ',', 'g'), ',')
$$;
COMMENT ON FUNCTION cancelled_statuses() IS
    'The statuses of orders that were cancelled, in small letters';

CREATE FUNCTION fraud_setting(name text)
    RETURNS integer
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_setting('customer_identity.fraud_' || name)::integer
$$;
COMMENT ON FUNCTION fraud_setting(text) IS
    'A setting of fraud_signals() that is a number';

CREATE FUNCTION fraud_signals_as_owner(min_score numeric, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
AS $$
DECLARE
    signals text;
    suspects jsonb;
BEGIN
    SELECT string_agg(
        format('SELECT s.customer_id, %L AS signal, s.evidence, %s AS weight FROM (%s) AS s',
            q.signal, customer_identity.fraud_setting(q.signal || '_weight'), q.query),
        ' UNION ALL ')
    INTO signals
    FROM (VALUES
        ('many_logins', customer_identity.many_logins_query(customers, customer_identity.fraud_setting('many_logins'))),
        ('unproved_claims', customer_identity.unproved_claims_query(customers, customer_identity.fraud_setting('unproved_claims'))),
        ('sign_up_burst', customer_identity.sign_up_burst_query(customers, customer_identity.fraud_setting('sign_up_burst'))),
        ('cod_cancellations', customer_identity.cod_cancellations_query(customers, customer_identity.fraud_setting('cod_cancellations')))
    ) AS q (signal, query)
    WHERE q.query IS NOT NULL AND customer_identity.fraud_setting(q.signal) > 0;

    IF signals IS NULL THEN
        RETURN '[]';
    END IF;
    EXECUTE format($sql$
        SELECT COALESCE(
            jsonb_agg(
                jsonb_build_object('customer_id', c.customer_id, 'score', c.score, 'signals', c.signals)
                ORDER BY c.score DESC, c.customer_id),
            '[]')
        FROM (
            SELECT s.customer_id, sum(s.weight) AS score,
                jsonb_agg(
                    jsonb_build_object('signal', s.signal, 'evidence', s.evidence, 'weight', s.weight)
                    ORDER BY s.weight DESC, s.signal) AS signals
            FROM (%s) AS s
            GROUP BY s.customer_id
            HAVING sum(s.weight) >= COALESCE($1, 0)
        ) AS c
        $sql$, signals)
        INTO suspects
        USING min_score;
    RETURN suspects;
END
$$;
COMMENT ON FUNCTION fraud_signals_as_owner(numeric, regclass) IS
    'fraud_signals as the owner of the book';
REVOKE EXECUTE ON FUNCTION fraud_signals_as_owner(numeric, regclass) FROM PUBLIC;

CREATE FUNCTION fraud_signals(min_score numeric DEFAULT 0, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE c STABLE COST 1000000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION fraud_signals(numeric, regclass) IS
    'The customers that look like fraud, highest score first: an array of objects with customer_id, score and signals, each with its evidence and weight';
REVOKE EXECUTE ON FUNCTION fraud_signals(numeric, regclass) FROM PUBLIC;
-- What a verification needs lives minutes and is worth nothing elsewhere: these tables belong to the
-- extension, are never dumped, and are read by nobody but their owner; row security without a policy
-- keeps out members of pg_read_all_data too.
CREATE TABLE verification_secret (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret bytea NOT NULL
);
COMMENT ON TABLE verification_secret IS
    'The key under which codes are hashed, made by CREATE EXTENSION';

CREATE TABLE verifications (
    id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    customers regclass NOT NULL,
    phone varchar(20) NOT NULL,
    purpose text,
    user_id text,
    client_address inet,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'cancelled')),
    code_hash bytea,
    wrong_answers integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    approved_at timestamptz
);
COMMENT ON TABLE verifications IS
    'Codes that were sent, each known by a keyed hash; the hash goes when the code was used';
CREATE INDEX verifications_created_at_idx ON verifications (created_at);

CREATE TABLE sms_messages (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    verification_id uuid NOT NULL UNIQUE REFERENCES verifications ON DELETE CASCADE,
    phone varchar(20) NOT NULL,
    body text,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    provider_id text,
    error text,
    CHECK (status = 'pending' OR body IS NULL)
);
COMMENT ON TABLE sms_messages IS
    'The messages with codes: the text stays until the message is sent or given up';
-- An answer that is under way while the extension is made anew must not be taken for another message's.
SELECT pg_catalog.setval(
    pg_catalog.pg_get_serial_sequence('customer_identity.sms_messages', 'id'),
    (1000 * EXTRACT(epoch FROM pg_catalog.clock_timestamp()))::bigint);
CREATE INDEX sms_messages_next_attempt_at_idx ON sms_messages (next_attempt_at) WHERE status = 'pending';

CREATE TABLE verification_events (
    bucket text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL
);
COMMENT ON TABLE verification_events IS
    'What limits count: messages by phone, prefix, address, user and in all, wrong answers, refusals';
CREATE INDEX verification_events_bucket_at_idx ON verification_events (bucket, at);
-- A publication of all tables would else refuse to let events be deleted.
ALTER TABLE verification_events REPLICA IDENTITY FULL;

ALTER TABLE verifications
    ALTER phone SET STATISTICS 0,
    ALTER user_id SET STATISTICS 0,
    ALTER client_address SET STATISTICS 0,
    ALTER code_hash SET STATISTICS 0;
ALTER TABLE sms_messages
    ALTER phone SET STATISTICS 0,
    ALTER body SET STATISTICS 0;
ALTER TABLE verification_events ALTER bucket SET STATISTICS 0;
ALTER TABLE verification_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE verifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE sms_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE verification_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE verification_secret OWNER TO @extowner@;
ALTER TABLE verifications OWNER TO @extowner@;
ALTER TABLE sms_messages OWNER TO @extowner@;
ALTER TABLE verification_events OWNER TO @extowner@;

CREATE FUNCTION random_secret()
    RETURNS bytea
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'random_secret';
COMMENT ON FUNCTION random_secret() IS
    'A random key for code_hash()';
REVOKE EXECUTE ON FUNCTION random_secret() FROM PUBLIC;

INSERT INTO verification_secret (secret) VALUES (random_secret());

CREATE FUNCTION random_code()
    RETURNS text
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'random_code';
COMMENT ON FUNCTION random_code() IS
    'Six random digits, each code as likely as any other';
REVOKE EXECUTE ON FUNCTION random_code() FROM PUBLIC;

CREATE FUNCTION code_hash(secret bytea, verification_id uuid, phone text, code text)
    RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'code_hash';
COMMENT ON FUNCTION code_hash(bytea, uuid, text, text) IS
    'What is kept of a code: HMAC-SHA-256 under the secret';

CREATE FUNCTION same_hash(a bytea, b bytea)
    RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT
    AS 'MODULE_PATHNAME', 'same_hash';
COMMENT ON FUNCTION same_hash(bytea, bytea) IS
    'Whether two hashes are the same, in a time that does not depend on where they differ';

CREATE FUNCTION readable_phone(phone text, region text)
    RETURNS text
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'readable_phone';
COMMENT ON FUNCTION readable_phone(text, text) IS
    'E.164 form of a phone; CI001 when it is not acceptable';

CREATE FUNCTION admit(buckets text[], limits integer[], first_pause integer, counted integer, OUT wait interval, OUT earlier integer)
    LANGUAGE c VOLATILE STRICT
    AS 'MODULE_PATHNAME', 'admit';
COMMENT ON FUNCTION admit(text[], integer[], integer, integer) IS
    'Unless a bucket is at its limit for the hour, or the first one has to pause (first_pause seconds, doubled with each event), writes an event into the first `counted` of them; else how long to wait. earlier: events of the first bucket';
REVOKE EXECUTE ON FUNCTION admit(text[], integer[], integer, integer) FROM PUBLIC;

CREATE FUNCTION prove_phone(customers regclass, phone text, user_id text, OUT customer_id uuid, OUT other_users text[])
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'prove_phone';
COMMENT ON FUNCTION prove_phone(regclass, text, text) IS
    'Records a proof by SMS as the owner of the book; tells which other users have proved the phone';
REVOKE EXECUTE ON FUNCTION prove_phone(regclass, text, text) FROM PUBLIC;

-- NIST SP 800-63B, 5.1.3.2: a code is valid for ten minutes at the most.
CREATE FUNCTION code_lifetime()
    RETURNS interval
    LANGUAGE sql IMMUTABLE
RETURN interval '10 minutes';
COMMENT ON FUNCTION code_lifetime() IS
    'How long a code may be answered';

-- OWASP, Multifactor Authentication Cheat Sheet: few tries for each code. NIST SP 800-63B, 5.2.2, lets an
-- account fail 100 times in a row; the limit by phone spreads as many over most of a day.
CREATE FUNCTION most_wrong_answers()
    RETURNS integer
    LANGUAGE sql IMMUTABLE
RETURN 5;
COMMENT ON FUNCTION most_wrong_answers() IS
    'How many wrong answers exhaust a verification';

-- An address that an attacker has plenty of counts as one: a network of IPv6, and an IPv4 address
-- however it is written.
CREATE FUNCTION address_bucket(address inet)
    RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN host(address)::inet <<= '::ffff:0:0/96' THEN 'address ' || split_part(host(address), ':', 4)
        WHEN family(address) = 6 THEN 'address ' || network(set_masklen(address, 64))::text
        ELSE 'address ' || host(address)
    END
$$;
COMMENT ON FUNCTION address_bucket(inet) IS
    'What the limit by client address counts under';

CREATE FUNCTION sms_countries()
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_to_array(
        COALESCE(
            NULLIF(replace(current_setting('customer_identity.sms_countries'), ' ', ''), ''),
            NULLIF(current_setting('customer_identity.default_region'), '')),
        ',')
$$;
COMMENT ON FUNCTION sms_countries() IS
    'The countries whose phones are sent codes; NULL: none';

-- Toll-free, premium-rate and shared-cost numbers, fixed lines and pagers are what SMS pumping writes to,
-- or never get the message.
CREATE FUNCTION can_get_codes(phone text)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.type IN ('mobile', 'fixed_line_or_mobile', 'voip')
        AND COALESCE(c.countries && ARRAY[d.region, '*'], false)
    FROM customer_identity.parse_phone(phone) AS d
    CROSS JOIN customer_identity.sms_countries() AS c (countries)
$$;
COMMENT ON FUNCTION can_get_codes(text) IS
    'Whether a phone is of a kind and country that codes are sent to';

-- OWASP, Forgot Password Cheat Sheet: nobody may make us flood a phone. Who has used up the wrong answers
-- gets no code either, since it could not be answered.
CREATE FUNCTION admit_message(phone text, user_id text, client_address inet, OUT admitted boolean, OUT retry_after interval)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_pause constant integer := 30;
    buckets text[];
    limits integer[];
    admission record;
BEGIN
    SELECT array_agg(b.bucket ORDER BY b.position),
        array_agg(current_setting('customer_identity.' || b.setting)::integer ORDER BY b.position)
    INTO buckets, limits
    FROM (VALUES
        (1, 'phone ' || phone, 'sms_limit_per_phone'),
        (2, 'prefix ' || left(phone, -4), 'sms_limit_per_prefix'),
        (3, customer_identity.address_bucket(client_address), 'sms_limit_per_address'),
        (4, 'user ' || left(user_id, 500), 'sms_limit_per_user'),
        (5, 'all', 'sms_limit_total'),
        (6, 'failure ' || phone, 'verification_failures_per_phone')
    ) AS b (position, bucket, setting)
    WHERE b.bucket IS NOT NULL;
    admission := customer_identity.admit(buckets, limits, first_pause, cardinality(buckets) - 1);
    admitted := admission.wait IS NULL;
    retry_after := COALESCE(admission.wait, make_interval(secs => first_pause * power(2, LEAST(admission.earlier, 6))));
END
$$;
COMMENT ON FUNCTION admit_message(text, text, inet) IS
    'Counts a message to a phone unless it has to wait; tells when the next one may follow';
REVOKE EXECUTE ON FUNCTION admit_message(text, text, inet) FROM PUBLIC;

CREATE FUNCTION send_code(
    customers regclass, phone text, purpose text, user_id text, client_address inet, moment timestamptz)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    verification_id constant uuid := gen_random_uuid();
    code constant text := customer_identity.random_code();
    expires_at constant timestamptz := moment + customer_identity.code_lifetime();
    message_id bigint;
BEGIN
    INSERT INTO customer_identity.verifications AS v (
        id, customers, phone, purpose, user_id, client_address, code_hash, created_at, expires_at)
    SELECT verification_id, customers, phone, purpose, user_id, client_address,
        customer_identity.code_hash(s.secret, verification_id, phone, code), moment, expires_at
    FROM customer_identity.verification_secret AS s;

    INSERT INTO customer_identity.sms_messages AS m (
        verification_id, phone, body, next_attempt_at, created_at, expires_at)
    VALUES (
        verification_id, phone,
        replace(
            replace(current_setting('customer_identity.sms_text'), '{code}', code), '{minutes}',
            (extract(epoch FROM customer_identity.code_lifetime()) / 60)::integer::text),
        moment, moment, expires_at)
    RETURNING m.id INTO message_id;

    PERFORM pg_notify('customer_identity_sms', message_id::text);
    RETURN verification_id;
END
$$;
COMMENT ON FUNCTION send_code(regclass, text, text, text, inet, timestamptz) IS
    'Makes a code and the message that brings it, and returns the id of the verification';
REVOKE EXECUTE ON FUNCTION send_code(regclass, text, text, text, inet, timestamptz) FROM PUBLIC;

-- It never looks into the book: neither the answer nor its time tells whether a phone is a customer's.
CREATE FUNCTION start_verification_as_owner(
    raw_phone text, purpose text, user_id text, client_address inet, region text, customers regclass)
    RETURNS TABLE (verification_id uuid, status text, phone text, expires_at timestamptz, retry_after interval)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    admission record;
BEGIN
    user_id := NULLIF(user_id, '');
    phone := customer_identity.readable_phone(raw_phone, region);
    IF octet_length(user_id) > 2000 THEN
        RAISE EXCEPTION 'the id of the user is too long'
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'It may have 2000 bytes.';
    END IF;
    IF NOT customer_identity.can_get_codes(phone) THEN
        status := 'unsupported';
    ELSE
        admission := customer_identity.admit_message(phone, user_id, client_address);
        status := CASE WHEN admission.admitted THEN 'sent' ELSE 'throttled' END;
        retry_after := admission.retry_after;
    END IF;
    IF status = 'sent' THEN
        verification_id := customer_identity.send_code(customers, phone, purpose, user_id, client_address, moment);
        expires_at := moment + customer_identity.code_lifetime();
    ELSE
        INSERT INTO customer_identity.verification_events (bucket, at) VALUES (status, moment);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION start_verification_as_owner(text, text, text, inet, text, regclass) IS
    'start_verification as the owner of its tables';
REVOKE EXECUTE ON FUNCTION start_verification_as_owner(text, text, text, inet, text, regclass) FROM PUBLIC;

CREATE FUNCTION start_verification(
    phone text,
    purpose text DEFAULT 'checkout',
    user_id text DEFAULT NULL,
    client_address inet DEFAULT NULL,
    region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS TABLE (verification_id uuid, status text, phone text, expires_at timestamptz, retry_after interval)
    LANGUAGE c VOLATILE COST 10000 ROWS 1
    AS 'MODULE_PATHNAME', 'call_as_owner';
COMMENT ON FUNCTION start_verification(text, text, text, inet, text, regclass) IS
    'Sends a code to a phone. Status sent, or throttled: the next one may be sent after retry_after; unsupported: no code is sent to such a phone. CI001 when the phone cannot be read';
REVOKE EXECUTE ON FUNCTION start_verification(text, text, text, inet, text, regclass) FROM PUBLIC;

-- A clock that was set back makes no code live longer: one from the future has expired.
CREATE FUNCTION can_be_answered(verification verifications)
    RETURNS boolean
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT verification.status = 'pending'
        AND clock_timestamp() BETWEEN verification.created_at AND verification.expires_at
$$;
COMMENT ON FUNCTION can_be_answered(verifications) IS
    'Whether a code is neither used, cancelled nor too old';
REVOKE EXECUTE ON FUNCTION can_be_answered(verifications) FROM PUBLIC;

CREATE FUNCTION is_code(verification verifications, answer text)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(
        customer_identity.same_hash(
            verification.code_hash,
            customer_identity.code_hash(
                s.secret, verification.id, verification.phone, regexp_replace(left(answer, 100), '[[:space:]-]', '', 'g'))),
        false)
    FROM customer_identity.verification_secret AS s
$$;
COMMENT ON FUNCTION is_code(verifications, text) IS
    'Whether an answer is the code; blanks and hyphens in it do not matter';
REVOKE EXECUTE ON FUNCTION is_code(verifications, text) FROM PUBLIC;

-- The code was used or is given up: nobody needs it any more.
CREATE FUNCTION end_verification(verification_id uuid, outcome text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
BEGIN
    UPDATE customer_identity.verifications AS v
    SET status = outcome,
        code_hash = NULL,
        approved_at = CASE WHEN outcome = 'approved' THEN moment END
    WHERE v.id = verification_id;
    UPDATE customer_identity.sms_messages AS m
    SET status = 'cancelled', body = NULL, ended_at = moment
    WHERE m.verification_id = end_verification.verification_id AND m.status = 'pending';
END
$$;
COMMENT ON FUNCTION end_verification(uuid, text) IS
    'Ends a verification and erases its code and message';
REVOKE EXECUTE ON FUNCTION end_verification(uuid, text) FROM PUBLIC;

CREATE FUNCTION approve_verification(verification verifications)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proof record;
    event jsonb;
BEGIN
    PERFORM customer_identity.end_verification(verification.id, 'approved');
    DELETE FROM customer_identity.verification_events AS e WHERE e.bucket = 'failure ' || verification.phone;
    proof := customer_identity.prove_phone(verification.customers, verification.phone, verification.user_id);
    IF proof.other_users IS NOT NULL THEN
        event := jsonb_build_object(
            'event', 'phone_proved_by_another_user',
            'customer_id', proof.customer_id,
            'user_id', verification.user_id,
            'other_users', proof.other_users[:20]);
        -- A payload has to be shorter than 8000 bytes.
        IF octet_length(event::text) >= 8000 THEN
            event := event - 'other_users';
        END IF;
        PERFORM pg_notify('customer_identity_events', event::text);
    END IF;
    RETURN proof.customer_id;
END
$$;
COMMENT ON FUNCTION approve_verification(verifications) IS
    'The code was right: records the proof and tells when another user had proved the phone';
REVOKE EXECUTE ON FUNCTION approve_verification(verifications) FROM PUBLIC;

-- An answer is counted as wrong before it is compared: sessions that guess at the same time count each
-- other's guesses, whichever commits first.
CREATE FUNCTION check_verification_as_owner(verification_id uuid, code text)
    RETURNS TABLE (status text, attempts_left integer, customer_id uuid)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    verification customer_identity.verifications;
    failures_limit constant integer := current_setting('customer_identity.verification_failures_per_phone');
    admission record;
BEGIN
    attempts_left := 0;
    SELECT v.* INTO verification
    FROM customer_identity.verifications AS v
    WHERE v.id = verification_id
    FOR UPDATE;
    IF NOT FOUND THEN
        status := 'unknown';
    ELSIF NOT customer_identity.can_be_answered(verification) THEN
        status := 'expired';
    ELSIF verification.wrong_answers >= customer_identity.most_wrong_answers() THEN
        status := 'exhausted';
    ELSE
        admission := customer_identity.admit(ARRAY['failure ' || verification.phone], ARRAY[failures_limit], 0, 1);
        IF admission.wait IS NOT NULL THEN
            status := 'exhausted';
        ELSIF customer_identity.is_code(verification, code) THEN
            status := 'approved';
            customer_id := customer_identity.approve_verification(verification);
        ELSE
            status := 'incorrect';
            UPDATE customer_identity.verifications AS v
            SET wrong_answers = v.wrong_answers + 1
            WHERE v.id = verification_id;
            attempts_left := LEAST(
                customer_identity.most_wrong_answers() - verification.wrong_answers,
                NULLIF(failures_limit, 0) - admission.earlier) - 1;
        END IF;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION check_verification_as_owner(uuid, text) IS
    'check_verification as the owner of its tables';
REVOKE EXECUTE ON FUNCTION check_verification_as_owner(uuid, text) FROM PUBLIC;

CREATE FUNCTION check_verification(
    verification_id uuid, code text, OUT status text, OUT attempts_left integer, OUT customer_id uuid)
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_owner_with_book';
COMMENT ON FUNCTION check_verification(uuid, text) IS
    'Answers a code: approved, incorrect, expired, exhausted or unknown. Call it in a transaction of its own: what it counts must not be rolled back';
REVOKE EXECUTE ON FUNCTION check_verification(uuid, text) FROM PUBLIC;

CREATE FUNCTION cancel_verification_as_owner(verification_id uuid)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM customer_identity.verifications AS v
    WHERE v.id = verification_id AND customer_identity.can_be_answered(v)
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM customer_identity.end_verification(verification_id, 'cancelled');
    RETURN true;
END
$$;
COMMENT ON FUNCTION cancel_verification_as_owner(uuid) IS
    'cancel_verification as the owner of its tables';
REVOKE EXECUTE ON FUNCTION cancel_verification_as_owner(uuid) FROM PUBLIC;

CREATE FUNCTION cancel_verification(verification_id uuid)
    RETURNS boolean
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_owner';
COMMENT ON FUNCTION cancel_verification(uuid) IS
    'Gives a verification up; its message, if it is still waiting, is not sent. False: it had ended already';
REVOKE EXECUTE ON FUNCTION cancel_verification(uuid) FROM PUBLIC;

CREATE FUNCTION verification_required(
    phone text, user_id text DEFAULT NULL, region text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS boolean
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'verification_required';
COMMENT ON FUNCTION verification_required(text, text, text, regclass) IS
    'Whether an order of this phone and user would need a verified phone to be paid in cash on delivery';
REVOKE EXECUTE ON FUNCTION verification_required(text, text, text, regclass) FROM PUBLIC;
CREATE FUNCTION claim_messages_as_owner(max_messages integer, lease interval)
    RETURNS TABLE (message_id bigint, phone text, body text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
BEGIN
    IF max_messages IS NULL OR max_messages < 1 OR lease IS NULL OR lease <= interval '0' THEN
        RAISE EXCEPTION 'there is nothing to claim'
            USING ERRCODE = 'invalid_parameter_value',
                DETAIL = 'max_messages has to be 1 or more, and lease a time to come.';
    END IF;
    -- Whoever claims is given the time of the lease; after that the message is anybody's again.
    RETURN QUERY
    WITH due AS (
        SELECT m.id
        FROM customer_identity.sms_messages AS m
        WHERE m.status = 'pending' AND m.next_attempt_at <= moment AND m.expires_at > moment
        ORDER BY m.next_attempt_at
        LIMIT max_messages
        FOR UPDATE SKIP LOCKED
    )
    UPDATE customer_identity.sms_messages AS m
    SET attempts = m.attempts + 1, next_attempt_at = moment + lease
    FROM due
    WHERE m.id = due.id
    RETURNING m.id, m.phone::text, m.body;
END
$$;
COMMENT ON FUNCTION claim_messages_as_owner(integer, interval) IS
    'claim_messages as the owner of its tables';
REVOKE EXECUTE ON FUNCTION claim_messages_as_owner(integer, interval) FROM PUBLIC;

CREATE FUNCTION claim_messages(max_messages integer DEFAULT 10, lease interval DEFAULT '1 minute')
    RETURNS TABLE (message_id bigint, phone text, body text)
    LANGUAGE c VOLATILE COST 10000 ROWS 10
    AS 'MODULE_PATHNAME', 'call_as_owner';
COMMENT ON FUNCTION claim_messages(integer, interval) IS
    'Messages that wait to be sent, and are the caller''s for the time of the lease: report each with message_sent or message_failed. One that is not reported comes again';
REVOKE EXECUTE ON FUNCTION claim_messages(integer, interval) FROM PUBLIC;

CREATE FUNCTION message_sent_as_owner(message_id bigint, provider_id text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE customer_identity.sms_messages AS m
    SET status = 'sent', body = NULL, error = NULL, ended_at = clock_timestamp(),
        provider_id = message_sent_as_owner.provider_id
    WHERE m.id = message_id AND m.status <> 'sent';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION message_sent_as_owner(bigint, text) IS
    'message_sent as the owner of its tables';
REVOKE EXECUTE ON FUNCTION message_sent_as_owner(bigint, text) FROM PUBLIC;

CREATE FUNCTION message_sent(message_id bigint, provider_id text)
    RETURNS boolean
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_owner';
COMMENT ON FUNCTION message_sent(bigint, text) IS
    'The provider has taken a message: its text is erased. False: there is none that was not sent yet';
REVOKE EXECUTE ON FUNCTION message_sent(bigint, text) FROM PUBLIC;

-- Twice the time after each attempt, up to a minute, and not all at the same moment.
CREATE FUNCTION time_to_next_attempt(attempts integer)
    RETURNS interval
    LANGUAGE sql VOLATILE
RETURN make_interval(secs => LEAST(60, power(2, LEAST(attempts, 6))) * (0.5 + random()));
COMMENT ON FUNCTION time_to_next_attempt(integer) IS
    'How long a message waits after so many attempts that failed';
REVOKE EXECUTE ON FUNCTION time_to_next_attempt(integer) FROM PUBLIC;

CREATE FUNCTION message_failed_as_owner(message_id bigint, error text, permanent boolean)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
BEGIN
    -- What could be tried again only when its code has expired is given up.
    UPDATE customer_identity.sms_messages AS m
    SET error = left(message_failed_as_owner.error, 1000),
        next_attempt_at = n.at,
        status = CASE WHEN n.is_last THEN 'failed' ELSE 'pending' END,
        body = CASE WHEN NOT n.is_last THEN m.body END,
        ended_at = CASE WHEN n.is_last THEN moment END
    FROM (
        SELECT t.id, t.at, COALESCE(permanent, false) OR t.at >= t.expires_at AS is_last
        FROM (
            SELECT w.id, w.expires_at, moment + customer_identity.time_to_next_attempt(w.attempts) AS at
            FROM customer_identity.sms_messages AS w
            WHERE w.id = message_id AND w.status = 'pending'
            FOR UPDATE
        ) AS t
    ) AS n
    WHERE m.id = n.id;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION message_failed_as_owner(bigint, text, boolean) IS
    'message_failed as the owner of its tables';
REVOKE EXECUTE ON FUNCTION message_failed_as_owner(bigint, text, boolean) FROM PUBLIC;

CREATE FUNCTION message_failed(message_id bigint, error text, permanent boolean)
    RETURNS boolean
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_owner';
COMMENT ON FUNCTION message_failed(bigint, text, boolean) IS
    'A message could not be sent: it is tried again after a while, or given up when that is permanent. False: none is waiting';
REVOKE EXECUTE ON FUNCTION message_failed(bigint, text, boolean) FROM PUBLIC;

-- A day is kept for verification_health; limits look back an hour. What a clock that was wrong has put
-- into the future counts from now.
CREATE FUNCTION purge_verifications_as_owner()
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment constant timestamptz := clock_timestamp();
    purged bigint;
BEGIN
    UPDATE customer_identity.sms_messages AS m
    SET status = 'failed', error = COALESCE(m.error, 'expired before it was sent'), body = NULL, ended_at = moment
    WHERE m.status = 'pending' AND m.expires_at <= moment;
    UPDATE customer_identity.verification_events AS e
    SET at = moment
    WHERE e.at > moment + interval '1 minute';
    DELETE FROM customer_identity.verification_events AS e
    WHERE e.at < moment - interval '25 hours';
    DELETE FROM customer_identity.verifications AS v
    WHERE v.created_at < moment - interval '25 hours' OR v.created_at > moment + interval '1 hour';
    GET DIAGNOSTICS purged = ROW_COUNT;
    RETURN purged;
END
$$;
COMMENT ON FUNCTION purge_verifications_as_owner() IS
    'purge_verifications as the owner of its tables';
REVOKE EXECUTE ON FUNCTION purge_verifications_as_owner() FROM PUBLIC;

CREATE FUNCTION purge_verifications()
    RETURNS bigint
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_owner';
COMMENT ON FUNCTION purge_verifications() IS
    'Erases the texts of messages that have expired, deletes verifications older than a day and returns how many. The worker does it by itself';
REVOKE EXECUTE ON FUNCTION purge_verifications() FROM PUBLIC;

CREATE VIEW verification_health AS
    SELECT
        h.hour,
        count(*) FILTER (WHERE e.what = 'sent') AS sent,
        count(*) FILTER (WHERE e.what = 'approved') AS approved,
        count(*) FILTER (WHERE e.what = 'failed') AS failed,
        count(*) FILTER (WHERE e.what = 'throttled') AS throttled,
        count(*) FILTER (WHERE e.what = 'pending') AS pending,
        min(e.at) FILTER (WHERE e.what = 'pending') AS oldest_pending
    FROM generate_series(0, 23) AS ago
    CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) - make_interval(hours => ago)) AS h (hour)
    LEFT JOIN (
        SELECT m.status, COALESCE(m.ended_at, m.created_at)
        FROM sms_messages AS m
        WHERE m.status IN ('sent', 'failed') OR (m.status = 'pending' AND m.expires_at > now())
        UNION ALL
        SELECT v.status, v.approved_at
        FROM verifications AS v
        WHERE v.status = 'approved'
        UNION ALL
        SELECT r.bucket, r.at
        FROM verification_events AS r
        WHERE r.bucket = 'throttled'
    ) AS e (what, at) ON e.at >= h.hour AND e.at < h.hour + interval '1 hour'
    GROUP BY h.hour
    ORDER BY h.hour DESC;
COMMENT ON VIEW verification_health IS
    'The last 24 hours, the present one first: messages sent, failed and pending, verifications approved and throttled';
ALTER VIEW verification_health OWNER TO @extowner@;
CREATE FUNCTION start_sms_worker()
    RETURNS integer
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'start_sms_worker';
COMMENT ON FUNCTION start_sms_worker() IS
    'Starts the process that sends this database''s messages, unless there is one, and returns its pid. It lasts until the server stops; customer_identity.sms_databases starts one with the server';
REVOKE EXECUTE ON FUNCTION start_sms_worker() FROM PUBLIC;
CREATE FUNCTION search_text(value text)
    RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5
    AS 'MODULE_PATHNAME', 'search_text';
COMMENT ON FUNCTION search_text(text) IS
    'A text as searches compare it: small letters without accents. Indexes hold its values';

CREATE FUNCTION like_literal(value text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN replace(replace(replace(value, '\', '\\'), '%', '\%'), '_', '\_');
COMMENT ON FUNCTION like_literal(text) IS
    'A text that LIKE takes as it is';

-- Trunk zeros, country prefixes written 00 and the (0) of +44 (0)20 are not part of an E.164 number.
CREATE FUNCTION searched_digits(search text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN (
    SELECT CASE
        WHEN length(ltrim(d.digits, '0')) >= 4 THEN ltrim(d.digits, '0')
        WHEN length(d.digits) >= 4 THEN d.digits
    END
    FROM (SELECT regexp_replace(replace(search, '(0)', ''), '[^0-9]', '', 'g')) AS d (digits)
    WHERE search ~ '^[-0-9+()/.[:space:]\u00A0\u2010-\u2015\u2212]+$'
);
COMMENT ON FUNCTION searched_digits(text) IS
    'The digits of a search that looks like a part of a phone, or NULL when there are fewer than four';

-- What reads catalogs for every page is plpgsql, which keeps its plans: an SQL function that cannot be inlined is
-- planned anew at each call.

-- Types that are the server's own have no casts or operators that somebody else could have made.
CREATE FUNCTION plain_text(relation regclass, column_name text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format(
            CASE WHEN customer_identity.base_type(a.atttypid) = ANY ('{text,varchar,bpchar}'::regtype[]) THEN 'r.%I::text'
                ELSE 'customer_identity.as_text(r.%I)' END,
            a.attname)
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION plain_text(regclass, text) IS
    'The expression that reads a column of row r as text; NULL when there is no such column';

CREATE FUNCTION time_column(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT a.attname::text
        FROM unnest('{created_at,createdAt,placed_at,placedAt,ordered_at,orderedAt,order_date,orderDate}'::text[])
            WITH ORDINALITY AS known (name, position)
        JOIN pg_attribute AS a ON a.attname = known.name AND a.attrelid = relation AND NOT a.attisdropped
        WHERE a.atttypid = ANY ('{timestamptz,timestamp,date}'::regtype[])
        ORDER BY known.position
        LIMIT 1
    );
END
$$;
COMMENT ON FUNCTION time_column(regclass) IS
    'The column that tells when a row was made, by its name, or NULL';

-- Without a time zone it is taken for UTC, whoever asks.
CREATE FUNCTION time_of_row(relation regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN COALESCE(
        (
            SELECT format(
                CASE a.atttypid WHEN 'timestamptz'::regtype THEN 'r.%I' ELSE 'r.%I::timestamp AT TIME ZONE ''UTC''' END,
                a.attname)
            FROM pg_attribute AS a
            WHERE a.attrelid = relation AND a.attname = customer_identity.time_column(relation)
        ),
        'NULL::timestamptz'
    );
END
$$;
COMMENT ON FUNCTION time_of_row(regclass) IS
    'The expression that tells when row r was made';

CREATE FUNCTION phones_of_row(users attachments)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('array_remove(ARRAY[%s]::text[], NULL)',
            string_agg(customer_identity.plain_text(users.attached, p.name), ', ' ORDER BY p.position))
        FROM unnest(users.phone_columns) WITH ORDINALITY AS p (name, position)
    );
END
$$;
COMMENT ON FUNCTION phones_of_row(attachments) IS
    'The expression that lists the phones of user r as they were typed';

-- Columns that nobody asks for cost nothing: the planner leaves them out.
CREATE FUNCTION users_query(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        format('SELECT %L::text AS relation, customer_identity.as_text(r.%I) AS id, %s AS name, %s AS email,'
            ' %s AS phones, %s AS created_at, r.%I AS customer_id FROM %s AS r',
            customer_identity.qualified_name(u.attached), u.key_column,
            COALESCE(customer_identity.plain_text(u.attached, COALESCE(u.name_column, 'name')), 'NULL::text'),
            COALESCE(customer_identity.plain_text(u.attached, 'email'), 'NULL::text'),
            customer_identity.phones_of_row(u), customer_identity.time_of_row(u.attached), u.customer_column, u.attached),
        ' UNION ALL ' ORDER BY u.attached::text COLLATE "C")
    INTO query
    FROM customer_identity.attachments_of(users_query.customers) AS u
    WHERE u.kind = 'users';
    RETURN COALESCE(query, 'SELECT NULL::text AS relation, NULL::text AS id, NULL::text AS name, NULL::text AS email,'
        ' NULL::text[] AS phones, NULL::timestamptz AS created_at, NULL::uuid AS customer_id WHERE false');
END
$$;
COMMENT ON FUNCTION users_query(regclass) IS
    'The query that reads the users of a book from every attached users table';

CREATE TYPE customer_search AS (
    phone text,
    digits text,
    beginning text,
    anywhere text,
    by_email uuid[],
    by_many_emails boolean
);
COMMENT ON TYPE customer_search IS
    'A search for customers: what their phone, name or a user''s e-mail has to be like';

-- A trigram index finds nothing inside a word by fewer than three letters, so these begin a word.
CREATE FUNCTION text_condition(value text, word_begins boolean)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN format(
    CASE WHEN word_begins THEN
        '(customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).beginning'
        ' OR customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).anywhere)'
    ELSE 'customer_identity.search_text(%1$s) COLLATE "C" LIKE ($1).anywhere' END,
    value);
COMMENT ON FUNCTION text_condition(text, boolean) IS
    'The condition that a text is like a search, which is parameter $1';

CREATE FUNCTION read_search(search text, users_query text)
    RETURNS customer_search
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    most_ids constant integer := 5000;
    typed constant text := btrim(search, E' \t\r\n');
    sought constant text := customer_identity.like_literal(customer_identity.search_text(typed));
    result customer_identity.customer_search;
BEGIN
    result.phone := customer_identity.normalize_phone(typed);
    result.digits := '%' || customer_identity.searched_digits(typed) || '%';
    IF sought = '' THEN
        RETURN result;
    END IF;
    IF length(customer_identity.search_text(typed)) < 3 THEN
        result.beginning := sought || '%';
        result.anywhere := '% ' || sought || '%';
    ELSE
        result.anywhere := '%' || sought || '%';
    END IF;
    EXECUTE format(
        'SELECT array_agg(u.customer_id) FROM (SELECT u.customer_id FROM (%s) AS u'
        ' WHERE u.customer_id IS NOT NULL AND %s LIMIT %s) AS u',
        users_query, customer_identity.text_condition('u.email', result.beginning IS NOT NULL), most_ids + 1)
        INTO result.by_email
        USING result;
    result.by_many_emails := cardinality(result.by_email) > most_ids;
    RETURN result;
END
$$;
COMMENT ON FUNCTION read_search(text, text) IS
    'What was typed into a search for customers, with the customers whose users'' e-mails are like it';

-- Each part can be answered by an index; only where thousands of e-mails are alike, a page is filled
-- sooner by asking customer after customer.
CREATE FUNCTION search_condition(search customer_search, users_query text)
    RETURNS text
    LANGUAGE sql STABLE
RETURN '(' || concat_ws(' OR ',
    CASE WHEN search.phone IS NOT NULL THEN 'c.phone = ($1).phone' END,
    CASE WHEN search.digits IS NOT NULL THEN 'c.phone LIKE ($1).digits' END,
    CASE WHEN search.anywhere IS NOT NULL THEN text_condition('c.preferred_name', search.beginning IS NOT NULL) END,
    CASE
        WHEN search.by_many_emails THEN format(
            'EXISTS (SELECT FROM (%s) AS u WHERE u.customer_id = c.id AND %s)',
            users_query, text_condition('u.email', search.beginning IS NOT NULL))
        WHEN search.by_email IS NOT NULL THEN 'c.id = ANY (($1).by_email)'
    END,
    CASE WHEN search.phone IS NULL AND search.digits IS NULL AND search.anywhere IS NULL THEN 'false' END) || ')';
COMMENT ON FUNCTION search_condition(customer_search, text) IS
    'The condition that customer c is found by a search, which is parameter $1';

CREATE FUNCTION searches_names(search customer_search)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE
RETURN search.anywhere IS NOT NULL AND search.beginning IS NULL AND search.digits IS NULL
    AND search.by_many_emails IS NOT TRUE;
COMMENT ON FUNCTION searches_names(customer_search) IS
    'Whether hardly more than a part of a name decides what a search finds';

-- None is on a total, which every order changes.
CREATE FUNCTION sort_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    -- A name without a limit could be too long for its index.
    SELECT c.oid::regclass, left(c.relname, 40) || format('_%s_id_idx', a.attname), format('(%I, id)', a.attname)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.oid = customers AND a.attname IN ('created_at', 'updated_at', 'preferred_name')
        AND (a.attname <> 'preferred_name' OR a.atttypmod BETWEEN 0 AND 500);
END;
COMMENT ON FUNCTION sort_indexes(regclass) IS
    'The indexes that list_customers needs to sort: table, name and definition';

CREATE FUNCTION search_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    trigrams text;
BEGIN
    SELECT format('%I.%I', n.nspname, o.opcname) INTO trigrams
    FROM pg_opclass AS o
    JOIN pg_namespace AS n ON n.oid = o.opcnamespace
    WHERE o.opcname = 'gin_trgm_ops';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'extension pg_trgm is not installed'
            USING ERRCODE = 'undefined_object',
                HINT = 'CREATE EXTENSION pg_trgm; it comes with PostgreSQL, and the owner of a database may create it.';
    END IF;
    RETURN QUERY
    SELECT i.relation, left(c.relname, 40) || i.suffix, i.definition
    FROM (
        SELECT customers, '_phone_search_idx', format('USING gin (phone %s) WITH (gin_pending_list_limit = 512)', trigrams)
        UNION ALL
        SELECT customers, '_name_search_idx', format(
            'USING gin (customer_identity.search_text(preferred_name::text) COLLATE "C" %s) WITH (gin_pending_list_limit = 512)', trigrams)
        UNION ALL
        SELECT u.attached, '_email_search_idx', format(
            'USING gin (customer_identity.search_text(email::text) COLLATE "C" %s) WITH (gin_pending_list_limit = 512)', trigrams)
        FROM customer_identity.attachments_of(customers) AS u
        WHERE u.kind = 'users' AND customer_identity.plain_text(u.attached, 'email') = 'r.email::text'
    ) AS i (relation, suffix, definition)
    JOIN pg_class AS c ON c.oid = i.relation;
END
$$;
COMMENT ON FUNCTION search_indexes(regclass) IS
    'The indexes that list_customers needs to search: table, name and definition';

CREATE FUNCTION totals_indexes(customers regclass)
    RETURNS TABLE (relation regclass, name text, definition text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.oid::regclass, left(c.relname, 40) || format('_%s_id_idx', k.key), format('(%I, id)', k.key)
    FROM pg_class AS c
    CROSS JOIN unnest('{total_spent,total_orders}'::text[]) AS k (key)
    WHERE c.oid = customers;
END;
COMMENT ON FUNCTION totals_indexes(regclass) IS
    'The indexes that list_customers needs to sort by totals: table, name and definition';

CREATE FUNCTION index_valid(relation regclass, index_name text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN (
    SELECT i.indisvalid
    FROM pg_class AS t
    JOIN pg_class AS c ON c.relnamespace = t.relnamespace
    JOIN pg_index AS i ON i.indexrelid = c.oid AND i.indrelid = t.oid
    WHERE t.oid = relation AND c.relname = index_name
);
COMMENT ON FUNCTION index_valid(regclass, text) IS
    'Whether a table''s index of that name can be used; NULL when there is none';

CREATE FUNCTION search_index_statements(totals boolean DEFAULT false, customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.statement
    FROM (
        SELECT i.* FROM sort_indexes(book(customers)) AS i
        UNION ALL
        SELECT i.* FROM search_indexes(book(customers)) AS i
        UNION ALL
        SELECT i.* FROM totals_indexes(book(customers)) AS i WHERE totals
    ) AS i
    JOIN pg_class AS c ON c.oid = i.relation
    CROSS JOIN LATERAL (VALUES
        (1, CASE WHEN NOT index_valid(i.relation, i.name)
            THEN format('DROP INDEX CONCURRENTLY %s.%I', c.relnamespace::regnamespace, i.name) END),
        (2, format('CREATE INDEX %s%I ON %s %s',
            CASE WHEN c.relkind <> 'p' THEN 'CONCURRENTLY ' END, i.name, qualified_name(i.relation), i.definition)),
        (3, CASE WHEN i.definition LIKE '%search_text%' THEN format('ANALYZE %s', qualified_name(i.relation)) END)
    ) AS s (step, statement)
    WHERE index_valid(i.relation, i.name) IS NOT TRUE AND s.statement IS NOT NULL
    ORDER BY i.relation, i.name, s.step;
END;
COMMENT ON FUNCTION search_index_statements(boolean, regclass) IS
    'The statements that make the missing indexes for list_customers while the shop goes on: for \gexec, each outside a transaction';

-- The planner has to know how common a part of a name is, which only the index makes ANALYZE find out.
CREATE FUNCTION create_missing_index(relation regclass, name text, definition text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity.index_valid(relation, name) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE INDEX %I ON %s %s', name, relation, definition);
    IF definition LIKE '%search_text%' THEN
        EXECUTE format('ANALYZE %s', relation);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION create_missing_index(regclass, text, text) IS
    'Makes an index unless it is there';
REVOKE EXECUTE ON FUNCTION create_missing_index(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION create_search_indexes(customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT i.name
    FROM (
        SELECT i.* FROM sort_indexes(book(customers)) AS i
        UNION ALL
        SELECT i.* FROM search_indexes(book(customers)) AS i
    ) AS i
    WHERE create_missing_index(i.relation, i.name, i.definition);
END;
COMMENT ON FUNCTION create_search_indexes(regclass) IS
    'Makes the missing indexes that list_customers searches and sorts by in a large book, none of them on a total, and returns their names. Needs pg_trgm';
REVOKE EXECUTE ON FUNCTION create_search_indexes(regclass) FROM PUBLIC;

CREATE FUNCTION index_totals(customers regclass DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT i.name
    FROM totals_indexes(book(customers)) AS i
    WHERE create_missing_index(i.relation, i.name, i.definition);
END;
COMMENT ON FUNCTION index_totals(regclass) IS
    'Makes the indexes that list_customers needs to sort a large book by totals, and returns their names. Each order then writes to every index of customers';
REVOKE EXECUTE ON FUNCTION index_totals(regclass) FROM PUBLIC;
-- A cursor tells where a page ended and of which list, so that it is not taken for another one's.
CREATE FUNCTION list_digest(list jsonb)
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT left(encode(sha256(convert_to(list::text, 'UTF8')), 'hex'), 16)
$$;
COMMENT ON FUNCTION list_digest(jsonb) IS
    'A short text that stands for a list''s parameters in its cursors';

CREATE FUNCTION write_cursor(list jsonb, place jsonb)
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT translate(
        encode(convert_to((place || jsonb_build_object('list', customer_identity.list_digest(list)))::text, 'UTF8'), 'base64'),
        E'+/=\n', '-_')
$$;
COMMENT ON FUNCTION write_cursor(jsonb, jsonb) IS
    'A place in a list as an opaque text, base64url';

-- Parameters were not checked by a driver, which sends text.
CREATE FUNCTION is_value(type regtype, value text)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF type IS NULL THEN
        RETURN false;
    END IF;
    -- A literal is read by the type's own input function, never by somebody's cast.
    EXECUTE format('SELECT %L::%s', value, customer_identity.type_name(type));
    RETURN true;
EXCEPTION WHEN data_exception OR syntax_error_or_access_rule_violation THEN
    -- The latter when a text names no table, as a regclass has to.
    RETURN false;
END
$$;
COMMENT ON FUNCTION is_value(regtype, text) IS
    'Whether a text can be read as a value of a type';

CREATE FUNCTION refuse_cursor()
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'after is not a cursor of this list'
        USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Allowed are NULL, for the first page, and what the page before returned as next, with the same search, filters and sort.';
END
$$;
COMMENT ON FUNCTION refuse_cursor() IS
    'Raises 22023 for a text that is no cursor';

CREATE FUNCTION read_cursor(list jsonb, after text, key_type regtype, id_type regtype)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place jsonb;
BEGIN
    IF after IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        place := convert_from(decode(rpad(translate(after, '-_', '+/'), (length(after) + 3) / 4 * 4, '='), 'base64'), 'UTF8');
    EXCEPTION WHEN data_exception THEN
        PERFORM customer_identity.refuse_cursor();
    END;
    IF place ->> 'list' IS DISTINCT FROM customer_identity.list_digest(list)
        OR place ->> 'id' IS NULL
        OR NOT customer_identity.is_value(id_type, place ->> 'id')
        OR NOT customer_identity.is_value(key_type, place ->> 'key') THEN
        PERFORM customer_identity.refuse_cursor();
    END IF;
    RETURN place;
END
$$;
COMMENT ON FUNCTION read_cursor(jsonb, text, regtype, regtype) IS
    'The place that a cursor of a list stands for; 22023 for any other text';

CREATE FUNCTION require_page_size(page_size integer)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF page_size BETWEEN 1 AND 1000 THEN
        RETURN;
    END IF;
    RAISE EXCEPTION 'page_size is not between 1 and 1000'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Allowed are 1 to 1000; 50 is the default.';
END
$$;
COMMENT ON FUNCTION require_page_size(integer) IS
    'Raises 22023 for a page size that is not between 1 and 1000';

-- One row more than the page tells whether another page follows.
CREATE FUNCTION page_of(rows jsonb[], page_size integer, next text)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object(
    'items', to_jsonb((COALESCE(rows, '{}'))[:page_size]),
    'next', CASE WHEN cardinality(rows) > page_size THEN next END);
COMMENT ON FUNCTION page_of(jsonb[], integer, text) IS
    'A page and the cursor of the next one, NULL on the last';

CREATE FUNCTION sort_column(sort text)
    RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name constant text := regexp_replace(sort, '^-', '');
BEGIN
    IF name = ANY ('{created_at,updated_at,preferred_name,total_spent,total_orders}') THEN
        RETURN name;
    END IF;
    RAISE EXCEPTION 'unknown sort'
        USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Sort: %s.', quote_nullable(sort)),
            HINT = 'Allowed are created_at, updated_at, preferred_name, total_spent and total_orders; a hyphen in front turns the order round.';
END
$$;
COMMENT ON FUNCTION sort_column(text) IS
    'The column that a sort names; 22023 for any other';

CREATE FUNCTION invalid_filter(key text, value jsonb)
    RETURNS text
    LANGUAGE sql STABLE
RETURN CASE
    WHEN key IN ('verified', 'has_users', 'shared') THEN
        CASE WHEN jsonb_typeof(value) <> 'boolean' THEN format('%s is true or false', key) END
    WHEN key = 'min_orders' THEN
        CASE WHEN jsonb_typeof(value) <> 'number' OR NOT is_value('bigint', value #>> '{}') THEN 'min_orders is a whole number' END
    WHEN key = 'min_spent' THEN
        CASE WHEN jsonb_typeof(value) <> 'number' THEN 'min_spent is a number' END
    WHEN key = 'created' THEN
        CASE
            WHEN jsonb_typeof(value) <> 'object' OR value - '{from,to}'::text[] <> '{}'
                OR NOT is_value('timestamptz', value ->> 'from') OR NOT is_value('timestamptz', value ->> 'to')
            THEN 'created is an object with times from (included) and to (not included), or one of them'
        END
    ELSE 'filters are verified, min_orders, min_spent, created, has_users and shared'
END;
COMMENT ON FUNCTION invalid_filter(text, jsonb) IS
    'What is wrong with a filter of list_customers, or NULL';

CREATE FUNCTION require_filters(filters jsonb)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hint text;
BEGIN
    IF jsonb_typeof(filters) <> 'object' THEN
        hint := 'For instance {"verified": true, "min_orders": 2}.';
    ELSE
        SELECT format('Allowed: %s.', customer_identity.invalid_filter(f.key, f.value)) INTO hint
        FROM jsonb_each(filters) AS f
        WHERE customer_identity.invalid_filter(f.key, f.value) IS NOT NULL
        ORDER BY f.key
        LIMIT 1;
    END IF;
    IF hint IS NOT NULL THEN
        RAISE EXCEPTION 'filters cannot be used'
            USING ERRCODE = 'invalid_parameter_value', HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION require_filters(jsonb) IS
    'Raises 22023 for filters that list_customers does not know';

-- How many users customer c has, counted as far as it matters: a plan for each customer of a page.
CREATE FUNCTION users_up_to(many integer, users_query text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN format('(SELECT count(*) FROM (SELECT FROM (%s) AS u WHERE u.customer_id = c.id LIMIT %s) AS u)', users_query, many);
COMMENT ON FUNCTION users_up_to(integer, text) IS
    'The expression that counts the users of customer c, up to a limit';

CREATE FUNCTION filter_condition(filters jsonb, users_query text, time_type text)
    RETURNS text
    LANGUAGE sql STABLE
RETURN concat_ws(' AND ', 'true',
    CASE WHEN filters ? 'verified' THEN 'c.is_phone_verified = ($2 ->> ''verified'')::boolean' END,
    CASE WHEN filters ? 'min_orders' THEN 'c.total_orders >= ($2 ->> ''min_orders'')::bigint' END,
    CASE WHEN filters ? 'min_spent' THEN 'c.total_spent >= ($2 ->> ''min_spent'')::numeric' END,
    CASE WHEN filters #>> '{created,from}' IS NOT NULL THEN format('c.created_at >= ($2 #>> ''{created,from}'')::%s', time_type) END,
    CASE WHEN filters #>> '{created,to}' IS NOT NULL THEN format('c.created_at < ($2 #>> ''{created,to}'')::%s', time_type) END,
    CASE WHEN filters ? 'has_users' THEN format('(%s > 0) = ($2 ->> ''has_users'')::boolean', users_up_to(1, users_query)) END,
    CASE WHEN filters ? 'shared' THEN format('(%s > 1) = ($2 ->> ''shared'')::boolean', users_up_to(2, users_query)) END);
COMMENT ON FUNCTION filter_condition(jsonb, text, text) IS
    'The condition that customer c passes the filters, which are parameter $2';

CREATE FUNCTION customer_column_type(customers regclass, column_name text, OUT type regtype, OUT nullable boolean)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT customer_identity.base_type(a.atttypid), NOT a.attnotnull
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = column_name AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION customer_column_type(regclass, text) IS
    'The type of a column of customers, and whether it may be NULL';

-- Customers without a value come last in either direction. They are a list of their own, which begins
-- where the others end, so that each is a range of one index. Names that are alike lie together, maybe at the
-- end of that index: those found by a part of the name are sorted without it.
CREATE FUNCTION customers_query(
    customers regclass, users_query text, sort text, by_name boolean, without_value boolean, after jsonb, condition text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format(
            'SELECT array_agg(p.item) FROM ('
            'SELECT to_jsonb(c.*) || jsonb_build_object(''users'', (SELECT count(*) FROM (%s) AS u WHERE u.customer_id = c.id)) AS item'
            ' FROM %s AS c WHERE %s%s AND %s ORDER BY %s LIMIT $3) AS p',
            users_query, customers,
            CASE WHEN without_value THEN format('c.%I IS NULL', s.name) WHEN t.nullable THEN format('c.%I IS NOT NULL', s.name) ELSE 'true' END,
            CASE
                WHEN after IS NULL OR (without_value AND after ->> 'key' IS NOT NULL) THEN ''
                WHEN without_value THEN format(' AND c.id %s ($4 ->> ''id'')::uuid', s.comparison)
                ELSE format(' AND (c.%I, c.id) %s (($4 ->> ''key'')::%s, ($4 ->> ''id'')::uuid)', s.name, s.comparison, t.type)
            END,
            condition,
            CASE
                WHEN without_value THEN format('c.id %s', s.direction)
                WHEN by_name AND s.name = 'preferred_name' THEN format('(c.preferred_name || '''') %s, c.id %1$s', s.direction)
                ELSE format('c.%I %s, c.id %2$s', s.name, s.direction)
            END)
        FROM (
            SELECT customer_identity.sort_column(sort), CASE WHEN starts_with(sort, '-') THEN '<' ELSE '>' END,
                CASE WHEN starts_with(sort, '-') THEN 'DESC' ELSE 'ASC' END
        ) AS s (name, comparison, direction)
        CROSS JOIN LATERAL customer_identity.customer_column_type(customers, s.name) AS t
    );
END
$$;
COMMENT ON FUNCTION customers_query(regclass, text, text, boolean, boolean, jsonb, text) IS
    'The query of a page of customers: those with a value to sort by, or those without';

-- With today's disks a few thousand rows are sooner fetched and sorted than met in passing.
CREATE FUNCTION list_customers_as_owner(
    search text, filters jsonb, sort text, page_size integer, after text, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
    SET random_page_cost = 1.1
AS $$
DECLARE
    typed constant text := NULLIF(btrim(search, E' \t\r\n'), '');
    given constant jsonb := COALESCE(jsonb_strip_nulls(NULLIF(filters, 'null')), '{}');
    order_by constant text := COALESCE(sort, '-created_at');
    size constant integer := COALESCE(page_size, 50);
    sort_key constant text := customer_identity.sort_column(order_by);
    key_column constant record := customer_identity.customer_column_type(customers, sort_key);
    list constant jsonb := jsonb_build_array(typed, given, order_by);
    place constant jsonb := customer_identity.read_cursor(list, after, key_column.type, 'uuid');
    users_query constant text := customer_identity.users_query(customers);
    sought customer_identity.customer_search;
    condition text;
    without_value boolean;
    found jsonb[];
    items jsonb[] := '{}';
BEGIN
    PERFORM customer_identity.require_page_size(size);
    PERFORM customer_identity.require_filters(given);
    condition := customer_identity.filter_condition(given, users_query,
        (customer_identity.customer_column_type(customers, 'created_at')).type::text);
    IF typed IS NOT NULL THEN
        sought := customer_identity.read_search(typed, users_query);
        condition := condition || ' AND ' || customer_identity.search_condition(sought, users_query);
    END IF;
    FOREACH without_value IN ARRAY CASE WHEN key_column.nullable THEN '{f,t}' ELSE '{f}' END::boolean[] LOOP
        CONTINUE WHEN place IS NOT NULL AND place ->> 'key' IS NULL AND NOT without_value;
        EXIT WHEN cardinality(items) > size;
        EXECUTE customer_identity.customers_query(
            customers, users_query, order_by, customer_identity.searches_names(sought), without_value, place, condition)
            INTO found
            USING sought, given, size + 1 - cardinality(items), place;
        items := items || found;
    END LOOP;
    RETURN customer_identity.page_of(items, size, customer_identity.write_cursor(list,
        jsonb_build_object('key', items[size] -> sort_key, 'id', items[size] -> 'id')));
END
$$;
COMMENT ON FUNCTION list_customers_as_owner(text, jsonb, text, integer, text, regclass) IS
    'list_customers as the owner of the book';
REVOKE EXECUTE ON FUNCTION list_customers_as_owner(text, jsonb, text, integer, text, regclass) FROM PUBLIC;

CREATE FUNCTION list_customers(
    search text DEFAULT NULL,
    filters jsonb DEFAULT NULL,
    sort text DEFAULT '-created_at',
    page_size integer DEFAULT 50,
    after text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS jsonb
    LANGUAGE c STABLE COST 100000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION list_customers(text, jsonb, text, integer, text, regclass) IS
    'A page of customers, found by a search and filters: items and the cursor of the next page';
REVOKE EXECUTE ON FUNCTION list_customers(text, jsonb, text, integer, text, regclass) FROM PUBLIC;
-- Types that are not the server's own could bring casts of whoever made them, which must not run with the
-- rights of the book's owner: in another owner's table such columns are read as text.
CREATE FUNCTION row_object(relation regclass, customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN bool_and(a.atttypid < 16384 OR c.relowner = o.relowner) THEN 'to_jsonb(r.*)'
            ELSE format('(SELECT to_jsonb(s.*) FROM (SELECT %s) AS s)', string_agg(
                CASE WHEN a.atttypid < 16384 THEN format('r.%I', a.attname)
                    ELSE format('customer_identity.as_text(r.%I) AS %1$I', a.attname) END,
                ', ' ORDER BY a.attnum))
        END
        FROM pg_attribute AS a
        JOIN pg_class AS c ON c.oid = a.attrelid
        JOIN pg_class AS o ON o.oid = customers
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION row_object(regclass, regclass) IS
    'The expression that makes row r of a table an object';

CREATE FUNCTION open_claim()
    RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN 'NOT EXISTS (SELECT FROM %1$s AS p WHERE p.phone = c.phone AND p.user_id = u.id AND p.ended_at IS NULL)';
COMMENT ON FUNCTION open_claim() IS
    'The condition that user u has no live proof of the phone of customer c, for format() with the proofs as its first argument';

CREATE FUNCTION order_times(customers regclass)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    query text;
BEGIN
    SELECT string_agg(
        format('SELECT %s AS at, r.%I AS customer_id FROM %s AS r',
            customer_identity.time_of_row(o.attached), o.customer_column, o.attached),
        ' UNION ALL ')
    INTO query
    FROM customer_identity.attachments_of(order_times.customers) AS o
    WHERE o.kind = 'orders';
    RETURN COALESCE(query, 'SELECT NULL::timestamptz AS at, NULL::uuid AS customer_id');
END
$$;
COMMENT ON FUNCTION order_times(regclass) IS
    'The query that tells when each order of a book was placed';

CREATE FUNCTION details_of(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    details jsonb;
BEGIN
    EXECUTE format(
        'SELECT to_jsonb(c.*) || to_jsonb(u.*) || to_jsonb(o.*) FROM %2$s AS c,'
        ' LATERAL (SELECT count(*) AS users, count(*) FILTER (WHERE ' || customer_identity.open_claim() || ') AS open_claims'
        ' FROM (%3$s) AS u WHERE u.customer_id = c.id) AS u,'
        ' LATERAL (SELECT min(o.at) AS first_order_at, max(o.at) AS last_order_at FROM (%4$s) AS o WHERE o.customer_id = c.id) AS o'
        ' WHERE c.id = $1',
        customer_identity.companion_of(customers, 'phone_proofs'), customers, customer_identity.users_query(customers),
        customer_identity.order_times(customers))
        INTO details
        USING customer_id;
    RETURN details;
END
$$;
COMMENT ON FUNCTION details_of(uuid, regclass) IS
    'customer_details, with the rights of its caller';

CREATE FUNCTION customer_details_as_owner(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
RETURN details_of(customer_id, customers);
COMMENT ON FUNCTION customer_details_as_owner(uuid, regclass) IS
    'customer_details as the owner of the book';
REVOKE EXECUTE ON FUNCTION customer_details_as_owner(uuid, regclass) FROM PUBLIC;

CREATE FUNCTION customer_details(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE c STABLE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION customer_details(uuid, regclass) IS
    'A customer with the number of users, of those without a proof, and the times of the first and last order; NULL when there is none';
REVOKE EXECUTE ON FUNCTION customer_details(uuid, regclass) FROM PUBLIC;

CREATE FUNCTION customer_users_as_owner(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
DECLARE
    users jsonb;
BEGIN
    EXECUTE format(
        'SELECT COALESCE(jsonb_agg(jsonb_build_object(''table'', u.relation, ''id'', u.id, ''name'', u.name, ''email'', u.email,'
        ' ''phones'', u.phones, ''created_at'', u.created_at, ''proved'', NOT ' || customer_identity.open_claim() || ')'
        ' ORDER BY u.created_at, u.relation, u.id COLLATE "C"), ''[]'')'
        ' FROM %2$s AS c JOIN (%3$s) AS u ON u.customer_id = c.id WHERE c.id = $1',
        customer_identity.companion_of(customers, 'phone_proofs'), customers, customer_identity.users_query(customers))
        INTO users
        USING customer_id;
    RETURN users;
END
$$;
COMMENT ON FUNCTION customer_users_as_owner(uuid, regclass) IS
    'customer_users as the owner of the book';
REVOKE EXECUTE ON FUNCTION customer_users_as_owner(uuid, regclass) FROM PUBLIC;

CREATE FUNCTION customer_users(customer_id uuid, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE c STABLE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION customer_users(uuid, regclass) IS
    'The users of a customer, from every attached table: an array, the oldest first';
REVOKE EXECUTE ON FUNCTION customer_users(uuid, regclass) FROM PUBLIC;
CREATE FUNCTION column_type(relation regclass, column_name text)
    RETURNS regtype
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT customer_identity.base_type(a.atttypid)
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped
    );
END
$$;
COMMENT ON FUNCTION column_type(regclass, text) IS
    'The type of a column, below any domains';

-- A table without a key has its rows' places, which an update changes.
CREATE FUNCTION row_key_column(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(key_column(relation), 'ctid');
COMMENT ON FUNCTION row_key_column(regclass) IS
    'The column that orders of the same time are told apart by';

-- The newest come first, those of unknown time last; orders of one time by the name of their table, and
-- in one table by falling key. `after` is parameter $3.
CREATE FUNCTION after_place(orders attachments, after jsonb)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN after IS NULL THEN 'true'
            WHEN after ->> 'key' IS NULL THEN format('(t.at IS NULL AND %s)', s.same_time)
            ELSE format('(t.at < ($3 ->> ''key'')::timestamptz OR t.at IS NULL OR (t.at = ($3 ->> ''key'')::timestamptz AND %s))', s.same_time)
        END
        FROM (
            SELECT CASE
                WHEN p.name COLLATE "C" > (after ->> 'table') COLLATE "C" THEN 'true'
                WHEN p.name = after ->> 'table' THEN
                    format('r.%I < %L::%s', k.name, after ->> 'id',
                        customer_identity.type_name(customer_identity.column_type(orders.attached, k.name)))
                ELSE 'false'
            END
            FROM customer_identity.qualified_name(orders.attached) AS p (name),
                customer_identity.row_key_column(orders.attached) AS k (name)
        ) AS s (same_time)
    );
END
$$;
COMMENT ON FUNCTION after_place(attachments, jsonb) IS
    'The condition that order r, placed at t.at, comes after a place, which is parameter $3';

-- $1 is a customer, $2 a user's id.
CREATE FUNCTION orders_query(customers regclass, orders attachments, condition text, after jsonb)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format(
            '(SELECT %1$s || jsonb_build_object(''table'', %2$L::text) AS item, t.at, %2$L::text COLLATE "C" AS relation,'
            ' customer_identity.as_text(r.%3$I) AS id, row_number() OVER (ORDER BY t.at DESC NULLS LAST, r.%3$I DESC) AS place'
            ' FROM %4$s AS r CROSS JOIN LATERAL (SELECT %5$s) AS t (at)'
            ' WHERE %6$s AND %7$s ORDER BY t.at DESC NULLS LAST, r.%3$I DESC LIMIT $4)',
            customer_identity.row_object(orders.attached, customers), customer_identity.qualified_name(orders.attached),
            customer_identity.row_key_column(orders.attached), orders.attached, customer_identity.time_of_row(orders.attached),
            condition, customer_identity.after_place(orders, after))
    );
END
$$;
COMMENT ON FUNCTION orders_query(regclass, attachments, text, jsonb) IS
    'The query of a page of orders of one table';

CREATE FUNCTION order_condition(orders attachments, users regclass, user_id text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN orders.users = order_condition.users AND customer_identity.is_value(u.type, user_id)
                THEN format('(r.%1$I = $1 OR (r.%2$I = %3$L::%4$s%5$s))',
                    orders.customer_column, orders.user_column, user_id, customer_identity.type_name(u.type),
                    -- Users 7 and 007 are two people, whatever the orders keep of them.
                    CASE WHEN u.type <> k.type THEN format(' AND customer_identity.as_text(r.%I) = $2', orders.user_column) ELSE '' END)
            ELSE format('r.%I = $1', orders.customer_column)
        END
        FROM customer_identity.column_type(orders.attached, orders.user_column) AS u (type)
        CROSS JOIN customer_identity.column_type(
            order_condition.users, customer_identity.key_column(order_condition.users)) AS k (type)
    );
END
$$;
COMMENT ON FUNCTION order_condition(attachments, regclass, text) IS
    'The condition that order r is the customer''s, or that user''s, who is one of these users';

CREATE FUNCTION require_order_place(place jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF place IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM customer_identity.attachments_of(customers) AS o
    WHERE o.kind = 'orders' AND customer_identity.qualified_name(o.attached) = place ->> 'table'
        AND customer_identity.is_value(
            customer_identity.column_type(o.attached, customer_identity.row_key_column(o.attached)), place ->> 'id');
    IF NOT FOUND THEN
        PERFORM customer_identity.refuse_cursor();
    END IF;
END
$$;
COMMENT ON FUNCTION require_order_place(jsonb, regclass) IS
    'Raises 22023 for a place in no attached orders table';

-- A customer's orders, and those of a user in `users`; NULL is nobody.
CREATE FUNCTION order_page(
    customer_id uuid, users regclass, user_id text, page_size integer, after text, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    size constant integer := COALESCE(page_size, 50);
    list constant jsonb := jsonb_build_array('orders', customer_id, user_id);
    place constant jsonb := customer_identity.read_cursor(list, after, 'timestamptz', 'text');
    queries text;
    items jsonb[];
    places jsonb[];
BEGIN
    PERFORM customer_identity.require_page_size(size);
    PERFORM customer_identity.require_order_place(place, customers);
    SELECT string_agg(
        customer_identity.orders_query(customers, o, customer_identity.order_condition(o, users, user_id), place),
        ' UNION ALL ')
    INTO queries
    FROM customer_identity.attachments_of(customers) AS o
    WHERE o.kind = 'orders';
    IF queries IS NOT NULL THEN
        EXECUTE format(
            'SELECT array_agg(p.item), array_agg(jsonb_build_object(''key'', p.at, ''table'', p.relation, ''id'', p.id))'
            ' FROM (SELECT * FROM (%s) AS t ORDER BY t.at DESC NULLS LAST, t.relation, t.place LIMIT $4) AS p', queries)
            INTO items, places
            USING customer_id, user_id, place, size + 1;
    END IF;
    RETURN customer_identity.page_of(items, size, customer_identity.write_cursor(list, places[size]));
END
$$;
COMMENT ON FUNCTION order_page(uuid, regclass, text, integer, text, regclass) IS
    'A page of the orders of a customer and a user, with the rights of its caller';

CREATE FUNCTION customer_orders_as_owner(customer_id uuid, page_size integer, after text, customers regclass)
    RETURNS jsonb
    LANGUAGE sql STABLE
RETURN order_page(customer_id, NULL, NULL, page_size, after, customers);
COMMENT ON FUNCTION customer_orders_as_owner(uuid, integer, text, regclass) IS
    'customer_orders as the owner of the book';
REVOKE EXECUTE ON FUNCTION customer_orders_as_owner(uuid, integer, text, regclass) FROM PUBLIC;

CREATE FUNCTION customer_orders(
    customer_id uuid, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE c STABLE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION customer_orders(uuid, integer, text, regclass) IS
    'A page of a customer''s orders, of every login and attached table, the newest first: items and the cursor of the next page';
REVOKE EXECUTE ON FUNCTION customer_orders(uuid, integer, text, regclass) FROM PUBLIC;

-- The same id in two users tables would be two people.
CREATE FUNCTION find_user(user_id text, customers regclass, OUT users regclass, OUT customer_id uuid)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET row_security = off
AS $$
DECLARE
    attached customer_identity.attachments;
    key_type regtype;
    found_customer uuid;
    is_found boolean;
BEGIN
    FOR attached IN
        SELECT u.* FROM customer_identity.attachments_of(customers) AS u WHERE u.kind = 'users'
    LOOP
        key_type := customer_identity.column_type(attached.attached, attached.key_column);
        CONTINUE WHEN NOT customer_identity.is_value(key_type, user_id);
        EXECUTE format('SELECT u.%I, true FROM %s AS u WHERE u.%I = %L::%s',
            attached.customer_column, attached.attached, attached.key_column, user_id,
            customer_identity.type_name(key_type))
            INTO found_customer, is_found;
        CONTINUE WHEN is_found IS NULL;
        IF users IS NOT NULL THEN
            RAISE EXCEPTION 'the user''s id is in several users tables'
                USING ERRCODE = 'CI006', DETAIL = format('It is in %s and in %s.', users, attached.attached),
                    HINT = 'Ids have to differ among the users tables of a book.';
        END IF;
        users := attached.attached;
        customer_id := found_customer;
    END LOOP;
END
$$;
COMMENT ON FUNCTION find_user(text, regclass) IS
    'The users table that has a user, and the user''s customer; CI006 when there are several';

CREATE FUNCTION visible_orders_as_owner(user_id text, page_size integer, after text, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_user constant record := customer_identity.find_user(user_id, customers);
    seen constant uuid := CASE
        WHEN customer_identity.can_see_customer(user_id, found_user.customer_id, customers) THEN found_user.customer_id
    END;
BEGIN
    RETURN customer_identity.order_page(seen, found_user.users, user_id, page_size, after, customers);
END
$$;
COMMENT ON FUNCTION visible_orders_as_owner(text, integer, text, regclass) IS
    'visible_orders as the owner of the book';
REVOKE EXECUTE ON FUNCTION visible_orders_as_owner(text, integer, text, regclass) FROM PUBLIC;

CREATE FUNCTION visible_orders(
    user_id text, page_size integer DEFAULT 50, after text DEFAULT NULL, customers regclass DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE c STABLE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION visible_orders(text, integer, text, regclass) IS
    'A page of the orders that a user may see: the user''s own, and the customer''s where the user has proved the phone';
REVOKE EXECUTE ON FUNCTION visible_orders(text, integer, text, regclass) FROM PUBLIC;
CREATE FUNCTION editable_columns(customers regclass)
    RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.attname::text
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = '' AND a.attidentity <> 'a'
        AND (a.attname IN ('preferred_name', 'notes')
            OR a.attname NOT IN (SELECT c.name FROM customer_identity.customers_columns() AS c))
    ORDER BY a.attnum
$$;
COMMENT ON FUNCTION editable_columns(regclass) IS
    'The columns that update_customer may change: notes, preferred_name and the application''s own';

CREATE FUNCTION require_changes(changes jsonb, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refused text;
BEGIN
    IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'changes are not an object'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For instance {"notes": "calls before noon"}.';
    END IF;
    SELECT k.key INTO refused
    FROM jsonb_object_keys(changes) AS k (key)
    WHERE k.key NOT IN (SELECT e.name FROM customer_identity.editable_columns(customers) AS e (name))
    ORDER BY k.key
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column % cannot be changed', quote_ident(refused)
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('Allowed are: %s.', (SELECT string_agg(e.name, ', ') FROM customer_identity.editable_columns(customers) AS e (name)));
    END IF;
END
$$;
COMMENT ON FUNCTION require_changes(jsonb, regclass) IS
    'Raises 22023 for changes that update_customer may not make';

CREATE FUNCTION typed_columns(customers regclass, names text[])
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = ANY (names)
$$;
COMMENT ON FUNCTION typed_columns(regclass, text[]) IS
    'Columns of customers with their types, as jsonb_to_record takes them';

-- The column alone: a whole row would have to fit the domains of its other columns, too.
CREATE FUNCTION converted_value(customers regclass, column_name text, value jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    typed_column constant text := customer_identity.typed_columns(customers, ARRAY[column_name]);
    converted jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(n.%I) FROM jsonb_to_record(jsonb_build_object($1, $2)) AS n (%s)', column_name, typed_column)
        INTO converted
        USING column_name, value;
    RETURN COALESCE(converted, 'null');
EXCEPTION WHEN data_exception OR check_violation OR not_null_violation THEN
    RAISE EXCEPTION 'column % cannot hold that value', quote_ident(column_name)
        USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It says: %s.', SQLERRM),
            HINT = format('The column and its type: %s.', typed_column);
END
$$;
COMMENT ON FUNCTION converted_value(regclass, text, jsonb) IS
    'A value as a column of customers holds it; 22023 when it cannot';

CREATE FUNCTION changed_values(before jsonb, after jsonb)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(a.key, jsonb_build_object('old', before -> a.key, 'new', a.value))
    FROM jsonb_each(after) AS a
    WHERE before -> a.key IS DISTINCT FROM a.value
$$;
COMMENT ON FUNCTION changed_values(jsonb, jsonb) IS
    'The old and new values of what differs; NULL when nothing does';

-- Returns what became of the columns: triggers of the application may write something else, or nothing.
CREATE FUNCTION write_changes(customer_id uuid, changes jsonb, columns text[], customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written jsonb;
BEGIN
    -- They may take for granted that they find the tables beside customers.
    PERFORM set_config('search_path', format('pg_catalog, %s, pg_temp', c.relnamespace::regnamespace), true)
    FROM pg_class AS c
    WHERE c.oid = customers;
    -- On that path somebody else's functions and operators could fit better than the server's.
    EXECUTE format(
        'UPDATE %s AS c SET updated_at = GREATEST(pg_catalog.clock_timestamp(), c.updated_at OPERATOR(pg_catalog.+) interval ''1 microsecond''), %s'
        ' FROM pg_catalog.jsonb_to_record($2) AS n (%s) WHERE c.id OPERATOR(pg_catalog.=) $1',
        customer_identity.qualified_name(customers),
        (SELECT string_agg(format('%1$I = n.%1$I', k.name), ', ') FROM unnest(columns) AS k (name)),
        customer_identity.typed_columns(customers, columns))
        USING customer_id, changes;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format('SELECT to_jsonb(c.*) FROM %s AS c WHERE c.id = $1', customers)
        INTO written
        USING customer_id;
    RETURN (SELECT jsonb_object_agg(w.key, w.value) FROM jsonb_each(written) AS w WHERE w.key = ANY (columns));
END
$$;
COMMENT ON FUNCTION write_changes(uuid, jsonb, text[], regclass) IS
    'Updates columns of a customer and returns the values that they have then; NULL when a trigger deleted it';
REVOKE EXECUTE ON FUNCTION write_changes(uuid, jsonb, text[], regclass) FROM PUBLIC;

CREATE FUNCTION update_customer_as_owner(
    customer_id uuid, changes jsonb, expected_updated_at timestamptz, actor text, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before jsonb;
    is_stale boolean;
    wanted jsonb;
    written jsonb;
    changed jsonb;
BEGIN
    PERFORM customer_identity.require_changes(changes, customers);
    EXECUTE format(
        'SELECT to_jsonb(c.*), c.updated_at IS DISTINCT FROM $2::%s FROM %s AS c WHERE c.id = $1 FOR NO KEY UPDATE',
        customer_identity.column_type(customers, 'updated_at'), customers)
        INTO before, is_stale
        USING customer_id, expected_updated_at;
    IF before IS NULL THEN
        RAISE EXCEPTION 'there is no such customer'
            USING ERRCODE = 'no_data_found', HINT = 'It may have been deleted, or merged into another one.';
    END IF;
    IF expected_updated_at IS NOT NULL AND is_stale THEN
        RAISE EXCEPTION 'the row changed since it was read'
            USING ERRCODE = 'CI004', HINT = 'Read the customer again, and pass its updated_at as it was returned, with microseconds.';
    END IF;
    SELECT jsonb_object_agg(c.key, customer_identity.converted_value(customers, c.key, c.value)) INTO wanted
    FROM jsonb_each(changes) AS c;
    changed := customer_identity.changed_values(before, wanted);
    IF changed IS NOT NULL THEN
        written := customer_identity.write_changes(
            customer_id, changes, ARRAY(SELECT k.key FROM jsonb_object_keys(changed) AS k (key)), customers);
        changed := customer_identity.changed_values(before, written);
    END IF;
    IF changed IS NOT NULL THEN
        PERFORM customer_identity.write_event(customers, customer_id, 'edited', changed, actor);
    END IF;
    RETURN customer_identity.details_of(customer_id, customers);
END
$$;
COMMENT ON FUNCTION update_customer_as_owner(uuid, jsonb, timestamptz, text, regclass) IS
    'update_customer as the owner of the book';
REVOKE EXECUTE ON FUNCTION update_customer_as_owner(uuid, jsonb, timestamptz, text, regclass) FROM PUBLIC;

CREATE FUNCTION update_customer(
    customer_id uuid,
    changes jsonb,
    expected_updated_at timestamptz DEFAULT NULL,
    actor text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS jsonb
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'call_as_book_owner';
COMMENT ON FUNCTION update_customer(uuid, jsonb, timestamptz, text, regclass) IS
    'Changes notes, preferred_name and the application''s own columns, with an event in the history. CI004 when updated_at is not the expected one. Returns what customer_details returns';
REVOKE EXECUTE ON FUNCTION update_customer(uuid, jsonb, timestamptz, text, regclass) FROM PUBLIC;
CREATE TYPE setup_finding AS (
    severity text,
    object text,
    finding text,
    what_to_do text
);
COMMENT ON TYPE setup_finding IS
    'What check_setup() found: severity (error, warning, info), object, finding and what to do about it';

CREATE FUNCTION check_session(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'error', 'session', 'session_replication_role is replica: no trigger of ours fires',
        'SET session_replication_role = origin;'
    WHERE current_setting('session_replication_role') = 'replica'
    UNION ALL
    SELECT 'error', 'setting customer_identity.default_region',
        format('%L is not a region: phones without a region of their own are not read',
            current_setting('customer_identity.default_region')),
        'Set an ISO 3166 code of two letters, such as GB (not UK), or nothing.'
    WHERE claim_problem('0', NULL) = 'unknown_region'
    UNION ALL
    SELECT 'info', 'event trigger customer_identity_follow_renames',
        'it is missing or disabled: a renamed column makes the next statement fail with CI007',
        'As a superuser: ALTER EVENT TRIGGER customer_identity_follow_renames ENABLE;'
    WHERE NOT EXISTS (
        SELECT FROM pg_event_trigger AS e
        WHERE e.evtname = 'customer_identity_follow_renames' AND e.evtenabled IN ('O', 'A')
    );
END;
COMMENT ON FUNCTION check_session(regclass) IS
    'Findings of check_setup() about the session and the database';

-- Whoever may change the history can make it say anything.
CREATE FUNCTION check_history(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    detail text;
    events text;
    schema_name text;
BEGIN
    SELECT n.nspname INTO schema_name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = customers;
    BEGIN
        events := customer_identity.companion_of(customers, 'customer_events');
    EXCEPTION WHEN SQLSTATE 'CI003' THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        RETURN NEXT ROW('warning', format('%I.customer_events', schema_name), detail || ' No history is kept.',
            format('SELECT customer_identity.create_tables(%L);', schema_name))::customer_identity.setup_finding;
        RETURN;
    END;
    IF NOT customer_identity.keeps_history(customers) THEN
        RETURN NEXT ROW('warning', events,
            'No history is kept: a column customer_id, event, details or actor is missing or of another type, or it has a rule, or another column is NOT NULL without a default',
            format('Make it as the reference describes it, or: ALTER TABLE %s RENAME TO ...; SELECT customer_identity.create_tables(%L);',
                events, schema_name))::customer_identity.setup_finding;
    END IF;
    RETURN QUERY
    SELECT 'warning', events,
        format('role %s may change the history: %s', g.name, string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type)),
        format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %s;', events, g.name)
    FROM (
        SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS name
        FROM pg_class AS c
        CROSS JOIN LATERAL aclexplode(c.relacl) AS a
        WHERE c.oid = events::regclass AND a.grantee <> c.relowner
            AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
    ) AS g
    GROUP BY g.name;
END
$$;
COMMENT ON FUNCTION check_history(regclass) IS
    'Findings of check_setup() about customer_events';

CREATE FUNCTION check_book(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    detail text;
    hint text;
    companion text;
    schema_name text;
    unusable bigint;
BEGIN
    BEGIN
        PERFORM customer_identity.check_customers(customers);
    EXCEPTION WHEN SQLSTATE 'CI003' THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        RETURN NEXT ROW('error', customers::text, detail, hint)::customer_identity.setup_finding;
        RETURN;
    END;
    SELECT n.nspname INTO schema_name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = customers;
    FOREACH companion IN ARRAY '{phone_proofs,loyalty_entries}'::text[] LOOP
        BEGIN
            PERFORM customer_identity.companion_of(customers, companion);
        EXCEPTION WHEN SQLSTATE 'CI003' THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            RETURN NEXT ROW('error', format('%I.%I', schema_name, companion), detail,
                format('SELECT customer_identity.create_tables(%L);', schema_name))::customer_identity.setup_finding;
        END;
    END LOOP;
    RETURN QUERY SELECT * FROM customer_identity.check_history(customers);
    RETURN QUERY
    SELECT 'warning', customers::text,
        format('column total_spent is %s: a larger total would refuse the order', format_type(a.atttypid, a.atttypmod)),
        format('ALTER TABLE %s ALTER COLUMN total_spent TYPE numeric;', customers)
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attname = 'total_spent' AND a.atttypmod >= 0;
    RETURN QUERY
    SELECT 'error', customers::text,
        format('column %I is NOT NULL without a default: no customer can be made', a.attname),
        format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', customers, a.attname)
    FROM pg_attribute AS a
    WHERE a.attrelid = customers AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attname <> 'phone';
    EXECUTE format($sql$SELECT count(*) FROM (SELECT FROM %s WHERE phone !~ '^[+][1-9][0-9]{1,18}$' LIMIT 10000) AS c$sql$, customers)
        INTO unusable;
    IF unusable > 0 THEN
        RETURN NEXT ROW('error', customers::text, format('phones that are not E.164, by which nobody is found: %s', unusable),
            format('UPDATE %s SET phone = customer_identity.normalize_phone(phone, region) ...; merge the duplicates it reports.', customers))::customer_identity.setup_finding;
    END IF;
END
$$;
COMMENT ON FUNCTION check_book(regclass) IS
    'Findings of check_setup() about customers and its companions';

-- Every column that the triggers of a table name, and what they are for.
CREATE FUNCTION named_columns(attached attachments)
    RETURNS TABLE (relation regclass, column_name text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT attached.attached, c.name
    FROM unnest(attached.phone_columns || ARRAY[
        attached.customer_column, attached.key_column, attached.verified_column, attached.name_column,
        attached.region_column, attached.user_column, attached.amount_column, attached.status_column,
        attached.payment_column]) AS c (name)
    WHERE c.name IS NOT NULL;
END;
COMMENT ON FUNCTION named_columns(attachments) IS
    'The columns that the triggers of a table name';

CREATE FUNCTION expected_triggers(kind text)
    RETURNS SETOF text
    LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT t.name
    FROM (VALUES
        ('users', 'customer_identity_link'),
        ('users', 'customer_identity_linked'),
        ('orders', 'customer_identity_attach'),
        ('orders', 'customer_identity_totals_insert'),
        ('orders', 'customer_identity_totals_update'),
        ('orders', 'customer_identity_totals_delete'),
        ('orders', 'customer_identity_totals_truncate')
    ) AS t (kind, name)
    WHERE t.kind = expected_triggers.kind;
END;
COMMENT ON FUNCTION expected_triggers(text) IS
    'The triggers that attach a table of a kind';

-- Tables that carry any trigger of ours for this book, even where others were dropped.
CREATE FUNCTION check_triggers(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH roots AS (
        SELECT DISTINCT COALESCE(pg_partition_root(t.attached), t.attached) AS root,
            CASE WHEN t.function = 'link_user' THEN 'users' ELSE 'orders' END AS kind
        FROM attached_triggers AS t
        WHERE t.customers = check_triggers.customers
            AND has_table_privilege(t.owner, t.customers, 'UPDATE')
    ),
    expected AS (
        SELECT r.root, r.kind, p.p AS relation, e.name
        FROM roots AS r
        CROSS JOIN LATERAL partitions_of(r.root) AS p
        CROSS JOIN LATERAL expected_triggers(r.kind) AS e (name)
    )
    SELECT 'error', e.relation::text,
        CASE
            WHEN t.tgname IS NOT NULL THEN format('trigger %I is disabled', e.name)
            WHEN e.relation <> e.root THEN format('the partition has no trigger %I', e.name)
            ELSE format('trigger %I is missing', e.name)
        END,
        CASE
            WHEN t.tgname IS NOT NULL THEN format('ALTER TABLE %s ENABLE TRIGGER %I;', e.relation, e.name)
            WHEN e.name = 'customer_identity_attach' THEN
                format('SELECT %s; or, where it shall no longer count, SELECT customer_identity.detach(%L);',
                    attach_call(e.root), e.root::text)
            ELSE format('SELECT %s;', attach_call(e.root))
        END
    FROM expected AS e
    LEFT JOIN pg_trigger AS t ON t.tgrelid = e.relation AND t.tgname = e.name
    WHERE t.tgname IS NULL OR t.tgenabled IN ('D', 'R')
    ORDER BY e.relation::text, e.name;
END;
COMMENT ON FUNCTION check_triggers(regclass) IS
    'Findings of check_setup() about missing and disabled triggers';

CREATE FUNCTION check_columns(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', a.attached::text,
        format('column %I, which the triggers name, was renamed or dropped', n.column_name),
        format('Put the present name into: SELECT %s;', attach_call(a.attached))
    FROM attachments_of(customers) AS a
    CROSS JOIN LATERAL named_columns(a) AS n
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute AS c
        WHERE c.attrelid = n.relation AND c.attname = n.column_name AND NOT c.attisdropped
    )
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I is NOT NULL: a row without a readable phone is refused', a.customer_column),
        format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', a.attached, a.customer_column)
    FROM attachments_of(customers) AS a
    JOIN pg_attribute AS c ON c.attrelid = a.attached AND c.attname = a.customer_column
    WHERE c.attnotnull
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I has no foreign key to %s', a.customer_column, a.customers),
        format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (id) ON DELETE SET NULL;',
            a.attached, a.customer_column, a.customers)
    FROM attachments_of(customers) AS a
    WHERE NOT has_reference(a.attached, a.customer_column, a.customers)
    UNION ALL
    SELECT 'warning', k.conrelid::regclass::text,
        format('foreign key %I is deferrable: an order may come before its customer and miss the totals', k.conname),
        format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE;', k.conrelid::regclass, k.conname)
    FROM attachments_of(customers) AS a
    JOIN pg_constraint AS k ON k.conrelid = a.attached AND k.confrelid = a.customers
    WHERE k.contype = 'f' AND k.condeferrable AND k.conparentid = 0
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I has no index', i.name),
        format('CREATE INDEX CONCURRENTLY ON %s (%I);', a.attached, i.name)
    FROM attachments_of(customers) AS a
    JOIN pg_class AS c ON c.oid = a.attached
    CROSS JOIN LATERAL (VALUES (a.customer_column, 0), (a.user_column, 10000)) AS i (name, rows_to_matter)
    WHERE i.name IS NOT NULL AND NOT has_index_on(a.attached, i.name) AND c.reltuples >= i.rows_to_matter - 1;
END;
COMMENT ON FUNCTION check_columns(regclass) IS
    'Findings of check_setup() about columns, foreign keys and indexes';

CREATE FUNCTION check_users_of_orders(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', k.conrelid::regclass::text,
        format('foreign key %I keeps a user with orders from being deleted', k.conname),
        format('ALTER TABLE %s DROP CONSTRAINT %I, ADD FOREIGN KEY (%I) REFERENCES %s ON DELETE SET NULL;',
            k.conrelid::regclass, k.conname, a.user_column, k.confrelid::regclass)
    FROM attachments_of(customers) AS a
    JOIN pg_constraint AS k ON k.conrelid = a.attached AND k.contype = 'f' AND k.conparentid = 0
    JOIN pg_attribute AS c ON c.attrelid = k.conrelid AND c.attnum = k.conkey[1]
    WHERE a.kind = 'orders' AND c.attname = a.user_column
        AND (k.confdeltype IN ('a', 'r') OR (k.confdeltype = 'n' AND c.attnotnull))
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('its users table is not known: an order is attached by its own phone only'),
        format('SELECT %s; with users => ''...'' added', attach_call(a.attached))
    FROM attachments_of(customers) AS a
    WHERE a.kind = 'orders' AND a.user_column IS NOT NULL AND a.users IS NULL
        AND EXISTS (SELECT FROM attachments_of(customers) AS u WHERE u.kind = 'users');
END;
COMMENT ON FUNCTION check_users_of_orders(regclass) IS
    'Findings of check_setup() about what joins orders to users';

CREATE FUNCTION user_has_customer(attached attachments)
    RETURNS text
    LANGUAGE sql STABLE
RETURN COALESCE(
    (
        SELECT format('EXISTS (SELECT FROM %s AS u WHERE %s AND u.%I IS NOT NULL)',
            u.attached, user_condition(user_has_customer.attached), u.customer_column)
        FROM attachments AS u
        WHERE u.attached = attached.users AND u.kind = 'users' AND attached.user_column IS NOT NULL
    ),
    'false'
);
COMMENT ON FUNCTION user_has_customer(attachments) IS
    'The condition that the user of an order r has a customer';

-- Looks at ten thousand rows of a table at the most: one may hold millions.
CREATE FUNCTION check_rows(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached customer_identity.attachments;
    readable bigint;
    unreadable bigint;
BEGIN
    FOR attached IN SELECT a.* FROM customer_identity.attachments_of(customers) AS a LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM customer_identity.named_columns(attached) AS n
            WHERE NOT EXISTS (
                SELECT FROM pg_attribute AS c
                WHERE c.attrelid = n.relation AND c.attname = n.column_name AND NOT c.attisdropped
            )
        );
        EXECUTE format($sql$
            SELECT count(*) FILTER (WHERE r.readable), count(*) FILTER (WHERE NOT r.readable)
            FROM (
                SELECT %5$s OR (
                    SELECT bool_or(customer_identity.claimed_phone(c.raw, %3$s) IS NOT NULL)
                    FROM (%2$s) AS c (n, raw)
                    WHERE c.raw IS NOT NULL
                ) AS readable
                FROM %1$s AS r
                WHERE r.%4$I IS NULL
                LIMIT 10000
            ) AS r
            $sql$,
            attached.attached, customer_identity.claims_query(attached),
            customer_identity.region_expression(attached), attached.customer_column,
            customer_identity.user_has_customer(attached))
            INTO readable, unreadable;
        IF readable > 0 THEN
            RETURN NEXT ROW('warning', attached.attached::text,
                format('rows that could have a customer and have none: %s', readable),
                format('CALL customer_identity.backfill(%L);', attached.attached::text))::customer_identity.setup_finding;
        END IF;
        IF unreadable > 0 THEN
            RETURN NEXT ROW('info', attached.attached::text,
                format('rows with a phone that cannot be read and no customer: %s', unreadable),
                format('SELECT * FROM customer_identity.phone_problems(%L);', attached.attached::text))::customer_identity.setup_finding;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION check_rows(regclass) IS
    'Findings of check_setup() about rows without a customer';

CREATE FUNCTION check_sms_as_owner(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'warning', 'setting customer_identity.sms_countries',
        'codes were asked for and are sent to no country: it is empty, and so is customer_identity.default_region',
        'As a superuser: ALTER DATABASE ... SET customer_identity.sms_countries = ''GB,IE'';'
    WHERE sms_countries() IS NULL AND EXISTS (SELECT FROM verification_events AS e WHERE e.bucket = 'unsupported')
    UNION ALL
    SELECT 'warning', 'messages', format('codes that nobody has tried to send for more than a minute: %s', count(*)),
        'SELECT customer_identity.start_sms_worker(); or name the database in customer_identity.sms_databases, or send them with claim_messages().'
    FROM sms_messages AS m
    WHERE m.status = 'pending' AND m.attempts = 0 AND m.created_at < now() - interval '1 minute' AND m.expires_at > now()
    HAVING count(*) > 0
    UNION ALL
    SELECT 'warning', 'messages', format('codes that could not be sent within the last hour: %s', count(*)),
        'SELECT ended_at, error FROM customer_identity.sms_messages WHERE status = ''failed'';'
    FROM sms_messages AS m
    WHERE m.status = 'failed' AND m.ended_at > now() - interval '1 hour'
    HAVING count(*) > 0;
END;
COMMENT ON FUNCTION check_sms_as_owner(regclass) IS
    'check_sms as the owner of its tables';
REVOKE EXECUTE ON FUNCTION check_sms_as_owner(regclass) FROM PUBLIC;

CREATE FUNCTION check_sms(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE c STABLE
    AS 'MODULE_PATHNAME', 'call_as_owner';
COMMENT ON FUNCTION check_sms(regclass) IS
    'Findings of check_setup() about verification by SMS';

CREATE FUNCTION findings_of(customers regclass)
    RETURNS SETOF setup_finding
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT * FROM check_session(customers)
    UNION ALL
    SELECT * FROM check_book(customers)
    UNION ALL
    SELECT * FROM check_triggers(customers)
    UNION ALL
    SELECT * FROM check_columns(customers)
    UNION ALL
    SELECT * FROM check_users_of_orders(customers)
    UNION ALL
    SELECT * FROM check_rows(customers)
    UNION ALL
    SELECT * FROM check_sms(customers);
END;
COMMENT ON FUNCTION findings_of(regclass) IS
    'check_setup for a book that is named';

CREATE FUNCTION check_setup(customers regclass DEFAULT NULL)
    RETURNS TABLE (severity text, object text, finding text, what_to_do text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT * FROM findings_of(book(customers));
END;
COMMENT ON FUNCTION check_setup(regclass) IS
    'What is wrong with a book and the tables attached to it, and what to do about it; no row means all is well';

CREATE FUNCTION follow_renames()
    RETURNS event_trigger
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'follow_renames';
COMMENT ON FUNCTION follow_renames() IS
    'Event trigger: rewrites the arguments of our triggers when a column, table or schema they name is renamed';
REVOKE EXECUTE ON FUNCTION follow_renames() FROM PUBLIC;

-- Only a superuser may make an event trigger; a trusted installation runs as one.
DO $$
BEGIN
    CREATE EVENT TRIGGER customer_identity_follow_renames ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER SCHEMA')
        EXECUTE FUNCTION customer_identity.follow_renames();
    COMMENT ON EVENT TRIGGER customer_identity_follow_renames IS
        'Keeps the arguments of customer_identity''s triggers in step with renamed columns and tables';
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'renamed columns will not be followed: only a superuser can create the event trigger';
END
$$;

-- A trusted installation leaves the functions to the bootstrap superuser: who installs may use them all
-- and pass the right on.
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity TO @extowner@ WITH GRANT OPTION;
