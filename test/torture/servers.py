"""The servers of the chaos run: the one that test/cluster.sh started, its standby, and a subscriber. Each is ended
by the signals that are asked for here, and by no other."""

import getpass
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psycopg2

import people
import shop

PATIENCE = 60
FOLDER = Path(os.environ.get('PGDATA', '.')).parent
SHOP_SQL = Path(__file__).resolve().parent / 'shop.sql'

# The SQLSTATEs that servers may log: beside what people are told, no transaction was open, a client or a server at
# the other end of replication is gone, and processes of a postmaster that was killed are not gone yet.
LOGGED = people.EXPECTED | {'25P01', '08006', '08P01', '55006', 'F0001'}

LINE = re.compile(r'(?P<state>\w{5}) (?P<kind>.+?) \[(?P<pid>\d+)\] (?P<level>\w+):  (?P<text>.*)')
# A session that is to be struck has just ended.
HARMLESS = re.compile(r'PID \d+ is not a PostgreSQL|could not send signal to process \d+: No such process')
DEATH = re.compile(r'\(PID (\d+)\) was terminated by signal (\d+)')


class Failed(Exception):
    pass


def wait_for(what, is_so):
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise Failed(f'{what} does not happen')
        time.sleep(0.05)


def run_tool(name, *arguments):
    """Whether a program of PostgreSQL's succeeds as the user who runs the servers. Its output goes to a file: a server
    that is started keeps what it inherits."""
    command = [f'{os.environ["PG_BINDIR"]}/{name}', *map(str, arguments)]
    user = os.environ['CLUSTER_USER']
    if user != getpass.getuser():
        command = ['runuser', '-u', user, '--', *command]
    with open(FOLDER / 'tools.log', 'a') as log:
        return subprocess.run(command, cwd='/', stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode == 0


def require_tool(name, *arguments):
    if not run_tool(name, *arguments):
        raise Failed(f'{name}: {(FOLDER / "tools.log").read_text()}')


class Server:
    def __init__(self, name, port):
        self.name, self.port = name, port
        self.data = FOLDER / name
        self.log = FOLDER / ('log' if name == 'data' else f'{name}.log')
        self.read = 0
        self.killed = set()

    def session(self, name='control', **where):
        return shop.Session(name, port=self.port, **where)

    def pg_ctl(self, *arguments):
        return run_tool('pg_ctl', '-D', self.data, '-s', '-w', '-t', PATIENCE, *arguments)

    def start(self):
        """Processes of a postmaster that was killed may be about to end: until then it refuses to start."""
        wait_for(f'the start of {self.name}', lambda: self.pg_ctl('start', '-l', self.log))

    def stop(self, mode):
        if not self.pg_ctl('stop', '-m', mode):
            raise Failed(f'{self.name} does not stop')

    def postmaster(self):
        return int((self.data / 'postmaster.pid').read_text().split()[0])

    def kill(self, pid):
        """A server's process, or the server itself."""
        if pid != self.postmaster() and not self.is_parent_of(pid):
            return False
        self.killed.add(pid)
        os.kill(pid, signal.SIGKILL)
        return True

    def is_parent_of(self, pid):
        try:
            stat = Path(f'/proc/{pid}/stat').read_text()
        except FileNotFoundError:
            return False
        return int(stat.rpartition(')')[2].split()[1]) == self.postmaster()

    def is_up(self):
        try:
            self.session().close()
            return True
        except psycopg2.Error:
            return False

    def wait_until_up(self):
        wait_for(f'{self.name} is up', self.is_up)

    def wait_for_subscriber(self):
        session = self.session()
        there = session.value('SELECT pg_current_wal_lsn()')
        wait_for('the subscriber has it all', lambda: session.value(
            "SELECT confirmed_flush_lsn >= %s FROM pg_replication_slots WHERE slot_name = 'shop'", (there,)))
        session.close()

    def complaints(self):
        """What the log has since it was last read and should not have. A line that is being written waits."""
        with open(self.log, 'rb') as log:
            log.seek(self.read)
            written = log.read()
        lines = written[:written.rfind(b'\n') + 1]
        self.read += len(lines)
        for line in lines.decode(errors='replace').splitlines():
            death = DEATH.search(line)
            if death and (int(death[2]) != signal.SIGKILL or int(death[1]) not in self.killed):
                yield line
            found = LINE.match(line)
            if not found or found['level'] not in ('WARNING', 'ERROR', 'FATAL', 'PANIC') or HARMLESS.match(found['text']):
                continue
            if found['level'] == 'PANIC' or found['state'] not in LOGGED:
                yield line

    def configure(self, text):
        with open(self.data / 'postgresql.conf', 'a') as conf:
            conf.write(text)


def make_standby(primary):
    standby = Server('standby', 5433)
    require_tool('pg_basebackup', '-D', standby.data, '-R', '-X', 'stream', '-c', 'fast', '--no-sync')
    standby.configure(f'port = {standby.port}\n')
    standby.start()
    session = primary.session()
    wait_for('the standby streams', lambda: session.value('SELECT count(*) FROM pg_stat_replication'))
    session.close()
    return standby


def make_subscriber(primary, conf):
    """A cluster of its own with the same tables, which gets the rows."""
    subscriber = Server('subscriber', 5434)
    require_tool('initdb', '-D', subscriber.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync')
    subscriber.configure(f"{conf}port = {subscriber.port}\nlisten_addresses = ''\nunix_socket_directories = '{FOLDER}'\n")
    subscriber.start()
    shop.open_shop(port=subscriber.port)
    session = subscriber.session()
    session.run(SHOP_SQL.read_text())
    publisher = primary.session()
    publisher.run('CREATE PUBLICATION shop FOR TABLES IN SCHEMA public, annex')
    session.run(
        f"CREATE SUBSCRIPTION shop CONNECTION 'host={FOLDER} port={primary.port} dbname=postgres user=postgres' "
        'PUBLICATION shop WITH (copy_data = false)')
    publisher.close()
    session.close()
    return subscriber
