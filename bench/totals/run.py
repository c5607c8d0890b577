#!/usr/bin/python3 -B
"""What linking orders and keeping totals costs: no trigger, triggers written by hand, and ours, on one schema,
interleaved in one run. Orders name their customer, so that reading phones is not what is measured.

ROWS (500000), ROUNDS (5), SECONDS (3; 0 makes 5 transactions) and CLIENTS (1,2,8,32) size a run; ONLY is a regular
expression of workloads. BASE_PG_CONFIG names a server that has the library of another version: it is measured in turns with
this one, as "before". LINES names a file for the measurements (bench/figures.py)."""

import os
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

ROWS = int(os.environ.get('ROWS', 500000))
ROUNDS = int(os.environ.get('ROUNDS', 5))
SECONDS = int(os.environ.get('SECONDS', 3))
CLIENTS = [int(n) for n in os.environ.get('CLIENTS', '1,2,8,32').split(',')]
ONLY = re.compile(os.environ.get('ONLY', ''))
BASE = os.environ.get('BASE_PG_CONFIG')
CUSTOMERS = ROWS // 10
FOLDER = Path(os.environ.get('PGDATA', '.')).parent / 'bench'

NONE, NOTHING, BY_ROW = 'no trigger', 'doing nothing', 'by row'
BY_STATEMENT, TOTALS, OURS, BEFORE = 'by statement', 'ours, totals', 'ours', 'before'
SCRIPTS = {NONE: [], NOTHING: ['do_nothing'], BY_ROW: ['by_row'], BY_STATEMENT: ['by_statement'], TOTALS: ['totals_only'], OURS: ['attached']}
if BASE:
    SCRIPTS[BEFORE] = ['attached']
SCHEMAS = {variant: f'shop{n}' for n, variant in enumerate(SCRIPTS)}
CONFIGURATION = """
shared_buffers = 1GB
max_wal_size = 32GB
checkpoint_timeout = 1d
synchronous_commit = off
autovacuum = off
jit = off
max_connections = 60
"""

AT_COMMIT = 'ours, at commit'
STORM_CLIENTS, STORM_CUSTOMERS, STORM_ORDERS = 16, min(1000, CUSTOMERS), 4
STORM_TIMES = 5  # as long: a deadlock stops several clients for a second, and few seconds have one

INDEXES = """SELECT tablename, indexdef LIKE '% UNIQUE %', substring(indexdef FROM ' USING .*') FROM pg_indexes
WHERE schemaname = current_schema AND tablename IN ('customers', 'users', 'orders') ORDER BY 1, 2, 3"""

DRAWS = {'uniform': 'random(1, :customers)', 'skewed': 'random_zipfian(1, :customers, 1.1)', 'one hot': '1'}
ONE_ORDER = """\\set n {draw}
INSERT INTO orders (customer_id, total, status) VALUES (md5((:n)::text)::uuid, 12.34, 'paid');
"""
MANY_ORDERS = """INSERT INTO orders (customer_id, total, status)
SELECT md5((1 + (hashint8(n) & 2147483647) % {customers})::text)::uuid, round((n % 9973) * 0.13, 2), 'paid' FROM generate_series(1, {rows}) AS n"""
TENTH = 'WHERE id % 10 = 0'
ORDERS_OF_ONE = """INSERT INTO orders (customer_id, total, status)
SELECT md5('1')::uuid, round((n % 9973) * 0.13, 2), 'paid' FROM generate_series(1, {customers}) AS n"""


def build_triggers_that_do_nothing():
    FOLDER.mkdir(exist_ok=True)
    FOLDER.chmod(0o755)
    headers = subprocess.run([os.environ.get('PG_CONFIG', 'pg_config'), '--includedir-server'],
                             check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(['cc', '-O2', '-shared', '-fPIC', f'-I{headers}', '-o', FOLDER / 'do_nothing.so',
                    HERE / 'do_nothing.c'], check=True)


def one_order(draw, clients):
    """The name of the workload."""
    return f'one order, {draw}, {clients} client{"s" if clients > 1 else ""}'


def say(text):
    print(text, file=sys.stderr, flush=True)


class Shop:
    """The schema of one variant and a connection to it. `database` is what clients need to reach it."""

    def __init__(self, variant, database):
        self.variant = variant
        self.schema = SCHEMAS[variant]
        options = f'-c search_path={self.schema} -c client_min_messages=warning'
        self.environment = dict(os.environ, PGOPTIONS=options, **database)
        self.make()
        self.connect()

    def connect(self):
        self.connection = psycopg2.connect(dbname=self.environment['PGDATABASE'], options=self.environment['PGOPTIONS'])
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.pid = self.connection.get_backend_pid()

    def make(self):
        for script in ['shop', 'get_or_create'] + SCRIPTS[self.variant]:
            subprocess.run(
                ['psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-v', f'schema={self.schema}', '-v', f'customers={CUSTOMERS}',
                 '-v', f'do_nothing={FOLDER / "do_nothing.so"}',
                 '-f', str(HERE / f'{script}.sql')], env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def run(self, statement):
        self.cursor.execute(statement)
        return self.cursor.fetchall() if self.cursor.description else []

    def value(self, statement):
        return self.run(statement)[0][0]

    def tidy(self):
        self.run('VACUUM ANALYZE customers')
        self.run('VACUUM ANALYZE orders')

    def empty(self):
        """No orders, and customers as they were made."""
        self.run('SET session_replication_role = replica')
        self.run('TRUNCATE orders, users')
        self.run('DELETE FROM customers WHERE phone !~ \'^[+]49151\'')
        self.run('UPDATE customers SET total_orders = 0, total_spent = 0, loyalty_points = 0 WHERE total_orders <> 0')
        self.run('RESET session_replication_role')
        self.run('VACUUM FULL customers')
        self.tidy()

    def cpu(self):
        return of_process(self.pid)

    def timed(self, statement):
        cpu, start = self.cpu(), time.monotonic()
        self.run(statement)
        return time.monotonic() - start, self.cpu() - cpu


def make_shops():
    subprocess.run(['psql', '-qX', '-c', 'CREATE EXTENSION customer_identity'], check=True)
    base = make_base(BASE) if BASE else None
    shops = {variant: Shop(variant, base if variant == BEFORE else {}) for variant in SCRIPTS}
    for variant, shop in shops.items():
        if shop.run(INDEXES) != shops[NONE].run(INDEXES):
            sys.exit(f'{variant}: not the indexes of {NONE}: its rows would cost more, or less, without any trigger')
    return shops


class Bench:
    def __init__(self, shops):
        self.shops = shops
        self.figures = Figures()
        self.sessions = Sessions(int(Path(os.environ['PGDATA'], 'postmaster.pid').read_text().split()[0]))

    def add(self, workload, shop, number, seconds, cpu, count, variant=None):
        if number > 0:
            self.figures.add_run(workload, variant or shop.variant, number, seconds, cpu, count)

    def statement(self, workload, shop, number, statement, count, variant=None):
        seconds, cpu = shop.timed(statement)
        self.add(workload, shop, number, seconds, cpu, count, variant)

    def in_turns(self, variants, rounds, work):
        """A round that is not counted, then the others, each beginning with another variant, and in sessions of its own: they differ
        by where their memory lies."""
        for number in range(0, rounds + 1):
            first = max(0, number - 1) % len(variants)
            turn = variants[first:] + variants[:first]
            for variant in turn:
                self.shops[variant].connect()
                work(self.shops[variant], number)

    def clients(self, workload, shop, number, script, clients, variant=None, times=1):
        cpu = self.sessions.used()
        length = ['-T', str(times * SECONDS), '--max-tries=0'] if SECONDS else ['-t', '5', '--max-tries=1000']
        run = subprocess.run(
            ['pgbench', '-n', '-M', 'prepared', '-c', str(clients), '-j', '2' if clients > 1 else '1', *length,
             '-D', f'customers={CUSTOMERS}', '-f', '-'],
            input=script, env=dict(shop.environment, PGAPPNAME='pgbench'), check=True, capture_output=True, text=True)
        count = int(re.search(r'actually processed: (\d+)', run.stdout)[1])
        retried = re.search(r'retried: (\d+)', run.stdout)
        if retried:
            say(f'  {variant or shop.variant}: {retried[1]} of {count} transactions were repeated')
        tps = float(re.search(r'tps = ([0-9.]+) \(without', run.stdout)[1])
        self.add(workload, shop, number, count / tps, self.sessions.used() - cpu, count, variant)

    def one_order(self):
        for name, draw in DRAWS.items():
            for clients in CLIENTS:
                workload = one_order(name, clients)
                if not ONLY.search(workload):
                    continue
                say(workload)

                def work(shop, number):
                    shop.run('SET session_replication_role = replica; TRUNCATE orders; RESET session_replication_role')
                    shop.tidy()
                    self.clients(workload, shop, number, ONE_ORDER.format(draw=draw), clients)
                self.in_turns(list(SCRIPTS), ROUNDS, work)

    def storm(self):
        """Transactions that give orders to several customers in any order, repeated when they deadlock."""
        workload = f'{STORM_ORDERS} orders in any order, {STORM_CLIENTS} clients'
        if not ONLY.search(workload):
            return
        say(workload)
        order = f"\\set n random(1, {STORM_CUSTOMERS})\n" + ONE_ORDER.partition('\n')[2]
        script = 'BEGIN;\n' + order * STORM_ORDERS + 'COMMIT;\n'
        attach = "SELECT customer_identity.attach_orders('orders', users => 'users', status_column => 'status'," \
                 " counted_statuses => '{{paid,shipped}}', timing => '{}')"

        def work(shop, number, variant=None):
            shop.run('SET session_replication_role = replica; TRUNCATE orders; RESET session_replication_role')
            shop.tidy()
            self.clients(workload, shop, number, script, STORM_CLIENTS, variant, STORM_TIMES)
            if shop.variant == OURS and variant is None:
                shop.run(attach.format('commit'))
                work(shop, number, AT_COMMIT)
                shop.run(attach.format('statement'))
        self.in_turns([variant for variant in SCRIPTS if variant not in (NOTHING, TOTALS)], ROUNDS, work)

    def many_orders(self):
        if not ONLY.search('bulk'):
            return
        say('bulk')
        insert = MANY_ORDERS.format(customers=CUSTOMERS, rows=ROWS)
        path = Path(os.environ['PGHOST'], 'orders')
        shop = self.shops[NONE]
        shop.run(insert)
        shop.run(f"COPY (SELECT customer_id, total, status FROM orders ORDER BY id) TO '{path}'")

        def work(shop, number):
            shop.empty()
            self.statement('COPY', shop, number, f"COPY orders (customer_id, total, status) FROM '{path}'", ROWS)
            shop.empty()
            self.statement('INSERT ... SELECT', shop, number, insert, ROWS)
            shop.tidy()
            self.statement('UPDATE of statuses', shop, number, f"UPDATE orders SET status = 'cancelled' {TENTH}", CUSTOMERS)
            shop.tidy()
            self.statement('UPDATE of a note', shop, number, f"UPDATE orders SET note = 'rang twice' {TENTH}", CUSTOMERS)
            shop.run(f"UPDATE orders SET status = 'paid' {TENTH}")
            shop.tidy()
            self.statement('DELETE', shop, number, f'DELETE FROM orders {TENTH}', CUSTOMERS)
            if shop.variant == BY_ROW and number != 1:
                return  # each UPDATE walks over all earlier versions of the row: minutes
            shop.empty()
            self.statement('orders of one customer', shop, number, ORDERS_OF_ONE.format(customers=CUSTOMERS), CUSTOMERS)
        self.in_turns(list(SCRIPTS), ROUNDS, work)
        self.check()

    def check(self):
        """A benchmark of wrong totals would say nothing."""
        for variant, shop in self.shops.items():
            spent, total = shop.run('SELECT (SELECT sum(total_spent) FROM customers), (SELECT sum(total) FROM orders)')[0]
            if variant not in (NONE, NOTHING) and spent != total:
                sys.exit(f'{variant}: totals are {spent}, orders come to {total}')

    def known_phones(self):
        workload = 'get_or_create of a known phone'
        if not ONLY.search(workload):
            return
        say(workload)
        for shop in (shop for variant, shop in self.shops.items() if variant in (NONE, BEFORE)):
            shop.run('CREATE TABLE known AS SELECT phone::text FROM customers ORDER BY id')
            shop.run('VACUUM ANALYZE known')
        calls = {'plpgsql': 'by_loop_reading', 'plpgsql, E.164 given': 'by_loop', 'DO NOTHING': 'by_do_nothing',
                 'DO UPDATE': 'by_do_update', OURS: 'customer_identity.get_or_create_customer'}
        if BASE:
            calls[BEFORE] = calls[OURS]
        for number in range(0, ROUNDS + 1):
            for shop in self.shops.values():
                shop.connect()
            self.shops[NONE].run('VACUUM customers')
            for variant, function in calls.items():
                shop = self.shops[BEFORE if variant == BEFORE else NONE]
                self.statement(workload, shop, number, f'SELECT count({function}(phone)) FROM known', CUSTOMERS, variant)

    def backfills(self):
        if not ONLY.search('backfill'):
            return
        say('backfill')
        self.backfill('users', "SELECT n::text, 'Somebody', '+49151' || (10000001 + n % {customers})", 'id, name, phone',
                      'UPDATE users SET customer_id = c.id FROM customers AS c WHERE c.phone = users.phone')
        self.backfill('orders', "SELECT n::text, 10, 'paid'", 'user_id, total, status',
                      'UPDATE orders SET customer_id = u.customer_id FROM users AS u WHERE u.id = orders.user_id')

    def backfill(self, table, row, columns, by_hand):
        load = f'INSERT INTO {table} ({columns}) {row.format(customers=CUSTOMERS)} FROM generate_series(1, {ROWS}) AS n'

        def work(shop, number):
            shop.run(f'SET session_replication_role = replica; TRUNCATE {table}; {load}; RESET session_replication_role')
            shop.run(f'VACUUM ANALYZE {table}')
            statement = by_hand if shop.variant == NONE else f"CALL customer_identity.backfill('{table}')"
            variant = 'one UPDATE by hand' if shop.variant == NONE else shop.variant
            self.statement(f'backfill of {table}', shop, number, statement, ROWS, variant)
        self.in_turns([variant for variant in SCRIPTS if variant in (NONE, OURS, BEFORE)], min(ROUNDS, 2), work)

    def check_ruler(self):
        for clients in CLIENTS if SECONDS else ():
            fault = self.figures.ruler_faults([one_order(name, clients) for name in DRAWS], NOTHING, NONE)
            if fault:
                sys.exit(fault)

    def describe(self):
        shop = self.shops[NONE]
        version = shop.value('SHOW server_version').split()[0]
        self.figures.facts.update({
            'machine': f'{os.cpu_count()} cores, PostgreSQL {version}, shared_buffers 1 GB, fsync and autovacuum off',
            'size': f'{ROWS} orders, {CUSTOMERS} customers, {ROUNDS} rounds, {SECONDS} s for each run of clients, of deadlocks five times as long'})


def main():
    enter_cluster(CONFIGURATION)
    build_triggers_that_do_nothing()
    bench = Bench(make_shops())
    bench.describe()
    print('\n'.join(f'{name}: {value}' for name, value in bench.figures.facts.items()))
    for part in (bench.one_order, bench.storm, bench.many_orders, bench.known_phones, bench.backfills):
        done = bench.figures.workloads()
        part()
        for workload in bench.figures.workloads():
            if workload not in done:
                bench.figures.print(workload)
    bench.check_ruler()
    if 'LINES' in os.environ:
        bench.figures.write(os.environ['LINES'])


main()
