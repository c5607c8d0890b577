-- What create_tables and the search for a book say when they refuse.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA messages;
SET search_path = messages;
SELECT customer_identity.find_customer('+447400123401');
\echo :SQLSTATE
SELECT customer_identity.create_tables('nowhere');
\echo :SQLSTATE
CREATE TABLE customers (id uuid PRIMARY KEY, phone varchar(20) UNIQUE, total_orders int);
SELECT customer_identity.create_tables();
\echo :SQLSTATE
SELECT customer_identity.find_customer('+447400123401');
\echo :SQLSTATE
DROP TABLE customers;
SELECT customer_identity.create_tables();
\d customers
\d phone_proofs
\d loyalty_entries
\d customer_events
SELECT customer_identity.get_or_create_customer('call me');
\echo :SQLSTATE
SELECT customer_identity.get_or_create_customer(NULL);
\echo :SQLSTATE
SELECT customer_identity.record_proof('+441234');
\echo :SQLSTATE
DROP SCHEMA messages CASCADE;
