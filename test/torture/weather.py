"""What happens to the people: partitions come and go, tables are attached and detached, statements are cancelled and
sessions ended. calm() brings back what the weather has carried away."""

from dataclasses import dataclass, replace

import people
from people import Person

# The triggers that PostgreSQL does not give a new partition by itself, as docs/operations.md has them copied.
COPY_TRIGGERS = r"""
    SELECT replace(pg_get_triggerdef(oid), ' ON %(parent)s ', ' ON %(part)s ')
    FROM pg_trigger
    WHERE tgrelid = '%(parent)s'::regclass AND tgname LIKE 'customer\_identity\_totals\_%%'"""
PART_STATES = """
    SELECT n, i.inhrelid IS NOT NULL, COALESCE(i.inhdetachpending, false)
    FROM unnest(%(numbers)s) AS n
    JOIN pg_class AS c ON c.oid = to_regclass(%(parent)s || '_' || n)
    LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid"""


@dataclass(frozen=True)
class Partitioned:
    """A table, and where one of its partitions ends and the next begins."""

    name: str
    bounds: tuple

    @property
    def parts(self):
        return range(len(self.bounds) - 1)


LOTS = tuple(range(0, people.LOTS + 1, people.LOTS_OF_A_PARTITION))
FAIR = Partitioned('public.fair_orders', LOTS)
STALL = Partitioned('annex.stall_orders', LOTS)
MEMBERS = Partitioned('annex.members', ('MINVALUE', "'u3'", "'u5'", 'MAXVALUE'))


class Parts:
    """The partitions of a table, as a session sees them."""

    def __init__(self, session, table):
        self.session, self.table = session, table
        self.parent = table.name

    def states(self):
        """number -> (it is a partition, its detaching has begun), of those that are there"""
        rows = self.session.run(PART_STATES, {'numbers': list(self.table.parts), 'parent': self.parent})
        return {number: (attached, leaving) for number, attached, leaving in rows}

    def part(self, number):
        return f'{self.parent}_{number}'

    def range(self, number):
        return f'FOR VALUES FROM ({self.table.bounds[number]}) TO ({self.table.bounds[number + 1]})'

    def make(self, number):
        """With all of its triggers from its first moment on."""
        run = self.session.run
        run('BEGIN')
        run(f'CREATE TABLE {self.part(number)} PARTITION OF {self.parent} {self.range(number)}')
        for statement, in run(COPY_TRIGGERS % {'parent': self.parent, 'part': self.part(number)}):
            run(statement)
        run('COMMIT')

    def attach(self, number):
        self.session.run(f'ALTER TABLE {self.parent} ATTACH PARTITION {self.part(number)} {self.range(number)}')

    def detach(self, number, how=''):
        self.session.run(f'ALTER TABLE {self.parent} DETACH PARTITION {self.part(number)} {how}')

    def drop(self, number):
        """TRUNCATE first: DROP fires no trigger, and is not replicated."""
        self.session.run(f'TRUNCATE {self.part(number)}; DROP TABLE {self.part(number)}')

    def orders(self, table):
        """What recompute has to read: the table, and each partition that is not of it at present."""
        apart = [number for number, (attached, leaving) in self.states().items() if leaving or not attached]
        return [table, *(replace(table, name=self.part(number)) for number in apart)]

    def calm(self):
        for number, (_, leaving) in self.states().items():
            if leaving:
                self.detach(number, 'FINALIZE')
        states = self.states()
        for number in self.table.parts:
            if number not in states:
                self.make(number)
            elif not states[number][0]:
                self.attach(number)


class Surveyor(Person):
    """Moves the partitions of a table."""

    def __init__(self, *arguments, table):
        super().__init__(*arguments)
        self.table = table

    def act(self):
        self.over.wait(self.random.uniform(0.05, 0.4))
        parts = Parts(self.session, self.table)
        states = parts.states()
        number = self.random.choice(self.table.parts)
        if number not in states:
            parts.make(number)
        elif states[number][1]:
            parts.detach(number, 'FINALIZE')
        elif states[number][0]:
            parts.detach(number, self.random.choice(('', 'CONCURRENTLY')))
        elif self.random.random() < 0.3:
            parts.drop(number)
        else:
            parts.attach(number)


class Landlord(Person):
    """Attaches and detaches the tables of the annex as wholes, fills them in and counts anew."""

    STATEMENTS = (
        "SELECT customer_identity.detach('annex.members')",
        'SELECT annex.attach_members()',
        "SELECT customer_identity.detach('annex.tent_orders')",
        "SELECT annex.attach_tent('statement')",
        "SELECT annex.attach_tent('commit')",
        "SELECT annex.attach_stall('statement')",
        "SELECT annex.attach_stall('commit')",
        "CALL customer_identity.backfill('annex.tent_orders', 20)",
        "CALL customer_identity.backfill('annex.stall_orders', 50)",
        "CALL customer_identity.backfill('annex.members', 20)",
        "SELECT customer_identity.rebuild_totals('annex.customers')",
        'VACUUM annex.customers',
        'ANALYZE customers',
        'REINDEX TABLE orders')

    def act(self):
        self.over.wait(self.random.uniform(0.05, 0.3))
        self.session.run(self.random.choice(self.STATEMENTS))


class Reader(Person):
    """Looks at everything in one snapshot, and keeps it for a while: whoever detaches concurrently waits for that."""

    STATEMENTS = (
        'SELECT count(*) FROM fair_orders',
        'SELECT count(*) FROM annex.stall_orders',
        'SELECT count(*) FROM annex.members',
        'SELECT count(*) FROM customer_identity.attachments',
        'SELECT count(*) FROM customer_identity.check_setup()',
        "SELECT count(*) FROM customer_identity.check_setup('annex.customers')",
        'SELECT count(*) FROM customer_identity.verify_totals()',
        "SELECT count(*) FROM customer_identity.verify_totals('annex.customers')",
        'SELECT customer_identity.customer_stats()',
        'SELECT customer_identity.list_customers(NULL)',
        'SELECT customer_identity.customer_history(id) FROM customers ORDER BY random() LIMIT 1')

    def act(self):
        self.session.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
        for _ in range(4):
            self.session.run(self.random.choice(self.STATEMENTS))
            self.over.wait(self.random.uniform(0, 0.2))
        self.session.run('COMMIT')


class Lightning(Person):
    """Cancels statements and ends sessions; ends prepared transactions that were left alone."""

    SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'storm %' AND pid <> pg_backend_pid() ORDER BY pid"
    WORKERS = "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'customer_identity%'"
    LEFT_ALONE = "SELECT gid FROM pg_prepared_xacts WHERE prepared < now() - interval '0.5 s'"

    def act(self):
        self.over.wait(self.random.uniform(0.02, 0.15))
        strike, sessions = self.random.choices((
            ('pg_cancel_backend', self.SESSIONS), ('pg_terminate_backend', self.SESSIONS),
            ('pg_terminate_backend', self.WORKERS)), (20, 4, 0.5))[0]
        pids = [pid for pid, in self.session.run(sessions)]
        if pids:
            self.session.run(f'SELECT {strike}(%s)', (self.random.choice(pids),))
        end_prepared(self.session, self.random, self.LEFT_ALONE)


def end_prepared(session, random, which='SELECT gid FROM pg_prepared_xacts'):
    for name, in session.run(which):
        session.run(f"{random.choice(('COMMIT', 'ROLLBACK'))} PREPARED %s", (name,))


def calm(session):
    """All is attached again, as it was when the shop opened. What was written meanwhile has no customer yet."""
    for table in (FAIR, STALL, MEMBERS):
        Parts(session, table).calm()
    session.run('SELECT annex.attach_members()')
    session.run("SELECT annex.attach_stall('statement'), annex.attach_tent('commit')")
