-- A function in SQL that the planner cannot inline is planned at each call, which takes longer than most of them run. For a page
-- nothing is asked that it does not need, nor in that way where it reads several catalogs.
\ir shop.psql
SELECT * FROM no_plan();
INSERT INTO "user" (id, name, phone) VALUES ('ada', 'Ada', '07400 123401');
INSERT INTO orders (user_id, total) VALUES ('ada', 1);
SELECT id AS ada FROM customers WHERE phone = '+447400123401' \gset
CREATE FUNCTION called(call text, names text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  before text[] := ARRAY(SELECT funcname || ' ' || calls FROM pg_stat_xact_user_functions);
BEGIN
  EXECUTE call;
  RETURN ARRAY(SELECT s.funcname || ' in ' || l.lanname FROM pg_stat_xact_user_functions AS s
    JOIN pg_proc AS p ON p.oid = s.funcid JOIN pg_language AS l ON l.oid = p.prolang
    WHERE s.funcname = ANY (names) AND s.funcname || ' ' || s.calls <> ALL (before) ORDER BY 1);
END
$$;
SET track_functions = 'all';
BEGIN;
SELECT is(called($$SELECT customer_identity.list_customers()$$, '{logins_query,has_index_on,is_read_with_ancestor,users_filter_condition,how_many_are_few}'), '{}', 'a list in its order');
SELECT is(called($$SELECT customer_identity.list_customers('ada', page_size => 1)$$, '{user_rows,customer_column_type,write_cursor}'),
  '{customer_column_type in plpgsql,user_rows in plpgsql,write_cursor in plpgsql}', 'a search');
SELECT is(called($$SELECT customer_identity.list_customers(filters => '{"has_users": true}')$$, '{logins_query,has_index_on,how_many_are_few}'),
  '{has_index_on in plpgsql,how_many_are_few in plpgsql,logins_query in plpgsql}', 'what a filter needs is asked, and seen here');
SELECT is(called(format('SELECT customer_identity.customer_orders(%L)', :'ada'), '{page_key,primary_key_columns,is_read_with_ancestor}'),
  '{page_key in plpgsql,primary_key_columns in plpgsql}', 'orders of a customer');
SELECT is(called(format($$SELECT customer_identity.update_customer(%L, '{"notes": "x"}')$$, :'ada'), '{is_in_key,editable_columns,typed_columns}'),
  '{editable_columns in plpgsql,is_in_key in plpgsql,typed_columns in plpgsql}', 'a change of a customer');
COMMIT;
SELECT * FROM finish();
