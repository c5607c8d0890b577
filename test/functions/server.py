"""Sessions that never wait for ever, and what tells a fault from an error that the extension means."""

import os
import select
import time
from pathlib import Path

import psycopg2
from psycopg2 import extensions

TIMEOUT = float(os.environ.get('STATEMENT_SECONDS', 3))
PATIENCE = 5 * TIMEOUT
LOG = Path(os.environ.get('PGHOST', '/')) / 'log'
DEATHS = ('terminated by signal', 'PANIC:', 'TRAP:', 'Sanitizer', 'runtime error:')
LEAKS = ('leak', 'SPI stack', 'still referenced', 'not closed')

# Internal errors of the server itself, which any extension or none would bring about.
ITS_OWN = ()


class Stuck(Exception):
    """A statement that went on long after its time was over."""


class Died(Exception):
    """The session has lost its server."""


def wait(connection):
    end = time.monotonic() + PATIENCE
    while (state := connection.poll()) != extensions.POLL_OK:
        sockets = ([connection], []) if state == extensions.POLL_READ else ([], [connection])
        left = end - time.monotonic()
        if left < 0 or not any(select.select(*sockets, [], left)):
            raise Stuck(f'a statement was not cancelled within {PATIENCE:.0f} s')


extensions.set_wait_callback(wait)


def fault_of(error):
    """What is wrong with an error, or None: an error that a caller can expect."""
    code = error.pgcode or ''
    if code.startswith('XX') and not any(text in str(error) for text in ITS_OWN):
        return f'internal error {code}: {error}'
    return None


def is_badly_composed(error):
    """Whether the extension made a statement that is no SQL: a name or a text of the caller was not quoted."""
    return error is not None and error.pgcode == '42601' and error.diag.internal_query is not None


class Log:
    """What the server has written since it was asked last."""

    def __init__(self):
        self.place = LOG.stat().st_size

    def deaths(self):
        with LOG.open(errors='replace') as log:
            log.seek(self.place)
            text = log.read()
            self.place = log.tell()
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if any(death in line for death in DEATHS):
                return '\n'.join(lines[max(number - 3, 0):number + 40])
        return None


class Session:
    """One role's connection. What it ran since begin() is its script."""

    def __init__(self, role, is_bare=False):
        self.role = role
        self.is_bare = is_bare
        self.open()

    def open(self):
        self.connection = psycopg2.connect(user=self.role, options=f'-c statement_timeout={TIMEOUT}s')
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        if not self.is_bare:
            self.run('CREATE TEMP TABLE fleeting (phone text, total numeric, customer_id uuid)')

    def open_again(self):
        """Waits for a server that recovers from a crash."""
        for _ in range(300):
            self.connection.close()
            try:
                return self.open()
            except (psycopg2.OperationalError, Died):
                time.sleep(0.2)
        raise Died('the server does not come back')

    def begin(self):
        self.script = [f'\\c - {self.role}']

    def execute(self, statement):
        """Raises psycopg2.Error, Stuck or Died."""
        try:
            self.cursor.execute(statement)
        except psycopg2.Error as error:
            if self.connection.closed or error.pgcode is None:
                raise Died(str(error)) from error
            raise

    def run(self, statement):
        self.execute(statement)
        return self.cursor.fetchall() if self.cursor.description else []

    def fault(self, statement):
        """Runs a statement of the script. Says what went wrong with it, or None; `error` is its error."""
        self.script.append(f'{statement};')
        self.error = None
        del self.connection.notices[:]
        try:
            self.execute(statement)
        except psycopg2.Error as error:
            self.error = error
            return fault_of(error)
        leak = next((text for text in self.connection.notices if any(word in text for word in LEAKS)), None)
        return leak and f'left open: {leak}'

    def is_itself(self):
        """Whether the session acts as its role and may choose another one: false where a function left as somebody else."""
        try:
            self.run('SET LOCAL ROLE NONE')
        except psycopg2.Error as error:
            return error.pgcode == '57014'  # a cancel that came when the call was over says nothing
        return self.run('SELECT current_user = session_user')[0][0]
