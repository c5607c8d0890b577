-- What must be the same before and after: every row, what the owner added, the triggers, and exact totals.
SET search_path = pg_catalog;
SET row_security = off;
SELECT 'customers', count(*), md5(string_agg((to_jsonb(c) || jsonb_build_object('total_spent', trim_scale(total_spent)))::text, '' ORDER BY id)) FROM shop.customers c;
SELECT 'user', count(*), md5(string_agg(u::text, '' ORDER BY id)) FROM shop."user" u;
SELECT 'orders', count(*), md5(string_agg(o::text, '' ORDER BY id)) FROM shop.orders o;
SELECT 'sales', count(*), md5(string_agg(s::text, '' ORDER BY id)) FROM shop.sales s;
SELECT 'proofs', count(*), md5(string_agg(p::text, '' ORDER BY id)) FROM shop.phone_proofs p;
SELECT 'entries', count(*), md5(string_agg(e::text, '' ORDER BY id)) FROM shop.loyalty_entries e;
SELECT 'events', count(*), md5(string_agg(e::text, '' ORDER BY id)) FROM shop.customer_events e;
SELECT 'rights', relname, relacl FROM pg_class WHERE oid = 'shop.customer_events'::regclass;
SELECT 'column', attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = 'shop.customers'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname;
SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = 'shop' ORDER BY indexdef;
SELECT 'policy', polname, pg_get_expr(polqual, polrelid) FROM pg_policy ORDER BY polname;
SELECT 'row security', relrowsecurity FROM pg_class WHERE oid = 'shop.customers'::regclass;
SELECT 'key', conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'shop'::regnamespace ORDER BY conrelid::regclass::text, 3;
SELECT 'trigger', pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 2;
SELECT 'difference', d FROM customer_identity.verify_totals('shop.customers') d;
SELECT 'finding', f FROM customer_identity.check_setup('shop.customers') f WHERE severity = 'error';
