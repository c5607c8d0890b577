-- The least any solution of this kind costs: triggers like ours that do nothing, from the library :do_nothing.
CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE c AS :'do_nothing', 'do_nothing';
CREATE TRIGGER link BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION do_nothing();
CREATE TRIGGER linked AFTER INSERT OR UPDATE OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION do_nothing();
