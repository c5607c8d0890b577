CREATE FUNCTION customer_identity_internal.attach_users_to(
    users regclass,
    phone_columns text[],
    verified_column text,
    name_column text,
    region_column text,
    customer_column text,
    default_region text,
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
    relation regclass;
BEGIN
    PERFORM customer_identity_internal.require_attachable(users, customers);
    PERFORM customer_identity_internal.check_customers(customers);
    PERFORM customer_identity_internal.require_rights(users, customers);
    IF COALESCE(cardinality(phone_columns), 0) = 0 THEN
        RAISE EXCEPTION 'no phone column is named'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name at least one: phone_columns => ''{phone}''.';
    END IF;
    PERFORM customer_identity_internal.require_values('phone_columns', phone_columns);
    FOREACH named_column IN ARRAY phone_columns LOOP
        PERFORM customer_identity_internal.require_written_column(users, named_column, 'phone_columns');
    END LOOP;
    IF verified_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(users, verified_column, 'verified_column');
        PERFORM FROM pg_attribute AS a
        WHERE a.attrelid = users AND a.attname = verified_column AND a.atttypid = 'boolean'::regtype;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'column % of % is not boolean', quote_ident(verified_column), users
                USING ERRCODE = 'datatype_mismatch', HINT = 'verified_column names the flag that belongs to the first phone column.';
        END IF;
    END IF;
    IF name_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(users, name_column, 'name_column');
    END IF;
    IF region_column IS NOT NULL THEN
        PERFORM customer_identity_internal.require_written_column(users, region_column, 'region_column');
    END IF;
    PERFORM customer_identity_internal.require_types(users, phone_columns, region_column, 'phone_columns');
    default_region := customer_identity_internal.required_region(default_region);

    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', users);
    key := customer_identity_internal.require_key(users);
    PERFORM customer_identity_internal.warn_of_new_key(users, key, customers);
    PERFORM customer_identity_internal.ensure_customer_column(users, customer_column, customers);
    PERFORM customer_identity_internal.ensure_phone_triggers(customers) WHERE customer_identity_internal.is_owner(customers);
    arguments := customer_identity_internal.written_arguments(
        ARRAY['customers', 'key'] || customer_identity_internal.repeated('phone', phone_columns)
            || '{verified,name,region,default_region,customer}'::text[],
        ARRAY[customer_identity_internal.qualified_name(customers), key] || phone_columns
            || ARRAY[verified_column, name_column, region_column, default_region, customer_column]);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_link BEFORE INSERT OR UPDATE ON %s'
        ' FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(%s)', users, arguments);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER customer_identity_linked AFTER INSERT OR UPDATE OR DELETE ON %s'
        ' FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user(%s)', users, arguments);
    -- Statement triggers of a table do not fire for statements that name its partitions.
    FOR relation IN SELECT p.* FROM customer_identity_internal.partitions_of(users) AS p LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER customer_identity_renamed AFTER UPDATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.link_user(%s)', relation, arguments);
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER customer_identity_truncated BEFORE TRUNCATE ON %s'
            ' FOR EACH STATEMENT EXECUTE FUNCTION customer_identity.link_user(%s)', relation, arguments);
    END LOOP;
    IF customer_identity_internal.lacks_region(phone_columns, region_column, default_region) THEN
        PERFORM customer_identity_internal.notice_no_region(users);
    END IF;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attach_users_to(regclass, text[], text, text, text, text, text, regclass) IS
    'attach_users for a book that is named';

CREATE FUNCTION customer_identity.attach_users(
    users regclass,
    phone_columns text[] DEFAULT '{phone}',
    verified_column text DEFAULT NULL,
    name_column text DEFAULT NULL,
    region_column text DEFAULT NULL,
    customer_column text DEFAULT 'customer_id',
    default_region text DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.attach_users_to(users, phone_columns, verified_column, name_column, region_column,
    customer_column, default_region, customer_identity_internal.book(customers));
COMMENT ON FUNCTION customer_identity.attach_users(regclass, text[], text, text, text, text, text, regclass) IS
    'Links the logins of a users table to their customers from now on. Calling it again replaces the set-up';
REVOKE EXECUTE ON FUNCTION customer_identity.attach_users(regclass, text[], text, text, text, text, text, regclass) FROM PUBLIC;
