-- create_tables: the book it makes, and the customers tables of others that it checks and keeps.
SET client_min_messages = warning;
CREATE EXTENSION pgtap;
CREATE EXTENSION customer_identity;
SELECT * FROM no_plan();

\ir failure.psql

SELECT throws_ok($$SELECT customer_identity.find_customer('+447400123456')$$, 'CI003', NULL, 'without a book there is an error');
SELECT matches((failure($$SELECT customer_identity.find_customer('+447400123456')$$)).hint, 'create_tables',
  'and its hint names create_tables');

-- A new book.
SELECT is(customer_identity.create_tables()::text, 'customers', 'the book is made in the current schema');
SELECT columns_are('public', 'customers', ARRAY['id', 'phone', 'preferred_name', 'is_phone_verified', 'total_orders',
  'total_spent', 'loyalty_points', 'notes', 'created_at', 'updated_at']);
SELECT col_type_is('customers', 'total_spent', 'numeric', 'no sum overflows');
SELECT col_type_is('customers', 'loyalty_points', 'bigint', 'no points overflow');
SELECT col_type_is('customers', 'created_at', 'timestamp with time zone', 'time zones are kept');
SELECT col_is_null('customers', 'phone', 'a released number can be NULL');
SELECT has_table('phone_proofs');
SELECT has_table('loyalty_entries');
SELECT has_table('customer_events');
SELECT throws_ok($$INSERT INTO customers (phone) VALUES ('07400 123456')$$, '23514', NULL, 'phone is E.164 or nothing');
SELECT throws_ok($$INSERT INTO customers (phone) VALUES ('+0447400123456')$$, '23514', NULL, 'no country code starts with zero');
SELECT lives_ok($$INSERT INTO customers (phone) VALUES ('+10000000000'), (NULL), (NULL)$$,
  'no numbering plan is asked, and numbers go out of use');
SELECT throws_ok($$INSERT INTO customers (phone) VALUES ('+10000000000')$$, '23505', NULL, 'one phone, one person');
SELECT is_empty($$
  SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE conrelid = 'customers'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) ~ 'customer_identity\.'
$$, 'no check calls the extension: a restore under other metadata would fail');
SELECT is_empty($$
  SELECT indexrelid::regclass FROM pg_index i
  WHERE indrelid = 'customers'::regclass
    AND (SELECT bool_or(attname IN ('total_orders', 'total_spent', 'loyalty_points'))
         FROM pg_attribute WHERE attrelid = indexrelid)
$$, 'no index on a total: it would end HOT updates');

-- Twice, elsewhere, in part.
SELECT is(customer_identity.create_tables()::text, 'customers', 'a second call returns the same book');
SELECT is((SELECT count(*) FROM customers), 3::bigint, 'and keeps its rows');
DROP TABLE loyalty_entries;
SELECT is(customer_identity.create_tables('public')::text, 'customers', 'a book that lacks a companion is completed');
SELECT has_table('loyalty_entries');
CREATE SCHEMA "Shop two";
SELECT is(customer_identity.create_tables('Shop two')::text, '"Shop two".customers', 'a book can be made in another schema');
SELECT has_table('Shop two', 'phone_proofs', 'with its own companions');
SELECT throws_ok($$SELECT customer_identity.create_tables('nowhere')$$, '3F000', NULL, 'a schema that is not there is not made');

-- The product's first draft.
CREATE SCHEMA draft;
CREATE TABLE draft.customers (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(), phone VARCHAR(20) UNIQUE NOT NULL, preferred_name VARCHAR(100),
  is_phone_verified BOOLEAN DEFAULT FALSE, total_orders INT DEFAULT 0, total_spent DECIMAL(10,2) DEFAULT 0,
  loyalty_points INT DEFAULT 0, notes TEXT, created_at TIMESTAMP DEFAULT NOW(), updated_at TIMESTAMP DEFAULT NOW());
INSERT INTO draft.customers (phone, preferred_name) VALUES ('+447400123401', 'Ada');
CREATE TABLE draft.orders (id int PRIMARY KEY, user_id int, phone text, total decimal(10,2));
SELECT is(customer_identity.create_tables('draft')::text, 'draft.customers', 'the draft''s customers are accepted');
SELECT is((SELECT preferred_name::text FROM draft.customers), 'Ada', 'and kept');
SELECT has_table('draft', 'phone_proofs', 'companions are added to the draft');
SELECT lives_ok($$SELECT customer_identity.attach_orders('draft.orders', customers => 'draft.customers')$$,
  'orders attach to the draft');
INSERT INTO draft.orders VALUES (1, NULL, '+44 7400 123401', 19.99), (2, NULL, '+44 7400 123402', 5);
SELECT results_eq($$SELECT phone::text, total_orders, total_spent, loyalty_points FROM draft.customers ORDER BY phone$$,
  $$VALUES ('+447400123401', 1, 19.99, 19), ('+447400123402', 1, 5.00, 5)$$, 'and its narrower totals are kept');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals('draft.customers')$$, 'exactly');
UPDATE draft.customers SET total_orders = NULL, total_spent = NULL, loyalty_points = NULL WHERE phone = '+447400123402';
SELECT is(customer_identity.rebuild_totals('draft.customers')::int, 1, 'a NULL total of the draft is rebuilt');

-- A name that may not be NULL has its default where nobody gives one.
CREATE SCHEMA named;
CREATE TABLE named.customers (LIKE draft.customers INCLUDING ALL);
ALTER TABLE named.customers ALTER preferred_name SET DEFAULT '', ALTER preferred_name SET NOT NULL;
CREATE TABLE named.users (id int PRIMARY KEY, phone text, name text);
CREATE TABLE named.orders (id int PRIMARY KEY, phone text, total numeric);
SELECT customer_identity.create_tables('named') IS NOT NULL AS made \gset
SELECT customer_identity.attach_users('named.users', name_column => 'name', customers => 'named.customers') IS NOT NULL AS attached \gset
SELECT customer_identity.attach_orders('named.orders', customers => 'named.customers') IS NOT NULL AS attached \gset
SELECT is_empty($$SELECT * FROM customer_identity.check_setup('named.customers') WHERE severity = 'error'$$, 'which check_setup() takes for right');
INSERT INTO named.users VALUES (1, '+44 7400 123401', NULL), (2, '+44 7400 123402', 'Bob'), (3, '+44 7400 123403', '');
INSERT INTO named.orders VALUES (1, '+44 7400 123404', 1);
SELECT results_eq('SELECT right(phone, 1), preferred_name::text FROM named.customers ORDER BY 1', $$VALUES ('1', ''), ('2', 'Bob'), ('3', ''), ('4', '')$$, 'logins and guests without a name are customers');
UPDATE named.users SET name = CASE id WHEN 1 THEN 'Ada' END;
SELECT results_eq('SELECT right(phone, 1), preferred_name::text FROM named.customers ORDER BY 1', $$VALUES ('1', 'Ada'), ('2', ''), ('3', ''), ('4', '')$$, 'a name that comes is theirs, and one that goes away refuses nothing');

-- A default that is a name is nobody's: the first that is known replaces it. One that may be NULL is no name's place.
CREATE FUNCTION names_in(book text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  names text;
BEGIN
  EXECUTE format('SELECT string_agg(coalesce(preferred_name, ''-''), '' '' ORDER BY phone) FROM %I.customers', book) INTO names;
  RETURN names;
END
$$;
ALTER TABLE named.customers ALTER preferred_name SET DEFAULT 'Guest';
INSERT INTO named.users VALUES (5, '+44 7400 123405', NULL);
SELECT is(names_in('named'), 'Ada    Guest', 'a default');
UPDATE named.users SET name = 'Eve' WHERE id = 5;
SELECT is(names_in('named'), 'Ada    Eve', 'is followed by a name');
ALTER TABLE named.customers ALTER preferred_name DROP NOT NULL;
INSERT INTO named.users VALUES (6, '+44 7400 123406', NULL);
UPDATE named.users SET name = NULL WHERE id = 5;
SELECT is(names_in('named'), 'Ada    - -', 'what may be NULL is, whatever its default');

-- A customers table that does not fit.
CREATE SCHEMA other;
CREATE TABLE other.customers (id uuid PRIMARY KEY, phone text UNIQUE, total_orders int);
SELECT is((failure($$SELECT customer_identity.create_tables('other')$$)).code, 'CI003',
  'a customers table without our columns is refused');
SELECT matches((failure($$SELECT customer_identity.create_tables('other')$$)).detail, 'preferred_name',
  'the detail names the missing column');
SELECT isnt((failure($$SELECT customer_identity.create_tables('other')$$)).hint, '', 'the hint says what to do');
SELECT hasnt_table('other', 'phone_proofs', 'nothing is left behind');
CREATE SCHEMA loose;
CREATE TABLE loose.customers (LIKE customers INCLUDING DEFAULTS);
SELECT is((failure($$SELECT customer_identity.create_tables('loose')$$)).code, 'CI003',
  'a customers table whose phone is not unique is refused');

-- The application owns the data.
SELECT is_empty($$
  SELECT c.relname FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND c.relname IN ('customers', 'phone_proofs', 'loyalty_entries', 'customer_events')
$$, 'no table of a book belongs to the extension');

-- A customers table that was put aside.
CREATE SCHEMA moved;
SELECT customer_identity.create_tables('moved');
ALTER TABLE moved.customers RENAME TO former_customers;
ALTER TABLE moved.phone_proofs RENAME TO former_proofs;
ALTER TABLE moved.former_customers RENAME CONSTRAINT customers_pkey TO former_pkey;
DROP TABLE moved.former_proofs, moved.loyalty_entries, moved.customer_events;
SELECT is((failure($$SELECT customer_identity.create_tables('moved')$$)).code, 'CI003', 'its companions are not another one''s');
DROP TABLE moved.customer_phones;
SELECT lives_ok($$SELECT customer_identity.create_tables('moved')$$, 'indexes that keep their names are in nobody''s way');

-- Companions that a customers table has left behind.
CREATE SCHEMA dropped;
SELECT customer_identity.create_tables('dropped');
SELECT customer_identity.record_proof('+447400123401', customers => 'dropped.customers');
DROP TABLE dropped.customers CASCADE;
SELECT is((failure($$SELECT customer_identity.create_tables('dropped')$$)).code, 'CI003', 'rows of customers who are gone are nobody else''s');
DELETE FROM dropped.phone_proofs;
DELETE FROM dropped.customer_events;
SELECT lives_ok($$SELECT customer_identity.create_tables('dropped')$$, 'empty tables are tied to the new customers');
SELECT results_eq($$SELECT conrelid::regclass::text FROM pg_constraint WHERE confrelid = 'dropped.customers'::regclass AND confdeltype = 'c' ORDER BY 1$$,
  $$VALUES ('dropped.customer_events'), ('dropped.customer_phones'), ('dropped.loyalty_entries'), ('dropped.phone_proofs')$$, 'all that go with a customer');
ALTER TABLE dropped.customer_phones DROP CONSTRAINT customer_phones_customer_id_fkey;
ALTER TABLE dropped.customer_events DROP CONSTRAINT customer_events_customer_id_fkey, ADD FOREIGN KEY (customer_id) REFERENCES customers;
SELECT results_eq($$SELECT severity, object, split_part(finding, ':', 1) FROM customer_identity.check_setup('dropped.customers') WHERE finding LIKE 'column customer_id%' ORDER BY 1$$,
  $$VALUES ('error', 'dropped.customer_events', 'column customer_id refers to public.customers'),
    ('warning', 'dropped.customer_phones', 'column customer_id has no foreign key to dropped.customers')$$, 'check_setup() says which are not');

-- Columns that nobody could write.
CREATE SCHEMA generated;
SELECT customer_identity.create_tables('generated');
SELECT is((failure(format('ALTER TABLE generated.customers DROP %1$I, ADD %1$I %2$s GENERATED ALWAYS AS (NULL) STORED; SELECT customer_identity.create_tables(''generated'')', name, types[1]))).code,
  'CI003', name || ' may not be generated') FROM customer_identity_internal.customers_columns() WHERE name NOT IN ('id');

SELECT * FROM finish();
