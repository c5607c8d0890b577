-- Statuses and cash values of an enum: renamed, missing, and of types that are renamed themselves.
\ir shop.psql
SELECT * FROM no_plan();

CREATE TYPE state AS ENUM ('open', 'paid', 'it''s = sent', 'void');
CREATE DOMAIN order_state AS state;
CREATE DOMAIN sale_state AS order_state;
CREATE TYPE other_state AS ENUM ('open', 'paid');
CREATE TYPE payment AS ENUM ('card', 'cash');
CREATE TABLE parcels (id int PRIMARY KEY, phone text, total numeric, state state, payment payment DEFAULT 'card');
CREATE TABLE sales (id int, phone text, total numeric, state sale_state) PARTITION BY RANGE (id);
CREATE TABLE sales_low PARTITION OF sales FOR VALUES FROM (0) TO (100);
CREATE TABLE others (id int PRIMARY KEY, phone text, total numeric, state other_state);
CREATE TABLE texts (id int PRIMARY KEY, phone text, total numeric, state text);
CREATE FUNCTION attach(relation text, timing text DEFAULT 'statement') RETURNS void LANGUAGE sql AS $$
  SELECT customer_identity.attach_orders(relation::regclass, status_column => 'state', timing => timing,
    counted_statuses => CASE WHEN relation IN ('others', 'texts') THEN '{paid}'::text[] ELSE ARRAY['paid', 'it''s = sent'] END)
$$;

-- What a column cannot hold is refused.
SELECT is(concat_ws(E'\n', f.code, f.message, f.hint), E'22023\ncolumn state of public.parcels cannot hold ''payed'', ''Open''\n'
  'Choose the values of counted_statuses => ''{...}'' from: ''open'', ''paid'', ''it''''s = sent'', ''void''.', 'a status that the enum lacks')
FROM failure($$SELECT customer_identity.attach_orders('parcels', status_column => 'state', counted_statuses => '{payed,paid,Open}')$$) AS f;
SELECT is((failure($$SELECT customer_identity.attach_orders('sales', status_column => 'state', counted_statuses => '{Paid}')$$)).code, '22023',
  'one that the enum below a domain lacks');
SELECT matches((failure($$SELECT customer_identity.attach_orders('parcels', payment_column => 'payment', cod_values => '{cod}')$$)).hint,
  'cod_values.*''card'', ''cash''', 'a cash value');
SELECT lives_ok($$SELECT customer_identity.attach_orders('texts', status_column => 'state', counted_statuses => '{payed}')$$, 'a text can hold any');

SELECT attach(t) FROM unnest('{parcels,sales,others,texts}'::text[]) AS t;
CREATE FUNCTION counted(relation text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(DISTINCT s.s::text, ' ' ORDER BY s.s::text)
  FROM customer_identity.attachments AS a CROSS JOIN LATERAL (SELECT a.counted_statuses) AS s (s) WHERE a.attached = relation::regclass
$$;
CREATE FUNCTION write(first int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO parcels VALUES (first, '07400 123401', 10.5, (enum_range(NULL::state))[2]), (first + 1, '07400 123401', 10.5, (enum_range(NULL::state))[4]);
  INSERT INTO sales VALUES (first, '07400 123402', 10.5, (enum_range(NULL::state))[3]);
  INSERT INTO sales_low VALUES (first, '07400 123402', 10.5, (enum_range(NULL::state))[2]);
  INSERT INTO others VALUES (first, '07400 123403', 10.5, 'paid');
  INSERT INTO texts VALUES (first, '07400 123404', 10.5, 'paid');
$$;
CREATE FUNCTION every_total() RETURNS text LANGUAGE sql AS
  $$SELECT string_agg(total_orders::text, ' ' ORDER BY phone) FROM customers$$;
SELECT write(1);
SELECT is(every_total(), '1 2 1 1', 'before');

BEGIN;
ALTER TYPE state RENAME VALUE 'paid' TO 'it''s "settled"';
SELECT is(counted('parcels') || counted('sales') || counted('others') || counted('texts'),
  '{"it''s \"settled\"","it''s = sent"}{"it''s \"settled\"","it''s = sent"}{paid}{paid}', 'every column of the type follows, and no other');
SELECT write(11);
SELECT is(every_total(), '2 4 2 2', 'in the same transaction');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');
ROLLBACK;
SELECT is(counted('parcels') || counted('sales'), '{paid,"it''s = sent"}{paid,"it''s = sent"}', 'and is forgotten when rolled back');
SELECT write(21);
SELECT is(every_total(), '2 4 2 2', 'which the next statement knows');

-- Names that change places.
ALTER TYPE state RENAME VALUE 'paid' TO 'x';
ALTER TYPE state RENAME VALUE 'void' TO 'paid';
ALTER TYPE state RENAME VALUE 'x' TO 'void';
ALTER TYPE state RENAME VALUE 'it''s = sent' TO 'a=b,{c}';
SELECT is(counted('parcels'), '{void,"a=b,{c}"}', 'values that change their names');
SELECT write(31);
SELECT is(every_total(), '3 6 3 3', 'are followed, not their names');
UPDATE parcels SET total = total + 1;
DELETE FROM sales;
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'and taken away again');

-- Types and domains may be called anything, and change in other ways.
ALTER TYPE state RENAME TO stage;
ALTER DOMAIN order_state RENAME TO order_stage;
CREATE SCHEMA types;
ALTER TYPE stage SET SCHEMA types;
ALTER TYPE types.stage ADD VALUE 'lost' BEFORE 'open';
ALTER TYPE types.stage RENAME VALUE 'void' TO 'paid again';
SELECT is(counted('parcels') || counted('sales'), '{"paid again","a=b,{c}"}{"paid again","a=b,{c}"}', 'a type that was renamed is followed as well');
INSERT INTO parcels VALUES (91, '07400 123405', 1, 'paid again'), (92, '07400 123405', 1, 'lost');
SELECT is(totals('+447400123405'), '1 / 1 / 1', 'and counted by');

-- Totals that are written at commit.
SELECT customer_identity.attach_orders('parcels', status_column => 'state', counted_statuses => '{"paid again"}', timing => 'commit');
BEGIN;
INSERT INTO parcels VALUES (101, '07400 123406', 1, 'paid again');
ALTER TYPE types.stage RENAME VALUE 'paid again' TO 'done';
INSERT INTO parcels VALUES (102, '07400 123406', 2, 'done');
COMMIT;
SELECT is(totals('+447400123406'), '2 / 3 / 3', 'a value that is renamed between two orders');

-- Cash on delivery.
SELECT customer_identity.attach_orders('parcels', payment_column => 'payment', cod_values => '{cash}');
ALTER TYPE payment RENAME VALUE 'cash' TO 'at the door';
SELECT is((failure($$INSERT INTO parcels VALUES (103, '07400 123407', 1, 'done', 'at the door')$$)).code, 'CI002', 'a cash value is followed');
SELECT results_eq($$SELECT object, finding FROM customer_identity.check_setup() WHERE severity = 'error' ORDER BY 1, 2$$, $$VALUES
  ('public.parcels', '''cash'', which cod_values named, was renamed to ''at the door'': the triggers follow, but a migration with the old name is refused'),
  ('public.sales', '''it''''s = sent'', which counted_statuses named, was renamed to ''a=b,{c}'': the triggers follow, but a migration with the old name is refused'),
  ('public.sales', '''paid'', which counted_statuses named, was renamed to ''done'': the triggers follow, but a migration with the old name is refused')$$,
  'and every old name is reported');
CREATE TABLE calls AS SELECT DISTINCT regexp_replace(what_to_do, '^Also in the migration: ', '') AS call FROM customer_identity.check_setup() WHERE severity = 'error';
SELECT lives_ok(call, 'the call in a finding is one') FROM calls;
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE severity = 'error'$$, 'and ends it');
SELECT is(counted('sales'), '{done,"a=b,{c}"}', 'with the present names');

-- Where nobody follows, check_setup() says so.
ALTER EVENT TRIGGER customer_identity_follow_renames DISABLE;
ALTER TYPE payment RENAME VALUE 'at the door' TO 'cash';
ALTER TYPE types.stage RENAME VALUE 'done' TO 'finished';
SELECT results_eq($$SELECT severity, object, finding FROM customer_identity.check_setup() WHERE severity = 'error' ORDER BY 2, 3$$,
  $$VALUES ('error', 'public.parcels', 'column payment cannot hold ''at the door'', which cod_values names: no such order needs a proof'),
           ('error', 'public.sales', 'column state cannot hold ''done'', which counted_statuses names: no such order counts')$$,
  'a value that nobody followed');
SELECT matches(what_to_do, 'attach_orders.*done', 'with the call that mends it')
FROM customer_identity.check_setup() WHERE object = 'public.sales' AND severity = 'error';
ALTER EVENT TRIGGER customer_identity_follow_renames ENABLE;
ALTER TYPE types.stage RENAME VALUE 'finished' TO 'done';
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object = 'public.sales' AND severity = 'error'$$, 'or its old name');
ALTER TYPE types.stage RENAME VALUE 'done' TO 'x';
ALTER TYPE types.stage RENAME VALUE 'x' TO 'done';
SELECT is_empty($$SELECT * FROM customer_identity.check_setup() WHERE object = 'public.sales' AND severity = 'error'$$, 'a name that came back is no finding');

-- Whoever owns the type renames its values, with rights on nothing else.
BEGIN;
CREATE ROLE types_owner;
ALTER TYPE types.stage OWNER TO types_owner;
GRANT USAGE ON SCHEMA types TO types_owner;
SET ROLE types_owner;
SELECT lives_ok($$ALTER TYPE types.stage RENAME VALUE 'done' TO 'over'$$, 'a role without rights on the tables renames');
RESET ROLE;
SELECT is(counted('sales'), '{over,"a=b,{c}"}', 'and the tables follow');
ROLLBACK;
SELECT is(counted('sales'), '{done,"a=b,{c}"}', 'until it rolls back');

SELECT * FROM finish();
