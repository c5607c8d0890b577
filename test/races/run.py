#!/usr/bin/python3 -B
"""Races: 32 sessions do the same thing at the same moment, round after round, at every isolation level.
They wait at an advisory lock whose release lets all of them go; SEED=n repeats the choice of statements."""

import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'oracle'))

import recompute
import shop

SESSIONS = 32
ROUNDS = int(os.environ.get('ROUNDS', 25))
LEVELS = ('READ COMMITTED', 'READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
ATTACH = """SELECT customer_identity.attach_orders('orders', users => '"user"', status_column => 'status',
    counted_statuses => '{paid,shipped}', count_existing => false)"""
GATE = 'SELECT pg_advisory_xact_lock_shared(1)'


class Failed(Exception):
    pass


class Race:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.control = shop.Session('control')
        self.sessions = [shop.Session(f'racer{n}') for n in range(SESSIONS)]
        self.pool = ThreadPoolExecutor(SESSIONS)
        self.phones = iter(range(10**5))
        self.ids = iter(range(1, 10**6))
        self.checks = self.retries = 0

    def run_at_once(self, statements, level, refusals=()):
        """What every statement returned, or the SQLSTATE it was refused with. At READ COMMITTED nothing else may
        fail; at the other levels a serialisation failure may, and is repeated."""
        self.control.run('SELECT pg_advisory_lock(1)')
        running = [
            self.pool.submit(self.run, session, statement, level, refusals)
            for session, statement in zip(self.sessions, statements)]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        end = time.monotonic() + 30
        while self.control.value(waiting) < len(statements) and time.monotonic() < end:
            time.sleep(0.002)
        self.control.run('SELECT pg_advisory_unlock(1)')
        return [each.result() for each in running]

    def run(self, session, statement, level, refusals):
        gate = f'{GATE}; '
        for _ in range(20 * SESSIONS):
            session.run(f'BEGIN ISOLATION LEVEL {level}')
            try:
                value = session.value(gate + statement)
                session.run('COMMIT')
                return value
            except psycopg2.Error as error:
                session.run('ROLLBACK')
                if error.pgcode in refusals:
                    return error.pgcode
                if level == 'READ COMMITTED' or error.pgcode != '40001':
                    raise Failed(f'{error.pgcode} {error} in {statement}') from error
                self.retries += 1
                gate = ''
        raise Failed(f'no retry cures {statement}')

    def expect(self, what, found, wanted):
        if found != wanted:
            raise Failed(f'{what}: {found} instead of {wanted}')
        self.checks += 1

    def expect_exact_totals(self):
        found = recompute.differences(self.control)
        if found:
            recompute.report(found)
            raise Failed('totals differ')
        self.checks += 1

    def new_phone(self):
        return next(self.phones)

    def new_customer(self, balance=0):
        number = self.new_phone()
        customer = self.control.value('SELECT customer_identity.get_or_create_customer(%s)', (shop.phone(number),))
        if balance:
            self.control.run("SELECT customer_identity.adjust_points(%s, %s, 'start')", (customer, balance))
        return number, customer

    def spelling(self, number):
        return self.random.choice(shop.spellings(number))

    def sign_up(self, phone):
        user = f'u{next(self.ids)}'
        return (f'INSERT INTO "user" (id, name, email, phone) '
                f"VALUES ('{user}', 'Ada', '{user}@shop.example', {phone}) RETURNING customer_id")

    def verified_sign_up(self, phone, spaces):
        """phoneNumber is unique: spaces make it so."""
        user = f'u{next(self.ids)}'
        return (f'INSERT INTO "user" (id, name, email, "phoneNumber", "phoneNumberVerified") '
                f"VALUES ('{user}', 'Ada', '{user}@shop.example', repeat(' ', {spaces}) || trim({phone}), true) "
                'RETURNING customer_id')

    def guest_order(self, phone, total=10):
        return (f'INSERT INTO orders (id, phone, total, status) '
                f"VALUES ({next(self.ids)}, {phone}, {total}, 'paid') RETURNING customer_id")


def same_new_phone_makes_one_customer(race, level):
    number = race.new_phone()

    def statement(session):
        phone = f"'{race.spelling(number)}'"
        return race.random.choice((
            f'SELECT customer_identity.get_or_create_customer({phone})',
            f"SELECT customer_identity.record_proof({phone}, '{race.random.choice('abc')}')",
            race.sign_up(phone), race.verified_sign_up(phone, session), race.guest_order(phone), race.guest_order(phone)))

    given = race.run_at_once([statement(session) for session in range(SESSIONS)], level)
    there = race.control.run('SELECT id FROM customers WHERE phone = %s', (shop.phone(number),))
    race.expect('customers with the phone', len(there), 1)
    race.expect('customers that the sessions were given', set(given), {there[0][0]})


def orders_of_one_customer_all_count(race, level):
    number, customer = race.new_customer()
    amounts = [race.random.randint(-500, 5000) / 100 for _ in range(SESSIONS)]
    race.run_at_once([race.guest_order(f"'{race.spelling(number)}'", amount) for amount in amounts], level)
    race.expect(
        'orders and cents of the customer',
        race.control.run('SELECT total_orders, (total_spent * 100)::integer FROM customers WHERE id = %s', (customer,)),
        [(SESSIONS, sum(round(amount * 100) for amount in amounts))])


def statements_of_several_customers_do_not_deadlock(race, level):
    """Every session writes the same customers in an order of its own, in one statement."""
    numbers = [race.new_customer()[0] for _ in range(6)]

    def statement():
        shuffled = race.random.sample(numbers, len(numbers))
        rows = ', '.join(f"({next(race.ids)}, '{race.spelling(number)}', 1, 'paid')" for number in shuffled)
        return f'INSERT INTO orders (id, phone, total, status) VALUES {rows}'

    race.run_at_once([statement() for _ in range(SESSIONS)], level)
    race.expect(
        'orders of the customers',
        race.control.run('SELECT DISTINCT total_orders FROM customers WHERE phone = ANY (%s)',
                         ([shop.phone(number) for number in numbers],)), [(SESSIONS,)])


def balance_is_redeemed_at_most_once(race, level):
    _, customer = race.new_customer(balance=100)
    outcomes = race.run_at_once(
        [f"SELECT customer_identity.redeem_points('{customer}', 7, 'voucher')"] * SESSIONS, level, refusals=('CI005',))
    race.expect('redemptions', sorted(balance for balance in outcomes if balance != 'CI005'), list(range(2, 100, 7)))
    race.expect(
        'balance', race.control.value('SELECT loyalty_points FROM customers WHERE id = %s', (customer,)), 2)


def same_key_redeems_once(race, level):
    number, customer = race.new_customer(balance=100)
    outcomes = race.run_at_once(
        [f"SELECT customer_identity.redeem_points('{customer}', 30, 'voucher', 'key {number}')"] * SESSIONS, level)
    race.expect('balances returned', set(outcomes), {70})
    race.expect(
        'entries of the key',
        race.control.value('SELECT count(*) FROM loyalty_entries WHERE idempotency_key = %s', (f'key {number}',)), 1)


def verified_means_a_live_proof_exists(race, level):
    number, customer = race.new_customer()
    user = f'u{next(race.ids)}'
    race.control.run(
        'INSERT INTO "user" (id, name, email, phone) VALUES (%s, %s, %s, %s)',
        (user, 'Ada', f'{user}@shop.example', shop.phone(number)))

    def statement():
        phone = race.spelling(number)
        proof_of = race.random.choice((f"'{user}'", "'other'", 'NULL'))
        return race.random.choice((
            f"SELECT customer_identity.record_proof('{phone}', {proof_of})",
            f"SELECT customer_identity.revoke_proof('{phone}', {proof_of})",
            f'UPDATE "user" SET "phoneNumber" = \'{phone}\', "phoneNumberVerified" = true WHERE id = \'{user}\'',
            f'UPDATE "user" SET "phoneNumber" = NULL, phone = NULL WHERE id = \'{user}\''))

    race.run_at_once([statement() for _ in range(SESSIONS)], level)
    live = race.control.run(
        'SELECT user_id FROM phone_proofs WHERE phone = %s AND ended_at IS NULL', (shop.phone(number),))
    race.expect('live proofs of one user', len(live), len(set(live)))
    race.expect(
        'is_phone_verified',
        race.control.value('SELECT is_phone_verified FROM customers WHERE id = %s', (customer,)), bool(live))


def order_meets_the_phone_of_its_user(race, level):
    """Whichever commits first, the orders of a user whose phone arrives are attached."""
    number, user = race.new_phone(), f'u{next(race.ids)}'
    race.control.run(
        'INSERT INTO "user" (id, name, email) VALUES (%s, %s, %s)', (user, 'Ada', f'{user}@shop.example'))
    statements = [
        f"INSERT INTO orders (id, user_id, total, status) VALUES ({next(race.ids)}, '{user}', 4, 'paid')"
        for _ in range(SESSIONS - 1)]
    statements.insert(
        race.random.randrange(SESSIONS),
        f'UPDATE "user" SET phone = \'{race.spelling(number)}\' WHERE id = \'{user}\'')
    race.run_at_once(statements, level)
    race.expect(
        'orders left without a customer',
        race.control.value('SELECT count(*) FROM orders WHERE user_id = %s AND customer_id IS NULL', (user,)), 0)


def change_of_orders(race, customers, ids):
    some = ', '.join(map(str, race.random.sample(ids, 6)))
    customer = race.random.choice(customers)
    return race.random.choice((
        f"INSERT INTO orders (id, customer_id, total, status) VALUES ({next(race.ids)}, '{customer}', 3.5, 'paid') RETURNING id",
        f"WITH w AS (UPDATE orders SET customer_id = '{customer}', total = total + 1 WHERE id IN ({some}) RETURNING id) SELECT count(*) FROM w",
        f'WITH w AS (DELETE FROM orders WHERE id IN ({some}) RETURNING id) SELECT count(*) FROM w'))


def rebuilding_does_not_miss_orders_that_come(race, level):
    """Totals that miss orders from behind the triggers are exact once they are rebuilt, whatever changes meanwhile."""
    customers = [race.new_customer()[1] for _ in range(5)]
    ids = [next(race.ids) for _ in range(60)]
    race.control.run('SET session_replication_role = replica')
    for number in ids:
        race.control.run("INSERT INTO orders (id, customer_id, total, status) VALUES (%s, %s, 7.25, 'paid')",
                         (number, race.random.choice(customers)))
    race.control.run('RESET session_replication_role')

    statements = [change_of_orders(race, customers, ids) for _ in range(SESSIONS - 1)]
    statements.insert(race.random.randrange(SESSIONS), 'SELECT customer_identity.rebuild_totals()')
    race.run_at_once(statements, 'READ COMMITTED', refusals=('40P01',))
    race.expect('differences', race.control.value('SELECT count(*) FROM customer_identity.verify_totals()'), 0)


def attaching_without_counting_misses_no_orders(race, level):
    """Triggers first, with writers on both sides of that moment; then the sums, in batches, while others write."""
    customers = [race.new_customer()[1] for _ in range(5)]
    ids = [next(race.ids) for _ in range(60)]
    race.control.run("SELECT customer_identity.detach('orders')")
    for number in ids:
        race.control.run("INSERT INTO orders (id, customer_id, total, status) VALUES (%s, %s, 7.25, 'paid')",
                         (number, race.random.choice(customers)))
    statements = [change_of_orders(race, customers, ids) for _ in range(SESSIONS - 1)]
    statements.insert(race.random.randrange(SESSIONS), ATTACH)
    race.run_at_once(statements, 'READ COMMITTED', refusals=('40P01',))

    recount = race.pool.submit(shop.Session('recounter').run, 'CALL customer_identity.recount_totals(3)')
    race.run_at_once([change_of_orders(race, customers, ids) for _ in range(SESSIONS - 1)], 'READ COMMITTED', refusals=('40P01',))
    recount.result()
    race.expect('differences', race.control.value('SELECT count(*) FROM customer_identity.verify_totals()'), 0)


RACES = (
    rebuilding_does_not_miss_orders_that_come, attaching_without_counting_misses_no_orders,
    same_new_phone_makes_one_customer, orders_of_one_customer_all_count,
    statements_of_several_customers_do_not_deadlock, balance_is_redeemed_at_most_once, same_key_redeems_once,
    verified_means_a_live_proof_exists, order_meets_the_phone_of_its_user)


def main():
    shop.enter_cluster()
    seed = shop.take_seed()
    shop.open_shop()
    race = Race(seed)
    for each in RACES:
        start, retries = time.monotonic(), race.retries
        for n in range(ROUNDS):
            level = LEVELS[n % len(LEVELS)]
            try:
                each(race, level)
            except Failed as failure:
                sys.exit(f'{each.__name__} at {level}: {failure}')
        race.expect_exact_totals()
        print(f'{each.__name__}: {time.monotonic() - start:.1f} s, {race.retries - retries} retries', flush=True)
    print(f'races: {race.checks} checks passed (seed {seed})')


main()
