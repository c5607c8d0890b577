-- A book of :rows customers with a login each and some more, as a shop of several years has them.
CREATE EXTENSION IF NOT EXISTS customer_identity;
CREATE EXTENSION pg_trgm;
CREATE TABLE users (id text PRIMARY KEY, name text, email text, phone text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text,
    phone text,
    total numeric NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT customer_identity.create_tables();
SELECT customer_identity.attach_users('users', name_column => 'name');
SELECT customer_identity.attach_orders('orders', users => 'users');
ALTER TABLE users DISABLE TRIGGER USER;

CREATE TEMP TABLE first_names AS
SELECT row_number() OVER () AS n, name
FROM unnest('{Mara,Jonas,Anna,Max,Lena,Kim,Paul,Zoë,Émile,Søren,Łukasz,Jürgen,Chloé,Noah,Mia,Emma,Ben,Ida,Otto,Yusuf,Aylin,Nguyễn,Olga,Иван}'::text[]) AS name;
CREATE TEMP TABLE last_names AS
SELECT row_number() OVER () AS n, initcap(a || b || c) AS name
FROM unnest('{ba,ber,fi,gar,hol,ka,kr,lin,mo,na,ros,sch,ste,tor,wal,we}'::text[]) AS a,
    unnest('{ch,l,m,n,nd,r,rt,s,tt,z}'::text[]) AS b,
    unnest('{a,e,er,i,ing,mann,o,sen,ski,son}'::text[]) AS c;

INSERT INTO customers (id, phone, preferred_name, is_phone_verified, total_orders, total_spent, created_at, updated_at)
SELECT md5(s.n::text)::uuid,
    CASE WHEN s.n % 20 = 0 THEN '+4479' ELSE '+4915' END || lpad((s.n::bigint * 7919 % 1000000000)::text, 9, '0'),
    CASE WHEN s.n % 10 > 0 THEN f.name || ' ' || l.name END,
    s.n % 3 = 0, h % 30, h % 100000 / 100.0, t, t
FROM generate_series(1, :rows) AS s (n)
CROSS JOIN LATERAL (SELECT hashint8(s.n) & 2147483647, timestamptz '2020-01-01' + s.n * (interval '5 years' / :rows)) AS r (h, t)
JOIN first_names AS f ON f.n = 1 + h % (SELECT count(*) FROM first_names)
JOIN last_names AS l ON l.n = 1 + h / 24 % (SELECT count(*) FROM last_names);

INSERT INTO users (id, name, email, phone, created_at, customer_id)
SELECT 'u' || n, c.preferred_name, 'user' || n::bigint * 31 % 1000000007 || CASE WHEN n % 2 = 0 THEN '@gmail.com' ELSE '@example.com' END,
    c.phone, c.created_at, c.id
FROM generate_series(1, :rows * 11 / 10) AS n
JOIN customers AS c ON c.id = md5((CASE WHEN n <= :rows THEN n ELSE 1 + (hashint8(n) & 2147483647) % :rows END)::text)::uuid;
ALTER TABLE users ENABLE TRIGGER USER;
VACUUM (ANALYZE) users, customers;
