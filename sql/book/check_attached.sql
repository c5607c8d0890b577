CREATE FUNCTION customer_identity_internal.check_columns(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', a.attached::text,
        CASE
            WHEN n.relation = a.attached THEN format('column %I, which the triggers name, was renamed or dropped', n.column_name)
            ELSE format('column %I of %s, which the triggers name, was renamed or dropped', n.column_name, n.relation)
        END,
        format('Use the current name in: SELECT %s;', customer_identity_internal.attach_call(n.relation))
            || CASE WHEN n.relation <> a.attached THEN format(' SELECT %s;', customer_identity_internal.attach_call(a.attached)) ELSE '' END
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.named_columns(a) AS n
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute AS c
        WHERE c.attrelid = n.relation AND c.attname = n.column_name AND NOT c.attisdropped
    )
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I is NOT NULL: a row without a readable phone is refused', a.customer_column),
        format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL;', a.attached, a.customer_column)
    FROM unnest(attachments) AS a
    JOIN pg_attribute AS c ON c.attrelid = a.attached AND c.attname = a.customer_column
    WHERE c.attnotnull AND NOT (a.kind = 'orders' AND customer_identity_internal.has_computed_ids(customers))
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I has no foreign key to %s', a.customer_column, a.customers),
        format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (id) ON DELETE SET NULL;',
            a.attached, a.customer_column, a.customers)
    FROM unnest(attachments) AS a
    WHERE NOT customer_identity_internal.has_reference(a.attached, a.customer_column, a.customers)
        AND NOT customer_identity_internal.has_computed_ids(a.customers)
    UNION ALL
    SELECT 'error', a.attached::text,
        format('column %I refers to %s: a row that has a customer is refused', a.customer_column, k.confrelid::regclass),
        format('ALTER TABLE %s DROP CONSTRAINT %I;', a.attached, k.conname)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.other_reference(a.attached, a.customer_column, a.customers) AS k
    WHERE k.oid IS NOT NULL
    UNION ALL
    SELECT 'warning', k.conrelid::regclass::text,
        format('foreign key %I is deferrable: an order can precede its customer and be missing from the totals', k.conname),
        format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE;', k.conrelid::regclass, k.conname)
    FROM unnest(attachments) AS a
    JOIN pg_constraint AS k ON k.conrelid = a.attached AND k.confrelid = a.customers
    WHERE k.contype = 'f' AND k.condeferrable AND k.conparentid = 0
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('column %I has no index', i.name),
        format('CREATE INDEX CONCURRENTLY ON %s (%I);', a.attached, i.name)
    FROM unnest(attachments) AS a
    JOIN pg_class AS c ON c.oid = a.attached
    CROSS JOIN LATERAL (VALUES (a.customer_column, 0), (a.user_column, 10000)) AS i (name, rows_to_matter)
    WHERE i.name IS NOT NULL AND NOT customer_identity_internal.has_index_on(a.attached, i.name) AND c.reltuples >= i.rows_to_matter - 1;
END;
COMMENT ON FUNCTION customer_identity_internal.check_columns(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about columns, foreign keys and indexes';

CREATE FUNCTION customer_identity_internal.check_users_of_orders(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', k.conrelid::regclass::text,
        format('foreign key %I blocks the deletion of users with orders', k.conname),
        format('ALTER TABLE %s DROP CONSTRAINT %I, ADD FOREIGN KEY (%I) REFERENCES %s (%I) ON DELETE SET NULL;',
            k.conrelid::regclass, k.conname, a.user_column, k.confrelid::regclass, t.attname)
    FROM unnest(attachments) AS a
    JOIN pg_constraint AS k ON k.conrelid = a.attached AND k.contype = 'f' AND k.conparentid = 0 AND cardinality(k.conkey) = 1
    JOIN pg_attribute AS t ON t.attrelid = k.confrelid AND t.attnum = k.confkey[1]
    JOIN pg_attribute AS c ON c.attrelid = k.conrelid AND c.attnum = k.conkey[1]
    WHERE a.kind = 'orders' AND c.attname = a.user_column
        AND (k.confdeltype IN ('a', 'r') OR (k.confdeltype = 'n' AND c.attnotnull))
    UNION ALL
    SELECT 'error', a.attached::text,
        format('its users table, %s, is gone: orders of users get no customer', n.users),
        format('Attach the orders with another one: SELECT %s; or bring it back and attach it; then CALL customer_identity.backfill(%L);',
            customer_identity_internal.attach_call(a.attached), a.attached::text)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.triggers_of(a.attached) AS t
    CROSS JOIN LATERAL customer_identity_internal.argument_value(t.arguments, 'users') AS n (users)
    WHERE customer_identity_internal.has_lost_users(a) AND t.function = 'attach_order'
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('its users table is unknown: orders are attached by their own phones only'),
        format('SELECT %s; with users => ''...'' added', customer_identity_internal.attach_call(a.attached))
    FROM unnest(attachments) AS a
    WHERE a.kind = 'orders' AND a.user_column IS NOT NULL AND a.users IS NULL
        AND EXISTS (SELECT FROM unnest(attachments) AS u WHERE u.kind = 'users')
        AND NOT customer_identity_internal.has_lost_users(a)
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('its users table, %s, is not attached: its users have no customers', a.users),
        format('SELECT customer_identity.attach_users(%L);', a.users::text)
    FROM unnest(attachments) AS a
    WHERE a.kind = 'orders' AND a.users IS NOT NULL AND NOT customer_identity_internal.has_logins(a);
END;
COMMENT ON FUNCTION customer_identity_internal.check_users_of_orders(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about what joins orders to users';

-- What is a key, and what a foreign key refers to, may have changed since the triggers were made.
CREATE FUNCTION customer_identity_internal.key_problem(attached customer_identity.attachments, OUT finding text, OUT what_to_do text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present text;
BEGIN
    IF attached.kind = 'users' THEN
        present := customer_identity_internal.require_key(attached.attached);
        finding := format('its key is %I, but proofs and history identify its users by %s',
            present, COALESCE(quote_ident(attached.key_column), 'none'));
    ELSIF customer_identity_internal.has_logins(attached) THEN
        present := customer_identity_internal.users_key_of(attached.attached, attached.user_column, attached.users);
        finding := format('column %I references %I of %s, but the triggers join it by %s',
            attached.user_column, present, attached.users, COALESCE(quote_ident(attached.users_key_column), 'none'));
    END IF;
    what_to_do := format('SELECT %s;', customer_identity_internal.attach_call(attached.attached));
    IF present = COALESCE(attached.key_column, attached.users_key_column) THEN
        finding := NULL;
    END IF;
EXCEPTION WHEN invalid_table_definition OR invalid_foreign_key OR ambiguous_column THEN
    GET STACKED DIAGNOSTICS finding = MESSAGE_TEXT, what_to_do = PG_EXCEPTION_HINT;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.key_problem(customer_identity.attachments) IS
    'Why the column that tells users apart, or that orders are joined to them by, is not the right one; NULL: it is';

-- key_problem() takes a millisecond, too long for a thousand tables. Most have the key that it would find.
CREATE FUNCTION customer_identity_internal.plain_keys(attachments customer_identity.attachments[])
    RETURNS TABLE (attached regclass, kind text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.attached, a.kind
    FROM unnest(attachments) AS a
    JOIN pg_index AS i ON i.indrelid = COALESCE(a.users, a.attached) AND i.indisprimary AND i.indnkeyatts = 1
    JOIN pg_attribute AS key ON key.attrelid = i.indrelid AND key.attnum = i.indkey[0]
        AND key.attname = COALESCE(a.users_key_column, a.key_column)
    WHERE a.kind = 'users' OR (
        SELECT count(*) = 1
            AND bool_and(k.conrelid = a.attached AND k.confrelid = a.users AND k.conkey = ARRAY[c.attnum] AND k.confkey = ARRAY[key.attnum])
        FROM pg_constraint AS k
        JOIN pg_attribute AS c ON c.attrelid = k.conrelid AND c.attnum = ANY (k.conkey)
        WHERE k.contype = 'f' AND k.conrelid IN (a.attached, a.users)
            AND c.attname = CASE k.conrelid WHEN a.attached THEN a.user_column ELSE a.users_key_column END
    );
END;
COMMENT ON FUNCTION customer_identity_internal.plain_keys(customer_identity.attachments[]) IS
    'Users that are told apart by their primary key, and orders that one foreign key joins to it';

CREATE FUNCTION customer_identity_internal.check_keys(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'error', a.attached::text, p.finding, p.what_to_do
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.key_problem(a) AS p
    WHERE (a.attached, a.kind) NOT IN (SELECT k.attached, k.kind FROM customer_identity_internal.plain_keys(attachments) AS k)
        AND customer_identity_internal.hold_table(a.attached)
        AND p.finding IS NOT NULL;
END;
COMMENT ON FUNCTION customer_identity_internal.check_keys(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about keys of users and foreign keys of orders';

CREATE FUNCTION customer_identity_internal.check_heirs(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
BEGIN ATOMIC
    SELECT 'error', h.heir::text,
        format('it inherits from %s and is not attached: its rows are not %s', a.attached,
            CASE a.kind WHEN 'users' THEN 'linked' ELSE 'counted, and changing them through that table corrupts the totals' END),
        CASE a.kind
            WHEN 'users' THEN format('ALTER TABLE %s NO INHERIT %s; or move its rows into a partitioned table.', h.heir, h.parent)
            ELSE format('SELECT %s; with this table''s name instead; or ALTER TABLE %s NO INHERIT %s;',
                customer_identity_internal.attach_call(a.attached), h.heir, h.parent)
        END
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.heirs_of(a.attached) AS h
    WHERE NOT EXISTS (
        SELECT
        FROM customer_identity_internal.feeding_setups(h.heir, customers) AS own
        WHERE own.kind = a.kind
    )
    UNION ALL
    SELECT 'warning', a.attached::text,
        format('it inherits from %s, which is not attached: %s', p.ancestor,
            CASE a.kind WHEN 'users' THEN 'when its logins are changed through that table, proofs keep their former ids and earlier orders are not attached'
                ELSE 'changing its rows through that table corrupts the totals' END),
        format('ALTER TABLE %s NO INHERIT ...; or name %s in every statement that changes its rows.', a.attached, a.attached)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.ancestors_of(a.attached) AS p (ancestor)
    WHERE NOT EXISTS (
        SELECT
        FROM customer_identity_internal.feeding_setups(p.ancestor, customers) AS own
        WHERE own.kind = a.kind
    )
    UNION ALL
    SELECT DISTINCT 'error', t.heir::text,
        format('it inherits from %s and from %s, which are both attached: lists have its rows twice', LEAST(a.attached::text, t.other::text), GREATEST(a.attached::text, t.other::text)),
        format('ALTER TABLE %s NO INHERIT ...; or detach one of them.', t.heir)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.heirs_read_twice(a.attached, a.kind, customers) AS t
    UNION ALL
    SELECT DISTINCT 'error', u.heir::text,
        format('its orders are counted in another way than those of %s, from which it inherits: changing them through that table corrupts the totals', u.parent),
        format('SELECT customer_identity.detach(%L); SELECT customer_identity.detach(%L); and attach both again, the child first, with the same customers, amount, statuses, points_per_unit and timing.',
            u.parent::text, u.heir::text)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.unlike_heirs(a.attached) AS u
    WHERE a.kind = 'orders'
    UNION ALL
    SELECT DISTINCT 'error', u.heir::text,
        format('it inherits from %s, and both are attached as users: when its logins are changed through that table, proofs keep their former ids and earlier orders are not attached', u.ancestor),
        format('ALTER TABLE %s NO INHERIT %s; or detach one of them. Rows that were changed through %s: customer_identity.revoke_proof() ends proofs, backfill() links orders.',
            u.heir, u.parent, u.ancestor)
    FROM unnest(attachments) AS a
    CROSS JOIN LATERAL customer_identity_internal.users_that_inherit(a.attached) AS u
    WHERE a.kind = 'users';
END;
COMMENT ON FUNCTION customer_identity_internal.check_heirs(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about tables that inherit from attached ones';

CREATE FUNCTION customer_identity_internal.check_leaving_partitions(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', i.inhrelid::regclass::text,
        format('it is being detached from %s: until it has left nobody can be merged, split, exported or erased', i.inhparent::regclass),
        format('ALTER TABLE %s DETACH PARTITION %s FINALIZE; where DETACH ... CONCURRENTLY was cancelled.', i.inhparent::regclass, i.inhrelid::regclass)
    FROM pg_inherits AS i
    WHERE i.inhdetachpending AND COALESCE(pg_partition_root(i.inhparent), i.inhparent) IN (
        SELECT a.attached FROM unnest(attachments) AS a
        UNION ALL
        SELECT k.relation FROM customer_identity_internal.foreign_keys_to(customers) AS k);
END;
COMMENT ON FUNCTION customer_identity_internal.check_leaving_partitions(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about partitions that are being detached concurrently';

CREATE FUNCTION customer_identity_internal.check_unlogged(customers regclass, attachments customer_identity.attachments[])
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 'warning', p.oid::regclass::text,
        'it is UNLOGGED: a server crash empties it, but the totals keep its orders',
        format('ALTER TABLE %s SET LOGGED;', p.oid::regclass)
    FROM pg_class AS p
    JOIN pg_class AS c ON c.oid = customers
    WHERE p.oid = ANY (ARRAY(
            SELECT leaf.leaf::oid
            FROM unnest(attachments) AS a
            CROSS JOIN LATERAL customer_identity_internal.partitions_of(a.attached) AS leaf
            WHERE a.kind = 'orders'))
        AND p.relkind = 'r' AND p.relpersistence = 'u' AND c.relpersistence = 'p';
END;
COMMENT ON FUNCTION customer_identity_internal.check_unlogged(regclass, customer_identity.attachments[]) IS
    'Findings of check_setup() about orders that a crash empties';
