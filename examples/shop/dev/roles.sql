-- Once in a cluster, by a superuser: who owns the tables, who the shop and who its administrators connect as.
CREATE ROLE shop_owner LOGIN;
CREATE ROLE shop_app LOGIN;
CREATE ROLE shop_admin LOGIN;
