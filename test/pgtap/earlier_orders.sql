-- Users who gain a customer bring their earlier orders along, by one statement for each orders table, whichever
-- statement gives them their phones.
\ir shop.psql
SELECT plan(22);

ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey,
  ADD FOREIGN KEY (user_id) REFERENCES "user" ON UPDATE CASCADE ON DELETE SET NULL;
CREATE TABLE sales (id int PRIMARY KEY, user_id text, total numeric);
SELECT customer_identity.attach_orders('sales', users => '"user"');
CREATE TABLE statements (relation text);
CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO statements VALUES (TG_TABLE_NAME);
  RETURN NULL;
END
$$;
CREATE TRIGGER count_statement AFTER UPDATE ON orders FOR EACH STATEMENT EXECUTE FUNCTION count_statement();
CREATE TRIGGER count_statement AFTER UPDATE ON sales FOR EACH STATEMENT EXECUTE FUNCTION count_statement();
-- Orders whose user has another customer than they, or they none.
CREATE VIEW left_behind AS
SELECT o.user_id FROM (SELECT user_id, customer_id FROM orders UNION ALL SELECT user_id, customer_id FROM sales) AS o
JOIN "user" AS u ON u.id = o.user_id WHERE o.customer_id IS DISTINCT FROM u.customer_id;

INSERT INTO "user" (id) SELECT 'u' || n FROM generate_series(1, 40) AS n;
INSERT INTO orders (user_id, total) SELECT 'u' || 1 + n % 40, n FROM generate_series(1, 120) AS n;
INSERT INTO sales SELECT n, 'u' || 1 + n % 40, n FROM generate_series(1, 80) AS n;

UPDATE "user" SET phone = '07400 1234' || substr(id, 2) WHERE id BETWEEN 'u10' AND 'u19';
SELECT is((SELECT array_agg(user_id) FROM left_behind WHERE user_id BETWEEN 'u10' AND 'u19'), NULL, 'an UPDATE of many');
SELECT is((SELECT array_agg(relation ORDER BY relation) FROM statements), '{orders,sales}', 'writes each orders table once');
SELECT is((SELECT count(customer_id) FROM orders), 30::bigint, 'and nobody else''s orders');
INSERT INTO "user" (id) SELECT 'u' || n FROM generate_series(20, 29) AS n
  ON CONFLICT (id) DO UPDATE SET phone = '07400 1234' || substr("user".id, 2);
SELECT is((SELECT array_agg(user_id) FROM left_behind WHERE user_id BETWEEN 'u20' AND 'u29'), NULL, 'an upsert');
MERGE INTO "user" AS u USING generate_series(30, 34) AS n ON u.id = 'u' || n
  WHEN MATCHED THEN UPDATE SET phone = '07400 1234' || n;
SELECT is((SELECT array_agg(user_id) FROM left_behind WHERE user_id BETWEEN 'u30' AND 'u34'), NULL, 'a MERGE');
WITH changed AS (UPDATE "user" SET phone = '07400 123435' WHERE id = 'u35' RETURNING id)
UPDATE "user" SET phone = '07400 123436' WHERE id = 'u36';
SELECT is((SELECT array_agg(user_id) FROM left_behind WHERE user_id IN ('u35', 'u36')), NULL, 'two UPDATEs in one statement');
UPDATE "user" SET id = 'new', phone = '07400 123437' WHERE id = 'u37';
SELECT is((SELECT count(customer_id) FROM orders WHERE user_id = 'new'), 3::bigint, 'a user who gets a new id as well');
UPDATE "user" SET customer_id = (SELECT customer_id FROM "user" WHERE id = 'u36') WHERE id = 'u38';
SELECT is((SELECT array_agg(user_id) FROM left_behind WHERE user_id = 'u38'), NULL, 'a customer that the application gives');
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE "user" SET phone = '07400 123439' WHERE id IN ('u39', 'u40');
COMMIT;
SELECT is((SELECT array_agg(user_id) FROM left_behind WHERE user_id IN ('u39', 'u40')), NULL, 'at SERIALIZABLE');

-- A trigger of the application that gives another user a phone, within.
CREATE FUNCTION also() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE "user" SET phone = NEW.phone WHERE id = 'u' || substr(NEW.id, 2)::int + 1 AND phone IS NULL AND NEW.id <> 'u9';
  RETURN NULL;
END
$$;
CREATE TRIGGER also AFTER UPDATE ON "user" FOR EACH ROW EXECUTE FUNCTION also();
UPDATE "user" SET phone = '07400 123490' WHERE id = 'u1';
SELECT is((SELECT count(*) FROM "user" WHERE phone = '07400 123490'), 9::bigint, 'statements within statements');
SELECT is_empty('TABLE left_behind', 'take along what each of them gives');
DROP TRIGGER also ON "user";

UPDATE "user" SET phone = NULL;
TRUNCATE orders, sales;
INSERT INTO "user" (id) SELECT 'many' || n FROM generate_series(1, 10001) AS n;
INSERT INTO sales SELECT n, 'many' || n, 1 FROM generate_series(1, 10001) AS n;
UPDATE "user" SET phone = '07400 123401' WHERE id LIKE 'many%';
SELECT is((SELECT count(customer_id) FROM sales), 10001::bigint, 'more users than are noted at a time');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

-- Partitions, one of which has no triggers yet for statements that name it.
CREATE TABLE members (id int PRIMARY KEY, phone text) PARTITION BY RANGE (id);
CREATE TABLE members_1 PARTITION OF members FOR VALUES FROM (0) TO (10);
CREATE TABLE members_2 PARTITION OF members FOR VALUES FROM (10) TO (20);
CREATE TABLE bookings (id int PRIMARY KEY, member int REFERENCES members ON UPDATE CASCADE, total numeric) PARTITION BY RANGE (id);
CREATE TABLE bookings_1 PARTITION OF bookings FOR VALUES FROM (0) TO (15);
CREATE TABLE bookings_2 PARTITION OF bookings FOR VALUES FROM (15) TO (50);
SELECT customer_identity.attach_users('members');
SELECT customer_identity.attach_orders('bookings', users => 'members', user_column => 'member');
CREATE TABLE members_3 PARTITION OF members FOR VALUES FROM (20) TO (30);
INSERT INTO members (id) SELECT n FROM generate_series(0, 29) AS n WHERE n % 10 < 9;
INSERT INTO bookings SELECT id, id, 1 FROM members;
CREATE VIEW members_left_behind AS
SELECT b.member FROM bookings AS b JOIN members AS m ON m.id = b.member WHERE b.customer_id IS DISTINCT FROM m.customer_id;

UPDATE members SET phone = '07400 12340' || id % 10 WHERE id % 10 < 3;
SELECT is((SELECT count(customer_id) FROM bookings), 9::bigint, 'an UPDATE of a partitioned table');
UPDATE members_1 SET phone = '07400 12340' || id % 10 WHERE id % 10 = 4;
UPDATE members_2 SET phone = '07400 12340' || id % 10 WHERE id % 10 = 4;
SELECT is((SELECT count(customer_id) FROM bookings), 11::bigint, 'of partitions');
UPDATE members_3 SET phone = '07400 12340' || id % 10 WHERE id % 10 IN (4, 5);
SELECT is((SELECT count(customer_id) FROM bookings), 13::bigint, 'of a partition without triggers for statements');
UPDATE members SET id = 9, phone = '07400 123409' WHERE id = 7;
UPDATE members SET id = 19, phone = '07400 123408' WHERE id = 8;
SELECT is((SELECT count(customer_id) FROM bookings WHERE member IN (9, 19)), 2::bigint, 'of members whose ids change, one of them for another partition');
SET session_replication_role = replica;
UPDATE members SET phone = '07400 123499' WHERE phone IS NULL;
RESET session_replication_role;
CALL customer_identity.backfill('members');
SELECT is((SELECT count(customer_id) FROM bookings), 27::bigint, 'a backfill of partitions');
SELECT is_empty('TABLE members_left_behind', 'everywhere to the customer of the member');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'totals are exact');

-- The index that finds them, of the column that orders refer to users by; not where no index could.
CREATE TABLE accounts (id int PRIMARY KEY, code text UNIQUE, phone text);
CREATE TABLE by_code (id int PRIMARY KEY, user_id text REFERENCES accounts (code), total numeric);
CREATE TABLE by_other_type (id int PRIMARY KEY, user_id text, total numeric);
SELECT customer_identity.attach_users('accounts');
SELECT customer_identity.attach_orders(o, users => 'accounts') FROM unnest('{by_code,by_other_type,by_code}'::regclass[]) AS o;
SELECT has_index('by_code', 'by_code_user_id_idx', 'user_id', 'attaching makes an index of the users of orders, once');
SELECT hasnt_index('by_other_type', 'by_other_type_user_id_idx', 'but none that could not be used');
SELECT * FROM finish();
