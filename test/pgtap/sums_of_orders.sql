-- What verify_totals adds up is what plain SQL does, whatever the amounts, the rates and the types of the columns are.
\ir shop.psql
SELECT * FROM no_plan();
SELECT setseed(0.16);

CREATE TYPE state AS ENUM ('new', 'paid', 'Paid', 'shipped');
CREATE DOMAIN coin AS numeric;
CREATE DOMAIN step AS state;
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE forms (n int, amount_type text, status_type text, status_values text[], counted text[], rate text);
INSERT INTO forms
SELECT row_number() OVER (), a.type, s.type, s.status_values, s.counted, r.rate
FROM unnest('{numeric,"numeric(30,2)",coin,integer,smallint,bigint,real,double precision}'::text[]) AS a (type)
CROSS JOIN (VALUES
  ('text', '{paid,Paid,shipped,new,"","paid "}'::text[], '{paid,shipped,gone}'::text[]),
  ('varchar(10)', '{paid,Paid,shipped,new}', '{paid,shipped}'),
  ('text COLLATE caseless', '{paid,Paid,shipped,new}', '{paid,shipped}'),
  ('char(8)', '{paid,shipped,new}', '{paid,shipped}'),
  ('state', '{new,paid,Paid,shipped}', '{paid,shipped,gone}'),
  ('step', '{new,paid,Paid,shipped}', '{paid}'),
  ('boolean', '{true,false}', '{true}'),
  ('integer', '{1,2,3}', '{1,3}')
) AS s (type, status_values, counted)
CROSS JOIN unnest('{1,0.333,-2.5,1000000000}'::text[]) AS r (rate);

CREATE FUNCTION amounts(type text) RETURNS text[] LANGUAGE sql RETURN CASE
  WHEN type IN ('numeric', 'coin') THEN '{0,1,-1,0.00,12.3,12.30,-0.005,99999.9999,1.23456,999999999999,1000000000000,1e18,-1e30,9e99,1e100,1e131,NaN,Infinity,-Infinity}'::text[]
  WHEN type IN ('real', 'double precision') THEN '{0,1.5,-2.25,0.1,12345.67,1e20,NaN,Infinity,-Infinity}'
  WHEN type LIKE 'numeric%' THEN '{0,12.34,-12.34,12345678901234567890.12,NaN}'
  WHEN type = 'smallint' THEN '{0,1,-1,32767}'
  ELSE '{0,1,-1,2147483647}' END;

CREATE FUNCTION is_as_by_hand(form forms) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  agrees boolean;
  given text[] := ARRAY['customer=customer_id', 'amount=total', 'status=status', 'points_per_unit=' || form.rate]
    || ARRAY(SELECT 'counted=' || c FROM unnest(form.counted) AS c);
BEGIN
  EXECUTE format('CREATE TABLE sold (customer_id uuid, total %s, status %s)', form.amount_type, form.status_type);
  EXECUTE format($q$INSERT INTO sold
    SELECT CASE WHEN random() < 0.9 THEN md5((random() * 4)::int::text)::uuid END,
      CASE WHEN random() < 0.9 THEN ($1)[1 + floor(random() * cardinality($1))]::%s END,
      CASE WHEN random() < 0.9 THEN ($2)[1 + floor(random() * cardinality($2))]::%s END
    FROM generate_series(1, 60)$q$, form.amount_type, split_part(form.status_type, ' ', 1))
    USING amounts(form.amount_type), form.status_values;
  EXECUTE format($q$
    WITH by_hand AS (
      SELECT customer_id, count(*) AS orders, sum(CASE WHEN abs(amount) < '1e100' THEN amount ELSE 0 END) AS spent,
        sum(CASE WHEN abs(amount) < '1e100' AND abs(floor(amount * $1)) <= '1e15' THEN floor(amount * $1)::bigint ELSE 0 END) AS points
      FROM (SELECT customer_id, total::numeric AS amount, rtrim(format('%%s', status), $3) AS status FROM sold WHERE status IS NOT NULL) AS o
      WHERE customer_id IS NOT NULL AND status COLLATE "C" = ANY ($2)
      GROUP BY customer_id
    )
    SELECT count(*) = 0 FROM (SELECT customer_id, orders, spent::text, points::text FROM by_hand) AS h
    FULL JOIN (SELECT customer_id, orders, COALESCE(spent, 0)::text AS spent, COALESCE(points, 0)::text AS points FROM (%s) AS q) AS q
      USING (customer_id, orders, spent, points)
    WHERE h.customer_id IS NULL OR q.customer_id IS NULL$q$,
    customer_identity_internal.totals_query('sold', given)) INTO agrees
    USING form.rate::numeric, CASE WHEN form.status_type = 'boolean' THEN '{t}' ELSE form.counted END, CASE WHEN form.status_type = 'char(8)' THEN ' ' ELSE '' END;
  DROP TABLE sold;
  RETURN agrees;
END $$;
SELECT is(count(*)::int, 8 * 8 * 4, 'forms of orders are tried') FROM forms;
SELECT is_empty('SELECT f.* FROM forms AS f WHERE is_as_by_hand(f) IS NOT TRUE', 'sums are those of plain SQL, to the last digit');

-- The planner knows how many rows have a status, so the condition is on the column itself.
CREATE TABLE known (customer_id uuid, total numeric, status varchar(10), state state, code smallint);
SELECT is(customer_identity_internal.has_value('known', 'status', '{paid,"it''s"}'), $$o.status::text = ANY ('{paid,it''s}'::text[])$$, 'a text is compared as it is');
SELECT is(customer_identity_internal.has_value('known', 'state', '{paid,gone}'), $$o.state::public.state = ANY ('{paid}'::public.state[])$$, 'and an enum');
SELECT alike(customer_identity_internal.has_value('known', 'code', '{paid}'), 'customer_identity_internal.as_text(%', 'others as the triggers read them');
BEGIN;
ALTER TYPE state ADD VALUE 'late';
SELECT alike(customer_identity_internal.has_value('known', 'state', '{late}'), 'customer_identity_internal.as_text(%', 'and a label that was just added');
ROLLBACK;

-- Bigint cannot hold what these come to.
CREATE TABLE much (customer_id uuid, total numeric);
INSERT INTO much SELECT md5('1')::uuid, n * 1000000 FROM unnest('{999999,999999,-3,1}'::numeric[]) AS n CROSS JOIN generate_series(1, 9300);
SELECT is(q.spent::text || ' ' || q.points, (SELECT sum(total) || ' ' || sum(floor(total * 1000)) FROM much), 'sums leave bigint')
FROM (SELECT customer_identity_internal.sum_of_amounts(total, 1000) AS spent, customer_identity_internal.sum_of_points(total, 1000) AS points FROM much) AS q;
SELECT * FROM finish();
