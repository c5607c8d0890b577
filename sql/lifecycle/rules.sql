-- A customer that has nothing left but its own history.
CREATE FUNCTION customer_identity_internal.is_empty_customer(customer_id uuid, customers regclass)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    customer constant jsonb := customer_identity_internal.customer_row(customer_id, customers);
BEGIN
    RETURN customer_identity_internal.phones_of(customer_id, customers) = '[]'
        AND COALESCE(btrim(customer ->> 'notes'), '') = ''
        AND NOT EXISTS (
            SELECT
            FROM customer_identity_internal.referencing_columns(customers) AS r
            JOIN pg_class AS c ON c.oid = r.relation
            WHERE NOT (c.relnamespace = (SELECT b.relnamespace FROM pg_class AS b WHERE b.oid = customers)
                    AND c.relname IN ('customer_events', 'customer_phones', 'phone_proofs'))
                AND customer_identity_internal.count_references(r.relation, r.column_name, customer_id, customers) > 0
        );
END
$$;
COMMENT ON FUNCTION customer_identity_internal.is_empty_customer(uuid, regclass) IS
    'Whether a customer has no phone, no notes, no points and no rows in any table any more';

CREATE FUNCTION customer_identity_internal.promote_alias(customer_id uuid, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    promoted text := customer_identity_internal.phones_of(customer_id, customers) ->> 0;
BEGIN
    IF promoted IS NOT NULL AND customer_identity_internal.customer_row(customer_id, customers) ->> 'phone' IS NULL THEN
        PERFORM customer_identity_internal.write_primary_phone(customer_id, promoted, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.promote_alias(uuid, regclass) IS
    'Makes a further phone of a customer without a primary one the primary one';

-- What came by the phone belongs to nobody any more.
CREATE FUNCTION customer_identity_internal.cut_links(holder uuid, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    nobody constant uuid := customer_identity_internal.move_to_new_holder(holder, phone, false, NULL::timestamptz, customers);
BEGIN
    IF nobody IS NOT NULL THEN
        PERFORM customer_identity_internal.move_references(a.attached, a.customer_column, nobody, NULL::uuid, NULL::jsonb, customers)
        FROM customer_identity_internal.attached_in_order(customers) AS a;
        PERFORM customer_identity_internal.delete_customer(nobody, customers);
    END IF;
    PERFORM customer_identity_internal.free_phone(customer_identity_internal.customer_row(holder, customers), phone, actor, reason, customers);
    PERFORM customer_identity_internal.promote_alias(holder, customers);
    PERFORM customer_identity.flush_totals(customers);
    IF customer_identity_internal.is_empty_customer(holder, customers) THEN
        PERFORM customer_identity_internal.delete_customer(holder, customers);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.cut_links(uuid, text, text, text, regclass) IS
    'Takes a phone, and all that rests on it alone, away from its customer, who goes when nothing else is left';

CREATE FUNCTION customer_identity_internal.require_rule(rule text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF rule NOT IN ('nobody', 'shared') THEN
        RAISE EXCEPTION 'there is no such rule'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Rules are nobody and shared; NULL takes a rule away.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_rule(text) IS
    'Raises 22023 for a rule that there is not';

CREATE FUNCTION customer_identity_internal.write_rule(phone text, rule text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rules constant text := customer_identity_internal.companion_of(customers, 'phone_rules');
BEGIN
    EXECUTE format('DELETE FROM %s AS r WHERE r.phone = $1', rules) USING phone;
    IF rule IS NOT NULL THEN
        EXECUTE format('INSERT INTO %s (phone, rule, actor, reason) VALUES ($1, $2, $3, $4)', rules) USING phone, rule, actor, reason;
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.write_rule(text, text, text, text, regclass) IS
    'Writes the rule of a phone, or none';

CREATE FUNCTION customer_identity.set_phone_rule(
    phone text,
    rule text,
    region text DEFAULT NULL,
    actor text DEFAULT NULL,
    reason text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE customer_identity_as_book_owner VOLATILE COST 10000
AS $$
#variable_conflict use_variable
DECLARE
    e164 constant text := customer_identity_internal.required_phone(phone, region);
    holder uuid;
BEGIN
    PERFORM customer_identity_internal.require_rule(rule);
    PERFORM customer_identity_internal.take_turn(customers);
    holder := customer_identity_internal.holder_of_phone(e164, customers);
    IF holder IS NOT NULL THEN
        PERFORM customer_identity_internal.write_event(customers, holder, 'phone_rule_set',
            jsonb_strip_nulls(jsonb_build_object('phone', e164, 'rule', rule, 'reason', reason)), actor);
    END IF;
    IF rule = 'nobody' AND holder IS NOT NULL THEN
        PERFORM customer_identity_internal.hold_for_merge(holder, holder, customers);
        PERFORM customer_identity_internal.cut_links(holder, e164, actor, reason, customers);
    END IF;
    PERFORM customer_identity_internal.write_rule(e164, rule, actor, reason, customers);
END
$$;
COMMENT ON FUNCTION customer_identity.set_phone_rule(text, text, text, text, text, regclass) IS
    'Says that a phone names nobody (rows with it stay unlinked, and what rests on it alone is cut), or a household (shared: each login sees its own orders only); NULL takes the rule away';
REVOKE EXECUTE ON FUNCTION customer_identity.set_phone_rule(text, text, text, text, text, regclass) FROM PUBLIC;
