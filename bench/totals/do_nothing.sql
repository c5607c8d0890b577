-- The least any solution of this kind costs: triggers like ours that do nothing, from the library :do_nothing.
CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE c AS :'do_nothing', 'do_nothing';
CREATE TRIGGER attach BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION do_nothing();
CREATE TRIGGER keep_totals_insert AFTER INSERT ON orders REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION do_nothing();
CREATE TRIGGER keep_totals_update AFTER UPDATE ON orders REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION do_nothing();
CREATE TRIGGER keep_totals_delete AFTER DELETE ON orders REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION do_nothing();
