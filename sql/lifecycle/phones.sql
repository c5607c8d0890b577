-- E.164; CI001 when it cannot be read.
CREATE FUNCTION customer_identity_internal.required_phone(phone text, region text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    details constant record := customer_identity.parse_phone(phone, region);
BEGIN
    IF details.reason IS DISTINCT FROM 'ok' THEN
        RAISE EXCEPTION 'the phone cannot be read'
            USING ERRCODE = 'CI001', DETAIL = format('Reason: %s.', COALESCE(details.reason, 'empty')),
                HINT = 'customer_identity.parse_phone() tells more.';
    END IF;
    RETURN details.e164;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.required_phone(text, text) IS
    'A phone in E.164; CI001 with the reason when it cannot be read';

CREATE FUNCTION customer_identity_internal.refuse_taken_phone(phone text, holder uuid)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the phone is another customer''s'
        USING ERRCODE = 'CI006', DETAIL = format('Phone %s leads to customer %s.', phone, holder),
            HINT = 'customer_identity.merge_customers() makes two customers one; release_phone() frees a number that has a new holder.';
END
$$;
COMMENT ON FUNCTION customer_identity_internal.refuse_taken_phone(text, uuid) IS
    'Raises CI006 for a phone that leads to somebody else';

-- The customer is locked first: whoever changes its phones takes turns.
CREATE FUNCTION customer_identity_internal.locked_customer(customer_id uuid, customers regclass)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('SELECT FROM %s AS c WHERE c.id = $1 FOR NO KEY UPDATE', customers) USING customer_id;
    RETURN customer_identity_internal.customer_row(customer_id, customers);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.locked_customer(uuid, regclass) IS
    'The row of a customer, locked; P0002 when there is none';

CREATE FUNCTION customer_identity_internal.require_no_rule(phone text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_ruled boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r WHERE r.phone = $1 AND r.rule = ''nobody'')',
        customer_identity_internal.companion_of(customers, 'phone_rules'))
        INTO is_ruled
        USING phone;
    IF is_ruled THEN
        RAISE EXCEPTION 'the phone names nobody'
            USING ERRCODE = 'CI006', DETAIL = format('Phone %s has the rule nobody.', phone),
                HINT = 'customer_identity.set_phone_rule() with a NULL rule takes it away.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_no_rule(text, regclass) IS
    'Raises CI006 for a phone that names nobody by rule';

-- In a subtransaction: where another transaction is giving the phone to a customer, nothing is held while it ends.
CREATE FUNCTION customer_identity_internal.insert_alias(customer_id uuid, phone text, actor text, reason text, customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pause double precision := 0.002;
BEGIN
    FOR attempt IN 1..100 LOOP
        BEGIN
            EXECUTE format('INSERT INTO %s (customer_id, phone, reason, actor) VALUES ($1, $2, $3, $4)',
                customer_identity_internal.companion_of(customers, 'customer_phones'))
                USING customer_id, phone, reason, actor;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = 100 THEN
                RAISE;
            END IF;
        END;
        PERFORM pg_sleep(pause);
        pause := LEAST(pause * 2, 0.25);
    END LOOP;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.insert_alias(uuid, text, text, text, regclass) IS
    'Makes a phone lead to a customer';
