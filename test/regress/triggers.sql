-- What a statement is told by the triggers: cash on delivery, and a set-up that no longer fits.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA messages;
SET search_path = messages;
CREATE TABLE users (id text PRIMARY KEY, phone text);
CREATE TABLE orders (id int PRIMARY KEY, user_id text, phone text, total numeric, payment text);
SELECT customer_identity.create_tables();
SELECT customer_identity.attach_users('users');
SELECT customer_identity.attach_orders('orders', 'users', payment_column => 'payment', cod_values => '{cash}');
INSERT INTO users VALUES ('ada', '+447400123401');
INSERT INTO orders VALUES (1, 'ada', NULL, 10, 'cash');
\echo :SQLSTATE
INSERT INTO orders VALUES (1, NULL, 'call me', 10, 'cash');
\echo :SQLSTATE
-- A column that is gone.
BEGIN;
ALTER TABLE users DROP phone;
INSERT INTO users VALUES ('bob');
\echo :SQLSTATE
ROLLBACK;
BEGIN;
ALTER TABLE orders DROP total;
INSERT INTO orders (id) VALUES (2);
\echo :SQLSTATE
ROLLBACK;
-- Names that changed while nobody followed.
BEGIN;
ALTER EVENT TRIGGER customer_identity_follow_renames DISABLE;
ALTER TABLE customers RENAME TO persons;
INSERT INTO users VALUES ('bob', '+447400123402');
\echo :SQLSTATE
ROLLBACK;
BEGIN;
ALTER EVENT TRIGGER customer_identity_follow_renames DISABLE;
ALTER TABLE users RENAME customer_id TO person;
INSERT INTO orders VALUES (2, 'ada', NULL, 10, NULL);
\echo :SQLSTATE
ROLLBACK;
-- Triggers written by hand, wrongly.
CREATE TABLE plain (id int, phone text, customer_id uuid);
CREATE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user();
INSERT INTO plain VALUES (1);
\echo :SQLSTATE
CREATE OR REPLACE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION customer_identity.link_user('phone');
INSERT INTO plain VALUES (1);
\echo :SQLSTATE
CREATE OR REPLACE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION customer_identity.maintain_totals('customers=messages.customers', 'customer=customer_id', 'amount=id');
INSERT INTO plain VALUES (1);
\echo :SQLSTATE
SELECT customer_identity.link_user();
\echo :SQLSTATE
DROP SCHEMA messages CASCADE;
