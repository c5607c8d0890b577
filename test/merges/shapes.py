"""Random books: a shop, and tables of strangers that refer to its customers in every way that PostgreSQL knows."""

STRANGERS = 4
# Of a reference: nullable or not, what deleting and changing a customer would do, and when it is checked.
ACTIONS = ('', ' ON DELETE CASCADE', ' ON DELETE SET NULL', ' ON DELETE RESTRICT', ' ON UPDATE CASCADE', ' ON DELETE SET DEFAULT')
CHECKED = ('', '', ' DEFERRABLE', ' DEFERRABLE INITIALLY DEFERRED')
KEYS = (
    '', '', 'PRIMARY KEY (id)', 'UNIQUE (id)', 'PRIMARY KEY (a, id)', 'PRIMARY KEY (a, product)', 'UNIQUE (a)',
    'UNIQUE (a, product)', 'UNIQUE (a, product) DEFERRABLE', 'UNIQUE (a, id) DEFERRABLE INITIALLY DEFERRED',
    'PRIMARY KEY (id), UNIQUE (a, note)', 'PRIMARY KEY (id), UNIQUE (copy)', 'UNIQUE (a, copy, id)')
INDEXES = (
    '', '', '', 'CREATE UNIQUE INDEX ON {t} (a) WHERE product = 1', 'CREATE UNIQUE INDEX ON {t} (a, lower(note))',
    'CREATE INDEX ON {t} (a)', 'CREATE UNIQUE INDEX ON {t} (note, a) INCLUDE (product)',
    "CREATE UNIQUE INDEX ON {t} ((a::text || product::text))")
PARTITIONED = ('', '', '', '', 'HASH (a)', 'LIST (product)')
# What the application's own triggers do with rows that move: all of it is undone by the move back.
TRIGGERS = ('', '', """
    CREATE TABLE {t}_counts (customer uuid PRIMARY KEY, rows int);
    CREATE FUNCTION {t}_count() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' THEN UPDATE {n}_counts SET rows = rows - 1 WHERE customer = OLD.a; END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO {n}_counts SELECT NEW.a, 1 WHERE NEW.a IS NOT NULL
                ON CONFLICT (customer) DO UPDATE SET rows = {n}_counts.rows + 1;
        END IF;
        DELETE FROM {n}_counts WHERE rows = 0;
        RETURN NULL;
    END $$;
    CREATE TRIGGER count_rows AFTER INSERT OR DELETE OR UPDATE OF a ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_count()""", """
    CREATE FUNCTION {t}_trim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := btrim(NEW.note); RETURN NEW; END $$;
    CREATE TRIGGER trim_note BEFORE INSERT OR UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION {t}_trim()""")
OWN_COLUMNS = """external_id text UNIQUE, ADD tier text DEFAULT '', ADD region int DEFAULT 1, ADD born date, ADD pay float8,
    ADD doc json, ADD tags text[], ADD code varchar(12) GENERATED ALWAYS AS (left(id::text, 8)) STORED,
    ADD number int GENERATED ALWAYS AS IDENTITY, ADD friend uuid REFERENCES customers{}, ADD UNIQUE (region, id)"""


def reference(choose, column):
    null = ' NOT NULL' if choose.random() < 0.3 else ''
    return f'{column} uuid{null} REFERENCES {{c}}{choose.choice(ACTIONS)}{choose.choice(CHECKED)}'


def stranger(choose, table, customers):
    """The statements that make a table, and its columns that refer to customers."""
    columns = ['a', *choose.sample(('b', 'c'), choose.choice((0, 0, 1, 2)))]
    parts = ['id int', 'product int', 'note text', 'at timestamptz DEFAULT now()', 'doc json']
    parts += [reference(choose, column).format(c=customers) for column in columns]
    parts.append('copy text GENERATED ALWAYS AS (md5(a::text)) STORED' if choose.random() < 0.7 else 'copy text')
    key, partitioned = choose.choice(KEYS), choose.choice(PARTITIONED)
    if partitioned:
        key = ''
    if choose.random() < 0.15:
        parts += ['region int DEFAULT 1', f'FOREIGN KEY (region, a) REFERENCES {customers} (region, id)']
    if choose.random() < 0.1:
        parts.append(f'external text REFERENCES {customers} (external_id) ON DELETE CASCADE')
    parts += [key] if key else []
    made = [f'CREATE TABLE {table} ({", ".join(parts)})' + (f' PARTITION BY {partitioned}' if partitioned else '')]
    if partitioned.startswith('HASH'):
        made += [f'CREATE TABLE {table}_{n} PARTITION OF {table} FOR VALUES WITH (MODULUS 2, REMAINDER {n})' for n in (0, 1)]
    elif partitioned:
        made += [f'CREATE TABLE {table}_0 PARTITION OF {table} FOR VALUES IN (1, 2)', f'CREATE TABLE {table}_1 PARTITION OF {table} DEFAULT',
                 choose.choice(('', f'CREATE UNIQUE INDEX ON {table}_0 (a)'))]
    else:
        made.append(choose.choice(INDEXES).format(t=table))
    made.append(choose.choice(TRIGGERS).replace('{t}', table).replace('{n}', table))
    return [statement for statement in made if statement], columns


def child(choose, table, parent, customers):
    """A table whose rows belong to another stranger's row of the same customer."""
    refers = choose.choice(('', f' REFERENCES {customers}'))
    on_update = choose.choice(('', '', ' ON UPDATE CASCADE', ' ON UPDATE RESTRICT', ' ON UPDATE SET NULL'))
    on_update += choose.choice(CHECKED)
    return [f'ALTER TABLE {parent} ADD UNIQUE (a, number)',
            f'CREATE TABLE {table} (a uuid{refers}, number int, line int, note text,'
            f' FOREIGN KEY (a, number) REFERENCES {parent} (a, number){on_update})']


def shop(choose, schema):
    """The statements that make the book and the tables that feed it."""
    key, value = choose.choice((('text', "'u' || {}"), ('int', '{}'), ('uuid', 'md5({}::text)::uuid')))
    parted = choose.choice(('', '', 'LIST (status)', 'RANGE (id)'))
    timing = choose.choice(('statement', 'statement', 'commit'))
    id_key = '' if parted.startswith('LIST') else choose.choice(('', ', PRIMARY KEY (id)', ', UNIQUE (id, phone)'))
    made = [f'CREATE SCHEMA {schema}; CREATE SCHEMA crm_{schema}; GRANT ALL ON SCHEMA crm_{schema} TO stranger', f'SET search_path = {schema}', 'SELECT customer_identity.create_tables()',
            'ALTER TABLE customers ADD ' + OWN_COLUMNS.format(choose.choice(ACTIONS)),
            f'CREATE TABLE users (id {key} PRIMARY KEY, name text, phone text)',
            f'CREATE TABLE orders (id int NOT NULL, user_id {key} REFERENCES users ON DELETE SET NULL, phone text, status text,'
            f" total numeric, created_at timestamptz DEFAULT now(){id_key})" + (f' PARTITION BY {parted}' if parted else '')]
    if parted.startswith('LIST'):
        made += ["CREATE TABLE orders_paid PARTITION OF orders FOR VALUES IN ('paid')", 'CREATE TABLE orders_rest PARTITION OF orders DEFAULT']
    elif parted:
        made += ['CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (0) TO (9)',
                 'CREATE TABLE orders_new PARTITION OF orders FOR VALUES FROM (9) TO (1000)']
    made += ["SELECT customer_identity.attach_users('users', name_column => 'name', default_region => 'DE')",
             "SELECT customer_identity.attach_orders('orders', 'users', status_column => 'status', counted_statuses => '{paid}',"
             f" points_per_unit => {choose.choice((1, 0.5))}, default_region => 'DE', timing => '{timing}')"]
    return made, value
