-- Where an error happens in one of our long statements is told in lines that people read; all else of it is as it was
-- raised.
\ir shop.psql
SELECT plan(14);

CREATE TYPE fields AS (code text, message text, detail text, hint text, of_column text, of_constraint text, of_table text, context text);
CREATE FUNCTION fields_of(statement text) RETURNS fields LANGUAGE plpgsql AS $$
DECLARE
  f fields;
BEGIN
  EXECUTE statement;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS f.code = RETURNED_SQLSTATE, f.message = MESSAGE_TEXT, f.detail = PG_EXCEPTION_DETAIL, f.hint = PG_EXCEPTION_HINT,
    f.of_column = COLUMN_NAME, f.of_constraint = CONSTRAINT_NAME, f.of_table = TABLE_NAME, f.context = PG_EXCEPTION_CONTEXT;
  RETURN f;
END
$$;
-- A line for each function or statement on the way, and none longer than a few lines of a terminal.
CREATE FUNCTION is_short(context text) RETURNS boolean LANGUAGE sql
RETURN (SELECT count(*) <= 10 AND bool_and(length(line) <= 303 AND line !~ '^\s') FROM regexp_split_to_table(context, '\n') AS line);

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE 'refused by %', TG_TABLE_NAME
    USING ERRCODE = 'XX123', DETAIL = E'two\n  lines', HINT = 'a hint', COLUMN = 'a column', CONSTRAINT = 'a constraint', TABLE = 'a table';
END
$$;

-- Rows that were there before. The first batch fails before it commits.
SET session_replication_role = replica;
INSERT INTO "user" (id, phone) VALUES ('u1', '07400 123401'), ('u2', '07400 123402');
INSERT INTO orders (user_id, phone, total) VALUES ('u1', NULL, 1), (NULL, '07400 123403', 2);
RESET session_replication_role;

CREATE TRIGGER refuse BEFORE UPDATE ON "user" FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT * FROM fields_of($$CALL customer_identity.backfill('"user"')$$) \gset users_
DROP TRIGGER refuse ON "user";
SELECT is(ARRAY[:'users_code', :'users_message', :'users_detail', :'users_hint', :'users_of_column', :'users_of_constraint', :'users_of_table'],
  ARRAY['XX123', 'refused by user', E'two\n  lines', 'a hint', 'a column', 'a constraint', 'a table'],
  'what a trigger of the application raises in a backfill of users arrives as it is');
SELECT ok(is_short(:'users_context'), 'with a short context');
SELECT matches(:'users_context'::text, 'UPDATE ONLY public."user"', 'that names the table');

CREATE TRIGGER refuse BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT * FROM fields_of($$CALL customer_identity.backfill('"user"')$$) \gset follow_
SELECT is(:'follow_message'::text, 'refused by orders', 'a trigger on orders that a backfill of users attaches');
SELECT ok(is_short(:'follow_context'), 'has a short context');
SELECT * FROM fields_of($$CALL customer_identity.backfill('orders')$$) \gset orders_
DROP TRIGGER refuse ON orders;
SELECT is(:'orders_message'::text, 'refused by orders', 'a trigger on orders');
SELECT ok(is_short(:'orders_context'), 'has a short context in a backfill of orders');

ALTER TABLE orders ADD CONSTRAINT small CHECK (total < 2) NOT VALID;
SELECT * FROM fields_of($$CALL customer_identity.backfill('orders')$$) \gset check_
ALTER TABLE orders DROP CONSTRAINT small;
SELECT is(ARRAY[:'check_code', :'check_of_table', :'check_of_constraint'], ARRAY['23514', 'orders', 'small'],
  'a constraint that rows break is named');
SELECT ok(is_short(:'check_context'), 'in a short context');

CREATE TRIGGER refuse BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT * FROM fields_of($$CALL customer_identity.backfill('orders')$$) \gset book_
DROP TRIGGER refuse ON customers;
SELECT is(:'book_message'::text, 'refused by customers', 'a trigger on customers');
SELECT ok(is_short(:'book_context'), 'has a short context');

-- What only reads: more than the memory holds, of a table whose long name has letters of two bytes.
CREATE TABLE "öööööööööööööööööööööööööööööö" (id int PRIMARY KEY, user_id text, phone text, total numeric);
SELECT customer_identity.attach_orders('"öööööööööööööööööööööööööööööö"');
INSERT INTO customers (id, phone) SELECT md5(n::text)::uuid, '+4474' || (10000000 + n) FROM generate_series(1, 10000) AS n;
SET session_replication_role = replica;
INSERT INTO "öööööööööööööööööööööööööööööö" SELECT n, NULL, NULL, 1, md5(n::text)::uuid FROM generate_series(1, 10000) AS n;
RESET session_replication_role;
SET work_mem = '64kB';
SET temp_file_limit = 0;
SELECT * FROM fields_of('SELECT * FROM customer_identity.verify_totals()') \gset verify_
SELECT * FROM fields_of('SELECT * FROM customer_identity.rebuild_totals()') \gset rebuild_
RESET temp_file_limit;
SELECT is(:'verify_code'::text, '53400', 'a query that needs more than it may have');
SELECT ok(is_short(:'verify_context'), 'has a short context in verify_totals()');
SELECT matches(:'rebuild_context'::text, '[.]{3}\n', 'in which a long statement is cut');

SELECT * FROM finish();
