-- Every text that a caller gives has a length that it may have, checked before it is stored, and no error shows more than
-- 64 characters of it: in every function of the interface, a function added later included.
\ir shop.psql
SELECT * FROM no_plan();
INSERT INTO "user" (id, phone) VALUES ('ada', '07400 123401');
ALTER TABLE customers ADD score int, ADD scores int[];
INSERT INTO orders (user_id, total) VALUES ('ada', 10);
SELECT id AS customer FROM customers \gset
-- Who is needed below cannot be erased.
CREATE TABLE needed AS SELECT id FROM customers;
ALTER TABLE needed ALTER id SET NOT NULL, ADD FOREIGN KEY (id) REFERENCES customers;

CREATE TABLE arguments AS
SELECT p.oid AS function, p.proname, p.prokind, a.name, a.type::regtype, a.position, a.position > p.pronargs - p.pronargdefaults AS has_default
FROM pg_proc AS p
CROSS JOIN LATERAL ROWS FROM (unnest(p.proargnames[:p.pronargs]), unnest(p.proargtypes)) WITH ORDINALITY AS a (name, type, position)
WHERE p.pronamespace = 'customer_identity'::regnamespace;

-- Limited by name, or: a phone that is too long has a reason, a name is cut, a code is wrong, an error of a provider is
-- cut, a column is there or is not, a list of values has limits of its own, and of a text for searches the beginning counts.
SELECT is_empty($$
  SELECT proname, name FROM arguments
  WHERE type IN ('text', 'text[]', 'jsonb', 'json', 'varchar', 'bytea')
    AND customer_identity_internal.text_limit(name) IS NULL
    AND NOT name = ANY ('{phone,new_phone,preferred_name,code,error,timing,value}') AND name !~ '_columns?$' AND name NOT IN ('counted_statuses', 'cod_values')
$$, 'every text has a limit');

CREATE FUNCTION sample(name text, type regtype) RETURNS text LANGUAGE sql AS $$
  SELECT CASE
    WHEN name = 'customer_id' THEN quote_literal((SELECT id FROM customers))
    WHEN name = 'phone' THEN '''07400 123401'''
    WHEN type = 'regclass'::regtype THEN CASE name WHEN 'users' THEN '''"user"''' WHEN 'customers' THEN '''customers''' ELSE '''orders''' END
    WHEN type = 'jsonb'::regtype THEN '''{}'''
    WHEN type = 'boolean'::regtype THEN 'true'
    WHEN type = 'uuid'::regtype THEN 'gen_random_uuid()'
    WHEN type IN ('bigint', 'integer', 'numeric') THEN '1'
    WHEN type = 'text[]'::regtype THEN '''{x}'''
    ELSE '''x''' END
$$;

-- A call with a text in the place of one argument, and samples for those that have no default. A text that is no value of
-- the type is put where one fits: into a key, an element.
CREATE FUNCTION call_with(called oid, argument text, given text) RETURNS text LANGUAGE sql AS $$
  SELECT format('%s customer_identity.%I(%s)', CASE WHEN max(prokind) = 'p' THEN 'CALL' ELSE 'SELECT' END, max(proname),
    string_agg(format('%I => %s', name,
      CASE
        WHEN name = argument AND type = 'jsonb'::regtype THEN format('jsonb_build_object(%s, %1$s)', given)
        WHEN name = argument AND type = 'text[]'::regtype THEN format('ARRAY[%s]', given)
        WHEN name = argument THEN given
        ELSE sample(name, type) END), ', ' ORDER BY position))
  FROM arguments WHERE function = called AND (name = argument OR NOT has_default)
$$;

CREATE TABLE outcomes AS
SELECT a.proname, a.name, v.what, v.size, (f.e).*
FROM arguments AS a
CROSS JOIN (VALUES ('Q', 65), ('Q', 100), ('é', 101), ('é', 1000), ('é', 50001), ('é', 1000000), ('''', 1001), (E'\n', 2001)) AS v (what, size)
CROSS JOIN LATERAL (SELECT failure(call_with(a.function, a.name, format('repeat(%L, %s)', v.what, v.size)))) AS f (e)
WHERE a.type IN ('text', 'text[]', 'jsonb');

SELECT cmp_ok(count(DISTINCT (proname, name)), '>', 60::bigint, 'functions are called with texts of all kinds') FROM outcomes;
SELECT is_empty($$
  SELECT proname, name, size, part, left(value, 200)
  FROM outcomes, LATERAL (VALUES ('message', message), ('detail', detail), ('hint', hint)) AS v (part, value)
  WHERE what IN ('é', 'Q') AND length(value) - length(replace(value, what, '')) > 64
$$, 'no error shows more than 64 characters of what was given');
SELECT is_empty($$
  SELECT proname, name, what, size, part, left(value, 200)
  FROM outcomes, LATERAL (VALUES ('message', message), ('detail', detail), ('hint', hint)) AS v (part, value)
  WHERE length(value) > 500
$$, 'no error is long');
SELECT is_empty($$
  SELECT proname, name, size, code, message FROM outcomes
  WHERE customer_identity_internal.text_limit(name) < size * octet_length(what) AND code IS DISTINCT FROM '22023'
$$, 'what is too long is 22023');
SELECT is_empty($$
  SELECT proname, name, size, detail, hint FROM outcomes
  WHERE message LIKE '% is too long' AND (detail NOT LIKE 'The maximum is % bytes.' OR hint IS NULL)
$$, 'with a detail that says how long it may be, and a hint');
SELECT is_empty($$
  SELECT proname, name, size, code, message FROM outcomes WHERE code ~ '^(XX|53|54|57|58)'
$$, 'nothing fails inside');

-- Exactly up to the limit, whatever the characters.
SELECT is((failure(format('SELECT customer_identity.record_proof(''07400 123402'', %L)', repeat('é', n)))).code, code, format('a user id of %s bytes', 2 * n))
FROM (VALUES (1000, NULL), (1001, '22023')) AS v (n, code);
SELECT is((failure(format('SELECT customer_identity.adjust_points(%L, 1, %L, %L, %L)', :'customer', repeat('r', r), repeat('k', k), repeat('a', a)))).message, message,
  format('a reason, a key and an actor of %s, %s and %s bytes', r, k, a))
FROM (VALUES (1000, 500, 2000, NULL), (1001, 1, 1, 'reason is too long'), (1, 501, 1, 'idempotency_key is too long'), (1, 1, 2001, 'actor is too long')) AS v (r, k, a, message);
SELECT is((failure(format('SELECT customer_identity.split_customer(%L, %L, %L)', :'customer', ids, orders))).message, message,
  format('lists of %s and %s bytes', length(ids), length(orders)))
FROM (VALUES (format('{%s}', repeat('u', 99950)), '{}', 'the customer cannot be split so'), (format('{%s}', repeat('u', 100000)), '{}', 'user_ids is too long'),
  (format('{%s}', repeat('u,', 30000) || 'u'), '{}', 'user_ids is too long'),
  ('{}', format('{"orders": [%s]}', repeat('"1",', 250000) || '"1"'), 'orders is too long'),
  ('{}', format('{"%s": []}', repeat('t', 1000)), 'the customer cannot be split so')) AS v (ids, orders, message);
SELECT is((failure(format('SELECT * FROM customer_identity.start_verification(''07400 123403'', %L)', repeat('p', n)))).code, code, format('a purpose of %s bytes', n))
FROM (VALUES (200, NULL), (201, '22023'), (10000000, '22023')) AS v (n, code);
SELECT is((failure(format('SELECT customer_identity.list_customers(%L)', repeat('s', n)))).code, code, format('a search of %s bytes', n))
FROM (VALUES (1000, NULL), (1001, '22023')) AS v (n, code);

-- Values that a column cannot hold, and lists that become arguments of triggers.
SELECT is_empty(format($$
  SELECT e.* FROM failure(%L) AS e, LATERAL (VALUES (message), (detail), (hint)) AS v (value)
  WHERE code IS DISTINCT FROM '22023' OR length(value) - length(replace(value, 'Q', '')) > 64
$$, format('SELECT customer_identity.update_customer(%L, %L)', :'customer', changes)), 'a value that does not fit: ' || left(changes::text, 20))
FROM (VALUES (jsonb_build_object('score', repeat('Q', 1000))), (jsonb_build_object('scores', jsonb_build_array(1, repeat('Q', 1000)))),
  (jsonb_build_object('preferred_name', repeat('Q', 1000)))) AS v (changes);
SELECT is((failure(format($$SELECT customer_identity.attach_orders('orders', '"user"', status_column => 'status', counted_statuses => %L,
  payment_column => 'note', cod_values => %L)$$, statuses, cod))).message, message, coalesce(message, 'values that fit'))
FROM (VALUES
  (array_fill('x'::text, '{100}'), ARRAY[repeat('x', 200)], NULL),
  (array_fill('x'::text, '{101}'), '{x}', 'counted_statuses has too many values, or too long ones'),
  (ARRAY['x', repeat('x', 201)], '{x}', 'counted_statuses has too many values, or too long ones'),
  ('{x}', array_fill('x'::text, '{101}'), 'cod_values has too many values, or too long ones'),
  ('{x}', ARRAY[repeat('x', 201)], 'cod_values has too many values, or too long ones')) AS v (statuses, cod, message);
SELECT is((failure('SELECT customer_identity.attach_orders(''orders'', points_per_unit => ' || rate || ')')).code, '22023', 'a rate of 66 digits')
FROM (VALUES ('0.' || repeat('1', 65))) AS v (rate);

-- A text that lies outside its row is not fetched to be refused.
CREATE TABLE texts (t text);
ALTER TABLE texts ALTER t SET STORAGE EXTERNAL;
INSERT INTO texts VALUES (repeat('07400 123401 ', 1000000));
SELECT is((customer_identity.parse_phone(t)).reason, 'too_long', 'a phone of 13 MB') FROM texts;
SELECT is(customer_identity.find_customer(t), NULL, 'whom nobody has') FROM texts;
SELECT throws_ok('SELECT customer_identity.can_see_customer(t, gen_random_uuid()) FROM texts', '22023', 'user_id is too long', 'nor a user such an id');

-- A name is cut, where its column has no length of its own, too.
ALTER TABLE customers ALTER preferred_name TYPE text;
SELECT customer_identity.get_or_create_customer('07400 123404', repeat('é', 1000000)) \g /dev/null
INSERT INTO "user" (id, name, phone) VALUES ('long', repeat('é', 2000), '07400 123405');
SELECT is(preferred_name, repeat('é', 1000), 'a name is cut') FROM customers WHERE phone IN ('+447400123404', '+447400123405');

-- Trigger arguments that nobody's attach_orders() has written.
CREATE TABLE forged (id int, phone text, total numeric, customer_id uuid);
CREATE FUNCTION forge(argument text) RETURNS TABLE (code text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER forged AFTER INSERT ON forged REFERENCING NEW TABLE AS n FOR EACH STATEMENT
    EXECUTE FUNCTION customer_identity.maintain_totals(%s%L)', CASE WHEN argument NOT LIKE 'customers%' THEN '''customers=public.customers'', ' END, argument);
  RETURN QUERY SELECT (failure('INSERT INTO forged VALUES (1)')).*;
  DROP TRIGGER forged ON forged;
END
$$;
SELECT is_empty(format($$
  SELECT * FROM forge(%L) AS f, LATERAL (VALUES (message), (detail), (hint)) AS v (value)
  WHERE code IS NULL OR length(value) - length(replace(value, 'é', '')) > 64
$$, k || repeat('é', 1000)), 'a forged argument: ' || k)
FROM unnest('{amount=,status=,points_per_unit=,customers=public.,customer=,timing=}'::text[]) AS k;

SELECT * FROM finish();
