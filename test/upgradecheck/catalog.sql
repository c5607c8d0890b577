-- Everything that the extension has made in this database, a line each, whatever the OIDs are: fresh and updated
-- installations give the same lines.
\set ON_ERROR_STOP 1
SET search_path = pg_catalog, pg_temp;

CREATE TEMP VIEW member AS
    SELECT d.classid, d.objid
    FROM pg_depend AS d
    JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE e.extname = 'customer_identity' AND d.deptype = 'e';

SELECT 'extension', e.extversion, e.extowner::regrole, e.extnamespace::regnamespace, e.extrelocatable, e.extconfig, e.extcondition
FROM pg_extension AS e
WHERE e.extname = 'customer_identity';

SELECT 'member', i.type, i.identity
FROM member AS m
CROSS JOIN LATERAL pg_identify_object(m.classid, m.objid, 0) AS i
ORDER BY 1, 2, 3;

SELECT 'schema', n.nspname, n.nspowner::regrole, obj_description(n.oid, 'pg_namespace')
FROM pg_namespace AS n
WHERE n.nspname LIKE 'customer\_identity%'
ORDER BY n.nspname;

-- Where a body is standard SQL, pg_get_functiondef() shows it as it is understood; the columns beside it are what it leaves out.
SELECT 'function', p.oid::regprocedure, p.proowner::regrole, CASE WHEN p.prokind <> 'a' THEN md5(pg_get_functiondef(p.oid)) END, md5(p.prosrc), p.probin, p.prokind, p.provolatile,
    p.proparallel, p.procost, p.prorows, p.proisstrict, p.proleakproof, p.prosecdef, p.proretset, p.proconfig, p.prosupport,
    obj_description(p.oid, 'pg_proc')
FROM pg_proc AS p
WHERE p.pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'customer\_identity%')
ORDER BY p.oid::regprocedure::text;

SELECT 'aggregate', to_jsonb(a)
FROM pg_aggregate AS a
JOIN pg_proc AS p ON p.oid = a.aggfnoid
WHERE p.pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'customer\_identity%')
ORDER BY a.aggfnoid::regprocedure::text;

SELECT 'type', t.oid::regtype, t.typtype, t.typowner::regrole, obj_description(t.oid, 'pg_type')
FROM pg_type AS t
WHERE t.typnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'customer\_identity%')
ORDER BY t.oid::regtype::text;

SELECT 'relation', c.oid::regclass, c.relkind, c.relowner::regrole, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
    c.reloptions, obj_description(c.oid, 'pg_class'), md5(pg_get_viewdef(c.oid)), pg_get_indexdef(c.oid)
FROM pg_class AS c
WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'customer\_identity%')
ORDER BY c.oid::regclass::text;

SELECT 'column', a.attrelid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
    a.attstattarget, a.attcollation::regcollation, a.attstorage, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum)
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'customer\_identity%') AND a.attnum > 0
ORDER BY a.attrelid::regclass::text, a.attnum;

SELECT 'constraint', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint AS k
WHERE k.connamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'customer\_identity%')
ORDER BY 2, 3;

SELECT 'event trigger', e.evtname, e.evtevent, e.evtfoid::regprocedure, e.evtenabled, e.evttags, e.evtowner::regrole,
    obj_description(e.oid, 'pg_event_trigger')
FROM pg_event_trigger AS e
ORDER BY e.evtname;

-- Rights as they work: what an owner has anyway is left out.
SELECT 'right', o.what, o.name, o.grantee, string_agg(o.privilege, ', ' ORDER BY o.privilege)
FROM (
    SELECT 'function' AS what, p.oid::regprocedure::text AS name, a.grantee::regrole::text AS grantee,
        a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END AS privilege
    FROM pg_proc AS p
    CROSS JOIN LATERAL aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE p.pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'customer\_identity%') AND a.grantee <> p.proowner
    UNION ALL
    SELECT 'relation', c.oid::regclass::text, a.grantee::regrole::text, a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END
    FROM pg_class AS c
    CROSS JOIN LATERAL aclexplode(COALESCE(c.relacl, acldefault('r', c.relowner))) AS a
    WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'customer\_identity%') AND a.grantee <> c.relowner
    UNION ALL
    SELECT 'type', t.oid::regtype::text, a.grantee::regrole::text, a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END
    FROM pg_type AS t
    CROSS JOIN LATERAL aclexplode(COALESCE(t.typacl, acldefault('T', t.typowner))) AS a
    WHERE t.typnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'customer\_identity%') AND a.grantee <> t.typowner
    UNION ALL
    SELECT 'schema', n.nspname, a.grantee::regrole::text, a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END
    FROM pg_namespace AS n
    CROSS JOIN LATERAL aclexplode(COALESCE(n.nspacl, acldefault('n', n.nspowner))) AS a
    WHERE n.nspname LIKE 'customer\_identity%' AND a.grantee <> n.nspowner
) AS o
GROUP BY 2, 3, 4
ORDER BY 2, 3, 4;

-- What a dump takes for given.
SELECT 'initial right', i.identity, p.privtype, a.grantee::regrole, a.privilege_type, a.is_grantable
FROM pg_init_privs AS p
CROSS JOIN LATERAL pg_identify_object(p.classoid, p.objoid, p.objsubid) AS i
CROSS JOIN LATERAL aclexplode(p.initprivs) AS a
WHERE i.identity ~ '\mcustomer_identity' AND a.grantee <> a.grantor
ORDER BY 2, 3, 4, 5;

-- What each object is made of, and what is made of it.
SELECT DISTINCT 'dependency', o.type, o.identity, r.type, r.identity, d.deptype
FROM pg_depend AS d
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS o
CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) AS r
WHERE o.identity ~ '\mcustomer_identity' AND o.identity !~ 'pg_temp|pg_toast' AND o.type <> 'trigger'
ORDER BY 2, 3, 4, 5, 6;

SELECT 'setting', s.name, s.context, s.vartype, s.boot_val
FROM pg_settings AS s
WHERE s.name LIKE 'customer\_identity.%' AND customer_identity.normalize_phone(NULL) IS NULL
ORDER BY s.name;
