-- attach_users and detach: what they add to a users table, and what they refuse.
\ir shop.psql
SELECT * FROM no_plan();

CREATE TABLE logins (id integer PRIMARY KEY, tel text, checked boolean, nick text, land text);

-- What is added.
SELECT lives_ok($$SELECT customer_identity.attach_users('logins', '{tel}', 'checked', 'nick', 'land')$$,
  'a users table is attached');
SELECT col_type_is('logins', 'customer_id', 'uuid', 'it has a customer column');
SELECT col_is_null('logins', 'customer_id', 'which may stay empty');
SELECT results_eq($$SELECT confrelid::regclass::text, confdeltype::text, convalidated FROM pg_constraint
  WHERE conrelid = 'logins'::regclass AND contype = 'f'$$,
  $$VALUES ('customers'::text, 'n'::text, true)$$, 'a foreign key whose deletion empties it');
SELECT is((SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid
  WHERE indrelid = 'logins'::regclass AND a.attname = 'customer_id'),
  1::bigint, 'and an index');
SELECT triggers_are('logins', ARRAY['customer_identity_link', 'customer_identity_linked', 'customer_identity_renamed',
  'customer_identity_truncated']);
SELECT is_empty($$
  SELECT tgname FROM pg_trigger
  WHERE tgrelid = 'logins'::regclass AND NOT tgisinternal AND (tgattr::text <> '' OR tgqual IS NOT NULL)
$$, 'no trigger has a column list or a condition: they would block ALTER COLUMN TYPE');
SELECT lives_ok($$ALTER TABLE logins ALTER tel TYPE varchar(40)$$, 'the type of a watched column can change');

-- Again.
SELECT lives_ok($$SELECT customer_identity.attach_users('logins', '{tel}')$$, 'a second call is fine');
SELECT triggers_are('logins', ARRAY['customer_identity_link', 'customer_identity_linked', 'customer_identity_renamed',
  'customer_identity_truncated']);
SELECT is((SELECT count(*) FROM pg_constraint WHERE conrelid = 'logins'::regclass AND contype = 'f'), 1::bigint,
  'one foreign key stays one');
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid = 'logins'::regclass), 2::bigint, 'one index stays one');
SELECT ok(bool_and(encode(tgargs, 'escape') !~ 'checked|nick|land'), 'the second call replaces the set-up')
FROM pg_trigger WHERE tgrelid = 'logins'::regclass AND NOT tgisinternal;
INSERT INTO logins (id, tel, checked, nick, land) VALUES (1, '07400 123401', true, 'Ada', 'US');
SELECT is((SELECT c.phone || coalesce(preferred_name, '-') || is_phone_verified FROM logins l JOIN customers c ON c.id = l.customer_id),
  '+447400123401-false', 'and the next row follows it');

-- A customer column of another name, an index and a key that are there already.
CREATE TABLE members (id uuid PRIMARY KEY, phone text, person uuid REFERENCES customers ON DELETE SET NULL);
CREATE INDEX members_by_person ON members (person);
SELECT customer_identity.attach_users('members', customer_column => 'person');
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid = 'members'::regclass), 2::bigint, 'an index that is there is used');
SELECT is((SELECT count(*) FROM pg_constraint WHERE conrelid = 'members'::regclass AND contype = 'f'), 1::bigint,
  'a foreign key that is there is used');
INSERT INTO members VALUES (gen_random_uuid(), '07400 123401');
SELECT is((SELECT person FROM members), (SELECT customer_id FROM logins), 'two users tables share a book');

-- What is refused.
CREATE TABLE wrong (id text PRIMARY KEY, phone text, verified text, customer_id integer);
CREATE TABLE keyless (phone text);
CREATE VIEW seen AS SELECT * FROM logins;
SELECT is((failure($$SELECT customer_identity.attach_users('logins', '{telephone}')$$)).code, '42703',
  'a phone column that is not there is an error');
SELECT matches((failure($$SELECT customer_identity.attach_users('logins', '{telephone}')$$)).message, 'telephone',
  'which names it');
SELECT is((failure($$SELECT customer_identity.attach_users('logins', '{tel}', 'proven')$$)).code, '42703',
  'a verified column that is not there is an error');
SELECT is((failure($$SELECT customer_identity.attach_users('logins', '{tel}', name_column => 'called')$$)).code, '42703',
  'a name column that is not there is an error');
SELECT is((failure($$SELECT customer_identity.attach_users('logins', '{tel}', region_column => 'where')$$)).code, '42703',
  'a region column that is not there is an error');
SELECT isnt((failure($$SELECT customer_identity.attach_users('logins', '{}')$$)).code, NULL,
  'no phone column at all is an error');
SELECT isnt((failure($$SELECT customer_identity.attach_users('wrong')$$)).code, NULL,
  'a customer column that is no uuid is an error');
SELECT isnt((failure($$SELECT customer_identity.attach_users('wrong', verified_column => 'verified',
  customer_column => 'person')$$)).code, NULL,
  'a verified column that is no boolean is an error');
SELECT isnt((failure($$SELECT customer_identity.attach_users('keyless')$$)).code, NULL,
  'a table without a primary key is an error');
SELECT isnt((failure($$SELECT customer_identity.attach_users('seen')$$)).code, NULL, 'a view is an error');
SELECT isnt((failure($$SELECT customer_identity.attach_users('customers')$$)).code, NULL, 'the customers are no users');
CREATE TABLE computed (id integer PRIMARY KEY, raw text, phone text GENERATED ALWAYS AS (lower(raw)) STORED);
SELECT is((failure($$SELECT customer_identity.attach_users('computed')$$)).code, '42809', 'a generated phone, which triggers cannot see, is an error');
CREATE TABLE parent (id integer PRIMARY KEY, phone text);
CREATE TABLE child () INHERITS (parent);
SELECT is((failure($$SELECT customer_identity.attach_users('parent')$$)).code, '42809', 'a table that others inherit from is an error');
CREATE ROLE poor_owner;
CREATE TABLE owned (id integer PRIMARY KEY, phone text);
ALTER TABLE owned OWNER TO poor_owner;
SELECT is((failure($$SELECT customer_identity.attach_users('owned')$$)).code, '42501', 'an owner who may not write to customers is an error');
ALTER TABLE owned OWNER TO CURRENT_USER;
DROP ROLE poor_owner;
SELECT is_empty($$
  SELECT tgname FROM pg_trigger
  WHERE tgrelid IN ('wrong'::regclass, 'keyless'::regclass, 'customers'::regclass) AND tgname LIKE 'customer_identity%'
    AND tgname NOT IN ('customer_identity_phone', 'customer_identity_phone_changed')
$$, 'a refused call leaves nothing behind');
SELECT hasnt_column('keyless', 'customer_id', 'no column either');

-- Detach.
SELECT lives_ok($$SELECT customer_identity.detach('logins')$$, 'a users table is detached');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'logins'::regclass AND tgname LIKE 'customer_identity%'$$,
  'its triggers are gone');
SELECT is((SELECT count(customer_id) FROM logins), 1::bigint, 'its column and data stay');
SELECT is((SELECT count(*) FROM pg_constraint WHERE conrelid = 'logins'::regclass AND contype = 'f'), 1::bigint,
  'its foreign key stays');
INSERT INTO logins (id, tel) VALUES (2, '07400 123402');
SELECT is((SELECT customer_id FROM logins WHERE id = 2), NULL, 'new rows are left alone');
SELECT lives_ok($$SELECT customer_identity.attach_users('logins', '{tel}')$$, 'it can be attached again');

SELECT * FROM finish();
