-- Verification data is kept for minutes and is useless elsewhere: these tables belong to the extension,
-- are never dumped, and only their owner can read them; row security without a policy keeps out members
-- of pg_read_all_data too.
CREATE TABLE customer_identity.verification_secret (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret bytea NOT NULL
);
COMMENT ON TABLE customer_identity.verification_secret IS
    'The key for hashing codes, created by CREATE EXTENSION';

CREATE TABLE customer_identity.verifications (
    id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    customers regclass NOT NULL,
    phone varchar(20) NOT NULL,
    purpose text,
    user_id text,
    client_address inet,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'cancelled')),
    code_hash bytea,
    wrong_answers integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    approved_at timestamptz
);
COMMENT ON TABLE customer_identity.verifications IS
    'Verifications with a keyed hash of the code, which is erased when the code is used';
CREATE INDEX verifications_created_at_idx ON customer_identity.verifications (created_at);
CREATE INDEX verifications_user_id_idx ON customer_identity.verifications (user_id) WHERE status = 'pending';

-- Ids are random, so that lastval() stays the application's, and a report that arrives after the extension
-- was recreated does not match another message: 15 digits, which fit into a JavaScript number.
CREATE TABLE customer_identity.sms_messages (
    id bigint PRIMARY KEY DEFAULT 100000000000000 + ('x' || right(gen_random_uuid()::text, 12))::bit(48)::bigint,
    verification_id uuid NOT NULL UNIQUE REFERENCES customer_identity.verifications ON DELETE CASCADE,
    phone varchar(20) NOT NULL,
    body text,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    provider_id text,
    error text,
    CHECK (status = 'pending' OR body IS NULL)
);
COMMENT ON TABLE customer_identity.sms_messages IS
    'The messages with codes; the text is erased when the message is sent or has failed';
CREATE INDEX sms_messages_next_attempt_at_idx ON customer_identity.sms_messages (next_attempt_at) WHERE status = 'pending';

CREATE TABLE customer_identity.verification_events (
    bucket text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    events bigint NOT NULL DEFAULT 1
);
COMMENT ON TABLE customer_identity.verification_events IS
    'The events that limits count: messages by phone, prefix, address, user and in all, and wrong codes. Refusals are counted per quarter of an hour, with the time of the first';
CREATE INDEX verification_events_bucket_at_idx ON customer_identity.verification_events (bucket, at);
-- Otherwise a publication of all tables would not allow deleting events.
ALTER TABLE customer_identity.verification_events REPLICA IDENTITY FULL;

ALTER TABLE customer_identity.verifications
    ALTER phone SET STATISTICS 0,
    ALTER user_id SET STATISTICS 0,
    ALTER client_address SET STATISTICS 0,
    ALTER code_hash SET STATISTICS 0;
ALTER TABLE customer_identity.sms_messages
    ALTER phone SET STATISTICS 0,
    ALTER body SET STATISTICS 0;
ALTER TABLE customer_identity.verification_events ALTER bucket SET STATISTICS 0;
ALTER TABLE customer_identity.verification_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_identity.verifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_identity.sms_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_identity.verification_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE customer_identity.verification_secret OWNER TO @extowner@;
ALTER TABLE customer_identity.verifications OWNER TO @extowner@;
ALTER TABLE customer_identity.sms_messages OWNER TO @extowner@;
ALTER TABLE customer_identity.verification_events OWNER TO @extowner@;

CREATE FUNCTION customer_identity_internal.random_secret()
    RETURNS bytea
    LANGUAGE c VOLATILE
    AS 'MODULE_PATHNAME', 'random_secret';
COMMENT ON FUNCTION customer_identity_internal.random_secret() IS
    'A random key for code_hash()';
REVOKE EXECUTE ON FUNCTION customer_identity_internal.random_secret() FROM PUBLIC;

INSERT INTO customer_identity.verification_secret (secret) VALUES (customer_identity_internal.random_secret());
