-- What a session keeps of the books that it has come through is bounded.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;

-- A hundred books take longer to make than to use: the session that makes them is not the one that is looked at.
DO $$
BEGIN
    FOR i IN 1..100 LOOP
        EXECUTE format('CREATE SCHEMA shop%s', i);
        EXECUTE format('SET LOCAL search_path = shop%s', i);
        PERFORM customer_identity.create_tables();
        CREATE TABLE users (id text PRIMARY KEY, phone text);
        CREATE TABLE orders (id int PRIMARY KEY, user_id text, total numeric);
        PERFORM customer_identity.attach_users('users');
        PERFORM customer_identity.attach_orders('orders', users => 'users', phone_column => NULL);
    END LOOP;
END $$;
\c
SET client_min_messages = warning;
SET customer_identity.default_region = 'GB';
SELECT * FROM no_plan();

CREATE PROCEDURE trade(login text) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..100 LOOP
        EXECUTE format('INSERT INTO shop%s.users VALUES ($1, $2)', i) USING login, '07400 123456';
        EXECUTE format('INSERT INTO shop%s.orders VALUES ($1, $2, 10)', i) USING length(login), login;
        COMMIT;
    END LOOP;
END $$;
CREATE FUNCTION kept(OUT entries bigint, OUT bytes numeric) LANGUAGE sql
BEGIN ATOMIC
    SELECT count(*), sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'customer_identity cache';
END;

CALL trade('a');
CALL trade('bb');
SELECT cmp_ok((kept()).entries, '<=', 1024::bigint, 'no more than a bound is kept of a hundred books');
SELECT cmp_ok((kept()).bytes, '<', 4000000::numeric, 'in little memory');
SELECT cmp_ok((SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE 'INSERT INTO shop%.customers %'),
  '<=', 100::bigint, 'with the plans of as many');
CALL trade('ccc');
CREATE TEMPORARY TABLE kept_before AS SELECT (kept()).*;
CALL trade('dddd');
CALL trade('eeeee');
SELECT cmp_ok((kept()).bytes, '<', (SELECT bytes * 1.5 FROM kept_before), 'it does not grow with use');

SELECT is((SELECT array_agg(DISTINCT (xpath('//n/text()', query_to_xml(format(
    'SELECT count(*) || '' '' || min(total_orders) AS n FROM shop%s.customers', i), false, false, '')))[1]::text)
  FROM generate_series(1, 100) AS i), '{1 5}', 'and every book is as it should be');

SELECT * FROM finish();
