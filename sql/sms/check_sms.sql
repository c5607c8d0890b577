CREATE FUNCTION customer_identity_internal.check_sms(customers regclass)
    RETURNS SETOF customer_identity_internal.setup_finding
    LANGUAGE customer_identity_as_owner STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT 'warning', 'setting customer_identity.sms_countries',
        'codes were requested, but no country is allowed: it is empty, and so is customer_identity.default_region',
        'As a superuser: ALTER DATABASE ... SET customer_identity.sms_countries = ''GB,IE'';'
    WHERE customer_identity_internal.sms_countries() IS NULL AND EXISTS (SELECT FROM customer_identity.verification_events AS e WHERE e.bucket = 'unsupported')
    UNION ALL
    SELECT 'warning', 'messages', format('codes that have waited for more than a minute without an attempt to send them: %s', count(*)),
        'SELECT customer_identity.start_sms_worker(); or name the database in customer_identity.sms_databases, or send them with claim_messages().'
    FROM customer_identity.sms_messages AS m
    WHERE m.status = 'pending' AND m.attempts = 0 AND m.created_at < now() - interval '1 minute' AND m.expires_at > now()
    HAVING count(*) > 0
    UNION ALL
    SELECT 'warning', 'messages', format('codes that could not be sent within the last hour: %s', count(*)),
        'SELECT ended_at, error FROM customer_identity.sms_messages WHERE status = ''failed'';'
    FROM customer_identity.sms_messages AS m
    WHERE m.status = 'failed' AND m.ended_at > now() - interval '1 hour'
    HAVING count(*) > 0;
END
$$;
COMMENT ON FUNCTION customer_identity_internal.check_sms(regclass) IS
    'Findings of check_setup() about verification by SMS';
