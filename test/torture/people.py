"""Who is out in the storm: sessions that write and verify until it is over. Whoever loses the connection connects
again."""

import io
import threading
import time
import uuid
from decimal import Decimal

import psycopg2

import shop
import workload
from shop import OrdersTable

# Phones of logins and orders, those of customers who are deleted now and then, those of logins whose ids change, and
# those that order once.
LASTING = range(workload.PHONES)
FORGOTTEN = range(40, 46)
REGISTERED = range(50, 60)
STRANGERS = range(100, 600)
READABLE = {text: shop.phone(n) for n in (*LASTING, *REGISTERED, *STRANGERS) for text in shop.spellings(n)}

LOTS = 40
LOTS_OF_A_PARTITION = 10
TIMEOUTS = (2, 5, 10, 20, 40) + (60000,) * 10  # milliseconds
STATUSES = ('paid', 'paid', 'shipped', 'new', 'cancelled', None)
FAIR = OrdersTable(
    'fair_orders', 'phone', 'total', 'numeric', Decimal('0.5'), 'user_id', 'status', ('paid', 'shipped'), STATUSES)
STALL = OrdersTable(
    'annex.stall_orders', 'phone', 'total', 'numeric', Decimal('0.5'), 'user_id', 'status', ('paid', 'shipped'), STATUSES)
TENT = OrdersTable('annex.tent_orders', 'phone', 'total', 'numeric', Decimal('1'), 'user_id')

# The SQLSTATEs that such weather may answer with, beside those of the oracle's statements.
EXPECTED = workload.RETRY | workload.EXPECTED_TOGETHER | {
    '57014',  # cancelled, or statement_timeout
    '55P03',  # lock_timeout
    '57P01', '57P02', '57P03',  # terminated; the server has crashed, stops or starts
    '0A000',  # a transaction that has notified somebody cannot be prepared
    '23514',  # no partition takes the row
    '42P01', '42P07',  # a partition has gone, or come
    '42704',  # a prepared transaction was ended by somebody else
    '55000',  # or is being ended; a partition is being detached; a table is not attached
}


class Person:
    """One session. Its new ids begin with first_id."""

    def __init__(self, name, server, random, over, first_id):
        self.name, self.server, self.random, self.over = f'storm {name}', server, random, over
        self.first_id = self.last_id = first_id
        self.session = None
        self.done = self.refused = self.connections_lost = 0

    def live(self):
        while not self.over.is_set():
            try:
                if self.session is None:
                    self.connect()
                self.act()
                self.done += 1
            except psycopg2.Error as error:
                self.endure(error)
        if self.session:
            self.session.close()

    def connect(self):
        self.session = self.server.session(self.name)
        self.session.run("SET lock_timeout = '1s'")

    def endure(self, error):
        if self.session is None:
            time.sleep(0.05)
        elif self.session.connection.closed or error.pgcode is None:  # without a code: the connection is gone
            self.connections_lost += 1
            self.session = None
        elif error.pgcode not in EXPECTED:
            raise error
        else:
            self.refused += 1
            self.roll_back()

    def begin(self):
        self.session.run(f'BEGIN ISOLATION LEVEL {self.random.choice(workload.ISOLATION_LEVELS)}')

    def roll_back(self):
        """What cancels a statement may come after its end, and hit this one."""
        try:
            self.session.run('ROLLBACK')
        except psycopg2.Error as error:
            self.endure(error)

    def act(self):
        raise NotImplementedError

    def choose(self, weights):
        names, numbers = zip(*weights.items())
        getattr(self, self.random.choices(names, numbers)[0])()

    def spelling(self, phones=LASTING):
        return self.random.choice(shop.spellings(self.random.choice(phones)))

    def user(self):
        return self.random.choice((None, f'u{self.random.randrange(workload.USERS)}'))

    def note(self, effect, phone, user=None):
        self.session.run('INSERT INTO diary (effect, phone, user_id) VALUES (%s, %s, %s)', (effect, phone, user))


class Writing(workload.Workload):
    """The statements of the oracle, but for those after which nothing could be told of proofs and links any more."""

    STATEMENTS = {
        **workload.STATEMENTS, 'truncate': 0.3, 'delete_customer': 0, 'prove': 6, 'revoke': 2,
        'forget': 2, 'order_of_somebody_forgotten': 3, 'impatience': 4}

    def __init__(self, session, random, first_id):
        super().__init__(session, random, first_id, EXPECTED)

    def statement(self):
        names, weights = zip(*self.STATEMENTS.items())
        getattr(self, self.random.choices(names, weights)[0])()

    def prepared_transaction(self):
        """Some are left alone, and meet a disaster."""
        if self.chance(0.8):
            super().prepared_transaction()
        else:
            self.transaction(f"PREPARE TRANSACTION 'left {uuid.UUID(int=self.random.getrandbits(128))}'")

    def truncate(self):
        self.session.run(f'TRUNCATE {self.random.choice(workload.TRUNCATIONS[:-2])}')

    def prove(self):
        self.with_diary('made', 'SELECT customer_identity.record_proof(%s, %s)')

    def revoke(self):
        self.with_diary('ended', 'SELECT customer_identity.revoke_proof(%s, %s)')

    def with_diary(self, effect, statement):
        """Both in one transaction, whether or not one is open."""
        typed, user = self.spelling(), self.user()
        self.session.run(
            f'{statement}; INSERT INTO diary (effect, phone, user_id) VALUES (%s, %s, %s)',
            (typed, user, effect, READABLE[typed], user))

    def forget(self):
        self.session.run('DELETE FROM customers WHERE phone = %s', (shop.phone(self.random.choice(FORGOTTEN)),))

    def order_of_somebody_forgotten(self):
        phone = self.random.choice(shop.spellings(self.random.choice(FORGOTTEN)))
        self.session.run('INSERT INTO kiosk_orders (id, phone, cents) VALUES (%s, %s, 500)', (self.new_id(), phone))

    def impatience(self):
        self.session.run(f'SET statement_timeout = {self.random.choice(TIMEOUTS)}')


class Writer(Person):
    """Orders, users, customers and points."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.work = Writing(None, self.random, self.first_id)

    def act(self):
        self.work.session = self.session
        self.work.step()


class Stallholder(Person):
    """Orders of a table whose partitions come and go, written through it and straight into them."""

    STATEMENTS = {'insert': 10, 'copy': 3, 'change': 6, 'move': 4, 'delete': 3, 'empty': 0.3}

    def __init__(self, *arguments, table, users):
        super().__init__(*arguments)
        self.table, self.users = table, users

    def act(self):
        if self.random.random() < 0.1:
            self.session.run(f'SET statement_timeout = {self.random.choice(TIMEOUTS)}')
        end = self.random.choice(('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK'))
        self.begin()
        for _ in range(self.random.choice((1, 1, 1, 3))):
            self.choose(self.STATEMENTS)
        self.session.run(end)

    def target(self):
        """A relation to write to, and a lot that it may take."""
        lot = self.random.randrange(LOTS)
        part = f'{self.table.name}_{lot // LOTS_OF_A_PARTITION}'
        return self.random.choice((self.table.name, self.table.name, part)), lot

    def rows(self, count, lot):
        for _ in range(count):
            self.last_id += 1
            phones = self.spelling(), self.spelling(STRANGERS), None, 'call me'
            totals = None, self.random.randint(-500, 99999) / 100
            yield (self.last_id, lot, self.somebody(), self.random.choice(phones), self.random.choice(totals),
                   self.random.choice(self.table.statuses))

    def somebody(self):
        if self.random.random() < 0.4:
            return None
        wanted = f'u{self.random.randrange(workload.USERS)}'
        return self.session.value(f'SELECT id FROM {self.users} WHERE id >= %s ORDER BY id LIMIT 1', (wanted,))

    def some_ids(self):
        return [self.random.randint(max(self.first_id, self.last_id - 100), self.last_id + 1) for _ in range(8)]

    def insert(self):
        name, lot = self.target()
        rows = list(self.rows(self.random.choice((1, 1, 6)), lot))
        marks = ', '.join(['(%s, %s, %s, %s, %s, %s)'] * len(rows))
        self.session.run(
            f'INSERT INTO {name} (id, lot, user_id, phone, total, status) VALUES {marks}',
            [value for row in rows for value in row])

    def copy(self):
        name, lot = self.target()
        data = io.StringIO(''.join(
            '\t'.join('\\N' if value is None else str(value) for value in row) + '\n' for row in self.rows(10, lot)))
        self.session.copy(f'COPY {name} (id, lot, user_id, phone, total, status) FROM STDIN', data)

    def change(self):
        name, _ = self.target()
        column, value = self.random.choice((
            ('total', self.random.randint(0, 9999)), ('status', self.random.choice(self.table.statuses)),
            ('phone', self.spelling()), ('user_id', self.somebody())))
        self.session.run(f'UPDATE {name} SET {column} = %s WHERE id = ANY (%s)', (value, self.some_ids()))

    def move(self):
        self.session.run(
            f'UPDATE {self.table.name} SET lot = %s WHERE id = ANY (%s)', (self.random.randrange(LOTS), self.some_ids()))

    def delete(self):
        name, _ = self.target()
        self.session.run(f'DELETE FROM {name} WHERE id = ANY (%s)', (self.some_ids(),))

    def empty(self):
        self.session.run(f'TRUNCATE {self.target()[0]}')


class Member(Stallholder):
    """Of the annex, with logins of its own."""

    STATEMENTS = {**Stallholder.STATEMENTS, 'sign_up': 3, 'leave': 1, 'write_to_tent': 5}

    def members(self):
        """The table or a partition, and the id of somebody who may be in it."""
        user = f'u{self.random.randrange(workload.USERS)}'
        return self.random.choice((self.users, f'{self.users}_{(user >= "u3") + (user >= "u5")}')), user

    def sign_up(self):
        """Without ON CONFLICT, which PostgreSQL may fail with "invalid arbiter index list" while a partition is detached."""
        name, user = self.members()
        phone = self.random.choice((self.spelling(), self.spelling(STRANGERS), None))
        if self.random.random() < 0.5:
            self.session.run(f'UPDATE {name} SET phone = %s WHERE id = %s', (phone, user))
        else:
            self.session.run(f'INSERT INTO {name} (id, name, phone) VALUES (%s, %s, %s)', (user, 'Ada', phone))

    def leave(self):
        name, user = self.members()
        self.session.run(f'DELETE FROM {name} WHERE id = %s', (user,))

    def write_to_tent(self):
        for number, _, user, phone, total, _ in self.rows(3, 0):
            self.session.run(f'INSERT INTO {TENT.name} VALUES (%s, %s, %s, %s)', (number, user, phone, total))
        self.session.run(f'UPDATE {TENT.name} SET total = total + 1 WHERE id = ANY (%s)', (self.some_ids(),))
        self.session.run(f'DELETE FROM {TENT.name} WHERE id = ANY (%s)', (self.some_ids()[:1],))


class Shopper(Person):
    """Asks for codes and answers them, rightly, wrongly and twice. A right answer that was approved is in the diary."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.waiting = []
        self.used = []

    def act(self):
        self.choose({'start': 4, 'answer': 6, 'answer_wrongly': 2, 'answer_again': 1, 'cancel': 1, 'forgive': 1})

    def start(self):
        typed, user = self.spelling(), self.user()
        self.begin()
        identity, status = self.session.run(
            'SELECT verification_id, status FROM customer_identity.start_verification(%s, user_id => %s, client_address => %s)',
            (typed, user, self.random.choice((None, f'192.0.2.{self.random.randrange(256)}'))))[0]
        code = self.session.value(
            r"SELECT substring(body FROM '\d{6}') FROM customer_identity.sms_messages WHERE verification_id = %s", (identity,))
        self.session.run('COMMIT')
        if status == 'sent':
            self.waiting.append((identity, code, READABLE[typed], user))

    def check(self, verification, code, allowed):
        identity, _, phone, user = verification
        self.begin()
        status = self.session.value('SELECT status FROM customer_identity.check_verification(%s, %s)', (identity, code))
        if status not in allowed and not self.has_left(identity, user, status):
            raise AssertionError(f'{status} is not among {allowed}')
        if status == 'approved':
            self.note('made', phone, user)
        self.session.run('COMMIT')

    def has_left(self, identity, user, status):
        """A login that was deleted since has taken its codes along."""
        return user is not None and status == 'expired' and self.session.value(
            'SELECT status FROM customer_identity.verifications WHERE id = %s', (identity,)) == 'cancelled'

    def taken(self, verifications):
        return verifications.pop(self.random.randrange(len(verifications))) if verifications else None

    def answer(self):
        """Where the answer to the answer is lost, it may have been used."""
        verification = self.taken(self.waiting)
        if verification:
            self.used.append(verification)
            self.check(verification, verification[1], ('approved', 'exhausted'))

    def answer_again(self):
        if self.used:
            verification = self.random.choice(self.used)
            self.check(verification, verification[1], ('approved', 'exhausted', 'expired'))

    def answer_wrongly(self):
        if self.waiting:
            verification = self.random.choice(self.waiting)
            self.check(verification, f'{(int(verification[1]) + 1) % 10**6:06}', ('incorrect', 'exhausted'))

    def cancel(self):
        verification = self.taken(self.waiting)
        if verification:
            self.session.run('SELECT customer_identity.cancel_verification(%s)', (verification[0],))

    def forgive(self):
        """The pauses between two codes are longer than a round."""
        self.session.run('DELETE FROM customer_identity.verification_events')


class Registrar(Person):
    """Logins with a proof whose ids change: nobody else writes them, so that their proofs are known exactly."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.work = {'sign_up': 4, 'rename': 4, 'leave': 1, 'change_phone': 2}

    def act(self):
        self.begin()
        self.choose(self.work)
        self.session.run('COMMIT')

    def login(self):
        return self.session.value(
            "SELECT id FROM \"user\" WHERE id LIKE 'r%%' ORDER BY md5(id || %s) LIMIT 1", (str(self.random.random()),))

    def new_id(self):
        return f'r{self.random.randrange(10)}'

    def sign_up(self):
        user, typed = self.new_id(), self.spelling(REGISTERED)
        if self.session.value(
                'INSERT INTO "user" (id, name, email, "phoneNumber", "phoneNumberVerified") VALUES (%s, %s, %s, %s, true) '
                'ON CONFLICT DO NOTHING RETURNING id', (user, 'Ada', f'{self.random.random()}@shop.example', typed)):
            self.session.run('INSERT INTO registrar_proofs VALUES (%s, %s)', (user, READABLE[typed]))

    def rename(self):
        names = self.login(), self.new_id()
        self.session.run('UPDATE registrar_proofs SET user_id = %s WHERE user_id = %s', names[::-1])
        self.session.run('UPDATE "user" SET id = %s WHERE id = %s', names[::-1])

    def leave(self):
        user = self.login()
        self.session.run('DELETE FROM "user" WHERE id = %s', (user,))
        self.session.run('DELETE FROM registrar_proofs WHERE user_id = %s', (user,))

    def change_phone(self):
        """A verified phone that changes alone, and is another one."""
        user, typed = self.login(), self.spelling(REGISTERED)
        self.session.run('UPDATE "user" SET "phoneNumber" = %s WHERE id = %s', (typed, user))
        self.session.run('DELETE FROM registrar_proofs WHERE user_id = %s AND phone <> %s', (user, READABLE[typed]))


class Crowd:
    """All who are out at the same time."""

    def __init__(self, people, over):
        self.people, self.over = people, over
        self.failures = []
        self.threads = [threading.Thread(target=self.live, args=(person,), daemon=True) for person in people]
        for thread in self.threads:
            thread.start()

    def live(self, person):
        try:
            person.live()
        except Exception as failure:
            self.failures.append((person, failure))
            self.over.set()

    def end(self, patience):
        """Who is still there afterwards."""
        self.over.set()
        for thread in self.threads:
            thread.join(patience)
        return [person.name for person, thread in zip(self.people, self.threads) if thread.is_alive()]

    def sum(self, name):
        return sum(getattr(person, name) for person in self.people)
