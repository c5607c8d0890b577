-- 10,000 transactions at timing 'commit' leave the session's memory as it was after the first few hundred.
\ir shop.psql
SELECT plan(5);
SELECT customer_identity.attach_orders('orders', users => '"user"', region_column => 'country',
  status_column => 'status', counted_statuses => '{paid,shipped}', timing => 'commit');

CREATE VIEW memory AS
SELECT count(*) FILTER (WHERE name = 'CachedPlanSource') AS plans, count(*) AS contexts, sum(total_bytes) AS bytes
  FROM pg_backend_memory_contexts;
CREATE FUNCTION buy(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders (phone, total) VALUES ('07400 1234' || lpad((n % 100)::text, 2, '0'), n);
END $$;
-- A transaction a round, which ends in every way; every hundredth one needs a file.
CREATE PROCEDURE work(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
  FOR n IN first..last LOOP
    PERFORM buy(n);
    BEGIN
      PERFORM buy(n + 1);
      IF n % 4 = 0 THEN PERFORM customer_identity.flush_totals(); END IF;
      IF n % 3 = 0 THEN RAISE EXCEPTION 'undo'; END IF;
    EXCEPTION WHEN raise_exception THEN
    END;
    IF n % 100 = 0 THEN
      FOR i IN 1..120 LOOP
        BEGIN
          PERFORM buy(i);
        EXCEPTION WHEN raise_exception THEN
        END;
      END LOOP;
    END IF;
    IF n % 5 = 0 THEN
      ROLLBACK;
    ELSIF n % 5 = 1 THEN
      COMMIT AND CHAIN;
    ELSE
      COMMIT;
    END IF;
  END LOOP;
END $$;
SET work_mem = '64kB';

CALL work(1, 1000);
SELECT * FROM memory \gset before_
CALL work(1001, 10000);
SELECT * FROM memory \gset after_

SELECT cmp_ok(:after_plans::int, '<=', :before_plans::int, 'no plan is leaked');
SELECT cmp_ok(:after_contexts::int, '<=', :before_contexts::int, 'no memory context is leaked');
SELECT cmp_ok(:after_bytes::bigint - :before_bytes::bigint, '<', 262144::bigint, 'no memory is leaked');
SELECT cmp_ok((SELECT count(*) FROM orders), '>', 10000::bigint, 'the work was done');
SELECT is_empty('SELECT * FROM wrong_totals()', 'exactly');

SELECT * FROM finish();
