#!/usr/bin/python3 -B
"""Verification by many sessions: 32 guess, start, claim and cancel at the same moment; transactions that stay open,
are prepared or rolled back; what is notified to whom; and what a dump holds of it."""

import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'oracle'))

import shop

SESSIONS = 32
ROUNDS = 5
LEVELS = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
START = 'SELECT status FROM customer_identity.start_verification(%s, user_id => %s, client_address => %s)'
CHECK = 'SELECT status FROM customer_identity.check_verification(%s, %s)'
CANCEL = 'SELECT customer_identity.cancel_verification(%s)'


class Failed(Exception):
    pass


class Crowd:
    """The sessions, and one that looks on as a superuser."""

    def __init__(self):
        self.control = shop.Session('control')
        self.sessions = [shop.Session(f'session{n}') for n in range(SESSIONS)]
        self.pool = ThreadPoolExecutor(SESSIONS)
        self.phones = iter(range(10**4))
        self.checks = 0

    def expect(self, what, found, wanted):
        if found != wanted:
            raise Failed(f'{what}: {found} instead of {wanted}')
        self.checks += 1

    def phone(self):
        return shop.phone(next(self.phones))

    def at_once(self, calls, level='READ COMMITTED'):
        """What each call, a statement with its arguments, returned; a serialisation failure is repeated."""
        barrier = threading.Barrier(len(calls))

        def run(session, statement, *arguments):
            barrier.wait()
            for _ in range(20 * SESSIONS):
                try:
                    session.run(f'BEGIN ISOLATION LEVEL {level}')
                    value = session.value(statement, arguments)
                    session.run('COMMIT')
                    return value
                except psycopg2.Error as error:
                    session.run('ROLLBACK')
                    if level == 'READ COMMITTED' or error.pgcode != '40001':
                        raise Failed(f'{error.pgcode} {error} in {statement}') from error
            raise Failed(f'no retry cures {statement}')

        return [each.result() for each in [
            self.pool.submit(run, session, *call) for session, call in zip(self.sessions, calls)]]

    def start(self, phone, user=None, address=None, session=None):
        return (session or self.control).value(START, (phone, user, address))

    def started(self, phone, user=None):
        """Id and code of a verification that was started."""
        identity = self.control.value(
            'SELECT verification_id FROM customer_identity.start_verification(%s, user_id => %s)', (phone, user))
        body = self.control.value('SELECT body FROM customer_identity.sms_messages WHERE verification_id = %s', (identity,))
        return identity, re.search(r'\d{6}', body).group()

    def started_often(self, phone, times):
        """As many verifications of one phone, all of which can be answered."""
        found = []
        for _ in range(times):
            self.control.run("DELETE FROM customer_identity.verification_events WHERE bucket NOT LIKE 'failure %'")
            found.append(self.started(phone))
        return found


def wrong(code):
    return f'{(int(code) + 1) % 1000000:06}'


def counted(answers):
    return {answer: answers.count(answer) for answer in sorted(set(answers))}


def guesses_at_one_code_are_five(crowd, level):
    identity, code = crowd.started(crowd.phone())
    answers = crowd.at_once([(CHECK, identity, wrong(code))] * SESSIONS, level)
    crowd.expect('answers', counted(answers), {'exhausted': SESSIONS - 5, 'incorrect': 5})
    crowd.expect('the right code', crowd.control.value(CHECK, (identity, code)), 'exhausted')


def guesses_at_codes_of_one_phone_are_five(crowd, level):
    phone = crowd.phone()
    codes = crowd.started_often(phone, 8)
    answers = crowd.at_once([(CHECK, identity, wrong(code)) for identity, code in codes] * (SESSIONS // 8), level)
    crowd.expect('answers', counted(answers), {'exhausted': SESSIONS - 5, 'incorrect': 5})
    crowd.expect('the right codes', {crowd.control.value(CHECK, each) for each in codes}, {'exhausted'})


def right_code_is_approved_once(crowd, level):
    phone = crowd.phone()
    identity, code = crowd.started(phone, 'ada')
    answers = crowd.at_once([(CHECK, identity, code)] * SESSIONS, level)
    crowd.expect('answers', counted(answers), {'approved': 1, 'expired': SESSIONS - 1})
    crowd.expect(
        'proofs', crowd.control.run(
            'SELECT p.user_id, p.method, c.is_phone_verified FROM phone_proofs AS p JOIN customers AS c ON c.id = p.customer_id '
            'WHERE p.phone = %s AND p.ended_at IS NULL', (phone,)), [('ada', 'sms', True)])


def right_code_among_wrong_ones_is_approved_or_too_late(crowd, level):
    identity, code = crowd.started(crowd.phone())
    answers = crowd.at_once([(CHECK, identity, code)] + [(CHECK, identity, wrong(code))] * (SESSIONS - 1), level)
    crowd.expect('the right code', answers[0] in ('approved', 'exhausted'), True)
    tries = answers.count('incorrect') + answers.count('approved')
    crowd.expect('tries', tries <= 5 if answers[0] == 'approved' else tries == 5, True)


def right_codes_of_one_phone_make_one_proof(crowd, level):
    phone = crowd.phone()
    codes = crowd.started_often(phone, 4)
    answers = crowd.at_once([(CHECK, *each) for each in codes], level)
    crowd.expect('answers', counted(answers), {'approved': 4})
    crowd.expect('proofs', crowd.control.value('SELECT count(*) FROM phone_proofs WHERE phone = %s', (phone,)), 1)


def code_is_approved_or_cancelled(crowd, level):
    identity, code = crowd.started(crowd.phone())
    answers = crowd.at_once([(CHECK, identity, code), (CANCEL, identity)] * (SESSIONS // 2), level)
    crowd.expect('approvals and cancellations', answers.count('approved') + answers.count(True), 1)


def starts_for_one_phone_send_one(crowd, level):
    phone = crowd.phone()
    answers = crowd.at_once([(START, phone, None, None)] * SESSIONS, level)
    crowd.expect('answers', counted(answers), {'sent': 1, 'throttled': SESSIONS - 1})
    crowd.expect(
        'messages', crowd.control.value('SELECT count(*) FROM customer_identity.sms_messages WHERE phone = %s', (phone,)), 1)


def limits_hold_at_once(crowd, level):
    wanted = {'sent': 10, 'throttled': SESSIONS - 10}
    same = crowd.phone()[-4:]
    answers = crowd.at_once([(START, crowd.phone(), None, f'10.0.{same[:2]}.{same[2:]}') for _ in crowd.sessions], level)
    crowd.expect('sent for an address', counted(answers), wanted)
    answers = crowd.at_once([(START, crowd.phone(), f'user {same}', None) for _ in crowd.sessions], level)
    crowd.expect('sent for a user', counted(answers), wanted)


def messages_are_claimed_once(crowd, level):
    crowd.control.run('DELETE FROM customer_identity.verifications')
    phones = [crowd.phone() for _ in crowd.sessions]
    crowd.at_once([(START, phone, None, None) for phone in phones])
    claimed = crowd.at_once(
        [("SELECT coalesce(array_agg(phone), '{}') FROM customer_identity.claim_messages(3)",)] * SESSIONS, level)
    rest = crowd.control.run('SELECT phone FROM customer_identity.claim_messages(100)')
    crowd.expect('claims', sorted(phone for each in claimed for phone in each) + [phone for phone, in rest], sorted(phones))


def refusals_are_counted_exactly(crowd, level):
    """Rows are bounded by the transactions that ask at the same time; nobody waits for another's."""
    def table():
        return crowd.control.run("SELECT COALESCE(sum(events), 0)::int, count(*)::int FROM customer_identity.verification_events WHERE bucket = 'throttled'")[0]

    phone = crowd.phone()
    crowd.start(phone)
    crowd.control.run("DELETE FROM customer_identity.verification_events WHERE bucket = 'throttled'")
    for asked in (1, 2, 3):
        answers = crowd.at_once([(START, phone, None, None)] * SESSIONS, level)
        crowd.expect('answers', counted(answers), {'throttled': SESSIONS})
        events, rows = table()
        crowd.expect('refusals', events, asked * SESSIONS)
        crowd.expect(f'{rows} rows are too many', rows > 2 * SESSIONS, False)
    health = crowd.control.value('SELECT sum(throttled)::int FROM customer_identity.verification_health')
    crowd.expect('in the view', health, 3 * SESSIONS)

    for session in crowd.sessions:
        session.run(f'BEGIN ISOLATION LEVEL {level}')
        session.run("SET LOCAL lock_timeout = '3s'")
        crowd.expect('a refusal that is not committed', crowd.start(phone, session=session), 'throttled')
        crowd.expect('a second one', crowd.start(phone, session=session), 'throttled')
    for n, session in enumerate(crowd.sessions):
        session.run('COMMIT' if n % 2 == 0 else 'ROLLBACK')
    events, rows = table()
    crowd.expect('refusals', events, 4 * SESSIONS)
    for _ in range(50):
        crowd.start(phone)
    crowd.expect('alone there are no more rows', table(), (events + 50, rows))


RACES = (
    guesses_at_one_code_are_five, guesses_at_codes_of_one_phone_are_five, right_code_is_approved_once,
    right_code_among_wrong_ones_is_approved_or_too_late, right_codes_of_one_phone_make_one_proof, code_is_approved_or_cancelled,
    starts_for_one_phone_send_one, limits_hold_at_once, refusals_are_counted_exactly, messages_are_claimed_once)


def open_transactions_neither_block_nor_open_limits(crowd):
    """Whoever waits here for another's transaction fails by lock_timeout."""
    a, b = crowd.sessions[:2]
    b.run("SET lock_timeout = '3s'")
    phone = crowd.phone()
    a.run('BEGIN')
    crowd.expect('a start that is not committed', crowd.start(phone, session=a), 'sent')
    crowd.expect('another for the phone', crowd.start(phone, session=b), 'throttled')
    crowd.expect('one for another phone', crowd.start(crowd.phone(), session=b), 'sent')
    for _ in range(10):
        crowd.start(crowd.phone(), 'patient', '192.0.2.77', a)
    crowd.expect('the limit of its address', crowd.start(crowd.phone(), None, '192.0.2.77', b), 'throttled')
    crowd.expect('and of its user', crowd.start(crowd.phone(), 'patient', None, b), 'throttled')
    a.run('ROLLBACK')
    crowd.expect('rolled back, it counts nothing', crowd.start(phone, 'patient', '192.0.2.77', b), 'sent')

    phone = crowd.phone()
    (first, code), (second, other_code) = crowd.started_often(phone, 2)
    a.run('BEGIN')
    for left in (4, 3, 2, 1, 0):
        crowd.expect('a guess that is not committed', a.run(
            'SELECT status, attempts_left FROM customer_identity.check_verification(%s, %s)', (first, wrong(code))), [('incorrect', left)])
    crowd.expect('counts for the phone', b.value(CHECK, (second, other_code)), 'exhausted')
    a.run('ROLLBACK')
    crowd.expect('until it is rolled back', b.value(CHECK, (second, other_code)), 'approved')

    a.run('BEGIN')
    a.run('LOCK TABLE customers, phone_proofs IN ACCESS EXCLUSIVE MODE')
    crowd.expect('a start while nobody can read the book', crowd.start(crowd.phone(), session=b), 'sent')
    a.run('ROLLBACK')
    b.run('RESET lock_timeout')


def prepared_transactions_count(crowd):
    a, b = crowd.sessions[:2]
    (first, code), (second, other_code) = crowd.started_often(crowd.phone(), 2)
    a.run('BEGIN')
    for _ in range(5):
        a.run(CHECK, (first, wrong(code)))
    a.run("PREPARE TRANSACTION 'guesses'")
    crowd.expect('guesses that are prepared', b.value(CHECK, (second, other_code)), 'exhausted')
    b.run("COMMIT PREPARED 'guesses'")
    crowd.expect('and committed', b.value(CHECK, (second, other_code)), 'exhausted')
    phone = crowd.phone()
    a.run('BEGIN')
    crowd.start(phone, session=a)
    try:
        a.run("PREPARE TRANSACTION 'start'")
        raise Failed('a start was prepared')
    except psycopg2.NotSupportedError:
        a.run('ROLLBACK')
    crowd.expect('a start that could not be prepared', crowd.start(phone, session=b), 'sent')


def claims_skip_what_others_hold(crowd):
    a, b = crowd.sessions[:2]
    b.run("SET lock_timeout = '3s'")
    crowd.control.run('DELETE FROM customer_identity.verifications')
    phones = sorted(crowd.phone() for _ in range(5))
    for phone in phones:
        crowd.start(phone)
    claim = 'SELECT coalesce(array_agg(phone ORDER BY phone), %s) FROM customer_identity.claim_messages(%s)'
    a.run('BEGIN')
    held = a.value(claim, ([], 3))
    crowd.expect('the rest', sorted(held + b.value(claim, ([], 10))), phones)
    crowd.expect('nothing', b.value(claim, ([], 10)), [])
    a.run('ROLLBACK')
    crowd.expect('what is free again', b.value(claim, ([], 10)), held)
    b.run('RESET lock_timeout')


def notified(session):
    session.run('SELECT 1')
    session.connection.poll()
    found = [(each.channel, each.payload) for each in session.connection.notifies]
    session.connection.notifies.clear()
    return found


def events_are_notified_on_commit(crowd):
    listener, a = crowd.sessions[:2]
    listener.run('LISTEN customer_identity_sms')
    listener.run('LISTEN customer_identity_events')
    phone = crowd.phone()
    a.run('BEGIN')
    crowd.start(phone, session=a)
    crowd.expect('before the commit', notified(listener), [])
    a.run('ROLLBACK')
    crowd.expect('after a rollback', notified(listener), [])
    identity, code = crowd.started(phone, 'ada')
    message = crowd.control.value('SELECT id FROM customer_identity.sms_messages WHERE verification_id = %s', (identity,))
    crowd.expect('after the commit', notified(listener), [('customer_identity_sms', str(message))])
    crowd.start(phone)
    crowd.expect('for a code that was not sent', notified(listener), [])

    crowd.control.run(CHECK, (identity, wrong(code)))
    crowd.control.run(CHECK, (identity, code))
    crowd.expect('for the first user of a phone', notified(listener), [])
    again = crowd.started_often(phone, 3)
    notified(listener)
    crowd.control.run("UPDATE customer_identity.verifications SET user_id = 'ada' WHERE id = %s", (again[0][0],))
    crowd.control.run("UPDATE customer_identity.verifications SET user_id = 'bob' WHERE id = %s", (again[1][0],))
    crowd.control.run(CHECK, again[0])
    crowd.expect('for the same user', notified(listener), [])
    a.run('BEGIN')
    customer = a.run('SELECT customer_id FROM customer_identity.check_verification(%s, %s)', again[1])[0][0]
    crowd.expect('before the approval is committed', notified(listener), [])
    a.run('COMMIT')
    (channel, payload), = notified(listener)
    crowd.expect('channel', channel, 'customer_identity_events')
    crowd.expect('event', json.loads(payload), {
        'event': 'phone_proved_by_another_user', 'customer_id': customer, 'user_id': 'bob', 'other_users': ['ada']})
    crowd.expect('a phone in it', re.search(phone[4:], payload), None)
    crowd.control.run(CHECK, again[2])
    crowd.expect('for a guest', notified(listener), [])
    listener.run('UNLISTEN *')


def approvals_survive_ids_of_any_spelling(crowd):
    """JSON writes a control character as six: an event that the server would not take is cut, never the approval."""
    listener = crowd.sessions[0]
    listener.run('LISTEN customer_identity_events')
    for times, character in ((1200, '\x01'), (1290, '\x01'), (1320, '\x01'), (2000, '\x01'), (2000, '"'), (2000, '\\'), (1000, 'é'), (2000, '\n'), (600, 'é\x01')):
        for others in (['eve'], sorted(f'{n:02}' + '\x02' * 300 for n in range(30))):
            phone = crowd.phone()
            for other in others:
                crowd.control.run('SELECT customer_identity.record_proof(%s, %s)', (phone, other))
            identity, code = crowd.started(phone, character * times)
            crowd.expect(f'{times} times {character!r}', crowd.control.value(CHECK, (identity, code)), 'approved')
            wanted = {'event': 'phone_proved_by_another_user', 'user_id': character * times, 'other_users': others[:20],
                      'customer_id': crowd.control.value('SELECT id FROM customers WHERE phone = %s', (phone,))}
            for part in ('other_users', 'user_id'):
                if len(json.dumps(wanted, ensure_ascii=False).encode()) >= 8000:
                    wanted.pop(part)
            (_, payload), = notified(listener)
            crowd.expect(f'the event of {times} times {character!r}', json.loads(payload), wanted)
    for encoding, character in (('LATIN1', 'é'), ('EUC_JP', '日'), ('SQL_ASCII', 'x'), ('WIN1251', 'ж')):
        approves_in_encoding(crowd, encoding, character)


def approves_in_encoding(crowd, encoding, character):
    crowd.control.run(f"CREATE DATABASE encoded ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    connection = psycopg2.connect('dbname=encoded')
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION customer_identity; SELECT customer_identity.create_tables(); SET customer_identity.default_region = 'DE'")
        for size in (60, 999, 1000):
            phone, user = crowd.phone(), (character + '\x01') * (size if encoding != 'EUC_JP' else size // 2)
            cursor.execute('SELECT customer_identity.record_proof(%s, %s)', (phone, 'eve'))
            cursor.execute(START, (phone, user, None))
            cursor.execute('SELECT verification_id, body FROM customer_identity.sms_messages WHERE phone = %s', (phone,))
            identity, body = cursor.fetchone()
            cursor.execute(CHECK, (identity, re.search(r'\d{6}', body).group()))
            crowd.expect(f'{len(user)} characters in {encoding}', cursor.fetchone(), ('approved',))
    connection.close()
    crowd.control.run('DROP DATABASE encoded')


def limits_cannot_be_set_before_the_library_loads(crowd):
    phone = crowd.phone()
    crowd.start(phone)
    connection = psycopg2.connect('', user='app')
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute('SET customer_identity.sms_limit_per_address = 0; SET customer_identity.verification_failures_per_phone = 0')
        cursor.execute(START, (phone, None, None))
        crowd.expect('a role with EXECUTE alone', cursor.fetchone(), ('throttled',))
        cursor.execute("SELECT current_setting('customer_identity.sms_limit_per_address'), "
                       "current_setting('customer_identity.verification_failures_per_phone')")
        crowd.expect('limits', cursor.fetchone(), ('10', '5'))
    connection.close()


def a_connection_cannot_hide_the_settings_of_the_database(crowd):
    """The server takes them from the client before the library can refuse them: the session ends at its first call."""
    for name, value in (('default_region', 'CU'), ('SMS_Text', '{code}'), ('sms_limit_total', '5'), ('sms_countries', 'CU'),
                        ('twilio_sender', 'Shop')):
        told = subprocess.run(['psql', '-qXU', 'app', '-c', "SELECT customer_identity.normalize_phone('')"], capture_output=True, text=True,
                              env={**os.environ, 'PGOPTIONS': f'-c customer_identity.{name}={value}'}).stderr
        crowd.expect(f'{name} with the connection', re.findall('^FATAL: .*', told, re.M),
                     [f'FATAL:  permission denied to set parameter "customer_identity.{name}"'])
    for user, options in (('app', '-c customer_identity.fast_path=off'), ('postgres', '-c customer_identity.default_region=AT')):
        connection = psycopg2.connect('', user=user, options=options)
        with connection.cursor() as cursor:
            cursor.execute('SELECT customer_identity.normalize_phone(%s), current_setting(%s)',
                           ('+4915123456789', 'customer_identity.' + options.partition('.')[2].partition('=')[0]))
            crowd.expect(f'what {user} may set', cursor.fetchone(), ('+4915123456789', options.partition('=')[2]))
        connection.close()


def settings_of_the_caller_show_no_code(crowd):
    """A plan that is printed shows the values of its parameters, a text as the bytes of its characters."""
    phone = crowd.phone()
    app = psycopg2.connect('', user='app')
    app.autocommit = True
    with app.cursor() as cursor:
        cursor.execute('SET client_min_messages = debug5')
        for name in ('plan', 'parse', 'rewritten'):
            cursor.execute(f'SET debug_print_{name} = on')
        app.notices.clear()
        cursor.execute(START, (phone, None, None))
        told = ' '.join(' '.join(app.notices).split())
        cursor.execute('SHOW debug_print_plan')
        crowd.expect('the settings of the caller stay', cursor.fetchone(), ('on',))
    app.close()
    body = crowd.control.value('SELECT body FROM customer_identity.sms_messages WHERE phone = %s', (phone,))
    code = re.search(r'\d{6}', body).group()
    for what, text in (('as text', code), ('as bytes', ' '.join(str(ord(digit)) for digit in code))):
        crowd.expect(f'a code {what} in what the client is told', text in told, False)


def dumps_hold_no_secret(crowd):
    phone = crowd.phone()
    identity, code = crowd.started(phone)
    secret, code_hash = crowd.control.run(
        "SELECT encode(s.secret, 'hex'), encode(v.code_hash, 'hex') FROM customer_identity.verification_secret AS s, "
        'customer_identity.verifications AS v WHERE v.id = %s', (identity,))[0]
    dump = subprocess.run(['pg_dump', '--inserts'], capture_output=True, text=True, check=True).stdout
    for what, text in (('secret', secret), ('hash', code_hash), ('message', f'code is {code}'), ('phone', phone), ('id', identity)):
        crowd.expect(f'{what} in a dump', text in dump, False)
    crowd.control.run('CREATE DATABASE restored')
    subprocess.run(['psql', '-qXd', 'restored', '-v', 'ON_ERROR_STOP=1'], input=dump, stdout=subprocess.DEVNULL, text=True, check=True)
    restored = psycopg2.connect('dbname=restored')
    with restored.cursor() as cursor:
        cursor.execute("SELECT encode(secret, 'hex') FROM customer_identity.verification_secret")
        found, = cursor.fetchone()
        crowd.expect('the secret after a restore', (len(found), found == secret), (64, False))
        cursor.execute("SET customer_identity.default_region = 'DE'")
        cursor.execute(CHECK, (identity, code))
        crowd.expect('a verification after a restore', cursor.fetchone(), ('unknown',))
        cursor.execute(START, (phone, None, None))
        crowd.expect('a start after a restore', cursor.fetchone(), ('sent',))
    restored.close()
    crowd.control.run('DROP DATABASE restored')


SCENES = (
    open_transactions_neither_block_nor_open_limits, prepared_transactions_count, claims_skip_what_others_hold,
    events_are_notified_on_commit, approvals_survive_ids_of_any_spelling, limits_cannot_be_set_before_the_library_loads,
    a_connection_cannot_hide_the_settings_of_the_database, settings_of_the_caller_show_no_code, dumps_hold_no_secret)


def open_shop():
    """Phones of the shop have one prefix, and there are many."""
    shop.open_shop()
    with psycopg2.connect('') as connection, connection.cursor() as cursor:
        cursor.execute('ALTER DATABASE postgres SET customer_identity.sms_limit_per_prefix = 0')
        cursor.execute('ALTER DATABASE postgres SET customer_identity.sms_limit_total = 0')
        cursor.execute('CREATE ROLE app LOGIN')
        cursor.execute('GRANT EXECUTE ON FUNCTION customer_identity.start_verification TO app')
    connection.close()


def main():
    shop.enter_cluster(CLUSTER_CONF='max_connections = 60')
    open_shop()
    crowd = Crowd()
    for each in RACES:
        for n in range(ROUNDS):
            level = LEVELS[n % len(LEVELS)]
            try:
                each(crowd, level)
            except Failed as failure:
                sys.exit(f'{each.__name__} at {level}: {failure}')
    for each in SCENES:
        try:
            each(crowd)
        except (Failed, psycopg2.Error) as failure:
            sys.exit(f'{each.__name__}: {failure}')
    print(f'verification: {crowd.checks} checks passed')


main()
