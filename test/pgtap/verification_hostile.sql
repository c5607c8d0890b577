-- Books and owners that mean harm: nothing of theirs ever runs with rights that are not theirs, and nothing crashes.
BEGIN;
\ir verification.psql
SELECT * FROM no_plan();
CREATE ROLE mallory;
CREATE ROLE shop_owner;
SELECT format('GRANT CREATE ON DATABASE %I TO mallory, shop_owner', current_database()) \gexec
GRANT EXECUTE ON FUNCTION customer_identity.start_verification, customer_identity.check_verification, customer_identity.verification_required TO mallory;
CREATE TABLE ran (what text, by name);
GRANT INSERT ON ran TO PUBLIC;

-- Who may verify makes a book whose triggers put a schema of his in front of pg_catalog.
SET ROLE mallory;
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.ran VALUES ('pg_notify', current_user); END$$;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO public.ran VALUES ('clock_timestamp', current_user); RETURN pg_catalog.clock_timestamp(); END$$;
CREATE SCHEMA mine;
CREATE TABLE mine.customers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), phone varchar(20) UNIQUE, preferred_name text,
  is_phone_verified boolean DEFAULT false, total_orders int, total_spent numeric, loyalty_points bigint, updated_at timestamptz);
CREATE TABLE mine.phone_proofs (id bigint GENERATED ALWAYS AS IDENTITY, phone varchar(20), customer_id uuid, user_id text, method text,
  proved_at timestamptz DEFAULT now(), ended_at timestamptz, ended_reason text);
CREATE TABLE mine.loyalty_entries (id bigint);
INSERT INTO mine.phone_proofs (phone, user_id) VALUES ('+447400123401', 'other'), ('+447400123402', 'other');
CREATE FUNCTION mine.set_path() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.ran VALUES ('trigger', current_user);
  PERFORM pg_catalog.set_config('search_path', 'evil, pg_catalog', TG_ARGV[0]::boolean);
  RETURN NEW;
END
$$;
RESET ROLE;
CREATE FUNCTION verified_by_mallory(phone text, OUT code text, OUT status text) LANGUAGE plpgsql AS $$
DECLARE
  v uuid;
BEGIN
  SET LOCAL ROLE mallory;
  SELECT verification_id INTO v FROM customer_identity.start_verification(phone, user_id => 'me', customers => 'mine.customers');
  SET LOCAL ROLE NONE;
  code := public.code_of(v);
  SET LOCAL ROLE mallory;
  SELECT c.status INTO status FROM customer_identity.check_verification(v, code) AS c;
  SET LOCAL ROLE NONE;
END
$$;
CREATE TRIGGER set_path BEFORE INSERT ON mine.customers FOR EACH ROW EXECUTE FUNCTION mine.set_path('false');
SELECT status FROM verified_by_mallory('07400 123401') \gset
SET search_path = public;
SELECT is(:'status'::text, 'approved', 'a book of his own is his to verify in');
DROP TRIGGER set_path ON mine.customers;
CREATE TRIGGER set_path AFTER INSERT OR UPDATE ON mine.phone_proofs FOR EACH ROW EXECUTE FUNCTION mine.set_path('true');
SELECT status FROM verified_by_mallory('07400 123402') \gset
SET search_path = public;
SELECT is(:'status'::text, 'approved', 'again');
SELECT is((SELECT count(*) FROM ran WHERE what = 'trigger'), 2::bigint, 'his triggers have run');
SELECT set_eq('SELECT DISTINCT by FROM ran', '{mallory}'::name[], 'as himself, and nothing else of his as anybody');

-- An owner of the tables who is no superuser: what he defers does not run as who commits.
REASSIGN OWNED BY shop_owner TO CURRENT_USER;
SELECT format('ALTER TABLE customer_identity.%I OWNER TO shop_owner', name)
FROM unnest('{verifications,sms_messages,verification_events,verification_secret,verification_health}'::name[]) AS name \gexec
GRANT ALL ON SCHEMA customer_identity TO shop_owner;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity TO shop_owner;
TRUNCATE ran;
SAVEPOINT untouched;
SET ROLE shop_owner;
CREATE FUNCTION customer_identity.late() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO public.ran VALUES (TG_TABLE_NAME, current_user); RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OR DELETE ON customer_identity.sms_messages DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION customer_identity.late();
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OR DELETE ON customer_identity.verifications DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION customer_identity.late();
RESET ROLE;
SELECT lives_ok(format($$SELECT failure('SELECT customer_identity.%s'); SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED$$, call), call)
FROM unnest('{start_verification(''''07400 123403''''),claim_messages(),"message_failed(max(id), NULL, false) FROM customer_identity.sms_messages",
  "message_sent(max(id), NULL) FROM customer_identity.sms_messages",purge_verifications()}'::text[]) AS call;
SELECT is_empty($$SELECT * FROM ran WHERE by <> 'shop_owner'$$, 'his deferred triggers');
ROLLBACK TO untouched;

-- Tables of his that are no longer what they were: an error or an answer, never a crash.
CREATE FUNCTION survives(what text, changes text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    SET LOCAL ROLE shop_owner;
    EXECUTE changes;
    SET LOCAL ROLE NONE;
    PERFORM failure('SELECT customer_identity.start_verification($a$07400 123410$a$)');
    PERFORM failure('SELECT customer_identity.start_verification($a$07400 123411$a$)');
    PERFORM failure('SELECT customer_identity.check_verification(id, $a$1$a$) FROM customer_identity.verifications');
    RAISE SQLSTATE 'CI999';
  EXCEPTION WHEN SQLSTATE 'CI999' THEN
    RETURN pass(what);
  END;
END
$$;
CREATE TABLE customer_identity.elsewhere (bucket text COLLATE "C", at timestamptz);
ALTER TABLE customer_identity.elsewhere OWNER TO shop_owner;
SELECT survives(what, changes) FROM (VALUES
  ('an index on an expression', 'CREATE INDEX ON customer_identity.verification_events (lower(bucket))'),
  ('an index on some rows', $$CREATE INDEX ON customer_identity.verification_events (at) WHERE length(bucket) > 3$$),
  ('a unique index', 'CREATE UNIQUE INDEX ON customer_identity.verification_events (bucket, at)'),
  ('one more column', 'ALTER TABLE customer_identity.verification_events ADD note text'),
  ('one more column that has to be filled', 'ALTER TABLE customer_identity.verification_events ADD note text NOT NULL DEFAULT $a$x$a$'),
  ('a generated column', 'ALTER TABLE customer_identity.verification_events ADD note text GENERATED ALWAYS AS (bucket) STORED'),
  ('no index', 'DROP INDEX customer_identity.verification_events_bucket_at_idx'),
  ('an index on other columns', 'DROP INDEX customer_identity.verification_events_bucket_at_idx;
    CREATE INDEX verification_events_bucket_at_idx ON customer_identity.verification_events (at, bucket)'),
  ('an index of one column', 'DROP INDEX customer_identity.verification_events_bucket_at_idx;
    CREATE INDEX verification_events_bucket_at_idx ON customer_identity.verification_events (at)'),
  ('an index of another kind', 'DROP INDEX customer_identity.verification_events_bucket_at_idx;
    CREATE INDEX verification_events_bucket_at_idx ON customer_identity.verification_events USING brin (bucket, at)'),
  ('an index of another table', 'DROP INDEX customer_identity.verification_events_bucket_at_idx;
    CREATE INDEX verification_events_bucket_at_idx ON customer_identity.elsewhere (bucket, at)'),
  ('a table under the index''s name', 'DROP INDEX customer_identity.verification_events_bucket_at_idx;
    CREATE TABLE customer_identity.verification_events_bucket_at_idx ()'),
  ('columns of other types', 'ALTER TABLE customer_identity.verification_events RENAME TO old_events;
    DROP INDEX customer_identity.verification_events_bucket_at_idx;
    CREATE TABLE customer_identity.verification_events (bucket int, at int);
    CREATE INDEX verification_events_bucket_at_idx ON customer_identity.verification_events (bucket, at)'),
  ('a view in its place', 'ALTER TABLE customer_identity.verification_events RENAME TO old_events;
    CREATE VIEW customer_identity.verification_events AS SELECT * FROM customer_identity.old_events')) AS c (what, changes);

SELECT * FROM finish();
ROLLBACK;
