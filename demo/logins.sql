-- Six hundred sign-ups, written the way Better Auth writes them.
-- 256 people have 512 logins with a phone, 48 guests a login without one, 40 logins hold junk.
CREATE TABLE made_up.logins AS
SELECT row_number() OVER (ORDER BY (person.id * 37 + attempt * 113) % 601, person.id, attempt)::integer - 1 AS id,
       person.id AS person_id, attempt, person.name, person.country,
       made_up.spell(person, person.id * 7 + attempt * 5) AS phone
FROM made_up.people AS person
CROSS JOIN LATERAL generate_series(1, (ARRAY[0, 1, 1, 2, 4])[1 + person.id % 5]) AS attempt
WHERE person.id < 320
UNION ALL
SELECT 512 + n, n * 5, 1, person.name, person.country, NULL
FROM generate_series(0, 47) AS n
JOIN made_up.people AS person ON person.id = n * 5
UNION ALL
SELECT 560 + n, NULL, 1, 'Nobody ' || n, junk.country, junk.phone
FROM generate_series(0, 39) AS n
JOIN made_up.junk ON junk.id = n * n / 7 % 10;

ALTER TABLE made_up.logins
  ADD PRIMARY KEY (id),
  ADD user_id text GENERATED ALWAYS AS (md5('login ' || id)) STORED,
  ADD has_proof boolean GENERATED ALWAYS AS (person_id IS NOT NULL AND phone IS NOT NULL AND attempt = 1 AND id % 2 = 0) STORED;

-- Some came through the phone number plugin with an SMS code; the others typed a profile field.
INSERT INTO "user" (id, name, email, "emailVerified", "phoneNumber", "phoneNumberVerified", phone, country, "createdAt", "updatedAt")
SELECT user_id, name,
       format('%s.%s@%s.example', translate(lower(name), ' éÉ', '.ee'), id, (ARRAY['mail', 'work', 'post'])[1 + id % 3]),
       id % 4 <> 0,
       CASE WHEN has_proof THEN phone END,
       CASE WHEN has_proof THEN true END,
       CASE WHEN NOT has_proof THEN phone END,
       country, signed_up, signed_up
FROM made_up.logins,
     LATERAL (SELECT timestamptz '2024-01-08 08:00+00' + id * interval '11 hours' AS signed_up) AS moment
ORDER BY id;
