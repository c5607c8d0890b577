-- The whole play, in the order in which a shop would live it.
SET client_min_messages = warning;
CREATE DATABASE shop;
\connect shop
SET client_min_messages = warning;
\o /dev/null
\ir shop.sql
\ir attach.sql
\ir people.sql
\ir logins.sql
\ir orders.sql
\ir mara.sql
\o
\ir report.sql
