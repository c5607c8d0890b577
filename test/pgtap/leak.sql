-- 10,000 statements through every trigger leave the session's memory as it was after the first few hundred.
\ir shop.psql
SELECT plan(8);

CREATE VIEW memory AS
SELECT count(*) FILTER (WHERE name = 'CachedPlanSource') AS plans, count(*) AS contexts, sum(total_bytes) AS bytes
  FROM pg_backend_memory_contexts;
INSERT INTO "user" (id, phone) SELECT 'u' || n, '07400 1234' || lpad(n::text, 2, '0') FROM generate_series(0, 9) n;
-- Each is a statement of its own, sent by the client.
CREATE VIEW work AS
SELECT n, CASE n % 10
  WHEN 0 THEN format('INSERT INTO "user" (id, phone, name) VALUES (%L, %L, %L)', 'w' || n, '+44740' || (1200000 + n), 'x')
  WHEN 1 THEN format('UPDATE "user" SET phone = %L WHERE id = %L', '07400 12350' || n / 10 % 10, 'u' || n / 10 % 10)
  WHEN 2 THEN format('INSERT INTO "user" (id, "phoneNumber", "phoneNumberVerified") VALUES (%L, %L, true)', 'w' || n,
    '+44741' || (1200000 + n))
  WHEN 3 THEN format('INSERT INTO "user" (id, phone) VALUES (%L, %L)', 'w' || n, 'junk')
  WHEN 4 THEN format('INSERT INTO orders (user_id, total, note) VALUES (%L, %s, %L)', 'u' || n / 10 % 10, n, 'w')
  WHEN 5 THEN format('INSERT INTO orders (phone, total) VALUES (%L, 1), (%L, 2), (%L, 3)', '07400 123401', '07400 123499', 'junk')
  WHEN 6 THEN format('UPDATE orders SET total = %s, status = %L WHERE note = %L', n, 'shipped', 'w')
  WHEN 7 THEN format('DELETE FROM orders WHERE note = %L', 'w')
  WHEN 8 THEN format('SELECT failure(%L)', 'INSERT INTO orders (phone, total) VALUES (''07400 123401'', 1 / 0)')
  WHEN 9 THEN format('UPDATE orders SET phone = %L WHERE id = %s', '07400 12340' || n / 10 % 10, n)
END AS statement
FROM generate_series(1, 11000) n;

\o /dev/null
SELECT statement FROM work WHERE n <= 1000 ORDER BY n \gexec
\o
SELECT * FROM memory \gset before_
\o /dev/null
SELECT statement FROM work WHERE n > 1000 ORDER BY n \gexec
\o
SELECT * FROM memory \gset after_

SELECT cmp_ok(:after_plans::int - :before_plans::int, '<', 10, 'no plan is leaked');
SELECT cmp_ok(:after_contexts::int - :before_contexts::int, '<', 10, 'no memory context is leaked');
SELECT cmp_ok(:after_bytes::bigint - :before_bytes::bigint, '<', 262144::bigint, 'no memory is leaked');

-- Each round makes the session forget what it knows about the three tables: DDL does, and so does VACUUM.
CREATE VIEW rounds AS
SELECT n, step, statement FROM generate_series(1, 300) n, (VALUES
  (1, 'ALTER TABLE orders SET (fillfactor = 90)'), (2, 'ALTER TABLE "user" SET (fillfactor = 90)'), (3,
    'ALTER TABLE customers SET (fillfactor = 90)'),
  (4, 'INSERT INTO orders (user_id, phone, total) VALUES (''u1'', ''07400 123401'', 1)'), (5, 'UPDATE orders SET total = 1 WHERE id = 1'),
  (6, 'UPDATE "user" SET phone = phone || '' '' WHERE id = ''u1''')) AS steps (step, statement);
\o /dev/null
SELECT statement FROM rounds WHERE n <= 100 ORDER BY n, step \gexec
\o
SELECT * FROM memory \gset before_
\o /dev/null
SELECT statement FROM rounds WHERE n > 100 ORDER BY n, step \gexec
\o
SELECT * FROM memory \gset after_
SELECT cmp_ok(:after_plans::int - :before_plans::int, '<', 20, 'what was forgotten is freed: plans');
SELECT cmp_ok(:after_contexts::int - :before_contexts::int, '<', 50, 'what was forgotten is freed: contexts');
SELECT cmp_ok(:after_bytes::bigint - :before_bytes::bigint, '<', 1048576::bigint, 'what was forgotten is freed: memory');

SELECT cmp_ok((SELECT count(*) FROM customers), '>', 2000::bigint, 'the work was done');
SELECT is_empty('SELECT * FROM wrong_totals()', 'exactly');

SELECT * FROM finish();
