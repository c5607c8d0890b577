-- The trigger people write by hand: it reads the phone, finds or makes the customer, and keeps no history.
CREATE TRIGGER link_user_by_hand BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION link_user_by_hand();
