#!/usr/bin/python3 -B
"""Crash test: the server is stopped at once under load and restarted; totals are exact and what was acknowledged is there.
SEED=n test/crash/run.py repeats the statements, though not the moment of the crash."""

import getpass
import os
import random
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'oracle'))

import recompute
import shop
import workload

CRASHES = 3
SESSIONS = 6
SECONDS = 3.5


class Shopper:
    """One session on orders and users of its own and customers of everybody. It knows what it was told is
    committed, and on which orders it was working when the server died."""

    def __init__(self, number, seed):
        self.random = random.Random(f'{seed}/{number}')
        self.number = number
        self.next_id = (number + 1) * 10**6
        self.orders = {}
        self.entries = set()
        self.unsure = set()
        self.commits = 0

    def work(self):
        self.session = shop.Session(f'shopper{self.number}')
        try:
            while True:
                self.transaction()
        except psycopg2.Error as death:  # without a code: the connection is gone
            if death.pgcode not in (None, '57P01', '57P02', '57P03'):
                raise
        finally:
            self.session.close()

    def transaction(self):
        """One to three statements; only a COMMIT that was acknowledged changes what is known."""
        orders, entries = dict(self.orders), set(self.entries)
        touched = set()
        state = self.random.getstate()
        try:
            self.session.run('BEGIN')
            for _ in range(self.random.choice((1, 1, 2, 3))):
                self.random.choices(
                    (self.insert, self.update, self.delete, self.sign_up, self.leave, self.adjust),
                    (8, 5, 3, 3, 1, 3))[0](orders, entries, touched)
            self.unsure = touched
            self.session.run('COMMIT')
        except psycopg2.Error as error:
            if error.pgcode not in workload.RETRY:
                raise
            self.session.run('ROLLBACK')
            self.random.setstate(state)
        else:
            self.orders, self.entries = orders, entries
            self.commits += 1
        self.unsure = set()

    def new_id(self):
        self.next_id += 1
        return self.next_id

    def spelling(self):
        return self.random.choice(shop.spellings(self.random.randrange(workload.PHONES)))

    def amount(self):
        return Decimal(self.random.randint(-1000, 100000)).scaleb(-2)

    def user(self):
        return f's{self.number}-{self.random.randrange(8)}'

    def insert(self, orders, entries, touched):
        rows = [(self.new_id(), self.spelling(), self.amount()) for _ in range(self.random.choice((1, 1, 8)))]
        values = ', '.join(['(%s, %s, %s, %s, %s)'] * len(rows))
        user = self.session.value('SELECT id FROM "user" WHERE id = %s', (self.user(),))
        arguments = [value for number, phone, amount in rows for value in (number, user, phone, amount, 'paid')]
        self.session.run(f'INSERT INTO orders (id, user_id, phone, total, status) VALUES {values}', arguments)
        for number, _, amount in rows:
            orders[number] = amount
            touched.add(number)

    def some(self, orders):
        return self.random.sample(sorted(orders), min(len(orders), self.random.choice((1, 1, 5))))

    def update(self, orders, entries, touched):
        numbers, amount = self.some(orders), self.amount()
        self.session.run(
            'UPDATE orders SET total = %s, phone = %s WHERE id = ANY (%s)', (amount, self.spelling(), numbers))
        orders.update(dict.fromkeys(numbers, amount))
        touched.update(numbers)

    def delete(self, orders, entries, touched):
        numbers = self.some(orders)
        self.session.run('DELETE FROM orders WHERE id = ANY (%s)', (numbers,))
        for number in numbers:
            del orders[number]
        touched.update(numbers)

    def sign_up(self, orders, entries, touched):
        user = self.user()
        self.session.run(
            'INSERT INTO "user" (id, name, email, phone) VALUES (%s, %s, %s, %s) '
            'ON CONFLICT (id) DO UPDATE SET phone = EXCLUDED.phone',
            (user, 'Ada', f'{user}@shop.example', self.spelling()))
        self.session.run(
            'INSERT INTO market_orders (id, created_at, "buyerId", "Amount", state) VALUES (%s, %s, %s, %s, %s)',
            (self.new_id(), self.random.choice(('2023-05-05', '2024-08-08', '2025-01-01')), user, '3.15', 'done'))

    def leave(self, orders, entries, touched):
        self.session.run('DELETE FROM "user" WHERE id = %s', (self.user(),))

    def adjust(self, orders, entries, touched):
        key = f's{self.number}-{self.new_id()}'
        self.session.run(
            'SELECT customer_identity.adjust_points('
            'customer_identity.get_or_create_customer(%s), %s, %s, %s)',
            (self.spelling(), self.random.randint(-9, 99), 'goodwill', key))
        entries.add(key)

    def lost(self, session):
        """What was acknowledged and is not there, or not as acknowledged."""
        low, high = (self.number + 1) * 10**6, (self.number + 2) * 10**6
        found = dict(session.run('SELECT id, total FROM orders WHERE id BETWEEN %s AND %s', (low, high)))
        for number in self.orders.keys() | found.keys():
            if number not in self.unsure and found.get(number) != self.orders.get(number):
                yield f'order {number}: {found.get(number)} instead of {self.orders.get(number)}'
        keys = {key for key, in session.run('SELECT idempotency_key FROM loyalty_entries')}
        yield from (f'loyalty entry {key}' for key in self.entries - keys)
        self.orders = {number: amount for number, amount in found.items()}
        self.unsure = set()


def pg_ctl(*arguments):
    user = os.environ['CLUSTER_USER']
    command = [f'{os.environ["PG_BINDIR"]}/pg_ctl', '-D', os.environ['PGDATA'], *arguments]
    if user != getpass.getuser():
        command = ['runuser', '-u', user, '--', *command]
    subprocess.run(command, check=True, cwd='/', stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def require_no_other_crash():
    """The server was stopped by this test, and no session of it had died before."""
    data = Path(os.environ['PGDATA'])
    for log in (data.parent / 'log', data / 'restart.log'):
        died = [line for line in log.read_text(errors='replace').splitlines() if 'terminated by signal' in line] if log.exists() else []
        if died:
            sys.exit(f'crash: {died[0]}')


def crash_under_load(shoppers, seconds):
    failures = []

    def work(shopper):
        try:
            shopper.work()
        except Exception as failure:
            failures.append((shopper, failure))

    threads = [threading.Thread(target=work, args=(shopper,), daemon=True) for shopper in shoppers]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    pg_ctl('stop', '-m', 'immediate')
    for thread in threads:
        thread.join()
    for shopper, failure in failures:
        recompute.report([], [shopper.session])
        raise failure
    require_no_other_crash()
    pg_ctl('start', '-w', '-s', '-l', f'{os.environ["PGDATA"]}/restart.log')


def main():
    shop.enter_cluster(CLUSTER_FSYNC='on')
    seed = shop.take_seed()
    shop.open_shop()
    moments = random.Random(seed)
    shoppers = [Shopper(number, seed) for number in range(SESSIONS)]
    for crash in range(CRASHES):
        crash_under_load(shoppers, SECONDS * moments.uniform(0.7, 1.3))
        session = shop.Session('after the crash')
        if session.value('SHOW fsync') != 'on' or session.value('SHOW synchronous_commit') != 'on':
            sys.exit('the cluster does not write durably')
        in_doubt = sum(bool(shopper.unsure) for shopper in shoppers)
        lost = [line for shopper in shoppers for line in shopper.lost(session)]
        if lost:
            sys.exit('\n'.join(['acknowledged, but lost:', *lost[:10]]))
        found = recompute.differences(session)
        if found:
            recompute.report(found, [shopper.session for shopper in shoppers])
            sys.exit(1)
        commits, orders = sum(shopper.commits for shopper in shoppers), session.value('SELECT count(*) FROM orders')
        print(f'crash {crash + 1}: {commits} commits acknowledged so far, {in_doubt} in doubt, {orders} orders', flush=True)
        session.close()
    print(f'crash: {2 * CRASHES} checks passed (seed {seed})')


main()
