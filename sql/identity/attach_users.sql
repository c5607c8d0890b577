CREATE FUNCTION customer_identity_internal.require_user_columns(
    users regclass, phone_columns text[], verified_column text, name_column text, region_column text)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF COALESCE(cardinality(phone_columns), 0) = 0 THEN
        RAISE EXCEPTION 'no phone column is named'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name at least one: phone_columns => ''{phone}''.';
    END IF;
    PERFORM customer_identity_internal.require_values('phone_columns', phone_columns);
    PERFORM customer_identity_internal.require_written_column(users, p.name, 'phone_columns')
    FROM unnest(phone_columns) AS p (name);
    PERFORM customer_identity_internal.require_written_column(users, verified_column, 'verified_column');
    PERFORM FROM pg_attribute AS a
    WHERE a.attrelid = users AND a.attname = verified_column AND a.atttypid <> 'boolean'::regtype;
    IF FOUND THEN
        RAISE EXCEPTION 'column % of % is not boolean', quote_ident(verified_column), users
            USING ERRCODE = 'datatype_mismatch', HINT = 'verified_column is the flag of the first phone column.';
    END IF;
    PERFORM customer_identity_internal.require_written_column(users, name_column, 'name_column');
    PERFORM customer_identity_internal.require_written_column(users, region_column, 'region_column');
    PERFORM customer_identity_internal.require_types(users, phone_columns, region_column, 'phone_columns');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.require_user_columns(regclass, text[], text, text, text) IS
    'Raises for columns that attach_users names and cannot use';

CREATE FUNCTION customer_identity_internal.attach_users_to(
    users regclass, phone_columns text[], verified_column text, name_column text, region_column text,
    customer_column text, default_region text, personal_columns text[], customers regclass)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text;
BEGIN
    PERFORM customer_identity_internal.require_attachable(users, 'users', customers);
    PERFORM customer_identity_internal.refuse_users_that_inherit(users);
    PERFORM customer_identity_internal.require_users_in_one_place(users, customers);
    PERFORM customer_identity_internal.require_user_columns(users, phone_columns, verified_column, name_column, region_column);
    default_region := customer_identity_internal.required_region(default_region);

    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', users);
    key := customer_identity_internal.require_key(users);
    PERFORM customer_identity_internal.require_personal_columns(users, personal_columns, ARRAY[key, customer_column]);
    PERFORM customer_identity_internal.warn_of_new_key(users, key, customers);

    PERFORM customer_identity_internal.ensure_customer_column(users, customer_column, customers);
    PERFORM customer_identity_internal.ensure_phone_triggers(customers) WHERE customer_identity_internal.is_owner(customers);
    PERFORM customer_identity_internal.create_triggers(users, 'link_user', customer_identity_internal.written_arguments(
        ARRAY['customers', 'key'] || customer_identity_internal.repeated('phone', phone_columns)
            || '{verified,name,region,default_region,customer}'::text[] || customer_identity_internal.repeated('personal', personal_columns),
        ARRAY[customer_identity_internal.qualified_name(customers), key] || phone_columns
            || ARRAY[verified_column, name_column, region_column, default_region, customer_column] || personal_columns));
    PERFORM customer_identity_internal.notice_no_region(users, phone_columns, region_column, default_region);
END
$$;
COMMENT ON FUNCTION customer_identity_internal.attach_users_to(regclass, text[], text, text, text, text, text, text[], regclass) IS
    'attach_users for a book that is named';

CREATE FUNCTION customer_identity.attach_users(
    users regclass,
    phone_columns text[] DEFAULT '{phone}',
    verified_column text DEFAULT NULL,
    name_column text DEFAULT NULL,
    region_column text DEFAULT NULL,
    customer_column text DEFAULT 'customer_id',
    default_region text DEFAULT NULL,
    personal_columns text[] DEFAULT NULL,
    customers regclass DEFAULT NULL
)
    RETURNS void
    LANGUAGE sql VOLATILE
RETURN customer_identity_internal.attach_users_to(users, phone_columns, verified_column, name_column, region_column,
    customer_column, default_region, personal_columns, customer_identity_internal.book(customers));
COMMENT ON FUNCTION customer_identity.attach_users(regclass, text[], text, text, text, text, text, text[], regclass) IS
    'Links the logins of a users table to their customers from now on. Calling it again replaces the set-up';
REVOKE EXECUTE ON FUNCTION customer_identity.attach_users(regclass, text[], text, text, text, text, text, text[], regclass) FROM PUBLIC;
