CREATE FUNCTION customer_identity_internal.trigger_arguments(arguments bytea)
    RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'trigger_arguments';
COMMENT ON FUNCTION customer_identity_internal.trigger_arguments(bytea) IS
    'pg_trigger.tgargs as an array';

CREATE FUNCTION customer_identity_internal.table_of_argument(name text)
    RETURNS regclass
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'table_of_argument';
COMMENT ON FUNCTION customer_identity_internal.table_of_argument(text) IS
    'The table that a trigger argument names; NULL, never an error, when there is none';

CREATE FUNCTION customer_identity_internal.argument_values(arguments text[], key text)
    RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'argument_values';
COMMENT ON FUNCTION customer_identity_internal.argument_values(text[], text) IS
    'Every value of a key among key=value arguments, in order';

CREATE FUNCTION customer_identity_internal.argument_value(arguments text[], key text)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (customer_identity_internal.argument_values(arguments, key))[1];
COMMENT ON FUNCTION customer_identity_internal.argument_value(text[], text) IS
    'First value of a key among key=value arguments';

CREATE FUNCTION customer_identity_internal.base_type(type regtype)
    RETURNS regtype
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'base_type';
COMMENT ON FUNCTION customer_identity_internal.base_type(regtype) IS
    'The type below any domains';

CREATE FUNCTION customer_identity_internal.type_name(type regtype)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'type_name';
COMMENT ON FUNCTION customer_identity_internal.type_name(regtype) IS
    'The quoted and qualified name of a type, without a length';

CREATE FUNCTION customer_identity_internal.as_text(value anyelement)
    RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'as_text';
COMMENT ON FUNCTION customer_identity_internal.as_text(anyelement) IS
    'A value of a row as the triggers read it, whatever casts its type has';

CREATE FUNCTION customer_identity_internal.attach_call(attached regclass)
    RETURNS text
    LANGUAGE c STABLE STRICT
    AS 'MODULE_PATHNAME', 'attach_call';
COMMENT ON FUNCTION customer_identity_internal.attach_call(regclass) IS
    'The attach_users or attach_orders call that the triggers of a table stand for';

-- Triggers of ours that were put on a table itself, not copied to a partition.
CREATE VIEW customer_identity_internal.attached_triggers AS
    SELECT
        t.oid AS trigger_id,
        t.tgrelid::regclass AS attached,
        t.tgname AS name,
        p.proname AS function,
        t.tgtype AS type,
        t.tgenabled AS enabled,
        customer_identity_internal.trigger_arguments(t.tgargs) AS arguments,
        customer_identity_internal.table_of_argument(customer_identity_internal.argument_value(customer_identity_internal.trigger_arguments(t.tgargs), 'customers')) AS customers,
        c.relowner AS owner
    FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE t.tgfoid IN ('customer_identity.link_user()'::regprocedure, 'customer_identity.attach_order()'::regprocedure, 'customer_identity.maintain_totals()'::regprocedure)
        AND t.tgparentid = 0
        -- Nobody's view: its query would run as whoever reads it.
        AND c.relkind IN ('r', 'p')
        -- An older snapshot still shows a table that has just been dropped.
        AND pg_table_is_visible(t.tgrelid) IS NOT NULL;
COMMENT ON VIEW customer_identity_internal.attached_triggers IS
    'The triggers that attach tables, with their arguments';
GRANT SELECT ON customer_identity_internal.attached_triggers TO PUBLIC;

CREATE VIEW customer_identity.attachments AS
    SELECT
        link.attached,
        'users' AS kind,
        link.customers,
        COALESCE(customer_identity_internal.argument_value(link.arguments, 'customer'), 'customer_id') AS customer_column,
        customer_identity_internal.argument_value(link.arguments, 'key') AS key_column,
        customer_identity_internal.argument_values(link.arguments, 'phone') AS phone_columns,
        customer_identity_internal.argument_value(link.arguments, 'verified') AS verified_column,
        customer_identity_internal.argument_value(link.arguments, 'name') AS name_column,
        customer_identity_internal.argument_value(link.arguments, 'region') AS region_column,
        NULL::regclass AS users,
        NULL::text AS user_column,
        NULL::text AS amount_column,
        NULL::text AS status_column,
        NULL::text[] AS counted_statuses,
        NULL::numeric AS points_per_unit,
        NULL::text AS payment_column,
        NULL::text[] AS cod_values,
        NULL::text AS timing
    FROM customer_identity_internal.attached_triggers AS link
    WHERE link.function = 'link_user' AND link.type & 2 = 2
    UNION ALL
    SELECT
        attach.attached,
        'orders',
        attach.customers,
        COALESCE(customer_identity_internal.argument_value(attach.arguments, 'customer'), 'customer_id'),
        NULL,
        customer_identity_internal.argument_values(attach.arguments, 'phone'),
        NULL,
        NULL,
        customer_identity_internal.argument_value(attach.arguments, 'region'),
        customer_identity_internal.table_of_argument(customer_identity_internal.argument_value(attach.arguments, 'users')),
        customer_identity_internal.argument_value(attach.arguments, 'user'),
        COALESCE(customer_identity_internal.argument_value(totals.arguments, 'amount'), 'total'),
        customer_identity_internal.argument_value(totals.arguments, 'status'),
        customer_identity_internal.argument_values(totals.arguments, 'counted'),
        CASE
            WHEN COALESCE(customer_identity_internal.argument_value(totals.arguments, 'points_per_unit'), '1') ~ '^-?[0-9]+([.][0-9]+)?$'
                THEN COALESCE(customer_identity_internal.argument_value(totals.arguments, 'points_per_unit'), '1')::numeric
        END,
        customer_identity_internal.argument_value(attach.arguments, 'payment'),
        customer_identity_internal.argument_values(attach.arguments, 'cod'),
        COALESCE(customer_identity_internal.argument_value(totals.arguments, 'timing'), 'statement')
    FROM customer_identity_internal.attached_triggers AS attach
    LEFT JOIN LATERAL (
        SELECT t.arguments
        FROM customer_identity_internal.attached_triggers AS t
        WHERE t.attached = attach.attached AND t.function = 'maintain_totals'
        ORDER BY t.name
        LIMIT 1
    ) AS totals ON true
    WHERE attach.function = 'attach_order' AND attach.type & 2 = 2;
COMMENT ON VIEW customer_identity.attachments IS
    'What is attached to which book, with every setting; read from the triggers'' arguments';
GRANT SELECT ON customer_identity.attachments TO PUBLIC;

-- Anybody can put our triggers on a table of his own and name this book in them. Only tables whose
-- owner may write to the book are part of it.
CREATE FUNCTION customer_identity_internal.attachments_of(customers regclass)
    RETURNS SETOF customer_identity.attachments
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.*
    FROM customer_identity.attachments AS a
    JOIN pg_class AS c ON c.oid = a.attached
    WHERE a.customers = attachments_of.customers
        AND has_table_privilege(c.relowner, a.customers, 'UPDATE')
        -- What they are read for runs with the rights of the book's owner: no query of a view, no cast of a type.
        AND c.relkind IN ('r', 'p')
        AND NOT EXISTS (
            SELECT FROM pg_attribute AS k
            WHERE k.attrelid = a.attached AND k.attname = a.customer_column AND NOT k.attisdropped
                AND customer_identity_internal.base_type(k.atttypid) <> 'uuid'::regtype
        );
END;
COMMENT ON FUNCTION customer_identity_internal.attachments_of(regclass) IS
    'The tables that feed a book';

CREATE FUNCTION customer_identity_internal.partitions_of(relation regclass)
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
COMMENT ON FUNCTION customer_identity_internal.partitions_of(regclass) IS
    'A table and all its partitions that are ordinary tables';

-- A query may read two tables of one owner as that owner. What another owner's table holds is asked for through a
-- function that acts as that owner: nobody's policy, cast, domain or index expression runs as somebody else.
CREATE FUNCTION customer_identity_internal.have_one_owner(relation regclass, other regclass)
    RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT count(DISTINCT c.relowner) = 1 FROM pg_class AS c WHERE c.oid IN (relation, other));
END
$$;
COMMENT ON FUNCTION customer_identity_internal.have_one_owner(regclass, regclass) IS
    'Whether two tables belong to the same role';
