#!/usr/bin/python3 -B
"""What administration of a large book takes, each against the simplest SQL that tells or does the same, in one run.

ROWS (1000000) customers, five orders for each and a tenth more users; CALLS (3) of each. BASE_PG_CONFIG names a server that has
the library of another version: it is measured in turns with this one, as "before". LINES names a file for the measurements
(bench/figures.py) of the server's processor time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from figures import Figures  # noqa: E402
from processor_time import of_process  # noqa: E402
from throwaway_cluster import enter_cluster, make_base  # noqa: E402

ROWS = int(os.environ.get('ROWS', 1000000))
CALLS = int(os.environ.get('CALLS', 3))
BASE = os.environ.get('BASE_PG_CONFIG')
CONFIGURATION = """
shared_buffers = 4GB
maintenance_work_mem = 256MB
max_wal_size = 8GB
checkpoint_timeout = 1h
synchronous_commit = off
autovacuum = off
max_parallel_workers_per_gather = 0
"""
BY_HAND, OURS, BEFORE, INDEXED = 'by hand', 'ours', 'before', 'ours, with the indexes for it'

SUMS = """SELECT customer_id, count(*) AS orders, sum(total) AS spent, sum(floor(total)) AS points
    FROM orders WHERE status IN ('paid', 'shipped') AND customer_id IS NOT NULL GROUP BY customer_id"""
LOGINS = 'SELECT customer_id, count(*) AS users FROM users GROUP BY customer_id'
MEMORY = "SET work_mem = '256MB'; "
PAGE = 'SELECT array_agg(to_jsonb(c)) FROM (SELECT * FROM customers AS c %s LIMIT 51) AS c'
REBUILD_BY_HAND = f"""{MEMORY}UPDATE customers AS c SET total_orders = COALESCE(s.orders, 0), total_spent = COALESCE(s.spent, 0),
    loyalty_points = COALESCE(s.points, 0) FROM customers AS k LEFT JOIN ({SUMS}) AS s ON s.customer_id = k.id WHERE c.id = k.id"""
SPOIL = 'UPDATE customers SET loyalty_points = loyalty_points + 1'
STATEMENTS = {
    'verify_totals': (
        f"""{MEMORY}SELECT count(*) FROM customers AS c LEFT JOIN ({SUMS}) AS s ON s.customer_id = c.id
        WHERE (c.total_orders, c.total_spent, c.loyalty_points) IS DISTINCT FROM (COALESCE(s.orders, 0), COALESCE(s.spent, 0), COALESCE(s.points, 0))""",
        'SELECT count(*) FROM customer_identity.verify_totals()'),
    'rebuild_totals, every total is wrong': (REBUILD_BY_HAND, 'SELECT customer_identity.rebuild_totals()'),
    'recount_totals, every total is wrong': (REBUILD_BY_HAND, 'CALL customer_identity.recount_totals()'),
    'fraud_signals': (
        """SELECT (SELECT count(*) FROM (SELECT customer_id FROM users GROUP BY 1 HAVING count(*) >= 6) AS s),
        (SELECT count(*) FROM (SELECT customer_id FROM customer_events WHERE event = 'user_linked' GROUP BY 1 HAVING count(*) >= 4) AS s),
        (SELECT count(*) FROM (SELECT customer_id FROM orders WHERE payment = 'cash' GROUP BY 1 HAVING count(*) FILTER (WHERE status = 'cancelled') >= 3) AS s)""",
        'SELECT customer_identity.fraud_signals()'),
    'customer_stats': (
        f"""SELECT c.created_at::date, count(*), sum(l.users), count(*) FILTER (WHERE l.users > 1), count(*) FILTER (WHERE c.total_orders > 1)
        FROM customers AS c LEFT JOIN ({LOGINS}) AS l ON l.customer_id = c.id GROUP BY 1""",
        'SELECT customer_identity.customer_stats()'),
    'customers without users': (
        PAGE % 'WHERE NOT EXISTS (SELECT FROM users AS u WHERE u.customer_id = c.id) ORDER BY c.created_at DESC, c.id DESC',
        """SELECT customer_identity.list_customers(filters => '{"has_users": false}')"""),
    'customers without users who ordered, nobody': (
        PAGE % 'WHERE NOT EXISTS (SELECT FROM users AS u WHERE u.customer_id = c.id) AND c.total_orders >= 1 ORDER BY c.created_at DESC, c.id DESC',
        """SELECT customer_identity.list_customers(filters => '{"has_users": false, "min_orders": 1}')"""),
    'customers with several users who ordered most, few': (
        PAGE % f'WHERE c.id IN (SELECT s.customer_id FROM ({LOGINS} HAVING count(*) > 1) AS s) AND c.total_orders >= 28 ORDER BY c.created_at DESC, c.id DESC',
        """SELECT customer_identity.list_customers(filters => '{"shared": true, "min_orders": 28}')"""),
    'customers who spent much, nobody': (
        PAGE % 'WHERE c.total_spent >= 1000000 ORDER BY c.created_at DESC, c.id DESC',
        """SELECT customer_identity.list_customers(filters => '{"min_spent": 1000000}')"""),
    'customers who spent most': (
        PAGE % 'ORDER BY c.total_spent DESC, c.id DESC', "SELECT customer_identity.list_customers(sort => '-total_spent')"),
    'check_setup': (None, 'SELECT count(*) FROM customer_identity.check_setup()'),
}
INDEXES = """
CREATE INDEX ON orders (customer_id) INCLUDE (total, status);
CREATE INDEX ON orders (customer_id) INCLUDE (status) WHERE payment = 'cash';
CREATE INDEX ON customer_events (customer_id) WHERE event = 'user_linked' AND details ->> 'cause' IN ('sign_up', 'phone_changed');
"""


class Book:
    """In a database: what clients need to reach it."""

    def __init__(self, database):
        print(f'making {ROWS} customers', file=sys.stderr, flush=True)
        script = ['psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-v', f'rows={ROWS}', '-f', str(HERE.parent / 'admin' / 'shop.sql'),
                  '-f', str(HERE / 'shop.sql')]
        environment = {**os.environ, **database}
        subprocess.run(script, env=environment, check=True, stdout=subprocess.DEVNULL)
        self.connection = psycopg2.connect(dbname=environment['PGDATABASE'])
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.pid = self.connection.get_backend_pid()
        self.run("SET customer_identity.default_region = 'DE'")
        self.run('SELECT customer_identity.rebuild_totals()')
        self.run('VACUUM (ANALYZE) customers')

    def run(self, statement):
        self.cursor.execute(statement)

    def has_function_of(self, workload):
        self.cursor.execute('SELECT FROM pg_proc WHERE proname = %s', (workload.partition(',')[0],))
        return self.cursor.rowcount > 0 or workload.startswith('customers')

    def cpu(self):
        return 1000 * of_process(self.pid)

    def measure(self, figures, workload, variant, number, statement):
        if 'wrong' in workload:
            self.run(SPOIL)
            self.run('VACUUM customers')
        cpu, start = self.cpu(), time.monotonic()
        self.run(statement)
        figures.add(workload, variant, number, 'cpu', 'ms', self.cpu() - cpu)
        figures.add(workload, variant, number, 'time', 'ms', 1000 * (time.monotonic() - start))
        self.run('RESET work_mem')
        if 'wrong' in workload:
            self.run('VACUUM customers')


def rounds(figures, books):
    for workload, (by_hand, ours) in STATEMENTS.items():
        for number in range(1, CALLS + 1):
            if by_hand:
                books[OURS].measure(figures, workload, BY_HAND, number, by_hand)
            for variant, book in books.items():
                if book.has_function_of(workload):
                    book.measure(figures, workload, variant, number, ours)


def main():
    enter_cluster(CONFIGURATION)
    books = {OURS: Book({})}
    if BASE:
        books[BEFORE] = Book(make_base(BASE))
    figures, book = Figures(), books[OURS]
    rounds(figures, books)
    for statement in INDEXES.strip().splitlines():
        book.run(statement)
    for table in ('orders', 'customer_events', 'customers'):
        book.run(f'VACUUM (ANALYZE) {table}')
    for workload in ('verify_totals', 'fraud_signals'):
        for number in range(1, CALLS + 1):
            book.measure(figures, workload, INDEXED, number, STATEMENTS[workload][1])
    for workload in figures.workloads():
        figures.print(workload)
    version = book.connection.server_version // 10000
    figures.facts.update({'machine': f'{os.cpu_count()} cores, PostgreSQL {version}, shared_buffers 4 GB, fsync and autovacuum off',
                          'size': f'{ROWS} customers, {ROWS * 11 // 10} users, {ROWS * 5} orders; {CALLS} calls'})
    if 'LINES' in os.environ:
        figures.write(os.environ['LINES'])


main()
