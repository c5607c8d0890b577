#!/usr/bin/python3 -B
"""The ruler of the benchmarks counts what sessions have used, by their own account, whether they live or have ended."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'bench'))

from processor_time import Sessions  # noqa: E402

ENDED = 24
WORK = 'SELECT count(md5(n::text)) FROM generate_series(1, 100000) AS n'
ACCOUNT = "SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::numeric / 1e9"
TOLERANCE = 0.3  # a session also starts and ends


def work(connection):
    with connection.cursor() as cursor:
        cursor.execute(WORK)
        cursor.execute(ACCOUNT)
        return float(cursor.fetchone()[0])


def spent_by_ended():
    script = f'{WORK} \\g /dev/null\n{ACCOUNT};\n'
    clients = [subprocess.Popen(['psql', '-qXAt'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(ENDED)]
    return sum(float(client.communicate(script)[0]) for client in clients)


def main():
    sessions = Sessions(int(Path(os.environ['PGDATA'], 'postmaster.pid').read_text().split()[0]))
    before = sessions.used()
    living = [psycopg2.connect('') for _ in range(8)]
    own = sum(work(connection) for connection in living) + spent_by_ended()
    counted = sessions.used() - before
    if not own <= counted * 1.02 <= own * (1 + TOLERANCE) + 0.02 * own:
        sys.exit(f'the sessions say that they used {own:.3f} s, the ruler {counted:.3f} s')
    print('the ruler counts sessions that live and sessions that have ended')


main()
