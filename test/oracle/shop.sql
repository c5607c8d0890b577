-- The shop that the oracle, crash and race tests load: Better Auth's users and three orders tables of one book.
-- Columns need quoting, partitions differ in column order, and the application has triggers of its own.

CREATE EXTENSION customer_identity;

ALTER DATABASE postgres SET customer_identity.default_region = 'DE';

CREATE TABLE "user" (
    id text PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    "emailVerified" boolean NOT NULL DEFAULT false,
    image text,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now(),
    "phoneNumber" text UNIQUE,
    "phoneNumberVerified" boolean,
    phone text
);

CREATE TABLE session (
    id text PRIMARY KEY,
    token text NOT NULL UNIQUE,
    "expiresAt" timestamptz NOT NULL,
    "userId" text NOT NULL REFERENCES "user" ON DELETE CASCADE
);

CREATE TABLE account (
    id text PRIMARY KEY,
    "accountId" text NOT NULL,
    "providerId" text NOT NULL,
    "userId" text NOT NULL REFERENCES "user" ON DELETE CASCADE
);

CREATE TABLE orders (
    dropped integer,
    id bigint PRIMARY KEY,
    user_id text REFERENCES "user" ON DELETE SET NULL,
    phone text,
    total numeric,
    status text
);

ALTER TABLE orders DROP COLUMN dropped;

CREATE TABLE market_orders (
    id bigint NOT NULL,
    created_at date NOT NULL,
    "buyerId" text REFERENCES "user" ON DELETE CASCADE,
    "buyerPhone" text,
    "Amount" numeric(20, 8),
    state text,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);

CREATE TABLE market_orders_2023 (
    state text,
    "Amount" numeric(20, 8),
    dropped integer,
    "buyerPhone" text,
    created_at date NOT NULL,
    "buyerId" text,
    id bigint NOT NULL
);

ALTER TABLE market_orders_2023 DROP COLUMN dropped;

ALTER TABLE market_orders
    ATTACH PARTITION market_orders_2023 FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');

CREATE TABLE market_orders_2024 PARTITION OF market_orders
    FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')
    PARTITION BY RANGE (created_at);

CREATE TABLE market_orders_2024_h1 PARTITION OF market_orders_2024
    FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');

CREATE TABLE market_orders_2024_h2 PARTITION OF market_orders_2024
    FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');

CREATE TABLE market_orders_rest PARTITION OF market_orders DEFAULT;

CREATE TABLE kiosk_orders (
    id bigint PRIMARY KEY,
    phone text,
    cents integer
);

CREATE SEQUENCE kiosk_follow_up START 1000000000;

SELECT customer_identity.create_tables('public');

SELECT customer_identity.attach_users(
    '"user"',
    phone_columns => ARRAY['phoneNumber', 'phone'],
    verified_column => 'phoneNumberVerified',
    name_column => 'name');

SELECT customer_identity.attach_orders(
    'orders',
    users => '"user"',
    status_column => 'status',
    counted_statuses => ARRAY['paid', 'shipped']);

SELECT customer_identity.attach_orders(
    'market_orders',
    users => '"user"',
    user_column => 'buyerId',
    phone_column => 'buyerPhone',
    amount_column => 'Amount',
    status_column => 'state',
    counted_statuses => ARRAY['done'],
    points_per_unit => 0.35,
    timing => 'commit');

SELECT customer_identity.attach_orders(
    'kiosk_orders',
    user_column => NULL,
    amount_column => 'cents',
    points_per_unit => 0.01);

-- Runs after the extension's own BEFORE trigger: it drops rows and rewrites amounts.
CREATE FUNCTION shop_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'void' THEN
        RETURN NULL;
    END IF;
    IF NEW.status = 'gift' THEN
        NEW.total := -0.5;
        NEW.status := 'paid';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER zz_shop_rules
    BEFORE INSERT OR UPDATE ON orders
    FOR EACH ROW EXECUTE FUNCTION shop_rules();

-- Writes to another attached table from within a statement on the first.
CREATE FUNCTION shop_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kiosk_orders (id, phone, cents)
    VALUES (nextval('kiosk_follow_up'), NEW.phone, -150);
    RETURN NULL;
END $$;

CREATE TRIGGER shop_refund
    AFTER UPDATE ON orders
    FOR EACH ROW
    WHEN (NEW.status = 'refunded' AND OLD.status IS DISTINCT FROM 'refunded')
    EXECUTE FUNCTION shop_refund();
