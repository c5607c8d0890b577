-- And the one that keeps a history like ours.
CREATE FUNCTION tell_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO customer_events (customer_id, event, details, actor)
    VALUES (NEW.customer_id, 'user_linked', jsonb_build_object('cause', 'sign_up', 'table', TG_RELID::regclass, 'user_id', NEW.id), NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER tell_by_hand AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION tell_by_hand();
