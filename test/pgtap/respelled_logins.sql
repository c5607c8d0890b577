-- Another spelling is not another phone, of logins: it ends no proof and links nothing anew. Many statements,
-- against the rule written down a second time.
\ir shop.psql
\ir spellings.psql
SELECT * FROM no_plan();

CREATE TABLE logins (id text PRIMARY KEY, phone text, other text, verified boolean, country text);
SELECT customer_identity.attach_users('logins', phone_columns => '{phone,other}', verified_column => 'verified', region_column => 'country');

-- One by one.
INSERT INTO logins VALUES ('ada', '07400 123501', NULL, true, NULL);
CREATE FUNCTION state(login text) RETURNS text LANGUAGE sql AS $$
  SELECT format('%s, proofs: %s', (SELECT c.phone FROM customers AS c WHERE c.id = l.customer_id),
    (SELECT string_agg(p.phone || coalesce(' ' || p.ended_reason, ''), ', ' ORDER BY p.id) FROM phone_proofs AS p WHERE p.user_id = l.id))
  FROM logins AS l WHERE l.id = login
$$;
CREATE FUNCTION after_update(changes text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('UPDATE logins SET %s WHERE id = ''ada''', changes);
  RETURN state('ada');
END
$$;
SELECT is(after_update(change), '+447400123501, proofs: +447400123501', change || ' changes nothing') FROM unnest(ARRAY[
  $$phone = '+447400123501'$$, $$country = 'GB'$$, $$country = 'IT'$$, $$country = NULL, phone = '0044 7400 123501'$$,
  $$other = phone, phone = NULL$$, $$phone = other, other = '07400 123502'$$, $$verified = false$$, $$other = '***'$$,
  $$phone = '07400 123501', verified = true$$]) AS change;
SELECT is((SELECT count(*) FROM customer_events WHERE actor = 'ada' AND event IN ('user_linked', 'user_unlinked')), 1::bigint, 'nor does the history know of it');
SELECT is(after_update($$phone = '***'$$), ', proofs: +447400123501 phone changed', 'a phone that cannot be read any more ends what it proved');

-- By chance.
CREATE FUNCTION claim(l logins) RETURNS text LANGUAGE sql STABLE AS
  'SELECT coalesce(reading(l.phone, l.country), reading(l.other, l.country))';
CREATE FUNCTION proven_by(login text) RETURNS text[] LANGUAGE sql STABLE AS
  'SELECT ARRAY(SELECT DISTINCT p.phone::text FROM phone_proofs AS p WHERE p.user_id = login AND p.ended_at IS NULL ORDER BY 1)';
CREATE FUNCTION some_changes() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT 'id = logins.id'
    || one_of('', ', phone = ' || some_phone(), ', phone = ' || another_spelling('logins.phone'))
    || one_of('', '', ', other = ' || some_phone(), ', other = ' || another_spelling('logins.phone'))
    || one_of('', '', ', verified = ' || one_of('true', 'false', 'NULL'))
    || one_of('', '', ', country = ' || some_country())
$$;
CREATE FUNCTION some_statement(login text) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT CASE one_of('update', 'update', 'swap', 'merge', 'upsert')
    WHEN 'swap' THEN format('UPDATE logins SET phone = other, other = phone WHERE id = %L', login)
    WHEN 'merge' THEN format('MERGE INTO logins USING (VALUES (%L)) AS v (id) ON logins.id = v.id WHEN MATCHED THEN UPDATE SET %s', login, some_changes())
    WHEN 'upsert' THEN format('INSERT INTO logins VALUES (%L, %s) ON CONFLICT (id) DO UPDATE SET %s', login, some_phone(), some_changes())
    ELSE format('UPDATE logins SET %s WHERE id = %L', some_changes(), login)
  END
$$;
CREATE FUNCTION row_of(login text) RETURNS logins LANGUAGE sql STABLE AS 'SELECT l FROM logins AS l WHERE l.id = login';
CREATE FUNCTION wrong_login(login text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  statement text := some_statement(login);
  before logins := row_of(login);
  after logins;
  had text[] := proven_by(login);
  customer uuid;
  proven text[];
BEGIN
  EXECUTE statement;
  after := row_of(login);
  customer := CASE
    WHEN (before.phone, before.other, before.country) IS NOT DISTINCT FROM (after.phone, after.other, after.country) THEN before.customer_id
    WHEN claim(after) IS NOT DISTINCT FROM claim(before) AND before.customer_id IS NOT NULL THEN before.customer_id
    ELSE (SELECT c.id FROM customers AS c WHERE c.phone = claim(after)) END;
  proven := ARRAY(
    SELECT p FROM unnest(had) AS p WHERE claim(before) IS NOT DISTINCT FROM claim(after) OR p = claim(after)
    UNION SELECT claim(after)
    WHERE statement ~ 'SET.* phone = .* verified = ' AND after.verified AND reading(after.phone, after.country) IS NOT NULL
    ORDER BY 1);
  RETURN CASE WHEN (after.customer_id, proven_by(login)) IS DISTINCT FROM (customer, proven) THEN
    format('%s became %s with %s, right are %s and %s: %s', before, after, proven_by(login), customer, proven, statement) END;
END
$$;
CREATE FUNCTION wrong_step() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  login text := one_of('u1', 'u2', 'u3');
BEGIN
  IF random() < 0.1 THEN
    PERFORM customer_identity.record_proof(phone, login) FROM (SELECT coalesce(claim(row_of(login)), '+447400123504')) AS p (phone);
  END IF;
  RETURN wrong_login(login);
END
$$;
SELECT setseed(0.75);
INSERT INTO logins (id, phone) VALUES ('u1', '+447400123501'), ('u2', '07400 123502'), ('u3', NULL);
CREATE TABLE faults AS SELECT n, wrong_step() AS what FROM generate_series(1, 800) AS n;
SELECT is_empty('SELECT * FROM faults WHERE what IS NOT NULL', 'every login is linked and proven as the model says');

SELECT * FROM finish();
