-- A second book in a schema of its own, whose owner is no superuser.
GRANT CREATE ON DATABASE shop TO shop_owner;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA customer_identity TO shop_owner;
SET ROLE shop_owner;
CREATE SCHEMA second;
CREATE TABLE second.users (id text PRIMARY KEY, phone text);
CREATE TABLE second.orders (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    login text REFERENCES second.users ON DELETE SET NULL,
    phone text,
    total numeric NOT NULL,
    status text NOT NULL DEFAULT 'paid'
);
SELECT customer_identity.create_tables('second');
SELECT customer_identity.attach_users('second.users', customers => 'second.customers');
SELECT customer_identity.attach_orders('second.orders', users => 'second.users', user_column => 'login', status_column => 'status',
    counted_statuses => '{paid}', customers => 'second.customers');
INSERT INTO second.users VALUES ('u1', '0151 66666661'), ('u2', '0151 66666662');
SELECT customer_identity.adjust_points(id, 5, 'welcome', customers => 'second.customers') FROM second.customers;
RESET ROLE;
