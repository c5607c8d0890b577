"""Values of every type, plausible and nasty, as SQL expressions that repeat."""

COLUMNS = (
    'id', 'user_id', 'phone', 'phoneNumber', 'phoneNumberVerified', 'verified', 'name', 'total', 'status', 'payment',
    'region', 'customer_id', 'created_at', 'no_such_column')
PHONES = (
    '+4915123450110', '0151 23450111', '+49 (151) 2345-0112', 'tel:+49-151-23450113', '+447400123456', '07400 123456',
    '+1 650 253 0000;ext=7', '+800 1234 5678', '12', 'call me', '+999 123', '٠١٥١٢٣٤٥٠١١٠', '+4915123450001')
REGIONS = ('DE', 'GB', 'US', 'de', 'ZZ', '001', '', 'Germany')
USERS = ('100', '101', '110', '115', '1', '2', 'nobody')

# What an argument of this name is when it makes sense.
PLAUSIBLE = {
    'phone': PHONES, 'raw': PHONES, 'region': REGIONS, 'user_id': USERS, 'actor': USERS,
    'style': ('e164', 'international', 'national', 'rfc3966'),
    'sort': ('created_at', '-created_at', 'preferred_name', '-total_spent', 'total_orders', '-updated_at'),
    'method': ('sms', 'external', 'auth'), 'timing': ('statement', 'commit'), 'status': ('paid', 'shipped', 'new'),
    'payment': ('card', 'cod'), 'companion': ('phone_proofs', 'loyalty_entries', 'customer_events'),
    'purpose': ('sign_in', 'order', ''), 'code': ('123456', '000000'), 'customer_column': ('customer_id',),
    'column_name': COLUMNS,
    'schema_name': ('public', 'zoo', 'draft', 'tenant', 'new'),
    'search': ('ada', '+4915', '0151 2345', '110', 'a b', '100@shop.example'),
    'key': ('id', 'phone', 'customers'), 'reason': ('a gift',), 'counted_statuses': ('paid',), 'cod_values': ('cod',)}
OBJECTS = {
    'filters': (
        '{}', '{"verified": true}', '{"min_orders": 1, "min_spent": 0.5}',
        '{"created": {"from": "2020-01-01", "to": "infinity"}}',
        '{"has_users": true, "shared": false}'),
    'changes': ('{"notes": "x"}', '{"preferred_name": "Ada"}', '{"preferred_name": null, "notes": "y"}',
        '{"notes": 1e1000}')}
CURSORS = (
    "(customer_identity.list_customers(page_size => 1) ->> 'next')",
    "(customer_identity.list_customers(sort => '-total_spent', page_size => 2) ->> 'next')",
    "(customer_identity.visible_orders('110', 1) ->> 'next')")
FITTING = {
    'phone': PHONES[:10], 'phoneNumber': PHONES[:10], 'buyerPhone': PHONES[:10], 'status': ('paid', 'shipped'),
    'state': ('done',),
    'payment': ('card', 'cod'), 'region': REGIONS[:3], 'user_id': tuple(str(n) for n in range(100, 121)),
    'buyerId': ('100', '101')}

TEXTS = (
    "''", "' '", "'u'", "'null'", "'0'", "'-1'", "'9223372036854775808'", "'NaN'", "'now'", "'{}'", "'[]'",
    "'{\"a\":1}'",
    "'public.orders'", "'\"user\"'", "'\"a\".\"b\"'", "'a.b.c'", "'\"unterminated'", "'.'", "'$1'",
    "'pg_catalog.pg_class'",
    "''''", "'\"'", "'\\'", "E'\\\\\\''", "'%s%n%1$I%L'", "'); SELECT 1 / 0; --'", "'/*'", "'$$'", "E'\\n\\t\\r'",
    "E'\\x01\\x7f'",
    "'é'", "'e' || chr(769)", "'ẞİıǅ'", "chr(1114111)", "chr(65279)", "chr(8238) || 'abc'", "'👩‍👩‍👧'",
    "repeat('é', 32)",
    "repeat('x', 63)", "repeat('x', 64)", "repeat('x', 8000)", "repeat('''', 1000)", "repeat('\"', 1001)",
    "repeat('%', 500)",
    "repeat('a ', 5000)", "repeat('9', 1000000)", "repeat('+49 151 ', 50000)", "repeat('(', 100000)",
    "repeat('[', 20000)",
    "repeat('\\', 3001)", "repeat('a', 3000) || repeat(chr(769), 3000)", "repeat(chr(803) || chr(769), 2000)",
    "repeat('ß', 300000)",
    "repeat('x', 3000000)", "encode('{\"id\":1}', 'base64')", "encode(repeat('x', 1000)::bytea, 'base64')", *CURSORS)
NUMBERS = ('0', '1', '-1', '2', '7', '10', '100', '1000')
MAXIMUM = {'int2': 2**15, 'int4': 2**31, 'int8': 2**63}

LITERALS = {
    'bool': ('true', 'false'),
    'tid': ('(0,1)', '(0,0)', '(4294967295,65535)'),
    'numeric': (
        '0', '1', '-1', '0.5', '12.34', '-0.00000001', '1e15', '9e18', '-9223372036854775809', '1e1000', '1e131071',
        '1e-16000',
        'NaN', 'Infinity', '-Infinity', '0.' + '3' * 300),
    'float4': ('0', '1.5', '-1e30', 'NaN', 'Infinity'),
    'float8': ('0', '1.5', '-1e300', '1e-300', 'NaN', 'Infinity', '-Infinity', '9007199254740993'),
    'money': ('0', '12.34', '-92233720368547758.08'),
    'uuid': (
        '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
        '12345678-1234-1234-1234-123456789abc'),
    'timestamptz': ('2024-02-29', 'infinity', '-infinity', '4713-01-01 BC', '294276-12-31 23:59:59.999999', 'epoch'),
    'timestamp': ('2024-02-29', 'infinity', '-infinity', '4713-01-01 BC', '294276-12-31'),
    'date': ('2024-02-29', 'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31'),
    'time': ('00:00', '24:00'),
    'interval': (
        '0', '1 minute', '-1 day', '1 us', '178000000 years', '-178000000 years', '2147483647 days', '1 mon -1 day',
        '100 hours'),
    'inet': ('192.0.2.1', '10.0.0.0/8', '0.0.0.0/0', '::', '::/0', 'fe80::1/64', '::ffff:192.0.2.1', '255.255.255.255'),
    'bytea': ('', '\\x', '\\x00', '\\xff', 'phone=id\\000', 'phone\\000\\000=', '\\xc3\\x28', '\\000' * 50),
    'jsonb': (
        '{}', '[]', 'null', 'true', '1', '"x"', '""', '[null]', '[[[]]]', '{"": ""}', '{"id": null}', '1e1000', '-0',
        '{"min_orders": 1}', '{"min_orders": "x"}', '{"min_orders": 1e300}', '{"verified": true}', '{"verified": []}',
        '{"created_after": "infinity"}', '{"created_after": {"a": 1}}', '{"min_spent": "NaN"}', '{"min_spent": -1e200}',
        '{"preferred_name": "Ada"}', '{"notes": null}', '{"phone": "1"}', '{"preferred_name": {"a": [1]}}',
        '{"\\u00e9": "\\ud83d\\ude00"}',
        '{"id": "00000000-0000-0000-0000-000000000000", "sort": "newest"}', '[1, "a", {"b": [null]}]'),
    'regtype': (
        'text', 'uuid', 'integer', 'numeric', 'zoo.phone', 'zoo.ids', 'zoo.pair', 'zoo.status', 'anyelement', 'trigger',
        'text[]',
        '0', '1', '4294967295', 'pg_class', 'int4range', '"char"'),
    'xml': ('<a/>', ''), 'char': ('a', ''), 'tsvector': ('a b', ''), 'oid': ('0', '1', '4294967295'), 'name': ('a', ''),
}
LITERALS['json'] = LITERALS['jsonb']
EXPRESSIONS = {
    'jsonb': (
        "(repeat('[', 3000) || repeat(']', 3000))::jsonb", "to_jsonb(repeat('x', 1000000))",
        "jsonb_build_object(repeat('k', 60000), 1)",
        "(SELECT jsonb_object_agg('k' || n, n) FROM generate_series(1, 5000) n)",
        "(SELECT jsonb_agg(n) FROM generate_series(1, 5000) n)"),
    'uuid': ('(SELECT id FROM public.customers ORDER BY phone OFFSET {n} LIMIT 1)',),
    'bytea': ("decode(repeat('ff', 100000), 'hex')", "decode(repeat('61003d', 10000), 'hex')",
        "repeat('phone=id', 9000)::bytea"),
    'timestamptz': ('now()',),
}
RELATIONS = (
    "0::oid::regclass", "1::oid::regclass", "4294967295::oid::regclass", "987654::oid::regclass",
    "'pg_class'::regclass",
    "'pg_proc'::regclass", "'pg_authid'::regclass", "'pg_stat_activity'::regclass",
    "'information_schema.tables'::regclass",
    "'pg_class_oid_index'::regclass",
    "(SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'zoo.plain'::regclass)",
    "'fleeting'::regclass")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Values:
    """Draws values; the catalog says what types and relations there are."""

    def __init__(self, session, random):
        self.random = random
        self.types = {row[0]: row[1:] for row in session.run(
            'SELECT oid::integer, typname, typtype, typelem::integer, typbasetype::integer, typrelid::integer, '
            'oid::regtype::text, '
            '(SELECT relkind IN (\'r\', \'v\') FROM pg_class c WHERE c.oid = typrelid) FROM pg_type')}
        self.fields = {}
        for relation, field in session.run(
                'SELECT attrelid::integer, atttypid::integer FROM pg_attribute '
                'WHERE attnum > 0 AND NOT attisdropped ORDER BY attrelid, attnum'):
            self.fields.setdefault(relation, []).append(field)
        self.labels = {}
        for type_, label in session.run('SELECT enumtypid::integer, enumlabel FROM pg_enum ORDER BY enumsortorder'):
            self.labels.setdefault(type_, []).append(label)
        self.relations = RELATIONS + tuple(f'{quoted(name)}::regclass' for name, in session.run(
            "SELECT oid::regclass::text FROM pg_class "
            "WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^(pg_|information)') "
            "ORDER BY oid::regclass::text"))
        self.books = ("'customers'::regclass",) + tuple(name for name in self.relations if 'customers' in name)
        self.attached = tuple(f'{quoted(name)}::regclass' for name in ('orders', '"user"', 'market_orders',
            'kiosk_orders', 'tenant.users', 'tenant.orders'))

    def chance(self, probability):
        return self.random.random() < probability

    def value(self, type_, name=''):
        """An expression of the type, often NULL, often what one expects of an argument of this name."""
        if self.chance(0.12):
            return f'NULL::{self.types[type_][5]}'
        return self.not_null(type_, name or '')

    def not_null(self, type_, name):
        short, kind, element, base, relation, full, has_rows = self.types[type_]
        if kind == 'd':
            return f'{self.value(base, name)}::{full}'
        if kind == 'e':
            return f'{quoted(self.random.choice(self.labels[type_]))}::{full}'
        if kind == 'c':
            return self.composite(relation, full, has_rows)
        if kind == 'p':
            return self.value(self.random.choice([t for t, row in self.types.items() if row[0] in LITERALS]))
        if short.startswith('_'):
            return self.array(element, full, name)
        if short == 'regclass':
            return self.relation(name)
        if short in ('text', 'varchar', 'bpchar'):
            return f'{self.text(name)}::{full}'
        if short in MAXIMUM:
            return f'{self.integer(short)}::{full}'
        if short in EXPRESSIONS and self.chance(0.3):
            return self.random.choice(EXPRESSIONS[short]).format(n=self.random.randrange(20))
        return f'{quoted(self.random.choice(LITERALS[short]))}::{full}'

    def fitting(self, type_, name):
        """What a row of an ordinary application holds."""
        short, kind, _, base, *_ = self.types[type_]
        if kind == 'd':
            return self.fitting(base, name)
        if short in ('text', 'varchar', 'bpchar'):
            texts = FITTING.get(name, (f'text {self.random.randrange(10**9)}',))
            return quoted(self.random.choice(texts))
        if short in MAXIMUM or short in ('numeric', 'float4', 'float8'):
            return str(self.random.randrange(300))
        if short == 'uuid':
            customer = self.random.choice(EXPRESSIONS['uuid']).format(n=self.random.randrange(20))
            return self.random.choice(('NULL', customer)) if name == 'customer_id' else 'gen_random_uuid()'
        return f'{quoted(LITERALS[short][0])}' if short in LITERALS else self.not_null(type_, name)

    def copied(self, type_, name):
        """The same as a field of csv, as far as it is a literal."""
        value = self.fitting(type_, name)
        return value[1:-1] if value.startswith("'") else value if value.isdigit() else ''

    def sensible(self, type_, name):
        """What somebody who has read the manual passes as an argument of this name."""
        short, kind, element, _, relation, full, has_rows = self.types[type_]
        name = name.removeprefix('raw_')
        if short.startswith('_'):
            return f'ARRAY[{self.sensible(element, name)}]::{full}'
        if name in ('cursor', 'after') and short == 'text':
            return self.random.choice(('NULL::text', *CURSORS))
        if short == 'text' and (name in PLAUSIBLE or name.endswith('_column')):
            return f'{quoted(self.random.choice(PLAUSIBLE.get(name, COLUMNS)))}::text'
        if name in OBJECTS:
            return f'{quoted(self.random.choice(OBJECTS[name]))}::{full}'
        if short == 'regclass':
            return self.random.choice({'customers': self.books[:1] * 3 + self.books}.get(name, self.attached))
        if kind == 'c' and has_rows:
            return f'(SELECT t FROM {full} t ORDER BY 1 LIMIT 1)'
        return self.not_null(type_, name) if kind == 'p' else f'{self.fitting(type_, name)}::{full}'

    def text(self, name):
        names = COLUMNS if name.endswith('_column') or name in ('column',
            'phone_columns') else PLAUSIBLE.get(name.removeprefix('raw_'))
        if names and self.chance(0.6):
            return quoted(self.random.choice(names))
        if name in ('cursor', 'after') and self.chance(0.5):
            return self.random.choice(CURSORS)
        return self.random.choice(TEXTS)

    def integer(self, short):
        maximum = MAXIMUM[short]
        return self.random.choice((self.random.choice(NUMBERS), f"'{maximum - 1}'", f"'{-maximum}'"))

    def relation(self, name):
        names = {'customers': self.books, 'attached': self.attached, 'orders': self.attached,
            'users': self.attached}.get(name)
        return self.random.choice(names if names and self.chance(0.6) else self.relations)

    def array(self, element, full, name):
        one = self.value(element, name)
        return self.random.choice((
            f"'{{}}'::{full}", f'ARRAY[{one}]::{full}', f'ARRAY[{one}, {self.value(element, name)}]::{full}',
            f'ARRAY[NULL, {one}, NULL]::{full}',
            f'ARRAY[[{one}, {one}], [{one}, {one}]]::{full}', f'array_fill({one}, ARRAY[3], ARRAY[-5])::{full}',
            f'array_fill({one}, ARRAY[20])::{full}'))

    def composite(self, relation, full, has_rows):
        if has_rows and self.chance(0.5):
            return f'(SELECT t FROM {full} t LIMIT 1)'
        return f'ROW({", ".join(self.value(field) for field in self.fields[relation])})::{full}'
