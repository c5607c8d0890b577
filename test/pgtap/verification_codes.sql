-- Codes and what is kept of them.
\ir verification.psql
SELECT * FROM no_plan();

-- random_code: six digits, each as likely as any other.
CREATE TABLE drawn AS SELECT customer_identity_internal.random_code() AS code FROM generate_series(1, 100000);
SELECT is_empty($$SELECT 1 FROM drawn WHERE code !~ '^[0-9]{6}$'$$, 'six digits');
SELECT ok(count(*) BETWEEN 9000 AND 11000, 'a tenth begins with 0') FROM drawn WHERE code LIKE '0%';
SELECT ok(count(DISTINCT code) > 94000, 'few come twice') FROM drawn;
-- 9 degrees of freedom each: one draw in ten million is above 50.
SELECT ok(sum((n - 10000.0) ^ 2 / 10000) < 50, format('digit %s is uniform', position)) FROM (
  SELECT position, count(*) AS n FROM drawn, generate_series(1, 6) AS position GROUP BY position, substr(code, position, 1)) AS d GROUP BY position;
SELECT ok(count(*) BETWEEN 49000 AND 51000, 'half of them are small') FROM drawn WHERE code < '500000';

-- code_hash: HMAC-SHA-256, told apart by each of its arguments.
SELECT is(customer_identity_internal.code_hash('\x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', '48692054-6865-7265-4869-205468657265', '+447400123401', '123456'),
  '\xdfc53b98c5929353d0a46c4c1f818318f94699807d962d3cc059ec686be316f1', 'known answer');
CREATE FUNCTION hash(secret bytea DEFAULT '\x01', id uuid DEFAULT '00000000-0000-0000-0000-000000000001', phone text DEFAULT '+447400123401',
  code text DEFAULT '123456') RETURNS bytea LANGUAGE sql AS 'SELECT customer_identity_internal.code_hash(secret, id, phone, code)';
SELECT is(hash(), hash(), 'the same code has the same hash');
SELECT is(length(hash()), 32, 'of 32 bytes');
SELECT isnt(hash(), hash(secret => '\x02'), 'another secret, another hash');
SELECT isnt(hash(), hash(id => '00000000-0000-0000-0000-000000000002'), 'so for another verification');
SELECT isnt(hash(), hash(phone => '+447400123402'), 'for another phone');
SELECT isnt(hash(), hash(code => '123457'), 'for another code');
SELECT ok(customer_identity_internal.same_hash(a, b) = (a = b), format('%s and %s are compared', a, b))
FROM unnest('{"","\\x00","\\x01","\\x0001","\\x0002","\\xff01"}'::bytea[]) AS a, unnest('{"","\\x00","\\x0001"}'::bytea[]) AS b;

-- The secret.
SELECT is((SELECT array_agg(length(secret)) FROM customer_identity.verification_secret), '{32}', 'there is one secret of 32 bytes');
SELECT isnt(customer_identity_internal.random_secret(), customer_identity_internal.random_secret(), 'no two are alike');
SELECT throws_ok('INSERT INTO customer_identity.verification_secret VALUES (true, $$\x00$$)', '23505', NULL, 'there is no second one');
SELECT throws_ok('INSERT INTO customer_identity.verification_secret VALUES (false, $$\x00$$)', '23514', NULL, 'in no way');
SELECT started('07400 123401') AS v \gset
SELECT is((SELECT code_hash FROM customer_identity.verifications), (SELECT customer_identity_internal.code_hash(secret, :'v', '+447400123401', code_of(:'v'))
  FROM customer_identity.verification_secret), 'codes are hashed under it');
UPDATE customer_identity.verification_secret SET secret = customer_identity_internal.random_secret();
SELECT is(checked(:'v', code_of(:'v')), 'incorrect 4', 'under another one they are worth nothing');

SELECT * FROM finish();
