CREATE FUNCTION customer_identity_internal.required_region(default_region text)
    RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM customer_identity_internal.require_limit('default_region', default_region);
    IF default_region IS NOT NULL AND customer_identity_internal.known_region(default_region) IS NULL THEN
        RAISE EXCEPTION 'default_region % is not a region', quote_literal(customer_identity_internal.shown(default_region))
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'A region is an ISO 3166 code (DE or DEU) or a calling code (+49).';
    END IF;
    RETURN customer_identity_internal.known_region(default_region);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.required_region(text) IS
    'A region as the triggers'' arguments have it, or NULL; 22023 for what is none';

-- The role that checks may differ from the one that signs users up, and its session may predate the setting.
CREATE FUNCTION customer_identity_internal.has_default_region()
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
RETURN current_setting('customer_identity.default_region') <> '' OR EXISTS (
    SELECT
    FROM pg_db_role_setting AS s
    CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
    WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
        AND c.setting LIKE E'customer\\_identity.default\\_region=_%'
);
COMMENT ON FUNCTION customer_identity_internal.has_default_region() IS
    'Whether customer_identity.default_region is set here, for the database or for any role';

CREATE FUNCTION customer_identity_internal.lacks_region(phone_columns text[], region_column text, default_region text)
    RETURNS boolean
    LANGUAGE sql STABLE
RETURN phone_columns[1] IS NOT NULL AND region_column IS NULL AND default_region IS NULL
    AND NOT customer_identity_internal.has_default_region();
COMMENT ON FUNCTION customer_identity_internal.lacks_region(text[], text, text) IS
    'Whether a table has phones and nothing tells the region of national ones';

CREATE FUNCTION customer_identity_internal.notice_no_region(
    relation regclass, phone_columns text[], region_column text, default_region text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF customer_identity_internal.lacks_region(phone_columns, region_column, default_region) THEN
        RAISE NOTICE 'phones in % without a country code will not be read', relation
            USING DETAIL = 'It has no region column, and there is no default region.',
                HINT = 'Attach it with default_region => ''DE'', or set customer_identity.default_region for the database.';
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.notice_no_region(regclass, text[], text, text) IS
    'Says so when national phones of a table will not be read';
