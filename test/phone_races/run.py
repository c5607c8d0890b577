#!/usr/bin/python3 -B
"""One number, one person: two transactions give the same number to somebody, in all ways, at every isolation level, and
end either way. Nobody waits for who waits for it, and a sign-up or an order never fails."""

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'oracle'))

import recompute
import shop

LEVELS = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
# What is done with a phone, by a customer or by its other phone, and what it may be refused with.
ACTS = {
    'add to a': ("SELECT customer_identity.add_phone('{a}', '{phone}')", ('CI006',)),
    'add to b': ("SELECT customer_identity.add_phone('{b}', '{phone}')", ('CI006',)),
    'change of b': ("SELECT customer_identity.change_phone('{b}', '{phone}', keep_old => true)", ('CI006',)),
    'sign-up': ("INSERT INTO \"user\" (id, name, email, phone) VALUES ('{id}', 'Ada', '{id}@shop.example', '{phone}')", ()),
    'guest order': ("INSERT INTO orders (id, phone, total, status) VALUES ({id}, '{phone}', 10, 'paid')", ()),
    'insert': ("INSERT INTO customers (phone) VALUES ('{phone}')", ('CI006', '23505')),
    'update of b': ("UPDATE customers SET phone = '{phone}' WHERE id = '{b}'", ('CI006', '23505')),
    'rule': ("SELECT customer_identity.set_phone_rule('{phone}', 'nobody')", ()),
    'proof': ("SELECT customer_identity.record_proof('{phone}', '{id}')", ('CI001',)),
}
ENDS = ('COMMIT', 'ROLLBACK')


class Failed(Exception):
    pass


class Meeting:
    def __init__(self):
        self.control = shop.Session('control')
        self.first = shop.Session('first')
        self.second = shop.Session('second')
        self.pool = ThreadPoolExecutor(1)
        self.numbers = iter(range(10**5))
        self.ids = iter(range(1, 10**6))
        self.checks = 0

    def new_customer(self):
        return self.control.value(
            'SELECT customer_identity.get_or_create_customer(%s)', (shop.phone(next(self.numbers)),))

    def begin(self, session, level):
        session.run(f'BEGIN ISOLATION LEVEL {level}')
        session.value('SELECT count(*) FROM customers WHERE false')

    def act(self, session, name, statement, level, end, tries=5):
        """What it was refused with, or None. The transaction has begun."""
        allowed = ACTS[name][1]
        try:
            session.run(statement)
            session.run(end)
            return None
        except psycopg2.Error as error:
            session.run('ROLLBACK')
            if error.pgcode in allowed:
                return error.pgcode
            if error.pgcode != '40001' or level == 'READ COMMITTED' or not tries:
                raise Failed(f'{error.pgcode} {error}') from error
        self.begin(session, level)
        return self.act(session, name, statement, level, end, tries - 1)

    def check(self, phone):
        holders = self.control.run(
            'SELECT id FROM customers WHERE phone = %s'
            ' UNION ALL SELECT customer_id FROM customer_phones WHERE phone = %s AND until IS NULL', (phone, phone))
        nobody = self.control.value("SELECT count(*) FROM phone_rules WHERE phone = %s AND rule = 'nobody'", (phone,))
        if len(holders) + nobody > 1:
            raise Failed(f'{len(holders)} holders, {nobody} rules')
        links = {row[0] for row in self.control.run(
            'SELECT customer_id FROM "user" WHERE phone = %s UNION SELECT customer_id FROM orders WHERE phone = %s',
            (phone, phone))}
        if not links <= {holders[0][0] if holders else None}:
            raise Failed(f'linked to {links}, not to {holders}')
        self.checks += 1

    def meet(self, names, level, ends):
        phone = shop.phone(next(self.numbers))
        known = {'a': self.new_customer(), 'b': self.new_customer(), 'phone': phone}
        statements = [ACTS[name][0].format(id=next(self.ids), **known) for name in names]
        self.begin(self.first, level)
        self.begin(self.second, level)
        self.first.run(statements[0])
        start = time.monotonic()
        second = self.pool.submit(self.act, self.second, names[1], statements[1], level, ends[1])
        time.sleep(0.015)
        try:
            self.first.run(ends[0])
        except psycopg2.Error as error:
            if error.pgcode != '40001' or level != 'SERIALIZABLE':
                raise Failed(f'first: {error.pgcode} {error}') from error
            self.first.run('ROLLBACK')
        second.result()
        if time.monotonic() - start > 5:
            raise Failed('it took too long')
        self.check(phone)

    def wait_for_each_other(self, act):
        """The first has the phone and then needs the customer of the second, who waits for the phone."""
        phone = shop.phone(next(self.numbers))
        known = {'a': self.new_customer(), 'b': self.new_customer(), 'phone': phone}
        statement = ACTS[act][0].format(id=next(self.ids), **known)
        self.begin(self.first, 'READ COMMITTED')
        self.begin(self.second, 'READ COMMITTED')
        self.first.run(ACTS['sign-up'][0].format(id=next(self.ids), **known))
        second = self.pool.submit(self.act, self.second, act, statement, 'READ COMMITTED', 'COMMIT')
        time.sleep(0.1)
        for customer in (known['a'], known['b']):
            self.first.run('UPDATE customers SET notes = %s WHERE id = %s', ('mine', customer))
        time.sleep(1.2)
        self.first.run('COMMIT')
        second.result()
        self.check(phone)


def main():
    shop.enter_cluster()
    shop.open_shop()
    meeting = Meeting()
    for names, level, ends in itertools.product(itertools.product(ACTS, repeat=2), LEVELS, itertools.product(ENDS, repeat=2)):
        try:
            meeting.meet(names, level, ends)
        except (Failed, psycopg2.Error) as failure:
            sys.exit(f'{" meets ".join(names)} at {level}, {ends}: {failure}')
    for act in ('add to a', 'change of b', 'rule'):
        try:
            meeting.wait_for_each_other(act)
        except (Failed, psycopg2.Error) as failure:
            sys.exit(f'{act} waits for a sign-up that waits for it: {failure}')
    if recompute.differences(meeting.control):
        sys.exit('totals differ')
    print(f'phone_races: {meeting.checks} checks passed')


main()
