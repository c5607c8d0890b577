-- The languages of functions that act as an owner: PL/pgSQL, whose body runs with the rights of the owner of a table. A
-- language decides whose, and who may call; the search_path is the caller's until the book is found, then it is pinned.
-- So these functions have no SET search_path. None of the languages is TRUSTED: only superusers write functions in them.

-- PL/pgSQL's own would do, but pg_upgrade brings a language over only if all of its functions are the extension's.
CREATE FUNCTION customer_identity_internal.validate_plpgsql(function oid)
    RETURNS void
    LANGUAGE c STRICT
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.validate_plpgsql(oid) IS
    'Checks a function when it is created in one of the languages that act as an owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.validate_plpgsql(oid) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.as_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_owner() IS
    'Runs the functions of language customer_identity_as_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_owner
    HANDLER customer_identity_internal.as_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_owner IS
    'PL/pgSQL as the owner of the extension''s working tables';

CREATE FUNCTION customer_identity_internal.as_owner_with_book()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_owner_with_book() IS
    'Runs the functions of language customer_identity_as_owner_with_book';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_owner_with_book() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_owner_with_book
    HANDLER customer_identity_internal.as_owner_with_book
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_owner_with_book IS
    'PL/pgSQL as the owner of the extension''s working tables, for what writes to a book on the way';

CREATE FUNCTION customer_identity_internal.as_book_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_book_owner() IS
    'Runs the functions of language customer_identity_as_book_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_book_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_book_owner
    HANDLER customer_identity_internal.as_book_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_book_owner IS
    'PL/pgSQL as the owner of the book, for who may look into its schema';

CREATE FUNCTION customer_identity_internal.as_table_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_table_owner() IS
    'Runs the functions of language customer_identity_as_table_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_table_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_table_owner
    HANDLER customer_identity_internal.as_table_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_table_owner IS
    'PL/pgSQL as the owner of the table that comes first, the book or one attached to it, for who has the right on it';

CREATE FUNCTION customer_identity_internal.as_feeding_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_feeding_owner() IS
    'Runs the functions of language customer_identity_as_feeding_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_feeding_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_feeding_owner
    HANDLER customer_identity_internal.as_feeding_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_feeding_owner IS
    'PL/pgSQL as the owner of an attached table, also for the owner of the book that it feeds';

CREATE FUNCTION customer_identity_internal.as_referencing_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_referencing_owner() IS
    'Runs the functions of language customer_identity_as_referencing_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_referencing_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_referencing_owner
    HANDLER customer_identity_internal.as_referencing_owner
    VALIDATOR customer_identity_internal.validate_plpgsql;
COMMENT ON LANGUAGE customer_identity_as_referencing_owner IS
    'PL/pgSQL as the owner of a table that refers to customers, for the owner of the book';
