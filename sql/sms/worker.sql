CREATE FUNCTION customer_identity.start_sms_worker()
    RETURNS integer
    LANGUAGE c VOLATILE COST 10000
    AS 'MODULE_PATHNAME', 'start_sms_worker';
COMMENT ON FUNCTION customer_identity.start_sms_worker() IS
    'Starts the process that sends this database''s messages, unless it is running, and returns its pid. It runs until the server stops; customer_identity.sms_databases starts it with the server';
REVOKE EXECUTE ON FUNCTION customer_identity.start_sms_worker() FROM PUBLIC;
