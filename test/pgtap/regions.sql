-- Regions as rows have them: an international phone needs none, blanks and case do not matter, and a table may have a
-- default of its own. Every door reads the same, with and without the fast path.
\ir shop.psql
SELECT * FROM no_plan();
CREATE SCHEMA book;
SELECT customer_identity.create_tables('book');

-- Region texts of every kind, and what a national German and an international British spelling read as in them.
CREATE TABLE regions (region text, national text);
INSERT INTO regions VALUES
  (NULL, '+447400123401'), ('', '+447400123401'), ('  ', '+447400123401'), (E'\t\n', '+447400123401'), (U&'\00a0', '+447400123401'),
  ('GB', '+447400123401'), ('gb', '+447400123401'), ('gB ', '+447400123401'), (' GB', '+447400123401'), (E'GB\r\n', '+447400123401'),
  (U&'GB\00a0', '+447400123401'), (U&'\00a0 gb \00a0', '+447400123401'),
  ('UK', '+447400123401'), (' uk', '+447400123401'), ('GBR', '+447400123401'), ('gbr ', '+447400123401'), ('+44', '+447400123401'),
  ('0044', '+447400123401'), (' 44', '+447400123401'), ('49', '+497400123401'),
  ('ZZ', NULL), ('Germany', NULL), ('Vereinigtes Königreich', NULL), ('XX', NULL), ('XXX', NULL), ('G B', NULL),
  ('049', NULL), ('+999', NULL), ('+', NULL), ('é', NULL), (repeat('x', 90), NULL);
CREATE TABLE spellings (raw text, national boolean, e164 text);
INSERT INTO spellings VALUES ('+447911123456', false, '+447911123456'), (' + 44 (7911) 123-456 ', false, '+447911123456'),
  ('+49 151 23456789', false, '+4915123456789'), ('tel:+4915123456789', false, '+4915123456789'), ('＋４９１５１２３４５６７８９', false, '+4915123456789'),
  ('07400 123401', true, NULL);
CREATE TABLE expected AS
SELECT row_number() OVER () AS id, r.region, s.raw, CASE WHEN s.national THEN r.national ELSE s.e164 END AS e164,
  s.national AND r.national IS NULL AND r.region <> 'ZZ' AS is_unknown
FROM regions r CROSS JOIN spellings s;

CREATE FUNCTION wrongly_read() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT 'claimed ' || e::text FROM expected e WHERE customer_identity_internal.claimed_phone(raw, region) IS DISTINCT FROM e164
  UNION ALL
  SELECT 'reason ' || e::text FROM expected e
  WHERE customer_identity_internal.claim_problem(raw, region) <> CASE WHEN is_unknown THEN 'unknown_region' WHEN e164 IS NULL THEN 'no_region' ELSE 'ok' END
  UNION ALL
  SELECT 'normalize_phone ' || e::text FROM expected e
  WHERE NOT is_unknown AND customer_identity.normalize_phone(raw, region) IS DISTINCT FROM e164
  UNION ALL
  SELECT 'parse_phone ' || e::text FROM expected e
  WHERE e164 IS NOT NULL AND (customer_identity.parse_phone(raw, region)).e164 IS DISTINCT FROM e164
  UNION ALL
  SELECT 'format_phone ' || e::text FROM expected e
  WHERE e164 IS NOT NULL AND customer_identity.format_phone(raw, 'e164', region) IS DISTINCT FROM e164
  UNION ALL
  SELECT f.name || ' ' || e::text || ' ' || r.code FROM expected e
  CROSS JOIN (VALUES ('normalize_phone', '%L, %L'), ('parse_phone', '%L, %L'), ('format_phone', '%L, region => %L'), ('find_customer', '%L, %L'),
    ('get_or_create_customer', '%L, region => %L'), ('record_proof', '%L, region => %L'), ('revoke_proof', '%L, region => %L'),
    ('start_verification', '%L, region => %L')) AS f (name, arguments)
  CROSS JOIN LATERAL failure(format('SELECT * FROM customer_identity.%I(' || f.arguments || ')', f.name, raw, region)) AS r
  WHERE CASE
    WHEN is_unknown THEN r.code IS DISTINCT FROM '22023'
    WHEN e164 IS NULL AND f.name NOT LIKE '%\_phone' AND f.name <> 'find_customer' THEN r.code IS DISTINCT FROM 'CI001'
    ELSE r.code IS NOT NULL
  END
$$;
SELECT cmp_ok(count(*), '>', 100::bigint, 'texts of every kind') FROM expected;
SELECT is_empty('SELECT wrongly_read()', 'functions read them');
SET customer_identity.fast_path = off;
SELECT is_empty('SELECT wrongly_read()', 'by the library alone');
SET customer_identity.fast_path = verify;
SELECT is_empty('SELECT wrongly_read()', 'and both agree');
RESET customer_identity.fast_path;

-- Rows: the triggers, then backfill, of users and of orders.
CREATE TABLE people (id bigint PRIMARY KEY, phone text, region text);
CREATE TABLE sales (id bigint PRIMARY KEY, phone text, region text, total numeric);
SELECT customer_identity.attach_users('people', region_column => 'region', customers => 'book.customers');
SELECT customer_identity.attach_orders('sales', region_column => 'region', customers => 'book.customers');
CREATE FUNCTION wrongly_linked() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT t.name || ' ' || e::text
  FROM expected e
  JOIN (SELECT 'people', id, customer_id FROM people UNION ALL SELECT 'sales', id, customer_id FROM sales) AS t (name, id, customer_id) USING (id)
  LEFT JOIN book.customers c ON c.id = t.customer_id
  WHERE c.phone IS DISTINCT FROM e.e164
$$;
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$
  INSERT INTO people SELECT id, raw, region FROM expected;
  INSERT INTO sales SELECT id, raw, region, 1 FROM expected;
$$;
SELECT fill();
SELECT is_empty('SELECT wrongly_linked()', 'triggers read them');
SELECT is_empty($$SELECT t, key, reason FROM unnest('{people,sales}'::regclass[]) AS t CROSS JOIN LATERAL customer_identity.phone_problems(t) AS p
  JOIN expected e ON e.id = p.key::bigint WHERE e164 IS NOT NULL OR reason <> CASE WHEN is_unknown THEN 'unknown_region' ELSE 'no_region' END$$,
  'phone_problems names the region where that is the problem');
SELECT is((SELECT count(*) FROM customer_identity.phone_problems('people')), (SELECT count(*) FROM expected WHERE e164 IS NULL), 'and only there');
TRUNCATE people, sales;
ALTER TABLE people DISABLE TRIGGER USER;
ALTER TABLE sales DISABLE TRIGGER USER;
SELECT fill();
ALTER TABLE people ENABLE TRIGGER USER;
ALTER TABLE sales ENABLE TRIGGER USER;
CALL customer_identity.backfill('people', 7);
CALL customer_identity.backfill('sales', 7);
SELECT is_empty('SELECT wrongly_linked()', 'backfill as well');

-- default_region: the row's region, the table's, the setting.
SELECT is(concat_ws(' ', code, message), '22023 default_region ' || quote_literal(region) || ' is not a region', 'no default: ' || region)
FROM unnest('{XX,"",ZZ," ",049,GBX,Germany,+999}'::text[]) AS region
CROSS JOIN LATERAL (SELECT * FROM failure(format('SELECT customer_identity.attach_users(''people'', default_region => %L, customers => ''book.customers'')', region))
  UNION ALL SELECT * FROM failure(format('SELECT customer_identity.attach_orders(''sales'', default_region => %L, customers => ''book.customers'')', region))) AS f;
TRUNCATE people, sales;
SELECT customer_identity.attach_users('people', region_column => 'region', default_region => ' de', customers => 'book.customers');
SELECT customer_identity.attach_orders('sales', region_column => 'region', default_region => '+49 ', customers => 'book.customers');
SELECT is(string_agg(DISTINCT default_region, ' '), 'DE', 'kept as two capitals, in the view') FROM customer_identity.attachments WHERE customers = 'book.customers'::regclass;
SELECT matches(customer_identity_internal.attach_call(t), $$default_region => 'DE'$$, 'and in the call') FROM unnest('{people,sales}'::regclass[]) AS t;
UPDATE expected AS e SET e164 = CASE
  WHEN coalesce(e.region, '') ~ U&'^[\0009\000a\00a0 ]*$' THEN '+4915123456789'
  WHEN e.region = '49' THEN '+4915123456789'
  WHEN e.region ~* 'gb|uk|44' THEN customer_identity.normalize_phone('0151 23456789', 'GB')
END, raw = '0151 23456789' WHERE raw = '07400 123401';
SELECT fill();
SELECT is_empty('SELECT wrongly_linked()', 'a blank region means that of the table, an unknown one does not');
TRUNCATE people, sales;
ALTER TABLE people DISABLE TRIGGER USER;
ALTER TABLE sales DISABLE TRIGGER USER;
SELECT fill();
ALTER TABLE people ENABLE TRIGGER USER;
ALTER TABLE sales ENABLE TRIGGER USER;
SELECT ok(finding LIKE '%: ' || (SELECT count(*) FROM expected WHERE e164 IS NOT NULL), 'check_setup counts those that backfill will link')
FROM customer_identity.check_setup('book.customers') WHERE finding LIKE 'rows without a customer that could%';
CALL customer_identity.backfill('people');
CALL customer_identity.backfill('sales');
SELECT is_empty('SELECT wrongly_linked()', 'so backfill reads');

RESET customer_identity.default_region;
TRUNCATE people, sales;
SELECT customer_identity.attach_users('people', default_region => 'DE', customers => 'book.customers');
SELECT customer_identity.attach_orders('sales', default_region => 'DE', customers => 'book.customers');
INSERT INTO people VALUES (1, '0151 23456780'), (2, '+43 664 1234567');
INSERT INTO sales VALUES (1, '0151 23456781');
SELECT is(string_agg(c.phone, ' ' ORDER BY c.phone), '+436641234567 +4915123456780 +4915123456781', 'without a column and without the setting')
FROM (SELECT customer_id FROM people UNION ALL SELECT customer_id FROM sales) AS t JOIN book.customers c ON c.id = t.customer_id;
SELECT customer_identity.attach_users('people', customers => 'book.customers');
SELECT is(default_region, NULL, 'attached again without it') FROM customer_identity.attachments WHERE attached = 'people'::regclass;
INSERT INTO people VALUES (3, '0151 23456782');
SELECT is(customer_id, NULL, 'there is none') FROM people WHERE id = 3;
ALTER TABLE people RENAME COLUMN phone TO default_region;
SELECT customer_identity.attach_users('people', '{default_region}', default_region => 'DE', customers => 'book.customers');
ALTER TABLE people RENAME COLUMN default_region TO "DE";
SELECT is(concat_ws(' ', phone_columns[1], default_region), 'DE DE', 'a region is no name to follow') FROM customer_identity.attachments WHERE attached = 'people'::regclass;

-- Partitions, and a setting that is wrong.
CREATE TABLE parts (id int, phone text, total numeric) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
SELECT customer_identity.attach_orders('parts', default_region => 'DE', customers => 'book.customers');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
SET customer_identity.default_region = 'XX';
INSERT INTO parts VALUES (1, '0151 23456783'), (11, '0151 23456783');
INSERT INTO parts_1 VALUES (2, '0151 23456783');
SELECT is(count(customer_id), 3::bigint, 'partitions have it') FROM parts;
SELECT is(customer_identity.normalize_phone('+4915123456789'), '+4915123456789', 'a wrong setting is no matter to an international phone');
SELECT is((failure($$SELECT customer_identity.normalize_phone('0151 23456789')$$)).code, '22023', 'and one to a national');

SELECT * FROM finish();
