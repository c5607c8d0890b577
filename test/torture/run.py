#!/usr/bin/python3 -B
"""The chaos run: people order, sign up, prove and verify while tables and partitions come and go, statements are
cancelled and sessions ended; each round ends with a disaster, after which everything has to be right. A standby is
promoted under load, and a subscriber gets all of it.
SEED=n test/torture/run.py repeats the choices, though not their moments; SECONDS bounds the storms."""

import itertools
import os
import random
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'oracle'), str(HERE.parent / 'sms')]

import checks
import people
import provider
import recompute
import servers
import shop
import weather

SECONDS = float(os.environ.get('SECONDS', 40))

COMMON_CONF = """
log_line_prefix = '%e %b [%p] '
max_worker_processes = 16
max_prepared_transactions = 50
fsync = off
"""
CONF = f"""
{COMMON_CONF}
shared_preload_libraries = 'customer_identity'
customer_identity.sms_databases = 'postgres'
customer_identity.sms_limit_per_phone = 0
customer_identity.sms_limit_per_prefix = 0
customer_identity.sms_limit_total = 0
wal_level = logical
wal_keep_size = '1GB'
wal_retrieve_retry_interval = '200ms'
track_commit_timestamp = on
autovacuum_naptime = '3s'
include_if_exists = 'sms.conf'
"""
SMS_CONF = """
customer_identity.twilio_base_url = '{url}'
customer_identity.twilio_account_sid = 'AC0123456789abcdef0123456789abcdef'
customer_identity.twilio_auth_token = 'token'
customer_identity.twilio_sender = '+4915799999999'
"""


class Storm:
    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.rounds = self.checks = 0
        self.done = {'done': 0, 'refused': 0, 'connections_lost': 0}
        self.primary = servers.Server('data', 5432)
        self.provider = provider.Provider({})
        (self.primary.data / 'sms.conf').write_text(SMS_CONF.format(url=self.provider.url))

    def open(self):
        shop.open_shop()
        session = self.primary.session()
        session.run(servers.SHOP_SQL.read_text())
        self.subscriber = servers.make_subscriber(self.primary, COMMON_CONF)
        self.standby = servers.make_standby(self.primary)
        for number in (*people.LASTING, *people.REGISTERED):
            session.run('INSERT INTO readings SELECT unnest(%s), %s', (list(shop.spellings(number)), shop.phone(number)))
        for number in people.LASTING:
            session.run('SELECT customer_identity.get_or_create_customer(%s)', (shop.phone(number),))
        session.run('SELECT pg_reload_conf()')
        session.close()

    def crowd(self, server):
        """Each with random choices and ids of its own."""
        self.rounds += 1
        over = threading.Event()
        numbers = itertools.count()

        def person(kind, **more):
            number = next(numbers)
            choices = random.Random(f'{self.seed}/{self.rounds}/{number}')
            first_id = (self.rounds * 20 + number) * 10**5
            return kind(f'{kind.__name__} {number}', server, choices, over, first_id, **more)

        return people.Crowd([
            *(person(people.Writer) for _ in range(3)),
            *(person(people.Stallholder, table=people.FAIR, users='"user"') for _ in range(2)),
            person(people.Member, table=people.STALL, users='annex.members'),
            *(person(people.Shopper) for _ in range(2)),
            person(people.Registrar),
            *(person(weather.Surveyor, table=table) for table in (weather.FAIR, weather.STALL, weather.MEMBERS)),
            person(weather.Landlord), person(weather.Reader), person(weather.Lightning)], over)

    def blow(self, server, seconds, disaster):
        """One storm, with a disaster at its height."""
        crowd = self.crowd(server)
        crowd.over.wait(seconds)
        try:
            if not crowd.failures:
                disaster()
        finally:
            still_there = crowd.end(servers.PATIENCE)
        if still_there:
            raise servers.Failed(f'still there: {", ".join(still_there)}')
        for person, failure in crowd.failures:
            recompute.report([], [person.session] if person.session else [])
            raise failure
        for name in self.done:
            self.done[name] += crowd.sum(name)

    # Disasters

    def calm(self):
        pass

    def restart(self):
        self.primary.stop('fast')
        self.primary.start()

    def stop_at_once(self):
        self.primary.stop('immediate')
        self.primary.start()

    def kill(self, processes):
        """One of the server's processes: it ends all the others, and starts anew."""
        session = self.primary.session()

        def strike():
            pids = [pid for pid, in session.run(f'SELECT pid FROM pg_stat_activity WHERE {processes} ORDER BY pid')]
            return pids and self.primary.kill(self.random.choice(pids))

        servers.wait_for(f'the end of a process where {processes}', strike)
        servers.wait_for('the end of the others', lambda: not is_alive(session))
        self.primary.wait_until_up()

    def kill_backend(self):
        self.kill("application_name LIKE 'storm %' AND state <> 'idle'")

    def kill_worker(self):
        self.kill("backend_type = 'customer_identity sms worker'")

    def kill_postmaster(self):
        self.primary.kill(self.primary.postmaster())
        self.primary.start()

    def promote(self):
        """While the primary goes on: the standby may lack its last transactions, but has none of them in part."""
        if not self.standby.pg_ctl('promote'):
            raise servers.Failed('the standby is not promoted')

    # Rounds

    def take(self, check):
        check.wrong += [f'{check.server.name} logs: {line}' for line in check.server.complaints()]
        check.session.close()
        self.checks += check.count + 1
        if check.wrong:
            raise servers.Failed('\n'.join(check.wrong))

    def round(self, disaster, seconds, server=None):
        server = server or self.primary
        start = time.monotonic()
        self.blow(server, seconds, disaster)
        calm = time.monotonic()
        self.take(checks.check_storm(server, self.random))
        done = ', '.join(f'{count} {name.replace("_", " ")}' for name, count in self.done.items())
        print(f'{self.rounds} {server.name} {disaster.__name__}: {done} ({calm - start:.1f} s, '
              f'checks {time.monotonic() - calm:.1f} s)', flush=True)

    def expect_message(self, server, phone):
        """Whatever has become of the worker, there is one again."""
        session = server.session()
        session.run('SELECT customer_identity.start_verification(%s)', (phone,))
        session.close()
        servers.wait_for(f'a message of {server.name}', lambda: self.provider.received(phone))
        self.checks += 1

    def end(self, seconds):
        """The promoted standby goes a way of its own; the subscriber has followed the primary through it all."""
        self.round(self.promote, seconds)
        self.take(checks.check_storm(self.standby, self.random))
        self.round(self.calm, seconds, self.standby)
        self.primary.wait_for_subscriber()
        self.take(checks.check_subscriber(self.primary, self.subscriber))
        self.expect_message(self.primary, shop.phone(9001))
        self.expect_message(self.standby, shop.phone(9002))


def is_alive(session):
    try:
        session.run('SELECT 1')
        return True
    except shop.psycopg2.Error:
        return False


def show(kind, failure, trace):
    """But for what psycopg prints of its own, when a COPY fails, beside the error that it raises."""
    if kind is not SystemError:
        sys.__excepthook__(kind, failure, trace)


def main():
    sys.excepthook = show
    shop.enter_cluster(CLUSTER_CONF=CONF, no_proxy='*')
    storm = Storm(shop.take_seed())
    storm.open()
    disasters = [storm.calm, storm.kill_backend, storm.kill_postmaster, storm.kill_worker, storm.stop_at_once, storm.restart]
    storm.random.shuffle(disasters)
    length = min(SECONDS / (len(disasters) + 2), 15)
    end = time.monotonic() + SECONDS - 2 * length
    while disasters or time.monotonic() < end:
        disaster = disasters.pop() if disasters else storm.random.choice(
            (storm.kill_backend, storm.kill_postmaster, storm.kill_worker, storm.stop_at_once))
        storm.round(disaster, length)
    storm.end(length)
    print(f'torture: {storm.checks} checks passed (seed {storm.seed})')


try:
    main()
except servers.Failed as failure:
    sys.exit(f'torture: {failure}')
