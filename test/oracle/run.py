#!/usr/bin/python3 -B
"""The oracle: random statements against a book, and after every few an independent recomputation of its totals.
SEED=n test/oracle/run.py repeats a run; STEPS and SECONDS bound the part with one session and the part with several."""

import os
import random
import sys
import threading
import time
from collections import Counter

import recompute
import shop
import workload

STEPS = int(os.environ.get('STEPS', 3000))
SECONDS = float(os.environ.get('SECONDS', 25))
MOST_SECONDS_ALONE = 50
SESSIONS = 5


class Oracle:
    def __init__(self):
        self.session = shop.Session('oracle')
        self.checks = 0

    def check(self, sessions, strict=False):
        found = recompute.differences(self.session, workload.READABLE, strict)
        self.checks += 1
        if found:
            recompute.report(found, sessions)
            sys.exit(1)


def alone(oracle, seed):
    """One session: the statements before a difference are the ones that made it."""
    session = shop.Session('alone')
    work = workload.Workload(session, random.Random(seed))
    end = time.monotonic() + MOST_SECONDS_ALONE
    while work.done < STEPS and time.monotonic() < end:
        try:
            for _ in range(work.random.randint(1, 5)):
                work.step()
        except Exception:
            recompute.report([], [session])
            raise
        oracle.check([session], strict=True)
    print(f'alone: {work.done} steps, {work.refused} of them refused', flush=True)
    session.close()


def together(oracle, seed):
    """Several sessions at once, checked while they work and when they have ended."""
    works = [
        workload.Workload(
            shop.Session(f'together{n}'), random.Random(f'{seed}/{n}'), (n + 2) * 10**6, workload.EXPECTED_TOGETHER)
        for n in range(SESSIONS)]
    sessions = [work.session for work in works]
    end = time.monotonic() + SECONDS
    failures = []

    def work_until_the_end(work):
        try:
            while time.monotonic() < end and not failures:
                work.step()
        except Exception as failure:
            failures.append((work.session, failure))

    threads = [threading.Thread(target=work_until_the_end, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) and not failures:
        time.sleep(0.3)
        oracle.check(sessions)
    for thread in threads:
        thread.join()
    if failures:
        session, failure = failures[0]
        recompute.report([], [session])
        raise failure
    oracle.check(sessions)
    steps, retries, refused = (sum(getattr(work, name) for work in works) for name in ('done', 'retries', 'refused'))
    print(f'together: {steps} steps of {SESSIONS} sessions, {retries} retries, {refused} refused', flush=True)


def notices_a_missed_row(oracle):
    """An order changed behind the triggers' back is found by the recomputation and by verify_totals, and repaired."""
    session = shop.Session('behind')
    session.run("INSERT INTO orders (id, phone, total, status) VALUES (0, '+4915123450000', 5, 'paid')")
    oracle.check([session])
    session.run("SET session_replication_role = replica; UPDATE orders SET total = 6 WHERE id = 0")
    found = Counter(difference.field for difference in recompute.differences(oracle.session))
    wanted = Counter(
        prefix + field for prefix in ('', 'verify_totals: ') for field in ('total_spent', 'loyalty_points'))
    if found != wanted:
        sys.exit(f'a missed row shows as {found}, not as {wanted}')
    oracle.checks += 1
    if session.value('SELECT customer_identity.rebuild_totals()') != 1:
        sys.exit('rebuild_totals did not correct the one customer')
    oracle.check([session])


def main():
    shop.enter_cluster()
    seed = shop.take_seed()
    shop.open_shop()
    oracle = Oracle()
    alone(oracle, seed)
    together(oracle, seed)
    notices_a_missed_row(oracle)
    print(f'oracle: {oracle.checks} checks passed (seed {seed})')


main()
