-- attach_orders, detach and the view attachments: what is added, counted, shown and refused.
\ir shop.psql
SELECT * FROM no_plan();

CREATE TABLE sales (id serial PRIMARY KEY, buyer text, tel text, amount numeric(12,2), state text, paid_by text);

-- What is added.
SELECT lives_ok($$SELECT customer_identity.attach_orders('sales', '"user"', 'buyer', 'tel', 'amount', 'state', '{done,sent}',
  points_per_unit => 0.5, payment_column => 'paid_by', cod_values => '{cash,door}')$$, 'an orders table is attached');
SELECT col_type_is('sales', 'customer_id', 'uuid', 'it has a customer column');
SELECT col_is_null('sales', 'customer_id', 'which may stay empty');
SELECT results_eq($$SELECT confrelid::regclass::text, confdeltype::text FROM pg_constraint
  WHERE conrelid = 'sales'::regclass AND contype = 'f'$$,
  $$VALUES ('customers'::text, 'n'::text)$$, 'a foreign key whose deletion empties it');
SELECT is((SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid
  WHERE indrelid = 'sales'::regclass AND a.attname = 'customer_id'),
  1::bigint, 'and an index');
SELECT triggers_are('sales', ARRAY['customer_identity_attach', 'customer_identity_totals_insert', 'customer_identity_totals_update',
  'customer_identity_totals_delete', 'customer_identity_totals_truncate']);

-- What is shown.
SELECT is((SELECT count(*) FROM customer_identity.attachments), 3::bigint, 'the view shows every attached table');
SELECT results_eq($$
  SELECT attached::text, kind, customers::text, customer_column, users::text, user_column, phone_columns, amount_column, status_column,
         counted_statuses, points_per_unit, payment_column, cod_values, region_column, timing
  FROM customer_identity.attachments WHERE attached = 'sales'::regclass
$$, $$VALUES ('sales', 'orders', 'customers', 'customer_id', '"user"', 'buyer', '{tel}'::text[], 'amount', 'state',
              '{done,sent}'::text[], 0.5, 'paid_by', '{cash,door}'::text[], NULL::text, 'statement')$$,
  'with every setting of an orders table');
SELECT results_eq($$
  SELECT attached::text, kind, customers::text, customer_column, key_column, phone_columns, verified_column, name_column, region_column
  FROM customer_identity.attachments WHERE attached = '"user"'::regclass
$$, $$VALUES ('"user"', 'users', 'customers', 'customer_id', 'id', '{phoneNumber,phone}'::text[], 'phoneNumberVerified',
  'name', 'country')$$,
  'and of a users table');

-- Rows that are there already are counted while the lock is held.
CREATE TABLE old_orders (id int PRIMARY KEY, phone text, total numeric, customer_id uuid);
INSERT INTO "user" (id, phone) VALUES ('u1', '07400 123401');
INSERT INTO old_orders SELECT n, NULL, 10, customer_id FROM "user", generate_series(1, 3) n;
INSERT INTO old_orders VALUES (4, '07400 123401', 10, NULL);
SELECT customer_identity.attach_orders('old_orders', user_column => NULL);
SELECT is(totals('+447400123401'), '3 / 30 / 30', 'rows that have a customer count from the start, others do not');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals()$$, 'totals are exact after attaching');
SELECT customer_identity.attach_orders('old_orders', user_column => NULL, points_per_unit => 2);
SELECT is(totals('+447400123401'), '3 / 30 / 60', 'attaching again replaces the set-up and counts nothing twice');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals()$$, 'totals are exact after attaching again');
INSERT INTO old_orders VALUES (5, '07400 123401', 10);
SELECT is(totals('+447400123401'), '4 / 40 / 80', 'the next row follows the new set-up');
SELECT triggers_are('old_orders', ARRAY['customer_identity_attach', 'customer_identity_totals_insert', 'customer_identity_totals_update',
  'customer_identity_totals_delete', 'customer_identity_totals_truncate']);

-- Detach, work, attach.
SELECT lives_ok($$SELECT customer_identity.detach('old_orders')$$, 'an orders table is detached');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'old_orders'::regclass AND tgname LIKE 'customer_identity%'$$,
  'its triggers are gone');
SELECT is((SELECT count(customer_id) FROM old_orders), 4::bigint, 'its column and data stay');
SELECT is((SELECT count(*) FROM customer_identity.attachments), 3::bigint, 'it is shown no more');
DELETE FROM old_orders WHERE id = 1;
UPDATE old_orders SET total = 100 WHERE id = 2;
SELECT customer_identity.attach_orders('old_orders', user_column => NULL);
SELECT is(totals('+447400123401'), '3 / 120 / 120', 'what was written while detached counts after attaching again');
SELECT is_empty($$SELECT * FROM customer_identity.verify_totals()$$, 'exactly');

-- What is refused.
CREATE TABLE wrong (id int PRIMARY KEY, user_id text, phone text, total text, customer_id text);
CREATE TABLE plain (id int PRIMARY KEY, user_id text, phone text, total numeric, status text, payment text);
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', user_column => 'buyer')$$)).code, '42703',
  'a user column that is not there is an error');
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', phone_column => 'tel')$$)).code, '42703',
  'a phone column that is not there is an error');
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', amount_column => 'amount')$$)).code, '42703',
  'an amount column that is not there is an error');
SELECT matches((failure($$SELECT customer_identity.attach_orders('plain', amount_column => 'amount')$$)).message, 'amount',
  'which names it');
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', status_column => 'state',
  counted_statuses => '{paid}')$$)).code, '42703',
  'a status column that is not there is an error');
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', status_column => 'status')$$)).code, '22023',
  'a status column needs counted statuses');
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', counted_statuses => '{paid}')$$)).code, '22023',
  'counted statuses need a status column');
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', payment_column => 'payment')$$)).code, '22023',
  'a payment column needs values');
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', cod_values => '{cash}')$$)).code, '22023',
  'cash on delivery needs a payment column');
SELECT isnt((failure($$SELECT customer_identity.attach_orders('plain', cod_values => '{cash}')$$)).hint, '', 'with a hint');
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', timing => 'sometimes')$$)).code, '0A000',
  'an unknown timing is refused');
SELECT is((failure($$SELECT customer_identity.attach_orders('plain', points_per_unit => 'NaN')$$)).code, '22023',
  'points per unit are a number');
SELECT isnt((failure($$SELECT customer_identity.attach_orders('wrong')$$)).code, NULL, 'columns of the wrong type are an error');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is((failure($$SELECT customer_identity.attach_orders('plain')$$)).code, '25000',
  'an older snapshot would miss rows: it needs READ COMMITTED');
ROLLBACK;
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid IN ('wrong'::regclass, 'plain'::regclass)
  AND tgname LIKE 'customer_identity%'$$,
  'a refused call leaves nothing behind');

-- A shop of guests has no users.
CREATE TABLE guest_orders (id int PRIMARY KEY, phone text, total numeric);
SELECT lives_ok($$SELECT customer_identity.attach_orders('guest_orders', user_column => NULL)$$,
  'orders without users are attached');
INSERT INTO guest_orders VALUES (1, '07400 123409', 7);
SELECT is(totals('+447400123409'), '1 / 7 / 7', 'and count');

SELECT is((failure(format('SELECT customer_identity.attach_orders(''orders'', customer_column => %L)', name))).code, '22023', format('no column for the customer: %s', coalesce(name, 'NULL')))
FROM (VALUES (NULL), ('')) AS n (name);
SELECT * FROM finish();
