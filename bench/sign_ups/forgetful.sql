-- A book without a history.
DROP TABLE customer_events;
