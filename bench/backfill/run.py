#!/usr/bin/python3 -B
"""What linking the rows of a shop costs that attaches its tables late, at one, two and four times the rows, with no ANALYZE
by hand: a cost a row that stays the same is a backfill that is linear. Each run makes its shop anew.

USERS (50000) at one time the rows, with 2.4 orders each; ROUNDS (3). ONLY is a regular expression of workloads. BASE_PG_CONFIG
names a server that has the library of another version: with a small shop it is measured in turns with this one, as "before".
LINES names a file for the measurements (bench/figures.py)."""

import os
import re
import sys
import time
from pathlib import Path

import psycopg2

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from figures import Figures  # noqa: E402
from processor_time import of_process  # noqa: E402
from throwaway_cluster import enter_cluster, make_base  # noqa: E402

USERS = int(os.environ.get('USERS', 50000))
ROUNDS = int(os.environ.get('ROUNDS', 3))
ONLY = re.compile(os.environ.get('ONLY', ''))
BASE = os.environ.get('BASE_PG_CONFIG')
TIMES = (1, 2, 4)
SMALL = max(1, USERS // 25)  # the cost a row of the first version grows with the rows
FIRST_PHONES = min(500, SMALL)
CONFIGURATION = """
shared_buffers = 1GB
max_wal_size = 32GB
checkpoint_timeout = 1d
synchronous_commit = off
autovacuum = off
autovacuum_naptime = 1s
jit = off
"""
SHOP = """
DROP SCHEMA IF EXISTS shop CASCADE;
CREATE SCHEMA shop;
SET search_path = shop;
SET client_min_messages = warning;
SET customer_identity.default_region = 'DE';
SELECT customer_identity.create_tables('shop');
CREATE TABLE users (id text PRIMARY KEY, name text, phone text);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id text REFERENCES users ON DELETE SET NULL, phone text, total numeric(12, 2));
INSERT INTO users SELECT 'u' || n, 'Somebody', '0151 ' || (20000000 + n * 7 / 10) FROM generate_series(1, {users}) AS n;
INSERT INTO orders
SELECT n, CASE WHEN n % 5 > 0 THEN 'u' || 1 + (hashint8(n) & 2147483647) % {users} END, '0151 ' || (30000000 + n), 12.34
FROM generate_series(1, {orders}) AS n;
ANALYZE;
SELECT customer_identity.attach_users('users', name_column => 'name');
SELECT customer_identity.attach_orders('orders', users => 'users');
"""
BACKFILLS = {table: f"CALL customer_identity.backfill('{table}')" for table in ('users', 'orders')}
WORKLOADS = {
    'backfill of users, then of orders': ('off', [BACKFILLS['users'], BACKFILLS['orders']]),
    'backfill of orders, then of users': ('off', [BACKFILLS['orders'], BACKFILLS['users']]),
    'the same with autovacuum': ('on', [BACKFILLS['orders'], BACKFILLS['users']]),
    'first phone of a user, before any backfill': (
        'off', [f"UPDATE users SET phone = phone || ' ' WHERE id = 'u{n}'" for n in range(1, FIRST_PHONES + 1)]),
}


def orders_of(users):
    return users * 12 // 5


class Bench:
    """A database with a version of the extension."""

    def __init__(self, figures, database):
        self.connection = psycopg2.connect(dbname=database)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute('CREATE EXTENSION IF NOT EXISTS customer_identity')
        self.pid = self.connection.get_backend_pid()
        self.figures = figures

    def value(self, statement):
        self.cursor.execute(statement)
        return self.cursor.fetchone()[0]

    def cpu(self):
        return of_process(self.pid)

    def measure(self, statements_of, users, number, workload, variant):
        autovacuum, statements = WORKLOADS[statements_of]
        orders = orders_of(users)
        self.cursor.execute(f'ALTER SYSTEM SET autovacuum = {autovacuum}')
        self.cursor.execute('SELECT pg_reload_conf()')
        self.cursor.execute(SHOP.format(users=users, orders=orders))
        cpu, start = self.cpu(), time.monotonic()
        for statement in statements:
            self.cursor.execute(statement)
        rows = users + orders if len(statements) == 2 else len(statements)
        seconds, cpu = time.monotonic() - start, self.cpu() - cpu
        self.check(len(statements) == 2)
        if number > 0:
            self.figures.add_run(workload, variant, number, seconds, cpu, rows)

    def check(self, is_backfill):
        """A benchmark of orders that stay behind would say nothing."""
        if self.value('SELECT count(*) FROM customer_identity.verify_totals()') > 0:
            sys.exit('totals are wrong')
        if is_backfill and self.value('SELECT count(*) FROM orders WHERE customer_id IS NULL') > 0:
            sys.exit('orders were left behind')


def main():
    enter_cluster(CONFIGURATION)
    figures = Figures()
    versions = {'ours': Bench(figures, os.environ['PGDATABASE'])}
    if BASE:
        versions['before'] = Bench(figures, make_base(BASE)['PGDATABASE'])
    ours = versions['ours']
    figures.facts['machine'] = f'{os.cpu_count()} cores, PostgreSQL {ours.value("SHOW server_version").split()[0]}'
    figures.facts['size'] = f'{USERS} users and {orders_of(USERS)} orders, two and four times as many; {ROUNDS} rounds'
    for workload in filter(ONLY.search, WORKLOADS):
        small = f'{workload}: {SMALL} users, {orders_of(SMALL)} orders'
        for number in range(0, ROUNDS + 1):
            for users in [USERS * times for times in TIMES] if number > 0 else [USERS]:
                ours.measure(workload, users, number, workload, f'{users} users, {orders_of(users)} orders')
            for version, bench in versions.items():
                bench.measure(workload, SMALL, number, small, version)
        figures.print(workload)
        figures.print(small)
    if 'LINES' in os.environ:
        figures.write(os.environ['LINES'])


main()
