#!/usr/bin/python3 -B
"""What a sign-up costs, 9 of 10 with a phone that is known already: no trigger, triggers that do nothing, written by hand
without and with a history, and ours. Each variant has one session, and they take turns of a hundred sign-ups: what else the
machine does then disturbs all of them alike. Processor time is that of the session's server process, which lives on. Then many
sign-ups in one statement, all of them new, against one that writes the same rows of users, customers and history as sets.

ROUNDS (15, of ten turns), CUSTOMERS (100000) and MANY (20000,1000000 in a statement) size a run; ONLY is a regular expression of
variants. BASE_PG_CONFIG names a server that has the library of another version: it is measured in turns with this one, as
"before". LINES names a file for the measurements, for bench/report.py."""

import os
import random
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psycopg

HERE = Path(__file__).resolve().parent
TOTALS = HERE.parent / 'totals'
sys.path.insert(0, str(HERE.parent))

from figures import Figures  # noqa: E402
from processor_time import of_process  # noqa: E402
from throwaway_cluster import enter_cluster, make_base, output_of  # noqa: E402

ROUNDS = int(os.environ.get('ROUNDS', 15))
CUSTOMERS = int(os.environ.get('CUSTOMERS', 100000))
MANY = [int(n) for n in os.environ.get('MANY', '20000,1000000').split(',')]
MANY_ROUNDS, FEW_ROUNDS, SHORT = 5, 2, 100000  # rows of a short statement, of which there are many rounds
BASE = os.environ.get('BASE_PG_CONFIG')
ONLY = re.compile(os.environ.get('ONLY', ''))
PGDATA = Path(os.environ.get('PGDATA', '.'))
WORKLOAD = 'sign-up, 9 of 10 known'
SIGN_UPS = 100  # in a turn
TURNS = 10      # in a round

NONE, NOTHING, BY_HAND, BY_HAND_TOLD = 'no trigger', 'doing nothing', 'by row', 'by row, with history'
FORGETFUL, OURS, BEFORE_FORGETFUL, BEFORE = 'ours, no history', 'ours', 'before, no history', 'before'
SCRIPTS = {NONE: [], NOTHING: ['do_nothing_for_users'], BY_HAND: ['by_hand'], BY_HAND_TOLD: ['by_hand', 'told_by_hand'],
           FORGETFUL: ['attached', 'forgetful'], OURS: ['attached'],
           BEFORE_FORGETFUL: ['attached', 'forgetful'], BEFORE: ['attached']}
CONFIGURATION = """
shared_buffers = 256MB
max_wal_size = 32GB
checkpoint_timeout = 1d
synchronous_commit = off
autovacuum = off
jit = off
"""

MANY_AT_ONCE = '{} sign-ups in one statement, all of them new'
AS_SETS = 'as sets, by hand'
NEW_USERS = "SELECT 'many' || n AS id, 'Somebody' AS name, '+49170' || (10000000 + n) AS phone FROM generate_series(%s::int, %s::int) AS n"
MANY_SIGN_UPS = f'INSERT INTO users (id, name, phone) {NEW_USERS}'
MANY_AS_SETS = f"""
WITH new AS MATERIALIZED ({NEW_USERS}),
made AS (INSERT INTO customers (phone, preferred_name) SELECT phone, name FROM new RETURNING id, phone),
linked AS (INSERT INTO users (id, name, phone, customer_id)
    SELECT n.id, n.name, n.phone, m.id FROM new AS n JOIN made AS m ON m.phone = n.phone RETURNING id, customer_id)
INSERT INTO customer_events (id, customer_id, event, details, actor)
SELECT gen_random_uuid(), l.customer_id, e.event, jsonb_build_object(e.key, e.value, 'table', 'users', 'user_id', l.id), l.id
FROM linked AS l CROSS JOIN (VALUES ('created', 'from', 'user'), ('user_linked', 'cause', 'sign_up')) AS e (event, key, value)
"""
SIGN_UP = "INSERT INTO users (id, name, phone) VALUES (%s::text, 'Somebody', %s::text)"


class Shop:
    """The schema of one variant."""

    def __init__(self, variant, number, database):
        self.variant = variant
        self.schema = f'shop{number}'
        self.environment = dict(os.environ, PGOPTIONS=f'-c search_path={self.schema} -c client_min_messages=warning', **database)
        for script in ['shop', 'get_or_create'] + SCRIPTS[variant]:
            self.make(script)
        self.connect()
        self.connection.execute('VACUUM ANALYZE customers')
        self.cursor = self.connection.cursor()

    def make(self, script):
        path = next(path for path in (HERE / f'{script}.sql', TOTALS / f'{script}.sql') if path.exists())
        subprocess.run(['psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-v', f'schema={self.schema}', '-v', f'customers={CUSTOMERS}',
                        '-v', f'do_nothing={PGDATA.parent / "do_nothing.so"}', '-f', str(path)],
                       env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def connect(self):
        self.connection = psycopg.connect('', autocommit=True, prepare_threshold=0, dbname=self.environment['PGDATABASE'],
                                          options=self.environment['PGOPTIONS'])
        self.pid = self.connection.info.backend_pid

    def cpu(self):
        return of_process(self.pid)

    def sign_up(self, users):
        """Seconds and processor time that these users take."""
        cpu, start = self.cpu(), time.monotonic()
        for user in users:
            self.cursor.execute(SIGN_UP, user)
        return time.monotonic() - start, self.cpu() - cpu

    def sign_up_many(self, first, last):
        statement = MANY_AS_SETS if self.variant == NONE else MANY_SIGN_UPS
        cpu, start = self.cpu(), time.monotonic()
        self.connection.execute(statement, (first, last))
        spent = time.monotonic() - start, self.cpu() - cpu
        if self.connection.execute("SELECT count(*) FROM users WHERE customer_id IS NULL AND id LIKE 'many%'").fetchone() != (0,):
            sys.exit(f'{self.variant}: users of many are without a customer')
        return spent

    def check(self):
        """A benchmark of users without a customer, or without the history that it is said to keep, would say nothing."""
        if self.variant in (NONE, NOTHING):
            return
        count = (1 + ROUNDS) * TURNS * SIGN_UPS
        told = "(SELECT count(*) FROM customer_events WHERE event = 'user_linked')" if self.keeps_history() else '0'
        found = self.connection.execute(f'SELECT count(customer_id), {told} FROM users').fetchone()
        if found != (count, count if self.keeps_history() else 0):
            sys.exit(f'{self.variant}: users with a customer and events are {found}, of {count}')

    def keeps_history(self):
        return self.variant in (BY_HAND_TOLD, OURS, BEFORE)


def build_triggers_that_do_nothing():
    headers = output_of(os.environ.get('PG_CONFIG', 'pg_config'), '--includedir-server')
    subprocess.run(['cc', '-O2', '-shared', '-fPIC', f'-I{headers}', '-o', PGDATA.parent / 'do_nothing.so', TOTALS / 'do_nothing.c'], check=True)


def make_shops():
    build_triggers_that_do_nothing()
    subprocess.run(['psql', '-qX', '-c', 'CREATE EXTENSION customer_identity'], check=True)
    here, base = {}, make_base(BASE) if BASE else None
    shops = []
    for number, variant in enumerate(SCRIPTS):
        database = base if variant in (BEFORE, BEFORE_FORGETFUL) else here
        if database is not None and (variant == BY_HAND or ONLY.search(variant)):
            shops.append(Shop(variant, number, database))
    return shops


def spread(figures, variant, measure):
    """Median and quartiles of the rounds' ratios to the triggers written by hand."""
    ratios = sorted(figures.ratios(WORKLOAD, variant, BY_HAND, measure))
    low, median, high = (ratios[len(ratios) * quarter // 4] for quarter in (1, 2, 3))
    return f'{median:5.2f} x ({low:.2f} to {high:.2f})'


def new_users():
    """The users of a turn: the same for every variant."""
    def phone():
        if random.random() < 0.9:
            return f'+49151{10000001 + random.randrange(CUSTOMERS)}'
        return f'+49160{random.randrange(10000000, 100000000)}'
    return [(str(uuid.uuid4()), phone()) for _ in range(SIGN_UPS)]


def measure(shops):
    """A round that is not counted, then the others."""
    figures = Figures()
    for number in range(ROUNDS + 1):
        spent = {shop.variant: [0.0, 0.0] for shop in shops}
        for turn in range(TURNS):
            users = new_users()
            first = turn % len(shops)
            for shop in shops[first:] + shops[:first]:
                spent[shop.variant] = [sum(pair) for pair in zip(spent[shop.variant], shop.sign_up(users))]
        for variant, (seconds, cpu) in spent.items():
            if number > 0:
                figures.add_run(WORKLOAD, variant, number, seconds, cpu, TURNS * SIGN_UPS)
    return figures


def measure_many(shops, figures, count, last):
    """The first round of short statements is not counted. Returns the number of the last user."""
    is_short = count <= SHORT
    for number in range(0 if is_short else 1, 1 + min(ROUNDS, MANY_ROUNDS if is_short else FEW_ROUNDS)):
        for shop in shops:
            if shop.variant in (NONE, OURS, BEFORE):
                seconds, cpu = shop.sign_up_many(last + 1, last + count)
                variant = AS_SETS if shop.variant == NONE else shop.variant
                if number > 0:
                    figures.add_run(MANY_AT_ONCE.format(count), variant, number, seconds, cpu, count)
        last += count
    return last


def print_figures(figures, shops):
    print(f'{WORKLOAD}: us a sign-up, and times {BY_HAND}: median and quartiles of {ROUNDS} rounds, one client each')
    for shop in shops:
        cells = [f"{measure} {figures.statistic(WORKLOAD, shop.variant, measure, 'median'):7.2f} {spread(figures, shop.variant, measure)}"
                 for measure in ('cpu', 'time')]
        print(f'  {shop.variant:22}', '   '.join(cells))


def main():
    enter_cluster(CONFIGURATION)
    shops = make_shops()
    figures = measure(shops)
    version = shops[0].connection.info.server_version // 10000
    figures.facts.update({'machine': f'{os.cpu_count()} cores, PostgreSQL {version}, shared_buffers 256 MB, fsync and autovacuum off',
                          'size': f'{CUSTOMERS} customers, {ROUNDS} rounds of {TURNS * SIGN_UPS} sign-ups in each session, a hundred at a time;'
                                  f' up to {max(MANY)} in one statement'})
    for shop in shops:
        shop.check()
    print_figures(figures, shops)
    fault = figures.ruler_faults([WORKLOAD], NOTHING, NONE) if ROUNDS > 1 else ''  # one round tells nothing
    if fault:
        sys.exit(fault)
    last = 0
    for count in MANY:
        last = measure_many(shops, figures, count, last)
        figures.print(MANY_AT_ONCE.format(count))
    if 'LINES' in os.environ:
        figures.write(os.environ['LINES'])


main()
