-- A schema in front of pg_catalog shadows operators, functions, types and tables with ones that raise.
-- Nothing of ours may ever look there: neither functions nor triggers.
SET client_min_messages = warning;
CREATE SCHEMA tap;
CREATE EXTENSION pgtap SCHEMA tap;
CREATE EXTENSION customer_identity;
SET search_path = tap, public;
SELECT * FROM no_plan();

-- The traps.
CREATE SCHEMA evil;
CREATE FUNCTION evil.spring() RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hijacked' USING ERRCODE = 'EV001'; END$$;
DO $traps$
DECLARE
  one record;
BEGIN
  -- Operators and functions that our SQL is likely to use, for the types it uses them with.
  FOR one IN
    SELECT DISTINCT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result
    FROM pg_operator
    WHERE oprnamespace = 'pg_catalog'::regnamespace
      AND oprleft = ANY ('{uuid,text,name,numeric,int4,int8,bool,oid,"char",timestamptz,text[],anyarray,jsonb,regclass,int2}'::regtype[]::oid[])
      AND oprname IN ('=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '||', '~', '!~', '~~', '!~~', '@>', '<@', '&&', '->>', '->', '%')
  LOOP
    EXECUTE format('CREATE FUNCTION evil.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', 'op' || one.oprname, one.l, one.r, one.result,
      'BEGIN PERFORM evil.spring(); RETURN NULL; END');
    EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.%I, LEFTARG = %s, RIGHTARG = %s)', one.oprname,
      'op' || one.oprname, one.l, one.r);
  END LOOP;
  FOR one IN
    SELECT DISTINCT ON (proname, pg_get_function_identity_arguments(p.oid)) proname,
      pg_get_function_identity_arguments(p.oid) AS args, prorettype::regtype AS result
    FROM pg_proc p
    WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset AND provariadic = 0
      AND proname IN ('now', 'lower', 'upper', 'btrim', 'format', 'floor', 'abs', 'length', 'to_regclass',
        'pg_get_triggerdef', 'convert_from',
        'encode', 'decode', 'split_part', 'string_to_array', 'array_to_string', 'current_setting', 'set_config',
          'quote_ident', 'quote_literal',
        'has_table_privilege', 'gen_random_uuid', 'clock_timestamp', 'to_jsonb', 'array_length', 'cardinality', 'left',
          'right', 'substr', 'replace',
        'row_number', 'regexp_replace', 'format_type', 'pg_get_constraintdef', 'greatest', 'round', 'trunc', 'md5',
          'starts_with', 'strpos', 'pg_has_role')
      AND prorettype <> 'internal'::regtype
  LOOP
    EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', one.proname, one.args, one.result,
  'BEGIN PERFORM evil.spring(); RETURN NULL; END');
  END LOOP;
END
$traps$;
CREATE TYPE evil.text AS (trap int);
CREATE TYPE evil.uuid AS (trap int);
CREATE TYPE evil."numeric" AS (trap int);
CREATE TYPE evil.int8 AS (trap int);
CREATE TYPE evil.int4 AS (trap int);
CREATE TYPE evil.bool AS (trap int);
CREATE TYPE evil.regclass AS (trap int);
CREATE TYPE evil.timestamptz AS (trap int);
CREATE TABLE evil.pg_class (trap int);
CREATE TABLE evil.pg_trigger (trap int);
CREATE TABLE evil.pg_attribute (trap int);
CREATE TABLE evil.phone_proofs (trap int);
CREATE TABLE evil.loyalty_entries (trap int);
CREATE TABLE evil.customer_events (trap int);

-- Runs a statement in the trap: 'fine', or what went wrong.
CREATE FUNCTION tap.trapped(statement text) RETURNS text LANGUAGE plpgsql SET search_path = evil, pg_catalog AS $$
BEGIN
  EXECUTE statement;
  RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLERRM;
END
$$;
SELECT is(trapped('SELECT 1 + 1'), 'hijacked', 'the trap springs for an operator');
SELECT is(trapped('SELECT lower(''X''::pg_catalog.text)'), 'hijacked', 'for a function');
SELECT isnt(trapped('SELECT ''x''::text'), 'fine', 'for a type');
SELECT isnt(trapped('SELECT relname FROM pg_class'), 'fine', 'for a table');

-- A shop that is set up and used in the trap.
CREATE TABLE public.users (id text PRIMARY KEY, name text, phone text, verified boolean, land text);
CREATE TABLE public.orders (id int PRIMARY KEY, user_id text REFERENCES public.users ON DELETE SET NULL, phone text,
  total numeric, status text, payment text);
CREATE TABLE calls (step serial, statement text);
INSERT INTO calls (statement) VALUES
  ($$SELECT customer_identity.create_tables('public')$$),
  ($$SELECT customer_identity.attach_users('public.users', '{phone}', 'verified', 'name', 'land', customers => 'public.customers')$$),
  ($$SELECT customer_identity.attach_orders('public.orders', 'public.users', status_column => 'status',
    counted_statuses => '{paid}', payment_column => 'payment', cod_values => '{cash}', customers => 'public.customers')$$),
  ($$SELECT customer_identity.normalize_phone('+447400123401', 'GB')$$),
  ($$SELECT customer_identity.parse_phone('+447400123401', 'GB')$$),
  ($$SELECT customer_identity.format_phone('+447400123401', 'national', 'GB')$$),
  ($$INSERT INTO public.users VALUES ('ada', 'Ada', '07400 123401', true, 'GB'), ('bob', 'Bob', '+447400123402', false,
    NULL), ('cy', 'Cy', 'junk', true, 'XX')$$),
  ($$INSERT INTO public.orders VALUES (1, 'ada', NULL, 10, 'paid', 'cash'), (2, NULL, '+447400123402', 20, 'paid', 'card'),
    (3, 'cy', '+447400123403', 30, 'open', NULL)$$),
  ($$UPDATE public.orders SET total = 11, status = 'paid'$$),
  ($$UPDATE public.orders SET phone = '+447400123404', user_id = NULL WHERE id OPERATOR(pg_catalog.=) 3$$),
  ($$UPDATE public.users SET phone = '+447400123405', verified = true WHERE id OPERATOR(pg_catalog.=) 'bob'$$),
  ($$DELETE FROM public.orders WHERE id OPERATOR(pg_catalog.=) 3$$),
  ($$DELETE FROM public.users WHERE id OPERATOR(pg_catalog.=) 'cy'$$),
  ($$TRUNCATE public.orders$$),
  ($$INSERT INTO public.orders VALUES (1, 'ada', NULL, 10, 'paid', 'cash')$$),
  ($$SELECT customer_identity.get_or_create_customer('+447400123406', 'Di', 'GB', 'public.customers')$$),
  ($$SELECT customer_identity.find_customer('+447400123406', 'GB', 'public.customers')$$),
  ($$SELECT customer_identity.record_proof('+447400123406', 'di', 'sms', 'GB', 'public.customers')$$),
  ($$SELECT customer_identity.can_see_customer('ada', id, 'public.customers') FROM public.customers$$),
  ($$SELECT customer_identity.revoke_proof('+447400123406', 'di', customers => 'public.customers')$$),
  ($$SELECT customer_identity.adjust_points(id, 10, 'gift', 'key', 'clerk', 'public.customers') FROM public.customers LIMIT 1$$),
  ($$SELECT customer_identity.redeem_points(customer_id, 5, 'voucher', 'other key', NULL, 'public.customers')
    FROM public.loyalty_entries$$),
  ($$SELECT customer_identity.start_verification('+447400123402', 'checkout', 'ada', '2001:db8::1', 'GB', 'public.customers')$$),
  ($$SELECT customer_identity.start_verification('+447400123402', customers => 'public.customers')$$),
  ($$SELECT customer_identity.claim_messages()$$),
  ($$SELECT customer_identity.message_failed(id, 'busy', false) FROM customer_identity.sms_messages$$),
  ($$SELECT customer_identity.check_verification(verification_id, 'guess') FROM customer_identity.sms_messages$$),
  ($$SELECT customer_identity.record_proof('+447400123402', 'eve', customers => 'public.customers')$$),
  ($$SELECT customer_identity.check_verification(verification_id, pg_catalog.substr(body, 14, 6)) FROM customer_identity.sms_messages$$),
  ($$SELECT customer_identity.message_sent(id, 'SM1') FROM customer_identity.sms_messages$$),
  ($$SELECT customer_identity.cancel_verification(id) FROM customer_identity.verifications$$),
  ($$SELECT customer_identity.verification_required('+447400123402', 'ada', 'GB', 'public.customers')$$),
  ($$SELECT customer_identity.purge_verifications()$$),
  ($$SELECT * FROM customer_identity.verification_health$$),
  ($$UPDATE public.customers SET total_orders = 9$$),
  ($$SELECT * FROM customer_identity.verify_totals('public.customers')$$),
  ($$SELECT customer_identity.rebuild_totals('public.customers')$$),
  ($$SELECT * FROM customer_identity.phone_problems('public.users')$$),
  ($$SELECT * FROM customer_identity.phone_problems('public.orders')$$),
  ($$SELECT * FROM customer_identity.check_setup('public.customers')$$),
  ($$SELECT * FROM customer_identity.attachments$$),
  ($$ALTER TABLE public.orders RENAME total TO amount$$),
  ($$INSERT INTO public.orders VALUES (4, NULL, '+447400123402', 20, 'paid', 'card')$$),
  ($$SELECT customer_identity.detach('public.orders')$$),
  ($$SELECT customer_identity.attach_orders('public.orders', 'public.users', amount_column => 'amount',
    status_column => 'status', counted_statuses => '{paid}', customers => 'public.customers')$$);
SET customer_identity.sms_countries = 'GB';
SELECT is(trapped(statement), 'fine', regexp_replace(statement, '^SELECT (\* FROM )?|\(.*| VALUES.*', '', 'g')) FROM calls ORDER BY step;
SELECT is((SELECT status FROM customer_identity.verifications), 'approved', 'the phone was verified there');

-- backfill commits, so it runs without the catcher: an error ends this file.
SET session_replication_role = replica;
INSERT INTO orders (id, phone, amount, status) VALUES (5, '+447400123402', 7, 'paid');
INSERT INTO users (id, phone) VALUES ('late', '+447400123402');
RESET session_replication_role;
SET search_path = evil, pg_catalog;
CALL customer_identity.backfill('public.users');
CALL customer_identity.backfill('public.orders', 1);
SET search_path = tap, public;

SELECT results_eq('SELECT phone::text, total_orders, total_spent FROM customers WHERE total_orders > 0 ORDER BY 1',
  $$VALUES ('+447400123401', 1, 10::numeric), ('+447400123402', 2, 27)$$, 'everything was linked and counted');
SELECT is_empty('SELECT * FROM customer_identity.verify_totals()', 'exactly');
-- Nor does a temporary table take the place of one of the book's.
CREATE TEMP TABLE customers (id uuid, phone text);
CREATE TEMP TABLE loyalty_entries (id int);
CREATE TEMP TABLE customer_events (id int);
SELECT is(customer_identity.find_customer('+447400123401', customers => 'public.customers'), (SELECT id
  FROM public.customers WHERE phone = '+447400123401'),
  'a temporary table does not shadow a book');
INSERT INTO orders (id, phone, amount, status) VALUES (6, '+447400123401', 1, 'paid');
SELECT is((SELECT total_orders FROM public.customers WHERE phone = '+447400123401'), 2, 'nor does it swallow an order');

SELECT * FROM finish();
