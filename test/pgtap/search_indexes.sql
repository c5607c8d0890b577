-- The indexes that lists of a large book need: made when asked for, at once or while the shop goes on, and used.
\ir shop.psql
SELECT * FROM no_plan();
ALTER TABLE "user" ADD email text;
CREATE TABLE members (id int PRIMARY KEY, phone text, email varchar(50)) PARTITION BY RANGE (id);
CREATE TABLE members_1 PARTITION OF members FOR VALUES FROM (0) TO (100000);
CREATE TABLE partners (id int PRIMARY KEY, phone text, email int);
SELECT customer_identity.attach_users(u) FROM unnest('{members,partners}'::regclass[]) AS u;

-- search_text.
SELECT is(customer_identity.search_text(t), w, 'search_text: ' || t) FROM (VALUES
  ('Ada LOVELACE', 'ada lovelace'), ('Łukasz Søren Đorđe Weiß Æsir Œuvre', 'lukasz soren dorde weiss aesir oeuvre'), ('ÉÀÜñçőŠ', 'eaunco' || 's'), (E'e\u0301', 'e'), ('IĞDIR ışık', 'igdir isik'),
  ('ИВАН й', 'иван и'), ('ΟΔΟΣ οδος ς', 'οδοσ οδοσ σ'), ('Nguyễn', 'nguyen'), ('', ''), ('100% _\', '100% _\'), ('日本', '日本')) AS v (t, w);
SELECT is(customer_identity.search_text(NULL), NULL, 'nothing stays nothing');
SELECT is(customer_identity.search_text(customer_identity.search_text(t)), customer_identity.search_text(t), 'a text for searches is one already')
FROM unnest('{ÉÀÜñçőŠ,ẞ,İstanbul,ﬁn}'::text[] || repeat('æ', 900) || repeat('한', 900) || repeat('İ', 1000)) AS t;

-- Only the first 1,000 characters count: sorting combining marks takes a time that grows with the square of their number.
SELECT is(length(customer_identity.search_text(repeat(t, 100000))), n, format('%s: a long text is cut', t))
FROM (VALUES ('a', 1000), ('é', 1000), ('日', 1000), ('🙂', 1000), ('æ', 1000), ('한', 1000), ('ab ', 1000)) AS v (t, n);
SELECT is(customer_identity.search_text(repeat('é', 999) || 'XYZ'), repeat('e', 999) || 'x', 'exactly after that character');
SELECT is(length(customer_identity.search_text(repeat(marks, n / 2))), least(n, kept), format('%s combining marks are cut as well', n))
FROM unnest('{20000,1000000}'::int[]) AS n,
  (VALUES (U&'\0301\0316', 0), (U&'\05C1\05B0', 1000)) AS v (marks, kept);
CREATE TABLE marked AS SELECT repeat(U&'\05C1\05B0', 500000) AS name;
SET statement_timeout = 200;
SELECT is((failure('SELECT count(customer_identity.search_text(name)) FROM marked, generate_series(1, 1000000)')).code, '57014', 'and a search can be cancelled');
RESET statement_timeout;
DROP TABLE marked;

-- Making them.
SELECT is((f.e).code || (f.e).hint, '42704CREATE EXTENSION pg_trgm; it comes with PostgreSQL, and the owner of a database may create it.', 'without pg_trgm there is none')
FROM (SELECT failure('SELECT customer_identity.create_search_indexes()')) AS f (e);
SELECT is((SELECT count(*) FROM customer_identity.index_totals()), 2::bigint, 'those of totals do without');
DROP INDEX customers_total_spent_id_idx, customers_total_orders_id_idx;
CREATE SCHEMA "My Ext";
CREATE EXTENSION pg_trgm SCHEMA "My Ext";
SELECT set_eq($$SELECT i.name FROM customer_identity_internal.sort_indexes('customers') AS i WHERE customer_identity_internal.index_valid('customers', i.name)$$,
  $$VALUES ('customers_created_at_id_idx'), ('customers_updated_at_id_idx'), ('customers_preferred_name_id_idx')$$, 'create_tables has made those of the sorts');
SELECT is_empty($$SELECT statement FROM customer_identity.search_index_statements() AS statement WHERE statement LIKE '%created_at%'$$, 'which are not asked for again');
DROP INDEX customers_created_at_id_idx, customers_updated_at_id_idx, customers_preferred_name_id_idx;
SELECT bag_eq('SELECT customer_identity.search_index_statements()', $$VALUES ('ANALYZE public.customers'), ('ANALYZE public.members'), ('ANALYZE public."user"'),
  ('CREATE INDEX CONCURRENTLY customers_created_at_id_idx ON public.customers (created_at, id)'),
  ('CREATE INDEX CONCURRENTLY customers_updated_at_id_idx ON public.customers (updated_at, id)'),
  ('CREATE INDEX CONCURRENTLY customers_preferred_name_id_idx ON public.customers (preferred_name, id)'),
  ('CREATE INDEX CONCURRENTLY customers_phone_search_idx ON public.customers USING gin (phone "My Ext".gin_trgm_ops) WITH (gin_pending_list_limit = 512)'),
  ('CREATE INDEX CONCURRENTLY customers_name_search_idx ON public.customers USING gin (customer_identity.search_text(preferred_name::text) COLLATE "C" "My Ext".gin_trgm_ops) WITH (gin_pending_list_limit = 512)'),
  ('CREATE INDEX CONCURRENTLY user_email_search_idx ON public."user" USING gin (customer_identity.search_text(email::text) COLLATE "C" "My Ext".gin_trgm_ops) WITH (gin_pending_list_limit = 512)'),
  ('CREATE INDEX members_email_search_idx ON public.members USING gin (customer_identity.search_text(email::text) COLLATE "C" "My Ext".gin_trgm_ops) WITH (gin_pending_list_limit = 512)')
$$, 'statements for a shop that goes on; a partitioned table knows no CONCURRENTLY, an e-mail that is no text needs none');
SELECT is((SELECT count(*) FROM customer_identity.search_index_statements(true)), 12::bigint, 'those of totals when they are asked for');
SELECT statement FROM customer_identity.search_index_statements() AS statement WHERE statement LIKE '%CONCURRENTLY%' \gexec
SELECT set_eq('SELECT customer_identity.create_search_indexes()', $$VALUES ('members_email_search_idx')$$, 'what is there is not made again');
SELECT is_empty('SELECT customer_identity.create_search_indexes()', 'nor anything the second time');
SELECT is_empty('SELECT customer_identity.search_index_statements()', 'nothing is missing');
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'customers_phone_search_idx'::regclass;
SELECT results_eq($$SELECT split_part(customer_identity.search_index_statements(), ' ON ', 1)$$, $$VALUES ('DROP INDEX CONCURRENTLY public.customers_phone_search_idx'), ('CREATE INDEX CONCURRENTLY customers_phone_search_idx')$$,
  'what a CREATE INDEX CONCURRENTLY that failed has left is dropped first');
SELECT customer_identity.search_index_statements() \gexec
SELECT is_empty('SELECT customer_identity.search_index_statements()', 'and made anew');
SELECT is_empty($$SELECT indexrelid::regclass FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
  WHERE i.indrelid = 'customers'::regclass AND a.attname IN ('total_orders', 'total_spent', 'loyalty_points')$$, 'none is on a total');
CREATE SCHEMA other;
CREATE TABLE other.customers (LIKE customers INCLUDING DEFAULTS, PRIMARY KEY (id), UNIQUE (phone));
ALTER TABLE other.customers ALTER preferred_name TYPE text;
SELECT customer_identity.create_tables('other');
SELECT set_eq($$SELECT customer_identity.create_search_indexes('other.customers')$$, $$VALUES ('customers_created_at_id_idx'), ('customers_updated_at_id_idx'), ('customers_phone_search_idx'), ('customers_name_search_idx')$$,
  'names of any length are searched, but not sorted, by an index');
INSERT INTO other.customers (phone, preferred_name) VALUES ('+447400123401', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 1000) AS n));
SELECT is(jsonb_array_length(customer_identity.list_customers(md5('7'), sort => 'preferred_name', customers => 'other.customers') -> 'items'), 1, 'so that a long one is taken');

-- Using them.
INSERT INTO customers (phone, preferred_name, total_orders, total_spent, created_at, updated_at)
SELECT '+44740' || lpad((n * 7919 % 10000000)::text, 7, '0'), CASE WHEN n % 7 > 0 THEN md5(n::text) END, n % 10, n, now() - n * interval '1 hour', now() - n * interval '1 minute' FROM generate_series(1, 20000) AS n;
INSERT INTO members (id, email, customer_id) SELECT total_spent, 'm' || total_spent || '@example.com', id FROM customers WHERE total_spent <= 3000;
ANALYZE;
CREATE FUNCTION used(arguments text, index regclass) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE before bigint := coalesce(pg_stat_get_xact_numscans(index), 0);
BEGIN
  EXECUTE 'SELECT customer_identity.list_customers(' || arguments || ')';
  RETURN pg_stat_get_xact_numscans(index) > before;
END $$;
SELECT ok(used(a, i::regclass), a || ' uses ' || i) FROM (VALUES
  ($$sort => '-created_at'$$, 'customers_created_at_id_idx'), ($$sort => 'updated_at'$$, 'customers_updated_at_id_idx'), ($$sort => 'preferred_name'$$, 'customers_preferred_name_id_idx'),
  ($$sort => '-preferred_name'$$, 'customers_preferred_name_id_idx'), ($$search => '4000 07919'$$, 'customers_phone_search_idx'), ('search => ''c4ca4238''', 'customers_name_search_idx'),
  ($$search => 'm2999@'$$, 'members_1_search_text_idx'), ($$search => '07400007919', sort => '-total_spent'$$, 'customers_phone_search_idx')) AS v (a, i);
SELECT customer_identity.list_customers(sort => 'created_at', page_size => 500) ->> 'next' AS after \gset
SELECT ok(used(format('sort => %L, after => %L', 'created_at', :'after'), 'customers_created_at_id_idx'), 'so does a page in the midst');
CREATE FUNCTION writes_in_place(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE before bigint := pg_stat_get_xact_tuples_hot_updated('customers'::regclass);
BEGIN
  EXECUTE statement;
  RETURN pg_stat_get_xact_tuples_hot_updated('customers'::regclass) > before;
END $$;
VACUUM customers;
SELECT ok(writes_in_place($$INSERT INTO orders (phone, total) VALUES ('07400007919', 1)$$), 'an order still updates its customer in place');
SELECT customer_identity.index_totals();
SELECT ok(NOT writes_in_place($$INSERT INTO orders (phone, total) VALUES ('07400007919', 1)$$), 'which indexes of totals end');
ANALYZE customers;
SELECT ok(used('sort => ''-total_spent''', 'customers_total_spent_id_idx'), 'totals are sorted by their index where there is one');
CREATE TEMP TABLE with_indexes AS SELECT s, o, customer_identity.list_customers(s, sort => o) AS page
FROM unnest('{7919,07400 00,c4ca,m29,m2999@example.com,@example.com,fa,example,zzz}'::text[]) AS s, unnest('{created_at,-updated_at,preferred_name,-total_spent}'::text[]) AS o;
SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE indrelid IN ('customers'::regclass, 'members'::regclass) AND NOT indisunique AND NOT indisprimary AND indexrelid <> 'members_customer_id_idx'::regclass \gexec
SELECT is_empty('SELECT s, o FROM with_indexes WHERE page IS DISTINCT FROM customer_identity.list_customers(s, sort => o)', 'without an index a list is the same');
SELECT is((SELECT count(*) FROM with_indexes WHERE jsonb_array_length(page -> 'items') > 0), 32::bigint, 'and not empty');

SELECT * FROM finish();
