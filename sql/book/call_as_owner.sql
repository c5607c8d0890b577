-- The languages of functions that act as an owner: PL/pgSQL, whose body runs with the rights of the owner of a table. A
-- language decides whose, and who may call; the search_path is the caller's until the book is found, then it is pinned.
-- So these functions have no SET search_path. None of the languages is TRUSTED: only superusers write functions in them.

CREATE FUNCTION customer_identity_internal.as_owner()
    RETURNS language_handler
    LANGUAGE c
    AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION customer_identity_internal.as_owner() IS
    'Runs the functions of language customer_identity_as_owner';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.as_owner() FROM PUBLIC;
CREATE LANGUAGE customer_identity_as_owner
    HANDLER customer_identity_internal.as_owner
    VALIDATOR pg_catalog.plpgsql_validator;
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
    VALIDATOR pg_catalog.plpgsql_validator;
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
    VALIDATOR pg_catalog.plpgsql_validator;
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
    VALIDATOR pg_catalog.plpgsql_validator;
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
    VALIDATOR pg_catalog.plpgsql_validator;
COMMENT ON LANGUAGE customer_identity_as_feeding_owner IS
    'PL/pgSQL as the owner of an attached table, also for the owner of the book that it feeds';
