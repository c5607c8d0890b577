-- The triggers people write by hand: one UPDATE of the customer for each order.
CREATE FUNCTION keep_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.status IN ('paid', 'shipped') THEN
        UPDATE customers
        SET total_orders = total_orders - 1,
            total_spent = total_spent - OLD.total,
            loyalty_points = loyalty_points - floor(OLD.total)::bigint
        WHERE id = OLD.customer_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.status IN ('paid', 'shipped') THEN
        UPDATE customers
        SET total_orders = total_orders + 1,
            total_spent = total_spent + NEW.total,
            loyalty_points = loyalty_points + floor(NEW.total)::bigint
        WHERE id = NEW.customer_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_totals AFTER INSERT OR UPDATE OR DELETE ON orders
    FOR EACH ROW EXECUTE FUNCTION keep_totals();
