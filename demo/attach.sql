-- All that a shop does to have customers: make the book, attach its two tables.
CREATE EXTENSION customer_identity;

SELECT customer_identity.create_tables();

SELECT customer_identity.attach_users(
  users           => '"user"',
  phone_columns   => '{phoneNumber,phone}',
  verified_column => 'phoneNumberVerified',
  name_column     => 'name',
  region_column   => 'country');

SELECT customer_identity.attach_orders(
  orders           => 'orders',
  users            => '"user"',
  status_column    => 'status',
  counted_statuses => '{paid,shipped,delivered}',
  payment_column   => 'payment',
  cod_values       => '{cash}',
  region_column    => 'country');
