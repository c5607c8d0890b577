"""The forger: puts the extension's trigger functions on every kind of relation, with arguments, events and levels that
attach_users(), attach_orders() and create_tables() would never write, and fires them."""

FUNCTIONS = ('link_user', 'attach_order', 'maintain_totals', 'follow_phone')
BOOKS = (
    'draft.customers', 'tenant.customers', 'broken.customers', 'mistyped.customers', 'seen.customers',
    'halved.customers', 'parted.customers',
    'pg_catalog.pg_class', 'customers', 'nowhere.customers', 'zoo.phones', 'zoo.numbers_seq', 'zoo.plain')
USERS = ('zoo.plain', 'tenant.users', 'zoo.parts', 'zoo.plain_view', 'zoo.abroad', 'nowhere.users', 'zoo.domains')
RATES = ('0.35', '-2', 'NaN', 'Infinity', '1e1000', '1e-500', '', 'many', '9' * 40)
# What a key stands for in a set-up that works, and what it had better not.
MEANT = {
    'customers': (('public.customers',), BOOKS), 'users': (('public."user"',), USERS),
    'counted': (('paid', 'shipped', 'done'), ('',)),
    'cod': (('cod',), ('card',)), 'points_per_unit': (('1', '0.5'), RATES),
    'timing': (('statement', 'commit'), ('never',))}
# The columns that a key may name; any other key names one of its own name.
NAMED = {
    'key': ('id',), 'user': ('user_id', 'buyerId', 'userId'), 'phone': ('phone', 'phoneNumber', 'buyerPhone'),
    'customer': ('customer_id',),
    'verified': ('verified', 'phoneNumberVerified'), 'amount': ('total', 'Amount', 'cents'),
    'status': ('status', 'state'),
    'users_key': ('id',), 'users_customer': ('customer_id',)}
KEYS = {
    'link_user': ('customers', 'key', 'phone', 'verified', 'name', 'region', 'customer'),
    'attach_order': (
        'customers', 'user', 'phone', 'customer', 'users', 'users_key', 'users_customer', 'payment', 'cod', 'region'),
    'maintain_totals': ('customers', 'customer', 'amount', 'status', 'counted', 'points_per_unit', 'timing'),
    'follow_phone': ('customers', 'phone')}
JUNK = (
    '', '=', '==', 'phone', 'phone=', '=phone', 'phone==phone', ' phone=phone', 'PHONE=phone', 'key=ctid',
    'phone=tableoid', 'phone="phone"',
    'customer=id', 'amount=phone', 'status=total', 'verified=total', 'customers="', 'customers=a.b.c', 'users=',
    'counted=' + 'x' * 3000,
    'x' * 5000, 'é=ü', "'=''", '\\=\\', 'customers=public."customers', 'phone=' + 'p' * 100, 'cod=%s%n', 'users_key=')

READERS = (
    'SELECT * FROM customer_identity.attachments', 'SELECT * FROM customer_identity.check_setup()',
    'SELECT * FROM customer_identity.verify_totals()',
    'SELECT customer_identity.rebuild_totals()', 'SELECT * FROM customer_identity.phone_problems({0})',
    'SELECT customer_identity.detach({0})',
    "SELECT customer_identity.visible_orders('100')",
    "SELECT customer_identity.customer_details((SELECT min(id::text)::uuid FROM customers))",
    'SELECT customer_identity.list_customers()', 'SELECT customer_identity.fraud_signals()',
    'SELECT customer_identity.customer_stats()',
    'SELECT customer_identity.attach_users({0})', 'SELECT customer_identity.attach_orders({0})',
    'SET CONSTRAINTS ALL IMMEDIATE',
    "SELECT customer_identity.record_proof('+4915123450110', '100')",
    "SELECT customer_identity.revoke_proof('+4915123450110')")
CHANGES = (
    'ALTER TABLE {0} DROP COLUMN {1}', 'ALTER TABLE {0} RENAME COLUMN {1} TO renamed',
    'ALTER TABLE {0} ALTER COLUMN {1} TYPE text',
    'ALTER TABLE {0} ADD COLUMN more text', 'ALTER TABLE {0} RENAME TO renamed', 'ALTER TABLE {0} SET SCHEMA draft',
    'ALTER TABLE zoo.parts DETACH PARTITION zoo.part',
    'ALTER TABLE zoo.parts ATTACH PARTITION zoo.part_free FOR VALUES FROM (200) TO (300)',
    'ALTER TABLE public.customers RENAME TO persons', 'DROP TABLE public.customers CASCADE',
    'DROP TABLE public.phone_proofs',
    'ALTER TABLE public.customers DROP COLUMN total_spent', 'ALTER TABLE public.customers ALTER COLUMN phone TYPE text',
    'ALTER TABLE public.customers OWNER TO tenant', 'ALTER TABLE {0} OWNER TO tenant',
    'DROP INDEX public.customers_phone_key',
    'ALTER TABLE public.customers DROP CONSTRAINT customers_phone_key CASCADE',
    'ALTER SCHEMA public RENAME TO elsewhere',
    'ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
    'TRUNCATE public.customers CASCADE',
    'ALTER TABLE {0} DISABLE TRIGGER ALL', 'CREATE INDEX ON {0} ({1})',
    'ALTER TABLE public.customers ADD COLUMN more integer NOT NULL DEFAULT 1')


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def quoted_list(texts):
    return f"'{{{','.join(texts)}}}'"


class Forger:
    def __init__(self, session, values):
        self.session = session
        self.values = values
        self.random = values.random
        self.number = 0
        self.names = dict(session.run(
            "SELECT proname, oid::regproc::text FROM pg_proc "
            f"WHERE prorettype = 'trigger'::regtype AND proname = ANY ({quoted_list(FUNCTIONS)})"))
        self.views = [name for name, in session.run(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'v' AND relnamespace = 'zoo'::regnamespace")]
        self.keyed = [name for name, in session.run("""
            SELECT conrelid::regclass::text FROM pg_constraint
            JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] AND attname = 'id'
            WHERE contype = 'p' AND cardinality(conkey) = 1""")]
        self.columns = {}
        for relation, column, type_, generated in session.run('''
                SELECT c.oid::regclass::text, quote_ident(attname), atttypid::integer,
                    attgenerated <> '' OR attidentity = 'a'
                FROM pg_class c
                JOIN pg_namespace n ON n.oid = relnamespace AND (nspname IN ('zoo', 'public', 'tenant'))
                LEFT JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
                WHERE relkind IN ('r', 'p', 'v', 'f', 'm') ORDER BY c.oid::regclass::text, attnum'''):
            self.columns.setdefault(relation, [])
            if column:
                self.columns[relation].append((column, type_, generated))

    def pick(self, choices):
        return self.random.choice(choices)

    def chance(self, probability):
        return self.random.random() < probability

    # The trigger

    def meant(self, key, names):
        """The value of a key in a set-up that works, now and then another one; None: there is no such column."""
        if key in MEANT:
            fits, others = MEANT[key]
            return self.pick(others if self.chance(0.1) else fits)
        columns = NAMED.get(key, (key,))
        return next((column for column in columns if column in names or key.startswith('users_')), None)

    def arguments(self, function, relation):
        """The arguments of a set-up that works, with up to three changes."""
        names = [column[0].strip('"') for column in self.columns[relation]] or ['id']
        values = {key: self.meant(key, names) for key in KEYS[function] if self.chance(0.9)}
        arguments = [f'{key}={value}' for key, value in values.items() if value is not None]
        for _ in range(self.pick((0, 0, 0, 1, 2, 3))):
            self.change(arguments, function, names)
        return ', '.join(quoted(argument) for argument in arguments)

    def change(self, arguments, function, names):
        place = self.random.randint(0, len(arguments))
        change = self.pick(('junk', 'column', 'twice', 'drop', 'shuffle', 'key', 'many'))
        if change == 'junk':
            arguments.insert(place, self.pick(JUNK))
        elif change in ('column', 'key'):
            key = self.pick(KEYS[function if change == 'column' else self.pick(FUNCTIONS)])
            arguments.insert(place, f'{key}={self.pick(names)}')
        elif change == 'twice':
            arguments += arguments
        elif change == 'drop':
            del arguments[place:place + 1]
        elif change == 'shuffle':
            self.random.shuffle(arguments)
        else:
            arguments += [f'{self.pick(("phone", "counted", "cod"))}={self.pick(names)}'] * 300

    def shape(self, function, relation):
        """Timing, events, transition tables, level and condition: mostly what the function was made for."""
        as_made = self.chance(0.6)
        statement = function == 'maintain_totals' if as_made else self.chance(0.4)
        timing = self.pick(('BEFORE', 'AFTER'))
        if relation in self.views and not statement:
            timing = 'INSTEAD OF'
        elif as_made:
            timings = ('BEFORE', 'AFTER') if function in ('link_user', 'follow_phone') else ('BEFORE',)
            timing = 'AFTER' if statement else self.pick(timings)
        events = self.random.sample(('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'), self.pick((1, 1, 2, 4)))
        tables = ''
        if timing == 'AFTER' and (self.chance(0.8) if statement else self.chance(0.1)):
            events = [self.pick(('INSERT', 'UPDATE', 'DELETE'))]
            wanted = {'INSERT': ('NEW',), 'UPDATE': ('OLD', 'NEW'), 'DELETE': ('OLD',)}[events[0]]
            named = [f'{table} TABLE AS {table}_rows' for table in wanted if as_made or self.chance(0.7)]
            tables = f'REFERENCING {" ".join(named)}' if named else ''
        elif not statement and not self.chance(0.1):
            events = [event for event in events if event != 'TRUNCATE'] or ['INSERT']
        if 'UPDATE' in events and not tables and self.columns[relation] and self.chance(0.2):
            events[events.index('UPDATE')] += f' OF {self.pick(self.columns[relation])[0]}'
        constraint = timing == 'AFTER' and not statement and not tables and self.chance(0.2)
        return (
            'CONSTRAINT ' if constraint else '', f'{timing} {" OR ".join(events)}',
            'DEFERRABLE INITIALLY DEFERRED' if constraint else '', tables,
            'STATEMENT' if statement else 'ROW',
            'WHEN (pg_trigger_depth() < 3)' if self.chance(0.1) and timing != 'INSTEAD OF' else '')

    def trigger(self, relation):
        self.number += 1
        function = self.pick(FUNCTIONS)
        constraint, when, deferrable, tables, level, condition = self.shape(function, relation)
        return (
            f'CREATE {constraint}TRIGGER forged_{self.number} {when} ON {relation} {deferrable} {tables} '
            f'FOR EACH {level} {condition} '
            f'EXECUTE FUNCTION {self.names[function]}({self.arguments(function, relation)})')

    # What fires it

    def row(self, columns, is_wild):
        return ', '.join(
            'DEFAULT' if self.chance(0.05) else self.values.value(type_, column.strip('"')) if is_wild
            else self.values.fitting(type_, column.strip('"')) for column, type_, _ in columns)

    def insert(self, relation):
        columns = [column for column in self.columns[relation] if not column[2] and self.chance(0.97)]
        if not columns:
            return f'INSERT INTO {relation} DEFAULT VALUES'
        is_wild = self.chance(0.15)
        rows = ', '.join(f'({self.row(columns, is_wild)})' for _ in range(self.pick((1, 1, 2, 3))))
        conflict = self.pick(('', '', '', 'ON CONFLICT DO NOTHING',
            f'ON CONFLICT (id) DO UPDATE SET {self.assignment(relation)}' if relation in self.keyed else ''))
        return f'INSERT INTO {relation} ({", ".join(column[0] for column in columns)}) VALUES {rows} {conflict}'

    def assignment(self, relation):
        column = self.pick([column for column in self.columns[relation] if not column[2]])
        return f'{column[0]} = {column[0] if self.chance(0.1) else self.row([column], self.chance(0.15))}'

    def update(self, relation):
        if not self.columns[relation]:
            return f'DELETE FROM {relation}'
        condition = self.pick(('true', 'ctid IS NOT NULL', 'random() < 0.5', 'false'))
        return f'UPDATE {relation} SET {self.assignment(relation)} WHERE {condition}'

    def merge(self, relation):
        if not self.columns[relation]:
            return f'TRUNCATE {relation}'
        columns = [column for column in self.columns[relation] if not column[2]]
        return (
            f'MERGE INTO {relation} t USING generate_series(1, 3) s ON {self.pick(("true", "false", "random() < 0.5"))} '
            f'WHEN MATCHED AND s = 1 THEN {self.pick(("DELETE", "UPDATE SET " + self.assignment(relation)))} '
            f'WHEN NOT MATCHED THEN INSERT ({", ".join(column[0] for column in columns)}) VALUES ({self.row(columns, False)})')

    def copy(self, relation):
        """COPY from a program: it gets the rows of an INSERT as csv."""
        columns = [column for column in self.columns[relation] if not column[2]]
        if not columns:
            return f'TRUNCATE {relation}'
        row = ','.join(self.values.copied(type_, column.strip('"')) for column, type_, _ in columns)
        return f"COPY {relation} ({', '.join(column[0] for column in columns)}) FROM PROGRAM 'echo \"{row}\"' (FORMAT csv)"

    def statement(self, relation, may_change):
        kinds = (
            (self.insert, 8), (self.update, 6),
            (lambda r: f'DELETE FROM {r} WHERE {self.pick(("true", "random() < 0.3"))}', 3), (self.merge, 2),
            (self.copy, 2),
            (lambda r: f'TRUNCATE {r} {self.pick(("", "CASCADE"))}', 1),
            (lambda r: self.pick(READERS).format(f'{quoted(r)}::regclass'), 4),
            (lambda r: self.pick(CHANGES).format(r, self.pick(self.columns[r] or [('id',)])[0]),
                3 if may_change else 0),
            (lambda r: self.insert(self.pick(tuple(self.columns))), 1))
        return self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0](relation)

    def relation(self):
        attached = ('orders', '"user"', 'market_orders', 'tenant.orders', 'customers', 'zoo.plain', 'zoo.parts')
        return self.pick(attached if self.chance(0.3) else tuple(self.columns))

    def step(self, statement):
        """A statement whose error ends itself alone."""
        session = self.session
        session.fault('SAVEPOINT s')
        fault = session.fault(statement)
        if session.error is not None:
            session.fault('ROLLBACK TO s')
        elif not session.is_itself():
            fault = fault or 'the session acts as somebody else afterwards'
        return fault

    def fault(self):
        """Forges up to three triggers on a relation, fires them and takes them away again. Says what went wrong, or None."""
        session, relation = self.session, self.relation()
        session.begin()
        session.fault('BEGIN')
        first = self.number + 1
        fault = None
        for _ in range(self.pick((1, 1, 2, 3))):
            fault = fault or self.step(self.trigger(relation))
        commits = self.chance(0.2)
        may_change = not commits and self.chance(0.4)
        for _ in range(self.random.randint(2, 9)):
            fault = fault or self.step(self.statement(relation, may_change))
        fault = fault or session.fault('COMMIT' if commits else 'ROLLBACK')
        session.fault('ROLLBACK')
        if commits:
            numbers = range(first, self.number + 1)
            session.fault('; '.join(f'DROP TRIGGER IF EXISTS forged_{n} ON {relation}' for n in numbers))
        return fault
