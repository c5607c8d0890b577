-- Ours, as an application has it: orders are attached and counted.
SELECT customer_identity.attach_users('users', name_column => 'name');
SELECT customer_identity.attach_orders('orders', users => 'users',
    status_column => 'status', counted_statuses => '{paid,shipped}');
