#!/usr/bin/python3 -B
"""Sends codes through a provider of the test's own and through Twilio's description of itself, and ends workers and
servers in the middle of it. CHECKS='name name' runs some of the checks only."""

import getpass
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path

import psycopg2
import psycopg2.extras

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'oracle'))

import provider as answers
import shop
import twilio

PATIENCE = int(os.environ.get('PATIENCE', 60))
ACCOUNT = 'AC0123456789abcdef0123456789abcdef'
TOKEN = 'token-that-nobody-may-see'
NEW_TOKEN = 'another-that-nobody-may-see'
TIMEOUT = 60
SENDER = '+4915799999999'
SERVICE = 'MG0123456789abcdef0123456789abcdef'

# Read when the server starts. Without a prefix the log has few numbers that could be taken for a code; without
# shared_preload_libraries the server itself would log a token that a reload brings.
CONF = f"""
listen_addresses = ''
log_line_prefix = ''
log_min_messages = debug1
customer_identity.twilio_auth_token = '{TOKEN}'
max_worker_processes = 24
customer_identity.default_region = 'DE'
customer_identity.sms_limit_per_phone = 0
customer_identity.sms_limit_per_prefix = 0
customer_identity.sms_limit_total = 0
include_if_exists = 'sms.conf'
"""


class Failed(Exception):
    pass


def wait_for(what, value, wanted=True):
    """Waits until the value is the wanted one; how long that takes proves nothing."""
    end = time.monotonic() + PATIENCE
    while True:
        found = value()
        if found == wanted:
            return
        if time.monotonic() > end:
            raise Failed(f'{what}: {found} instead of {wanted}')
        time.sleep(0.03)


def works(call):
    try:
        call()
        return True
    except psycopg2.Error:
        return False


class Server:
    """The cluster, its settings and its log."""

    def __init__(self):
        self.data = Path(os.environ['PGDATA'])
        self.log_file = self.data.parent / 'log'
        self.settings = {}
        self.connect()

    def connect(self):
        self.session = shop.Session('control')

    def set(self, **settings):
        """What is None is left out. Settings of ours are named without their prefix."""
        self.settings.update(settings)
        lines = []
        for name, value in self.settings.items():
            if value is not None:
                prefix = '' if name == 'shared_preload_libraries' else 'customer_identity.'
                lines.append(f"{prefix}{name} = '{value}'\n")
        (self.data / 'sms.conf').write_text(''.join(lines))

    def reload(self, **settings):
        loaded = 'SELECT pg_conf_load_time()'
        before = self.session.value(loaded)
        self.set(**settings)
        self.session.run('SELECT pg_reload_conf()')
        wait_for('settings are loaded', lambda: self.session.value(loaded) > before)
        time.sleep(0.2)

    def pg_ctl(self, *arguments):
        user = os.environ['CLUSTER_USER']
        command = [f'{os.environ["PG_BINDIR"]}/pg_ctl', '-D', self.data, '-s', '-w', *arguments]
        if user != getpass.getuser():
            command = ['runuser', '-u', user, '--', *command]
        return subprocess.run(
            command, cwd='/', stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def stop(self):
        self.session.close()
        if self.pg_ctl('stop', '-m', 'fast', '-t', '50') != 0:
            raise Failed('the server does not stop')

    def start(self):
        if self.pg_ctl('start', '-t', str(PATIENCE), '-l', self.log_file) != 0:
            raise Failed('the server does not start')
        self.connect()

    def wait_for_crash(self):
        """It ends all sessions."""
        wait_for('the session has ended', lambda: works(lambda: self.session.run('SELECT 1')), False)
        wait_for('the server is up again', lambda: works(self.connect))

    def log(self):
        return self.log_file.read_text(errors='replace')

    def workers(self, database):
        return [pid for pid, in self.session.run(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type LIKE '%%customer_identity%%'",
            (database,))]


class Shop:
    """A database with a book, from which codes are sent."""

    numbers = itertools.count()

    def __init__(self, server, name):
        self.server, self.name = server, name
        server.session.run(f'CREATE DATABASE {name}')
        self.connect()
        self.session.run(
            'CREATE EXTENSION customer_identity; SELECT customer_identity.create_tables(); '
            'CREATE TABLE orders (id serial PRIMARY KEY, user_id text, phone text, total numeric, payment text); '
            "SELECT customer_identity.attach_orders('orders', payment_column => 'payment', cod_values => '{cash}')")

    def connect(self):
        os.environ['PGDATABASE'] = self.name
        self.session = shop.Session(self.name)
        os.environ['PGDATABASE'] = 'postgres'

    def start_worker(self):
        return self.session.value('SELECT customer_identity.start_sms_worker()')

    @property
    def worker(self):
        pids = self.server.workers(self.name)
        return pids[0] if pids else None

    @classmethod
    def new_phone(cls):
        return shop.phone(next(cls.numbers))

    def send(self, phone=None):
        phone = phone or self.new_phone()
        status = self.session.value('SELECT status FROM customer_identity.start_verification(%s)', (phone,))
        if status != 'sent':
            raise Failed(f'start_verification answers {status}')
        return phone

    def message(self, phone):
        with self.session.connection.cursor(cursor_factory=psycopg2.extras.NamedTupleCursor) as cursor:
            cursor.execute(
                'SELECT *, extract(epoch FROM next_attempt_at - clock_timestamp())::float AS wait, '
                'extract(epoch FROM next_attempt_at - created_at)::float AS lease '
                'FROM customer_identity.sms_messages WHERE phone = %s', (phone,))
            messages = cursor.fetchall()
        if len(messages) != 1:
            raise Failed(f'{len(messages)} messages instead of one')
        return messages[0]

    def wait_until(self, phone, status):
        wait_for(f'status of a message ({self.message(phone).error})', lambda: self.message(phone).status, status)
        return self.message(phone)

    def wait_for_attempt(self, phone, attempts):
        """Until so many attempts failed and are recorded."""
        def recorded():
            message = self.message(phone)
            return message.attempts if message.error else 0
        wait_for('attempts that failed', recorded, attempts)
        return self.message(phone)

    def make_due(self, phone):
        """As if the time to wait was over."""
        self.session.run(
            'UPDATE customer_identity.sms_messages SET next_attempt_at = clock_timestamp(), error = NULL WHERE phone = %s; '
            "NOTIFY customer_identity_sms", (phone,))


class Suite:
    def __init__(self):
        self.node = twilio.install()
        self.description = twilio.Description()
        self.provider = answers.Provider(self.description.example)
        self.server = Server()
        self.count = 0
        self.failures = []
        self.only = os.environ.get('CHECKS', '').split()

    def expect(self, what, found, wanted=True):
        if found != wanted:
            raise Failed(f'{what}: {found} instead of {wanted}')
        self.count += 1

    def run(self, check, *arguments):
        if self.only and check.__name__ not in self.only:
            return
        start = time.monotonic()
        try:
            check(self, *arguments)
            print(f'{check.__name__}: {time.monotonic() - start:.1f} s', flush=True)
        except Exception as failure:
            self.failures.append(check.__name__)
            if not isinstance(failure, Failed):
                traceback.print_exc()
            print(f'{check.__name__} failed: {failure}', flush=True)
            self.restore(*arguments)

    def restore(self, *shops):
        """What a check that failed may have left behind."""
        for each in (self.server, *shops):
            each.session.close()
            wait_for('the server is up', lambda: works(each.connect))
        self.server.reload(**self.usual())

    def usual(self):
        return dict(
            twilio_base_url=self.provider.url, twilio_account_sid=ACCOUNT, twilio_sender=SENDER, sms_timeout=TIMEOUT)

    def wait_for_request(self, phone, count=1):
        wait_for('requests for a phone', lambda: len(self.provider.received(phone)), count)
        return self.provider.received(phone)[-1]

    def hang(self, phone, answer=answers.accepted):
        hanging = answers.Hanging(answer)
        self.provider.answer(phone, hanging)
        return hanging


def code_in(request):
    return re.search(r'\d{6}', request.text)[0]


def post(url, form, content_type='application/x-www-form-urlencoded', credentials=f'{ACCOUNT}:{TOKEN}'):
    """The status of a request of the test's own."""
    headers = {'Content-Type': content_type}
    if credentials:
        headers['Authorization'] = f'Basic {b64encode(credentials.encode()).decode()}'
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


# Twilio's contract

def request_conforms_to_twilios_description(suite, shop_):
    prism = twilio.Prism(suite.node)
    try:
        good = {'To': '+4915123450000', 'From': SENDER, 'Body': 'text'}
        url = prism.url + twilio.MESSAGES.replace('{AccountSid}', ACCOUNT)
        suite.expect('status of a good request', post(url, good), 201)
        suite.expect('status without a phone', post(url, {'From': SENDER, 'Body': 'text'}), 422)
        suite.expect('status with a bad service', post(url, {**good, 'MessagingServiceSid': 'MG1'}), 422)
        suite.expect('status with a bad account', post(url.replace(ACCOUNT, 'AC1'), good), 422)
        suite.expect('status without credentials', post(url, good, credentials=None), 401)
        suite.expect('status of another type', post(url, good, content_type='text/plain'), 415)
        for sender in (SENDER, 'Shop', SERVICE):
            suite.server.reload(twilio_base_url=prism.url, twilio_sender=sender)
            sent = shop_.wait_until(shop_.send(), 'sent')
            suite.expect('id of the message', sent.provider_id, suite.description.example['sid'])
        suite.server.reload(twilio_sender='MG1')
        suite.expect("422 in the error", '422' in shop_.wait_until(shop_.send(), 'failed').error)
    finally:
        suite.server.reload(**suite.usual())
        prism.stop()


def request_says_what_twilio_names(suite, shop_):
    """Prism lets fields pass that it does not know."""
    phone = shop_.send()
    request = suite.wait_for_request(phone)
    suite.expect('path', request.path, twilio.MESSAGES.replace('{AccountSid}', ACCOUNT))
    suite.expect('type', request.type.partition(';')[0], 'application/x-www-form-urlencoded')
    suite.expect('user and password', (request.user, request.password), (ACCOUNT, TOKEN))
    suite.expect('fields', request.form, {'To': phone, 'From': SENDER, 'Body': request.text})
    suite.server.reload(twilio_sender=SERVICE)
    phone = shop_.send()
    request = suite.wait_for_request(phone)
    suite.server.reload(**suite.usual())
    suite.expect('fields', request.form, {'To': phone, 'MessagingServiceSid': SERVICE, 'Body': request.text})
    suite.expect('fields that Twilio does not know', set(request.form) - suite.description.fields, set())


def text_arrives_letter_by_letter(suite, shop_):
    text = 'Ihr Code für „Käse & Brot“ = {code}; 100% +1 🧀?'
    shop_.session.run('SELECT set_config(%s, %s, false)', ('customer_identity.sms_text', text))
    try:
        request = suite.wait_for_request(shop_.send())
    finally:
        shop_.session.run('RESET customer_identity.sms_text')
    suite.expect('text', request.text, text.replace('{code}', code_in(request)))


# Answers of the provider

def good_answers_are_sent(suite, shop_):
    """201 is Twilio's word that it has the message: what the body says does not matter."""
    for answer in (answers.accepted, answers.slow, answers.garbage(201), answers.cut_off(201)):
        phone = shop_.new_phone()
        suite.provider.answer(phone, answer)
        sent = shop_.wait_until(shop_.send(phone), 'sent')
        request, = suite.provider.received(phone)
        suite.expect('text is kept', sent.body, None)
        suite.expect('error', sent.error, None)
        suite.expect('attempts', sent.attempts, 1)
        if answer in (answers.accepted, answers.slow):
            suite.expect('id of the message', sent.provider_id, f'SM{request.number:032x}')


def refusals_are_permanent(suite, shop_):
    for status, code in ((400, 21211), (400, 21610), (403, 21408), (404, 20404)):
        phone = shop_.new_phone()
        suite.provider.answer(phone, answers.refused(status, code))
        failed = shop_.wait_until(shop_.send(phone), 'failed')
        suite.expect(f'Twilio\'s code in "{failed.error}"', str(code) in failed.error)
        suite.expect('text is kept', failed.body, None)
        shop_.make_due(phone)
        shop_.wait_until(shop_.send(), 'sent')
        suite.expect('requests', len(suite.provider.received(phone)), 1)


def passing_failures_are_tried_again(suite, shop_):
    suite.server.reload(sms_timeout='2')
    failures = {
        '429': answers.refused(429, 20429, ('Retry-After', '1')), '500': answers.refused(500), '503': answers.refused(503),
        'an unreadable 500': answers.garbage(500), 'a 500 that is cut off': answers.cut_off(500),
        'an endless 500': answers.endless, 'no HTTP': answers.not_http, 'no answer': answers.Hanging()}
    phones = {}
    for name, failure in failures.items():
        phones[name] = shop_.new_phone()
        suite.provider.answer(phones[name], failure, answers.accepted)
        shop_.send(phones[name])
    for name, phone in phones.items():
        failed = shop_.wait_for_attempt(phone, 1)
        suite.expect(f'status after {name}', failed.status, 'pending')
        suite.expect(f'text is kept after {name}', code_in(suite.provider.received(phone)[0]) in failed.body)
    for name, phone in phones.items():
        sent = shop_.wait_until(phone, 'sent')
        suite.expect(f'attempts after {name}', sent.attempts, 2)
        suite.expect(f'requests after {name}', len(suite.provider.received(phone)), 2)
    suite.server.reload(**suite.usual())


def refused_account_is_no_fault_of_the_message(suite, shop_):
    """Once the token is right, it is sent."""
    phone = shop_.new_phone()
    suite.provider.answer(phone, answers.refused(401, 20003), answers.accepted)
    failed = shop_.wait_for_attempt(shop_.send(phone), 1)
    suite.expect(f'Twilio\'s code in "{failed.error}"', '20003' in failed.error)
    suite.expect('attempts', shop_.wait_until(phone, 'sent').attempts, 2)


def tries_are_further_and_further_apart(suite, shop_):
    phone = shop_.new_phone()
    suite.provider.answer(phone, answers.refused(503))
    shop_.send(phone)
    waits = []
    for attempts in range(1, 6):
        waits.append(shop_.wait_for_attempt(phone, attempts).wait)
        shop_.make_due(phone)
    suite.expect(f'the fifth wait is longer than the first: {waits}', waits[4] > waits[0] > 0)


def redirections_are_not_followed(suite, shop_):
    """They would take the code and the token elsewhere."""
    phone = shop_.new_phone()
    suite.provider.answer(phone, answers.redirected)
    shop_.send(phone)
    wait_for('an error is recorded', lambda: shop_.message(phone).error is not None)
    suite.expect('status is sent', shop_.message(phone).status == 'sent', False)
    paths = {request.path for request in suite.provider.requests}
    suite.expect('requests elsewhere', answers.ELSEWHERE in paths, False)
    shop_.session.run('DELETE FROM customer_identity.verifications WHERE phone = %s', (phone,))


def new_address_is_used_after_a_reload(suite, shop_):
    worker = shop_.worker
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))
        suite.server.reload(twilio_base_url=f'http://127.0.0.1:{closed.getsockname()[1]}')
        phone = shop_.send()
        failed = shop_.wait_for_attempt(phone, 1)
        suite.expect('status while connections are refused', failed.status, 'pending')
        suite.server.reload(**suite.usual())
        shop_.wait_until(phone, 'sent')
    suite.expect('requests', len(suite.provider.received(phone)), 1)
    suite.expect('worker', shop_.worker, worker)


def message_waits_for_settings_that_are_empty(suite, shop_):
    suite.server.reload(twilio_sender='')
    phone = shop_.send()
    wait_for('the log says what is missing', lambda: 'twilio_sender is empty' in suite.server.log())
    suite.expect('requests', suite.provider.received(phone), [])
    suite.server.reload(**suite.usual())
    suite.expect('attempts', shop_.wait_until(phone, 'sent').attempts, 1)


def message_that_is_locked_is_left_alone(suite, shop_):
    """The worker does not ask for it again and again."""
    phone = shop_.new_phone()
    suite.provider.answer(phone, answers.refused(503), answers.accepted)
    wait = shop_.wait_for_attempt(shop_.send(phone), 1).wait
    shop_.session.run('BEGIN')
    shop_.session.run('SELECT FROM customer_identity.sms_messages WHERE phone = %s FOR UPDATE', (phone,))
    time.sleep(max(wait, 0))
    transactions = 'SELECT xact_commit FROM pg_stat_database WHERE datname = %s'
    before = suite.server.session.value(transactions, (shop_.name,))
    time.sleep(2)
    after = suite.server.session.value(transactions, (shop_.name,))
    shop_.session.run('COMMIT')
    suite.expect(f'{after - before} transactions are few', after - before < 50)
    shop_.wait_until(phone, 'sent')


def hanging_request_holds_up_nobody(suite, shop_):
    """With a time-out of a minute, the others are sent before anything is recorded of those that hang."""
    hung = []
    for _ in range(3):
        phone = shop_.new_phone()
        hung.append((phone, suite.hang(phone)))
        shop_.send(phone)
        suite.wait_for_request(phone)
    for phone in [shop_.send() for _ in range(12)]:
        shop_.wait_until(phone, 'sent')
    for phone, hanging in hung:
        message = shop_.message(phone)
        suite.expect('what is recorded of a request that hangs', (message.status, message.error), ('pending', None))
        hanging.release()
    for phone, _ in hung:
        shop_.wait_until(phone, 'sent')
        suite.expect('requests', len(suite.provider.received(phone)), 1)


def no_transaction_is_open_while_a_request_runs(suite, shop_):
    phone = shop_.new_phone()
    hanging = suite.hang(phone)
    shop_.send(phone)
    suite.wait_for_request(phone)

    def transactions():
        return set(suite.server.session.run(
            'SELECT xact_start, backend_xmin, backend_xid FROM pg_stat_activity '
            'WHERE pid = %s AND num_nonnulls(xact_start, backend_xmin, backend_xid) > 0', (shop_.worker,)))

    running = transactions()
    time.sleep(1)
    suite.expect('transactions that last', running & transactions(), set())
    activity = str(suite.server.session.run("SELECT a FROM pg_stat_activity AS a WHERE backend_type <> 'client backend'"))
    request = suite.provider.received(phone)[0]
    for secret in (TOKEN, code_in(request), phone[1:]):
        suite.expect('a secret in pg_stat_activity', secret in activity, False)
    locks = suite.server.session.run(
        "SELECT relation::regclass::text, mode FROM pg_locks WHERE pid = %s AND locktype = 'relation'", (shop_.worker,))
    suite.expect('relations that are locked', locks, [])
    suite.expect('nothing is recorded', shop_.message(phone).error, None)
    hanging.release()
    shop_.wait_until(phone, 'sent')


def owner_of_the_extension_gains_nothing(suite, shop_):
    """Triggers that the owner puts on the messages run as the owner, although the worker is a superuser; those that
    would run later do not run at all."""
    server = suite.server
    server.session.run('CREATE ROLE owner LOGIN')
    server.session.run('CREATE DATABASE owned OWNER owner')
    owned = psycopg2.connect(user='owner', dbname='owned')
    owned.autocommit = True
    with owned.cursor() as cursor:
        cursor.execute("""
            CREATE EXTENSION customer_identity;
            CREATE TABLE seen (role text, may_read_passwords boolean, escape text);
            CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE
                escape text := 'none';
            BEGIN
                BEGIN
                    SET ROLE postgres;
                    escape := 'SET ROLE';
                EXCEPTION WHEN OTHERS THEN
                END;
                BEGIN
                    RESET SESSION AUTHORIZATION;
                    escape := 'RESET SESSION AUTHORIZATION';
                EXCEPTION WHEN OTHERS THEN
                END;
                BEGIN
                    IF current_setting('customer_identity.twilio_auth_token') LIKE '%token%' THEN
                        escape := 'the token';
                    END IF;
                EXCEPTION WHEN OTHERS THEN
                END;
                INSERT INTO public.seen VALUES (
                    current_user, has_table_privilege('pg_catalog.pg_authid', 'SELECT'), escape);
                RETURN NULL;
            END $$;
            CREATE TRIGGER look AFTER UPDATE ON customer_identity.sms_messages FOR EACH ROW EXECUTE FUNCTION look();
            CREATE CONSTRAINT TRIGGER look_later AFTER UPDATE ON customer_identity.sms_messages
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION look();
            SELECT customer_identity.create_tables()""")
        try:
            cursor.execute('SELECT customer_identity.start_sms_worker()')
            refusal = None
        except psycopg2.Error as error:
            refusal = error.pgcode
        suite.expect('the owner may start the worker', refusal, '42501')
        phone = Shop.new_phone()
        cursor.execute('SELECT status FROM customer_identity.start_verification(%s)', (phone,))
        with psycopg2.connect(dbname='owned') as superuser:
            superuser.cursor().execute('SELECT customer_identity.start_sms_worker()')
        superuser.close()
        wait_for('the log tells of the trigger', lambda: 'cannot fire deferred trigger' in server.log())
        cursor.execute('DROP TRIGGER look_later ON customer_identity.sms_messages; NOTIFY customer_identity_sms')
        suite.wait_for_request(phone)

        def recorded():
            cursor.execute('SELECT status FROM customer_identity.sms_messages')
            return cursor.fetchone()[0]
        wait_for('status', recorded, 'sent')
        cursor.execute('SELECT DISTINCT role, may_read_passwords, escape FROM seen')
        seen = cursor.fetchall()
    owned.close()
    server.session.run('DROP DATABASE owned WITH (FORCE)')
    server.session.run('DROP ROLE owner')
    suite.expect('what the triggers saw', seen, [('owner', False, 'none')])


# What is sent, and when

def cash_order_waits_for_the_code(suite, shop_):
    phone = shop_.new_phone()
    order = "INSERT INTO orders (phone, total, payment) VALUES (%s, 12.5, 'cash') RETURNING customer_id"
    shop_.session.run('SET log_min_messages = fatal')
    try:
        shop_.session.run(order, (phone,))
        refusal = None
    except psycopg2.Error as error:
        refusal = error.pgcode
    shop_.session.run('RESET log_min_messages')
    suite.expect('refusal', refusal, 'CI002')
    verification, status = shop_.session.run(
        'SELECT verification_id, status FROM customer_identity.start_verification(%s)', (phone,))[0]
    suite.expect('start_verification', status, 'sent')
    code = code_in(suite.wait_for_request(phone))
    check = 'SELECT status, attempts_left, customer_id FROM customer_identity.check_verification(%s, %s)'
    wrong = f'{(int(code) + 1) % 10**6:06}'
    suite.expect('a wrong code', shop_.session.run(check, (verification, wrong)), [('incorrect', 4, None)])
    status, _, customer = shop_.session.run(check, (verification, code))[0]
    suite.expect('the code', status, 'approved')
    suite.expect('customer of the order', shop_.session.value(order, (phone,)), customer)


def nothing_is_sent_for_a_caller_who_rolls_back(suite, shop_):
    session = shop_.session
    session.run('BEGIN')
    phones = [shop_.send()]
    session.run('ROLLBACK')
    session.run('BEGIN')
    kept = [shop_.send()]
    session.run('SAVEPOINT s')
    phones.append(shop_.send())
    session.run('ROLLBACK TO s')
    kept.append(shop_.send())
    suite.expect('requests before the commit', [len(suite.provider.received(phone)) for phone in kept], [0, 0])
    session.run('COMMIT')
    for phone in kept:
        shop_.wait_until(phone, 'sent')
    shop_.wait_until(shop_.send(), 'sent')
    suite.expect('requests', [len(suite.provider.received(phone)) for phone in phones], [0, 0])


def code_that_expired_or_was_cancelled_is_not_sent(suite, shop_):
    end = {
        'expired': 'UPDATE customer_identity.sms_messages SET expires_at = clock_timestamp() WHERE phone = %s',
        'cancelled': 'SELECT customer_identity.cancel_verification(id) FROM customer_identity.verifications WHERE phone = %s'}
    phones = {}
    for name, statement in end.items():
        phones[name] = shop_.new_phone()
        suite.provider.answer(phones[name], answers.refused(503))
        shop_.wait_for_attempt(shop_.send(phones[name]), 1)
        shop_.session.run(statement, (phones[name],))
        shop_.make_due(phones[name])
    shop_.wait_until(shop_.send(), 'sent')
    for name, phone in phones.items():
        suite.expect(f'requests for what is {name}', len(suite.provider.received(phone)), 1)
    shop_.session.run('SELECT customer_identity.purge_verifications()')
    suite.expect('text is kept of what has expired', shop_.message(phones['expired']).body, None)


def notification_wakes_the_worker(suite, shop_):
    """One after the other: a timer alone would take far longer than we wait."""
    phone = None

    def sent():
        return shop_.message(phone).status == 'sent'

    end = time.monotonic() + PATIENCE
    for _ in range(30):
        phone = shop_.send()
        wait_for('a message is sent', sent)
        if time.monotonic() > end:
            raise Failed('the worker waits for its timer')
        suite.count += 1


def second_worker_sends_nothing_twice(suite, shop_):
    for _ in range(3):
        shop_.start_worker()
    phones = [shop_.send() for _ in range(20)]
    for phone in phones:
        shop_.wait_until(phone, 'sent')
        suite.expect('requests', len(suite.provider.received(phone)), 1)


# The ends of a worker

def end_of_an_idle_worker_loses_nothing(suite, shop_):
    for worker in suite.server.workers(shop_.name):
        suite.server.session.run('SELECT pg_terminate_backend(%s)', (worker,))
        wait_for('a worker that was ended', lambda: worker in suite.server.workers(shop_.name), False)
    phone = shop_.send()
    shop_.start_worker()
    shop_.wait_until(phone, 'sent')
    suite.expect('requests', len(suite.provider.received(phone)), 1)


def end_in_the_middle_of_a_request_waits_for_the_answer(suite, shop_):
    """A successor takes what is new; what has been sent is recorded as such, and once."""
    phone = shop_.new_phone()
    hanging = suite.hang(phone)
    shop_.send(phone)
    suite.wait_for_request(phone)
    worker = shop_.worker
    suite.server.session.run('SELECT pg_terminate_backend(%s)', (worker,))
    wait_for('another worker', lambda: shop_.start_worker() != worker)
    hanging.release()
    wait_for('a worker that was ended', lambda: worker in suite.server.workers(shop_.name), False)
    suite.expect('attempts', shop_.wait_until(phone, 'sent').attempts, 1)
    shop_.wait_until(shop_.send(), 'sent')
    suite.expect('requests', len(suite.provider.received(phone)), 1)


def end_in_the_middle_of_a_request_that_hangs_loses_nothing(suite, shop_):
    phone = shop_.new_phone()
    hanging = suite.hang(phone)
    shop_.send(phone)
    suite.wait_for_request(phone)
    worker = shop_.worker
    suite.server.session.run('SELECT pg_terminate_backend(%s)', (worker,))
    wait_for('a worker that was ended', lambda: worker in suite.server.workers(shop_.name), False)
    left = shop_.message(phone)
    suite.expect('status after the end', left.status, 'pending')
    hanging.release()
    shop_.start_worker()
    shop_.make_due(phone)
    suite.expect('attempts', shop_.wait_until(phone, 'sent').attempts, 2)
    suite.expect('requests', len(suite.provider.received(phone)), 2)


def extension_is_dropped_and_made_again(suite, shop_):
    phone = shop_.new_phone()
    hanging = suite.hang(phone)
    shop_.send(phone)
    suite.wait_for_request(phone)
    worker = shop_.worker
    shop_.session.run('DROP EXTENSION customer_identity CASCADE')
    hanging.release()
    time.sleep(1)
    shop_.session.run('CREATE EXTENSION customer_identity')
    shop_.wait_until(shop_.send(), 'sent')
    suite.expect('worker', shop_.worker, worker)


# Settings

def readable_token_is_warned_of(suite, shop_):
    """Where the library is not preloaded, the server knows nothing of the setting and shows it to everybody."""
    del shop_.session.connection.notices[:]
    shop_.start_worker()
    suite.expect('warning', 'every role can read' in ''.join(shop_.session.connection.notices))


def token_is_read_by_no_role(suite, shop_):
    """Neither by its name nor by any column of a catalog."""
    server = suite.server
    server.session.run('CREATE ROLE plain LOGIN; CREATE ROLE monitor LOGIN; GRANT pg_monitor, pg_read_all_data TO monitor')
    statements = (
        'SHOW customer_identity.twilio_auth_token', 'SHOW ALL',
        "SELECT current_setting('customer_identity.twilio_auth_token')", 'SELECT s::text FROM pg_settings AS s',
        'SELECT s::text FROM pg_file_settings AS s', "SELECT a::text FROM pg_stat_activity AS a",
        "SELECT pg_read_file('sms.conf')")
    for role in ('plain', 'monitor'):
        for database in ('postgres', shop_.name):
            for statement in statements:
                shown = seen_by(role, database, statement)
                suite.expect(f'{role} reads the token by {statement} in {database}', TOKEN in shown, False)
    server.session.run('DROP ROLE plain, monitor')
    suite.expect(
        'the token that a superuser reads',
        server.session.value("SELECT current_setting('customer_identity.twilio_auth_token')"), TOKEN)


def seen_by(role, database, statement):
    connection = psycopg2.connect(user=role, dbname=database)
    connection.autocommit = True
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement)
            seen = str(cursor.fetchall())
        except psycopg2.Error as error:
            seen = str(error)
    connection.close()
    return seen


def new_token_is_used_after_a_reload(suite, shop_):
    suite.server.reload(twilio_auth_token=NEW_TOKEN)
    request = suite.wait_for_request(shop_.send())
    suite.expect('password', request.password, NEW_TOKEN)


# With shared_preload_libraries

def launcher_serves_the_databases_named(suite, shop_):
    """Also one that is made later, and one that is named later."""
    late = Shop(suite.server, 'late')
    unnamed = Shop(suite.server, 'unnamed')
    phones = [shop_.send(), late.send()]
    unnamed_phone = unnamed.send()
    for each, phone in zip((shop_, late), phones):
        each.wait_until(phone, 'sent')
    suite.expect('requests for a database not named', len(suite.provider.received(unnamed_phone)), 0)
    suite.server.reload(sms_databases='shop, unnamed, late')
    unnamed.wait_until(unnamed_phone, 'sent')
    suite.expect('requests', len(suite.provider.received(unnamed_phone)), 1)
    unnamed.session.close()
    late.session.close()


def dropped_database_stops_nobody(suite, shop_):
    hanging_phone = shop_.new_phone()
    lost = Shop(suite.server, 'lost')
    suite.server.reload(sms_databases='shop, lost')
    wait_for('workers of databases not named any more', lambda: suite.server.workers('late') + suite.server.workers('unnamed'), [])
    phone = lost.send()
    lost.wait_until(phone, 'sent')
    hanging = suite.hang(hanging_phone)
    lost.send(hanging_phone)
    suite.wait_for_request(hanging_phone)
    lost.session.close()
    suite.server.session.run('DROP DATABASE lost WITH (FORCE)')
    shop_.wait_until(shop_.send(), 'sent')
    hanging.release()
    before = suite.server.log().count('FATAL')
    time.sleep(6)
    suite.expect('new FATAL lines are few', suite.server.log().count('FATAL') - before <= 3)
    shop_.wait_until(shop_.send(), 'sent')
    again = Shop(suite.server, 'lost')
    again.wait_until(again.send(), 'sent')
    again.session.close()


def killed_worker_sends_again_after_its_lease(suite, shop_):
    phone = shop_.new_phone()
    hanging = suite.hang(phone)
    shop_.send(phone)
    suite.wait_for_request(phone)
    os.kill(shop_.worker, signal.SIGKILL)
    shop_.session.close()
    suite.server.wait_for_crash()
    wait_for('the shop is open again', lambda: works(shop_.connect))
    left = shop_.message(phone)
    suite.expect('what is left', (left.status, left.attempts, left.error), ('pending', 1, None))
    suite.expect('the lease is longer than the time-out', left.lease > TIMEOUT)
    hanging.release()
    shop_.wait_until(shop_.send(), 'sent')
    suite.expect('requests within the lease', len(suite.provider.received(phone)), 1)
    shop_.make_due(phone)
    shop_.wait_until(phone, 'sent')
    suite.expect('requests', len(suite.provider.received(phone)), 2)


def server_stops_while_the_provider_hangs(suite, shop_):
    phone = shop_.new_phone()
    hanging = suite.hang(phone)
    shop_.send(phone)
    suite.wait_for_request(phone)
    shop_.session.close()
    suite.server.stop()
    suite.server.start()
    shop_.connect()
    hanging.release()
    shop_.wait_until(shop_.send(), 'sent')
    shop_.make_due(phone)
    shop_.wait_until(phone, 'sent')


# As the documents have them, for who raises an alarm.
LOG_LINES = (
    r'LOG: +now sending the messages of database "shop"', r'LOG: +message \d+ to \S+ was sent \(HTTP 201\)',
    r'LOG: +message \d+ to \S+ was not sent \(HTTP 400, Twilio error \d+\), giving up',
    r'LOG: +message \d+ to \S+ was not sent \(HTTP 500, Twilio error 0\), will retry',
    r'LOG: +message \d+ to \S+ had no answer: ', r'LOG: +no messages are sent: customer_identity\.\w+ is empty',
    r'WARNING: +the provider rejects requests with these settings \(HTTP 401, Twilio error \d+\)')


def log_has_the_lines_for_alarms(suite):
    log = suite.server.log()
    suite.expect('lines that are missing', [line for line in LOG_LINES if not re.search(line, log)], [])


def log_tells_no_secret(suite):
    """Every line that this server wrote, those of the workers too."""
    codes = {code_in(request) for request in suite.provider.requests if request.text}
    phones = [shop.phone(number) for number in range(next(Shop.numbers))]
    lines = re.sub(r'PID \d+', 'PID', suite.server.log()).splitlines()
    suite.expect('lines with a code', [line for line in lines if codes & set(re.findall(r'\d+', line))], [])
    suite.expect(
        'lines with a phone', [line for line in lines if any(phone[3:] in line for phone in phones)], [])
    suite.expect('lines with the token', [line for line in lines if TOKEN in line or NEW_TOKEN in line], [])
    suite.expect(
        'processes that died by themselves',
        [line for line in lines if re.search(r'terminated by signal (?!9\b)|exited with exit code (?![01]\b)', line)], [])


CHECKS = (
    request_says_what_twilio_names, request_conforms_to_twilios_description, text_arrives_letter_by_letter,
    good_answers_are_sent, refusals_are_permanent, passing_failures_are_tried_again,
    refused_account_is_no_fault_of_the_message, tries_are_further_and_further_apart,
    redirections_are_not_followed, new_address_is_used_after_a_reload, message_waits_for_settings_that_are_empty,
    message_that_is_locked_is_left_alone, hanging_request_holds_up_nobody, owner_of_the_extension_gains_nothing,
    no_transaction_is_open_while_a_request_runs, cash_order_waits_for_the_code,
    nothing_is_sent_for_a_caller_who_rolls_back, code_that_expired_or_was_cancelled_is_not_sent,
    notification_wakes_the_worker, second_worker_sends_nothing_twice, end_of_an_idle_worker_loses_nothing,
    end_in_the_middle_of_a_request_waits_for_the_answer, end_in_the_middle_of_a_request_that_hangs_loses_nothing,
    killed_worker_sends_again_after_its_lease, extension_is_dropped_and_made_again, readable_token_is_warned_of)
CHECKS_OF_THE_LAUNCHER = (
    launcher_serves_the_databases_named, dropped_database_stops_nobody, killed_worker_sends_again_after_its_lease,
    server_stops_while_the_provider_hangs, token_is_read_by_no_role, new_token_is_used_after_a_reload)


def main():
    for name in ('http_proxy', 'https_proxy', 'all_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'):
        os.environ.pop(name, None)
    shop.enter_cluster(CLUSTER_CONF=CONF, no_proxy='*')
    suite = Suite()
    suite.server.reload(**suite.usual())
    shop_ = Shop(suite.server, 'shop')
    shop_.start_worker()
    for check in CHECKS:
        suite.run(check, shop_)
    shop_.session.close()
    suite.server.set(shared_preload_libraries='customer_identity', sms_databases='shop, late')
    suite.server.stop()
    suite.server.start()
    shop_.connect()
    for check in CHECKS_OF_THE_LAUNCHER:
        suite.run(check, shop_)
    suite.run(log_has_the_lines_for_alarms)
    suite.run(log_tells_no_secret)
    if suite.failures:
        sys.exit(f'sms: {len(suite.failures)} checks failed: {", ".join(suite.failures)}')
    print(f'sms: {suite.count} checks passed')


main()
