#!/usr/bin/python3 -B
"""What the indexes of lists of customers give and cost: pages of list_customers, sign-ups and orders without them,
with create_search_indexes() and with index_totals() as well.

ROWS (1000000) customers, CALLS (15) a kind of page, ROUNDS (3) of SECONDS (3; 0 makes 20 transactions) of sign-ups and of orders,
STAGES (0,1,2): none of the indexes, not even those of the sorts, all of them, those of totals as well. BASE_PG_CONFIG names a server
that has the library of another version: with stage 1 it is measured in turns with this one, as "before". LINES names a file for the
measurements (bench/figures.py), the server's processor time."""

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from figures import Figures  # noqa: E402
from processor_time import Sessions, of_process  # noqa: E402
from throwaway_cluster import enter_cluster, make_base  # noqa: E402

ROWS = int(os.environ.get('ROWS', 1000000))
CALLS = int(os.environ.get('CALLS', 15))
ROUNDS = int(os.environ.get('ROUNDS', 3))
SECONDS = int(os.environ.get('SECONDS', 3))
BASE = os.environ.get('BASE_PG_CONFIG')
STAGES = [int(n) for n in os.environ.get('STAGES', '0,1,2').split(',')]
PATIENCE = 20  # seconds
CONFIGURATION = """
shared_buffers = 4GB
maintenance_work_mem = 1GB
max_wal_size = 8GB
checkpoint_timeout = 1h
synchronous_commit = off
autovacuum = off
max_parallel_workers_per_gather = 0
"""

STATEMENTS = {'no index': 'DROP INDEX customers_created_at_id_idx, customers_updated_at_id_idx, customers_preferred_name_id_idx',
              'search indexes': 'SELECT customer_identity.create_search_indexes()',
              'and totals': 'SELECT customer_identity.index_totals()'}
BEFORE = 'before, search indexes'
SORTS = ['created_at', 'updated_at', 'preferred_name', 'total_spent', 'total_orders']
SIGN_UP = """\\set known random(1, 10)
\\set n random(1, {rows})
\\set new random(0, 89999999)
INSERT INTO users (id, name, email, phone) VALUES (gen_random_uuid()::text, 'Mara Weber' || :new, 'mara' || :new || '@example.com',
    CASE WHEN :known > 5 THEN '+49151' || (10000000 + :n) ELSE '+49160' || (10000000 + :new) END);
"""
ORDER = """\\set n random(1, {rows})
INSERT INTO orders (customer_id, total) VALUES (md5((:n)::text)::uuid, 12.34);
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def digits(count):
    return ''.join(random.choice('0123456789') for _ in range(count))


def searches():
    """Each kind of search with a text of its own for every call."""
    name = lambda: random.choice(['Mara', 'Jonas', 'Zoe', 'soren', 'lukasz', 'chloe'])
    family = lambda: random.choice(['berne', 'fisson', 'holnde', 'kasski', 'weri', 'tortter'])
    phone = lambda: f'{random.randrange(1, ROWS) * 7919 % 1000000000:09d}'
    return {
        'search by a whole phone': lambda: '015' + phone(),
        'search by four digits': lambda: digits(4),
        'search by six digits': lambda: phone()[1:7],
        'search by the digits that most phones begin with': lambda: '4915',
        'search by a first name': name,
        'search by a whole name': lambda: f'{name()} {family()}',
        'search by two letters': lambda: random.choice(['ma', 'jo', 'we', 'zo', 'xq']),
        'search by an e-mail': lambda: f'user{random.randrange(1, ROWS) * 31}@',
        'search by the domain of half the e-mails': lambda: '@gmail.com',
        'search for what nobody has': lambda: 'qxz' + digits(1) + 'vwk',
    }


class Book:
    """In a database: what clients need to reach it."""

    def __init__(self, database):
        say(f'making {ROWS} customers')
        script = ['psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-v', f'rows={ROWS}', '-f', str(HERE / 'shop.sql')]
        self.environment = {**os.environ, **database}
        subprocess.run(script, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        self.connection = psycopg2.connect(dbname=self.environment['PGDATABASE'])
        self.connection.autocommit = True
        self.sessions = Sessions(int(Path(os.environ['PGDATA'], 'postmaster.pid').read_text().split()[0]))
        self.cursor = self.connection.cursor()
        self.run("SET customer_identity.default_region = 'DE'")
        self.run(f"SET statement_timeout = '{PATIENCE}s'")

    def run(self, statement, *values):
        self.cursor.execute(statement, values)
        return self.cursor.fetchall() if self.cursor.description else []

    def page(self, arguments):
        """The processor time it took, in seconds; PATIENCE: too long."""
        named = ', '.join(f'{name} => %s' for name in arguments)
        start = self.cpu()
        try:
            self.run(f'SELECT customer_identity.list_customers({named})', *arguments.values())
        except psycopg2.errors.QueryCanceled:
            return PATIENCE
        return self.cpu() - start

    def cpu(self):
        return of_process(self.connection.get_backend_pid())

    def transaction(self, script):
        """The processor time of one, of many by one client, in seconds."""
        before = self.sessions.used()
        length = ['-T', str(SECONDS)] if SECONDS else ['-t', '20']
        run = subprocess.run(['pgbench', '-n', '-M', 'prepared', *length, '-f', '-'],
                             input=script.format(rows=ROWS), env=self.environment, check=True, capture_output=True, text=True)
        return (self.sessions.used() - before) / int(re.search(r'actually processed: (\d+)', run.stdout)[1])

    def deep(self, sort):
        """A cursor in the midst of the list."""
        column = sort.lstrip('-')
        key, customer = self.run(f'SELECT to_jsonb({column}) #>> %s, id FROM customers WHERE {column} IS NOT NULL'
                                 ' LIMIT 1 OFFSET %s', '{}', ROWS // 3)[0]
        schema = self.run("SELECT pronamespace::regnamespace FROM pg_proc WHERE proname = 'write_cursor'")[0][0]
        return self.run(f'SELECT {schema}.write_cursor(%s, jsonb_build_object(%s, %s::text, %s, %s::text))',
                        f'[null, {{}}, "{sort}"]', 'key', key, 'id', customer)[0][0]

    def forget(self, start):
        """Takes away what came since then: the next pages are of the same shop."""
        self.run('SET statement_timeout = 0')
        for table in ('orders', 'users', 'customers'):
            self.run(f'DELETE FROM {table} WHERE created_at >= %s', start)
            self.run(f'VACUUM ANALYZE {table}')
        self.run(f"SET statement_timeout = '{PATIENCE}s'")

    def index(self, statement):
        start = time.monotonic()
        self.run('SET statement_timeout = 0')
        self.run(statement)
        self.run('VACUUM ANALYZE customers')
        self.run('VACUUM ANALYZE users')
        self.run(f"SET statement_timeout = '{PATIENCE}s'")
        say(f'{statement}: {time.monotonic() - start:.0f} s')

    def sizes(self):
        return self.run("""
            SELECT CASE WHEN relname ~ 'email' THEN 'index of e-mails' WHEN relname ~ '_total_' THEN 'indexes of totals'
                ELSE 'search indexes of customers' END AS name, sum(pg_relation_size(oid)) / 1e6
            FROM pg_class WHERE relname ~ '^customers_(created_at|updated_at|preferred_name|total|.*search)|^users_email_search'
            GROUP BY name ORDER BY name DESC""")


class Stage:
    """Books that are measured in turns, each as a variant."""

    def __init__(self, figures, books):
        self.figures = figures
        self.books = books

    def pages(self, workload, arguments):
        """Some calls, with the same arguments(book) in each book; in one the first that takes too long is the last."""
        books = dict(self.books)
        for number in range(1, CALLS + 1):
            for variant, book in list(books.items()):
                random.seed(f'{workload} {number}')
                seconds = book.page(arguments(book))
                self.figures.add(workload, variant, number, 'cpu', 'ms', 1000 * seconds)
                if seconds >= PATIENCE:
                    del books[variant]

    def transactions(self, workload, script):
        for number in range(1, ROUNDS + 1):
            for variant, book in self.books.items():
                self.figures.add(workload, variant, number, 'cpu', 'ms', 1000 * book.transaction(script))

    def measure(self):
        say(', '.join(self.books))
        for sort in SORTS:
            self.pages(f'first page by {sort}', lambda book: {'sort': f'-{sort}'})
            after = {book: book.deep(sort) for book in self.books.values()}
            self.pages(f'page from the midst by {sort}', lambda book: {'sort': sort, 'after': after[book]})
        for kind, text in searches().items():
            say(kind)
            self.pages(kind, lambda book: {'search': text()})
            self.pages(f'{kind}, by name', lambda book: {'search': text(), 'sort': 'preferred_name'})
        self.pages('customers shared by several users', lambda book: {'filters': '{"shared": true}'})
        self.pages('customers with users', lambda book: {'filters': '{"has_users": true}'})
        self.pages('customers who spent something', lambda book: {'filters': '{"min_spent": 1}'})
        self.pages('verified, from 20 orders on', lambda book: {'filters': '{"verified": true, "min_orders": 20}'})
        starts = {book: book.run('SELECT clock_timestamp()')[0][0] for book in self.books.values()}
        self.transactions('one sign-up, half of them known', SIGN_UP)
        self.transactions('one order', ORDER)
        for book, start in starts.items():
            book.forget(start)


def main():
    enter_cluster(CONFIGURATION)
    figures = Figures()
    book = Book({})
    before = Book(make_base(BASE)) if BASE and 1 in STAGES else None
    version = book.run('SHOW server_version')[0][0].split()[0]
    figures.facts['machine'] = f'{os.cpu_count()} cores, PostgreSQL {version}, shared_buffers 4 GB, fsync and autovacuum off'
    figures.facts['size'] = f'{ROWS} customers, {CALLS} calls, {ROUNDS} rounds of sign-ups and orders, {SECONDS} s each'
    for number, (stage, statement) in enumerate(STATEMENTS.items()):
        books = {stage: book, BEFORE: before} if number == 1 and before else {stage: book}
        if number <= max(STAGES):
            for each in books.values():
                each.index(statement)
        if number in STAGES:
            Stage(figures, books).measure()
    for name, size in book.sizes():
        figures.add(f'size of {name}', 'all indexes', 1, 'size', 'MB', float(size))
    for workload in figures.workloads():
        figures.print(workload)
    if 'LINES' in os.environ:
        figures.write(os.environ['LINES'])


main()
