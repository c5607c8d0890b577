-- What the phone functions say when they refuse.
\set SHOW_CONTEXT never
SET search_path = customer_identity;
SELECT normalize_phone('020 7946 0123', 'XX');
\echo :SQLSTATE
SELECT parse_phone('020 7946 0123', 'Great Britain');
\echo :SQLSTATE
SELECT format_phone('+442079460123', 'pretty');
\echo :SQLSTATE
SET customer_identity.default_region = 'Great Britain';
\echo :SQLSTATE
SET customer_identity.default_region = 'XX';
SELECT normalize_phone('020 7946 0123');
\echo :SQLSTATE
RESET customer_identity.default_region;
SET customer_identity.phone_validation = 'none';
\echo :SQLSTATE
-- What parse_phone answers.
\x on
SELECT * FROM parse_phone('(0)20 7946 0123 ext. 456', 'gb');
SELECT * FROM parse_phone('call me');
\x off
SELECT phone, (parse_phone(phone, region)).reason
FROM (VALUES ('+442079460123', NULL), ('  ', 'GB'), ('call me', 'GB'), ('+999123456789', 'GB'), ('+441234', 'GB'), ('+16045550123456', 'US'),
             ('020 7946 0123', NULL), ('+10000000000', NULL), ('020 7946 0123 2nd floor', 'GB'),
             ('020 7946 0123 / 020 7946 0124', 'GB'), ('06641234567/8', 'AT')) AS v (phone, region);
