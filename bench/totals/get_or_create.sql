-- The three ways in which people write get_or_create in SQL. They get a phone in E.164; the last one
-- reads the phone as well, which is all that get_or_create_customer() does.
CREATE FUNCTION by_do_update(text) RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO customers (phone) VALUES ($1)
    ON CONFLICT (phone) DO UPDATE SET phone = EXCLUDED.phone RETURNING id
$$;
CREATE FUNCTION by_do_nothing(text) RETURNS uuid LANGUAGE sql AS $$
    WITH made AS (INSERT INTO customers (phone) VALUES ($1) ON CONFLICT (phone) DO NOTHING RETURNING id)
    SELECT id FROM made UNION ALL SELECT id FROM customers WHERE phone = $1 LIMIT 1
$$;
CREATE FUNCTION by_loop(e164 text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    found_id uuid;
BEGIN
    LOOP
        SELECT id INTO found_id FROM customers WHERE phone = e164;
        IF FOUND THEN
            RETURN found_id;
        END IF;
        INSERT INTO customers (phone) VALUES (e164) ON CONFLICT (phone) DO NOTHING RETURNING id INTO found_id;
        IF FOUND THEN
            RETURN found_id;
        END IF;
    END LOOP;
END $$;
CREATE FUNCTION by_loop_reading(raw text) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    RETURN by_loop(customer_identity.normalize_phone(raw));
END $$;
-- Links a new user by hand.
CREATE FUNCTION link_user_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.customer_id := by_loop_reading(NEW.phone);
    RETURN NEW;
END $$;
