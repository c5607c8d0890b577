-- What the chaos run adds to the shop of test/oracle: a fair whose partitions come and go; an annex with a book of
-- its own, where tables are attached and detached as wholes, too; a diary of all that makes or ends a proof.

CREATE TABLE fair_orders (
    id bigint,
    lot integer,
    user_id text REFERENCES "user" ON DELETE SET NULL,
    phone text,
    total numeric,
    status text,
    PRIMARY KEY (id, lot)
) PARTITION BY RANGE (lot);

CREATE TABLE fair_orders_0 PARTITION OF fair_orders FOR VALUES FROM (0) TO (10);
CREATE TABLE fair_orders_1 PARTITION OF fair_orders FOR VALUES FROM (10) TO (20);
CREATE TABLE fair_orders_2 PARTITION OF fair_orders FOR VALUES FROM (20) TO (30);
CREATE TABLE fair_orders_3 PARTITION OF fair_orders FOR VALUES FROM (30) TO (40);

SELECT customer_identity.attach_orders(
    'fair_orders',
    users => '"user"',
    status_column => 'status',
    counted_statuses => ARRAY['paid', 'shipped'],
    points_per_unit => 0.5);

CREATE SCHEMA annex;

CREATE TABLE annex.members (
    id text PRIMARY KEY,
    name text,
    phone text
) PARTITION BY RANGE (id);

CREATE TABLE annex.members_0 PARTITION OF annex.members FOR VALUES FROM (MINVALUE) TO ('u3');
CREATE TABLE annex.members_1 PARTITION OF annex.members FOR VALUES FROM ('u3') TO ('u5');
CREATE TABLE annex.members_2 PARTITION OF annex.members FOR VALUES FROM ('u5') TO (MAXVALUE);

CREATE TABLE annex.stall_orders (
    id bigint,
    lot integer,
    user_id text,
    phone text,
    total numeric,
    status text,
    PRIMARY KEY (id, lot)
) PARTITION BY RANGE (lot);

CREATE TABLE annex.stall_orders_0 PARTITION OF annex.stall_orders FOR VALUES FROM (0) TO (10);
CREATE TABLE annex.stall_orders_1 PARTITION OF annex.stall_orders FOR VALUES FROM (10) TO (20);
CREATE TABLE annex.stall_orders_2 PARTITION OF annex.stall_orders FOR VALUES FROM (20) TO (30);
CREATE TABLE annex.stall_orders_3 PARTITION OF annex.stall_orders FOR VALUES FROM (30) TO (40);

CREATE TABLE annex.tent_orders (
    id bigint PRIMARY KEY,
    user_id text,
    phone text,
    total numeric
);

SELECT customer_identity.create_tables('annex');

-- The calls that set the annex up, each as often as one likes.
CREATE FUNCTION annex.attach_members() RETURNS void LANGUAGE sql AS $$
    SELECT customer_identity.attach_users('annex.members', name_column => 'name', customers => 'annex.customers')
$$;

CREATE FUNCTION annex.attach_stall(timing text) RETURNS void LANGUAGE sql AS $$
    SELECT customer_identity.attach_orders(
        'annex.stall_orders',
        users => 'annex.members',
        status_column => 'status',
        counted_statuses => ARRAY['paid', 'shipped'],
        points_per_unit => 0.5,
        timing => timing,
        customers => 'annex.customers')
$$;

CREATE FUNCTION annex.attach_tent(timing text) RETURNS void LANGUAGE sql AS $$
    SELECT customer_identity.attach_orders(
        'annex.tent_orders', users => 'annex.members', timing => timing, customers => 'annex.customers')
$$;

SELECT annex.attach_members();
SELECT annex.attach_stall('statement');
SELECT annex.attach_tent('commit');

-- What each spelling of a phone reads as: filled by the test, which knows.
CREATE TABLE readings (
    typed text PRIMARY KEY,
    phone text NOT NULL
);

-- A row is written in the transaction whose effect it tells. phone and user_id NULL: any; kept: but this phone.
-- 'may' allows a proof and does not ask for one.
CREATE TABLE diary (
    effect text NOT NULL CHECK (effect IN ('made', 'may', 'ended')),
    phone text,
    user_id text,
    kept text,
    began timestamptz NOT NULL DEFAULT now(),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE INDEX ON diary (user_id);

CREATE FUNCTION reading(typed text) RETURNS text STABLE LANGUAGE sql AS $$
    SELECT r.phone FROM readings AS r WHERE r.typed = reading.typed
$$;

-- A flag that is set together with the phone proves it; one that flips alone does not.
CREATE FUNCTION write_diary() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_claim text;
    claim text;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_claim := COALESCE(reading(OLD."phoneNumber"), reading(OLD.phone));
    END IF;
    IF TG_OP = 'DELETE' THEN
        INSERT INTO diary (effect, user_id) VALUES ('ended', OLD.id);
        RETURN NULL;
    END IF;
    claim := COALESCE(reading(NEW."phoneNumber"), reading(NEW.phone));
    IF TG_OP = 'UPDATE' AND claim IS DISTINCT FROM old_claim THEN
        INSERT INTO diary (effect, user_id, kept) VALUES ('ended', NEW.id, claim);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.id <> OLD.id THEN
        INSERT INTO diary (effect, phone, user_id)
        SELECT DISTINCT 'may', d.phone, NEW.id FROM diary AS d WHERE d.user_id = OLD.id AND d.effect <> 'ended';
        INSERT INTO diary (effect, user_id) VALUES ('ended', OLD.id);
    END IF;
    IF NEW."phoneNumberVerified" AND reading(NEW."phoneNumber") IS NOT NULL
            AND (TG_OP = 'INSERT' OR current_query() LIKE '%"phoneNumber" =%"phoneNumberVerified" =%') THEN
        INSERT INTO diary (effect, phone, user_id) VALUES ('made', claim, NEW.id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER zz_diary
    AFTER INSERT OR UPDATE OR DELETE ON "user"
    FOR EACH ROW EXECUTE FUNCTION write_diary();

-- The live proofs of the users whose ids change: one session alone writes them, and knows.
CREATE TABLE registrar_proofs (
    user_id text PRIMARY KEY,
    phone text NOT NULL
);
