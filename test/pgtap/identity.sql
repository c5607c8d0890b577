-- get_or_create_customer and find_customer: one phone, one customer, and no needless write.
\ir shop.psql
SELECT * FROM no_plan();

SELECT customer_identity.get_or_create_customer('07400 123401', 'Ada') AS ada \gset
SELECT is((SELECT phone || ' ' || preferred_name FROM customers WHERE id = :'ada'), '+447400123401 Ada',
  'a new phone makes a customer');
SELECT ctid AS place FROM customers \gset
SELECT is(customer_identity.get_or_create_customer('0044 7400 123401', 'Someone else'), :'ada'::uuid,
  'another spelling finds it');
SELECT results_eq('SELECT preferred_name::text, ctid FROM customers', format($$VALUES ('Ada'::text, %L::tid)$$, :'place'),
  'and writes nothing');
SELECT is(customer_identity.find_customer('+44 7400 123401'), :'ada'::uuid, 'it is found without being made');
SELECT is(customer_identity.find_customer('07400 123402'), NULL, 'an unknown phone is not');
SELECT is(customer_identity.find_customer('call me'), NULL, 'nor is an unreadable one');
SELECT is(customer_identity.find_customer(NULL), NULL, 'nor is none');
SELECT is((SELECT count(*) FROM customers), 1::bigint, 'finding makes nothing');
SELECT is((SELECT provolatile::text FROM pg_proc WHERE oid = 'customer_identity.find_customer'::regproc), 's',
  'finding is stable');
SELECT isnt(customer_identity.get_or_create_customer('(201) 555-0123', region => 'US'), NULL, 'a region can be named');
SELECT is(customer_identity.find_customer('2015550123', 'us'), customer_identity.find_customer('+12015550123'),
  'for finding as well');

SET customer_identity.phone_validation = 'possible';
SELECT customer_identity.get_or_create_customer('000 2497 918415', region => 'DE') AS far \gset
SELECT is(customer_identity.get_or_create_customer(phone, region => 'MX'), id, 'the phone of a customer finds that customer')
FROM customers WHERE id = :'far';
SELECT is(customer_identity.find_customer(phone), id, 'by any function') FROM customers WHERE id = :'far';
RESET customer_identity.phone_validation;

-- Unreadable.
SELECT is((failure($$SELECT customer_identity.get_or_create_customer('call me')$$)).code, 'CI001',
  'an unreadable phone is CI001');
SELECT matches((failure($$SELECT customer_identity.get_or_create_customer('call me')$$)).detail, 'not_a_number',
  'with the reason in its detail');
SELECT is((failure($$SELECT customer_identity.get_or_create_customer('')$$)).code, 'CI001', 'an empty phone as well');
SELECT is((failure($$SELECT customer_identity.get_or_create_customer(NULL)$$)).code, 'CI001', 'and none at all');
SELECT unalike((failure($$SELECT customer_identity.get_or_create_customer('+10000000000')$$)).message, '%0000%',
  'the phone stays out of the message');
SELECT throws_ok($$SELECT customer_identity.get_or_create_customer('07400 123401', region => 'XX')$$, '22023', NULL,
  'an unknown region is 22023');
SELECT lives_ok($$SELECT customer_identity.get_or_create_customer('07400 123403', repeat('x', 500))$$, 'no name is too long');
SELECT lives_ok($$SELECT customer_identity.get_or_create_customer('07400 123404', '')$$, 'nor too short');
SET customer_identity.phone_validation = 'possible';
SELECT isnt(customer_identity.get_or_create_customer('+10000000000'), NULL, 'the setting decides what is acceptable');
RESET customer_identity.phone_validation;

-- Every isolation level, one transaction, many times.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT customer_identity.get_or_create_customer('07400 123405') AS first \gset
SELECT is(customer_identity.get_or_create_customer('07400 123405'), :'first'::uuid,
  'a serializable transaction finds its own customer');
COMMIT;
BEGIN READ ONLY;
SELECT lives_ok($$SELECT customer_identity.get_or_create_customer('07400 123405')$$,
  'an existing customer is found in a read-only transaction');
SELECT throws_ok($$SELECT customer_identity.get_or_create_customer('07400 123406')$$, '25006', NULL,
  'a new one cannot be made there');
ROLLBACK;
SELECT is(count(DISTINCT customer_identity.get_or_create_customer('07400 1235' || lpad((n % 10)::text, 2, '0'))),
  10::bigint, 'one statement makes each customer once')
FROM generate_series(1, 100) n;
SELECT is((SELECT count(*) FROM customers WHERE phone LIKE '+4474001235%'), 10::bigint, 'and no more');

-- An application's trigger that swallows the row, or a view in its place, is an error, not a NULL.
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER swallow BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT isnt((failure($$SELECT customer_identity.get_or_create_customer('07400 123407')$$)).code, NULL,
  'a customer that cannot be made is an error');
DROP TRIGGER swallow ON customers;
SELECT throws_ok($$SELECT customer_identity.find_customer('07400 123401', customers => 'orders')$$, 'CI003', NULL,
  'a table that is no customers is refused');

-- Drivers send parameters without types.
PREPARE find AS SELECT customer_identity.find_customer($1);
PREPARE make AS SELECT customer_identity.get_or_create_customer($1, $2, $3);
SELECT lives_ok($$EXECUTE find('07400 123401')$$, 'find_customer takes them');
SELECT lives_ok($$EXECUTE make('07400 123401', NULL, NULL)$$, 'get_or_create_customer takes them');
SELECT is_empty($$
  SELECT proname FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  WHERE pronamespace = 'customer_identity'::regnamespace
  GROUP BY proname HAVING count(*) > 1
$$, 'no function is overloaded');

SELECT * FROM finish();
