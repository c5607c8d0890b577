"""Random statements of a shop: everything an application may do to users, orders, customers and points.
One Workload is one session's work; the same seed on the same shop gives the same statements."""

import datetime
import io
import itertools
import uuid

import psycopg2

import shop
from shop import KIOSK, MARKET, ORDERS, TABLES

PHONES = 40
USERS = 70
JUNK = ('', '   ', '12', 'call me', '+999 123', '0', '++', 'null')
READABLE = {text: shop.phone(n) for n in range(PHONES) for text in shop.spellings(n)}
ISOLATION_LEVELS = ('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')

RETRY = {'40001', '40P01'}
# The balance is short, the idempotency key or an id is taken.
EXPECTED_ALONE = {'CI005', 'CI006', '23505'}
# A user or customer was deleted between being chosen and being written.
EXPECTED_TOGETHER = EXPECTED_ALONE | {'23503', '22023'}

# The partitioned table and each of its partitions, with the days it takes.
MARKET_TARGETS = (
    ('market_orders', '2023-01-01', '2026-01-01'),
    ('market_orders', '2023-01-01', '2026-01-01'),
    ('market_orders_2023', '2023-01-01', '2024-01-01'),
    ('market_orders_2024', '2024-01-01', '2025-01-01'),
    ('market_orders_2024_h1', '2024-01-01', '2024-07-01'),
    ('market_orders_2024_h2', '2024-07-01', '2025-01-01'),
    ('market_orders_rest', '2025-01-01', '2026-01-01'),
)
TRUNCATIONS = (
    'orders', 'kiosk_orders', 'market_orders', 'market_orders_2023', 'market_orders_2024',
    'market_orders_2024_h2', 'market_orders_rest', 'orders, market_orders_2024_h1', 'orders, kiosk_orders',
    '"user" CASCADE', 'customers CASCADE')


class Workload:
    def __init__(self, session, random, first_id=1, expected=EXPECTED_ALONE):
        self.session = session
        self.random = random
        self.ids = itertools.count(first_id)
        self.first_id = self.last_id = first_id
        self.expected = expected
        self.in_transaction = False
        self.done = self.retries = self.refused = 0

    def step(self):
        """One unit of work, committed or rolled back, repeated when it could not be serialised."""
        work = self.random.choices(
            (self.statement, self.transaction, self.prepared_transaction, self.exception_block),
            (70, 20, 6, 4))[0]
        state = self.random.getstate()
        for _ in range(100):
            try:
                work()
                break
            except psycopg2.Error as error:
                self.session.run('ROLLBACK')
                self.in_transaction = False
                if error.pgcode in RETRY:
                    self.random.setstate(state)
                    self.retries += 1
                    continue
                if error.pgcode not in self.expected:
                    raise
                self.refused += 1
                break
        self.done += 1

    # What a unit of work is made of

    def statement(self):
        names, weights = zip(*STATEMENTS.items())
        getattr(self, self.random.choices(names, weights)[0])()

    def transaction(self, end=None):
        run, random = self.session.run, self.random
        run(f'BEGIN ISOLATION LEVEL {random.choice(ISOLATION_LEVELS)}')
        self.in_transaction = True
        for _ in range(random.randint(1, 3)):
            self.statement()
            if random.random() < 0.5:
                self.savepoint()
        run(end or random.choice(('COMMIT', 'COMMIT', 'ROLLBACK')))
        self.in_transaction = False

    def savepoint(self, depth=0):
        run, random = self.session.run, self.random
        name = f's{depth}'
        run(f'SAVEPOINT {name}')
        self.statement()
        if depth < 2 and random.random() < 0.4:
            self.savepoint(depth + 1)
        run(f'{random.choice(("RELEASE", "ROLLBACK TO", "ROLLBACK TO"))} SAVEPOINT {name}')
        if random.random() < 0.5:
            self.statement()

    def prepared_transaction(self):
        name = f'{self.session.name} {uuid.UUID(int=self.random.getrandbits(128))}'
        self.transaction(f"PREPARE TRANSACTION '{name}'")
        end = self.random.choice(('COMMIT', 'ROLLBACK'))
        self.session.run(f"{end} PREPARED '{name}'")

    def exception_block(self):
        """An INSERT undone by the exception handler of a block, another one kept."""
        undone, kept = self.row(ORDERS), self.row(KIOSK)
        self.session.run('BEGIN')
        self.in_transaction = True
        statement = '''
            DO $$
            BEGIN
                BEGIN
                    {undone};
                    UPDATE orders SET total = total + 1 WHERE id % 5 = 0;
                    RAISE EXCEPTION 'undo';
                EXCEPTION WHEN raise_exception THEN
                    {kept};
                END;
            END $$'''
        insert = {}
        for name, table, row in (('undone', 'orders', undone), ('kept', 'kiosk_orders', kept)):
            insert[name] = self.session.cursor.mogrify(
                f'INSERT INTO {table} ({", ".join(row)}) VALUES ({self.marks(row)})', tuple(row.values())).decode()
        self.session.run(statement.format(**insert))
        self.session.run('COMMIT')
        self.in_transaction = False

    # Values

    def chance(self, probability):
        return self.random.random() < probability

    def spelling(self):
        return self.random.choice(shop.spellings(self.random.randrange(PHONES)))

    def phone(self):
        return self.random.choices((self.spelling(), self.random.choice(JUNK), None), (80, 8, 12))[0]

    def user(self):
        """A user that is there, or None."""
        if self.chance(0.4):
            return None
        wanted = f'u{self.random.randrange(USERS)}'
        return self.session.value('SELECT id FROM "user" WHERE id >= %s ORDER BY id LIMIT 1', (wanted,))

    def customer(self):
        wanted = shop.phone(self.random.randrange(PHONES))
        return self.session.value('SELECT id FROM customers WHERE phone >= %s ORDER BY phone LIMIT 1', (wanted,))

    def amount(self, table):
        random = self.random
        if table is KIOSK:
            return random.choice((None, 0, -1, 99, 100, random.randint(-5000, 50000), random.randint(0, 2000)))
        common = (
            None, 'NaN', '0', '0.00', '-0.01', '19.99', '-7.5', '0.1', '0.99999999',
            f'{random.randint(0, 100000)}.{random.randint(0, 99):02}',
            f'{random.randint(-900, 900)}.{random.randint(0, 10**8 - 1):08}')
        if table is MARKET:
            return random.choice(common)
        return random.choice(common + (
            'Infinity', '-Infinity', '1e-40', '-1e-40', '1e60', '-12345678901234567890.123456789012345678901234567',
            '1000000000000000', '1000000000000000.9', '1000000000000001', '-1000000000000000', '-1000000000000000.1',
            f'{random.randint(0, 99)}.{random.getrandbits(130)}'))

    def status(self, table):
        return self.random.choice(table.statuses)

    def day(self, low, high):
        low, high = map(datetime.date.fromisoformat, (low, high))
        return str(low + datetime.timedelta(days=self.random.randrange((high - low).days)))

    def new_id(self):
        self.last_id = next(self.ids)
        return self.last_id

    def some_ids(self, maximum=12):
        """Ids of which many exist: the newest of this session, and any session's."""
        newest = range(max(self.first_id, self.last_id - 300), self.last_id + 2)
        return [self.random.choice(newest) for _ in range(self.random.randint(1, maximum))]

    def orders_condition(self):
        """Some orders of any session, as a condition without parameters."""
        divisor = self.random.choice((7, 13, 29, 61))
        return self.random.choice((
            f'id IN ({", ".join(map(str, self.some_ids()))})',
            f'id = {self.random.choice(self.some_ids())}',
            f'id % {divisor} = {self.random.randrange(divisor)}'))

    def target(self, tables=TABLES):
        """(orders table, the relation to write to, its days): the partitioned one directly or by its parent."""
        table = self.random.choice(tables)
        if table is not MARKET:
            return table, table.name, None
        name, *days = self.random.choice(MARKET_TARGETS)
        return table, name, days

    def row(self, table, days=None, number=None):
        row = {'id': number or self.new_id(), table.phone: self.phone(), table.amount: self.amount(table)}
        if table.user:
            row[table.user] = self.user()
        if table.status:
            row[table.status] = self.status(table)
        if days:
            row['created_at'] = self.day(*days)
        if self.chance(0.15):
            row['customer_id'] = self.customer()
        return row

    def rows(self, table, days, count, numbers=None):
        """Rows with the same columns."""
        rows = [self.row(table, days, number) for number in numbers or [None] * count]
        columns = set.intersection(*map(set, rows))
        return [{name: row[name] for name in row if name in columns} for row in rows]

    @staticmethod
    def marks(row):
        return ', '.join(['%s'] * len(row))

    def values(self, rows):
        """(VALUES list, its arguments)"""
        return (', '.join(f'({self.marks(row)})' for row in rows),
                [value for row in rows for value in row.values()])

    # Users

    def sign_up(self):
        users = sorted(self.random.sample(range(USERS), self.random.choice((1, 1, 1, 3))))
        values = []
        for number in users:
            values += [f'u{number}', self.random.choice(('Ada', 'Grace', '')), f'u{number}@shop.example',
                       self.random.choice((self.phone(), None)), self.random.choice((True, False, None)), self.phone()]
        rows = ', '.join(['(%s, %s, %s, %s, %s, %s)'] * len(users))
        self.session.run(
            'INSERT INTO "user" (id, name, email, "phoneNumber", "phoneNumberVerified", phone) '
            f'VALUES {rows} {self.random.choice(("", "ON CONFLICT DO NOTHING", "ON CONFLICT DO NOTHING"))}', values)
        if self.chance(0.3):
            self.session.run(
                'INSERT INTO session (id, token, "expiresAt", "userId") '
                'SELECT id, id, now(), id FROM "user" WHERE id = %s ON CONFLICT DO NOTHING', (f'u{users[0]}',))

    def change_user(self):
        changes = self.random.choice((
            {'phone': self.phone()}, {'phone': None}, {'phone': self.phone(), 'name': 'Lin'},
            {'"phoneNumber"': self.phone(), '"phoneNumberVerified"': True}, {'"phoneNumber"': None},
            {'"phoneNumberVerified"': True}, {'"updatedAt"': '2024-01-01'}))
        assignments = ', '.join(f'{name} = %s' for name in changes)
        wanted = [f'u{self.random.randrange(USERS)}' for _ in range(self.random.choice((1, 1, 4)))]
        if '"phoneNumber"' in changes:
            wanted = wanted[:1]
        self.session.run(f'UPDATE "user" SET {assignments} WHERE id = ANY (%s)', (*changes.values(), wanted))

    def delete_user(self):
        wanted = [f'u{self.random.randrange(USERS)}' for _ in range(self.random.choice((1, 1, 3)))]
        self.session.run('DELETE FROM "user" WHERE id = ANY (%s)', (wanted,))

    # Orders

    def insert_order(self):
        table, name, days = self.target()
        row = self.row(table, days)
        self.session.run(
            f'INSERT INTO {name} ({", ".join(row)}) VALUES ({self.marks(row)})', tuple(row.values()))

    def insert_many(self):
        table, name, days = self.target()
        rows = self.rows(table, days, self.random.choice((2, 5, 20)))
        if self.chance(0.1):
            rows[-1]['id'] = rows[0]['id']
            if days:
                rows[-1]['created_at'] = rows[0]['created_at']
        values, arguments = self.values(rows)
        self.session.run(f'INSERT INTO {name} ({", ".join(rows[0])}) VALUES {values}', arguments)

    def insert_selected(self):
        """Orders copied from another table, or from the table itself."""
        first = self.new_id()
        for _ in range(40):
            self.new_id()
        source = self.random.choice(('orders', 'kiosk_orders'))
        amount = 'total' if source == 'orders' else 'cents'
        amount = f'CASE WHEN abs({amount}) < 1000000 THEN {amount} END'
        target, columns = self.random.choice((
            ('orders', 'total, status'), ('market_orders', '"Amount", state, created_at'),
            ('market_orders_2024', '"Amount", state, created_at')))
        status = f"'{self.random.choice(('paid', 'done'))}'"
        day = ", DATE '2024-06-25' + (row_number() OVER (ORDER BY id))::integer" if 'created_at' in columns else ''
        self.session.run(
            f'INSERT INTO {target} (id, customer_id, {columns}) '
            f'SELECT {first} + row_number() OVER (ORDER BY id), customer_id, {amount}, {status}{day} '
            f'FROM {source} WHERE {self.orders_condition()} ORDER BY id LIMIT 40')

    def copy_orders(self):
        table, name, days = self.target()
        rows = self.rows(table, days, self.random.choice((1, 3, 30)))
        data = io.StringIO('\n'.join(
            '\t'.join('\\N' if value is None else str(value) for value in row.values()) for row in rows) + '\n')
        self.session.copy(f'COPY {name} ({", ".join(rows[0])}) FROM STDIN', data)

    def upsert_orders(self):
        table, name, days = self.target()
        if days:
            days = (days[0], str(datetime.date.fromisoformat(days[0]) + datetime.timedelta(days=2)))
        rows = self.rows(table, days, 0, sorted(set(self.some_ids(6))))
        values, arguments = self.values(rows)
        columns = [column for column in rows[0] if column not in ('id', 'created_at')]
        kept = self.random.sample(columns, self.random.randint(1, len(columns)))
        updates = ', '.join(f'{column} = EXCLUDED.{column}' for column in kept)
        key = 'id, created_at' if days else 'id'
        action = self.random.choice((f'UPDATE SET {updates}', f'UPDATE SET {updates}', 'NOTHING'))
        self.session.run(
            f'INSERT INTO {name} ({", ".join(rows[0])}) VALUES {values} ON CONFLICT ({key}) DO {action}', arguments)

    def merge_orders(self):
        table, name, days = self.target()
        rows = self.rows(table, days, 0, sorted(set(self.some_ids(8))))
        for row in rows:
            row['action'] = self.random.choice(('keep', 'change', 'change', 'delete'))
        values, arguments = self.values(rows)
        casts = {'id': 'bigint', 'customer_id': 'uuid', 'created_at': 'date', table.amount: table.amount_type}
        columns = [column for column in rows[0] if column != 'action']
        picked = {column: f's.{column}::{casts.get(column, "text")}' for column in columns}
        updates = ', '.join(
            f'{column} = {picked[column]}' for column in columns
            if column != 'id' and (column != 'created_at' or name == 'market_orders'))
        self.session.run(
            f'MERGE INTO {name} o USING (VALUES {values}) AS s ({", ".join(rows[0])}) ON o.id = {picked["id"]} '
            "WHEN MATCHED AND s.action = 'delete' THEN DELETE "
            "WHEN MATCHED AND s.action = 'keep' THEN DO NOTHING "
            f'WHEN MATCHED THEN UPDATE SET {updates} '
            "WHEN NOT MATCHED AND s.action = 'delete' THEN DO NOTHING "
            f'WHEN NOT MATCHED THEN INSERT ({", ".join(columns)}) VALUES ({", ".join(picked.values())})', arguments)

    def update_orders(self):
        table, name, _ = self.target()
        changes = {table.amount: self.amount(table), table.phone: self.phone(), 'customer_id': self.customer()}
        if table.user:
            changes[table.user] = self.user()
        if table.status:
            changes[table.status] = self.status(table)
        columns = self.random.sample(list(changes), self.random.choice((1, 1, 1, 2, len(changes))))
        assignments = ', '.join(f'{column} = %s' for column in columns)
        self.session.run(
            f'UPDATE {name} SET {assignments} WHERE {self.orders_condition()}'.replace(' % ', ' %% '),
            [changes[column] for column in columns])

    def shift_orders(self):
        """Each row's new values come from its old ones, no-ops among them."""
        table, name, _ = self.target()
        changes = [
            f'{table.amount} = {table.amount}', f'{table.amount} = -{table.amount}', 'customer_id = customer_id',
            'customer_id = (SELECT id FROM customers ORDER BY phone LIMIT 1)', f'{table.phone} = upper({table.phone})']
        if table is not KIOSK:
            changes.append(f'{table.amount} = least({table.amount}, 10000) * 1.01 + 0.005')
        self.session.run(f'UPDATE {name} SET {self.random.choice(changes)} WHERE {self.orders_condition()}')

    def move_orders(self):
        """Rows change their partition, within the whole table or within a partition's partitions."""
        name, low, high = self.random.choice((MARKET_TARGETS[0], MARKET_TARGETS[3]))
        more = self.random.choice(('', ', "Amount" = "Amount" + 1', ", state = 'done'", ', "buyerPhone" = NULL'))
        self.session.run(
            f"UPDATE {name} SET created_at = DATE '{self.day(low, high)}'{more} WHERE {self.orders_condition()}")

    def delete_orders(self):
        _, name, _ = self.target()
        self.session.run(f'DELETE FROM {name} WHERE {self.orders_condition()}')

    def write_twice_in_one_statement(self):
        """Writing CTEs: orders move from one table to another, and one table is written by several of them."""
        condition = self.orders_condition()
        first = self.new_id()
        self.session.run(
            f'WITH gone AS (DELETE FROM orders WHERE {condition} RETURNING *), '
            "moved AS (INSERT INTO market_orders (id, created_at, customer_id, \"Amount\", state) "
            "SELECT id, DATE '2024-06-20' + (id % 30)::integer, customer_id, "
            "CASE WHEN abs(total) < 1000000 THEN total END, 'done' FROM gone ON CONFLICT DO NOTHING), "
            "changed AS (UPDATE kiosk_orders SET cents = cents + 1 WHERE id % 11 = 3) "
            f"INSERT INTO kiosk_orders (id, phone, cents) VALUES ({first}, '{shop.phone(1)}', 250)")

    def flush(self):
        """What is pending of market_orders, which are counted at commit."""
        self.session.run('SELECT customer_identity.flush_totals()')

    def truncate(self):
        self.session.run(f'TRUNCATE {self.random.choice(TRUNCATIONS)}')

    # Customers and points

    def delete_customer(self):
        """With the phones of its logins, so that a user with a phone always has a customer."""
        customer = self.customer()
        logins = [user for user, in self.session.run('SELECT id FROM "user" WHERE customer_id = %s', (customer,))]
        self.session.run('DELETE FROM customers WHERE id = %s', (customer,))
        self.session.run('UPDATE "user" SET "phoneNumber" = NULL, phone = NULL WHERE id = ANY (%s)', (logins,))

    def new_customer(self):
        self.session.run('SELECT customer_identity.get_or_create_customer(%s, %s)', (self.spelling(), 'Kim'))

    def change_customer(self):
        self.session.run("UPDATE customers SET notes = 'called', updated_at = now() WHERE id = %s", (self.customer(),))

    def prove(self):
        self.session.run('SELECT customer_identity.record_proof(%s, %s)', (self.spelling(), self.user()))

    def revoke(self):
        self.session.run('SELECT customer_identity.revoke_proof(%s, %s)', (self.spelling(), self.user()))

    def key(self):
        return self.random.choice((None, f'{self.session.name}-{self.random.randrange(60)}'))

    def adjust_points(self):
        customer = self.customer()
        if customer:
            self.session.run(
                'SELECT customer_identity.adjust_points(%s, %s, %s, %s)',
                (customer, self.random.choice((1, 250, 100000, -50)), 'goodwill', self.key()))

    def redeem_points(self):
        customer = self.customer()
        if customer:
            self.session.run(
                'SELECT customer_identity.redeem_points(%s, %s, %s, %s)',
                (customer, self.random.choice((1, 50, 700)), 'voucher', self.key()))


STATEMENTS = {
    'sign_up': 12, 'change_user': 9, 'delete_user': 5,
    'insert_order': 14, 'insert_many': 7, 'insert_selected': 2, 'copy_orders': 6,
    'upsert_orders': 7, 'merge_orders': 7, 'update_orders': 14, 'shift_orders': 6, 'move_orders': 5,
    'delete_orders': 7, 'write_twice_in_one_statement': 2, 'truncate': 1, 'flush': 3,
    'delete_customer': 1, 'new_customer': 2, 'change_customer': 1, 'prove': 2, 'revoke': 1,
    'adjust_points': 4, 'redeem_points': 4,
}
