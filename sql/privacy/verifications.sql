-- Without the codes and their hashes. Limits are counted by phone and user over all books.
CREATE FUNCTION customer_identity_internal.verifications_in_tables(
    phones text[], user_ids text[], erase boolean, with_limits boolean, customers regclass)
    RETURNS jsonb
    LANGUAGE customer_identity_as_owner VOLATILE
AS $$
DECLARE
    ids constant uuid[] := ARRAY(
        SELECT v.id
        FROM customer_identity.verifications AS v
        WHERE v.customers = verifications_in_tables.customers AND (v.phone = ANY (phones) OR v.user_id = ANY (user_ids)));
    buckets constant text[] := ARRAY(
        SELECT b.kind || ' ' || p.phone FROM unnest(phones) AS p (phone) CROSS JOIN (VALUES ('phone'), ('failure')) AS b (kind)
        UNION ALL
        SELECT 'user ' || left(u.id, 500) FROM unnest(user_ids) AS u (id));
    found_rows jsonb;
BEGIN
    found_rows := (
        SELECT jsonb_agg(jsonb_build_object('table', t.name, 'rows', t.rows) ORDER BY t.name)
        FROM (
            SELECT 'customer_identity.sms_messages', jsonb_agg(to_jsonb(m.*) - 'body' ORDER BY m.created_at, m.id)
            FROM customer_identity.sms_messages AS m
            WHERE m.verification_id = ANY (ids)
            UNION ALL
            SELECT 'customer_identity.verification_events', jsonb_agg(to_jsonb(e.*) ORDER BY e.bucket, e.at)
            FROM customer_identity.verification_events AS e
            WHERE with_limits AND e.bucket = ANY (buckets)
            UNION ALL
            SELECT 'customer_identity.verifications', jsonb_agg(to_jsonb(v.*) - 'code_hash' ORDER BY v.created_at, v.id)
            FROM customer_identity.verifications AS v
            WHERE v.id = ANY (ids)
        ) AS t (name, rows)
        WHERE t.rows IS NOT NULL
    );
    IF erase THEN
        DELETE FROM customer_identity.verifications AS v WHERE v.id = ANY (ids);
        DELETE FROM customer_identity.verification_events AS e WHERE with_limits AND e.bucket = ANY (buckets);
    END IF;
    RETURN COALESCE(found_rows, '[]');
END
$$;
COMMENT ON FUNCTION customer_identity_internal.verifications_in_tables(text[], text[], boolean, boolean, regclass) IS
    'What the tables of verifications hold on phones and users of a book, deleted if it shall be: an array of {table, rows}';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.verifications_in_tables(text[], text[], boolean, boolean, regclass) FROM PUBLIC;

CREATE FUNCTION customer_identity_internal.verifications_of(phones text[], user_ids text[], erase boolean, customers regclass)
    RETURNS jsonb
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'verifications_of';
COMMENT ON FUNCTION customer_identity_internal.verifications_of(text[], text[], boolean, regclass) IS
    'As verifications_in_tables, for the owner of the book; limits, which are of no book, for who has the rights of the extension''s owner';
