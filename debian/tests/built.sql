-- What was built loads, and works as its default version.
CREATE EXTENSION customer_identity;
SELECT customer_identity.create_tables();
SELECT 1 / (customer_identity.normalize_phone('0151 23456789', 'DE') = '+4915123456789')::integer;
