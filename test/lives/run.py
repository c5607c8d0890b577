#!/usr/bin/python3 -B
"""People's lives while the shop sells: sessions sign up, order, prove and redeem at every isolation level, while others add,
change and release phones, set rules, merge, undo and split. No checkout fails because of them, no number leads to two
people, and every sum is exact. SECONDS says for how long, SEED=n repeats the choices."""

import itertools
import os
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'oracle'))

import shop

SECONDS = float(os.environ.get('SECONDS', 12))
PHONES = [f'030 1234{n:02}' for n in range(30)]
# Shoppers use these rarely, so that the desk finds some that are free.
RARE_PHONES = [f'030 4321{n:02}' for n in range(40)]
LEVELS = ('READ COMMITTED', 'READ COMMITTED', 'READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
TABLES = """
    CREATE TABLE users (id text PRIMARY KEY, name text, phone text);
    CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id text REFERENCES users ON DELETE SET NULL, phone text, status text DEFAULT 'paid', total numeric,
        created_at timestamptz DEFAULT now());
    SELECT customer_identity.create_tables();
    SELECT customer_identity.attach_users('users', name_column => 'name', default_region => 'DE');
    SELECT customer_identity.attach_orders('orders', 'users', status_column => 'status', counted_statuses => '{paid}',
        default_region => 'DE')"""
# SQL by what it is; p is a phone, n a new id.
SHOPPING = {
    'sign-up': "INSERT INTO users VALUES (%(n)s, 'Name', %(p)s)",
    'guest order': 'INSERT INTO orders (phone, total) VALUES (%(p)s, 10)',
    'order': 'INSERT INTO orders (user_id, total) SELECT id, 5 FROM users ORDER BY random() LIMIT 1',
    'status': "UPDATE orders SET status = CASE status WHEN 'paid' THEN 'void' ELSE 'paid' END"
              ' WHERE id = (SELECT id FROM orders ORDER BY random() LIMIT 1)',
    'other phone': 'UPDATE users SET phone = %(p)s WHERE id = (SELECT id FROM users ORDER BY random() LIMIT 1)',
    'order of a merged customer': 'INSERT INTO orders (customer_id, total)'
                                  ' SELECT loser_id, 3 FROM customer_merges ORDER BY random() LIMIT 1',
    'proof': "SELECT customer_identity.record_proof(%(p)s, region => 'DE')",
    'points': "SELECT customer_identity.adjust_points(id, 1, 'gift') FROM customers ORDER BY random() LIMIT 1",
}
# What a shopper may be told: a phone that names nobody proves nothing, and a customer can be removed by a rule.
TOLD = {'proof': {'CI001'}, 'points': {'22023'}, 'order of a merged customer': {'23503'}}
# a and b are two customers.
DESK = {
    'add': "SELECT customer_identity.add_phone(%(a)s, %(p)s, 'DE')",
    'change': "SELECT customer_identity.change_phone(%(a)s, %(p)s, 'DE', keep_old => random() < 0.5)",
    'release': "SELECT customer_identity.release_phone(%(a)s, since => now() - interval '2 seconds')",
    'nobody': "SELECT customer_identity.set_phone_rule(%(p)s, 'nobody', 'DE')",
    'shared': "SELECT customer_identity.set_phone_rule(%(p)s, 'shared', 'DE')",
    'no rule': "SELECT customer_identity.set_phone_rule(%(p)s, NULL, 'DE')",
    'merge': 'SELECT customer_identity.merge_customers(%(a)s, %(b)s)',
    'unmerge': 'SELECT customer_identity.unmerge_customers((SELECT id FROM customer_merges ORDER BY random() LIMIT 1))',
    'split': 'SELECT customer_identity.split_customer(%(a)s, ARRAY(SELECT id FROM users WHERE customer_id = %(a)s LIMIT 1))',
}
REFUSED = {'CI006', 'P0002', '22023', '55P03'}
# Each finds what must not be.
NEVER = {
    'a phone leads to two': """
        SELECT phone FROM (SELECT phone FROM customers WHERE phone IS NOT NULL
            UNION ALL SELECT phone FROM customer_phones WHERE until IS NULL
            UNION ALL SELECT phone FROM phone_rules WHERE rule = 'nobody') AS p GROUP BY phone HAVING count(*) > 1""",
    'a flag without a proof, or a proof without the flag': """
        SELECT c.id FROM customers AS c WHERE c.is_phone_verified <> EXISTS (SELECT FROM phone_proofs AS p
            WHERE p.customer_id = c.id AND p.phone = c.phone AND p.ended_at IS NULL)""",
    'a live proof of a phone that leads elsewhere': """
        SELECT p.id FROM phone_proofs AS p WHERE p.ended_at IS NULL
            AND NOT EXISTS (SELECT FROM customers AS c WHERE c.id = p.customer_id AND c.phone = p.phone)
            AND NOT EXISTS (SELECT FROM customer_phones AS a
                WHERE a.customer_id = p.customer_id AND a.phone = p.phone AND a.until IS NULL)""",
    'points that are no sum': """
        SELECT c.id FROM customers AS c WHERE c.loyalty_points <>
            (SELECT COALESCE(sum(e.points), 0) FROM loyalty_entries AS e WHERE e.customer_id = c.id)
            + (SELECT COALESCE(sum(floor(o.total)), 0) FROM orders AS o WHERE o.customer_id = c.id AND o.status = 'paid')""",
    'totals that are none': 'SELECT * FROM customer_identity.verify_totals()',
}


class Lives:
    def __init__(self, seed):
        self.seed = seed
        self.end = time.monotonic() + SECONDS
        self.done, self.refused, self.wrong = Counter(), Counter(), []
        self.lock = threading.Lock()

    def attempt(self, session, kind, sql, values, allowed):
        try:
            session.run(sql, values)
            with self.lock:
                self.done[kind] += 1
        except psycopg2.Error as error:
            with self.lock:
                self.refused[kind] += 1
                if error.pgcode not in allowed:
                    self.wrong.append(f'{kind}: {error.pgcode} {error}')

    def shop(self, number):
        choose = random.Random(f'{self.seed} {number}')
        level = LEVELS[number % len(LEVELS)]
        retried = set() if level == 'READ COMMITTED' else {'40001'}
        session = shop.Session(f'shopper{number}')
        session.run(f"SET default_transaction_isolation = '{level}'")
        new_ids = itertools.count()
        while time.monotonic() < self.end:
            kind = choose.choice(list(SHOPPING))
            phones = RARE_PHONES if choose.random() < 0.02 else PHONES
            values = {'p': choose.choice(phones), 'n': f'{number}-{next(new_ids)}'}
            self.attempt(session, kind, SHOPPING[kind], values, TOLD.get(kind, set()) | retried)

    def desk(self, number):
        choose = random.Random(f'{self.seed} desk {number}')
        session = shop.Session(f'desk{number}')
        session.run("SET lock_timeout = '5s'")
        while time.monotonic() < self.end:
            two = session.run('SELECT id FROM customers ORDER BY random() LIMIT 2')
            kind = choose.choice(list(DESK))
            if len(two) == 2:
                values = {'p': choose.choice(PHONES + RARE_PHONES), 'a': two[0][0], 'b': two[1][0]}
                self.attempt(session, kind, DESK[kind], values, REFUSED)

    def run(self):
        threads = [threading.Thread(target=self.shop, args=(n,)) for n in range(len(LEVELS))]
        threads += [threading.Thread(target=self.desk, args=(n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def main():
    shop.enter_cluster()
    lives = Lives(shop.take_seed())
    control = shop.Session('control')
    control.run('CREATE EXTENSION customer_identity')
    control.run(TABLES)
    lives.run()
    for kind in (*SHOPPING, *DESK):
        print(f'{kind}: {lives.done[kind]} done, {lives.refused[kind]} refused')
    if lives.wrong:
        sys.exit('\n'.join(lives.wrong[:10]))
    for fault, query in NEVER.items():
        found = control.run(query)
        if found:
            sys.exit(f'{fault}: {found[:5]}')
    print(f'lives: {sum(lives.done.values()) + len(NEVER)} checks passed (seed {lives.seed})')


main()
